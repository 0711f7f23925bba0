package diff

import (
	"slices"
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// left attributes the loss of a user who left the tenant's users: what was
// taken before the deletion was not taken by it.
func (a *attributor) left(ch *snapshot.Change) snapshot.Attribution {
	if ch.Kind == snapshot.StateChanged {
		return a.unknown(ch) // the row was no license, and may have gone before the account
	}
	gone := a.deletedBy(ch)
	taken := a.takenBefore(ch, gone)
	held, known := a.deletedHeld(ch)
	if taken != nil && !(known && held) && !a.partOf(ch, taken, gone) {
		return a.holding(ch, found{op: taken})
	}
	if !(known && held) {
		if (taken == nil || ch.Kind == snapshot.PathRemoved) && a.groupBefore(ch, gone) {
			return a.byGroup(ch, found{})
		}
		if s := a.suspectsBefore(ch, gone); len(s) > 0 {
			return a.incomplete(ch, s)
		}
	}
	if taken != nil && !a.partOf(ch, taken, gone) {
		taken = nil // it came back: the deleted user still lists it
	}
	bare := a.bareWith(ch, gone)
	if taken == nil && known && !held && bare == nil {
		return a.takenSometime(ch, gone)
	}
	if known && !held && ch.Kind == snapshot.PathRemoved {
		return a.takenSometime(ch, gone) // the events show the SKU's end, not which path had ended before
	}
	shown := known && held || taken != nil && ch.Kind != snapshot.PathRemoved
	if !shown && !a.coversUntil(ch, gone) {
		return a.perhaps(ch, gone, a.perhapsTakenReason(ch, gone))
	}
	if taken == nil {
		taken = bare
	}
	return a.deletion(ch, gone, taken)
}

// coversUntil reports whether the log was read from the snapshot before to the
// deletion. Else somebody may have taken the license in between.
func (a *attributor) coversUntil(ch *snapshot.Change, gone *op) bool {
	w := ch.Window
	if at := a.deletionTime(ch, gone); !at.IsZero() && at.Before(w.NotAfter) {
		w.NotAfter = at
	}
	return a.covers(w)
}

// perhaps is the answer where an account went or came back, and nothing shows that
// the license went or came with it.
func (a *attributor) perhaps(ch *snapshot.Change, o *op, reason string) snapshot.Attribution {
	at := a.unknown(ch)
	at.Evidence = evidence(o)
	at.Reason = reason + " " + at.Reason
	return at
}

// wasAway reports whether a user whom both snapshots show was deleted and
// restored in between.
func (a *attributor) wasAway(ch *snapshot.Change) bool {
	return slices.ContainsFunc(a.life[ch.User], func(o *op) bool {
		return o.evidence && !o.used && ch.Window.Contains(o.At, slack)
	})
}

// away attributes the loss of a user who was deleted and restored between two
// snapshots. A restore gives back what the deletion left; what is gone was
// taken with the deletion, which the events must show, or at another time.
func (a *attributor) away(ch *snapshot.Change) snapshot.Attribution {
	f := a.find(ch, time.Time{})
	if f.op != nil && !f.op.engine {
		for _, gone := range a.life[ch.User] {
			if gone.Activity == snapshot.DeleteUser && ch.Window.Contains(gone.At, slack) && belongs(f.op, gone) {
				return a.deletion(ch, gone, f.op)
			}
		}
	}
	if f.op != nil && a.fits(ch, f.op) && a.farFromDeletions(f.op) {
		return a.holding(ch, f)
	}
	return a.ambiguous(ch, a.life[ch.User])
}

// farFromDeletions reports whether no deletion or restore of the user lies near
// an operation, and a deletion is known for every restore.
func (a *attributor) farFromDeletions(o *op) bool {
	deleted := false
	for _, l := range a.life[o.Target] {
		if l.Activity == snapshot.RestoreUser && !deleted || l.At.Sub(o.At).Abs() <= lag {
			return false
		}
		deleted = l.Activity == snapshot.DeleteUser
	}
	return true
}

// groupBefore reports whether the path was a group's, and an event that ended
// it came before the deletion.
func (a *attributor) groupBefore(ch *snapshot.Change, gone *op) bool {
	if pathOf(ch).Kind != snapshot.ByGroup {
		return false
	}
	t, at := a.trigger(ch, nil), a.deletionTime(ch, gone)
	return t.op != nil && (at.IsZero() || t.op.At.Before(at))
}

// deletedBy returns the deletion that ended the user's licenses: the last one
// in the window that no restore followed. Where a user is deleted and then
// purged, it is the deletion.
func (a *attributor) deletedBy(ch *snapshot.Change) *op {
	var soft, hard *op
	for _, o := range a.life[ch.User] {
		if o.used || !o.evidence || !ch.Window.Contains(o.At, slack) {
			continue
		}
		switch o.Activity {
		case snapshot.RestoreUser:
			soft, hard = nil, nil
		case snapshot.DeleteUser:
			soft = o
		case snapshot.HardDeleteUser:
			hard = o
		}
	}
	if soft != nil {
		return soft
	}
	return hard
}

// deletionTime returns when the user was deleted, zero when nothing says.
func (a *attributor) deletionTime(ch *snapshot.Change, gone *op) time.Time {
	switch {
	case gone != nil:
		return gone.At
	case a.DeletedAt != nil:
		return a.DeletedAt(ch.User)
	}
	return time.Time{}
}

func (a *attributor) deletedHeld(ch *snapshot.Change) (held, known bool) {
	if a.DeletedHeld == nil {
		return false, false
	}
	return a.DeletedHeld(ch.User, snapshot.PathKey{SKU: ch.SKU, PathRef: pathOf(ch)})
}

// takenBefore returns the operation that took the SKU before the user was
// deleted, nil if none did or it was given again.
func (a *attributor) takenBefore(ch *snapshot.Change, gone *op) *op {
	at := a.deletionTime(ch, gone)
	until := at
	if !at.IsZero() {
		until = at.Add(time.Minute)
	}
	var last *op
	for _, o := range a.touching(ch, until) {
		switch {
		case o.moved(ch.SKU) == given:
			last = nil
		case gone != nil && o.At.After(at.Add(jitter)) && !sameActor(o.Actor, gone.Actor):
		default:
			last = o
		}
	}
	return last
}

// partOf reports whether a license operation belongs to the deletion: the
// admin center takes the licenses first.
func (a *attributor) partOf(ch *snapshot.Change, o, gone *op) bool {
	if gone != nil {
		return belongs(o, gone)
	}
	at := a.deletionTime(ch, nil)
	return !at.IsZero() && !o.engine && at.Sub(o.At).Abs() <= offing
}

func belongs(o, gone *op) bool {
	before := gone.At.Sub(o.At)
	return gone.Activity != snapshot.RestoreUser && o.Actor.Known() && sameActor(o.Actor, gone.Actor) &&
		before <= offing && before >= -time.Minute
}

// suspectsBefore lists license operations without details that may have taken
// the SKU before the user was deleted and do not belong to the deletion.
func (a *attributor) suspectsBefore(ch *snapshot.Change, gone *op) []*op {
	at := a.deletionTime(ch, gone)
	var list []*op
	for _, o := range a.suspects(ch) {
		after := !at.IsZero() && o.At.After(at.Add(jitter))
		if !after && !a.partOf(ch, o, gone) {
			list = append(list, o)
		}
	}
	return list
}

// bareWith returns the last license operation without details that belongs to
// the deletion.
func (a *attributor) bareWith(ch *snapshot.Change, gone *op) *op {
	var bare *op
	for _, o := range a.suspects(ch) {
		if a.partOf(ch, o, gone) {
			bare = o
		}
	}
	return bare
}

// takenSometime is the answer where the deleted user has lost the SKU and no
// event says how.
func (a *attributor) takenSometime(ch *snapshot.Change, gone *op) snapshot.Attribution {
	at := a.unknown(ch)
	at.Evidence = evidence(gone)
	at.Reason = a.takenReason(ch, gone) + " " + at.Reason
	return at
}

// deletion attributes a loss to the deletion of the user; taken is the license
// operation that belongs to it.
func (a *attributor) deletion(ch *snapshot.Change, gone, taken *op) snapshot.Attribution {
	at := snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Initiator: snapshot.ByUnknown, Confidence: snapshot.Medium,
		Via: &snapshot.Via{Trigger: snapshot.ByDeletion}, Reason: a.deletionReason(ch, gone, taken)}
	if taken != nil && !taken.claimed[ch.SKU] {
		taken.claim(ch.SKU)
		at.Evidence = evidence(gone, taken)
	} else {
		at.Evidence = evidence(gone)
	}
	by := gone
	if gone == nil {
		by = taken
	}
	switch {
	case by == nil && ch.Presence == snapshot.Gone:
		return a.vanished(ch)
	case by != nil && !a.isPurge(by):
		at.Actor, at.Via.Actor = actorOf(by), actorOf(by)
		at.Initiator = a.party(by, ch.User, "").initiator
	}
	a.timeDeletion(ch, gone, taken, &at)
	return at
}

