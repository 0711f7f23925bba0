package diff

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Rules is the version of the rules by which this package attributes. It goes up
// with every change after which the same evidence may lead to another result. Changes
// that older rules attributed are then attributed again, and a difference does not count
// as a correction.
const Rules = 5

// Context is everything that attribution uses besides the changes themselves. A function
// that is nil stands for one that knows nothing.
type Context struct {
	Tenant snapshot.TenantID
	Run    snapshot.RunID  // for changes that only the log saw
	Window snapshot.Window // of the run, for the same; that of the changes when zero
	// PreviousUntil is when the reading of the snapshot before ended, ObservedAt
	// when that of the snapshot after began: users were read at some time between
	// the beginning and the end.
	PreviousUntil, ObservedAt time.Time

	Bundles  []snapshot.Bundle   // from 24 h before the window on
	Coverage []snapshot.Coverage // complete stretches and failed ones

	// Powers has actors who, as records outside of Bundles show, act on the licenses or
	// groups of other users; see [Powers].
	Powers map[string]bool
	// Principal is the service principal with an object id, as the directory shows it.
	Principal func(id string) (snapshot.Principal, bool)

	// States are the rows of a user's paths in the snapshots before and after.
	States func(snapshot.UserID) (before, after []snapshot.Path, known bool)

	PlanID    func(sku snapshot.SKUID, word string) (snapshot.PlanID, bool) // a plan as events call it
	PlanName  func(snapshot.PlanID) string
	GroupName func(snapshot.GroupID) string
	// GroupBefore and Group are a group as the snapshots before and after have it.
	GroupBefore, Group func(snapshot.GroupID) (snapshot.Group, bool)
	SKUName            func(snapshot.SKUID) string  // part number
	UPN                func(snapshot.UserID) string // for reasons only
	// SelfService reports whether a SKU is a free, trial or viral one that users sign up
	// for themselves.
	SelfService func(snapshot.SKUID) bool
	SKU         func(snapshot.SKUID) (now snapshot.SKU, listed bool) // as the snapshot after has it
	Holders     func(snapshot.SKUID) int                             // users who hold the SKU after the run
	DeletedAt   func(snapshot.UserID) time.Time                      // from deletedItems
	// Concerns restricts attribution to the changes of some users; nil stands for all.
	// The attribution of a change of another user is zero.
	Concerns func(snapshot.UserID) bool
}

// Concerned lists the users whose changes may be attributed differently because of a
// record: its target, and its actor, since it may show that the actor acts on other
// users. all is true where it may be any user: the record is about a group, gives the
// target by name only, or shows which account synchronizes a directory.
func Concerned(e *snapshot.Event) (users []snapshot.UserID, all bool) {
	if e.Target == "" || strings.EqualFold(e.Client, syncClient) {
		return nil, true
	}
	users = []snapshot.UserID{e.Target}
	if e.Actor.Kind == snapshot.ActorUser && e.Actor.ID != "" {
		users = append(users, snapshot.UserID(e.Actor.ID))
	}
	return users, false
}

// EventRefKey identifies an audit record.
type EventRefKey struct {
	Source snapshot.Source
	ID     string
}

// Attributed is a change with its attribution.
type Attributed struct {
	snapshot.Change
	Attribution snapshot.Attribution
}

// Attribute says why each change of one run happened: the attribution at an
// index is that of the change there. It also returns the changes that only the
// audit log saw. What no record and no rule explains for certain is unknown, with
// the reason why.
func Attribute(changes []snapshot.Change, c *Context) (attributions []snapshot.Attribution, unseen []Attributed) {
	places := map[snapshot.UserID][]int{}
	all := Changes{Lost: map[snapshot.SKUID]int{}}
	for i := range changes {
		user := changes[i].User
		places[user] = append(places[user], i)
	}
	all.Of = func(user snapshot.UserID) []snapshot.Change {
		list := make([]snapshot.Change, len(places[user]))
		for n, i := range places[user] {
			list[n] = changes[i]
		}
		return list
	}
	for user := range places {
		if user != "" {
			all.Users = append(all.Users, user)
			all.Lose(all.Of(user))
		}
	}
	slices.Sort(all.Users)
	windowed := *c
	windowed.Window = windowOf(changes, c)
	attributions = make([]snapshot.Attribution, len(changes))
	unseen = AttributeEach(&all, &windowed, func(user snapshot.UserID, _ []snapshot.Change, found []snapshot.Attribution) {
		for n, i := range places[user] {
			attributions[i] = found[n]
		}
	})
	return attributions, unseen
}

