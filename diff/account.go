package diff

import (
	"slices"
	"time"

	"lictrail/snapshot"
)

// ofDeletedUser attributes a change of a user who is no longer among the tenant's users.
// A license that ended before the deletion was not ended by it.
func (a *attributor) ofDeletedUser(ch *snapshot.Change) snapshot.Attribution {
	gone := a.deletedBy(ch.User)
	switch {
	case ch.Kind == snapshot.StateChanged:
		return a.unknown(ch) // the row was not a license, and may have ended before the account
	case a.restoredBy(ch.User) != nil && a.anyRecordOf(ch):
		return a.ofDeletedAndRestored(ch) // deleted, restored and deleted again: the restore gave back what the first deletion had left
	case !a.deletionTime(ch.User, gone).IsZero():
		return a.byReplay(ch)
	case gone == nil && ch.Presence == snapshot.Gone:
		return a.vanished(ch)
	case !a.covers(ch.Window):
		return a.unknownAfter(ch, gone, a.perhapsTakenReason(ch, gone))
	}
	for _, o := range a.license[ch.User] {
		if ch.Window.Contains(o.At, snapshot.ClockSlack) && (o.moved(ch.SKU) != 0 || o.Incomplete) {
			return unknownFor(snapshot.Ambiguous, a.perhapsTakenReason(ch, gone)+" "+a.silenceReason(ch), gone, o)
		}
	}
	return a.deletion(ch, gone, nil)
}

// anyRecordOf reports whether a record of the window is about the licenses of a change's
// user, about the groups that the user joined or left, or about the path's group.
func (a *attributor) anyRecordOf(ch *snapshot.Change) bool {
	groups := slices.Clone(a.joined[ch.User])
	if p := pathOf(ch); p.Kind == snapshot.ByGroup {
		groups = append(groups, p.Group)
	}
	return len(a.opsOnSKU(ch)) > 0 || ch.Kind != snapshot.Removed && a.licensesTaken(ch.User) || slices.ContainsFunc(groups, func(id snapshot.GroupID) bool {
		return len(a.steps(ch.User, id, ch.Window.NotBefore.Add(-snapshot.ClockSlack), ch.Window.NotAfter.Add(snapshot.ClockSlack))) > 0
	})
}

// licensesTaken reports whether licenses were removed for a deletion of the user. The
// direct path of a SKU that a group gives as well may have ended with them: the record
// names only SKUs that were no longer held.
func (a *attributor) licensesTaken(id snapshot.UserID) bool {
	return slices.ContainsFunc(a.life[id], func(gone *op) bool {
		return gone.Activity == snapshot.DeleteUser && slices.ContainsFunc(a.license[id], func(o *op) bool { return precedesDeletion(o, gone) })
	})
}

// unknownAfter is the answer where an account was deleted or restored, and nothing shows
// that the license ended or began with it.
func (a *attributor) unknownAfter(ch *snapshot.Change, o *op, reason string) snapshot.Attribution {
	at := a.unknown(ch)
	at.Evidence = evidence(o)
	at.Reason = reason + " " + at.Reason
	return at
}

// deletedAndRestored reports whether a user whom both snapshots show was deleted and
// restored in between.
func (a *attributor) deletedAndRestored(id snapshot.UserID) bool {
	return !a.gone[id] && !a.back[id] && slices.ContainsFunc(a.life[id], func(o *op) bool {
		return o.evidence && a.window.Contains(o.At, snapshot.ClockSlack)
	})
}

// ofDeletedAndRestored attributes a change of a user who was deleted and restored between
// two snapshots. A restore gives back the licenses that the deletion left; those of
// groups only after a while. What a record after the last deletion or restore shows is
// certain. A record of licenses that were removed for the deletion is part of it.
func (a *attributor) ofDeletedAndRestored(ch *snapshot.Change) snapshot.Attribution {
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
	case len(after) == 1 && last.Activity == snapshot.RestoreUser && kind == snapshot.Direct && fullyExplains(after[0], ch) && !after[0].engine:
		return a.byParty(ch, after[0])
	case len(after) == 0 && len(before) == 1 && ch.Kind == snapshot.Removed && fullyExplains(before[0], ch):
		for _, gone := range life {
			if gone.Activity == snapshot.DeleteUser && precedesDeletion(before[0], gone) {
				return a.deletion(ch, gone, before[0])
			}
		}
	}
	if !a.covers(ch.Window) {
		return a.unknown(ch)
	}
	return unknownFor(snapshot.Ambiguous, a.awayReason(ch), slices.Concat(life, before, after)...)
}

// fullyExplains reports whether an operation is known in full and did what the change
// shows to the SKU as a whole.
func fullyExplains(o *op, ch *snapshot.Change) bool {
	want := skuRemoved
	if gained(ch) {
		want = skuAdded
	}
	return !o.Incomplete && o.moved(ch.SKU) == want && (ch.Kind == snapshot.Assigned || ch.Kind == snapshot.Removed)
}

// deletedBy returns the deletion that ended the user's licenses: the last one
// in the window that no restore followed. Where a user was deleted and then removed for
// good, it is the deletion.
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

// deletionTime returns when the user was deleted, zero when that is not known.
func (a *attributor) deletionTime(id snapshot.UserID, gone *op) time.Time {
	switch {
	case gone != nil && !a.isPurge(gone):
		return gone.At
	case a.DeletedAt != nil:
		return a.DeletedAt(id)
	}
	return time.Time{}
}

// partOfDeletion reports whether a license operation belongs to the deletion: the admin
// center first removes the licenses, of all paths. Where there is no record of the
// deletion, a license operation shortly before it may belong to it.
func (a *attributor) partOfDeletion(id snapshot.UserID, o *op) bool {
	if gone := a.deletedBy(id); gone != nil {
		return precedesDeletion(o, gone)
	}
	at := a.deletionTime(id, nil)
	before := at.Sub(o.At)
	return !at.IsZero() && !o.engine && before <= snapshot.DeletionSpan && before >= -snapshot.RowResolution
}

