package ask

import (
	"errors"

	"lictrail/snapshot/store"
)

// Forget leaves no row kept, as if there were many.
func (r *Reclaimed) Forget() { r.rows, r.many = nil, true }

// ReadRecordsUpTo has a name be looked for in so many records at most, if anybody else has
// it, until undo is called.
func ReadRecordsUpTo(n int64) (undo func()) {
	before := manyRecords
	manyRecords = n
	return func() { manyRecords = before }
}

// HasReadArchive reports whether all stored records were read.
func HasReadArchive(b *Book) bool {
	read := true
	_, _ = store.Once(b.History, "archive", func() (*archive, error) {
		read = false
		return nil, errors.New("not read")
	})
	return read
}
