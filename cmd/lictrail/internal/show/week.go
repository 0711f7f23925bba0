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
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// Week is the content of a report: the changes that runs showed after one run, up to the
// run that the history is read at.
type Week struct {
	*ask.Book
	Base    *store.Run // nil: there is only the first run
	Rules   ask.Rules
	Now     time.Time
	Version string // of the program
	Past    bool   // there are newer runs
	// ChargeTo is what seats are charged to, as for lictrail seat-days --by; "" for departments.
	ChargeTo string
	// To is the address of a page about a thing, where there is one: a person, a
	// change, a group or a sku, by its id. nil: there is none.
	To func(view, id string) string

	changes []*store.ChangeRow
	moved   int // changes of Microsoft's dates alone
	skus    []ask.SKU
	billed  []*ask.SeatRow
	judged  *ask.Reclaimed // nil: not yet
	p       *page.Page
}

// Parts of the page, by which [Week.Page] may be asked for some of them alone.
const (
	PartPeople      = "people"
	PartMoney       = "money"
	PartChanges     = "changes"
	PartUnexplained = "unexplained"
	PartWatch       = "watch"
	PartGroups      = "groups"
	PartLapses      = "lapses"
	PartReclaim     = "reclaim"
	PartSeats       = "seats"
	PartTrust       = "trust"
)

// parts are those of the page, in order.
var parts = []struct {
	id  string
	add func(*Week, context.Context) error
}{
	{PartPeople, (*Week).people}, {PartUnexplained, (*Week).unexplained}, {PartWatch, (*Week).watching}, {PartGroups, (*Week).failing},
	{PartLapses, (*Week).lapsing}, {PartSeats, (*Week).seats}, {PartMoney, (*Week).money}, {PartReclaim, (*Week).reclaimable},
	{PartChanges, (*Week).changed}, {PartTrust, (*Week).trust},
}

// Page lays the report out, or only some parts of it.
func (w *Week) Page(ctx context.Context, only ...string) (*page.Page, error) {
	if err := w.load(ctx); err != nil {
		return nil, err
	}
	w.p = &page.Page{Title: "Licenses of " + TenantLabel(w.History.Tenant), Lead: w.lead()}
	if len(only) == 0 {
		w.tile(fmt.Sprint(w.History.At.LicensedUsers.Int64), "licensed users", PartSeats, false)
		if over := ask.OverAssigned(w.skus); over > 0 {
			w.tile(fmt.Sprint(over), "seats over-assigned", PartSeats, true)
		}
	}
	for _, part := range parts {
		if len(only) > 0 && !slices.Contains(only, part.id) {
			continue
		}
		if err := part.add(w, ctx); err != nil {
			return nil, err
		}
	}
	if len(only) == 0 {
		short, err := w.summary(ctx)
		if err != nil {
			return nil, err
		}
		w.p.Sections = slices.Insert(w.p.Sections, 0, short)
	}
	w.fold()
	w.p.Foot = []string{
		fmt.Sprintf("Written by lictrail %s on %s UTC from what its runs have kept. lictrail reads the tenant and never writes to it.",
			w.Version, w.Now.UTC().Format("2 January 2006 15:04")),
		w.namesText(),
	}
	return w.p, nil
}

// cell is a cell of a table that leads to a page about what it names.
func (w *Week) cell(text, view, id string) any {
	if w.To == nil || id == "" {
		return text
	}
	return page.Link{Text: text, To: w.To(view, id)}
}

func (w *Week) subject(c *store.ChangeRow) any { return w.cell(SubjectOf(c), "person", string(c.User)) }

func (w *Week) changeCell(c *store.ChangeRow) any {
	return w.cell(ChangeText(w.Book, c), "change", fmt.Sprint(c.ID))
}

func (w *Week) skuCell(id snapshot.SKUID) any { return w.cell(w.SKULabel(id), "sku", string(id)) }

// byCell is the party that is responsible for a change; a dash where nobody made it.
func (w *Week) byCell(a *snapshot.Attribution) any { return OrNil(ByLabel(a)) }

