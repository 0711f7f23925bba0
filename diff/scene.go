package diff

import (
	"slices"
	"strings"
	"time"

	"lictrail/diff/replay"
	"lictrail/snapshot"
)

// scene is the problem that package replay solves for one user's SKU in the window, with
// the paths and operations that the indexes in the problem stand for.
type scene struct {
	replay.Problem
	refs   []snapshot.PathRef // of the paths
	ops    []*op              // of the points; nil where only a snapshot shows the point
	whole  *snapshot.Change   // the change with which the user gained or lost the SKU as a whole; nil if there is none
	result replay.Result
}

// solve lists the histories of a user's SKU; nil where its paths are not known.
func (a *attributor) solve(user snapshot.UserID, sku snapshot.SKUID) *scene {
	key := userSKU{user, sku}
	if s, done := a.scenes[key]; done {
		return s
	}
	s := a.scene(user, sku)
	a.scenes[key] = s
	if s == nil {
		return nil
	}
	if len(s.Paths) > replay.MaxPaths {
		s.result = replay.Result{Bounded: true}
		return s
	}
	s.result = replay.Solve(&s.Problem)
	// Bounded is also true where no history fits the records.
	if (s.result.Bounded || s.result.Cost >= replay.MissingRecord) && s.engineTurns() && s.addUnread() {
		s.result = replay.Solve(&s.Problem)
	}
	return s
}

// engineTurns reports whether a complete record of group-based licensing shows that the
// user gained or lost the SKU.
func (s *scene) engineTurns() bool {
	return slices.ContainsFunc(s.Points, func(p replay.Point) bool {
		return p.Kind == replay.Engine && p.Before != replay.NotKnown && p.After != replay.NotKnown && p.Before != p.After
	})
}

// addUnread adds the path that stands for all paths of which nothing is known, and
// reports whether it was added. Such paths exist: a group of which no user has a row is
// not read.
func (s *scene) addUnread() bool {
	if len(s.Paths) >= replay.MaxPaths || slices.ContainsFunc(s.Paths, func(p replay.Path) bool { return p.Hidden }) {
		return false
	}
	s.refs = append(s.refs, snapshot.PathRef{Kind: snapshot.Unknown})
	s.Paths = append(s.Paths, replay.Path{Kind: snapshot.Unknown, Hidden: true})
	return true
}

// scene gathers what the snapshots and the records show about a user's SKU.
func (a *attributor) scene(user snapshot.UserID, sku snapshot.SKUID) *scene {
	before, after, ok := a.states(user)
	if !ok {
		return nil
	}
	s := &scene{Problem: replay.Problem{Start: a.window.NotBefore, StartUntil: a.PreviousUntil, End: a.observed, EndUntil: a.window.NotAfter,
		Covered: a.coversSpan}}
	if s.StartUntil.Before(s.Start) {
		s.StartUntil = s.Start
	}
	if back := a.restoredBy(user); back != nil && !a.deletedAndRestored(user) {
		s.Start, s.StartUntil = back.At, back.At
	}
	a.addPaths(s, user, sku, before, after)
	a.addGroups(s, user, sku, slices.Concat(before, after))
	a.dropUnmoved(s, user)
	if !a.covers(snapshot.Window{NotBefore: s.Start, NotAfter: s.EndUntil}) {
		s.addUnread()
	}
	a.addPoints(s, user, sku)
	a.addDeletion(s, user, sku)
	s.Lapsed = a.lapsedFor(user, sku) != nil
	return s
}

// states returns the rows of a user's paths in both snapshots; known is false where
// neither shows the user.
func (a *attributor) states(user snapshot.UserID) (before, after []snapshot.Path, known bool) {
	if a.States == nil {
		return nil, nil, false
	}
	return a.States(user)
}

