// Package engine is SQLite as the store uses it: connections with their limits, the
// kinds of failure, rows as the driver gives them, and how values are kept. It knows
// no table. It is the only package that imports the driver.
package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrMayNotWrite: the file, or the folder that it is in, may not be written.
	// SQLite locks readers out of a writer's way in files beside the database, and
	// so reads from such a folder only if these are there already. To read without
	// locks (immutable=1) would be wrong as soon as somebody else writes.
	ErrMayNotWrite = errors.New("the database or its folder may not be written")
	// ErrNoRoom: the disk, or what of it this user may fill, is full.
	ErrNoRoom = errors.New("there is no room left on the disk")
	// ErrBusy: another process is writing.
	ErrBusy = errors.New("the database is busy")
	// ErrUnrecovered: a run was cut off while it wrote, and what it wrote must be
	// taken back first, which only a run may do.
	ErrUnrecovered = errors.New("a run was cut off while it wrote the database")
	// ErrDamaged: the file does not hold what SQLite or lictrail wrote.
	ErrDamaged = errors.New("the database is damaged")
	// ErrTooLong: a value is longer than lictrail reads or writes.
	ErrTooLong = errors.New("a value is longer than 16 MB, which lictrail neither reads nor writes")
)

// Classify adds the kind of failure that the system's error or SQLite's result
// code stands for, once, and keeps the cause.
func Classify(err error) error {
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

func kindOf(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return ErrNoRoom
	}
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return nil
	}
	switch code := failure.Code(); code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrBusy
	// SQLITE_ERROR is a statement that does not fit the schema or the data: the
	// statements are constant, so it is the file that is not as it should be.
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR:
		return ErrDamaged
	case sqlite3.SQLITE_TOOBIG:
		return ErrTooLong
	case sqlite3.SQLITE_FULL:
		return ErrNoRoom
	case sqlite3.SQLITE_IOERR:
		if code == sqlite3.SQLITE_IOERR_SHMSIZE { // the index beside the file did not fit
			return ErrNoRoom
		}
	case sqlite3.SQLITE_READONLY:
		switch code {
		case sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY:
			return ErrUnrecovered
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY_DIRECTORY, sqlite3.SQLITE_READONLY_CANTINIT, sqlite3.SQLITE_READONLY_CANTLOCK:
			return ErrMayNotWrite
		}
	}
	return nil
}

// Placed is classify for an error of making a file, in the database's folder.
func Placed(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrMayNotWrite, err)
	}
	return Classify(err)
}
