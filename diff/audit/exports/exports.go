// Package exports reads audit records out of files: exports of the unified log,
// of the Entra ID portal and of Azure Monitor, and what was saved of Graph and of
// the Management Activity API. It recognizes the form of a file by its content, never by
// its name, reads it as a stream, and refuses each bad record alone, with its line.
//
// It knows the forms in which records come. What a record says is for package
// audit. The package does no I/O but reading from what it is given.
package exports

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path"
	"strings"
	"unicode/utf8"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// maxRecord bounds one record, and with it the memory: the longest audit records
// seen have some hundred kilobytes.
const maxRecord = 16 << 20

// ErrUnknown says that a file is no export of audit records in any form that is known.
var ErrUnknown = errors.New("not an export of audit records")

// ErrOrder says that the dates of a file are not in the order that was given.
var ErrOrder = errors.New("its dates contradict their order")

// Record is one record of a file.
type Record struct {
	audit.Glance
	Raw  []byte // the record's JSON, as the file has it or as its columns say
	Line int    // on which it begins, from 1
	// Refused says why the record is of no use; "" when it is. Nothing but Line
	// and When is then set.
	Refused string
	// When bounds the time of a record that is refused; zero where that is not known.
	When snapshot.Window
}

// Time bounds when the record was; zero where that is not known.
func (r *Record) Time() snapshot.Window {
	if r.Refused != "" {
		return r.When
	}
	return r.Glance.Time()
}

// Order is the order of day and month in dates such as 03/04/2026.
type Order string

// Orders of dates.
const (
	UnknownOrder Order = "" // found out from the file's other dates, if one of them leaves no choice
	DMY          Order = "dmy"
	MDY          Order = "mdy"
)

// File is a file, or one of those inside an archive.
type File struct {
	Name string // inside the archive; "" for the file itself
	// Unpacked is how many bytes it has, as the archive says; 0 for the file itself.
	Unpacked int64

	open   func() (io.ReadCloser, error)
	packed int64 // bytes that it has in the archive; 0 for the file itself
	most   int64 // bytes that it may unpack to
}

// Files lists what there is to read in a file: the files inside a zip archive,
// or the file itself, be it compressed by gzip or not.
func Files(r io.ReaderAt, size int64) ([]File, error) {
	magic := make([]byte, 4)
	if n, err := r.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if magic = magic[:n]; string(magic) != "PK\x03\x04" {
		return []File{{most: MaxUnpacked, open: func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(r, 0, size)), nil }}}, nil
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: read the zip archive: %w", ErrUnknown, err)
	}
	if err := checkArchive(archive.File); err != nil {
		return nil, err
	}
	var files []File
	for _, f := range archive.File {
		if f.FileInfo().IsDir() || f.UncompressedSize64 == 0 || isLitter(f.Name) {
			continue
		}
		if f.Name == "[Content_Types].xml" {
			return nil, fmt.Errorf("%w: it is a workbook; save the sheet as CSV UTF-8", ErrUnknown)
		}
		if err := tooLarge(int64(min(f.UncompressedSize64, math.MaxInt64)), int64(f.CompressedSize64), math.MaxInt64); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		files = append(files, File{Name: f.Name, Unpacked: int64(min(f.UncompressedSize64, math.MaxInt64)), open: f.Open, packed: int64(f.CompressedSize64), most: MaxUnpacked})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: the zip archive is empty", ErrUnknown)
	}
	return files, nil
}

// IsLitter reports whether a file is one that operating systems leave in folders
// and archives.
func IsLitter(name string) bool { return isLitter(name) }

// isLitter reports whether a name is that of a file that operating systems leave in archives.
func isLitter(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, ".") || base == "thumbs.db" || base == "desktop.ini"
}

