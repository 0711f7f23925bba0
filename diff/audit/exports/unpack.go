package exports

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A file of a few megabytes can keep its reader busy for days.
var (
	// ErrBound says that a packed file unpacks to more than it may.
	ErrBound = errors.New("it unpacks to more than it may")
	// ErrBomb says that a packed file is made to unpack to as much as possible.
	ErrBomb = errors.New("it is no ordinary archive")
)

// MaxUnpacked is to how many bytes a file may unpack unless [File.Within] says otherwise.
const MaxUnpacked = 64_000_000_000

const (
	// maxRatio is how much larger than its packed form a file may be. Audit
	// records pack to a tenth or a fiftieth; what packs to a thousandth, which is
	// the most that can be, says the same over and over.
	maxRatio = 200
	// anyRatio is the number of unpacked bytes up to which the ratio does not matter.
	anyRatio = maxRecord
)

// Within returns the file with another bound on what it unpacks to.
func (f File) Within(bytes int64) File {
	f.most = bytes
	return f
}

// bounded reads what is unpacked, up to the bounds.
type bounded struct {
	io.Reader
	packed func() int64 // bytes of the packed form
	most   int64
	n      int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.n += int64(n)
	if why := tooLarge(b.n, b.packed(), b.most); why != nil {
		return n, why
	}
	return n, err
}

// tooLarge judges how much a file unpacks to.
func tooLarge(unpacked, packed, most int64) error {
	switch {
	case unpacked > most:
		return fmt.Errorf("%w, %d bytes", ErrBound, most)
	case unpacked > anyRatio && unpacked/maxRatio > packed:
		return fmt.Errorf("%w: it unpacks to more than %d times its size", ErrBomb, maxRatio)
	}
	return nil
}

// counter counts the bytes that are read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// checkArchive refuses an archive of which members share bytes: a small one can
// then hold any number of large files.
func checkArchive(members []*zip.File) error {
	type place struct {
		from, to int64
		name     string
	}
	var places []place
	for _, m := range members {
		from, err := m.DataOffset()
		if err != nil {
			return fmt.Errorf("%w: read the zip archive: %w", ErrUnknown, err)
		}
		if size := int64(m.CompressedSize64); size > 0 {
			places = append(places, place{from, from + size, m.Name})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return int(min(1, max(-1, a.from-b.from))) })
	for i := 1; i < len(places); i++ {
		if places[i].from < places[i-1].to {
			return fmt.Errorf("%w: its members %q and %q share bytes", ErrBomb, places[i-1].name, places[i].name)
		}
	}
	return nil
}
