package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// changeView answers who did it, when and why, on what evidence, down to the
// records as Microsoft wrote them.
func changeView(ctx context.Context, q *question) (*answer, error) {
	id, err := strconv.ParseInt(q.id, 10, 64)
	if err != nil || id <= 0 {
		return nil, errNoPage
	}
	found, err := ask.Collect(q.book.History.Changes(ctx, store.ChangeFilter{IDs: []int64{id}}))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &ask.Error{Message: fmt.Sprintf("there is no change %d", id), Hint: "the page of a person lists theirs"}
	}
	c := found[0]
	a := &answer{command: "who", Page: page.Page{Title: show.ChangeText(q.book, c), Lead: changeLead(c)}}
	if c.Person != nil {
		q.who = append(q.who, c.Person.ID)
	}
	a.Ticket = ticketOf(q, c)
	why := q.why(c)
	shared, err := ask.SharedAccount(ctx, q.book, c.Attribution.Actor)
	if err != nil {
		return nil, err
	}
	if shared != nil {
		why.Text = append(why.Text, show.SharedText(*shared))
	}
	a.Sections = []page.Section{why}
	evidence, err := q.evidence(ctx, c, a)
	if err != nil {
		return nil, err
	}
	a.Sections = append(a.Sections, evidence)
	beside, err := q.beside(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(beside.Tables) > 0 {
		a.Sections = append(a.Sections, beside)
	}
	a.formats = func(p show.Printer) error { return show.Changes(q.book, true).Print(p, show.Given(found)) }
	return a, nil
}

func changeLead(c *store.ChangeRow) string {
	who := "The tenant"
	if c.Person != nil {
		who = cmp.Or(c.Person.Name, c.Person.UPN, string(c.Person.ID))
		if c.Person.Name != "" && c.Person.UPN != "" {
			who += " <" + c.Person.UPN + ">"
		}
	}
	return who + ", " + show.LongDate(c.When)
}

func ticketOf(q *question, c *store.ChangeRow) string {
	lines := []string{}
	for _, l := range show.Answer(q.book, c) {
		lines = append(lines, strings.TrimSpace(l))
	}
	for _, ref := range c.Attribution.Evidence {
		lines = append(lines, fmt.Sprintf("Evidence %s %s, %s, %s", ref.Source, ref.ID, ref.Activity, ref.At.UTC().Format("2006-01-02 15:04:05 UTC")))
	}
	return strings.Join(append(lines, fmt.Sprintf("lictrail, change %d, run %d", c.ID, c.Run)), "\n")
}

// why is the answer, fact by fact.
func (q *question) why(c *store.ChangeRow) page.Section {
	a := &c.Attribution
	t := page.Table{Caption: "The answer", Columns: []page.Column{{Head: "What"}, {Head: "Answer"}}}
	add := func(what string, value any) {
		if value != nil && value != "" {
			t.Rows = append(t.Rows, []any{what, value})
		}
	}
	if c.Person != nil {
		add("Person", page.Link{Text: cmp.Or(c.Person.UPN, string(c.Person.ID)), To: q.link("person", string(c.Person.ID))})
	}
	if c.SKU != "" {
		add("SKU", page.Link{Text: q.skuName(c.SKU), To: q.link("sku", string(c.SKU))})
	}
	add("When", show.LongDate(c.When))
	add("Seen by", seenBy(q, c))
	add("Cause", show.CauseLabel(a))
	add("Started by", string(a.Initiator))
	if a.Actor != nil {
		add("Done by", page.Link{Text: actorKind(a.Actor), To: q.partyLink(a, a.Actor)})
	}
	if a.Via != nil {
		add("By way of", q.viaText(a.Via))
		if a.Via.Actor != nil {
			add("Set in motion by", page.Link{Text: actorKind(a.Via.Actor) + show.AtText(a.Via), To: q.partyLink(a, a.Via.Actor)})
		}
	}
	add("Whom to ask", q.by(c))
	add("Confidence", string(a.Confidence))
	if c.Revision > 1 {
		add("Attributed", fmt.Sprintf("%d times: later records said more", c.Revision))
	}
	s := page.Section{ID: "why", Heading: "Who and why", Text: []string{show.ReasonOf(q.book, c)}, Tables: []page.Table{t}}
	if a.Cause == snapshot.CauseUnknown {
		s.Text = append(s.Text, "Cause unknown: "+show.UnknownTexts[a.UnknownWhy]+".")
	}
	return s
}

func seenBy(q *question, c *store.ChangeRow) string {
	if !c.Observed {
		return "the audit log only"
	}
	phrase := fmt.Sprintf("run %d", c.Run)
	if r := q.book.History.Runs[c.Run]; r != nil {
		phrase += " of " + r.ObservedUntil.UTC().Format("2 January 2006 15:04 UTC")
	}
	if !c.Window.NotBefore.IsZero() {
		phrase += ", not by the run that began to look on " + c.Window.NotBefore.UTC().Format("2 January 2006 15:04 UTC")
	}
	return phrase
}

