package graphtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of operations, as the real service would refuse them.
var (
	ErrNotFound = errors.New("not found")
	ErrNoSeats  = errors.New("not enough licenses are available")
	ErrConflict = errors.New("conflicts with the present state")
)

// UserSpec describes a user to add.
type UserSpec struct {
	ID         string // random when ""
	Name       string
	UPN        string // made from the name when ""
	Department string
	Guest      bool
	Agent      bool // an agent user
	Synced     bool
	Ancient    bool      // so old that createdDateTime is null
	Created    time.Time // zero: now
	// SKUs are assigned directly in the act of creation, so that only the
	// Add user event shows them.
	SKUs []string
}

// causeOf is the cause of a direct change by an actor.
func causeOf(a Actor) Cause {
	switch a.Kind {
	case ActorApp, ActorAgent:
		return CauseAutomation
	case ActorPartner:
		return CausePartner
	case ActorMicrosoft:
		return CauseMicrosoft
	}
	return CauseAdmin
}

func direct(a Actor) Why { return Why{Actor: a, Cause: causeOf(a), UpstreamAct: -1} }

// AddUser adds a user and returns its id.
func (t *Tenant) AddUser(by Actor, spec UserSpec) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.addUser(by, spec)
}

func (t *Tenant) addUser(by Actor, spec UserSpec) string {
	u := t.newUser(spec)
	t.users[u.ID] = u
	t.insert(u.ID)
	at := t.log(Act{Kind: UserAdded, Why: direct(by), User: u.ID})
	acts := []int{at}
	for _, sku := range spec.SKUs {
		acts = append(acts, t.change(u, direct(by), false, func() {
			u.setRow(License{SKU: sku, Disabled: []string{}, State: "Active"})
		})...)
	}
	t.lead(acts)
	t.addUserEvent(u, by, at)
	t.applyRules(u, by, at)
	return u.ID
}

func (t *Tenant) newUser(spec UserSpec) *User {
	u := &User{
		ID: spec.ID, UPN: spec.UPN, DisplayName: spec.Name, Enabled: true, Type: "Member",
		Department: spec.Department, Synced: spec.Synced, Created: t.now, Company: t.Name, Agent: spec.Agent,
		UsageLocation: "US", Country: "United States",
	}
	if u.ID == "" {
		u.ID = t.guid()
	}
	if u.UPN == "" {
		u.UPN = upnOf(spec.Name, t.Domain, len(t.users)+len(t.deleted))
	}
	u.Mail = u.UPN
	u.EmployeeID = fmt.Sprintf("E%05d", len(t.users)+1)
	if spec.Guest {
		u.Type, u.CreationType, u.ExternalState = "Guest", "Invitation", "PendingAcceptance"
	}
	if spec.Synced {
		u.ImmutableID = "aW1tdXRhYmxl" + u.ID[:8]
	}
	if !spec.Created.IsZero() {
		u.Created = spec.Created
	}
	if spec.Ancient {
		u.Created = time.Time{}
	}
	return u
}

func (t *Tenant) insert(id string) {
	i, _ := slices.BinarySearch(t.order, id)
	t.order = slices.Insert(t.order, i, id)
}

