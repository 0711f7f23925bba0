package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newHistory(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "history USER",
		Short: "Everything known about one user's licenses, oldest first",
		Long: `Every SKU that the user held: when it was first assigned, every period, how
many days in all, and why Microsoft's date differs, where that is known. Then
every change, oldest first; a SKU that took the place of another is told as one
swap. USER is an object id, or a UPN or mail address, present or past. About
somebody whom no run has seen the archived audit records answer.`,
		Example: `  lictrail history ann@contoso.com
  lictrail history ann@contoso.com --format json`,
		Args: argsBetween(1, 1, "one user"),
		RunE: func(cmd *cobra.Command, args []string) error { return runHistory(cmd.Context(), e, args[0]) },
	}
}

func runHistory(ctx context.Context, e *env, ref string) error {
	return withHistory(ctx, e, func(n names) error {
		people, known, err := n.anybody(ctx, ref)
		if err != nil {
			return err
		}
		if len(known) > 0 {
			return n.historyFromArchive(ctx, e, known)
		}
		if e.format == "csv" || e.format == show.FormatWorkbook {
			changes := n.History.Changes(ctx, store.ChangeFilter{Users: people, Oldest: true})
			return show.Changes(n.Book, true).Print(e.printer(n), changes)
		}
		p, err := n.past(ctx, people)
		if err != nil {
			return err
		}
		if e.format == "json" {
			return p.printJSON(e)
		}
		return p.print(e)
	})
}

// past is everything known of the people whom a word stands for.
type past struct {
	names
	people   []store.Person
	holdings []*store.Holding
	periods  []*store.Period
	changes  []*store.ChangeRow // oldest first
	catalog  []*store.ChangeRow // changes to the plans of SKUs
	swaps    []snapshot.Swap    // of changes
	imports  []store.ImportRow
}

func (n names) past(ctx context.Context, people []store.Person) (*past, error) {
	p := &past{names: n, people: people}
	f := store.Filter{Users: people}
	var err error
	if p.holdings, err = collect(n.History.Holdings(ctx, f)); err != nil {
		return nil, err
	}
	if p.periods, err = collect(n.History.Periods(ctx, f)); err != nil {
		return nil, err
	}
	if p.changes, err = collect(n.History.Changes(ctx, store.ChangeFilter{Users: people, Oldest: true})); err != nil {
		return nil, err
	}
	p.catalog, err = collect(n.History.Changes(ctx, store.ChangeFilter{Kinds: []snapshot.Kind{snapshot.SKUPlanAdded, snapshot.SKUPlanRemoved}}))
	if err != nil {
		return nil, err
	}
	if p.imports, err = n.History.Imports(ctx, people); err != nil {
		return nil, err
	}
	plans, err := n.History.SKUPlans(ctx)
	p.findSwaps(plans)
	return p, err
}

// findSwaps finds the SKUs that took the place of others.
func (p *past) findSwaps(plans map[snapshot.SKUID][]snapshot.PlanID) {
	changes := make([]*snapshot.Change, len(p.changes))
	for i, c := range p.changes {
		changes[i] = &c.Change
	}
	plansOf := func(id snapshot.SKUID) []snapshot.PlanID {
		if known := plans[id]; len(known) > 0 {
			return known
		}
		return p.Catalog.PlanIDs(id)
	}
	linked := func(i, j int) bool {
		return slices.ContainsFunc(p.changes[i].Attribution.Evidence, func(e snapshot.EventRef) bool {
			return slices.ContainsFunc(p.changes[j].Attribution.Evidence, func(o snapshot.EventRef) bool {
				return e.Source == o.Source && e.ID == o.ID
			})
		})
	}
	akin := func(i, j int) bool { return snapshot.Akin(plansOf(changes[i].SKU), plansOf(changes[j].SKU)) }
	p.swaps = snapshot.Swaps(changes, linked, akin)
}

