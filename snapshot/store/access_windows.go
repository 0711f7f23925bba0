package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"lictrail/internal/private"
)

// keep makes a new database or its new folder the owner's alone. A folder hands
// that on to what SQLite makes beside the database.
func keep(path string) error { return private.Restrict(path) }

// keepBeside does so for what SQLite has made beside a database in a folder that
// hands on something else.
func keepBeside(database string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		who, err := private.OpenTo(database + suffix)
		if err == nil && who != "" {
			err = private.Restrict(database + suffix)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep %s%s to its owner: %w", database, suffix, err)
		}
	}
	return nil
}

// refuseOpen refuses a history that its access control list opens to others.
func refuseOpen(database string) error {
	if _, err := os.Lstat(database); err != nil {
		return nil
	}
	who, err := private.OpenTo(database)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if who != "" && !somebodyElses(database) {
		return fmt.Errorf("open %q, which is open to %s: %w", database, who, ErrNotPrivate)
	}
	return nil
}
