package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// life is everything known of one person.
type life struct {
	*question
	*ask.Past
	person store.Person
	bars   []ask.Bar
	unread []page.Between
}

func personView(ctx context.Context, q *question) (*answer, error) {
	person, err := q.person(ctx)
	if err != nil {
		return nil, err
	}
	q.who = append(q.who, snapshot.UserID(q.id))
	l := &life{question: q, person: person}
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	u := &person.User
	a := &answer{command: "history", Page: page.Page{Title: cmp.Or(u.Name, u.UPN, string(u.ID)), Lead: personLead(u)}}
	a.Ticket = l.ticket()
	a.Sections = []page.Section{l.picture(), l.held(), l.changed()}
	a.formats = func(p show.Printer) error {
		if p.Format == "json" {
			return show.PastJSON(p, l.Past)
		}
		return show.Changes(q.book, true).Print(p, q.book.History.Changes(ctx, store.ChangeFilter{Users: []store.Person{person}, Oldest: true}))
	}
	return a, nil
}

// person is the user that the address names: by object id or, under pseudonyms, by
// pseudonym.
func (q *question) person(ctx context.Context) (store.Person, error) {
	h := q.book.History
	var person store.Person
	var ok bool
	var err error
	if h.Pseudonymous() {
		person, ok, err = h.UserByPseudonym(ctx, q.id)
	} else {
		person, ok, err = h.UserByID(ctx, snapshot.NormalID(snapshot.UserID(q.id)))
	}
	if err != nil {
		return person, err
	}
	if !ok {
		return person, &ask.Error{Message: "no run has seen a person with that id", Hint: "search for a name or an address"}
	}
	return person, nil
}

func personLead(u *snapshot.User) string {
	parts := []string{}
	if u.Name != "" {
		parts = append(parts, u.UPN)
	}
	parts = append(parts, u.Department)
	if u.Presence != snapshot.Present {
		parts = append(parts, string(u.Presence))
	}
	parts = append(parts, string(u.ID))
	return strings.Join(slices.Compact(slices.DeleteFunc(parts, func(s string) bool { return s == "" })), " · ")
}

// load reads what the page shows.
func (l *life) load(ctx context.Context) error {
	h, people := l.book.History, []store.Person{l.person}
	var err error
	if l.Past, err = ask.PastOf(ctx, l.book, people); err != nil {
		return err
	}
	spans, err := ask.Collect(h.PathSpans(ctx, store.Filter{Users: people}))
	if err != nil {
		return err
	}
	l.bars = ask.Bars(append(l.unseen(), l.Periods...), spans)
	coverage, err := h.Coverage(ctx)
	if err != nil {
		return err
	}
	for _, c := range snapshot.UnionCoverage(coverage, h.First.ObservedAt, h.At.ObservedUntil) {
		if !c.Complete {
			l.unread = append(l.unread, page.Between{NotBefore: c.From, NotAfter: c.To})
		}
	}
	return nil
}

// unseen are periods of SKUs that only the audit log saw.
func (l *life) unseen() []*store.Period {
	var list []*store.Period
	for _, h := range l.Holdings {
		if h.Observed() {
			continue
		}
		for i, s := range h.Stretches {
			p := &store.Period{User: h.Person.User, SKU: h.SKU, Number: i + 1, From: s.From, To: s.To, Stretches: []snapshot.Stretch{s}}
			if c := l.Turn(h.Person.ID, h.SKU, s.From, snapshot.Assigned); c != nil && c.Path != nil {
				p.Paths = []snapshot.PathRef{*c.Path}
			}
			list = append(list, p)
		}
	}
	return list
}

// sentenceOfNone says that nothing was held, as far as that is known.
func (l *life) sentenceOfNone() string {
	began := show.DayText(l.book.History.First.ObservedUntil)
	if l.book.Unread("history", snapshot.ReadAuditLog) {
		return fmt.Sprintf("Whether a license was held since tracking began on %s is not known; the runs show none.", began)
	}
	return fmt.Sprintf("No license was held since tracking began on %s.", began)
}

