package store

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lictrail/snapshot"
)

// planTable stands for table plan: it numbers plans as they come.
type planTable struct {
	rows map[snapshot.PlanID]int64
	ids  map[int64]snapshot.PlanID
}

func newPlanTable() *planTable {
	return &planTable{rows: map[snapshot.PlanID]int64{}, ids: map[int64]snapshot.PlanID{}}
}

func (p *planTable) row(id snapshot.PlanID) (int64, error) {
	if _, ok := p.rows[id]; !ok {
		n := int64(len(p.rows) + 1)
		p.rows[id], p.ids[n] = n, id
	}
	return p.rows[id], nil
}

func (p *planTable) id(row int64) (snapshot.PlanID, error) {
	if id, ok := p.ids[row]; ok {
		return id, nil
	}
	return "", errors.New("no such plan")
}

func TestPlans_RoundTrip(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		table := newPlanTable()
		u := snapshot.User{Plans: randomPlans(rng)}
		u.Normalize()
		layout, dates, err := encodePlans(u.Plans, table.row)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodePlans(layout, dates, table.id)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, layout, dates)
		}
		if d := cmp.Diff(u.Plans, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("seed %d (-given +kept):\n%s\n%s\n%s", seed, d, layout, dates)
		}
	}
}

// randomPlans has dates of every sort: none, fractions of seconds, years that
// Microsoft should never give.
func randomPlans(rng *rand.Rand) []snapshot.Plan {
	plans := make([]snapshot.Plan, rng.IntN(70))
	few := []time.Time{{}, week(1), week(2).Add(7 * time.Millisecond)}
	for i := range plans {
		plans[i] = snapshot.Plan{ID: snapshot.PlanID("plan-" + strconv.Itoa(rng.IntN(80))), Status: []string{"Enabled", "Deleted", "a \"new\" <word>\u2028"}[rng.IntN(3)]}
		switch rng.IntN(4) {
		case 0:
			plans[i].AssignedAt = few[rng.IntN(len(few))]
		case 1:
			plans[i].AssignedAt = time.UnixMilli(rng.Int64N(4e12)).UTC()
		case 2:
			plans[i].AssignedAt = time.UnixMilli(-rng.Int64N(4e12)).UTC() // before 1970
		case 3:
			plans[i].AssignedAt = time.UnixMilli(rng.Int64N(250e12)).UTC() // to the year 9892
		}
	}
	return plans
}

func TestPlans_EdgesOfTime(t *testing.T) {
	var plans []snapshot.Plan
	for i, at := range []time.Time{
		{}, time.UnixMilli(0).UTC(), time.UnixMilli(-1).UTC(), time.UnixMilli(1).UTC(), time.UnixMilli(-999).UTC(), time.UnixMilli(-1000).UTC(), time.UnixMilli(-1001).UTC(),
		time.Date(1, 1, 1, 0, 0, 0, int(time.Millisecond), time.UTC), time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
	} {
		plans = append(plans, snapshot.Plan{ID: snapshot.PlanID(strconv.Itoa(10 + i)), Status: "Enabled", AssignedAt: at})
	}
	table := newPlanTable()
	layout, dates, err := encodePlans(plans, table.row)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodePlans(layout, dates, table.id)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plans, got); d != "" {
		t.Errorf("(-given +kept):\n%s\n%s", d, dates)
	}
}

// What users share must be in the layout alone, or every user would have one
// of their own.
func TestPlans_UsersShareALayout(t *testing.T) {
	table := newPlanTable()
	encode := func(first time.Duration) (string, string) {
		var plans []snapshot.Plan
		for i := range 60 {
			plans = append(plans, snapshot.Plan{ID: snapshot.PlanID(strconv.Itoa(100 + i)), Status: "Enabled", AssignedAt: week(1).Add(first + time.Duration(i)*time.Hour)})
		}
		layout, dates, err := encodePlans(plans, table.row)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(dates, ",") + 1; n != 60 {
			t.Fatalf("60 distinct dates are kept as %d", n)
		}
		return layout, dates
	}
	layoutA, datesA := encode(0)
	layoutB, datesB := encode(time.Minute)
	if layoutA != layoutB || datesA == datesB {
		t.Errorf("two users' plans that differ by their dates alone:\n%s\n%s\n%s\n%s", layoutA, layoutB, datesA, datesB)
	}
	if len(datesA) > 60*12 {
		t.Errorf("60 dates of whole seconds take %d bytes", len(datesA))
	}
}

func TestPlans_Damaged(t *testing.T) {
	table := newPlanTable()
	if _, err := table.row("p"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ layout, dates string }{
		{"", ""},
		{"{}", "[]"},
		{`[[1,"Enabled",0]]`, "[]"},   // a date that is not there
		{`[[1,"Enabled",-1]]`, "[1]"}, // before the first
		{`[[1,"Enabled"]]`, "[1]"},
		{`[["1","Enabled",0]]`, "[1]"},
		{`[[1,7,0]]`, "[1]"},
		{`[[1,"Enabled",0.5]]`, "[1]"},
		{`[[1,"Enabled",0]]`, `["yesterday"]`},
		{`[[1,"Enabled",0]]`, "[1"},
	} {
		if plans, err := decodePlans(test.layout, test.dates, table.id); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s and %s decode to %v, %v", test.layout, test.dates, plans, err)
		}
	}
	if _, err := decodePlans(`[[9,"Enabled",0]]`, "[1]", table.id); err == nil {
		t.Error("a plan that no row names decodes")
	}
}
