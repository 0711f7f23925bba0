//go:build unix

package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/out"
)

// A pipe that nobody writes to is not opened: that would wait for ever.
func TestMayWriteTo_Pipe(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	e := &env{db: filepath.Join(dir, "t.db")}
	done := make(chan error, 1)
	go func() { done <- e.mayWriteTo(place{"--output", pipe}) }()
	select {
	case err := <-done:
		var said *out.Error
		if !errors.As(err, &said) || said.Code != exitUsage || !strings.Contains(said.Message, "is not a regular file") {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the pipe")
	}
}
