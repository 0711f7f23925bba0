package diff

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// byGroup attributes a change to a path that is a group's. That a group did it
// is what Microsoft's state row says; the log tells who moved the group, and
// when. f is what it says of the user's SKU.
func (a *attributor) byGroup(ch *snapshot.Change, f found) snapshot.Attribution {
	var license *op
	if f.op != nil && a.fits(ch, f.op) {
		license = f.op
		license.claim(ch.SKU)
	}
	unwatched := license == nil && a.unwatched(ch)
	if ch.State != nil && ch.State.To == stateError {
		if unwatched {
			return a.unseenByGroup(ch)
		}
		return a.groupError(ch, license)
	}
	t := a.trigger(ch, license)
	if t.op == nil && mended(ch.State) {
		t = a.recalculated(ch, t)
	}
	if license == nil && a.lapsed(ch) != nil {
		if t.op == nil {
			return a.subscription(ch)
		}
		return a.ambiguous(ch, []*op{t.op})
	}
	if license == nil && t.op == nil && gained(ch) && (ch.Back || a.wasAway(ch)) {
		return a.unknown(ch) // the restore may have brought it, from before the snapshots could see it
	}
	if unwatched && t.op == nil {
		return a.unseenByGroup(ch)
	}
	return a.groupAttribution(ch, license, a.inferred(ch, license, t))
}

// unwatched reports whether a group's path ended, or its row says something
// else, where the log was not read. That it was the group is not certain then:
// an account that was deleted and restored between two snapshots lost its
// groups' licenses for a while too, and snapshots do not show that it was.
func (a *attributor) unwatched(ch *snapshot.Change) bool {
	return (!gained(ch) || ch.Kind == snapshot.StateChanged) && !a.covers(ch.Window)
}

// unseenByGroup is the answer where no event tells of such a change.
func (a *attributor) unseenByGroup(ch *snapshot.Change) snapshot.Attribution {
	return unknownFor(snapshot.NotCovered, a.unseenByGroupReason(ch))
}

// groupAttribution puts together what is known of a change by a group.
func (a *attributor) groupAttribution(ch *snapshot.Change, license *op, t trigger) snapshot.Attribution {
	at := snapshot.Attribution{Cause: snapshot.CauseGroup, Initiator: snapshot.ByUnknown, Confidence: snapshot.Medium,
		Actor: actorOf(license), Via: &snapshot.Via{Trigger: t.kind, Group: pathOf(ch).Group},
		Evidence: evidence(license, t.op, t.by)}
	if license != nil && a.dates(ch, license, t) {
		at.At = license.At
	}
	if mover := t.mover(); mover != nil {
		at.Via.Actor, at.Via.At = actorOf(mover), mover.At
		at.Initiator = a.party(mover, ch.User, "").initiator
	} else if t.op != nil {
		at.Via.At = t.op.At
	}
	if at.Via.Actor != nil && !t.weak {
		at.Confidence = snapshot.High
	}
	at.Reason = a.groupReason(ch, t)
	return at
}

// dates reports whether a license operation gives the time of a group's path: it
// names the group, or an event on the group goes with it. Else it may be about
// another path by which the SKU was held in between.
func (a *attributor) dates(ch *snapshot.Change, license *op, t trigger) bool {
	return t.op != nil || a.hinted(license, ch.SKU) == pathOf(ch).Group
}

// trigger is what moved a group's licenses for a user.
type trigger struct {
	kind snapshot.Trigger
	op   *op  // the event on the group or the membership; nil when none was found
	by   *op  // behind a dynamic rule: the edit of the rule or of the user
	weak bool // found by inference, or long before
	rule bool // a dynamic rule did it
}

// mover returns the operation of whoever moved the group, nil when not known.
// The engine that evaluates rules is nobody.
func (t trigger) mover() *op {
	switch {
	case t.by != nil:
		return t.by
	case t.rule, t.op == nil:
		return nil
	}
	return t.op
}