// namesText says to whom the page may go.
func (w *Week) namesText() string {
	if w.History.Pseudonymous() {
		return "People go by pseudonyms, the same in every report from this database. Departments, groups and applications keep their names."
	}
	return "It names people: pass it on only to those who may know who has which license."
}

// load reads what several sections show.
func (w *Week) load(ctx context.Context) error {
	var err error
	if w.skus, err = ask.SKUs(ctx, w.Book); err != nil || w.Base == nil {
		return err
	}
	for c, err := range w.History.Changes(ctx, store.ChangeFilter{After: w.Base.ID, UpTo: w.History.At.ID}) {
		if err != nil {
			return err
		}
		if ask.IsDateMove(c.Kind) {
			w.moved++
			continue
		}
		w.changes = append(w.changes, c)
	}
	slices.SortStableFunc(w.changes, func(a, b *store.ChangeRow) int { return rank(a) - rank(b) })
	return nil
}

func (w *Week) lead() string {
	if w.Base == nil {
		return fmt.Sprintf("The first run, on %s. What it found was there before; changes show from the next run on.", DayText(w.History.At.ObservedUntil))
	}
	return fmt.Sprintf("From %s to %s: what run %d shows since run %d.", DayText(w.Base.ObservedUntil), DayText(w.History.At.ObservedUntil), w.History.At.ID, w.Base.ID)
}

func (w *Week) tile(figure, label, section string, alarm bool) {
	w.p.Tiles = append(w.p.Tiles, page.Tile{Figure: figure, Label: label, Section: section, Alarm: alarm})
}

// unsure is a tile whose figure is not known, or only at least.
func (w *Week) unsure(figure, label, section string, alarm bool) {
	w.p.Tiles = append(w.p.Tiles, page.Tile{Figure: figure, Label: label, Section: section, Alarm: alarm, Unknown: true})
}

// knownUpTo says up to which day something is known that has not been read since.
func (w *Week) knownUpTo(what snapshot.Read) string {
	for _, g := range w.Gaps("report") {
		if g.What == what && !g.Since.IsZero() {
			return ", by what was known on " + DayText(g.Since)
		}
	}
	return ""
}

// gapTexts describes the gaps of the report in some reads.
func (w *Week) gapTexts(reads ...snapshot.Read) []string {
	gaps := slices.DeleteFunc(w.Gaps("report"), func(g snapshot.Gap) bool { return !slices.Contains(reads, g.What) })
	return GapSentences(gaps)
}

func (w *Week) section(s page.Section) { w.p.Sections = append(w.p.Sections, s) }

// noted makes a section that consists of sentences.
func (w *Week) noted(id, heading string, text ...string) {
	w.section(page.Section{ID: id, Heading: heading, Text: text})
}

// tableOf makes a table of at most so many things.
func tableOf[T any](t page.Table, things []T, limit int, more string, row func(T) []any) page.Table {
	for i, thing := range things {
		if i == limit {
			t.More = moreText(len(things)-limit, more)
			break
		}
		t.Rows = append(t.Rows, row(thing))
	}
	return t
}

// moreText says how many things a table leaves out, and how to list all.
func moreText(n int, command string) string { return fmt.Sprintf("and %d more: %s", n, command) }

// sentences joins texts that are not empty.
func sentences(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return strings.TrimSpace(s) == "" })
}

const (
	maxRows     = 200 // of a table on the page; commands list all
	weeksShown  = 26
	seatCharts  = 12
	lapseWithin = 60 * 24 * time.Hour
)

// rank orders changes for people: what somebody lost comes first, what happened
// to the tenant last.
func rank(c *store.ChangeRow) int {
	if c.Kind == snapshot.Removed {
		return -1
	}
	return slices.Index(snapshot.Kinds, c.Kind)
}

// SubjectOf names the user of a change, or the group or SKU that it is about.
func SubjectOf(c *store.ChangeRow) string {
	if c.Person == nil {
		return "the tenant"
	}
	return cmp.Or(c.Person.UPN, string(c.User))
}

