package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot/store/engine"
)

// TestMayWrite: to look whether a run could be recorded leaves nothing, neither
// in the history nor beside it.
func TestMayWrite(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	commit(t, s, newcomer(s, "ann"))
	before, files := content(t, db), listed(t, db)
	if err := db.MayWrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, content(t, db)); diff != "" {
		t.Errorf("the history changed (-before +after):\n%s", diff)
	}
	if now := listed(t, db); !slices.Equal(now, files) {
		t.Errorf("beside it was %q, is %q", files, now)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	path := db.Path()
	closeDB(t, db)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := openRW(t, path).MayWrite(t.Context()); !errors.Is(err, engine.ErrMayNotWrite) {
		t.Errorf("a file that may not be written: %v", err)
	}
}

func listed(t *testing.T, db *DB) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(db.Path()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestClassify_Once: a kind is told once, however often an error is looked at.
func TestClassify_Once(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := engine.Classify(fmt.Errorf("write: %w", engine.Classify(fmt.Errorf("beside it: %w", cause))))
		if want := "write: " + engine.ErrNoRoom.Error() + ": beside it: " + cause.Error(); !errors.Is(err, engine.ErrNoRoom) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
