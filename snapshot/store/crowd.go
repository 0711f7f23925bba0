package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// crowdSize is how many users a listing reads at a time, with the evidence on them
// and with what else is asked for: so many that a query costs little a user, and so
// few that memory does not grow with the tenant.
const crowdSize = 500

// crowd are some users of a listing, with all that is read of them.
type crowd struct {
	people   []*personPaths
	firsts   map[firstKey]*firsts
	arrivals map[int64]arrival
	log      []snapshot.Coverage // what of the log was read, from any source
	about    map[int64]*About
}

// arrival says how a user came; nil for one whom the first run showed.
func (c *crowd) arrival(user int64) *arrival {
	if a, came := c.arrivals[user]; came {
		return &a
	}
	return nil
}

// logRead lists the stretches of time for which a log was read, from any source.
func (h *History) logRead(ctx context.Context) ([]snapshot.Coverage, error) {
	return Once(h, "stretches of the log", func() ([]snapshot.Coverage, error) {
		all, err := h.Coverage(ctx)
		read := snapshot.UnionCoverage(all, time.Time{}, time.Time{})
		return slices.DeleteFunc(read, func(c snapshot.Coverage) bool { return !c.Complete }), err
	})
}

// Also says what a listing reads of each user beside the licenses.
type Also int

const (
	AlsoUser       Also = 1 << iota // [About.User] and [About.DisabledSince]
	AlsoActivity                    // [About.Activity]
	AlsoAttributes                  // [About.Attributes]
)

// About is what else is known of a user, as far as a listing was asked for it.
type About struct {
	// User has all attributes, as they were at the run asked about; nil when the
	// user was not present then.
	User *snapshot.User
	// DisabledSince is by when the account was switched off without a break up to
	// the run asked about; zero when it was not.
	DisabledSince time.Time
	// Activity is what is known of it. What later runs saw is among it.
	Activity snapshot.UserActivity
	// Attributes are what runs up to the one asked about showed, oldest first.
	Attributes []AttributeRow
}

// crowds lists the users that a filter admits, in the order of [Filter.query].
func (h *History) crowds(ctx context.Context, f Filter) iter.Seq2[*crowd, error] {
	return func(yield func(*crowd, error) bool) {
		c := &crowd{}
		give := func() bool {
			if len(c.people) == 0 {
				return true
			}
			err := h.fill(ctx, c, f.Also)
			given := c
			c = &crowd{}
			return yield(given, err) && err == nil
		}
		for p, err := range h.pathRows(ctx, f) {
			if err != nil {
				yield(nil, fmt.Errorf("read the assignments: %w", engine.Classify(err)))
				return
			}
			if c.people = append(c.people, p); len(c.people) == h.crowd && !give() {
				return
			}
		}
		give()
	}
}

// fill reads what there is on the people of a crowd.
func (h *History) fill(ctx context.Context, c *crowd, also Also) error {
	ids := make(map[int64]*About, len(c.people))
	for _, p := range c.people {
		ids[p.user.Row] = &About{}
	}
	of := numbersJSON(ids)
	var err error
	if c.firsts, c.arrivals, err = h.loadFirsts(ctx, of); err != nil {
		return err
	}
	if c.log, err = h.logRead(ctx); err != nil {
		return err
	}
	c.about = ids
	if also&AlsoUser != 0 {
		err := h.people(ctx, of, func(row int64, u *snapshot.User) {
			h.pseudonyms.user(u)
			ids[row].User = u
		})
		if err != nil {
			return err
		}
		if err := h.disabledSince(ctx, of, func(row int64, since time.Time) { ids[row].DisabledSince = since }); err != nil {
			return err
		}
	}
	if also&AlsoActivity != 0 {
		if err := h.activity(ctx, of, func(row int64) *snapshot.UserActivity { return &ids[row].Activity }); err != nil {
			return err
		}
	}
	if also&AlsoAttributes != 0 {
		return h.attributes(ctx, of, func(row int64, a AttributeRow) { ids[row].Attributes = append(ids[row].Attributes, a) })
	}
	return nil
}

// ofThem restricts a column to the users whose rows are in the JSON array ?1.
const ofThem = " IN (SELECT value FROM json_each(?1))"
