package ask_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/graph/graphtest"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

// TestReclaim_Again: where there are too many rows to keep, users are judged again to
// list them, with the same rows in the same order. Each row is in what they come to.
func TestReclaim_Again(t *testing.T) {
	t.Parallel()
	tenant := graphtest.New(7)
	tenant.Populate(60, 6)
	path := synced(t, tenant, 3, func() {}, func() {
		tenant.RandomOps(20)
		tenant.Advance(100 * 24 * time.Hour)
	})
	for _, pseudonymize := range []bool{false, true} {
		book, err := ask.Open(t.Context(), path, pseudonymize)
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		report, err := ask.Reclaim(t.Context(), book, ask.Rules{File: rules.Default()}, ask.ReclaimFilter{}, "department")
		if err != nil {
			t.Fatal(err)
		}
		rows := func() []*reclaim.Row {
			rows, err := ask.Collect(report.Rows(t.Context(), reclaim.Buckets...))
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		kept := rows()
		report.Forget()
		if diff := cmp.Diff(kept, rows()); diff != "" {
			t.Errorf("pseudonyms: %v (-kept +judged again):\n%s", pseudonymize, diff)
		}
		found, users := map[reclaim.Bucket]int{}, map[snapshot.UserID]bool{}
		for _, r := range kept {
			found[r.Bucket]++
			users[r.User.ID] = true
		}
		if diff := cmp.Diff(report.Sum.Buckets, found); diff != "" || len(found) < 2 || len(users) < 10 {
			t.Errorf("%d users, buckets (-sum +rows):\n%s", len(users), diff)
		}
		seats := 0
		for _, total := range report.Totals("department") {
			seats += total.Seats
		}
		if seats < len(kept) {
			t.Errorf("%d seats by department, and %d rows", seats, len(kept))
		}
	}
}
