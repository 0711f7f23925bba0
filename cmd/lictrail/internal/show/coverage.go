package show

import (
	"time"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type CoverageJSON struct {
	Source   string  `json:"source"`
	From     *string `json:"from"`
	To       *string `json:"to"`
	Complete bool    `json:"complete"`
	Events   int64   `json:"events"`
	Why      *string `json:"why"`
}

func Coverage() Listing[*snapshot.Coverage] {
	type row = *snapshot.Coverage
	return Listing[row]{
		JSON: func(c row) any {
			return CoverageJSON{string(c.Source), Stamp(c.From), Stamp(c.To), c.Complete, c.Events, OrNull(c.Why)}
		},
		None: "the audit log was never read",
		Columns: []Column[row]{
			{Column: out.Column{Head: "SOURCE"}, CSV: "source", Text: func(c row) any { return string(c.Source) }},
			{Column: out.Column{Head: Zoned("FROM")}, CSV: "from", Text: func(c row) any { return coverageTime(c, c.From) }, Cell: func(c row) any { return Stamp(c.From) }},
			{Column: out.Column{Head: Zoned("TO")}, CSV: "to", Text: func(c row) any { return coverageTime(c, c.To) }, Cell: func(c row) any { return Stamp(c.To) }},
			{Column: out.Column{Head: "READ"}, CSV: "complete", Text: func(c row) any { return coveredLabel(c) }, Cell: func(c row) any { return c.Complete }},
			{Column: out.Column{Head: "EVENTS"}, CSV: "events", Text: func(c row) any { return eventsOrNil(c) }, Cell: func(c row) any { return c.Events }},
			{Column: out.Column{Head: "WHY NOT", Wrap: true}, CSV: "why", Text: func(c row) any { return Dash(c.Why) }, Cell: func(c row) any { return c.Why }},
		},
	}
}

// coverageTime is an end of a stretch, to the minute unless both ends are in one.
func coverageTime(c *snapshot.Coverage, end time.Time) string {
	if c.From.Truncate(time.Minute).Equal(c.To.Truncate(time.Minute)) {
		return out.InZone(end).Format("2006-01-02 15:04:05.000")
	}
	return Minute(end, end)
}

// eventsOrNil is the number of records of a stretch that was read.
func eventsOrNil(c *snapshot.Coverage) any {
	if !c.Complete && c.Events == 0 {
		return nil
	}
	return c.Events
}

func coveredLabel(c *snapshot.Coverage) any {
	switch {
	case c.Complete:
		return "yes"
	case c.Source == snapshot.AnySource:
		return out.Cell{Value: "gap", Style: out.Yellow}
	}
	return out.Cell{Value: "no", Style: out.Yellow}
}

type eventJSON struct {
	Source      string  `json:"source"`
	ID          string  `json:"id"`
	At          *string `json:"at"`
	Activity    string  `json:"activity"`
	Correlation *string `json:"correlation_id"`
	Target      *string `json:"target_id"`
	Copy        int     `json:"copy"`
	Raw         rawJSON `json:"raw"`
}

// rawJSON is a record as Microsoft wrote it; null when it was erased.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

func Events() Listing[*store.StoredEvent] {
	type row = *store.StoredEvent
	return Listing[row]{
		JSON: func(r row) any {
			return eventJSON{string(r.Source), r.ID, Stamp(r.At), r.Activity, OrNull(r.Correlation), OrNull(r.Target), r.Copy, rawJSON(r.Raw)}
		},
		None: "no stored event matches",
		Columns: []Column[row]{
			{CSV: "source", Cell: func(r row) any { return string(r.Source) }},
			{Column: out.Column{Head: Zoned("AT")}, Text: func(r row) any { return out.InZone(r.At).Format("2006-01-02 15:04:05") }},
			{CSV: "at", Cell: func(r row) any { return Stamp(r.At) }},
			{Column: out.Column{Head: "ACTIVITY", Min: 16, Rank: 3}, CSV: "activity", Text: func(r row) any { return r.Activity }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "target_id", Text: func(r row) any { return Dash(r.Target) }, Cell: func(r row) any { return r.Target }},
			{Column: out.Column{Head: "ID", Min: 12, Rank: 2}, CSV: "id", Text: func(r row) any { return r.ID }},
			{CSV: "correlation_id", Cell: func(r row) any { return r.Correlation }},
			{CSV: "copy", Cell: func(r row) any { return r.Copy }},
		},
	}
}

// Minute is when a run read, or, when it never came to that, when it started.
func Minute(observed, started time.Time) string {
	if observed.IsZero() {
		observed = started
	}
	return out.InZone(observed).Format("2006-01-02 15:04")
}