// addPaths adds the paths of which a snapshot shows a row. A restored user holds the
// direct licenses from when the account was deleted; the groups give theirs again.
func (a *attributor) addPaths(s *scene, user snapshot.UserID, sku snapshot.SKUID, before, after []snapshot.Path) {
	for i, rows := range [][]snapshot.Path{before, after} {
		for _, p := range rows {
			if p.SKU != sku {
				continue
			}
			path := &s.Paths[s.path(p.PathRef)]
			row := replay.Row{Held: p.Held, Failed: !p.Held && p.State == stateError && p.Kind == snapshot.ByGroup, Date: p.UpdatedAt}
			if i == 0 {
				path.Before = row
			} else {
				path.After = row
			}
		}
	}
	if at := s.index(snapshot.PathRef{Kind: snapshot.Direct}); at < 0 && a.anyLicenseOp(user) {
		s.path(snapshot.PathRef{Kind: snapshot.Direct})
	}
	for _, ch := range a.siblings[userSKU{user, sku}] {
		if ch.Kind == snapshot.Assigned || ch.Kind == snapshot.Removed {
			s.whole = ch
		}
		if i := s.index(pathOf(ch)); i >= 0 && ch.Returned {
			s.Paths[i].Returned = true
		}
		if i := s.index(pathOf(ch)); i >= 0 && (ch.Kind == snapshot.PlansChanged || ch.Kind == snapshot.StateChanged) {
			s.Paths[i].Excused = true
		}
	}
}

// anyLicenseOp reports whether there is a record of the user's licenses. A direct path
// that neither snapshot shows may then have begun and ended.
func (a *attributor) anyLicenseOp(user snapshot.UserID) bool {
	return len(a.license[user])+len(a.opsByName(user)) > 0
}

// path returns the number of a path, which it adds if it is new.
func (s *scene) path(ref snapshot.PathRef) int {
	if i := s.index(ref); i >= 0 {
		return i
	}
	s.refs = append(s.refs, ref)
	s.Paths = append(s.Paths, replay.Path{Kind: ref.Kind})
	return len(s.refs) - 1
}

func (s *scene) index(ref snapshot.PathRef) int { return slices.Index(s.refs, ref) }

// addGroups adds the groups that the user joined or left, those by which the user
// holds other SKUs, and those that records name, if they gave the SKU at some time
// or may have; and what is known of all groups' licenses.
func (a *attributor) addGroups(s *scene, user snapshot.UserID, sku snapshot.SKUID, rows []snapshot.Path) {
	groups := slices.Clone(a.joined[user])
	for _, p := range rows {
		if p.Kind == snapshot.ByGroup && p.SKU != sku {
			groups = append(groups, p.Group)
		}
	}
	for _, o := range a.license[user] {
		if id := a.namedGroup(o, sku); id != "" {
			groups = append(groups, id)
		}
	}
	slices.Sort(groups)
	for _, id := range slices.Compact(groups) {
		if a.mayGive(id, sku) && len(a.stepsFor(s, user, id)) > 0 {
			s.path(snapshot.PathRef{Kind: snapshot.ByGroup, Group: id})
		}
	}
	for i, ref := range s.refs {
		if ref.Kind == snapshot.ByGroup {
			s.Paths[i].GivesBefore = givesFact(a.GroupBefore, ref.Group, sku)
			s.Paths[i].GivesAfter = givesFact(a.Group, ref.Group, sku)
		}
	}
}

// givesFact says whether a snapshot shows that a group gives the SKU.
func givesFact(read func(snapshot.GroupID) (snapshot.Group, bool), id snapshot.GroupID, sku snapshot.SKUID) replay.Fact {
	if read == nil {
		return replay.NotKnown
	}
	g, known := read(id)
	if !known || g.Gone {
		return replay.NotKnown
	}
	return replay.FactOf(slices.ContainsFunc(g.Licenses, func(l snapshot.GroupLicense) bool { return l.SKU == sku }))
}

// mayGive reports whether a group gave the SKU at some time of the window, or may have: a
// group whose licenses were not read may give any SKU.
func (a *attributor) mayGive(id snapshot.GroupID, sku snapshot.SKUID) bool {
	if givesFact(a.GroupBefore, id, sku) != replay.No || givesFact(a.Group, id, sku) != replay.No {
		return true
	}
	return slices.ContainsFunc(a.groups[id], func(o *op) bool {
		before, after, said := groupFacts(o, sku)
		return o.Activity == snapshot.SetGroupLicense && (!said || before == replay.Yes || after == replay.Yes)
	})
}