func (w *Week) changed(ctx context.Context) error {
	s := page.Section{ID: "changes", Heading: "What changed"}
	if w.Base != nil {
		w.tile(fmt.Sprint(len(w.changes)), "changes", s.ID, false)
		s.Text = append(sentences(w.changedText(), w.movedText()), w.gapTexts(snapshot.ReadAuditLog, snapshot.ReadDeletedUsers)...)
		s.Tables = []page.Table{tableOf(page.Table{Caption: "Changes and their causes", Columns: []page.Column{
			{Head: "User"}, {Head: Zoned("When"), Tight: true}, {Head: "Change"}, {Head: "By"}, {Head: "Cause"}, {Head: "Explanation", Long: true}}},
			w.changes, maxRows, w.changesCommand(""), func(c *store.ChangeRow) []any {
				return []any{w.subject(c), ShortDate(c.When), w.changeCell(c), w.byCell(&c.Attribution), CauseLabel(&c.Attribution), ReasonOf(w.Book, c)}
			})}
	} else {
		s.Text = []string{"Nothing can be said of changes before there is a second run."}
	}
	chart, err := w.causesChart(ctx)
	if err != nil {
		return err
	}
	if chart != nil {
		s.Charts = []page.Chart{*chart}
	}
	if len(w.changes) == 0 {
		s.Tables = nil
	}
	w.section(s)
	return nil
}

func (w *Week) changedText() string {
	if len(w.changes) == 0 && len(w.gapTexts(snapshot.ReadAuditLog)) > 0 {
		return "The two runs show the same."
	}
	if len(w.changes) == 0 {
		return "Nothing changed."
	}
	var list []store.Outline
	for _, c := range w.changes {
		list = append(list, store.Outline{Kind: c.Kind})
	}
	return Plural(len(list), "change") + ": " + KindsLabel(list) + "."
}

func (w *Week) movedText() string {
	if w.moved == 0 {
		return ""
	}
	return fmt.Sprintf("Besides, Microsoft's date of %s moved, and no run shows anything else of it.", Plural(w.moved, "assignment"))
}

// changesCommand is how to list the changes of the report.
func (w *Week) changesCommand(more string) string {
	return "lictrail changes --since " + w.Base.ObservedUntil.Format(time.DateOnly) + more
}

// causesChart counts changes by week and cause; nil while there is no week to
// count.
func (w *Week) causesChart(ctx context.Context) (*page.Chart, error) {
	counts, err := w.History.ChangeCounts(ctx)
	if err != nil {
		return nil, err
	}
	runs := w.History.CompleteRuns()[1:] // the first run records no changes
	if len(runs) == 0 {
		return nil, nil
	}
	var causes []snapshot.Cause // that there are, in the order in which contract and colors have them
	for _, c := range snapshot.Causes {
		if slices.ContainsFunc(counts, func(n store.ChangeCount) bool { return n.Cause == c && !ask.IsDateMove(n.Kind) }) {
			causes = append(causes, c)
		}
	}
	keys := make([]page.Key, len(causes))
	for i, c := range causes {
		keys[i] = page.Key{Class: fmt.Sprintf("c%d", slices.Index(snapshot.Causes, c)), Label: string(c)}
	}
	weeks := weeksOf(runs, len(causes))
	for _, n := range counts {
		i := slices.Index(causes, n.Cause)
		if k := weekOf(weeks, w.History.Runs[n.Run].ObservedUntil); k >= 0 && i >= 0 && !ask.IsDateMove(n.Kind) {
			weeks[k].Counts[i] += n.Count
		}
	}
	chart := page.WeekChart("chart-causes", "Changes by week and cause", keys, weeks)
	return &chart, nil
}

// weeksOf lists the last weeks up to the newest run, known where a run ended in
// them.
func weeksOf(runs []*store.Run, causes int) []page.Week {
	last := monday(runs[len(runs)-1].ObservedUntil)
	from := monday(runs[0].ObservedUntil)
	if oldest := last.AddDate(0, 0, -7*(weeksShown-1)); from.Before(oldest) {
		from = oldest
	}
	var weeks []page.Week
	for m := from; !m.After(last); m = m.AddDate(0, 0, 7) {
		weeks = append(weeks, page.Week{Monday: m, Counts: make([]int64, causes)})
	}
	for _, r := range runs {
		if k := weekOf(weeks, r.ObservedUntil); k >= 0 {
			weeks[k].Known = true
		}
	}
	return weeks
}

