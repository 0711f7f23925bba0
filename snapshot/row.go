package snapshot

import (
	"context"
	"time"
)

// UserRow is a user as one row of a read showed it.
type UserRow struct {
	User
	// LicensesAbsent: the row had no assignedLicenses, or null. The user may hold
	// licenses all the same, so a snapshot must not be made of this.
	LicensesAbsent bool
	// LicensesEmpty: assignedLicenses was there and listed nothing, whatever the
	// state rows say.
	LicensesEmpty bool
	// Print is of the row's bytes; zero where rows are not digested.
	Print RowPrint
	// Unchanged: the row is the known one, byte by byte, and was not decoded. The
	// user has nothing but an id.
	Unchanged bool
}

// KnownRows is how rows of users are recognized that came before, byte by byte. Its
// zero value recognizes none.
type KnownRows struct {
	// Key is that of the digests of rows that are written and read in a form: a
	// digest under another key fits no row.
	Key func(form string) ([16]byte, error)
	// Print is what is known of a user's row. It is called while a page is read, from
	// another goroutine than the rows are handed over in.
	Print func(id [16]byte) (RowPrint, bool)
	// Complete judges whether the users whose rows were handed over, in partitions, can
	// be all. After an error they are read again, in one pass. nil: no user is known.
	Complete func(context.Context) error
}

// PagesRead is how a read of pages went. All but Requests and Restarts are about the
// last enumeration.
type PagesRead struct {
	Pages         int
	Requests      int // repeats included
	Rows          int // handed over
	Duplicates    int // rows that an earlier page had: users move while we read
	Restarts      int
	ObservedAt    time.Time // the service's clock when it gave the first page, UTC; ours when it does not say
	ObservedUntil time.Time // when it gave the last page
	Warnings      []Warning
}
