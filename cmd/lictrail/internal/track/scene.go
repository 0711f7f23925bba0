package track

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

// scene is the tenant as two consecutive snapshots have it: all that attribution
// looks at besides the changes and the records.
type scene struct {
	tenant                  snapshot.TenantID
	window                  snapshot.Window
	previousUntil           time.Time
	observedAt              time.Time
	groupsBefore, groupsNow map[snapshot.GroupID]snapshot.Group
	skus                    map[snapshot.SKUID]snapshot.SKU
	holders                 func(snapshot.SKUID) int64 // after the run
	states                  func(snapshot.UserID) (before, after []snapshot.Path, known bool)
	upn                     func(snapshot.UserID) string
	deletedAt               func(snapshot.UserID) time.Time
	groupName               func(snapshot.GroupID) string
	principal               func(id string) (snapshot.Principal, bool) // nil: nothing is known of applications
	planName                func(snapshot.PlanID) string
	partNumbers             map[snapshot.SKUID]string
	before, now             *glance // now is nil where the run is not stored yet
}

// scene is the tenant as this run found it.
func (t *run) scene(ctx context.Context, h *store.History) (*scene, error) {
	s, err := sceneBefore(ctx, h, t.sync.Previous.ID)
	if err != nil {
		return nil, err
	}
	s.tenant, s.window, s.observedAt, s.previousUntil = t.tenant.ID, t.window(), t.passed.ObservedAt, t.sync.Previous.ObservedUntil
	s.groupsNow, s.skus = byGroup(t.groupsRead), bySKU(t.skus)
	s.holders = func(id snapshot.SKUID) int64 { return t.assigned[id] }
	s.states = func(id snapshot.UserID) (was, is []snapshot.Path, known bool) {
		was, known = s.before.paths(id)
		if now := t.differs.get(id); now != nil {
			return was, now.Paths, true
		}
		// A user without a delta has the rows of the snapshot before. A new user without
		// a license has no delta and no rows, but records may show a license that was
		// assigned and removed since the account was created.
		return was, was, known || t.pass.users.get(id).pass == t.pass.number
	}
	s.upn = func(id snapshot.UserID) string {
		if now := t.differs.get(id); now != nil {
			return cmp.Or(s.before.user(id).UPN, now.UPN)
		}
		return s.before.user(id).UPN
	}
	s.deletedAt = func(id snapshot.UserID) time.Time { return t.deleted[id].DeletedAt }
	return s, nil
}

