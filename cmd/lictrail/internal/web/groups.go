package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// groupsView lists the licenses that groups give, and where they fail.
func groupsView(ctx context.Context, q *question) (*answer, error) {
	rows, err := q.book.History.GroupRows(ctx)
	if err != nil {
		return nil, err
	}
	t := q.groupTable("Licenses of groups", rows)
	a := &answer{command: "groups", Page: page.Page{Title: "Groups", Lead: "What groups give, to how many, and for whom it fails."}}
	s := page.Section{ID: "groups", Heading: "At the newest run", Tables: []page.Table{t}}
	if len(rows) == 0 {
		s.Tables, s.Text = nil, []string{noneOr(q, "groups", "No group gives a license.", "Which groups give licenses is not known.")}
	}
	a.Sections = []page.Section{s}
	a.formats = func(p show.Printer) error { return show.Groups(q.book).Print(p, show.Each(rows)) }
	return a, nil
}

// noneOr says that there is none, or that it is not known.
func noneOr(q *question, command, none, notKnown string) string {
	if len(q.book.Gaps(command)) > 0 {
		return notKnown
	}
	return none
}

func (q *question) groupTable(caption string, rows []store.GroupRow) page.Table {
	t := page.Table{Caption: caption, Columns: []page.Column{{Head: "Group"}, {Head: "SKU"}, {Head: "Users with it", Number: true}, {Head: "Failing for", Number: true}, {Head: "Errors"}, {Head: "Since", Tight: true}, {Head: "Members by"}, {Head: "State"}}}
	for _, r := range rows {
		failing, errors, since := int64(0), []string{}, snapshot.RunID(0)
		for _, e := range r.Errors {
			failing += e.Users
			errors = append(errors, fmt.Sprintf("%s (%d)", e.Error, e.Users))
			if since == 0 || e.SinceRun < since {
				since = e.SinceRun
			}
		}
		var began any
		if since != 0 {
			began = show.ShortDate(q.book.History.RunDate(since))
		}
		members := "not known"
		if r.Dynamic != nil {
			members = map[bool]string{true: "a rule", false: "hand"}[*r.Dynamic]
		}
		t.Rows = append(t.Rows, []any{q.groupLink(r.Group), q.skuLink(r.SKU), r.Members, failing, show.OrNil(strings.Join(errors, ", ")), began, members, show.OrNil(r.ProcessingState)})
	}
	return t
}

func (q *question) groupLink(id snapshot.GroupID) page.Link {
	return page.Link{Text: cmp.Or(q.book.History.GroupName(id), string(id)), To: q.link("group", string(id))}
}

// groupView is one group: what it gives, for whom it fails, who holds what by it,
// and how its licenses changed.
func groupView(ctx context.Context, q *question) (*answer, error) {
	id, err := q.book.FindGroup(ctx, q.id)
	if err != nil {
		return nil, err
	}
	rows, err := q.book.History.GroupRows(ctx)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r store.GroupRow) bool { return r.Group != id })
	a := &answer{command: "groups", Page: page.Page{Title: cmp.Or(q.book.History.GroupName(id), string(id)), Lead: "Group · " + string(id)}}
	given := page.Section{ID: "given", Heading: "What it gives", Tables: []page.Table{q.groupTable("Licenses of the group", rows)}}
	if len(rows) == 0 {
		given.Tables, given.Text = nil, []string{noneOr(q, "groups", "It gives no license now.", "What it gives now is not known.")}
	}
	holders, err := q.holders(ctx, store.Filter{Group: id}, "Who holds a license by this group", true)
	if err != nil {
		return nil, err
	}
	var changes []*store.ChangeRow
	for c, err := range q.book.History.Changes(ctx, store.ChangeFilter{Kinds: []snapshot.Kind{snapshot.GroupLicenseAdded, snapshot.GroupLicenseRemoved, snapshot.GroupLicenseChanged}, Newest: true}) {
		if err != nil {
			return nil, err
		}
		if c.Path != nil && c.Path.Group == id {
			changes = append(changes, c)
		}
	}
	changed := page.Section{ID: "changes", Heading: "How its licenses changed"}
	if len(changes) == 0 {
		changed.Text = []string{noneOr(q, "groups", "They have not, since tracking began.", "No run has shown a change; not all runs could read groups.")}
	} else {
		changed.Tables = []page.Table{q.changeTable("Changes of the group's licenses, the newest first", changes, false, "")}
	}
	a.Sections = []page.Section{given, holders, changed}
	a.formats = func(p show.Printer) error {
		return show.Assignments(q.book).Print(p, bounded(q.book.History.Assignments(ctx, store.Filter{Group: id})))
	}
	return a, nil
}
