// Command manual writes what goes with the program in a release: a manual page
// for each command, and a completion for each shell.
//
//	go run ./cmd/lictrail/internal/manual -dir dist/documents -date 2026-03-01T12:00:00Z
//
// It is apart from the release because only packages below cmd/lictrail may know
// the commands, and apart from lictrail because nobody needs it at run time.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra/doc"

	"lictrail/cmd/lictrail/internal/cli"
)

func main() {
	dir := flag.String("dir", "", "`folder` to write to")
	date := flag.String("date", "", "the `date` that manual pages bear, as RFC 3339")
	flag.Parse()
	at, err := time.Parse(time.RFC3339, *date)
	if err == nil {
		err = write(*dir, at)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// write writes man/man1/*.1 and completions/*.
func write(dir string, at time.Time) error {
	root := cli.Root()
	root.DisableAutoGenTag = true // it names the day of the build
	root.InitDefaultHelpCmd()
	pages, completions := filepath.Join(dir, "man", "man1"), filepath.Join(dir, "completions")
	for _, folder := range []string{pages, completions} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &at, Source: "lictrail", Manual: "lictrail"}, pages); err != nil {
		return err
	}
	for name, generate := range map[string]func(string) error{
		"lictrail.bash": func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"_lictrail":     root.GenZshCompletionFile,
		"lictrail.fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
		"lictrail.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := generate(filepath.Join(completions, name)); err != nil {
			return err
		}
	}
	return nil
}