func between(d snapshot.Date) page.Between {
	return page.Between{NotBefore: d.NotBefore, NotAfter: d.NotAfter}
}

func endOf(d *snapshot.Date) *page.Between {
	if d == nil {
		return nil
	}
	b := between(*d)
	return &b
}

// pathClass is the color of a path.
func pathClass(p snapshot.PathRef) string {
	switch p.Kind {
	case snapshot.Direct:
		return "direct"
	case snapshot.ByGroup:
		return "group"
	}
	return "unknown-path"
}

// picture is the timeline.
func (l *life) picture() page.Section {
	s := page.Section{ID: "timeline", Heading: "Over time"}
	if len(l.bars) == 0 {
		s.Text = []string{l.sentenceOfNone()}
	}
	if len(l.bars) == 0 && len(l.Changes) == 0 {
		return s
	}
	h := l.book.History
	t := page.Timeline{ID: "life", Title: "Licenses of " + cmp.Or(l.person.Name, l.person.UPN), Tracked: h.First.ObservedUntil, Until: h.At.ObservedUntil,
		Unread: l.unread, Data: l.barTable()}
	kinds := map[string]bool{}
	for _, sku := range l.skus() {
		track := page.Track{Name: l.book.SKULabel(sku)}
		for _, b := range l.bars {
			if b.SKU != sku {
				continue
			}
			name := l.book.PathName(&b.Path)
			i := slices.IndexFunc(track.Lanes, func(lane page.Lane) bool { return lane.Name == name })
			if i < 0 {
				i, track.Lanes = len(track.Lanes), append(track.Lanes, page.Lane{Name: name, Class: pathClass(b.Path)})
				kinds[pathClass(b.Path)] = true
			}
			track.Lanes[i].Spans = append(track.Lanes[i].Spans, page.Span{Begin: between(b.From), End: endOf(b.To), Text: l.barText(b)})
		}
		for _, p := range l.Periods {
			if p.SKU == sku && !p.GraphDate.IsZero() && len(track.Lanes) > 0 {
				track.Lanes[0].Others = append(track.Lanes[0].Others, page.Mark{At: page.Between{NotBefore: p.GraphDate, NotAfter: p.GraphDate}, Class: "theirs",
					Text: "Microsoft's own date: " + p.GraphDate.UTC().Format(time.DateOnly)})
				kinds["theirs"] = true
			}
		}
		for i, c := range l.Changes {
			if c.SKU == sku {
				track.Marks = append(track.Marks, page.Mark{At: between(c.When), Number: i + 1, Class: causeClass(c.Attribution.Cause), To: l.link("change", fmt.Sprint(c.ID)),
					Text: fmt.Sprintf("Change %d: %s, %s. %s", i+1, show.ChangeText(l.book, c), show.LongDate(c.When), show.ReasonOf(l.book, c))})
			}
		}
		t.Tracks = append(t.Tracks, track)
	}
	t.Keys = keysOf(kinds, l.Changes, len(l.unread) > 0)
	s.Charts = twin(t.Chart(980), t.Chart(360))
	return s
}

// skus are those of the bars and of the changes: first what is held, then by when
// it ended.
func (l *life) skus() []snapshot.SKUID {
	ends := map[snapshot.SKUID]time.Time{}
	held := map[snapshot.SKUID]bool{}
	var list []snapshot.SKUID
	for _, b := range l.bars {
		if !slices.Contains(list, b.SKU) {
			list = append(list, b.SKU)
		}
		if b.To == nil {
			held[b.SKU] = true
		} else if b.To.NotAfter.After(ends[b.SKU]) {
			ends[b.SKU] = b.To.NotAfter
		}
	}
	for _, c := range l.Changes {
		if c.SKU != "" && !slices.Contains(list, c.SKU) {
			list = append(list, c.SKU)
		}
	}
	slices.SortStableFunc(list, func(a, b snapshot.SKUID) int {
		if held[a] != held[b] {
			if held[a] {
				return -1
			}
			return 1
		}
		return ends[b].Compare(ends[a])
	})
	return list
}

