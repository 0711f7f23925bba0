package show

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// foldFrom is the number of rows from which on a table of the page is folded.
const foldFrom = 15

// monthsShown is how many months of cost the page has, the newest last.
const monthsShown = 6

// summary is what a manager reads first: what needs attention, what changed and by whom,
// and what it costs. Each sentence sums up a section below.
func (w *Week) summary(ctx context.Context) (page.Section, error) {
	s := page.Section{ID: "summary", Heading: "In short"}
	at := w.History.At.ObservedUntil
	for i := range w.skus {
		if r := &w.skus[i]; r.Over() > 0 {
			s.Text = append(s.Text, fmt.Sprintf("%s is over-assigned: %s more in use than there are.", w.SKULabel(r.ID), Plural(r.Over(), "seat")))
		}
	}
	for i := range w.skus {
		r := &w.skus[i]
		if day, ok := r.RunsOut(at); ok && r.Over() == 0 && ask.Available(r.SKURow) > 0 && day <= snapshot.DayOf(at)+snapshot.TrendDays {
			s.Text = append(s.Text, fmt.Sprintf("%s runs out by %s if use goes on like this: %s free, %s a week.", w.SKULabel(r.ID), DayText(day.Time()),
				Plural(ask.Available(r.SKURow), "seat"), signed(r.Trend.PerWeek)))
		}
	}
	lapses, err := w.lapses(ctx)
	if err != nil {
		return s, err
	}
	for _, l := range lapses {
		if l.Hit() > 0 {
			s.Text = append(s.Text, fmt.Sprintf("%s lapses on %s: %s.", w.SKULabel(l.SKU), cmp.Or(dayLabel(&l), "a day that is not known"), HitText(&l)))
		}
	}
	s.Text = append(s.Text, sentences(w.whoChanged(), w.openText())...)
	cost, err := w.costText(ctx)
	if err != nil {
		return s, err
	}
	if s.Text = append(s.Text, sentences(cost)...); len(s.Text) == 0 {
		s.Text = []string{"Nothing needs anybody's attention."}
	}
	return s, nil
}

func dayLabel(l *ask.Lapse) string {
	if l.NextLifecycleAt.IsZero() {
		return ""
	}
	return DayText(l.NextLifecycleAt)
}

// parties are those who are responsible for changes of users.
func (w *Week) parties() []*ask.Party {
	var list []store.Outline
	var outlines store.Outlines
	for _, c := range w.changes {
		if c.User != "" {
			list = append(list, outlines.Of(&c.Change, &c.Attribution))
		}
	}
	return ask.Parties(list)
}

// whoChanged says how many changes there were and whose most of them are.
func (w *Week) whoChanged() string {
	list := w.parties()
	if len(list) == 0 {
		return ""
	}
	n := 0
	for _, p := range list {
		n += p.Changes
	}
	return fmt.Sprintf("%s of licenses of users, by %s.", Plural(n, "change"), partyCounts(list, true))
}

// unexplainedOf are the changes whose cause is not known.
func unexplainedOf(changes []*store.ChangeRow) []*store.ChangeRow {
	return slices.DeleteFunc(slices.Clone(changes), func(c *store.ChangeRow) bool { return c.Attribution.Cause != snapshot.CauseUnknown })
}

func (w *Week) openText() string {
	open := len(unexplainedOf(w.changes))
	if open == 0 {
		return ""
	}
	return fmt.Sprintf("The cause of %s is not known.", Plural(open, "change"))
}

