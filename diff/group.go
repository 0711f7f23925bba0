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

// byGroup attributes a change to a path that is a group's. That a group did it is
// what Microsoft's row says; the log says who moved the group, and when.
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
		return a.unseenByGroup(ch) // an account that was deleted and restored lost its groups' licenses for a while, too
	}
	silent := c.Act == replay.Redated || ch.Kind == snapshot.DateMoved && c.by == nil
	if silent && t.op != nil && c.To.Sub(t.op.At) > time.Hour {
		return unknownFor(snapshot.Ambiguous, a.perhapsDatedReason(ch, t), t.op) // the group, or Microsoft
	}
	at := a.groupAttribution(ch, c.by, a.inferred(ch, c, t))
	if c.step == nil && c.by == nil { // that an account came back looks the same where its records are lost
		at.Confidence = snapshot.Low
	}
	return at
}

// triggerOf says what a step of a group is.
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

// failed attributes a group's license that could not be given any more, or can
// be given again: no step of the group led to it.
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

// unseenByGroup is the answer where no event tells of such a change.
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

// trigger is what moved a group's licenses for a user.
type trigger struct {
	kind snapshot.Trigger
	op   *op  // the event on the group or the membership; nil when none was found
	by   *op  // behind a dynamic rule: the edit of the rule or of the user
	weak bool // found by inference, or long before
	rule bool // a dynamic rule did it
	// request: Microsoft's service for group requests moved a member of a group
	// that has no rule, for a person whom the record does not name.
	request bool
}

// mover returns the operation of whoever moved the group, nil when not known.
// The engine that evaluates rules is nobody.
func (t trigger) mover() *op {
	switch {
	case t.by != nil:
		return t.by
	case t.rule, t.request, t.op == nil:
		return nil
	}
	return t.op
}

// triggerSpan bounds the time of what moved a group.
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
		_, told := groupDelta(o)
		return o.Activity != snapshot.SetGroupLicense || !told
	})
}

// inferred adds to a trigger that no record shows what the snapshots say: if the
// group no longer gives the license and no membership record contradicts it, that
// ended the path.
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

// dynamic tells whether a rule moved the member, and who moved the rule.
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

// ruleMover returns the edit that made a dynamic group take a user in or put
// one out: of its rule, or of an attribute of the user that the rule names,
// within 24 hours before. When several people made one, it is not known.
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
		if o.Activity == snapshot.AddUser && gained(ch) || feeds(group.MembershipRule, o) {
			edits = append(edits, o)
		}
	}
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

// engineOnly attributes a change whose path Graph does not tell, but whose record
// group-based licensing wrote.
func (a *attributor) engineOnly(ch *snapshot.Change, c course) snapshot.Attribution {
	if id := a.hinted(c.by, ch.SKU); id != "" {
		known := *ch
		known.Path = &snapshot.PathRef{Kind: snapshot.ByGroup, Group: id}
		return a.byGroup(&known, c)
	}
	return a.groupAttribution(ch, c.by, trigger{kind: snapshot.TriggerUnknown})
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

// mended reports whether a row's error went away.
func mended(d *snapshot.StateDelta) bool {
	return d != nil && d.To != "" && (d.From == stateError && d.To != stateError || d.ErrorFrom != "" && d.ErrorTo == "")
}
