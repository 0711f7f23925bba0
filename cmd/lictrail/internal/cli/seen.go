package cli

import (
	"context"
	"iter"
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// seenSeat is an assignment with what is known of its use.
type seenSeat struct {
	*store.Assignment
	seen    reclaim.Seen
	sources []snapshot.ActivitySource // that show anything of the user
}

// withActivity adds to assignments what is known of their use.
func (n names) withActivity(ctx context.Context, rows iter.Seq2[*store.Assignment, error]) (iter.Seq2[*seenSeat, error], error) {
	skus, err := n.reclaimSKUs(ctx)
	if err != nil {
		return nil, err
	}
	reads, err := n.History.ActivityReads(ctx)
	if err != nil {
		return nil, err
	}
	activity, err := n.History.Activity(ctx)
	if err != nil {
		return nil, err
	}
	evidence := reclaim.NewEvidence(skus, reads)
	return func(yield func(*seenSeat, error) bool) {
		for a, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			of := activity[a.User.ID]
			if !yield(&seenSeat{a, evidence.Of(a.SKU, of), of.Told}, nil) {
				return
			}
		}
	}, nil
}

// activityListing is the listing of assignments with their use beside them.
func (n names) activityListing() show.Listing[*seenSeat] {
	type row = *seenSeat
	l := show.MapListing(n.assignmentListing(), func(r row) *store.Assignment { return r.Assignment })
	l.JSON = func(r row) any {
		j := show.Assignment(n.Book, r.Assignment)
		j.Activity = show.Activity(r.seen, r.sources)
		return j
	}
	l.Columns = append(l.Columns,
		show.Column[row]{Column: out.Column{Head: "LAST ACTIVITY", Min: 10, Rank: 2}, Text: func(r row) any { return seenWords(r.seen) }},
		show.Column[row]{CSV: "last_activity", Cell: func(r row) any { return seenAt(r.seen) }},
		show.Column[row]{CSV: "last_activity_source", Cell: func(r row) any { return seenKind(r.seen) }},
		show.Column[row]{CSV: "activity_known", Cell: func(r row) any { return r.seen.Known }},
	)
	l.Columns = append(l.Columns, show.CopilotColumns(true, func(r row) *snapshot.CopilotCounts { return r.seen.Counts })...)
	return l
}

func seenWords(s reclaim.Seen) string {
	switch {
	case s.Last != nil:
		return s.Last.At.UTC().Format(time.DateOnly) + " " + string(s.Last.Kind)
	case s.Known:
		return "none seen"
	}
	return show.NotKnown
}

func seenAt(s reclaim.Seen) *string {
	if s.Last == nil {
		return nil
	}
	return show.Stamp(s.Last.At)
}

func seenKind(s reclaim.Seen) string {
	if s.Last == nil {
		return ""
	}
	return string(s.Last.Kind)
}
