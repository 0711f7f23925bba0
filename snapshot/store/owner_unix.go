//go:build unix

package store

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByOther reports whether a file belongs to somebody else than who runs the
// program. Only who may read everything comes as far as that: the files that
// SQLite makes beside it would then be theirs, and shut the owner out.
func ownedByOther(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) != os.Geteuid()
}

// mayAnything reports whether the program may read and write everything: files that
// SQLite makes beside the database would then be root's, and shut the owner out.
func mayAnything() bool { return os.Geteuid() == 0 }
