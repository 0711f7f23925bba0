package graphtest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// DirectPath names the direct path in a [Holding].
const DirectPath = "direct"

// Holding names a SKU that a user held, or one path of it.
type Holding struct{ User, SKU, Path string } // Path: "", [DirectPath] or a group

// Turn is a beginning or an end.
type Turn struct {
	At    time.Time
	Began bool
	// Acts are the indexes in the truth log of the acts that made it: for a
	// path one, for a SKU those of every path that moved this way at that instant.
	Acts []int
}

// instant is how far apart the acts of one operation are at most: the truth
// log gives each a time of its own.
const instant = 50 * time.Millisecond

// Lives plays a truth log and returns when each path and each SKU as a whole
// began and ended, in order. What ends and begins again in one operation goes on.
func Lives(acts []Act) map[Holding][]Turn {
	l := lives{acts: acts, turns: map[Holding][]Turn{}, paths: map[Holding]map[string]bool{}, open: map[Holding]*operationOn{}}
	for i := range acts {
		l.play(i)
	}
	for k := range l.open {
		l.close(k)
	}
	return l.turns
}

type lives struct {
	acts  []Act
	turns map[Holding][]Turn
	paths map[Holding]map[string]bool // of each SKU, those held
	open  map[Holding]*operationOn    // of each SKU, the operation under way
}

// operationOn is one operation on one user's SKU.
type operationOn struct {
	last         time.Time
	held         bool // before it
	began, ended []int
}

func (l *lives) play(i int) {
	a := l.acts[i]
	switch a.Kind {
	case UserDeleted, UserPurged:
		for k := range maps.Clone(l.paths) {
			if k.User == a.User {
				for path := range maps.Clone(l.paths[k]) {
					l.set(i, k, path, false)
				}
			}
		}
	case LicenseRemoved:
		l.set(i, Holding{a.User, a.SKU, ""}, pathOf(a), false)
	case LicenseAdded, PlansChanged, StateChanged:
		l.set(i, Holding{a.User, a.SKU, ""}, pathOf(a), held(a.State))
	}
}

func pathOf(a Act) string {
	if a.Group == "" {
		return DirectPath
	}
	return a.Group
}

func (l *lives) set(i int, k Holding, path string, to bool) {
	if l.paths[k] == nil {
		l.paths[k] = map[string]bool{}
	}
	if l.paths[k][path] == to {
		return
	}
	at := l.acts[i].At
	if o := l.open[k]; o != nil && at.Sub(o.last) > instant {
		l.close(k)
	}
	o := l.open[k]
	if o == nil {
		o = &operationOn{held: len(l.paths[k]) > 0}
		l.open[k] = o
	}
	o.last = at
	if to {
		l.paths[k][path] = true
		o.began = append(o.began, i)
	} else {
		delete(l.paths[k], path)
		o.ended = append(o.ended, i)
	}
	one := Holding{k.User, k.SKU, path}
	l.turns[one] = append(l.turns[one], Turn{At: at, Began: to, Acts: []int{i}})
}

// close ends the operation on a SKU: only now it is known whether it turned.
func (l *lives) close(k Holding) {
	o := l.open[k]
	delete(l.open, k)
	if after := len(l.paths[k]) > 0; after != o.held {
		acts := o.ended
		if after {
			acts = o.began
		}
		l.turns[k] = append(l.turns[k], Turn{At: l.acts[acts[len(acts)-1]].At, Began: after, Acts: acts})
	}
}

// Evidence is what the log has of an act once every record has appeared.
type Evidence struct {
	Records int
	// Whole: the records show what changed. Without it they name at most who
	// acted, and when.
	Whole bool
}

// Evidence returns what the log has of each act, by index in the truth log.
func (t *Tenant) Evidence() []Evidence {
	t.mu.Lock()
	defer t.mu.Unlock()
	all, parts := make([]Evidence, len(t.truth)), map[string]map[string]bool{}
	for _, e := range t.events {
		if e.Act < 0 || e.Result != "success" {
			continue
		}
		all[e.Act].Records++
		all[e.Act].Whole = all[e.Act].Whole || e.whole(parts)
	}
	for i, a := range t.truth {
		all[i] = all[a.Lead]
	}
	return all
}

// whole reports whether the record, with the parts met before, shows what changed.
func (e *Event) whole(parts map[string]map[string]bool) bool {
	if e.part != nil {
		id, count := e.detail("id"), e.detail("c")
		if parts[id] == nil {
			parts[id] = map[string]bool{}
		}
		parts[id][e.detail("seq")] = true
		return count == fmt.Sprint(len(parts[id]))
	}
	if e.Activity != "Change user license" && e.Activity != "Update user" && e.Activity != "Set group license" {
		return true
	}
	return slices.ContainsFunc(e.targets, func(x target) bool {
		return slices.ContainsFunc(x.props, func(p prop) bool { return p.Name == "AssignedLicense" })
	})
}

func (e *Event) detail(key string) string {
	for _, d := range e.details {
		if d[0] == key {
			return d[1]
		}
	}
	return ""
}
