package cohort

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"lictrail/snapshot"
)

func firstText(f FirstUse) string {
	switch {
	case f.State == Used:
		return fmt.Sprintf("used %d..%d", f.Min, f.Max)
	case f.Never:
		return fmt.Sprintf("never in %d", f.Min)
	case f.State == Unknown:
		return string(f.State)
	}
	return fmt.Sprintf("%s %d", f.State, f.Min)
}

// TestFirstUseOf: what reports show bounds the first use, with a grace of 30 days.
func TestFirstUseOf(t *testing.T) {
	day := func(text string) snapshot.Day { return snapshot.DayOf(on(text)) }
	use := func(first, last string, run snapshot.RunID) UseSpan { return UseSpan{day(first), day(last), run} }
	look := func(run snapshot.RunID, from, to string) Look { return Look{run, day(from), day(to)} }
	half := "2025-10-01"
	for _, test := range []struct {
		name, spell string
		sources     []Source
		want        string
	}{
		{"no source", "ann 2026-03-01..", nil, "not-known"},
		{"there when tracking began", "ann =2026-03-01..", []Source{{Uses: []UseSpan{use("2026-03-05", "2026-03-05", 3)}}}, "not-known"},
		{"used by the first report", "ann 2026-03-01..", []Source{{Uses: []UseSpan{use("2026-03-05", "2026-03-05", 3)}, Looks: []Look{look(3, half, "2026-03-06")}}}, "used 0..4"},
		{"on the day itself", "ann 2026-03-01..", []Source{{Uses: []UseSpan{use("2026-03-01", "2026-03-01", 3)}, Looks: []Look{look(3, half, "2026-03-06")}}}, "used 0..0"},
		{"a report without, then one with", "ann 2026-03-01..", []Source{{Uses: []UseSpan{use("2026-03-12", "2026-03-12", 4)}, Looks: []Look{look(3, half, "2026-03-06"), look(4, half, "2026-03-13")}}}, "used 6..11"},
		{"used before as well", "ann 2026-03-01..", []Source{{Uses: []UseSpan{use("2026-02-20", "2026-03-12", 2)}, Looks: []Look{look(3, half, "2026-03-06"), look(4, half, "2026-03-13")}}}, "used 0..11"},
		{"used before only", "ann 2026-03-01..", []Source{{Uses: []UseSpan{use("2026-02-20", "2026-02-25", 2)}, Looks: []Look{look(4, half, "2026-04-13")}}}, "not-yet 43"},
		{"new on the last day of grace", "ann 2026-03-01..", []Source{{Looks: []Look{look(4, half, "2026-03-30")}}}, "new 29"},
		{"not used on the first day after it", "ann 2026-03-01..", []Source{{Looks: []Look{look(4, half, "2026-03-31")}}}, "not-yet 30"},
		{"grace counts from the latest date", "ann 2026-02-20~2026-03-01..", []Source{{Looks: []Look{look(4, half, "2026-03-30")}}}, "new 29"},
		{"the report ends before the assignment", "ann 2026-03-01..", []Source{{Looks: []Look{look(4, half, "2026-02-27")}}}, "not-known"},
		{"the report reaches back less far", "ann 2026-03-01..", []Source{{Looks: []Look{look(4, "2026-03-02", "2026-08-01")}}}, "not-known"},
		{"a window of assignment", "ann 2026-02-22~2026-03-01..", []Source{{Uses: []UseSpan{use("2026-03-05", "2026-03-05", 3)}, Looks: []Look{look(3, half, "2026-03-06")}}}, "used 0..11"},
		{"used within the window", "ann 2026-02-22~2026-03-01..", []Source{{Uses: []UseSpan{use("2026-02-25", "2026-02-25", 3)}, Looks: []Look{look(3, half, "2026-03-06")}}}, "used 0..3"},
		{"taken back unused", "ann 2026-03-01..2026-03-10 admin", []Source{{Looks: []Look{look(4, half, "2026-03-31")}}}, "never in 9"},
		{"taken back, and used later by another seat", "ann 2026-03-01..2026-03-10 admin", []Source{{Uses: []UseSpan{use("2026-03-15", "2026-03-15", 4)}, Looks: []Look{look(3, half, "2026-03-11"), look(4, half, "2026-03-31")}}}, "never in 9"},
		{"used before and after, and in between who knows", "ann 2026-03-01..2026-03-10 admin", []Source{{Uses: []UseSpan{use("2026-02-25", "2026-03-15", 2)}, Looks: []Look{look(4, half, "2026-03-31")}}}, "not-known"},
		{"the earlier of two sources", "ann 2026-03-01..", []Source{{Uses: []UseSpan{use("2026-03-12", "2026-03-12", 4)}, Looks: []Look{look(3, half, "2026-03-06")}}, {Uses: []UseSpan{use("2026-03-09", "2026-03-09", 4)}}}, "used 6..8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := spell(test.spell)
			if got := firstText(FirstUseOf(&s, test.sources, 30)); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestSummarize: what is not known may have been within any number of days; what went
// unused never was.
func TestSummarize(t *testing.T) {
	s := Summarize([]FirstUse{{State: Used, Min: 0, Max: 4}, {State: Used, Min: 6, Max: 11}, {State: Used, Min: 3, Max: 40},
		{State: NotYet, Min: 45}, {State: New, Min: 10}, {State: Unknown}, {State: NotYet, Min: 9, Never: true}})
	want := []Within{{1, 0, 2}, {7, 1, 4}, {14, 2, 5}, {30, 2, 5}, {60, 3, 6}, {90, 3, 6}}
	if !slices.Equal(s.Within, want) {
		t.Errorf("within %v, want %v", s.Within, want)
	}
	if s.MedianMin != 3 || s.MedianMax != 11 || s.Seats != 7 || s.States[Used] != 3 || s.States[Unknown] != 1 {
		t.Errorf("%+v", s)
	}
	if s := Summarize(nil); s.MedianMin != -1 || s.Within[0] != (Within{1, 0, 0}) {
		t.Errorf("nobody: %+v", s)
	}
}

// watched plays weekly reports over days of true use, and keeps of them what the store
// keeps: stretches of use without a pause of over 30 days.
func watched(r *rand.Rand, uses []snapshot.Day, weeks int, named func(week int) bool) Source {
	var s Source
	for week := range weeks {
		run, to := snapshot.RunID(week+1), snapshot.Day(week*7+r.IntN(4))
		if !named(week) {
			continue
		}
		s.Looks = append(s.Looks, Look{run, to - 180, to})
		last := snapshot.Day(-1)
		for _, u := range uses {
			if u <= to && u > to-180 {
				last = max(last, u)
			}
		}
		switch n := len(s.Uses); {
		case last < 0:
		case n > 0 && s.Uses[n-1].Last >= last:
		case n > 0 && s.Uses[n-1].Last >= last-30:
			s.Uses[n-1].Last = last
		default:
			s.Uses = append(s.Uses, UseSpan{last, last, run})
		}
	}
	return s
}

// TestFirstUseOf_Truth: over 200 tenants the true first use lies between the bounds, and
// what is said not to be used was not. 0 differences.
func TestFirstUseOf_Truth(t *testing.T) {
	counts := map[State]int{}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		for range 20 {
			given := snapshot.Day(5 + r.IntN(100))
			var uses []snapshot.Day
			for d, p := snapshot.Day(0), r.Float64()*r.Float64()*0.3; d < 200; d++ {
				if r.Float64() < p && (d >= given || r.IntN(3) == 0) {
					uses = append(uses, d)
				}
			}
			weeks, from := 10+r.IntN(15), r.IntN(12)
			source := watched(r, uses, weeks, func(week int) bool { return week >= from })
			early := given - snapshot.Day(r.IntN(7))
			s := Spell{User: "ann", From: snapshot.WindowDate(snapshot.Window{NotBefore: early.Time(), NotAfter: given.Time()})}
			actual := early + snapshot.Day(r.IntN(int(given-early)+1)) // when it was truly given
			if r.IntN(3) == 0 {
				s.From, actual = snapshot.ExactDate(given.Time()), given
			}
			end := snapshot.Day(1 << 20)
			if r.IntN(3) == 0 {
				end = given + snapshot.Day(r.IntN(60))
				to := snapshot.ExactDate(end.Time())
				s.To = &to
			}
			truth := snapshot.Day(1 << 29) // the day of the first use
			for _, u := range slices.Backward(uses) {
				if u >= actual && u <= end {
					truth = u
				}
			}
			f := FirstUseOf(&s, []Source{source}, 30)
			counts[f.State]++
			took := int(truth - actual)
			switch f.State {
			case Used:
				// In the window of the assignment use may have been of an earlier seat: it is taken for use of this one.
				inWindow := slices.ContainsFunc(uses, func(u snapshot.Day) bool { return u >= early && u < actual })
				if truth > end && !inWindow || truth <= end && (took > f.Max || took < f.Min) && !inWindow {
					t.Fatalf("seed %d: %s, truth %d of %v, given %d in %d..%d", seed, firstText(f), took, uses, actual, early, given)
				}
			case NotYet, New:
				if truth <= end && int(truth-given) <= f.Min && truth >= given {
					t.Fatalf("seed %d: %s, truth %d of %v", seed, firstText(f), took, uses)
				}
			}
		}
	}
	t.Logf("%v", counts)
	for _, s := range States {
		if counts[s] < 20 {
			t.Errorf("%d seats are %s", counts[s], s)
		}
	}
}