// Records reads the records in the order of the file. An error ends them: the
// file cannot be read on, or, with [ErrUnknown], is of no known form.
func (f File) Records(order Order) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		in, err := f.text()
		if err != nil {
			yield(nil, err)
			return
		}
		defer in.Close()
		read := func(yield func(*Record) bool) error { return readJSON(in, yield) }
		if !in.isJSON() {
			t, err := readHeader(in)
			if err != nil {
				yield(nil, err)
				return
			}
			found, err := f.order()
			if err == nil && order != UnknownOrder && found != UnknownOrder && found != order {
				err = fmt.Errorf("%w: some can only be %s, and are not %s", ErrOrder, found, order)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if t.order = order; order == UnknownOrder {
				t.order = found
			}
			read = t.read
		}
		over := false
		err = read(func(r *Record) bool {
			over = !yield(r, nil)
			return !over
		})
		if err != nil && !over {
			yield(nil, err)
		}
	}
}

// Check reads the beginning of a file, and fails with [ErrUnknown] if it is of no
// known form.
func (f File) Check() error {
	in, err := f.text()
	if err != nil {
		return err
	}
	defer in.Close()
	if in.isJSON() {
		return nil
	}
	_, err = readHeader(in)
	return err
}

// order finds out the order of day and month from the dates of a table: from
// the first that leaves no choice, unless another contradicts it.
func (f File) order() (Order, error) {
	in, err := f.text()
	if err != nil {
		return UnknownOrder, err
	}
	defer in.Close()
	t, err := readHeader(in)
	if err != nil {
		return UnknownOrder, err
	}
	return t.findOrder()
}

// text is the file as UTF-8, uncompressed.
type text struct {
	*bufio.Reader
	closers []io.Closer
}

const bufferSize = 256 << 10

func (f File) text() (*text, error) {
	raw, err := f.open()
	if err != nil {
		return nil, err
	}
	count := &counter{Reader: raw}
	packed := func() int64 { return count.n }
	var in io.Reader = count
	if f.packed > 0 {
		packed = func() int64 { return f.packed }
		in = &bounded{Reader: raw, packed: packed, most: f.most}
	}
	t := &text{bufio.NewReaderSize(in, bufferSize), []io.Closer{raw}}
	if magic, _ := t.Peek(2); string(magic) == "\x1f\x8b" {
		zipped, err := gzip.NewReader(t.Reader)
		if err == nil {
			t.Reader = bufio.NewReaderSize(&bounded{Reader: zipped, packed: packed, most: f.most}, bufferSize)
			t.closers = append(t.closers, zipped)
			_, err = t.Peek(1)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(fmt.Errorf("%w: read gzip: %w", ErrUnknown, err), t.Close())
		}
	}
	if magic, _ := t.Peek(2); string(magic) == "\x1f\x8b" {
		return nil, errors.Join(fmt.Errorf("%w: gzip inside gzip", ErrUnknown), t.Close())
	}
	if magic, _ := t.Peek(4); string(magic) == "PK\x03\x04" {
		return nil, errors.Join(fmt.Errorf("%w: a zip archive inside another", ErrUnknown), t.Close())
	}
	t.Reader = utf8Reader(t.Reader)
	return t, nil
}

func (t *text) Close() error {
	var err error
	for i := len(t.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, t.closers[i].Close())
	}
	return err
}

// isJSON reports whether the text begins as JSON does.
func (t *text) isJSON() bool {
	for n := 64; ; n *= 2 {
		head, err := t.Peek(n)
		rest := bytes.TrimLeft(head, " \t\r\n\x00\x1e")
		if len(rest) > 0 {
			return rest[0] == '{' || rest[0] == '['
		}
		if err != nil {
			return false
		}
	}
}

// found makes a record of JSON, or refuses it.
func found(raw []byte, line int) *Record {
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\ufffd"))
	}
	g, err := audit.Look(raw)
	if err != nil {
		return &Record{Line: line, Refused: whyNot(err), When: g.Time()}
	}
	if g.Inner != nil {
		raw, g.Inner = g.Inner, nil
	}
	return &Record{Glance: g, Raw: raw, Line: line}
}

// whyNot says in words what is wrong with a record's JSON.
func whyNot(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && strings.Contains(err.Error(), "unexpected end") {
		return "the record is cut off"
	}
	return err.Error()
}
