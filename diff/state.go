package diff

import (
	"time"

	"lictrail/diff/replay"
	"lictrail/snapshot"
)

// state attributes a change to the state or the error of a path's row. Only an operation
// whose time agrees with the date of the row can have made it, and only one that added the
// SKU: a mere save of the licenses does not show that the state was different before.
func (a *attributor) state(ch *snapshot.Change) snapshot.Attribution {
	if a.lapsed(ch) != nil {
		if pathOf(ch).Kind == snapshot.ByGroup && a.stateTrigger(ch).op != nil {
			return a.unknownState(ch)
		}
		return a.subscription(ch)
	}
	if pathOf(ch).Kind == snapshot.ByGroup {
		return a.groupState(ch)
	}
	var fit []*op
	dated := a.rowDate(ch)
	for _, o := range a.license[ch.User] {
		if !o.engine && !o.Failed && o.moved(ch.SKU) == skuAdded && !dated.IsZero() && dated.Sub(o.At).Abs() <= snapshot.RowResolution {
			fit = append(fit, o)
		}
	}
	o := oneActor(fit)
	if o == nil || o.Incomplete {
		return a.unknownState(ch)
	}
	at := a.byParty(ch, o)
	at.Confidence = atMost(at.Confidence, snapshot.Medium)
	return at
}

func (a *attributor) unknownState(ch *snapshot.Change) snapshot.Attribution {
	at := a.unknown(ch)
	if at.UnknownWhy == snapshot.NoEvent {
		at.Reason = a.stateReason(ch)
	}
	return at
}

// rowDate is Microsoft's date of the change's row in the snapshot after; zero when
// there is none.
func (a *attributor) rowDate(ch *snapshot.Change) time.Time {
	_, after, _ := a.states(ch.User)
	for _, p := range after {
		if p.SKU == ch.SKU && p.PathRef == pathOf(ch) {
			return p.UpdatedAt
		}
	}
	return time.Time{}
}

// groupState attributes an error of a group's license. It appears when the user joins the
// group, disappears when the user leaves it, or changes without a step of the group.
func (a *attributor) groupState(ch *snapshot.Change) snapshot.Attribution {
	t := trigger{kind: snapshot.TriggerUnknown}
	if ch.State != nil && (ch.State.From == "" || ch.State.To == "" || errorCleared(ch.State)) {
		t = a.stateTrigger(ch)
	}
	if t.op == nil && !a.covers(ch.Window) {
		return a.unseenByGroup(ch)
	}
	at := a.groupAttribution(ch, nil, t)
	at.Confidence = atMost(at.Confidence, snapshot.Medium)
	at.Reason = a.errorReason(ch)
	return at
}

// stateTrigger looks for the step after which a group's license began to fail, was no
// longer wanted, or could be given again. It is unknown where several parties made such
// steps.
func (a *attributor) stateTrigger(ch *snapshot.Change) trigger {
	unknown := trigger{kind: snapshot.TriggerUnknown}
	if !a.covers(ch.Window) {
		return unknown
	}
	id, dated := pathOf(ch).Group, a.rowDate(ch)
	from, to := triggerSpan(ch, nil)
	if !dated.IsZero() {
		from, to = dated.Add(-snapshot.GroupLag), dated.Add(snapshot.RowResolution)
	}
	var fit []*op
	for _, o := range a.steps(ch.User, id, from, to) {
		_, after, said := groupFacts(o, ch.SKU)
		var does bool
		switch o.Activity {
		case snapshot.AddMember:
			does = ch.State.From == ""
		case snapshot.RemoveMember:
			does = ch.State.To == ""
		case snapshot.SetGroupLicense:
			does = !said || ch.State.From == "" && after == replay.Yes || ch.State.To == "" && after == replay.No
		case snapshot.TriggerGroupLicense:
			does = errorCleared(ch.State)
		}
		if does {
			fit = append(fit, o)
		}
	}
	o := oneActor(fit)
	if o == nil {
		return unknown
	}
	t := a.triggerOf(ch, o)
	t.weak = true
	return t
}

// date attributes a change of Microsoft's date of a row of which nothing else changed.
func (a *attributor) date(ch *snapshot.Change) snapshot.Attribution {
	if a.catalogMoved(ch.SKU) {
		return a.nobodyDated(ch)
	}
	return a.byReplay(ch)
}

func (a *attributor) catalogMoved(sku snapshot.SKUID) bool {
	for _, c := range a.catalog[sku] {
		if c.Kind == snapshot.SKUPlanAdded || c.Kind == snapshot.SKUPlanRemoved {
			return true
		}
	}
	return false
}

// microsoft attributes a change to Microsoft.
func (a *attributor) microsoft(ch *snapshot.Change, t snapshot.Trigger, reason string) snapshot.Attribution {
	at := snapshot.Attribution{Cause: snapshot.CauseMicrosoft, Initiator: snapshot.ByMicrosoft,
		Confidence: snapshot.Medium, Reason: reason}
	if t != "" {
		at.Via = &snapshot.Via{Trigger: t}
	}
	return at
}
