package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"lictrail/internal/golden"
)

// questionPattern matches a command with its answer in docs/questions.md.
var questionPattern = regexp.MustCompile("(?s)```\n\\$ lictrail ([^\n]+)\n.*?```\n")

// TestREADME_Questions keeps docs/questions.md true: each question is answered by the
// one command that stands there, from the demo's database, with something.
func TestREADME_Questions(t *testing.T) {
	dir := t.TempDir()
	demoOutput(t, dir)
	const path = "../../../../docs/questions.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	got := questionPattern.ReplaceAllStringFunc(string(text), func(m string) string {
		command := questionPattern.FindStringSubmatch(m)[1]
		asked++
		answer := runHere(t, dir, shellWords(command)...)
		if len(strings.Split(strings.TrimSpace(answer), "\n")) < 2 {
			t.Errorf("lictrail %s answers nothing: %q", command, answer)
		}
		return "```\n$ lictrail " + command + "\n" + answer + "```\n"
	})
	if asked != 16 {
		t.Errorf("%d questions are answered, not sixteen", asked)
	}
	golden.File(t, path, got)
}

// shellWords splits a command line where a shell would; quotes are single.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
