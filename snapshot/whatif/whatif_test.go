package whatif

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

var (
	day   = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	e1    = snapshot.SKU{ID: "e1", PartNumber: "E1", Units: snapshot.Units{Enabled: 10}, Plans: plans("EXCHANGE_S_STANDARD", "TEAMS1", "EXCHANGE_S_FOUNDATION")}
	e3    = snapshot.SKU{ID: "e3", PartNumber: "E3", Units: snapshot.Units{Enabled: 3}, Plans: plans("EXCHANGE_S_ENTERPRISE", "TEAMS1", "INTUNE_A")}
	ems   = snapshot.SKU{ID: "ems", PartNumber: "EMS", Units: snapshot.Units{Enabled: 10}, Plans: plans("INTUNE_A", "AAD_PREMIUM")}
	skus  = []snapshot.SKU{e1, e3, ems}
	group = snapshot.Group{ID: "g", Name: "Staff", Licenses: []snapshot.GroupLicense{{SKU: "e1", Disabled: []snapshot.PlanID{"TEAMS1"}}}}
)

// plans are service plans whose ids are their names.
func plans(names ...string) (list []snapshot.ServicePlan) {
	for _, name := range names {
		list = append(list, snapshot.ServicePlan{ID: snapshot.PlanID(name), Name: name})
	}
	return list
}

// path is a held path, directly for "".
func path(sku snapshot.SKUID, by snapshot.GroupID, off ...snapshot.PlanID) snapshot.Path {
	p := snapshot.Path{PathKey: snapshot.PathKey{SKU: sku, PathRef: snapshot.PathRef{Kind: snapshot.Direct}}, Held: true, State: snapshot.StateActive, Disabled: off}
	if by != "" {
		p.PathRef = snapshot.PathRef{Kind: snapshot.ByGroup, Group: by}
	}
	return p
}

func person(id string, paths ...snapshot.Path) snapshot.User {
	u := snapshot.User{ID: snapshot.UserID(id), Presence: snapshot.Present, Paths: paths}
	u.UPN = id + "@contoso.com"
	u.Normalize()
	return u
}

func state(users ...snapshot.User) State {
	s := State{Users: users, SKUs: skus, Groups: []snapshot.Group{group}, Holders: map[snapshot.SKUID]int64{}}
	for i := range users {
		for _, sku := range users[i].Held() {
			s.Holders[sku]++
		}
	}
	return s
}

