// Package gather finds the audit exports in the files, folders and archives that a
// command names. It refuses what it cannot read before anything is imported.
package gather

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/diff/audit/exports"
)

// Exports are the audit exports found so far. Close ends with their files.
type Exports struct {
	*out.Streams               // the standard input, and where files that are passed over are named
	Order        exports.Order // of dates such as 03/04/2026
	Most         int64         // bytes that archives may unpack to, together, and each packed file
	Now          func() time.Time
	Version      string // of this program

	Files  []track.ExportFile
	Passed int // files of folders that were passed over

	unpacked int64 // bytes that the archives have, as they say
	noted    int   // passed over, files without meaning included
	close    []func() error
}

// stdinName is how the standard input is named on the command line, and stdinTitle
// in messages and in the archive.
const (
	stdinName  = "-"
	stdinTitle = "standard input"
)

// Title is how messages call a file that the command line names.
func Title(path string) string {
	if path == stdinName {
		return stdinTitle
	}
	return filepath.Base(path)
}

// Add finds the exports under a name: a file, all files in a folder and below, or the
// standard input. A named file of no known form is refused; one in a folder is named
// in a note and passed over.
func (x *Exports) Add(ctx context.Context, path string) error {
	if path == stdinName {
		return x.stdin(ctx)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return x.folder(ctx, path)
	}
	f, err := x.open(path)
	if err != nil {
		return err
	}
	return x.only(ctx, f, filepath.Base(path), fmt.Sprintf("%q", path))
}

// only adds a file that is refused if any of it is of no known form.
func (x *Exports) only(ctx context.Context, f *os.File, name, title string) error {
	found, unknown, err := x.read(ctx, f, name)
	if err == nil && len(unknown) > 0 {
		err = exit.Usage(fmt.Sprintf("%s: %v", title, unknown[0]), "lictrail audit import --help lists the forms that are known; nothing was imported")
	}
	x.Files = append(x.Files, found...)
	return err
}

// folder adds the files in a folder and below, in the order of their names. Links are
// not followed: they may lead anywhere, and in circles.
func (x *Exports) folder(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return exit.Usage(err.Error(), "make the folder and what is in it readable; nothing was imported")
		case entry.IsDir():
			return ctx.Err()
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			x.notePassed("%q was passed over: it is no ordinary file", name)
			x.Passed++
			return nil
		}
		f, err := x.open(path)
		if err != nil {
			return err
		}
		found, unknown, err := x.read(ctx, f, filepath.ToSlash(name))
		for _, why := range unknown {
			x.notePassed("%q was passed over: %v", name, why)
		}
		if !exports.IsLitter(entry.Name()) {
			x.Passed += len(unknown)
		}
		x.Files = append(x.Files, found...)
		return err
	})
}

// shownPassed is how many files that are passed over are named.
const shownPassed = 20

func (x *Exports) notePassed(format string, args ...any) {
	if x.noted++; x.noted <= shownPassed {
		x.Notef(format, args...)
	}
}

// NoteRest counts the files that were passed over and not named.
func (x *Exports) NoteRest() {
	if more := x.noted - shownPassed; more > 0 {
		x.Notef("%s passed over, for reasons such as these", out.Plural(more, "more file"))
	}
}

// stdin copies the standard input, which can be read once only, to a file.
func (x *Exports) stdin(ctx context.Context) error {
	f, err := os.CreateTemp("", "lictrail-")
	if err != nil {
		return fmt.Errorf("keep the standard input: %w", err)
	}
	if os.Remove(f.Name()) == nil { // the file goes with the process, however that ends
		x.close = append(x.close, f.Close)
	} else {
		x.close = append(x.close, func() error { return os.Remove(f.Name()) }, f.Close)
	}
	done := make(chan error, 1)
	go func() { // a read that waits for input cannot be ended
		_, err := io.Copy(f, x.In)
		done <- err
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		if err != nil {
			return fmt.Errorf("read the standard input: %w", err)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("keep the standard input: %w", err)
	}
	return x.only(ctx, f, stdinTitle, stdinTitle)
}

func (x *Exports) open(path string) (*os.File, error) {
	f, err := input.Open(path, input.Plain)
	if err != nil {
		return nil, exit.Input("", "check the file's name, and who may read it; nothing was imported", err)
	}
	x.close = append(x.close, f.Close)
	return f, nil
}

// Close ends with the files. They were read only.
func (x *Exports) Close() {
	for _, end := range slices.Backward(x.close) {
		end() //nolint:errcheck // nothing was written that is needed
	}
}
