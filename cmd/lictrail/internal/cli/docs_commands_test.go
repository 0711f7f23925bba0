package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// A command of this program in the documentation stands on a line of its own in a
// block, where a prompt, "./" or a variable may come before it, or between
// backticks.
var (
	blockPattern  = regexp.MustCompile("(?s)```.*?```")
	linePattern   = regexp.MustCompile(`(?m)^(?:\$ |PS> )?(?:\w+=\$\(|\$\w+ = |\()?(?:\./)?lictrail(?:\.exe)? ([a-z][^\n|>)]*)`)
	inlinePattern = regexp.MustCompile("`(?:\\w+=\\$\\(|\\$\\w+ = |\\()?(?:\\./)?lictrail(?:\\.exe)? ([a-z][^`|>)]*)")
)

// shown are the commands that a page shows.
func shown(page string) (commands []string) {
	for _, block := range blockPattern.FindAllString(page, -1) {
		for _, m := range linePattern.FindAllStringSubmatch(strings.ReplaceAll(block, "\\\n", " "), -1) {
			commands = append(commands, m[1])
		}
	}
	for _, m := range inlinePattern.FindAllStringSubmatch(blockPattern.ReplaceAllString(page, ""), -1) {
		commands = append(commands, m[1])
	}
	return commands
}

// TestDocs_Commands: every command that the documentation shows is there, with
// each of its flags and words in their place. Those of the README that answer from
// a database are run by TestREADME; the others need a tenant.
func TestDocs_Commands(t *testing.T) {
	pages, err := filepath.Glob("../../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, page := range append(pages, "../../../../README.md", "../../../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range shown(string(text)) {
			words := wordsOf(withoutComment(command))
			if strings.ContainsAny(command, "…<[") || strings.Contains(command, "...") || strings.HasSuffix(command, " SHELL") {
				continue // shows a form, not a command
			}
			commands++
			if err := understood(words); err != nil {
				t.Errorf("%s: lictrail %s: %v", filepath.Base(page), strings.Join(words, " "), err)
			}
		}
	}
	if commands < 150 {
		t.Errorf("%d commands were looked at", commands)
	}
}

// withoutComment leaves out what a shell takes for a comment.
func withoutComment(line string) string {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, ";")
	line, _, _ = strings.Cut(line, " &&")
	return strings.Trim(line, " '\"")
}

// understood reports what is wrong with the words of a command.
func understood(words []string) error {
	root := Root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Value = anything{f.Value} })
	if err := cmd.ParseFlags(rest); err != nil && !strings.HasPrefix(err.Error(), "flag needs an argument") { // it is named only
		return err
	}
	if cmd == root || cmd.HasSubCommands() && len(cmd.Flags().Args()) > 0 {
		return noArgs(cmd, cmd.Flags().Args())
	}
	return nil
}

// anything takes every value for a flag: what stands for one in the documentation
// may be a word such as ID.
type anything struct{ pflag.Value }

func (anything) Set(string) error { return nil }

// unrun are the commands that TestDocs_Run does not run, by how they begin: what they
// need, and the script that runs the like with it. A longer beginning goes first.
var unrun = []struct{ begins, needs, script string }{
	{"sync", "a tenant", "sync"},
	{"doctor --offline", "", ""}, {"doctor --permissions", "", ""}, // run
	{"doctor", "a tenant", "doctor"},
	{"setup certificate", "", ""}, // run
	{"setup", "a terminal", "setup"},
	{"fleet discover", "a partner's tenant", "discover"},
	{"notify test", "somebody to send to", "notify"},
	{"serve", "somebody who ends it", "serve"},
	{"audit import", "files that Microsoft exports", "audit_import"},
	{"import", "files of another tracker", "import"},
	{"catalog import", "a file of Microsoft's", "catalog"},
	{"seats harvest", "lists of one's own", "harvest"},
	{"config show --config fleet.toml", "a fleet", "config"},
	{"fleet health", "a fleet", "health"},
	{"changes --config fleet.toml", "a fleet", "fleet"},
	{"changes --by cause --all-tenants", "a fleet", "fleet"},
	{"backup --all-tenants", "a fleet", "fleet"},
	{"report --config fleet.toml", "a fleet", "fleet"},
	{"report --all-tenants", "a fleet", "fleet"},
	{"seat-days --month 2026-03 --by cost-center", "a tenant with cost centers", "cost_center"},
	{"report --by cost-center", "a tenant with cost centers", "cost_center"},
	{"export /lake --all-tenants", "a fleet", "export"},
	{"export --verify", "a fleet's export", "export"},
	{"verify --db backup.db", "a head that was kept", "integrity"},
	{"verify --head", "a head that was kept", "integrity"},
	{"forget", "somebody to forget", "forget_anybody"},
	{"prune --before TIME", "a yes", "forget_anybody"},
	{"reclaim --init", "no rules yet", "reclaim"},
	{"what-if --remove-from-group", "a group with members", "what-if"},
	{"what-if --lapse", "a subscription that lapses", "what-if"},
}

// docsWords are what stands for something of one's own in the documentation, and what
// the demo has of that kind.
var docsWords = map[string]string{
	"ann@contoso.com": "nora.hale@contoso.example", "USER": "nora.hale@contoso.example", "WORDS": "nora", "SKU": "SPE_E3", "FILE": "copy.db", "DIR": "lake",
	"TIME": "2020-01-01", "ID": "1", "12": "2", "ENGINE": "duckdb", "N": "4", "ann": "nora", "meyer": "hale", "Licenses E3": "Sales EMEA", "VISIOCLIENT": "EMS",
	"/backup/lictrail-2026-03-01.db": "second.db", "/etc/lictrail": "made", "/lake": "lake", "/var/lib/lictrail/lictrail.db": "lictrail-demo.db", "lictrail-demo.db": "lictrail-demo.db",
	"47e864a8-1658-486e-a00f-8f09a6f770c3": "amy.reed@contoso.example", "2025-12-31": "2026-03-31", "2026-01-01": "2026-03-31", "M365_ADVANCED_AUDITING": "SWAY", "PLAN": "SWAY",
	"90d": "2026-03-01", "reclaim.toml": "lictrail-demo.reclaim.toml", "SHELL": "bash",
}

