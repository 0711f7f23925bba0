package snapshot

import (
	"math"
	"testing"
	"time"
)

func weekly(used ...int64) []SeatCount {
	monday := time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC)
	counts := make([]SeatCount, len(used))
	for i, u := range used {
		counts[i] = SeatCount{monday.AddDate(0, 0, 7*i), u}
	}
	return counts
}

func TestSeatTrend(t *testing.T) {
	days := []SeatCount{weekly(1)[0], weekly(1)[0], weekly(1)[0], weekly(1)[0], weekly(1)[0]}
	for i := range days {
		days[i].At = days[i].At.AddDate(0, 0, i)
	}
	old := append(weekly(900), weekly(0, 0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34)[2:]...)
	for _, c := range []struct {
		name   string
		counts []SeatCount
		want   float64 // NaN: not known
		runs   int
	}{
		{"nothing", nil, math.NaN(), 0},
		{"three runs", weekly(1, 2, 3), math.NaN(), 0},
		{"four runs", weekly(1, 2, 3, 4), 1, 4},
		{"five days in a row", days, math.NaN(), 0},
		{"falling", weekly(40, 38, 36, 34, 32), -2, 5},
		{"flat", weekly(7, 7, 7, 7), 0, 4},
		{"one step up", weekly(0, 0, 10, 10), 4, 4},
		{"what is older than 13 weeks does not count", old, 2, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := SeatTrend(c.counts)
			if (got == nil) != math.IsNaN(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			if got != nil && (math.Abs(got.PerWeek-c.want) > 1e-9 || got.Runs != c.runs) {
				t.Errorf("%v a week of %d runs, want %v of %d", got.PerWeek, got.Runs, c.want, c.runs)
			}
		})
	}
}

func TestTrendRunsOut(t *testing.T) {
	from := time.Date(2026, 2, 23, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		perWeek float64
		free    int64
		want    string // "": not within the horizon
	}{
		{"two weeks", 5, 10, "2026-03-09"},
		{"over the end of February", 7, 6, "2026-03-01"},
		{"none free", 1, 0, "2026-02-23"},
		{"none free, and falling", -1, 0, "2026-02-23"},
		{"falling", -1, 10, ""},
		{"flat", 0, 10, ""},
		{"just within two years", 1, 104, "2028-02-21"},
		{"beyond two years", 1, 105, ""},
		{"so slow that no time would hold it", 1e-12, 10, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			day, ok := Trend{PerWeek: c.perWeek}.RunsOut(from, c.free)
			got := ""
			if ok {
				got = day.Time().Format(time.DateOnly)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
