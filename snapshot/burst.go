package snapshot

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// How many changes of one SKU in one run are out of the ordinary.
const (
	// BurstFloor is the least number of users, whatever the tenant is used to; of
	// a SKU with few holders it is half of them, and BurstFew at least.
	BurstFloor = 10
	BurstFew   = 6
	// BurstAll is from how many holders on it is a burst that all of them lose it.
	BurstAll = 3
	// BurstRuns is how many runs before make a usual number; with fewer, a tenth of
	// the holders must be hit as well.
	BurstRuns  = 12
	burstShare = 10
	// burstDeviations is how many standard deviations above what is usual, and
	// above what a run in ten exceeds, is no ordinary week.
	burstDeviations = 5.5
	// madDeviation is the standard deviation of a normal distribution whose median
	// absolute deviation is 1.
	madDeviation = 1.4826
)

// Rate is how many users got or lost a SKU in one run, and how long before it the
// run before was.
type Rate struct {
	Users int
	Over  time.Duration
}

// BurstLimit is from how many users on a run's changes of one kind to one SKU are a
// burst, and why.
type BurstLimit struct {
	Users int
	Usual float64 // the median of the runs before, for as long a time; 0 where Runs is 0
	Runs  int     // that it rests on
	All   bool    // so many are all who held it
}

// OrAll is the limit for losses: it is also a burst if all of several holders lose a SKU.
func (l BurstLimit) OrAll(holders int64) BurstLimit {
	if holders >= BurstAll && int64(l.Users) > holders {
		l.Users, l.All = int(holders), true
	}
	return l
}

// UsualBurst computes the limit for a run that looks back over some time, by the
// runs before it: the median of their rates, and the median absolute deviation
// from it, which a single large batch among them does not move. Batches that come
// again, as of those who join on the first of a month, are usual: the limit is
// well above what a run in ten exceeds.
func UsualBurst(before []Rate, over time.Duration, holders int64) BurstLimit {
	floor := min(BurstFloor, max(BurstFew, int(holders+1)/2))
	limit := BurstLimit{Users: floor, Runs: len(before)}
	if len(before) < BurstRuns {
		limit.Users = max(floor, int(holders+burstShare-1)/burstShare)
	}
	if len(before) == 0 {
		return limit
	}
	rates := make([]float64, len(before))
	for i, r := range before {
		rates[i] = float64(r.Users) / days(r.Over)
	}
	usual, often := median(rates), rates[9*(len(rates)-1)/10]*days(over) // median has sorted them
	for i := range rates {
		rates[i] = math.Abs(rates[i] - usual)
	}
	limit.Usual = usual * days(over)
	spread := max(madDeviation*median(rates)*days(over), independent(limit.Usual))
	high := max(limit.Usual+burstDeviations*spread, often+max(burstDeviations*independent(often), often/2))
	limit.Users = max(limit.Users, int(math.Ceil(high)))
	return limit
}

// independent is the standard deviation of a number of things that happen
// independently of each other.
func independent(n float64) float64 { return math.Sqrt(max(n, 1)) }

// days is a length in days, of an hour at least: runs that follow each other at
// once have no rate.
func days(d time.Duration) float64 { return max(d, time.Hour).Hours() / 24 }

// median sorts the values; of an even number it is the mean of the two in the middle.
func median(values []float64) float64 {
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// Text says by which limit a number of users is a burst.
func (l BurstLimit) Text() string {
	switch {
	case l.All:
		return "all who held it"
	case l.Runs < BurstRuns:
		return fmt.Sprintf("%d or more are called out while fewer than %d runs show what is usual", l.Users, BurstRuns)
	case l.Usual < 0.5:
		return fmt.Sprintf("usually nobody; %d or more are out of the ordinary, by %d runs before", l.Users, l.Runs)
	}
	return fmt.Sprintf("usually %.0f; %d or more are out of the ordinary, by %d runs before", l.Usual, l.Users, l.Runs)
}
