// Package replay lists the histories of one license that fit the evidence.
//
// A user may hold a SKU by several paths at once: directly, and through any
// number of groups. Two snapshots show which paths were held at the start and at
// the end of a window. Between them there are audit records, and the dates that
// Microsoft's rows carry. [Solve] lists every way in which the paths can have
// moved that fits all of it, each with a cost: what the log should have shown and
// does not, and what the licensing engine rarely does, costs something. It keeps
// the cheapest histories and those that are nearly as cheap. Whoever uses the
// result states only what all kept histories share.
//
// The package knows no names, no people and no words: what a point of time is
// about is the index of [Point] in the problem.
package replay

import (
	"time"

	"lictrail/snapshot"
)

// Fact is something that is known, or not.
type Fact uint8

const (
	NotKnown Fact = iota
	No
	Yes
)

// FactOf returns what is known to be so, or not so.
func FactOf(is bool) Fact {
	if is {
		return Yes
	}
	return No
}

// fits reports whether a value agrees with what is known.
func (f Fact) fits(is bool) bool { return f == NotKnown || (f == Yes) == is }

// Row is a path's row in one snapshot.
type Row struct {
	Held   bool
	Failed bool      // the group could not give the license: a member without it
	Date   time.Time // Microsoft's date of the row; zero when there is none
}

// Path is one way in which the user may hold the SKU.
type Path struct {
	Kind          snapshot.PathKind
	Before, After Row
	// Gives says whether the group gave the SKU at the start and at the end.
	GivesBefore, GivesAfter Fact
	// Excused: the row's date has another reason to have moved, such as a change
	// of its service plans or of its state.
	Excused bool
	// Hidden: it stands for paths of which nothing is known. It may only have come
	// and gone, by the engine's records or while the log was not read.
	Hidden bool
	// Returned: the account came back, and held the path when it left. It may hold
	// it from the start, or get it again.
	Returned bool
}

// PointKind is what a point of time is.
type PointKind uint8

const (
	// Joined and Left: the user became a member of the path's group, or stopped
	// to be one.
	Joined PointKind = iota
	Left
	// GroupSet: the licenses of the path's group were set. Before and After say
	// whether the group gave the SKU.
	GroupSet
	// Recalculated: the licenses of the path's group were applied again.
	Recalculated
	// Saved: somebody changed the user's licenses. Before and After say whether
	// the user held the SKU.
	Saved
	// Engine: group-based licensing changed the user's licenses.
	Engine
	// Either: the record does not say who changed the licenses: one or the other.
	Either
	// Deleted: the account was deleted. Every path ends.
	Deleted
)

// Point is a record of the audit log.
type Point struct {
	At            time.Time
	Kind          PointKind
	Path          int // of Joined, Left, GroupSet and Recalculated
	Before, After Fact
	Named         int // an engine's record: the path of the group that it names; -1 for none
	// Ends: whoever saved the licenses may have ended every path at once, those of
	// groups as well, as Microsoft does when a subscription has ended.
	Ends bool
}

// Problem is what is known of one user's SKU in one window.
type Problem struct {
	// Start is when the snapshot before began to be read, StartUntil when its
	// reading ended; End and EndUntil are the same of the snapshot after.
	Start, StartUntil, End, EndUntil time.Time
	Paths                            []Path // at most [MaxPaths]
	// Kept: the SKU is held by a path besides, which does not move in the window.
	Kept bool
	// Points are in order of time. Those of memberships and groups begin a day
	// before the window: the engine may not have followed them yet.
	Points []Point
	// Covered reports whether the log was read from one time to another.
	Covered func(from, to time.Time) bool
	// Listed are the paths that the deleted account still lists; nil: not known.
	Listed []Fact
	// Lapsed: the subscription lapsed. Any path may have ended with it.
	Lapsed bool
}

// MaxPaths is how many paths a problem may have: more are not looked into.
const MaxPaths = 8

// None stands for no point.
const None = -1

// Act is how a path came to move.
type Act uint8

const (
	On      Act = iota // it began
	Off                // it ended
	Redated            // it stayed, and its row got a new date
)

// Why is the reason of a move that no point is the record of.
type Why uint8

const (
	Recorded Why = iota // By is its record
	Followed            // the engine followed Cause, and left no record
	Unlogged            // nothing is on record
	Failed              // the group could not give the license, or could again
	Excused             // another known reason moved the date
	Lapsed              // the subscription lapsed
)

// Move is one step of a history.
type Move struct {
	Path int
	Act  Act
	Why  Why
	// By is the license record, or the deletion, that shows the move; Cause is the
	// point at which the group's side changed. None where there is none.
	By, Cause int
	// Turns: with this move the user came to hold the SKU, or ceased to.
	Turns bool
	// From and To bound the time. They are equal where a record gives it.
	From, To time.Time
}

// History is one course of events that fits the evidence.
type History struct {
	Cost  int
	Moves []Move // in order of time
}

// Turns returns the moves with which the user came to hold the SKU or ceased to.
func (h *History) Turns() []Move {
	var turns []Move
	for _, m := range h.Moves {
		if m.Turns {
			turns = append(turns, m)
		}
	}
	return turns
}

// Last returns the last move of a path that is one of the acts; nil for none.
func (h *History) Last(path int, acts ...Act) *Move {
	for i := len(h.Moves) - 1; i >= 0; i-- {
		m := &h.Moves[i]
		for _, a := range acts {
			if m.Path == path && m.Act == a {
				return m
			}
		}
	}
	return nil
}

// Result is the outcome of a search.
type Result struct {
	Cost      int       // of the cheapest history
	Histories []History // the cheapest ones, and those nearly as cheap
	// Bounded: the search was given up, since there were too many possibilities.
	Bounded bool
}

// Costs of what a history needs and the log, or the engine's habits, speak
// against. They are compared with each other only: a cost of 10 stands for a
// record that the log should have and lacks.
const (
	unlogged     = 10 // a move of a person, a membership or a group's license without a record
	silentTurn   = 6  // the engine changed whether the SKU is held, and left no record
	noReason     = 4  // a row's date moved, and nothing is known to have moved it
	contradicted = 17 // a full record that does not fit: more than to assume a missing one and a silent turn
	disorder     = 2  // the engine followed a newer step before an older one
	oddCarrier   = 2  // of paths that moved at one instant, another one was decisive than usual
	unseen       = 2  // a path moved that neither a snapshot nor a full record shows
	slow         = 1  // the engine took more than an hour
	unread       = 1  // a move without a record, at a time for which the log was not read
	stale        = 8  // the engine took more than a day, or no step is known
)

// MissingRecord is the least cost of a history that lacks a record.
const MissingRecord = unlogged

// margin is how much dearer than the cheapest history one may be to be kept.
// Where everything is on record, only the engine's habits tell histories apart.
// Where something is missing, a second thing may be missing as well.
func margin(least int) int {
	if least < noReason {
		return 2
	}
	return silentTurn
}
