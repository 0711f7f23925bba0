package cli

import (
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestLapses: what ends up to a day, and how many users are left without a seat.
func TestLapses(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	sub := func(id, status string, seats int64, next time.Time) snapshot.Subscription {
		return snapshot.Subscription{ID: id, Status: status, Total: seats, NextLifecycleAt: next}
	}
	for _, c := range []struct {
		name     string
		assigned int64
		bought   []snapshot.Subscription
		want     string // until 10 March
	}{
		{"on the day", 5, []snapshot.Subscription{sub("a", "Enabled", 10, day(10))}, "a: all 5 users"},
		{"the day after", 5, []snapshot.Subscription{sub("a", "Enabled", 10, day(11))}, ""},
		{"no date", 5, []snapshot.Subscription{sub("a", "Enabled", 10, time.Time{})}, ""},
		{"on its way out, without a date", 5, []snapshot.Subscription{sub("a", "Warning", 10, time.Time{})}, "a: all 5 users"},
		{"deleted already", 5, []snapshot.Subscription{sub("a", "Deleted", 10, day(1))}, ""},
		{"nobody has it", 0, []snapshot.Subscription{sub("a", "Enabled", 10, day(2))}, "a: nobody holds it"},
		{"one user", 1, []snapshot.Subscription{sub("a", "Enabled", 10, day(2))}, "a: its only user"},
		{"another goes on with enough", 5, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Enabled", 5, day(20))}, "a: enough seats: 5 users, 5 seats go on elsewhere"},
		{"another goes on with too few", 5, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Enabled", 3, time.Time{})}, "a: 2 of 5 users; which is not known"},
		{"both end on one day", 5, []snapshot.Subscription{sub("a", "Enabled", 3, day(2)), sub("b", "Enabled", 3, day(2))}, "a: all 5 users; b: all 5 users"},
		{"one after the other", 5, []snapshot.Subscription{sub("a", "Enabled", 3, day(2)), sub("b", "Enabled", 3, day(3))}, "a: 2 of 5 users; which is not known; b: all 5 users"},
		{"a suspended one gives no seat", 5, []snapshot.Subscription{sub("a", "Enabled", 5, day(2)), sub("b", "Suspended", 5, day(30))}, "a: all 5 users; b: all 5 users"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := ask.SKU{SKURow: &store.SKURow{Assigned: c.assigned, Bought: c.bought}}
			var words []string
			for _, l := range ask.Lapses([]ask.SKU{row}, day(10)) {
				words = append(words, l.ID+": "+show.HitText(&l))
			}
			if got := strings.Join(words, "; "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestTabular: a command of the list is there, and keeps its name.
func TestTabular(t *testing.T) {
	root := newRoot(&env{Streams: &out.Streams{}})
	for _, name := range tabular {
		if cmd, rest, err := root.Find(strings.Fields(name)); err != nil || len(rest) > 0 || cmd.CommandPath() != "lictrail "+name {
			t.Errorf("no command %q", name)
		}
	}
}
