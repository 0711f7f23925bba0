package out

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"lictrail/internal/private"
)

// File is a report on its way to --output. It is written beside its place under
// another name and takes the place only when it is whole, so a reader finds the
// old report or the new one and never half of either.
type File struct {
	path string
	temp *os.File
	w    *bufio.Writer
	ops  fileOps
	done bool
}

// fileOps are the calls that tests make fail.
type fileOps struct {
	write   func(f *os.File, p []byte) (int, error)
	sync    func(f *os.File) error
	rename  func(from, to string) error
	syncDir func(dir string) error
}

func realFileOps() fileOps {
	return fileOps{write: (*os.File).Write, sync: (*os.File).Sync, rename: os.Rename, syncDir: syncDir}
}

// CreateFile begins a report that only its owner may read. It refuses a place
// where something else is than a file of the user's own: a link, a directory, a
// pipe, a device.
func CreateFile(path string) (*File, error) { return createFile(path, realFileOps()) }

func createFile(path string, ops fileOps) (*File, error) {
	f, err := newFile(path, ops)
	if err != nil {
		return nil, err
	}
	if err := private.Restrict(f.temp.Name()); err != nil { // reports name people
		f.Discard()
		return nil, f.failed(err)
	}
	return f, nil
}

func newFile(path string, ops fileOps) (*File, error) {
	if err := checkPlace(path); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, ".lictrail-*.tmp")
	if err != nil {
		return nil, &Error{Code: 1, Message: fmt.Sprintf("write %q: %s", path, reason(err)), Err: err,
			Hint: fmt.Sprintf("make a directory of %q that you may write to, or choose another", dir)}
	}
	f := &File{path: path, temp: temp, ops: ops}
	f.w = bufio.NewWriter(writerFunc(func(p []byte) (int, error) { return ops.write(temp, p) }))
	return f, nil
}

// TryFile returns what [CreateFile] would say of a path, and leaves nothing there.
func TryFile(path string) error {
	f, err := CreateFile(path)
	if err != nil {
		return err
	}
	f.Discard()
	return nil
}

// SyncDir makes the names in a directory safe from a power cut, where the file
// system can do that.
func SyncDir(dir string) error { return syncDir(dir) }

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// checkPlace refuses what a report must not replace.
func checkPlace(path string) error {
	refuse := func(what, hint string) error {
		return &Error{Code: 2, Message: fmt.Sprintf("%q %s", path, what), Hint: hint}
	}
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return refuse("names no file", "give the name of a file")
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &Error{Code: 1, Message: fmt.Sprintf("write %q: %s", path, reason(err)), Err: err}
	case info.Mode()&fs.ModeSymlink != 0:
		return refuse("is a symbolic link", "name the file it points to")
	case info.IsDir():
		return refuse("is a directory", "name a file in it")
	case !info.Mode().IsRegular():
		return refuse("is not a regular file", "name a file")
	case !ownFile(info):
		return refuse("belongs to another user", "choose another name")
	}
	return nil
}

// reason returns the error without the path, which the message has already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	var linkErr *os.LinkError
	if errors.As(err, &linkErr) {
		return linkErr.Err
	}
	return err
}

// Write adds to the report.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		err = f.failed(err)
	}
	return n, err
}

// Commit puts the report in its place, safe from a power cut. When it fails the
// old file stays and nothing is left behind; only where the directory could not
// be made durable is the new one in place already.
func (f *File) Commit() error {
	defer f.Discard()
	if err := f.w.Flush(); err != nil {
		return f.failed(err)
	}
	if err := f.ops.sync(f.temp); err != nil {
		return f.failed(err)
	}
	if err := f.temp.Close(); err != nil {
		return f.failed(err)
	}
	if err := f.ops.rename(f.temp.Name(), f.path); err != nil {
		return f.failed(err)
	}
	f.done = true
	if err := f.ops.syncDir(filepath.Dir(f.path)); err != nil {
		return f.failed(err)
	}
	return nil
}

// Discard gives the report up and leaves nothing behind. After Commit it does
// nothing, so it may be deferred.
func (f *File) Discard() {
	if f.done {
		return
	}
	f.done = true
	f.temp.Close()
	os.Remove(f.temp.Name())
}

func (f *File) failed(err error) error {
	return &Error{Code: 1, Message: fmt.Sprintf("write %q: %s", f.path, reason(err)), Err: err}
}

// WriteFile writes a report to the path by way of a [File]. When fill fails, or
// panics, the old file stays and nothing is left behind.
func WriteFile(path string, fill func(w io.Writer) error) error {
	f, err := CreateFile(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := fill(f); err != nil {
		return err
	}
	return f.Commit()
}

// WriteShared is [WriteFile] for a file that every user of the machine may read.
func WriteShared(path string, fill func(w io.Writer) error) error {
	f, err := CreateFile(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := fill(f); err != nil {
		return err
	}
	if err := private.Share(f.temp.Name()); err != nil {
		return f.failed(err)
	}
	return f.Commit()
}

// ReplaceFile replaces a file that is there in one piece and leaves it to those who
// may read it, such as the account of a service: on Unix by its mode, on Windows by
// what its folder grants. One that is not there becomes its owner's alone.
func ReplaceFile(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return WriteFile(path, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	f, err := newFile(path, realFileOps())
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := os.Chmod(f.temp.Name(), info.Mode().Perm()); err != nil {
		return f.failed(err)
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}
