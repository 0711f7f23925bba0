package snapshot

import "time"

// How far times of different origin may lie apart. Microsoft states none of
// these; each has its reason beside it.
const (
	// ClockSlack is how far the clocks of a snapshot and of an audit record may
	// differ: the Date header and activityDateTime come from different machines.
	ClockSlack = 5 * time.Minute
	// GroupLag is how long group-based licensing may take to follow a change of a
	// group: "typically within minutes", in large groups up to 24 hours
	// (learn.microsoft.com, group-based licensing, additional scenarios).
	GroupLag = 24 * time.Hour
	// RowResolution is how far the date of a license's row may lie from the
	// record of the operation that dated it.
	RowResolution = time.Minute
	// RecordJitter is how far the records of one operation may lie apart. In the
	// published export of 2021, 100 of 101 correlation ids spread over 0 to 6 s.
	RecordJitter = 5 * time.Second
	// DeletionSpan is how long before a deletion the admin center takes the
	// licenses, and how long after a restore or a recalculation they come.
	DeletionSpan = 10 * time.Minute
)
