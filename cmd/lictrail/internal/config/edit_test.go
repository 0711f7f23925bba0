package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSet(t *testing.T) {
	for name, c := range map[string]struct {
		from     string
		settings []Setting
		want     string
	}{
		"nothing yet": {"", []Setting{{"tenant", "t"}, {"sync.activity", "all"}, {"client-id", "c"}},
			"tenant = \"t\"\nclient-id = \"c\"\n\n[sync]\nactivity = \"all\"\n"},
		"all else stays": {"# mine\ntenant = 'old' # why\npatience = \"20m\"\n\n# runs\n[sync]\n# who\nnotify = [\"mail\"]\n",
			[]Setting{{"tenant", "new"}, {"client-id", "c"}, {"sync.activity", "all"}},
			"# mine\ntenant = \"new\"\npatience = \"20m\"\nclient-id = \"c\"\n\n# runs\n[sync]\nactivity = \"all\"\n# who\nnotify = [\"mail\"]\n"},
		"the same":           {"tenant = 't'\n", []Setting{{"tenant", "t"}}, "tenant = 't'\n"},
		"taken out":          {"tenant = \"t\"\nauth = \"secret\"\n", []Setting{{"auth", ""}, {"certificate", ""}}, "tenant = \"t\"\n"},
		"no line end":        {"tenant = \"t\"", []Setting{{"auth", "secret"}}, "tenant = \"t\"\nauth = \"secret\"\n"},
		"Windows' line ends": {"tenant = \"t\"\r\nauth = \"x\"\r\n", []Setting{{"auth", "secret"}}, "tenant = \"t\"\r\nauth = \"secret\"\r\n"},
		"a path of Windows":  {"", []Setting{{"certificate", `C:\a "b"\c.pem`}}, "certificate = \"C:\\\\a \\\"b\\\"\\\\c.pem\"\n"},
		"a dotted key":       {"sync.activity = \"x\"\n", []Setting{{"sync.activity", "all"}}, ""},
	} {
		got, err := Set("c.toml", []byte(c.from), c.settings)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: taken: %q", name, got)
			}
			continue
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if _, err := Set("c.toml", []byte("tenant = \n"), []Setting{{"tenant", "t"}}); err == nil {
		t.Error("a file that is no TOML was edited")
	}
}
