package tracker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// lookBack finds out what the audit log tells, at the first run, of the time
// before it about users whom the run found.
func (t *run) lookBack(ctx context.Context) (map[snapshot.UserID][]snapshot.FirstEvidence, error) {
	if t.sync.Previous != nil {
		return nil, nil
	}
	bundles, err := t.bundles(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	stretches, err := t.sync.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	stretches = append(stretches, t.coverage...)
	found := diff.Before(bundles, t.passed.ObservedUntil, coveredUntil(stretches, t.passed.ObservedAt))
	for id := range found {
		if t.users.get(id).pass != t.pass {
			delete(found, id)
		}
	}
	return found, nil
}

func coveredUntil(stretches []snapshot.Coverage, until time.Time) func(time.Time) bool {
	return func(from time.Time) bool { return snapshot.Covered(stretches, from, until) }
}

// lookBackAgain does so once more after a run that read of a log what is older
// than the first run.
func (t *run) lookBackAgain(ctx context.Context) error {
	if t.sync.Previous == nil {
		return nil
	}
	first, err := t.firstRun(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(t.archived, func(c snapshot.Coverage) bool { return c.From.Before(first.ObservedUntil) }) {
		return nil
	}
	_, err = LookBack(ctx, t.db)
	return err
}

func (t *run) firstRun(ctx context.Context) (*store.Run, error) {
	h, err := t.db.History(ctx)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	return h.First, nil
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
