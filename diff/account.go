package diff

import (
	"slices"
	"time"

	"lictrail/snapshot"
)

// left attributes what changed for a user who left the tenant's users: what ended
// before the deletion was not ended by it.
func (a *attributor) left(ch *snapshot.Change) snapshot.Attribution {
	gone := a.deletedBy(ch.User)
	switch {
	case ch.Kind == snapshot.StateChanged:
		return a.unknown(ch) // the row was no license, and may have gone before the account
	case a.restoredBy(ch.User) != nil && a.anythingOf(ch):
		return a.away(ch) // deleted, restored and deleted again: the restore gave back what was left
	case !a.deletionTime(ch.User, gone).IsZero():
		return a.moved(ch)
	case gone == nil && ch.Presence == snapshot.Gone:
		return a.vanished(ch)
	case !a.covers(ch.Window):
		return a.perhaps(ch, gone, a.perhapsTakenReason(ch, gone))
	}
	for _, o := range a.license[ch.User] {
		if ch.Window.Contains(o.At, snapshot.ClockSlack) && (o.moved(ch.SKU) != 0 || o.Incomplete) {
			return unknownFor(snapshot.Ambiguous, a.perhapsTakenReason(ch, gone)+" "+a.silenceReason(ch), gone, o)
		}
	}
	return a.deletion(ch, gone, nil)
}

