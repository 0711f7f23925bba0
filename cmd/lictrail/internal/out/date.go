package out

import (
	"strings"
	"sync/atomic"
	"time"
)

// zone is where times are shown in text; nil: in UTC.
var zone atomic.Pointer[time.Location]

// SetZone has text show times in a zone: UTC, local, or one of the system's names.
func SetZone(name string) error {
	switch strings.ToLower(name) {
	case "", "utc":
		zone.Store(nil)
		return nil
	case "local":
		zone.Store(time.Local)
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err == nil {
		zone.Store(loc)
	}
	return err
}

// ZoneName is the name of the zone in which text shows times.
func ZoneName() string {
	loc := zone.Load()
	switch loc {
	case nil:
		return "UTC"
	case time.Local:
		return "local"
	}
	return loc.String()
}

// InZone is a time where text shows it.
func InZone(t time.Time) time.Time {
	if loc := zone.Load(); loc != nil && !t.IsZero() {
		return t.In(loc)
	}
	return t.UTC()
}

// How sure a derived date is, in the words of the JSON documents.
const (
	Exact       = "exact"
	Window      = "window"
	NoLaterThan = "no-later-than"
)

const (
	dayLayout   = "2 January 2006"
	shortLayout = "2006-01-02"
	clockLayout = "15:04"
)

// DateText returns a derived date as a person would say it, with its zone: "on 5 March
// 2026 10:11 UTC", "between 1 and 8 March 2026", "on or before 12 August 2019".
// What it says always contains the truth: days are named whole.
func DateText(notBefore, notAfter, at time.Time, precision string) string {
	from, to, precision := bounds(notBefore, notAfter, at, precision)
	switch {
	case to.IsZero():
		return "at an unknown time"
	case precision == Exact:
		return "on " + to.Format(dayLayout+" "+clockLayout+" MST")
	case precision == NoLaterThan:
		return "on or before " + to.Format(dayLayout)
	}
	end := to.Format(dayLayout)
	switch {
	case sameDay(from, to):
		return "between " + from.Format(clockLayout) + " and " + endClock(to) + to.Format(" MST") + " on " + end
	case from.Year() != to.Year():
		return "between " + from.Format(dayLayout) + " and " + end
	case from.Month() != to.Month():
		return "between " + from.Format("2 January") + " and " + end
	}
	return "between " + from.Format("2") + " and " + end
}

// DateShort returns a derived date for a table, in the zone of [ZoneName]: "2026-03-05 10:11",
// "2026-03-01…03-08", "≤ 2019-08-12".
func DateShort(notBefore, notAfter, at time.Time, precision string) string {
	from, to, precision := bounds(notBefore, notAfter, at, precision)
	switch {
	case to.IsZero():
		return "?"
	case precision == Exact:
		return to.Format(shortLayout + " " + clockLayout)
	case precision == NoLaterThan:
		return "≤ " + to.Format(shortLayout)
	case sameDay(from, to):
		return from.Format(shortLayout+" "+clockLayout) + "…" + endClock(to)
	case from.Year() != to.Year():
		return from.Format(shortLayout) + "…" + to.Format(shortLayout)
	}
	return from.Format(shortLayout) + "…" + to.Format("01-02")
}

// bounds returns the ends of a date and the precision that they allow: a
// window without a beginning is no window, and one of a single minute is exact
// enough to be read as such.
func bounds(notBefore, notAfter, at time.Time, precision string) (from, to time.Time, _ string) {
	if precision == Exact && !at.IsZero() {
		return InZone(at), InZone(at), Exact
	}
	if notAfter.IsZero() {
		notAfter = at
	}
	from, to = InZone(notBefore), InZone(notAfter)
	switch {
	case precision == NoLaterThan || notBefore.IsZero():
		return from, to, NoLaterThan
	case from.Truncate(time.Minute).Equal(to.Truncate(time.Minute)):
		return from, to, Exact
	}
	return from, to, Window
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// endClock returns the time of day that a window ends at, rounded up to the
// minute; the last minute of a day stays, for 24:00 is not a time.
func endClock(t time.Time) string {
	if up := t.Truncate(time.Minute); !up.Equal(t) && sameDay(up.Add(time.Minute), t) {
		t = up.Add(time.Minute)
	}
	return t.Format(clockLayout)
}
