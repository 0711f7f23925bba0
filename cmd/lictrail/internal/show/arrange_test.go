package show

import (
	"slices"
	"testing"

	"lictrail/cmd/lictrail/internal/out"
)

func TestArrange(t *testing.T) {
	t.Parallel()
	type row struct {
		name string
		n    *int
	}
	ten, nine := 10, 9
	rows := []row{{"b", &ten}, {"", nil}, {"A", &nine}}
	l := Listing[row]{Columns: []Column[row]{
		{Column: out.Column{Head: "NAME"}, CSV: "name", Text: func(r row) any { return r.name }},
		{CSV: "n", Cell: func(r row) any { return r.n }},
	}}
	for _, test := range []struct {
		sort  string
		limit int
		want  []string
	}{
		{"", 0, []string{"b", "", "A"}},
		{"name", 0, []string{"A", "b", ""}},
		{"-name", 0, []string{"b", "A", ""}},
		{"n", 0, []string{"A", "b", ""}},
		{"-N", 1, []string{"b"}},
		{"", 2, []string{"b", ""}},
	} {
		p := Printer{Streams: &out.Streams{Quiet: true}, Sort: test.sort, Limit: test.limit}
		arranged, err := l.arrange(p, Given(rows))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for r := range arranged {
			got = append(got, r.name)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("sort %q, limit %d: %q, want %q", test.sort, test.limit, got, test.want)
		}
	}
	if _, err := l.arrange(Printer{Sort: "size"}, Given(rows)); err == nil {
		t.Error("a column that there is not is sorted by")
	}
}
