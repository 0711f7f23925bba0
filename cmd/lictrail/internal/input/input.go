// Package input opens the files that a command reads. It never waits for a pipe
// or a device, and it refuses a file that somebody else could have written, or
// could read, where that matters.
package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Care says what a file is trusted with.
type Care int

const (
	// Plain is any ordinary file, such as an export to import.
	Plain Care = iota
	// Trusted decides what the program does: nobody else may be able to write it.
	Trusted
	// Secret is a key, a password or a token: others may not read it either. The
	// file's group may, because systemd hands credentials to services that way.
	Secret
)

// Error says why a file is not taken. It does not quote the file's content.
type Error struct {
	Path string
	Why  string
	Hint string // "" where the reason is all that there is to say
	Err  error  // the system's error, or ErrNotFile or ErrUnsafe
}

func (e *Error) Error() string { return fmt.Sprintf("%q %s", e.Path, e.Why) }

func (e *Error) Unwrap() error { return e.Err }

// Advice is what can be done about it.
func (e *Error) Advice() string { return e.Hint }

// Kinds of refusals, beside the system's errors.
var (
	ErrNotFile = errors.New("no ordinary file")
	ErrUnsafe  = errors.New("open to others")
	ErrTooLong = errors.New("too long")
)

// Open opens a file for reading. Opening a named pipe waits for a writer, and
// opening a device may act on it, so the file is looked at before and after.
func Open(path string, care Care) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if err := ordinary(path, info); err != nil {
		return nil, err
	}
	f, err := openFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if err := check(f, path, care); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// check judges the file that was opened, not the one that its name leads to now.
func check(f *os.File, path string, care Care) error {
	info, err := f.Stat()
	if err != nil {
		return unreadable(path, err)
	}
	if err := ordinary(path, info); err != nil {
		return err
	}
	if care == Plain {
		return nil
	}
	return guard(f, path, info, care)
}

// Read reads a file of at most limit bytes.
func Read(path string, care Care, limit int64) ([]byte, error) {
	f, err := Open(path, care)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if int64(len(data)) > limit {
		return nil, &Error{Path: path, Why: fmt.Sprintf("is longer than %d bytes", limit), Err: ErrTooLong}
	}
	return data, nil
}

// Describe says whose a file is and who may use it, for people. It fails as
// [Open] would.
func Describe(path string, care Care) (string, error) {
	f, err := Open(path, care)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", unreadable(path, err)
	}
	return describe(info), nil
}

func ordinary(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &Error{Path: path, Why: "is a directory", Hint: "name a file in it", Err: ErrNotFile}
	case !info.Mode().IsRegular():
		return &Error{Path: path, Why: "is not a regular file", Hint: "name an ordinary file, not a pipe, a socket or a device", Err: ErrNotFile}
	}
	return nil
}

// unreadable is an error of the system, whose path the message has already.
func unreadable(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return &Error{Path: path, Why: "cannot be read: " + err.Error(), Err: err}
}

func refusal(path, why, hint string) error {
	return &Error{Path: path, Why: why, Hint: hint, Err: ErrUnsafe}
}
