package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/words"
)

// hit is something that was searched for.
type hit struct {
	Kind   string `json:"kind"` // person, SKU, group, actor
	ID     string `json:"id"`
	Name   string `json:"name"`
	Detail string `json:"detail"`
	Href   string `json:"href"` // relative to the tenant's first page
}

const maxHits = 50

func searchView(ctx context.Context, q *question) (*answer, error) {
	word := strings.TrimSpace(q.values.Get("q"))
	if len([]rune(word)) > maxWord {
		return nil, &ask.Error{Message: fmt.Sprintf("a search has at most %d letters", maxWord)}
	}
	hits, more, err := q.find(ctx, word)
	if err != nil {
		return nil, err
	}
	a := &answer{Search: word, Big: true, command: "", Page: page.Page{Title: "Search"}}
	a.formats = func(p show.Printer) error { return hitListing(q).Print(p, show.Given(hits)) }
	switch {
	case word == "":
		a.formats = nil
		newest, err := q.recent(ctx, store.ChangeFilter{Newest: true}, true)
		a.Sections = []page.Section{newest}
		return a, err
	case len(hits) == 0:
		a.Lead = "Nothing that any run has seen, and no record that was kept, is called so."
		return a, nil
	}
	for _, kind := range []string{"person", "SKU", "group", "actor"} {
		t := page.Table{Caption: kind + "s", Columns: []page.Column{{Head: "Name"}, {Head: "What is known"}, {Head: "Id", Tight: true}}}
		if kind == "person" {
			t.Caption = "People"
		} else {
			t.Caption = strings.ToUpper(kind[:1]) + kind[1:] + "s"
		}
		for _, h := range hits {
			if h.Kind == kind {
				t.Rows = append(t.Rows, []any{page.Link{Text: h.Name, To: q.root + h.Href}, h.Detail, h.ID})
			}
		}
		if len(t.Rows) > 0 {
			s := page.Section{ID: kind, Heading: t.Caption, Tables: []page.Table{t}}
			s.Tables[0].Caption += ", the best first"
			if kind == "person" && more {
				s.Tables[0].More = "There are others; type more of the name."
			}
			a.Sections = append(a.Sections, s)
		}
	}
	return a, nil
}

func hitListing(*question) show.Listing[hit] {
	type row = hit
	text := func(csv string, cell func(hit) any) show.Column[hit] {
		return show.Column[row]{Column: out.Column{Head: strings.ToUpper(csv)}, CSV: csv, Text: cell}
	}
	return show.Listing[row]{JSON: func(h hit) any { return h }, Columns: []show.Column[row]{
		text("kind", func(h hit) any { return h.Kind }), text("id", func(h hit) any { return h.ID }), text("name", func(h hit) any { return h.Name }),
		text("detail", func(h hit) any { return h.Detail }), text("href", func(h hit) any { return h.Href })}}
}

// find looks for everything that a search term matches. Under pseudonyms people are found
// by pseudonym only: a search by name would show who is behind one.
func (q *question) find(ctx context.Context, word string) (hits []hit, more bool, err error) {
	query := words.NewQuery(word)
	if query.Empty() {
		return nil, false, nil
	}
	if q.book.History.Pseudonymous() {
		return q.findConcealed(ctx, word, query)
	}
	found, more, err := ask.Search(ctx, q.book, query, maxHits)
	if err != nil {
		return nil, false, err
	}
	for _, f := range found {
		if h, ok := q.hitOf(f); ok {
			hits = append(hits, h)
		}
	}
	if q.values.Get("format") == "" { // people who appear only in audit records are found by reading these
		strangers, _, _, err := ask.Strangers(ctx, q.book, query, len(hits) == 0)
		if err != nil {
			return nil, false, err
		}
		for _, s := range strangers {
			hits = append(hits, hit{Kind: "person", ID: s.ID, Name: s.Title(), Detail: "known from audit records only", Href: relative(q.link("recorded", "", "user", cmp.Or(s.ID, s.Title())), q.root)})
		}
	}
	return hits, more, nil
}

