package snapshot

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// on is a day of March 2026.
func on(day int) time.Time { return time.Date(2026, time.March, day, 9, 30, 0, 0, time.UTC) }

func direct(sku SKUID) PathKey { return PathKey{SKU: sku, PathRef: PathRef{Kind: Direct}} }

func byGroup(sku SKUID, g GroupID) PathKey {
	return PathKey{SKU: sku, PathRef: PathRef{Kind: ByGroup, Group: g}}
}

func unknown(sku SKUID) PathKey { return PathKey{SKU: sku, PathRef: PathRef{Kind: Unknown}} }

func TestI4_ResolvePaths(t *testing.T) {
	e3 := []License{{SKU: "e3"}}
	for _, test := range []struct {
		name     string
		licenses []License
		rows     []StateRow
		want     []Path
	}{
		{name: "nothing", want: []Path{}},
		{
			name: "an Error row is not held, though the license is there by another path", licenses: e3,
			rows: []StateRow{{SKU: "e3", State: "Active", UpdatedAt: on(1)}, {SKU: "e3", Group: "g", State: "Error", Error: "CountViolation", UpdatedAt: on(2)}},
			want: []Path{
				{PathKey: direct("e3"), Held: true, State: "Active", UpdatedAt: on(1)},
				{PathKey: byGroup("e3", "g"), State: "Error", Error: "CountViolation", UpdatedAt: on(2)},
			},
		},
		{
			name: "an Error row alone is not held",
			rows: []StateRow{{SKU: "e3", Group: "g", State: "Error", Error: "CountViolation"}},
			want: []Path{{PathKey: byGroup("e3", "g"), State: "Error", Error: "CountViolation"}},
		},
		{
			name: "an Error row does not explain a license", licenses: e3,
			rows: []StateRow{{SKU: "e3", State: "Error", Error: "Other", UpdatedAt: on(1)}},
			want: []Path{
				{PathKey: direct("e3"), State: "Error", Error: "Other", UpdatedAt: on(1)},
				{PathKey: unknown("e3"), Held: true, State: "Active"},
			},
		},
		{
			name: "Active is held, whether or not assignedLicenses has caught up",
			rows: []StateRow{{SKU: "e3", State: "Active"}},
			want: []Path{{PathKey: direct("e3"), Held: true, State: "Active"}},
		},
		{
			name: "ActiveWithError is held",
			rows: []StateRow{{SKU: "e3", Group: "g", State: "ActiveWithError", Error: "DependencyViolation"}},
			want: []Path{{PathKey: byGroup("e3", "g"), Held: true, State: "ActiveWithError", Error: "DependencyViolation"}},
		},
		{
			name: "any other state is held while the license is there", licenses: e3,
			rows: []StateRow{{SKU: "e3", State: "Disabled"}, {SKU: "e3", Group: "g", State: "Sleeping"}},
			want: []Path{
				{PathKey: direct("e3"), Held: true, State: "Disabled"},
				{PathKey: byGroup("e3", "g"), Held: true, State: "Sleeping"},
			},
		},
		{
			name: "any other state is not held without the license", licenses: []License{{SKU: "f1"}},
			rows: []StateRow{{SKU: "e3", State: "Disabled"}, {SKU: "f1", State: "Active"}},
			want: []Path{{PathKey: direct("e3"), State: "Disabled"}, {PathKey: direct("f1"), Held: true, State: "Active"}},
		},
		{
			name: "a license without a row is not called direct", licenses: []License{{SKU: "e3", Disabled: []PlanID{"b", "a", "b"}}},
			want: []Path{{PathKey: unknown("e3"), Held: true, State: "Active", Disabled: []PlanID{"a", "b"}}},
		},
		{
			name: "of rows that repeat a path, the one updated last counts", licenses: e3,
			rows: []StateRow{{SKU: "e3", State: "Active", UpdatedAt: on(3), Disabled: []PlanID{"new"}}, {SKU: "e3", State: "Error", UpdatedAt: on(2), Error: "Other"}},
			want: []Path{{PathKey: direct("e3"), Held: true, State: "Active", UpdatedAt: on(3), Disabled: []PlanID{"new"}}},
		},
		{
			name: "a row that was replaced explains no license", licenses: e3,
			rows: []StateRow{{SKU: "e3", State: "Active", UpdatedAt: on(2)}, {SKU: "e3", State: "Error", UpdatedAt: on(3), Error: "Other"}},
			want: []Path{
				{PathKey: direct("e3"), State: "Error", UpdatedAt: on(3), Error: "Other"},
				{PathKey: unknown("e3"), Held: true, State: "Active"},
			},
		},
		{
			name: "paths of several SKUs and groups are sorted: direct, groups by id",
			rows: []StateRow{{SKU: "f1", State: "Active"}, {SKU: "e3", Group: "h", State: "Active"}, {SKU: "e3", Group: "g", State: "Active"}, {SKU: "e3", State: "Active"}},
			want: []Path{
				{PathKey: direct("e3"), Held: true, State: "Active"},
				{PathKey: byGroup("e3", "g"), Held: true, State: "Active"},
				{PathKey: byGroup("e3", "h"), Held: true, State: "Active"},
				{PathKey: direct("f1"), Held: true, State: "Active"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, ResolvePaths(test.licenses, test.rows)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestI5_NoneMeansNoError(t *testing.T) {
	for given, want := range map[string]string{"": "", "None": "", "CountViolation": "CountViolation", "none of these": "none of these"} {
		paths := ResolvePaths(nil, []StateRow{{SKU: "e3", State: "Active", Error: given}})
		if paths[0].Error != want {
			t.Errorf("error %q became %q, want %q", given, paths[0].Error, want)
		}
	}
}

// randomAnswer is what Graph might say of a user's licenses, repeated and
// contradicting rows included.
func randomAnswer(rng *rand.Rand) ([]License, []StateRow) {
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	plans := func() []PlanID {
		var ids []PlanID
		for range rng.IntN(3) {
			ids = append(ids, PlanID(pick("a", "b", "c")))
		}
		return ids
	}
	licenses := make([]License, rng.IntN(4))
	for i := range licenses {
		licenses[i] = License{SKU: SKUID(pick("e3", "e5", "f1")), Disabled: plans()}
	}
	rows := make([]StateRow, rng.IntN(6))
	for i := range rows {
		rows[i] = StateRow{
			SKU: SKUID(pick("e3", "e5", "f1")), Group: GroupID(pick("", "g", "h")),
			State: pick("Active", "ActiveWithError", "Disabled", "Error", "Sleeping"), Error: pick("", "None", "CountViolation"),
			Disabled: plans(),
		}
		if day := rng.IntN(4); day > 0 {
			rows[i].UpdatedAt = on(day)
		}
	}
	return licenses, rows
}

func TestI3_ResolvePathsOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(5_000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		licenses, rows := randomAnswer(rng)
		want := ResolvePaths(licenses, rows)
		for i := range rows {
			shuffle(rng, rows[i].Disabled)
		}
		shuffle(rng, licenses)
		shuffle(rng, rows)
		if d := cmp.Diff(want, ResolvePaths(licenses, rows)); d != "" {
			t.Fatalf("seed %d: %+v %+v (-first order +second order):\n%s", seed, licenses, rows, d)
		}
	}
}

func shuffle[T any](rng *rand.Rand, s []T) {
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestI4_WhatIsHeld(t *testing.T) {
	for seed := range uint64(5_000) {
		licenses, rows := randomAnswer(rand.New(rand.NewPCG(seed, 4)))
		before := slices.Clone(rows)
		u := User{Paths: ResolvePaths(licenses, rows)}
		if d := cmp.Diff(before, rows); d != "" {
			t.Fatalf("seed %d: the rows given were changed: %s", seed, d)
		}
		granted := map[SKUID]bool{}
		for _, l := range licenses {
			granted[l.SKU] = true
			if !u.Holds(l.SKU) {
				t.Fatalf("seed %d: assignedLicenses has %s, and no path holds it: %+v %+v", seed, l.SKU, rows, u.Paths)
			}
		}
		if !slices.IsSortedFunc(u.Paths, func(a, b Path) int {
			if c := a.PathKey.Compare(b.PathKey); c != 0 {
				return c
			}
			return 1 // a repeated key is out of order too
		}) {
			t.Fatalf("seed %d: paths repeat or are out of order: %+v", seed, u.Paths)
		}
		for _, p := range u.Paths {
			want := granted[p.SKU]
			switch {
			case p.Kind == Unknown:
				want = true
			case p.State == "Error":
				want = false
			case p.State == "Active" || p.State == "ActiveWithError":
				want = true
			}
			if p.Held != want {
				t.Fatalf("seed %d: %+v has Held %t", seed, p, p.Held)
			}
			if p.Kind == Unknown && len(heldBy(u.Paths, p.SKU)) > 1 {
				t.Fatalf("seed %d: a row explains %s, and it has an unknown path: %+v", seed, p.SKU, u.Paths)
			}
		}
	}
}

func heldBy(paths []Path, sku SKUID) []Path {
	return slices.DeleteFunc(slices.Clone(paths), func(p Path) bool { return p.SKU != sku || !p.Held })
}
