package web

import (
	"context"
	"fmt"
	"iter"
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

// actorsView lists who changed licenses, and how many changes have no known actor.
func actorsView(ctx context.Context, q *question) (*answer, error) {
	parties, err := store.Once(q.book.History, "parties", func() ([]*ask.Count, error) {
		parties, _, err := q.book.Parties(ctx, store.ChangeFilter{})
		return parties, err
	})
	if err != nil {
		return nil, err
	}
	unknown, err := q.book.Unexplained(ctx, 0)
	if err != nil {
		return nil, err
	}
	t := page.Table{Caption: "Who changed licenses, the most active first", Columns: []page.Column{{Head: "Who"}, {Head: "What"}, {Head: "Changes", Number: true}, {Head: "Users", Number: true},
		{Head: "Assigned", Number: true}, {Head: "Removed", Number: true}, {Head: "First", Tight: true}, {Head: "Last", Tight: true}, {Head: "Through"}}}
	for i, c := range parties {
		if i == maxRows {
			t.More = fmt.Sprintf("and %d more, which CSV and JSON have", len(parties)-i)
			break
		}
		t.Rows = append(t.Rows, []any{page.Link{Text: show.PartyLabel(c.Party), To: q.actorLink(c.Party)}, actorSort(c.Party), c.Changes, c.Users, c.Assigned, c.Removed,
			show.DayOrNil(c.First), show.DayOrNil(c.Last), show.OrNil(strings.Join(c.Clients, ", "))})
	}
	a := &answer{command: "changes", Page: page.Page{Title: "Actors", Lead: "Whom to ask about changes: who made them or, where a group gave or took a license, who is behind the group."}}
	a.Tiles = []page.Tile{{Figure: fmt.Sprint(len(parties)), Label: "people and applications", Section: "actors"}, {Figure: fmt.Sprint(unknown), Label: "changes without a known cause", Section: "actors", Alarm: unknown > 0}}
	s := page.Section{ID: "actors", Heading: "Since tracking began", Tables: []page.Table{t}}
	if len(parties) == 0 {
		s.Tables, s.Text = nil, []string{"Nobody is known to have changed a license."}
	}
	a.Sections = []page.Section{s}
	a.formats = func(p show.Printer) error { return show.Counts(q.book, "actor").Print(p, show.Given(parties)) }
	return a, nil
}

// actorSort is the kind of party.
func actorSort(a *snapshot.Actor) string {
	switch a.Kind {
	case snapshot.ActorUser:
		return "person"
	case snapshot.ActorApp:
		return "application"
	}
	return "Microsoft"
}

func (q *question) actorLink(a *snapshot.Actor) string {
	return q.link("actor", "", "id", ask.PartyID(a))
}

// actorView is what one party did.
func actorView(ctx context.Context, q *question) (*answer, error) {
	id := strings.ToLower(strings.TrimSpace(q.values.Get("id")))
	if id == "" || len([]rune(id)) > maxWord {
		return nil, errNoPage
	}
	changes := func(yield func(*store.ChangeRow, error) bool) {
		for c, err := range q.book.History.Changes(ctx, store.ChangeFilter{Newest: true}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if partyOf(c, id) != nil && !yield(c, nil) {
				return
			}
		}
	}
	counts, err := ask.CountChanges(changes, "actor")
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(counts, func(c *ask.Count) bool { return c.Party != nil && ask.PartyID(c.Party) == id })
	if i < 0 { // others were behind all that it did
		carried, err := firstOf(changes, 1)
		if err != nil {
			return nil, err
		}
		if len(carried) == 0 {
			return nil, &ask.Error{Message: "no change is attributed to that party", Hint: "the page of actors lists those who changed licenses"}
		}
		i, counts = 0, []*ask.Count{{Party: partyOf(carried[0], id), First: carried[0].When.At, Last: carried[0].When.At}}
	}
	done := counts[i]
	if done.Party.Kind == snapshot.ActorUser {
		q.who = append(q.who, snapshot.UserID(done.Party.ID))
	}
	a := &answer{command: "changes", Page: page.Page{Title: show.PartyLabel(done.Party), Lead: actorLead(done)}}
	a.Tiles = []page.Tile{{Figure: fmt.Sprint(done.Changes), Label: "changes to answer for", Section: "changes"}, {Figure: fmt.Sprint(done.Users), Label: "users", Section: "changes"},
		{Figure: fmt.Sprint(done.Assigned), Label: "SKUs assigned", Section: "skus"}, {Figure: fmt.Sprint(done.Removed), Label: "SKUs removed", Section: "skus"}}
	bySKU, err := ask.CountChanges(changes, "sku")
	if err != nil {
		return nil, err
	}
	t := page.Table{Caption: "Changes by SKU", Columns: []page.Column{{Head: "SKU"}, {Head: "Changes", Number: true}, {Head: "Users", Number: true}, {Head: "Assigned", Number: true}, {Head: "Removed", Number: true}, {Head: "First", Tight: true}, {Head: "Last", Tight: true}}}
	for _, c := range bySKU {
		t.Rows = append(t.Rows, []any{q.skuLink(c.SKU), c.Changes, c.Users, c.Assigned, c.Removed, show.DayOrNil(c.First), show.DayOrNil(c.Last)})
	}
	newest, err := firstOf(changes, recentRows)
	if err != nil {
		return nil, err
	}
	recent := page.Section{ID: "changes", Heading: "Changes that it made or started", Tables: []page.Table{q.changeTable("Changes, the newest first", newest, true, "")}}
	total := 0
	for _, c := range bySKU {
		total += c.Changes
	}
	if total > len(newest) {
		recent.Tables[0].More = fmt.Sprintf("and %d older ones, which CSV and JSON have", total-len(newest))
	}
	a.Sections = []page.Section{{ID: "skus", Heading: "What it was about", Tables: []page.Table{t}}, recent}
	a.formats = func(p show.Printer) error { return show.Changes(q.book, true).Print(p, bounded(changes)) }
	return a, nil
}

// partyOf is the party with an id in a change: the responsible one, or the actor; nil
// where the change has no such party.
func partyOf(c *store.ChangeRow, id string) *snapshot.Actor {
	for _, a := range []*snapshot.Actor{c.Attribution.Responsible(), c.Attribution.Actor} {
		if a != nil && ask.PartyID(a) == id {
			return a
		}
	}
	return nil
}

func actorLead(c *ask.Count) string {
	parts := []string{actorSort(c.Party), fmt.Sprintf("from %s to %s", c.First.UTC().Format(time.DateOnly), c.Last.UTC().Format(time.DateOnly))}
	for _, more := range []string{c.Party.Name, c.Party.ID, c.Party.AppID} {
		if more != "" && more != show.PartyLabel(c.Party) {
			parts = append(parts, more)
		}
	}
	if len(c.Clients) > 0 {
		parts = append(parts, "through "+strings.Join(c.Clients, ", "))
	}
	if done := out.Plural(c.Users, "user"); c.Party.Kind == snapshot.ActorUser && len(c.Clients) > 1 {
		parts = append(parts, done+"; whether one person alone uses the account is not known")
	}
	return strings.Join(parts, " · ")
}

// firstOf takes at most so many rows.
func firstOf[T any](rows iter.Seq2[T, error], most int) ([]T, error) {
	var list []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(list) == most {
			break
		}
		list = append(list, row)
	}
	return list, nil
}
