package show

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

// FleetReport is one page on all tenants of a fleet: what needs somebody first, then a
// table of the tenants, the products over all of them, and a section on each.
type FleetReport struct {
	Now     time.Time
	Version string

	tenants  []*fleetTenant
	names    string // to whom the page may go
	products map[snapshot.SKUID]*fleetProduct
}

// fleetTenant is what the page says of a tenant.
type fleetTenant struct {
	*ask.TenantHealth
	id      string // of its section; "" where there is none
	section page.Section

	licensed, changes, unexplained, over, lapsing, frees figure

	monthly reclaim.Cost // of frees
}

// figure is a number. Where unsure is true, parts of it are not known, so that it is a
// lower bound; where some is false as well, nothing of it is known.
type figure struct {
	n            int64
	some, unsure bool
}

func known(n int64) figure { return figure{n: n, some: true} }

// atLeast is a number from reads of which some are missing. A zero is then not known.
func atLeast(n int64, missing bool) figure { return figure{n, n > 0 || !missing, missing} }

func (f figure) plus(o figure) figure {
	return figure{f.n + o.n, f.some || o.some, f.unsure || o.unsure || !f.some || !o.some}
}

func (f figure) text() string {
	switch {
	case !f.some:
		return NotKnown
	case f.unsure:
		return page.Grouped(f.n) + " or more"
	}
	return page.Grouped(f.n)
}

// fleetProduct is a SKU over all tenants.
type fleetProduct struct {
	name               string
	tenants            int
	bought, used, free int64
}

// Add adds a tenant with its week.
func (f *FleetReport) Add(ctx context.Context, h *ask.TenantHealth, w *Week) error {
	p, err := w.Page(ctx, PartPeople)
	if err != nil {
		return err
	}
	short, err := w.summary(ctx)
	if err != nil {
		return err
	}
	lapses, err := w.lapses(ctx)
	if err != nil {
		return err
	}
	t := &fleetTenant{TenantHealth: h, id: fmt.Sprintf("tenant-%d", len(f.tenants)), licensed: known(w.History.At.LicensedUsers.Int64),
		changes: known(int64(len(w.changes))), unexplained: known(int64(len(unexplainedOf(w.changes)))), over: known(ask.OverAssigned(w.skus)),
		lapsing: atLeast(int64(len(lapses)), len(w.gapTexts(snapshot.ReadSubscriptions)) > 0)}
	if w.Base == nil { // the first run shows no changes
		t.changes, t.unexplained = figure{}, figure{}
	}
	if !w.Past {
		report, err := w.Reclaim(ctx)
		if err != nil {
			return err
		}
		missing := len(w.gapTexts(snapshot.ReadActivity, snapshot.ReadNames)) > 0
		t.frees, t.monthly = atLeast(int64(report.Sum.Frees), missing), report.Sum.Monthly
		t.monthly.Lower = t.monthly.Lower || report.Sum.Unpriced > 0
		short.Text = append(short.Text, sumLines(&report.Sum, missing)...)
	}
	t.section = page.Section{ID: t.id, Heading: fleetName(h), Text: append([]string{w.lead()}, short.Text...)}
	t.section.Text = append(t.section.Text, GapSentences(w.Gaps("report"))...)
	for _, s := range p.Sections {
		for _, table := range s.Tables {
			table.Folded = true
			t.section.Tables = append(t.section.Tables, table)
		}
	}
	f.tenants, f.names = append(f.tenants, t), w.namesText()
	f.count(w)
	return nil
}

// count adds a tenant's seats to those of the fleet.
func (f *FleetReport) count(w *Week) {
	if f.products == nil {
		f.products = map[snapshot.SKUID]*fleetProduct{}
	}
	for i := range w.skus {
		r := &w.skus[i]
		if r.To != nil {
			continue
		}
		p := f.products[r.ID]
		if p == nil {
			p = &fleetProduct{name: w.SKULabel(r.ID)}
			f.products[r.ID] = p
		}
		p.tenants++
		p.bought += r.Units.Enabled + r.Units.Warning
		p.used += r.Consumed
		p.free += ask.Available(r.SKURow)
	}
}

// fleetName is the name of a tenant in the fleet, with its own name where that differs.
func fleetName(h *ask.TenantHealth) string {
	if h.Health == nil || h.Tenant.Name == "" || h.Tenant.Name == h.Name {
		return h.Name
	}
	return fmt.Sprintf("%s (%s)", h.Name, h.Tenant.Name)
}

