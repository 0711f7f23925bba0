package ask

import (
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func TestMayBeShared(t *testing.T) {
	for _, test := range []struct {
		done store.Activity
		want bool
	}{
		{store.Activity{Users: 106}, false}, // an administrator's work
		{store.Activity{Users: 106, Clients: sharedClients - 1}, false},
		{store.Activity{Users: 1, Clients: 2}, false},
		{store.Activity{Users: 1, Clients: 3}, true},
	} {
		if got := mayBeShared(test.done); got != test.want {
			t.Errorf("%+v: %t, want %t", test.done, got, test.want)
		}
	}
}

// TestSharedAccount_Nobody: only a user's account can be shared, and one without an id
// cannot be looked up. The book has no database: a look into it would panic.
func TestSharedAccount_Nobody(t *testing.T) {
	for _, a := range []*snapshot.Actor{nil, {Kind: snapshot.ActorApp, ID: "1"}, {Kind: snapshot.ActorUser, UPN: "ann@contoso.com"}} {
		if done, err := SharedAccount(t.Context(), &Book{}, a); done != nil || err != nil {
			t.Errorf("%+v: %+v, %v", a, done, err)
		}
	}
}
