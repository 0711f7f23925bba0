package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/cohort"
)

// cohort is the SKU that the address names, and the days that it asks about.
func (q *question) cohort() (snapshot.SKUID, snapshot.Days, error) {
	found, err := q.book.FindSKUs(q.id)
	if err != nil {
		return "", snapshot.Days{}, err
	}
	since, until, err := q.span()
	if err != nil {
		return "", snapshot.Days{}, err
	}
	days, _, err := ask.SeatSpan(q.book, since, until)
	return found[0], days, err
}

// daysForm asks for other days.
func (q *question) daysForm(days snapshot.Days) []field {
	return []field{{"since", "From the day", "date", dayLabel(days.From)}, {"until", "Up to the day", "date", dayLabel(days.To)}}
}

func dayLabel(d snapshot.Day) string { return d.Time().Format(time.DateOnly) }

// flowView is what became of the seats of a SKU.
func flowView(ctx context.Context, q *question) (*answer, error) {
	sku, days, err := q.cohort()
	if err != nil {
		return nil, err
	}
	rules, err := q.tenant.rules()
	if err != nil {
		return nil, err
	}
	f, err := q.book.SeatFlow(ctx, sku, days, rules)
	if err != nil {
		return nil, err
	}
	known := days.To == snapshot.DayOf(q.book.History.At.ObservedUntil)
	a := &answer{command: "seats flow", Page: page.Page{Title: "Seats of " + q.skuName(sku), Lead: fmt.Sprintf("What became of them from %s to %s.", dayLabel(days.From), dayLabel(days.To))}}
	a.Form = q.daysForm(days)
	s := page.Section{ID: "flow", Heading: "What came and went", Text: show.FlowSentences(q.book, f, known), Links: []page.Link{q.skuLink(sku), {Text: "Until first use", To: q.link("first-use", string(sku))}}}
	moved := movedDays(f)
	if len(moved) > 0 {
		s.Tables = append(s.Tables, show.FlowDays().Table("Days on which seats came or went, the newest first", moved, maxRows))
	}
	a.Sections = []page.Section{s, q.movesOf(f)}
	if known {
		a.Sections = append(a.Sections, q.atRisk(f))
	}
	a.formats = func(p show.Printer) error {
		if p.Format == "json" {
			return show.SeatFlows().Print(p, show.Given([]show.SeatFlowJSON{show.SeatFlow(q.book, f, known)}))
		}
		return show.FlowDays().Print(p, show.Each(f.ByDay))
	}
	return a, nil
}

// movedDays are the days on which something happened, the newest first.
func movedDays(f *ask.SeatFlow) []*cohort.DayFlow {
	var days []*cohort.DayFlow
	for i := range f.ByDay {
		if d := &f.ByDay[len(f.ByDay)-1-i]; len(d.Moves) > 0 {
			days = append(days, d)
		}
	}
	return days
}

// movesOf lists who got and who lost a seat.
func (q *question) movesOf(f *ask.SeatFlow) page.Section {
	s := page.Section{ID: "moves", Heading: "Who got one and who lost one"}
	t := page.Table{Caption: "Seats that came or went, the newest first", Columns: []page.Column{{Head: "When", Tight: true}, {Head: "What"}, {Head: "Person"}, {Head: "From or to"}}}
	moves := slices.Clone(f.Moves)
	slices.Reverse(moves)
	person := func(id snapshot.UserID) any {
		if u := f.Users[id]; u != nil {
			return q.personLink(u)
		}
		return nil
	}
	for i, m := range moves {
		if i == maxRows {
			t.More = fmt.Sprintf("and %d older ones, which JSON has", len(moves)-i)
			break
		}
		t.Rows = append(t.Rows, []any{show.ShortDate(m.When), string(m.Kind), person(m.User), person(m.Other)})
	}
	if len(t.Rows) == 0 {
		s.Text = []string{noneOr(q, "seats flow", "Nobody, in these days.", "The runs show nobody; what else there was is not known.")}
		return s
	}
	s.Tables = []page.Table{t}
	return s
}

// atRisk lists the seats whose users may lose them.
func (q *question) atRisk(f *ask.SeatFlow) page.Section {
	s := page.Section{ID: "risk", Heading: "Seats at risk"}
	t := page.Table{Caption: "Seats that the rules propose to take back, or whose license is in an error state", Columns: []page.Column{{Head: "Person"}, {Head: "Why"}}}
	for i, r := range f.AtRisk {
		if i == maxRows {
			t.More = fmt.Sprintf("and %d more, which JSON has", len(f.AtRisk)-i)
			break
		}
		t.Rows = append(t.Rows, []any{q.personLink(r.User), r.Why})
	}
	if len(t.Rows) == 0 {
		s.Text = []string{noneOr(q, "seats flow", "None, by the newest run.", "None is known of; what else there may be is not known.")}
		return s
	}
	s.Tables = []page.Table{t}
	return s
}

// firstUseGrace is for how many days after its assignment a seat is new.
const firstUseGrace = 30

// firstUseView is how long it took until seats of a SKU were used, by department.
func firstUseView(ctx context.Context, q *question) (*answer, error) {
	sku, days, err := q.cohort()
	if err != nil {
		return nil, err
	}
	uses := func(by string) ([]*show.SeatUse, error) {
		found, err := q.book.FirstUse(ctx, sku, days, firstUseGrace, by)
		if err != nil {
			return nil, err
		}
		return show.SeatUses(found), nil
	}
	all, err := uses("")
	if err != nil {
		return nil, err
	}
	departments, err := uses(ask.ByDepartment)
	if err != nil {
		return nil, err
	}
	a := &answer{command: "seats first-use", Page: page.Page{Title: "First use of " + q.skuName(sku),
		Lead: fmt.Sprintf("How long it took from the assignment of a seat to its first use, of seats assigned from %s to %s.", dayLabel(days.From), dayLabel(days.To))}}
	a.Form = q.daysForm(days)
	s := page.Section{ID: "use", Heading: "Until first use", Links: []page.Link{q.skuLink(sku), {Text: "What came and went", To: q.link("flow", string(sku))}},
		Text: []string{fmt.Sprintf("Reports show the newest use only, so that a first use lies between bounds. A seat that is not used yet is new for %d days.", firstUseGrace)}}
	if len(all) == 0 {
		s.Text = append(s.Text, "No seat was assigned in these days.")
	} else {
		s.Tables = []page.Table{show.FirstUses(q.book, "").Table("All seats", all, maxRows), show.FirstUses(q.book, "department").Table("By department", departments, maxRows)}
	}
	a.Sections = []page.Section{s}
	a.formats = func(p show.Printer) error {
		return show.FirstUses(q.book, "department").Print(p, show.Given(departments))
	}
	return a, nil
}
