//go:build unix

package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// acquire opens and locks a file. Who lets go of a lock removes its file, so that
// the file is looked at again once it is locked: it may be gone by then.
func acquire(name string) (*os.File, error) {
	for range maxTries {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if errors.Is(err, syscall.ELOOP) {
			return nil, linked(name)
		}
		if err != nil {
			return nil, err
		}
		if err := ordinary(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if err := flock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		same, err := stillThere(f)
		if same {
			return f, nil
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s is another file each time it is looked at", name)
}

// maxTries is far more often than others can have let go meanwhile.
const maxTries = 1000

// stillThere reports whether a file is the one that its name leads to.
func stillThere(f *os.File) (bool, error) {
	locked, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(locked, there), err
}

// ordinary refuses what is no file, and a file that has another name besides: what
// it holds is then somebody else's, and would be written over.
func ordinary(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.Name())
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && sys.Nlink > 1 {
		return linked(f.Name())
	}
	return nil
}

func linked(name string) error { return fmt.Errorf("%s is a link to another file", name) }

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrHeld
		case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK):
			return errNone
		case err != nil:
			return fmt.Errorf("flock: %w", err)
		}
		return nil
	}
}

// letGo removes the file while it is still locked. What goes wrong is left to the
// next run, which finds a file that nobody holds.
func letGo(f *os.File) {
	os.Remove(f.Name())
	f.Close()
}
