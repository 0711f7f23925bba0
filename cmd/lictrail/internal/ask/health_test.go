package ask

import (
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// What is the matter with a history, at the thresholds: a run that failed, or is at
// work for too long, is not made good by an earlier one.
func TestHealth_Condition(t *testing.T) {
	now := time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC)
	complete := func(age time.Duration) *store.Run {
		return &store.Run{Status: store.Complete, EndedAt: now.Add(-age), ObservedUntil: now.Add(-age)}
	}
	ended := func(status string) *store.Run { return &store.Run{Status: status, EndedAt: now, StartedAt: now} }
	open := func(age time.Duration) *store.Run { return &store.Run{Status: store.Failed, StartedAt: now.Add(-age)} }
	warned := complete(time.Hour)
	warned.Warnings = []snapshot.Warning{{Code: "groups", Message: "not permitted"}}
	unread := complete(time.Hour)
	unread.Audit = &snapshot.Coverage{}
	read := complete(time.Hour)
	read.Audit = &snapshot.Coverage{Complete: true}
	for _, c := range []struct {
		name   string
		runs   []*store.Run
		want   Condition
		failed int
	}{
		{"no run", nil, NeverRun, 0},
		{"only failures", []*store.Run{ended(store.Failed), ended(store.Incomplete)}, NeverRun, 2},
		{"the first is at work", []*store.Run{open(time.Minute)}, NeverRun, 0},
		{"good", []*store.Run{complete(200 * time.Hour), read}, Healthy, 0},
		{"without the audit log", []*store.Run{complete(time.Hour)}, Healthy, 0},
		{"failed, and then good", []*store.Run{ended(store.Failed), complete(time.Hour)}, Healthy, 0},
		{"good, and then failed", []*store.Run{complete(time.Hour), ended(store.Failed), ended(store.Incomplete)}, Failing, 2},
		{"good, and then incomplete", []*store.Run{complete(time.Hour), ended(store.Incomplete)}, Failing, 1},
		{"at work", []*store.Run{complete(time.Hour), open(longRun)}, Healthy, 0},
		{"at work for too long", []*store.Run{complete(time.Hour), open(longRun + 1)}, Failing, 0},
		{"cut off, and then good", []*store.Run{open(1000 * time.Hour), complete(time.Hour)}, Healthy, 0},
		{"failed and old", []*store.Run{complete(StaleAfter + 1), ended(store.Failed)}, Failing, 1},
		{"old enough", []*store.Run{complete(StaleAfter)}, Healthy, 0},
		{"too old", []*store.Run{complete(StaleAfter + 1)}, Stale, 0},
		{"warnings", []*store.Run{warned}, Partial, 0},
		{"the audit log not in full", []*store.Run{unread}, Partial, 0},
		{"an earlier warning", []*store.Run{warned, read}, Healthy, 0},
	} {
		var h Health
		h.sum(c.runs)
		if got := h.Condition(now, StaleAfter); got != c.want || h.Failed != c.failed {
			t.Errorf("%s: %s, %d failed, want %s, %d", c.name, got, h.Failed, c.want, c.failed)
		}
	}
}
