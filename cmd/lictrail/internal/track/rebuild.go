package track

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

// maxBatch is how many events of the time before the first run are looked at
// together. Those of one user are never parted.
const maxBatch = 5_000

// rebuilder works out the history of the time before the first run: each license that
// an event shows in full to be assigned or removed. No snapshot saw any of it.
type rebuilder struct {
	*concluder
	groups []snapshot.Event // about groups as such
	// perhaps has what users seem to have done for themselves. Whether they are
	// administrators, too, may show in records about others.
	perhaps map[snapshot.UserID][]store.Attributed
}

func (c *concluder) before(ctx context.Context) error {
	until := c.h.First.ObservedUntil
	groups, err := storedEvents(ctx, c.h, store.EventFilter{NoTarget: true, To: until})
	if err != nil {
		return err
	}
	b := &rebuilder{concluder: c, groups: groups, perhaps: map[snapshot.UserID][]store.Attributed{}}
	var batch []snapshot.Event
	var last snapshot.UserID
	for raw, err := range c.h.Events(ctx, store.EventFilter{ByTarget: true, To: until}) {
		if err != nil {
			return err
		}
		e, err := audit.Decode(*raw)
		if err != nil {
			continue
		}
		if e.Target != last && len(batch) >= maxBatch {
			if err := b.rebuild(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0:0]
		}
		batch, last = append(batch, e), e.Target
	}
	if err := b.rebuild(ctx, batch); err != nil {
		return err
	}
	return b.settle(ctx)
}

// rebuild records what a batch of events shows, and keeps back what users seem to
// have done for themselves.
func (b *rebuilder) rebuild(ctx context.Context, events []snapshot.Event) error {
	bundles := b.bundles(events)
	for id, evidence := range diff.Before(bundles, b.h.First.ObservedUntil, coveredUntil(b.coverage, b.h.First.ObservedAt)) {
		added, err := b.out.Evidence(id, evidence)
		if err != nil {
			return err
		}
		b.Evidence += added
	}
	found, told, err := b.find(ctx, events, bundles)
	if err != nil {
		return err
	}
	sure := slices.DeleteFunc(found, func(f store.Attributed) bool {
		isPerhaps := f.Attribution.Cause == snapshot.CauseSelfService && f.Attribution.Actor != nil
		if isPerhaps {
			b.perhaps[f.User] = append(b.perhaps[f.User], f)
		}
		return isPerhaps
	})
	return b.write(sure, told)
}

func (b *rebuilder) bundles(events []snapshot.Event) []snapshot.Bundle {
	return audit.Bundles(append(slices.Clone(events), b.groups...))
}

// find attributes what operations did before the first run, and returns it with
// what was recorded already. What may be after the reading of a user belongs to the
// next run.
func (b *rebuilder) find(ctx context.Context, events []snapshot.Event, bundles []snapshot.Bundle) ([]store.Attributed, earlierChanges, error) {
	first := b.h.First
	bundles = slices.DeleteFunc(bundles, func(x snapshot.Bundle) bool {
		return !x.At.Before(first.ObservedAt.Add(-snapshot.ClockSlack))
	})
	told, err := b.earlier(ctx, events)
	if err != nil {
		return nil, nil, err
	}
	s, err := sceneOf(ctx, b.h, first)
	if err != nil {
		return nil, nil, err
	}
	s.principal = b.principal
	s.window = snapshot.Window{NotAfter: first.ObservedUntil}
	maps.Copy(b.powers, diff.Powers(bundles))
	found, err := s.attribute(nil, bundles, b.coverage, b.powers, allUsers)
	if err != nil {
		return nil, nil, err
	}
	known := map[snapshot.UserID]bool{}
	found = slices.DeleteFunc(found, func(f store.Attributed) bool {
		is, asked := known[f.User]
		if !asked {
			_, is, err = b.h.UserByID(ctx, f.User)
			known[f.User] = is
		}
		return !is
	})
	for i := range found {
		found[i].Run = b.h.At.ID
	}
	return withoutCopies(found), told, err
}

