package replay

import (
	"slices"
	"time"

	"lictrail/snapshot"
)

// assumed is the cause of a path whose group changed without a record.
const assumed = 1<<15 - 1

// tick is a point of time at which something is known to have happened: a record,
// or the date of a path's row.
type tick struct {
	at    time.Time
	point int // None for the date of a row
	path  int // whose row has the date
}

// rank orders ticks of the same time: first the steps of groups, then the license
// records, then the dates of rows.
func (s *search) rank(t tick) int {
	switch {
	case t.point == None:
		return 2
	case s.Points[t.point].Kind >= Saved:
		return 1
	}
	return 0
}

func (s *search) makeTicks() {
	for i, p := range s.Points {
		s.ticks = append(s.ticks, tick{p.At, i, None})
	}
	for i, p := range s.Paths {
		if s.needsDate(i) {
			s.ticks = append(s.ticks, tick{p.After.Date, None, i})
		}
	}
	slices.SortStableFunc(s.ticks, func(a, b tick) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return s.rank(a) - s.rank(b)
	})
}

// gapOf returns the times between which a node lies, and whether the log was read
// for all of it. A step of a group may have happened somewhat before its record's time.
func (s *search) gapOf(n *node) (lo, hi time.Time, covered bool) {
	lo, hi = s.Start, s.EndUntil
	if n.tick > 0 {
		at := s.ticks[n.tick-1].at
		if s.rank(s.ticks[n.tick-1]) == 0 {
			at = at.Add(-snapshot.RecordJitter)
		}
		lo = later(lo, at)
	}
	if n.tick < len(s.ticks) {
		hi = earlier(hi, s.ticks[n.tick].at)
	}
	hi = later(lo, hi)
	return lo, hi, s.Covered(lo, hi)
}

// pricer returns the function that gives the cost of a missing record. Where the log
// was not read that is a cost of 1, whatever it would be otherwise: a history without
// the move must still be cheaper, so that histories stay short.
func pricer(covered bool) func(int) int {
	if covered {
		return func(cost int) int { return cost }
	}
	return func(int) int { return unread }
}

// silent is the cost of a move of the engine without a record that changed whether the
// SKU is held. It costs nothing where the log was not read. There only the step that the
// engine followed costs something, so that the end of a group's path costs as much as
// the end of a direct one.
func silent(covered bool) int {
	if covered {
		return silentTurn
	}
	return 0
}

// expand adds the edges of a node: the moves that may happen before the next tick, and
// those that may happen at it.
func (s *search) expand(n *node) {
	if !n.state.gone {
		s.between(n)
	}
	if n.tick == len(s.ticks) {
		return
	}
	switch t := s.ticks[n.tick]; {
	case n.state.gone || n.state.taken&1 != 0:
		s.step(n, n.tick+1, n.state, 0)
	case t.point == None:
		s.rowDate(n, t)
	default:
		s.record(n, t.point)
	}
	if !n.state.gone {
		s.takeEarly(n)
	}
}

// takeEarly lets steps of groups happen before the next tick although their records are
// of a later time: the engine's record, or the date of a row, may have an earlier time
// than the record of the step that the engine followed. Both orders are possible.
func (s *search) takeEarly(n *node) {
	if s.rank(s.ticks[n.tick]) == 0 || n.state.taken&1 != 0 {
		return
	}
	var seen mask // the paths of which an earlier step comes first
	for k := 1; k < 8 && n.tick+k < len(s.ticks); k++ {
		t := s.ticks[n.tick+k]
		if t.at.Sub(s.ticks[n.tick].at) > snapshot.RecordJitter {
			return
		}
		if s.rank(t) != 0 || n.state.taken&(1<<k) != 0 || seen.has(s.Points[t.point].Path) {
			continue
		}
		seen |= maskOf(s.Points[t.point].Path)
		s.groupStep(n, t.point, func(next state, cost int) {
			next.moved, next.forced, next.forcedTwice = 0, 0, 0
			next.taken |= 1 << k
			s.step(n, n.tick, next, cost)
		})
	}
}

