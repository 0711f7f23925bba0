package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"lictrail/snapshot"
)

// EventFilter narrows which stored records are listed; zero fields do not.
type EventFilter struct {
	Users    []Person // about any of these
	From, To time.Time
}

// Events lists stored audit records in order of time.
func (h *History) Events(ctx context.Context, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	return eventsOf(ctx, h.tx, f)
}

// Events lists stored audit records in order of time.
func (s *Sync) Events(ctx context.Context, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	return eventsOf(ctx, s.db.sql, f)
}

func eventsOf(ctx context.Context, q querier, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	c := &conditions{text: "SELECT source, event_id, at, activity, correlation, target, raw FROM event WHERE 1"}
	ids := make([]any, len(f.Users))
	for i, u := range f.Users {
		ids[i] = string(u.ID)
	}
	c.in("target", ids)
	if !f.From.IsZero() {
		c.add("at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		c.add("at <= ?", f.To.UnixMilli())
	}
	return func(yield func(*snapshot.RawEvent, error) bool) {
		rows, err := q.QueryContext(ctx, c.text+" ORDER BY at, source, event_id", c.args...)
		if err != nil {
			yield(nil, fmt.Errorf("read the stored events: %w", classify(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var e snapshot.RawEvent
			var at sql.NullInt64
			if err := rows.Scan(&e.Source, &e.ID, &at, &e.Activity, &e.Correlation, &e.Target, &e.Raw); err != nil {
				yield(nil, fmt.Errorf("read the stored events: %w", classify(err)))
				return
			}
			e.At = fromMillis(at)
			if !yield(&e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read the stored events: %w", classify(err)))
		}
	}
}

// Coverage lists the stretches of time for which a log was asked for.
func (h *History) Coverage(ctx context.Context) ([]snapshot.Coverage, error) {
	return coverageOf(ctx, h.tx)
}

// Coverage lists the stretches of time for which a log was asked for.
func (s *Sync) Coverage(ctx context.Context) ([]snapshot.Coverage, error) {
	return coverageOf(ctx, s.db.sql)
}

func coverageOf(ctx context.Context, q querier) ([]snapshot.Coverage, error) {
	return coverageWhere(ctx, q, "1")
}

func coverageWhere(ctx context.Context, q querier, where string, args ...any) ([]snapshot.Coverage, error) {
	rows, err := q.QueryContext(ctx, "SELECT source, from_at, to_at, complete, events, why FROM coverage WHERE "+where+" ORDER BY source, from_at, id", args...)
	if err != nil {
		return nil, fmt.Errorf("read the coverage: %w", classify(err))
	}
	defer rows.Close()
	var all []snapshot.Coverage
	for rows.Next() {
		var c snapshot.Coverage
		var from, to sql.NullInt64
		if err := rows.Scan(&c.Source, &from, &to, &c.Complete, &c.Events, &c.Why); err != nil {
			return nil, fmt.Errorf("read the coverage: %w", classify(err))
		}
		c.From, c.To = fromMillis(from), fromMillis(to)
		all = append(all, c)
	}
	return all, classify(rows.Err())
}
