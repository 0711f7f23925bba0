package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	f, err := Parse("c.toml", []byte(`# what holds for all
db = "a.db"
patience = '20m'
sync = { burst = "5,5%" }

[reclaim]
bucket = ["unknown", "excluded"]

[audit.search]
since = 2026-01-01
at = 2026-01-01T06:00:00Z

[[tenant]]
name = "contoso"
env-prefix = "CONTOSO_"
db = "contoso.db"

[[tenant]]
name = "fabrikam"
[tenant.sync]
max-shrink = 0.5
exit-code = true
`))
	if err != nil {
		t.Fatal(err)
	}
	one := func(line int, text string) Value { return Value{Line: line, Texts: []string{text}} }
	want := &File{Name: "c.toml", Values: Values{
		"db": one(2, "a.db"), "patience": one(3, "20m"), "sync.burst": one(4, "5,5%"),
		"reclaim.bucket":     {Line: 7, Texts: []string{"unknown", "excluded"}, List: true},
		"audit.search.since": one(10, "2026-01-01"), "audit.search.at": one(11, "2026-01-01T06:00:00Z"),
	}, Tenants: []Tenant{
		{Line: 13, Name: "contoso", EnvPrefix: "CONTOSO_", Values: Values{"db": one(16, "contoso.db")}},
		{Line: 18, Name: "fabrikam", Values: Values{"sync.max-shrink": one(21, "0.5"), "sync.exit-code": one(22, "true")}},
	}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}

func TestParse_Wrong(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"db = ", "line 1"},
		{"db = 'a'\ndb = 'b'", "line 2"},
		{"\n\nx = [[1]]", "line 3: x: want a text"},
		{"[[tenant]]\ndb = 'x'", "line 1: a table [[tenant]] needs a name"},
		{"[[tenant]]\nname = 'a b'", `line 2: a table [[tenant]] needs a name, not "a b"`},
		{"[[tenant]]\nname = 'a'\n[[tenant]]\nname = 'a'", `line 3: a tenant named "a" is there already, in line 1`},
		{"[[tenant]]\nname = 'a'\nenv-prefix = 'contoso'", `line 3: env-prefix "contoso"`},
		{"[[tenant]]\nname = 'a'\nenv-prefix = 'AZURE_'", `line 3: env-prefix "AZURE_" is that of variables for every tenant`},
		{"tenant = ['a', 'b']", "line 1: tenant is a list of something else"},
	} {
		_, err := Parse("c.toml", []byte(test.text))
		var wrong *Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "c.toml, ") {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.b = 1\n[[tenant]]\nname='x'\n[tenant.sync]\nx=1")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("c.toml", []byte(text))
		var wrong *Error
		switch {
		case err != nil && !errors.As(err, &wrong):
			t.Errorf("%T: %v", err, err)
		case err == nil:
			for key, v := range file.Values {
				if v.Line < 1 {
					t.Errorf("%q is in no line", key)
				}
			}
		}
	})
}
