package track

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// maxOwners is how many applications a run asks about at most; the next run goes on.
const maxOwners = 200

// readOwners asks who owns the applications that the records of windows name as
// actors: about each once, for good. It adds what it learns to noted. What cannot be
// read is noted, too, and is asked about by the next run.
func (t *run) readOwners(ctx context.Context, noted []store.Principal, w snapshot.Window) ([]store.Principal, error) {
	met := map[string]time.Time{}
	if err := meet(met, t.archive(ctx, store.EventFilter{From: w.NotBefore, To: w.NotAfter})); err != nil {
		return nil, err
	}
	if err := meet(met, t.within(w)); err != nil {
		return nil, err
	}
	pending := pendingOwners(noted, met)
	ids := make([]string, min(len(pending), maxOwners))
	for i := range ids {
		ids[i] = pending[i].ID
	}
	found, errs := t.Principals(ctx, ids)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	failure, failed := cmp.Or(errs...), 0
	for i, p := range pending {
		switch {
		case i < len(ids) && errs[i] == nil:
			p.Principal, p.Wanted = found[i], false
		case failure != nil:
			failed++
		}
		if !p.Wanted || p.Run == 0 {
			p.Run = t.sync.Run
			t.principals = append(t.principals, p)
		}
	}
	if failure != nil {
		t.warn("owners", "for %d of %d applications that the audit log names it could not be read who owns them: %v", failed, len(pending), failure)
	}
	return slices.Concat(noted, t.principals), nil
}

// within lists the records that this run fetched, of a window; without an end of it,
// all from its beginning on.
func (t *run) within(w snapshot.Window) iter.Seq2[*snapshot.RawEvent, error] {
	return func(yield func(*snapshot.RawEvent, error) bool) {
		for i := range t.events {
			if at := t.events[i].At; !at.Before(w.NotBefore) && (w.NotAfter.IsZero() || !at.After(w.NotAfter)) && !yield(&t.events[i], nil) {
				return
			}
		}
	}
}

// meet adds the applications that records name as actors, with the time of the
// first record, where their owner decides what they are taken for.
func meet(met map[string]time.Time, events iter.Seq2[*snapshot.RawEvent, error]) error {
	for raw, err := range events {
		if err != nil {
			return err
		}
		if !bytes.Contains(raw.Raw, []byte("ervicePrincipal")) { // servicePrincipalId, ServicePrincipal_...: most records are by people
			continue
		}
		e, err := audit.Decode(*raw)
		if err != nil || !diff.NeedsOwner(e.Actor) {
			continue
		}
		if first, known := met[e.Actor.ID]; !known || e.At.Before(first) {
			met[e.Actor.ID] = e.At
		}
	}
	return nil
}

// pendingOwners lists the applications whose owner is to be asked for: those met
// now, then those that earlier runs could not read. Run is 0 for one, or for an
// earlier record by one, that is not noted yet.
func pendingOwners(noted []store.Principal, met map[string]time.Time) []store.Principal {
	known := ownersOf(noted)
	wanted := map[string]store.Principal{}
	for _, p := range noted {
		if earlier, again := wanted[p.ID]; p.Wanted && (!again || p.SeenAt.Before(earlier.SeenAt)) {
			wanted[p.ID] = p
		}
	}
	for id, at := range met {
		if before, again := wanted[id]; !again || at.Before(before.SeenAt) {
			wanted[id] = store.Principal{Principal: snapshot.Principal{ID: id}, Wanted: true, SeenAt: at}
		}
	}
	var pending []store.Principal
	for _, p := range wanted {
		if _, answered := known(p.ID); !answered {
			pending = append(pending, p)
		}
	}
	slices.SortFunc(pending, func(a, b store.Principal) int {
		return cmp.Or(cmp.Compare(min(a.Run, 1), min(b.Run, 1)), cmp.Compare(a.ID, b.ID))
	})
	return pending
}

// ownersOf looks applications up among those that were read, or that the directory
// does not know.
func ownersOf(noted []store.Principal) func(id string) (snapshot.Principal, bool) {
	known := map[string]snapshot.Principal{}
	for _, p := range noted {
		if !p.Wanted {
			known[p.ID] = p.Principal
		}
	}
	return func(id string) (snapshot.Principal, bool) { p, ok := known[id]; return p, ok }
}

// ownedSince lists the earlier runs whose records have an actor that was not
// classified for want of its owner, which a run then read.
func ownedSince(h *store.History, noted []store.Principal, run snapshot.RunID) []*store.Run {
	since := map[string]time.Time{}
	for _, p := range noted {
		if first, again := since[p.ID]; p.Wanted && p.Run < run && (!again || p.SeenAt.Before(first)) {
			since[p.ID] = p.SeenAt
		}
	}
	var first time.Time
	for _, p := range noted {
		at, wanted := since[p.ID]
		if !p.Wanted && !p.Gone && p.Run == run && wanted && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return slices.DeleteFunc(laterRuns(h), func(r *store.Run) bool {
		return first.IsZero() || recordsOf(h.Window(r.ID)).NotAfter.Before(first)
	})
}

// together is one list of two of runs, in order.
func together(x, y []*store.Run) []*store.Run {
	all := slices.Concat(x, y)
	slices.SortFunc(all, func(a, b *store.Run) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b *store.Run) bool { return a.ID == b.ID })
}
