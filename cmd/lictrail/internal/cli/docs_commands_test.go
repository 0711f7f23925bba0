package cli

import (
	"os"
	"path/filepath"
	"regexp"
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
