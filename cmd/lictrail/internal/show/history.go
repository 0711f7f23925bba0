package show

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// DateWhyText says why Microsoft's date of a period is later than ours; "" when it is
// not.
func DateWhyText(b *ask.Book, w *ask.DateWhy) string {
	switch {
	case w == nil:
		return ""
	case w.First:
		return "it said so already when tracking began"
	case w.Change == nil:
		return fmt.Sprintf("it moved in run %d", w.Run)
	}
	c := w.Change
	switch c.Kind {
	case snapshot.PathMoved:
		return fmt.Sprintf("the license moved from %s to %s in run %d", b.PathName(c.From), b.PathName(c.Path), w.Run)
	case snapshot.PathAdded:
		return fmt.Sprintf("%s was added as one more path in run %d", b.PathName(c.Path), w.Run)
	case snapshot.PlansChanged:
		return fmt.Sprintf("service plans were changed in run %d (%s)", w.Run, PlanText(b, c.Plans))
	case snapshot.StateChanged:
		return fmt.Sprintf("the state changed in run %d%s", w.Run, StateText(c.State))
	case snapshot.Assigned:
		return fmt.Sprintf("the account was restored in run %d", w.Run)
	case snapshot.DateMoved:
		why := fmt.Sprintf("its date moved in run %d and nothing else did", w.Run)
		if cause := c.Attribution.Cause; cause != snapshot.CauseUnknown && cause != snapshot.CauseMicrosoft {
			why += ": " + ReasonOf(b, c)
		}
		return why
	}
	return fmt.Sprintf("%s (%s) in run %d", CatalogText(b, c.Plans), b.SKULabel(c.SKU), w.Run)
}

// incomplete: what was done and undone between two runs is not known.
func incomplete(to Printer, p *ask.Past) bool {
	return slices.ContainsFunc(p.Gaps(to.Command), func(g snapshot.Gap) bool { return g.What == snapshot.ReadAuditLog })
}

// Past prints everything in sentences.
func Past(to Printer, p *ask.Past) error {
	for i := range p.People {
		if err := to.Prose("%s\n", ask.PersonLine(&p.People[i].User)); err != nil {
			return err
		}
	}
	if len(p.Holdings) == 0 {
		phrase := "\nNo license was held since tracking began on %s.\n"
		if incomplete(to, p) {
			phrase = "\nWhether a license was held since tracking began on %s is not known; the runs show none.\n"
		}
		if err := to.Printf(phrase, p.History.First.ObservedUntil.Format("2 January 2006")); err != nil {
			return err
		}
	}
	for _, h := range p.Holdings {
		if err := printHolding(to, p, h); err != nil {
			return err
		}
	}
	if len(p.Imports) > 0 {
		if err := to.Printf("\nEarlier records\n"); err != nil {
			return err
		}
	}
	for i := range p.Imports {
		if err := to.Prose("  %s\n", importedText(p.Book, &p.Imports[i])); err != nil {
			return err
		}
	}
	return printChanges(to, p)
}

// printHolding prints one SKU of one user.
func printHolding(to Printer, p *ask.Past, h *store.Holding) error {
	who := ""
	if len(p.People) > 1 {
		who = ", " + h.Person.UPN + " " + string(h.Person.ID)
	}
	err := to.Prose("\n%s%s\n  first assigned %s%s\n", p.SKULabel(h.SKU), who,
		LongDate(h.First), BasisText(h.First))
	if err != nil {
		return err
	}
	for _, d := range p.Periods {
		if d.User.ID != h.Person.ID || d.SKU != h.SKU {
			continue
		}
		if err := printPeriod(to, p, d); err != nil {
			return err
		}
	}
	if !h.Observed() {
		if err := to.Printf("  seen in the audit log only\n"); err != nil {
			return err
		}
	}
	sure, possible := p.DaysHeld(h)
	return to.Printf("  held %s in all\n", daysText(sure, possible))
}

