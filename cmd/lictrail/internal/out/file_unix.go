//go:build unix

package out

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// ownFile reports whether the file belongs to the user who runs the program.
func ownFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}

// syncDir makes a rename in the directory durable. A file system that cannot do
// that for directories is no reason to fail.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
