package diff

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"lictrail/diff/audit"
	"lictrail/diff/replay"
	"lictrail/snapshot"
)

// byGroup attributes a change to a path that is a group's. Microsoft's row shows that the
// group gave the license; the log shows who changed the group or the membership, and when.
func (a *attributor) byGroup(ch *snapshot.Change, c course) snapshot.Attribution {
	if c.Why == replay.Failed {
		return a.failed(ch, c)
	}
	t := trigger{kind: snapshot.TriggerUnknown}
	if c.step != nil {
		t = a.triggerOf(ch, c.step)
	}
	if c.step == nil && c.Why != replay.Excused && c.Act == replay.Redated {
		return a.nobodyDated(ch)
	}
	if t.op == nil && (c.Act == replay.Off || c.Act == replay.Redated) && !a.covers(ch.Window) {
		return a.unseenByGroup(ch) // the account may have been deleted and restored, which takes its groups' licenses for a while
	}
	silent := c.Act == replay.Redated || ch.Kind == snapshot.DateMoved && c.by == nil
	if silent && t.op != nil && c.To.Sub(t.op.At) > time.Hour {
		return unknownFor(snapshot.Ambiguous, a.perhapsDatedReason(ch, t), t.op) // the group, or Microsoft
	}
	at := a.groupAttribution(ch, c.by, a.inferred(ch, c, t))
	if c.step == nil && c.by == nil { // a restored account looks the same if its records are missing
		at.Confidence = snapshot.Low
	}
	return at
}

// triggerOf returns the trigger that a step of a group is.
func (a *attributor) triggerOf(ch *snapshot.Change, step *op) trigger {
	t := trigger{kind: snapshot.ByGroupLicense, op: step, weak: step.At.Before(a.window.NotBefore.Add(-snapshot.ClockSlack))}
	if step.Activity == snapshot.AddMember || step.Activity == snapshot.RemoveMember {
		t.kind = snapshot.ByMembership
		a.dynamic(ch, &t)
	} else if _, _, said := groupFacts(step, ch.SKU); !said {
		t.weak = true
	}
	return t
}

// failed attributes a group's license that began to fail, or that no longer fails. No
// step of the group need have led to it.
func (a *attributor) failed(ch *snapshot.Change, c course) snapshot.Attribution {
	if !a.covers(ch.Window) && !gained(ch) {
		return a.unseenByGroup(ch)
	}
	t := trigger{kind: snapshot.TriggerUnknown}
	if c.step != nil {
		t = a.triggerOf(ch, c.step)
	}
	at := a.groupAttribution(ch, c.by, t)
	if t.op == nil {
		at.Reason = a.errorReason(ch)
	}
	return at
}

// unseenByGroup is the answer where the log was not read, and no event shows the change.
func (a *attributor) unseenByGroup(ch *snapshot.Change) snapshot.Attribution {
	return unknownFor(snapshot.NotCovered, a.unseenByGroupReason(ch))
}

// groupAttribution puts together what is known of a change by a group.
func (a *attributor) groupAttribution(ch *snapshot.Change, license *op, t trigger) snapshot.Attribution {
	at := snapshot.Attribution{Cause: snapshot.CauseGroup, Initiator: snapshot.ByUnknown, Confidence: snapshot.Medium,
		Actor: actorOf(license), Via: &snapshot.Via{Trigger: t.kind, Group: pathOf(ch).Group},
		Evidence: evidence(license, t.op, t.by)}
	if license != nil {
		at.At = license.At
	}
	if mover := t.mover(); mover != nil {
		at.Via.Actor, at.Via.At = actorOf(mover), mover.At
		p := a.party(mover, ch.User, "")
		at.Initiator, t.weak = p.initiator, t.weak || p.cause == snapshot.CauseUnknown
	} else if t.op != nil {
		at.Via.At = t.op.At
	}
	if at.Via.Actor != nil && !t.weak {
		at.Confidence = snapshot.High
	}
	at.Reason = a.groupReason(ch, t)
	return at
}

// trigger is what made a group give its license to a user, or take it back.
type trigger struct {
	kind snapshot.Trigger
	op   *op  // the event on the group or the membership; nil when none was found
	by   *op  // for a dynamic rule: the edit of the rule or of the user's attributes
	weak bool // it was inferred, or lies long before the change
	rule bool // the rule of a dynamic group added or removed the member
	// request: Microsoft's service for requests to join added or removed a member of a
	// group that has no rule, for a person whom the record does not name.
	request bool
}

// mover returns the operation of the actor who changed the group or the membership, nil
// when that is not known. The engine that evaluates rules does not count as an actor.
func (t trigger) mover() *op {
	switch {
	case t.by != nil:
		return t.by
	case t.rule, t.request, t.op == nil:
		return nil
	}
	return t.op
}

