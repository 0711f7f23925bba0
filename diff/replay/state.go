package replay

import (
	"slices"
	"time"

	"lictrail/snapshot"
)

// mask is a set of paths.
type mask uint8

func maskOf(path int) mask       { return 1 << path }
func (m mask) has(path int) bool { return m&maskOf(path) != 0 }

// set returns the mask with a path in it, or without.
func (m mask) set(path int, in bool) mask {
	if in {
		return m | maskOf(path)
	}
	return m &^ maskOf(path)
}

// state is the state of all paths at one point of a history.
type state struct {
	held        mask // the paths by which the SKU is held
	member      mask // the paths of whose groups the user is a member
	gives       mask // the paths whose groups give the SKU
	dated       mask // the paths whose rows have the date that the snapshot after shows, and so cannot move again
	moved       mask // the paths that moved since the last point
	forced      mask // the paths that, since the last point, moved or whose group changed without a record
	forcedTwice mask // the paths to which that happened twice
	unseen      mask // the paths that ended although no snapshot and no full record shows them held
	gone        bool // the account was deleted
	// taken has bit k set if the k-th tick from the next one is a step of a group that
	// has happened already, see [search.takeEarly].
	taken uint8
	// cause is, per path, 1 + the index of the point that last changed whether the user
	// should hold the SKU by the path's group; 0 when the path has followed, or there is
	// no such point.
	cause [MaxPaths]int16
}

// wants reports whether the user should hold the SKU by a path's group: the user is a
// member, and the group gives the SKU.
func (s *state) wants(path int) bool { return s.member.has(path) && s.gives.has(path) }

// pending reports whether the engine has yet to adjust a path to what its group wants.
func (s *state) pending(path int) bool { return s.wants(path) != s.held.has(path) }

func (s *state) causeOf(path int) int { return int(s.cause[path]) - 1 }

// holds reports whether the user holds the SKU.
func (s *search) holds(st *state) bool { return s.Kept || st.held != 0 }

// isGroup reports whether a path is a group's.
func (s *search) isGroup(path int) bool { return s.Paths[path].Kind == snapshot.ByGroup }

// frozen reports whether a path cannot move at a time: its row has its last date
// already, or the date that the snapshot before shows lies later.
func (s *search) frozen(st *state, path int, at time.Time) bool {
	before := s.Paths[path].Before
	return st.dated.has(path) || before.Held && !before.Date.IsZero() && at.Before(before.Date.Add(-snapshot.RowResolution))
}

// turnedTo begins or ends a path. It returns the state afterwards, and whether that
// changed whether the user holds the SKU.
func (s *search) turnedTo(st state, path int, on bool) (state, bool) {
	was := s.holds(&st)
	st.held = st.held.set(path, on)
	return st, s.holds(&st) != was
}

// starts lists the possible states at the time of the snapshot before, if the first n
// ticks lie before it.
func (s *search) starts(n int) []state {
	base := state{}
	for i, path := range s.Paths {
		base.held = base.held.set(i, path.Before.Held)
		fixed := sameRow(path)
		base.dated = base.dated.set(i, fixed)
	}
	states := []state{base}
	for i, path := range s.Paths {
		if path.Kind != snapshot.ByGroup {
			if path.Returned {
				for _, st := range states {
					st.held = st.held.set(i, true)
					states = append(states, st)
				}
			}
			continue
		}
		var next []state
		for _, st := range states {
			next = append(next, s.groupStarts(st, i, path, n)...)
		}
		states = next
	}
	return states
}

// sameRow reports whether both snapshots show one row, with one date: it has not
// moved in the window.
func sameRow(p Path) bool {
	return !p.Before.Date.IsZero() && p.Before.Date.Equal(p.After.Date) && p.Before.Held == p.After.Held
}

