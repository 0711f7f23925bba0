package graphtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Engine is how group-based licensing works where it does not follow at once.
// It looks at a user some time after each step, a change of a membership or of
// a group's licenses, and then makes the user's paths by that group what the
// steps so far ask for. What is done and undone before it looks ends no path and
// only moves the date of its row. It writes one record for all that it moves at
// one instant, and none when the user's licenses stay the same.
type Engine struct {
	// Lag is how long after a step the engine looks.
	Lag func(*rand.Rand) time.Duration
	// Together is the chance that it takes every group of the user that is due
	// at one instant, instead of one group.
	Together float64
	// Spread is how far apart it looks at the members of a group whose licenses
	// changed.
	Spread time.Duration
}

// PromptLag is some seconds or minutes, at times hours.
func PromptLag(r *rand.Rand) time.Duration {
	switch x := r.IntN(100); {
	case x < 70:
		return between(r, 2*time.Second, 4*time.Minute)
	case x < 92:
		return between(r, 4*time.Minute, time.Hour)
	}
	return between(r, time.Hour, 4*time.Hour)
}

// SlowLag needs up to 20 hours, so that later steps are often followed before
// earlier ones.
func SlowLag(r *rand.Rand) time.Duration {
	if r.IntN(2) == 0 {
		return PromptLag(r)
	}
	return between(r, time.Hour, 20*time.Hour)
}

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// due holds, for each user, the paths whose groups have had a step since the
// engine looked, each with the reason: the last step that changed what is asked.
type due map[string]map[pathKey]Why

func (d due) note(user string, key pathKey, why Why) {
	if d[user] == nil {
		d[user] = map[pathKey]Why{}
	}
	d[user][key] = why
}

// asked lists the paths that g asks for u to have, with their disabled plans.
func asked(u *User, g *Group) map[pathKey][]string {
	paths := map[pathKey][]string{}
	if g.members[u.ID] {
		for sku, off := range g.Licenses {
			paths[pathKey{sku, g.ID}] = off
		}
	}
	return paths
}

// step notes what a step of g changed for u: before is what was asked for until
// then. The step counts only if it changed that.
func (t *Tenant) step(u *User, g *Group, before map[pathKey][]string, trigger Trigger, by Actor, upstream int, lag time.Duration) {
	now := asked(u, g)
	why := Why{Actor: GroupLicensing, Cause: CauseGroup, Trigger: trigger, Upstream: by, UpstreamAct: upstream}
	for key, off := range now {
		if old, had := before[key]; !had || !slices.Equal(old, off) {
			t.due.note(u.ID, key, why)
		}
	}
	for key := range before {
		if _, has := now[key]; !has {
			t.due.note(u.ID, key, why)
		}
	}
	t.at(t.now.Add(lag), func() { t.look(u.ID, g.ID) })
}

// look makes the paths that are due what their groups ask for.
func (t *Tenant) look(user, group string) {
	u, all := t.users[user], t.due[user]
	if u == nil {
		return
	}
	together := t.chance(t.Engine.Together)
	reasons := map[pathKey]Why{}
	for key, why := range all {
		if key.group == group || together {
			reasons[key] = why
			delete(all, key)
		}
	}
	if len(reasons) == 0 {
		return
	}
	rows := slices.Clone(u.Licenses)
	t.changeEach(u, func(k pathKey) Why { return reasons[k] }, true, func() {
		for _, key := range sortedPaths(reasons) {
			t.settlePath(u, key)
		}
	})
	for _, key := range sortedPaths(reasons) {
		i := u.row(key)
		untouched := i >= 0 && slices.ContainsFunc(rows, func(l License) bool { return l.key() == key && l.Updated.Equal(u.Licenses[i].Updated) })
		if untouched { // undone before it was looked at
			t.redate(u, i, reasons[key], true)
		}
	}
}

// settlePath makes one path of u what its group asks for.
func (t *Tenant) settlePath(u *User, key pathKey) {
	g := t.groups[key.group]
	off, want := []string(nil), false
	if g != nil {
		off, want = asked(u, g)[key]
	}
	if !want {
		u.dropRow(key)
		return
	}
	l := License{SKU: key.sku, Group: key.group, Disabled: off, State: "Active"}
	s := t.sku(key.sku)
	if s == nil || !u.Holds(key.sku) && s.consumed >= s.Enabled+s.Warning {
		l.State, l.Error = "Error", "CountViolation"
	}
	u.setRow(l)
}

// redate moves the date of a row and changes nothing else.
func (t *Tenant) redate(u *User, row int, why Why, silent bool) int {
	l := &u.Licenses[row]
	l.Updated = t.now
	return t.log(Act{Kind: PathRedated, Why: why, User: u.ID, SKU: l.SKU, Group: l.Group, State: l.State, DisabledAfter: l.Disabled, Silent: silent})
}

