package diff

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Context is everything that attribution may look at besides the changes
// themselves. Functions that are nil know nothing.
type Context struct {
	Tenant snapshot.TenantID
	Run    snapshot.RunID  // for changes that only the log saw
	Window snapshot.Window // of the run, for the same; that of the changes when zero

	Bundles  []snapshot.Bundle   // from 24 h before the window on
	Coverage []snapshot.Coverage // complete stretches and failed ones
	// ObservedAt is the start of the snapshot that shows the changes: events
	// after it may postdate the reading of a user.
	ObservedAt time.Time
	// Used has the events that are evidence of changes of earlier runs. They
	// explain nothing else, unless they are about a group as such.
	Used map[EventRefKey]bool

	// Powers has actors who, as other records show, act on others' licenses or
	// groups; see [Powers].
	Powers map[string]bool

	PlanID    func(sku snapshot.SKUID, word string) (snapshot.PlanID, bool) // a plan as events call it
	PlanName  func(snapshot.PlanID) string
	GroupName func(snapshot.GroupID) string
	Group     func(snapshot.GroupID) (snapshot.Group, bool) // as the newest snapshot has it
	SKUName   func(snapshot.SKUID) string                   // part number
	UPN       func(snapshot.UserID) string                  // for reasons only
	// SelfService tells the free, trial and viral SKUs that users sign up for
	// themselves.
	SelfService func(snapshot.SKUID) bool
	SKU         func(snapshot.SKUID) (now snapshot.SKU, listed bool) // as the newest snapshot has it
	Holders     func(snapshot.SKUID) int                             // users who hold the SKU after the run
	DeletedAt   func(snapshot.UserID) time.Time                      // from deletedItems
	// DeletedHeld tells whether the deleted object still lists the SKU by the path.
	DeletedHeld func(snapshot.UserID, snapshot.PathKey) (held, known bool)
}

// EventRefKey identifies an audit event.
type EventRefKey struct {
	Source snapshot.Source
	ID     string
}

// Attributed is a change with the word on its cause.
type Attributed struct {
	snapshot.Change
	Attribution snapshot.Attribution
}

const (
	slack  = 5 * time.Minute  // between the clocks of snapshots and of events
	lag    = 24 * time.Hour   // between a change to a group and its licenses
	jitter = 5 * time.Second  // between the events of one cause
	offing = 10 * time.Minute // between a deletion and the licenses taken for it, or a restore or a group's recalculation and those it gives
	dating = time.Minute      // between an operation and the date that Microsoft gives to what it did
)

// Attribute says why each change of one run happened: the attribution at an
// index is that of the change there. It also returns the changes that only the
// audit log saw. An event explains one change of a user's SKU at most; what no
// event and no rule explains for certain is unknown, with the reason why.
func Attribute(changes []snapshot.Change, c *Context) (attributions []snapshot.Attribution, unseen []Attributed) {
	a := newAttributor(changes, c)
	attributions = make([]snapshot.Attribution, len(changes))
	for _, i := range a.order() {
		attributions[i] = a.explain(&changes[i])
	}
	return attributions, a.unseen()
}

// order lists the changes such that their order in the input does not matter:
// of the changes of one SKU of a user, the first may claim an event first.
func (a *attributor) order() []int {
	order := make([]int, len(a.changes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return compareChanges(&a.changes[i], &a.changes[j]) })
	return order
}

func compareChanges(x, y *snapshot.Change) int {
	return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.SKU, y.SKU),
		cmp.Compare(slices.Index(snapshot.Kinds, x.Kind), slices.Index(snapshot.Kinds, y.Kind)),
		pathOf(x).Compare(pathOf(y)))
}

// pathOf returns the change's path, an unknown one if it has none.
func pathOf(ch *snapshot.Change) snapshot.PathRef {
	if ch.Path == nil {
		return snapshot.PathRef{Kind: snapshot.Unknown}
	}
	return *ch.Path
}

