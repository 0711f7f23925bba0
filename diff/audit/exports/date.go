package exports

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lictrail/diff/audit"
)

// datePattern is a date with a time of day as people write them, in any order.
var datePattern = regexp.MustCompile(`^(\d{1,4})([./-]) ?(\d{1,2})[./-] ?(\d{1,4})\.?[ ,T]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?(?: ?([AaPp])\.? ?[Mm]\.?)?(?: ?(?:Z|UTC|GMT|\+00:?00))?$`)

// plain has only the spaces that a keyboard has: browsers put others before AM.
var plain = strings.NewReplacer("\u202f", " ", "\u00a0", " ", "\u200e", "")

// parseDate reads a time in UTC and returns it as RFC 3339.
func parseDate(cell string, order Order) (string, error) {
	cell = strings.TrimSpace(plain.Replace(cell))
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00"} {
		if at, err := time.Parse(layout, cell); err == nil {
			return at.UTC().Format(time.RFC3339Nano), nil
		}
	}
	m := datePattern.FindStringSubmatch(cell)
	if m == nil {
		return "", fmt.Errorf("%q is not a time that can be read", shorten(cell))
	}
	year, month, day, err := days(m, order)
	if err != nil {
		return "", fmt.Errorf("%q %w", cell, err)
	}
	hour, _ := strconv.Atoi(m[5])
	if half := strings.ToLower(m[9]); half != "" {
		if hour < 1 || hour > 12 {
			return "", fmt.Errorf("%q has no such hour", cell)
		}
		hour %= 12
		if half == "p" {
			hour += 12
		}
	}
	minute, _ := strconv.Atoi(m[6])
	second, _ := strconv.Atoi("0" + m[7])
	nanos, _ := strconv.Atoi((m[8] + "000000000")[:9])
	at := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if at.Day() != day || int(at.Month()) != month || at.Hour() != hour || at.Minute() != minute || at.Second() != second {
		return "", fmt.Errorf("%q is no day and time of the calendar", cell)
	}
	return at.Format(time.RFC3339Nano), nil
}

// timeOf is parseDate, without seconds where the cell has none: a record must not
// say more than its table.
func timeOf(cell string, order Order) (string, error) {
	at, err := parseDate(cell, order)
	if m := datePattern.FindStringSubmatch(strings.TrimSpace(plain.Replace(cell))); err != nil || m == nil || m[7] != "" {
		return at, err
	}
	minute, err := time.Parse(time.RFC3339, at)
	return minute.Format(audit.ToTheMinute), err
}

type dateError string

func (e dateError) Error() string { return string(e) }

const errOrder = dateError("may be two different days: say which with --date-order dmy or mdy")

// days returns the parts of a date. Dots stand in dates that begin with the day.
func days(m []string, order Order) (year, month, day int, err error) {
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[3])
	c, _ := strconv.Atoi(m[4])
	if len(m[1]) == 4 {
		return a, b, c, nil
	}
	if len(m[4]) == 2 {
		c += 2000
	}
	switch found := orderOf(m[0]); {
	case found != UnknownOrder && order != UnknownOrder && found != order && m[2] != ".":
		return 0, 0, 0, dateError(fmt.Sprintf("is no date in the order %s", order))
	case found == DMY, found == UnknownOrder && order == DMY:
		return c, b, a, nil
	case found == MDY, order == MDY, a == b:
		return c, a, b, nil
	}
	return 0, 0, 0, errOrder
}

// orderOf returns the order of day and month where a date leaves no choice.
func orderOf(cell string) Order {
	m := datePattern.FindStringSubmatch(strings.TrimSpace(plain.Replace(cell)))
	if m == nil || len(m[1]) == 4 {
		return UnknownOrder
	}
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[3])
	switch {
	case m[2] == ".", a > 12:
		return DMY
	case b > 12:
		return MDY
	}
	return UnknownOrder
}
