package graphtest

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// change applies edit to the rows of u and draws every consequence: service
// plans, seats, truth and audit events. It returns the acts' indexes.
func (t *Tenant) change(u *User, why Why, loud bool, edit func()) []int {
	return t.changeEach(u, func(pathKey) Why { return why }, loud, edit)
}

// changeEach is change with a reason for each path.
func (t *Tenant) changeEach(u *User, why func(pathKey) Why, loud bool, edit func()) []int {
	before := slices.Clone(u.Licenses)
	edit()
	acts := t.diff(u, before, why, !loud)
	if len(acts) == 0 {
		return nil
	}
	t.settle(u, before)
	if loud {
		t.licenseEvents(u, before, acts)
	}
	return acts
}

// diff writes an act for each path that differs and dates the changed rows.
func (t *Tenant) diff(u *User, before []License, why func(pathKey) Why, silent bool) []int {
	var acts []int
	add := func(kind ActKind, l License, old []string, state string) {
		acts = append(acts, t.log(Act{
			Kind: kind, Why: why(l.key()), User: u.ID, SKU: l.SKU, Group: l.Group, State: state,
			DisabledBefore: old, DisabledAfter: l.Disabled, Silent: silent,
		}))
	}
	for _, old := range before {
		i := u.row(old.key())
		if i < 0 {
			add(LicenseRemoved, License{SKU: old.SKU, Group: old.Group}, old.Disabled, "")
			continue
		}
		l := &u.Licenses[i]
		switch {
		case l.State != old.State || l.Error != old.Error:
			add(StateChanged, *l, old.Disabled, l.State)
		case !slices.Equal(sorted(l.Disabled), sorted(old.Disabled)):
			add(PlansChanged, *l, old.Disabled, l.State)
		default:
			continue
		}
		l.Updated = t.now
	}
	for i := range u.Licenses {
		l := &u.Licenses[i]
		if !slices.ContainsFunc(before, func(old License) bool { return old.key() == l.key() }) {
			l.Updated = t.now
			add(LicenseAdded, *l, nil, l.State)
		}
	}
	t.lead(acts)
	return acts
}

// lead notes that acts are one operation, which the records of the first describe.
func (t *Tenant) lead(acts []int) {
	for _, i := range acts {
		t.truth[i].Lead = acts[0]
	}
}

func (t *Tenant) log(a Act) int {
	a.At, a.Lead = t.stamp(), len(t.truth)
	t.truth = append(t.truth, a)
	return len(t.truth) - 1
}

// settle brings seats and service plans in line with the rows of u.
func (t *Tenant) settle(u *User, before []License) {
	if u.Deleted.IsZero() {
		t.count(before, -1)
		t.count(u.Licenses, +1)
	}
	t.refreshPlans(u)
}

func (t *Tenant) count(rows []License, by int) {
	for sku := range union(rows) {
		if s := t.sku(sku); s != nil {
			s.consumed += by
		}
	}
}

// refreshPlans derives the assignedPlans of u. The row of a plan that is gone
// stays, with status Deleted; a plan that comes back gets a new row beside it.
func (t *Tenant) refreshPlans(u *User) {
	want, ended := t.grantedPlans(u), map[string]bool{}
	for i := range u.Plans {
		p := &u.Plans[i]
		if p.Status == "Deleted" {
			continue
		}
		p.Status = "Deleted"
		if w, ok := want[p.ID]; ok {
			p.Status = w.Status
			delete(want, p.ID)
		}
		if p.Status == "Deleted" {
			ended[p.ID] = true
		}
	}
	if len(ended) > 0 {
		u.forgetOld(ended)
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		p := want[id]
		p.Assigned = t.now
		u.Plans = append(u.Plans, p)
	}
	t.refreshWorkloads(u)
}

// refreshWorkloads keeps since when u is licensed for each workload without a
// break, whichever SKU brings it.
func (t *Tenant) refreshWorkloads(u *User) {
	licensed := map[string]time.Time{}
	for _, p := range u.Plans {
		for _, w := range workloadsOf[p.ID] {
			if p.Status != "Deleted" {
				licensed[w] = cmp.Or(u.licensed[w], t.now)
			}
		}
	}
	u.licensed = licensed
}

// forgetOld keeps one Deleted row, the newest, of each plan that just ended.
func (u *User) forgetOld(ended map[string]bool) {
	for i := len(u.Plans) - 1; i >= 0; i-- {
		p := u.Plans[i]
		if seen, known := ended[p.ID]; p.Status == "Deleted" && known {
			if !seen {
				u.Plans = slices.Delete(u.Plans, i, i+1)
			}
			ended[p.ID] = false
		}
	}
}

// grantedPlans lists the plans that u's licenses enable, each with the best
// status among the SKUs that give it.
func (t *Tenant) grantedPlans(u *User) map[string]AssignedPlan {
	want := map[string]AssignedPlan{}
	for id, off := range union(u.Licenses) {
		s := t.sku(id)
		if s == nil {
			continue
		}
		for _, p := range s.Plans {
			if slices.Contains(off, p.ID) {
				continue
			}
			if w, ok := want[p.ID]; !ok || rank(s.Status) < rank(w.Status) {
				want[p.ID] = AssignedPlan{ID: p.ID, Service: p.Service, Status: s.Status}
			}
		}
	}
	return want
}

func rank(status string) int {
	return slices.Index([]string{"Enabled", "Warning", "Suspended", "LockedOut", "Deleted"}, status)
}

// setRow adds or replaces a path of u.
func (u *User) setRow(l License) {
	if i := u.row(l.key()); i >= 0 {
		l.Updated = u.Licenses[i].Updated
		u.Licenses[i] = l
		return
	}
	u.Licenses = append(u.Licenses, l)
}

func (u *User) dropRow(key pathKey) {
	u.Licenses = slices.DeleteFunc(u.Licenses, func(l License) bool { return l.key() == key })
}

// resetDates moves every date of u to now and changes nothing else.
func (u *User) resetDates(now time.Time) {
	for i := range u.Licenses {
		u.Licenses[i].Updated = now
	}
	for i := range u.Plans {
		if u.Plans[i].Status != "Deleted" {
			u.Plans[i].Assigned = now
		}
	}
}
