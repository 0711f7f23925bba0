package ask

import (
	"fmt"
	"strings"
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestParties counts by whoever is responsible: behind a group the person who changed
// it, never the licensing engine; what nobody did apart from what is not known.
func TestParties(t *testing.T) {
	ada := &snapshot.Actor{Kind: snapshot.ActorUser, ID: "1", UPN: "ada@x.test"}
	other := &snapshot.Actor{Kind: snapshot.ActorUser, ID: "2", UPN: "ada@x.test"}
	engine := &snapshot.Actor{Kind: snapshot.ActorApp, ID: "9", Name: "Microsoft Azure AD Group-based licensing"}
	change := func(kind snapshot.Kind, user string, a snapshot.Attribution) store.Outline {
		return store.Outline{Kind: kind, User: snapshot.UserID(user), Attribution: &a}
	}
	list := Parties([]store.Outline{
		change(snapshot.Removed, "u", snapshot.Attribution{Cause: snapshot.CauseAdmin, Actor: ada}),
		change(snapshot.Assigned, "u", snapshot.Attribution{Cause: snapshot.CauseGroup, Actor: engine, Via: &snapshot.Via{Actor: ada}}),
		change(snapshot.Removed, "v", snapshot.Attribution{Cause: snapshot.CauseAdmin, Actor: other}),
		change(snapshot.Removed, "v", snapshot.Attribution{Cause: snapshot.CauseGroup, Actor: engine}),
		change(snapshot.Removed, "w", snapshot.Attribution{Cause: snapshot.CauseUnknown, UnknownWhy: snapshot.NoEvent}),
		change(snapshot.Removed, "w", snapshot.Attribution{Cause: snapshot.CauseSubscription}),
		change(snapshot.SKUUnitsChanged, "", snapshot.Attribution{Cause: snapshot.CauseSubscription}),
		change(snapshot.DateMoved, "w", snapshot.Attribution{Cause: snapshot.CauseMicrosoft}),
	})
	var got []string
	for _, p := range list {
		who := "not known"
		if p.Actor != nil {
			who = p.Actor.UPN + " " + p.Actor.ID
		} else if p.Cause != "" {
			who = "nobody: " + string(p.Cause)
		}
		got = append(got, fmt.Sprintf("%s: %d changes of %d users, +%d -%d", who, p.Changes, len(p.Users), p.Given, p.Removed))
	}
	const want = `ada@x.test 1: 2 changes of 1 users, +1 -1
not known: 2 changes of 2 users, +0 -2
nobody: subscription: 2 changes of 1 users, +0 -1
ada@x.test 2: 1 changes of 1 users, +0 -1`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
