package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// skusView lists the seats that are bought and used, and their trend.
func skusView(ctx context.Context, q *question) (*answer, error) {
	rows, err := ask.SKUs(ctx, q.book)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b ask.SKU) int { return cmp.Compare(b.Consumed, a.Consumed) })
	t := page.Table{Caption: "SKUs, the most used first", Columns: []page.Column{{Head: "SKU"}, {Head: "Part number"}, {Head: "Status"}, {Head: "Bought", Number: true}, {Head: "Used", Number: true},
		{Head: "Free", Number: true}, {Head: "In grace", Number: true}, {Head: "Suspended", Number: true}, {Head: "Use a week", Number: true}, {Head: "Runs out", Tight: true}, {Head: "Next date of a subscription", Tight: true}}}
	charts := page.Section{ID: "charts", Heading: "Seats over time", Small: true}
	for i := range rows {
		r := &rows[i]
		t.Rows = append(t.Rows, []any{q.skuLink(r.ID), q.book.PlainSKU(r.ID), skuStatus(r.SKURow), r.Units.Enabled, r.Consumed, ask.Available(r.SKURow), r.Units.Warning, r.Units.Suspended,
			plain(show.TrendLabel(r)), plain(show.RunsOutLabel(r, q.book.History.At.ObservedUntil)), nextDate(q, r.SKURow)})
		if len(charts.Charts) < 9 && slices.ContainsFunc(r.Points, func(p store.SeatPoint) bool { return p.Consumed > 0 }) {
			charts.Charts = append(charts.Charts, page.SeatChart(fmt.Sprintf("seats-%d", i), q.skuName(r.ID), seatsOf(r.Points), show.Forecast(r, q.book.History.At.ObservedUntil)))
		}
	}
	a := &answer{command: "skus", Page: page.Page{Title: "SKUs", Lead: "What is bought and what of it is used, at the newest run."}}
	a.Sections = []page.Section{{ID: "skus", Heading: "At the newest run", Tables: []page.Table{t}}}
	if len(charts.Charts) > 0 {
		a.Sections = append(a.Sections, charts)
	}
	a.formats = func(p show.Printer) error { return show.SKUs(q.book, all).Print(p, show.Each(all)) }
	return a, nil
}

func skuStatus(r *store.SKURow) string {
	if r.To != nil {
		return "gone since " + r.To.ObservedUntil.UTC().Format(time.DateOnly)
	}
	return r.Status
}