// removalForDeletion returns the license operation that belongs to the deletion and is about
// the SKU, or may be; nil for none.
func (a *attributor) removalForDeletion(id snapshot.UserID, sku snapshot.SKUID) *op {
	for _, o := range slices.Backward(a.license[id]) {
		if a.partOfDeletion(id, o) && (o.moved(sku) == skuRemoved || o.Incomplete) {
			return o
		}
	}
	return nil
}

// perhapsDeletion is the answer where somebody removed the license shortly before the
// account was deleted, and nothing shows who deleted it.
func (a *attributor) perhapsDeletion(ch *snapshot.Change, o *op) snapshot.Attribution {
	return unknownFor(snapshot.Ambiguous, a.perhapsDeletionReason(ch, o), o)
}

func precedesDeletion(o, gone *op) bool {
	before := gone.At.Sub(o.At)
	return gone.Activity != snapshot.RestoreUser && o.Actor.Known() && sameActor(o.Actor, gone.Actor) &&
		before <= snapshot.DeletionSpan && before >= -snapshot.RowResolution
}

// deletion attributes a loss to the deletion of the user; taken is the license
// operation that belongs to it. Nobody is named without a record of the deletion.
func (a *attributor) deletion(ch *snapshot.Change, gone, removal *op) snapshot.Attribution {
	at := snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Initiator: snapshot.ByUnknown, Confidence: snapshot.Medium,
		Via: &snapshot.Via{Trigger: snapshot.ByDeletion}, Evidence: evidence(gone, removal), Reason: a.deletionReason(ch, gone)}
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
	if removal != nil && removal.moved(ch.SKU) != 0 {
		at.At = removal.At
	}
	return at
}

// vanished is the answer where a user is in neither list, that of users and that of
// deleted users, and no event says why.
func (a *attributor) vanished(ch *snapshot.Change) snapshot.Attribution {
	at := a.unknown(ch)
	at.Reason = a.vanishedReason(ch) + " " + at.Reason
	return at
}

// isPurge reports whether an operation is Microsoft's permanent removal of a user who
// had been deleted before. It does not show who deleted the user.
func (a *attributor) isPurge(o *op) bool {
	return o.Activity == snapshot.HardDeleteUser && (a.party(o, "", "").cause == snapshot.CauseMicrosoft || a.unowned(o.Actor))
}

// ofRestoredUser attributes a license that a restored user holds, and held when deleted.
func (a *attributor) ofRestoredUser(ch *snapshot.Change) snapshot.Attribution {
	back := a.restoredBy(ch.User)
	if !a.coversSince(ch, back) {
		return a.unknownAfter(ch, back, a.perhapsGivenReason(ch, back))
	}
	at := snapshot.Attribution{Cause: snapshot.CauseUserRestored, Initiator: snapshot.ByUnknown,
		Confidence: snapshot.Low, Reason: a.restoredReason(ch, back)}
	if back == nil {
		if ops := a.opsOnSKU(ch); len(ops) > 0 {
			return unknownFor(snapshot.Ambiguous, a.perhapsGivenReason(ch, back)+" "+a.silenceReason(ch), ops...)
		}
		return at
	}
	at.Initiator, at.Actor = a.party(back, ch.User, "").initiator, actorOf(back)
	at.Confidence, at.At, at.Evidence = snapshot.High, back.At, evidence(back)
	return at
}

// heldBeforeDeletion reports whether the row of a license of a user who came back is older than
// the snapshot before, in which the user was missing: it was held at the deletion.
func (a *attributor) heldBeforeDeletion(ch *snapshot.Change) bool {
	at := a.rowDate(ch)
	came := ch.Kind == snapshot.Assigned || ch.Kind == snapshot.PathAdded
	return came && !at.IsZero() && at.Before(a.window.NotBefore.Add(-snapshot.ClockSlack))
}

// cameWithRestore reports whether a license came back with a restored account of which
// it is not known what it held when it was deleted, such as one that was deleted before
// tracking began: the date of its row is that of the restore, and no record shows that
// somebody assigned it or that a group gave it.
func (a *attributor) cameWithRestore(ch *snapshot.Change) bool {
	back, came := a.restoredBy(ch.User), ch.Kind == snapshot.Assigned || ch.Kind == snapshot.PathAdded
	if back == nil || !came || !a.back[ch.User] || ch.Returned || len(a.opsOnSKU(ch)) > 0 {
		return false
	}
	at := a.rowDate(ch)
	if group := pathOf(ch).Group; group != "" && len(a.steps(ch.User, group, at.Add(-snapshot.GroupLag), at)) > 0 {
		return false
	}
	after := at.Sub(back.At)
	return after >= -snapshot.RowResolution && after <= snapshot.DeletionSpan
}

// opsOnSKU lists the operations in the window that changed the user's SKU, or may
// have.
func (a *attributor) opsOnSKU(ch *snapshot.Change) []*op {
	var list []*op
	for _, o := range a.license[ch.User] {
		if o.evidence && (o.moved(ch.SKU) != 0 || o.Incomplete) && ch.Window.Contains(o.At, snapshot.ClockSlack) {
			list = append(list, o)
		}
	}
	return list
}

// coversSince reports whether the log was read from the restore to the snapshot. If not,
// somebody may have assigned the license in between.
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

// datedByReturn reports whether the restore of the user can have moved the date.
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

// dateOfReturn attributes a moved date of a user who was deleted and restored between
// two snapshots: a restore assigns the licenses again. Another operation in the window
// may have moved the date as well.
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
