// Package earlier reads records of who had which license since when that some
// other tracker kept, and compares each with what lictrail has read itself. Such a record
// cannot be verified: it never counts as exact, it never overrules a snapshot, and one
// that contradicts a snapshot is refused with the reason.
//
// The package does no I/O but reading from the reader that it is given.
package earlier

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Moment is a time as a record gives it, or a whole day: the truth lies between
// From and To. Times without a zone are taken as UTC.
type Moment struct{ From, To time.Time }

// IsZero reports whether no time was given.
func (m Moment) IsZero() bool { return m.To.IsZero() }

// String writes the moment such that [ParseMoment] reads it back: a day as a
// date, a time as RFC 3339.
func (m Moment) String() string {
	switch {
	case m.IsZero():
		return ""
	case m.From.Equal(m.To):
		return m.To.Format(time.RFC3339)
	}
	return m.To.Format(time.DateOnly)
}

// Order is the order of day and month in dates such as 03/04/2019.
type Order string

// Orders of dates.
const (
	ISO Order = "" // such dates are refused, unless only one order makes sense
	DMY Order = "dmy"
	MDY Order = "mdy"
)

// endOfDay is how far the last second of a day is from its beginning.
const endOfDay = 24*time.Hour - time.Second

var zoned = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00"}

var clocks = []string{"15:04:05", "15:04", "3:04:05 PM", "3:04 PM", "3:04:05PM", "3:04PM"}

var datePattern = regexp.MustCompile(`^(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}([/.-])\d{1,2}([/.-])\d{4})(?:[T ,]+(\S.*))?$`)

// ParseMoment reads an ISO date, with or without a time of day, RFC 3339, or
// day, month and year in the order given.
func ParseMoment(text string, order Order) (Moment, error) {
	text = strings.TrimSpace(text)
	for _, layout := range zoned {
		if t, err := time.Parse(layout, text); err == nil {
			return at(t.UTC()), nil
		}
	}
	m := datePattern.FindStringSubmatch(text)
	if m == nil || m[2] != m[3] {
		return Moment{}, fmt.Errorf("%q is not a date such as 2019-08-12", text)
	}
	day, err := parseDay(m[1], order)
	if err != nil {
		return Moment{}, err
	}
	if m[4] == "" {
		return Moment{day, day.Add(endOfDay)}, nil
	}
	for _, layout := range clocks {
		if t, err := time.Parse(layout, strings.ToUpper(m[4])); err == nil {
			clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
			if clock == 0 {
				return Moment{day, day.Add(endOfDay)}, nil // midnight is how a date without a time is exported
			}
			return at(day.Add(clock)), nil
		}
	}
	return Moment{}, fmt.Errorf("%q is not a time of day such as 10:11", m[4])
}

func at(t time.Time) Moment { return Moment{t, t} }

func parseDay(text string, order Order) (time.Time, error) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' || r == '-' })
	var n [3]int
	for i, p := range parts {
		n[i], _ = strconv.Atoi(p) // the pattern has digits only
	}
	if len(parts[0]) == 4 {
		return date(text, n[0], n[1], n[2])
	}
	switch {
	case order == DMY:
		return date(text, n[2], n[1], n[0])
	case order == MDY:
		return date(text, n[2], n[0], n[1])
	case n[0] > 12 && n[1] <= 12:
		return date(text, n[2], n[1], n[0])
	case n[1] > 12 && n[0] <= 12:
		return date(text, n[2], n[0], n[1])
	case n[0] == n[1]:
		return date(text, n[2], n[0], n[1])
	}
	return time.Time{}, fmt.Errorf("%q may be two different days: say which with --date-order dmy or mdy", text)
}

// date refuses days that the calendar does not have, which time.Date would
// turn into others.
func date(text string, year, month, day int) (time.Time, error) {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Year() != year || int(t.Month()) != month || t.Day() != day {
		return time.Time{}, fmt.Errorf("%q is no day of the calendar", text)
	}
	return t, nil
}
