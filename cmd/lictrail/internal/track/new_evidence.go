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

// newEvidence lists the users whose changes in the window of an earlier run may be attributed
// differently now, because of evidence that came after that run. Without new evidence the
// attributions stay the same.
type newEvidence struct {
	all   bool
	users map[snapshot.UserID]bool
}

// allUsers stands for all users, where it is not known which evidence is new.
func allUsers(snapshot.UserID) bool { return true }

func (n *newEvidence) concerns(id snapshot.UserID) bool { return n.all || n.users[id] }

// none reports whether there is no new evidence.
func (n *newEvidence) none() bool { return !n.all && len(n.users) == 0 }

// add adds the users whom a record concerns. One that cannot be read is no evidence.
func (n *newEvidence) add(raw *snapshot.RawEvent) {
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

// newEvidenceOf returns the evidence about the window of an earlier run that is new in this
// run. before is the coverage of the log up to the previous run, now includes this run's.
func (t *run) newEvidenceOf(ctx context.Context, h *store.History, r *store.Run, before, now []snapshot.Coverage) (*newEvidence, error) {
	w := recordsOf(h.Window(r.ID))
	n := &newEvidence{users: map[snapshot.UserID]bool{}}
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

// unread lists the gaps in the coverage of the log between two times. Records of a time
// after the users were read prove nothing more about them.
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
func (t *run) addFetched(ctx context.Context, n *newEvidence, w snapshot.Window) error {
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
