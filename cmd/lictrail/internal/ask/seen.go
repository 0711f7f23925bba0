package ask

import (
	"context"
	"iter"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// SeenSeat is an assignment with what is known of its use.
type SeenSeat struct {
	*store.Assignment
	Seen    reclaim.Seen
	Sources []snapshot.ActivitySource // that show anything of the user
}

// WithActivity adds to assignments, which were read with [store.AlsoActivity], what is
// known of their use.
func WithActivity(ctx context.Context, b *Book, rows iter.Seq2[*store.Assignment, error]) (iter.Seq2[*SeenSeat, error], error) {
	skus, err := ReclaimSKUs(ctx, b)
	if err != nil {
		return nil, err
	}
	reads, err := b.History.ActivityReads(ctx)
	if err != nil {
		return nil, err
	}
	evidence := reclaim.NewEvidence(skus, reads)
	return func(yield func(*SeenSeat, error) bool) {
		for a, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			of := a.About.Activity
			if !yield(&SeenSeat{a, evidence.Of(a.SKU, of), of.Covered}, nil) {
				return
			}
		}
	}, nil
}