func printPeriod(to Printer, p *ask.Past, d *store.Period) error {
	line := fmt.Sprintf("  period %d: assigned %s%s", d.Number, LongDate(d.From), byText(p, d, d.From, snapshot.Assigned))
	if d.To == nil {
		line += ", held now"
	} else {
		line += ", removed " + LongDate(*d.To) + byText(p, d, *d.To, snapshot.Removed)
	}
	line += "; " + strings.Join(pathNames(p.Book, d), ", ")
	if gaps := len(d.Stretches) - 1; gaps > 0 {
		line += "; the account was deleted and restored " + times(gaps)
	}
	if err := to.Prose("%s\n", line); err != nil || d.GraphDate.IsZero() {
		return err
	}
	if why := DateWhyText(p.Book, p.DateWhy(d)); why != "" {
		return to.Prose("    Microsoft says %s: %s\n", d.GraphDate.UTC().Format(time.DateOnly), why)
	}
	return to.Printf("    Microsoft says %s\n", d.GraphDate.UTC().Format(time.DateOnly))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// byText names who began or ended a period.
func byText(p *ask.Past, d *store.Period, at snapshot.Date, kind snapshot.Kind) string {
	if c := p.Turn(d.User.ID, d.SKU, at, kind); c != nil {
		return doneBy(c)
	}
	return ""
}

// BasisText says what a first-assigned date rests on.
func BasisText(d snapshot.Date) string {
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

func daysText(sure, possible int) string {
	if sure == possible {
		return Plural(sure, "day")
	}
	return fmt.Sprintf("%d to %s", sure, Plural(possible, "day"))
}

func printChanges(to Printer, p *ask.Past) error {
	if err := to.Printf("\nChanges\n"); err != nil {
		return err
	}
	if len(p.Changes) == 0 {
		phrase := "none since tracking began on %s\n"
		if incomplete(to, p) {
			phrase = "not known; the runs since %s show the same\n"
		}
		return to.Printf(phrase, p.History.First.ObservedUntil.Format("2 January 2006"))
	}
	printed := make(map[int]bool)
	for i, c := range p.Changes {
		if printed[i] {
			continue
		}
		if j, ok := p.SwappedWith(i); ok {
			printed[j] = true
			if err := printSwap(to, p, i, j); err != nil {
				return err
			}
			continue
		}
		if err := printChange(to, p, c); err != nil {
			return err
		}
	}
	return nil
}

// printSwap prints two changes as one, with both causes where they differ.
func printSwap(to Printer, p *ask.Past, i, j int) error {
	removed, assigned := p.Changes[i], p.Changes[j]
	if removed.Kind != snapshot.Removed {
		removed, assigned = assigned, removed
	}
	phrase := fmt.Sprintf("%s → %s", p.SKULabel(removed.SKU), p.SKULabel(assigned.SKU))
	paths := p.PathName(assigned.Path)
	if from := p.PathName(removed.Path); from != paths {
		paths = from + " → " + paths
	}
	err := to.Prose("%s%s: %s (%s)\n    %s\n", LongDate(assigned.When), doneBy(assigned), phrase, paths, ReasonOf(p.Book, assigned))
	if err != nil || ReasonOf(p.Book, removed) == ReasonOf(p.Book, assigned) {
		return err
	}
	return to.Prose("    %s removed %s: %s\n", p.SKULabel(removed.SKU), LongDate(removed.When), ReasonOf(p.Book, removed))
}

// doneBy names who started it, where that is known.
func doneBy(c *store.ChangeRow) string {
	if who := ActorLabel(c.Attribution.Responsible()); who != "" {
		return ", by " + who
	}
	return ""
}

// printChange prints a change and its cause in two lines.
func printChange(to Printer, p *ask.Past, c *store.ChangeRow) error {
	seen := ""
	if !c.Observed {
		seen = " (seen in the audit log only)"
	}
	if err := to.Prose("%s%s: %s%s\n", LongDate(c.When), doneBy(c), ChangeText(p.Book, c), seen); err != nil {
		return err
	}
	return to.Line("    "+ReasonOf(p.Book, c), causeStyle(c.Attribution.Cause))
}

func pathNames(b *ask.Book, p *store.Period) []string {
	labels := make([]string, len(p.Paths))
	for i := range p.Paths {
		labels[i] = b.PathName(&p.Paths[i])
	}
	return labels
}

// HoldingJSON sums up one SKU of one user.
type HoldingJSON struct {
	User          UserJSON  `json:"user"`
	SKU           SKUJSON   `json:"sku"`
	FirstAssigned DateJSON  `json:"first_assigned"`
	AssignedSince *DateJSON `json:"assigned_since"` // null: not held now
	Periods       int       `json:"periods"`
	DaysMin       int       `json:"days_held_min"`
	DaysMax       int       `json:"days_held_max"`
}

type PeriodJSON struct {
	User      UserJSON  `json:"user"`
	SKU       SKUJSON   `json:"sku"`
	Period    int       `json:"period"`
	From      DateJSON  `json:"from"`
	To        *DateJSON `json:"to"`
	Paths     []string  `json:"paths"`
	GraphDate *string   `json:"graph_date"`
	GraphWhy  *string   `json:"graph_date_why"` // why it is later than ours
	// Whoever is responsible: behind a group whoever changed it, never the licensing engine.
	AssignedBy *ActorJSON `json:"assigned_by"`
	RemovedBy  *ActorJSON `json:"removed_by"`
}

// SwapJSON is two items that belong together.
type SwapJSON struct {
	From     SKUJSON  `json:"from"`
	To       SKUJSON  `json:"to"`
	Run      int64    `json:"run"`
	When     DateJSON `json:"when"`
	Removed  int64    `json:"removed"`  // id of the change
	Assigned int64    `json:"assigned"` // id of the change
}

// EarlierJSON is an earlier record that was imported.
type EarlierJSON struct {
	SKU        SKUJSON `json:"sku"`
	Assigned   *string `json:"assigned"`
	Seen       *string `json:"seen"`
	Removed    *string `json:"removed"`
	Path       *string `json:"path"`
	Note       *string `json:"note"`
	File       string  `json:"file"`
	SHA256     string  `json:"sha256"`
	Line       int     `json:"line"`
	ImportedAt *string `json:"imported_at"`
}

// PastJSON prints the changes as items, as every command does, and the rest
// beside them: what the first run found is in no change.
func PastJSON(to Printer, p *ask.Past) error {
	doc := struct {
		Schema  int           `json:"schema"`
		Tenant  tenantJSON    `json:"tenant"`
		Users   []UserJSON    `json:"users"`
		SKUs    []HoldingJSON `json:"skus"`
		Periods []PeriodJSON  `json:"periods"`
		Swaps   []SwapJSON    `json:"swaps"`
		Imports []EarlierJSON `json:"imports"`
		Items   []ChangeJSON  `json:"items"`
		Gaps    []out.Gap     `json:"gaps"`
	}{out.Schema, tenantJSON{string(p.History.Tenant.ID), OrNull(p.History.Tenant.Name)}, []UserJSON{}, []HoldingJSON{}, []PeriodJSON{},
		[]SwapJSON{}, []EarlierJSON{}, []ChangeJSON{}, Gaps(p.Book, to.Command)}
	for i := range p.People {
		doc.Users = append(doc.Users, User(&p.People[i].User))
	}
	for _, h := range p.Holdings {
		doc.SKUs = append(doc.SKUs, newHoldingJSON(p, h))
	}
	for _, d := range p.Periods {
		doc.Periods = append(doc.Periods, newPeriodJSON(p, d))
	}
	for _, s := range p.Swaps {
		removed, assigned := p.Changes[s.Removed], p.Changes[s.Assigned]
		doc.Swaps = append(doc.Swaps, SwapJSON{SKU(p.Book, removed.SKU), SKU(p.Book, assigned.SKU), int64(assigned.Run), Date(assigned.When), removed.ID, assigned.ID})
	}
	for i := range p.Imports {
		doc.Imports = append(doc.Imports, newEarlierJSON(p, &p.Imports[i]))
	}
	for _, c := range p.Changes {
		doc.Items = append(doc.Items, Change(p.Book, c))
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	_, err = to.Out.Write(append(text, '\n'))
	return err
}

func newHoldingJSON(p *ask.Past, h *store.Holding) HoldingJSON {
	j := HoldingJSON{User: User(&h.Person.User), SKU: SKU(p.Book, h.SKU), FirstAssigned: Date(h.First)}
	j.DaysMin, j.DaysMax = p.DaysHeld(h)
	for _, d := range p.Periods {
		if d.User.ID != h.Person.ID || d.SKU != h.SKU {
			continue
		}
		j.Periods++
		if d.To == nil {
			since := Date(d.From)
			j.AssignedSince = &since
		}
	}
	return j
}

func newPeriodJSON(p *ask.Past, d *store.Period) PeriodJSON {
	j := PeriodJSON{User: User(&d.User), SKU: SKU(p.Book, d.SKU), Period: d.Number, From: Date(d.From), Paths: pathNames(p.Book, d),
		GraphDate: Stamp(d.GraphDate), GraphWhy: OrNull(DateWhyText(p.Book, p.DateWhy(d)))}
	if c := p.Turn(d.User.ID, d.SKU, d.From, snapshot.Assigned); c != nil {
		j.AssignedBy = Actor(c.Attribution.Responsible())
	}
	if d.To == nil {
		return j
	}
	to := Date(*d.To)
	j.To = &to
	if c := p.Turn(d.User.ID, d.SKU, *d.To, snapshot.Removed); c != nil {
		j.RemovedBy = Actor(c.Attribution.Responsible())
	}
	return j
}

func newEarlierJSON(p *ask.Past, r *store.ImportRow) EarlierJSON {
	return EarlierJSON{SKU: SKU(p.Book, r.SKU), Assigned: OrNull(r.Assigned.String()), Seen: OrNull(r.Seen.String()),
		Removed: OrNull(r.Removed.String()), Path: OrNull(r.Path), Note: OrNull(r.Note), File: r.File.Name, SHA256: r.File.SHA256,
		Line: r.Line, ImportedAt: Stamp(r.File.ImportedAt.Truncate(time.Second))}
}

// importedText describes an earlier record in a sentence.
func importedText(b *ask.Book, r *store.ImportRow) string {
	phrase := b.SKULabel(r.SKU) + " held on " + r.Seen.String()
	if !r.Assigned.IsZero() {
		phrase = b.SKULabel(r.SKU) + " assigned " + LongDate(snapshot.HeldOn(r.Assigned.To, snapshot.BasisImport))
	}
	if !r.Removed.IsZero() {
		phrase += ", removed " + r.Removed.String()
	}
	if r.Path != "" {
		phrase += ", " + r.Path
	}
	if r.Note != "" {
		phrase += " (" + r.Note + ")"
	}
	return fmt.Sprintf("%s; %s line %d, sha256 %.12s, imported %s", phrase, r.File.Name, r.Line, r.File.SHA256,
		r.File.ImportedAt.UTC().Format(time.DateOnly))
}
