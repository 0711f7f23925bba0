package diff

import (
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
)

// Before derives from the operations before the first run since when users held their
// SKUs: when each was assigned, where an operation shows the assignment and none after
// it removes the SKU again, else the earliest time at which an operation shows that it
// is held. covered reports whether the log was read without a gap from a time up to the
// first run: an operation that is missing may have removed a SKU and assigned it again.
func Before(bundles []snapshot.Bundle, until time.Time, covered func(from time.Time) bool) map[snapshot.UserID][]snapshot.FirstEvidence {
	users := make(map[snapshot.UserID]*past)
	for i := range bundles {
		b := &bundles[i]
		if !b.At.After(until) && shows(b) {
			pastOf(users, b.Target).play(b)
		}
	}
	found := make(map[snapshot.UserID][]snapshot.FirstEvidence)
	for id, p := range users {
		if e := p.evidence(covered); len(e) > 0 {
			found[id] = e
		}
	}
	return found
}

// Shown returns, for each user and SKU, the earliest time at which an operation after a
// given time shows that the user held the SKU, whether or not it was removed later.
func Shown(bundles []snapshot.Bundle, after time.Time) map[snapshot.UserID][]snapshot.FirstEvidence {
	users := make(map[snapshot.UserID]*past)
	for i := range bundles {
		if b := &bundles[i]; b.At.After(after) && shows(b) {
			pastOf(users, b.Target).play(b)
		}
	}
	found := make(map[snapshot.UserID][]snapshot.FirstEvidence)
	for id, p := range users {
		for _, sku := range p.order {
			found[id] = append(found[id], p.earliest[sku])
		}
	}
	return found
}

// shows reports whether an operation may show what a user holds. One that changed
// nothing may do so as well.
func shows(b *snapshot.Bundle) bool { return b.Target != "" && (b.NoOp || audit.Evidence(b)) }

func pastOf(users map[snapshot.UserID]*past, id snapshot.UserID) *past {
	if users[id] == nil {
		users[id] = &past{earliest: map[snapshot.SKUID]snapshot.FirstEvidence{}, start: map[snapshot.SKUID]snapshot.FirstEvidence{}}
	}
	return users[id]
}

// past is what is known of one user's SKUs while operations are played.
type past struct {
	order    []snapshot.SKUID // in the order in which they were first seen
	earliest map[snapshot.SKUID]snapshot.FirstEvidence
	start    map[snapshot.SKUID]snapshot.FirstEvidence // assigned, and not removed since
}

func (p *past) play(b *snapshot.Bundle) {
	if b.Incomplete {
		clear(p.start) // it may have removed any SKU and assigned it again
	}
	if b.License == nil {
		return
	}
	added, removed, _ := audit.Delta(b.License)
	for _, l := range b.License.Old {
		p.seen(l.SKU, b)
	}
	for _, l := range added {
		p.seen(l.SKU, b)
		if !b.Incomplete {
			e := evidenceAt(l.SKU, b)
			e.Exact = true
			p.start[l.SKU] = e
		}
	}
	for _, l := range removed {
		delete(p.start, l.SKU)
	}
	for _, l := range b.License.New {
		p.seen(l.SKU, b)
	}
}

func (p *past) seen(sku snapshot.SKUID, b *snapshot.Bundle) {
	if _, known := p.earliest[sku]; !known {
		p.order = append(p.order, sku)
		p.earliest[sku] = evidenceAt(sku, b)
	}
}

func evidenceAt(sku snapshot.SKUID, b *snapshot.Bundle) snapshot.FirstEvidence {
	return snapshot.FirstEvidence{SKU: sku, At: b.At, Basis: snapshot.BasisAudit, Event: b.Events[0].Ref()}
}

// evidence lists the start of each SKU and, where it is better or the start is
// not known, the earliest time at which it was held.
func (p *past) evidence(covered func(time.Time) bool) []snapshot.FirstEvidence {
	var found []snapshot.FirstEvidence
	for _, sku := range p.order {
		start, ok := p.start[sku]
		ok = ok && covered(start.At)
		if ok {
			found = append(found, start)
		}
		if e := p.earliest[sku]; !ok || e.At.Before(start.At) {
			found = append(found, e)
		}
	}
	return found
}