// groupFacts returns whether the group gave the SKU before and after a record on its
// licenses. said is false where the record has no details.
func groupFacts(o *op, sku snapshot.SKUID) (before, after replay.Fact, said bool) {
	for _, e := range o.Events {
		if g := e.GroupSKUs; g != nil {
			return replay.FactOf(listed(g.Old, sku)), replay.FactOf(listed(g.New, sku)), true
		}
	}
	return replay.NotKnown, replay.NotKnown, false
}

// stepsFor lists the steps of a group that matter for the scene. It begins a day before
// the window, since the engine may follow a step up to a day later.
func (a *attributor) stepsFor(s *scene, user snapshot.UserID, id snapshot.GroupID) []*op {
	return a.steps(user, id, s.Start.Add(-snapshot.GroupLag), s.EndUntil.Add(snapshot.ClockSlack))
}

// steps lists the records between two times that may change whether the user should hold
// a SKU by the group: those of the membership, and those of the group.
func (a *attributor) steps(user snapshot.UserID, id snapshot.GroupID, from, to time.Time) []*op {
	return slices.Concat(between(a.members[userGroup{user, id}], from, to), between(a.groups[id], from, to))
}

// dropUnmoved removes the paths that did not move and for whose group there is no record.
// All that matters of them is that they keep the SKU held.
func (a *attributor) dropUnmoved(s *scene, user snapshot.UserID) {
	paths, refs := s.Paths, s.refs
	s.Paths, s.refs = nil, nil
	for i, p := range paths {
		still := p.Kind == snapshot.ByGroup && p.Before == p.After && p.Before.Held && !p.Before.Date.IsZero()
		if still && len(a.stepsFor(s, user, refs[i].Group)) == 0 {
			s.Kept = true
			continue
		}
		s.Paths, s.refs = append(s.Paths, p), append(s.refs, refs[i])
	}
}

