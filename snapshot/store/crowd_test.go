package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

// TestCrowd: a listing says the same however many users it reads at a time, of all
// that can be read with it.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		l := newLaw(t, seed)
		for range 6 {
			l.run()
		}
		if l.first == 0 {
			continue
		}
		type listed struct {
			Assignments []*Assignment
			Holdings    []*Holding
			Periods     []*Period
		}
		list := func(crowd int, byRow bool) (all listed) {
			h := l.history()
			defer h.Close()
			h.crowd = crowd
			f := Filter{Also: AlsoUser | AlsoActivity | AlsoAttributes, ByRow: byRow}
			for a, err := range h.Assignments(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				all.Assignments = append(all.Assignments, a)
			}
			for a, err := range h.Holdings(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				all.Holdings = append(all.Holdings, a)
			}
			for a, err := range h.Periods(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				all.Periods = append(all.Periods, a)
			}
			return all
		}
		want := list(crowdSize, false)
		for _, crowd := range []int{1, 2} {
			if diff := cmp.Diff(want, list(crowd, false), cmp.AllowUnexported(Holding{}, span{})); diff != "" {
				t.Errorf("seed %d, %d users at a time (-all +some):\n%s", seed, crowd, diff)
			}
		}
		byRow := list(1, true)
		for _, all := range [][]*Assignment{byRow.Assignments, want.Assignments} {
			slices.SortStableFunc(all, func(a, b *Assignment) int { return strings.Compare(string(a.User.ID), string(b.User.ID)) })
		}
		if diff := cmp.Diff(want.Assignments, byRow.Assignments); diff != "" {
			t.Errorf("seed %d, in another order (-by UPN +by row):\n%s", seed, diff)
		}
		for _, a := range want.Assignments {
			if a.About == nil || a.About.User == nil && a.User.Presence == snapshot.Present {
				t.Errorf("seed %d: nothing is known about %s", seed, a.User.ID)
			}
		}
	}
}
