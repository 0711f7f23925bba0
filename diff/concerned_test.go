package diff

import (
	"slices"
	"testing"

	"lictrail/snapshot"
)

// A record concerns its target and its actor: that the actor acts on other users changes
// how an operation on the actor's own account is classified. A record about a group may
// concern any user.
func TestConcerned(t *testing.T) {
	t.Parallel()
	person := snapshot.Actor{Kind: snapshot.ActorUser, ID: "admin"}
	for _, c := range []struct {
		name  string
		event snapshot.Event
		want  []snapshot.UserID
		all   bool
	}{
		{"a person, about a user", snapshot.Event{Target: "ann", Actor: person}, []snapshot.UserID{"ann", "admin"}, false},
		{"an app, about a user", snapshot.Event{Target: "ann", Actor: snapshot.Actor{Kind: snapshot.ActorApp, ID: "app"}}, []snapshot.UserID{"ann"}, false},
		{"nobody, about a user", snapshot.Event{Target: "ann"}, []snapshot.UserID{"ann"}, false},
		{"about a group", snapshot.Event{Group: "sales", Actor: person}, nil, true},
		{"about a name", snapshot.Event{TargetUPN: "ann@contoso.com", Actor: person}, nil, true},
		{"the synchronization", snapshot.Event{Target: "ann", Actor: person, Client: "directorysync"}, nil, true},
	} {
		if got, all := Concerned(&c.event); !slices.Equal(got, c.want) || all != c.all {
			t.Errorf("%s: got %v, %v", c.name, got, all)
		}
	}
}
