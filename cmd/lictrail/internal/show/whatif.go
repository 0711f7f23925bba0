package show

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/whatif"
)

// WhatIf shows a prediction: in text everything, in CSV a row for each user and SKU,
// in JSON a user an item and the rest beside them.
func WhatIf(p Printer, a *ask.WhatIfAnswer) error {
	w := &whatIfPage{Printer: p, a: a}
	switch p.Format {
	case "json":
		return w.json()
	case "csv":
		return w.listing().PrintCSV(p, Given(w.lines()))
	}
	return w.text()
}

type whatIfPage struct {
	Printer
	a *ask.WhatIfAnswer
}

// whatIfLine is what happens to one SKU of one user.
type whatIfLine struct {
	*whatif.Effect
	sku    snapshot.SKUID
	effect string // loses, gets, keeps or not-known
}

func (w *whatIfPage) lines() []whatIfLine {
	var lines []whatIfLine
	for i := range w.a.Outcome.Users {
		e := &w.a.Outcome.Users[i]
		for _, part := range []struct {
			effect string
			skus   []snapshot.SKUID
		}{{"loses", e.Lost}, {"gets", e.Gained}, {"keeps", e.Stays}, {"not-known", e.Unsure}} {
			for _, sku := range part.skus {
				if part.effect != "not-known" && slices.Contains(e.Unsure, sku) {
					continue
				}
				lines = append(lines, whatIfLine{e, sku, part.effect})
			}
		}
	}
	return lines
}

