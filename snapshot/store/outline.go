package store

import (
	"time"

	"lictrail/snapshot"
)

// Outline is of a change what is counted and told in few words. A run may have one of
// everybody.
type Outline struct {
	ID        int64 // 0 where the change has no number yet
	Kind      snapshot.Kind
	Observed  bool
	User      snapshot.UserID
	SKU       snapshot.SKUID
	NotBefore time.Time // of its window
	At        time.Time // its exact time, where an event gives it
	// Attribution is cause and parties, without what is a change's own. Changes share it.
	Attribution *snapshot.Attribution
}

// outlined is what changes have in common that one party made.
type outlined struct {
	cause      snapshot.Cause
	initiator  snapshot.Initiator
	confidence snapshot.Confidence
	why        snapshot.UnknownWhy
	actor      snapshot.Actor
	via        snapshot.Via
	behind     snapshot.Actor
}

// Outlines makes outlines.
type Outlines struct {
	shared map[outlined]*snapshot.Attribution
}

// Of is the outline of a change.
func (o *Outlines) Of(c *snapshot.Change, a *snapshot.Attribution) Outline {
	key := outlined{cause: a.Cause, initiator: a.Initiator, confidence: a.Confidence, why: a.UnknownWhy}
	short := &snapshot.Attribution{Cause: a.Cause, Initiator: a.Initiator, Confidence: a.Confidence, UnknownWhy: a.UnknownWhy, Actor: a.Actor}
	if a.Actor != nil {
		key.actor = *a.Actor
	}
	if a.Via != nil {
		key.via = snapshot.Via{Trigger: a.Via.Trigger, Group: a.Via.Group}
		if a.Via.Actor != nil {
			key.behind = *a.Via.Actor
		}
		short.Via = &snapshot.Via{Trigger: a.Via.Trigger, Group: a.Via.Group, Actor: a.Via.Actor}
	}
	if known, ok := o.shared[key]; ok {
		short = known
	} else {
		if o.shared == nil {
			o.shared = map[outlined]*snapshot.Attribution{}
		}
		o.shared[key] = short
	}
	return Outline{ID: c.ID, Kind: c.Kind, Observed: c.Observed, User: c.User, SKU: c.SKU, NotBefore: c.Window.NotBefore, At: a.At, Attribution: short}
}