// triggerSpan bounds the time of the trigger of a change.
func triggerSpan(ch *snapshot.Change, license *op) (from, to time.Time) {
	if license == nil {
		return ch.Window.NotBefore.Add(-snapshot.ClockSlack), ch.Window.NotAfter.Add(snapshot.ClockSlack)
	}
	from, to = license.At.Add(-snapshot.GroupLag), license.At.Add(snapshot.RecordJitter)
	if first := ch.Window.NotBefore.Add(-snapshot.GroupLag); from.Before(first) {
		from = first
	}
	return from, to
}

func (a *attributor) groupNow(id snapshot.GroupID) (snapshot.Group, bool) {
	if a.Group == nil || id == "" {
		return snapshot.Group{}, false
	}
	return a.Group(id)
}

// groupDelta returns what an operation did to the licenses of its group.
func groupDelta(o *op) (d op, known bool) {
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
	return trigger{kind: snapshot.ByGroupLicense, op: f.op, weak: f.op.At.Before(ch.Window.NotBefore.Add(-snapshot.ClockSlack))}
}

// setting lists the events between two times that set licenses of the change's
// group and say which.
func (a *attributor) setting(ch *snapshot.Change, from, to time.Time) []*op {
	return slices.DeleteFunc(between(a.groups[pathOf(ch).Group], from, to), func(o *op) bool {
		_, known := groupDelta(o)
		return o.Activity != snapshot.SetGroupLicense || !known
	})
}

// inferred fills in a trigger that no record shows from the snapshots: if the group no
// longer gives the license, and no membership record contradicts it, the change of the
// group's licenses ended the path.
func (a *attributor) inferred(ch *snapshot.Change, c course, t trigger) trigger {
	id := pathOf(ch).Group
	moved := a.ofGroup[groupSKU{id, ch.SKU}]
	if t.op != nil || moved == nil || c.Act != replay.Off || moved.Kind != snapshot.GroupLicenseRemoved || !a.covers(ch.Window) {
		return t
	}
	from, to := triggerSpan(ch, c.by)
	if len(between(a.members[userGroup{ch.User, id}], from, to)) == 0 {
		t.kind = snapshot.ByGroupLicense
	}
	return t
}

// dynamic finds out whether a rule added or removed the member, and who made the edit
// that led the rule to do so.
func (a *attributor) dynamic(ch *snapshot.Change, t *trigger) {
	group, known := a.groupNow(pathOf(ch).Group)
	byEngine := a.isRuleEngine(t.op.Actor)
	if known && !group.Dynamic || !known && !byEngine {
		t.request = byEngine
		return
	}
	t.kind, t.rule, t.weak = snapshot.ByDynamicRule, true, true
	t.by = a.ruleMover(ch, t.op.At)
}

// ruleMover returns the edit after which the rule of a dynamic group added or removed a
// user: an edit of the rule, or of an attribute of the user that the rule names, within
// 24 hours before. It returns nil when several people made such edits.
func (a *attributor) ruleMover(ch *snapshot.Change, before time.Time) *op {
	id := pathOf(ch).Group
	group, _ := a.groupNow(id)
	var edits []*op
	for _, o := range between(a.groups[id], before.Add(-snapshot.GroupLag), before.Add(snapshot.RecordJitter)) {
		if o.Activity == snapshot.AddGroup || o.ruleChanged() {
			edits = append(edits, o)
		}
	}
	for _, o := range between(a.updates[ch.User], before.Add(-snapshot.GroupLag), before.Add(snapshot.RecordJitter)) {
		if o.Activity == snapshot.AddUser && gained(ch) || ruleReads(group.MembershipRule, o) {
			edits = append(edits, o)
		}
	}
	return oneActor(edits)
}

var ruleProperty = regexp.MustCompile(`(?i)\buser\.(\w+)`)

// ruleReads reports whether a membership rule depends on an attribute that an operation
// changed.
func ruleReads(rule string, o *op) bool {
	for _, m := range ruleProperty.FindAllStringSubmatch(rule, -1) {
		for _, e := range o.Events {
			if slices.ContainsFunc(e.Updated, func(name string) bool { return strings.EqualFold(name, m[1]) }) {
				return true
			}
		}
	}
	return false
}

// engineOnly attributes a change whose path Graph does not report, but whose record was
// written by group-based licensing.
func (a *attributor) engineOnly(ch *snapshot.Change, c course) snapshot.Attribution {
	if id := a.namedGroup(c.by, ch.SKU); id != "" {
		known := *ch
		known.Path = &snapshot.PathRef{Kind: snapshot.ByGroup, Group: id}
		return a.byGroup(&known, c)
	}
	return a.groupAttribution(ch, c.by, trigger{kind: snapshot.TriggerUnknown})
}

// namedGroup returns the group that an operation names, if it names only one that is
// known to give the SKU.
func (a *attributor) namedGroup(o *op, sku snapshot.SKUID) snapshot.GroupID {
	var fit []snapshot.GroupID
	for _, id := range o.namedGroups() {
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

// errorCleared reports whether the error of a row went away.
func errorCleared(d *snapshot.StateDelta) bool {
	return d != nil && d.To != "" && (d.From == stateError && d.To != stateError || d.ErrorFrom != "" && d.ErrorTo == "")
}