// between adds the moves that may happen before the next tick without a record:
// those that the engine makes without one, and those whose record is missing.
func (s *search) between(n *node) {
	lo, hi, covered := s.gapOf(n)
	price := pricer(covered)
	st := n.state
	movable := s.movable(&st, lo) &^ st.moved
	if s.atOnce(n.tick) {
		movable = 0
	}
	for set := range subsets(movable) {
		s.moveTogether(n, n.tick, set, moment{from: lo, to: hi, by: None, why: Followed, silent: silent(covered)})
	}
	for i, p := range s.Paths {
		if s.isGroup(i) {
			s.assume(n, i, price(unlogged), covered)
			if p.After.Failed && st.held.has(i) && !st.moved.has(i) && !p.After.Date.IsZero() && !p.After.Date.Before(lo) && !p.After.Date.After(hi) {
				s.moveTogether(n, n.tick, maskOf(i), moment{from: p.After.Date, to: p.After.Date, by: None, why: Failed})
			}
			continue
		}
		if st.moved.has(i) || s.frozen(&st, i, hi) || p.Hidden && covered {
			continue
		}
		cost, why := price(unlogged), Unlogged
		if s.Lapsed && st.held.has(i) {
			cost, why = 0, Lapsed
		}
		next, turns := s.turnedTo(st, i, !st.held.has(i))
		if covered || st.forced.has(i) {
			next.moved = next.moved.set(i, true)
		} else { // while the log was not read it may have moved twice
			next.forced = next.forced.set(i, true)
		}
		s.step(n, n.tick, next, cost, Move{Path: i, Act: actOf(next, i), Why: why, By: None, Cause: None, Turns: turns, From: lo, To: hi})
	}
	if s.Lapsed && st.held&st.moved == 0 {
		s.endAll(n, n.tick, Move{Why: Lapsed, By: None, From: lo, To: hi}, NotKnown)
	}
}

// atOnce reports whether a tick and the one before it are steps of groups at the same
// time. The engine does not act between them.
func (s *search) atOnce(tick int) bool {
	if tick == 0 || tick == len(s.ticks) {
		return false
	}
	x, y := s.ticks[tick-1], s.ticks[tick]
	return x.at.Equal(y.at) && s.rank(x) == 0 && s.rank(y) == 0
}

// assume adds a change of the membership, or of the group's licenses, without a record:
// once between two ticks, and a second time where the log was not read. For a path that
// cannot move again, only the group's licenses may change, if the snapshot after shows
// other ones; the engine has then not followed by the end.
func (s *search) assume(n *node, path, cost int, covered bool) {
	st := n.state
	first, still := !st.forced.has(path), st.dated.has(path)
	if still && s.Paths[path].GivesAfter.fits(st.gives.has(path)) || !first && (covered || st.forcedTwice.has(path)) {
		return
	}
	next := st
	next.cause[path], next.moved = assumed, st.moved.set(path, false)
	if first {
		next.forced = st.forced.set(path, true)
	} else {
		next.forcedTwice = st.forcedTwice.set(path, true)
	}
	other := next
	if !still {
		next.member = st.member.set(path, !st.member.has(path))
		s.step(n, n.tick, next, cost)
	}
	if s.mayBeSet(path) {
		other.gives = st.gives.set(path, !st.gives.has(path))
		s.step(n, n.tick, other, cost)
	}
}

// mayBeSet reports whether there is a sign that the group's licenses changed: the
// snapshots differ, or a record shows that they were set.
func (s *search) mayBeSet(path int) bool {
	p := s.Paths[path]
	return p.GivesBefore != p.GivesAfter || slices.ContainsFunc(s.Points, func(pt Point) bool { return pt.Kind == GroupSet && pt.Path == path })
}

// endAll ends all paths at once; how is the move that is copied for each. The groups'
// memberships end as well, so that no path begins again. after says whether the SKU is
// held afterwards, if that is known.
func (s *search) endAll(n *node, tick int, how Move, after Fact) {
	next, cost, moves := n.state, 0, []Move(nil)
	for i := range slices.Backward(s.Paths) { // comparing the snapshots reports the first path as the one with which the SKU was lost
		if n.state.held.has(i) && !s.frozen(&n.state, i, how.To) {
			if waited := s.waited(&n.state, i, how.From); s.isGroup(i) && waited > 0 {
				cost += waited + disorder // the engine should have ended it before
			}
			move := how
			move.Path, move.Act, move.Cause = i, Off, None
			next, move.Turns = s.turnedTo(next, i, false)
			next.member = next.member.set(i, false)
			moves = append(moves, move)
		}
	}
	if len(moves) == 0 || !after.fits(s.holds(&next)) {
		return
	}
	next.moved = n.state.held
	s.step(n, tick, next, cost, moves...)
}

