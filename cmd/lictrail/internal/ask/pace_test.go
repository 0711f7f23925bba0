package ask

import (
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestPaceRuns: the first run has no changes, the one asked about is held against those
// before it, and of them a year counts.
func TestPaceRuns(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, test := range []struct {
		runs        int
		first, last snapshot.RunID // of those before; 0: none
		over        time.Duration
	}{
		{1, 0, 0, 0}, {2, 0, 0, week}, {3, 2, 2, week}, {4, 2, 3, week},
		{53, 2, 52, week}, {54, 2, 53, week}, {55, 3, 54, week}, // a year of weekly runs
	} {
		var runs []*store.Run
		for i := range test.runs {
			runs = append(runs, &store.Run{ID: snapshot.RunID(i + 1), ObservedUntil: time.Unix(0, 0).Add(time.Duration(i) * week)})
		}
		before, over := paceRuns(runs)
		var first, last snapshot.RunID
		if len(before) > 0 {
			first, last = before[0].id, before[len(before)-1].id
		}
		if first != test.first || last != test.last || over != test.over {
			t.Errorf("%d runs: %d to %d, over %s, want %d to %d, over %s", test.runs, first, last, over, test.first, test.last, test.over)
		}
	}
}

// TestPace_Limit: that nobody of a few holders is left is a burst however many are usual;
// that all of them got the SKU is none.
func TestPace_Limit(t *testing.T) {
	const week = 7 * 24 * time.Hour
	pace := &Pace{over: week, rates: map[paceKey]map[snapshot.RunID]int{}}
	for _, kind := range []snapshot.Kind{snapshot.Removed, snapshot.Assigned} {
		pace.rates[paceKey{kind, "e3"}] = map[snapshot.RunID]int{}
		for id := snapshot.RunID(2); id < 12; id++ {
			pace.rates[paceKey{kind, "e3"}][id] = 10
		}
	}
	for id := snapshot.RunID(2); id < 12; id++ {
		pace.runs = append(pace.runs, paceRun{id, week})
	}
	if got := pace.Limit(snapshot.Removed, "e3", 8); got.Users != 8 || !got.All {
		t.Errorf("removed: %+v, want all 8", got)
	}
	if got := pace.Limit(snapshot.Assigned, "e3", 8); got.Users <= 10 || got.All {
		t.Errorf("assigned: %+v, want more than the usual 10", got)
	}
}