func weekOf(weeks []page.Week, t time.Time) int {
	return slices.IndexFunc(weeks, func(w page.Week) bool { return w.Monday.Equal(monday(t)) })
}

// monday is the beginning of the week, in UTC.
func monday(t time.Time) time.Time {
	d := snapshot.DayOf(t).Time()
	return d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
}

func (w *Week) unexplained(context.Context) error {
	const id, heading = "unexplained", "What is unexplained"
	if w.Base == nil {
		return nil
	}
	open := unexplainedOf(w.changes)
	w.tile(fmt.Sprint(len(open)), "unexplained", id, len(open) > 0)
	switch {
	case len(w.changes) == 0 && len(w.gapTexts(snapshot.ReadAuditLog)) > 0:
		w.noted(id, heading, w.gapTexts(snapshot.ReadAuditLog)...)
		return nil
	case len(w.changes) == 0:
		w.noted(id, heading, "Nothing changed, so there is nothing to explain.")
		return nil
	case len(open) == 0:
		w.noted(id, heading, "A cause is known for every change.")
		return nil
	}
	w.section(page.Section{ID: id, Heading: heading,
		Text: []string{fmt.Sprintf("Who made %d of %s is not known. Records that come late, or from another source (lictrail audit import), can still explain them.",
			len(open), Plural(len(w.changes), "change"))},
		Tables: []page.Table{tableOf(page.Table{Caption: "Changes without a known cause", Columns: []page.Column{
			{Head: "User"}, {Head: Zoned("When"), Tight: true}, {Head: "Change"}, {Head: "Why it is not known"}, {Head: "Explanation", Long: true}}},
			open, maxRows, w.changesCommand(" --cause unknown"), func(c *store.ChangeRow) []any {
				return []any{w.subject(c), ShortDate(c.When), w.changeCell(c), string(c.Attribution.UnknownWhy), ReasonOf(w.Book, c)}
			})}})
	return nil
}

// watching lists the plans on the watch-list; there is no section without a list.
func (w *Week) watching(ctx context.Context) error {
	const id, heading = "watch", "Plans that matter and are off"
	plans, err := ask.Watched(ctx, w.Book, nil, w.Rules)
	if err != nil || len(plans) == 0 {
		return err
	}
	all, err := ask.SwitchedOffPlans(ctx, w.Book, plans)
	if err != nil {
		return err
	}
	fresh := 0
	all = slices.DeleteFunc(all, func(r ask.SwitchedOff) bool {
		isNew := w.Base != nil && r.NewSince(w.Base.ID)
		if isNew {
			fresh++
		}
		return !r.Now && !isNew // a plan that is on again is not listed
	})
	w.tile(fmt.Sprint(fresh), "watched plans switched off", id, fresh > 0)
	if len(all) == 0 {
		w.noted(id, heading, "No plan of the watch-list is off for anybody.")
		return nil
	}
	w.section(page.Section{ID: id, Heading: heading,
		Text: []string{fmt.Sprintf("New in this report: %d of %s.", fresh, Plural(len(all), "case"))},
		Tables: []page.Table{tableOf(page.Table{Caption: "Plans of the watch-list that are off, the newest first", Columns: []page.Column{
			{Head: "User"}, {Head: Zoned("When"), Tight: true}, {Head: "Plan"}, {Head: "SKU"}, {Head: "By"}, {Head: "Explanation", Long: true}}},
			all, maxRows, "lictrail watch", func(r ask.SwitchedOff) []any {
				return []any{w.cell(cmp.Or(r.User.UPN, string(r.User.ID)), "person", string(r.User.ID)), ShortDate(r.When), w.PlanLabel(r.Plan), w.skuCell(r.SKU), cmp.Or(ActorLabel(r.Actor()), NotKnown), ReasonOff(w.Book, &r)}
			})}})
	return nil
}

