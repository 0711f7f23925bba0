package store

import (
	"context"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Principal is what a run noted of an application that the audit log names.
type Principal struct {
	snapshot.Principal
	Run    snapshot.RunID // that noted it
	Wanted bool           // it could not be read: the next run asks for it
	SeenAt time.Time      // of the earliest record by it that the run had at hand
}

// Principals lists what runs up to one noted of applications, oldest first.
func (h *History) Principals(ctx context.Context, until snapshot.RunID) ([]Principal, error) {
	return principalsOf(ctx, h.tx, until)
}

// Principals lists what runs noted of applications, oldest first.
func (s *Sync) Principals(ctx context.Context) ([]Principal, error) {
	return principalsOf(ctx, s.db.sql, s.Run)
}

func principalsOf(ctx context.Context, q engine.Querier, until snapshot.RunID) ([]Principal, error) {
	rows, err := q.QueryContext(ctx, "SELECT object_id, run_id, state, seen_at, app_id, owner, name FROM principal WHERE run_id <= ? ORDER BY id", int64(until))
	if err != nil {
		return nil, fmt.Errorf("read the applications: %w", engine.Classify(err))
	}
	defer rows.Close()
	var all []Principal
	for rows.Next() {
		var p Principal
		var state string
		var seen int64
		if err := rows.Scan(&p.ID, &p.Run, &state, &seen, &p.AppID, &p.Owner, &p.Name); err != nil {
			return nil, fmt.Errorf("read the applications: %w", engine.Classify(err))
		}
		p.Wanted, p.Gone, p.SeenAt = state == "wanted", state == "missing", time.UnixMilli(seen).UTC()
		all = append(all, p)
	}
	return all, engine.Classify(rows.Err())
}

// principals notes what the run learned of applications.
func (w *writer) principals(list []Principal) error {
	for i := range list {
		p := &list[i]
		state := "read"
		switch {
		case p.Wanted:
			state = "wanted"
		case p.Gone:
			state = "missing"
		}
		_, err := w.Exec(`INSERT INTO principal (object_id, run_id, state, seen_at, app_id, owner, name) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (object_id, state, seen_at) DO NOTHING`,
			p.ID, w.run, state, p.SeenAt.UnixMilli(), p.AppID, string(p.Owner), p.Name)
		if err != nil {
			return err
		}
	}
	return nil
}

// Wanted notes applications about which the next run is to ask.
func (c *Conclusions) Wanted(list []Principal) error {
	if err := c.w.principals(list); err != nil {
		return fmt.Errorf("record applications: %w", engine.Classify(err))
	}
	return nil
}

// OwnersWanted reports whether there are applications whose owner could not be
// read so far.
func (h *History) OwnersWanted(ctx context.Context) (wanted bool, err error) {
	err = h.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM principal w WHERE w.state = 'wanted'
		AND NOT EXISTS (SELECT 1 FROM principal r WHERE r.object_id = w.object_id AND r.state <> 'wanted'))`).Scan(&wanted)
	return wanted, engine.Classify(err)
}
