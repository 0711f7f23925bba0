package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// quiet takes the failures of a test that is meant to fail.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Helper()               {}
func (q *quiet) Errorf(string, ...any) { q.failed = true }
func (q *quiet) Fatal(...any)          { q.failed = true }

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "want.txt")
	check := func(got string, updating, fails bool, then string) {
		t.Helper()
		*update = updating
		q := &quiet{TB: t}
		File(q, path, got)
		*update = false
		if q.failed != fails {
			t.Errorf("%q: failed %t, want %t", got, q.failed, fails)
		}
		if text, _ := os.ReadFile(path); string(text) != then {
			t.Errorf("the file has %q, want %q", text, then)
		}
	}
	check("a\n", false, true, "") // there is no file
	check("a\n", true, false, "a\n")
	check("a\n", false, false, "a\n")
	check("b\n", false, true, "a\n")
	check("b\n", true, false, "b\n")
	check("", true, false, "")
	check("", false, false, "")
}