func actOf(s state, path int) Act {
	if s.held.has(path) {
		return On
	}
	return Off
}

// movable returns the paths that have yet to follow their groups, and can move at a time.
func (s *search) movable(st *state, at time.Time) mask {
	var m mask
	for i := range s.Paths {
		if s.isGroup(i) && st.pending(i) && !s.frozen(st, i, at) {
			m |= maskOf(i)
		}
	}
	return m
}

// subsets lists the non-empty subsets of a set of paths.
func subsets(all mask) func(func(mask) bool) {
	return func(yield func(mask) bool) {
		for set := all; set != 0; set = (set - 1) & all {
			if !yield(set) {
				return
			}
		}
	}
}

// moment is when, and by which record, paths move at one instant.
type moment struct {
	from, to time.Time
	by       int
	why      Why
	silent   int  // the cost if whether the SKU is held changes without a record
	dates    bool // mark the rows whose dates lie near as dated
	row      int  // 1 + the path whose row gets its date by this; 0 for none
	fits     Fact // whether the SKU must be held afterwards
}

// moveTogether moves the paths of groups at one instant. Where that changes whether the
// SKU is held, any of the moves may have been the decisive one. Usually it is that of
// the oldest step when the SKU is gained, and that of the newest when it is lost.
func (s *search) moveTogether(n *node, tick int, set mask, m moment) {
	st := n.state
	next := st
	cost := s.disorder(&st, set)
	var moves []Move
	for i := range s.Paths {
		if !set.has(i) {
			continue
		}
		on, cause := !st.held.has(i), st.causeOf(i)
		move := Move{Path: i, Act: Off, Why: m.why, By: m.by, Cause: None, From: m.from, To: m.to}
		if on {
			move.Act = On
		}
		switch {
		case s.Paths[i].Hidden: // assuming that there is such a path costs something once
			if !st.unseen.has(i) {
				cost += stale
			}
			next.unseen = next.unseen.set(i, true)
		case !s.isGroup(i): // a path whose kind Graph does not report may be a group's
		case st.cause[i] == assumed:
			if m.by == None {
				move.Why = Unlogged
			}
		case !st.pending(i): // it failed
			move.Why = Failed
		case cause >= 0:
			move.Cause = cause
			at := move.From
			if m.row == i+1 {
				at = s.Paths[i].After.Date
			}
			cost += s.lag(cause, at)
		case s.Paths[i].Returned && on:
			move.Why = Excused
		case s.Paths[i].Before.Failed && on: // it can be given again
			move.Why = Failed
			cost += noReason
		default:
			cost += stale
		}
		next.held = next.held.set(i, on)
		next.cause[i] = 0
		if m.dates && on && s.datedAt(i, m.from) || m.row == i+1 {
			next.dated = next.dated.set(i, true)
		}
		moves = append(moves, move)
	}
	next.moved |= set
	switch is := s.holds(&next); {
	case !m.fits.fits(is):
	case s.holds(&st) == is:
		s.step(n, tick, next, cost, moves...)
	default:
		s.addDecisive(n, tick, next, cost+m.silent, moves, is)
	}
}

// addDecisive adds one edge for each of the moves that may have been the decisive one.
func (s *search) addDecisive(n *node, tick int, next state, cost int, moves []Move, came bool) {
	var usual time.Time
	first := true
	for _, m := range moves {
		if at := s.timeOf(m.Cause); (m.Act == On) == came && (first || came == at.Before(usual)) {
			usual, first = at, false
		}
	}
	for k, m := range moves {
		if (m.Act == On) != came {
			continue
		}
		variant, extra := slices.Clone(moves), 0
		variant[k].Turns = true
		if !s.timeOf(m.Cause).Equal(usual) {
			extra = oddCarrier
		}
		s.step(n, tick, next, cost+extra, variant...)
	}
}

// timeOf is the time of a step; zero, which is before all others, where there is none.
func (s *search) timeOf(step int) time.Time {
	if step < 0 || step >= len(s.Points) {
		return time.Time{}
	}
	return s.Points[step].At
}

