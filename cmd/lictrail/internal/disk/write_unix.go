//go:build unix

package disk

import (
	"os"
	"syscall"
)

// MayWrite reports whether the user may write to an existing file or make files
// in an existing folder: nil, or why not.
func MayWrite(path string) error {
	const write, search = 2, 1 // access(2)
	mode := uint32(write)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		mode |= search
	}
	if err := syscall.Access(path, mode); err != nil {
		return &os.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}
