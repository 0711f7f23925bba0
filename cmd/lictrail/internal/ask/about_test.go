package ask

import (
	"testing"
	"time"
)

// TestRunGaps: of a time in which no run looked, nothing is said.
func TestRunGaps(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }
	first, newest := at(4, 6), at(25, 6)
	for _, c := range []struct {
		name                  string
		from, until           time.Time
		wantBefore, wantAfter bool
	}{
		{"all that is known", time.Time{}, time.Time{}, false, false},
		{"within", at(10, 0), at(20, 0), false, false},
		{"up to the newest run", at(10, 0), at(25, 6), false, false},
		{"an hour after it", at(10, 0), at(25, 7), false, false},
		{"more than an hour after it", at(10, 0), at(25, 8), false, true},
		{"all of it after", at(26, 0), at(27, 0), false, true},
		{"from before the first", at(1, 0), at(20, 0), true, false},
		{"open at the beginning", time.Time{}, at(20, 0), false, false},
		{"all of it before", time.Time{}, at(2, 0), true, false},
		{"both", at(1, 0), at(30, 0), true, true},
	} {
		before, after := false, false
		for _, g := range runGaps(c.from, c.until, first, newest) {
			before = before || g.Until.Equal(first) && g.Since.IsZero()
			after = after || g.Since.Equal(newest) && g.Until.IsZero()
		}
		if before != c.wantBefore || after != c.wantAfter {
			t.Errorf("%s: before %t, after %t; want %t, %t", c.name, before, after, c.wantBefore, c.wantAfter)
		}
	}
}
