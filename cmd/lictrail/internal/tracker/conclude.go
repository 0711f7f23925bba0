package tracker

import (
	"context"
	"maps"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Concluded counts what archived records told of the past.
type Concluded struct {
	Evidence    int // of licenses held before tracking began
	Before      int // changes of the time before tracking began
	Unseen      int // later ones that only the log saw
	Corrections int // better words on changes that were known
}

// Conclude works out what the archive tells of the past, where records of a
// stretch of time came into it from elsewhere than a run: the history of the
// time before the first run, and causes of what runs have seen. What is known
// already is not told again. The memory that it takes depends on how much
// happened between two runs, not on the size of the archive.
func Conclude(ctx context.Context, db *store.DB, from, to time.Time) (*Concluded, error) {
	out, err := db.Conclude(ctx)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // after Commit it does nothing
	h, err := db.History(ctx)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	c := &concluder{h: h, out: out, powers: map[string]bool{}, claimed: map[diff.EventRefKey]snapshot.RunID{}}
	if c.coverage, err = h.Coverage(ctx); err != nil {
		return nil, err
	}
	if !from.After(h.First.ObservedUntil) {
		if err := c.before(ctx); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.Runs)) {
		w := h.Window(id)
		if id == h.First.ID || from.After(w.NotAfter.Add(contextSpan)) || to.Before(w.NotBefore.Add(-contextSpan)) {
			continue
		}
		if err := c.again(ctx, h.Runs[id]); err != nil {
			return nil, err
		}
	}
	return &c.Concluded, out.Commit()
}

type concluder struct {
	Concluded
	h        *store.History
	out      *store.Conclusions
	coverage []snapshot.Coverage
	powers   map[string]bool                     // as far as records were looked at
	claimed  map[diff.EventRefKey]snapshot.RunID // evidence of what was concluded
}

// storedEvents decodes stored records. What cannot be read was told of when it was
// archived.
func storedEvents(ctx context.Context, h *store.History, f store.EventFilter) ([]snapshot.Event, error) {
	var events []snapshot.Event
	for raw, err := range h.Events(ctx, f) {
		if err != nil {
			return nil, err
		}
		if e, err := audit.Decode(*raw); err == nil {
			events = append(events, e)
		}
	}
	return events, nil
}

// attributor sets the scene as a run had it.
func (c *concluder) attributor(ctx context.Context, r *store.Run, bundles []snapshot.Bundle) (*attributor, error) {
	groups, err := c.h.GroupsAt(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	skus, assigned, err := c.h.SKUsAt(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	maps.Copy(c.powers, diff.Powers(bundles))
	people := &people{ctx: ctx, h: c.h, known: map[snapshot.UserID]*store.Person{}}
	s := &scene{tenant: c.h.Tenant.ID, run: c.h.At.ID, groups: byGroup(groups), skus: bySKU(skus), assigned: assigned,
		deletedAt: func(id snapshot.UserID) time.Time { return people.deletedAt(id, c.h.Window(r.ID)) },
		// What a deleted object lists was seen by the run of that time only.
		deletedHeld: func(snapshot.UserID, snapshot.PathKey) (held, known bool) { return false, false },
		knows:       func(id snapshot.UserID) bool { return people.find(id) != nil }}
	return &attributor{scene: s, h: c.h, coverage: c.coverage, bundles: bundles, powers: c.powers,
		evidence: map[diff.EventRefKey]snapshot.RunID{}, upns: map[snapshot.UserID]string{}}, nil
}

// people looks users up, each once.
type people struct {
	ctx   context.Context
	h     *store.History
	known map[snapshot.UserID]*store.Person
}

func (p *people) find(id snapshot.UserID) *store.Person {
	person, asked := p.known[id]
	if !asked {
		if found, ok, err := p.h.UserByID(p.ctx, id); err == nil && ok {
			person = &found
		}
		p.known[id] = person
	}
	return person
}

func (p *people) deletedAt(id snapshot.UserID, w snapshot.Window) time.Time {
	if person := p.find(id); person != nil && w.Contains(person.DeletedAt, clockSlack) {
		return person.DeletedAt
	}
	return time.Time{}
}

// again looks again at the changes of a run.
func (c *concluder) again(ctx context.Context, r *store.Run) error {
	w := c.h.Window(r.ID)
	events, err := storedEvents(ctx, c.h, store.EventFilter{From: w.NotBefore.Add(-contextSpan), To: w.NotAfter.Add(contextSpan)})
	if err != nil || len(events) == 0 {
		return err
	}
	a, err := c.attributor(ctx, r, audit.Bundles(events))
	if err != nil {
		return err
	}
	if err := a.load(ctx, []*store.Run{r}, w.NotBefore.Add(-contextSpan), c.next(r).Add(contextSpan)); err != nil {
		return err
	}
	maps.Copy(a.evidence, c.claimed)
	late, corrections := a.correct(r)
	for _, f := range late {
		c.claim(r.ID, f.Attribution.Evidence)
	}
	for _, f := range corrections {
		c.claim(r.ID, f.Attribution.Evidence)
	}
	c.Unseen, c.Corrections = c.Unseen+len(late), c.Corrections+len(corrections)
	if err := c.out.Changes(late); err != nil {
		return err
	}
	return c.out.Corrections(corrections)
}

func (c *concluder) claim(run snapshot.RunID, refs []snapshot.EventRef) {
	for _, e := range refs {
		c.claimed[keyOf(e)] = run
	}
}

// next is the end of the run after one: events of its time may explain either.
func (c *concluder) next(r *store.Run) time.Time {
	until := r.ObservedUntil
	for _, other := range c.h.Runs {
		if other.Previous == r.ID {
			until = latest(until, other.ObservedUntil)
		}
	}
	return until
}
