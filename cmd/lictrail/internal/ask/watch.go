package ask

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Watched are the ids of the plans that flags or, without any, the rules name.
func Watched(ctx context.Context, b *Book, words []string, file Rules) ([]snapshot.PlanID, error) {
	return watched(words, file,
		func(word string) (snapshot.PlanID, error) { return b.FindPlan(ctx, word) },
		func(word string) (snapshot.PlanID, error) { return b.PlanCalled(ctx, word) })
}

// watched finds the plans of flags by any part of a name, those of rules by whole names.
func watched(words []string, file Rules, find, called func(string) (snapshot.PlanID, error)) ([]snapshot.PlanID, error) {
	var plans []snapshot.PlanID
	for _, word := range words {
		id, err := find(word)
		if err != nil {
			return nil, err
		}
		plans = append(plans, id)
	}
	if len(words) > 0 || file.File == nil {
		return plans, nil
	}
	for _, w := range file.Watch {
		id, err := called(w.Plan)
		if err != nil {
			return nil, InFile(file.Name, w.Line, err)
		}
		plans = append(plans, id)
	}
	return plans, nil
}

// SwitchedOff is a watched plan that is, or was, off for a user.
type SwitchedOff struct {
	Plan snapshot.PlanID
	User *snapshot.User
	SKU  snapshot.SKUID
	When snapshot.Date
	Now  bool             // it is off now
	By   *store.ChangeRow // what did it; nil when that is not known
}

type offKey struct {
	user snapshot.UserID
	sku  snapshot.SKUID
	plan snapshot.PlanID
}

// SwitchedOffPlans lists where watched plans are, or were, off: the newest first.
func SwitchedOffPlans(ctx context.Context, b *Book, plans []snapshot.PlanID) ([]SwitchedOff, error) {
	contents, err := b.History.SKUPlansNow(ctx)
	if err != nil {
		return nil, err
	}
	off, err := offNow(b.History.Assignments(ctx, store.Filter{}), contents, plans)
	if err != nil {
		return nil, err
	}
	s := newOffSearch(off, plans, b.History.RunDate(b.History.First.ID), b.History.At.ObservedUntil)
	f := store.ChangeFilter{UpTo: b.History.At.ID, Newest: true, Kinds: []snapshot.Kind{snapshot.PlansChanged, snapshot.PathMoved,
		snapshot.PathAdded, snapshot.PathRemoved, snapshot.Assigned}}
	for c, err := range b.History.Changes(ctx, f) {
		if err != nil {
			return nil, err
		}
		s.look(c)
	}
	return s.found(), nil
}

// offSearch goes through changes, the newest first, for what switched plans off.
type offSearch struct {
	plans   []snapshot.PlanID
	off     map[offKey]*store.Assignment // now
	began   snapshot.Date                // when tracking did
	asked   time.Time                    // the end of the run that is asked about
	rows    []SwitchedOff
	decided map[offKey]bool // it is known why the plan is off now
	unsure  map[offKey]bool // a path came or went since, and may have had the plan
}

func newOffSearch(off map[offKey]*store.Assignment, plans []snapshot.PlanID, began snapshot.Date, asked time.Time) *offSearch {
	return &offSearch{plans: plans, off: off, began: began, asked: asked, decided: map[offKey]bool{}, unsure: map[offKey]bool{}}
}

// look looks at one more change.
func (s *offSearch) look(c *store.ChangeRow) {
	for _, plan := range s.plans {
		s.lookFor(c, offKey{c.User, c.SKU, plan})
	}
}

// found lists what was found, the newest first, with what no change explains.
func (s *offSearch) found() []SwitchedOff {
	for key := range s.off {
		if !s.decided[key] {
			s.unexplained(key, s.began)
		}
	}
	slices.SortStableFunc(s.rows, func(a, b SwitchedOff) int {
		return cmp.Or(b.When.At.Compare(a.When.At), cmp.Compare(a.User.UPN, b.User.UPN), cmp.Compare(a.User.ID, b.User.ID),
			cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Plan, b.Plan))
	})
	return s.rows
}

func (s *offSearch) lookFor(c *store.ChangeRow, key offKey) {
	if c.Plans != nil && slices.Contains(c.Plans.Disabled, key.plan) {
		now := s.off[key] != nil && !s.decided[key]
		s.rows = append(s.rows, SwitchedOff{key.plan, &c.Person.User, c.SKU, c.When, now, c})
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
		s.rows = append(s.rows, SwitchedOff{key.plan, &c.Person.User, c.SKU, c.When, true, c})
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
		by = snapshot.AlreadyThere(s.asked, time.Time{}, time.Time{})
	}
	s.rows = append(s.rows, SwitchedOff{key.plan, &s.off[key].User, key.sku, by, true, nil})
	s.decided[key] = true
}

// offNow finds, of assignments, those with a watched plan that the user has by no path
// of any SKU. contents are the plans of each SKU.
func offNow(held iter.Seq2[*store.Assignment, error], contents map[snapshot.SKUID][]snapshot.PlanID, plans []snapshot.PlanID) (map[offKey]*store.Assignment, error) {
	off := map[offKey]*store.Assignment{}
	type userPlan struct {
		user snapshot.UserID
		plan snapshot.PlanID
	}
	on := map[userPlan]bool{}
	for a, err := range held {
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

// Actor is who did it or, for a group, who changed the group.
func (r *SwitchedOff) Actor() *snapshot.Actor {
	if r.By == nil {
		return nil
	}
	return r.By.Attribution.Responsible()
}

// NewSince reports whether a run after the one showed it.
func (r *SwitchedOff) NewSince(run snapshot.RunID) bool { return r.By != nil && r.By.Run > run }