// step is an event that makes or breaks "is a member, and the group has the
// SKU".
type step struct {
	*op
	member bool // about the membership; else about the group's license
	on     bool
	weak   bool // the event does not say which license it was about
}

// trigger looks for the event that moved the group: before the license event
// and at most 24 hours so, or, without one, in the change's window.
func (a *attributor) trigger(ch *snapshot.Change, license *op) trigger {
	if ch.Kind == snapshot.PlansChanged {
		return a.planTrigger(ch, license)
	}
	from, to := triggerSpan(ch, license)
	s := a.decisive(ch, license, from, to)
	if s == nil && license == nil && gained(ch) {
		s = a.decisive(ch, nil, ch.Window.NotBefore.Add(-lag), to)
	}
	if s == nil || s.used && s.member || gained(ch) && (a.restoredAfter(ch, s.At) || a.triedAgain(ch, s.At, to)) {
		return trigger{kind: snapshot.TriggerUnknown}
	}
	if !a.coversStep(ch, license, s) {
		return trigger{kind: snapshot.TriggerUnknown}
	}
	t := trigger{kind: snapshot.ByGroupLicense, op: s.op, weak: s.weak || s.At.Before(ch.Window.NotBefore.Add(-slack))}
	if s.member {
		t.kind = snapshot.ByMembership
		a.dynamic(ch, &t)
	}
	return t
}

// coversStep reports whether the log was read where another step would be that
// led to the state now in place of this one. What came first does not complete
// "member and licensed", and may have broken it.
func (a *attributor) coversStep(ch *snapshot.Change, license *op, s *step) bool {
	from, to := triggerSpan(ch, license)
	if gained(ch) {
		from = s.At
	}
	w := ch.Window
	if from.After(w.NotBefore) && !w.NotBefore.IsZero() {
		w.NotBefore = from
	}
	if left := a.deletionTime(ch, a.deletedBy(ch)); !left.IsZero() && left.Before(to) && (ch.Presence == snapshot.Deleted || ch.Presence == snapshot.Gone) {
		to = left
	}
	if to.Before(w.NotAfter) {
		w.NotAfter = to
	}
	return a.covers(w)
}

// triedAgain reports whether the group's licenses were applied again between
// two times: then what came before may have failed at first.
func (a *attributor) triedAgain(ch *snapshot.Change, from, to time.Time) bool {
	return ch.Kind != snapshot.StateChanged && slices.ContainsFunc(between(a.groups[pathOf(ch).Group], from, to), func(o *op) bool {
		return o.Activity == snapshot.TriggerGroupLicense
	})
}

// restoredAfter reports whether the user came back from a deletion after a
// time: then it was the restore that set the group's licenses in motion, not
// what came before it.
func (a *attributor) restoredAfter(ch *snapshot.Change, at time.Time) bool {
	back := a.restoredBy(ch)
	return back != nil && back.At.After(at)
}

func triggerSpan(ch *snapshot.Change, license *op) (from, to time.Time) {
	if license == nil {
		return ch.Window.NotBefore.Add(-slack), ch.Window.NotAfter.Add(slack)
	}
	from, to = license.At.Add(-lag), license.At.Add(jitter)
	if first := ch.Window.NotBefore.Add(-lag); from.Before(first) {
		from = first
	}
	return from, to
}

// decisive replays the events between two times and returns the one that led
// to the state now; nil when they do not lead there.
func (a *attributor) decisive(ch *snapshot.Change, license *op, from, to time.Time) *step {
	steps, unsure := a.steps(ch, from, to)
	if license == nil {
		steps = slices.DeleteFunc(steps, func(s step) bool { return s.on != gained(ch) && a.isLate(s.At) })
	}
	var s *step
	if gained(ch) {
		s = completed(steps, a.newlyGiven(ch))
	} else {
		s = broken(steps)
	}
	if len(unsure) > 0 && (s == nil || s.member) && a.groupMoved(ch) {
		return a.onlyUnsure(ch, unsure, s)
	}
	return s
}