// disorder is the cost of moving a set of paths while a group outside of it has an older
// step than the newest in the set, and does not move.
func (s *search) disorder(st *state, set mask) int {
	var newest time.Time
	for i := range s.Paths {
		if set.has(i) {
			newest = later(newest, s.timeOf(st.causeOf(i)))
		}
	}
	for i := range s.Paths {
		at := s.timeOf(st.causeOf(i))
		if s.isGroup(i) && !set.has(i) && st.pending(i) && !at.IsZero() && at.Before(newest) {
			return disorder
		}
	}
	return 0
}

// datedAt reports whether the date of a path's row can be of a time.
func (s *search) datedAt(path int, at time.Time) bool {
	return s.needsDate(path) && s.Paths[path].After.Date.Sub(at).Abs() <= snapshot.RowResolution
}

// rowDate adds the moves that may have given a row its date.
func (s *search) rowDate(n *node, t tick) {
	st, i := n.state, t.path
	if st.dated.has(i) {
		s.step(n, n.tick+1, st, 0)
		return
	}
	if s.recordFollows(i, t.at) {
		s.step(n, n.tick+1, st, 0)
	}
	lo, _, covered := s.gapOf(n)
	covered = covered && s.Covered(t.at, t.at)
	price := pricer(covered)
	switch {
	case st.held.has(i):
		s.redate(n, t, price(noReason))
	case !s.isGroup(i):
		next, turns := s.turnedTo(st, i, true)
		next.dated = next.dated.set(i, true)
		s.step(n, n.tick+1, next, price(unlogged), Move{Path: i, Act: On, Why: Unlogged, By: None, Cause: None, Turns: turns, From: t.at, To: t.at})
	case st.wants(i):
		others := s.movable(&st, t.at) &^ maskOf(i)
		// Microsoft cuts off the fractions of a second in the dates of rows.
		m := moment{from: lo, to: t.at.Add(snapshot.RowResolution), by: None, why: Followed, silent: silent(covered), row: i + 1}
		s.moveTogether(n, n.tick+1, maskOf(i), m)
		for set := range subsets(others) {
			s.moveTogether(n, n.tick+1, set|maskOf(i), m)
		}
	}
}

// redate adds a move of the date of a row whose path is held before and after.
func (s *search) redate(n *node, t tick, price int) {
	next, i := n.state, t.path
	next.dated = next.dated.set(i, true)
	move := Move{Path: i, Act: Redated, Why: Unlogged, By: None, Cause: None, From: t.at, To: t.at}
	cause := next.causeOf(i)
	switch p := s.Paths[i]; {
	case s.isGroup(i) && next.wants(i) && next.cause[i] == assumed:
		price, next.cause[i] = 0, 0
	case s.isGroup(i) && next.wants(i) && cause >= 0 && t.at.Sub(s.Points[cause].At) < snapshot.GroupLag && s.Points[cause].At.After(p.Before.Date):
		move.Why, move.Cause, price, next.cause[i] = Followed, cause, 0, 0
	case p.Excused, p.Returned && t.at.Sub(s.Start) <= snapshot.DeletionSpan:
		move.Why, price = Excused, 0
	}
	s.step(n, n.tick+1, next, price, move)
}

// recordFollows reports whether a record that may have dated a path's row lies at or
// after a time, by at most the resolution of the dates of rows.
func (s *search) recordFollows(path int, at time.Time) bool {
	return slices.ContainsFunc(s.Points, func(p Point) bool {
		after := p.At.Sub(at)
		return after >= 0 && after <= snapshot.RowResolution && mayMove(p.Kind, s.isGroup(path))
	})
}

// mayMove reports whether a record of a kind can show a move of a group's path, or, if
// group is false, of another path.
func mayMove(kind PointKind, group bool) bool {
	return kind == Either || kind == Engine && group || kind == Saved
}

// record adds the moves that a record may show.
func (s *search) record(n *node, point int) {
	switch p := s.Points[point]; {
	case p.Kind < Saved:
		s.groupStep(n, point, func(next state, cost int) { s.step(n, n.tick+1, next, cost) })
	case p.Kind == Deleted:
		s.deleted(n, point, p)
	default:
		s.licenses(n, point, p)
	}
}

