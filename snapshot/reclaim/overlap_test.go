package reclaim

import (
	"fmt"
	"slices"
	"testing"

	"lictrail/snapshot"
)

func TestOverlaps(t *testing.T) {
	t.Parallel()
	skus := map[snapshot.SKUID]SKU{
		"e3":    {Plans: map[snapshot.PlanID]string{"t": "TEAMS1", "x": "EXCHANGE_S_ENTERPRISE", "f": "EXCHANGE_S_FOUNDATION", "forms3": "FORMS_PLAN_E3"}},
		"e5":    {Plans: map[snapshot.PlanID]string{"t": "TEAMS1", "x": "EXCHANGE_S_ENTERPRISE", "phone": "MCOEV", "forms5": "FORMS_PLAN_E5"}},
		"teams": {Plans: map[snapshot.PlanID]string{"t": "TEAMS1", "f": "EXCHANGE_S_FOUNDATION"}},
		"visio": {Plans: map[snapshot.PlanID]string{"v": "VISIOONLINE", "f": "EXCHANGE_S_FOUNDATION"}},
		"free":  {Free: true, Plans: map[snapshot.PlanID]string{"t": "TEAMS1"}},
	}
	seat := func(sku snapshot.SKUID, off ...snapshot.PlanID) Holding {
		return Holding{SKU: sku, Paths: []Path{{Path: snapshot.Path{Disabled: off}}}}
	}
	for _, test := range []struct {
		name  string
		seats []Holding
		want  []string
	}{
		{"one within the other", []Holding{seat("e3"), seat("e5")},
			[]string{"e3 with e5: [EXCHANGE_S_ENTERPRISE FORMS_PLAN_E3 TEAMS1] true", "e5 with e3: [EXCHANGE_S_ENTERPRISE TEAMS1] false"}},
		{"one plan", []Holding{seat("e3"), seat("teams")}, []string{"e3 with teams: [TEAMS1] false", "teams with e3: [TEAMS1] true"}},
		{"the plan is switched off", []Holding{seat("e3", "t"), seat("teams")}, nil},
		{"only what has no service", []Holding{seat("e3"), seat("visio")}, nil},
		{"a free one", []Holding{seat("teams"), seat("free")}, nil},
		{"one alone", []Holding{seat("e3")}, nil},
	} {
		var got []string
		for i, list := range Overlaps(test.seats, skus) {
			for _, o := range list {
				got = append(got, fmt.Sprintf("%s with %s: %v %t", test.seats[i].SKU, o.With, o.Plans, o.All))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