// onlyUnsure returns the one event that changed the licenses of a group that
// the snapshot shows to be changed, though it does not say which, if there is
// no other candidate.
func (a *attributor) onlyUnsure(ch *snapshot.Change, unsure []*op, s *step) *step {
	o := oneActor(unsure)
	moved := a.ofGroup[groupSKU{pathOf(ch).Group, ch.SKU}]
	if s != nil || o == nil || moved == nil || !sameMove(ch, moved) || !a.covers(ch.Window) {
		return nil
	}
	return &step{op: o, weak: true}
}

// groupMoved reports whether the run shows, or cannot tell, that the group's
// license itself changed.
func (a *attributor) groupMoved(ch *snapshot.Change) bool {
	id := pathOf(ch).Group
	if a.ofGroup[groupSKU{id, ch.SKU}] != nil {
		return true
	}
	_, known := a.groupNow(id)
	return !known
}

func (a *attributor) groupNow(id snapshot.GroupID) (snapshot.Group, bool) {
	if a.Group == nil || id == "" {
		return snapshot.Group{}, false
	}
	return a.Group(id)
}

// steps lists the events between two times that bear on the user, the group
// and the SKU, and those on the group's licenses that do not say what changed.
func (a *attributor) steps(ch *snapshot.Change, from, to time.Time) (steps []step, unsure []*op) {
	id := pathOf(ch).Group
	for _, o := range between(a.members[userGroup{ch.User, id}], from, to) {
		steps = append(steps, step{op: o, member: true, on: o.Activity == snapshot.AddMember})
	}
	for _, o := range between(a.groups[id], from, to) {
		if o.Activity != snapshot.SetGroupLicense {
			continue
		}
		d, told := groupDelta(o)
		switch {
		case !told:
			unsure = append(unsure, o)
		case d.moved(ch.SKU) != 0:
			steps = append(steps, step{op: o, on: d.moved(ch.SKU) == given})
		}
	}
	slices.SortStableFunc(steps, func(x, y step) int { return x.At.Compare(y.At) })
	return steps, unsure
}

// groupDelta returns what an operation did to the licenses of its group.
func groupDelta(o *op) (d op, told bool) {
	for _, e := range o.Events {
		if g := e.GroupSKUs; g != nil {
			d.added, d.removed, d.plans = audit.Delta(&snapshot.LicenseDetail{
				Old: g.Old, New: g.New, Complete: true, OldKnown: true, NewKnown: true})
			return d, true
		}
	}
	return op{}, false
}

func between(ops []*op, from, to time.Time) []*op {
	var list []*op
	for _, o := range ops {
		if !o.At.Before(from) && !o.At.After(to) {
			list = append(list, o)
		}
	}
	return list
}

// newlyGiven reports whether the snapshots show that the change's group came to
// give the SKU in this run: at first, to be a member was not enough.
func (a *attributor) newlyGiven(ch *snapshot.Change) bool {
	moved := a.ofGroup[groupSKU{pathOf(ch).Group, ch.SKU}]
	return moved != nil && moved.Kind == snapshot.GroupLicenseAdded
}

// completed returns the step that completed "member and licensed", whichever
// of the two came last, if nothing undid it. unlicensed: the group is known not
// to have given the SKU at first.
func completed(steps []step, unlicensed bool) *step {
	var done *step
	off := map[bool]bool{false: unlicensed} // known not to be: a member, licensed
	for i, s := range steps {
		off[s.member] = !s.on
		switch {
		case !s.on:
			done = nil
		case !off[!s.member]:
			done = &steps[i]
		}
	}
	return done
}

