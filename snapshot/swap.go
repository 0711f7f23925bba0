package snapshot

import "slices"

// Swap is one SKU removed from a user and another assigned in its place, as the
// indexes of the two changes.
type Swap struct{ Removed, Assigned int }

// Swaps pairs the removals and the assignments that one run showed of one user
// where they belong together, each with one other at most. Pairs that one event
// links come before those that are akin.
func Swaps(changes []*Change, linked, akin func(removed, assigned int) bool) []Swap {
	var swaps []Swap
	used := make(map[int]bool)
	for _, belong := range []func(int, int) bool{linked, akin} {
		for i, removed := range changes {
			if removed.Kind != Removed || removed.Presence != "" || used[i] {
				continue
			}
			for j, assigned := range changes {
				fits := assigned.Kind == Assigned && !assigned.Returned && !used[j] && assigned.SKU != removed.SKU &&
					assigned.User == removed.User && assigned.Run == removed.Run && assigned.Observed == removed.Observed
				if fits && belong(i, j) {
					swaps = append(swaps, Swap{i, j})
					used[i], used[j] = true, true
					break
				}
			}
		}
	}
	slices.SortFunc(swaps, func(a, b Swap) int { return a.Removed - b.Removed })
	return swaps
}

// Akin reports whether one of two SKUs contains the core of the other: two
// thirds of the service plans of the one that has fewer.
func Akin(a, b []PlanID) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	shared := 0
	for _, p := range a {
		if slices.Contains(b, p) {
			shared++
		}
	}
	return len(a) > 0 && shared*3 >= len(a)*2
}
