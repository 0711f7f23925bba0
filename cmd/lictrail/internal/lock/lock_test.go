package lock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	h := Holder{PID: 4711, Host: "web1", Since: time.Date(2026, 3, 1, 6, 17, 0, 0, time.UTC), How: "by systemd", RunID: "r1"}
	release, err := Take(path, h)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(path, Holder{PID: 1})
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "process 4711 on web1, started by systemd at 2026-03-01 06:17:00 UTC") {
		t.Errorf("%v", err)
	}
	release()
	release, err = Take(path, h)
	if err != nil {
		t.Fatalf("it was let go: %v", err)
	}
	release()
}

// A file that a killed process left says nothing about who holds the lock now.
func TestTake_LeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	if err := os.WriteFile(path+".lock", []byte(`{"pid":4711,"host":"web1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	release, err := Take(path, Holder{PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestTake_NoFolder(t *testing.T) {
	if _, err := Take(filepath.Join(t.TempDir(), "none", "t.db"), Holder{}); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("%v", err)
	}
}

// However many try, one at a time has it.
func TestTake_Many(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	var inside, took atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				release, err := Take(path, Holder{PID: 1})
				if errors.Is(err, ErrHeld) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) > 1 {
					t.Error("two have the lock")
				}
				took.Add(1)
				inside.Add(-1)
				release()
			}
		})
	}
	all.Wait()
	if took.Load() == 0 {
		t.Error("nobody ever had it")
	}
}
