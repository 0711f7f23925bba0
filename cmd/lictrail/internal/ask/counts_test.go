package ask

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func rows(list ...*store.ChangeRow) iter.Seq2[*store.ChangeRow, error] {
	return func(yield func(*store.ChangeRow, error) bool) {
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// The person behind a group is who did it, not the licensing engine; and one person
// is one, however records call them.
func TestCountChanges(t *testing.T) {
	t.Parallel()
	ada := snapshot.Actor{Kind: snapshot.ActorUser, ID: "a1", UPN: "ada@x.test", ClientApp: "Portal"}
	adaBare := snapshot.Actor{Kind: snapshot.ActorUser, ID: "A1", Name: "Ada", ClientApp: "PowerShell"}
	engine := snapshot.Actor{Kind: snapshot.ActorSystem, Name: "Microsoft Azure AD Group-Based Licensing"}
	change := func(day int, user, department string, kind snapshot.Kind, a snapshot.Attribution) *store.ChangeRow {
		return &store.ChangeRow{Change: snapshot.Change{Kind: kind, User: snapshot.UserID(user), SKU: "e3"},
			Person: &store.Person{User: snapshot.User{Attributes: snapshot.Attributes{Department: department}}},
			When:   snapshot.ExactDate(time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC)), Attribution: a}
	}
	list := []*store.ChangeRow{
		change(2, "u1", "Sales", snapshot.Assigned, snapshot.Attribution{Cause: snapshot.CauseAdmin, Actor: &ada}),
		change(8, "u2", "sales", snapshot.Removed, snapshot.Attribution{Cause: snapshot.CauseGroup, Actor: &engine, Via: &snapshot.Via{Actor: &adaBare}}),
		change(9, "u2", "", snapshot.Removed, snapshot.Attribution{Cause: snapshot.CauseGroup, Actor: &engine}),
		change(9, "u1", "", snapshot.PathAdded, snapshot.Attribution{Cause: snapshot.CauseUnknown}),
	}
	for by, want := range map[string][]string{
		"actor":      {"- 2 changes of 2 users, 0 assigned, 1 removed, 2026-03-09 to 2026-03-09 []", "ada@x.test Ada 2 changes of 2 users, 1 assigned, 1 removed, 2026-03-02 to 2026-03-08 [Portal PowerShell]"},
		"cause":      {"group 2 changes of 1 users, 0 assigned, 2 removed, 2026-03-08 to 2026-03-09 []", "unknown 1 changes of 1 users, 0 assigned, 0 removed, 2026-03-09 to 2026-03-09 []", "admin 1 changes of 1 users, 1 assigned, 0 removed, 2026-03-02 to 2026-03-02 []"},
		"sku":        {"e3 4 changes of 2 users, 1 assigned, 2 removed, 2026-03-02 to 2026-03-09 []"},
		"department": {" 2 changes of 2 users, 0 assigned, 1 removed, 2026-03-09 to 2026-03-09 []", "Sales 2 changes of 2 users, 1 assigned, 1 removed, 2026-03-02 to 2026-03-08 []"},
		"week":       {"2026-03-09 2 changes of 2 users, 0 assigned, 1 removed, 2026-03-09 to 2026-03-09 []", "2026-03-02 2 changes of 2 users, 1 assigned, 1 removed, 2026-03-02 to 2026-03-08 []"},
	} {
		counts, err := CountChanges(rows(list...), by)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range counts {
			title := string(c.Cause) + string(c.SKU) + c.Department
			if c.Party != nil {
				title = c.Party.UPN + " " + c.Party.Name
			} else if by == "actor" {
				title = "-"
			}
			if by == "week" {
				title = c.Week.Format(time.DateOnly)
			}
			got = append(got, fmt.Sprintf("%s %d changes of %d users, %d assigned, %d removed, %s to %s %v", title, c.Changes, c.Users, c.Assigned, c.Removed,
				c.First.Format(time.DateOnly), c.Last.Format(time.DateOnly), c.Clients))
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %s:\n%q, want\n%q", by, got, want)
		}
	}
}
