package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// AuditFile is a file of audit records, or one inside an archive.
type AuditFile struct {
	Name       string // without the folder
	Member     string // its name inside the archive, "" when it is in none
	SHA256     string // of the file's bytes, in hex
	ImportedAt time.Time
	Version    string // of the program
}

// Archival says what became of a record that was to be archived.
type Archival int

const (
	ArchivedNew    Archival = iota // it is in the archive now
	KnownBefore                    // it was in the archive before
	Repeated                       // it came before in the same import
	ArchivedFuller                 // it says more than the copies that are there, and is kept beside them
)

// Archive adds audit records, all or none.
type Archive struct {
	w     *writer
	done  func(commit bool) error
	dry   bool
	wrote bool  // something
	mark  int64 // the newest event before the import
	more  Fuller
	file  *AuditFile
	row   int64 // of the file, 0 while no record of it was taken
}

// Archive begins to add records. A dry run finds out what would become of
// each, on a history that may be open for reading only.
func (db *DB) Archive(ctx context.Context, dry bool, fuller Fuller) (*Archive, error) {
	a := &Archive{dry: dry, more: fuller}
	var err error
	if dry {
		err = a.beginDry(ctx, db)
	} else {
		err = a.beginSealed(ctx, db)
	}
	if err != nil {
		return nil, fmt.Errorf("archive audit records: %w", engine.Classify(err))
	}
	if err := a.begin(); err != nil {
		return nil, fmt.Errorf("archive audit records: %w", engine.Classify(errors.Join(err, a.done(false))))
	}
	return a, nil
}

func (a *Archive) beginSealed(ctx context.Context, db *DB) error {
	t, err := ledger.Begin(ctx, db.sql)
	if err != nil {
		return err
	}
	a.w, a.done = newWriter(ctx, t.Tx, 0), func(commit bool) error {
		if commit && a.wrote {
			return t.Finish(&ledger.Entry{Kind: ledger.KindArchive})
		}
		return t.Rollback()
	}
	return nil
}

func (a *Archive) beginDry(ctx context.Context, db *DB) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	a.w, a.done = newWriter(ctx, tx, 0), func(bool) error { return errors.Join(tx.Rollback(), conn.Close()) }
	return nil
}

func (a *Archive) begin() error {
	if a.dry {
		// What was seen is kept beside the history, and is gone with the connection.
		_, err := a.w.tx.ExecContext(a.w.ctx, "CREATE TEMP TABLE seen (source TEXT, event_id TEXT, raw TEXT, PRIMARY KEY (source, event_id)) WITHOUT ROWID")
		return err
	}
	return a.w.QueryRow("SELECT coalesce(max(id), 0) FROM event", []any{&a.mark})
}

// From says from which file the next records are.
func (a *Archive) From(f *AuditFile) { a.file, a.row = f, 0 }

// Add takes a record of the file.
func (a *Archive) Add(e *snapshot.RawEvent, line int) (Archival, error) {
	if err := a.w.ended(); err != nil {
		return 0, err
	}
	took, err := a.add(e, line)
	if err != nil {
		return 0, fmt.Errorf("archive audit record %q: %w", e.ID, engine.Classify(err))
	}
	return took, nil
}

func (a *Archive) add(e *snapshot.RawEvent, line int) (Archival, error) {
	if a.dry {
		return a.see(e)
	}
	took, first, err := a.w.event(e, a.more, func() (origin, error) {
		a.wrote = true
		err := a.fileRow()
		return origin{file: a.row, line: line}, err
	})
	if took == KnownBefore && first > a.mark {
		took = Repeated
	}
	return took, err
}

// see finds out what would become of a record.
func (a *Archive) see(e *snapshot.RawEvent) (Archival, error) {
	old := snapshot.RawEvent{Source: e.Source, ID: e.ID}
	err := a.w.QueryRow("SELECT raw FROM temp.seen WHERE source = ? AND event_id = ?", []any{&old.Raw}, string(e.Source), e.ID)
	took := Repeated
	switch {
	case errors.Is(err, sql.ErrNoRows):
		took, _, _, err = a.w.judge(e, a.more)
	case err == nil && a.more != nil && a.more(e, &old):
		took = ArchivedFuller
	}
	if err == nil && (took == ArchivedNew || took == ArchivedFuller) {
		_, err = a.w.Exec("INSERT INTO temp.seen VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET raw = ?3", string(e.Source), e.ID, string(e.Raw))
	}
	return took, err
}