// change finds a change of one of the kinds that a run showed of a SKU.
func (p *past) change(user snapshot.UserID, sku snapshot.SKUID, run snapshot.RunID, kinds ...snapshot.Kind) *store.ChangeRow {
	i := slices.IndexFunc(p.changes, func(c *store.ChangeRow) bool {
		return c.User == user && c.SKU == sku && c.Run == run && c.Observed && slices.Contains(kinds, c.Kind)
	})
	if i < 0 {
		return nil
	}
	return p.changes[i]
}

// turn finds the assignment or the removal of a SKU that has a date.
func (p *past) turn(user snapshot.UserID, sku snapshot.SKUID, at snapshot.Date, kind snapshot.Kind) *store.ChangeRow {
	i := slices.IndexFunc(p.changes, func(c *store.ChangeRow) bool {
		return c.User == user && c.SKU == sku && c.Kind == kind && c.When.At.Equal(at.At) && c.When.Precision == at.Precision
	})
	if i < 0 {
		return nil
	}
	return p.changes[i]
}

// graphWhy tells why Microsoft's date of a period is later than ours; "" when
// it is not, or when that is not known.
func (p *past) graphWhy(d *store.Period) string {
	if d.GraphDate.IsZero() || !d.GraphDate.After(d.From.NotAfter.Add(time.Minute)) {
		return ""
	}
	run := d.GraphRun
	if run == p.History.First.ID {
		return "it said so already when tracking began"
	}
	kinds := []struct {
		kind snapshot.Kind
		why  func(c *store.ChangeRow) string
	}{
		{snapshot.PathMoved, func(c *store.ChangeRow) string {
			return fmt.Sprintf("the license moved from %s to %s in run %d", p.PathName(c.From), p.PathName(c.Path), run)
		}},
		{snapshot.PathAdded, func(c *store.ChangeRow) string {
			return fmt.Sprintf("%s was added as one more path in run %d", p.PathName(c.Path), run)
		}},
		{snapshot.PlansChanged, func(c *store.ChangeRow) string {
			return fmt.Sprintf("service plans were changed in run %d (%s)", run, show.PlanWords(p.names.Book, c.Plans))
		}},
		{snapshot.StateChanged, func(c *store.ChangeRow) string {
			return fmt.Sprintf("the state changed in run %d%s", run, show.StateWords(c.State))
		}},
		{snapshot.Assigned, func(*store.ChangeRow) string { return fmt.Sprintf("the account was restored in run %d", run) }},
		{snapshot.DateMoved, func(c *store.ChangeRow) string {
			why := fmt.Sprintf("its date moved in run %d and nothing else did", run)
			if cause := c.Attribution.Cause; cause != snapshot.CauseUnknown && cause != snapshot.CauseMicrosoft {
				why += ": " + c.Attribution.Reason
			}
			return why
		}},
	}
	for _, k := range kinds {
		if c := p.change(d.User.ID, d.SKU, run, k.kind); c != nil {
			return k.why(c)
		}
	}
	return p.catalogWhy(d, run)
}

// catalogWhy looks for a change of what the SKU, or another one that the user
// holds, contains: Microsoft moves the dates of all holders with it.
func (p *past) catalogWhy(d *store.Period, run snapshot.RunID) string {
	for _, own := range []bool{true, false} {
		for _, c := range p.catalog {
			if c.Run != run || own != (c.SKU == d.SKU) {
				continue
			}
			held := slices.ContainsFunc(p.holdings, func(h *store.Holding) bool {
				return h.Person.ID == d.User.ID && h.SKU == c.SKU && h.HeldAt(run)
			})
			if own || held {
				return fmt.Sprintf("%s (%s) in run %d", show.CatalogWords(p.names.Book, c.Plans), p.ShortSKU(c.SKU), run)
			}
		}
	}
	return fmt.Sprintf("it moved in run %d", run)
}

// incomplete: what was done and undone between two runs is not known.
func (p *past) incomplete(e *env) bool {
	return slices.ContainsFunc(p.Gaps(e.command), func(g snapshot.Gap) bool { return g.What == snapshot.ReadAuditLog })
}

