package cli

import (
	"fmt"
	"io"
	"os"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/settings"
)

// place is a file to be written, and what names it: a flag or an argument.
type place struct{ by, path string }

// mayWriteTo finds out before there is anything to write whether a file can be
// put there, and refuses to put it in the place of a database: this one, what is
// kept beside it, or any other.
func (e *env) mayWriteTo(p place) error {
	if err := out.TryFile(p.path); err != nil {
		return err // also what must not be opened: a pipe is waited for without end
	}
	if err := e.notOwn(p); err != nil {
		return err
	}
	f, err := input.Open(p.path, input.Plain)
	if err != nil {
		return nil // there is none, or none that may be read
	}
	defer f.Close()
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, magic); err == nil && string(magic) == sqliteMagic {
		return usage(fmt.Sprintf("%s %q is a database", p.by, p.path), "name another file")
	}
	return nil
}

// besideDatabase is what the names of a database's files end in: of itself, of
// SQLite's, of the lock and of messages that could not be sent.
var besideDatabase = []string{"", "-wal", "-shm", "-journal", lock.Suffix, notify.UnsentSuffix}

// notOwn refuses the files of this database, which may not be there yet.
func (e *env) notOwn(p place) error {
	for _, suffix := range besideDatabase {
		if samePlace(p.path, e.db+suffix) {
			return usage(fmt.Sprintf("%s %q is a file of the database that --db names", p.by, p.path), "name another file")
		}
	}
	return nil
}

// distinct refuses to write one file over another of the same run.
func distinct(places ...place) error {
	for i, p := range places {
		for _, q := range places[:i] {
			if p.path != "" && q.path != "" && samePlace(p.path, q.path) {
				return usage(fmt.Sprintf("%s and %s name the same file", q.by, p.by), "give each a name of its own")
			}
		}
	}
	return nil
}

// sqliteMagic is how every SQLite file begins.
const sqliteMagic = "SQLite format 3\x00"

// samePlace reports whether two paths lead to one file, or would.
func samePlace(a, b string) bool {
	if settings.RealPath(a) == settings.RealPath(b) {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
