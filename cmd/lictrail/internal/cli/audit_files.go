package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/diff/audit/exports"
	"lictrail/snapshot/store"
)

// exportInput is what there is to read of the files that a command names: each
// file, all files in a folder and below, or the standard input.
type exportInput struct {
	*env
	order    exports.Order
	most     int64 // bytes that archives may unpack to, together, and each packed file
	unpacked int64 // that the archives have, as they say
	passed   int   // files of folders that were passed over
	noted    int   // of those, and of litter
	files    []tracker.ExportFile
	close    []func() error
}

// stdinName is how the standard input is named on the command line, and stdinTitle
// in what is told and kept.
const (
	stdinName  = "-"
	stdinTitle = "standard input"
)

// titleOf is how a name of the command line is told.
func titleOf(path string) string {
	if path == stdinName {
		return stdinTitle
	}
	return filepath.Base(path)
}

// add finds what there is to read under a name. Nothing is taken while a file that
// is named is of no known form; of a folder's files such are told and passed over.
func (in *exportInput) add(ctx context.Context, path string) error {
	if path == stdinName {
		return in.stdin(ctx)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return in.folder(ctx, path)
	}
	return in.named(ctx, path)
}

func (in *exportInput) named(ctx context.Context, path string) error {
	f, err := in.open(path)
	if err != nil {
		return err
	}
	found, unknown, err := in.read(ctx, f, filepath.Base(path))
	if err == nil && len(unknown) > 0 {
		err = usage(fmt.Sprintf("%q: %v", path, unknown[0]), "lictrail audit import --help tells what is known; nothing was imported")
	}
	in.files = append(in.files, found...)
	return err
}

// folder adds the files in a folder and below, in the order of their names.
// Links are not followed: they may lead anywhere, and round in circles.
func (in *exportInput) folder(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return usage(err.Error(), "make the folder and what is in it readable; nothing was imported")
		case entry.IsDir():
			return ctx.Err()
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			in.notePassed("%q was passed over: it is no ordinary file", name)
			in.passed++
			return nil
		}
		f, err := in.open(path)
		if err != nil {
			return err
		}
		found, unknown, err := in.read(ctx, f, filepath.ToSlash(name))
		for _, why := range unknown {
			in.notePassed("%q was passed over: %v", name, why)
		}
		if !exports.IsLitter(entry.Name()) {
			in.passed += len(unknown)
		}
		in.files = append(in.files, found...)
		return err
	})
}

// shownPassed is how many files that are passed over are named.
const shownPassed = 20

// notePassed names a file that is passed over, unless many were.
func (in *exportInput) notePassed(format string, args ...any) {
	if in.noted++; in.noted <= shownPassed {
		in.Notef(format, args...)
	}
}

// stdin takes the standard input, which can be read once only, by way of a file.
func (in *exportInput) stdin(ctx context.Context) error {
	f, err := os.CreateTemp("", "lictrail-")
	if err != nil {
		return fmt.Errorf("keep the standard input: %w", err)
	}
	if os.Remove(f.Name()) == nil { // it goes with the process, however that ends
		in.close = append(in.close, f.Close)
	} else {
		in.close = append(in.close, func() error { return os.Remove(f.Name()) }, f.Close)
	}
	done := make(chan error, 1)
	go func() { // a read that waits for input cannot be ended
		_, err := io.Copy(f, in.In)
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
	found, unknown, err := in.read(ctx, f, stdinTitle)
	if err == nil && len(unknown) > 0 {
		err = usage(stdinTitle+": "+unknown[0].Error(), "lictrail audit import --help tells what is known; nothing was imported")
	}
	in.files = append(in.files, found...)
	return err
}

func (in *exportInput) open(path string) (*os.File, error) {
	f, err := openInput("", path, input.Plain, "check the file's name, and who may read it; nothing was imported")
	if err != nil {
		return nil, err
	}
	in.close = append(in.close, f.Close)
	return f, nil
}

// Close ends with the files. They were read only.
func (in *exportInput) Close() {
	for _, end := range slices.Backward(in.close) {
		end() //nolint:errcheck // nothing was written that is needed
	}
}

// read lists what there is to read in a file, and why not.
func (in *exportInput) read(ctx context.Context, f *os.File, name string) (files []tracker.ExportFile, unknown []error, err error) {
	hash := sha256.New()
	size, err := io.Copy(hash, readerFunc(func(p []byte) (int, error) { return readUnless(ctx, f, p) }))
	if err != nil && ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if err != nil {
		return nil, nil, usage(fmt.Sprintf("read %q: %v", name, err), "name a file of audit records, or a folder of them")
	}
	found, err := exports.Files(readerAtFunc(func(p []byte, at int64) (int, error) {
		if err := ctx.Err(); err != nil { // a file of blanks has no record after which to look
			return 0, err
		}
		return f.ReadAt(p, at)
	}), size)
	for i, x := range found {
		if in.unpacked += x.Unpacked; in.unpacked < 0 || in.unpacked > in.most {
			err = fmt.Errorf("%w, %d bytes with what comes before", exports.ErrBound, in.most)
		}
		found[i] = x.Within(in.most)
	}
	if refused := refusedArchive(ofFile(name, err)); refused != nil {
		return nil, nil, refused
	}
	if err != nil {
		return nil, []error{err}, ctx.Err()
	}
	for _, x := range found {
		err := x.Check()
		if refused := refusedArchive(ofFile(name, err)); refused != nil {
			return nil, nil, refused
		}
		if err != nil && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			unknown = append(unknown, fmt.Errorf("%s%w", prefixed(x.Name), err))
			continue
		}
		files = append(files, tracker.ExportFile{Records: x.Records(in.order), AuditFile: store.AuditFile{
			Name: name, Member: x.Name, SHA256: hex.EncodeToString(hash.Sum(nil)), ImportedAt: in.now(), Version: version()}})
	}
	return files, unknown, nil
}

func prefixed(member string) string {
	if member == "" {
		return ""
	}
	return member + ": "
}

// refusedArchive says what to do about a file that unpacks to too much; nil for
// any other error.
func refusedArchive(err error) error {
	switch {
	case errors.Is(err, exports.ErrBound):
		return usage(err.Error(), "--max-unpacked SIZE allows more; nothing was imported")
	case errors.Is(err, exports.ErrBomb):
		return usage(err.Error(), "if you trust where it is from, unpack it and import the files; nothing was imported")
	}
	return nil
}

// ofFile says of which file an error is.
func ofFile(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", name, err)
}

type readerAtFunc func(p []byte, at int64) (int, error)

func (f readerAtFunc) ReadAt(p []byte, at int64) (int, error) { return f(p, at) }

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func readUnless(ctx context.Context, r io.Reader, p []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return r.Read(p)
}

// partly says how much of what an import was given was refused.
func partly(refused, all int64, thing string) error {
	return fmt.Errorf("%w: refused %d of %s", errRefused, refused, show.Plural(all, thing))
}
