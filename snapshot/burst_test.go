package snapshot

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const week = 7 * 24 * time.Hour

func weeks(counts ...int) []Rate {
	rates := make([]Rate, len(counts))
	for i, n := range counts {
		rates[i] = Rate{n, week}
	}
	return rates
}

// always is as many runs with the same count as make it usual.
func always(count int) []Rate { return slices.Repeat(weeks(count), BurstRuns) }

func TestUsualBurst(t *testing.T) {
	for _, test := range []struct {
		name    string
		before  []Rate
		over    time.Duration
		holders int64
		want    int
	}{
		{"no run before, many holders", nil, week, 1000, 100},
		{"no run before, some holders", nil, week, 40, 10},
		{"no run before, few holders", nil, week, 6, 6},
		{"nobody holds it", nil, week, 0, 6},
		{"quiet", always(0), week, 1000, 10},
		{"quiet, few holders", always(0), week, 14, 7},
		{"one run too few to be sure", always(0)[1:], week, 1000, 100},
		{"16 a week", always(16), week, 1000, 38}, // 16 + 5.5 * 4
		{"a batch among them moves nothing", append(always(16), Rate{400, week}), week, 1000, 38},
		{"batches that come again", append(always(16), weeks(36, 36, 36)...), week, 1000, 69}, // 36 + 5.5 * 6
		{"that vary", weeks(10, 20, 10, 20, 10, 20, 10, 20, 10, 20, 10, 20), week, 1000, 56},  // 15 + 5.5 * 1.4826 * 5
		{"four weeks at once", always(16), 4 * week, 1000, 108},                               // 64 + 5.5 * 8
		{"a run again at once", append(always(0), Rate{3, time.Second}), week, 1000, 10},
	} {
		if got := UsualBurst(test.before, test.over, test.holders); got.Users != test.want {
			t.Errorf("%s: %+v, want %d", test.name, got, test.want)
		}
	}
}

func TestBurstWords(t *testing.T) {
	for limit, want := range map[BurstLimit]string{
		{Users: 100, Runs: 3}:              "100 or more are called out while fewer than 12 runs show what is usual",
		{Users: 10, Runs: 20}:              "usually nobody; 10 or more are out of the ordinary, by 20 runs before",
		{Users: 40, Usual: 16.2, Runs: 26}: "usually 16; 40 or more are out of the ordinary, by 26 runs before",
	} {
		if got := limit.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOrAll(t *testing.T) {
	for _, test := range []struct {
		limit int
		of    int64
		want  BurstLimit
	}{
		{6, 2, BurstLimit{Users: 6}}, {6, 3, BurstLimit{Users: 3, All: true}}, {6, 5, BurstLimit{Users: 5, All: true}}, {6, 6, BurstLimit{Users: 6}},
	} {
		got := BurstLimit{Users: test.limit}.OrAll(test.of)
		if got != test.want || got.All && got.Text() != "all who held it" {
			t.Errorf("%d of %d: %+v, want %+v", test.limit, test.of, got, test.want)
		}
	}
}

// ordinary is how a SKU of some tenant is used in weeks in which nothing happens.
type ordinary struct {
	name    string
	holders int64
	weekly  float64 // mean of those who get, and who lose it
	monthly int     // joiners on the first of a month, and leavers at the end
	season  float64 // how much more there is in some weeks than in others
}

// TestUsualBurst_Ordinary plays a year of ordinary weeks in tenants of all sizes,
// with ten SKUs each: fewer than two of them may be called out. In the 53rd, a
// seventh of the holders lose the SKU at once, or all of few: that must be.
func TestUsualBurst_Ordinary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, o := range []ordinary{
		{"a few users", 12, 0.3, 0, 0}, {"small", 60, 1, 2, 0}, {"a school", 400, 2, 10, 1}, {"middling", 1200, 6, 25, 0.5},
		{"large", 20_000, 80, 150, 0.3}, {"very large", 300_000, 1500, 3000, 0.3}, {"quiet", 5000, 0.1, 0, 0}, {"restless", 900, 30, 0, 0.5},
	} {
		for year := range 20 {
			alarms, missed := 0, 0
			for range 10 { // SKUs
				for _, sign := range []int{1, -1} {
					a, caught := playYear(r, o, sign)
					alarms += a
					missed += btoi(!caught)
				}
			}
			if alarms >= 2 || missed > 0 {
				t.Errorf("%s, year %d: %d false alarms in 52 weeks, %d of 20 mass changes missed", o.name, year, alarms, missed)
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func playYear(r *rand.Rand, o ordinary, sign int) (alarms int, caught bool) {
	var before []Rate
	for w := range 52 {
		mean := o.weekly * (1 + o.season*math.Sin(2*math.Pi*float64(w)/52))
		n := poisson(r, mean)
		if w%4 == btoi(sign > 0) { // joiners come in one week, leavers go in another
			n += poisson(r, float64(o.monthly))
		}
		alarms += btoi(n >= UsualBurst(before, week, o.holders).Users)
		before = append(before, Rate{n, week})
	}
	loss := max(int(o.holders)/7, min(int(o.holders), 20))
	return alarms, loss+poisson(r, o.weekly) >= UsualBurst(before, week, o.holders).Users
}

// poisson draws how many of many independent things happen.
func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n, p, limit := 0, r.Float64(), math.Exp(-mean)
	for p > limit {
		n, p = n+1, p*r.Float64()
	}
	return n
}
