package track

import (
	"bytes"
	"context"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// news is whom it concerns what was learned of a window since it was attributed.
// The same records, read for the same times, lead to the same attributions.
type news struct {
	all   bool
	users map[snapshot.UserID]bool
}

// everybody is the news where it is not known what is new.
func everybody(snapshot.UserID) bool { return true }

func (n *news) concerns(id snapshot.UserID) bool { return n.all || n.users[id] }

// none reports whether nothing was learned.
func (n *news) none() bool { return !n.all && len(n.users) == 0 }

// add adds whom a record concerns. One that cannot be read is no evidence.
func (n *news) add(raw *snapshot.RawEvent) {
	if n.all {
		return
	}
	e, err := audit.Decode(*raw)
	if err != nil {
		return
	}
	users, all := diff.Concerned(&e)
	n.all = all
	for _, id := range users {
		n.users[id] = true
	}
}

// newsOf is what this run learned of the window of an earlier one. before is what
// had been read of the log by the run before this one, now is all of it.
func (t *run) newsOf(ctx context.Context, h *store.History, r *store.Run, before, now []snapshot.Coverage) (*news, error) {
	w := recordsOf(h.Window(r.ID))
	n := &news{users: map[snapshot.UserID]bool{}}
	n.all = !slices.Equal(unread(before, w.NotBefore, r.ObservedUntil), unread(now, w.NotBefore, r.ObservedUntil))
	if n.all {
		return n, nil
	}
	for raw, err := range t.archive(ctx, store.EventFilter{From: w.NotBefore, To: w.NotAfter, Since: t.sync.Previous.ID}) {
		if err != nil {
			return nil, err
		}
		n.add(raw)
	}
	return n, t.addFetched(ctx, n, w)
}

// unread lists the gaps in what was read of the log. What is read of the time after
// the users were read proves nothing more about them.
func unread(stretches []snapshot.Coverage, from, to time.Time) []snapshot.Window {
	var gaps []snapshot.Window
	for _, c := range snapshot.UnionCoverage(stretches, from, to) {
		if !c.Complete {
			gaps = append(gaps, snapshot.Window{NotBefore: c.From, NotAfter: c.To})
		}
	}
	return gaps
}

// addFetched adds the records of a window that this run fetched, and that the
// archive lacks or has otherwise.
func (t *run) addFetched(ctx context.Context, n *news, w snapshot.Window) error {
	fetched := map[diff.EventRefKey]*snapshot.RawEvent{}
	var f store.EventFilter
	for raw := range t.within(w) {
		fetched[keyOf(snapshot.EventRef{Source: raw.Source, ID: raw.ID})] = raw
		if f.From.IsZero() || raw.At.Before(f.From) {
			f.From = raw.At
		}
		if raw.At.After(f.To) {
			f.To = raw.At
		}
	}
	if len(fetched) == 0 {
		return nil
	}
	for raw, err := range t.archive(ctx, f) {
		if err != nil {
			return err
		}
		key := keyOf(snapshot.EventRef{Source: raw.Source, ID: raw.ID})
		if same := fetched[key]; same != nil && bytes.Equal(same.Raw, raw.Raw) {
			delete(fetched, key)
		}
	}
	for _, raw := range fetched {
		n.add(raw)
	}
	return nil
}
