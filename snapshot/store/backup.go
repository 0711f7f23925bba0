package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"lictrail/snapshot/store/engine"
)

// ErrExists says that there is a file already, and a backup replaces none.
var ErrExists = errors.New("there is a file of that name already")

// Backup writes a copy of the history as it is now to a new file, which only
// its owner may read. A run may go on meanwhile. check is asked whether the
// copy is good before it gets its name; when it is not, nothing is left behind.
func (db *DB) Backup(ctx context.Context, path string, check func(copied string) error) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = ErrExists
		}
		return fmt.Errorf("back up to %q: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".lictrail-*.tmp") // with mode 0600
	if err != nil {
		return fmt.Errorf("back up to %q: %w", path, err)
	}
	name, err := filepath.Abs(temp.Name())
	defer os.Remove(temp.Name()) //nolint:errcheck // after the rename it is gone
	if err := errors.Join(err, temp.Close(), keep(temp.Name())); err != nil {
		return fmt.Errorf("back up to %q: %w", path, err)
	}
	if _, err := db.sql.ExecContext(ctx, "VACUUM INTO ?", name); err != nil {
		return fmt.Errorf("back up to %q: %w", path, engine.Classify(err))
	}
	if err := check(name); err != nil {
		return fmt.Errorf("check the backup: %w", err)
	}
	if err := settle(name, path); err != nil {
		return fmt.Errorf("back up to %q: %w", path, err)
	}
	return nil
}

// settle makes a file durable and gives it its name, unless that was taken
// meanwhile.
func settle(from, to string) error {
	f, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Link(from, to) // unlike a rename, it replaces nothing
	switch {
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case err != nil: // a file system without links
		err = os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return nil // a system on which folders cannot be opened
	}
	defer dir.Close()
	dir.Sync() //nolint:errcheck // a file system that cannot do that is no reason to fail
	return nil
}
