package diff

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// op is one operation of the audit log, with its effects, which are worked out once.
type op struct {
	*snapshot.Bundle
	evidence bool // it succeeded and changed something, or may have
	engine   bool // group-based licensing did it
	added    []snapshot.EventLicense
	removed  []snapshot.EventLicense
	plans    []audit.PlanChange
	// claimed has the SKUs of which the operation explains a change. mentioned has those
	// for which an attribution of a change of plans names the operation.
	claimed, mentioned map[snapshot.SKUID]bool
}

// move is what an operation did to a SKU as a whole.
type move int

const (
	skuAdded   move = 1
	skuRemoved move = -1
)

func (c *Context) newOp(b *snapshot.Bundle) *op {
	o := &op{Bundle: b, evidence: audit.Evidence(b), engine: c.isEngine(b), claimed: map[snapshot.SKUID]bool{}, mentioned: map[snapshot.SKUID]bool{}}
	o.added, o.removed, o.plans = audit.Delta(b.License)
	return o
}

// moved returns what the operation did to the SKU, 0 for nothing.
func (o *op) moved(sku snapshot.SKUID) move {
	switch {
	case listed(o.added, sku):
		return skuAdded
	case listed(o.removed, sku):
		return skuRemoved
	}
	return 0
}

func listed(set []snapshot.EventLicense, sku snapshot.SKUID) bool {
	return slices.ContainsFunc(set, func(l snapshot.EventLicense) bool { return l.SKU == sku })
}

// claim makes the operation the explanation of a change of the SKU.
func (o *op) claim(sku snapshot.SKUID) { o.claimed[sku] = true }

// group returns the group that the operation is about.
func (o *op) group() snapshot.GroupID {
	for _, e := range o.Events {
		if e.Group != "" {
			return e.Group
		}
	}
	return ""
}

// client reports whether an event names the Action Client.
func (o *op) client(name string) bool { return hasClient(o.Bundle, name) }

func hasClient(b *snapshot.Bundle, name string) bool {
	return slices.ContainsFunc(b.Events, func(e *snapshot.Event) bool { return strings.EqualFold(e.Client, name) })
}

func (o *op) ruleChanged() bool {
	return slices.ContainsFunc(o.Events, func(e *snapshot.Event) bool { return e.RuleChanged })
}