// keptBy lists the paths by which the user keeps plans that another path loses.
func (w *whatIfPage) keptBy(e *whatif.Effect) []string {
	var labels []string
	for _, k := range e.KeptPlans {
		for _, by := range k.By {
			label := w.Book.SKULabel(by.SKU) + " " + w.Book.PathName(&by.PathRef)
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
	}
	return labels
}

func keptPlans(e *whatif.Effect) []snapshot.PlanID {
	plans := make([]snapshot.PlanID, len(e.KeptPlans))
	for i, k := range e.KeptPlans {
		plans[i] = k.Plan
	}
	return plans
}

func (w *whatIfPage) listing() Listing[whatIfLine] {
	type row = whatIfLine
	b := w.Book
	return Listing[row]{Columns: []Column[row]{
		{CSV: "user_id", Text: func(r row) any { return string(r.User.ID) }},
		{CSV: "upn", Text: func(r row) any { return r.User.UPN }},
		{CSV: "name", Text: func(r row) any { return r.User.Name }},
		{CSV: "department", Text: func(r row) any { return r.User.Department }},
		{CSV: "sku_id", Text: func(r row) any { return string(r.sku) }},
		skuColumn(b, func(r row) snapshot.SKUID { return r.sku }),
		{CSV: "effect", Text: func(r row) any { return r.effect }},
		{CSV: "plans_lost", Text: func(r row) any { return strings.Join(w.planText(w.a.LostWith(r.sku, r.LostPlans)), "; ") }},
		{CSV: "plans_kept", Text: func(r row) any { return strings.Join(w.planText(keptPlans(r.Effect)), "; ") }},
		{CSV: "kept_by", Text: func(r row) any { return strings.Join(w.keptBy(r.Effect), "; ") }},
		{CSV: "mailbox_kept_until", Text: func(r row) any {
			if r.Mailbox == nil {
				return nil
			}
			return Stamp(r.Mailbox.KeptUntil)
		}},
		productColumn(b, func(r row) snapshot.SKUID { return r.sku }),
	}}
}

// text shows a summary first, then people, seats, money, collisions, and the steps that
// would undo the operation.
func (w *whatIfPage) text() error {
	for _, part := range []func() error{w.summary, w.people, w.seats, w.collisions, w.undo} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (w *whatIfPage) summary() error {
	texts := append([]string{w.premise() + " " + w.result()}, w.notes()...)
	for _, text := range texts {
		if err := w.Paragraph(text); err != nil {
			return err
		}
	}
	return nil
}

// premise describes the operation.
func (w *whatIfPage) premise() string {
	o, b := w.a.Outcome, w.Book
	group := cmp.Or(b.History.GroupName(o.Group), string(o.Group))
	switch o.Kind {
	case whatif.RemoveGroupLicense:
		return fmt.Sprintf("If group %s no longer gave %s:", group, b.SKULabel(o.SKU))
	case whatif.RemoveFromGroup:
		return fmt.Sprintf("If %s left group %s:", w.user(), group)
	case whatif.Swap:
		return fmt.Sprintf("If %s took the place of %s, with everybody and in every group:", b.SKULabel(o.To), b.SKULabel(o.SKU))
	case whatif.DeleteUser:
		return fmt.Sprintf("If %s were deleted:", w.user())
	case whatif.RemoveSKU:
		return fmt.Sprintf("If %s were taken from everybody and every group:", b.SKULabel(o.SKU))
	}
	on := ""
	if !o.Ends.Subscription.NextLifecycleAt.IsZero() {
		on = " on " + DayText(o.Ends.Subscription.NextLifecycleAt)
	}
	return fmt.Sprintf("If subscription %s, %s of %s, ended%s and nobody renewed it:", o.Ends.Subscription.ID, Plural(o.Ends.Subscription.Total, "seat"), b.SKULabel(o.SKU), on)
}

func (w *whatIfPage) user() string {
	u := w.a.Outcome.Users[0].User
	return cmp.Or(u.UPN, string(u.ID))
}

// result counts what happens to users.
func (w *whatIfPage) result() string {
	var lose, keep, get, unsure, mailboxes, fewer int
	for _, e := range w.a.Outcome.Users {
		lose += one(slices.ContainsFunc(e.Lost, func(id snapshot.SKUID) bool { return !slices.Contains(e.Unsure, id) }))
		keep += one(len(e.Lost) == 0 && len(e.Stays) > 0)
		fewer += one(len(e.Lost) == 0 && len(e.LostPlans) > 0)
		get += one(slices.ContainsFunc(e.Gained, func(id snapshot.SKUID) bool { return !slices.Contains(e.Unsure, id) }))
		unsure += one(len(e.Unsure) > 0)
		mailboxes += one(e.Mailbox != nil)
	}
	var parts []string
	add := func(n int, phrase string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(phrase, Plural(n, "user")))
		}
	}
	add(lose, "%s would lose a license")
	add(keep, "%s would keep it by another path")
	add(fewer, "%s would keep the license and lose service plans")
	add(get, "%s would get one")
	add(mailboxes, "the mailbox of %s would be without a license")
	add(unsure, "what happens to a license of %s is not known")
	if n := w.a.Outcome.Excess; n > 0 {
		parts = append(parts, fmt.Sprintf("%s would hold it without a seat; Microsoft takes it from nobody by itself then, and gives no order", Plural(n, "user")))
	}
	if len(parts) == 0 {
		return "nobody would lose or get anything."
	}
	return strings.Join(parts, "; ") + "."
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// notes say what the prediction does not show.
func (w *whatIfPage) notes() []string {
	var notes []string
	o, g := w.a.Outcome, w.a.Group
	switch {
	case g != nil && g.Dynamic && o.Kind == whatif.RemoveFromGroup:
		notes = append(notes, "The group's members follow a rule and cannot be taken out by hand: the user leaves when the rule no longer applies.")
	case g != nil && g.OnPremisesSync && o.Kind == whatif.RemoveFromGroup:
		notes = append(notes, "The group is synchronized from Active Directory: the user is taken out there.")
	}
	if w.a.Group != nil && g.ProcessingState != "" && g.ProcessingState != "ProcessingComplete" {
		notes = append(notes, "Microsoft was still applying the group's licenses when it was read: members who come to it now are not among those listed.")
	}
	if e := o.Ends; e != nil && !e.LosesAccess.IsZero() && len(o.Users) > 0 {
		notes = append(notes, fmt.Sprintf("Users would lose access by %s; the data is deleted by %s.", DayText(e.LosesAccess), DayText(e.Deleted)))
	}
	for _, s := range o.Seats {
		if s.Short > 0 {
			notes = append(notes, fmt.Sprintf("%s of %s would be missing: which users go without is not known.", Plural(s.Short, "seat"), w.Book.SKULabel(s.SKU)))
		}
		if s.Hidden > 0 {
			notes = append(notes, fmt.Sprintf("%s more may need %s: Microsoft does not show how they hold what they have.", Plural(s.Hidden, "user"), w.Book.SKULabel(s.SKU)))
		}
	}
	return notes
}

// maxWhatIfRows is how many users text shows; CSV and JSON have all.
const maxWhatIfRows = 50

func (w *whatIfPage) people() error {
	lines := w.lines()
	if len(lines) == 0 {
		return nil
	}
	table := out.NewTable(out.Column{Head: "USER", Keep: true}, out.Column{Head: "SKU", Keep: true}, out.Column{Head: "WOULD"},
		out.Column{Head: "PLANS LOST", Min: 14, Wrap: true}, out.Column{Head: "KEEPS PLANS BY", Min: 14, Wrap: true}, out.Column{Head: "MAILBOX KEPT UNTIL"})
	for i, l := range lines {
		if i == maxWhatIfRows {
			break
		}
		var mailbox any
		if l.Mailbox != nil {
			mailbox = DayOrNil(l.Mailbox.KeptUntil)
			if l.Mailbox.KeptUntil.IsZero() {
				mailbox = "not known"
			}
		}
		effect := map[string]string{"loses": "lose it", "gets": "get it", "keeps": "keep it", "not-known": "not known"}[l.effect]
		lost, kept := countedPlans(w.planText(w.a.LostWith(l.sku, l.LostPlans))), OrNil(strings.Join(w.keptBy(l.Effect), ", "))
		if l.effect == "not-known" {
			lost, kept = nil, nil
		}
		table.Row(cmp.Or(l.User.UPN, string(l.User.ID)), w.Book.SKULabel(l.sku), effect, lost, kept, mailbox)
	}
	if err := w.Printf("\n"); err != nil {
		return err
	}
	if err := table.Print(w.Streams); err != nil {
		return err
	}
	if more := len(lines) - maxWhatIfRows; more > 0 {
		return w.Printf("and %d more: --format csv lists all\n", more)
	}
	return nil
}

// planText names plans, by name.
func (w *whatIfPage) planText(plans []snapshot.PlanID) []string {
	labels := make([]string, len(plans))
	for i, id := range plans {
		labels[i] = w.Book.PlanLabel(id)
	}
	slices.Sort(labels)
	return labels
}

// countedPlans names a few plans, and counts the rest.
func countedPlans(labels []string) any {
	const shown = 3
	switch {
	case len(labels) == 0:
		return nil
	case len(labels) > shown+1:
		return fmt.Sprintf("%s and %d more", strings.Join(labels[:shown], ", "), len(labels)-shown)
	}
	return strings.Join(labels, ", ")
}

func (w *whatIfPage) seats() error {
	if len(w.a.Outcome.Seats) == 0 {
		return nil
	}
	table := out.NewTable(out.Column{Head: "SKU", Keep: true}, out.Column{Head: "HOLD IT NOW"}, out.Column{Head: "AFTER"}, out.Column{Head: "AT WORST"},
		out.Column{Head: "SEATS"}, out.Column{Head: "MISSING"})
	for _, s := range w.a.Outcome.Seats {
		table.Row(w.Book.SKULabel(s.SKU), s.Before, s.After, s.Worst, s.Have, s.Short)
	}
	if err := w.Printf("\n"); err != nil {
		return err
	}
	if err := table.Print(w.Streams); err != nil {
		return err
	}
	return w.Paragraph(fmt.Sprintf("The seats in use of these cost a month: %s now, %s after. What is billed changes with the subscription, not with the assignment.",
		w.a.Before.Text(), w.a.After.Text()))
}

// collided is a pair of SKUs with the plans of each that users would have at once.
type collided struct {
	sku, other snapshot.SKUID
	plans      []string
	same       bool
	users      int
}

func (w *whatIfPage) collided() []collided {
	var pairs []collided
	for _, e := range w.a.Outcome.Users {
		counted := map[int]bool{}
		for _, c := range e.Collisions {
			i := slices.IndexFunc(pairs, func(p collided) bool { return p.sku == c.SKU && p.other == c.Other && p.same == c.Same() })
			if i < 0 {
				i = len(pairs)
				pairs = append(pairs, collided{sku: c.SKU, other: c.Other, same: c.Same()})
			}
			label := w.Book.PlanLabel(c.Plan)
			if !c.Same() {
				label += " and " + w.Book.PlanLabel(c.With)
			}
			if !slices.Contains(pairs[i].plans, label) {
				pairs[i].plans = append(pairs[i].plans, label)
			}
			pairs[i].users += one(!counted[i])
			counted[i] = true
		}
	}
	return pairs
}

func (w *whatIfPage) collisions() error {
	for i, c := range w.collided() {
		if i == 0 {
			if err := w.Printf("\nPlan collisions\n"); err != nil {
				return err
			}
		}
		phrase := "%s would have the same service plans from %s and %s, and pay twice: %v."
		if !c.same {
			phrase = "%s would have two editions of a service, from %s and %s: %v. Microsoft refuses some such pairs (MutuallyExclusiveViolation), and publishes no list."
		}
		if err := w.Paragraph(fmt.Sprintf(phrase, Plural(c.users, "user"), w.Book.SKULabel(c.sku), w.Book.SKULabel(c.other), countedPlans(c.plans))); err != nil {
			return err
		}
	}
	return nil
}

func (w *whatIfPage) undo() error {
	steps := w.a.Outcome.Undo
	if len(steps) == 0 {
		return nil
	}
	if err := w.Printf("\nWhat would bring it back\n"); err != nil {
		return err
	}
	for i, s := range steps {
		if i == maxWhatIfRows {
			return w.Printf("and %d more: --format json lists all\n", len(steps)-maxWhatIfRows)
		}
		if err := w.Printf("%3d. %s\n", i+1, w.stepText(s)); err != nil {
			return err
		}
	}
	return nil
}

func (w *whatIfPage) stepText(s whatif.Step) string {
	b := w.Book
	group := fmt.Sprintf("%q", cmp.Or(b.History.GroupName(s.Group), string(s.Group)))
	user := ""
	if s.User != nil {
		user = cmp.Or(s.User.UPN, string(s.User.ID))
	}
	without := ""
	if len(s.Disabled) > 0 {
		without = " without " + strings.Join(w.planText(s.Disabled), ", ")
	}
	until := ""
	if !s.Until.IsZero() {
		until = " by " + s.Until.UTC().Format(time.DateOnly)
	}
	switch s.Kind {
	case whatif.Assign:
		return fmt.Sprintf("assign %s to %s%s", b.SKULabel(s.SKU), user, without)
	case whatif.Unassign:
		return fmt.Sprintf("unassign %s from %s", b.SKULabel(s.SKU), user)
	case whatif.AddMember:
		return fmt.Sprintf("put %s into group %s", user, group)
	case whatif.LicenseGroup:
		return fmt.Sprintf("have group %s give %s%s", group, b.SKULabel(s.SKU), without)
	case whatif.UnlicenseGroup:
		return fmt.Sprintf("have group %s no longer give %s", group, b.SKULabel(s.SKU))
	case whatif.RestoreUser:
		return fmt.Sprintf("restore %s%s", user, until)
	}
	return fmt.Sprintf("renew subscription %s of %s%s", s.Subscription, b.SKULabel(s.SKU), until)
}

// WhatIfUserJSON is what would happen to one user.
type WhatIfUserJSON struct {
	User       UserJSON         `json:"user"`
	Deleted    bool             `json:"deleted"`
	Loses      []SKUJSON        `json:"loses"`
	Gets       []SKUJSON        `json:"gets"`
	Keeps      []SKUJSON        `json:"keeps"`
	NotKnown   []SKUJSON        `json:"not_known"`
	PathsGone  []whatIfPathJSON `json:"paths_gone"`
	PathsNew   []whatIfPathJSON `json:"paths_new"`
	PlansLost  []PlanJSON       `json:"plans_lost"`
	PlansKept  []keptPlanJSON   `json:"plans_kept"`
	PlansNew   []PlanJSON       `json:"plans_new"`
	Collisions []collisionJSON  `json:"collisions"`
	Mailbox    *mailboxJSON     `json:"mailbox"`
}

type whatIfPathJSON struct {
	SKU  SKUJSON      `json:"sku"`
	Path *PathRefJSON `json:"path"`
	Held bool         `json:"held"`
}

type keptPlanJSON struct {
	PlanJSON
	By []whatIfPathJSON `json:"by"`
}

type collisionJSON struct {
	SKU       SKUJSON  `json:"sku"`
	Plan      PlanJSON `json:"plan"`
	OtherSKU  SKUJSON  `json:"other_sku"`
	OtherPlan PlanJSON `json:"other_plan"`
	Same      bool     `json:"same"`
}

type mailboxJSON struct {
	LosesAccess *string `json:"loses_access"`
	KeptUntil   *string `json:"kept_until"`
}

type whatIfSeatsJSON struct {
	SKU     SKUJSON `json:"sku"`
	Before  int64   `json:"holders"`
	After   int64   `json:"holders_after"`
	Worst   int64   `json:"needed_at_worst"`
	Have    int64   `json:"seats"`
	Missing int64   `json:"missing"`
	Hidden  int64   `json:"not_known"`
}

type whatIfStepJSON struct {
	Step         string     `json:"step"`
	User         *UserJSON  `json:"user"`
	Group        *GroupJSON `json:"group"`
	SKU          *SKUJSON   `json:"sku"`
	Without      []PlanJSON `json:"without_plans"`
	Subscription *string    `json:"subscription"`
	By           *string    `json:"by"`
	Words        string     `json:"words"`
}

// WhatIfOutcomeJSON is the outcome of an operation apart from what happens to users.
type WhatIfOutcomeJSON struct {
	Operation   string            `json:"operation"`
	Summary     string            `json:"summary"`
	Notes       []string          `json:"notes"`
	Seats       []whatIfSeatsJSON `json:"seats"`
	WithoutSeat int64             `json:"without_seat"`
	Cost        CostJSON          `json:"monthly_cost"`
	CostAfter   CostJSON          `json:"monthly_cost_after"`
	LosesAccess *string           `json:"loses_access"`
	DataDeleted *string           `json:"data_deleted"`
	Undo        []whatIfStepJSON  `json:"undo"`
}

// CostJSON is an amount for each currency; lower bounds are said to be ones.
type CostJSON struct {
	Amounts []moneyJSON `json:"amounts"`
	Lower   bool        `json:"lower_bound"`
}

// Cost is a cost in the contract's form.
func Cost(c reclaim.Cost) CostJSON {
	j := CostJSON{Amounts: []moneyJSON{}, Lower: c.Lower}
	for i := range c.Amounts {
		j.Amounts = append(j.Amounts, *Money(&c.Amounts[i]))
	}
	return j
}

func (w *whatIfPage) json() error {
	doc := out.NewDocument(w.Out, Tenant(w.Book))
	doc.Gaps = Gaps(w.Book, w.Command)
	for i := range w.a.Outcome.Users {
		if err := doc.Item(w.userJSON(&w.a.Outcome.Users[i])); err != nil {
			return err
		}
	}
	o := w.a.Outcome
	rest := WhatIfOutcomeJSON{Operation: string(o.Kind), Summary: w.premise() + " " + w.result(), Notes: append([]string{}, w.notes()...), Seats: []whatIfSeatsJSON{},
		WithoutSeat: o.Excess, Cost: Cost(w.a.Before), CostAfter: Cost(w.a.After), Undo: []whatIfStepJSON{}}
	if o.Ends != nil {
		rest.LosesAccess, rest.DataDeleted = Stamp(o.Ends.LosesAccess), Stamp(o.Ends.Deleted)
	}
	for _, s := range o.Seats {
		rest.Seats = append(rest.Seats, whatIfSeatsJSON{SKU(w.Book, s.SKU), s.Before, s.After, s.Worst, s.Have, s.Short, s.Hidden})
	}
	for _, s := range o.Undo {
		rest.Undo = append(rest.Undo, w.stepJSON(s))
	}
	return doc.CloseWith("outcome", rest)
}

func (w *whatIfPage) skus(ids []snapshot.SKUID) []SKUJSON {
	list := []SKUJSON{}
	for _, id := range ids {
		list = append(list, SKU(w.Book, id))
	}
	return list
}

func (w *whatIfPage) pathJSON(k snapshot.PathKey, held bool) whatIfPathJSON {
	return whatIfPathJSON{SKU(w.Book, k.SKU), PathRef(w.Book, &k.PathRef), held}
}

func (w *whatIfPage) userJSON(e *whatif.Effect) WhatIfUserJSON {
	j := WhatIfUserJSON{User: User(e.User), Deleted: e.Deleted, Loses: w.skus(e.Lost), Gets: w.skus(e.Gained), Keeps: w.skus(e.Stays), NotKnown: w.skus(e.Unsure),
		PathsGone: []whatIfPathJSON{}, PathsNew: []whatIfPathJSON{}, PlansLost: Plans(w.Book, e.LostPlans), PlansKept: []keptPlanJSON{},
		PlansNew: Plans(w.Book, e.NewPlans), Collisions: []collisionJSON{}}
	for _, p := range e.Gone {
		j.PathsGone = append(j.PathsGone, w.pathJSON(p.PathKey, p.Held))
	}
	for _, p := range e.New {
		j.PathsNew = append(j.PathsNew, w.pathJSON(p.PathKey, p.Held))
	}
	for _, k := range e.KeptPlans {
		kept := keptPlanJSON{Plans(w.Book, []snapshot.PlanID{k.Plan})[0], []whatIfPathJSON{}}
		for _, by := range k.By {
			kept.By = append(kept.By, w.pathJSON(by, true))
		}
		j.PlansKept = append(j.PlansKept, kept)
	}
	for _, c := range e.Collisions {
		plans := Plans(w.Book, []snapshot.PlanID{c.Plan, c.With})
		j.Collisions = append(j.Collisions, collisionJSON{SKU(w.Book, c.SKU), plans[0], SKU(w.Book, c.Other), plans[1], c.Same()})
	}
	if e.Mailbox != nil {
		j.Mailbox = &mailboxJSON{Stamp(e.Mailbox.LosesAccess), Stamp(e.Mailbox.KeptUntil)}
	}
	return j
}

func (w *whatIfPage) stepJSON(s whatif.Step) whatIfStepJSON {
	j := whatIfStepJSON{Step: string(s.Kind), Without: Plans(w.Book, s.Disabled), Subscription: OrNull(s.Subscription), By: Stamp(s.Until), Words: w.stepText(s)}
	if s.User != nil {
		u := User(s.User)
		j.User = &u
	}
	if s.Group != "" {
		j.Group = Group(w.Book, s.Group)
	}
	if s.SKU != "" {
		sku := SKU(w.Book, s.SKU)
		j.SKU = &sku
	}
	return j
}
