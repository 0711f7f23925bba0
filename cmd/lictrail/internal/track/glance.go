package track

import (
	"context"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// glance looks users up as one run showed them. It reads those that [glance.expect] named
// some hundreds at a time, in their order, in which attribution asks for them, and
// keeps some thousands. A nil glance knows nobody.
type glance struct {
	ctx    context.Context
	h      *store.History
	run    snapshot.RunID // 0: before the first run
	wanted []snapshot.UserID
	known  map[snapshot.UserID]*store.UserAt // nil: the run did not show the user
	err    error                             // of the first read that failed
}

const (
	glanceAhead = 500
	glanceKeeps = 5000
)

func newGlance(ctx context.Context, h *store.History, run snapshot.RunID) *glance {
	return &glance{ctx: ctx, h: h, run: run, known: map[snapshot.UserID]*store.UserAt{}}
}

// expect says, in order, which users will be asked for.
func (g *glance) expect(users []snapshot.UserID) {
	if g != nil {
		g.wanted = users
	}
}

// user returns a user as the run showed it; the zero value where it did not.
func (g *glance) user(id snapshot.UserID) store.UserAt {
	if u := g.load(id); u != nil {
		return *u
	}
	return store.UserAt{}
}

// paths returns the rows of a user's paths, and whether the run showed the user.
func (g *glance) paths(id snapshot.UserID) ([]snapshot.Path, bool) {
	u := g.load(id)
	if u == nil {
		return nil, false
	}
	return u.Paths, true
}

func (g *glance) load(id snapshot.UserID) *store.UserAt {
	if g == nil || g.run == 0 {
		return nil
	}
	if u, ok := g.known[id]; ok {
		return u
	}
	ids := []snapshot.UserID{id}
	if i, ok := slices.BinarySearch(g.wanted, id); ok {
		ids = g.wanted[i:min(i+glanceAhead, len(g.wanted))]
	}
	users, err := g.h.UsersAt(g.ctx, ids, g.run)
	if err != nil {
		if g.err == nil {
			g.err = err
		}
		return nil
	}
	if len(g.known) > glanceKeeps {
		clear(g.known)
	}
	for _, id := range ids {
		g.known[id] = users[id]
	}
	return users[id]
}

// holders counts who held a SKU after the run. Few runs are asked for it, and all rows
// of paths are read for that.
func (g *glance) holders(sku snapshot.SKUID) int64 {
	counts, err := g.h.HoldersAt(g.ctx, g.run)
	if err != nil && g.err == nil {
		g.err = err
	}
	return counts[sku]
}

// error returns the error of the first read that failed.
func (g *glance) error() error {
	if g == nil {
		return nil
	}
	return g.err
}