// namedGroups lists the groups that LicenseAssignmentDetail names.
func (o *op) namedGroups() []snapshot.GroupID {
	var ids []snapshot.GroupID
	for _, e := range o.Events {
		ids = append(ids, e.Groups...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

type (
	userSKU struct {
		user snapshot.UserID
		sku  snapshot.SKUID
	}
	groupSKU struct {
		group snapshot.GroupID
		sku   snapshot.SKUID
	}
	userGroup struct {
		user  snapshot.UserID
		group snapshot.GroupID
	}
)

// attributor attributes the changes of one run.
type attributor struct {
	*Context
	window   snapshot.Window // of the run
	observed time.Time       // ObservedAt, or the end of the window

	license map[snapshot.UserID][]*op // about the user's licenses, no-ops too
	life    map[snapshot.UserID][]*op // deletions and restores
	named   map[string][]*op          // about the licenses of a user, given by principal name only
	updates map[snapshot.UserID][]*op // of attributes, and additions
	members map[userGroup][]*op
	joined  map[snapshot.UserID][]snapshot.GroupID // groups that records of memberships name, sorted
	groups  map[snapshot.GroupID][]*op             // licenses, rules and recalculations
	upns    map[snapshot.UserID]string             // as the events have them
	powers  map[string]bool                        // actors who act on others' licenses or groups
	syncs   map[string]bool                        // actors whom a record shows to synchronize a local directory

	catalog map[snapshot.SKUID][]*snapshot.Change // changes to the SKU itself
	ofGroup map[groupSKU]*snapshot.Change
	lost    map[snapshot.SKUID]int              // users who lost the SKU in this run
	gaps    map[snapshot.Window]snapshot.Window // cache: the first stretch of a window that was not read

	// These have what is known of the user whose changes are being attributed.
	siblings map[userSKU][]*snapshot.Change
	changed  map[snapshot.UserID][]snapshot.SKUID // the SKUs of the user's changes
	gone     map[snapshot.UserID]bool             // no longer among the tenant's users
	back     map[snapshot.UserID]bool             // among them again
	scenes   map[userSKU]*scene                   // cache of solve
}

func newAttributor(c *Context) *attributor {
	a := &attributor{
		Context: c, window: c.Window,
		license: map[snapshot.UserID][]*op{}, named: map[string][]*op{}, life: map[snapshot.UserID][]*op{}, updates: map[snapshot.UserID][]*op{},
		members: map[userGroup][]*op{}, groups: map[snapshot.GroupID][]*op{},
		upns: map[snapshot.UserID]string{}, powers: map[string]bool{}, syncs: map[string]bool{},
		siblings: map[userSKU][]*snapshot.Change{}, changed: map[snapshot.UserID][]snapshot.SKUID{}, catalog: map[snapshot.SKUID][]*snapshot.Change{},
		ofGroup: map[groupSKU]*snapshot.Change{}, lost: map[snapshot.SKUID]int{},
		gaps: map[snapshot.Window]snapshot.Window{}, joined: map[snapshot.UserID][]snapshot.GroupID{},
		gone: map[snapshot.UserID]bool{}, back: map[snapshot.UserID]bool{}, scenes: map[userSKU]*scene{},
	}
	a.observed = c.ObservedAt
	if a.observed.IsZero() {
		a.observed = a.window.NotAfter
	}
	maps.Copy(a.powers, c.Powers)
	for _, o := range distinct(sortedOps(c)) {
		a.index(o)
	}
	for key := range a.members {
		a.joined[key.user] = append(a.joined[key.user], key.group)
	}
	for _, groups := range a.joined {
		slices.Sort(groups)
	}
	return a
}

// forgetUser forgets the user whose changes were attributed: histories take more
// memory than what they come to.
func (a *attributor) forgetUser() {
	clear(a.siblings)
	clear(a.changed)
	clear(a.gone)
	clear(a.back)
	clear(a.scenes)
}

// windowOf returns the window of the run.
func windowOf(changes []snapshot.Change, c *Context) snapshot.Window {
	w := c.Window
	for i := range changes {
		o := changes[i].Window
		if w == (snapshot.Window{}) || c.Window == (snapshot.Window{}) && o.NotAfter.After(w.NotAfter) {
			w = o
		}
	}
	return w
}

// sortedOps lists the operations in order of time, whatever the input's.
func sortedOps(c *Context) []*op {
	ops := make([]*op, 0, len(c.Bundles))
	for i := range c.Bundles {
		if b := &c.Bundles[i]; len(b.Events) > 0 && !b.Failed {
			ops = append(ops, c.newOp(b))
		}
	}
	slices.SortFunc(ops, func(x, y *op) int {
		return cmp.Or(x.At.Compare(y.At), compareRefs(x.Events[0].Ref(), y.Events[0].Ref()))
	})
	return ops
}

// distinct drops copies of an operation in a second log that package audit did not join,
// because their times are too far apart: some logs give times to the minute.
func distinct(ops []*op) []*op {
	kept := ops[:0:0]
	for i, o := range ops {
		again := false
		for k := len(kept) - 1; k >= 0 && o.At.Sub(kept[k].At) <= snapshot.RowResolution; k-- {
			again = again || isCopy(kept[k], o)
		}
		if !again {
			kept = append(kept, ops[i])
		}
	}
	return kept
}

// isCopy reports whether two operations are one, in two logs.
func isCopy(x, y *op) bool {
	sameSKUs := func(s, t []snapshot.EventLicense) bool {
		return slices.EqualFunc(s, t, func(l, m snapshot.EventLicense) bool { return l.SKU == m.SKU })
	}
	return x.Events[0].Source != y.Events[0].Source && x.Activity == y.Activity && x.Target == y.Target && x.Target != "" && x.group() == y.group() &&
		sameActor(x.Actor, y.Actor) && x.Incomplete == y.Incomplete && x.NoOp == y.NoOp && sameSKUs(x.added, y.added) && sameSKUs(x.removed, y.removed) &&
		len(x.plans) == len(y.plans) && (len(x.added)+len(x.removed) > 0 || x.Activity == snapshot.AddMember || x.Activity == snapshot.RemoveMember)
}

// index files an operation under what it is about.
func (a *attributor) index(o *op) {
	user, group := o.Target, o.group()
	if o.Actor.Kind == snapshot.ActorUser && o.Actor.ID != "" && o.client(syncClient) {
		a.syncs[o.Actor.ID] = true
	}
	if upn := o.Events[0].TargetUPN; user != "" && upn != "" {
		a.upns[user] = upn
	}
	switch o.Activity {
	case snapshot.ChangeUserLicense, snapshot.UpdateUser, snapshot.AddUser:
		a.indexUser(o)
	case snapshot.DeleteUser, snapshot.HardDeleteUser, snapshot.RestoreUser:
		a.life[user] = append(a.life[user], o)
	case snapshot.AddMember, snapshot.RemoveMember:
		if user != "" && group != "" && o.evidence {
			a.members[userGroup{user, group}] = append(a.members[userGroup{user, group}], o)
			a.power(o)
		}
	case snapshot.SetGroupLicense, snapshot.TriggerGroupLicense, snapshot.UpdateGroup, snapshot.AddGroup:
		if o.evidence {
			a.groups[group] = append(a.groups[group], o)
		}
		if o.Activity == snapshot.SetGroupLicense {
			a.power(o)
		}
	}
}

func (a *attributor) indexUser(o *op) {
	if o.Target == "" {
		if upn := strings.ToLower(o.Events[0].TargetUPN); upn != "" && (o.License != nil || o.Incomplete) {
			a.named[upn] = append(a.named[upn], o)
		}
		return
	}
	if o.License != nil || o.Incomplete {
		a.license[o.Target] = append(a.license[o.Target], o)
		a.power(o)
	}
	if o.Activity != snapshot.ChangeUserLicense {
		a.updates[o.Target] = append(a.updates[o.Target], o)
	}
}

// power notes that the actor acts on the licenses or groups of other users.
func (a *attributor) power(o *op) {
	if id := o.Actor.ID; o.Actor.Kind == snapshot.ActorUser && id != "" && id != string(o.Target) {
		a.powers[id] = true
	}
}

// Powers returns the actors, by object id, who act on the licenses or groups of other
// users. Such an actor has an administrative role. An operation of an administrator on
// the own account may be either administration or self-service.
func Powers(bundles []snapshot.Bundle) map[string]bool {
	return newAttributor(&Context{Bundles: bundles}).powers
}

// indexChange files a change under what it is about.
func (a *attributor) indexChange(ch *snapshot.Change) {
	switch {
	case ch.User != "":
		key := userSKU{ch.User, ch.SKU}
		a.siblings[key] = append(a.siblings[key], ch)
		a.changed[ch.User] = append(a.changed[ch.User], ch.SKU)
		a.gone[ch.User] = a.gone[ch.User] || ch.Presence == snapshot.Deleted || ch.Presence == snapshot.Gone
		a.back[ch.User] = a.back[ch.User] || ch.Back || ch.Returned
	case ch.Path != nil:
		key := groupSKU{ch.Path.Group, ch.SKU}
		if was := a.ofGroup[key]; was == nil || compareChanges(ch, was) < 0 {
			a.ofGroup[key] = ch
		}
	default:
		a.catalog[ch.SKU] = append(a.catalog[ch.SKU], ch)
	}
}