// sceneOf is the tenant as a stored run found it.
func sceneOf(ctx context.Context, h *store.History, r *store.Run) (*scene, error) {
	s, err := sceneBefore(ctx, h, r.Previous)
	if err != nil {
		return nil, err
	}
	s.tenant, s.window, s.observedAt = h.Tenant.ID, h.Window(r.ID), r.ObservedAt
	if before := h.Runs[r.Previous]; before != nil {
		s.previousUntil = before.ObservedUntil
	}
	skus, groups, err := h.CatalogAt(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	s.skus, s.groupsNow = bySKU(skus), map[snapshot.GroupID]snapshot.Group{}
	for _, g := range groups {
		if !g.Gone || !s.groupsBefore[g.ID].Gone { // a group that was gone is not read again
			s.groupsNow[g.ID] = g
		}
	}
	s.now = newGlance(ctx, h, r.ID)
	s.holders = s.now.holders
	s.states = func(id snapshot.UserID) (was, is []snapshot.Path, known bool) {
		was, known = s.before.paths(id)
		is, shown := s.now.paths(id)
		return was, is, known || shown
	}
	s.upn = func(id snapshot.UserID) string { return cmp.Or(s.before.user(id).UPN, s.now.user(id).UPN) }
	s.deletedAt = func(id snapshot.UserID) time.Time { return s.now.user(id).DeletedAt }
	return s, nil
}

// sceneBefore is what the snapshot before shows.
func sceneBefore(ctx context.Context, h *store.History, previous snapshot.RunID) (*scene, error) {
	s := &scene{groupName: h.GroupName, planName: h.PlanName, partNumbers: h.PartNumbers(), before: newGlance(ctx, h, previous)}
	if previous == 0 {
		s.groupsBefore = map[snapshot.GroupID]snapshot.Group{}
		return s, nil
	}
	groups, err := h.GroupsAt(ctx, previous)
	if err != nil {
		return nil, err
	}
	s.groupsBefore = byGroup(groups)
	return s, nil
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

// context gathers what attribution may look at.
func (s *scene) context(bundles []snapshot.Bundle, coverage []snapshot.Coverage, powers map[string]bool) *diff.Context {
	group := func(groups map[snapshot.GroupID]snapshot.Group) func(snapshot.GroupID) (snapshot.Group, bool) {
		return func(id snapshot.GroupID) (snapshot.Group, bool) { g, ok := groups[id]; return g, ok }
	}
	return &diff.Context{
		Tenant: s.tenant, Window: s.window, PreviousUntil: s.previousUntil, ObservedAt: s.observedAt,
		Bundles: bundles, Coverage: coverage, Powers: powers, States: s.states,
		PlanID:      func(sku snapshot.SKUID, word string) (snapshot.PlanID, bool) { return planID(s.skus[sku], word) },
		PlanName:    func(id snapshot.PlanID) string { return cmp.Or(s.planName(id), catalog.Builtin().PlanName(id)) },
		UPN:         s.upn,
		Principal:   s.principal,
		GroupName:   func(id snapshot.GroupID) string { return cmp.Or(s.groupsNow[id].Name, s.groupName(id)) },
		GroupBefore: group(s.groupsBefore), Group: group(s.groupsNow),
		SKUName:     func(id snapshot.SKUID) string { return cmp.Or(s.skus[id].PartNumber, s.partNumbers[id]) },
		SKU:         func(id snapshot.SKUID) (snapshot.SKU, bool) { k, ok := s.skus[id]; return k, ok },
		Holders:     func(id snapshot.SKUID) int { return int(s.holders(id)) },
		DeletedAt:   s.deletedAt,
		SelfService: selfService,
	}
}

// attribute attributes the changes of the window, and adds those that only the
// audit log saw, for those users whom something new concerns.
func (s *scene) attribute(changes []snapshot.Change, bundles []snapshot.Bundle, coverage []snapshot.Coverage, powers map[string]bool, concerns func(snapshot.UserID) bool) ([]store.Attributed, error) {
	var users []snapshot.UserID
	for i := range changes {
		users = append(users, changes[i].User)
	}
	s.expect(slices.DeleteFunc(lookedAt(users, bundles), func(id snapshot.UserID) bool { return !concerns(id) }))
	c := s.context(bundles, coverage, powers)
	c.Concerns = concerns
	attributions, unseen := diff.Attribute(changes, c)
	out := make([]store.Attributed, 0, len(changes)+len(unseen))
	for i, c := range changes {
		out = append(out, store.Attributed{Change: c, Attribution: attributions[i]})
	}
	for _, u := range unseen {
		out = append(out, store.Attributed{Change: u.Change, Attribution: u.Attribution})
	}
	for i := range out {
		out[i].Attribution.Rules = diff.Rules
	}
	return out, errors.Join(s.before.error(), s.now.error())
}

// attributeEach attributes the changes of the window user by user, and gives each to
// take: those of the tenant first, and those that only the audit log saw last.
func (s *scene) attributeEach(all *diff.Changes, bundles []snapshot.Bundle, coverage []snapshot.Coverage, take func(*store.Attributed) error) error {
	s.expect(lookedAt(all.Users, bundles))
	var failed error
	each := func(c *snapshot.Change, a *snapshot.Attribution) {
		if failed == nil {
			a.Rules = diff.Rules
			failed = take(&store.Attributed{Change: *c, Attribution: *a})
		}
	}
	unseen := diff.AttributeEach(all, s.context(bundles, coverage, nil), func(_ snapshot.UserID, changes []snapshot.Change, attributions []snapshot.Attribution) {
		for i := range changes {
			each(&changes[i], &attributions[i])
		}
	})
	for i := range unseen {
		each(&unseen[i].Change, &unseen[i].Attribution)
	}
	return errors.Join(failed, s.before.error(), s.now.error())
}

// expect says, in order, which users attribution will look at.
func (s *scene) expect(users []snapshot.UserID) {
	s.before.expect(users)
	s.now.expect(users)
}

// lookedAt lists users with changes and those of records, whom attribution looks at.
func lookedAt(users []snapshot.UserID, bundles []snapshot.Bundle) []snapshot.UserID {
	users = slices.Clone(users)
	for i := range bundles {
		users = append(users, bundles[i].Target)
	}
	slices.Sort(users)
	return slices.Compact(users)
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
