package cli

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/graph"
	"lictrail/internal/golden"
	"lictrail/migrations"
)

// TestREADME keeps the generated sections of README.md and of docs true: each
// stands between <!-- name --> and <!-- /name -->. -update rewrites them.
func TestREADME(t *testing.T) {
	dir := t.TempDir()
	demo := fenced(demoOutput(t, dir))
	checkSections(t, "../../../../README.md", map[string]string{
		"who":       fenced(demoAnswer(t, dir, `who removed "Dan Ortiz"`)),
		"questions": questionsText(t, dir),
		"pictures":  picturesText(t),
	})
	checkSections(t, "../../../../docs/demo.md", map[string]string{
		"demo": demo,
		"ems":  fenced(demoAnswer(t, dir, "assignments --sku EMS")),
		"paul": fenced(demoAnswer(t, dir, "history paul.stone@contoso.example")),
	})
	checkSections(t, "../../../../docs/schema.md", map[string]string{"schema": schemaText(t)})
	checkSections(t, "../../../../docs/permissions.md", map[string]string{"permissions": permissionsText()})
	checkSections(t, "../../../../docs/proof.md", map[string]string{"speed": fenced(speedText(t))})
	checkSections(t, "../../../../docs/commands.md", map[string]string{"commands": commandsText()})
}

// TestREADME_Length: a front door is read to its end.
func TestREADME_Length(t *testing.T) {
	text, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if words := len(strings.Fields(string(text))); words > 1500 {
		t.Errorf("README.md has %d words, at most 1500 are wanted: move something to docs", words)
	}
}

// frontQuestions are what people ask, each with a command that answers it from the
// demo's database and something that the answer shows.
var frontQuestions = []struct{ asked, command, shows string }{
	{"Who removed this user's E3, and when?", `who removed "Amy Reed" E3`, "ben.helpdesk1"},
	{"When did this user first get Copilot?", `assignments --user "Quinn Shaw" --sku Copilot`, "2026"},
	{"Who has Project and does not use it?", `reclaim --sku Project`, "never-activated"},
	{"Which licenses lapse soon, and who is hit?", `skus --lapses 60d`, "all 4 users"},
	{"What did each department hold in March?", `seat-days --by department --since 2026-03-01 --until 2026-04-01`, "Finance"},
	{"Who is licensed directly and by a group?", `assignments --both-paths`, "direct + Sales EMEA"},
	{"Who has two SKUs that overlap?", `assignments --overlapping`, "all of it"},
	{"Which changes were not made by a person?", `changes --since 2026-05-18 --initiator automation`, "License Reclaimer"},
	{"What did this user hold on 20 March?", `assignments --user "Olaf Berg" --as-of 2026-03-20`, "Microsoft 365 E3"},
	{"Who lost a license lately?", `changes --kind removed --since 2026-05-24`, "removed"},
	{"Who makes the most changes?", `actors`, "ada.admin0"},
	{"Which groups have errors, and for whom?", `groups --users`, "CountViolation"},
	{"How many seats are free, and when do they run out?", `skus`, "RUNS OUT"},
	{"Which disabled accounts hold licenses?", `assignments --disabled`, "tess.ward"},
	{"Which guests do?", `assignments --user-type guest`, "gil.adler"},
	{"What happens if this group loses its license?", `what-if --remove-group-license "Sales EMEA" E3`, "would lose"},
}

// questionsText is the table of questions, whose commands have been run.
func questionsText(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| question | `lictrail ...` |\n|---|---|\n")
	for _, q := range frontQuestions {
		if got := demoAnswer(t, dir, q.command); !strings.Contains(got, q.shows) {
			t.Errorf("lictrail %s does not show %q:\n%s", q.command, q.shows, got)
		}
		fmt.Fprintf(&b, "| %s | `%s` |\n", q.asked, q.command)
	}
	return b.String()
}

// picturesText shows the pictures that are in docs.
func picturesText(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, p := range []struct{ name, shows string }{
		{"person", "One person's licenses over time, with what is uncertain hatched and every change marked"},
		{"attention", "What needs attention: unexplained changes, missing seats, lapses, group errors"},
	} {
		picture := "docs/images/serve-" + p.name + ".png"
		if _, err := os.Stat("../../../../" + picture); err != nil {
			t.Errorf("%v: make screenshots makes it", err)
		}
		fmt.Fprintf(&b, "![%s](%s)\n", p.shows, picture)
	}
	return b.String()
}

