package graphtest

import (
	"fmt"
	"maps"
	"slices"
)

// CreateGroup adds a security group. When department is not "", members are
// those whose department it is.
func (t *Tenant) CreateGroup(by Actor, name, department string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := &Group{
		ID: t.guid(), Name: name, Department: department, Created: t.now,
		Licenses: map[string][]string{}, members: map[string]bool{},
	}
	t.groups[g.ID] = g
	at := t.log(Act{Kind: GroupAdded, Why: direct(by), Group: g.ID, Detail: name})
	t.groupEvent("Add group", "Add", by, g, at, nil)
	if department != "" {
		for _, id := range slices.Clone(t.order) {
			t.applyRule(t.users[id], g, by, at)
		}
	}
	return g.ID
}

// Group returns a copy of a group, or nil.
func (t *Tenant) Group(id string) *Group {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[id]
	if g == nil {
		return nil
	}
	c := *g
	c.Licenses, c.members = maps.Clone(g.Licenses), maps.Clone(g.members)
	return &c
}

// AddMember puts a user into a group.
func (t *Tenant) AddMember(by Actor, group, user string) error {
	return t.setMember(by, group, user, true)
}

// RemoveMember takes a user out of a group.
func (t *Tenant) RemoveMember(by Actor, group, user string) error {
	return t.setMember(by, group, user, false)
}

func (t *Tenant) setMember(by Actor, group, user string, in bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		return fmt.Errorf("change members: group %q: %w", group, ErrNotFound)
	}
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("change members: %w", err)
	}
	if g.members[user] == in || g.Department != "" {
		return fmt.Errorf("change members of %q: %w", group, ErrConflict)
	}
	before := asked(u, g)
	at := t.moveMember(by, direct(by), g, u, in)
	t.follow(u, g, before, TriggerMembership, by, at)
	return nil
}

// follow has group-based licensing follow a step of a group that concerns u.
func (t *Tenant) follow(u *User, g *Group, before map[pathKey][]string, trigger Trigger, by Actor, act int) {
	if t.Engine != nil {
		t.step(u, g, before, trigger, by, act, t.Engine.Lag(t.rng))
		return
	}
	t.later(func() { t.reconcile(u, g, trigger, by, act) })
}

// AddDevice puts a device into a group: a membership event that is not about
// a user.
func (t *Tenant) AddDevice(by Actor, group string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		return fmt.Errorf("add device: group %q: %w", group, ErrNotFound)
	}
	t.deviceEvent(by, g)
	return nil
}

func (t *Tenant) moveMember(by Actor, why Why, g *Group, u *User, in bool) int {
	kind := MemberAdded
	if in {
		g.members[u.ID] = true
	} else {
		kind = MemberRemoved
		delete(g.members, u.ID)
	}
	at := t.log(Act{Kind: kind, Why: why, User: u.ID, Group: g.ID})
	t.memberEvent(by, g, u, in, at)
	return at
}

// applyRules puts u into the dynamic groups its attributes ask for, and out of
// the others.
func (t *Tenant) applyRules(u *User, by Actor, upstream int) {
	for _, id := range sortedKeys(t.groups) {
		t.applyRule(u, t.groups[id], by, upstream)
	}
}

func (t *Tenant) applyRule(u *User, g *Group, by Actor, upstream int) {
	if g.Department == "" {
		return
	}
	t.later(func() {
		in := u.Department == g.Department
		if t.users[u.ID] == nil || g.members[u.ID] == in {
			return
		}
		why := Why{Actor: ApprovalManagement, Cause: CauseGroup, Trigger: TriggerDynamicRule, Upstream: by, UpstreamAct: upstream}
		before := asked(u, g)
		t.moveMember(ApprovalManagement, why, g, u, in)
		if t.Engine != nil {
			t.step(u, g, before, TriggerDynamicRule, by, upstream, t.Engine.Lag(t.rng))
			return
		}
		t.reconcile(u, g, TriggerDynamicRule, by, upstream)
	})
}

// SetGroupLicense gives a SKU to a group or changes its disabled plans.
func (t *Tenant) SetGroupLicense(by Actor, group, sku string, disabled ...string) error {
	if t.SKU(sku) == nil {
		return fmt.Errorf("set group license: SKU %q: %w", sku, ErrNotFound)
	}
	return t.setGroupLicense(by, group, func(g *Group) { g.Licenses[sku] = sorted(disabled) })
}

// RemoveGroupLicense takes a SKU away from a group.
func (t *Tenant) RemoveGroupLicense(by Actor, group, sku string) error {
	return t.setGroupLicense(by, group, func(g *Group) { delete(g.Licenses, sku) })
}

func (t *Tenant) setGroupLicense(by Actor, group string, edit func(*Group)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		return fmt.Errorf("set group license: group %q: %w", group, ErrNotFound)
	}
	before, members := maps.Clone(g.Licenses), t.askedOfMembers(g)
	edit(g)
	at := t.log(Act{Kind: GroupLicenseSet, Why: direct(by), Group: group})
	t.groupLicenseEvent(g, at, before)
	if t.Engine != nil {
		t.applyLicenses(g, members, by, at)
		return nil
	}
	t.later(func() {
		t.applyingEvent("Start applying group based license to users", g, at, "")
		done, failed := 0, 0
		for _, id := range g.Members() {
			if t.reconcile(t.users[id], g, TriggerGroupLicense, by, at) {
				done++
			} else {
				failed++
			}
		}
		result := fmt.Sprintf("[Users successfully assigned licenses: %d, Users for whom license assignment failed: %d.];", done, failed)
		t.applyingEvent("Finish applying group based license to users", g, at, result)
	})
	return nil
}

// Reprocess tries again what failed for lack of seats.
func (t *Tenant) Reprocess(by Actor, group string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		return fmt.Errorf("reprocess: group %q: %w", group, ErrNotFound)
	}
	t.groupEvent("Trigger group license recalculation", "Update", by, g, -1, nil)
	for _, id := range g.Members() {
		t.reconcileAll(t.users[id], g, TriggerGroupLicense, by, -1, true)
	}
	return nil
}

// DeleteGroup deletes a group that has no licenses.
func (t *Tenant) DeleteGroup(by Actor, group string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		return fmt.Errorf("delete group %q: %w", group, ErrNotFound)
	}
	if len(g.Licenses) > 0 {
		return fmt.Errorf("delete group %q, which has licenses: %w", group, ErrConflict)
	}
	delete(t.groups, group)
	t.groupEvent("Delete group", "Delete", by, g, -1, nil)
	return nil
}

// GroupSeatsExhausted leaves a SKU without a free seat and puts a user into a
// group that carries it: the row appears in state Error and gives nothing.
func (t *Tenant) GroupSeatsExhausted(by Actor, group, user, sku string) error {
	if s := t.SKU(sku); s != nil {
		if err := t.SetSeats(sku, s.consumed); err != nil {
			return err
		}
	}
	return t.AddMember(by, group, user)
}

// hideGroup makes a licensed group disappear from listings, as if deleted
// while a client reads.
func (t *Tenant) hideGroup() {
	for _, id := range sortedKeys(t.groups) {
		if g := t.groups[id]; len(g.Licenses) > 0 && !g.hidden {
			g.hidden = true
			return
		}
	}
}
