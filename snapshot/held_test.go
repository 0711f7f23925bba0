package snapshot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// dayTime is a time on a day of March 2026, in UTC.
func dayTime(day int, clock ...int) time.Time {
	hour := 0
	if len(clock) > 0 {
		hour = clock[0]
	}
	return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC)
}

func windowOf(from, to int) Date {
	return WindowDate(Window{NotBefore: dayTime(from), NotAfter: dayTime(to)})
}

func ended(d Date) *Date { return &d }

func TestI8_FirstDate(t *testing.T) {
	window := windowOf(1, 8)
	for name, tc := range map[string]struct {
		beginning Date
		evidence  []Date
		want      Date
	}{
		"nothing else":                   {window, nil, window},
		"earlier by record":              {window, []Date{HeldOn(dayTime(1).AddDate(-1, 0, 0), BasisImport)}, HeldOn(dayTime(1).AddDate(-1, 0, 0), BasisImport)},
		"a record within the window":     {window, []Date{HeldOn(dayTime(5), BasisImport)}, window},
		"an event within the window":     {window, []Date{ExactDate(dayTime(5))}, ExactDate(dayTime(5))},
		"a later record":                 {HeldOn(dayTime(5), BasisState), []Date{HeldOn(dayTime(6), BasisImport)}, HeldOn(dayTime(5), BasisState)},
		"the earliest of several counts": {HeldOn(dayTime(5), BasisState), []Date{HeldOn(dayTime(4), BasisPlan), HeldOn(dayTime(2), BasisImport), ExactDate(dayTime(3))}, HeldOn(dayTime(2), BasisImport)},
		"a later event":                  {ExactDate(dayTime(5)), []Date{ExactDate(dayTime(6))}, ExactDate(dayTime(5))},
	} {
		t.Run(name, func(t *testing.T) {
			if got := FirstDate(tc.beginning, tc.evidence...); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestHeldDays(t *testing.T) {
	for name, tc := range map[string]struct {
		stretches      []Stretch
		sure, possible int
	}{
		"exact, still held":      {[]Stretch{{From: ExactDate(dayTime(10, 9))}}, 6, 6},
		"exact on both sides":    {[]Stretch{{From: ExactDate(dayTime(3, 23)), To: ended(ExactDate(dayTime(4, 1)))}}, 2, 2},
		"windows":                {[]Stretch{{From: windowOf(1, 3), To: ended(windowOf(5, 8))}}, 3, 8},
		"seen once":              {[]Stretch{{From: windowOf(1, 3), To: ended(windowOf(3, 8))}}, 1, 8},
		"twice on one day":       {[]Stretch{{From: ExactDate(dayTime(3, 1)), To: ended(ExactDate(dayTime(3, 2)))}, {From: ExactDate(dayTime(3, 5)), To: ended(ExactDate(dayTime(3, 6)))}}, 1, 1},
		"there already":          {[]Stretch{{From: HeldOn(dayTime(12), BasisState)}}, 4, 4},
		"windows that meet":      {[]Stretch{{From: windowOf(1, 2), To: ended(windowOf(3, 5))}, {From: windowOf(5, 7), To: ended(windowOf(8, 9))}}, 4, 9},
		"seen around a midnight": {[]Stretch{{From: WindowDate(Window{dayTime(1), dayTime(3, 1)}), To: ended(WindowDate(Window{dayTime(2, 23), dayTime(4)}))}}, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			sure, possible := HeldDays(tc.stretches, dayTime(15), dayTime(15, 1))
			if s, p := CountDays(sure), CountDays(possible); s != tc.sure || p != tc.possible {
				t.Errorf("got %d sure and %d possible days, want %d and %d", s, p, tc.sure, tc.possible)
			}
		})
	}
}

// TestJoinDays_Random compares with counting every day by itself.
func TestJoinDays_Random(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var ranges []Days
		days := map[Day]bool{}
		for range r.IntN(6) {
			from := Day(r.IntN(40))
			d := Days{from, from + Day(r.IntN(8))}
			ranges = append(ranges, d)
			for i := d.From; i <= d.To; i++ {
				days[i] = true
			}
		}
		joined := JoinDays(ranges)
		if CountDays(joined) != len(days) {
			t.Fatalf("%v: %d days in %v, want %d", ranges, CountDays(joined), joined, len(days))
		}
		labels := []Label{{From: 10, Word: "a"}, {From: 20, Word: "b"}, {From: 33, Word: "a"}}
		sum := 0
		for _, s := range CountSeats(joined, joined, Days{0, 100}, labels) {
			if s.Min != s.Max {
				t.Fatalf("%+v", s)
			}
			sum += s.Min
		}
		if sum != len(days) {
			t.Fatalf("%v: %d seat-days, want %d", ranges, sum, len(days))
		}
	}
}

func TestCountSeats(t *testing.T) {
	march := DayOf(dayTime(1))
	sure := []Days{{march + 1, march + 3}, {march + 30, march + 31}} // 2 to 4 March, 31 March and 1 April
	possible := []Days{{march, march + 31}}
	labels := []Label{{From: march + 2, Word: "Sales"}, {From: march + 3, Word: "Finance"}}
	got := CountSeats(sure, possible, Days{march + 1, march + 100}, labels)
	slices.SortFunc(got, func(a, b SeatDays) int { return int(a.Month-b.Month)*10 + len(b.Label) - len(a.Label) })
	want := "[{2026-03 Finance 2 28} {2026-03 Sales 2 2} {2026-04 Finance 1 1}]"
	var words []string
	for _, s := range got {
		words = append(words, fmt.Sprintf("{%s %s %d %d}", s.Month.Time().Format("2006-01"), s.Label, s.Min, s.Max))
	}
	if fmt.Sprint(words) != want {
		t.Errorf("got %v, want %s", words, want)
	}
}

func TestWithUnseen(t *testing.T) {
	whole := []Stretch{{From: ExactDate(dayTime(1)), To: ended(ExactDate(dayTime(20)))}}
	op := func(day int, assigned bool) Unseen {
		return Unseen{At: dayTime(day), Assigned: assigned, Window: Window{NotBefore: dayTime(2), NotAfter: dayTime(16)}}
	}
	edge := func(day int, assigned bool) Unseen {
		u := op(day, assigned)
		u.At = u.At.Add(ClockSlack)
		return u
	}
	late := func(day int, assigned bool) Unseen {
		return Unseen{At: dayTime(day), Assigned: assigned, Window: Window{NotBefore: dayTime(21), NotAfter: dayTime(28)}}
	}
	for name, tc := range map[string]struct {
		stretches      []Stretch
		ops            []Unseen
		sure, possible int
	}{
		"nothing":                       {whole, nil, 20, 20},
		"assigned and removed":          {nil, []Unseen{op(3, true), op(5, false)}, 3, 3},
		"assigned, the end not told":    {nil, []Unseen{op(3, true)}, 1, 14},
		"removed, the begin not told":   {nil, []Unseen{op(5, false)}, 1, 4},
		"removed and assigned again":    {whole, []Unseen{op(5, false), op(9, true)}, 5 + 12, 5 + 12},
		"removed, the return not told":  {whole, []Unseen{op(5, false)}, 5 + 5, 20},
		"assigned, the end before not":  {whole, []Unseen{op(5, true)}, 2 + 16, 20},
		"twice":                         {whole, []Unseen{op(5, false), op(9, true), op(11, false), op(14, true)}, 5 + 3 + 7, 5 + 3 + 7},
		"twice by itself":               {nil, []Unseen{op(3, true), op(4, false), op(8, true), op(9, false)}, 4, 4},
		"removed just after the end":    {nil, []Unseen{op(3, true), edge(16, false)}, 14, 14},
		"assigned just after the end":   {whole, []Unseen{op(5, false), edge(16, true)}, 5 + 5, 5 + 5},
		"beside what the snapshots saw": {whole, []Unseen{late(22, true), late(23, false)}, 22, 22},
	} {
		t.Run(name, func(t *testing.T) {
			sure, possible := HeldDays(WithUnseen(tc.stretches, tc.ops), dayTime(30), dayTime(30))
			if CountDays(sure) != tc.sure || CountDays(possible) != tc.possible {
				t.Errorf("got %d and %d days, want %d and %d", CountDays(sure), CountDays(possible), tc.sure, tc.possible)
			}
		})
	}
}

func TestSwaps(t *testing.T) {
	change := func(kind Kind, sku SKUID, run RunID) *Change {
		return &Change{Kind: kind, User: "u", SKU: sku, Run: run, Observed: true}
	}
	never := func(int, int) bool { return false }
	always := func(int, int) bool { return true }
	left, back := change(Removed, "E3", 2), change(Assigned, "E5", 2)
	left.Presence, back.Returned = Deleted, true
	for name, tc := range map[string]struct {
		changes      []*Change
		linked, akin func(int, int) bool
		want         []Swap
	}{
		"akin":            {[]*Change{change(Removed, "E3", 2), change(Assigned, "E5", 2)}, never, always, []Swap{{0, 1}}},
		"in either order": {[]*Change{change(Assigned, "E5", 2), change(Removed, "E3", 2)}, never, always, []Swap{{1, 0}}},
		"not akin":        {[]*Change{change(Removed, "E3", 2), change(Assigned, "VISIO", 2)}, never, never, nil},
		"other runs":      {[]*Change{change(Removed, "E3", 2), change(Assigned, "E5", 3)}, always, always, nil},
		"the same SKU":    {[]*Change{change(Removed, "E3", 2), change(Assigned, "E3", 2)}, always, always, nil},
		"one each": {[]*Change{change(Removed, "E3", 2), change(Removed, "EMS", 2), change(Assigned, "E5", 2)}, never, always,
			[]Swap{{0, 2}}},
		"linked first": {[]*Change{change(Removed, "E3", 2), change(Removed, "EMS", 2), change(Assigned, "E5", 2)},
			func(i, j int) bool { return i == 1 }, always, []Swap{{1, 2}}},
		"the user left":    {[]*Change{left, change(Assigned, "E5", 2)}, always, always, nil},
		"the user is back": {[]*Change{change(Removed, "E3", 2), back}, always, always, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Swaps(tc.changes, tc.linked, tc.akin); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAkin(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b []PlanID
		want bool
	}{
		"contained":     {[]PlanID{"a", "b", "c"}, []PlanID{"a", "b", "c", "d", "e"}, true},
		"the core":      {[]PlanID{"a", "b", "c"}, []PlanID{"a", "b", "d", "e"}, true},
		"half":          {[]PlanID{"a", "b"}, []PlanID{"a", "c", "d"}, false},
		"nothing known": {nil, []PlanID{"a"}, false},
	} {
		if got := Akin(tc.a, tc.b); got != tc.want || got != Akin(tc.b, tc.a) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
