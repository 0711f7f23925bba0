package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// week is the report of the newest week, or of the time that the address names.
func (q *question) week() (*show.Week, error) {
	since, until, err := q.span()
	if err != nil {
		return nil, err
	}
	newest := q.book.History.At
	if !until.IsZero() && !q.book.History.AsOf(until) {
		return nil, &ask.Error{Message: "tracking began after that", Hint: "the first run is of " + show.DayText(q.book.History.First.ObservedUntil)}
	}
	rules, err := q.tenant.rules()
	if err != nil {
		return nil, err
	}
	base, _ := ask.BaseOf(q.book, since)
	return &show.Week{Book: q.book, Base: base, Rules: rules, Now: q.now, Version: q.site.Version, Past: q.book.History.At != newest,
		To: func(view, id string) string { return q.link(view, id) }}, nil
}

// attentionView lists what needs attention.
func attentionView(ctx context.Context, q *question) (*answer, error) {
	q.values.Del("since") // what needs attention is what is so now
	q.values.Del("until")
	w, err := q.week()
	if err != nil {
		return nil, err
	}
	p, err := w.Page(ctx, show.PartUnexplained, show.PartWatch, show.PartGroups, show.PartLapses)
	if err != nil {
		return nil, err
	}
	skus, err := ask.SKUs(ctx, q.book)
	if err != nil {
		return nil, err
	}
	bursts, err := q.bursts(ctx)
	if err != nil {
		return nil, err
	}
	over, short := q.over(skus), q.runsOut(skus)
	a := &answer{command: "report", Page: page.Page{Title: "Needs attention", Lead: p.Lead}}
	a.Tiles = slices.Concat([]page.Tile{
		{Figure: fmt.Sprint(len(bursts.Tables)), Label: "bursts in the newest run", Section: bursts.ID, Alarm: len(bursts.Tables) > 0},
		tileOf(over, "SKUs over-assigned"), tileOf(short, "SKUs that run out")}, p.Tiles)
	a.Sections = []page.Section{bursts, over, short}
	for _, s := range p.Sections {
		if s.ID == show.PartGroups {
			if s, err = q.withNames(ctx, s); err != nil {
				return nil, err
			}
		}
		a.Sections = append(a.Sections, s)
	}
	a.formats = attentionFormats(a)
	return a, nil
}

func tileOf(s page.Section, label string) page.Tile {
	rows := 0
	for _, t := range s.Tables {
		rows += len(t.Rows)
	}
	return page.Tile{Figure: fmt.Sprint(rows), Label: label, Section: s.ID, Alarm: rows > 0}
}

// over lists the SKUs of which more seats are in use than there are.
func (q *question) over(skus []ask.SKU) page.Section {
	s := page.Section{ID: "over", Heading: "More in use than bought"}
	t := page.Table{Caption: "Over-assigned SKUs", Columns: []page.Column{{Head: "SKU"}, {Head: "Bought", Number: true}, {Head: "Used", Number: true}, {Head: "Too many", Number: true}, {Head: "What that means", Long: true}}}
	for i := range skus {
		if r := &skus[i]; r.Over() > 0 {
			t.Rows = append(t.Rows, []any{q.skuLink(r.ID), r.Units.Enabled + r.Units.Warning, r.Consumed, r.Over(), show.OverText(q.book, r)})
		}
	}
	if len(t.Rows) == 0 {
		s.Text = []string{"No SKU has more seats in use than there are, by Microsoft's count at the newest run."}
		return s
	}
	s.Tables = []page.Table{t}
	return s
}

// runsOut lists the SKUs that have no free seat left soon, if use follows its trend.
func (q *question) runsOut(skus []ask.SKU) page.Section {
	s := page.Section{ID: "runs-out", Heading: "What runs out"}
	t := page.Table{Caption: "SKUs that run out at the trend of the last 13 weeks", Columns: []page.Column{{Head: "SKU"}, {Head: "Free", Number: true}, {Head: "A week", Number: true}, {Head: "Runs out"}}}
	unknown := 0
	for i := range skus {
		r := &skus[i]
		if r.To == nil && r.Trend == nil && r.Consumed > 0 {
			unknown++
		}
		if _, soon := r.RunsOut(q.book.History.At.ObservedUntil); soon && r.Over() == 0 {
			t.Rows = append(t.Rows, []any{q.skuLink(r.ID), ask.Available(r.SKURow), plain(show.TrendLabel(r)), plain(show.RunsOutLabel(r, q.book.History.At.ObservedUntil))})
		}
	}
	if unknown > 0 {
		s.Text = append(s.Text, fmt.Sprintf("Of %s the trend is not known: that takes 4 runs in three weeks.", out.Plural(unknown, "SKU")))
	}
	if len(t.Rows) == 0 {
		s.Text = append([]string{"No SKU of which the trend is known runs out."}, s.Text...)
		return s
	}
	s.Tables = []page.Table{t}
	return s
}

