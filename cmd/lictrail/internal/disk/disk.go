// Package disk reports what a place in the file system is suited for, and changes
// nothing there.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Volume is what holds a file.
type Volume struct {
	Kind    string // as the system calls it; "" when it does not say
	Network bool   // files are elsewhere: locks may not hold
	Free    uint64 // bytes that the user may still write
}

// ErrUnknown means that this system does not report it, or not without a write.
var ErrUnknown = errors.New("this system does not report it")

// Existing is the place itself or, where there is nothing yet, the nearest folder
// above that is there.
func Existing(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(path)
		up := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || up == path {
			return path, err
		}
		path = up
	}
}