func (l *life) barText(b ask.Bar) string {
	phrase := fmt.Sprintf("%s, %s: from %s", l.book.SKULabel(b.SKU), l.book.PathName(&b.Path), show.LongDate(b.From))
	if b.To == nil {
		return phrase + ", held now"
	}
	return phrase + " to " + show.LongDate(*b.To)
}

// keysOf is the legend of the colors and signs that the drawing has.
func keysOf(kinds map[string]bool, changes []*store.ChangeRow, unread bool) []page.Key {
	var keys []page.Key
	for _, k := range []page.Key{{Class: "direct", Label: "direct"}, {Class: "group", Label: "by a group"}, {Class: "unknown-path", Label: "path not known"},
		{Class: "theirs", Label: "▼ Microsoft's own date"}} {
		if kinds[k.Class] {
			keys = append(keys, k)
		}
	}
	keys = append(keys, page.Key{Class: "tracked", Label: "tracking began"}, page.Key{Class: "direct maybe", Label: "hatched: began or ended within"})
	if unread {
		keys = append(keys, page.Key{Class: "gap", Label: "audit log not read"})
	}
	for _, cause := range snapshot.Causes {
		if slices.ContainsFunc(changes, func(c *store.ChangeRow) bool { return c.Attribution.Cause == cause }) {
			keys = append(keys, page.Key{Class: causeClass(cause), Label: "cause: " + string(cause)})
		}
	}
	return keys
}

func causeClass(c snapshot.Cause) string { return fmt.Sprintf("m%d", slices.Index(snapshot.Causes, c)) }

// barTable has the bars of the drawing as a table.
func (l *life) barTable() page.Table {
	t := page.Table{Caption: "What was held, by which path", Columns: []page.Column{{Head: "SKU"}, {Head: "Path"}, {Head: "From", Tight: true}, {Head: "To", Tight: true}}}
	for _, b := range l.bars {
		to := "held now"
		if b.To != nil {
			to = show.ShortDate(*b.To)
		}
		t.Rows = append(t.Rows, []any{l.book.SKULabel(b.SKU), l.book.PathName(&b.Path), show.ShortDate(b.From), to})
	}
	return t
}

// held is every period, with Microsoft's date beside ours.
func (l *life) held() page.Section {
	s := page.Section{ID: "held", Heading: "Since when"}
	if len(l.Holdings) == 0 {
		s.Text = []string{l.sentenceOfNone()}
		return s
	}
	t := page.Table{Caption: "Licenses and their periods", Columns: []page.Column{
		{Head: "SKU"}, {Head: "First assigned", Tight: true}, {Head: "This period from", Tight: true}, {Head: "Assigned by"}, {Head: "To", Tight: true}, {Head: "Removed by"}, {Head: "Path"}, {Head: "Microsoft says", Tight: true}, {Head: "Why it says so", Long: true}}}
	periods := append(l.unseen(), l.Periods...)
	for _, sku := range l.skus() {
		for _, p := range periods {
			if p.SKU != sku {
				continue
			}
			to, ended := any("held now"), any(nil)
			if p.To != nil {
				to, ended = show.ShortDate(*p.To), l.turnedBy(p, *p.To, snapshot.Removed)
			}
			t.Rows = append(t.Rows, []any{l.skuLink(sku), l.first(sku), show.ShortDate(p.From),
				l.turnedBy(p, p.From, snapshot.Assigned), to, ended, l.pathNames(p), show.DayOrNil(p.GraphDate), l.dateWhy(p)})
		}
	}
	s.Tables = []page.Table{t}
	return s
}

// skuLink leads to a SKU, by the name of the product.
func (q *question) skuLink(id snapshot.SKUID) page.Link {
	return page.Link{Text: q.skuName(id), To: q.link("sku", string(id))}
}

// skuName is the product, with what distinguishes it from others of the same name.
func (q *question) skuName(id snapshot.SKUID) string {
	return q.book.SKULabel(id)
}

func (l *life) first(sku snapshot.SKUID) any {
	i := slices.IndexFunc(l.Holdings, func(h *store.Holding) bool { return h.SKU == sku })
	if i < 0 {
		return nil
	}
	return show.ShortDate(l.Holdings[i].First)
}

