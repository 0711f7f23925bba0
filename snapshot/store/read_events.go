package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// EventFilter narrows which stored records are listed; zero fields do not.
type EventFilter struct {
	Users    []Person // about any of these
	From, To time.Time
	// ByTarget lists those about a user, one user's after another's; NoTarget
	// those that are about no user.
	ByTarget, NoTarget bool
	Newest             bool               // the newest first
	Ref                *snapshot.EventRef // this one
	Until              snapshot.RunID     // those that runs up to this one fetched
	Since              snapshot.RunID     // those that runs after this one fetched, or that came from a file
	// Naming lists those that are about somebody and, since they are found by an
	// index that is no evidence and may not have all records yet, perhaps others.
	Naming *Naming
}

// StoredEvent is an archived audit record and where it came from.
type StoredEvent struct {
	snapshot.RawEvent
	Copy int            // 1 for the first one; each says more than those before
	Run  snapshot.RunID // that fetched it; 0 for one from a file
	File *AuditFile     // nil for one that a run fetched
	Line int            // of the file
}

// Stored lists stored audit records in order of time, with where they came from.
// Of a record with several copies each is listed.
func (h *History) Stored(ctx context.Context, f EventFilter) iter.Seq2[*StoredEvent, error] {
	return storedOf(ctx, h.tx, f)
}

// Events lists stored audit records in order of time, and each copy of them.
func (h *History) Events(ctx context.Context, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	return eventsOf(ctx, h.tx, f)
}

// Events lists stored audit records in order of time, and each copy of them.
func (s *Sync) Events(ctx context.Context, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	return eventsOf(ctx, s.db.sql, f)
}

// ManyRecords reports whether more records are stored than can be read at once.
func (h *History) ManyRecords(ctx context.Context, most int64) (many bool, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) > ? FROM event", most).Scan(&many)
	if err != nil {
		return false, fmt.Errorf("read how many records are stored: %w", engine.Classify(err))
	}
	return many, nil
}

func eventsOf(ctx context.Context, q engine.Querier, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	return func(yield func(*snapshot.RawEvent, error) bool) {
		for e, err := range storedOf(ctx, q, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&e.RawEvent, nil) {
				return
			}
		}
	}
}

func (f *EventFilter) query(n *namedSet) (string, []any) {
	first, args := f.half("1", "event")
	later, more := f.half("e.copy", "event_copy")
	if n != nil {
		first += byName
		args = append(args, n.targets, n.events, n.mark.event)
		later += byName
		more = append(more, n.targets, n.copies, n.mark.copy)
	}
	order := " ORDER BY at, source, event_id, copy"
	if f.Newest {
		order = " ORDER BY at DESC, source DESC, event_id DESC, copy DESC"
	}
	if f.ByTarget {
		order = " ORDER BY target, at, source, event_id, copy"
	}
	return first + " UNION ALL " + later + order, append(args, more...)
}

// byName restricts records to those that an index names, and those that are newer.
const byName = ` AND (e.target <> '' AND e.target IN (SELECT value FROM json_each(?)) OR e.id IN (SELECT value FROM json_each(?)) OR e.id > ?)`

// half reads the first copies of records, or the later ones.
func (f *EventFilter) half(number, table string) (string, []any) {
	c := &conditions{text: `SELECT e.source AS source, e.event_id AS event_id, ` + number + ` AS copy, e.at AS at, e.activity, e.correlation,
		e.target AS target, e.raw, coalesce(e.run_id, 0),
		f.name, coalesce(f.member, ''), coalesce(f.sha256, ''), coalesce(f.version, ''), f.imported_at, coalesce(e.line, 0)
		FROM ` + table + ` e LEFT JOIN audit_file f ON f.id = e.file_id WHERE 1`}
	ids := make([]any, len(f.Users))
	for i, u := range f.Users {
		ids[i] = string(u.ID)
	}
	c.in("e.target", ids)
	if !f.From.IsZero() {
		c.add("e.at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		c.add("e.at <= ?", f.To.UnixMilli())
	}
	if f.Ref != nil {
		c.add("e.source = ?", string(f.Ref.Source))
		c.add("e.event_id = ?", f.Ref.ID)
	}
	if f.Until != 0 {
		c.add("e.run_id <= ?", int64(f.Until))
	}
	if f.Since != 0 {
		c.add("(e.run_id IS NULL OR e.run_id > ?)", int64(f.Since))
	}
	if f.NoTarget {
		c.add("e.target = ''")
	}
	if f.ByTarget || len(ids) > 0 { // the index by target has no others, and is used for nothing less
		c.add("e.target <> ''")
	}
	return c.text, c.args
}

func storedOf(ctx context.Context, q engine.Querier, f EventFilter) iter.Seq2[*StoredEvent, error] {
	return func(yield func(*StoredEvent, error) bool) {
		var n *namedSet
		if f.Naming != nil {
			var err error
			if n, err = namedRecords(ctx, q, f.Naming); err != nil {
				yield(nil, fmt.Errorf("read the stored events: %w", engine.Classify(err)))
				return
			}
		}
		query, args := f.query(n)
		rows, err := q.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, fmt.Errorf("read the stored events: %w", engine.Classify(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEvent(rows)
			if err != nil {
				yield(nil, fmt.Errorf("read the stored events: %w", engine.Classify(err)))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read the stored events: %w", engine.Classify(err)))
		}
	}
}

func scanEvent(rows *sql.Rows) (*StoredEvent, error) {
	var e StoredEvent
	var at, imported sql.NullInt64
	var file AuditFile
	var name sql.NullString
	err := rows.Scan(&e.Source, &e.ID, &e.Copy, &at, &e.Activity, &e.Correlation, &e.Target, &e.Raw, &e.Run,
		&name, &file.Member, &file.SHA256, &file.Version, &imported, &e.Line)
	e.At = engine.FromMillis(at)
	if name.Valid {
		file.Name, file.ImportedAt = name.String, engine.FromMillis(imported)
		e.File = &file
	}
	return &e, err
}

// Coverage lists the stretches of time for which a log was asked for.
func (h *History) Coverage(ctx context.Context) ([]snapshot.Coverage, error) {
	return Once(h, "coverage", func() ([]snapshot.Coverage, error) { return coverageOf(ctx, h.tx) })
}

// Coverage lists the stretches of time for which a log was asked for.
func (s *Sync) Coverage(ctx context.Context) ([]snapshot.Coverage, error) {
	return coverageOf(ctx, s.db.sql)
}

func coverageOf(ctx context.Context, q engine.Querier) ([]snapshot.Coverage, error) {
	return coverageWhere(ctx, q, "1")
}

func coverageWhere(ctx context.Context, q engine.Querier, where string, args ...any) ([]snapshot.Coverage, error) {
	rows, err := q.QueryContext(ctx, "SELECT source, from_at, to_at, complete, events, why, file_id IS NOT NULL FROM coverage WHERE "+where+" ORDER BY source, from_at, id", args...)
	if err != nil {
		return nil, fmt.Errorf("read the coverage: %w", engine.Classify(err))
	}
	defer rows.Close()
	var all []snapshot.Coverage
	for rows.Next() {
		var c snapshot.Coverage
		var from, to sql.NullInt64
		if err := rows.Scan(&c.Source, &from, &to, &c.Complete, &c.Events, &c.Why, &c.Imported); err != nil {
			return nil, fmt.Errorf("read the coverage: %w", engine.Classify(err))
		}
		c.From, c.To = engine.FromMillis(from), engine.FromMillis(to)
		all = append(all, c)
	}
	return all, engine.Classify(rows.Err())
}
