package ask

import (
	"context"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// sharedClients is the number of different applications from which on an account may be
// shared by several people. The number of users that it changed does not count, because
// an administrator changes many.
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
