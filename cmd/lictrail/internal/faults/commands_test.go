package faults

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lictrail/cmd/lictrail/internal/cli"
)

// invocation is a command with the arguments that it cannot do without.
type invocation struct {
	cmd  *cobra.Command
	args []string
	file int // which of args is a file to read; -1: none is
}

func (i invocation) name() string { return strings.Join(words(i.cmd), " ") }

// files are the flags that name a file or a folder.
func (i invocation) files() (names []string) {
	note := func(f *pflag.Flag) {
		what, _ := pflag.UnquoteUsage(f)
		if slices.Contains([]string{"file", "path", "directory"}, what) {
			names = append(names, f.Name)
		}
	}
	i.cmd.LocalFlags().VisitAll(note)
	i.cmd.InheritedFlags().VisitAll(note)
	return names
}

func (i invocation) has(flag string) bool {
	return i.cmd.Flags().Lookup(flag) != nil || i.cmd.InheritedFlags().Lookup(flag) != nil
}

// endless are the commands that end by a signal, or after many minutes.
var endless = []string{"bench", "bench-server", "serve", "mcp"}

// invocations are all commands of the program, found in its tree so that a new
// one is among them. A word in capitals in the usage of a command must be known
// here.
func invocations(t *testing.T, user, file string) []invocation {
	t.Helper()
	var all []invocation
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if !cmd.Runnable() || slices.Contains(endless, strings.Join(words(cmd), " ")) {
			return
		}
		i := invocation{cmd: cmd, args: words(cmd), file: -1}
		for _, word := range strings.Fields(cmd.Use)[1:] {
			bare := strings.Trim(word, "[].")
			switch {
			case word[0] == '[' && word != "[flags]" && bare != "USER":
			case word == "[flags]":
			case strings.Contains(word, "|"):
				i.args = append(i.args, strings.Split(word, "|")[0])
			case strings.HasPrefix(word, "--"):
				i.args = append(i.args, word)
			case bare == "USER":
				i.args = append(i.args, user)
			case bare == "FILE":
				i.file = len(i.args)
				i.args = append(i.args, file)
			case bare == "RUN" || bare == "ID":
				i.args = append(i.args, "1")
			case bare == "TIME":
				i.args = append(i.args, "2000-01-01")
			case bare == "DIR":
				i.args = append(i.args, filepath.Join(t.TempDir(), "x"))
			case bare == "command" || bare == "WORDS":
				i.args = append(i.args, "x")
			default:
				t.Errorf("%s: what stands for %q is not known here", cmd.CommandPath(), word)
			}
		}
		all = append(all, i)
	}
	walk(cli.Root())
	return all
}

// words are what one types to run a command.
func words(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

// within runs a command line in this process, with variables, and fails if it
// does not end in time.
func within(t *testing.T, limit time.Duration, env map[string]string, args ...string) result {
	t.Helper()
	done := make(chan result, 1)
	go func() { done <- commandWith(env, args...) }()
	select {
	case r := <-done:
		return r
	case <-time.After(limit):
		t.Fatalf("hangs: %q with %q", args, env)
		return result{}
	}
}