// broken returns the step that broke "member and licensed", if nothing mended
// it.
func broken(steps []step) *step {
	var broke *step
	off := map[bool]bool{}
	for i, s := range steps {
		was := !off[true] && !off[false]
		off[s.member] = !s.on
		is := !off[true] && !off[false]
		switch {
		case was && !is:
			broke = &steps[i]
		case is:
			broke = nil
		}
	}
	return broke
}

// planTrigger looks for the event that changed a group's service plans.
func (a *attributor) planTrigger(ch *snapshot.Change, license *op) trigger {
	from, to := triggerSpan(ch, license)
	f := a.walk(a.setting(ch, from, to), func(o *op) effect {
		d, _ := groupDelta(o)
		return a.planEffect(ch, &d).effect
	})
	if f.op == nil || len(f.clash) > 0 {
		return trigger{kind: snapshot.TriggerUnknown}
	}
	return trigger{kind: snapshot.ByGroupLicense, op: f.op, weak: f.op.At.Before(ch.Window.NotBefore.Add(-slack))}
}

// setting lists the events between two times that set licenses of the change's
// group and say which.
func (a *attributor) setting(ch *snapshot.Change, from, to time.Time) []*op {
	return slices.DeleteFunc(between(a.groups[pathOf(ch).Group], from, to), func(o *op) bool {
		_, told := groupDelta(o)
		return o.Activity != snapshot.SetGroupLicense || !told
	})
}

// inferred adds to a trigger that no event shows what the snapshots say: if the
// group no longer gives the license, that took it; if the group's license is as
// it was and the group is dynamic, its rule did it. That a group came to give a
// license does not tell who was a member then. Where the log was not read, the
// group may have changed to and fro meanwhile, or be new.
func (a *attributor) inferred(ch *snapshot.Change, license *op, t trigger) trigger {
	if t.op != nil || !a.covers(ch.Window) {
		return t
	}
	id := pathOf(ch).Group
	group, known := a.groupNow(id)
	moved := a.ofGroup[groupSKU{id, ch.SKU}]
	from, to := triggerSpan(ch, license)
	switch {
	case moved != nil && !gained(ch) && sameMove(ch, moved) && len(between(a.members[userGroup{ch.User, id}], from, to)) == 0:
		t.kind = snapshot.ByGroupLicense
	case moved == nil && known && group.Dynamic && ch.Kind != snapshot.PlansChanged && ch.State == nil && !ch.Returned && !a.wasAway(ch) &&
		!(gained(ch) && a.triedAgain(ch, from, to)):
		t.kind, t.rule, t.weak = snapshot.ByDynamicRule, true, true
		if license != nil {
			t.by = a.ruleMover(ch, license.At)
		}
	}
	return t
}

// sameMove reports whether a group's license changed as a path of it did.
func sameMove(path, group *snapshot.Change) bool {
	switch path.Kind {
	case snapshot.Removed, snapshot.PathRemoved:
		return group.Kind == snapshot.GroupLicenseRemoved
	case snapshot.PlansChanged:
		return group.Kind == snapshot.GroupLicenseChanged && group.Plans != nil && path.Plans != nil &&
			contains(group.Plans.Disabled, path.Plans.Disabled) && contains(group.Plans.Enabled, path.Plans.Enabled)
	}
	return group.Kind == snapshot.GroupLicenseAdded
}

// dynamic tells whether a rule moved the member, and who moved the rule.
func (a *attributor) dynamic(ch *snapshot.Change, t *trigger) {
	group, _ := a.groupNow(pathOf(ch).Group)
	if !group.Dynamic && !strings.EqualFold(t.op.Actor.Name, ruleEngine) {
		return
	}
	t.kind, t.rule, t.weak = snapshot.ByDynamicRule, true, true
	t.by = a.ruleMover(ch, t.op.At)
}

