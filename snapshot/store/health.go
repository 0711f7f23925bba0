package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Health is what a short look at a history shows. [DB.Verify] looks at everything.
type Health struct {
	Findings []string  // what SQLite's quick check has found; none when all is well
	Head     string    // at the end of the chain; "" while there is no seal
	Sealed   time.Time // when the newest seal was made
	Seals    int64
}

// Health looks at the structure of the file and at the end of the chain, as a
// run does before it writes. It writes nothing. A history that a run would refuse
// to go on with is [ErrDamaged].
func (db *DB) Health(ctx context.Context) (h Health, err error) {
	tx, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return h, fmt.Errorf("look at the database: %w", classify(err))
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	err = eachRow(ctx, tx, fmt.Sprintf("PRAGMA quick_check(%d)", maxFindings), nil, func(values []any) error {
		if word, _ := values[0].(string); word != "ok" {
			h.Findings = append(h.Findings, word)
		}
		return nil
	})
	if err != nil {
		return h, fmt.Errorf("look at the database: %w", classify(err))
	}
	last, err := lastSeal(ctx, tx)
	if err != nil {
		return h, err
	}
	h.Head, h.Sealed, h.Seals = last.Head, last.At, last.ID
	all, err := layouts(ctx, tx)
	if err == nil {
		err = last.mustReach(ctx, tx, all)
	}
	return h, classify(err)
}

// SQLiteVersion is the version of SQLite that this build runs.
func SQLiteVersion(ctx context.Context) (version string, err error) {
	db, err := sql.Open("sqlite", "file::memory:")
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version)
	return version, errors.Join(err, db.Close())
}
