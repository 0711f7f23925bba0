package snapshot

import (
	"slices"
	"time"
)

// License is one row of assignedLicenses: the union of what all paths give.
type License struct {
	SKU      SKUID
	Disabled []PlanID
}

// StateRow is one row of licenseAssignmentStates, as Graph gave it.
type StateRow struct {
	SKU       SKUID
	Group     GroupID // assignedByGroup; "" means direct
	State     string
	Error     string
	Disabled  []PlanID
	UpdatedAt time.Time
}

// ResolvePaths turns Graph's two lists into paths, sorted. It is the one place
// that decides what is held (I4):
//
//   - a row in state Error is never held: it records an intent that failed;
//   - a row in state Active or ActiveWithError is held;
//   - a row in any other state is held while assignedLicenses has its SKU;
//   - a SKU that assignedLicenses has and no row explains is held by a path
//     of kind Unknown. It is not called direct: Graph leaves rows out.
//
// Rows that repeat a path are one path, the one updated last.
func ResolvePaths(licenses []License, rows []StateRow) []Path {
	granted := make(map[SKUID]bool, len(licenses))
	for _, l := range licenses {
		granted[l.SKU] = true
	}
	paths := make([]Path, 0, len(rows))
	for _, r := range rows {
		paths = append(paths, Path{
			PathKey:   PathKey{SKU: r.SKU, PathRef: rowRef(r.Group)},
			Held:      rowHeld(r.State, granted[r.SKU]),
			State:     stateOr(r.State, granted[r.SKU]),
			Error:     normalError(r.Error),
			Disabled:  sortedPlans(r.Disabled),
			UpdatedAt: r.UpdatedAt,
		})
	}
	paths = mergeRepeated(paths)
	explained := make(map[SKUID]bool, len(paths))
	for _, p := range paths {
		explained[p.SKU] = explained[p.SKU] || p.Held
	}
	for _, l := range licenses {
		if explained[l.SKU] {
			continue
		}
		paths = append(paths, Path{
			PathKey:  PathKey{SKU: l.SKU, PathRef: PathRef{Kind: Unknown}},
			Held:     true,
			State:    StateActive,
			Disabled: sortedPlans(l.Disabled),
		})
	}
	return mergeRepeated(paths)
}

const (
	StateActive          = "Active"
	stateActiveWithError = "ActiveWithError"
	stateError           = "Error"
)

func rowRef(g GroupID) PathRef {
	if g == "" {
		return PathRef{Kind: Direct}
	}
	return PathRef{Kind: ByGroup, Group: g}
}

func rowHeld(state string, granted bool) bool {
	switch state {
	case stateError:
		return false
	case StateActive, stateActiveWithError:
		return true
	default:
		return granted
	}
}

// stateOr takes a state that Graph left out for the usual one of a SKU that is
// granted.
func stateOr(state string, granted bool) string {
	if state == "" && granted {
		return StateActive
	}
	return state
}

// normalError applies I5: real tenants return the word "None" where the
// documentation says null.
func normalError(e string) string {
	if e == "None" {
		return ""
	}
	return e
}

func sortedPlans(ids []PlanID) []PlanID {
	if len(ids) == 0 {
		return nil
	}
	s := slices.Clone(ids)
	slices.Sort(s)
	return slices.Compact(s)
}

// mergeRepeated sorts the paths and keeps one of each key: the one updated
// last, and of those one that is held, so that the result does not depend on
// the order in which Graph listed them (I3).
func mergeRepeated(paths []Path) []Path {
	slices.SortFunc(paths, func(a, b Path) int {
		if c := a.PathKey.Compare(b.PathKey); c != 0 {
			return c
		}
		if c := b.UpdatedAt.Compare(a.UpdatedAt); c != 0 {
			return c
		}
		if a.Held != b.Held {
			if a.Held {
				return -1
			}
			return 1
		}
		if c := slices.Compare([]string{a.State, a.Error}, []string{b.State, b.Error}); c != 0 {
			return c
		}
		return slices.Compare(a.Disabled, b.Disabled)
	})
	return slices.CompactFunc(paths, func(a, b Path) bool { return a.PathKey == b.PathKey })
}
