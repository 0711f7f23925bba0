package ask

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var agePattern = regexp.MustCompile(`^(\d{1,6})([hdw])$`)

// Time reads RFC 3339, a day, or an age such as 90d or 26w that counts back from
// now. A day means its beginning, or with end its end. Nothing is the zero time.
func Time(text string, now time.Time, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			t = t.AddDate(0, 0, 1).Add(-time.Millisecond)
		}
		return t, nil
	}
	if m := agePattern.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most six digits
		unit := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		return now.Add(-time.Duration(n) * unit).UTC(), nil
	}
	return time.Time{}, refuse(fmt.Sprintf("%q is not a time", text), "2026-03-01, 2026-03-01T08:00:00Z, 90d or 26w")
}

// IsAge reports whether a text is an age, such as 90d, rather than a time.
func IsAge(text string) bool { return agePattern.MatchString(text) }
