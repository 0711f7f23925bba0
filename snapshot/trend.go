package snapshot

import "time"

// What a trend of seats rests on. Fewer runs, or runs of a few days only, say
// nothing of where things are going.
const (
	TrendDays    = 13 * 7 // runs that are older do not count
	TrendMinRuns = 4
	TrendMinSpan = 20 // days from the first of these runs to the last: three weeks, less what runs start late
	// TrendHorizon is how far a trend is followed, in days.
	TrendHorizon = 2 * 365
)

// SeatCount is how many seats of a SKU were in use at a run.
type SeatCount struct {
	At   time.Time
	Used int64
}

// Trend is the recent trend of the use of a SKU's seats: the line of least
// squares through the runs of the last [TrendDays].
type Trend struct {
	Runs    int // that it rests on
	PerWeek float64
}

// SeatTrend returns the trend of counts in the order of time, up to the last
// one; nil when they are too few.
func SeatTrend(counts []SeatCount) *Trend {
	if len(counts) == 0 {
		return nil
	}
	last := counts[len(counts)-1].At
	for len(counts) > 0 && last.Sub(counts[0].At) > TrendDays*24*time.Hour {
		counts = counts[1:]
	}
	if len(counts) < TrendMinRuns || last.Sub(counts[0].At) < TrendMinSpan*24*time.Hour {
		return nil
	}
	var days, used float64 // means
	for _, c := range counts {
		days += daysBetween(c.At, last) / float64(len(counts))
		used += float64(c.Used) / float64(len(counts))
	}
	var product, square float64
	for _, c := range counts {
		x := daysBetween(c.At, last) - days
		product += x * (float64(c.Used) - used)
		square += x * x
	}
	return &Trend{Runs: len(counts), PerWeek: -7 * product / square}
}

func daysBetween(from, to time.Time) float64 { return to.Sub(from).Hours() / 24 }

// RunsOut is the day on which so many free seats are gone, counted from a time,
// if it goes on like this; false when that is not within [TrendHorizon].
func (t Trend) RunsOut(from time.Time, free int64) (Day, bool) {
	if free <= 0 {
		return DayOf(from), true
	}
	days := float64(free) / t.PerWeek * 7
	if t.PerWeek <= 0 || days > TrendHorizon {
		return 0, false
	}
	return DayOf(from.Add(time.Duration(days * 24 * float64(time.Hour)))), true
}
