package snapshot

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlanEvidence(t *testing.T) {
	catalog := NewCatalog([]SKU{
		{ID: "e3", Plans: []ServicePlan{{ID: "exchange"}, {ID: "office"}, {ID: "teams"}}},
		{ID: "f1", Plans: []ServicePlan{{ID: "teams"}, {ID: "kiosk"}}},
	})
	held := func(sku SKUID, at time.Time) Path { return Path{PathKey: direct(sku), Held: true, UpdatedAt: at} }
	for _, test := range []struct {
		name  string
		paths []Path
		plans []Plan
		want  []FirstEvidence
	}{
		{name: "nothing held", plans: []Plan{{ID: "exchange", AssignedAt: on(1)}}},
		{
			name:  "a plan of no other SKU, earlier than the row",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "exchange", Status: "Enabled", AssignedAt: on(2)}},
			want: []FirstEvidence{{SKU: "e3", At: on(2), Basis: BasisPlan}},
		},
		{
			name:  "the earliest of several",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "exchange", AssignedAt: on(3)}, {ID: "office", AssignedAt: on(2)}},
			want: []FirstEvidence{{SKU: "e3", At: on(2), Basis: BasisPlan}},
		},
		{
			name:  "a plan that two SKUs have says nothing of either",
			paths: []Path{held("e3", on(5)), held("f1", on(5))}, plans: []Plan{{ID: "teams", AssignedAt: on(1)}},
		},
		{
			name:  "even where the user holds only one of them",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "teams", AssignedAt: on(1)}},
		},
		{
			name:  "a plan of a SKU that is not held",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "kiosk", AssignedAt: on(1)}},
		},
		{
			name:  "a plan that the catalog does not know",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "mystery", AssignedAt: on(1)}},
		},
		{
			name:  "a deleted plan is not evidence of holding",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "exchange", Status: "Deleted", AssignedAt: on(1)}},
		},
		{
			name:  "a plan without a date",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "exchange"}},
		},
		{
			name:  "a plan as old as the row, or younger, adds nothing",
			paths: []Path{held("e3", on(5))}, plans: []Plan{{ID: "exchange", AssignedAt: on(5)}, {ID: "office", AssignedAt: on(6)}},
		},
		{
			name: "the earliest held row counts", paths: []Path{held("e3", on(5)), {PathKey: byGroup("e3", "g"), Held: true, UpdatedAt: on(1)}},
			plans: []Plan{{ID: "exchange", AssignedAt: on(2)}},
		},
		{
			name: "a row that is not held does not", paths: []Path{held("e3", on(5)), {PathKey: byGroup("e3", "g"), State: "Error", UpdatedAt: on(1)}},
			plans: []Plan{{ID: "exchange", AssignedAt: on(2)}},
			want:  []FirstEvidence{{SKU: "e3", At: on(2), Basis: BasisPlan}},
		},
		{
			name:  "a row without a date leaves the plan as the only word",
			paths: []Path{held("e3", time.Time{})}, plans: []Plan{{ID: "exchange", AssignedAt: on(9)}},
			want: []FirstEvidence{{SKU: "e3", At: on(9), Basis: BasisPlan}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := User{Paths: test.paths, Plans: test.plans}
			if d := cmp.Diff(test.want, PlanEvidence(&u, catalog)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAlreadyThere(t *testing.T) {
	seen, none := on(20), time.Time{}
	for _, test := range []struct {
		name        string
		state, plan time.Time
		at          time.Time
		basis       Basis
	}{
		{"no evidence: the run's own", none, none, seen, BasisSnapshot},
		{"an earlier state row", on(5), none, on(5), BasisState},
		{"an earlier plan", none, on(4), on(4), BasisPlan},
		{"a plan before the row", on(5), on(4), on(4), BasisPlan},
		{"a row before the plan", on(4), on(5), on(4), BasisState},
		{"a row as old as the plan", on(4), on(4), on(4), BasisState},
		{"dates later than the run say nothing", on(21), on(22), seen, BasisSnapshot},
		{"dates of the run's own time say nothing", seen, seen, seen, BasisSnapshot},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := Date{At: test.at, NotAfter: test.at, Precision: NoLaterThan, Basis: test.basis}
			if d := cmp.Diff(want, AlreadyThere(seen, test.state, test.plan)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// More evidence must only ever move the date earlier.
func TestI8_EvidenceNeverMovesTheDateLater(t *testing.T) {
	for seed := range uint64(2_000) {
		rng := rand.New(rand.NewPCG(seed, 8))
		day := func() time.Time {
			if n := rng.IntN(9); n > 0 {
				return on(n)
			}
			return time.Time{}
		}
		observed, state, plan := on(1+rng.IntN(8)), day(), day()
		less, more := AlreadyThere(observed, state, time.Time{}), AlreadyThere(observed, state, plan)
		if more.At.After(less.At) || less.At.After(observed) {
			t.Fatalf("seed %d: %v without the plan, %v with it, seen %v", seed, less.At, more.At, observed)
		}
	}
}

func TestI10_DatesLieInTheirBounds(t *testing.T) {
	w := Window{NotBefore: on(1), NotAfter: on(8)}
	for _, d := range []Date{WindowDate(w), ExactDate(on(3)), AlreadyThere(on(8), on(5), on(4)), AlreadyThere(on(8), time.Time{}, time.Time{})} {
		if d.At.Before(d.NotBefore) || d.At.After(d.NotAfter) {
			t.Errorf("%+v lies outside its own bounds", d)
		}
	}
	for _, test := range []struct {
		at    time.Time
		slack time.Duration
		want  bool
	}{
		{on(1), 0, true}, {on(8), 0, true}, {on(4), 0, true},
		{on(1).Add(-time.Second), 0, false}, {on(8).Add(time.Second), 0, false},
		{on(1).Add(-time.Second), time.Second, true}, {on(8).Add(time.Second), time.Second, true},
		{on(1).Add(-2 * time.Second), time.Second, false}, {on(8).Add(2 * time.Second), time.Second, false},
	} {
		if got := w.Contains(test.at, test.slack); got != test.want {
			t.Errorf("Contains(%v, %v) = %t, want %t", test.at, test.slack, got, test.want)
		}
	}
	if !(Window{NotAfter: on(8)}).Contains(time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), 0) {
		t.Error("a window without a beginning begins somewhere")
	}
}
