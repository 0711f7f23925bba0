package track

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"lictrail/snapshot"
)

// usual is a tenant of 100 users of whom 50 hold E3 and 10 Visio.
func usual() Counts {
	return Counts{
		Users: 100, Listed: 100, Licensed: 50, Held: 60,
		Shown: map[property]int64{accountEnabled: 100, principalName: 100, displayName: 100, assignmentStates: 50, assignedPlans: 50},
		SKUs: map[snapshot.SKUID]Seats{
			"e3":    {PartNumber: "E3", Holders: 50, Consumed: 50},
			"visio": {PartNumber: "VISIO", Holders: 10, Consumed: 10},
		},
	}
}

// holders sets how many users hold a SKU, and how many seats Microsoft counts.
func (c *Counts) holders(sku snapshot.SKUID, holders, consumed int64) {
	s := c.SKUs[sku]
	c.Held += holders - s.Holders
	s.Holders, s.Consumed = holders, consumed
	c.SKUs[sku] = s
}

// TestJudge has a row on each side of every threshold, with a share of 20 %.
func TestJudge(t *testing.T) {
	type counts = *Counts
	nobody := func(c counts) { c.Licensed = 0; c.holders("e3", 0, 0); c.holders("visio", 0, 0) }
	tests := []struct {
		name  string
		first bool               // there is no run before
		edit  func(b, n counts)  // of the run before and of this one
		want  map[error][]string // the kinds of refusals, and figures that they name
	}{
		{name: "nothing happened"},
		{name: "first run", first: true},
		{name: "nobody is listed", edit: func(_, n counts) { n.Users = 0 }, want: map[error][]string{ErrImplausible: {"no user at all"}}},

		// Users.
		{name: "20 % of the users are missing", edit: func(_, n counts) { n.Users, n.Listed = 80, 80 }},
		{name: "21 % of the users are missing", edit: func(_, n counts) { n.Users, n.Listed = 79, 79 },
			want: map[error][]string{ErrShrunk: {"79 users", "had 100", "21 % fewer", "20 % are allowed"}}},
		{name: "the run before had no users", edit: func(b, _ counts) { b.Users = 0 }},
		{name: "there are more users", edit: func(_, n counts) { n.Users, n.Listed = 300, 300 }},
		{name: "Graph gives no count", edit: func(_, n counts) { n.Listed = -1 }},
		{name: "2 users fewer than Graph counts", edit: func(b, n counts) { b.Users, n.Users, n.Listed = 10, 8, 10 }},
		{name: "3 users fewer than Graph counts", edit: func(b, n counts) { b.Users, n.Users, n.Listed = 10, 8, 11 },
			want: map[error][]string{ErrImplausible: {"8 users were listed, Graph counts 11"}}},
		{name: "2 % fewer than Graph counts", edit: func(_, n counts) { n.Users, n.Listed = 147, 150 }},
		{name: "more than 2 % fewer than Graph counts", edit: func(_, n counts) { n.Users, n.Listed = 146, 149 },
			want: map[error][]string{ErrImplausible: {"146 users were listed, Graph counts 149"}}},
		{name: "more users than Graph counts", edit: func(_, n counts) { n.Listed = 50 }},

		// Rows that say nothing.
		{name: "20 % of the rows are silent", edit: func(_, n counts) { n.Silent = 20 }},
		{name: "21 % of the rows are silent", edit: func(_, n counts) { n.Silent = 21 },
			want: map[error][]string{ErrImplausible: {"21 of 100 rows lack assignedLicenses"}}},
		{name: "one silent row of a holder", edit: func(_, n counts) { n.Silent, n.Silenced = 1, "ann" },
			want: map[error][]string{ErrImplausible: {"1 of 100 rows", "user ann, who held"}}},
		{name: "all rows are silent", first: true, edit: func(_, n counts) { n.Silent = 100 },
			want: map[error][]string{ErrImplausible: {"no user's row has assignedLicenses (100 users)"}}},
		{name: "state rows alone show licenses", first: true, edit: func(_, n counts) { n.Unlisted = 50 },
			want: map[error][]string{ErrImplausible: {"assignedLicenses is empty for all 100 users", "licenses of 50"}}},
		{name: "state rows alone show all licenses but one", edit: func(_, n counts) { n.Unlisted = 49 }},

		// Properties that are empty for everybody.
		{name: "accountEnabled is null for all", edit: func(_, n counts) { n.Shown[accountEnabled] = 0 },
			want: map[error][]string{ErrBlank: {"accountEnabled is empty for all 100 users"}}},
		{name: "accountEnabled is null for all but one", edit: func(_, n counts) { n.Shown[accountEnabled] = 1 }},
		{name: "accountEnabled is null for all, in the first run", first: true, edit: func(_, n counts) { n.Shown[accountEnabled] = 0 },
			want: map[error][]string{ErrBlank: {"accountEnabled"}}},
		{name: "accountEnabled is null for all, as before", edit: func(b, n counts) { b.Shown[accountEnabled], n.Shown[accountEnabled] = 0, 0 }},
		{name: "one row has lost accountEnabled and licenses", edit: func(_, n counts) { n.Shown[accountEnabled], n.Blank, n.Blanked = 99, 1, "ann" },
			want: map[error][]string{ErrBlank: {"1 of 100 rows have neither", "user ann, who had both"}}},
		{name: "rows of users without licenses have lost accountEnabled", edit: func(_, n counts) { n.Shown[accountEnabled], n.Blank = 50, 50 }},
		{name: "no user has a name", edit: func(_, n counts) { n.Shown[principalName], n.Shown[displayName] = 0, 0 },
			want: map[error][]string{ErrBlank: {"userPrincipalName is empty", "displayName is empty"}}},
		{name: "no state rows", edit: func(_, n counts) { n.Shown[assignmentStates] = 0 },
			want: map[error][]string{ErrBlank: {"licenseAssignmentStates is empty for all 100 users, of whom 50 hold licenses"}}},
		{name: "no plans", edit: func(_, n counts) { n.Shown[assignedPlans] = 0 },
			want: map[error][]string{ErrBlank: {"assignedPlans"}}},
		{name: "no state rows and no plans, in the first run", first: true, edit: func(_, n counts) { n.Shown[assignmentStates], n.Shown[assignedPlans] = 0, 0 }},
		{name: "no state rows where nobody holds a license", edit: func(_, n counts) { nobody(n); n.Shown[assignmentStates], n.Shown[assignedPlans] = 0, 0 }},

		// Licenses that are gone, and seats that are still counted.
		{name: "20 % of the holders are missing and counted", edit: func(_, n counts) { n.holders("e3", 40, 50) }},
		{name: "22 % of the holders are missing and counted", edit: func(_, n counts) { n.holders("e3", 39, 50) },
			want: map[error][]string{ErrVanished: {"E3: 39 users hold it, 50 in the run before", "counts 50 seats in use, 50 before", "22 % of the holders", "20 % are allowed"}}},
		{name: "half are removed, and the count says so", edit: func(_, n counts) { n.holders("e3", 25, 25) }},
		{name: "half are removed, the count says so of 15", edit: func(_, n counts) { n.holders("e3", 25, 35) }},
		{name: "half are removed, the count says so of 14", edit: func(_, n counts) { n.holders("e3", 25, 36) },
			want: map[error][]string{ErrVanished: {"25 users hold it", "36 seats"}}},
		{name: "half are removed of a SKU of which Microsoft always counts 30 more", edit: func(b, n counts) { b.holders("e3", 50, 80); n.holders("e3", 25, 55) }},
		{name: "half are removed of a SKU that Microsoft never counted", edit: func(b, n counts) { b.holders("e3", 50, 0); n.holders("e3", 25, 0) }},
		{name: "half are missing of a SKU that Microsoft counts for the first time", edit: func(b, n counts) { b.holders("e3", 50, 0); n.holders("e3", 25, 50) },
			want: map[error][]string{ErrVanished: {"50 % of the holders"}}},
		{name: "the only holder of a SKU", edit: func(b, n counts) { b.holders("visio", 1, 1); n.holders("visio", 0, 1) },
			want: map[error][]string{ErrVanished: {"VISIO: 0 users hold it, 1 in the run before"}}},
		{name: "one SKU is empty", edit: func(_, n counts) { n.holders("visio", 0, 10) },
			want: map[error][]string{ErrVanished: {"VISIO"}}},
		{name: "a SKU left the list with its holders", edit: func(_, n counts) { n.holders("visio", 0, 0); delete(n.SKUs, "visio") }},
		{name: "more holders", edit: func(_, n counts) { n.holders("e3", 90, 50) }},
		{name: "half are gone of a SKU without a count", edit: func(_, n counts) {
			n.holders("e3", 25, 50)
			n.SKUs["e3"] = Seats{PartNumber: "E3", Holders: 25, Consumed: 50, Uncounted: true}
		}, want: map[error][]string{ErrVanished: {"E3: 25 users hold it, 50 in the run before", "count of seats in use is missing"}}},
		{name: "20 % are gone of a SKU without a count", edit: func(_, n counts) {
			n.holders("e3", 40, 40)
			n.SKUs["e3"] = Seats{PartNumber: "E3", Holders: 40, Uncounted: true}
		}},
		{name: "everything is gone, and nothing is counted", edit: func(_, n counts) {
			nobody(n)
			n.SKUs["e3"] = Seats{PartNumber: "E3", Consumed: 50, Uncounted: true}
		}, want: map[error][]string{ErrVanished: {"E3: 0 users hold it, 50 in the run before", "count of seats in use is missing"}}},
		{name: "everything is gone, and the count says so", edit: func(_, n counts) { nobody(n) }},
		{name: "everything is gone, and Microsoft counts a seat", edit: func(_, n counts) { nobody(n); n.holders("visio", 0, 1) },
			want: map[error][]string{ErrVanished: {"none of 100 users holds a license, and Microsoft counts 1 seats"}}},
		{name: "nobody holds anything in the first run, and Microsoft counts seats", first: true, edit: func(_, n counts) { nobody(n); n.holders("e3", 0, 50) },
			want: map[error][]string{ErrVanished: {"none of 100 users", "50 seats"}}},
		{name: "nobody holds anything in the first run", first: true, edit: func(_, n counts) { nobody(n) }},
		{name: "nobody holds anything, as before", edit: func(b, n counts) { nobody(b); nobody(n); b.holders("e3", 0, 50); n.holders("e3", 0, 50) }},
		{name: "no SKU is listed, and 20 % of the licenses are gone", edit: func(_, n counts) { n.Held, n.SKUs = 48, nil }},
		{name: "no SKU is listed, and 22 % of the licenses are gone", edit: func(_, n counts) { n.Held, n.SKUs = 47, nil },
			want: map[error][]string{ErrVanished: {"47 licenses, the run before had 60", "no SKU was listed"}}},

		{name: "an answer that is empty for everybody", edit: func(_, n counts) {
			n.Shown = map[property]int64{principalName: 100, displayName: 100}
			n.Licensed = 0
			n.holders("e3", 0, 50)
			n.holders("visio", 0, 10)
		}, want: map[error][]string{ErrBlank: {"accountEnabled"}, ErrVanished: {"none of 100 users", "60 seats"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, now := usual(), usual()
			if test.edit != nil {
				test.edit(&before, &now)
			}
			p := &before
			if test.first {
				p = nil
			}
			got := errors.Join(Judge(p, now, 0.2)...)
			for _, kind := range refusals {
				if _, want := test.want[kind]; errors.Is(got, kind) != want {
					t.Errorf("refused as %q: %v; %v", kind, !want, got)
				}
				for _, figure := range test.want[kind] {
					if got == nil || !strings.Contains(got.Error(), figure) {
						t.Errorf("%v does not tell %q", got, figure)
					}
				}
			}
		})
	}
}

// TestJudge_Named: a refusal names the largest SKUs, and counts the others.
func TestJudge_Named(t *testing.T) {
	before := usual()
	before.SKUs = map[snapshot.SKUID]Seats{}
	for i, name := range []string{"A", "B", "C", "D", "E", "F", "G"} {
		before.SKUs[snapshot.SKUID(name)] = Seats{PartNumber: name, Holders: int64(10 + i), Consumed: 20}
	}
	now := before
	now.SKUs = maps.Clone(before.SKUs)
	for id, s := range now.SKUs {
		s.Holders = 0
		now.SKUs[id] = s
	}
	text := errors.Join(Judge(&before, now, 0.2)...).Error()
	for _, name := range []string{"G", "F", "E", "D", "C"} {
		if !strings.Contains(text, name+": 0 users") {
			t.Errorf("%s is not named: %s", name, text)
		}
	}
	if strings.Contains(text, "B: 0 users") || !strings.HasSuffix(text, "and so for 2 more SKUs") {
		t.Errorf("want 5 SKUs named and 2 counted: %s", text)
	}
}

func TestDiffer(t *testing.T) {
	for _, test := range []struct {
		ours, consumed int64
		want           bool
	}{
		{0, 0, false}, {0, 5, false}, {0, 6, true}, {5, 0, false}, {6, 0, true},
		{94, 100, true}, {95, 100, false}, {106, 100, true}, {105, 100, false},
		{190, 200, false}, {189, 200, true}, {210, 200, false}, {211, 200, true},
	} {
		if got := differ(test.ours, test.consumed); got != test.want {
			t.Errorf("differ(%d, %d) = %v", test.ours, test.consumed, got)
		}
	}
}

// TestRun_Lookups: of the users who are missing at once so many are looked up,
// and no more.
func TestRun_Lookups(t *testing.T) {
	for _, missing := range []int{maxLookups - 1, maxLookups, maxLookups + 1} {
		db := openTestDB(t)
		first := parseRun(t, "at 2026-03-01\nuser stays")
		for i := range missing {
			first.users = append(first.users, parseRun(t, fmt.Sprintf("user u%03d", i)).users...)
		}
		if _, err := Run(t.Context(), first, db, first.options()); err != nil {
			t.Fatal(err)
		}
		then := &asked{scripted: parseRun(t, "at 2026-03-08\nflags accept-shrink\nuser stays")}
		if _, err := Run(t.Context(), then, db, then.options()); err != nil {
			t.Fatal(err)
		}
		if want := min(missing, maxLookups); then.lookups != want {
			t.Errorf("%d missing: %d looked up, want %d", missing, then.lookups, want)
		}
	}
}

// asked counts the users who are looked up.
type asked struct {
	*scripted
	lookups int
}

func (a *asked) UsersExist(ctx context.Context, ids []snapshot.UserID) ([]bool, []error) {
	a.lookups += len(ids)
	return a.scripted.UsersExist(ctx, ids)
}
