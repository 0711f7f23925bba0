//go:build !windows

package private

import (
	"fmt"
	"os"
)

// Restrict makes a file or a folder its owner's alone.
func Restrict(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.Chmod(path, 0o700)
	}
	return os.Chmod(path, 0o600)
}

// OpenTo says who else may read or write a file; "" where nobody may.
func OpenTo(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return "", err
	}
	return fmt.Sprintf("others: it has mode %04o", info.Mode().Perm()), nil
}

// Command is what a person may type to make a file its owner's alone.
func Command(path string) string { return "chmod 600 " + path }

// Share lets every user of the machine read a file.
func Share(path string) error { return os.Chmod(path, 0o644) }
