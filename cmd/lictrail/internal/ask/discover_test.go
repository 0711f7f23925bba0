package ask

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	idA = "aaaaaaaa-0000-4000-8000-00000000000a"
	idB = "bbbbbbbb-0000-4000-8000-00000000000b"
	idC = "cccccccc-0000-4000-8000-00000000000c"
)

func anywhere(string, string) bool { return true }

func TestDiscover(t *testing.T) {
	for name, c := range map[string]struct {
		members   []Member
		customers []Customer
		free      func(db, id string) bool
		want      string // state, name, database and id of each
	}{
		"the first time":      {nil, []Customer{{idA, "Contoso, Ltd."}, {idB, "Bäckerei Müller GmbH"}}, nil, "added backerei-muller-gmbh d/backerei-muller-gmbh.db b\nadded contoso-ltd d/contoso-ltd.db a\n"},
		"there, and gone":     {[]Member{{"old", "x.db", idC}, {"Cont", "c.db", idA}}, []Customer{{idA, "Contoso"}}, nil, "not-customer old x.db c\nthere Cont c.db a\n"},
		"a name that is used": {[]Member{{"CONTOSO", "x.db", idA}}, []Customer{{idA, "x"}, {idB, "Contoso"}}, nil, "added contoso-bbbbbbbb d/contoso-bbbbbbbb.db b\nthere CONTOSO x.db a\n"},
		"a database that is used": {[]Member{{"x", `C:\fleet\Contoso.db`, idA}}, []Customer{{idA, "x"}, {idB, "contoso"}}, nil,
			"added contoso-bbbbbbbb d/contoso-bbbbbbbb.db b\nthere x C:\\fleet\\Contoso.db a\n"},
		"called the same": {nil, []Customer{{idA, "Contoso"}, {idB, "CONTOSO!"}}, nil, "added contoso-aaaaaaaa d/contoso-aaaaaaaa.db a\nadded contoso-bbbbbbbb d/contoso-bbbbbbbb.db b\n"},
		"a database of another tenant lies there": {nil, []Customer{{idA, "Contoso"}, {idB, "Fabrikam"}}, func(db, id string) bool { return db != "d/contoso.db" || id != idA },
			"added contoso-aaaaaaaa d/contoso-aaaaaaaa.db a\nadded fabrikam d/fabrikam.db b\n"},
		"a table without an id":          {[]Member{{"contoso", "x.db", ""}}, []Customer{{idA, "Contoso"}, {idB, "Fabrikam"}}, nil, "not-added   a\nnot-known contoso x.db \nadded fabrikam d/fabrikam.db b\n"},
		"nobody":                         {[]Member{{"contoso", "x.db", idA}}, nil, nil, "not-customer contoso x.db a\n"},
		"no letters":                     {nil, []Customer{{idA, "株式会社"}, {idB, ""}, {idC, "Контосо 7"}}, nil, "added " + idA + " d/" + idA + ".db a\nadded " + idB + " d/" + idB + ".db b\nadded " + idC + " d/" + idC + ".db c\n"},
		"hostile":                        {nil, []Customer{{idA, "x\"\n[sync]\nnotify = \"evil\""}, {idB, "../../etc/passwd"}, {idC, "a\u202egpj"}}, nil, "added " + idA + " d/" + idA + ".db a\nadded " + idC + " d/" + idC + ".db c\nadded etc-passwd d/etc-passwd.db b\n"},
		"devices of Windows":             {nil, []Customer{{idA, "CON"}, {idB, "Com1"}, {idC, "Aux."}}, nil, "added " + idA + " d/" + idA + ".db a\nadded " + idB + " d/" + idB + ".db b\nadded " + idC + " d/" + idC + ".db c\n"},
		"a long name":                    {nil, []Customer{{idA, strings.Repeat("a b ", 300000)}}, nil, "added a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b d/a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b.db a\n"},
		"digits that are none of ASCII":  {nil, []Customer{{idA, "COM¹"}}, nil, "added " + idA + " d/" + idA + ".db a\n"},
		"a name that only begins as one": {nil, []Customer{{idA, "Console"}}, nil, "added console d/console.db a\n"},
	} {
		if c.free == nil {
			c.free = anywhere
		}
		found := Discover(c.members, c.customers, "d/", c.free)
		var got strings.Builder
		for _, f := range found {
			fmt.Fprintf(&got, "%s %s %s %.1s\n", f.State, f.Name, f.DB, f.ID)
		}
		if diff := cmp.Diff(c.want, got.String()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
