package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	idA = "aaaaaaaa-0000-4000-8000-00000000000a"
	idB = "bbbbbbbb-0000-4000-8000-00000000000b"
)

func TestAddTenants(t *testing.T) {
	add := []NewTenant{{"Contoso, Ltd.", "contoso", "contoso.db", idA}, {"", "fabrikam", `C:\x\fabrikam.db`, idB}}
	got, err := AddTenants("fleet.toml", []byte("[sync]\nparallel = 8"), add)
	want := "[sync]\nparallel = 8\n\n# Contoso, Ltd.\n[[tenant]]\nname = \"contoso\"\ndb = \"contoso.db\"\ntenant = \"" + idA +
		"\"\n\n[[tenant]]\nname = \"fabrikam\"\ndb = \"C:\\\\x\\\\fabrikam.db\"\ntenant = \"" + idB + "\"\n"
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	again, err := AddTenants("fleet.toml", got, nil)
	if err != nil || string(again) != string(got) {
		t.Errorf("nothing to add: %v\n%s", err, again)
	}
	for _, c := range []struct {
		name, text string
		add        NewTenant
	}{
		{"a comment of two lines", "", NewTenant{"a\n[sync]", "contoso", "c.db", idA}},
		{"a name that there is", "[[tenant]]\nname = \"contoso\"\n", add[0]},
		{"a file of one tenant", "tenant = \"" + idA + "\"\n", add[1]},
		{"an inline list", "tenant = [{name = \"a\", db = \"a.db\"}]\n", add[0]},
		{"no TOML", "[[tenant]\n", add[0]},
		{"a name that is none", "", NewTenant{"", "a/b", "c.db", idA}},
	} {
		if got, err := AddTenants("fleet.toml", []byte(c.text), []NewTenant{c.add}); err == nil {
			t.Errorf("%s is taken: %s", c.name, got)
		}
	}
	for _, text := range []string{"# mine\n[sync]\nactivity = \"all\"\n\n[[tenant]] # first\nname = \"mine\"\ndb = \"mine.db\"\n[tenant.sync]\nactivity = \"sign-ins\"",
		"# Windows\r\n[[tenant]]\r\nname = \"mine\"\r\ndb = \"mine.db\"\r\n", "\ufeff[[tenant]]\nname = \"mine\"\n"} {
		after, err := AddTenants("fleet.toml", []byte(text), add)
		if err != nil || !strings.HasPrefix(string(after), text) {
			t.Errorf("added to %q: %v\n%s", text, err, after)
		}
		if strings.Contains(text, "\r\n") && strings.Count(string(after), "\n") != strings.Count(string(after), "\r\n") {
			t.Errorf("mixed line ends: %q", after)
		}
	}
}
