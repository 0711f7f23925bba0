package gather

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/diff/audit/exports"
	"lictrail/snapshot/store"
)

// read lists the exports in a file, and why other parts of it are none.
func (x *Exports) read(ctx context.Context, f *os.File, name string) (files []track.ExportFile, unknown []error, err error) {
	hash := sha256.New()
	size, err := io.Copy(hash, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return f.Read(p)
	}))
	if err != nil && ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if err != nil {
		return nil, nil, exit.Usage(fmt.Sprintf("read %q: %v", name, err), "name a file of audit records, or a folder of them")
	}
	found, err := exports.Files(readerAtFunc(func(p []byte, at int64) (int, error) {
		if err := ctx.Err(); err != nil { // a file of blanks has no record after which to look
			return 0, err
		}
		return f.ReadAt(p, at)
	}), size)
	for i, member := range found {
		if x.unpacked += member.Unpacked; x.unpacked < 0 || x.unpacked > x.Most {
			err = fmt.Errorf("%w, %d bytes with what comes before", exports.ErrBound, x.Most)
		}
		found[i] = member.Within(x.Most)
	}
	if refused := refusedArchive(inFile(name, err)); refused != nil {
		return nil, nil, refused
	}
	if err != nil {
		return nil, []error{err}, ctx.Err()
	}
	for _, member := range found {
		err := member.Check()
		if refused := refusedArchive(inFile(name, err)); refused != nil {
			return nil, nil, refused
		}
		if err != nil && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			unknown = append(unknown, inMember(member.Name, err))
			continue
		}
		files = append(files, track.ExportFile{Records: member.Records(x.Order), AuditFile: store.AuditFile{
			Name: name, Member: member.Name, SHA256: hex.EncodeToString(hash.Sum(nil)), ImportedAt: x.Now(), Version: x.Version}})
	}
	return files, unknown, nil
}

// inFile says of which file an error is.
func inFile(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", name, err)
}

// inMember says of which file of an archive an error is.
func inMember(member string, err error) error {
	if member == "" {
		return err
	}
	return fmt.Errorf("%s: %w", member, err)
}

// refusedArchive says what to do about a file that unpacks to too much; nil for any
// other error.
func refusedArchive(err error) error {
	switch {
	case errors.Is(err, exports.ErrBound):
		return exit.Usage(err.Error(), "--max-unpacked SIZE allows more; nothing was imported")
	case errors.Is(err, exports.ErrBomb):
		return exit.Usage(err.Error(), "if you trust where it is from, unpack it and import the files; nothing was imported")
	}
	return nil
}

// Explain says what to do about a file that could not be read to its end: nothing of
// it was imported.
func Explain(err error) error {
	if refused := refusedArchive(err); refused != nil {
		return refused
	}
	if errors.Is(err, exports.ErrOrder) {
		return exit.Usage(err.Error(), "name the other order with --date-order, or leave it away; nothing was imported")
	}
	if errors.Is(err, track.ErrFile) {
		return exit.Usage(err.Error(), "the file is damaged or no export; nothing was imported")
	}
	return err
}

type readerAtFunc func(p []byte, at int64) (int, error)

func (f readerAtFunc) ReadAt(p []byte, at int64) (int, error) { return f(p, at) }

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