func personLine(u *snapshot.User) string {
	line := u.UPN
	if u.Name != "" {
		line = u.Name + " <" + u.UPN + ">"
	}
	if u.Department != "" {
		line += ", " + u.Department
	}
	if u.Presence != snapshot.Present {
		line += ", " + string(u.Presence)
	}
	return line + "  " + string(u.ID)
}

// print tells everything in sentences.
func (p *past) print(e *env) error {
	for i := range p.people {
		if err := e.Printf("%s\n", personLine(&p.people[i].User)); err != nil {
			return err
		}
	}
	if len(p.holdings) == 0 {
		words := "\nNo license was held since tracking began on %s.\n"
		if p.incomplete(e) {
			words = "\nWhether a license was held since tracking began on %s is not known; the runs show none.\n"
		}
		if err := e.Printf(words, p.History.First.ObservedUntil.Format("2 January 2006")); err != nil {
			return err
		}
	}
	for _, h := range p.holdings {
		if err := p.printHolding(e, h); err != nil {
			return err
		}
	}
	if len(p.imports) > 0 {
		if err := e.Printf("\nEarlier records\n"); err != nil {
			return err
		}
	}
	for i := range p.imports {
		if err := e.Printf("  %s\n", p.importedWords(&p.imports[i])); err != nil {
			return err
		}
	}
	return p.printChanges(e)
}

// printHolding tells of one SKU of one user.
func (p *past) printHolding(e *env, h *store.Holding) error {
	who := ""
	if len(p.people) > 1 {
		who = ", " + h.Person.UPN + " " + string(h.Person.ID)
	}
	err := e.Printf("\n%s  %s%s\n  first assigned %s%s\n", p.ShortSKU(h.SKU), p.Catalog.SKUName(h.SKU, p.PartNumber(h.SKU)), who,
		show.LongDate(h.First), basisWords(h.First))
	if err != nil {
		return err
	}
	for _, d := range p.periods {
		if d.User.ID != h.Person.ID || d.SKU != h.SKU {
			continue
		}
		if err := p.printPeriod(e, d); err != nil {
			return err
		}
	}
	if !h.Observed() {
		if err := e.Printf("  seen in the audit log only\n"); err != nil {
			return err
		}
	}
	sure, possible := p.daysHeld(h)
	return e.Printf("  held %s in all\n", daysWords(sure, possible))
}

