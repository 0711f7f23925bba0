package diff

import (
	"maps"
	"slices"
	"time"

	"lictrail/snapshot"
)

// unseen returns the changes that only the log saw, sorted by user, SKU and
// time. What may postdate the reading of a user is left to the next run.
func (a *attributor) unseen() []Attributed {
	var out []Attributed
	for _, user := range slices.Sorted(maps.Keys(a.license)) {
		for _, sku := range a.touched(user) {
			out = append(out, a.unseenMoves(user, sku)...)
			out = append(out, a.unseenPlans(user, sku)...)
		}
	}
	slices.SortStableFunc(out, func(x, y Attributed) int {
		if x.User != y.User || x.SKU != y.SKU {
			return compareUserSKU(x.User, x.SKU, y.User, y.SKU)
		}
		return x.Attribution.At.Compare(y.Attribution.At)
	})
	return out
}

// touched lists the SKUs that operations in the window gave, took or changed.
func (a *attributor) touched(user snapshot.UserID) []snapshot.SKUID {
	var skus []snapshot.SKUID
	for _, o := range a.license[user] {
		for _, l := range slices.Concat(o.added, o.removed) {
			skus = append(skus, l.SKU)
		}
		for _, p := range o.plans {
			skus = append(skus, p.SKU)
		}
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

// unseenMoves tells the operations that gave the SKU or took it and explain no
// change that the snapshots show.
func (a *attributor) unseenMoves(user snapshot.UserID, sku snapshot.SKUID) []Attributed {
	all := a.sequence(user, sku)
	var out []Attributed
	for i, o := range all {
		if o.told[sku] || o.Incomplete || a.withDeletion(o, sku) || isCopy(all, i, sku) {
			continue
		}
		ch := a.blank(user, sku)
		ch.Kind = snapshot.Removed
		if o.moved(sku) == given {
			ch.Kind = snapshot.Assigned
		}
		out = append(out, a.seenBy(ch, o))
	}
	return out
}

// sequence lists the operations of the run that gave the SKU and took it. At
// both ends of the window it is uncertain what belongs to the run; there, what
// leads from one snapshot to the other does.
func (a *attributor) sequence(user snapshot.UserID, sku snapshot.SKUID) []*op {
	probe := a.blank(user, sku)
	all := a.touching(&probe, time.Time{})
	without := func(list []*op, such func(*op) bool) []*op {
		return slices.DeleteFunc(slices.Clone(list), func(o *op) bool { return !o.told[sku] && such(o) })
	}
	sure := without(all, func(o *op) bool { return a.isLate(o.At) })
	if !a.consistent(user, sku, sure) && a.consistent(user, sku, all) {
		sure = all
	}
	if a.consistent(user, sku, sure) {
		return sure
	}
	// The snapshot before took time to read, and its clock counts seconds.
	after := without(sure, func(o *op) bool { return o.At.Before(a.window.NotBefore.Add(slack)) })
	if a.consistent(user, sku, after) {
		return after
	}
	return without(sure, func(o *op) bool { return o.At.Before(a.window.NotBefore) })
}

// blank returns a change of the run that only the log saw.
func (a *attributor) blank(user snapshot.UserID, sku snapshot.SKUID) snapshot.Change {
	return snapshot.Change{Run: a.Run, User: user, SKU: sku, Window: a.window}
}

// seenBy attributes a change that only the operation shows.
func (a *attributor) seenBy(ch snapshot.Change, o *op) Attributed {
	ch.Path = &snapshot.PathRef{Kind: snapshot.Direct}
	switch hint := a.hinted(o, ch.SKU); {
	case o.engine && hint != "":
		ch.Path = &snapshot.PathRef{Kind: snapshot.ByGroup, Group: hint}
	case o.engine, !o.Actor.Known():
		ch.Path.Kind = snapshot.Unknown
	}
	at := Attributed{Change: ch}
	switch {
	case ch.Path.Kind == snapshot.ByGroup:
		at.Attribution = a.byGroup(&ch, found{op: o})
	case o.engine:
		at.Attribution = a.engineOnly(&ch, o)
	default:
		at.Attribution = a.byParty(&ch, o)
	}
	return at
}

// consistent reports whether operations that give and take a SKU by turns lead
// from the snapshot before to this one.
func (a *attributor) consistent(user snapshot.UserID, sku snapshot.SKUID, ops []*op) bool {
	net, sum := move(0), move(0)
	for _, ch := range a.siblings[userSKU{user, sku}] {
		switch ch.Kind {
		case snapshot.Assigned:
			net = given
		case snapshot.Removed:
			net = taken
		}
	}
	for i, o := range ops {
		if i > 0 && o.moved(sku) == ops[i-1].moved(sku) {
			return false
		}
		sum += o.moved(sku)
	}
	return sum == net
}

// withDeletion reports whether the operation took the SKU for the deletion of
// the user, which is told as such.
func (a *attributor) withDeletion(o *op, sku snapshot.SKUID) bool {
	return o.moved(sku) == taken && slices.ContainsFunc(a.life[o.Target], func(gone *op) bool { return belongs(o, gone) })
}

// isCopy reports whether another log tells the same operation beside this one,
// too far apart in time to have been put together.
func isCopy(ops []*op, i int, sku snapshot.SKUID) bool {
	for _, k := range []int{i - 1, i + 1} {
		if k < 0 || k >= len(ops) {
			continue
		}
		x, y := ops[i], ops[k]
		near := x.At.Sub(y.At).Abs() <= time.Minute && x.Events[0].Source != y.Events[0].Source
		if near && x.moved(sku) == y.moved(sku) && sameActor(x.Actor, y.Actor) && (y.told[sku] || k < i) {
			return true
		}
	}
	return false
}

// unseenPlans tells the operations that changed plans and explain no change
// that the snapshots show. Where a path came or went they are the same event
// seen from another side: plans are those of all paths together. What the
// engine of group-based licensing wrote follows from its groups, whose changes
// are told as such.
func (a *attributor) unseenPlans(user snapshot.UserID, sku snapshot.SKUID) []Attributed {
	if slices.ContainsFunc(a.siblings[userSKU{user, sku}], isPathChange) {
		return nil
	}
	var out []Attributed
	for _, o := range a.license[user] {
		in := !o.At.Before(a.window.NotBefore) && !o.At.After(a.window.NotAfter) && !a.isLate(o.At)
		if !in || !o.evidence || o.engine || o.used || o.Incomplete || o.told[sku] || a.mayShare(o, sku) {
			continue
		}
		for _, p := range o.plans {
			sets, strange := a.planSets(sku, p)
			if p.SKU != sku || strange || len(sets.off)+len(sets.on) == 0 {
				continue
			}
			ch := a.blank(user, sku)
			ch.Kind, ch.Plans = snapshot.PlansChanged, &snapshot.PlanDelta{Disabled: sets.off, Enabled: sets.on}
			out = append(out, a.seenBy(ch, o))
		}
	}
	return out
}

// mayShare reports whether a group gave the user the SKU beside the operation's
// own path: then plans may differ because that path came or went.
func (a *attributor) mayShare(o *op, sku snapshot.SKUID) bool {
	return slices.ContainsFunc(o.hints(), func(id snapshot.GroupID) bool { return a.gives(id, sku) })
}

func isPathChange(ch *snapshot.Change) bool {
	return ch.Kind == snapshot.PathAdded || ch.Kind == snapshot.PathRemoved || ch.Kind == snapshot.PathMoved
}

func compareUserSKU(u snapshot.UserID, s snapshot.SKUID, v snapshot.UserID, t snapshot.SKUID) int {
	return compareChanges(&snapshot.Change{User: u, SKU: s}, &snapshot.Change{User: v, SKU: t})
}
