package diff

import (
	"slices"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// plans attributes a change to the service plans of a path.
func (a *attributor) plans(ch *snapshot.Change) snapshot.Attribution {
	ops := a.planOps(ch)
	f := a.walk(ops, func(o *op) effect { return a.planEffect(ch, o).effect })
	if f.op == nil && len(f.clash) == 0 && a.catalogDropped(ch) {
		return a.microsoft(ch, snapshot.ByCatalog, a.droppedReason(ch))
	}
	if f.op == nil && len(f.clash) == 0 && a.catalogAdded(ch) {
		return a.microsoft(ch, snapshot.ByCatalog, a.addedReason(ch))
	}
	if pathOf(ch).Kind == snapshot.ByGroup {
		return a.plansByGroup(ch, f.op)
	}
	parts := a.partial(ch, ops)
	switch {
	case len(f.clash) > 0:
		return a.clash(ch, f.clash)
	case f.op != nil && f.op.engine:
		return a.plansByEngine(ch, f.op)
	case f.op != nil:
		f.op.claim(ch.SKU)
		return a.byParty(ch, f.op)
	case len(parts) > 0 && a.oneActorDidAll(ch, parts):
		return a.jointly(ch, parts)
	case len(parts) > 0:
		return a.clash(ch, parts)
	}
	return a.unexplained(ch)
}

// plansByGroup attributes plans that a group gives: only what was set for the
// group changes them.
func (a *attributor) plansByGroup(ch *snapshot.Change, license *op) snapshot.Attribution {
	t := a.planTrigger(ch, license)
	if t.op == nil && !a.covers(ch.Window) {
		return a.unknown(ch)
	}
	moved := a.ofGroup[groupSKU{pathOf(ch).Group, ch.SKU}]
	if t.op == nil && moved != nil && moved.Kind == snapshot.GroupLicenseChanged && moved.Plans != nil &&
		contains(moved.Plans.Disabled, ch.Plans.Disabled) && contains(moved.Plans.Enabled, ch.Plans.Enabled) {
		t.kind = snapshot.ByGroupLicense
	}
	return a.groupAttribution(ch, license, t)
}

// plansByEngine attributes plans that group-based licensing changed, where Graph does
// not report the path.
func (a *attributor) plansByEngine(ch *snapshot.Change, o *op) snapshot.Attribution {
	o.claim(ch.SKU)
	if id := a.namedGroup(o, ch.SKU); id != "" {
		known := *ch
		known.Path = &snapshot.PathRef{Kind: snapshot.ByGroup, Group: id}
		return a.plansByGroup(&known, o)
	}
	return a.groupAttribution(ch, o, trigger{kind: snapshot.TriggerUnknown})
}

// planOps lists the operations that changed plans of the user's SKU and can
// have done so on the change's path.
func (a *attributor) planOps(ch *snapshot.Change) []*op {
	var list []*op
	for _, o := range a.license[ch.User] {
		kind := pathOf(ch).Kind
		fits := kind == snapshot.Unknown || o.engine == (kind == snapshot.ByGroup)
		if fits && o.evidence && !o.claimed[ch.SKU] && ch.Window.Contains(o.At, snapshot.ClockSlack) {
			list = append(list, o)
		}
	}
	return list
}

// planFit compares what an operation did to plans with what a change shows.
type planFit struct {
	effect
	part        bool // it made some of the changes, and none against them
	unknownPlan bool // it names plans that are not in the catalog
	planSets
}

// planSets are plans switched off and on.
type planSets struct{ off, on []snapshot.PlanID }

// planEffect works out whether an operation did what the change shows. Its
// plans are those of all paths together.
func (a *attributor) planEffect(ch *snapshot.Change, o *op) planFit {
	if ch.Plans == nil {
		return planFit{}
	}
	if i := slices.IndexFunc(o.added, func(l snapshot.EventLicense) bool { return l.SKU == ch.SKU }); i >= 0 {
		return a.givenAgain(ch, o.added[i])
	}
	i := slices.IndexFunc(o.plans, func(p audit.PlanChange) bool { return p.SKU == ch.SKU })
	if i < 0 {
		return planFit{}
	}
	sets, strange := a.planSets(ch.SKU, o.plans[i])
	fit := planFit{planSets: sets, unknownPlan: strange}
	off, on := ch.Plans.Disabled, ch.Plans.Enabled
	switch {
	case overlap(fit.on, off), overlap(fit.off, on):
		fit.effect = against
	case contains(fit.off, off) && contains(fit.on, on):
		fit.effect = toward
	case overlap(fit.off, off), overlap(fit.on, on):
		fit.part = true
	}
	return fit
}

// givenAgain compares the plans of a license that was taken and given again.
func (a *attributor) givenAgain(ch *snapshot.Change, l snapshot.EventLicense) planFit {
	off, strange := a.planIDs(ch.SKU, l.Disabled)
	fit := planFit{unknownPlan: strange, planSets: planSets{off: off}}
	switch {
	case overlap(off, ch.Plans.Enabled):
		fit.effect = against
	case contains(off, ch.Plans.Disabled) && !strange:
		fit.effect = toward
	case !strange:
		fit.effect = against
	}
	return fit
}

// planSets maps the plans of an event to ids. An event may give the id of a plan on one
// side and its name on the other; such a plan did not change.
func (a *attributor) planSets(sku snapshot.SKUID, p audit.PlanChange) (sets planSets, strange bool) {
	off, oddOff := a.planIDs(sku, p.Disabled)
	on, oddOn := a.planIDs(sku, p.Enabled)
	return planSets{off: minus(off, on), on: minus(on, off)}, oddOff || oddOn
}

func (a *attributor) planIDs(sku snapshot.SKUID, names []string) (ids []snapshot.PlanID, strange bool) {
	for _, w := range names {
		id, ok := snapshot.PlanID(""), false
		if a.PlanID != nil {
			id, ok = a.PlanID(sku, w)
		}
		if !ok {
			strange = true
			continue
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), strange
}

// partial lists the operations that did some of what the change shows.
func (a *attributor) partial(ch *snapshot.Change, ops []*op) []*op {
	var parts []*op
	for _, o := range ops {
		if a.planEffect(ch, o).part && !a.isLate(o.At) {
			parts = append(parts, o)
		}
	}
	return parts
}

// oneActorDidAll reports whether several operations of one actor add up to the change.
func (a *attributor) oneActorDidAll(ch *snapshot.Change, parts []*op) bool {
	var sum planSets
	for _, o := range parts {
		fit := a.planEffect(ch, o)
		sum.off, sum.on = append(sum.off, fit.off...), append(sum.on, fit.on...)
	}
	return oneActor(parts) != nil && contains(sum.off, ch.Plans.Disabled) && contains(sum.on, ch.Plans.Enabled)
}

// jointly attributes a change to the one actor of several operations.
func (a *attributor) jointly(ch *snapshot.Change, parts []*op) snapshot.Attribution {
	last := parts[len(parts)-1]
	if last.engine {
		return a.clash(ch, parts)
	}
	at := a.byParty(ch, last)
	for _, o := range parts {
		o.claim(ch.SKU)
	}
	at.Evidence = evidence(parts...)
	at.Confidence = atMost(at.Confidence, snapshot.Medium)
	return at
}

// atMost returns the lower of two confidences.
func atMost(x, y snapshot.Confidence) snapshot.Confidence {
	order := []snapshot.Confidence{snapshot.Low, snapshot.Medium, snapshot.High}
	return order[min(max(0, slices.Index(order, x)), max(0, slices.Index(order, y)))]
}

// catalogDropped reports whether plans are no longer switched off because Microsoft
// removed them from the SKU.
func (a *attributor) catalogDropped(ch *snapshot.Change) bool {
	if ch.Plans == nil || len(ch.Plans.Disabled) > 0 {
		return false
	}
	var dropped []snapshot.PlanID
	for _, c := range a.catalog[ch.SKU] {
		if c.Kind == snapshot.SKUPlanRemoved && c.Plans != nil {
			dropped = append(dropped, c.Plans.Disabled...)
		}
	}
	return contains(dropped, ch.Plans.Enabled)
}

// catalogAdded reports whether the plans that are switched off were added to the SKU by
// Microsoft in this window: nobody can have switched them off before.
func (a *attributor) catalogAdded(ch *snapshot.Change) bool {
	if ch.Plans == nil || len(ch.Plans.Enabled) > 0 {
		return false
	}
	var added []snapshot.PlanID
	for _, c := range a.catalog[ch.SKU] {
		if c.Kind == snapshot.SKUPlanAdded && c.Plans != nil {
			added = append(added, c.Plans.Enabled...)
		}
	}
	return contains(added, ch.Plans.Disabled)
}

// contains reports whether all of part is in whole.
func contains[T comparable](whole, part []T) bool { return len(minus(part, whole)) == 0 }

func overlap[T comparable](x, y []T) bool { return len(minus(x, y)) < len(x) }