func (q *question) findConcealed(ctx context.Context, word string, query words.Query) (hits []hit, more bool, err error) {
	p, ok, err := q.book.History.UserByPseudonym(ctx, strings.ToLower(word))
	if err != nil {
		return nil, false, err
	}
	if ok {
		hits = append(hits, q.personHit(&p.User, ""))
	}
	for _, id := range q.book.MatchSKUs(query) {
		hits = append(hits, q.skuHit(id))
	}
	groups, err := q.book.MatchGroups(ctx, query)
	for _, g := range groups {
		hits = append(hits, q.groupHit(g.ID, ""))
	}
	return hits, false, err
}

// hitOf is what was found, if it has a page.
func (q *question) hitOf(f ask.Hit) (hit, bool) {
	switch {
	case f.User != nil:
		return q.personHit(&f.User.User, f.Was), true
	case f.SKU != "":
		return q.skuHit(f.SKU), true
	case f.Group != nil:
		return q.groupHit(f.Group.ID, f.Was), true
	case f.Actor != nil:
		return hit{Kind: "actor", ID: cmp.Or(f.Actor.ID, f.Actor.AppID), Name: show.PartyLabel(f.Actor), Detail: actorSort(f.Actor), Href: relative(q.actorLink(f.Actor), q.root)}, true
	}
	return hit{}, false
}

func (q *question) skuHit(id snapshot.SKUID) hit {
	return hit{"SKU", string(id), q.skuName(id), q.book.PartNumber(id), relative(q.link("sku", string(id)), q.root)}
}

func (q *question) groupHit(id snapshot.GroupID, was string) hit {
	detail := "gives or gave licenses"
	if was != "" {
		detail += ", formerly " + was
	}
	return hit{"group", string(id), cmp.Or(q.book.History.GroupName(id), string(id)), detail, relative(q.link("group", string(id)), q.root)}
}

func (q *question) personHit(u *snapshot.User, was string) hit {
	h := hit{Kind: "person", ID: string(u.ID), Name: cmp.Or(u.Name, u.UPN, string(u.ID))}
	var parts []string
	if u.Name != "" {
		parts = append(parts, u.UPN)
	}
	if was != "" {
		parts = append(parts, "formerly "+was)
	}
	parts = append(parts, u.Department)
	if u.Presence != snapshot.Present {
		parts = append(parts, string(u.Presence))
	}
	h.Detail = strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
	h.Href = relative(q.link("person", h.ID), q.root)
	return h
}

// relative is an address seen from the tenant's first page.
func relative(to, root string) string { return strings.TrimPrefix(to, root) }

// recordedView shows the archived records about a person whom no run has read.
func recordedView(ctx context.Context, q *question) (*answer, error) {
	user := strings.TrimSpace(q.values.Get("user"))
	if user == "" || len([]rune(user)) > maxWord || q.book.History.Pseudonymous() {
		return nil, errNoPage
	}
	past, archived, err := ask.History(ctx, q.book, user)
	if err != nil {
		return nil, err
	}
	if past != nil {
		return nil, &ask.Error{Message: "runs have seen that person", Hint: "search for the name"}
	}
	q.who = append(q.who, snapshot.UserID(user))
	none := "No record says what was done."
	var text bytes.Buffer
	err = show.Archive(show.Printer{Streams: &out.Streams{Out: &text, Err: io.Discard, Quiet: true, Width: 100}, Book: q.book, Format: "text", Command: "history"}, archived, none)
	a := &answer{command: "history", Page: page.Page{Title: user, Lead: "No run has seen this person. This is what audit records that were kept say."}, Raw: []raw{{"Records", text.String()}}}
	a.formats = func(p show.Printer) error {
		if p.Format == "csv" {
			return show.Records(q.book, false).Print(p, show.Given(archived.Records))
		}
		return show.Archive(p, archived, none)
	}
	return a, err
}
