package faults

import (
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lictrail/graph/graphtest"
)

// TestP24_Pseudonyms looks for people in all that is printed under pseudonyms: of
// every command that knows them, in every format. There are people who are no
// users, names in the place of applications, apostrophes in addresses, and groups,
// rules, departments and imported files that are called after people.
func TestP24_Pseudonyms(t *testing.T) {
	w := &world{tenant: graphtest.New(5)}
	w.serve(t)
	dir := t.TempDir()
	add := func(by graphtest.Actor, name, upn, department string) string {
		return w.tenant.AddUser(by, graphtest.UserSpec{Name: name, UPN: upn, Department: department})
	}
	outside := graphtest.Actor{Kind: graphtest.ActorUser, ID: "ca4a4100-0000-4000-8000-00000000ca4a", UPN: "o'canary@partner-canary.example", Client: "Patricia Kanari"}
	partner := graphtest.Actor{Kind: graphtest.ActorPartner, ID: "ca4a4100-0000-4000-8000-00000000ca4b", UPN: "tech-canary@partner.example", Client: "Theo Kanarist", HomeTenant: "ca4a4100-0000-4000-8000-0000000000ff"}
	admin := w.tenant.Admins[0]
	boss := add(admin, "Zora Kanarienvogel", "zora.kanarienvogel@contoso.example", "Sales")
	brien := add(admin, "Seán O'Kanarie", "sean.o'kanarie@contoso.example", "Team of Zora Kanarienvogel")
	one := add(admin, "Kanariensis", "kanariensis@contoso.example", "Sales")
	group := w.tenant.CreateGroup(admin, "For zora.kanarienvogel@contoso.example and Seán O'Kanarie's people", `user.userPrincipalName -in ["sean.o'kanarie@contoso.example"]`)
	plain := w.tenant.CreateGroup(admin, "Kanariensis (sean.o'kanarie@contoso.example)", "")
	must(w.tenant.SetGroupLicense(admin, group, e3))
	must(w.tenant.SetGroupLicense(admin, plain, e3))
	must(w.tenant.AddMember(admin, plain, boss))
	must(w.tenant.AssignDirect(admin, one, ems))
	w.sync(t, dir)
	w.tenant.Advance(3 * day)
	byBoss := graphtest.Actor{Kind: graphtest.ActorUser, ID: boss, UPN: "zora.kanarienvogel@contoso.example", Client: "Kanariensis"}
	for i, by := range []graphtest.Actor{outside, partner, byBoss} {
		must(w.tenant.AssignDirect(by, []string{boss, brien, brien}[i], []string{ems, ems, e3}[i]))
		must(w.tenant.AddMember(by, plain, []string{brien, one, admin.ID}[i]))
	}
	must(w.tenant.RemoveDirect(outside, one, ems))
	w.tenant.Advance(4 * day)
	w.sync(t, dir)
	note := filepath.Join(dir, "of Zora Kanarienvogel.csv")
	must(os.WriteFile(note, []byte("UPN,SKU,Assigned,Note\nzora.kanarienvogel@contoso.example,EMS,2024-01-02,asked by Seán O'Kanarie\n"), 0o600))
	command("import", note, "--db", dbIn(dir)) // whatever it takes of it

	canaries := append(w.tenant.UserIDs(), outside.ID, partner.ID, "kanari", "canary", "o'k", "zora", "seán", "sean.o", "patricia", "theo ")
	hits, asked, spoken := 0, 0, 0
	look := func(what any, text string) {
		t.Helper()
		asked++
		spoken += strings.Count(text, "user-")
		text = strings.ToLower(html.UnescapeString(strings.NewReplacer(`\u0027`, "'", `\u00e1`, "á").Replace(text)))
		for _, canary := range canaries {
			if i := strings.Index(text, canary); i >= 0 {
				hits++
				t.Errorf("%q: %q is in %q", what, canary, text[max(0, i-100):min(len(text), i+60)])
			}
		}
	}
	for _, user := range []string{boss, brien, one} {
		for _, i := range invocations(t, user, note) {
			if !i.has("pseudonymize") {
				continue
			}
			formats := []string{"text", "json", "csv"}
			if extra := i.cmd.Annotations["format"]; extra != "" {
				formats = append(formats, extra)
			}
			for _, format := range formats {
				args := append(slices.Clone(i.args), "--db", dbIn(dir), "--pseudonymize", "--format", format)
				r := command(args...)
				if strings.Contains(r.stderr, user) { // the question itself
					r.stderr = strings.ReplaceAll(r.stderr, user, "")
				}
				look(args, r.stdout+r.stderr)
				for _, flag := range []string{"all", "users", "unknown", "by=user", "by=department", "by=actor", "by=group", "by=company", "by=path"} {
					name, _, _ := strings.Cut(flag, "=")
					if i.has(name) {
						r := command(append(slices.Clone(args), "--"+flag)...)
						look(append(args, "--"+flag), r.stdout+strings.ReplaceAll(r.stderr, user, ""))
					}
				}
			}
		}
	}
	if spoken < 100 {
		t.Errorf("%d pseudonyms were printed: it proves little", spoken)
	}
	publish(t, "P24", "people under pseudonyms, in every command that knows them and every format: users, partners and people from outside, their names as applications, in groups, rules, departments and files, apostrophes in addresses",
		"0 hits", "%d answers: %d hits", asked, hits)
}
