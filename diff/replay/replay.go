// Package replay lists the histories of one license that fit the evidence.
//
// A user may hold a SKU by several paths at once: directly, and through any
// number of groups. Two snapshots show which paths were held at the start and at
// the end of a window. Between them there are audit records, and the dates that
// Microsoft's rows carry. [Solve] lists every way in which the paths can have
// moved that fits all of it, and gives each a cost: a move that the log should have
// recorded and did not costs something, and so does unusual behavior of the licensing
// engine. Solve keeps the cheapest histories and those that are nearly as cheap. The
// caller states only what all kept histories share.
//
// The package does not know the names of users and groups, and writes no sentences. A
// move refers to an audit record by the index of its [Point] in the problem.
package replay

import (
	"time"

	"lictrail/snapshot"
)

// Fact is the answer to a yes-or-no question that the evidence may leave open.
type Fact uint8

const (
	NotKnown Fact = iota
	No
	Yes
)

// FactOf returns Yes or No.
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
	// Excused: the row's date may have moved for another known reason, such as a
	// change of its service plans or of its state.
	Excused bool
	// Hidden: this path stands for all paths of which nothing is known. It is held in
	// neither snapshot. It may begin and end in between, by a record of the engine or
	// while the log was not read.
	Hidden bool
	// Returned: the account was deleted and restored, and held the path when it was
	// deleted. It may hold the path from the start, or get it again later.
	Returned bool
}

// PointKind is what a point of time is.
type PointKind uint8

const (
	// Joined and Left: the user became a member of the path's group, or ceased to be
	// one.
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
	// Either: the record does not say who changed the licenses. It was a person or an
	// app (Saved), or group-based licensing (Engine).
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
	Named         int // of a record of the engine: the path of the group that it names; -1 for none
	// Ends: this operation may have ended every path at once, including those of
	// groups, as Microsoft does when a subscription has ended.
	Ends bool
}

// Problem is what is known of one user's SKU in one window.
type Problem struct {
	// Start is when the snapshot before began to be read, StartUntil when its
	// reading ended; End and EndUntil are the same of the snapshot after.
	Start, StartUntil, End, EndUntil time.Time
	Paths                            []Path // at most [MaxPaths]
	// Kept: the SKU is also held by a path that is not in Paths, because it does not
	// move in the window.
	Kept bool
	// Points are in order of time. Those of memberships and groups begin a day
	// before the window, because the engine may act on them up to a day later.
	Points []Point
	// Covered reports whether the log was read from one time to another.
	Covered func(from, to time.Time) bool
	// Listed says, for each path, whether the deleted account still lists it; nil when
	// that is not known.
	Listed []Fact
	// Lapsed: the subscription lapsed. Any path may have ended with it.
	Lapsed bool
}

// MaxPaths is how many paths a problem may have. The caller does not search a problem
// with more.
const MaxPaths = 8

// None stands for no point.
const None = -1

// Act is what happened to a path.
type Act uint8

const (
	On      Act = iota // it began
	Off                // it ended
	Redated            // it was held before and after, and its row got a new date
)

// Why says what explains a move: a record of it, or why it has none.
type Why uint8

const (
	Recorded Why = iota // By is the record of the move
	Followed            // the engine followed Cause, and wrote no record
	Unlogged            // no record explains the move
	Failed              // the group's license began to fail, or no longer fails
	Excused             // another known reason moved the date, see [Path]
	Lapsed              // the subscription lapsed
)

// Move is one step of a history.
type Move struct {
	Path int
	Act  Act
	Why  Why
	// By is the point of the license record, or of the deletion, that shows the move.
	// Cause is the point of the record on the group or the membership that the engine
	// followed. None where there is none.
	By, Cause int
	// Turns: with this move the user came to hold the SKU, or ceased to.
	Turns bool
	// From and To bound the time. They are equal where a record gives it.
	From, To time.Time
}

// History is one sequence of moves that fits the evidence.
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
	// Bounded: the search was stopped at a limit, since there were too many
	// possibilities.
	Bounded bool
}

// The costs of what a history assumes beyond the evidence. Only their relation to
// each other matters: 10 is the cost of one record that the log should have and lacks.
const (
	unlogged     = 10 // a change of a direct license, a membership or a group's license without a record
	silentTurn   = 6  // the engine changed whether the SKU is held, and wrote no record
	noReason     = 4  // a row's date moved, and nothing is known to have moved it
	contradicted = 17 // a full record that does not fit: more than unlogged and silentTurn together
	disorder     = 2  // the engine followed a newer step before an older one
	oddCarrier   = 2  // of the paths that moved at one instant, not the usual one decided whether the SKU is held
	unseen       = 2  // a path moved that neither a snapshot nor a full record shows
	slow         = 1  // the engine took more than an hour
	unread       = 1  // a move without a record, at a time for which the log was not read
	stale        = 8  // the engine took more than a day, or no step is known
)

// MissingRecord is the least cost of a history that lacks a record.
const MissingRecord = unlogged

// margin is by how much a history may cost more than the cheapest and still be kept.
// Where everything is on record, only the usual behavior of the engine distinguishes
// histories, so the margin is small. Where one record is missing, another may be
// missing as well.
func margin(least int) int {
	if least < noReason {
		return 2
	}
	return silentTurn
}
