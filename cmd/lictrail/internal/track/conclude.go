package track

import (
	"context"
	"maps"
	"slices"
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Concluded counts what archived records showed of the past.
type Concluded struct {
	Evidence    int // of licenses held before tracking began
	Before      int // changes of the time before tracking began
	Unseen      int // later ones that only the log saw
	Corrections int // corrected attributions of changes that were known
}

// Conclude works out what the archive shows of the past, where records of a
// stretch of time came into it from elsewhere than a run: the history of the
// time before the first run, and causes of what runs have seen. What is known
// already is not recorded again. The memory that it takes depends on how much
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
	c := &concluder{h: h, out: out, powers: map[string]bool{}}
	if c.coverage, err = h.Coverage(ctx); err != nil {
		return nil, err
	}
	noted, err := h.Principals(ctx, h.At.ID)
	if err != nil {
		return nil, err
	}
	c.principal = ownersOf(noted)
	if !from.After(h.First.ObservedUntil) {
		if err := c.before(ctx); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.Runs)) {
		w := h.Window(id)
		if span := recordsOf(w); id == h.First.ID || from.After(span.NotAfter) || to.Before(span.NotBefore) {
			continue
		}
		if err := c.again(ctx, h.Runs[id]); err != nil {
			return nil, err
		}
	}
	if err := c.wanted(ctx, noted, from, to); err != nil {
		return nil, err
	}
	if err := out.Commit(); err != nil {
		return nil, err
	}
	return &c.Concluded, lookBackAt(ctx, db, from, to)
}

// lookBackAt looks back at the users whom the records of a stretch of time are about,
// by the history that has the conclusions from them.
func lookBackAt(ctx context.Context, db *store.DB, from, to time.Time) error {
	h, err := db.History(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	users := map[snapshot.UserID]bool{}
	if err := usersOf(ctx, h, store.EventFilter{From: from, To: to, ByTarget: true}, users); err != nil {
		return err
	}
	_, err = lookBack(ctx, db, h, users)
	return err
}

// wanted notes the applications that the records of a stretch of time name as
// actors and whose owner is not known: the next run asks for it.
func (c *concluder) wanted(ctx context.Context, noted []store.Principal, from, to time.Time) error {
	met := map[string]time.Time{}
	if err := meet(met, c.h.Events(ctx, store.EventFilter{From: from, To: to})); err != nil {
		return err
	}
	return c.out.Wanted(slices.DeleteFunc(pendingOwners(noted, met), func(p store.Principal) bool { return p.Run != 0 }))
}

type concluder struct {
	Concluded
	h        *store.History
	out      *store.Conclusions
	coverage []snapshot.Coverage
	powers   map[string]bool // actors who act on others, as far as records were looked at
	// principal is what is known of applications.
	principal func(id string) (snapshot.Principal, bool)
}

// storedEvents decodes stored records. What cannot be read was reported when it was
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

// again looks again at the changes of a run.
func (c *concluder) again(ctx context.Context, r *store.Run) error {
	p := &past{h: c.h, all: c.h, run: c.h.At.ID, coverage: c.coverage, bundles: storedBundles(c.h.Events), principal: c.principal}
	late, corrections, err := p.again(ctx, r, allUsers, map[string]int{})
	if err != nil {
		return err
	}
	c.Unseen, c.Corrections = c.Unseen+len(late), c.Corrections+len(corrections)
	if err := c.out.Changes(late); err != nil {
		return err
	}
	return c.out.Corrections(corrections)
}
