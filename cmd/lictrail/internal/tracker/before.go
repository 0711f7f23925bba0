package tracker

import (
	"context"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
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