func (t *Tenant) unlist(id string) {
	if i, ok := slices.BinarySearch(t.order, id); ok {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

func (t *Tenant) present(id string) (*User, error) {
	u := t.users[id]
	if u == nil {
		return nil, fmt.Errorf("user %q: %w", id, ErrNotFound)
	}
	return u, nil
}

// Rename changes a user's display name and sign-in name.
func (t *Tenant) Rename(by Actor, user, name string) error {
	return t.update(by, user, "DisplayName, UserPrincipalName", name, func(u *User) {
		u.DisplayName, u.UPN = name, upnOf(name, t.Domain, len(t.truth))
	})
}

// SetEnabled blocks or unblocks a user's sign-in.
func (t *Tenant) SetEnabled(by Actor, user string, enabled bool) error {
	return t.update(by, user, "AccountEnabled", fmt.Sprint(enabled), func(u *User) { u.Enabled = enabled })
}

// UpdateUser changes attributes of a user other than those that rules look at.
// Names lists the properties for the audit event.
func (t *Tenant) UpdateUser(by Actor, user, names string, edit func(*User)) error {
	return t.update(by, user, names, "", edit)
}

// ChangeDepartment changes a user's department, which dynamic rules follow.
func (t *Tenant) ChangeDepartment(by Actor, user, department string) error {
	return t.update(by, user, "Department", department, func(u *User) { u.Department = department })
}

func (t *Tenant) update(by Actor, user, names, detail string, edit func(*User)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("update user: %w", err)
	}
	rows, plans := slices.Clone(u.Licenses), slices.Clone(u.Plans)
	edit(u)
	u.ID, u.Licenses, u.Plans = user, rows, plans
	at := t.log(Act{Kind: UserUpdated, Why: direct(by), User: user, Detail: names + "=" + detail})
	t.updateEvent(u, at, names, detail)
	t.applyRules(u, by, at)
	return nil
}

// SyncNoise makes the directory sync touch users without changing them.
func (t *Tenant) SyncNoise(users ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range users {
		if u := t.users[id]; u != nil {
			t.syncEvent(u)
		}
	}
}

// AssignDirect gives SKU to a user, without some of its plans.
func (t *Tenant) AssignDirect(by Actor, user, sku string, disabled ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.assign(direct(by), user, sku, true, disabled)
}

func (t *Tenant) assign(why Why, user, sku string, loud bool, disabled []string) error {
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("assign license: %w", err)
	}
	s := t.sku(sku)
	if s == nil {
		return fmt.Errorf("assign license: SKU %q: %w", sku, ErrNotFound)
	}
	if !u.Holds(sku) && s.consumed >= s.Enabled+s.Warning {
		t.failedEvent(u, why.Actor, "Not enough licenses are available.")
		return fmt.Errorf("assign license: SKU %q: %w", sku, ErrNoSeats)
	}
	acts := t.change(u, why, loud, func() {
		u.setRow(License{SKU: sku, Disabled: sorted(disabled), State: "Active"})
	})
	t.resave(u, why, sku, acts)
	return nil
}

// resave dates the user's other direct rows anew, as saving them with a change
// of one does.
func (t *Tenant) resave(u *User, why Why, sku string, change []int) {
	if len(change) > 0 && t.chance(t.Resaves) {
		t.lead(append(change, t.saveRows(u, why, sku)...))
	}
}

// RemoveDirect takes a user's direct path to a SKU away.
func (t *Tenant) RemoveDirect(by Actor, user, sku string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("remove license: %w", err)
	}
	if u.row(pathKey{sku: sku}) < 0 {
		return fmt.Errorf("remove license: direct path to %q: %w", sku, ErrNotFound)
	}
	acts := t.change(u, direct(by), true, func() { u.dropRow(pathKey{sku: sku}) })
	t.resave(u, direct(by), sku, acts)
	return nil
}

// ChangeDisabledPlans sets the plans that a direct path leaves out.
func (t *Tenant) ChangeDisabledPlans(by Actor, user, sku string, disabled ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("change plans: %w", err)
	}
	i := u.row(pathKey{sku: sku})
	if i < 0 {
		return fmt.Errorf("change plans: direct path to %q: %w", sku, ErrNotFound)
	}
	t.change(u, direct(by), true, func() { u.Licenses[i].Disabled = sorted(disabled) })
	return nil
}

// SetState puts a direct path of a user into a state, as a license that excludes
// it does. Nothing is written but the record of that license.
func (t *Tenant) SetState(by Actor, user, sku, state, reason string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("set state: %w", err)
	}
	i := u.row(pathKey{sku: sku})
	if i < 0 {
		return fmt.Errorf("set state: direct path to %q: %w", sku, ErrNotFound)
	}
	t.change(u, direct(by), false, func() { u.Licenses[i].State, u.Licenses[i].Error = state, reason })
	return nil
}

// TouchLicense writes a license event that changes nothing.
func (t *Tenant) TouchLicense(by Actor, user string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("touch license: %w", err)
	}
	t.noopEvent(u, by)
	return nil
}

// SelfServiceSignUp lets a user take a free SKU. The event names the user, or
// the Signup app when viaApp.
func (t *Tenant) SelfServiceSignUp(user, sku string, viaApp bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	by := Actor{Kind: ActorUser, ID: u.ID, UPN: u.UPN}
	if viaApp {
		by = SignUp
	}
	return t.assign(Why{Actor: by, Cause: CauseSelfService, UpstreamAct: -1}, user, sku, true, nil)
}

// AutoClaim gives a SKU at first use of an app. No event is ever written.
func (t *Tenant) AutoClaim(user, sku string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.assign(Why{Actor: NoActor, Cause: CauseSelfService, UpstreamAct: -1}, user, sku, false, nil)
}

// DeleteStyle is how a user is deleted.
type DeleteStyle int

const (
	// AdminCenter removes the licenses first: the deleted user shows none.
	AdminCenter DeleteStyle = iota
	// Entra leaves the licenses on the deleted user.
	Entra
)

