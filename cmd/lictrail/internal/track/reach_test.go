package track

import (
	"testing"
	"time"
)

// The log of a tenant that has just got a premium plan reaches back no further than
// it did before; each day a day more, up to 30.
func TestReachesTo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	for _, c := range []struct {
		premium bool
		since   time.Time
		days    int
	}{
		{false, time.Time{}, 7},
		{false, day(-400), 7},
		{true, time.Time{}, 30},
		{true, day(-400), 30},
		{true, day(-23), 30},
		{true, day(-22), 29},
		{true, day(-1), 8},
		{true, now, 7},
		{true, day(1), 7}, // Microsoft's date lies ahead of the clock
	} {
		if got := reachesTo(now, c.premium, c.since); !got.Equal(day(-c.days)) {
			t.Errorf("premium %v since %s: the log reaches to %s, want %d days", c.premium, c.since, got, c.days)
		}
	}
}
