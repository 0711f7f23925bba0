package ask

import (
	"context"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Past is everything known of the people whom a word stands for.
type Past struct {
	*Book
	People   []store.Person
	Holdings []*store.Holding
	Periods  []*store.Period
	Changes  []*store.ChangeRow // oldest first
	catalog  []*store.ChangeRow // changes to the plans of SKUs
	Swaps    []snapshot.Swap    // of changes
	Imports  []store.ImportRow
}

// History collects what is known of a user, or what the archive has about people whom
// no run has seen; one of the two is nil.
func History(ctx context.Context, b *Book, user string) (*Past, *FromArchive, error) {
	users, people, err := Anybody(ctx, b, user)
	if err != nil {
		return nil, nil, err
	}
	if len(people) > 0 {
		archive, err := historyFromArchive(ctx, b, people)
		return nil, archive, err
	}
	past, err := PastOf(ctx, b, users)
	return past, nil, err
}

// PastOf collects what is known of people.
func PastOf(ctx context.Context, b *Book, people []store.Person) (*Past, error) {
	p := &Past{Book: b, People: people}
	f := store.Filter{Users: people}
	var err error
	if p.Holdings, err = Collect(b.History.Holdings(ctx, f)); err != nil {
		return nil, err
	}
	if p.Periods, err = Collect(b.History.Periods(ctx, f)); err != nil {
		return nil, err
	}
	if p.Changes, err = Collect(b.History.Changes(ctx, store.ChangeFilter{Users: people, Oldest: true})); err != nil {
		return nil, err
	}
	p.catalog, err = store.Once(b.History, "changes of the catalog", func() ([]*store.ChangeRow, error) {
		return Collect(b.History.Changes(ctx, store.ChangeFilter{Kinds: []snapshot.Kind{snapshot.SKUPlanAdded, snapshot.SKUPlanRemoved}}))
	})
	if err != nil {
		return nil, err
	}
	if p.Imports, err = b.History.Imports(ctx, people); err != nil {
		return nil, err
	}
	plans, err := b.History.SKUPlans(ctx)
	p.findSwaps(plans)
	return p, err
}

// findSwaps finds the SKUs that took the place of others.
func (p *Past) findSwaps(plans map[snapshot.SKUID][]snapshot.PlanID) {
	changes := make([]*snapshot.Change, len(p.Changes))
	for i, c := range p.Changes {
		changes[i] = &c.Change
	}
	plansOf := func(id snapshot.SKUID) []snapshot.PlanID {
		if known := plans[id]; len(known) > 0 {
			return known
		}
		return p.Catalog.PlanIDs(id)
	}
	linked := func(i, j int) bool {
		return slices.ContainsFunc(p.Changes[i].Attribution.Evidence, func(e snapshot.EventRef) bool {
			return slices.ContainsFunc(p.Changes[j].Attribution.Evidence, func(o snapshot.EventRef) bool {
				return e.Source == o.Source && e.ID == o.ID
			})
		})
	}
	akin := func(i, j int) bool { return snapshot.Akin(plansOf(changes[i].SKU), plansOf(changes[j].SKU)) }
	p.Swaps = snapshot.Swaps(changes, linked, akin)
}

// change finds a change of one of the kinds that a run showed of a SKU.
func (p *Past) change(user snapshot.UserID, sku snapshot.SKUID, run snapshot.RunID, kinds ...snapshot.Kind) *store.ChangeRow {
	i := slices.IndexFunc(p.Changes, func(c *store.ChangeRow) bool {
		return c.User == user && c.SKU == sku && c.Run == run && c.Observed && slices.Contains(kinds, c.Kind)
	})
	if i < 0 {
		return nil
	}
	return p.Changes[i]
}

// Turn finds the assignment or the removal of a SKU that has a date.
func (p *Past) Turn(user snapshot.UserID, sku snapshot.SKUID, at snapshot.Date, kind snapshot.Kind) *store.ChangeRow {
	i := slices.IndexFunc(p.Changes, func(c *store.ChangeRow) bool {
		return c.User == user && c.SKU == sku && c.Kind == kind && c.When.At.Equal(at.At) && c.When.Precision == at.Precision
	})
	if i < 0 {
		return nil
	}
	return p.Changes[i]
}

// DateWhy is why Microsoft's date of a period is later than ours.
type DateWhy struct {
	Run    snapshot.RunID   // that first showed Microsoft's date
	First  bool             // it was so already when tracking began
	Change *store.ChangeRow // what moved it, of this SKU or of the plans of one; nil: not known
}

// movers are the kinds of change that move Microsoft's date, the best explanation first.
// An assignment that does not begin a period is the restore of a deleted account.
var movers = []snapshot.Kind{snapshot.PathMoved, snapshot.PathAdded, snapshot.PlansChanged, snapshot.StateChanged, snapshot.Assigned, snapshot.DateMoved}

// DateWhy finds why Microsoft's date of a period is later than ours; nil when it is
// not later.
func (p *Past) DateWhy(d *store.Period) *DateWhy {
	if d.GraphDate.IsZero() || !d.GraphDate.After(d.From.NotAfter.Add(time.Minute)) {
		return nil
	}
	why := &DateWhy{Run: d.GraphRun, First: d.GraphRun == p.History.First.ID}
	if why.First {
		return why
	}
	for _, kind := range movers {
		if why.Change = p.change(d.User.ID, d.SKU, why.Run, kind); why.Change != nil {
			return why
		}
	}
	why.Change = planChange(p.catalog, d.SKU, why.Run, func(id snapshot.SKUID) bool { return p.holds(d.User.ID, id, why.Run) })
	return why
}

// holds reports whether a run showed that a user held a SKU.
func (p *Past) holds(user snapshot.UserID, sku snapshot.SKUID, run snapshot.RunID) bool {
	return slices.ContainsFunc(p.Holdings, func(h *store.Holding) bool {
		return h.Person.ID == user && h.SKU == sku && h.HeldAt(run)
	})
}

// planChange finds, among the changes to the plans of SKUs, what a run showed of a SKU
// or else of another one that is held: Microsoft moves the dates of all holders with it.
func planChange(catalog []*store.ChangeRow, sku snapshot.SKUID, run snapshot.RunID, held func(snapshot.SKUID) bool) *store.ChangeRow {
	for _, own := range []bool{true, false} {
		for _, c := range catalog {
			if c.Run == run && own == (c.SKU == sku) && (own || held(c.SKU)) {
				return c
			}
		}
	}
	return nil
}

// DaysHeld counts the days for certain and those possible, up to the newest run.
func (p *Past) DaysHeld(h *store.Holding) (sure, possible int) {
	s, m := snapshot.HeldDays(h.Stretches, p.History.At.ObservedAt, p.History.At.ObservedUntil)
	return snapshot.CountDays(s), snapshot.CountDays(m)
}

// SwappedWith returns the other change of a swap.
func (p *Past) SwappedWith(i int) (int, bool) {
	for _, s := range p.Swaps {
		switch i {
		case s.Removed:
			return s.Assigned, true
		case s.Assigned:
			return s.Removed, true
		}
	}
	return 0, false
}
