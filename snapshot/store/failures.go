package store

import "errors"

var (
	// ErrNoDatabase: there is no file, and reading commands do not create one.
	ErrNoDatabase = errors.New("there is no database")
	// ErrNotPlainFile: a link, folder or device stands where the file should be.
	ErrNotPlainFile = errors.New("not an ordinary file")
	// ErrNotPrivate: others than the owner may read or write the file.
	ErrNotPrivate = errors.New("others may read the database, which holds names and what people use")
	// ErrNotOwner: the file belongs to somebody else.
	ErrNotOwner = errors.New("the database belongs to somebody else")
	// ErrNotSQLite: the file does not begin as a SQLite database does. It is damaged
	// (ErrDamaged) or, more likely, never was one.
	ErrNotSQLite = errors.New("the file is no SQLite database")
	// ErrOtherTenant: the history is about another tenant (I9).
	ErrOtherTenant = errors.New("the database is for another tenant")
	// ErrOvertaken: another run was committed while this one was reading.
	ErrOvertaken = errors.New("another run was committed meanwhile")
	// ErrNoRun: there is no complete run to answer from.
	ErrNoRun = errors.New("the history has no complete run yet")
)
