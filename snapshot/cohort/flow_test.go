package cohort

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

func on(text string) time.Time {
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			return t
		}
	}
	panic(text)
}

// spell reads "USER FROM..TO [CAUSE] [by=ACTOR] [given=ACTOR]": FROM is a time, "=TIME"
// for what was there then, or TIME~TIME for a window; TO the same, or nothing.
func spell(text string) Spell {
	f := strings.Fields(text)
	from, to, _ := strings.Cut(f[1], "..")
	s := Spell{User: snapshot.UserID(f[0]), From: date(from)}
	if to != "" {
		d := date(to)
		s.To = &d
	}
	for _, w := range f[2:] {
		if by, ok := strings.CutPrefix(w, "by="); ok {
			s.TakenBy = by
		} else if by, ok := strings.CutPrefix(w, "given="); ok {
			s.GivenBy = by
		} else {
			s.Cause = snapshot.Cause(w)
		}
	}
	return s
}

func date(text string) snapshot.Date {
	if at, ok := strings.CutPrefix(text, "="); ok {
		return snapshot.HeldOn(on(at), snapshot.BasisSnapshot)
	}
	if a, b, ok := strings.Cut(text, "~"); ok {
		return snapshot.WindowDate(snapshot.Window{NotBefore: on(a), NotAfter: on(b)})
	}
	return snapshot.ExactDate(on(text))
}

func flowText(f *Flow) string {
	text := fmt.Sprintf("%d", f.Start)
	for _, k := range append(slices.Clone(Gains), Losses...) {
		if f.Counts[k] > 0 {
			text += fmt.Sprintf(" %s %d", k, f.Counts[k])
		}
	}
	text += fmt.Sprintf(" = %d, retained %d", f.End, f.Retained)
	for _, m := range f.Moves {
		if m.Other != "" && m.Gain() {
			text += fmt.Sprintf(", %s to %s", m.Other, m.User)
		}
	}
	if f.Inexact > 0 {
		text += fmt.Sprintf(", %d inexact", f.Inexact)
	}
	return text
}

