// Package process is what an execution of lictrail knows of itself: its id, what
// started it, what ends it, and where the user's data belongs.
package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
)

// NewID returns an id that no other execution has: a random UUID.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Interruptible returns a context that ends with the first signal to stop. A second
// one ends the process at once: SQLite rolls back what was not committed.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, stopSignals()...)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-signals:
				if ctx.Err() != nil {
					os.Exit(exit.Interrupted)
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(done)
		cancel()
	})
}

// stopSignals are those that end a run: also that of a terminal that closes,
// unless the program was started to outlive it, as by nohup.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// DataDir is where the user's programs keep their data on this system.
func DataDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lictrail"), nil
	}
	if dir := getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "lictrail"), nil
	}
	home := getenv("HOME")
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	switch {
	case home == "":
		return "", errors.New("neither XDG_DATA_HOME nor HOME is set")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "lictrail"), nil
	}
	return filepath.Join(home, ".local", "share", "lictrail"), nil
}

// Holder describes this execution to another one that meets its lock.
func Holder(s *out.Streams, getenv func(string) string, now time.Time, id string) lock.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return lock.Holder{PID: os.Getpid(), Host: host, Since: now.UTC(), How: startedHow(s, getenv), RunID: id}
}

// startedHow says, by the environment, what started the program.
func startedHow(s *out.Streams, getenv func(string) string) string {
	switch {
	case getenv("INVOCATION_ID") != "" && !s.InTTY && !s.ErrTTY:
		return "by systemd"
	case getenv("GITHUB_ACTIONS") != "":
		return "by GitHub Actions"
	case getenv("KUBERNETES_SERVICE_HOST") != "":
		return "in Kubernetes"
	case s.InTTY || s.ErrTTY:
		return "at a terminal"
	}
	return "without a terminal"
}
