package snapshot

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGapOf(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	read := func(n int) Reading { return Reading{Run: RunID(n), At: day(n)} }
	not := func(n int, why GapWhy) Reading { return Reading{Run: RunID(n), At: day(n), Why: why} }
	skip := func(n int) Reading { return Reading{Run: RunID(n), At: day(n), Skip: true} }
	tests := []struct {
		name     string
		readings []Reading // the newest first
		want     *Gap
	}{
		{"no run", nil, nil},
		{"read", []Reading{read(1)}, nil},
		{"read now, refused before", []Reading{read(2), not(1, GapNotPermitted)}, nil},
		{"never read", []Reading{not(2, GapNotPermitted), not(1, GapNotPermitted)}, &Gap{Why: GapNotPermitted, Run: 2}},
		{"refused now, read before", []Reading{not(3, GapNotPermitted), read(2), read(1)}, &Gap{Why: GapNotPermitted, Run: 3, Since: day(2)}},
		{"the newest reason counts", []Reading{not(3, GapFailed), not(2, GapNotPermitted), read(1)}, &Gap{Why: GapFailed, Run: 3, Since: day(1)}},
		{"no need now, read before", []Reading{skip(2), read(1)}, nil},
		{"no need now, refused before", []Reading{skip(2), not(1, GapFailed)}, &Gap{Why: GapFailed, Run: 1}},
		{"no need ever", []Reading{skip(2), skip(1)}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := GapOf(ReadGroups, "", test.readings)
			if test.want == nil {
				if ok {
					t.Errorf("got %+v, want no gap", got)
				}
				return
			}
			test.want.What = ReadGroups
			if diff := cmp.Diff(*test.want, got); diff != "" || !ok {
				t.Errorf("%v, -want +got:\n%s", ok, diff)
			}
		})
	}
}

func TestGapWhyOf(t *testing.T) {
	for message, want := range map[string]GapWhy{
		"subscriptions could not be read: read page 1 of subscriptions: " + NotPermittedText + ": HTTP 403": GapNotPermitted,
		"the audit source is out of reach: " + fmt.Sprintf(NotInCloudFormat, "china") + " audit search":     GapNotInCloud,
		"subscriptions could not be read: graph is out of reach: HTTP 503":                                  GapFailed,
		"": GapFailed,
	} {
		if got := GapWhyOf(message); got != want {
			t.Errorf("%q: %s, want %s", message, got, want)
		}
	}
}