// people shows who changed licenses, and which SKUs were gained and lost.
func (w *Week) people(context.Context) error {
	list := w.parties()
	if len(list) == 0 {
		return nil
	}
	type moved struct {
		sku       snapshot.SKUID
		got, lost int
	}
	bySKU := map[snapshot.SKUID]*moved{}
	for _, c := range w.changes {
		if c.Kind != snapshot.Assigned && c.Kind != snapshot.Removed {
			continue
		}
		if bySKU[c.SKU] == nil {
			bySKU[c.SKU] = &moved{sku: c.SKU}
		}
		bySKU[c.SKU].got += one(c.Kind == snapshot.Assigned)
		bySKU[c.SKU].lost += one(c.Kind == snapshot.Removed)
	}
	var skus []*moved
	for _, m := range bySKU {
		skus = append(skus, m)
	}
	slices.SortFunc(skus, func(a, b *moved) int {
		return cmp.Or(cmp.Compare(b.got+b.lost, a.got+a.lost), cmp.Compare(a.sku, b.sku))
	})
	s := page.Section{ID: PartPeople, Heading: "Who changed licenses, and which"}
	if len(skus) > 0 {
		s.Tables = append(s.Tables, tableOf(page.Table{Caption: "Gains and losses by product", Columns: []page.Column{
			{Head: "Product"}, {Head: "Users got it", Number: true}, {Head: "Users lost it", Number: true}, {Head: "Net", Number: true}}},
			skus, maxRows, w.changesCommand(" --by sku"), func(m *moved) []any {
				return []any{w.cell(w.SKULabel(m.sku), "sku", string(m.sku)), m.got, m.lost, fmt.Sprintf("%+d", m.got-m.lost)}
			}))
	}
	s.Tables = append(s.Tables, tableOf(page.Table{Caption: "Changes by person or application", Columns: []page.Column{
		{Head: "Who"}, {Head: "Changes", Number: true}, {Head: "Users", Number: true}, {Head: "Licenses given", Number: true}, {Head: "Taken", Number: true}}},
		list, maxRows, w.changesCommand(" --by actor"), func(p *ask.Party) []any {
			return []any{PartyTitle(p, true), p.Changes, len(p.Users), p.Given, p.Removed}
		}))
	w.section(s)
	return nil
}

// bill is what seats have cost in the last months, by month and what they are charged to;
// empty where no price is known.
func (w *Week) bill(ctx context.Context) ([]*ask.SeatRow, error) {
	if w.billed != nil {
		return w.billed, nil
	}
	prices, err := ask.Prices(w.Named(), w.Rules)
	if err != nil || len(prices) == 0 {
		return nil, err
	}
	known := ask.KnownDays(w.Book)
	first := w.History.At.ObservedUntil.UTC().AddDate(0, 1-monthsShown, 1-w.History.At.ObservedUntil.UTC().Day())
	within, ok := snapshot.Days{From: snapshot.DayOf(first), To: known.To}.Clip(known)
	if !ok {
		return nil, nil
	}
	if err := w.Keeps(ctx, w.ChargeTo); err != nil {
		return nil, err
	}
	rows, err := ask.SeatDays(ctx, w.Book, store.Filter{}, within, ask.Charge{By: cmp.Or(w.ChargeTo, ask.ByDepartment), Prices: prices})
	if err != nil {
		return nil, err
	}
	w.billed = slices.Collect(rows)
	return w.billed, nil
}

func (w *Week) costText(ctx context.Context) (string, error) {
	rows, err := w.bill(ctx)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	last := rows[len(rows)-1].MonthLabel()
	rows = slices.DeleteFunc(slices.Clone(rows), func(r *ask.SeatRow) bool { return r.MonthLabel() != last })
	sure, _ := ask.SeatCost(slices.Values(rows))
	return fmt.Sprintf("The seats held in %s cost %s up to the newest run.", last, sure.Text()), nil
}

