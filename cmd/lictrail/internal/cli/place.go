package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"lictrail/cmd/lictrail/internal/out"
)

// mayWriteTo finds out before there is anything to write whether a file can be
// put at the path, and refuses to put it in the place of a database: this one,
// what SQLite keeps beside it, or any other.
func (e *env) mayWriteTo(path string) error {
	if err := out.TryFile(path); err != nil {
		return err // also what must not be opened: a pipe is waited for without end
	}
	refused := usage(fmt.Sprintf("%q is a database", path), "name another file")
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		a, errA := filepath.Abs(path)
		b, errB := filepath.Abs(e.db + suffix)
		if errA == nil && errB == nil && a == b || sameFile(path, e.db+suffix) {
			return refused
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // there is none, or none that may be read
	}
	defer f.Close()
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, magic); err == nil && string(magic) == sqliteMagic {
		return refused
	}
	return nil
}

// sqliteMagic is how every SQLite file begins.
const sqliteMagic = "SQLite format 3\x00"

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
