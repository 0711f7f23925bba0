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
	"lictrail/snapshot/store"
)

// fleetView is the page over all tenants.
var fleetView = view{title: "Tenants", kept: true, pace: slow, ask: tenantsView}

// tenantRow is how a tenant is; of one whose history cannot be read most is not known.
type tenantRow struct {
	Name          string     `json:"name"` // in the configuration
	ID            *string    `json:"id"`
	Called        *string    `json:"called"`
	ObservedUntil *time.Time `json:"observed_until"`
	LicensedUsers *int64     `json:"licensed_users"`
	Changes       *int64     `json:"changes"`
	Unexplained   *int64     `json:"unexplained"`
	Warnings      *int       `json:"warnings"`
	UpToDate      bool       `json:"up_to_date"`
	State         string     `json:"state"`
}

// tenantsView shows how each tenant is, those that need somebody marked.
func tenantsView(ctx context.Context, q *question) (*answer, error) {
	t := page.Table{Caption: "Tenants", Columns: []page.Column{{Head: "Tenant"}, {Head: "Called"}, {Head: "Newest run", Tight: true}, {Head: "Licensed users", Number: true},
		{Head: "Changes of that run", Number: true}, {Head: "Unexplained", Number: true}, {Head: "Warnings", Number: true}, {Head: "State", Long: true}}}
	rows := make([]*tenantRow, len(q.site.Tenants))
	failing := 0
	for i := range q.site.Tenants {
		r := q.tenantRow(ctx, &q.site.Tenants[i])
		if rows[i] = r; !r.UpToDate {
			failing++
		}
		var newest any
		if r.ObservedUntil != nil {
			newest = stamp(*r.ObservedUntil)
		}
		t.Rows = append(t.Rows, []any{page.Link{Text: r.Name, To: "t/" + url.PathEscape(r.Name) + "/"}, valueOr(r.Called, nil), newest,
			valueOr(r.LicensedUsers, show.NotKnown), valueOr(r.Changes, show.NotKnown), valueOr(r.Unexplained, show.NotKnown), valueOr(r.Warnings, show.NotKnown), r.State})
	}
	a := &answer{Page: page.Page{Title: "Tenants", Lead: fmt.Sprintf("%s, each with a history of its own.", out.Plural(len(q.site.Tenants), "tenant"))}}
	a.Tiles = []page.Tile{{Figure: fmt.Sprint(len(q.site.Tenants)), Label: "tenants", Section: "tenants"}, {Figure: fmt.Sprint(failing), Label: "not up to date, or not readable", Section: "tenants", Alarm: failing > 0}}
	a.Sections = []page.Section{{ID: "tenants", Heading: "All of them", Tables: []page.Table{t}}}
	a.formats = func(p show.Printer) error { return printTenants(p, rows) }
	return a, nil
}

// valueOr is what a pointer leads to, or something else.
func valueOr[T any](p *T, other any) any {
	if p == nil {
		return other
	}
	return *p
}

// printTenants prints rows about all tenants; a document about several has none of its
// own.
func printTenants(p show.Printer, rows []*tenantRow) error {
	if p.Format == "json" {
		body, err := out.JSON(struct {
			Schema int          `json:"schema"`
			Tenant *out.Tenant  `json:"tenant"`
			Gaps   []any        `json:"gaps"`
			Items  []*tenantRow `json:"items"`
		}{out.Schema, nil, []any{}, rows})
		if err == nil {
			_, err = p.Out.Write(append(body, '\n'))
		}
		return err
	}
	column := func(name string, cell func(*tenantRow) any) show.Column[*tenantRow] {
		return show.Column[*tenantRow]{CSV: name, Cell: cell}
	}
	return show.Listing[*tenantRow]{Columns: []show.Column[*tenantRow]{
		column("name", func(r *tenantRow) any { return r.Name }),
		column("id", func(r *tenantRow) any { return valueOr(r.ID, nil) }),
		column("called", func(r *tenantRow) any { return valueOr(r.Called, nil) }),
		column("observed_until", func(r *tenantRow) any { return valueOr(r.ObservedUntil, nil) }),
		column("licensed_users", func(r *tenantRow) any { return valueOr(r.LicensedUsers, nil) }),
		column("changes", func(r *tenantRow) any { return valueOr(r.Changes, nil) }),
		column("unexplained", func(r *tenantRow) any { return valueOr(r.Unexplained, nil) }),
		column("warnings", func(r *tenantRow) any { return valueOr(r.Warnings, nil) }),
		column("up_to_date", func(r *tenantRow) any { return r.UpToDate }),
		column("state", func(r *tenantRow) any { return r.State }),
	}}.PrintCSV(p, show.Given(rows))
}

// tenantRow is how a tenant is.
func (q *question) tenantRow(ctx context.Context, tenant *Tenant) *tenantRow {
	r := &tenantRow{Name: tenant.Name}
	if err := q.fillTenant(ctx, tenant, r); err != nil {
		return &tenantRow{Name: tenant.Name, State: sentence(exit.Explained(err).Error())}
	}
	return r
}

func (q *question) fillTenant(ctx context.Context, tenant *Tenant, r *tenantRow) error {
	book, err := ask.Open(ctx, tenant.File, q.site.Pseudonymize)
	if err != nil {
		return err
	}
	defer book.Close()
	at := book.History.At
	unknown, err := book.Unexplained(ctx, at.ID)
	if err != nil {
		return err
	}
	attempts, err := book.History.Attempts(ctx)
	if err != nil {
		return err
	}
	id, until, warnings := string(book.History.Tenant.ID), at.ObservedUntil.UTC(), len(at.Warnings)
	r.ID, r.ObservedUntil, r.Unexplained, r.Warnings = &id, &until, &unknown, &warnings
	if name := book.History.Tenant.Name; name != "" {
		r.Called = &name
	}
	if at.LicensedUsers.Valid {
		r.LicensedUsers = &at.LicensedUsers.Int64
	}
	if at.Changes.Valid {
		r.Changes = &at.Changes.Int64
	}
	r.State, r.UpToDate = "up to date", true
	switch last := attempts[len(attempts)-1]; {
	case last.Status != store.Complete:
		r.State, r.UpToDate = "the newest run failed: "+last.Error, false
	case q.now.Sub(at.ObservedUntil) > ask.StaleAfter:
		r.State, r.UpToDate = fmt.Sprintf("nothing has been read for %s", out.Plural(int(q.now.Sub(at.ObservedUntil)/(24*time.Hour)), "day")), false
	case len(book.Gaps("report")) > 0:
		r.State = "read in part: " + show.GapSentences(book.Gaps("report"))[0]
	}
	return nil
}
