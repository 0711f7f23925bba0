package proof

import (
	"slices"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// world is the truth about a tenant as the judge asks for it.
type world struct {
	acts     []graphtest.Act
	evidence []graphtest.Evidence
	lives    map[graphtest.Holding][]graphtest.Turn
	runs     []time.Time // of the complete runs
	logged   bool        // the log was read at every run
}

func newWorld(tenant *graphtest.Tenant, runs []time.Time, logged bool) *world {
	acts := tenant.Truth()
	return &world{acts: acts, evidence: tenant.Evidence(), lives: graphtest.Lives(acts), runs: runs, logged: logged}
}

// doing is one thing that happened, as an answer may state it.
type doing struct {
	at    time.Time
	cause graphtest.Cause
	path  string // direct or a group
	actor graphtest.Actor
	party graphtest.Actor // who started it: the actor, or whoever changed the group
	step  time.Time       // when the group was changed
	act   graphtest.Act
	// deleted: the actor deleted the account within ten minutes, of which the
	// removal of its licenses is then a part.
	deleted bool
}

func (w *world) doing(i int) doing {
	a := w.acts[i]
	d := doing{at: a.At, cause: a.Cause, path: graphtest.DirectPath, actor: a.Actor, party: a.Actor, act: a}
	if a.Group != "" {
		d.path = a.Group
	}
	if a.Cause == graphtest.CauseGroup {
		d.party = a.Upstream
		if a.UpstreamAct >= 0 {
			d.step = w.acts[a.UpstreamAct].At
		}
	}
	for _, b := range w.acts[i:] {
		if b.At.Sub(a.At) > 10*time.Minute {
			break
		}
		d.deleted = d.deleted || b.Kind == graphtest.UserDeleted && b.User == a.User && b.Actor.ID == a.Actor.ID
	}
	return d
}

func (w *world) doings(turn graphtest.Turn) []doing {
	var list []doing
	for _, i := range turn.Acts {
		list = append(list, w.doing(i))
	}
	return list
}

// key names a turn: no two of them have the same.
type turnKey struct {
	graphtest.Holding
	n int
}

// lastTurn is the last beginning, or end, of a holding in a window; -1 for none.
func (w *world) lastTurn(k graphtest.Holding, window snapshot.Window, began bool) int {
	turns := w.lives[k]
	for i := len(turns) - 1; i >= 0; i-- {
		if t := turns[i]; t.Began == began && !t.At.Before(window.NotBefore) && !t.At.After(window.NotAfter) {
			return i
		}
	}
	return -1
}

// movers are the acts that gave a path's row a date.
func (w *world) movers(c *store.ChangeRow) []doing {
	var list []doing
	for i, a := range w.acts {
		own := a.SKU == string(c.SKU) && (c.Path == nil || pathName(*c.Path) == w.doing(i).path)
		if a.User != string(c.User) || !own && a.Kind != graphtest.DatesReset {
			continue
		}
		moves := slices.Contains([]graphtest.ActKind{graphtest.PathRedated, graphtest.LicenseAdded, graphtest.PlansChanged,
			graphtest.StateChanged, graphtest.DatesReset}, a.Kind)
		inside := !a.At.Before(c.Window.NotBefore) && !a.At.After(c.Window.NotAfter)
		if moves && inside && (c.Dated.IsZero() || apart(a.At, c.Dated) <= near) {
			list = append(list, w.doing(i))
		}
	}
	return list
}

func pathName(p snapshot.PathRef) string {
	switch p.Kind {
	case snapshot.ByGroup:
		return string(p.Group)
	case snapshot.Direct:
		return graphtest.DirectPath
	}
	return ""
}

// whole reports whether a record shows what a turn of a SKU did.
func (w *world) whole(turn graphtest.Turn) bool {
	return w.logged && slices.ContainsFunc(turn.Acts, func(i int) bool { return w.evidence[i].Whole })
}

// recorded reports whether the log has any record of a doing: of the license
// change or, for a group's, of the step that led to it.
func (w *world) recorded(i int) bool {
	a := w.acts[i]
	if a.Cause == graphtest.CauseGroup && a.UpstreamAct >= 0 && w.evidence[a.UpstreamAct].Records > 0 {
		return true
	}
	return w.evidence[i].Records > 0
}

// stretch is a time for which a holding lasted.
type stretch struct {
	began, ended   time.Time // ended is zero while it lasts
	start, end     int       // turns; end is -1 while it lasts
	restored       bool
	certain, opens bool // something shows that it was there; a record shows its beginning
}

// stretches lists when a holding lasted.
func (w *world) stretches(k graphtest.Holding) []stretch {
	var list []stretch
	for i, turn := range w.lives[k] {
		if turn.Began {
			list = append(list, stretch{began: turn.At, start: i, end: -1, restored: w.restores(turn), opens: w.whole(turn)})
		} else {
			list[len(list)-1].ended, list[len(list)-1].end = turn.At, i
		}
	}
	for i := range list {
		s := &list[i]
		s.certain = w.seen(*s) || w.whole(w.lives[k][s.start]) || s.end >= 0 && w.whole(w.lives[k][s.end])
	}
	return list
}

func (w *world) restores(turn graphtest.Turn) bool {
	return slices.ContainsFunc(turn.Acts, func(i int) bool {
		a := w.acts[i]
		return a.Cause == graphtest.CauseUserRestored || a.UpstreamAct >= 0 && w.acts[a.UpstreamAct].Kind == graphtest.UserRestored
	})
}

// seen reports whether a run found the stretch.
func (w *world) seen(s stretch) bool {
	return slices.ContainsFunc(w.runs, func(at time.Time) bool { return !at.Before(s.began) && (s.end < 0 || at.Before(s.ended)) })
}

// proven reports whether the time between two stretches is proven: a run did
// not find the SKU with a user who was there, or whole records show it gone and
// given again. While the user was deleted the period goes on, unless a record
// shows that the license was given anew.
func (w *world) proven(k graphtest.Holding, before, after stretch) bool {
	there, away := w.gapSeen(k, before, after)
	if there {
		return true
	}
	anew := !after.restored && w.whole(w.lives[k][after.start]) && after.began.After(w.runs[0])
	return anew && (away || w.whole(w.lives[k][before.end]))
}

// gapSeen reports whether a run lies between two stretches, and found the user
// there, or found the user deleted.
func (w *world) gapSeen(k graphtest.Holding, before, after stretch) (there, away bool) {
	for _, at := range w.runs {
		if at.Before(before.ended) || !at.Before(after.began) {
			continue
		}
		if w.deleted(k.User, at) {
			away = true
		} else {
			there = true
		}
	}
	return there, away
}

// deleted reports whether a user was deleted at a time.
func (w *world) deleted(user string, at time.Time) bool {
	gone := false
	for _, a := range w.acts {
		if a.At.After(at) {
			break
		}
		if a.User == user {
			gone = a.Kind == graphtest.UserDeleted || gone && a.Kind != graphtest.UserRestored
		}
	}
	return gone
}

// starts lists when the current period may be said to have begun: with its last
// stretch or, where nothing proves the time between, with the one before.
func (w *world) starts(k graphtest.Holding, proven func(before, after stretch) bool) []time.Time {
	list := w.stretches(k)
	var starts []time.Time
	for i := len(list) - 1; i >= 0; i-- {
		starts = append(starts, list[i].began)
		if i > 0 && proven(list[i-1], list[i]) {
			break
		}
	}
	return starts
}

// periods is how many periods there are: at least those that are proven, at
// most every stretch.
func (w *world) periods(k graphtest.Holding) (least, most int) {
	list := w.stretches(k)
	split := false
	for i, s := range list {
		if i > 0 {
			split = split || w.proven(k, list[i-1], s)
		}
		if s.end >= 0 && s.ended.Before(w.runs[0]) || !s.certain {
			continue
		}
		if least == 0 || split {
			least, split = least+1, false
		}
	}
	return least, len(list)
}

// firsts lists when a SKU may be said to have been assigned first: with the
// first stretch of which anything is known, or an earlier one.
func (w *world) firsts(k graphtest.Holding) []time.Time {
	return w.firstsUpTo(k, func(s stretch) bool { return s.certain })
}

// exactFirsts lists when an exact date may say so: whether somebody read the record
// that shows the first stretch does not matter. Who did not cannot know that there
// was none.
func (w *world) exactFirsts(k graphtest.Holding) []time.Time {
	shown := func(turn graphtest.Turn) bool {
		return slices.ContainsFunc(turn.Acts, func(i int) bool { return w.evidence[i].Whole })
	}
	return w.firstsUpTo(k, func(s stretch) bool {
		return s.certain || shown(w.lives[k][s.start]) || s.end >= 0 && shown(w.lives[k][s.end])
	})
}

func (w *world) firstsUpTo(k graphtest.Holding, known func(stretch) bool) []time.Time {
	var starts []time.Time
	for _, s := range w.stretches(k) {
		starts = append(starts, s.began)
		if known(s) && (s.end < 0 || s.ended.After(w.runs[0])) {
			break
		}
	}
	return starts
}

// pathGapProven reports whether the time in which a path was not there is
// proven: by a run, by the loss of the SKU, or because the group's steps lie so
// far apart that group-based licensing must have followed the first.
func (w *world) pathGapProven(k graphtest.Holding) func(before, after stretch) bool {
	sku := graphtest.Holding{User: k.User, SKU: k.SKU}
	return func(before, after stretch) bool {
		if there, _ := w.gapSeen(k, before, after); there {
			return true
		}
		if !w.logged || after.restored || !after.began.After(w.runs[0]) {
			return false
		}
		whole := w.stretches(sku)
		for i := 1; i < len(whole); i++ {
			gap := whole[i-1]
			if !gap.ended.Before(before.ended) && !whole[i].began.After(after.began) && w.proven(sku, gap, whole[i]) {
				return true
			}
		}
		return w.stepsApart(w.lives[k][before.end], w.lives[k][after.start])
	}
}

func (w *world) stepsApart(end, start graphtest.Turn) bool {
	out, in := w.acts[end.Acts[0]], w.acts[start.Acts[0]]
	if out.Cause != graphtest.CauseGroup || in.Cause != graphtest.CauseGroup || out.UpstreamAct < 0 || in.UpstreamAct < 0 {
		return false
	}
	recorded := w.evidence[out.UpstreamAct].Whole && w.evidence[in.UpstreamAct].Whole
	return recorded && w.acts[in.UpstreamAct].At.Sub(w.acts[out.UpstreamAct].At) >= 24*time.Hour
}