// bursts lists the bursts of the newest run: many licenses changed at once.
func (q *question) bursts(ctx context.Context) (page.Section, error) {
	s := page.Section{ID: "bursts", Heading: "Many at once"}
	h := q.book.History
	if len(h.CompleteRuns()) < 2 {
		s.Text = []string{"Nothing can be said of that before there is a second run."}
		return s, nil
	}
	pace, err := ask.PaceBefore(ctx, q.book)
	if err != nil {
		return s, err
	}
	holders, err := h.HoldersAt(ctx, h.At.ID)
	if err != nil {
		return s, err
	}
	rows := map[int64]*store.ChangeRow{}
	var all []store.Outline
	var outlines store.Outlines
	for c, err := range h.Changes(ctx, store.ChangeFilter{Run: h.At.ID, Kinds: []snapshot.Kind{snapshot.Assigned, snapshot.Removed}}) {
		if err != nil {
			return s, err
		}
		rows[c.ID] = c
		all = append(all, outlines.Of(&c.Change, &c.Attribution))
	}
	for _, b := range ask.Bursts(all, holders, ask.BurstLimit{Usual: true}, pace) {
		var list []*store.ChangeRow
		for _, c := range b.Changes {
			list = append(list, rows[c.ID])
		}
		verb := "got"
		if b.Kind == snapshot.Removed {
			verb = "lost"
		}
		s.Tables = append(s.Tables, q.changeTable(fmt.Sprintf("%s %s %s, of %d", out.Plural(len(list), "user"), verb, q.skuName(b.SKU), b.Holders), list, true, ": lictrail changes"))
	}
	if len(s.Tables) == 0 {
		s.Text = []string{"In the newest run no SKU came or went for more users than is usual here."}
	}
	return s, nil
}

// withNames adds the users affected to the license errors of groups.
func (q *question) withNames(ctx context.Context, s page.Section) (page.Section, error) {
	list, err := q.book.History.GroupFailures(ctx)
	if err != nil || len(list) == 0 {
		return s, err
	}
	t := page.Table{Caption: "Users for whom groups fail, the newest first", Columns: []page.Column{{Head: "Person"}, {Head: "Group"}, {Head: "SKU"}, {Head: "Error"}, {Head: "Since", Tight: true}}}
	for i := range list {
		if i == maxRows {
			t.More = fmt.Sprintf("and %d more: lictrail groups --users", len(list)-i)
			break
		}
		f := &list[i]
		t.Rows = append(t.Rows, []any{page.Link{Text: cmp.Or(f.UPN, string(f.ID)), To: q.link("person", string(f.ID))}, q.groupLink(f.Group), q.skuLink(f.SKU), f.Error, show.ShortDate(q.book.History.RunDate(f.SinceRun))})
	}
	s.Tables = append(s.Tables, t)
	return s, nil
}

// attentionFormats gives programs every row of the page, with what it is about.
func attentionFormats(a *answer) func(show.Printer) error {
	t := page.Table{Columns: []page.Column{{Head: "What"}, {Head: "Subject"}, {Head: "Detail"}}}
	for _, s := range a.Sections {
		for _, table := range s.Tables {
			for _, row := range table.Rows {
				detail := ""
				for i, cell := range row[1:] {
					if v := plain(cell); v != nil && v != "" {
						detail += fmt.Sprintf("; %s: %v", table.Columns[i+1].Head, v)
					}
				}
				t.Rows = append(t.Rows, []any{s.ID, plain(row[0]), cmp.Or(detail, "; ")[2:]})
			}
		}
	}
	return tableFormats(&t)
}

// weekView is the report.
func weekView(ctx context.Context, q *question) (*answer, error) {
	w, err := q.week()
	if err != nil {
		return nil, err
	}
	p, err := w.Page(ctx)
	if err != nil {
		return nil, err
	}
	p.Title = "Week"
	a := &answer{command: "report", Page: *p}
	a.Foot = nil
	a.Form = []field{{"since", "Since the run by", "date", q.values.Get("since")}, {"until", "Up to the run by", "date", q.values.Get("until")}}
	f := store.ChangeFilter{UpTo: q.book.History.At.ID}
	if w.Base != nil {
		f.After = w.Base.ID
	}
	a.formats = func(to show.Printer) error {
		if w.Base == nil {
			return show.Changes(q.book, true).Print(to, show.Given([]*store.ChangeRow(nil)))
		}
		return show.Changes(q.book, true).Print(to, bounded(q.book.History.Changes(ctx, f)))
	}
	return a, nil
}

// reclaimView lists the seats that can be taken back, and their sum.
func reclaimView(ctx context.Context, q *question) (*answer, error) {
	w, err := q.week()
	if err != nil {
		return nil, err
	}
	report, err := w.Reclaim(ctx)
	if err != nil {
		return nil, err
	}
	p, err := w.Page(ctx, show.PartReclaim)
	if err != nil {
		return nil, err
	}
	a := &answer{command: "reclaim", Page: page.Page{Title: "Reclaim and cost", Lead: "Judged by the newest run and by the rules of " + cmp.Or(w.Rules.Name, "lictrail, since there is no file of rules") + ".", Tiles: p.Tiles, Sections: p.Sections}}
	totals := page.Section{ID: "totals", Heading: "What it comes to"}
	for _, by := range []string{"sku", "department"} {
		list := report.Totals(by)
		rows := make([]*reclaim.Total, len(list))
		for i := range list {
			rows[i] = &list[i]
		}
		t := show.ReclaimTotals(q.book, by).Table("Seats and cost by "+map[string]string{"sku": "SKU", "department": "department"}[by], rows, maxRows)
		if len(t.Rows) > 0 {
			totals.Tables = append(totals.Tables, t)
		}
	}
	if len(totals.Tables) > 0 {
		a.Sections = append(a.Sections, totals)
	}
	a.formats = func(to show.Printer) error { return show.Reclaim(ctx, to, report, true) }
	return a, nil
}