// vanished is the answer where a user is in no list and no event says why.
func (a *attributor) vanished(ch *snapshot.Change) snapshot.Attribution {
	at := a.unknown(ch)
	at.Reason = a.vanishedReason(ch) + " " + at.Reason
	return at
}

// timeDeletion sets the times that events give, and the confidence with them.
func (a *attributor) timeDeletion(ch *snapshot.Change, gone, taken *op, at *snapshot.Attribution) {
	if gone == nil || !a.isPurge(gone) {
		at.Via.At = a.deletionTime(ch, gone)
	}
	if gone != nil && !a.isPurge(gone) {
		at.At = gone.At
	}
	if gone != nil && gone.Activity == snapshot.DeleteUser {
		at.Confidence = snapshot.High
	}
	if taken != nil && taken.moved(ch.SKU) != 0 {
		at.At = taken.At
	}
}

// isPurge reports whether Microsoft removed for good a user who had been
// deleted before: who deleted it is another question.
func (a *attributor) isPurge(o *op) bool {
	return o.Activity == snapshot.HardDeleteUser && a.party(o, "", "").cause == snapshot.CauseMicrosoft
}

// returned attributes what a user who came back holds.
func (a *attributor) returned(ch *snapshot.Change) snapshot.Attribution {
	back := a.restoredBy(ch)
	f := a.find(ch, time.Time{})
	if f.op != nil && (back == nil || f.op.At.After(back.At.Add(-jitter))) {
		return a.holding(ch, f)
	}
	if a.groupAfter(ch, back) {
		return a.byGroup(ch, found{})
	}
	held, known := a.deletedHeld(ch)
	if !(known && held) {
		if s := a.suspects(ch); len(s) > 0 {
			return a.incomplete(ch, s)
		}
	}
	if known && !held {
		return a.unexplained(ch)
	}
	if !a.coversSince(ch, back) {
		return a.perhaps(ch, back, a.perhapsGivenReason(ch, back))
	}
	at := snapshot.Attribution{Cause: snapshot.CauseUserRestored, Initiator: snapshot.ByUnknown,
		Confidence: snapshot.Low, Reason: a.restoredReason(ch, back)}
	if back != nil {
		at.Initiator, at.Actor = a.party(back, ch.User, "").initiator, actorOf(back)
		at.Confidence, at.At, at.Evidence = snapshot.High, back.At, evidence(back)
	}
	return at
}

