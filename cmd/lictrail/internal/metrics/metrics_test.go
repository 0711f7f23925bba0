package metrics

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/metrics/metricstest"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := Write(&b, []Label{{"tenant", "a\"b\\c\nd\xff"}}, []Gauge{
		{Name: "lictrail_users", Help: "Users, with \\ and\nmore.", Samples: []Sample{{Value: 291}}},
		{Name: "lictrail_none", Help: "Nothing."},
		{Name: "lictrail_changes", Help: "Changes.", Samples: []Sample{{Labels: []Label{{"cause", "admin"}}, Value: 3}, {Labels: []Label{{"cause", "unknown"}}, Value: 0.25}}},
		{Name: "lictrail_at", Help: "When.", Samples: []Sample{{Value: 1795368000.123}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `# HELP lictrail_users Users, with \\ and\nmore.
# TYPE lictrail_users gauge
lictrail_users{tenant="a\"b\\c\nd` + "\ufffd" + `"} 291
# HELP lictrail_changes Changes.
# TYPE lictrail_changes gauge
lictrail_changes{tenant="a\"b\\c\nd` + "\ufffd" + `",cause="admin"} 3
lictrail_changes{tenant="a\"b\\c\nd` + "\ufffd" + `",cause="unknown"} 0.25
# HELP lictrail_at When.
# TYPE lictrail_at gauge
lictrail_at{tenant="a\"b\\c\nd` + "\ufffd" + `"} 1795368000.123
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if samples, err := metricstest.Parse(b.String()); err != nil || len(samples) != 4 {
		t.Errorf("%v %v", samples, err)
	}
	if v, ok := Value([]byte(b.String()), "lictrail_at"); !ok || v != 1795368000.123 {
		t.Errorf("%v %v", v, ok)
	}
	if v, ok := Value([]byte(b.String()), "lictrail_a"); ok {
		t.Errorf("%v", v)
	}
}

// TestParse_Wrong: the check of the scripts is worth as much as what it refuses.
func TestParse_Wrong(t *testing.T) {
	const head = "# HELP a A.\n# TYPE a gauge\n"
	for _, wrong := range []string{
		"a 1\n", "# TYPE a gauge\na 1\n", "# HELP a A.\na 1\n", head + "a 1", head + "a\n", head + "a x\n", head + "a{b=c} 1\n",
		head + `a{b="c} 1` + "\n", head + `a{b="c",b="d"} 1` + "\n", head + `a{b="\x"} 1` + "\n", head + "a 1\na 2\n", head + head + "a 1\n",
		head + "a NaN\n", head + "a{b=\"\xff\"} 1\n",
	} {
		if got, err := metricstest.Parse(wrong); err == nil {
			t.Errorf("%q gives %v", wrong, got)
		}
	}
}