// explain attributes one change.
func (a *attributor) explain(ch *snapshot.Change) snapshot.Attribution {
	switch {
	case ch.User == "":
		return a.tenant(ch)
	case ch.Presence == snapshot.Deleted, ch.Presence == snapshot.Gone:
		return a.left(ch)
	case ch.Returned && (ch.Kind == snapshot.Assigned || ch.Kind == snapshot.PathAdded):
		return a.returned(ch)
	case (ch.Kind == snapshot.StateChanged || ch.Kind == snapshot.PlansChanged) && (ch.Returned || a.wasAway(ch)):
		return a.unknown(ch)
	case a.wasAway(ch) && !gained(ch):
		return a.away(ch)
	}
	switch ch.Kind {
	case snapshot.PlansChanged:
		return a.plans(ch)
	case snapshot.StateChanged:
		return a.state(ch)
	case snapshot.DateMoved:
		return a.date(ch)
	}
	return a.holding(ch, a.find(ch, time.Time{}))
}

// gained reports whether the change's path began.
func gained(ch *snapshot.Change) bool {
	switch ch.Kind {
	case snapshot.Removed, snapshot.PathRemoved, snapshot.GroupLicenseRemoved:
		return false
	case snapshot.StateChanged:
		return ch.State == nil || ch.State.To != ""
	}
	return true
}

// holding attributes a path that began or ended.
func (a *attributor) holding(ch *snapshot.Change, f found) snapshot.Attribution {
	if pathOf(ch).Kind == snapshot.ByGroup {
		return a.byGroup(ch, f)
	}
	return a.direct(ch, f)
}

// found is what the log says of how a state came about.
type found struct {
	op    *op   // the operation that led to the state now; nil when none did
	clash []*op // operations that contradict the state now, or each other
}

// effect is what an operation does to the state that a change shows.
type effect int

const (
	none effect = iota
	toward
	against
)

// walk goes through operations in order of time. The last one toward the state
// now is the one that led to it, unless one against it follows. Those at the
// very end may postdate the reading of a user: one against the state says
// nothing then, and one toward it is believed only if it agrees with those
// before on who it was.
func (a *attributor) walk(ops []*op, what func(*op) effect) found {
	var early, late *op
	var clash []*op
	for _, o := range ops {
		switch e := what(o); {
		case e == toward && a.isLate(o.At):
			late = o
		case e == toward:
			early, clash = o, nil
		case e == against && !a.isLate(o.At):
			clash = append(clash, o)
		}
	}
	switch {
	case late != nil && (early == nil || len(clash) > 0 || sameActor(early.Actor, late.Actor)):
		return found{op: late}
	case late != nil:
		return found{clash: []*op{early, late}}
	case len(clash) > 0 && early != nil:
		return found{clash: append([]*op{early}, clash...)}
	}
	return found{op: early, clash: clash}
}

// isLate reports whether what happened then may postdate the reading of a user.
func (a *attributor) isLate(at time.Time) bool {
	return !at.Before(a.observed.Add(-slack))
}

// find looks for the license operation that gave the user the SKU or took it,
// up to a time if that is not zero.
func (a *attributor) find(ch *snapshot.Change, until time.Time) found {
	want := taken
	if gained(ch) {
		want = given
	}
	return a.walk(a.touching(ch, until), func(o *op) effect {
		if o.moved(ch.SKU) == want {
			return toward
		}
		return against
	})
}

// touching lists the operations in the change's window that gave the user the
// SKU or took it.
func (a *attributor) touching(ch *snapshot.Change, until time.Time) []*op {
	var list []*op
	for _, o := range a.license[ch.User] {
		past := !until.IsZero() && o.At.After(until)
		if o.evidence && !o.used && !past && o.moved(ch.SKU) != 0 && inTime(ch, o) {
			list = append(list, o)
		}
	}
	return list
}

// inTime reports whether an operation lies where it can have done what a change
// shows: in its window and, where Microsoft dates the change, at that date.
func inTime(ch *snapshot.Change, o *op) bool {
	return ch.Window.Contains(o.At, slack) && (ch.Dated.IsZero() || ch.Dated.Sub(o.At).Abs() <= dating)
}