// Changes are the changes of one run. Those of one user are asked for at a time.
type Changes struct {
	Users []snapshot.UserID // who have changes, sorted
	// Of returns the changes of a user, or of the tenant itself for "".
	Of   func(snapshot.UserID) []snapshot.Change
	Lost map[snapshot.SKUID]int // users who lost the SKU
}

// Lose counts the SKUs that a user lost by changes, which must be all of the user's.
func (c *Changes) Lose(changes []snapshot.Change) {
	for i := range changes {
		removed := func(o snapshot.Change) bool { return o.Kind == snapshot.Removed && o.SKU == changes[i].SKU }
		if slices.IndexFunc(changes, removed) == i { // once, whatever the number of paths
			c.Lost[changes[i].SKU]++
		}
	}
}

// AttributeEach is [Attribute] for changes that are not in memory at once: each gets
// those of the tenant and then those of one user after the other, with their
// attributions. c must have the window of the run.
func AttributeEach(all *Changes, c *Context, each func(snapshot.UserID, []snapshot.Change, []snapshot.Attribution)) (unseen []Attributed) {
	a := newAttributor(c)
	a.lost = all.Lost
	tenant := all.Of("")
	for i := range tenant {
		a.indexChange(&tenant[i])
	}
	for _, user := range a.users(all.Users) {
		changes := tenant
		if user != "" {
			changes = all.Of(user)
			for i := range changes {
				a.indexChange(&changes[i])
			}
		}
		attributions := make([]snapshot.Attribution, len(changes))
		if a.concerned(user) {
			for _, i := range order(changes) {
				attributions[i] = a.explain(&changes[i])
			}
			unseen = append(unseen, a.unseen(user)...)
		}
		if len(changes) > 0 {
			each(user, changes, attributions)
		}
		a.forgetUser()
	}
	return unseen
}

// users lists the users with changes and those of license records, in order. The
// first one, "", has the changes of the tenant.
func (a *attributor) users(changed []snapshot.UserID) []snapshot.UserID {
	users := append(slices.Clone(changed), "")
	users = slices.AppendSeq(users, maps.Keys(a.license))
	slices.Sort(users)
	return slices.Compact(users)
}

func (c *Context) concerned(id snapshot.UserID) bool { return c.Concerns == nil || c.Concerns(id) }

// order lists the changes of a user such that their order in the input does not
// matter: of the changes of one SKU, the first may claim an event first.
func order(changes []snapshot.Change) []int {
	order := make([]int, len(changes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return compareChanges(&changes[i], &changes[j]) })
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
	case a.gone[ch.User]:
		return a.ofDeletedUser(ch)
	case a.back[ch.User] && (ch.Returned && a.restoredBy(ch.User) == nil || a.heldBeforeDeletion(ch)):
		return a.ofRestoredUser(ch)
	case a.cameWithRestore(ch):
		at := a.ofRestoredUser(ch)
		at.Confidence = atMost(at.Confidence, snapshot.Medium)
		return at
	case a.deletedAndRestored(ch.User):
		return a.ofDeletedAndRestored(ch)
	case a.back[ch.User] && (ch.Kind == snapshot.PlansChanged || ch.Kind == snapshot.StateChanged):
		return a.unknown(ch)
	}
	switch ch.Kind {
	case snapshot.PlansChanged:
		return a.plans(ch)
	case snapshot.StateChanged:
		return a.state(ch)
	case snapshot.DateMoved:
		return a.date(ch)
	}
	return a.byReplay(ch)
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

// effect is what an operation does to the state that a change shows.
type effect int

const (
	none effect = iota
	toward
	against
)

// found is what the log shows about how a state came about.
type found struct {
	op    *op   // the operation that led to the state now; nil when none did
	clash []*op // operations that contradict the state now, or each other
}

// walk goes through operations in order of time. The last one toward the state in the
// snapshot after is the one that led to it, unless one against it follows. Operations at
// the end of the window may be later than the reading of the user: one against the state
// is then ignored, and one toward it counts only if its actor is that of the earlier
// ones.
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

// isLate reports whether a time may be later than the reading of a user.
func (a *attributor) isLate(at time.Time) bool {
	return !at.Before(a.observed.Add(-snapshot.ClockSlack))
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
	return distinctRefs(refs)
}

// distinctRefs sorts references to events, each once.
func distinctRefs(refs []snapshot.EventRef) []snapshot.EventRef {
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

// oneActor returns the last operation in time if all have the same, known actor,
// and nil otherwise.
func oneActor(ops []*op) *op {
	slices.SortStableFunc(ops, func(x, y *op) int { return x.At.Compare(y.At) })
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
