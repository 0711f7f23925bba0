package notify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestUnsent(t *testing.T) {
	database := filepath.Join(t.TempDir(), "t.db")
	u, at := UnsentBeside(database), time.Date(2026, 3, 1, 4, 5, 0, 0, time.UTC)
	if got := u.Warnings(); got != nil {
		t.Errorf("without a file there are warnings: %v", got)
	}
	if err := u.Add(3, at, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(database + UnsentSuffix); err == nil {
		t.Error("nothing failed, and there is a file")
	}
	for i := range maxUnsent + 1 {
		if err := u.Add(0, at, []Outcome{{Err: errors.New("first")}}); i == 0 && err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Add(7, at, []Outcome{{Err: errors.New("slack at x.test: refused")}}); err != nil {
		t.Fatal(err)
	}
	got := u.Warnings()
	if len(got) != maxUnsent {
		t.Errorf("%d warnings, want %d", len(got), maxUnsent)
	}
	for i, want := range map[int]string{0: "that sync failed on 2026-03-01 04:05 UTC could not be sent: first", len(got) - 1: "what run 7 found could not be sent: slack at x.test: refused"} {
		if got[i].Code != "notify" || got[i].Message != want {
			t.Errorf("warning %d is %v, want %q", i, got[i], want)
		}
	}
	if err := errors.Join(u.Clear(), u.Clear()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(database+UnsentSuffix, []byte(strings.Repeat("x", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := u.Warnings(); got != nil {
		t.Errorf("a file that is no list has warnings: %v", got)
	}
}
