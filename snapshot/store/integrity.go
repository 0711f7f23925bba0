package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// Forget erases a person from every row, and from every page of the file: who
// they were, how they were called, and every stored event that names them. What
// a user held and when stays, as that of nobody in particular, so that counts
// stay true. row is that of the user, 0 for somebody who is none: an actor, or
// somebody of the archive, whom called names. At the end every value is searched,
// and nothing is erased if one still names the person.
func (db *DB) Forget(ctx context.Context, row int64, called ...ledger.Called) (*ledger.Erased, error) {
	return ledger.Forget(ctx, db.sql, row, called...)
}

// Forgettable counts what Forget would erase, by table, and erases nothing.
func (db *DB) Forgettable(ctx context.Context, row int64, called ...ledger.Called) (erased *ledger.Erased, err error) {
	err = db.reading(ctx, func(tx *sql.Tx) error {
		erased, err = ledger.Forgettable(ctx, tx, row, called...)
		return err
	})
	return erased, err
}

// Prune erases what old rows of evidence say: of events, and of whatever else
// is declared to be prunable. What was concluded from them stays.
func (db *DB) Prune(ctx context.Context, before time.Time) (*ledger.Erased, error) {
	return ledger.Prune(ctx, db.sql, before)
}

// Prunable counts what Prune would erase, by table.
func (h *History) Prunable(ctx context.Context, before time.Time) (map[string]int64, error) {
	return ledger.Prunable(ctx, h.tx, before)
}

// Verify checks that the history is what lictrail wrote: the file, the chain of
// seals and every row that they cover. apply makes the schema as it should be.
// With a head that was kept elsewhere, a history that was cut short or made
// anew is found too. It reads the database as a stream, and writes nothing.
func (db *DB) Verify(ctx context.Context, apply Schema, head string) (v *ledger.Verification, err error) {
	err = db.reading(ctx, func(tx *sql.Tx) error {
		v, err = ledger.Verify(ctx, tx, apply, head)
		return err
	})
	return v, err
}

// Health looks at the structure of the file and at the end of the chain, as a
// run does before it writes. It writes nothing. A history that a run would refuse
// to go on with is [ErrDamaged].
func (db *DB) Health(ctx context.Context) (h ledger.Health, err error) {
	err = db.reading(ctx, func(tx *sql.Tx) error {
		h, err = ledger.Look(ctx, tx)
		return err
	})
	return h, err
}

// reading runs a transaction that reads.
func (db *DB) reading(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read the database: %w", engine.Classify(err))
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return do(tx)
}