// groupStep hands over the states, with their costs, that may follow a step of a group.
func (s *search) groupStep(n *node, point int, add func(state, int)) {
	p, next := s.Points[point], n.state
	switch p.Kind {
	case Joined, Left:
		joined := p.Kind == Joined
		if next.member.has(p.Path) == joined {
			return // the record fits only after a step without a record, which assume adds
		}
		next.member = next.member.set(p.Path, joined)
		s.wanted(n, next, point, 0, add)
	case GroupSet:
		s.groupSet(n, point, add)
	case Recalculated:
		if next.pending(p.Path) { // the engine may have been about to follow, or have failed before
			add(next, 0)
		}
		if next.wants(p.Path) {
			next.cause[p.Path] = int16(point) + 1
		}
		add(next, 0)
	}
}

// wanted adds a step of a group, after which the user may no longer hold what the group
// wants.
func (s *search) wanted(n *node, next state, point, cost int, add func(state, int)) {
	st, p := n.state, s.Points[point]
	if st.wants(p.Path) != next.wants(p.Path) {
		cost += s.waited(&st, p.Path, p.At) // the step undoes an earlier one that the engine has not followed
		next.cause[p.Path] = int16(point) + 1
	}
	add(next, cost)
}

// waited is the cost of a path that has not followed its group by a time. A path that
// failed before, or that belongs to a restored account, waits for no step.
func (s *search) waited(st *state, path int, at time.Time) int {
	p := s.Paths[path]
	failed := (p.Before.Failed || p.Returned) && st.causeOf(path) == None
	if !st.pending(path) || failed {
		return 0
	}
	return s.lag(st.causeOf(path), at)
}

func (s *search) groupSet(n *node, point int, add func(state, int)) {
	p := s.Points[point]
	gave := n.state.gives.has(p.Path)
	if !p.Before.fits(gave) {
		next := n.state
		next.gives = next.gives.set(p.Path, p.After == Yes)
		s.wanted(n, next, point, contradicted, add)
		return
	}
	for _, gives := range []bool{false, true} {
		if !p.After.fits(gives) {
			continue
		}
		next := n.state
		next.gives = next.gives.set(p.Path, gives)
		if gives && gave && next.held.has(p.Path) && next.wants(p.Path) {
			next.cause[p.Path] = int16(point) + 1 // its plans may differ, which gives rows a new date
		}
		s.wanted(n, next, point, 0, add)
	}
}

func (s *search) deleted(n *node, point int, p Point) {
	next, cost := n.state, 0
	var moves []Move
	for i := range s.Paths {
		switch {
		case i >= len(s.Listed) || s.Listed[i].fits(next.held.has(i)):
		case s.Listed[i] == Yes && s.listedAlone(i) && next.held != 0: // the account may list the SKU by another path
		case s.Listed[i] == No: // the licenses were removed for the deletion, and the record of that is missing
			cost = max(cost, unlogged)
		default:
			cost += contradicted
		}
	}
	for i := range s.Paths {
		if s.isGroup(i) {
			cost += s.waited(&next, i, p.At)
		}
		if next.held.has(i) {
			var turns bool
			next, turns = s.turnedTo(next, i, false)
			moves = append(moves, Move{Path: i, Act: Off, Why: Recorded, By: point, Cause: None, Turns: turns, From: p.At, To: p.At})
		}
	}
	next.gone = true
	s.step(n, n.tick+1, next, cost, moves...)
}

// listedAlone reports whether a path is the only one of which it is known whether the
// deleted account lists it. The account may list the SKU without a path, and the user
// may hold it by another path than the snapshot before shows.
func (s *search) listedAlone(path int) bool {
	for i, fact := range s.Listed {
		if i != path && fact != NotKnown {
			return false
		}
	}
	return true
}

// licenses adds the moves that a record of the user's licenses may show.
func (s *search) licenses(n *node, point int, p Point) {
	full, fits := p.Before != NotKnown && p.After != NotKnown, p.Before.fits(s.holds(&n.state))
	if full || !fits {
		s.step(n, n.tick+1, n.state, contradicted)
	}
	if !fits {
		return
	}
	if p.After.fits(s.holds(&n.state)) {
		s.step(n, n.tick+1, n.state, 0)
		s.savedAgain(n, point, p)
	}
	if p.Kind != Engine {
		s.saved(n, point, p)
	}
	if p.Kind != Saved {
		s.engine(n, point, p)
	}
	if p.Ends {
		s.endAll(n, n.tick+1, Move{Why: Recorded, By: point, From: p.At, To: p.At}, p.After)
	}
}

