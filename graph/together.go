package graph

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"lictrail/snapshot"
)

// atATime is how many requests for single objects are under way together. Each
// takes Graph a fraction of a second, whatever it asks for.
const atATime = 4

// hold is what requests that are under way together share: when one of them is
// told to wait, none is sent before that time.
type hold struct {
	mu    sync.Mutex
	until time.Time
}

// extend holds requests back until a time.
func (h *hold) extend(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until.After(h.until) {
		h.until = until
	}
}

// left is how long requests are still held back. A nil hold holds nothing back.
func (h *hold) remaining(now time.Time) time.Duration {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until.Sub(now)
}

// held is the failure of an attempt that was not made, since requests are held
// back; nil: they are not.
func (r *reader) held() *Error {
	left := r.shared.remaining(r.c.opts.Now())
	if left <= 0 {
		return nil
	}
	e := r.fail(kinded(ErrThrottled, "Graph asked to wait"))
	e.retry, e.wait = later, left
	return e
}

// together calls read for each of n objects, a few at a time.
func together(n int, read func(i int, h *hold)) {
	shared := new(hold)
	inParallel(n, atATime, func(i int) { read(i, shared) })
}

// inParallel calls do for 0 to n-1, so many at a time.
func inParallel(n, atOnce int, do func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, atOnce) {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// untilFailure reads the objects with some ids, a few at a time: what each is, and what
// went wrong with each, in the order of the ids. When one has failed no more are asked
// for: those get its error.
func untilFailure[ID, T any](ctx context.Context, ids []ID, read func(context.Context, ID, *hold) (T, error)) ([]T, []error) {
	found, errs := make([]T, len(ids)), make([]error, len(ids))
	var failed atomic.Pointer[error]
	together(len(ids), func(i int, h *hold) {
		if errs[i] = context.Cause(ctx); errs[i] != nil {
			return
		}
		if before := failed.Load(); before != nil {
			errs[i] = *before
			return
		}
		if found[i], errs[i] = read(ctx, ids[i], h); errs[i] != nil {
			failed.Store(&errs[i])
		}
	})
	return found, errs
}

// UsersExist is [Client.UserExists] for many users.
func (c *Client) UsersExist(ctx context.Context, ids []snapshot.UserID) ([]bool, []error) {
	return untilFailure(ctx, ids, c.userExists)
}

// Principals is [Client.Principal] for many applications.
func (c *Client) Principals(ctx context.Context, ids []string) ([]snapshot.Principal, []error) {
	return untilFailure(ctx, ids, c.principal)
}

// Groups is [Client.Group] for many groups, a few at a time: the groups, and what
// went wrong with each, in the order of the ids.
func (c *Client) Groups(ctx context.Context, ids []snapshot.GroupID) ([]snapshot.Group, []error) {
	groups, errs := make([]snapshot.Group, len(ids)), make([]error, len(ids))
	together(len(ids), func(i int, h *hold) {
		if errs[i] = context.Cause(ctx); errs[i] == nil {
			groups[i], errs[i] = c.group(ctx, ids[i], h)
		}
	})
	return groups, errs
}