// anythingOf reports whether a record of the window is about the licenses of a change's
// user, about the groups that the user joined or left, or about the path's group.
func (a *attributor) anythingOf(ch *snapshot.Change) bool {
	groups := slices.Clone(a.joined[ch.User])
	if p := pathOf(ch); p.Kind == snapshot.ByGroup {
		groups = append(groups, p.Group)
	}
	return len(a.moving(ch)) > 0 || slices.ContainsFunc(groups, func(id snapshot.GroupID) bool {
		return len(a.steps(ch.User, id, ch.Window.NotBefore.Add(-snapshot.ClockSlack), ch.Window.NotAfter.Add(snapshot.ClockSlack))) > 0
	})
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
func (a *attributor) wasAway(id snapshot.UserID) bool {
	return !a.gone[id] && !a.back[id] && slices.ContainsFunc(a.life[id], func(o *op) bool {
		return o.evidence && a.window.Contains(o.At, snapshot.ClockSlack)
	})
}

// away attributes what changed for a user who was deleted and restored between
// two snapshots. A restore gives back what the deletion left, by way of groups only
// after a while. What a record shows after the last of these is certain; what it
// shows to have been taken for the deletion is part of it.
func (a *attributor) away(ch *snapshot.Change) snapshot.Attribution {
	life := a.life[ch.User]
	last := life[len(life)-1]
	var after, before []*op
	for _, o := range a.license[ch.User] {
		switch {
		case !o.evidence || o.moved(ch.SKU) == 0 && !o.Incomplete || !ch.Window.Contains(o.At, snapshot.ClockSlack):
		case o.At.After(last.At.Add(snapshot.DeletionSpan)):
			after = append(after, o)
		default:
			before = append(before, o)
		}
	}
	switch kind := pathOf(ch).Kind; {
	case ch.Kind == snapshot.DateMoved && a.datedByReturn(ch):
		return a.dateOfReturn(ch)
	case len(after) == 1 && last.Activity == snapshot.RestoreUser && kind == snapshot.Direct && wholly(after[0], ch) && !after[0].engine:
		return a.byParty(ch, after[0])
	case len(after) == 0 && len(before) == 1 && ch.Kind == snapshot.Removed && wholly(before[0], ch):
		for _, gone := range life {
			if gone.Activity == snapshot.DeleteUser && belongs(before[0], gone) {
				return a.deletion(ch, gone, before[0])
			}
		}
	}
	if !a.covers(ch.Window) {
		return a.unknown(ch)
	}
	return unknownFor(snapshot.Ambiguous, a.awayReason(ch), slices.Concat(life, before, after)...)
}

// wholly reports whether an operation is known in full and did what the change
// shows to the SKU as a whole.
func wholly(o *op, ch *snapshot.Change) bool {
	want := taken
	if gained(ch) {
		want = given
	}
	return !o.Incomplete && o.moved(ch.SKU) == want && (ch.Kind == snapshot.Assigned || ch.Kind == snapshot.Removed)
}

// deletedBy returns the deletion that ended the user's licenses: the last one
// in the window that no restore followed. Where a user is deleted and then
// purged, it is the deletion.
func (a *attributor) deletedBy(id snapshot.UserID) *op {
	var soft, hard *op
	for _, o := range a.life[id] {
		if !o.evidence || !a.window.Contains(o.At, snapshot.ClockSlack) {
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
func (a *attributor) deletionTime(id snapshot.UserID, gone *op) time.Time {
	switch {
	case gone != nil && !a.isPurge(gone):
		return gone.At
	case a.DeletedAt != nil:
		return a.DeletedAt(id)
	}
	return time.Time{}
}

// takenFor reports whether a license operation belongs to the deletion: the admin
// center takes the licenses first, of all paths. Where there is no record of the
// deletion, one that came shortly before may belong to it.
func (a *attributor) takenFor(id snapshot.UserID, o *op) bool {
	if gone := a.deletedBy(id); gone != nil {
		return belongs(o, gone)
	}
	at := a.deletionTime(id, nil)
	before := at.Sub(o.At)
	return !at.IsZero() && !o.engine && before <= snapshot.DeletionSpan && before >= -snapshot.RowResolution
}

// taken returns the license operation that belongs to the deletion and is about
// the SKU, or may be; nil for none.
func (a *attributor) taken(id snapshot.UserID, sku snapshot.SKUID) *op {
	for _, o := range slices.Backward(a.license[id]) {
		if a.takenFor(id, o) && (o.moved(sku) == taken || o.Incomplete) {
			return o
		}
	}
	return nil
}

// perhapsDeletion is the answer where somebody took the license shortly before the
// account was deleted, and nothing shows who deleted it.
func (a *attributor) perhapsDeletion(ch *snapshot.Change, o *op) snapshot.Attribution {
	return unknownFor(snapshot.Ambiguous, a.perhapsDeletionReason(ch, o), o)
}

func belongs(o, gone *op) bool {
	before := gone.At.Sub(o.At)
	return gone.Activity != snapshot.RestoreUser && o.Actor.Known() && sameActor(o.Actor, gone.Actor) &&
		before <= snapshot.DeletionSpan && before >= -snapshot.RowResolution
}

// deletion attributes a loss to the deletion of the user; taken is the license
// operation that belongs to it. Nobody is named without a record of the deletion.
func (a *attributor) deletion(ch *snapshot.Change, gone, taken *op) snapshot.Attribution {
	at := snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Initiator: snapshot.ByUnknown, Confidence: snapshot.Medium,
		Via: &snapshot.Via{Trigger: snapshot.ByDeletion}, Evidence: evidence(gone, taken), Reason: a.deletionReason(ch, gone)}
	named := gone != nil && !a.isPurge(gone)
	if named {
		at.Actor, at.Via.Actor = actorOf(gone), actorOf(gone)
		at.Initiator = a.party(gone, ch.User, "").initiator
		at.At = gone.At
	}
	at.Via.At = a.deletionTime(ch.User, gone)
	if gone != nil && gone.Activity == snapshot.DeleteUser {
		at.Confidence = snapshot.High
	}
	if taken != nil && taken.moved(ch.SKU) != 0 {
		at.At = taken.At
	}
	return at
}

// vanished is the answer where a user is in no list and no event says why.
func (a *attributor) vanished(ch *snapshot.Change) snapshot.Attribution {
	at := a.unknown(ch)
	at.Reason = a.vanishedReason(ch) + " " + at.Reason
	return at
}

// isPurge reports whether Microsoft removed for good a user who had been
// deleted before: who deleted it is another question.
func (a *attributor) isPurge(o *op) bool {
	return o.Activity == snapshot.HardDeleteUser && (a.party(o, "", "").cause == snapshot.CauseMicrosoft || a.unowned(o.Actor))
}

// restored attributes what a user who came back holds, and held at the end.
func (a *attributor) restored(ch *snapshot.Change) snapshot.Attribution {
	back := a.restoredBy(ch.User)
	if !a.coversSince(ch, back) {
		return a.perhaps(ch, back, a.perhapsGivenReason(ch, back))
	}
	at := snapshot.Attribution{Cause: snapshot.CauseUserRestored, Initiator: snapshot.ByUnknown,
		Confidence: snapshot.Low, Reason: a.restoredReason(ch, back)}
	if back == nil {
		if ops := a.moving(ch); len(ops) > 0 {
			return unknownFor(snapshot.Ambiguous, a.perhapsGivenReason(ch, back)+" "+a.silenceReason(ch), ops...)
		}
		return at
	}
	at.Initiator, at.Actor = a.party(back, ch.User, "").initiator, actorOf(back)
	at.Confidence, at.At, at.Evidence = snapshot.High, back.At, evidence(back)
	return at
}

// heldAway reports whether the row of a license of a user who came back is older than
// the snapshot before, of which the user was no part: it was held at the deletion.
func (a *attributor) heldAway(ch *snapshot.Change) bool {
	at := a.rowDate(ch)
	came := ch.Kind == snapshot.Assigned || ch.Kind == snapshot.PathAdded
	return came && !at.IsZero() && at.Before(a.window.NotBefore.Add(-snapshot.ClockSlack))
}

// cameWithRestore reports whether a license came with an account that came back and of
// which it is not known what it held at the end, such as one that was deleted before
// tracking began: its row is dated when the restore is, and no record gave it or led its group to.
func (a *attributor) cameWithRestore(ch *snapshot.Change) bool {
	back, came := a.restoredBy(ch.User), ch.Kind == snapshot.Assigned || ch.Kind == snapshot.PathAdded
	if back == nil || !came || !a.back[ch.User] || ch.Returned || len(a.moving(ch)) > 0 {
		return false
	}
	at := a.rowDate(ch)
	if group := pathOf(ch).Group; group != "" && len(a.steps(ch.User, group, at.Add(-snapshot.GroupLag), at)) > 0 {
		return false
	}
	after := at.Sub(back.At)
	return after >= -snapshot.RowResolution && after <= snapshot.DeletionSpan
}

// moving lists the operations in the window that changed the user's SKU, or may
// have.
func (a *attributor) moving(ch *snapshot.Change) []*op {
	var list []*op
	for _, o := range a.license[ch.User] {
		if o.evidence && (o.moved(ch.SKU) != 0 || o.Incomplete) && ch.Window.Contains(o.At, snapshot.ClockSlack) {
			list = append(list, o)
		}
	}
	return list
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

// restoredBy returns the last restore of the user in the window.
func (a *attributor) restoredBy(id snapshot.UserID) *op {
	var back *op
	for _, o := range a.life[id] {
		if o.Activity == snapshot.RestoreUser && o.evidence && a.window.Contains(o.At, snapshot.ClockSlack) {
			back = o
		}
	}
	return back
}

// datedByReturn reports whether the date can be that of the user's return.
func (a *attributor) datedByReturn(ch *snapshot.Change) bool {
	if ch.Dated.IsZero() {
		return true
	}
	if back := a.restoredBy(ch.User); back != nil {
		after := ch.Dated.Sub(back.At)
		return after >= -snapshot.RowResolution && after <= snapshot.DeletionSpan
	}
	gone := a.deletedBy(ch.User)
	return gone != nil && ch.Dated.After(gone.At)
}

// dateOfReturn attributes the date of a user who was deleted and restored
// between two snapshots: a restore gives the licenses again. What else was done
// meanwhile may have moved the date as well.
func (a *attributor) dateOfReturn(ch *snapshot.Change) snapshot.Attribution {
	var others []*op
	for _, o := range a.license[ch.User] {
		if ch.Window.Contains(o.At, snapshot.ClockSlack) && (ch.Dated.IsZero() || ch.Dated.Sub(o.At).Abs() <= snapshot.RowResolution) {
			others = append(others, o)
		}
	}
	if len(others) > 0 || a.catalogMoved(ch.SKU) {
		return unknownFor(snapshot.Ambiguous, a.awayReason(ch), append(others, a.life[ch.User]...)...)
	}
	at := snapshot.Attribution{Cause: snapshot.CauseUserRestored, Initiator: snapshot.ByUnknown,
		Confidence: snapshot.Low, Evidence: evidence(a.deletedBy(ch.User))}
	back := a.restoredBy(ch.User)
	if back != nil {
		at.Initiator, at.Actor = a.party(back, ch.User, "").initiator, actorOf(back)
		at.Confidence, at.Evidence = snapshot.Medium, evidence(back)
	}
	at.Reason = a.dateOfReturnReason(ch, back)
	return at
}