func (w *Week) failing(ctx context.Context) error {
	const id, heading = "groups", "Where groups fail to give licenses"
	groups, err := w.History.GroupRows(ctx)
	if err != nil {
		return err
	}
	list := ask.Failures(groups, w.since())
	var users, fresh int64
	for _, f := range list {
		users, fresh = users+f.Users, fresh+int64(f.Fresh)
	}
	w.tile(fmt.Sprint(users), "group license errors", id, fresh > 0)
	if len(list) == 0 {
		w.noted(id, heading, append([]string{"No group fails to give its licenses, by what users' rows show."}, w.gapTexts(snapshot.ReadGroups)...)...)
		return nil
	}
	w.section(page.Section{ID: id, Heading: heading,
		Text: append([]string{fmt.Sprintf("Begun in the time of this report: %d of %s.", fresh, Plural(users, "failure"))}, w.gapTexts(snapshot.ReadGroups)...),
		Tables: []page.Table{tableOf(page.Table{Caption: "Failures, the newest first", Columns: []page.Column{
			{Head: "Group"}, {Head: "SKU"}, {Head: "Error"}, {Head: "Users", Number: true}, {Head: "New", Number: true}, {Head: Zoned("Since"), Tight: true}, {Head: "What to do", Long: true}}},
			list, maxRows, "lictrail groups", func(f ask.Failure) []any {
				return []any{w.cell(w.PathName(f.Path()), "group", string(f.Row.Group)), w.skuCell(f.Row.SKU), f.Error, f.Users, f.Fresh, ShortDate(w.History.RunDate(f.SinceRun)), RemedyOf(f.Error)}
			})}})
	return nil
}

// since is the run that the report begins with; 0 for none.
func (w *Week) since() snapshot.RunID {
	if w.Base == nil {
		return 0
	}
	return w.Base.ID
}

// lapses are the subscriptions that lapse soon, with what draws on each.
func (w *Week) lapses(ctx context.Context) ([]ask.Lapse, error) {
	list := ask.Lapses(w.skus, w.History.At.ObservedUntil.Add(lapseWithin))
	return list, ask.FindDrawn(ctx, w.Book, list)
}

func (w *Week) lapsing(ctx context.Context) error {
	const id, heading = "lapses", "What lapses"
	list, err := w.lapses(ctx)
	if err != nil {
		return err
	}
	var hit int64
	for _, l := range list {
		hit += l.Hit()
	}
	missing := w.gapTexts(snapshot.ReadSubscriptions)
	switch {
	case len(missing) > 0 && len(list) == 0:
		w.unsure(NotKnown, "subscriptions lapsing", id, false)
		w.noted(id, heading, missing...)
		return nil
	case len(missing) > 0:
		w.unsure(fmt.Sprint(len(list)), "subscriptions lapsing"+w.knownUpTo(snapshot.ReadSubscriptions), id, hit > 0)
	default:
		w.tile(fmt.Sprint(len(list)), "subscriptions lapsing", id, hit > 0)
	}
	if len(list) == 0 {
		w.noted(id, heading, "No subscription lapses within 60 days, as far as Microsoft gives dates.")
		return nil
	}
	w.section(page.Section{ID: id, Heading: heading,
		Text: append([]string{"What happens unless a subscription is renewed. Microsoft does not show whether it renews automatically."}, missing...),
		Tables: []page.Table{tableOf(page.Table{Caption: "Subscriptions on their way out, or due within 60 days", Columns: []page.Column{
			{Head: "SKU"}, {Head: "On", Tight: true}, {Head: "Seats", Number: true}, {Head: "Status"}, {Head: "Users affected"}, {Head: "What happens", Long: true}}},
			list, maxRows, "lictrail skus --lapses 60d", func(l ask.Lapse) []any {
				return []any{w.skuCell(l.SKU), DayOrNil(l.NextLifecycleAt), l.Total, l.Status, HitText(&l), l.Becomes}
			})}})
	return nil
}

