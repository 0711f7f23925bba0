package show

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot/store"
)

// TestWeeksOf: a week without a run is not known, and half a year is shown.
func TestWeeksOf(t *testing.T) {
	sunday := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	run := func(at time.Time) *store.Run { return &store.Run{ObservedUntil: at} }
	var labels []string
	for _, w := range weeksOf([]*store.Run{run(sunday), run(sunday.Add(time.Hour)), run(sunday.AddDate(0, 0, 20))}, 1) {
		labels = append(labels, fmt.Sprint(w.Monday.Format("2 Jan"), " ", w.Known))
	}
	if got, want := strings.Join(labels, ", "), "23 Feb true, 2 Mar true, 9 Mar false, 16 Mar true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := len(weeksOf([]*store.Run{run(sunday.AddDate(-3, 0, 0)), run(sunday)}, 1)); n != weeksShown {
		t.Errorf("%d weeks", n)
	}
}