func checkSections(t *testing.T, path string, sections map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for name, body := range sections {
		between := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n).*?(<!-- /` + name + ` -->)`)
		if !between.MatchString(got) {
			t.Fatalf("%s has no section %q", path, name)
		}
		got = between.ReplaceAllStringFunc(got, func(m string) string {
			parts := between.FindStringSubmatch(m)
			return parts[1] + body + parts[2]
		})
	}
	golden.File(t, path, got)
}

func fenced(text string) string { return "```\n" + text + "```\n" }

// demoOutput is what the demo prints, but for the place of its database.
func demoOutput(t *testing.T, dir string) string {
	t.Helper()
	return strings.ReplaceAll(runHere(t, dir, "demo"), filepath.Join(dir, "lictrail-demo.db"), "lictrail-demo.db")
}

// demoAnswer is what a command answers from the demo's database, with the
// command above it.
func demoAnswer(t *testing.T, dir, command string) string {
	t.Helper()
	return "$ lictrail " + command + " --db lictrail-demo.db\n" + runHere(t, dir, wordsOf(command)...)
}

// wordsOf splits a command as shells do, with double quotes around a word.
func wordsOf(command string) []string {
	var words []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(command, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

func runHere(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string { return map[string]string{"HOME": dir, "COLUMNS": "80"}[name] }
	args = append(args, "--db", filepath.Join(dir, "lictrail-demo.db"))
	if code := Run(args, strings.NewReader(""), &stdout, &stderr, getenv); code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, stderr.String())
	}
	return stdout.String()
}

// benchPattern matches what bench said last, as docs/performance.md has it: the
// tenant and the machine, and the claims.
var benchPattern = regexp.MustCompile(`(?s)\n(    [0-9]+ users with [^\n]*\n    [^\n]*\n).*?(    CLAIM, .*?\n)\n`)

func speedText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	found := benchPattern.FindStringSubmatch(string(text))
	if found == nil {
		t.Fatal("docs/performance.md shows no output of bench")
	}
	return strings.ReplaceAll(strings.TrimPrefix(found[1]+"\n"+found[2], "    "), "\n    ", "\n")
}

// viewPattern matches a view and the comment above it.
var viewPattern = regexp.MustCompile(`(?m)((?:^-- [^\n]*\n)+)^CREATE VIEW (\w+) AS$`)

// schemaText lists the documented views: the comment above each in the SQL, and
// its columns as a database has them.
func schemaText(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "schema.db")
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := migrations.Apply(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../../../migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{} // of views; of one that was made anew the newest
	var views []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range viewPattern.FindAllStringSubmatch(string(text), -1) {
			if comments[m[2]] == "" {
				views = append(views, m[2])
			}
			comments[m[2]] = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(m[1]), "\n-- ", " "), "-- ")
		}
	}
	var b strings.Builder
	for _, view := range views {
		fmt.Fprintf(&b, "- **`%s`** (%s): %s\n", view, strings.Join(columnsOf(t, db, view), ", "), comments[view])
	}
	return b.String()
}

func columnsOf(t *testing.T, db *sql.DB, view string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM pragma_table_info(?)", view)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func permissionsText() string {
	var b strings.Builder
	b.WriteString("| reads | application permission | delegated | instead | without it |\n|---|---|---|---|---|\n")
	for _, p := range graph.Permissions() {
		without := "a warning; the rest goes on"
		switch {
		case p.Needed:
			without = "no run"
		case p.Feature == graph.FeaturePartner:
			without = "no `fleet discover`; no run reads it"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", p.Op, p.Application, p.Delegated, dashText(p.Alternative), without)
	}
	return b.String()
}

func dashText(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// commandsText lists every command and flag with its help.
func commandsText() string {
	var b strings.Builder
	root := Root()
	b.WriteString("## Flags of every command\n\n")
	flagsText(&b, root.PersistentFlags())
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasParent() && (c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand()) && c.Name() != "help" && c.Name() != "completion" {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", c.UseLine(), strings.TrimSpace(cmpFirst(c.Long, c.Short)))
			if c.Example != "" {
				fmt.Fprintf(&b, "```sh\n%s\n```\n\n", dedent(c.Example))
			}
			flagsText(&b, c.LocalNonPersistentFlags())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return b.String()
}

func cmpFirst(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func dedent(s string) string { return regexp.MustCompile(`(?m)^  `).ReplaceAllString(s, "") }

func flagsText(b *strings.Builder, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		if name != "" {
			name = " " + strings.ToUpper(name)
		}
		fmt.Fprintf(b, "- `--%s%s`: %s\n", f.Name, name, usage)
	})
}