func predict(t *testing.T, s State, op Operation) *Outcome {
	t.Helper()
	op.When = day
	o, err := Predict(s, op)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestGroupLicense: who has the SKU by another path keeps it, and loses what that
// path has switched off.
func TestGroupLicense(t *testing.T) {
	o := predict(t, state(
		person("ann", path("e1", "g", "TEAMS1")),
		person("bob", path("e1", "g", "TEAMS1"), path("e1", "")),
		person("cid", path("e1", "")),
		person("dee", path("e1", "g"), path("e1", "h", "TEAMS1"))),
		Operation{Kind: RemoveGroupLicense, Group: "g", SKU: "e1"})
	if len(o.Users) != 3 {
		t.Fatalf("%d users, want 3: cid has nothing by the group", len(o.Users))
	}
	ann, bob, dee := o.Users[0], o.Users[1], o.Users[2]
	if !slices.Equal(ann.Lost, []snapshot.SKUID{"e1"}) || !slices.Contains(ann.LostPlans, "EXCHANGE_S_STANDARD") || slices.Contains(ann.LostPlans, "TEAMS1") {
		t.Errorf("ann: %+v", ann)
	}
	if want := (&Mailbox{LosesAccess: day, KeptUntil: day.AddDate(0, 0, 30)}); !cmp.Equal(ann.Mailbox, want) {
		t.Errorf("ann's mailbox: %v, want %v", ann.Mailbox, want)
	}
	if len(bob.Lost) != 0 || !slices.Equal(bob.Stays, []snapshot.SKUID{"e1"}) || bob.Mailbox != nil || len(bob.LostPlans) != 0 {
		t.Errorf("bob: %+v", bob)
	}
	if !slices.Equal(dee.LostPlans, []snapshot.PlanID{"TEAMS1"}) || dee.Mailbox != nil {
		t.Errorf("dee: %+v", dee)
	}
	if want := []Seats{{SKU: "e1", Before: 4, After: 3, Worst: 4, Have: 10}}; !cmp.Equal(o.Seats, want) {
		t.Errorf("seats %+v, want %+v", o.Seats, want)
	}
	if want := []Step{{Kind: LicenseGroup, Group: "g", SKU: "e1", Disabled: []snapshot.PlanID{"TEAMS1"}}}; !cmp.Equal(o.Undo, want) {
		t.Errorf("undo %+v, want %+v", o.Undo, want)
	}
}

// TestSwap: the new SKU is given before the old one is taken, so that both are
// needed for a moment; plans that were off stay off; where seats are short nobody
// can be named.
func TestSwap(t *testing.T) {
	o := predict(t, state(
		person("ann", path("e1", "", "TEAMS1")),
		person("bob", path("e1", "g", "TEAMS1"), path("ems", "")),
		person("cid", path("e1", ""), path("e3", ""))),
		Operation{Kind: Swap, SKU: "e1", To: "e3"})
	if want := []Seats{{SKU: "e1", Before: 3, After: 0, Worst: 3, Have: 10}, {SKU: "e3", Before: 1, After: 3, Worst: 3, Have: 3}}; !cmp.Equal(o.Seats, want) {
		t.Errorf("seats %+v, want %+v", o.Seats, want)
	}
	ann, bob := o.Users[0], o.Users[1]
	if got := ann.After[0]; got.SKU != "e3" || !slices.Equal(got.Disabled, []snapshot.PlanID{"TEAMS1"}) {
		t.Errorf("ann has %+v", got)
	}
	if ann.Mailbox != nil || !slices.Equal(ann.LostPlans, []snapshot.PlanID{"EXCHANGE_S_FOUNDATION", "EXCHANGE_S_STANDARD"}) {
		t.Errorf("ann: %+v", ann)
	}
	if want := []Collision{{"INTUNE_A", "e3", "INTUNE_A", "ems"}}; !cmp.Equal(bob.Collisions, want) {
		t.Errorf("bob's collisions %+v, want %+v", bob.Collisions, want)
	}
	kinds := []StepKind{}
	for _, s := range o.Undo {
		kinds = append(kinds, s.Kind)
	}
	if want := []StepKind{LicenseGroup, UnlicenseGroup, Assign, Unassign, Assign}; !slices.Equal(kinds, want) {
		t.Errorf("undo %v, want %v", kinds, want)
	}

	o = predict(t, state(person("ann", path("e1", "")), person("bob", path("e1", "")), person("cid", path("e3", "")), person("dee", path("e3", ""))),
		Operation{Kind: Swap, SKU: "e1", To: "e3"})
	if s := o.Seats[1]; s.Short != 1 || s.After != 3 || s.Worst != 4 {
		t.Errorf("seats %+v, want one too few", s)
	}
	for _, e := range o.Users {
		if !slices.Equal(e.Unsure, []snapshot.SKUID{"e3", "e1"}) {
			t.Errorf("%s: unsure of %v, want both", e.User.UPN, e.Unsure)
		}
	}
}

// TestSwap_Editions: two editions of one service, from two SKUs.
func TestSwap_Editions(t *testing.T) {
	o := predict(t, state(person("ann", path("ems", ""), path("e1", ""))), Operation{Kind: Swap, SKU: "ems", To: "e3"})
	want := []Collision{{"EXCHANGE_S_ENTERPRISE", "e3", "EXCHANGE_S_STANDARD", "e1"}, {"TEAMS1", "e3", "TEAMS1", "e1"}}
	if got := o.Users[0].Collisions; !cmp.Equal(got, want) {
		t.Errorf("collisions %+v, want %+v", got, want)
	}
	if want[0].Same() || !want[1].Same() {
		t.Error("which is the same plan?")
	}
}

func TestLapse(t *testing.T) {
	s := state(person("ann", path("e1", "")), person("bob", path("e1", "g")))
	one := snapshot.Subscription{ID: "s1", SKU: "e1", Status: "Enabled", Total: 5, NextLifecycleAt: day}
	for _, test := range []struct {
		name   string
		bought []snapshot.Subscription
		users  int
		excess int64
		until  time.Time // the mailbox
	}{
		{"the only one", []snapshot.Subscription{one}, 2, 0, day.AddDate(0, 0, 120)},
		{"another goes on", []snapshot.Subscription{one, {ID: "s2", SKU: "e1", Status: "Enabled", Total: 2, NextLifecycleAt: day.AddDate(1, 0, 0)}}, 0, 0, time.Time{}},
		{"another goes on, too small", []snapshot.Subscription{one, {ID: "s2", SKU: "e1", Status: "Enabled", Total: 1}}, 0, 1, time.Time{}},
		{"another ends before", []snapshot.Subscription{one, {ID: "s2", SKU: "e1", Status: "Enabled", Total: 9, NextLifecycleAt: day.AddDate(0, 0, -1)}}, 2, 0, day.AddDate(0, 0, 120)},
		{"another is suspended", []snapshot.Subscription{one, {ID: "s2", SKU: "e1", Status: "Suspended", Total: 9, NextLifecycleAt: day.AddDate(1, 0, 0)}}, 2, 0, day.AddDate(0, 0, 120)},
		{"in grace", []snapshot.Subscription{{ID: "s1", SKU: "e1", Status: "Warning", Total: 5, NextLifecycleAt: day}}, 2, 0, day.AddDate(0, 0, 90)},
		{"no date", []snapshot.Subscription{{ID: "s1", SKU: "e1", Status: "Enabled", Total: 5}}, 2, 0, time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Bought = test.bought
			o := predict(t, s, Operation{Kind: Lapse, Subscription: "s1"})
			if len(o.Users) != test.users || o.Excess != test.excess {
				t.Fatalf("%d users, %d without a seat; want %d and %d", len(o.Users), o.Excess, test.users, test.excess)
			}
			if test.users > 0 && !o.Users[0].Mailbox.KeptUntil.Equal(test.until) {
				t.Errorf("mailbox until %v, want %v", o.Users[0].Mailbox.KeptUntil, test.until)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	o := predict(t, state(person("ann", path("e1", "g"), path("ems", "g"), path("e3", "", "TEAMS1")), person("bob", path("e1", "g"))),
		Operation{Kind: DeleteUser, User: "ann"})
	if len(o.Users) != 1 || !o.Users[0].Deleted || o.Users[0].After != nil || len(o.Users[0].Lost) != 3 {
		t.Fatalf("%+v", o.Users)
	}
	var steps []StepKind
	for _, s := range o.Undo {
		steps = append(steps, s.Kind)
	}
	if want := []StepKind{RestoreUser, AddMember, Assign}; !slices.Equal(steps, want) { // one membership brings both SKUs
		t.Errorf("undo %v, want %v", steps, want)
	}
}

// TestNothingToDo: what makes no sense is refused, not answered with nobody.
func TestNothingToDo(t *testing.T) {
	s := state(person("ann", path("e1", "")))
	for _, test := range []struct {
		op   Operation
		want error
	}{
		{Operation{Kind: RemoveGroupLicense, Group: "g", SKU: "e3"}, ErrNotGiven},
		{Operation{Kind: RemoveGroupLicense, Group: "x", SKU: "e1"}, ErrNotGiven},
		{Operation{Kind: RemoveFromGroup, Group: "g", User: "ann"}, ErrNotMember},
		{Operation{Kind: RemoveFromGroup, Group: "g", User: "zoe"}, ErrNobody},
		{Operation{Kind: DeleteUser, User: "zoe"}, ErrNobody},
		{Operation{Kind: Swap, SKU: "e1", To: "e1"}, ErrSame},
		{Operation{Kind: Swap, SKU: "e1", To: "f3"}, ErrNoSKU},
		{Operation{Kind: RemoveSKU, SKU: "f3"}, ErrNoSKU},
		{Operation{Kind: Lapse, Subscription: "s9"}, ErrNotBought},
	} {
		if _, err := Predict(s, test.op); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v, want %v", test.op, err, test.want)
		}
	}
	if o := predict(t, s, Operation{Kind: RemoveGroupLicense, Group: "g", SKU: "e1"}); len(o.Users) != 0 || len(o.Undo) != 1 {
		t.Errorf("a group that gives a license to nobody: %+v", o) // no error: the group changes
	}
}

// TestHidden: Graph leaves out by which path a SKU is held.
func TestHidden(t *testing.T) {
	hidden := path("e1", "")
	hidden.Kind = snapshot.Unknown
	o := predict(t, state(person("ann", hidden)), Operation{Kind: RemoveGroupLicense, Group: "g", SKU: "e1"})
	if len(o.Users) != 1 || len(o.Users[0].Lost) != 0 || !slices.Equal(o.Users[0].Unsure, []snapshot.SKUID{"e1"}) {
		t.Errorf("%+v", o.Users)
	}
}
