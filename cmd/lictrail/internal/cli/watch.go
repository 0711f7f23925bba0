package cli

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type watchOptions struct {
	plans        []string
	since, rules string
}

func newWatch(e *env) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Who lacks a service plan that matters, and who switched it off",
		Long: `For whom a service plan that matters is, or was, switched off, and who did it.
Which plans matter is for the file of rules to say, or for --plan. An account
without M365_ADVANCED_AUDITING, for one, leaves fewer traces of who reads its
mail.

A plan counts as off now where the user holds a SKU that has it, and every path
of every such SKU has it switched off. Where it was off from the beginning, the
row tells who assigned the license. What is switched off and on again between
two runs shows in no snapshot.`,
		Example: `  lictrail watch --plan M365_ADVANCED_AUDITING
  lictrail watch --since 30d
  lictrail watch --rules reclaim.toml --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWatch(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.plans, "plan", nil, "these `plans`, by name or id (default: those of the rules)")
	f.StringVar(&o.since, "since", "", "only what was switched off from this `time` on")
	f.StringVar(&o.rules, "rules", "", "`file` of rules (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

func runWatch(ctx context.Context, e *env, o watchOptions) error {
	since, err := parseTime("since", o.since, e.now(), false)
	if err != nil {
		return err
	}
	var file ruleFile
	if len(o.plans) == 0 {
		if file, err = loadRules(e, o.rules); err != nil {
			return err
		}
	}
	return withHistory(ctx, e, func(n names) error {
		plans, err := n.watched(ctx, o.plans, file)
		if err != nil {
			return err
		}
		if len(plans) == 0 {
			return usage("no plan is watched", "lictrail watch --plan M365_ADVANCED_AUDITING, or list plans under [watch] in the file of rules")
		}
		rows, err := n.switchedOff(ctx, plans)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r switchedOff) bool { return r.when.At.Before(since) })
		return n.watchListing().Print(e.printer(n), show.Each(rows))
	})
}

// watched are the ids of the plans that flags or, without any, the rules name.
func (n names) watched(ctx context.Context, words []string, file ruleFile) ([]snapshot.PlanID, error) {
	var plans []snapshot.PlanID
	for _, word := range words {
		id, err := n.FindPlan(ctx, word)
		if err != nil {
			return nil, err
		}
		plans = append(plans, id)
	}
	if len(words) > 0 || file.File == nil {
		return plans, nil
	}
	for _, w := range file.Watch {
		id, err := n.PlanCalled(ctx, w.Plan)
		if err != nil {
			return nil, inFile(file.name, w.Line, err)
		}
		plans = append(plans, id)
	}
	return plans, nil
}

// switchedOff is a watched plan that is, or was, off for a user.
type switchedOff struct {
	plan snapshot.PlanID
	user *snapshot.User
	sku  snapshot.SKUID
	when snapshot.Date
	now  bool             // it is off now
	by   *store.ChangeRow // what did it; nil when that is not known
}

type offKey struct {
	user snapshot.UserID
	sku  snapshot.SKUID
	plan snapshot.PlanID
}

// switchedOff lists where watched plans are, or were, off: the newest first.
func (n names) switchedOff(ctx context.Context, plans []snapshot.PlanID) ([]switchedOff, error) {
	off, err := n.offNow(ctx, plans)
	if err != nil {
		return nil, err
	}
	s := offSearch{names: n, off: off, decided: map[offKey]bool{}, unsure: map[offKey]bool{}}
	f := store.ChangeFilter{UpTo: n.History.At.ID, Newest: true, Kinds: []snapshot.Kind{snapshot.PlansChanged, snapshot.PathMoved,
		snapshot.PathAdded, snapshot.PathRemoved, snapshot.Assigned}}
	for c, err := range n.History.Changes(ctx, f) {
		if err != nil {
			return nil, err
		}
		for _, plan := range plans {
			s.look(c, offKey{c.User, c.SKU, plan})
		}
	}
	for key := range off {
		if !s.decided[key] {
			s.unexplained(key, n.History.RunDate(n.History.First.ID))
		}
	}
	slices.SortStableFunc(s.rows, func(a, b switchedOff) int {
		return cmp.Or(b.when.At.Compare(a.when.At), cmp.Compare(a.user.UPN, b.user.UPN), cmp.Compare(a.user.ID, b.user.ID),
			cmp.Compare(a.sku, b.sku), cmp.Compare(a.plan, b.plan))
	})
	return s.rows, nil
}

// offSearch goes through changes, the newest first, for what switched plans off.
type offSearch struct {
	names
	off     map[offKey]*store.Assignment
	rows    []switchedOff
	decided map[offKey]bool // why it is off now is told
	unsure  map[offKey]bool // a path came or went since, and may have had the plan
}

func (s *offSearch) look(c *store.ChangeRow, key offKey) {
	if c.Plans != nil && slices.Contains(c.Plans.Disabled, key.plan) {
		now := s.off[key] != nil && !s.decided[key]
		s.rows = append(s.rows, switchedOff{key.plan, &c.Person.User, c.SKU, c.When, now, c})
		s.decided[key] = true
		return
	}
	if s.off[key] == nil || s.decided[key] || !c.Observed {
		return
	}
	switch {
	case c.Kind == snapshot.PathAdded || c.Kind == snapshot.PathRemoved:
		s.unsure[key] = true
	case c.Kind == snapshot.Assigned && !s.unsure[key]:
		s.rows = append(s.rows, switchedOff{key.plan, &c.Person.User, c.SKU, c.When, true, c})
		s.decided[key] = true
	case c.Kind == snapshot.Assigned, c.Plans != nil && slices.Contains(c.Plans.Enabled, key.plan):
		s.unsure[key] = true
		s.unexplained(key, snapshot.Date{})
	}
}

// unexplained adds a plan that no change is known to have switched off. It was
// off by the date, or at the run asked about where that is not sure either.
func (s *offSearch) unexplained(key offKey, by snapshot.Date) {
	if s.unsure[key] {
		by = snapshot.AlreadyThere(s.History.At.ObservedUntil, time.Time{}, time.Time{})
	}
	s.rows = append(s.rows, switchedOff{key.plan, &s.off[key].User, key.sku, by, true, nil})
	s.decided[key] = true
}

// offNow finds the assignments with a watched plan that the user has by no path
// of any SKU.
func (n names) offNow(ctx context.Context, plans []snapshot.PlanID) (map[offKey]*store.Assignment, error) {
	contents, err := n.History.SKUPlansNow(ctx)
	if err != nil {
		return nil, err
	}
	off := map[offKey]*store.Assignment{}
	type userPlan struct {
		user snapshot.UserID
		plan snapshot.PlanID
	}
	on := map[userPlan]bool{}
	for a, err := range n.History.Assignments(ctx, store.Filter{}) {
		if err != nil {
			return nil, err
		}
		for _, plan := range plans {
			if !slices.Contains(contents[a.SKU], plan) {
				continue
			}
			if slices.ContainsFunc(a.Paths, func(p store.PathSince) bool { return !slices.Contains(p.Disabled, plan) }) {
				on[userPlan{a.User.ID, plan}] = true
			} else {
				off[offKey{a.User.ID, a.SKU, plan}] = a
			}
		}
	}
	for key := range off {
		if on[userPlan{key.user, key.plan}] {
			delete(off, key)
		}
	}
	return off, nil
}

// how says what was done, for people.
func (r *switchedOff) how() string {
	switch {
	case r.by == nil:
		return "not known"
	case r.by.Kind == snapshot.Assigned:
		return "assigned without it"
	}
	return "switched off"
}

func (r *switchedOff) cause() string {
	if r.by == nil {
		return string(snapshot.CauseUnknown)
	}
	return show.CauseWord(&r.by.Attribution)
}

// actor is who did it or, for a group, who changed the group.
func (r *switchedOff) actor() *snapshot.Actor {
	if r.by == nil {
		return nil
	}
	if a := &r.by.Attribution; a.Via != nil && a.Via.Actor != nil {
		return a.Via.Actor
	}
	return r.by.Attribution.Actor
}

func (r *switchedOff) reason() string {
	if r.by == nil {
		return "No change shows who switched it off. It may have been off when tracking began, or have come with a path that did not have it."
	}
	return r.by.Attribution.Reason
}

type watchJSON struct {
	Plan   show.PlanJSON    `json:"plan"`
	User   show.UserJSON    `json:"user"`
	SKU    show.SKUJSON     `json:"sku"`
	When   show.DateJSON    `json:"when"`
	OffNow bool             `json:"off_now"`
	Change *show.ChangeJSON `json:"change"`
}

func (n names) watchListing() show.Listing[*switchedOff] {
	type row = *switchedOff
	return show.Listing[row]{
		JSON: func(r row) any {
			j := watchJSON{show.PlanJSON{ID: string(r.plan), Name: show.OrNull(n.PlanName(r.plan))}, show.User(r.user), show.SKU(n.Book, r.sku), show.Date(r.when), r.now, nil}
			if r.by != nil {
				c := show.Change(n.Book, r.by)
				j.Change = &c
			}
			return j
		},
		None: "no watched plan is switched off",
		Columns: []show.Column[row]{
			{CSV: "user_id", Cell: func(r row) any { return string(r.user.ID) }},
			{Column: out.Column{Head: "USER", Min: 12, Rank: 3}, CSV: "upn", Text: func(r row) any { return r.user.UPN }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.sku) }},
			{Column: out.Column{Head: "SKU", Min: 8, Rank: 2}, CSV: "part_number", Text: func(r row) any { return n.ShortSKU(r.sku) }, Cell: func(r row) any { return n.PlainSKU(r.sku) }},
			{CSV: "plan_id", Cell: func(r row) any { return string(r.plan) }},
			{Column: out.Column{Head: "PLAN", Min: 8, Rank: 4}, CSV: "plan", Text: func(r row) any { return n.PlanWord(r.plan) }},
			{Column: out.Column{Head: "NOW"}, CSV: "off_now", Text: func(r row) any { return map[bool]string{true: "off", false: "on or gone"}[r.now] }, Cell: func(r row) any { return r.now }},
			{Column: out.Column{Head: "WHEN"}, Text: func(r row) any { return show.ShortDate(r.when) }},
			{CSV: "when", Cell: func(r row) any { return show.Stamp(r.when.At) }},
			{CSV: "not_before", Cell: func(r row) any { return show.Stamp(r.when.NotBefore) }},
			{CSV: "precision", Cell: func(r row) any { return string(r.when.Precision) }},
			{CSV: "how", Cell: func(r row) any { return r.how() }},
			{Column: out.Column{Head: "CAUSE", Min: 8, Rank: 1}, CSV: "cause", Text: func(r row) any { return r.cause() }},
			{Column: out.Column{Head: "ACTOR", Min: 10, Rank: 2}, CSV: "actor", Text: func(r row) any { return show.OrNil(show.ActorWord(r.actor())) }, Cell: func(r row) any { return show.ActorWord(r.actor()) }},
			{CSV: "reason", Cell: func(r row) any { return r.reason() }},
		},
	}
}

// newSince reports whether a run after the one showed it.
func (r *switchedOff) newSince(run snapshot.RunID) bool { return r.by != nil && r.by.Run > run }
