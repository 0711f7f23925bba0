package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// ImportFile is a file of earlier records.
type ImportFile struct {
	Name       string // without the folder
	SHA256     string // of its bytes, in hex
	ImportedAt time.Time
	Version    string // of the program
}

// Import takes the records of a file, all or none, and returns how many were
// new: those that an earlier import of the same file took are left as they are.
// The list may read what the history was before.
func (db *DB) Import(ctx context.Context, f ImportFile, records iter.Seq2[*earlier.Record, error]) (added int, err error) {
	err = ledger.Write(ctx, db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		var err error
		if added, err = newWriter(ctx, tx, 0).importFile(&f, records); err != nil || added == 0 {
			return nil, err
		}
		return &ledger.Entry{Kind: ledger.KindImport}, nil
	})
	if err != nil {
		return 0, fmt.Errorf("import %q: %w", f.Name, err)
	}
	return added, nil
}

func (w *writer) importFile(f *ImportFile, records iter.Seq2[*earlier.Record, error]) (added int, err error) {
	file, err := w.lookup("import_file", "sha256", f.SHA256,
		"INSERT INTO import_file (sha256, name, imported_at, version) VALUES (?, ?, ?, ?)", f.Name, f.ImportedAt.UnixMilli(), f.Version)
	if err != nil {
		return 0, err
	}
	for r, err := range records {
		if err != nil {
			return 0, err
		}
		n, err := w.importRecord(file, f.ImportedAt, r)
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", r.Line, err)
		}
		added += n
	}
	return added, nil
}

func (w *writer) importRecord(file int64, at time.Time, r *earlier.Record) (int, error) {
	var user int64
	if err := w.QueryRow("SELECT id FROM user WHERE object_id = ?", []any{&user}, engine.UserKey(r.User)); err != nil {
		return 0, err
	}
	result, err := w.Exec(`INSERT INTO import_record (file_id, line, entry, user_id, sku, assigned, seen, removed, path, note, imported_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (file_id, line, entry) DO NOTHING`,
		file, r.Line, r.Entry, user, string(r.SKU), engine.Unless(r.Assigned.String(), ""), engine.Unless(r.Seen.String(), ""),
		engine.Unless(r.Removed.String(), ""), r.Path, r.Note, at.UnixMilli())
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// ImportRow is an earlier record as it was taken.
type ImportRow struct {
	earlier.Record
	File ImportFile
}

// Imports lists the earlier records about users, oldest first.
func (h *History) Imports(ctx context.Context, users []Person) ([]ImportRow, error) {
	q := &conditions{text: `
		SELECT u.object_id, r.line, r.entry, r.sku, r.assigned, r.seen, r.removed, r.path, r.note, r.imported_at, f.name, f.sha256, f.version
		FROM import_record r JOIN import_file f ON f.id = r.file_id JOIN user u ON u.id = r.user_id WHERE 1`}
	keys := make([]any, len(users))
	for i, u := range users {
		keys[i] = u.Row
	}
	q.in("r.user_id", keys)
	rows, err := h.tx.QueryContext(ctx, q.text+" ORDER BY coalesce(r.assigned, r.seen), f.id, r.line, r.entry", q.args...)
	if err != nil {
		return nil, fmt.Errorf("read the earlier records: %w", engine.Classify(err))
	}
	defer rows.Close()
	var found []ImportRow
	for rows.Next() {
		r, err := scanImport(rows)
		if err != nil {
			return nil, fmt.Errorf("read the earlier records: %w", engine.Classify(err))
		}
		if p := h.pseudonyms; p != nil {
			r.User, r.Path, r.Note = snapshot.UserID(p.pseudonym(string(r.User))), "", ""
			r.File.Name = p.text(r.File.Name)
		}
		found = append(found, r)
	}
	return found, engine.Classify(rows.Err())
}

func scanImport(rows *sql.Rows) (r ImportRow, err error) {
	var key any
	var at sql.NullInt64
	var assigned, seen, removed sql.NullString
	if err := rows.Scan(&key, &r.Line, &r.Entry, &r.SKU, &assigned, &seen, &removed, &r.Path, &r.Note, &at,
		&r.File.Name, &r.File.SHA256, &r.File.Version); err != nil {
		return r, err
	}
	r.User, r.File.ImportedAt = engine.UserID(key), engine.FromMillis(at)
	for _, m := range []struct {
		text sql.NullString
		to   *earlier.Moment
	}{{assigned, &r.Assigned}, {seen, &r.Seen}, {removed, &r.Removed}} {
		if !m.text.Valid {
			continue
		}
		var parseErr error
		if *m.to, parseErr = earlier.ParseMoment(m.text.String, earlier.ISO); parseErr != nil {
			err = errors.Join(err, fmt.Errorf("%w: an earlier record: %w", engine.ErrDamaged, parseErr))
		}
	}
	return r, err
}

// Seen lists the complete runs that showed a user in the tenant, in order.
func (h *History) Seen(ctx context.Context, p Person) ([]*Run, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT r.id FROM run r WHERE r.status = 'complete' AND EXISTS (SELECT 1 FROM user_version v WHERE v.user_id = ?
			AND v.presence IS NULL AND v.from_run <= r.id AND (v.to_run IS NULL OR v.to_run > r.id)) ORDER BY r.id`, p.Row)
	if err != nil {
		return nil, fmt.Errorf("read the runs that saw user %s: %w", p.ID, engine.Classify(err))
	}
	defer rows.Close()
	var runs []*Run
	for rows.Next() {
		var id snapshot.RunID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read the runs that saw user %s: %w", p.ID, engine.Classify(err))
		}
		runs = append(runs, h.Runs[id])
	}
	return runs, engine.Classify(rows.Err())
}
