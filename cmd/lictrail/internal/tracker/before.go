package tracker

import (
	"context"
	"maps"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// lookBack finds out what the audit log says, at the first run, about the time
// before it about users whom the run found.
func (t *run) lookBack(ctx context.Context) (map[snapshot.UserID][]snapshot.FirstEvidence, error) {
	if t.sync.Previous != nil {
		return nil, nil
	}
	bundles, err := t.bundles(ctx, snapshot.Window{})
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
		if t.pass.users.get(id).pass != t.pass.number {
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
	older := func(first *store.Run) bool {
		return slices.ContainsFunc(t.archived, func(c snapshot.Coverage) bool { return c.From.Before(first.ObservedUntil) })
	}
	if t.sync.Previous == nil {
		return nil
	}
	found, err := lookBack(ctx, t.db, older)
	if err != nil || len(found) == 0 {
		return err
	}
	out, err := t.db.Conclude(ctx)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // after Commit it does nothing
	added := 0
	for _, id := range slices.Sorted(maps.Keys(found)) {
		n, err := out.Evidence(id, found[id])
		if err != nil {
			return err
		}
		added += n
	}
	if added == 0 {
		return nil
	}
	return out.Commit()
}

// lookBack is what the archive says about the time before the first run, unless
// that run has nothing to be looked back from.
func lookBack(ctx context.Context, db *store.DB, wanted func(first *store.Run) bool) (map[snapshot.UserID][]snapshot.FirstEvidence, error) {
	h, err := db.History(ctx)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if !wanted(h.First) {
		return nil, nil
	}
	events, err := storedEvents(ctx, h, store.EventFilter{To: h.First.ObservedUntil})
	if err != nil {
		return nil, err
	}
	stretches, err := h.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	return diff.Before(audit.Bundles(events), h.First.ObservedUntil, coveredUntil(stretches, h.First.ObservedAt)), nil
}
