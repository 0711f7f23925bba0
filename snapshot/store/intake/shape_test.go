package intake

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"lictrail/snapshot"
)

// TestShape_ManyDates: more dates than users share get a number for each plan, and
// a pattern that nobody shares yet can be given one.
func TestShape_ManyDates(t *testing.T) {
	of := func(dates, plans int) (list []snapshot.Plan) {
		for i := range plans {
			list = append(list, snapshot.Plan{ID: snapshot.PlanID(strconv.Itoa(100 + i)), Status: "Enabled", AssignedAt: time.Unix(1_700_000_000, 0).UTC().Add(time.Duration(i%dates) * time.Second)})
		}
		return list
	}
	for _, dates := range []int{1, commonDates, commonDates + 1, 60} {
		plans := of(dates, 60)
		shape, got := appendShape(nil, plans)
		want := dates
		if dates > commonDates {
			want = 60
		}
		if len(got) != want {
			t.Errorf("%d dates are kept as %d, want %d", dates, len(got), want)
		}
		spread, all, err := SpreadShape(string(shape), got)
		if err != nil || len(all) != 60 {
			t.Fatal(err, len(all))
		}
		wantShape, wantDates := appendSpread(nil, plans)
		if spread != string(wantShape) || !slices.EqualFunc(all, wantDates, time.Time.Equal) {
			t.Errorf("%d dates: a spread shape differs", dates)
		}
	}
	if _, _, err := SpreadShape("\x05plan", nil); !errors.Is(err, errSpool) {
		t.Error(err)
	}
}
