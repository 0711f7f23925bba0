package ask

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// changesOf makes n changes of one kind to a SKU, each of another user.
func changesOf(n int, kind snapshot.Kind, sku snapshot.SKUID) []store.Outline {
	list := make([]store.Outline, n)
	for i := range list {
		list[i].Kind, list[i].SKU, list[i].User, list[i].Observed = kind, sku, snapshot.UserID(fmt.Sprint(sku, kind, i)), true
	}
	return list
}

// TestBursts: at the limits, and one below them.
func TestBursts(t *testing.T) {
	set := func(users int, share float64) BurstLimit { return BurstLimit{Users: users, Share: share} }
	unseen := changesOf(5, snapshot.Removed, "e3")
	for i := range unseen {
		unseen[i].Observed = false
	}
	for _, test := range []struct {
		name     string
		changes  []store.Outline
		assigned int64 // of e3, after the run
		limit    BurstLimit
		want     string
	}{
		{"as many users as the limit", changesOf(5, snapshot.Removed, "e3"), 1000, set(5, 2), "removed e3: 5 of 1005"},
		{"one user fewer", changesOf(4, snapshot.Removed, "e3"), 1000, set(5, 2), ""},
		{"the share of those who held it before", changesOf(2, snapshot.Removed, "e3"), 38, set(99, 0.05), "removed e3: 2 of 40"},
		{"less than the share", changesOf(2, snapshot.Removed, "e3"), 39, set(99, 0.05), ""},
		{"who gets it was not a holder before", changesOf(2, snapshot.Assigned, "e3"), 40, set(99, 0.05), "assigned e3: 2 of 40"},
		{"less than the share of those who hold it now", changesOf(2, snapshot.Assigned, "e3"), 41, set(99, 0.05), ""},
		{"one user is no burst, whatever the share", changesOf(1, snapshot.Removed, "e3"), 0, set(99, 0.05), ""},
		{"one user is one by a limit of one", changesOf(1, snapshot.Removed, "e3"), 10, set(1, 2), "removed e3: 1 of 11"},
		{"what only the audit log saw does not count", unseen, 0, set(1, 0), ""},
		{"nor what nobody lost or got", changesOf(9, snapshot.PlansChanged, "e3"), 10, set(1, 0), ""},
		{"kinds and SKUs are apart", append(changesOf(4, snapshot.Removed, "e3"), changesOf(4, snapshot.Assigned, "e3")...), 100, set(5, 2), ""},
		{"the largest comes first", append(changesOf(5, snapshot.Assigned, "e3"), changesOf(6, snapshot.Removed, "e3")...), 100, set(5, 2),
			"removed e3: 6 of 106; assigned e3: 5 of 100"},
		{"then the SKU, then the kind", append(append(changesOf(5, snapshot.Removed, "e5"), changesOf(5, snapshot.Removed, "e3")...), changesOf(5, snapshot.Assigned, "e3")...), 100, set(5, 2),
			"assigned e3: 5 of 100; removed e3: 5 of 105; removed e5: 5 of 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var words []string
			for _, b := range Bursts(test.changes, map[snapshot.SKUID]int64{"e3": test.assigned}, test.limit, &Pace{}) {
				words = append(words, fmt.Sprintf("%s %s: %d of %d", b.Kind, b.SKU, len(b.Changes), b.Holders))
				if b.Usual != nil {
					t.Error("the limit was set, and is said to be the tenant's own")
				}
			}
			if got := strings.Join(words, "; "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestBursts_Usual: where no limit was set, the runs before say how many are many.
func TestBursts_Usual(t *testing.T) {
	const week = 7 * 24 * time.Hour
	key := paceKey{snapshot.Removed, "e3"}
	pace := &Pace{over: week, rates: map[paceKey]map[snapshot.RunID]int{key: {}}}
	for id := snapshot.RunID(2); id < 12; id++ {
		pace.runs = append(pace.runs, paceRun{id, week})
		pace.rates[key][id] = 10
	}
	limit := pace.Limit(snapshot.Removed, "e3", 500)
	if limit.Users <= 10 || limit.Users >= 100 {
		t.Fatalf("ten a week are usual, and the limit is %d", limit.Users)
	}
	for n, want := range map[int]int{limit.Users - 1: 0, limit.Users: 1} {
		found := Bursts(changesOf(n, snapshot.Removed, "e3"), map[snapshot.SKUID]int64{"e3": int64(500 - n)}, BurstLimit{Usual: true}, pace)
		if len(found) != want || want > 0 && found[0].Usual == nil {
			t.Errorf("%d users: %d bursts, want %d", n, len(found), want)
		}
	}
}

// TestMailboxKeptUntil counts from the earliest time at which the license may have gone.
func TestMailboxKeptUntil(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	c := &store.Outline{}
	c.NotBefore = day(1)
	if got, want := MailboxKeptUntil(c), day(31); !got.Equal(want) {
		t.Errorf("by the window: %s, want %s", got, want)
	}
	c.At = day(5)
	if got, want := MailboxKeptUntil(c), day(35); !got.Equal(want) {
		t.Errorf("by the record: %s, want %s", got, want)
	}
}