// TestFollow: each kind of move, at its boundaries, from 10 to 20 March.
func TestFollow(t *testing.T) {
	for _, test := range []struct{ name, spells, want string }{
		{"nothing", "", "0 = 0, retained 0"},
		{"there before", "ann 2026-03-01..", "1 = 1, retained 1"},
		{"there when tracking began, even on a day asked about", "ann =2026-03-12..", "1 = 1, retained 1"},
		{"assigned on the first day", "ann 2026-03-10T00:00..", "0 assigned 1 = 1, retained 0"},
		{"assigned on the last day", "ann 2026-03-20T23:59..", "0 assigned 1 = 1, retained 0"},
		{"assigned the day after", "ann 2026-03-21..", "0 = 0, retained 0"},
		{"taken back", "ann 2026-03-01..2026-03-15 admin", "1 taken-back 1 = 0, retained 0"},
		{"by a group", "ann 2026-03-01..2026-03-15 group", "1 taken-back 1 = 0, retained 0"},
		{"lapsed", "ann 2026-03-01..2026-03-15 subscription", "1 lapsed 1 = 0, retained 0"},
		{"left", "ann 2026-03-01..2026-03-15 user-deleted", "1 user-left 1 = 0, retained 0"},
		{"nobody knows why", "ann 2026-03-01..2026-03-15 unknown", "1 not-known 1 = 0, retained 0"},
		{"gone before", "ann 2026-03-01..2026-03-09T23:00 admin", "0 = 0, retained 0"},
		{"reactivated", "ann 2026-01-01..2026-02-01 admin\nann 2026-03-12..", "0 reactivated 1 = 1, retained 0"},
		{"lost and got back: held at both ends, and not retained", "ann 2026-03-01..2026-03-12 admin\nann 2026-03-14..", "1 reactivated 1 taken-back 1 = 1, retained 0"},
		{"for an hour", "ann 2026-03-12T08:00..2026-03-12T09:00 admin", "0 assigned 1 taken-back 1 = 0, retained 0"},
		{"a window counts on its last day", "ann 2026-03-05~2026-03-12..", "0 assigned 1 = 1, retained 0, 1 inexact"},

		{"reassigned", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\nbob 2026-03-12T08:30.. given=joe", "1 reassigned 1 taken-back 1 = 1, retained 0, ann to bob"},
		{"after an hour exactly", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\nbob 2026-03-12T09:00.. given=joe", "1 reassigned 1 taken-back 1 = 1, retained 0, ann to bob"},
		{"after more than an hour", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\nbob 2026-03-12T09:01.. given=joe", "1 assigned 1 taken-back 1 = 1, retained 0"},
		{"given before", "ann 2026-03-01..2026-03-12T08:30 admin by=joe\nbob 2026-03-12T08:00.. given=joe", "1 assigned 1 taken-back 1 = 1, retained 0"},
		{"by somebody else", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\nbob 2026-03-12T08:30.. given=jim", "1 assigned 1 taken-back 1 = 1, retained 0"},
		{"by nobody known", "ann 2026-03-01..2026-03-12T08:00 admin\nbob 2026-03-12T08:30..", "1 assigned 1 taken-back 1 = 1, retained 0"},
		{"two were taken: which went on is not known", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\ncyd 2026-03-01..2026-03-12T08:10 admin by=joe\nbob 2026-03-12T08:30.. given=joe",
			"2 assigned 1 taken-back 2 = 1, retained 0"},
		{"two were given", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\nbob 2026-03-12T08:30.. given=joe\ncyd 2026-03-12T08:40.. given=joe",
			"1 assigned 2 taken-back 1 = 2, retained 0"},
		{"in a window", "ann 2026-03-01..2026-03-12T07:00~2026-03-12T08:00 admin by=joe\nbob 2026-03-12T08:30.. given=joe", "1 assigned 1 taken-back 1 = 1, retained 0, 1 inexact"},
		{"of a user who left", "ann 2026-03-01..2026-03-12T08:00 user-deleted by=joe\nbob 2026-03-12T08:30.. given=joe", "1 assigned 1 user-left 1 = 1, retained 0"},
		{"to the same user", "ann 2026-03-01..2026-03-12T08:00 admin by=joe\nann 2026-03-12T08:30.. given=joe", "1 reactivated 1 taken-back 1 = 1, retained 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var spells []Spell
			for _, line := range strings.Split(test.spells, "\n") {
				if line != "" {
					spells = append(spells, spell(line))
				}
			}
			f := Follow(spells, snapshot.Days{From: snapshot.DayOf(on("2026-03-10")), To: snapshot.DayOf(on("2026-03-20"))})
			if got := flowText(f); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			addsUp(t, f)
		})
	}
}

// addsUp: on every day those who held it the day before, with what came and without
// what went, hold it.
func addsUp(t *testing.T, f *Flow) {
	t.Helper()
	before, gains, losses := f.Start, 0, 0
	for _, d := range f.ByDay {
		for _, k := range Gains {
			before += d.Moves[k]
			gains += d.Moves[k]
		}
		for _, k := range Losses {
			before -= d.Moves[k]
			losses += d.Moves[k]
		}
		if before != d.Population {
			t.Errorf("%s: the flows give %d, %d hold it", d.Day.Time().Format(time.DateOnly), before, d.Population)
		}
		before = d.Population
	}
	if f.Start+gains-losses != f.End || len(f.Holders) != f.End || f.Retained > min(f.Start, f.End) {
		t.Errorf("%s; %d holders", flowText(f), len(f.Holders))
	}
}

// holders is who holds a SKU by the truth log.
func holders(acts []graphtest.Act, sku string) map[string]bool {
	held := map[string]bool{}
	for user, skus := range graphtest.Replay(acts) {
		if _, ok := skus[sku]; ok {
			held[user] = true
		}
	}
	return held
}

// trueSpells are the times for which users held a SKU, and why they ended.
func trueSpells(acts []graphtest.Act, sku string) []Spell {
	var spells []Spell
	open := map[string]int{}
	for i, a := range acts {
		if a.SKU != sku && a.Kind != graphtest.UserDeleted && a.Kind != graphtest.UserRestored && a.Kind != graphtest.UserPurged && a.Kind != graphtest.UserAdded {
			continue
		}
		held := holders(acts[:i+1], sku)
		for user := range held {
			if _, ok := open[user]; !ok {
				open[user] = len(spells)
				spells = append(spells, Spell{User: snapshot.UserID(user), From: snapshot.ExactDate(a.At), GivenBy: a.Actor.ID})
			}
		}
		for user, n := range open {
			if !held[user] {
				end := snapshot.ExactDate(a.At)
				spells[n].To, spells[n].Cause, spells[n].TakenBy = &end, snapshot.Cause(a.Cause), a.Actor.ID
				delete(open, user)
			}
		}
	}
	return spells
}

// TestFollow_Truth follows every SKU of 200 random tenants: the flows add up on every
// day, and the population is that which the truth log gives. 0 differences.
func TestFollow_Truth(t *testing.T) {
	days, flows, moves := 0, 0, 0
	for seed := range uint64(200) {
		tenant := graphtest.New(seed)
		tenant.Pace = 18 * time.Hour
		tenant.Populate(10, 2)
		began := snapshot.DayOf(tenant.Now())
		tenant.RandomOps(60)
		acts := tenant.Truth()
		span := snapshot.Days{From: began + 1, To: snapshot.DayOf(tenant.Now())}
		for _, sku := range []string{graphtest.SKUE3, graphtest.SKUE5} {
			spells := trueSpells(acts, sku)
			f := Follow(spells, span)
			addsUp(t, f)
			flows, moves = flows+1, moves+len(f.Moves)
			for _, d := range append([]DayFlow{{Day: span.From - 1, Population: f.Start}}, f.ByDay...) {
				end := (d.Day + 1).Time()
				n := 0
				for n < len(acts) && acts[n].At.Before(end) {
					n++
				}
				if want := len(holders(acts[:n], sku)); d.Population != want {
					t.Errorf("seed %d, %s: %d hold it, truth %d", seed, d.Day.Time().Format(time.DateOnly), d.Population, want)
				}
				days++
			}
		}
	}
	t.Logf("%d flows, %d moves, %d days", flows, moves, days)
	if moves < 200 || days < 5000 {
		t.Errorf("too little happened: %d moves on %d days", moves, days)
	}
}