// Reclaim is the reclaim report, which is computed once.
func (w *Week) Reclaim(ctx context.Context) (*ask.Reclaimed, error) {
	if w.judged == nil {
		report, err := ask.Reclaim(ctx, w.Book, w.Rules, ask.ReclaimFilter{}, "sku", "department")
		if err != nil {
			return nil, err
		}
		w.judged = report
	}
	return w.judged, nil
}

func (w *Week) reclaimable(ctx context.Context) error {
	const id, heading = "reclaim", "What can be taken back"
	if w.Past {
		w.noted(id, heading, "What can be taken back is judged by the newest run only, and this report ends before it.")
		return nil
	}
	report, err := w.Reclaim(ctx)
	if err != nil {
		return err
	}
	sum := report.Sum
	label := "seats to take back"
	if len(sum.Monthly.Amounts) > 0 {
		label += ", " + costText(sum.Monthly) + " a month"
	}
	missing := w.gapTexts(snapshot.ReadActivity, snapshot.ReadNames)
	switch {
	case len(missing) > 0 && sum.Frees == 0:
		w.unsure(NotKnown, label, id, false)
	case len(missing) > 0:
		w.unsure(fmt.Sprintf("%d or more", sum.Frees), label, id, false)
	default:
		w.tile(fmt.Sprint(sum.Frees), label, id, false)
	}
	s := page.Section{ID: id, Heading: heading, Text: append(sumLines(&sum, len(missing) > 0), missing...), Charts: w.idleCharts(report.Totals("department"))}
	candidates, err := ask.First(report.Rows(ctx, reclaim.Candidate), maxRows)
	if err != nil {
		return err
	}
	if len(candidates) > 0 {
		t := tableOf(page.Table{Caption: "Seats that can be taken back", Columns: []page.Column{
			{Head: "User"}, {Head: "SKU"}, {Head: "Why"}, {Head: "Idle days", Number: true}, {Head: "Copilot use"}, {Head: "A month", Number: true}, {Head: "How", Long: true}}},
			candidates, maxRows, "", func(r *reclaim.Row) []any {
				return []any{w.cell(cmp.Or(UserLabel(r.User), string(r.User.ID)), "person", string(r.User.ID)), w.skuCell(r.SKU), reclaimWhy(w.Book, r), intOrNil(r.IdleDays), CopilotText(r.Counts), monthlyLabel(r), reclaimHow(r)}
			})
		if more := sum.Candidates - len(candidates); more > 0 {
			t.More = moreText(more, "lictrail reclaim")
		}
		s.Tables = []page.Table{t}
	}
	w.section(s)
	return nil
}

// idleCharts show by department what idle seats cost a month, a chart for each
// currency, and how many have no price.
func (w *Week) idleCharts(totals []reclaim.Total) []page.Chart {
	bars := map[string][]page.Bar{}
	for _, t := range totals {
		b := page.Bar{Name: cmp.Or(t.Label, "no department")}
		if t.Reclaimable == 0 {
			continue
		}
		if b.Length, b.Figure = int64(t.Reclaimable), Plural(t.Reclaimable, "seat"); t.Currency != "" {
			saving := reclaim.Money{Micros: t.Saving, Currency: t.Currency}
			b.Length, b.Figure = t.Saving, saving.String()
		}
		bars[t.Currency] = append(bars[t.Currency], b)
	}
	var charts []page.Chart
	currencies := slices.Sorted(maps.Keys(bars))
	slices.Reverse(currencies) // what has no price comes last
	for _, currency := range currencies {
		title, figure := "Idle cost a month by department, in "+currency, "A month"
		if currency == "" {
			title, figure = "Idle seats without a known price, by department", "Seats"
		}
		charts = append(charts, page.BarChart(fmt.Sprintf("chart-idle-%d", len(charts)), title, "Department", figure, bars[currency]))
	}
	return charts
}

