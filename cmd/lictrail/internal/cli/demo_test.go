package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// askPattern matches the commands that the demo ends with.
var askPattern = regexp.MustCompile(`(?m)^  lictrail (.+)$`)

// TestDemo_AskFurther: each command that the demo proposes has something to show.
func TestDemo_AskFurther(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	asked := askPattern.FindAllStringSubmatch(demoOutput(t, dir), -1)
	if len(asked) < 8 {
		t.Fatalf("the demo proposes %d commands", len(asked))
	}
	shows := map[string]string{
		"who removed": "ada.admin0@contoso.example", "history": "Microsoft says", "changes": "partner", "assignments": "direct",
		"reclaim": "EUR a month", "skus --db": "3 seats more in use than there are", "skus --lapses": "all 4 users",
		"groups": "CountViolation", "report": "",
	}
	for _, m := range asked {
		if strings.HasPrefix(m[1], "serve ") { // goes on until it is ended: see serve's own tests
			continue
		}
		args := strings.Fields(strings.Split(m[1], " --db ")[0])
		got := runHere(t, dir, args...)
		known := false
		for command, want := range shows {
			if strings.HasPrefix(m[1], command) {
				known = true
				if !strings.Contains(got, want) {
					t.Errorf("lictrail %s does not show %q:\n%s", m[1], want, got)
				}
			}
		}
		if !known {
			t.Errorf("lictrail %s: nothing is expected of it", m[1])
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "week.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"to take back, 3", "group license errors", "subscriptions lapsing"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report does not show %q", want)
		}
	}
}

// TestDemo_Prices: the demo leaves prices for its own database, and keeps those
// that are there; a database without rules of its own has those of its folder.
func TestDemo_Prices(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "lictrail-demo.reclaim.toml")
	if err := os.WriteFile(own, []byte("[rules]\ncontained = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "reclaim.toml"), []byte("[rules]\nidle = maybe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	demoOutput(t, dir)
	if got := runHere(t, dir, "reclaim"); strings.Contains(got, "contained") || strings.Contains(got, "EUR") {
		t.Errorf("the rules that were there are gone:\n%s", got)
	}
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	demoOutput(t, dir)
	if got := runHere(t, dir, "reclaim"); !strings.Contains(got, "contained") || !strings.Contains(got, "EUR") {
		t.Errorf("the demo left no prices:\n%s", got)
	}
}

// TestDemo_NewFolder: the demo makes the folder that --db names, as sync does.
func TestDemo_NewFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	demoOutput(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "lictrail-demo.reclaim.toml")); err != nil {
		t.Error(err)
	}
}

// TestDemo_Mark: what a program reads from a pipe begins with no byte order mark,
// and has no carriage return in JSON; a file for Excel begins with one.
func TestDemo_Mark(t *testing.T) {
	dir := t.TempDir()
	demoOutput(t, dir)
	const mark = "\ufeff"
	for _, format := range []string{"json", "csv"} {
		file := filepath.Join(dir, "skus."+format)
		piped := runHere(t, dir, "skus", "--format", format)
		runHere(t, dir, "skus", "--format", format, "--output", file)
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(piped, mark) || strings.HasPrefix(string(kept), mark) != (format == "csv") || strings.TrimPrefix(string(kept), mark) != piped {
			t.Errorf("%s: piped it begins with %q, in a file with %q", format, piped[:8], kept[:8])
		}
		if format == "json" && strings.Contains(piped, "\r") {
			t.Error("JSON has carriage returns")
		}
	}
}
