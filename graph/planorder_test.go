package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lictrail/snapshot"
)

// Plans come out sorted whatever came before, and users of a few kinds in turn do not
// have theirs sorted anew.
func TestPlanOrders(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	patterns := make([][]snapshot.Plan, 3*maxPlanOrders)
	for i := range patterns {
		for _, n := range rng.Perm(20)[:2+i%7] {
			patterns[i] = append(patterns[i], snapshot.Plan{ID: snapshot.PlanID(fmt.Sprint(n)), Status: fmt.Sprint(i)})
		}
	}
	var orders planOrders
	for range 1000 {
		plans := patterns[rng.IntN(len(patterns))]
		want := slices.Clone(plans)
		slices.SortFunc(want, func(a, b snapshot.Plan) int { return strings.Compare(string(a.ID), string(b.ID)) })
		if got := orders.sorted(plans); !slices.Equal(got, want) {
			t.Fatalf("%v are sorted to %v", plans, got)
		}
	}
	if len(orders) != maxPlanOrders {
		t.Errorf("%d orders are known", len(orders))
	}
	known := map[*planOrder]bool{}
	for i := range 10 * maxPlanOrders {
		known[orders.of(patterns[i%maxPlanOrders])] = true
	}
	if len(known) != maxPlanOrders {
		t.Errorf("%d patterns were sorted %d times", maxPlanOrders, len(known))
	}
	if orders.sorted(nil) != nil {
		t.Error("no plans are some")
	}
}
