// Package cohort follows the seats of one SKU through time: who got one, who lost one
// and why, and how long it took until one was used. It is rules over values: no I/O
// and no clock. Days are counted in UTC.
package cohort

import (
	"cmp"
	"slices"
	"time"

	"lictrail/snapshot"
)

// Spell is a time for which a user held the SKU without a break.
type Spell struct {
	User  snapshot.UserID
	From  snapshot.Date
	To    *snapshot.Date // nil while it goes on
	Cause snapshot.Cause // of the end
	// GivenBy and TakenBy are the ids of the parties that are responsible for the beginning
	// and the end. "" where no record names a party.
	GivenBy, TakenBy string
}

// opening: it was there when tracking began, so that its beginning is not known.
func (s *Spell) opening() bool { return s.From.Precision == snapshot.NoLaterThan }

// Kind is a kind of change of a seat.
type Kind string

// Ways in which a seat comes to a user.
const (
	Assigned    Kind = "assigned"    // to a user who had none before
	Reassigned  Kind = "reassigned"  // from another user, as records show
	Reactivated Kind = "reactivated" // to a user who had one before
)

// Ways in which a user loses a seat.
const (
	TakenBack Kind = "taken-back" // by whatever known cause, none of the following
	Lapsed    Kind = "lapsed"     // the subscription ended
	UserLeft  Kind = "user-left"  // the account was deleted
	NotKnown  Kind = "not-known"  // the cause is not known
)

// Gains and Losses list the kinds.
var (
	Gains  = []Kind{Assigned, Reassigned, Reactivated}
	Losses = []Kind{TakenBack, Lapsed, UserLeft, NotKnown}
)

// Move is a seat that came to a user, or was lost.
type Move struct {
	Kind Kind
	User snapshot.UserID
	When snapshot.Date
	// Other is the user from whom a reassigned seat came or to whom one that was taken
	// back went; "" where records do not show one.
	Other snapshot.UserID
	spell int
}

// Gain reports whether the seat came to the user.
func (m *Move) Gain() bool { return slices.Contains(Gains, m.Kind) }

// DayFlow is what happened on one day.
type DayFlow struct {
	Day        snapshot.Day
	Moves      map[Kind]int
	Population int // users who hold the SKU when the day ends
}

// Flow is the changes of the seats between two days.
type Flow struct {
	Days     snapshot.Days
	Start    int // users who held the SKU when the day before the first ended
	End      int // when the last day ended
	Retained int // of those at the start, who held it without a break to the end
	Moves    []Move
	Counts   map[Kind]int
	// Inexact are the moves whose day is not known exactly: each counts on the last
	// day on which it can have happened.
	Inexact int
	ByDay   []DayFlow
	Holders []snapshot.UserID // at the end, sorted
}

// Follow works out what became of the seats. Spells of one user must not overlap. What was
// there when tracking began is not counted as given, whenever that was.
func Follow(spells []Spell, days snapshot.Days) *Flow {
	f := &Flow{Days: days, Counts: map[Kind]int{}}
	moves := movesOf(spells)
	handOver(spells, moves)
	for d := days.From; d <= days.To; d++ {
		f.ByDay = append(f.ByDay, DayFlow{Day: d, Moves: map[Kind]int{}})
	}
	for _, m := range moves {
		day := snapshot.DayOf(m.When.At)
		if day < days.From || day > days.To {
			continue
		}
		f.Moves = append(f.Moves, m)
		f.Counts[m.Kind]++
		f.ByDay[day-days.From].Moves[m.Kind]++
		if m.When.Precision != snapshot.Exact {
			f.Inexact++
		}
	}
	slices.SortStableFunc(f.Moves, func(a, b Move) int { return a.When.At.Compare(b.When.At) })
	f.populate(spells)
	return f
}

// populate counts who held the SKU, day by day, without regard to the moves.
func (f *Flow) populate(spells []Spell) {
	change := make([]int, len(f.ByDay)+1)
	for i := range spells {
		s := &spells[i]
		first, last := f.Days.From-1, f.Days.To // days at whose end it is held
		if !s.opening() {
			first = max(first, snapshot.DayOf(s.From.At))
		}
		if s.To != nil {
			last = min(last, snapshot.DayOf(s.To.At)-1)
		}
		if first > last {
			continue
		}
		if first < f.Days.From {
			f.Start++
			if last == f.Days.To {
				f.Retained++
			}
		} else {
			change[first-f.Days.From]++
		}
		if last >= f.Days.From-1 {
			change[last+1-f.Days.From]--
		}
		if last == f.Days.To {
			f.Holders = append(f.Holders, s.User)
		}
	}
	population := f.Start
	for i := range f.ByDay {
		population += change[i]
		f.ByDay[i].Population = population
	}
	f.End = population
	slices.Sort(f.Holders)
}

// movesOf lists the beginnings and ends of spells, in the order of spells.
func movesOf(spells []Spell) []Move {
	order := make([]int, len(spells))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(spells[a].User, spells[b].User), spells[a].From.At.Compare(spells[b].From.At))
	})
	var moves []Move
	for n, i := range order {
		s := &spells[i]
		if !s.opening() {
			kind := Assigned
			if n > 0 && spells[order[n-1]].User == s.User {
				kind = Reactivated
			}
			moves = append(moves, Move{Kind: kind, User: s.User, When: s.From, spell: i})
		}
		if s.To != nil {
			moves = append(moves, Move{Kind: lossOf(s.Cause), User: s.User, When: *s.To, spell: i})
		}
	}
	return moves
}

func lossOf(c snapshot.Cause) Kind {
	switch c {
	case snapshot.CauseSubscription:
		return Lapsed
	case snapshot.CauseUserDeleted:
		return UserLeft
	case snapshot.CauseUnknown, "":
		return NotKnown
	}
	return TakenBack
}

// handOverWithin is how soon after a seat was taken back it must be given for that to
// be the same seat.
const handOverWithin = time.Hour

// handOver finds the seats that went from one user to another. Seats are alike, so it
// is only said where records leave nothing to choose: the same actor took one back and
// gave one within the hour after, at times that are exact, and did neither with any
// other seat of the SKU in between.
func handOver(spells []Spell, moves []Move) {
	byActor := map[string][]*Move{}
	for i := range moves {
		m := &moves[i]
		by := spells[m.spell].TakenBy
		if m.Gain() {
			by = spells[m.spell].GivenBy
		}
		if by != "" && m.When.Precision == snapshot.Exact && (m.Gain() || m.Kind == TakenBack) {
			byActor[by] = append(byActor[by], m)
		}
	}
	for _, list := range byActor {
		slices.SortStableFunc(list, func(a, b *Move) int { return a.When.At.Compare(b.When.At) })
		near := func(a, b int) bool {
			return a >= 0 && b < len(list) && list[b].When.At.Sub(list[a].When.At) <= handOverWithin
		}
		for i := range list {
			if !near(i, i+1) || near(i-1, i) || near(i+1, i+2) { // exactly two, together
				continue
			}
			taken, given := list[i], list[i+1]
			if taken.Kind == TakenBack && given.Gain() && taken.User != given.User {
				taken.Other, given.Other, given.Kind = given.User, taken.User, Reassigned
			}
		}
	}
}
