package snapshot

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func whole(source Source, from, to int) Coverage {
	return Coverage{Source: source, From: on(from), To: on(to), Complete: true, Events: 1}
}

func gap(source Source, from, to int, why string) Coverage {
	return Coverage{Source: source, From: on(from), To: on(to), Why: why}
}

func TestJoinCoverage(t *testing.T) {
	joined := func(source Source, from, to int, events int64) Coverage {
		c := whole(source, from, to)
		c.Events = events
		return c
	}
	for _, test := range []struct {
		name        string
		given, want []Coverage
	}{
		{name: "nothing"},
		{"stretches that meet", []Coverage{whole("graph", 1, 3), whole("graph", 3, 5)}, []Coverage{joined("graph", 1, 5, 2)}},
		{
			"a day that ends with its last millisecond, and the next",
			[]Coverage{{Source: "graph", From: on(1), To: on(2).Add(-time.Millisecond), Complete: true, Events: 1}, whole("graph", 2, 3)},
			[]Coverage{joined("graph", 1, 3, 2)},
		},
		{
			"two milliseconds apart",
			[]Coverage{{Source: "graph", From: on(1), To: on(2).Add(-2 * time.Millisecond), Complete: true, Events: 1}, whole("graph", 2, 3)},
			[]Coverage{{Source: "graph", From: on(1), To: on(2).Add(-2 * time.Millisecond), Complete: true, Events: 1}, whole("graph", 2, 3)},
		},
		{"a gap of no length", []Coverage{gap("graph", 2, 2, "throttled")}, nil},
		{"stretches that overlap", []Coverage{whole("graph", 1, 4), whole("graph", 3, 5)}, []Coverage{joined("graph", 1, 5, 2)}},
		{"a stretch inside another", []Coverage{whole("graph", 1, 9), whole("graph", 3, 5)}, []Coverage{joined("graph", 1, 9, 2)}},
		{"a stretch that joins two", []Coverage{whole("graph", 1, 3), whole("graph", 5, 7), whole("graph", 2, 6)}, []Coverage{joined("graph", 1, 7, 3)}},
		{"stretches apart", []Coverage{whole("graph", 5, 7), whole("graph", 1, 4)}, []Coverage{whole("graph", 1, 4), whole("graph", 5, 7)}},
		{
			"sources apart, and in order",
			[]Coverage{whole("unified", 1, 3), whole("graph", 3, 5)}, []Coverage{whole("graph", 3, 5), whole("unified", 1, 3)},
		},
		{
			"a gap that was filled later is no gap",
			[]Coverage{gap("graph", 2, 4, "throttled"), whole("graph", 1, 3), whole("graph", 3, 5)}, []Coverage{joined("graph", 1, 5, 2)},
		},
		{
			"a gap of which a part is covered keeps its reason",
			[]Coverage{whole("graph", 1, 3), gap("graph", 2, 4, "throttled")}, []Coverage{whole("graph", 1, 3), gap("graph", 2, 4, "throttled")},
		},
		{
			"another source does not fill it",
			[]Coverage{whole("unified", 1, 9), gap("graph", 2, 4, "throttled")}, []Coverage{gap("graph", 2, 4, "throttled"), whole("unified", 1, 9)},
		},
		{
			"a gap does not join what lies on either side",
			[]Coverage{whole("graph", 1, 2), gap("graph", 2, 4, "throttled"), whole("graph", 4, 5)},
			[]Coverage{whole("graph", 1, 2), gap("graph", 2, 4, "throttled"), whole("graph", 4, 5)},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, JoinCoverage(test.given)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestCovered(t *testing.T) {
	given := []Coverage{whole("graph", 1, 3), whole("unified", 3, 5), whole("graph", 7, 9), gap("graph", 5, 7, "throttled")}
	for _, test := range []struct {
		from, to int
		want     bool
	}{
		{1, 3, true},
		{1, 5, true}, // two sources, one after the other
		{2, 4, true},
		{1, 6, false},
		{4, 8, false}, // the middle was asked for and not had
		{5, 7, false},
		{7, 9, true},
		{7, 10, false},
	} {
		if got := Covered(given, on(test.from), on(test.to)); got != test.want {
			t.Errorf("Covered(%d to %d) = %t, want %t", test.from, test.to, got, test.want)
		}
	}
	if Covered(nil, on(1), on(1)) {
		t.Error("nothing was read, and it covers something")
	}
}

// Joining must neither lose nor invent a moment that was read, whatever the
// order of the stretches.
func TestCoverage_JoiningKeepsEveryMoment(t *testing.T) {
	for seed := range uint64(3_000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		given := make([]Coverage, rng.IntN(7))
		for i := range given {
			from := 1 + rng.IntN(12)
			given[i] = Coverage{Source: []Source{"graph", "unified"}[rng.IntN(2)], From: on(from), To: on(from + rng.IntN(5)), Complete: rng.IntN(4) > 0}
		}
		joined := JoinCoverage(given)
		if d := cmp.Diff(joined, JoinCoverage(joined)); d != "" {
			t.Fatalf("seed %d: joining again changes it: %s", seed, d)
		}
		for _, source := range []Source{"graph", "unified"} {
			for half := 1; half < 40; half++ { // days and the noons between them
				at := on(1).Add(time.Duration(half) * 12 * time.Hour)
				if was, is := readAt(given, source, at), readAt(joined, source, at); was != is {
					t.Fatalf("seed %d: %s at %v: read %t, joined %t", seed, source, at, was, is)
				}
			}
		}
		from, to := on(1+rng.IntN(12)), on(3+rng.IntN(12))
		shuffle(rng, given)
		if want := readThroughout(given, from, to); !to.Before(from) && Covered(given, from, to) != want {
			t.Fatalf("seed %d: Covered(%v, %v) = %t in %+v", seed, from, to, !want, given)
		}
	}
}

func readAt(stretches []Coverage, source Source, at time.Time) bool {
	for _, c := range stretches {
		if c.Complete && (source == "" || c.Source == source) && !at.Before(c.From) && !at.After(c.To) {
			return true
		}
	}
	return false
}

func readThroughout(stretches []Coverage, from, to time.Time) bool {
	for at := from; !at.After(to); at = at.Add(12 * time.Hour) {
		if !readAt(stretches, "", at) {
			return false
		}
	}
	return true
}

// TestUnionCoverage_NoLength: there is no gap between two days, nor one of no
// length at either end.
func TestUnionCoverage_NoLength(t *testing.T) {
	days := []Coverage{
		{Source: "graph", From: on(1), To: on(2).Add(-time.Millisecond), Complete: true},
		{Source: "unified", From: on(2), To: on(3), Complete: true},
	}
	for _, to := range []time.Time{on(3), on(3).Add(time.Millisecond)} {
		for _, c := range UnionCoverage(days, on(1), to) {
			if !c.Complete {
				t.Errorf("up to %v: a gap from %v to %v", to, c.From, c.To)
			}
		}
	}
	last := UnionCoverage(days, on(1), on(3).Add(2*time.Millisecond))
	if len(last) != 2 || last[1].Complete {
		t.Errorf("got %+v, want a gap at the end", last)
	}
	if !Covered(days, on(1), on(3)) {
		t.Error("two days that follow each other do not cover both")
	}
}

func TestUnionCoverage(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	stretches := []Coverage{
		{Source: SourceGraph, From: day(10), To: day(14), Complete: true, Events: 3},
		{Source: SourceUnified, From: day(2), To: day(5), Complete: true, Events: 2},
		{Source: SourceGraph, From: day(4), To: day(7), Complete: true, Events: 1},
		{Source: SourceUnified, From: day(8), To: day(9), Why: "imported from a.csv"},
		{Source: SourceGraph, From: day(16), To: day(18), Why: "no permission"},
	}
	want := []Coverage{
		{Source: AnySource, From: day(1), To: day(2), Why: "not read from any source"},
		{Source: AnySource, From: day(2), To: day(7), Complete: true, Events: 3},
		{Source: AnySource, From: day(7), To: day(10), Why: "imported from a.csv"},
		{Source: AnySource, From: day(10), To: day(14), Complete: true, Events: 3},
		{Source: AnySource, From: day(14), To: day(20), Why: "no permission"},
	}
	if got := UnionCoverage(stretches, day(1), day(20)); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