// Page lays it out, for all tenants in their order, whether they were added or not.
func (f *FleetReport) Page(all []*ask.TenantHealth) *page.Page {
	added := f.tenants
	f.tenants = nil
	for _, h := range all {
		t := &fleetTenant{TenantHealth: h}
		if i := slices.IndexFunc(added, func(t *fleetTenant) bool { return t.TenantHealth == h }); i >= 0 && h.Err == nil {
			t = added[i]
		}
		f.tenants = append(f.tenants, t)
	}
	p := &page.Page{Title: "Licenses of " + Plural(len(f.tenants), "tenant"), Lead: "What changed in the newest week of each, and what needs somebody."}
	ill := 0
	sum := &fleetTenant{licensed: known(0), changes: known(0), unexplained: known(0), over: known(0), lapsing: known(0), frees: known(0)}
	for _, t := range f.tenants {
		ill += one(t.Condition != ask.Healthy && t.Condition != ask.Partial)
		sum.add(t)
	}
	const table = "tenants"
	tile := func(f figure, label string, alarm bool) page.Tile {
		return page.Tile{Figure: f.text(), Label: label, Section: table, Alarm: alarm && f.n > 0, Unknown: f.unsure}
	}
	p.Tiles = []page.Tile{tile(known(int64(len(f.tenants))), "tenants", false), tile(known(int64(ill)), "not up to date, or not readable", true),
		tile(sum.licensed, "licensed users", false), tile(sum.changes, "changes", false), tile(sum.unexplained, "unexplained", true),
		tile(sum.over, "seats over-assigned", true), tile(sum.lapsing, "subscriptions lapsing", false), tile(sum.frees, fleetSaving(sum.monthly), false)}
	p.Sections = append(p.Sections, f.table(table), f.productTable())
	for _, t := range f.tenants {
		if t.id != "" {
			p.Sections = append(p.Sections, t.section)
		}
	}
	p.Foot = []string{fmt.Sprintf("Written by lictrail %s on %s UTC from what its runs have kept. lictrail reads tenants and never writes to them.", f.Version, f.Now.UTC().Format("2 January 2006 15:04")),
		f.names}
	return p
}

// add adds the figures of a tenant.
func (t *fleetTenant) add(o *fleetTenant) {
	t.licensed, t.changes, t.unexplained = t.licensed.plus(o.licensed), t.changes.plus(o.changes), t.unexplained.plus(o.unexplained)
	t.over, t.lapsing, t.frees = t.over.plus(o.over), t.lapsing.plus(o.lapsing), t.frees.plus(o.frees)
	t.monthly.Lower = t.monthly.Lower || o.monthly.Lower || t.frees.unsure
	for _, m := range o.monthly.Amounts {
		t.monthly.Add(m)
	}
}

func fleetSaving(saving reclaim.Cost) string {
	const label = "seats to take back"
	if len(saving.Amounts) == 0 {
		return label
	}
	return label + ", " + costText(saving) + " a month"
}

func (f *FleetReport) table(id string) page.Section {
	t := page.Table{Caption: "Tenants, those that need somebody first", Columns: []page.Column{
		{Head: "Tenant"}, {Head: "State", Tight: true}, {Head: Zoned("Read until"), Tight: true}, {Head: "Licensed users", Number: true}, {Head: "Changes", Number: true}, {Head: "Unexplained", Number: true},
		{Head: "Over-assigned", Number: true}, {Head: "Lapsing", Number: true}, {Head: "To take back", Number: true}, {Head: "A month", Number: true}, {Head: "What is the matter", Long: true}}}
	for _, h := range f.tenants {
		var name, monthly any = fleetName(h.TenantHealth), nil
		if h.id != "" {
			name = page.Link{Text: fleetName(h.TenantHealth), To: "#" + h.id}
		}
		if len(h.monthly.Amounts) > 0 {
			monthly = costText(h.monthly)
		}
		t.Rows = append(t.Rows, []any{name, string(h.Condition), readUntil(h.TenantHealth), h.licensed.text(), h.changes.text(), h.unexplained.text(),
			h.over.text(), h.lapsing.text(), h.frees.text(), monthly, healthWhy(h.TenantHealth)})
	}
	return page.Section{ID: id, Heading: "All tenants", Tables: []page.Table{t}}
}

func (f *FleetReport) productTable() page.Section {
	list := slices.SortedFunc(maps.Values(f.products), func(a, b *fleetProduct) int {
		return cmp.Or(cmp.Compare(b.used, a.used), cmp.Compare(a.name, b.name))
	})
	t := tableOf(page.Table{Caption: "Products, the most used first", Columns: []page.Column{
		{Head: "Product"}, {Head: "Tenants", Number: true}, {Head: "Bought", Number: true}, {Head: "Used", Number: true}, {Head: "Free", Number: true}}},
		list, maxRows, "lictrail skus --all-tenants", func(p *fleetProduct) []any {
			return []any{p.name, p.tenants, p.bought, p.used, p.free}
		})
	t.Folded = len(t.Rows) >= foldFrom
	return page.Section{ID: "products", Heading: "Seats over all tenants", Tables: []page.Table{t}}
}