func (w *Week) seats(context.Context) error {
	s := page.Section{ID: "seats", Heading: "Seats", Small: true,
		Text: []string{"Use by the week is a line of least squares through the runs of the last 13 weeks. It is unknown where there are fewer than 4 runs, or less than three weeks of them."}}
	there := slices.DeleteFunc(slices.Clone(w.skus), func(r ask.SKU) bool { return r.To != nil && r.To.ID <= w.since() })
	shown := slices.DeleteFunc(slices.Clone(there), func(r ask.SKU) bool {
		return !slices.ContainsFunc(r.Points, func(p store.SeatPoint) bool { return p.Consumed > 0 })
	})
	slices.SortStableFunc(shown, func(a, b ask.SKU) int { return int(b.Consumed - a.Consumed) })
	for i, r := range shown {
		if i == seatCharts {
			break
		}
		seats := make([]page.Seats, len(r.Points))
		for k, p := range r.Points {
			seats[k] = page.Seats{At: p.Run.ObservedUntil, Used: p.Consumed, Bought: p.Units.Enabled + p.Units.Warning}
		}
		s.Charts = append(s.Charts, page.SeatChart(fmt.Sprintf("chart-seats-%d", i), w.SKULabel(r.ID), seats, Forecast(&r, w.History.At.ObservedUntil)))
	}
	s.Tables = []page.Table{tableOf(page.Table{Caption: "Seats at the newest run", Columns: []page.Column{
		{Head: "SKU"}, {Head: "Status"}, {Head: "Bought", Number: true}, {Head: "Used", Number: true}, {Head: "Free", Number: true}, {Head: "In grace", Number: true},
		{Head: "Suspended", Number: true}, {Head: "Use", Number: true}, {Head: "Runs out", Number: true}}},
		shown, maxRows, "lictrail skus", func(r ask.SKU) []any {
			return []any{w.cell(w.SKULabel(r.ID), "sku", string(r.ID)), StatusLabel(r.SKURow), r.Units.Enabled, r.Consumed, ask.Available(r.SKURow), r.Units.Warning, r.Units.Suspended,
				TrendLabel(&r), RunsOutLabel(&r, w.History.At.ObservedUntil)}
		})}
	if unused := len(there) - len(shown); unused > 0 {
		s.Text = append(s.Text, fmt.Sprintf("%s of which no run has shown a seat in use: lictrail skus lists them as well.", Plural(unused, "SKU")))
	}
	for i := range w.skus {
		if text := OverText(w.Book, &w.skus[i]); text != "" {
			s.Text = append(s.Text, text)
		}
	}
	w.section(s)
	return nil
}

// trust lists the limits of the report: runs that failed, the warnings of runs, and the
// times for which the audit log was not read.
func (w *Week) trust(ctx context.Context) error {
	s := page.Section{ID: "trust", Heading: "How far this can be trusted"}
	attempts, err := w.History.Attempts(ctx)
	if err != nil {
		return err
	}
	var list [][]any
	uncovered := 0
	for _, r := range attempts {
		if w.Base != nil && r.ID <= w.Base.ID || r.ID > w.History.At.ID {
			continue
		}
		if r.Status != store.Complete {
			list = append(list, []any{fmt.Sprintf("run %d", r.ID), r.Status, r.Error})
		} else if w.Base != nil && (r.Audit == nil || !r.Audit.Complete) {
			uncovered++
		}
		for _, warning := range r.Warnings {
			list = append(list, []any{fmt.Sprintf("run %d", r.ID), warning.Code, warning.Message})
		}
	}
	s.Text = []string{"What is shown is what complete runs read. Where a cause is given, records of the audit log or what the runs read show it; where none is known, the page says unknown rather than guess."}
	s.Text = append(s.Text, GapSentences(w.Gaps("report"))...)
	if uncovered > 0 {
		s.Text = append(s.Text, fmt.Sprintf("%s could not read the audit log in full: who made changes of that time may stay unknown. lictrail audit coverage shows more.", Plural(uncovered, "run")))
	}
	if len(list) > 0 {
		s.Tables = []page.Table{tableOf(page.Table{Caption: "What the runs warned of", Columns: []page.Column{{Head: "Run", Tight: true}, {Head: "What"}, {Head: "Message", Long: true}}},
			list, maxRows, "lictrail runs", func(r []any) []any { return r })}
	}
	w.section(s)
	return nil
}