// DeleteUser soft-deletes a user. Its seats become free.
func (t *Tenant) DeleteUser(by Actor, user string, style DeleteStyle) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	why := Why{Actor: by, Cause: CauseUserDeleted, UpstreamAct: -1}
	if style == AdminCenter {
		t.change(u, why, true, func() { u.Licenses = nil })
	}
	t.leaveAll(u, style == Entra)
	t.count(u.Licenses, -1)
	var kept []int
	for _, l := range u.Licenses {
		kept = append(kept, t.log(Act{Kind: LicenseRemoved, Why: why, User: user, SKU: l.SKU, Group: l.Group, DisabledBefore: l.Disabled, Kept: true}))
	}
	delete(t.users, user)
	delete(t.due, user)
	t.unlist(user)
	t.deleted[user] = u
	u.Deleted = t.now
	at := t.log(Act{Kind: UserDeleted, Why: why, User: user})
	t.lead(append([]int{at}, kept...))
	t.lifecycleEvent("Delete user", "Delete", u, at, mangledUPN(u))
	return nil
}

// leaveAll takes u out of its groups, remembering them for a restore.
func (t *Tenant) leaveAll(u *User, remember bool) {
	u.groups = nil
	for _, id := range sortedKeys(t.groups) {
		if g := t.groups[id]; g.members[u.ID] {
			delete(g.members, u.ID)
			if remember {
				u.groups = append(u.groups, id)
			}
		}
	}
}

// mangledUPN is how a deleted user is called.
func mangledUPN(u *User) string { return strings.ReplaceAll(u.ID, "-", "") + u.UPN }

// RestoreUser brings a soft-deleted user back with the licenses it kept, even
// when no seats are free.
func (t *Tenant) RestoreUser(by Actor, user string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.deleted[user]
	if u == nil {
		return fmt.Errorf("restore user: deleted user %q: %w", user, ErrNotFound)
	}
	why := Why{Actor: by, Cause: CauseUserRestored, UpstreamAct: -1}
	delete(t.deleted, user)
	t.users[user] = u
	t.insert(user)
	u.Deleted = time.Time{}
	at := t.log(Act{Kind: UserRestored, Why: why, User: user})
	t.lifecycleEvent("Restore user", "Update", u, at, u.UPN)
	rejoined := t.rejoin(u)
	why.UpstreamAct = at
	u.Licenses = slices.DeleteFunc(u.Licenses, func(l License) bool { return !t.stillGiven(u, l) })
	t.diff(u, nil, func(pathKey) Why { return why }, true)
	t.settle(u, nil)
	for _, g := range rejoined {
		t.reconcile(u, g, TriggerMembership, by, at)
	}
	return nil
}

// stillGiven reports whether a kept path still has a SKU and a source.
func (t *Tenant) stillGiven(u *User, l License) bool {
	if t.sku(l.SKU) == nil || l.Group == "" {
		return t.sku(l.SKU) != nil
	}
	g := t.groups[l.Group]
	if g == nil || !g.members[u.ID] {
		return false
	}
	_, carried := g.Licenses[l.SKU]
	return carried
}

func (t *Tenant) rejoin(u *User) []*Group {
	var groups []*Group
	for _, id := range u.groups {
		if g := t.groups[id]; g != nil {
			g.members[u.ID] = true
			groups = append(groups, g)
		}
	}
	u.groups = nil
	return groups
}

// HardDelete purges a soft-deleted user, or a present one in one go.
func (t *Tenant) HardDelete(by Actor, user string) error {
	if t.User(user) == nil {
		return fmt.Errorf("hard delete user %q: %w", user, ErrNotFound)
	}
	if err := t.DeleteUser(by, user, Entra); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.deleted[user]
	if u == nil {
		return fmt.Errorf("hard delete user %q: %w", user, ErrNotFound)
	}
	delete(t.deleted, user)
	at := t.log(Act{Kind: UserPurged, Why: direct(by), User: user})
	t.lifecycleEvent("Hard Delete user", "Delete", u, at, mangledUPN(u))
	return nil
}

// Purge removes for good what was deleted 30 days ago.
func (t *Tenant) Purge() {
	for _, id := range t.DeletedIDs() {
		if u := t.User(id); u != nil && t.Now().Sub(u.Deleted) >= 30*24*time.Hour {
			_ = t.HardDelete(GarbageCollector, id)
		}
	}
}

// LoseStates makes Graph leave out the state rows of a user, and back.
func (t *Tenant) LoseStates(user string, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users[user]; u != nil {
		u.StatesLost = lost
	}
}
