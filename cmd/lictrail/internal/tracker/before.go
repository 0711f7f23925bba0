package tracker

import (
	"context"
	"fmt"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// lookBack adds to what the first run found what the audit log tells of the
// time before it.
func (t *run) lookBack(ctx context.Context) error {
	if t.sync.Previous != nil {
		return nil
	}
	bundles, err := t.bundles(ctx, time.Time{})
	if err != nil {
		return err
	}
	stretches, err := t.sync.Coverage(ctx)
	if err != nil {
		return err
	}
	stretches = append(stretches, t.coverage...)
	found := diff.Before(bundles, t.passed.ObservedUntil, coveredUntil(stretches, t.passed.ObservedAt))
	for i := range t.deltas {
		d := &t.deltas[i]
		d.Evidence = append(d.Evidence, found[d.ID]...)
	}
	return nil
}

func coveredUntil(stretches []snapshot.Coverage, until time.Time) func(time.Time) bool {
	return func(from time.Time) bool { return snapshot.Covered(stretches, from, until) }
}

// LookBack records what the archived events tell of the time before the first
// run, and returns how much of it was new. It is for events that were archived
// after that run.
func LookBack(ctx context.Context, db *store.DB) (int, error) {
	found, err := lookBack(ctx, db)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return db.RecordEvidence(ctx, found)
}

func lookBack(ctx context.Context, db *store.DB) (map[snapshot.UserID][]snapshot.FirstEvidence, error) {
	h, err := db.History(ctx)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	var events []snapshot.Event
	for raw, err := range h.Events(ctx, store.EventFilter{To: h.First.ObservedUntil}) {
		if err != nil {
			return nil, err
		}
		if e, err := audit.Decode(*raw); err == nil { // what cannot be read was told of when it was archived
			events = append(events, e)
		}
	}
	stretches, err := h.Coverage(ctx)
	if err != nil {
		return nil, fmt.Errorf("look back: %w", err)
	}
	return diff.Before(audit.Bundles(events), h.First.ObservedUntil, coveredUntil(stretches, h.First.ObservedAt)), nil
}
