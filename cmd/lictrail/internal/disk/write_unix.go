//go:build unix

package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// MayWrite reports whether the user may write to an existing file or make files
// in an existing folder: nil, or why not.
func MayWrite(path string) error {
	mode := uint32(unix.W_OK)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		mode |= unix.X_OK
	}
	if err := unix.Access(path, mode); err != nil {
		return &os.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}
