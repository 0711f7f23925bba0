package ask

import (
	"slices"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestDateWhy: what moved Microsoft's date of a license that was held before.
func TestDateWhy(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	const run = snapshot.RunID(7)
	of := func(kind snapshot.Kind, change ...func(*store.ChangeRow)) *store.ChangeRow {
		c := &store.ChangeRow{}
		c.Kind, c.User, c.SKU, c.Run, c.Observed = kind, "ann", "e3", run, true
		for _, f := range change {
			f(c)
		}
		return c
	}
	sku := func(id snapshot.SKUID) func(*store.ChangeRow) {
		return func(c *store.ChangeRow) { c.User, c.SKU = "", id }
	}
	path, plans, state := of(snapshot.PathMoved), of(snapshot.PlansChanged), of(snapshot.StateChanged)
	added, restored, moved := of(snapshot.PathAdded), of(snapshot.Assigned), of(snapshot.DateMoved)
	ours := of(snapshot.SKUPlanAdded, sku("e3"))
	for _, test := range []struct {
		name    string
		graph   time.Time // Microsoft's date
		run     snapshot.RunID
		changes []*store.ChangeRow
		catalog []*store.ChangeRow
		later   bool
		want    *store.ChangeRow
	}{
		{name: "none is known", run: run},
		{name: "it is ours", graph: day(1).Add(time.Minute), run: run},
		{name: "it is later by more than a minute", graph: day(1).Add(time.Minute + time.Second), run: run, later: true},
		{name: "it was later when tracking began", graph: day(9), run: 1, changes: []*store.ChangeRow{path}, later: true},
		{name: "a path moved", graph: day(9), run: run, changes: []*store.ChangeRow{plans, path}, later: true, want: path},
		{name: "a path came before plans changed", graph: day(9), run: run, changes: []*store.ChangeRow{plans, added}, later: true, want: added},
		{name: "plans changed before a state", graph: day(9), run: run, changes: []*store.ChangeRow{state, plans}, later: true, want: plans},
		{name: "a state changed before a restore", graph: day(9), run: run, changes: []*store.ChangeRow{restored, state}, later: true, want: state},
		{name: "the account was restored", graph: day(9), run: run, changes: []*store.ChangeRow{moved, restored}, later: true, want: restored},
		{name: "the date moved and nothing else", graph: day(9), run: run, changes: []*store.ChangeRow{moved}, later: true, want: moved},
		{name: "a change of another run", graph: day(9), run: run, changes: []*store.ChangeRow{of(snapshot.PathMoved, func(c *store.ChangeRow) { c.Run = 6 })}, later: true},
		{name: "of another SKU", graph: day(9), run: run, changes: []*store.ChangeRow{of(snapshot.PathMoved, func(c *store.ChangeRow) { c.SKU = "e5" })}, later: true},
		{name: "of another user", graph: day(9), run: run, changes: []*store.ChangeRow{of(snapshot.PathMoved, func(c *store.ChangeRow) { c.User = "bob" })}, later: true},
		{name: "that only the audit log saw", graph: day(9), run: run, changes: []*store.ChangeRow{of(snapshot.PathMoved, func(c *store.ChangeRow) { c.Observed = false })}, later: true},
		{name: "the SKU got a plan", graph: day(9), run: run, catalog: []*store.ChangeRow{ours}, later: true, want: ours},
		{name: "a path moved and the SKU got a plan", graph: day(9), run: run, changes: []*store.ChangeRow{path}, catalog: []*store.ChangeRow{ours}, later: true, want: path},
		{name: "the SKU got a plan in another run", graph: day(9), run: run, catalog: []*store.ChangeRow{of(snapshot.SKUPlanAdded, sku("e3"), func(c *store.ChangeRow) { c.Run = 6 })}, later: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &Past{Book: &Book{History: &store.History{First: &store.Run{ID: 1}}}, Changes: test.changes, catalog: test.catalog}
			d := &store.Period{SKU: "e3", From: snapshot.Date{NotAfter: day(1)}, GraphDate: test.graph, GraphRun: test.run}
			d.User.ID = "ann"
			why := p.DateWhy(d)
			switch {
			case (why != nil) != test.later:
				t.Errorf("later: %t, want %t", why != nil, test.later)
			case why == nil:
			case why.First != (test.run == 1):
				t.Errorf("first: %t", why.First)
			case why.Change != test.want:
				t.Errorf("got %+v, want %+v", why.Change, test.want)
			}
		})
	}
}

// TestPlanChange: the SKU's own plans come before those of another one that is held.
func TestPlanChange(t *testing.T) {
	of := func(sku snapshot.SKUID, run snapshot.RunID) *store.ChangeRow {
		c := &store.ChangeRow{}
		c.SKU, c.Run = sku, run
		return c
	}
	own, other, early := of("e3", 7), of("ems", 7), of("e3", 6)
	holds := func(ids ...snapshot.SKUID) func(snapshot.SKUID) bool {
		return func(id snapshot.SKUID) bool { return slices.Contains(ids, id) }
	}
	for _, test := range []struct {
		name    string
		catalog []*store.ChangeRow
		held    func(snapshot.SKUID) bool
		want    *store.ChangeRow
	}{
		{"none", nil, holds("e3", "ems"), nil},
		{"its own", []*store.ChangeRow{own}, holds(), own},
		{"its own before another's", []*store.ChangeRow{other, own}, holds("e3", "ems"), own},
		{"another's that is held", []*store.ChangeRow{other}, holds("ems"), other},
		{"another's that is not held", []*store.ChangeRow{other}, holds("e3"), nil},
		{"of another run", []*store.ChangeRow{early}, holds("e3"), nil},
	} {
		if got := planChange(test.catalog, "e3", 7, test.held); got != test.want {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}