// money shows what seats cost by month and what they are charged to.
func (w *Week) money(ctx context.Context) error {
	rows, err := w.bill(ctx)
	if err != nil || len(rows) == 0 {
		return err
	}
	lines := billLines(rows)
	sure, _ := ask.SeatCost(slices.Values(rows))
	for _, m := range sure.Amounts {
		label := fmt.Sprintf("%s, cost of seats since %s", m.Currency, rows[0].MonthLabel())
		if sure.Lower {
			label = m.Currency + " or more, cost of seats since " + rows[0].MonthLabel()
		}
		w.tile(page.Grouped((m.Micros+500_000)/1_000_000), label, PartMoney, false)
	}
	by := strings.ReplaceAll(cmp.Or(w.ChargeTo, ask.ByDepartment), "-", " ")
	s := page.Section{ID: PartMoney, Heading: "What seats cost", Text: []string{
		fmt.Sprintf("A day costs its share of its month, at the price of that day, and is charged to the %s that the user had then. The first and the newest month are counted as far as they are known.", by)}}
	for _, m := range sure.Amounts {
		s.Charts = append(s.Charts, costChart(fmt.Sprintf("chart-cost-%d", len(s.Charts)), fmt.Sprintf("Cost by month and %s, in %s", by, m.Currency), m.Currency, lines))
	}
	slices.SortStableFunc(lines, func(a, b *billLine) int { return cmp.Compare(b.month, a.month) })
	s.Tables = []page.Table{tableOf(page.Table{Caption: "Cost by month and " + by, Columns: []page.Column{
		{Head: "Month", Tight: true}, {Head: strings.ToUpper(by[:1]) + by[1:]}, {Head: "Seat-days", Number: true}, {Head: "Cost", Number: true}}},
		lines, maxRows, "lictrail seat-days --by "+cmp.Or(w.ChargeTo, ask.ByDepartment), func(l *billLine) []any {
			days := 0
			for _, r := range l.rows {
				days += r.Min
			}
			cost, _ := ask.SeatCost(slices.Values(l.rows))
			return []any{l.month, l.text(), days, cost.Text()}
		})}
	w.section(s)
	return nil
}

// billLine is what one department, or what else seats are charged to, has cost in a month.
type billLine struct {
	month, label string
	unread       bool
	rows         []*ask.SeatRow
}

// text are what the seats are charged to.
func (l *billLine) text() string {
	if l.unread {
		return NotKnown
	}
	return cmp.Or(l.label, "none")
}

// billLines adds up the SKUs of a bill.
func billLines(rows []*ask.SeatRow) []*billLine {
	var lines []*billLine
	for _, r := range rows {
		if n := len(lines); n == 0 || lines[n-1].month != r.MonthLabel() || lines[n-1].unread != r.Unread || !strings.EqualFold(lines[n-1].label, r.Label) {
			lines = append(lines, &billLine{r.MonthLabel(), r.Label, r.Unread, nil})
		}
		l := lines[len(lines)-1]
		l.rows = append(l.rows, r)
	}
	return lines
}

// costKeys is how many departments have a color of their own in a chart.
const costKeys = 8

// costChart draws what was charged in a currency, month by month.
func costChart(id, title, currency string, lines []*billLine) page.Chart {
	amount := func(l *billLine) int64 {
		sure, _ := ask.SeatCost(slices.Values(l.rows))
		for _, m := range sure.Amounts {
			if m.Currency == currency {
				return m.Micros
			}
		}
		return 0
	}
	total, name := map[string]int64{}, map[string]string{}
	for _, l := range lines {
		key := strings.ToLower(l.text())
		total[key] += amount(l)
		name[key] = l.text()
	}
	most := slices.SortedFunc(maps.Keys(total), func(a, b string) int { return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b)) })
	var keys []page.Key
	for i, key := range most[:min(len(most), costKeys)] {
		keys = append(keys, page.Key{Class: fmt.Sprintf("c%d", i), Label: name[key]})
	}
	if len(most) > costKeys {
		keys = append(keys, page.Key{Class: fmt.Sprintf("c%d", costKeys), Label: "others"})
	}
	var months []page.Week
	for _, l := range lines {
		first, _ := time.Parse("2006-01", l.month) // as it was written
		if n := len(months); n == 0 || !months[n-1].Monday.Equal(first) {
			months = append(months, page.Week{Monday: first, Known: true, Counts: make([]int64, len(keys))})
		}
		at := slices.Index(most[:min(len(most), costKeys)], strings.ToLower(l.text()))
		if at < 0 {
			at = costKeys
		}
		months[len(months)-1].Counts[at] += amount(l)
	}
	for i := range months {
		for k, micros := range months[i].Counts {
			months[i].Counts[k] = (micros + 500_000) / 1_000_000
		}
	}
	return page.MonthChart(id, title, keys, months)
}

// fold folds long tables, so that the page can be read from the top to its end.
func (w *Week) fold() {
	for i := range w.p.Sections {
		for k := range w.p.Sections[i].Tables {
			t := &w.p.Sections[i].Tables[k]
			t.Folded = len(t.Rows) >= foldFrom
		}
	}
}
