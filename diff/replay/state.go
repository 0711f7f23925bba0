package replay

import (
	"math/bits"
	"slices"
	"time"

	"lictrail/snapshot"
)

// mask is a set of paths.
type mask uint8

func of(path int) mask           { return 1 << path }
func (m mask) has(path int) bool { return m&of(path) != 0 }
func (m mask) len() int          { return bits.OnesCount8(uint8(m)) }

// set returns the mask with a path in it, or without.
func (m mask) set(path int, in bool) mask {
	if in {
		return m | of(path)
	}
	return m &^ of(path)
}

// state is what a history has come to at a point.
type state struct {
	held   mask // by these paths the SKU is held
	member mask // the user is a member of these paths' groups
	gives  mask // these groups give the SKU
	dated  mask // these rows have the date that the snapshot after shows: they move no more
	moved  mask // moved since the last point
	forced mask // moved, or wanted otherwise, without a record since the last point
	again  mask // so once more
	gone   bool // the account was deleted
	// cause is, per path, the point that last changed what its group wants, plus 1;
	// 0 when the path has followed it, or there is none.
	cause [MaxPaths]int16
}

// wants reports whether a group's member should hold the SKU by it.
func (s *state) wants(path int) bool { return s.member.has(path) && s.gives.has(path) }

// pending reports whether a group's path is yet to follow its group.
func (s *state) pending(path int) bool { return s.wants(path) != s.held.has(path) }

func (s *state) causeOf(path int) int { return int(s.cause[path]) - 1 }

// holds reports whether the user holds the SKU.
func (p *search) holds(s *state) bool { return p.Kept || s.held != 0 }

// isGroup reports whether a path is a group's.
func (p *search) isGroup(path int) bool { return p.Paths[path].Kind == snapshot.ByGroup }

// frozen reports whether a path cannot move at a time: its row has its last date
// already, or the date that the snapshot before shows lies later.
func (p *search) frozen(s *state, path int, at time.Time) bool {
	before := p.Paths[path].Before
	return s.dated.has(path) || before.Held && !before.Date.IsZero() && at.Before(before.Date.Add(-snapshot.RowResolution))
}

// turnedTo moves a path. It returns the state after, and whether the user came to
// hold the SKU with it or ceased to.
func (p *search) turnedTo(s state, path int, on bool) (state, bool) {
	was := p.holds(&s)
	s.held = s.held.set(path, on)
	return s, p.holds(&s) != was
}

// starts lists the states that the snapshot before may stand for, when the first
// n points had happened by then.
func (p *search) starts(n int) []state {
	base := state{}
	for i, path := range p.Paths {
		base.held = base.held.set(i, path.Before.Held)
		fixed := sameRow(path)
		base.dated = base.dated.set(i, fixed)
	}
	states := []state{base}
	for i, path := range p.Paths {
		if path.Kind != snapshot.ByGroup {
			if path.Returned {
				for _, s := range states {
					s.held = s.held.set(i, true)
					states = append(states, s)
				}
			}
			continue
		}
		var next []state
		for _, s := range states {
			next = append(next, p.groupStarts(s, i, path, n)...)
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

// groupStarts adds what the snapshot before may mean for a group.
func (p *search) groupStarts(s state, i int, path Path, n int) []state {
	member, gives := NotKnown, path.GivesBefore
	if path.Before.Held || path.Before.Failed {
		member = Yes
		if gives == NotKnown {
			gives = Yes
		}
	}
	stepped := false
	for _, t := range p.ticks[:n] {
		if t.point == None || p.Points[t.point].Path != i {
			continue
		}
		switch pt := p.Points[t.point]; {
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
			// Who is a member of a group that gives the SKU holds it, unless a record
			// says that the membership, or the license, is new.
			if member == NotKnown && m && g && !stepped && !path.Returned {
				continue
			}
			t := s
			t.member, t.gives = s.member.set(i, m), s.gives.set(i, g)
			for _, cause := range p.causesBefore(i, n, m, g) {
				t.cause[i] = int16(cause) + 1
				out = append(out, t)
			}
		}
	}
	return out
}

// causesBefore lists the steps among the first ticks that a path may still have to
// follow, when its group's side has come to a state with them: the last one that
// changed what the group wants, or had a license that it gives applied again. None
// stands for none, or one that the date of the row shows to have been followed. A
// step without details may have changed it or not.
func (p *search) causesBefore(path, n int, member, gives bool) (causes []int) {
	row := p.Paths[path].Before.Date
	for _, t := range slices.Backward(p.ticks[:n]) {
		if t.point == None || p.Points[t.point].Path != path {
			continue
		}
		pt := p.Points[t.point]
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

// ends reports whether a state, after the first n points, is what the snapshot
// after shows, and what the end costs.
func (p *search) ends(s *state, n int) (cost int, ok bool) {
	if s.gone {
		return 0, true // nothing is held: the account is gone
	}
	for i, path := range p.Paths {
		if s.held.has(i) != path.After.Held || p.needsDate(i) && !s.dated.has(i) {
			return 0, false
		}
		if !p.isGroup(i) {
			continue
		}
		if !path.GivesAfter.fits(s.gives.has(i)) && !p.groupSetAfter(i, n) {
			return 0, false
		}
		if s.pending(i) && !path.After.Failed {
			cost += p.lag(s.causeOf(i), p.EndUntil)
		}
	}
	return cost, true
}

// groupSetAfter reports whether the group's licenses were set at a point that is
// left out at the end, or so near to it that the group may have been read on the
// other side.
func (p *search) groupSetAfter(path, n int) bool {
	for k, t := range p.ticks {
		if t.point == None {
			continue
		}
		pt := p.Points[t.point]
		if pt.Kind == GroupSet && pt.Path == path && (k >= n || !pt.At.Before(p.End.Add(-snapshot.ClockSlack))) {
			return true
		}
	}
	return false
}

// needsDate reports whether the snapshot after shows a date of the path's row
// that came about in the window.
func (p *search) needsDate(path int) bool {
	r := p.Paths[path]
	return r.After.Held && !r.After.Date.IsZero() && !sameRow(r)
}

// lag is what it costs that the engine followed a step only at a time.
func (p *search) lag(step int, at time.Time) int {
	switch {
	case step < 0:
		return stale
	case step >= len(p.Points): // assumed
		return 0
	}
	switch took := at.Sub(p.Points[step].At); {
	case took <= time.Hour:
		return 0
	case took < snapshot.GroupLag:
		return slow
	}
	return stale
}