// coversSince reports whether the log was read from the restore to the snapshot.
// Else somebody may have given the license in between.
func (a *attributor) coversSince(ch *snapshot.Change, back *op) bool {
	w := ch.Window
	if back != nil && back.At.After(w.NotBefore) {
		w.NotBefore = back.At
	}
	return a.covers(w)
}

// groupAfter reports whether the path is a group's, and an event that began it
// came after the restore.
func (a *attributor) groupAfter(ch *snapshot.Change, back *op) bool {
	if pathOf(ch).Kind != snapshot.ByGroup {
		return false
	}
	t := a.trigger(ch, nil)
	return t.op != nil && !t.weak && (back == nil || t.op.At.After(back.At))
}

// restoredBy returns the last restore of the user in the window.
func (a *attributor) restoredBy(ch *snapshot.Change) *op {
	var back *op
	for _, o := range a.life[ch.User] {
		if o.Activity == snapshot.RestoreUser && o.evidence && !o.used && ch.Window.Contains(o.At, slack) {
			back = o
		}
	}
	return back
}

// state attributes a change to the state or the error of a path's row.
func (a *attributor) state(ch *snapshot.Change) snapshot.Attribution {
	if a.lapsed(ch) != nil {
		if t := a.trigger(ch, nil); pathOf(ch).Kind == snapshot.ByGroup && t.op != nil {
			return a.ambiguous(ch, []*op{t.op})
		}
		return a.subscription(ch)
	}
	if pathOf(ch).Kind == snapshot.ByGroup {
		return a.groupState(ch)
	}
	f := a.walk(a.touching(ch, time.Time{}), func(o *op) effect {
		if o.engine || o.claimed[ch.SKU] {
			return none
		}
		return toward
	})
	if f.op == nil {
		return a.unexplained(ch)
	}
	at := a.byParty(ch, f.op)
	at.Confidence = atMost(at.Confidence, snapshot.Medium)
	return at
}

