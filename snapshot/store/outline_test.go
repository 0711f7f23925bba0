package store

import (
	"testing"

	"lictrail/snapshot"
)

// Outlines of changes by one party share what is said of it, and those of other parties,
// or by another way, do not.
func TestOutlines(t *testing.T) {
	t.Parallel()
	var o Outlines
	of := func(a snapshot.Attribution) *snapshot.Attribution {
		return o.Of(&snapshot.Change{User: "ann"}, &a).Attribution
	}
	by := func(id string) *snapshot.Actor { return &snapshot.Actor{Kind: snapshot.ActorUser, ID: id} }
	via := func(trigger snapshot.Trigger, actor *snapshot.Actor) snapshot.Attribution {
		return snapshot.Attribution{Cause: snapshot.CauseGroup, Via: &snapshot.Via{Trigger: trigger, Group: "g", Actor: actor, At: week(1)}}
	}
	ann := of(snapshot.Attribution{Cause: snapshot.CauseAdmin, Actor: by("ann"), Reason: "One.", Evidence: []snapshot.EventRef{{ID: "1"}}})
	if again := of(snapshot.Attribution{Cause: snapshot.CauseAdmin, Actor: by("ann"), Reason: "Two."}); again != ann || ann.Reason != "" || ann.Evidence != nil {
		t.Errorf("two changes by Ann have %+v and %+v", ann, again)
	}
	if ann.Responsible().ID != "ann" {
		t.Errorf("Ann is %+v", ann.Responsible())
	}
	seen := map[*snapshot.Attribution]bool{ann: true}
	for _, a := range []snapshot.Attribution{
		{Cause: snapshot.CauseAdmin, Actor: by("bob")}, {Cause: snapshot.CausePartner, Actor: by("ann")}, {Cause: snapshot.CauseUnknown, UnknownWhy: snapshot.NoEvent},
		via(snapshot.ByMembership, nil), via(snapshot.ByMembership, by("ann")), via(snapshot.ByDynamicRule, by("ann")), via(snapshot.ByMembership, by("bob")),
	} {
		got := of(a)
		if seen[got] || got.Cause != a.Cause || (got.Responsible() == nil) != (a.Responsible() == nil) {
			t.Errorf("%+v has %+v", a, got)
		}
		seen[got] = true
	}
}
