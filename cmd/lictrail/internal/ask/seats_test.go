package ask

import (
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// TestAvailable: seats in grace can still be assigned, and those of a SKU that is gone
// cannot.
func TestAvailable(t *testing.T) {
	for _, test := range []struct {
		name  string
		units snapshot.Units
		used  int64
		gone  bool
		want  int64
	}{
		{"some are free", snapshot.Units{Enabled: 10}, 7, false, 3},
		{"none is free", snapshot.Units{Enabled: 10}, 10, false, 0},
		{"more are used than there are", snapshot.Units{Enabled: 10}, 12, false, 0},
		{"seats in grace count", snapshot.Units{Enabled: 5, Warning: 5}, 7, false, 3},
		{"all are in grace", snapshot.Units{Warning: 5}, 2, false, 3},
		{"suspended and locked ones do not", snapshot.Units{Enabled: 5, Suspended: 5, LockedOut: 5}, 4, false, 1},
		{"the SKU is gone", snapshot.Units{Enabled: 10}, 0, true, 0},
		{"it is gone, and more were used than there were", snapshot.Units{Enabled: 10}, 12, true, 0},
	} {
		row := &store.SKURow{}
		row.Units, row.Consumed = test.units, test.used
		if test.gone {
			row.To = &store.Run{}
		}
		if got := Available(row); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
		s := SKU{SKURow: row}
		over := max(0, test.used-test.units.Enabled-test.units.Warning)
		if test.gone {
			over = 0
		}
		if got := s.Over(); got != over {
			t.Errorf("%s: %d more in use than there are, want %d", test.name, got, over)
		}
	}
}

// TestTotalsOf: a user with two paths is one user of the SKU, and one of each path.
func TestTotalsOf(t *testing.T) {
	a := &store.Assignment{SKU: "e3"}
	a.User.Department = "Sales"
	direct, group := store.PathSince{}, store.PathSince{}
	direct.Kind = snapshot.Direct
	group.Kind, group.Group = snapshot.ByGroup, "g"
	a.Paths = []store.PathSince{direct, group}
	for by, want := range map[string]int{"sku": 1, "department": 1, "path": 2} {
		totals := totalsOf(by, a)
		if len(totals) != want {
			t.Errorf("by %s: %d totals, want %d", by, len(totals), want)
		}
		for i := range totals {
			totals[i].count(a)
			if got := totals[i]; got.Users != 1 || got.Direct != 1 || got.Group != 1 || got.By != by || got.SKU != "e3" {
				t.Errorf("by %s: %+v", by, got)
			}
			if got := totals[i]; (got.Department == "Sales") != (by == "department") || (got.Path != nil) != (by == "path") {
				t.Errorf("by %s: %+v", by, got)
			}
		}
	}
	a.Paths = a.Paths[1:]
	var total Total
	if total.count(a); total.Direct != 0 || total.Group != 1 {
		t.Errorf("by a group alone: %+v", total)
	}
	a.Paths = []store.PathSince{direct}
	total = Total{}
	if total.count(a); total.Direct != 1 || total.Group != 0 {
		t.Errorf("direct alone: %+v", total)
	}
}

// TestSeatLabels: seats are charged to the department that a run showed, from its day
// on.
func TestSeatLabels(t *testing.T) {
	run := &store.Run{ObservedUntil: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	rows := []store.AttributeRow{{Run: run, Department: "Sales", Country: "DE"}}
	for by, want := range map[string]string{"department": "Sales", "country": "DE", "user": "", "sku": ""} {
		var words []string
		for _, l := range seatLabels(by, rows) {
			words = append(words, l.Word)
			if l.From != snapshot.DayOf(run.ObservedUntil) {
				t.Errorf("by %s: from %s", by, l.From.Time())
			}
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("by %s: %q, want %q", by, got, want)
		}
	}
}

// TestSeatSpan: nothing is charged before tracking began, nor after the newest run.
func TestSeatSpan(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 8, 0, 0, 0, time.UTC) }
	b := &Book{History: &store.History{First: &store.Run{ObservedAt: day(2)}, At: &store.Run{ObservedUntil: day(20)}}}
	for _, test := range []struct {
		name         string
		since, until time.Time
		from, to     int
		clamped, ok  bool
	}{
		{"all of it", time.Time{}, time.Time{}, 2, 20, false, true},
		{"the first day and the last", day(2), day(20), 2, 20, false, true},
		{"a part", day(5), day(6), 5, 6, false, true},
		{"before tracking began as well", day(1), day(6), 2, 6, true, true},
		{"a whole month", day(1), day(31), 2, 20, true, true},
		{"before tracking began alone", day(1), day(1), 0, 0, false, false},
		{"after the newest run alone", day(21), day(22), 0, 0, false, false},
	} {
		within, clamped, err := SeatSpan(b, test.since, test.until)
		if test.ok != (err == nil) || clamped != test.clamped {
			t.Errorf("%s: clamped %t, %v", test.name, clamped, err)
		}
		if err == nil && (within.From.Time().Day() != test.from || within.To.Time().Day() != test.to) {
			t.Errorf("%s: %s to %s", test.name, within.From.Time(), within.To.Time())
		}
	}
}