// fits reports whether the operation can have done what the change shows to
// its path. An operation tells only of the SKU as a whole: of two paths that
// go at once, one goes without a trace.
func (a *attributor) fits(ch *snapshot.Change, o *op) bool {
	path := pathOf(ch)
	switch {
	case o.claimed[ch.SKU]:
		return false
	case path.Kind == snapshot.Unknown:
		return true
	case path.Kind == snapshot.Direct:
		return !o.engine
	case !o.engine && o.Actor.Known(), a.namesOther(ch, o):
		return false // somebody's own doing, or another group's
	case ch.Kind == snapshot.PathMoved:
		return o.engine
	case ch.Kind == snapshot.PathAdded, ch.Kind == snapshot.PathRemoved:
		return o.engine && a.hasSibling(ch, func(s *snapshot.Change) bool {
			return (s.Kind == snapshot.Assigned || s.Kind == snapshot.Removed) && pathOf(s).Kind == snapshot.Direct
		})
	}
	return true
}

// namesOther reports whether an operation of the engine names the group behind
// it, and it is not the change's.
func (a *attributor) namesOther(ch *snapshot.Change, o *op) bool {
	hint := a.hinted(o, ch.SKU)
	return o.engine && hint != "" && hint != pathOf(ch).Group
}

// hasSibling reports whether the run has another such change of the user's SKU.
func (a *attributor) hasSibling(ch *snapshot.Change, such func(*snapshot.Change) bool) bool {
	return slices.ContainsFunc(a.siblings[userSKU{ch.User, ch.SKU}], func(s *snapshot.Change) bool {
		return s != ch && such(s)
	})
}

// direct attributes a path that is direct or unknown.
func (a *attributor) direct(ch *snapshot.Change, f found) snapshot.Attribution {
	fits := f.op != nil && a.fits(ch, f.op)
	switch {
	case ch.Kind == snapshot.PathAdded, ch.Kind == snapshot.PathRemoved, ch.Kind == snapshot.PathMoved && !fits:
		return a.hidden(ch)
	case len(f.clash) > 0:
		return a.ambiguous(ch, f.clash)
	case f.op == nil:
		return a.unexplained(ch)
	case !fits && a.hasSibling(ch, func(s *snapshot.Change) bool { return pathOf(s).Kind == snapshot.ByGroup }):
		return a.hidden(ch)
	case !fits:
		return a.misfit(ch, f.op)
	case f.op.engine:
		return a.engineOnly(ch, f.op)
	}
	return a.byParty(ch, f.op)
}

// byParty attributes a change to whoever did the operation.
func (a *attributor) byParty(ch *snapshot.Change, o *op) snapshot.Attribution {
	o.claim(ch.SKU)
	p := a.party(o, ch.User, ch.SKU)
	at := snapshot.Attribution{Cause: p.cause, Initiator: p.initiator, Confidence: p.confidence, UnknownWhy: p.why,
		At: o.At, Evidence: evidence(o), Reason: a.partyReason(ch, o, p)}
	if p.cause != snapshot.CauseUnknown {
		at.Actor = actorOf(o)
	}
	return at
}

// actorOf returns the operation's actor, nil when it names none.
func actorOf(o *op) *snapshot.Actor {
	if o == nil || !o.Actor.Known() {
		return nil
	}
	actor := o.Actor
	return &actor
}

// evidence lists the events of operations, each once, in order.
func evidence(ops ...*op) []snapshot.EventRef {
	var refs []snapshot.EventRef
	for _, o := range ops {
		if o == nil {
			continue
		}
		for _, e := range o.Events {
			refs = append(refs, e.Ref())
		}
	}
	slices.SortFunc(refs, compareRefs)
	return slices.CompactFunc(refs, func(x, y snapshot.EventRef) bool { return compareRefs(x, y) == 0 })
}

func compareRefs(x, y snapshot.EventRef) int {
	return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
}

// sameActor compares by object id, and by names only where ids are lacking.
func sameActor(x, y snapshot.Actor) bool {
	switch {
	case x.ID != "" && y.ID != "":
		return x.ID == y.ID
	case x.UPN != "" && y.UPN != "":
		return strings.EqualFold(x.UPN, y.UPN)
	case x.Name != "" && y.Name != "":
		return strings.EqualFold(x.Name, y.Name)
	}
	return !x.Known() && !y.Known()
}

// oneActor returns the last operation if all have the same, known actor, and
// nil otherwise.
func oneActor(ops []*op) *op {
	for _, o := range ops {
		if !o.Actor.Known() || !sameActor(o.Actor, ops[0].Actor) {
			return nil
		}
	}
	if len(ops) == 0 {
		return nil
	}
	return ops[len(ops)-1]
}
