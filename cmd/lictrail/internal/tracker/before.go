package tracker

import (
	"context"
	"slices"
	"time"

	"lictrail/diff"
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

// lookBackAgain concludes once more what the logs tell of the time before the
// first run, after a run that read of one what is older.
func (t *run) lookBackAgain(ctx context.Context) error {
	if t.sync.Previous == nil {
		return nil
	}
	first, err := t.firstRun(ctx)
	if err != nil {
		return err
	}
	older := slices.IndexFunc(t.archived, func(c snapshot.Coverage) bool { return c.From.Before(first.ObservedUntil) })
	if older < 0 {
		return nil
	}
	_, err = Conclude(ctx, t.db, t.archived[older].From, first.ObservedUntil)
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
