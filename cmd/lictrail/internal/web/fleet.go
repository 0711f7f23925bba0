package web

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// fleetView is the page over all tenants.
var fleetView = view{title: "Tenants", ask: tenantsView}

// tenantsView shows how each tenant is, those that need somebody marked.
func tenantsView(ctx context.Context, q *question) (*answer, error) {
	t := page.Table{Caption: "Tenants", Columns: []page.Column{{Head: "Tenant"}, {Head: "Called"}, {Head: "Newest run", Tight: true}, {Head: "Licensed users", Number: true},
		{Head: "Changes of that run", Number: true}, {Head: "Unexplained", Number: true}, {Head: "Warnings", Number: true}, {Head: "State", Long: true}}}
	failing := 0
	for i := range q.site.Tenants {
		tenant := &q.site.Tenants[i]
		row, ok := q.tenantRow(ctx, tenant)
		if !ok {
			failing++
		}
		t.Rows = append(t.Rows, row)
	}
	a := &answer{Page: page.Page{Title: "Tenants", Lead: fmt.Sprintf("%s, each with a history of its own.", out.Plural(len(q.site.Tenants), "tenant"))}}
	a.Tiles = []page.Tile{{Figure: fmt.Sprint(len(q.site.Tenants)), Label: "tenants", Section: "tenants"}, {Figure: fmt.Sprint(failing), Label: "not up to date, or not readable", Section: "tenants", Alarm: failing > 0}}
	a.Sections = []page.Section{{ID: "tenants", Heading: "All of them", Tables: []page.Table{t}}}
	return a, nil
}

// stale is how old the newest run may be before a tenant is not up to date.
const stale = 8 * 24 * time.Hour

// tenantRow is a tenant in a row; ok is false where its answers are old, or none.
func (q *question) tenantRow(ctx context.Context, tenant *Tenant) (row []any, ok bool) {
	link := page.Link{Text: tenant.Name, To: "t/" + url.PathEscape(tenant.Name) + "/"}
	failed := func(err error) ([]any, bool) {
		return []any{link, nil, nil, "not known", "not known", "not known", "not known", sentence(exit.Explained(err).Error())}, false
	}
	book, err := ask.Open(ctx, tenant.File, q.site.Pseudonymize)
	if err != nil {
		return failed(err)
	}
	defer book.Close()
	at := book.History.At
	unknown, err := unexplained(ctx, book, at.ID)
	if err != nil {
		return failed(err)
	}
	attempts, err := book.History.Attempts(ctx)
	if err != nil {
		return failed(err)
	}
	state, ok := "up to date", true
	switch last := attempts[len(attempts)-1]; {
	case last.Status != store.Complete:
		state, ok = "the newest run failed: "+last.Error, false
	case q.now.Sub(at.ObservedUntil) > stale:
		state, ok = fmt.Sprintf("nothing has been read for %s", out.Plural(int(q.now.Sub(at.ObservedUntil)/(24*time.Hour)), "day")), false
	case len(book.Gaps("report")) > 0:
		state = "read in part: " + show.GapSentences(book.Gaps("report"))[0]
	}
	return []any{link, book.History.Tenant.Name, stamp(at.ObservedUntil), at.LicensedUsers.Int64, at.Changes.Int64, unknown, len(at.Warnings), state}, ok
}

// unexplained counts the changes whose cause is not known: those of a run, or with 0
// all of them.
func unexplained(ctx context.Context, book *ask.Book, run snapshot.RunID) (int64, error) {
	counts, err := book.History.ChangeCounts(ctx)
	var n int64
	for _, c := range counts {
		if (run == 0 || c.Run == run) && c.Cause == snapshot.CauseUnknown && c.Kind != snapshot.DateMoved {
			n += c.Count
		}
	}
	return n, err
}
