package snapshot

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
