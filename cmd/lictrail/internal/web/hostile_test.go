package web_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/cmd/lictrail/internal/web"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// hostile are names that somebody might give themselves.
var hostile = []string{
	`<script>document.title='pwned'</script>`,
	`"><img src=x onerror="document.title='pwned'">`,
	`</title></svg></style></textarea></pre><script>document.title='pwned'</script><svg onload=alert(1)>`,
	`' style='background:url(https://evil.example/a)' x='`,
	`<iframe src="https://evil.example/"></iframe><base href=https://evil.example/>`,
	`{{.}}</desc><foreignObject><body onload=alert(1)>`,
	"javascript:alert(1)//\u202e\ufeff",
	strings.Repeat("W", 250),
}

// named is the database of a small tenant in which somebody named everything, of
// two runs between which each user got and lost a license.
func named(t *testing.T, names []string) string {
	t.Helper()
	tenant := graphtest.New(3)
	tenant.Name = names[0]
	tenant.Offer(graphtest.SKUE3, graphtest.SKUE5)
	server := graphtest.NewServer(tenant, graphtest.WithClockStep(time.Millisecond))
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	reader, err := connect.SimulatedReader(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	path := filepath.Join(t.TempDir(), "named.db")
	db, err := store.OpenReadWrite(t.Context(), path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run := func() {
		tenant.Advance(3 * 24 * time.Hour)
		if _, err := track.Run(t.Context(), reader, db, track.Options{Audit: reader, Version: "test", Now: tenant.Now}); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	ada := tenant.Admins[0]
	var users []string
	for i, name := range names {
		user := tenant.AddUser(ada, graphtest.UserSpec{Name: name, UPN: "user" + string(rune('a'+i)) + "@contoso.example", Department: name})
		users = append(users, user)
		must(tenant.AssignDirect(ada, user, graphtest.SKUE3))
	}
	run()
	group := tenant.CreateGroup(ada, names[len(names)/2], "")
	must(tenant.SetGroupLicense(ada, group, graphtest.SKUE5))
	for i, user := range users {
		app := tenant.AddApp(names[i])
		must(tenant.RemoveDirect(app, user, graphtest.SKUE3))
		tenant.Advance(time.Hour)
		must(tenant.AddMember(ada, group, user))
		tenant.Advance(time.Hour)
	}
	run()
	return path
}

// shape is which elements and attributes a page is made of, without texts and
// without how many rows there are.
func shape(t *testing.T, body string) map[string]bool {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		what := n.Data
		for _, a := range n.Attr {
			what += " " + a.Key
		}
		made[what] = true
	}
	return made
}

// TestHostile: what people call themselves, their groups, their applications and
// their company is text on every page, and in a browser does nothing.
func TestHostile(t *testing.T) {
	calm := visit(t, web.Site{Tenants: []web.Tenant{{File: named(t, strings.Split(strings.Repeat("Ann,", len(hostile))[:4*len(hostile)-1], ","))}}})
	known := map[string]bool{}
	usual := everyView(t, calm)
	for _, to := range hrefs(t, calm.page("search?q=user")) {
		if strings.HasPrefix(to, "person/") {
			usual = append(usual, to)
		}
	}
	for _, path := range usual {
		for what := range shape(t, calm.page(path)) {
			known[what] = true
		}
	}
	file := named(t, hostile)
	v := visit(t, web.Site{Tenants: []web.Tenant{{File: file}}})
	paths := everyView(t, v)
	for _, name := range hostile[:3] {
		paths = append(paths, "search?q="+strings.NewReplacer("%", "%25", " ", "+", "&", "%26", "<", "%3C", ">", "%3E", `"`, "%22", "'", "%27", ";", "%3B").Replace(name))
	}
	for _, path := range paths {
		body := v.page(path)
		for what := range shape(t, body) {
			if !known[what] {
				t.Errorf("%s has an element that no name may make: %s", path, what)
			}
		}
		if strings.Contains(body, "\u202e") || strings.Contains(body, "\ufeff") {
			t.Errorf("%s has a character that deceives the reader", path)
		}
	}
	for _, want := range []string{"&lt;script&gt;document.title", "&lt;/title&gt;"} {
		if body := v.page("search?q=usera@contoso.example") + v.page("search?q=userc@contoso.example"); !strings.Contains(body, want) {
			t.Errorf("the search does not show %q", want)
		}
	}
	t.Run("browser", func(t *testing.T) {
		b := newBrowser(t)
		server := served(t, web.Site{Tenants: []web.Tenant{{File: file}}})
		for _, path := range paths {
			b.screen(390, 900, "light")
			b.visit(server + path)
			if title, _ := b.eval("document.title").(string); strings.HasPrefix(title, "pwned") {
				t.Errorf("%s: a name has run a script", path)
			}
			if wide := b.eval("document.documentElement.scrollWidth"); wide != float64(390) {
				t.Errorf("%s is %v wide on a phone", path, wide)
			}
			b.quiet(server)
		}
		b.visit(server)
		b.eval("document.getElementById('q').focus()")
		b.write("usera")
		b.settle("document.querySelectorAll('.hints:not([hidden]) a').length > 0")
		b.quiet(server)
	})
}
