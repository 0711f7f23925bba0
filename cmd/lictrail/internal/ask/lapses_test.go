package ask

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestLapses: which subscriptions lapse by a day, and how many users are left without
// a seat then.
func TestLapses(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	until := day(20)
	sub := func(id, status string, total int64, next time.Time) snapshot.Subscription {
		return snapshot.Subscription{ID: id, Status: status, Total: total, NextLifecycleAt: next}
	}
	for _, test := range []struct {
		name   string
		gone   bool
		bought []snapshot.Subscription
		want   string // of each: id, seats left, users short
	}{
		{"on the last day", false, []snapshot.Subscription{sub("a", "Enabled", 10, until)}, "a 0 8"},
		{"a moment after it", false, []snapshot.Subscription{sub("a", "Enabled", 10, until.Add(time.Second))}, ""},
		{"it never changes", false, []snapshot.Subscription{sub("a", "Enabled", 10, time.Time{})}, ""},
		{"in grace, however late", false, []snapshot.Subscription{sub("a", "Warning", 10, day(28))}, "a 0 8"},
		{"in grace, and no day is known", false, []snapshot.Subscription{sub("a", "Warning", 10, time.Time{})}, "a 0 8"},
		{"suspended, and no day is known", false, []snapshot.Subscription{sub("a", "Suspended", 10, time.Time{})}, "a 0 8"},
		{"deleted already", false, []snapshot.Subscription{sub("a", "Deleted", 10, day(2))}, ""},
		{"the SKU is gone", true, []snapshot.Subscription{sub("a", "Enabled", 10, day(2))}, ""},
		{"another goes on for ever", false, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Enabled", 5, time.Time{})}, "a 5 3"},
		{"another in grace goes on longer", false, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Warning", 5, day(9))}, "a 5 3; b 0 8"},
		{"another ends on the same day", false, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Enabled", 5, day(2))}, "a 0 8; b 0 8"},
		{"another is suspended", false, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Suspended", 5, day(9))}, "a 0 8; b 0 8"},
		{"seats are left for all", false, []snapshot.Subscription{sub("a", "Enabled", 10, day(2)), sub("b", "Enabled", 9, time.Time{})}, "a 9 0"},
		{"the soonest first", false, []snapshot.Subscription{sub("a", "Enabled", 10, day(9)), sub("b", "Enabled", 5, day(2))}, "b 10 0; a 0 8"},
	} {
		row := &store.SKURow{Assigned: 8}
		row.Consumed = 3 // Microsoft's count is not what users hold
		if test.gone {
			row.To = &store.Run{}
		}
		row.Bought = test.bought
		var got []string
		for _, l := range Lapses([]SKU{{SKURow: row}}, until) {
			got = append(got, fmt.Sprint(l.ID, " ", l.Left, " ", l.Short))
		}
		if text := strings.Join(got, "; "); text != test.want {
			t.Errorf("%s: %q, want %q", test.name, text, test.want)
		}
	}
}

// TestLapse_Hit counts those who draw on the subscription where that is known, else the
// seats that are missing.
func TestLapse_Hit(t *testing.T) {
	l := Lapse{Short: 5, Users: make([]snapshot.User, 2)}
	if got := l.Hit(); got != 5 {
		t.Errorf("by seats: %d, want 5", got)
	}
	l.Drawn = &Drawn{}
	if got := l.Hit(); got != 2 {
		t.Errorf("by what draws on it: %d, want 2", got)
	}
}

// TestRunsOut: seats in grace count, and without seats or a trend there is no day.
func TestRunsOut(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name  string
		units snapshot.Units
		trend *snapshot.Trend
		days  int // after at; -1: not known
	}{
		{"no trend", snapshot.Units{Enabled: 10}, nil, -1},
		{"no seats", snapshot.Units{}, &snapshot.Trend{PerWeek: 7}, -1},
		{"one seat a day", snapshot.Units{Enabled: 10}, &snapshot.Trend{PerWeek: 7}, 6},
		{"all seats in grace", snapshot.Units{Warning: 10}, &snapshot.Trend{PerWeek: 7}, 6},
	} {
		row := &store.SKURow{}
		row.Units, row.Consumed = test.units, 4
		day, ok := (&SKU{SKURow: row, Trend: test.trend}).RunsOut(at)
		if ok != (test.days >= 0) || ok && day != snapshot.DayOf(at)+snapshot.Day(test.days) {
			t.Errorf("%s: %v %t, want %d days", test.name, day.Time(), ok, test.days)
		}
	}
}

// TestTotals_Case: departments that differ in case only are one.
func TestTotals_Case(t *testing.T) {
	rows := func(yield func(*store.Assignment, error) bool) {
		for _, department := range []string{"Sales", "SALES", "Finance"} {
			a := &store.Assignment{SKU: "e3"}
			a.User.Department = department
			a.Paths = make([]store.PathSince, 1)
			a.Paths[0].Kind = snapshot.Direct
			if !yield(a, nil) {
				return
			}
		}
	}
	totals, err := Totals(Tenant(snapshot.Tenant{}), "department", rows)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range totals {
		got = append(got, fmt.Sprint(x.Department, " ", x.Users, " ", x.Direct))
	}
	if text := strings.Join(got, ", "); text != "Finance 1 1, Sales 2 2" {
		t.Errorf("got %s", text)
	}
}