func (p *past) printPeriod(e *env, d *store.Period) error {
	line := fmt.Sprintf("  period %d: assigned %s%s", d.Number, show.LongDate(d.From), p.byWords(d, d.From, snapshot.Assigned))
	if d.To == nil {
		line += ", held now"
	} else {
		line += ", removed " + show.LongDate(*d.To) + p.byWords(d, *d.To, snapshot.Removed)
	}
	line += "; " + strings.Join(p.pathNames(d), ", ")
	if gaps := len(d.Stretches) - 1; gaps > 0 {
		line += "; the account was deleted and restored " + times(gaps)
	}
	if err := e.Printf("%s\n", line); err != nil || d.GraphDate.IsZero() {
		return err
	}
	if why := p.graphWhy(d); why != "" {
		return e.Printf("    Microsoft says %s: %s\n", d.GraphDate.UTC().Format(time.DateOnly), why)
	}
	return e.Printf("    Microsoft says %s\n", d.GraphDate.UTC().Format(time.DateOnly))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// byWords names who began or ended a period.
func (p *past) byWords(d *store.Period, at snapshot.Date, kind snapshot.Kind) string {
	if c := p.turn(d.User.ID, d.SKU, at, kind); c != nil && c.Attribution.Actor != nil {
		return ", by " + show.ActorWord(c.Attribution.Actor)
	}
	return ""
}

// basisWords tells what a first-assigned date rests on.
func basisWords(d snapshot.Date) string {
	switch {
	case d.Basis == snapshot.BasisPlan:
		return " (the date of a service plan that no other license brings)"
	case d.Basis == snapshot.BasisReport:
		return " (a usage report's date for a service that no other license brings)"
	case d.Basis == snapshot.BasisState:
		return " (Microsoft's date when tracking began)"
	case d.Basis == snapshot.BasisSnapshot, d.Evidence == "":
		return ""
	}
	return " (" + d.Evidence + ")"
}

// daysHeld counts the days for certain and those possible, up to the newest run.
func (p *past) daysHeld(h *store.Holding) (sure, possible int) {
	s, m := snapshot.HeldDays(h.Stretches, p.History.At.ObservedAt, p.History.At.ObservedUntil)
	return snapshot.CountDays(s), snapshot.CountDays(m)
}

func daysWords(sure, possible int) string {
	if sure == possible {
		return show.Plural(sure, "day")
	}
	return fmt.Sprintf("%d to %s", sure, show.Plural(possible, "day"))
}

func (p *past) printChanges(e *env) error {
	if err := e.Printf("\nChanges\n"); err != nil {
		return err
	}
	if len(p.changes) == 0 {
		words := "none since tracking began on %s\n"
		if p.incomplete(e) {
			words = "not known; the runs since %s show the same\n"
		}
		return e.Printf(words, p.History.First.ObservedUntil.Format("2 January 2006"))
	}
	told := make(map[int]bool)
	for i, c := range p.changes {
		if told[i] {
			continue
		}
		if j, ok := p.swappedWith(i); ok {
			told[j] = true
			if err := p.printSwap(e, i, j); err != nil {
				return err
			}
			continue
		}
		if err := p.printChange(e, c); err != nil {
			return err
		}
	}
	return nil
}

// swappedWith returns the other change of a swap.
func (p *past) swappedWith(i int) (int, bool) {
	for _, s := range p.swaps {
		switch i {
		case s.Removed:
			return s.Assigned, true
		case s.Assigned:
			return s.Removed, true
		}
	}
	return 0, false
}

// printSwap tells of two changes as one, with both causes where they differ.
func (p *past) printSwap(e *env, i, j int) error {
	removed, assigned := p.changes[i], p.changes[j]
	if removed.Kind != snapshot.Removed {
		removed, assigned = assigned, removed
	}
	words := fmt.Sprintf("%s → %s", p.ShortSKU(removed.SKU), p.ShortSKU(assigned.SKU))
	paths := p.PathName(assigned.Path)
	if from := p.PathName(removed.Path); from != paths {
		paths = from + " → " + paths
	}
	err := e.Printf("%s%s: %s (%s)\n    %s\n", show.LongDate(assigned.When), doneBy(assigned), words, paths, show.ReasonOf(&assigned.Attribution))
	if err != nil || show.ReasonOf(&removed.Attribution) == show.ReasonOf(&assigned.Attribution) {
		return err
	}
	return e.Printf("    %s removed %s: %s\n", p.ShortSKU(removed.SKU), show.LongDate(removed.When), show.ReasonOf(&removed.Attribution))
}

// doneBy names who an event says did it.
func doneBy(c *store.ChangeRow) string {
	if c.Attribution.Actor == nil {
		return ""
	}
	return ", by " + show.ActorWord(c.Attribution.Actor)
}

// printChange tells a change and its cause in two lines.
func (p *past) printChange(e *env, c *store.ChangeRow) error {
	seen := ""
	if !c.Observed {
		seen = " (seen in the audit log only)"
	}
	return e.Printf("%s%s: %s%s\n    %s\n", show.LongDate(c.When), doneBy(c), show.ChangeWords(p.names.Book, c), seen, show.ReasonOf(&c.Attribution))
}

func (n names) pathNames(p *store.Period) []string {
	words := make([]string, len(p.Paths))
	for i := range p.Paths {
		words[i] = n.PathName(&p.Paths[i])
	}
	return words
}

// seq is how the store lists rows.
type seq[T any] = func(func(T, error) bool)

// collect takes all rows of a sequence.
func collect[T any](rows func(func(T, error) bool)) ([]T, error) {
	var all []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}