// TestBill: days at another price, and of another department, are counted apart; and
// rows by user are in the same order as all others.
func TestBill(t *testing.T) {
	eur := func(euros int64) reclaim.Money { return reclaim.Money{Micros: euros * 1e6, Currency: "EUR"} }
	usd := reclaim.Money{Micros: 31e6, Currency: "USD"}
	prices := reclaim.Prices{{SKU: "e3", From: 10, Month: eur(31)}, {SKU: "e3", From: 20, Month: eur(62)}, {SKU: "e3", From: 31, Month: usd}, {SKU: "e5", From: 15, Month: eur(1)}}
	ann := &seatUser{"2", "Ann@x", "ann@x", []snapshot.Label{{From: 12, Word: "Sales"}, {From: 25, Word: "Legal"}}}
	bob := &seatUser{"1", "bob@x", "bob@x", []snapshot.Label{{From: 0, Word: "SALES"}}}
	all := []snapshot.Days{{From: 0, To: 40}}
	held := []*heldSeat{{ann, "e3", all, all}, {ann, "a1", nil, all}, {bob, "e3", nil, []snapshot.Days{{From: 5, To: 5}}}}
	for _, test := range []struct{ by, only, want string }{
		{"department", "", "1970-01 Legal a1 1: 0-6, 1970-01 Legal e3 1: 6-6 12.00 EUR, 1970-01 Sales a1 1: 0-25, 1970-01 Sales e3 2: 10-11, 1970-01 Sales e3 1: 15-15 20.00 EUR, " +
			"1970-02 Legal a1 1: 0-10, 1970-02 Legal e3 1: 10-10 11.07 USD"},
		{"department", "legal", "1970-01 Legal a1 1: 0-6, 1970-01 Legal e3 1: 6-6 12.00 EUR, 1970-02 Legal a1 1: 0-10, 1970-02 Legal e3 1: 10-10 11.07 USD"},
		{"user", "", "1970-01 2 a1 1: 0-31, 1970-01 2 e3 1: 10-10, 1970-01 2 e3 1: 21-21 32.00 EUR, 1970-01 1 e3 1: 0-1, 1970-02 2 a1 1: 0-10, 1970-02 2 e3 1: 10-10 11.07 USD"},
	} {
		b := bill{Charge{test.by, test.only, prices}, snapshot.Days{From: 0, To: 40}, held, prices.Begins, func(sku snapshot.SKUID) string { return string(sku) }}
		atOnce := func(yield func(*SeatRow) bool) {
			sums := newSums()
			for _, h := range held {
				b.add(sums, h, b.within)
			}
			b.take(sums, yield)
		}
		for _, rows := range []iter.Seq[*SeatRow]{b.rows, b.rows, atOnce} { // they can be iterated over again
			var lines []string
			for r := range rows {
				line := fmt.Sprintf("%s %s %s %d: %d-%d", r.MonthLabel(), r.Label, r.SKU, r.Users, r.Min, r.Max)
				if r.CostMin != nil {
					line += " " + r.CostMin.String()
				}
				lines = append(lines, line)
			}
			if got := strings.Join(lines, ", "); got != test.want {
				t.Errorf("by %s, only %q:\n%s\nwant\n%s", test.by, test.only, got, test.want)
			}
		}
	}
}