// fileRow finds the file's row, and makes it for the first record taken.
func (a *Archive) fileRow() error {
	if a.row != 0 {
		return nil
	}
	f := a.file
	err := a.w.QueryRow("SELECT id FROM audit_file WHERE sha256 = ? AND member = ?", []any{&a.row}, f.SHA256, f.Member)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	result, err := a.w.Exec("INSERT INTO audit_file (sha256, member, name, imported_at, version) VALUES (?, ?, ?, ?, ?)",
		f.SHA256, f.Member, f.Name, f.ImportedAt.UnixMilli(), f.Version)
	if err == nil {
		a.row, err = result.LastInsertId()
	}
	return err
}

// Cover records a stretch of time that the file is about, once.
func (a *Archive) Cover(c snapshot.Coverage) error {
	if a.dry {
		return nil
	}
	if err := a.fileRow(); err != nil {
		return fmt.Errorf("record what a file covers: %w", engine.Classify(err))
	}
	a.wrote = true
	_, err := a.w.Exec(`INSERT INTO coverage (source, from_at, to_at, complete, events, why, file_id)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM coverage
			WHERE source = ?1 AND from_at = ?2 AND to_at = ?3 AND complete = ?4 AND file_id = ?7)`,
		string(c.Source), c.From.UnixMilli(), c.To.UnixMilli(), c.Complete, c.Events, c.Why, a.row)
	if err != nil {
		return fmt.Errorf("record what a file covers: %w", engine.Classify(err))
	}
	return nil
}

// Commit keeps what was taken.
func (a *Archive) Commit() error { return a.end(true) }

// Close forgets what was taken, unless it was committed.
func (a *Archive) Close() error { return a.end(false) }

func (a *Archive) end(commit bool) error {
	if a.done == nil {
		return nil
	}
	err := a.w.ended()
	err = errors.Join(err, a.done(commit && err == nil))
	a.done = nil
	if commit && err != nil {
		return fmt.Errorf("archive audit records: %w", engine.Classify(err))
	}
	return nil
}

// Conclusions are what archived records show of the past, all of it or none.
type Conclusions struct {
	w    *writer
	done func(commit bool) error
}

// Conclude begins to write conclusions. They count as found by the newest run.
func (db *DB) Conclude(ctx context.Context) (*Conclusions, error) {
	t, err := ledger.Begin(ctx, db.sql)
	if err != nil {
		return nil, fmt.Errorf("write conclusions: %w", err)
	}
	newest, err := newestComplete(ctx, t.Tx)
	if err == nil && newest == nil {
		err = ErrNoRun
	}
	if err != nil {
		return nil, errors.Join(err, t.Rollback())
	}
	return &Conclusions{w: newWriter(ctx, t.Tx, int64(newest.ID)), done: func(commit bool) error {
		if commit {
			return t.Finish(&ledger.Entry{Kind: ledger.KindEvidence})
		}
		return t.Rollback()
	}}, nil
}

// Evidence adds evidence of the time before the first run about a user, and
// returns how much of it is new. A user whom history does not know is left out.
func (c *Conclusions) Evidence(id snapshot.UserID, found []snapshot.FirstEvidence) (added int, err error) {
	if added, err = c.w.userEvidence(id, found); err != nil {
		return 0, fmt.Errorf("record evidence on user %s: %w", id, engine.Classify(err))
	}
	return added, nil
}

// Changes adds changes that only the log saw.
func (c *Conclusions) Changes(found []Attributed) error {
	if _, err := c.w.changes(Given(found)); err != nil {
		return fmt.Errorf("record changes: %w", engine.Classify(err))
	}
	return nil
}

// Corrections adds better words on changes; the earlier ones stay.
func (c *Conclusions) Corrections(found []Correction) error {
	if err := c.w.corrections(found); err != nil {
		return fmt.Errorf("record corrections: %w", engine.Classify(err))
	}
	return nil
}

// Commit keeps the conclusions.
func (c *Conclusions) Commit() error {
	err := c.w.ended()
	if err = errors.Join(err, c.done(err == nil)); err != nil {
		return fmt.Errorf("write conclusions: %w", engine.Classify(err))
	}
	c.done = func(bool) error { return nil }
	return nil
}

// Close forgets the conclusions, unless they were committed.
func (c *Conclusions) Close() error { return c.done(false) }

// Title is how people call the file.
func (f *AuditFile) Title() string {
	if f.Member == "" {
		return f.Name
	}
	return f.Name + ": " + f.Member
}
