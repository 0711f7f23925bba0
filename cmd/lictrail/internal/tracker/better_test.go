package tracker

import (
	"testing"

	"lictrail/snapshot"
)

// That an account was deleted does not tell what ended before: the run saw what the
// deleted account still listed, and a later look does not.
func TestBetter_Deletion(t *testing.T) {
	gone := snapshot.EventRef{Source: snapshot.SourceGraph, ID: "1", Activity: "Delete user"}
	taken := snapshot.EventRef{Source: snapshot.SourceGraph, ID: "2", Activity: "Change user license"}
	for _, test := range []struct {
		old, now snapshot.Attribution
		want     bool
	}{
		{snapshot.Attribution{Cause: snapshot.CauseUnknown, UnknownWhy: snapshot.NoEvent},
			snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Evidence: []snapshot.EventRef{gone}}, false},
		{snapshot.Attribution{Cause: snapshot.CauseUnknown, UnknownWhy: snapshot.NotCovered},
			snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Evidence: []snapshot.EventRef{gone}}, false},
		{snapshot.Attribution{Cause: snapshot.CauseUnknown, UnknownWhy: snapshot.NotCovered},
			snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Evidence: []snapshot.EventRef{gone, taken}}, true},
		{snapshot.Attribution{Cause: snapshot.CauseUserDeleted},
			snapshot.Attribution{Cause: snapshot.CauseUserDeleted, Evidence: []snapshot.EventRef{gone}}, true},
	} {
		if got := better(&test.old, &test.now); got != test.want {
			t.Errorf("%s/%s to %s on %v: better %v", test.old.Cause, test.old.UnknownWhy, test.now.Cause, test.now.Evidence, got)
		}
	}
}