// nextDate is when the first of the subscriptions changes its state; or that it is
// not known.
func nextDate(q *question, r *store.SKURow) any {
	var next time.Time
	for _, s := range r.Bought {
		if at := s.NextLifecycleAt; !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() && q.book.Unread("skus", snapshot.ReadSubscriptions) {
		return "not known"
	}
	return show.DayOrNil(next)
}

func seatsOf(points []store.SeatPoint) []page.Seats {
	seats := make([]page.Seats, len(points))
	for i, p := range points {
		seats[i] = page.Seats{At: p.Run.ObservedUntil, Used: p.Consumed, Bought: p.Units.Enabled + p.Units.Warning}
	}
	return seats
}

// skuView is one SKU: its seats over time, who holds it as of a day, and what
// changed of it.
func skuView(ctx context.Context, q *question) (*answer, error) {
	found, err := q.book.FindSKUs(q.id)
	if err != nil {
		return nil, err
	}
	id := found[0]
	asOf, day, err := q.asOf()
	if err != nil {
		return nil, err
	}
	a := &answer{command: "assignments", Page: page.Page{Title: q.skuName(id), Lead: q.book.PartNumber(id) + " · " + string(id)}}
	seats, err := q.seats(ctx, id)
	if err != nil {
		return nil, err
	}
	if !asOf.IsZero() && !q.book.History.AsOf(asOf) {
		return nil, &ask.Error{Message: "tracking began after " + day, Hint: "the first run is of " + show.DayText(q.book.History.First.ObservedUntil)}
	}
	at := q.book.History.At
	a.Form = []field{{Name: "as_of", Label: "Holders as of the day", Type: "date", Value: cmp.Or(day, at.ObservedUntil.UTC().Format(time.DateOnly))}}
	holders, err := q.holders(ctx, store.Filter{SKUs: []snapshot.SKUID{id}}, fmt.Sprintf("Who holds it as of run %d of %s", at.ID, stamp(at.ObservedUntil)), false)
	if err != nil {
		return nil, err
	}
	changed, err := q.recent(ctx, store.ChangeFilter{SKUs: []snapshot.SKUID{id}, UpTo: at.ID, Newest: true}, true)
	if err != nil {
		return nil, err
	}
	a.Sections = append(seats, holders, changed)
	a.formats = func(p show.Printer) error {
		return show.Assignments(q.book).Print(p, bounded(q.book.History.Assignments(ctx, store.Filter{SKUs: []snapshot.SKUID{id}})))
	}
	return a, nil
}

// asOf is the time that the form asks about; zero for the newest run.
func (q *question) asOf() (time.Time, string, error) {
	day := strings.TrimSpace(q.values.Get("as_of"))
	at, err := ask.Time(day, q.now, true)
	return at, day, err
}

// span is the time that a chart is to show; zero ends are open.
func (q *question) span() (since, until time.Time, err error) {
	if since, err = ask.Time(q.values.Get("since"), q.now, false); err != nil {
		return since, until, err
	}
	if until, err = ask.Time(q.values.Get("until"), q.now, true); err != nil {
		return since, until, err
	}
	if !since.IsZero() && !until.IsZero() && until.Before(since) {
		return since, until, &ask.Error{Message: "the end lies before the beginning"}
	}
	return since, until, nil
}

// seats are the seats of a SKU over time.
func (q *question) seats(ctx context.Context, id snapshot.SKUID) ([]page.Section, error) {
	since, until, err := q.span()
	if err != nil {
		return nil, err
	}
	skus, err := ask.SKUs(ctx, q.book)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(skus, func(s ask.SKU) bool { return s.ID == id })
	if i < 0 {
		return nil, &ask.Error{Message: "no run up to that day shows this SKU"}
	}
	sku := &skus[i]
	points := slices.DeleteFunc(slices.Clone(sku.Points), func(p store.SeatPoint) bool {
		at := p.Run.ObservedUntil
		return !since.IsZero() && at.Before(since) || !until.IsZero() && at.After(until)
	})
	s := page.Section{ID: "seats", Heading: "Seats over time", Text: q.forecast(sku)}
	if len(points) == 0 {
		s.Text = []string{"No run of that time shows this SKU."}
		return []page.Section{s}, nil
	}
	forecast := show.Forecast(sku, q.book.History.At.ObservedUntil)
	if len(points) > 0 && points[len(points)-1].Run != sku.Points[len(sku.Points)-1].Run {
		forecast = nil // the chart ends before what it goes on from
	}
	wide := page.SeatChartOf("seats-wide", q.skuName(id), seatsOf(points), forecast, 980, 280)
	narrow := page.SeatChart("seats-narrow", q.skuName(id), seatsOf(points), forecast)
	wide.Class, narrow.Class = "timeline", "timeline"
	s.Charts = twin(wide, narrow)
	for _, z := range []struct{ title, since string }{{"All of it", ""}, {"The last year", "52w"}, {"The last half year", "26w"}, {"The last 13 weeks", "13w"}} {
		link := page.Link{Text: z.title, To: q.link("sku", string(id))}
		if z.since != "" {
			link.To = q.link("sku", string(id), "since", z.since)
		}
		s.Links = append(s.Links, link)
	}
	s.Links = append(s.Links, page.Link{Text: "What came and went", To: q.link("flow", string(id))}, page.Link{Text: "Until first use", To: q.link("first-use", string(id))})
	return []page.Section{s}, nil
}

// forecast describes the trend of a SKU's seats, as far as it is known.
func (q *question) forecast(r *ask.SKU) []string {
	at := q.book.History.At.ObservedUntil
	text := fmt.Sprintf("At the newest run %d of %d seats are used, %d are free.", r.Consumed, r.Units.Enabled+r.Units.Warning, ask.Available(r.SKURow))
	if r.To != nil {
		return []string{"The tenant does not have it any more, " + skuStatus(r.SKURow) + "."}
	}
	switch _, soon := r.RunsOut(at); {
	case r.Trend == nil:
		text += " The trend is not known: that takes 4 runs in three weeks."
	case soon:
		text += fmt.Sprintf(" At the trend of the last 13 weeks, %v, they are gone by %v.", plain(show.TrendLabel(r)), plain(show.RunsOutLabel(r, at)))
	default:
		text += fmt.Sprintf(" At the trend of the last 13 weeks, %v, they do not run out soon.", plain(show.TrendLabel(r)))
	}
	if over := show.OverText(q.book, r); over != "" {
		return []string{text, over}
	}
	return []string{text}
}

// holders lists who holds something.
func (q *question) holders(ctx context.Context, f store.Filter, caption string, withSKU bool) (page.Section, error) {
	s := page.Section{ID: "holders", Heading: "Holders"}
	t := page.Table{Caption: caption, Columns: []page.Column{{Head: "Person"}, {Head: "Name"}, {Head: "Department"}, {Head: "Path"}, {Head: "Since", Tight: true}, {Head: "First assigned", Tight: true}, {Head: "Microsoft says", Tight: true}}}
	if withSKU {
		t.Columns = slices.Insert(t.Columns, 1, page.Column{Head: "SKU"})
	}
	list, total, err := q.book.History.FirstAssignments(ctx, f, maxRows)
	if err != nil {
		return s, err
	}
	for _, a := range list[:min(maxRows, len(list))] {
		row := []any{q.personLink(&a.User), a.User.Name, a.User.Department, q.pathText(a), show.ShortDate(a.Since), show.ShortDate(a.First), show.DayOrNil(a.GraphDate)}
		if withSKU {
			row = slices.Insert(row, 1, any(q.skuLink(a.SKU)))
		}
		t.Rows = append(t.Rows, row)
	}
	if total == 0 {
		s.Text = []string{"Nobody, at that run."}
		return s, nil
	}
	s.Text = []string{fmt.Sprintf("%s.", out.Plural(total, "assignment"))}
	switch more := total - len(t.Rows); {
	case total > maxItems:
		t.More = fmt.Sprintf("and %d more, which lictrail assignments has", more)
	case more > 0:
		t.More = fmt.Sprintf("and %d more, which CSV and JSON have", more)
	}
	s.Tables = []page.Table{t}
	return s, nil
}

func (q *question) pathText(a *store.Assignment) string {
	names := make([]string, len(a.Paths))
	for i := range a.Paths {
		names[i] = q.book.PathName(&a.Paths[i].PathRef)
	}
	return strings.Join(names, ", ")
}

// recent lists the newest changes.
func (q *question) recent(ctx context.Context, f store.ChangeFilter, people bool) (page.Section, error) {
	s := page.Section{ID: "changes", Heading: "Newest changes"}
	list, err := store.Once(q.book.History, fmt.Sprintf("newest changes %v %d", f.SKUs, f.UpTo), func() ([]*store.ChangeRow, error) {
		return firstOf(q.book.History.Changes(ctx, f), recentRows+1)
	})
	if err != nil {
		return s, err
	}
	if len(list) > recentRows {
		list, s.Text = list[:recentRows], []string{fmt.Sprintf("The newest %d.", recentRows)}
	}
	if len(list) == 0 {
		s.Text = []string{noneOr(q, "changes", "No run has shown a change.", "No run has shown a change; what was done and undone between two runs is not known.")}
		return s, nil
	}
	s.Tables = []page.Table{q.changeTable("Changes, the newest first", list, people, "")}
	return s, nil
}

// recentRows is how many changes are shown beside something else.
const recentRows = 50

// bounded fails for a list that is too long, since a part would look like the whole list.
func bounded[T any](rows func(func(T, error) bool)) func(func(T, error) bool) {
	return func(yield func(T, error) bool) {
		n := 0
		for row, err := range rows {
			if n++; n > maxItems {
				var none T
				yield(none, errTooLarge)
				return
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