// dateWhy is why Microsoft's date is later than ours.
func (l *life) dateWhy(p *store.Period) any {
	return show.OrNil(show.DateWhyText(l.book, l.DateWhy(p)))
}

func (l *life) pathNames(p *store.Period) string {
	var names []string
	for i := range p.Paths {
		names = append(names, l.book.PathName(&p.Paths[i]))
	}
	return strings.Join(names, ", ")
}

// turnedBy names who began or ended a period; or says that it is not known.
func (l *life) turnedBy(p *store.Period, at snapshot.Date, kind snapshot.Kind) any {
	c := l.Turn(p.User.ID, p.SKU, at, kind)
	if c == nil {
		return nil // before tracking began
	}
	return l.by(c)
}

// changed lists the changes, the newest first, with the numbers of the drawing.
func (l *life) changed() page.Section {
	s := page.Section{ID: "changes", Heading: "What changed"}
	if len(l.Changes) == 0 {
		began := show.DayText(l.book.History.First.ObservedUntil)
		s.Text = []string{fmt.Sprintf("Nothing since tracking began on %s.", began)}
		if l.book.Unread("history", snapshot.ReadAuditLog) {
			s.Text = []string{fmt.Sprintf("Not known in full; the runs since %s show the same.", began)}
		}
		return s
	}
	t := page.Table{Caption: "Changes, the newest first", Columns: []page.Column{
		{Head: "Change"}, {Head: "No.", Number: true}, {Head: "When", Tight: true}, {Head: "By"}, {Head: "Cause"}, {Head: "Why", Long: true}}}
	for i, c := range slices.Backward(l.Changes) {
		if len(t.Rows) == maxRows {
			t.More = fmt.Sprintf("and %d older ones, which CSV and JSON have", i+1)
			break
		}
		t.Rows = append(t.Rows, []any{l.changeLink(c), i + 1, show.ShortDate(c.When), l.by(c), show.CauseLabel(&c.Attribution), show.ReasonOf(l.book, c)})
	}
	s.Tables = []page.Table{t}
	return s
}

func (q *question) changeLink(c *store.ChangeRow) page.Link {
	phrase := show.ChangeText(q.book, c)
	if !c.Observed {
		phrase += " (seen in the audit log only)"
	}
	return page.Link{Text: phrase, To: q.link("change", fmt.Sprint(c.ID))}
}

// by is the party that is responsible for a change, or that it is not known.
func (q *question) by(c *store.ChangeRow) any {
	a := c.Attribution.Responsible()
	if a == nil {
		if c.Attribution.Cause == snapshot.CauseUnknown || c.Attribution.Cause == snapshot.CauseGroup {
			return show.NotKnown
		}
		return nil
	}
	return page.Link{Text: show.PartyLabel(a), To: q.actorLink(a)}
}

// ticket is a text to copy into a ticket: the newest change of each SKU.
func (l *life) ticket() string {
	var b strings.Builder
	u := &l.person.User
	fmt.Fprintf(&b, "%s\n", strings.Join(slices.DeleteFunc([]string{u.Name, u.UPN, string(u.ID)}, func(s string) bool { return s == "" }), ", "))
	for _, sku := range l.skus() {
		for _, p := range l.Periods {
			if p.SKU == sku && p.To == nil {
				fmt.Fprintf(&b, "Holds %s (%s), assigned %s.\n", l.book.SKULabel(sku), l.pathNames(p), show.LongDate(p.From))
			}
		}
	}
	if n := len(l.Changes); n > 0 {
		fmt.Fprintf(&b, "Latest change: %s\n", strings.Join(show.Answer(l.book, l.Changes[n-1]), "\n"))
	} else {
		fmt.Fprintf(&b, "%s\n", l.sentenceOfNone())
	}
	fmt.Fprintf(&b, "lictrail, run %d of %s UTC", l.book.History.At.ID, l.book.History.At.ObservedUntil.UTC().Format("2006-01-02 15:04"))
	return b.String()
}
