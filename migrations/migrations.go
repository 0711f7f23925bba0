// Package migrations holds the database's schema as numbered SQL files and
// brings a database to the newest of them. It must never change a file that
// is not lictrail's, or one that a newer build has written.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
)

//go:embed *.sql
var files embed.FS

// ApplicationID marks a SQLite file as lictrail's, in its header: "LicT".
const ApplicationID = 0x4c696354

var (
	// ErrForeign: the file is a database of another program.
	ErrForeign = errors.New("the file is a database of another program")
	// ErrNewer: a newer build has written the file.
	ErrNewer = errors.New("the database was written by a newer build of lictrail")
	// ErrOlder: the file needs a migration and was opened for reading only.
	ErrOlder = errors.New("the database was written by an older build of lictrail")
	// ErrPlanted: the schema is not the one that the migrations make. SQLite runs
	// what stands in a schema; nothing is done with such a file.
	ErrPlanted = errors.New("the database has something that lictrail did not make")
	// ErrEmpty: the file has no schema yet.
	ErrEmpty = errors.New("the database is empty")
)

// Latest is the schema version of this build: the number of its files.
func Latest() int { return len(names()) }

// names returns the SQL files in order; file number n brings a database from
// version n-1 to n.
func names() []string {
	all, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil // the pattern is constant and well-formed
	}
	slices.Sort(all)
	return all
}

// Check reports what stands between the database and this build: nil when it
// is at [Latest], else [ErrForeign], [ErrNewer], [ErrOlder] or [ErrEmpty].
// It writes nothing.
func Check(ctx context.Context, db *sql.DB) error {
	version, err := version(ctx, db)
	switch {
	case err != nil:
		return err
	case version == 0:
		return ErrEmpty
	case version < Latest():
		return ErrOlder
	}
	return planted(ctx, db)
}

// planted compares the schema with what the migrations make, object by object
// and as text. SQLite runs what a schema contains: triggers and views, but also
// generated columns, CHECK constraints, defaults and indexes on expressions. Only
// the tables that ANALYZE makes may stand beside ours
// (https://www.sqlite.org/fileformat2.html#intschema). What is not there cannot
// run; verify finds that.
func planted(ctx context.Context, db *sql.DB) error {
	have, err := objects(ctx, db)
	if err != nil || len(have) == 0 {
		return err
	}
	ours, err := made()
	if err != nil {
		return fmt.Errorf("make the schema to compare with: %w", err)
	}
	for _, o := range have {
		if !ours[o] && !slices.Contains(analyzed, o) {
			return fmt.Errorf("%w: %s %q", ErrPlanted, o.kind, o.name)
		}
	}
	return nil
}

// analyzed are the tables of ANALYZE, as SQLite makes them.
var analyzed = []object{
	{"table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"},
	{"table", "sqlite_stat4", "sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"},
}

// object is an entry of the schema: text is its statement, "" where SQLite made it
// by itself.
type object struct{ kind, name, table, text string }

// objects lists what is in a schema.
func objects(ctx context.Context, db *sql.DB) ([]object, error) {
	rows, err := db.QueryContext(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	defer rows.Close()
	var all []object
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.text); err != nil {
			return nil, fmt.Errorf("read the schema: %w", err)
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	return all, nil
}

// made is what any version's schema contains, found by running the files.
var made = sync.OnceValues(func() (map[object]bool, error) {
	db, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	ctx, all := context.Background(), map[object]bool{}
	for version := range Latest() {
		if err := upTo(ctx, db, version+1); err != nil {
			return nil, err
		}
		schema, err := objects(ctx, db)
		if err != nil {
			return nil, err
		}
		for _, o := range schema {
			all[o] = true
		}
	}
	return all, nil
})

// Apply brings the database to [Latest], each file in an immediate transaction
// of its own, so that a crash leaves it at one version or the next. The
// connection must begin transactions as immediate (_txlock=immediate).
func Apply(ctx context.Context, db *sql.DB) error {
	if _, err := version(ctx, db); err != nil {
		return err
	}
	if err := planted(ctx, db); err != nil {
		return err
	}
	return upTo(ctx, db, Latest())
}

// upTo runs the files that the database does not have yet, up to a version.
func upTo(ctx context.Context, db *sql.DB, version int) error {
	for i, name := range names()[:version] {
		if err := step(ctx, db, i+1, name); err != nil {
			return fmt.Errorf("migrate to version %d: %w", i+1, err)
		}
	}
	return nil
}

// step runs one file unless the database has it. The version is read inside
// the transaction: another process may have migrated meanwhile.
func step(ctx context.Context, db *sql.DB, to int, name string) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	restore, err := withoutForeignKeys(ctx, conn)
	if err != nil {
		return err
	}
	defer restore()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; before, the error is already on its way
	current, err := version(ctx, tx)
	if err != nil || current >= to {
		return err
	}
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	header := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", ApplicationID, to)
	if _, err := tx.ExecContext(ctx, header); err != nil {
		return err
	}
	return tx.Commit()
}

// withoutForeignKeys turns foreign keys off on a connection, outside of any
// transaction, where alone that has an effect: a table that others refer to is made
// anew in no other way (https://www.sqlite.org/lang_altertable.html#otheralter).
func withoutForeignKeys(ctx context.Context, conn *sql.Conn) (restore func(), err error) {
	var were int
	if err := conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&were); err != nil {
		return nil, err
	}
	set := func(on int) error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA foreign_keys = %d", on))
		return err
	}
	return func() { _ = set(were) }, set(0)
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version reads the schema version and refuses files that are not for this
// build to touch.
func version(ctx context.Context, q queryer) (int, error) {
	var application, user, objects int
	// One statement: between two, another process may migrate an empty file,
	// which would then seem to be another program's.
	err := q.QueryRowContext(ctx, `
		SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
			(SELECT count(*) FROM sqlite_schema)`).Scan(&application, &user, &objects)
	if err != nil {
		return 0, fmt.Errorf("read the database header: %w", err)
	}
	switch {
	case application == 0 && user == 0 && objects == 0:
		return 0, nil
	case application != ApplicationID:
		return 0, ErrForeign
	case user > Latest():
		return 0, fmt.Errorf("%w: its schema is version %d, this build knows %d", ErrNewer, user, Latest())
	}
	return user, nil
}
