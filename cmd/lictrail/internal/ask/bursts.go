package ask

import (
	"cmp"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// mailboxGrace is how long Microsoft keeps a mailbox after its license is gone.
const mailboxGrace = 30 * 24 * time.Hour

// BurstLimit says when the changes of one SKU in one run are a burst: if they are more
// than is usual by the tenant's own history or, where a limit was set, if they concern at
// least that number of users or that share of the holders, and at least two users.
type BurstLimit struct {
	Usual bool
	Users int
	Share float64
}

// ByUsers reports whether so many users are a burst whatever their share is.
func (l BurstLimit) ByUsers(users int) bool { return users >= l.Users }

// reached reports whether so many users are a burst by a limit that was set.
func (l BurstLimit) reached(users int, holders int64) bool {
	return l.ByUsers(users) || users >= 2 && float64(users) >= l.Share*float64(holders)
}

// Burst is many changes of one kind to one SKU in one run.
type Burst struct {
	Kind    snapshot.Kind
	SKU     snapshot.SKUID
	Holders int64                // who held it, or would without a removal
	Usual   *snapshot.BurstLimit // by the tenant's history; nil: the limit was set
	Changes []store.Outline
}

// Bursts finds the bursts among the changes of a run, the largest first. assigned is
// how many users hold each SKU after the run, pace what was usual before it.
func Bursts(all []store.Outline, assigned map[snapshot.SKUID]int64, limit BurstLimit, pace *Pace) []Burst {
	type key struct {
		kind snapshot.Kind
		sku  snapshot.SKUID
	}
	groups := make(map[key][]store.Outline)
	for _, c := range all {
		if c.Observed && (c.Kind == snapshot.Removed || c.Kind == snapshot.Assigned) {
			groups[key{c.Kind, c.SKU}] = append(groups[key{c.Kind, c.SKU}], c)
		}
	}
	var found []Burst
	for k, changes := range groups {
		b := Burst{Kind: k.kind, SKU: k.sku, Holders: assigned[k.sku], Changes: changes}
		if k.kind == snapshot.Removed {
			b.Holders += int64(len(changes)) // who held it before
		}
		many := limit.reached(len(changes), b.Holders)
		if limit.Usual {
			usual := pace.Limit(k.kind, k.sku, b.Holders)
			b.Usual, many = &usual, len(changes) >= usual.Users
		}
		if many {
			found = append(found, b)
		}
	}
	slices.SortFunc(found, func(a, b Burst) int {
		return cmp.Or(cmp.Compare(len(b.Changes), len(a.Changes)), cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Kind, b.Kind))
	})
	return found
}

// MailboxKeptUntil is the time until which a mailbox can be had back, counted from the
// earliest time at which its license may have gone.
func MailboxKeptUntil(c *store.Outline) time.Time {
	gone := c.NotBefore
	if !c.At.IsZero() {
		gone = c.At
	}
	return gone.Add(mailboxGrace)
}
