package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra/doc"

	"lictrail/cmd/lictrail/internal/cli"
)

// documentation is what the commands say of themselves, as manual pages, and
// what shells complete.
func documentation(at time.Time) ([]entry, error) {
	root := cli.Root()
	root.DisableAutoGenTag = true // it would tell the day of the build
	root.InitDefaultHelpCmd()
	dir, err := os.MkdirTemp("", "lictrail-man-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &at, Source: "lictrail", Manual: "lictrail"}, dir); err != nil {
		return nil, err
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{"man/man1/" + filepath.Base(page), 0o644, text})
	}
	for name, generate := range map[string]func(io.Writer) error{
		"lictrail.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_lictrail":     root.GenZshCompletion,
		"lictrail.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"lictrail.ps1":  root.GenPowerShellCompletionWithDesc,
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return nil, err
		}
		entries = append(entries, entry{"completions/" + name, 0o644, b.Bytes()})
	}
	return entries, nil
}
