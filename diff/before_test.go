package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
)

// TestBefore plays operations of the time before the first run, written as
// "day old > new", with a trailing ! for one whose details are missing.
func TestBefore(t *testing.T) {
	covered := func(time.Time) bool { return true }
	fromThird := func(at time.Time) bool { return at.Day() >= 3 }
	for name, tc := range map[string]struct {
		ops     string
		covered func(time.Time) bool
		want    string // SKU, day, = for exact or <= for held on
	}{
		"assigned":                    {"2 > A", covered, "A=2"},
		"assigned beside another":     {"2 B > A B", covered, "B<=2 A=2"},
		"assigned and removed":        {"2 > A, 4 A >", covered, "A<=2"},
		"removed and assigned again":  {"2 A >, 4 > A", covered, "A=4 A<=2"},
		"only removed":                {"2 A >", covered, "A<=2"},
		"changed":                     {"2 A > A", covered, "A<=2"},
		"details missing afterwards":  {"2 > A, 3 !", covered, "A<=2"},
		"details missing before":      {"2 !, 3 > A", covered, "A=3"},
		"the log was not read so far": {"2 > A, 4 > B", fromThird, "A<=2 B=4"},
		"after the first run":         {"9 > A", covered, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Before(operations(tc.ops), march(8), tc.covered)["u"]
			var words []string
			for _, e := range got {
				sign := "<="
				if e.Exact {
					sign = "="
				}
				words = append(words, fmt.Sprintf("%s%s%d", e.SKU, sign, e.At.Day()))
			}
			want := strings.Fields(tc.want)
			slices.Sort(words)
			slices.Sort(want)
			if !slices.Equal(words, want) {
				t.Errorf("got %v, want %v", words, want)
			}
		})
	}
}

// TestShown: of what came after the first run every operation counts that shows what a
// user held, also one that changed nothing.
func TestShown(t *testing.T) {
	failed := operations("3 > A")
	failed[0].Failed = true
	same := operations("3 A > A")
	same[0].NoOp = true
	for name, tc := range map[string]struct {
		ops  []snapshot.Bundle
		want string
	}{
		"assigned and removed": {operations("3 > A, 4 A >, 5 > A"), "A<=3"},
		"only removed":         {operations("4 A >"), "A<=4"},
		"beside another":       {operations("3 B > A B, 4 A B > A"), "A<=3 B<=3"},
		"nothing changed":      {same, "A<=3"},
		"failed":               {failed, ""},
		"details missing":      {operations("3 !, 4 > A"), "A<=4"},
		"before the first run": {operations("1 > A, 4 A >"), "A<=4"},
		"no record of a user":  {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var words []string
			for _, e := range Shown(tc.ops, march(2))["u"] {
				words = append(words, fmt.Sprintf("%s<=%d", e.SKU, e.At.Day()))
				if e.Exact {
					t.Errorf("%s is called exact", e.SKU)
				}
			}
			slices.Sort(words)
			if got := strings.Join(words, " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func march(day int) time.Time { return time.Date(2026, 3, day, 10, 0, 0, 0, time.UTC) }

func operations(text string) []snapshot.Bundle {
	var bundles []snapshot.Bundle
	for _, op := range strings.Split(text, ", ") {
		op, incomplete := strings.CutSuffix(op, "!")
		date, sets, _ := strings.Cut(op, " ")
		before, after, ok := strings.Cut(sets, ">")
		var day int
		fmt.Sscan(date, &day)
		b := snapshot.Bundle{Activity: snapshot.ChangeUserLicense, At: march(day), Target: "u", Incomplete: incomplete,
			Events: []*snapshot.Event{{Source: snapshot.SourceGraph, ID: op, At: march(day)}}}
		if ok {
			b.License = &snapshot.LicenseDetail{Old: licensesOf(before), New: licensesOf(after), Complete: true, OldKnown: true, NewKnown: true}
		}
		bundles = append(bundles, b)
	}
	return bundles
}

func licensesOf(words string) []snapshot.EventLicense {
	var set []snapshot.EventLicense
	for _, w := range strings.Fields(words) {
		set = append(set, snapshot.EventLicense{SKU: snapshot.SKUID(w)})
	}
	return set
}
