package ask

import (
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// baseSlack is how much less than a week may lie between two weekly runs: one
// starts late, or the service is slow.
const baseSlack = 12 * time.Hour

// BaseOf is the run to compare with: the newest by a time or, without one, the newest
// that is a week older than the run asked about. It is the first run where none is as
// old, and early is true then; it is nil where there is none before.
func BaseOf(b *Book, limit time.Time) (base *store.Run, early bool) {
	if limit.IsZero() {
		limit = b.History.At.ObservedUntil.AddDate(0, 0, -7).Add(baseSlack)
	}
	runs := b.History.CompleteRuns()
	runs = runs[:len(runs)-1] // all but the one asked about
	for _, r := range slices.Backward(runs) {
		if !r.ObservedUntil.After(limit) {
			return r, false
		}
	}
	if len(runs) == 0 {
		return nil, false
	}
	return runs[0], true
}

// IsDateMove reports whether only a date of Microsoft's moved, and nobody's license.
func IsDateMove(k snapshot.Kind) bool { return k == snapshot.DateMoved }
