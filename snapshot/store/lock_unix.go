//go:build linux || darwin || freebsd || netbsd || openbsd

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// walWriteLock is the byte of the file -shm that whoever writes to the database
// has locked: sqlite.org/walformat.html, 2.3.
const walWriteLock = 120

// Writing reports whether another process is writing to the history. It asks the
// system, and locks nothing; the history must not be open in this process, since
// closing a file would end all locks that the process has on it. known is false
// on systems that cannot be asked.
func Writing(path string) (writing, known bool, err error) {
	info, err := os.Lstat(path + "-shm")
	if errors.Is(err, fs.ErrNotExist) {
		return false, true, nil // nobody has it open
	}
	if err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		err = fmt.Errorf("%q: %w", path+"-shm", ErrNotPlainFile)
	}
	if err != nil {
		return false, false, fmt.Errorf("look for locks: %w", err)
	}
	f, err := os.OpenFile(path+"-shm", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, false, fmt.Errorf("look for locks: %w", err)
	}
	defer f.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: 0, Start: walWriteLock, Len: 1}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock); err != nil {
		return false, false, nil // a file system without locks
	}
	return lock.Type != syscall.F_UNLCK, true, nil
}