// savedAgain adds moves of dates alone: a record may have given a new date to rows of
// paths that are held before and after. A save by a person or an app can do so to the
// row of a group, but rarely does.
func (s *search) savedAgain(n *node, point int, p Point) {
	for i := range s.Paths {
		if !n.state.held.has(i) || n.state.dated.has(i) || !s.datedAt(i, p.At) {
			continue
		}
		cost := 0
		if s.isGroup(i) && p.Kind == Saved {
			cost = oddCarrier
		}
		next := n.state
		next.dated = next.dated.set(i, true)
		cause := None
		if s.isGroup(i) && next.wants(i) && next.cause[i] != assumed {
			cause = next.causeOf(i)
		}
		next.cause[i] = 0
		s.step(n, n.tick+1, next, cost, Move{Path: i, Act: Redated, Why: Recorded, By: point, Cause: cause, From: p.At, To: p.At})
	}
}

// saved adds the moves of paths that are no group's which a record may show.
func (s *search) saved(n *node, point int, p Point) {
	for i := range s.Paths {
		if s.isGroup(i) || s.Paths[i].Hidden || s.frozen(&n.state, i, p.At) {
			continue
		}
		next, turns := s.turnedTo(n.state, i, !n.state.held.has(i))
		if !p.After.fits(s.holds(&next)) {
			continue
		}
		cost := s.unseen(&n.state, i, p, turns)
		next.unseen = next.unseen.set(i, next.unseen.has(i) || cost > 0 && !next.held.has(i))
		move := Move{Path: i, Act: actOf(next, i), Why: Recorded, By: point, Cause: None, Turns: turns, From: p.At, To: p.At}
		s.step(n, n.tick+1, next, cost, move)
		if next.held.has(i) && s.datedAt(i, p.At) {
			next.dated = next.dated.set(i, true)
			s.step(n, n.tick+1, next, cost, move)
		}
	}
}

// unseen is the cost of the assumption that a record moved a path of which neither
// snapshot has a row. It costs something where the path begins and the record says
// neither who acted nor what was changed, and where the path ends for the first time
// and no record shows that it was ever held.
func (s *search) unseen(st *state, path int, p Point, turns bool) int {
	if at := s.Paths[path]; at.Before.Held || at.After.Held || at.Returned {
		return 0
	}
	if !st.held.has(path) {
		if p.Kind == Either && p.Before == NotKnown && p.After == NotKnown {
			return unseen
		}
		return 0
	}
	shown := slices.ContainsFunc(s.Points, func(o Point) bool {
		return o.Kind == Saved && o.Before == No && o.After == Yes && !o.At.After(p.At)
	})
	if turns || shown || st.unseen.has(path) {
		return 0
	}
	return unseen
}

// engine adds the moves of groups' paths that a record of group-based licensing may show.
func (s *search) engine(n *node, point int, p Point) {
	st := n.state
	movable := s.movable(&st, p.At)
	for i, path := range s.Paths {
		fails := path.After.Failed && st.held.has(i) || path.Kind == snapshot.Unknown
		if fails && !s.frozen(&st, i, p.At) {
			movable |= maskOf(i)
		}
	}
	m := moment{from: p.At, to: p.At, by: point, why: Recorded, fits: p.After}
	for set := range subsets(movable) {
		if p.Named >= 0 && !set.has(p.Named) {
			continue
		}
		s.moveTogether(n, n.tick+1, set, m)
		if s.anyDated(set, &st, p.At) {
			m.dates = true
			s.moveTogether(n, n.tick+1, set, m)
			m.dates = false
		}
	}
}

// anyDated reports whether a path of a set begins whose row can have its date of a time.
func (s *search) anyDated(set mask, st *state, at time.Time) bool {
	for i := range s.Paths {
		if set.has(i) && !st.held.has(i) && s.datedAt(i, at) {
			return true
		}
	}
	return false
}
