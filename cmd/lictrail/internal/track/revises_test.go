package track

import (
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestRevises: what is known now takes the place of what was said, unless the log
// was merely not read, or records were erased on purpose.
func TestRevises(t *testing.T) {
	ref := func(ids ...string) (refs []snapshot.EventRef) {
		for _, id := range ids {
			refs = append(refs, snapshot.EventRef{Source: snapshot.SourceGraph, ID: id})
		}
		return refs
	}
	at := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	by := func(actor string, evidence ...string) snapshot.Attribution {
		return snapshot.Attribution{Cause: snapshot.CauseAdmin, Initiator: snapshot.ByAdmin, Confidence: snapshot.High, At: at,
			Actor: &snapshot.Actor{Kind: snapshot.ActorUser, ID: actor}, Evidence: ref(evidence...)}
	}
	unknown := func(why snapshot.UnknownWhy, evidence ...string) snapshot.Attribution {
		return snapshot.Attribution{Cause: snapshot.CauseUnknown, Initiator: snapshot.ByUnknown, Confidence: snapshot.Low, UnknownWhy: why, Evidence: ref(evidence...)}
	}
	reworded := by("ann", "1")
	reworded.Reason, reworded.Rules = "Ann did.", 7
	other := by("ann", "1")
	other.At = at.Add(time.Second)
	deleted := snapshot.Change{Presence: snapshot.Deleted}
	for name, tc := range map[string]struct {
		change   snapshot.Change
		old, now snapshot.Attribution
		erased   bool
		want     bool
	}{
		"the same in other words":                        {old: by("ann", "1"), now: reworded},
		"another person":                                 {old: by("ann", "1"), now: by("bob", "2"), want: true},
		"another time":                                   {old: by("ann", "1"), now: other, want: true},
		"a name that is no longer proven":                {old: by("ann", "1"), now: unknown(snapshot.Ambiguous, "1", "2"), want: true},
		"a name without any record left":                 {old: by("ann", "1"), now: unknown(snapshot.NoEvent), want: true},
		"a log that was not read":                        {old: by("ann", "1"), now: unknown(snapshot.NotCovered)},
		"a log that was read by now":                     {old: unknown(snapshot.NotCovered), now: unknown(snapshot.NoEvent), want: true},
		"a record that was erased":                       {old: by("ann", "1"), now: unknown(snapshot.NoEvent), erased: true},
		"another record that was erased":                 {old: by("ann", "1"), now: by("bob", "1", "2"), erased: true, want: true},
		"unknown, and records were erased":               {old: unknown(snapshot.NoEvent), now: by("bob", "2"), erased: true, want: true},
		"a deletion of which the list is not stored":     {change: deleted, old: by("ann", "1"), now: unknown(snapshot.NoEvent)},
		"a deletion of which the list is not stored, or": {change: deleted, old: by("ann", "1"), now: unknown(snapshot.Ambiguous, "1", "2"), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			row := &store.ChangeRow{Change: tc.change, Attribution: tc.old}
			if got := revises(row, &tc.now, tc.erased); got != tc.want {
				t.Errorf("revises: %t, want %t", got, tc.want)
			}
		})
	}
}
