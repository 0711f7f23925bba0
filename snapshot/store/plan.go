package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// Stretch is a stretch of a log that is to be read.
type Stretch struct {
	Source   snapshot.Source
	From, To time.Time
	Search   string // id of the search that looks for it; "" when none was started
}

// Planned lists what is still to be read of a source, newest first.
func (s *Sync) Planned(ctx context.Context, source snapshot.Source) ([]Stretch, error) {
	rows, err := s.db.sql.QueryContext(ctx, "SELECT from_at, to_at, search FROM audit_plan WHERE source = ? ORDER BY to_at DESC, from_at DESC", string(source))
	if err != nil {
		return nil, fmt.Errorf("read what is planned: %w", engine.Classify(err))
	}
	defer rows.Close()
	var all []Stretch
	for rows.Next() {
		p := Stretch{Source: source}
		var from, to sql.NullInt64
		if err := rows.Scan(&from, &to, &p.Search); err != nil {
			return nil, fmt.Errorf("read what is planned: %w", engine.Classify(err))
		}
		p.From, p.To = engine.FromMillis(from), engine.FromMillis(to)
		all = append(all, p)
	}
	return all, engine.Classify(rows.Err())
}

// Archived is what was had of a stretch.
type Archived struct {
	Done     []Stretch // need not be read any more
	Planned  []Stretch // are to be read from now on; of those planned before, with another search
	Events   []snapshot.RawEvent
	Fuller   Fuller // as in Result
	Coverage []snapshot.Coverage
}

// Archive keeps audit records as soon as a stretch has been read, whatever
// becomes of the run: records are evidence, and no part of the snapshot.
func (s *Sync) Archive(ctx context.Context, a Archived) error {
	err := ledger.Write(ctx, s.db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		w := newWriter(ctx, tx, int64(s.Run))
		err := w.stretches(a.Done, a.Planned)
		if err == nil {
			err = w.events(a.Events, a.Fuller)
		}
		if err == nil {
			err = w.coverage(a.Coverage)
		}
		return &ledger.Entry{Kind: ledger.KindArchive}, err
	})
	if err != nil {
		return fmt.Errorf("archive audit records: %w", err)
	}
	return nil
}

func (w *writer) stretches(done, planned []Stretch) error {
	for _, p := range done {
		_, err := w.Exec("DELETE FROM audit_plan WHERE source = ? AND from_at = ? AND to_at = ?", string(p.Source), p.From.UnixMilli(), p.To.UnixMilli())
		if err != nil {
			return err
		}
	}
	for _, p := range planned {
		_, err := w.Exec(`INSERT INTO audit_plan (source, from_at, to_at, search) VALUES (?, ?, ?, ?)
			ON CONFLICT (source, from_at, to_at) DO UPDATE SET search = excluded.search`,
			string(p.Source), p.From.UnixMilli(), p.To.UnixMilli(), p.Search)
		if err != nil {
			return err
		}
	}
	return nil
}

// FeedSince is since when the feed is known to have been on; zero when it is
// not known.
func (s *Sync) FeedSince(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	if err := s.db.sql.QueryRowContext(ctx, "SELECT max(since_at) FROM audit_feed").Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("read the state of the feed: %w", engine.Classify(err))
	}
	return engine.FromMillis(at), nil
}

// SetFeedSince notes since when the feed is on.
func (s *Sync) SetFeedSince(ctx context.Context, at time.Time) error {
	err := ledger.Write(ctx, s.db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		_, err := tx.ExecContext(ctx, "INSERT INTO audit_feed (since_at, run_id) VALUES (?, ?) ON CONFLICT DO NOTHING", at.UnixMilli(), int64(s.Run))
		return &ledger.Entry{Kind: ledger.KindArchive}, err
	})
	if err != nil {
		return fmt.Errorf("note the state of the feed: %w", err)
	}
	return nil
}
