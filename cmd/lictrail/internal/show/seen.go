package show

import (
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// AssignmentsSeen is the listing of assignments with their use beside them.
func AssignmentsSeen(b *ask.Book) Listing[*ask.SeenSeat] {
	type row = *ask.SeenSeat
	l := MapListing(Assignments(b), func(r row) *store.Assignment { return r.Assignment })
	l.JSON = func(r row) any {
		j := Assignment(b, r.Assignment)
		j.Activity = Activity(r.Seen, r.Sources)
		return j
	}
	l.Columns = append(l.Columns,
		Column[row]{Column: out.Column{Head: "LAST ACTIVITY", Min: 10, Rank: 2}, Text: func(r row) any { return seenText(r.Seen) }},
		Column[row]{CSV: "last_activity", Cell: func(r row) any { return seenAt(r.Seen) }},
		Column[row]{CSV: "last_activity_source", Cell: func(r row) any { return seenKind(r.Seen) }},
		Column[row]{CSV: "activity_known", Cell: func(r row) any { return r.Seen.Known }},
	)
	l.Columns = append(l.Columns, CopilotColumns(true, func(r row) *snapshot.CopilotCounts { return r.Seen.Counts })...)
	return l
}

func seenText(s reclaim.Seen) string {
	switch {
	case s.Last != nil:
		return s.Last.At.UTC().Format(time.DateOnly) + " " + string(s.Last.Kind)
	case s.Known:
		return "none seen"
	}
	return NotKnown
}

func seenAt(s reclaim.Seen) *string {
	if s.Last == nil {
		return nil
	}
	return Stamp(s.Last.At)
}

func seenKind(s reclaim.Seen) string {
	if s.Last == nil {
		return ""
	}
	return string(s.Last.Kind)
}
