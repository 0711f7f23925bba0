package show

import (
	"fmt"
	"testing"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// TestWhoChanged: changes are counted by who is responsible, and those that nobody is
// known for are no person's.
func TestWhoChanged(t *testing.T) {
	change := func(user snapshot.UserID, kind snapshot.Kind, cause snapshot.Cause, actor, via *snapshot.Actor) *store.ChangeRow {
		c := &store.ChangeRow{Change: snapshot.Change{User: user, Kind: kind}, Attribution: snapshot.Attribution{Cause: cause, Actor: actor}}
		if via != nil {
			c.Attribution.Via = &snapshot.Via{Actor: via}
		}
		return c
	}
	ada := &snapshot.Actor{Kind: snapshot.ActorUser, ID: "1", UPN: "ada@contoso.com"}
	engine := &snapshot.Actor{Kind: snapshot.ActorApp, ID: "2", Name: "Microsoft Azure AD Group-Based Licensing"}
	w := &Week{changes: []*store.ChangeRow{
		change("u1", snapshot.Removed, snapshot.CauseAdmin, ada, nil),
		change("u1", snapshot.Assigned, snapshot.CauseGroup, engine, ada), // a group that Ada changed
		change("u2", snapshot.Removed, snapshot.CauseUnknown, nil, nil),
		change("u3", snapshot.Removed, snapshot.CauseSubscription, nil, nil),
		change("", snapshot.SKUGone, snapshot.CauseSubscription, nil, nil), // the tenant's
	}}
	if got := w.whoChanged(); got != "4 changes of licenses of users, by ada@contoso.com 2, not known 1, nobody (subscription) 1." {
		t.Error(got)
	}
}

// TestFold: what is long is folded, and nothing else.
func TestFold(t *testing.T) {
	w := &Week{p: &page.Page{Sections: []page.Section{{Tables: []page.Table{{Rows: make([][]any, foldFrom-1)}, {Rows: make([][]any, foldFrom)}}}}}}
	w.fold()
	if tables := w.p.Sections[0].Tables; tables[0].Folded || !tables[1].Folded {
		t.Errorf("%d rows folded %t, %d rows folded %t", foldFrom-1, tables[0].Folded, foldFrom, tables[1].Folded)
	}
}

// TestCostChart: the most expensive departments have a column each, all others share one.
func TestCostChart(t *testing.T) {
	var lines []*billLine
	for n := range 20 {
		cost := &reclaim.Money{Micros: int64(n+1) * 1e6, Currency: "EUR"}
		lines = append(lines, &billLine{month: "2026-03", label: fmt.Sprint("Department ", n), rows: []*ask.SeatRow{{CostMin: cost, CostMax: cost}}})
	}
	chart := costChart("x", "x", "EUR", lines)
	if got, want := fmt.Sprint(chart.Data.Rows[0][1:]), "[20 19 18 17 16 15 14 13 78]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
