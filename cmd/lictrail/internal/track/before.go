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

// lookBack finds out what the audit log says, at the first run, about the time
// before it about users whom the run found.
func (t *run) lookBack(ctx context.Context) (map[snapshot.UserID][]snapshot.FirstEvidence, error) {
	if t.sync.Previous != nil {
		return nil, nil
	}
	bundles, err := t.bundles(ctx, snapshot.Window{})
	if err != nil {
		return nil, err
	}
	stretches, err := t.sync.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	stretches = append(stretches, t.coverage...)
	found := diff.Before(bundles, t.passed.ObservedUntil, coveredUntil(stretches, t.passed.ObservedAt))
	for id := range found {
		if t.pass.users.get(id).pass != t.pass.number {
			delete(found, id)
		}
	}
	return found, nil
}

func coveredUntil(stretches []snapshot.Coverage, until time.Time) func(time.Time) bool {
	return func(from time.Time) bool { return snapshot.Covered(stretches, from, until) }
}

// lookBackAgain looks back once more after a later run, at the users of whose
// licenses it read records: those may be older than the first run, or report an
// assignment that no other record and no run confirms.
func (t *run) lookBackAgain(ctx context.Context) error {
	if t.sync.Previous == nil {
		return nil
	}
	h, err := t.db.History(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	users := maps.Clone(t.licensing)
	if users == nil {
		users = map[snapshot.UserID]bool{}
	}
	for _, c := range t.archived {
		f := store.EventFilter{From: c.From, To: c.To, ByTarget: true}
		if c.From.Before(h.First.ObservedUntil) { // it may close a gap between older records
			f.From = time.Time{}
		}
		if err := usersOf(ctx, h, f, users); err != nil {
			return err
		}
	}
	_, err = lookBack(ctx, t.db, h, users)
	return err
}

// usersOf adds the users whom stored records are about.
func usersOf(ctx context.Context, h *store.History, f store.EventFilter, users map[snapshot.UserID]bool) error {
	for raw, err := range h.Events(ctx, f) {
		if err != nil {
			return err
		}
		users[snapshot.UserID(raw.Target)] = true
	}
	return nil
}

// lookBack keeps what the archive shows of users' licenses before the first run,
// and of later ones what refutes their first dates, and counts what is new. h is the
// history as it is.
func lookBack(ctx context.Context, db *store.DB, h *store.History, users map[snapshot.UserID]bool) (added int, err error) {
	stretches, err := h.Coverage(ctx)
	if err != nil {
		return 0, err
	}
	found := map[snapshot.UserID][]snapshot.FirstEvidence{}
	for some := range slices.Chunk(mapKeys(users), 500) {
		people, err := known(ctx, h, some)
		if err != nil {
			return 0, err
		}
		if len(people) == 0 {
			continue
		}
		events, err := storedEvents(ctx, h, store.EventFilter{Users: people})
		if err != nil {
			return 0, err
		}
		bundles := audit.Bundles(events)
		maps.Copy(found, diff.Before(bundles, h.First.ObservedUntil, coveredUntil(stretches, h.First.ObservedAt)))
		refuting, err := refuting(ctx, h, people, diff.Shown(bundles, h.First.ObservedUntil))
		if err != nil {
			return 0, err
		}
		for id, evidence := range refuting {
			found[id] = append(found[id], evidence...)
		}
	}
	if len(found) == 0 {
		return 0, nil
	}
	out, err := db.Conclude(ctx)
	if err != nil {
		return 0, err
	}
	defer out.Close() //nolint:errcheck // after Commit it does nothing
	for _, id := range slices.Sorted(maps.Keys(found)) {
		n, err := out.Evidence(id, found[id])
		if err != nil {
			return 0, err
		}
		added += n
	}
	if added == 0 {
		return 0, nil
	}
	return added, out.Commit()
}

// known lists those of users whom history knows.
func known(ctx context.Context, h *store.History, ids []snapshot.UserID) ([]store.Person, error) {
	refs := make([]string, len(ids))
	for i, id := range ids {
		refs[i] = string(id)
	}
	found, err := h.FindEachUser(ctx, refs)
	if err != nil {
		return nil, err
	}
	var people []store.Person
	for i, meant := range found {
		for _, p := range meant {
			if p.ID == ids[i] {
				people = append(people, p)
			}
		}
	}
	return people, nil
}

// refuting keeps of what records show that which is earlier than the date on which
// the user is said to have got the SKU first.
func refuting(ctx context.Context, h *store.History, people []store.Person, shown map[snapshot.UserID][]snapshot.FirstEvidence) (map[snapshot.UserID][]snapshot.FirstEvidence, error) {
	if len(shown) == 0 {
		return nil, nil
	}
	type key struct {
		user snapshot.UserID
		sku  snapshot.SKUID
	}
	said := map[key]time.Time{} // not before then
	for held, err := range h.Holdings(ctx, store.Filter{Users: people}) {
		if err != nil {
			return nil, err
		}
		from := held.First.NotBefore
		if from.IsZero() {
			from = held.First.At
		}
		said[key{held.Person.ID, held.SKU}] = from
	}
	left := map[snapshot.UserID][]snapshot.FirstEvidence{}
	for id, evidence := range shown {
		for _, e := range evidence {
			if from, is := said[key{id, e.SKU}]; !is || e.At.Before(from.Add(-snapshot.RecordJitter)) {
				left[id] = append(left[id], e)
			}
		}
	}
	return left, nil
}
