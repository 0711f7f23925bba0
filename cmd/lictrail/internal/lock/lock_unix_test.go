//go:build unix

package lock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is in the way of a lock's file is left alone.
func TestTake_InTheWay(t *testing.T) {
	for name, put := range map[string]func(lock, other string) error{
		"link":   func(lock, other string) error { return os.Symlink(other, lock) },
		"hard":   func(lock, other string) error { return os.Link(other, lock) },
		"folder": func(lock, _ string) error { return os.Mkdir(lock, 0o700) },
		"pipe":   func(lock, _ string) error { return syscall.Mkfifo(lock, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, other := filepath.Join(dir, "t.db"), filepath.Join(dir, "other")
			if err := errors.Join(os.WriteFile(other, []byte("x"), 0o600), put(path+".lock", other)); err != nil {
				t.Fatal(err)
			}
			if _, err := Take(path, Holder{PID: 1}); !errors.Is(err, ErrPlace) || errors.Is(err, ErrHeld) {
				t.Errorf("%v, want that no lock can be had", err)
			}
			_, err := os.Lstat(path + ".lock")
			if text, _ := os.ReadFile(other); err != nil || string(text) != "x" {
				t.Errorf("it is changed: %v, %q", err, text)
			}
		})
	}
}