// groupState attributes an error of a group's license: it comes with the
// member, goes with it, or changes by itself.
func (a *attributor) groupState(ch *snapshot.Change) snapshot.Attribution {
	t := trigger{kind: snapshot.TriggerUnknown}
	if ch.State != nil && (ch.State.From == "" || ch.State.To == "") {
		t = a.trigger(ch, nil)
	}
	if t.op == nil && mended(ch.State) {
		t = a.recalculated(ch, t)
	}
	if t.op == nil && a.unwatched(ch) {
		return a.unseenByGroup(ch)
	}
	at := a.groupAttribution(ch, nil, t)
	at.Confidence = atMost(at.Confidence, snapshot.Medium)
	at.Reason = a.errorReason(ch)
	return at
}

// date attributes a date of Microsoft's that moved without anything else.
func (a *attributor) date(ch *snapshot.Change) snapshot.Attribution {
	if a.wasAway(ch) && a.datedByReturn(ch) {
		return a.dateOfReturn(ch)
	}
	if a.catalogMoved(ch.SKU) {
		return a.microsoft(ch, snapshot.ByCatalog, a.dateReason(ch, snapshot.ByCatalog))
	}
	isGroup := pathOf(ch).Kind == snapshot.ByGroup
	f := a.find(ch, time.Time{})
	if isGroup && f.op != nil && f.op.engine {
		return a.byGroup(ch, f)
	}
	if isGroup {
		t := a.recalculated(ch, trigger{})
		if t.op != nil && !ch.Dated.IsZero() && ch.Dated.Sub(t.op.At) > offing {
			return a.ambiguous(ch, []*op{t.op}) // the group may have been worked through by then, or not
		}
		if t.op != nil {
			at := a.groupAttribution(ch, nil, t)
			at.Reason = a.recalculatedReason(ch, t)
			return at
		}
	}
	if o := a.provisioned(ch, f); o != nil {
		at := a.byParty(ch, o)
		at.Confidence = atMost(at.Confidence, snapshot.Medium)
		return at
	}
	if s := a.suspects(ch); len(s) > 0 {
		return a.incomplete(ch, s)
	}
	at := a.microsoft(ch, "", a.dateReason(ch, ""))
	if !a.covers(ch.Window) {
		at.Confidence = snapshot.Low
	}
	return at
}