func sortedPaths[V any](m map[pathKey]V) []pathKey {
	return slices.SortedFunc(maps.Keys(m), pathKey.compare)
}

// applyLicenses has the engine follow a change of a group's licenses, member by
// member.
func (t *Tenant) applyLicenses(g *Group, before map[string]map[pathKey][]string, by Actor, act int) {
	lag := t.Engine.Lag(t.rng)
	t.at(t.now.Add(lag), func() { t.applyingEvent("Start applying group based license to users", g, act, "") })
	last := lag
	for _, id := range g.Members() {
		own := lag
		if t.Engine.Spread > 0 {
			own += between(t.rng, 0, t.Engine.Spread)
		}
		last = max(last, own)
		t.step(t.users[id], g, before[id], TriggerGroupLicense, by, act, own)
	}
	done := len(g.members)
	t.at(t.now.Add(last+time.Second), func() {
		t.applyingEvent("Finish applying group based license to users", g, act, fmt.Sprintf("[Users successfully assigned licenses: %d, Users for whom license assignment failed: 0.];", done))
	})
}

// askedOfMembers is what a group asks for each of its members.
func (t *Tenant) askedOfMembers(g *Group) map[string]map[pathKey][]string {
	all := map[string]map[pathKey][]string{}
	for id := range g.members {
		if u := t.users[id]; u != nil {
			all[id] = asked(u, g)
		}
	}
	return all
}

// ApproveJoin has the owner of a static group approve a user's request to join.
// The record names Microsoft Approval Management, and not the owner.
func (t *Tenant) ApproveJoin(group, user string) error {
	return t.setMember(ApprovalManagement, group, user, true)
}

// SaveLicenses saves a user's licenses as they are: a record with equal sets,
// and new dates on the direct rows.
func (t *Tenant) SaveLicenses(by Actor, user string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, err := t.present(user)
	if err != nil {
		return fmt.Errorf("save licenses: %w", err)
	}
	acts := t.saveRows(u, direct(by), "")
	if len(acts) == 0 {
		t.noopEvent(u, by)
		return nil
	}
	t.licenseEvents(u, slices.Clone(u.Licenses), acts)
	return nil
}

// SaveGroup saves a group's licenses as they are: a record with equal sets.
func (t *Tenant) SaveGroup(by Actor, group string) error {
	return t.setGroupLicense(by, group, func(*Group) {})
}

// saveRows dates the direct rows anew, but for one SKU's.
func (t *Tenant) saveRows(u *User, why Why, except string) []int {
	var acts []int
	for i := range u.Licenses {
		if l := u.Licenses[i]; l.Group == "" && l.SKU != except && held(l.State) {
			acts = append(acts, t.redate(u, i, why, false))
		}
	}
	t.lead(acts)
	return acts
}

func (t *Tenant) reconcile(u *User, g *Group, trigger Trigger, by Actor, upstream int) bool {
	return t.reconcileAll(u, g, trigger, by, upstream, false)
}

// reconcileAll makes u's paths by way of g what membership and the group's
// licenses ask for. It reports whether none of them is in error.
func (t *Tenant) reconcileAll(u *User, g *Group, trigger Trigger, by Actor, upstream int, retry bool) bool {
	if u == nil || t.users[u.ID] == nil {
		return true
	}
	ok := true
	why := Why{Actor: GroupLicensing, Cause: CauseGroup, Trigger: trigger, Upstream: by, UpstreamAct: upstream}
	t.change(u, why, true, func() {
		u.Licenses = slices.DeleteFunc(u.Licenses, func(l License) bool {
			_, carried := g.Licenses[l.SKU]
			return l.Group == g.ID && (!carried || !g.members[u.ID])
		})
		if g.members[u.ID] {
			ok = t.grant(u, g, retry)
		}
	})
	if !ok {
		t.failedEvent(u, GroupLicensing, "Not enough licenses are available.")
	}
	return ok
}

// grant adds the paths that g gives to u. Without a seat the path is in error.
func (t *Tenant) grant(u *User, g *Group, retry bool) bool {
	ok := true
	for _, sku := range sortedKeys(g.Licenses) {
		l := License{SKU: sku, Group: g.ID, Disabled: g.Licenses[sku], State: "Active"}
		s := t.sku(sku)
		i := u.row(l.key())
		stuck := i >= 0 && u.Licenses[i].State == "Error" && !retry
		if s == nil || stuck || !u.Holds(sku) && s.consumed >= s.Enabled+s.Warning {
			l.State, l.Error, ok = "Error", "CountViolation", false
		}
		u.setRow(l)
	}
	return ok
}
