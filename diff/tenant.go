package diff

import (
	"slices"

	"lictrail/snapshot"
)

// SKUs compares the tenant's catalog and seats between two snapshots. The
// order of either list carries no meaning.
func SKUs(old, now []snapshot.SKU, run snapshot.RunID) []snapshot.Change {
	before, after := skusByID(old), skusByID(now)
	var out []snapshot.Change
	for _, id := range sortedKeys(before, after) {
		a, was := before[id]
		b, is := after[id]
		switch {
		case !was:
			out = append(out, snapshot.Change{Kind: snapshot.SKUAdded, SKU: id})
		case !is:
			out = append(out, snapshot.Change{Kind: snapshot.SKUGone, SKU: id})
		default:
			out = append(out, skuChanges(a, b)...)
		}
	}
	return stamped(out, run)
}

// skuChanges compares one SKU. Seats consumed are not a change: they follow
// from the assignments.
func skuChanges(a, b snapshot.SKU) []snapshot.Change {
	var out []snapshot.Change
	if a.Status != b.Status {
		out = append(out, snapshot.Change{Kind: snapshot.SKUStatusChanged, SKU: b.ID,
			State: &snapshot.StateDelta{From: a.Status, To: b.Status}})
	}
	if a.Units != b.Units {
		out = append(out, snapshot.Change{Kind: snapshot.SKUUnitsChanged, SKU: b.ID,
			Units: &snapshot.UnitsDelta{From: a.Units, To: b.Units}})
	}
	was, is := planIDs(a.Plans), planIDs(b.Plans)
	for _, p := range minus(is, was) {
		out = append(out, snapshot.Change{Kind: snapshot.SKUPlanAdded, SKU: b.ID,
			Plans: &snapshot.PlanDelta{Enabled: []snapshot.PlanID{p}}})
	}
	for _, p := range minus(was, is) {
		out = append(out, snapshot.Change{Kind: snapshot.SKUPlanRemoved, SKU: b.ID,
			Plans: &snapshot.PlanDelta{Disabled: []snapshot.PlanID{p}}})
	}
	return out
}

// CatalogMoved returns the SKUs whose service plans differ.
func CatalogMoved(changes []snapshot.Change) map[snapshot.SKUID]bool {
	moved := make(map[snapshot.SKUID]bool)
	for _, c := range changes {
		if c.Kind == snapshot.SKUPlanAdded || c.Kind == snapshot.SKUPlanRemoved {
			moved[c.SKU] = true
		}
	}
	return moved
}

// Groups compares the licenses that groups give. A group that is read for the first time
// causes no change: it is not known when it got its licenses (I7).
func Groups(old, now []snapshot.Group, run snapshot.RunID) []snapshot.Change {
	before := make(map[snapshot.GroupID]snapshot.Group, len(old))
	for _, g := range old {
		before[g.ID] = g
	}
	var out []snapshot.Change
	for _, g := range slices.SortedFunc(slices.Values(now), func(a, b snapshot.Group) int {
		return snapshot.PathRef{Group: a.ID}.Compare(snapshot.PathRef{Group: b.ID})
	}) {
		if was, ok := before[g.ID]; ok {
			out = append(out, groupChanges(was, g)...)
		}
	}
	return stamped(out, run)
}

func groupChanges(a, b snapshot.Group) []snapshot.Change {
	before, after := licensesBySKU(a), licensesBySKU(b)
	path := &snapshot.PathRef{Kind: snapshot.ByGroup, Group: b.ID}
	var out []snapshot.Change
	for _, sku := range sortedKeys(before, after) {
		was, had := before[sku]
		is, has := after[sku]
		switch delta := planDelta(was.Disabled, is.Disabled); {
		case !had:
			out = append(out, snapshot.Change{Kind: snapshot.GroupLicenseAdded, SKU: sku, Path: path})
		case !has:
			out = append(out, snapshot.Change{Kind: snapshot.GroupLicenseRemoved, SKU: sku, Path: path})
		case delta != nil:
			out = append(out, snapshot.Change{Kind: snapshot.GroupLicenseChanged, SKU: sku, Path: path, Plans: delta})
		}
	}
	return out
}

func stamped(changes []snapshot.Change, run snapshot.RunID) []snapshot.Change {
	for i := range changes {
		changes[i].Run, changes[i].Observed = run, true
	}
	return changes
}

func skusByID(skus []snapshot.SKU) map[snapshot.SKUID]snapshot.SKU {
	m := make(map[snapshot.SKUID]snapshot.SKU, len(skus))
	for _, s := range skus {
		m[s.ID] = s
	}
	return m
}

func licensesBySKU(g snapshot.Group) map[snapshot.SKUID]snapshot.GroupLicense {
	m := make(map[snapshot.SKUID]snapshot.GroupLicense, len(g.Licenses))
	for _, l := range g.Licenses {
		m[l.SKU] = l
	}
	return m
}

func planIDs(plans []snapshot.ServicePlan) []snapshot.PlanID {
	ids := make([]snapshot.PlanID, len(plans))
	for i, p := range plans {
		ids[i] = p.ID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func sortedKeys[K ~string, V any](maps ...map[K]V) []K {
	var keys []K
	for _, m := range maps {
		for k := range m {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