// TestDocs_Run runs every command that the documentation shows, from the demo's
// database, but for those that need a tenant, or somebody's files: they are listed
// above. A command that is neither listed nor works fails.
func TestDocs_Run(t *testing.T) {
	pages, err := filepath.Glob("../../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, page := range append(pages, "../../../../README.md", "../../../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := shown(strings.Join(blockPattern.FindAllString(string(text), -1), "\n"))
		for _, command := range shown(string(text)) {
			named := !slices.Contains(blocks, command) // perhaps by its name alone
			command = strings.Join(strings.Fields(strings.TrimSuffix(withoutComment(command), `\`)), " ")
			if cmd, rest, err := Root().Find(strings.Fields(command)); named && err == nil && len(rest) == 0 && cmd.Runnable() {
				continue
			}
			if !strings.ContainsAny(command, "…<[") && !strings.Contains(command, "...") && !slices.Contains(commands, command) {
				commands = append(commands, command)
			}
		}
	}
	dir := t.TempDir()
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	demoOutput(t, dir)
	if err := os.MkdirAll(filepath.Join(".github", "workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	run := 0
	for _, command := range commands {
		i := slices.IndexFunc(unrun, func(u struct{ begins, needs, script string }) bool {
			return command == u.begins || strings.HasPrefix(command, u.begins+" ")
		})
		if i >= 0 {
			listed[unrun[i].begins] = true
			if unrun[i].needs != "" {
				continue
			}
		}
		run++
		var stdout, stderr bytes.Buffer
		getenv := func(name string) string { return map[string]string{"HOME": dir, "COLUMNS": "80"}[name] }
		words := docsCommand(command)
		if !slices.Contains(words, "--db") {
			words = append(words, "--db", "lictrail-demo.db")
		}
		if code := Run(words, strings.NewReader(""), &stdout, &stderr, getenv); code != 0 {
			t.Errorf("lictrail %s\n  as %q: exit %d: %s", command, words, code, stderr.String())
		}
	}
	for _, u := range unrun {
		if !listed[u.begins] {
			t.Errorf("%q is shown nowhere any more", u.begins)
		}
		if u.needs == "" {
			continue
		}
		verb, _, _ := strings.Cut(u.begins, " -")
		script, err := os.ReadFile(filepath.Join(scripts, u.script+".txtar"))
		if verb, _, _ = strings.Cut(verb, " /"); err != nil || !strings.Contains(string(script), "lictrail "+verb) {
			t.Errorf("script %s does not run lictrail %s: %v", u.script, verb, err)
		}
	}
	if run < 100 {
		t.Errorf("%d commands were run", run)
	}
	t.Logf("%d commands, %d of them run", len(commands), run)
}

// docsCommand is a command with what the demo has in place of what stands for it.
func docsCommand(command string) []string {
	words := wordsOf(strings.ReplaceAll(command, "'", `"`))
	if strings.Contains(command, "'") || strings.Contains(command, `"`) {
		words = wordsOf(strings.ReplaceAll(command, "'", `"`) + map[bool]string{true: `"`, false: ""}[strings.Count(strings.ReplaceAll(command, "'", `"`), `"`)%2 == 1])
	}
	for i, w := range words {
		if other, ok := docsWords[w]; ok {
			words[i] = other
		}
	}
	return words
}

// otherPrograms are what lines of blocks for a shell begin with beside lictrail, and
// what they need: none is run by a test.
var otherPrograms = map[string]string{
	"zcat": "a file", "head": "a file", "tail": "a file", "sh": "a file", "sqlite3": "SQLite's own program", "duckdb": ".ci/lake", "spark-sql": "Spark", "clickhouse-client": "ClickHouse",
	"trino": "Trino", "gcloud": "a cloud", "bq": "a cloud", "go": "minutes", "git": "a clone", "make": "minutes", "sha256sum": "a release", "diff": "a release",
	"podman": "Podman", "umask": "nothing", "export": "nothing", "openssl": "OpenSSL", "cat": "a file", "cp": "a file", "rm": "a file", "while": "a database", "[": "a database", "done": "nothing", "az": "a tenant",
	"Export-Certificate": "Windows", "lictrail": "TestDocs_Run",
}

// TestDocs_Shell: each line of a block for a shell begins with a program that is known
// here, or sets a variable.
func TestDocs_Shell(t *testing.T) {
	pages, err := filepath.Glob("../../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```(?:sh|bash|powershell)\n(.*?)```")
	variable := regexp.MustCompile(`^(?:\$?\w+ ?= ?\S* ?)+`)
	lines := 0
	for _, page := range append(pages, "../../../../README.md", "../../../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
				line = strings.TrimSpace(line)
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				lines++
				begins := strings.Fields(variable.ReplaceAllString(strings.TrimLeft(line, "("), "lictrail "))[0]
				if _, known := otherPrograms[strings.TrimPrefix(begins, "./")]; !known && begins != "crontab" {
					t.Errorf("%s: %q is neither run nor known", filepath.Base(page), line)
				}
			}
		}
	}
	if lines < 100 {
		t.Errorf("%d lines were looked at", lines)
	}
}