// addPoints adds the records, in order of time.
func (a *attributor) addPoints(s *scene, user snapshot.UserID, sku snapshot.SKUID) {
	type entry struct {
		replay.Point
		op *op
	}
	var list []entry
	add := func(p replay.Point, o *op) { list = append(list, entry{p, o}) }
	for _, o := range slices.Concat(a.license[user], a.opsByName(user)) {
		if a.gone[user] && a.partOfDeletion(user, o) {
			continue // it is part of the deletion, which ends all paths
		}
		if p, ok := a.licensePoint(s, o, sku); ok {
			add(p, o)
		}
	}
	for i, ref := range s.refs {
		if ref.Kind != snapshot.ByGroup {
			continue
		}
		for _, o := range a.stepsFor(s, user, ref.Group) {
			if p, ok := groupPoint(o, i, sku); ok {
				add(p, o)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y entry) int {
		if c := x.At.Compare(y.At); c != 0 {
			return c
		}
		if c := int(min(x.Kind, replay.Saved)) - int(min(y.Kind, replay.Saved)); c != 0 {
			return c
		}
		return compareRefs(x.op.Events[0].Ref(), y.op.Events[0].Ref())
	})
	for _, e := range list {
		s.Points, s.ops = append(s.Points, e.Point), append(s.ops, e.op)
	}
	s.reorderChained()
}

// reorderChained swaps two records of the same second where only the other order fits:
// the state after the one must be the state before the other.
func (s *scene) reorderChained() {
	for i := 1; i < len(s.Points); i++ {
		x, y := &s.Points[i-1], &s.Points[i]
		if x.Kind < replay.Saved || y.Kind < replay.Saved || y.At.Sub(x.At) > time.Second {
			continue
		}
		chained := func(p, q *replay.Point) bool { return p.After == q.Before && p.After != replay.NotKnown }
		if !chained(x, y) && chained(y, x) {
			*x, *y = *y, *x
			x.At, y.At = y.At, x.At // keep the times in ascending order
			s.ops[i-1], s.ops[i] = s.ops[i], s.ops[i-1]
		}
	}
}

// licensePoint returns the point for a record of the user's licenses.
func (a *attributor) licensePoint(s *scene, o *op, sku snapshot.SKUID) (replay.Point, bool) {
	if o.Failed || o.At.Before(s.Start.Add(-snapshot.ClockSlack)) || o.At.After(s.EndUntil.Add(snapshot.ClockSlack)) {
		return replay.Point{}, false
	}
	p := replay.Point{At: o.At, Path: replay.None, Named: replay.None, Kind: replay.Saved}
	switch {
	case o.engine:
		p.Kind = replay.Engine
		if id := a.namedGroup(o, sku); id != "" {
			p.Named = s.index(snapshot.PathRef{Kind: snapshot.ByGroup, Group: id})
		}
	case !o.Actor.Known():
		p.Kind = replay.Either
	default:
		p.Ends = a.mayEnd(o, sku)
	}
	if o.Target == "" {
		return p, true // the record gives the user by name only, which another user may have had
	}
	if d := o.License; d != nil {
		p.Before, p.After = sideFact(d.Old, d.OldKnown, sku), sideFact(d.New, d.NewKnown, sku)
	}
	return p, true
}

// mayEnd reports whether an operation is Microsoft's, or may be. When a subscription has
// ended, Microsoft ends every path, not the direct one alone.
func (a *attributor) mayEnd(o *op, sku snapshot.SKUID) bool {
	p := a.party(o, o.Target, sku)
	return p.cause == snapshot.CauseSubscription || p.cause == snapshot.CauseMicrosoft || a.unowned(o.Actor)
}

// sideFact returns whether a license set has the SKU. Where the set is not known in full,
// the absence of a SKU proves nothing.
func sideFact(set []snapshot.EventLicense, whole bool, sku snapshot.SKUID) replay.Fact {
	switch {
	case listed(set, sku):
		return replay.Yes
	case whole:
		return replay.No
	}
	return replay.NotKnown
}

// groupPoint returns the point for a record on a group or on a membership.
func groupPoint(o *op, path int, sku snapshot.SKUID) (replay.Point, bool) {
	p := replay.Point{At: o.At, Path: path, Named: replay.None}
	switch o.Activity {
	case snapshot.AddMember:
		p.Kind = replay.Joined
	case snapshot.RemoveMember:
		p.Kind = replay.Left
	case snapshot.TriggerGroupLicense:
		p.Kind = replay.Recalculated
	case snapshot.SetGroupLicense:
		p.Kind = replay.GroupSet
		p.Before, p.After, _ = groupFacts(o, sku)
		if p.Before == replay.No && p.After == replay.No {
			return p, false
		}
	default:
		return p, false
	}
	return p, true
}

// addDeletion adds the deletion of a user who left the tenant's users.
func (a *attributor) addDeletion(s *scene, user snapshot.UserID, sku snapshot.SKUID) {
	if !a.gone[user] {
		return
	}
	o := a.deletedBy(user)
	at := a.deletionTime(user, o)
	if at.IsZero() {
		return
	}
	i := len(s.Points)
	for i > 0 && s.Points[i-1].At.After(at) {
		i--
	}
	s.Points = slices.Insert(s.Points, i, replay.Point{At: at, Kind: replay.Deleted, Path: replay.None, Named: replay.None})
	s.ops = slices.Insert(s.ops, i, o)
	if a.removalForDeletion(user, sku) != nil {
		return // the list of the deleted account says nothing about a SKU that was removed for the deletion
	}
	s.Listed = make([]replay.Fact, len(s.refs))
	for _, ch := range a.siblings[userSKU{user, sku}] {
		if at := s.index(pathOf(ch)); at >= 0 && ch.Listed != nil {
			s.Listed[at] = replay.FactOf(*ch.Listed)
		}
	}
}

// coversSpan reports whether the log was read from one time to another. The time during
// which the snapshot was read does not count, since a change then may not show in it.
func (a *attributor) coversSpan(from, to time.Time) bool {
	if to.After(a.observed) {
		to = a.observed
	}
	if from.Before(to) {
		return a.covers(snapshot.Window{NotBefore: from, NotAfter: to})
	}
	return slices.ContainsFunc(a.Coverage, func(c snapshot.Coverage) bool {
		return c.Complete && !to.Before(c.From) && !to.After(c.To)
	})
}

// opsByName lists the license operations that give the user by principal name only.
func (a *attributor) opsByName(user snapshot.UserID) []*op {
	if a.UPN == nil || user == "" {
		return nil
	}
	return a.named[strings.ToLower(a.UPN(user))]
}