// datedByReturn reports whether the date can be that of the user's return.
func (a *attributor) datedByReturn(ch *snapshot.Change) bool {
	if ch.Dated.IsZero() {
		return true
	}
	if back := a.restoredBy(ch); back != nil {
		after := ch.Dated.Sub(back.At)
		return after >= -dating && after <= offing
	}
	gone := a.deletedBy(ch)
	return gone != nil && ch.Dated.After(gone.At)
}

// dateOfReturn attributes the date of a user who was deleted and restored
// between two snapshots: a restore gives the licenses again. What else was done
// meanwhile may have moved the date as well.
func (a *attributor) dateOfReturn(ch *snapshot.Change) snapshot.Attribution {
	others := slices.Concat(a.touching(ch, time.Time{}), a.idle(ch), a.switching(ch), a.suspects(ch))
	if t := a.recalculated(ch, trigger{}); t.op != nil {
		others = append(others, t.op)
	}
	if len(others) > 0 || a.catalogMoved(ch.SKU) {
		return a.ambiguous(ch, append(others, a.life[ch.User]...))
	}
	at := snapshot.Attribution{Cause: snapshot.CauseUserRestored, Initiator: snapshot.ByUnknown,
		Confidence: snapshot.Low, Evidence: evidence(a.deletedBy(ch))}
	back := a.restoredBy(ch)
	if back != nil {
		at.Initiator, at.Actor = a.party(back, ch.User, "").initiator, actorOf(back)
		at.Confidence, at.Evidence = snapshot.Medium, evidence(back)
	}
	at.Reason = a.dateOfReturnReason(ch, back)
	return at
}

func (a *attributor) catalogMoved(sku snapshot.SKUID) bool {
	for _, c := range a.catalog[sku] {
		if c.Kind == snapshot.SKUPlanAdded || c.Kind == snapshot.SKUPlanRemoved {
			return true
		}
	}
	return false
}

// provisioned returns the operation by which somebody gave the user the same
// licenses again: one that gave the SKU, or one that changed nothing.
func (a *attributor) provisioned(ch *snapshot.Change, f found) *op {
	last := f.op
	if last == nil {
		for _, o := range append(a.idle(ch), a.switching(ch)...) {
			if !a.isLate(o.At) {
				last = o
			}
		}
	}
	if last == nil || last.engine || last.claimed[ch.SKU] {
		return nil
	}
	switch a.party(last, ch.User, ch.SKU).cause {
	case snapshot.CauseAdmin, snapshot.CauseAutomation, snapshot.CausePartner, snapshot.CauseSelfService:
		return last
	}
	return nil
}

// switching lists the operations at the date of a change that switched plans of
// the SKU, and of which nothing is left to see.
func (a *attributor) switching(ch *snapshot.Change) []*op {
	var list []*op
	for _, o := range a.license[ch.User] {
		of := func(p audit.PlanChange) bool { return p.SKU == ch.SKU }
		if !ch.Dated.IsZero() && o.evidence && !o.used && !o.engine && inTime(ch, o) && slices.ContainsFunc(o.plans, of) {
			list = append(list, o)
		}
	}
	return list
}

// idle lists the operations in the change's window that left the user's
// licenses as they were, with the SKU among them.
func (a *attributor) idle(ch *snapshot.Change) []*op {
	var list []*op
	for _, o := range a.license[ch.User] {
		if o.NoOp && !o.used && !o.engine && o.License != nil && listed(o.License.New, ch.SKU) && inTime(ch, o) {
			list = append(list, o)
		}
	}
	return list
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
