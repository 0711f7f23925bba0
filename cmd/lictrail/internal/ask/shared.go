package ask

import (
	"context"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// An account may be more than one person's when it has acted through so many
// applications, or on so many users.
const (
	sharedClients = 3
	sharedUsers   = 20
)

// mayBeShared reports whether an account has done what more than one person's would.
func mayBeShared(done store.Activity) bool {
	return done.Clients >= sharedClients || done.Users >= sharedUsers
}

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
