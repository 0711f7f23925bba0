package store

import (
	"bytes"
	"database/sql"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
)

// planTable stands for table plan: it numbers plans as they come.
type planTable struct {
	rows  map[snapshot.PlanID]int64
	ids   map[int64]snapshot.PlanID
	spool *intake.Spool
}

func newPlanTable(t *testing.T) *planTable {
	t.Helper()
	sp, err := intake.NewSpool(filepath.Join(t.TempDir(), "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	return &planTable{rows: map[snapshot.PlanID]int64{}, ids: map[int64]snapshot.PlanID{}, spool: sp}
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

func (p *planTable) decode(k *storedPlans) ([]snapshot.Plan, error) {
	return (&planLayouts{planID: p.id}).plans(k)
}

// keep takes plans the way that a run takes them: by a shape.
func (p *planTable) keep(t *testing.T, plans []snapshot.Plan) *storedPlans {
	t.Helper()
	k, sp := new(storedPlans), p.spool
	if err := errors.Join(sp.Reset(), sp.Add(&snapshot.Delta{Plans: true, New: snapshot.User{Plans: plans}}, 0, nil)); err != nil {
		t.Fatal(err)
	}
	var dates []time.Time
	for u, err := range sp.All() {
		if err == nil {
			dates = u.Dates
			k.layout, err = intake.LayoutText(u.Shape, p.row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	values, err := dateValues(dates)
	if err != nil {
		t.Fatal(err)
	}
	for i := range k.first {
		if err := k.first[i].Scan(values[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.rest.Scan(values[dateColumns]); err != nil {
		t.Fatal(err)
	}
	k.packed, _ = values[dateColumns+1].([]byte)
	return k
}

func TestPlans_RoundTrip(t *testing.T) {
	table := newPlanTable(t)
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		u := snapshot.User{Plans: randomPlans(rng)}
		u.Normalize()
		kept := table.keep(t, u.Plans)
		got, err := table.decode(kept)
		if err != nil {
			t.Fatalf("seed %d: %v\n%+v", seed, err, kept)
		}
		if d := cmp.Diff(u.Plans, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("seed %d (-given +kept):\n%s\n%+v", seed, d, kept)
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
	table := newPlanTable(t)
	kept := table.keep(t, plans)
	got, err := table.decode(kept)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plans, got); d != "" {
		t.Errorf("(-given +kept):\n%s\n%+v", d, kept)
	}
}

// What users share must be in the layout alone, or every user would have one
// of their own.
func TestPlans_UsersShareALayout(t *testing.T) {
	table := newPlanTable(t)
	encode := func(first time.Duration) *storedPlans {
		var plans []snapshot.Plan
		for i := range 60 {
			plans = append(plans, snapshot.Plan{ID: snapshot.PlanID(strconv.Itoa(100 + i)), Status: "Enabled", AssignedAt: week(1).Add(first + time.Duration(i)*time.Hour)})
		}
		kept := table.keep(t, plans)
		return kept
	}
	a, b := encode(0), encode(time.Minute)
	if a.layout != b.layout || bytes.Equal(a.packed, b.packed) {
		t.Errorf("two users' plans that differ by their dates alone:\n%+v\n%+v", a, b)
	}
	if n := len(a.packed); n != 60*4 {
		t.Errorf("60 dates take %d bytes", n)
	}
}

func TestPlans_Damaged(t *testing.T) {
	table := newPlanTable(t)
	if _, err := table.row("p"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ layout, dates string }{
		{"", ""},
		{"{}", "[]"},
		{`[[1,"Enabled",3]]`, "[]"},   // a date that is not there
		{`[[1,"Enabled",-1]]`, "[1]"}, // before the first
		{`[[1,"Enabled"]]`, "[1]"},
		{`[["1","Enabled",0]]`, "[1]"},
		{`[[1,7,0]]`, "[1]"},
		{`[[1,"Enabled",0.5]]`, "[1]"},
		{`[[1,"Enabled",3]]`, `["yesterday"]`},
		{`[[1,"Enabled",3]]`, "[1"},
	} {
		kept := &storedPlans{layout: test.layout, rest: sql.NullString{String: test.dates, Valid: true}}
		if plans, err := table.decode(kept); !errors.Is(err, engine.ErrDamaged) {
			t.Errorf("%s and %s decode to %v, %v", test.layout, test.dates, plans, err)
		}
	}
	if _, err := table.decode(&storedPlans{layout: `[[9,"Enabled",0]]`}); err == nil {
		t.Error("a plan that no row names decodes")
	}
	for _, packed := range [][]byte{{}, {1}, {1, 2, 3}, {1, 2, 3, 4}} {
		if plans, err := table.decode(&storedPlans{layout: `[[1,"Enabled",1]]`, packed: packed}); !errors.Is(err, engine.ErrDamaged) {
			t.Errorf("%v decodes to %v, %v", packed, plans, err)
		}
	}
}

// closeDates are plans of which some came one by one within a minute.
func closeDates(rng *rand.Rand) []snapshot.Plan {
	var starts []time.Time
	for range 1 + rng.IntN(6) {
		starts = append(starts, time.Unix(rng.Int64N(noDate), 0).UTC())
	}
	starts = append(starts, time.Unix(0, 0).UTC(), time.Unix(noDate-1, 0).UTC())
	plans := make([]snapshot.Plan, rng.IntN(300))
	for i := range plans {
		at := starts[rng.IntN(len(starts))]
		switch rng.IntN(8) {
		case 0:
			at = time.Time{}
		case 1:
			at = time.Unix(rng.Int64N(noDate), 0).UTC()
		default:
			if later := at.Add(time.Duration(rng.IntN(70)) * time.Second); later.Unix() < noDate {
				at = later
			}
		}
		plans[i] = snapshot.Plan{ID: snapshot.PlanID("plan-" + strconv.Itoa(i)), Status: "Enabled", AssignedAt: at}
	}
	return plans
}

// TestPlans_Close: dates that lie close together come back as they were, and the two
// forms of packed dates are told apart by their length.
func TestPlans_Close(t *testing.T) {
	packedClosely, table := 0, newPlanTable(t)
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 8))
		u := snapshot.User{Plans: closeDates(rng)}
		u.Normalize()
		kept := table.keep(t, u.Plans)
		got, err := table.decode(kept)
		if err != nil {
			t.Fatalf("seed %d: %v\n%+v", seed, err, kept)
		}
		if d := cmp.Diff(u.Plans, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("seed %d (-given +kept):\n%s\n%+v", seed, d, kept)
		}
		if len(kept.packed)%4 != 0 {
			packedClosely++
		}
	}
	if packedClosely < 500 {
		t.Errorf("%d of 2000 were packed closely", packedClosely)
	}
	plans := make([]snapshot.Plan, 60)
	for i := range plans { // a license within a minute, another one, and three dates of Microsoft's
		at := week(1).Add(time.Duration(i) * time.Second)
		if i > 50 {
			at = week(9).Add(time.Duration(i) * time.Second)
		}
		if i > 56 {
			at = week(20 + i)
		}
		plans[i] = snapshot.Plan{ID: snapshot.PlanID(strconv.Itoa(100 + i)), Status: "Enabled", AssignedAt: at}
	}
	if n := len(newPlanTable(t).keep(t, plans).packed); n != 1+12+2*4+60 { // of the three dates one is a stretch
		t.Errorf("60 close dates take %d bytes", n)
	}
	for _, packed := range [][]byte{{3}, append(make([]byte, closeHead), 192, 0), append([]byte{1}, make([]byte, closeHead+1)...)} {
		if dates, err := unpackDates(packed); !errors.Is(err, engine.ErrDamaged) {
			t.Errorf("%v: %v, %v", packed, dates, err)
		}
	}
}
