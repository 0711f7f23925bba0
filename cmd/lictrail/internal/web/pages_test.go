package web_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/web"
)

var (
	axeFile  = flag.String("axe", "", "check every page with this `file` of axe-core; .ci/pages fetches it")
	pagesDir = flag.String("pages", "", "write every page into this `folder`, for a checker of HTML")
	shotsDir = flag.String("screenshots", "", "write pictures of pages into this `folder`")
)

// axeScript runs all rules but that on the order of headings in a page of cards.
const axeScript = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v =>
	v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any[0] || n.all[0] || n.none[0] || {}).message).join("; ")))`

// TestPages_Axe: labels, contrast and all that axe-core can check, light and dark, on
// a screen and on a phone.
func TestPages_Axe(t *testing.T) {
	if *axeFile == "" {
		t.Skip("without -axe; .ci/pages does this")
	}
	axe, err := os.ReadFile(*axeFile)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	server := served(t, web.Site{Tenants: []web.Tenant{{File: demoDB(t)}}, Version: "test"})
	for _, path := range everyView(t, demoSite(t)) {
		for _, screen := range []struct {
			width  int
			scheme string
		}{{1300, "light"}, {1300, "dark"}, {390, "light"}, {390, "dark"}} {
			b.screen(screen.width, 900, screen.scheme)
			b.visit(server + path)
			b.eval("document.querySelectorAll('details').forEach(d => { d.open = true })")
			b.eval(string(axe))
			found, ok := b.eval(axeScript).([]any)
			if !ok {
				t.Fatalf("axe-core says nothing of %s", path)
			}
			for _, f := range found {
				t.Errorf("%s, %d, %s: %v", path, screen.width, screen.scheme, f)
			}
		}
	}
}

// TestPages_Write writes what a checker of HTML is to look at.
func TestPages_Write(t *testing.T) {
	if *pagesDir == "" {
		t.Skip("without -pages; .ci/pages does this")
	}
	v := demoSite(t)
	for i, path := range append(everyView(t, v), "nothing") {
		_, _, body := v.ask(path)
		name := fmt.Sprintf("%02d-%s.html", i, strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path))
		if err := os.WriteFile(filepath.Join(*pagesDir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPages_Screenshots makes the pictures of the documentation.
func TestPages_Screenshots(t *testing.T) {
	if *shotsDir == "" {
		t.Skip("without -screenshots, which make screenshots gives")
	}
	v := demoSite(t)
	b := newBrowser(t)
	server := served(t, web.Site{Tenants: []web.Tenant{{File: demoDB(t)}}, Version: "test"})
	person := first(t, v.page("search?q=olaf"), "person")
	for _, shot := range []struct {
		name, path    string
		width, height int
		scheme        string
	}{
		{"serve-person", person, 1200, 900, "light"},
		{"serve-person-dark", person, 1200, 900, "dark"},
		{"serve-person-phone", person, 390, 844, "light"},
		{"serve-attention", "attention", 1200, 900, "light"},
		{"serve-attention-phone", "attention", 390, 844, "dark"},
	} {
		b.screen(shot.width, shot.height, shot.scheme)
		b.visit(server + shot.path)
		if err := os.WriteFile(filepath.Join(*shotsDir, shot.name+".png"), b.picture(shot.width, shot.height), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