// TestBaseOf: a report compares with the newest run that is a week older, less half a
// day.
func TestBaseOf(t *testing.T) {
	at := time.Date(2026, 3, 16, 8, 0, 0, 0, time.UTC)
	book := func(ages ...time.Duration) *Book {
		h := &store.History{Runs: map[snapshot.RunID]*store.Run{}}
		for i, age := range append(ages, 0) {
			id := snapshot.RunID(i + 1)
			h.Runs[id] = &store.Run{ID: id, ObservedUntil: at.Add(-age)}
			h.At = h.Runs[id]
		}
		return &Book{History: h}
	}
	const day = 24 * time.Hour
	for _, test := range []struct {
		name  string
		book  *Book
		limit time.Time
		want  snapshot.RunID // 0: none
		early bool
	}{
		{"a week before", book(14*day, 7*day, day), time.Time{}, 2, false},
		{"half a day less than a week", book(14*day, 7*day-12*time.Hour), time.Time{}, 2, false},
		{"less than that", book(14*day, 7*day-12*time.Hour-time.Second), time.Time{}, 1, false},
		{"the first run where none is as old", book(3*day, day), time.Time{}, 1, true},
		{"by a time", book(14*day, 7*day, day), at.Add(-day), 3, false},
		{"before the first run", book(14*day, 7*day), at.Add(-20 * day), 1, true},
		{"there is one run", book(), time.Time{}, 0, false},
	} {
		base, early := BaseOf(test.book, test.limit)
		var got snapshot.RunID
		if base != nil {
			got = base.ID
		}
		if got != test.want || early != test.early {
			t.Errorf("%s: run %d, early %t", test.name, got, early)
		}
	}
}

// TestFailures: what is new comes first, then what began last, then what hits most.
func TestFailures(t *testing.T) {
	groups := []store.GroupRow{
		{Group: "a", Errors: []store.GroupError{{Error: "old", SinceRun: 2, Users: 9}}},
		{Group: "b", Errors: []store.GroupError{{Error: "older", SinceRun: 1, Users: 9}, {Error: "many", SinceRun: 2, Users: 10}}},
	}
	var words []string
	for _, f := range Failures(groups, 5) {
		words = append(words, f.Error+" of "+string(f.Row.Group))
	}
	if got, want := strings.Join(words, ", "), "many of b, old of a, older of b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMeasureGaps adds up what no source covers, and what each lacks since it was read.
func TestMeasureGaps(t *testing.T) {
	hour := func(n int) time.Time { return time.Date(2026, 3, 2, n, 0, 0, 0, time.UTC) }
	read := func(source snapshot.Source, from, to int) snapshot.Coverage {
		return snapshot.Coverage{Source: source, From: hour(from), To: hour(to), Complete: true}
	}
	for _, test := range []struct {
		name                string
		stretches           []snapshot.Coverage
		graph, purview, any time.Duration
	}{
		{"without a gap", []snapshot.Coverage{read(snapshot.SourceGraph, 1, 9)}, 0, 0, 0},
		{"a gap within", []snapshot.Coverage{read(snapshot.SourceGraph, 1, 4), read(snapshot.SourceGraph, 6, 9)}, 2 * time.Hour, 0, 2 * time.Hour},
		{"up to the run", []snapshot.Coverage{read(snapshot.SourceGraph, 1, 8)}, time.Hour, 0, time.Hour},
		{"beyond the run", []snapshot.Coverage{read(snapshot.SourceGraph, 1, 12)}, 0, 0, 0},
		{"another source fills it", []snapshot.Coverage{read(snapshot.SourceGraph, 1, 4), read(snapshot.SourceGraph, 6, 9), read(snapshot.SourcePurview, 4, 9)}, 2 * time.Hour, 0, 0},
	} {
		f := Figures{Gaps: map[snapshot.Source]time.Duration{}}
		f.measureGaps(hour(9), test.stretches)
		if f.Gaps[snapshot.SourceGraph] != test.graph || f.Gaps[snapshot.SourcePurview] != test.purview || f.Gaps[snapshot.AnySource] != test.any {
			t.Errorf("%s: %v", test.name, f.Gaps)
		}
	}
}
