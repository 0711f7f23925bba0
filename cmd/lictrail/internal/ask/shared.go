package ask

import (
	"context"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// sharedClients is from how many different applications on an account's changes hint
// at several people. How many users it changed says nothing: that is the work of an
// administrator.
const sharedClients = 3

// mayBeShared reports whether something hints at an account of several people.
func mayBeShared(done store.Activity) bool { return done.Clients >= sharedClients }

// SharedAccount is what an actor did, where that may be more than one person's; nil
// where nothing says so.
func SharedAccount(ctx context.Context, b *Book, a *snapshot.Actor) (*store.Activity, error) {
	if a == nil || a.Kind != snapshot.ActorUser || a.ID == "" {
		return nil, nil
	}
	done, err := b.History.ActorActivity(ctx, a.ID)
	if err != nil || !mayBeShared(done) {
		return nil, err
	}
	return &done, nil
}
