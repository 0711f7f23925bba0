package store

import (
	"testing"

	"lictrail/diff"
	"lictrail/snapshot"
)

// TestTimelines: each user comes with the changes that runs saw of them, and what all
// users have is read in as many queries as what two have. What a run wrote is found
// without reading all attributions for each run.
func TestTimelines(t *testing.T) {
	t.Parallel()
	queries := map[int]int{}
	for _, n := range []int{2, 50} {
		db := openRW(t, newHistory(t))
		first := commitLicensed(t, db, n)
		second := begin(t, db)
		var deltas []snapshot.Delta
		var seen []Attributed
		for i := 1; i < n; i++ { // the first one keeps the license
			k, err := second.Known(t.Context(), licensed(i).ID, int64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			now := licensed(i)
			now.Paths = nil
			d := diff.Comparer{Run: second.Run}.User(k, now)
			for _, c := range d.Changes {
				c.Observed, c.Window = true, snapshot.Window{NotBefore: week(1), NotAfter: week(2)}
				seen = append(seen, Attributed{Change: c, Attribution: snapshot.Attribution{Cause: snapshot.CauseMicrosoft, Initiator: snapshot.ByMicrosoft, Confidence: snapshot.Low}})
			}
			deltas = append(deltas, d)
		}
		r := resultOf(t, second, deltas...)
		r.Changes = Given(seen)
		if err := second.Commit(t.Context(), r); err != nil {
			t.Fatal(err)
		}

		h := history(t, db)
		e := &explaining{reading: h.tx, t: t}
		h.tx = e
		users := 0
		for l, err := range h.Timelines(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			want := min(users, 1)
			if len(l.Changes) != want || want == 1 && (l.Changes[0].User != l.Person.ID || l.Changes[0].Run != second.Run || l.Changes[0].Kind != snapshot.Removed) {
				t.Errorf("user %s has the changes %v", l.Person.ID, l.Changes)
			}
			users++
		}
		if users != n {
			t.Errorf("%d users, want %d", users, n)
		}
		queries[n] = e.queries

		e.scans = nil
		for _, run := range []snapshot.RunID{first, second.Run} {
			written := 0
			for w, err := range h.WrittenBy(t.Context(), run) {
				if err != nil {
					t.Fatal(err)
				}
				if written++; w.Run != run || w.Seen.ID != w.Change || w.Seen.Kind != snapshot.Removed {
					t.Errorf("run %d wrote %+v", run, w)
				}
			}
			if want := map[snapshot.RunID]int{second.Run: n - 1}[run]; written != want {
				t.Errorf("run %d wrote %d attributions, want %d", run, written, want)
			}
		}
		if len(e.scans) != 1 {
			t.Errorf("scans for two runs: %q", e.scans)
		}
	}
	if queries[2] != queries[50] {
		t.Errorf("%d queries for 2 users, %d for 50", queries[2], queries[50])
	}
}
