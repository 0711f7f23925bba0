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
	"strings"
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
	// ErrPlanted: the file has a trigger, view or virtual table that no
	// migration made. SQLite would run it; nothing is done with such a file.
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

// planted looks for what would run by itself: everything but plain tables and
// indexes, of which SQLite itself writes the first words, must stand in a
// migration to the letter.
func planted(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `
		SELECT type, name, sql FROM sqlite_schema
		WHERE NOT coalesce(type = 'table' AND sql GLOB 'CREATE TABLE *'
			OR type = 'index' AND (sql IS NULL OR sql GLOB 'CREATE INDEX *' OR sql GLOB 'CREATE UNIQUE INDEX *'), 0)`)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	defer rows.Close()
	ours := allText()
	for rows.Next() {
		var kind, name string
		var text sql.NullString
		if err := rows.Scan(&kind, &name, &text); err != nil {
			return fmt.Errorf("read the schema: %w", err)
		}
		if !text.Valid || !strings.Contains(ours, text.String+";") {
			return fmt.Errorf("%w: %s %q", ErrPlanted, kind, name)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	return nil
}

// allText is all migrations in one.
var allText = sync.OnceValue(func() string {
	var all strings.Builder
	for _, name := range names() {
		text, _ := files.ReadFile(name) // it is embedded
		all.Write(text)
	}
	return all.String()
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
	for i, name := range names() {
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
	tx, err := db.BeginTx(ctx, nil)
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