// copySpan is within what a SKU that goes, or comes, twice went or came once: no
// snapshot shows here whether it was held in between.
const copySpan = time.Minute

// withoutCopies drops changes that another record has just shown. What is found is in order of
// time for each SKU of a user.
func withoutCopies(found []store.Attributed) []store.Attributed {
	last := make(map[changeKey]time.Time)
	return slices.DeleteFunc(found, func(f store.Attributed) bool {
		key := changeKey{f.User, f.SKU, f.Kind}
		before, told := last[key]
		last[key] = f.Attribution.At
		switch f.Kind {
		case snapshot.Assigned:
			delete(last, changeKey{f.User, f.SKU, snapshot.Removed})
		case snapshot.Removed:
			delete(last, changeKey{f.User, f.SKU, snapshot.Assigned})
		default:
			return false
		}
		return told && f.Attribution.At.Sub(before) <= copySpan
	})
}

// earlier lists the changes that earlier imports recorded for the users.
func (b *rebuilder) earlier(ctx context.Context, events []snapshot.Event) (earlierChanges, error) {
	var users []store.Person
	for i, e := range events {
		if i > 0 && events[i-1].Target == e.Target {
			continue
		}
		if p, ok, err := b.h.UserByID(ctx, e.Target); err != nil {
			return nil, err
		} else if ok {
			users = append(users, p)
		}
	}
	told := earlierChanges{}
	for some := range slices.Chunk(users, 500) {
		for ch, err := range b.h.Changes(ctx, store.ChangeFilter{Users: some}) {
			if err != nil {
				return nil, err
			}
			if !ch.Observed && ch.Window.NotBefore.IsZero() {
				key := changeKey{ch.User, ch.SKU, ch.Kind}
				told[key] = append(told[key], ch)
			}
		}
	}
	return told, nil
}

// earlierChanges are recorded changes of the time before the first run.
type earlierChanges map[changeKey][]*store.ChangeRow

type changeKey struct {
	user snapshot.UserID
	sku  snapshot.SKUID
	kind snapshot.Kind
}

// write records the changes that are new, and corrects those that were recorded from
// fewer records.
func (b *rebuilder) write(found []store.Attributed, told earlierChanges) error {
	var fresh []store.Attributed
	var corrections []store.Correction
	for _, f := range found {
		rows := told[changeKey{f.User, f.SKU, f.Kind}]
		i := slices.IndexFunc(rows, func(r *store.ChangeRow) bool { return shareEvidence(&r.Attribution, &f.Attribution) })
		switch {
		case i < 0:
			fresh = append(fresh, f)
		case revises(rows[i], &f.Attribution, false):
			corrections = append(corrections, store.Correction{Change: rows[i].ID, Attribution: f.Attribution})
		}
	}
	b.Before, b.Corrections = b.Before+len(fresh), b.Corrections+len(corrections)
	if err := b.out.Changes(fresh); err != nil {
		return err
	}
	return b.out.Corrections(corrections)
}

// settle records the changes whose attribution depends on whether their actor acts on
// other people's licenses. That is known once all records have been read.
func (b *rebuilder) settle(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(b.perhaps)) {
		p, ok, err := b.h.UserByID(ctx, id)
		if err != nil || !ok {
			return err
		}
		events, err := storedEvents(ctx, b.h, store.EventFilter{Users: []store.Person{p}, To: b.h.First.ObservedUntil})
		if err != nil {
			return err
		}
		found, told, err := b.find(ctx, events, b.bundles(events))
		if err != nil {
			return err
		}
		kept := slices.DeleteFunc(found, func(f store.Attributed) bool {
			return !slices.ContainsFunc(b.perhaps[id], func(p store.Attributed) bool {
				return p.SKU == f.SKU && p.Kind == f.Kind && shareEvidence(&p.Attribution, &f.Attribution)
			})
		})
		if err := b.write(kept, told); err != nil {
			return err
		}
	}
	return nil
}
