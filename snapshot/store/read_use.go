package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// UseSpan is a time in which runs saw a user do something without a pause of over 30
// days: on the first day and on the last, and perhaps in between.
type UseSpan struct {
	Kind        snapshot.ActivityKind
	First, Last time.Time
	Run         snapshot.RunID // that first saw it
}

// UseSpans lists for each user what runs saw of their activity.
func (h *History) UseSpans(ctx context.Context) (map[snapshot.UserID][]UseSpan, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT u.object_id, k.name, a.from_at, a.last_at, a.from_run FROM active_time a
		JOIN user u ON u.id = a.user_id JOIN activity_kind k ON k.id = a.kind_id
		WHERE a.from_run <= ? ORDER BY a.user_id, a.kind_id, a.from_at`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the activity: %w", engine.Classify(err))
	}
	defer rows.Close()
	all := make(map[snapshot.UserID][]UseSpan)
	for rows.Next() {
		var key any
		var s UseSpan
		var first, last sql.NullInt64
		if err := rows.Scan(&key, &s.Kind, &first, &last, &s.Run); err != nil {
			return nil, fmt.Errorf("read the activity: %w", engine.Classify(err))
		}
		s.First, s.Last = engine.FromMillis(first), engine.FromMillis(last)
		all[engine.UserID(key)] = append(all[engine.UserID(key)], s)
	}
	return all, engine.Classify(rows.Err())
}

// Look is a read of a source that showed a user, be it that nothing was done.
type Look struct {
	snapshot.ActivityRead
	Run snapshot.RunID
}

// Looks lists for each user the reads of a source that showed them, in the order of runs.
func (h *History) Looks(ctx context.Context, source snapshot.ActivitySource) (map[snapshot.UserID][]Look, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT u.object_id, r.run_id, r.since_at, r.until_at FROM activity_told t
		JOIN user u ON u.id = t.user_id
		JOIN activity_read r ON r.run_id >= t.from_run AND (t.to_run IS NULL OR r.run_id < t.to_run)
		WHERE t.sources & ?1 <> 0 AND r.source_id = ?1 AND r.gap = '' AND r.run_id <= ?2
		ORDER BY t.user_id, r.run_id`, sourceBit(source), int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read how activity was read: %w", engine.Classify(err))
	}
	defer rows.Close()
	all := make(map[snapshot.UserID][]Look)
	for rows.Next() {
		var key any
		var l Look
		var since, until sql.NullInt64
		if err := rows.Scan(&key, &l.Run, &since, &until); err != nil {
			return nil, fmt.Errorf("read how activity was read: %w", engine.Classify(err))
		}
		l.Source, l.Since, l.Until = source, engine.FromMillis(since), engine.FromMillis(until)
		all[engine.UserID(key)] = append(all[engine.UserID(key)], l)
	}
	return all, engine.Classify(rows.Err())
}