// groupStarts lists the variants of a state for whether the user was a member of a
// path's group, whether the group gave the SKU, and which step was still pending.
func (s *search) groupStarts(st state, i int, path Path, n int) []state {
	member, gives := NotKnown, path.GivesBefore
	if path.Before.Held || path.Before.Failed {
		member = Yes
		if gives == NotKnown {
			gives = Yes
		}
	}
	stepped := false
	for _, t := range s.ticks[:n] {
		if t.point == None || s.Points[t.point].Path != i {
			continue
		}
		switch pt := s.Points[t.point]; {
		case pt.Kind == Joined:
			member, stepped = Yes, true
		case pt.Kind == Left:
			member, stepped = No, true
		case pt.Kind == GroupSet && pt.After != NotKnown:
			gives, stepped = pt.After, true
		case pt.Kind == GroupSet:
			if !path.Before.Held {
				gives = NotKnown
			}
			stepped = true
		}
	}
	var out []state
	for _, g := range []bool{false, true} {
		for _, m := range []bool{false, true} {
			if !gives.fits(g) || !member.fits(m) {
				continue
			}
			// A member of a group that gives the SKU holds it, unless a record shows that
			// the membership or the group's license is new.
			if member == NotKnown && m && g && !stepped && !path.Returned {
				continue
			}
			t := st
			t.member, t.gives = st.member.set(i, m), st.gives.set(i, g)
			for _, cause := range s.causesBefore(i, n, m, g) {
				t.cause[i] = int16(cause) + 1
				out = append(out, t)
			}
		}
	}
	return out
}

// causesBefore lists the steps among the first n ticks that the engine may not have
// followed yet when the snapshot before was read: the last step that changed whether
// the user should hold the SKU by the group, or that had the group's licenses applied
// again. A step that is older than the date of the row has been followed already. A
// step without details may or may not have changed something. None in the list stands
// for no pending step. member and gives are the state after the n ticks.
func (s *search) causesBefore(path, n int, member, gives bool) (causes []int) {
	row := s.Paths[path].Before.Date
	for _, t := range slices.Backward(s.ticks[:n]) {
		if t.point == None || s.Points[t.point].Path != path {
			continue
		}
		pt := s.Points[t.point]
		if !row.IsZero() && pt.At.Before(row.Add(-snapshot.RowResolution)) {
			break
		}
		wants := member && gives
		switch {
		case pt.Kind == Joined || pt.Kind == Left:
			member = pt.Kind == Left
		case pt.Kind == GroupSet && pt.Before == NotKnown && member:
			causes = append(causes, t.point)
			continue
		case pt.Kind == GroupSet && pt.Before != NotKnown:
			gives = pt.Before == Yes
		}
		if again := pt.Kind >= GroupSet && wants; again || wants != (member && gives) {
			return append(causes, t.point)
		}
	}
	return append(causes, None)
}

// ends reports whether a state agrees with the snapshot after, if that was read after
// the first n ticks, and what it costs to end a history there.
func (s *search) ends(st *state, n int) (cost int, ok bool) {
	if st.gone {
		return 0, true // nothing is held: the account is gone
	}
	for i, path := range s.Paths {
		if st.held.has(i) != path.After.Held || s.needsDate(i) && !st.dated.has(i) {
			return 0, false
		}
		if !s.isGroup(i) {
			continue
		}
		if !path.GivesAfter.fits(st.gives.has(i)) && !s.groupSetAfter(i, n) {
			return 0, false
		}
		if st.pending(i) && !path.After.Failed {
			cost += s.lag(st.causeOf(i), s.EndUntil)
		}
	}
	return cost, true
}

// groupSetAfter reports whether the group's licenses were set after the first n ticks,
// or so near to the end that the group may have been read before that point.
func (s *search) groupSetAfter(path, n int) bool {
	for k, t := range s.ticks {
		if t.point == None {
			continue
		}
		pt := s.Points[t.point]
		if pt.Kind == GroupSet && pt.Path == path && (k >= n || !pt.At.Before(s.End.Add(-snapshot.ClockSlack))) {
			return true
		}
	}
	return false
}

// needsDate reports whether a history must explain the date of a path's row: the
// snapshot after shows a date that the snapshot before does not.
func (s *search) needsDate(path int) bool {
	r := s.Paths[path]
	return r.After.Held && !r.After.Date.IsZero() && !sameRow(r)
}

// lag is the cost of the time that the engine took to follow a step.
func (s *search) lag(step int, at time.Time) int {
	switch {
	case step < 0:
		return stale
	case step >= len(s.Points): // assumed
		return 0
	}
	switch took := at.Sub(s.Points[step].At); {
	case took <= time.Hour:
		return 0
	case took < snapshot.GroupLag:
		return slow
	}
	return stale
}