// ruleMover returns the edit that made a dynamic group take a user in or put
// one out: of its rule, or of an attribute of the user that the rule names,
// within 24 hours before. When several people made one, it is not known.
func (a *attributor) ruleMover(ch *snapshot.Change, before time.Time) *op {
	id := pathOf(ch).Group
	group, _ := a.groupNow(id)
	var edits []*op
	for _, o := range between(a.groups[id], before.Add(-lag), before.Add(jitter)) {
		if o.Activity == addGroup || o.ruleChanged() {
			edits = append(edits, o)
		}
	}
	for _, o := range between(a.updates[ch.User], before.Add(-lag), before.Add(jitter)) {
		if o.Activity == snapshot.AddUser && gained(ch) || feeds(group.MembershipRule, o) {
			edits = append(edits, o)
		}
	}
	slices.SortStableFunc(edits, func(x, y *op) int { return x.At.Compare(y.At) })
	return oneActor(edits)
}

var ruleProperty = regexp.MustCompile(`(?i)\buser\.(\w+)`)

// feeds reports whether a membership rule looks at what an event changed.
func feeds(rule string, o *op) bool {
	for _, m := range ruleProperty.FindAllStringSubmatch(rule, -1) {
		for _, e := range o.Events {
			if slices.ContainsFunc(e.Updated, func(name string) bool { return strings.EqualFold(name, m[1]) }) {
				return true
			}
		}
	}
	return false
}

// engineOnly attributes a change whose path Graph does not tell, but whose
// event group-based licensing wrote.
func (a *attributor) engineOnly(ch *snapshot.Change, o *op) snapshot.Attribution {
	if id := a.hinted(o, ch.SKU); id != "" {
		known := *ch
		known.Path = &snapshot.PathRef{Kind: snapshot.ByGroup, Group: id}
		return a.byGroup(&known, found{op: o})
	}
	o.claim(ch.SKU)
	return a.groupAttribution(ch, o, trigger{kind: snapshot.TriggerUnknown})
}

// hinted returns the one known group with the SKU that an operation names.
func (a *attributor) hinted(o *op, sku snapshot.SKUID) snapshot.GroupID {
	var fit []snapshot.GroupID
	for _, id := range o.hints() {
		if a.gives(id, sku) {
			fit = append(fit, id)
		}
	}
	if len(fit) != 1 {
		return ""
	}
	return fit[0]
}

// gives reports whether a known group gives the SKU, or did at some time of
// the run.
func (a *attributor) gives(id snapshot.GroupID, sku snapshot.SKUID) bool {
	g, known := a.groupNow(id)
	has := slices.ContainsFunc(g.Licenses, func(l snapshot.GroupLicense) bool { return l.SKU == sku })
	set := slices.ContainsFunc(a.groups[id], func(o *op) bool { d, _ := groupDelta(o); return d.moved(sku) != 0 })
	return known && (has || set || a.ofGroup[groupSKU{id, sku}] != nil)
}

const stateError = "Error"

// groupError attributes a group's license that could not be given any more:
// the row stays, in error.
func (a *attributor) groupError(ch *snapshot.Change, license *op) snapshot.Attribution {
	at := a.groupAttribution(ch, license, trigger{kind: snapshot.TriggerUnknown})
	at.Reason = a.errorReason(ch)
	return at
}

// mended reports whether a row's error went away.
func mended(d *snapshot.StateDelta) bool {
	return d != nil && d.To != "" && (d.From == stateError && d.To != stateError || d.ErrorFrom != "" && d.ErrorTo == "")
}

// recalculated replaces a trigger by the last event that made the path's group
// give its licenses again, in the change's window, if there is one.
func (a *attributor) recalculated(ch *snapshot.Change, t trigger) trigger {
	from, to := triggerSpan(ch, nil)
	for _, o := range between(a.groups[pathOf(ch).Group], from, to) {
		after := ch.Dated.Sub(o.At)
		dated := ch.Dated.IsZero() || after >= -dating && after <= lag
		if o.Activity == snapshot.TriggerGroupLicense && !a.isLate(o.At) && dated {
			t = trigger{kind: snapshot.ByGroupLicense, op: o, weak: true}
		}
	}
	return t
}
