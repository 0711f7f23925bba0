package tracker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

// attribute says of each change why it happened, adds what only the audit log
// saw, and corrects earlier words where records that came late say more.
func (t *run) attribute(ctx context.Context, changes []snapshot.Change) (_ []store.Attributed, corrections []store.Correction, _ error) {
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
	since, err := t.sync.CoverageSince(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, again, err := newAttributor(ctx, t, h, t.scene(), stretches, slices.Concat(since, t.coverage))
	if err != nil {
		return nil, nil, err
	}
	out := a.run(changes, t.window(), t.passed.ObservedAt, a.used(0))
	for _, r := range again {
		late, corrected := a.correct(r)
		out, corrections = append(out, late...), append(corrections, corrected...)
	}
	return out, corrections, nil
}

// newAttributor gathers what a run knows, and says at which earlier runs it
// looks again. stretches are those read of the logs before, read those read since
// the run before.
func newAttributor(ctx context.Context, t *run, h *store.History, s *scene, stretches, read []snapshot.Coverage) (*attributor, []*store.Run, error) {
	a := &attributor{h: h, scene: s, coverage: slices.Concat(stretches, t.coverage), upns: map[snapshot.UserID]string{},
		evidence: map[diff.EventRefKey]snapshot.RunID{}}
	for _, d := range t.deltas {
		a.upns[d.ID] = d.New.UPN
	}
	again := a.again(read)
	from := t.window().NotBefore
	for _, r := range again {
		from = earliest(from, h.Window(r.ID).NotBefore)
	}
	if err := a.load(ctx, again, from, time.Time{}); err != nil {
		return nil, nil, err
	}
	var err error
	a.bundles, err = t.bundles(ctx, from)
	return a, again, err
}

// scene is the tenant that changes are looked at in, as a run had it.
type scene struct {
	tenant      snapshot.TenantID
	run         snapshot.RunID // for changes that only the log saw
	groups      map[snapshot.GroupID]snapshot.Group
	skus        map[snapshot.SKUID]snapshot.SKU
	assigned    map[snapshot.SKUID]int64
	deletedAt   func(snapshot.UserID) time.Time
	deletedHeld func(snapshot.UserID, snapshot.PathKey) (held, known bool)
	knows       func(snapshot.UserID) bool // whether history has the user, or gets it
}

func (t *run) scene() *scene {
	return &scene{tenant: t.tenant.ID, run: t.sync.Run, groups: byGroup(t.groupsRead), skus: bySKU(t.skus), assigned: t.assigned,
		deletedAt: func(id snapshot.UserID) time.Time { return t.deleted[id].DeletedAt }, deletedHeld: t.deletedHeld, knows: t.knows}
}

func byGroup(list []snapshot.Group) map[snapshot.GroupID]snapshot.Group {
	groups := make(map[snapshot.GroupID]snapshot.Group, len(list))
	for _, g := range list {
		groups[g.ID] = g
	}
	return groups
}

func bySKU(list []snapshot.SKU) map[snapshot.SKUID]snapshot.SKU {
	skus := make(map[snapshot.SKUID]snapshot.SKU, len(list))
	for _, s := range list {
		skus[s.ID] = s
	}
	return skus
}

// attributor attributes the changes of a run and looks again at those of
// earlier runs on which records may have come since.
type attributor struct {
	*scene
	h        *store.History
	from     time.Time // records from a day before it on are looked at
	coverage []snapshot.Coverage
	bundles  []snapshot.Bundle
	powers   map[string]bool                       // actors who act on others, as far as other records show
	earlier  map[snapshot.RunID][]*store.ChangeRow // with runs that are looked at again
	evidence map[diff.EventRefKey]snapshot.RunID   // what explains a change already
	upns     map[snapshot.UserID]string            // of users with changes, for reasons only
}

// load reads the changes of a stretch of time that records may bear on; a zero
// time does not bound it.
func (a *attributor) load(ctx context.Context, again []*store.Run, from, to time.Time) error {
	a.earlier = make(map[snapshot.RunID][]*store.ChangeRow, len(again))
	for _, r := range again {
		a.earlier[r.ID] = nil
	}
	a.from = from
	if err := a.loadFirst(ctx); err != nil {
		return err
	}
	for c, err := range a.h.Changes(ctx, store.ChangeFilter{Since: from, Until: to}) {
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
	return nil
}

func keyOf(e snapshot.EventRef) diff.EventRefKey { return diff.EventRefKey{Source: e.Source, ID: e.ID} }

// again lists the earlier runs whose time the reading of a log touched once
// more since the run before.
func (a *attributor) again(read []snapshot.Coverage) []*store.Run {
	var runs []*store.Run
	for _, c := range read {
		if !c.Complete && c.Events == 0 {
			continue // nothing was had
		}
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
		if a.knows(u.User) {
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

// correct looks again at an earlier run. A word is corrected only by records it
// did not rest on; the earlier word stays as a revision.
func (a *attributor) correct(r *store.Run) (late []store.Attributed, corrections []store.Correction) {
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
	return a.unseenYet(out[len(rows):]), corrections
}

// unseenYet drops what an earlier run has told already.
func (a *attributor) unseenYet(found []store.Attributed) []store.Attributed {
	return slices.DeleteFunc(slices.Clone(found), func(f store.Attributed) bool {
		return slices.ContainsFunc(f.Attribution.Evidence, func(e snapshot.EventRef) bool {
			_, told := a.evidence[keyOf(e)]
			return told
		})
	})
}

// better reports whether the new word rests on records that the old one lacked,
// or no longer lacks the log where the old one did, or knows from a fuller copy of
// a record what the old one did not. A known cause becomes unknown only where
// records contradict it.
func better(old, now *snapshot.Attribution) bool {
	if old.Cause != snapshot.CauseUnknown && now.Cause == snapshot.CauseUnknown && now.UnknownWhy != snapshot.Ambiguous {
		return false
	}
	if old.Cause == snapshot.CauseUnknown && now.Cause == snapshot.CauseUserDeleted && onlyDeletions(now.Evidence) {
		return false // the run saw what the deleted account still listed; that is not stored
	}
	if old.UnknownWhy == snapshot.IncompleteEvent && now.Cause != snapshot.CauseUnknown {
		return true
	}
	if old.UnknownWhy == snapshot.NotCovered && now.UnknownWhy != snapshot.NotCovered {
		return true
	}
	return slices.ContainsFunc(now.Evidence, func(e snapshot.EventRef) bool {
		return !slices.ContainsFunc(old.Evidence, func(o snapshot.EventRef) bool { return keyOf(o) == keyOf(e) })
	})
}

// onlyDeletions reports whether events show that an account went, and not that
// a license went with it.
func onlyDeletions(events []snapshot.EventRef) bool {
	return !slices.ContainsFunc(events, func(e snapshot.EventRef) bool {
		a := audit.Normalize(e.Activity)
		return a != snapshot.DeleteUser && a != snapshot.HardDeleteUser
	})
}

// context gathers what attribution may look at.
func (a *attributor) context(w snapshot.Window, observedAt time.Time, used map[diff.EventRefKey]bool) *diff.Context {
	return &diff.Context{
		Tenant: a.tenant, Run: a.scene.run, Window: w, Bundles: a.bundles, Coverage: a.coverage, ObservedAt: observedAt, Used: used, Powers: a.powers,
		PlanID:      func(sku snapshot.SKUID, word string) (snapshot.PlanID, bool) { return planID(a.skus[sku], word) },
		PlanName:    func(id snapshot.PlanID) string { return cmp.Or(a.h.PlanName(id), catalog.Builtin().PlanName(id)) },
		UPN:         func(id snapshot.UserID) string { return a.upns[id] },
		GroupName:   func(id snapshot.GroupID) string { return cmp.Or(a.groups[id].Name, a.h.GroupName(id)) },
		Group:       func(id snapshot.GroupID) (snapshot.Group, bool) { g, ok := a.groups[id]; return g, ok },
		SKUName:     func(id snapshot.SKUID) string { return cmp.Or(a.skus[id].PartNumber, a.h.PartNumbers()[id]) },
		SKU:         func(id snapshot.SKUID) (snapshot.SKU, bool) { s, ok := a.skus[id]; return s, ok },
		Holders:     func(id snapshot.SKUID) int { return int(a.assigned[id]) },
		DeletedAt:   a.deletedAt,
		DeletedHeld: a.deletedHeld,
		SelfService: selfService,
	}
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

// planID finds the service plan that a record means: records name plans, the
// snapshot has GUIDs. The SKU's own plans come first.
func planID(sku snapshot.SKU, word string) (snapshot.PlanID, bool) {
	if snapshot.IsGUID(word) {
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
