package show

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
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

// TestArrange_Limit: of many rows only those are kept that come first, in the order in
// which all of them would be.
func TestArrange_Limit(t *testing.T) {
	t.Parallel()
	type row struct{ n, at int }
	random := rand.New(rand.NewPCG(1, 2))
	var rows []row
	for at := range 20_000 {
		rows = append(rows, row{random.IntN(500), at})
	}
	l := Listing[row]{Columns: []Column[row]{{CSV: "n", Cell: func(r row) any { return r.n }}}}
	sorted := func(limit int) (got []row, notes string) {
		var notices bytes.Buffer
		arranged, err := l.arrange(Printer{Streams: &out.Streams{Err: &notices}, Sort: "-n", Limit: limit}, Given(rows))
		if err != nil {
			t.Fatal(err)
		}
		for r := range arranged {
			got = append(got, r)
		}
		return got, notices.String()
	}
	all, _ := sorted(0)
	for _, limit := range []int{1, 7, 3000} {
		if got, notes := sorted(limit); !slices.Equal(got, all[:limit]) || !strings.Contains(notes, "there is more") {
			t.Errorf("limit %d: %v, %s", limit, got[:min(20, len(got))], notes)
		}
	}
}
