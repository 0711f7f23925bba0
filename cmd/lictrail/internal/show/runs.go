package show

import (
	"database/sql"
	"fmt"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store"
)

func Runs() Listing[*store.Run] {
	type row = *store.Run
	number := func(get func(row) sql.NullInt64) func(row) any {
		return func(r row) any {
			if v := get(r); v.Valid {
				return v.Int64
			}
			return nil
		}
	}
	return Listing[row]{
		JSON: func(r row) any { return Run(r) },
		None: "no run yet",
		Columns: []Column[row]{
			{Column: out.Column{Head: "RUN"}, CSV: "id", Text: func(r row) any { return int64(r.ID) }},
			{Column: out.Column{Head: "STATUS"}, CSV: "status", Text: func(r row) any { return styled(r) }, Cell: func(r row) any { return r.Status }},
			{Column: out.Column{Head: Zoned("OBSERVED")}, CSV: "observed_at", Text: func(r row) any { return Minute(r.ObservedAt, r.StartedAt) }, Cell: func(r row) any { return Stamp(r.ObservedAt) }},
			{CSV: "observed_until", Cell: func(r row) any { return Stamp(r.ObservedUntil) }},
			{Column: out.Column{Head: "USERS"}, CSV: "users", Text: number(func(r row) sql.NullInt64 { return r.Users })},
			{CSV: "licensed_users", Cell: number(func(r row) sql.NullInt64 { return r.LicensedUsers })},
			{Column: out.Column{Head: "ASSIGNED"}, CSV: "assignments", Text: number(func(r row) sql.NullInt64 { return r.Assignments })},
			{Column: out.Column{Head: "CHANGES"}, CSV: "changes", Text: number(func(r row) sql.NullInt64 { return r.Changes })},
			{Column: out.Column{Head: "WARN"}, CSV: "warnings", Text: func(r row) any { return len(r.Warnings) }},
			{CSV: "requests", Cell: number(func(r row) sql.NullInt64 { return r.Requests })},
			{Column: out.Column{Head: "HEAD"}, CSV: "head", Text: func(r row) any { return Dash(fmt.Sprintf("%.8s", r.Head)) }, Cell: func(r row) any { return r.Head }},
			{Column: out.Column{Head: "ERROR", Min: 5, Rank: 1}, CSV: "error", Text: func(r row) any { return Dash(r.Error) }, Cell: func(r row) any { return r.Error }},
		},
	}
}

func styled(r *store.Run) any {
	if r.Status == store.Complete {
		return r.Status
	}
	return out.Cell{Value: r.Status, Style: out.Red}
}

func OneRun(p Printer, r *store.Run) error {
	pairs := []any{"Run", int64(r.ID), "Status", r.Status, "Read", Minute(r.ObservedAt, r.StartedAt) + " " + out.ZoneName(), "Error", Dash(r.Error)}
	if r.Status == store.Complete {
		pairs = append(pairs, "Compared with", previousLabel(r), "Users", r.Users.Int64, "Licensed users", r.LicensedUsers.Int64,
			"Assignments", r.Assignments.Int64, "Changes", r.Changes.Int64, "Requests", r.Requests.Int64)
	}
	if a := r.Audit; a != nil {
		pairs = append(pairs, "Audit log", fmt.Sprintf("%s to %s, %s", Minute(a.From, a.From), Minute(a.To, a.To)+" "+out.ZoneName(), Plural(a.Events, "event")))
	}
	pairs = append(pairs, "Head", Dash(r.Head))
	if err := out.Pairs(p.Streams, pairs...); err != nil {
		return err
	}
	for _, w := range r.Warnings {
		if err := p.Printf("Warning  %s: %s\n", w.Code, w.Message); err != nil {
			return err
		}
	}
	return nil
}

func previousLabel(r *store.Run) string {
	if r.Previous == 0 {
		return "nothing: the first run"
	}
	return fmt.Sprintf("run %d", r.Previous)
}
