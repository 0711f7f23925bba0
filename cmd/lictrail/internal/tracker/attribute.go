package tracker

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

// attribute says of each change why it happened, adds what only the audit log
// saw, and corrects earlier words where records that came late say more.
func (t *run) attribute(ctx context.Context, changes []snapshot.Change) ([]store.Attributed, []store.Correction, error) {
	if t.sync.Previous == nil {
		return nil, nil, nil // I7
	}
	h, err := t.db.History(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	stretches, err := h.Coverage(ctx)
	if err != nil {
		return nil, nil, err
	}
	a := &attributor{t: t, h: h, coverage: append(stretches, t.coverage...), knows: t.knows}
	if err := a.load(ctx); err != nil {
		return nil, nil, err
	}
	out := a.run(changes, t.window(), t.passed.ObservedAt, a.used(0))
	late, corrections := a.correct()
	return append(out, late...), corrections, nil
}

// attributor attributes the changes of this run and looks again at those of
// earlier runs on which records may have come since.
type attributor struct {
	t        *run
	knows    func(snapshot.UserID) bool // whether history has, or with this run gets, the user
	h        *store.History
	from     time.Time // records from a day before it on are looked at
	coverage []snapshot.Coverage
	bundles  []snapshot.Bundle
	earlier  map[snapshot.RunID][]*store.ChangeRow // with runs that are looked at again
	evidence map[diff.EventRefKey]snapshot.RunID   // what explains a change already
	upns     map[snapshot.UserID]string            // of users with changes, for reasons only
}

// load reads the records and the earlier changes that they may bear on.
func (a *attributor) load(ctx context.Context) error {
	from := a.t.window().NotBefore
	a.earlier = map[snapshot.RunID][]*store.ChangeRow{}
	for _, r := range a.again() {
		a.earlier[r.ID] = nil
		if w := a.h.Window(r.ID); w.NotBefore.Before(from) {
			from = w.NotBefore
		}
	}
	a.from = from
	if err := a.loadFirst(ctx); err != nil {
		return err
	}
	a.upns = map[snapshot.UserID]string{}
	for _, d := range a.t.deltas {
		a.upns[d.ID] = d.New.UPN
	}
	for c, err := range a.h.Changes(ctx, store.ChangeFilter{Since: from}) {
		if err != nil {
			return err
		}
		for _, e := range c.Attribution.Evidence {
			a.evidence[keyOf(e)] = c.Run
		}
		if c.Person != nil && a.upns[c.User] == "" {
			a.upns[c.User] = c.Person.UPN
		}
		if _, ok := a.earlier[c.Run]; ok {
			a.earlier[c.Run] = append(a.earlier[c.Run], c)
		}
	}
	var err error
	a.bundles, err = a.t.bundles(ctx, from)
	return err
}

func keyOf(e snapshot.EventRef) diff.EventRefKey { return diff.EventRefKey{Source: e.Source, ID: e.ID} }

// again lists the earlier runs whose time this run's reading of the log
// touched once more.
func (a *attributor) again() []*store.Run {
	var runs []*store.Run
	for _, c := range a.t.coverage {
		for _, r := range a.h.Runs {
			if r.Previous != 0 && !r.ObservedUntil.Before(c.From) && !slices.Contains(runs, r) {
				runs = append(runs, r)
			}
		}
	}
	slices.SortFunc(runs, func(x, y *store.Run) int { return int(x.ID - y.ID) })
	return runs
}

// loadFirst takes the events that show what the first run found as evidence of
// that run: just before its window, they would seem to be part of the next.
func (a *attributor) loadFirst(ctx context.Context) error {
	a.evidence = map[diff.EventRefKey]snapshot.RunID{}
	refs, err := a.h.FirstEvents(ctx)
	for _, e := range refs {
		a.evidence[keyOf(e)] = a.h.First.ID
	}
	return err
}

// used is the evidence of changes of runs other than one.
func (a *attributor) used(except snapshot.RunID) map[diff.EventRefKey]bool {
	used := make(map[diff.EventRefKey]bool, len(a.evidence))
	for key, run := range a.evidence {
		if run != except {
			used[key] = true
		}
	}
	return used
}

// run attributes the changes of one run.
func (a *attributor) run(changes []snapshot.Change, w snapshot.Window, observedAt time.Time, used map[diff.EventRefKey]bool) []store.Attributed {
	attributions, unseen := diff.Attribute(changes, a.context(w, observedAt, used))
	out := make([]store.Attributed, 0, len(changes)+len(unseen))
	for i, c := range changes {
		out = append(out, store.Attributed{Change: c, Attribution: attributions[i]})
	}
	for _, u := range unseen {
		if a.knows(u.Change.User) {
			out = append(out, store.Attributed{Change: u.Change, Attribution: u.Attribution})
		}
	}
	return out
}

// knows reports whether history has, or with this run gets, the user: records
// also speak of users who came and went between two runs.
func (t *run) knows(id snapshot.UserID) bool {
	known := t.users.get(id)
	return known.row != 0 || known.pass == t.pass
}

// correct looks again at earlier runs. A word is corrected only by records it
// did not rest on; the earlier word stays as a revision.
func (a *attributor) correct() (late []store.Attributed, corrections []store.Correction) {
	for _, r := range a.again() {
		var changes []snapshot.Change
		var rows []*store.ChangeRow
		for _, c := range a.earlier[r.ID] {
			if c.Observed {
				changes, rows = append(changes, c.Change), append(rows, c)
			}
		}
		out := a.run(changes, a.h.Window(r.ID), r.ObservedAt, a.used(r.ID))
		for i, c := range rows {
			if better(&c.Attribution, &out[i].Attribution) {
				corrections = append(corrections, store.Correction{Change: c.ID, Attribution: out[i].Attribution})
			}
		}
		late = append(late, a.unseenYet(r.ID, out[len(rows):])...)
	}
	return late, corrections
}

// unseenYet drops what an earlier run has told already.
func (a *attributor) unseenYet(run snapshot.RunID, found []store.Attributed) []store.Attributed {
	return slices.DeleteFunc(slices.Clone(found), func(f store.Attributed) bool {
		return slices.ContainsFunc(f.Attribution.Evidence, func(e snapshot.EventRef) bool {
			_, told := a.evidence[keyOf(e)]
			return told
		})
	})
}

// better reports whether the new word rests on records that the old one lacked,
// or no longer lacks the log where the old one did.
func better(old, now *snapshot.Attribution) bool {
	if old.UnknownWhy == snapshot.NotCovered && now.UnknownWhy != snapshot.NotCovered {
		return true
	}
	return slices.ContainsFunc(now.Evidence, func(e snapshot.EventRef) bool {
		return !slices.ContainsFunc(old.Evidence, func(o snapshot.EventRef) bool { return keyOf(o) == keyOf(e) })
	})
}

// context gathers what attribution may look at.
func (a *attributor) context(w snapshot.Window, observedAt time.Time, used map[diff.EventRefKey]bool) *diff.Context {
	t := a.t
	groups := make(map[snapshot.GroupID]snapshot.Group, len(t.groupsRead))
	for _, g := range t.groupsRead {
		groups[g.ID] = g
	}
	skus := make(map[snapshot.SKUID]snapshot.SKU, len(t.skus))
	for _, s := range t.skus {
		skus[s.ID] = s
	}
	return &diff.Context{
		Tenant: t.tenant.ID, Run: t.sync.Run, Window: w, Bundles: a.bundles, Coverage: a.coverage, ObservedAt: observedAt, Used: used,
		PlanID:      func(sku snapshot.SKUID, word string) (snapshot.PlanID, bool) { return planID(skus[sku], word) },
		PlanName:    func(id snapshot.PlanID) string { return firstOf(a.h.PlanName(id), catalog.Builtin().PlanName(id)) },
		UPN:         func(id snapshot.UserID) string { return a.upns[id] },
		GroupName:   func(id snapshot.GroupID) string { return firstOf(groups[id].Name, a.h.GroupName(id)) },
		Group:       func(id snapshot.GroupID) (snapshot.Group, bool) { g, ok := groups[id]; return g, ok },
		SKUName:     func(id snapshot.SKUID) string { return firstOf(skus[id].PartNumber, a.h.PartNumbers()[id]) },
		SKU:         func(id snapshot.SKUID) (snapshot.SKU, bool) { s, ok := skus[id]; return s, ok },
		Holders:     func(id snapshot.SKUID) int { return int(t.assigned[id]) },
		DeletedAt:   func(id snapshot.UserID) time.Time { return t.deleted[id].DeletedAt },
		DeletedHeld: t.deletedHeld,
		SelfService: selfService,
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// deletedHeld tells whether the deleted user still lists a SKU by a path. A path
// that Graph does not tell may be any of the SKU.
func (t *run) deletedHeld(id snapshot.UserID, key snapshot.PathKey) (held, known bool) {
	d, ok := t.deleted[id]
	return slices.ContainsFunc(d.Listed, func(p snapshot.Path) bool {
		untold := p.Kind == snapshot.Unknown || key.Kind == snapshot.Unknown
		return p.SKU == key.SKU && (untold || p.PathRef == key.PathRef)
	}), ok && d.ListedKnown
}

// selfService reports whether users can sign up for a SKU by themselves.
func selfService(id snapshot.SKUID) bool {
	s, ok := catalog.Builtin().SKU(id)
	return ok && s.Offer.NoCost()
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// planID finds the service plan that a record means: records name plans, the
// snapshot has GUIDs. The SKU's own plans come first.
func planID(sku snapshot.SKU, word string) (snapshot.PlanID, bool) {
	if guid.MatchString(word) {
		return snapshot.NormalID(snapshot.PlanID(word)), true
	}
	for _, p := range sku.Plans {
		if strings.EqualFold(p.Name, word) {
			return p.ID, true
		}
	}
	id, err := catalog.Builtin().PlanID(word)
	return id, err == nil
}
