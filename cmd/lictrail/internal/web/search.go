package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
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
		return a, nil
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

// find looks for people, SKUs and groups.
func (q *question) find(ctx context.Context, word string) (hits []hit, more bool, err error) {
	if word == "" {
		return nil, false, nil
	}
	people, more, err := q.findPeople(ctx, word)
	if err != nil {
		return nil, false, err
	}
	hits = append(hits, people...)
	hits = append(hits, q.findSKUs(word)...)
	return append(hits, q.findGroups(word)...), more, nil
}

func (q *question) findPeople(ctx context.Context, word string) (hits []hit, more bool, err error) {
	h := q.book.History
	if h.Pseudonymous() { // a search by names would say who is behind a pseudonym
		p, ok, err := h.UserByPseudonym(ctx, word)
		if err != nil || !ok {
			return nil, false, err
		}
		return []hit{q.personHit(&p.User, "")}, false, nil
	}
	exact, err := h.FindUsers(ctx, word)
	if err != nil {
		return nil, false, err
	}
	seen := map[snapshot.UserID]bool{}
	for i := range exact {
		seen[exact[i].ID] = true
		hits = append(hits, q.personHit(&exact[i].User, ""))
	}
	found, more, err := h.FindPeople(ctx, words.NewQuery(word), maxHits)
	if err != nil {
		return nil, false, err
	}
	for i := range found {
		if !seen[found[i].ID] {
			hits = append(hits, q.personHit(&found[i].User, found[i].Was))
		}
	}
	return hits, more, nil
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

func (q *question) findSKUs(word string) []hit {
	var hits []hit
	lower := strings.ToLower(word)
	exact := q.book.SKUsOf(word)
	for id, part := range q.book.History.PartNumbers() {
		name := q.book.Catalog.SKUName(id, part)
		if slices.Contains(exact, id) || strings.Contains(strings.ToLower(part), lower) || strings.Contains(strings.ToLower(name), lower) {
			hits = append(hits, hit{"SKU", string(id), name, part, relative(q.link("sku", string(id)), q.root)})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return hits
}

func (q *question) findGroups(word string) []hit {
	var hits []hit
	lower := strings.ToLower(word)
	for id, name := range q.book.History.Groups() {
		if strings.Contains(strings.ToLower(name), lower) || strings.EqualFold(string(id), word) {
			hits = append(hits, hit{"group", string(id), cmp.Or(name, string(id)), "gives licenses", relative(q.link("group", string(id)), q.root)})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return hits
}