// partyLink links to the page of a party, where it is the responsible one of a change.
func (q *question) partyLink(a *snapshot.Attribution, party *snapshot.Actor) string {
	if a.Responsible() != party {
		return ""
	}
	return q.actorLink(party)
}

// actorKind names an actor with all that is known of it.
func actorKind(a *snapshot.Actor) string {
	parts := []string{show.ActorLabel(a)}
	for _, more := range []string{a.Name, a.ID, a.AppID} {
		if more != "" && !strings.Contains(parts[0], more) {
			parts = append(parts, more)
		}
	}
	return strings.Join(append(parts, string(a.Kind)), ", ")
}

func (q *question) viaText(v *snapshot.Via) string {
	phrase := map[snapshot.Trigger]string{snapshot.ByMembership: "a membership of a group", snapshot.ByGroupLicense: "a license of a group",
		snapshot.ByDynamicRule: "a rule of a group", snapshot.ByDeletion: "a deletion", snapshot.BySubscription: "a subscription", snapshot.ByCatalog: "what Microsoft's product contains"}[v.Trigger]
	phrase = cmp.Or(phrase, "not known")
	if v.Group != "" {
		phrase += ": " + cmp.Or(q.book.History.GroupName(v.Group), string(v.Group))
	}
	return phrase
}

// evidence lists the records, and adds them as they were stored.
func (q *question) evidence(ctx context.Context, c *store.ChangeRow, a *answer) (page.Section, error) {
	s := page.Section{ID: "evidence", Heading: "Evidence"}
	refs := c.Attribution.Evidence
	if len(refs) == 0 {
		s.Text = []string{"No record names this change; it rests on what the runs read."}
		return s, nil
	}
	t := page.Table{Caption: "Records", Columns: []page.Column{{Head: "Record"}, {Head: "Source", Tight: true}, {Head: "Activity"}, {Head: "At", Tight: true}}}
	for _, ref := range refs {
		copies, err := q.book.History.Copies(ctx, ref)
		if err != nil {
			return s, err
		}
		link := page.Link{Text: ref.ID}
		switch {
		case q.book.History.Pseudonymous(): // a record names people in every way that there is
		case len(copies) == 0:
			s.Text = append(s.Text, fmt.Sprintf("The record %s is not stored any more.", ref.ID))
		case len(a.Raw) < maxRaw:
			link.To = fmt.Sprintf("#raw-%d", len(a.Raw))
			a.Raw = append(a.Raw, raw{Title: fmt.Sprintf("Record %s of %s", ref.ID, ref.Source), Text: pretty(copies[len(copies)-1].Raw)})
		}
		t.Rows = append(t.Rows, []any{link, string(ref.Source), string(ref.Activity), ref.At.UTC().Format("2006-01-02 15:04:05")})
	}
	if q.book.History.Pseudonymous() {
		s.Text = append(s.Text, "Records name people, and are not shown under pseudonyms.")
	}
	s.Tables = []page.Table{t}
	return s, nil
}

// maxRaw is how many records are shown of one change.
const maxRaw = 20

// pretty lays a record out. What is no JSON stays as it is.
func pretty(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// besideTime is how far apart changes are that may belong together.
const besideTime = time.Hour

// beside lists what else happened to the person at the same time.
func (q *question) beside(ctx context.Context, c *store.ChangeRow) (page.Section, error) {
	s := page.Section{ID: "beside", Heading: "At the same time"}
	if c.Person == nil {
		return s, nil
	}
	near, err := ask.Collect(q.book.History.Changes(ctx, store.ChangeFilter{Users: []store.Person{*c.Person}, Since: c.When.At.Add(-besideTime), Until: c.When.At.Add(besideTime), Oldest: true}))
	if err != nil {
		return s, err
	}
	near = slices.DeleteFunc(near, func(o *store.ChangeRow) bool { return o.ID == c.ID })
	if len(near) > 0 {
		s.Tables = []page.Table{q.changeTable("Other changes of this person within an hour", near, false, "")}
	}
	return s, nil
}

// changeTable lists changes; people: with whom they happened to.
func (q *question) changeTable(caption string, changes []*store.ChangeRow, people bool, more string) page.Table {
	t := page.Table{Caption: caption, Columns: []page.Column{{Head: "Change"}, {Head: "When", Tight: true}, {Head: "By"}, {Head: "Cause"}, {Head: "Why", Long: true}}}
	if people {
		t.Columns = slices.Insert(t.Columns, 0, page.Column{Head: "Person"})
	}
	for i, c := range changes {
		if i == maxRows {
			t.More = fmt.Sprintf("and %d more%s", len(changes)-maxRows, more)
			break
		}
		row := []any{q.changeLink(c), show.ShortDate(c.When), q.by(c), show.CauseLabel(&c.Attribution), show.ReasonOf(q.book, c)}
		if people {
			row = slices.Insert(row, 0, q.personOf(c))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (q *question) personOf(c *store.ChangeRow) any {
	if c.Person == nil {
		return "the tenant"
	}
	return q.personLink(&c.Person.User)
}

func (q *question) personLink(u *snapshot.User) page.Link {
	return page.Link{Text: cmp.Or(u.UPN, string(u.ID)), To: q.link("person", string(u.ID))}
}
