package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"lictrail/snapshot/store/engine"
)

// Modes of a database that its group may read. Nobody else may, and nobody but the
// owner may write.
const (
	groupFolder fs.FileMode = 0o750
	groupFile   fs.FileMode = 0o640
)

// ErrFolderNotOpen says that the folder of a database that is to be opened to a group lets
// others in, or the group not.
var ErrFolderNotOpen = errors.New("the database's folder does not have mode 0750, as a database for a group needs")

// OpenToGroup opens the database at path to its group for reading: the folder and
// the file are made with modes 0750 and 0640, and files that are there and the
// owner's alone get that mode. A folder that is there is left as it is, and refused
// with another mode: it may hold more than the database.
func OpenToGroup(path string) error {
	if runtime.GOOS == "windows" {
		return errors.New("open the database to a group: on Windows access lists say who may read a file")
	}
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return engine.Placed(fmt.Errorf("create the database's folder: %w", err))
		}
		if err := os.Chmod(folder, groupFolder); err != nil {
			return fmt.Errorf("open the database's folder to its group: %w", err)
		}
	}
	if !folderForGroup(folder) {
		return fmt.Errorf("open %q to its group: %w", path, ErrFolderNotOpen)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	} else if errors.Is(err, fs.ErrExist) {
		_, err = plainFile(path, false)
	}
	if err != nil {
		return engine.Placed(fmt.Errorf("open the database to its group: %w", err))
	}
	for _, suffix := range besides {
		err := os.Chmod(path+suffix, groupFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("open the database to its group: %w", err)
		}
	}
	return nil
}

// ReadByGroup reports whether a database is open to its group for reading: the file
// and the folder have the modes for it, and not only one of them by accident.
func ReadByGroup(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&^groupFile == 0 && info.Mode().Perm()&0o040 != 0 &&
		folderForGroup(filepath.Dir(path))
}

// folderForGroup reports whether a folder lets a group in, and nobody else.
func folderForGroup(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && info.Mode().Perm()&^groupFolder == 0 && info.Mode().Perm()&0o050 == 0o050
}
