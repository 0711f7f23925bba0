// Package golden compares what tests produce with files that hold what is
// expected. With -update the files are written instead, in every package that
// has such tests:
//
//	go test ./cmd/lictrail/internal/page -update
//	make update
//
// Look at the difference before you commit it.
package golden

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files that hold what tests expect")

// Update reports whether files are to be written. Tests that use [File] need not
// ask.
func Update() bool { return *update }

// File fails a test if a file does not hold the text, or writes the text to it.
func File(t testing.TB, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	diff := cmp.Diff(string(want), got)
	switch {
	case diff == "" && err == nil:
	case *update:
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s; if that is meant, run with -update (-want +got):\n%s", path, diff)
	}
}
