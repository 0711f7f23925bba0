package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var at = time.Date(2026, 3, 1, 12, 0, 6, 0, time.UTC)

// TestWrite: a manual page for each command, the same each time, and completions
// for each shell.
func TestWrite(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := write(dir, at); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(first, "*", "*", "*.1"))
	if err != nil || len(files) < 30 {
		t.Errorf("%d manual pages, %v", len(files), err)
	}
	for _, name := range append(files, "man/man1/lictrail.1", "man/man1/lictrail-notify-test.1",
		"completions/lictrail.bash", "completions/_lictrail", "completions/lictrail.fish", "completions/lictrail.ps1") {
		if filepath.IsAbs(name) {
			name, err = filepath.Rel(first, name)
			if err != nil {
				t.Fatal(err)
			}
		}
		if a, b := read(t, first, name), read(t, second, name); len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s is empty, or differs the second time", name)
		}
	}
	page := read(t, first, "man/man1/lictrail-sync.1")
	for _, want := range []string{"notify", `"LICTRAIL-SYNC" "1"`, "Mar 2026"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the manual page of sync has no %q:\n%.800s", want, page)
		}
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
	}
	return text
}
