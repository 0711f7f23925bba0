package cli

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newRuns(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "The runs and how they ended",
		Example: `  lictrail runs
  lictrail runs show 12`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRuns(cmd.Context(), e, 0) },
	}
	show := &cobra.Command{
		Use:     "show RUN",
		Short:   "One run with its warnings",
		Example: "  lictrail runs show 12",
		Args:    argsBetween(1, 1, "the number of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return usage(fmt.Sprintf("%q is not the number of a run", args[0]), "lictrail runs lists them")
			}
			return runRuns(cmd.Context(), e, snapshot.RunID(id))
		},
	}
	cmd.AddCommand(show)
	return cmd
}

// runRuns lists every run, or shows one. It needs no complete run: what went
// wrong must be told before anything went right.
func runRuns(ctx context.Context, e *env, only snapshot.RunID) error {
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	return runRunsOf(ctx, e, db, only)
}

func runRunsOf(ctx context.Context, e *env, db *store.DB, only snapshot.RunID) error {
	tenant, _, err := db.Tenant(ctx)
	if err != nil {
		return err
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return err
	}
	n := names{ask.Tenant(tenant)}
	if only == 0 {
		return runListing().Print(e.printer(n), show.Given(runs))
	}
	for _, r := range runs {
		if r.ID != only {
			continue
		}
		if e.format != "text" {
			return runListing().Print(e.printer(n), show.Given([]*store.Run{r}))
		}
		return printRun(e, r)
	}
	return usage(fmt.Sprintf("there is no run %d", only), "lictrail runs lists them")
}

func runListing() show.Listing[*store.Run] {
	type row = *store.Run
	number := func(get func(row) sql.NullInt64) func(row) any {
		return func(r row) any {
			if v := get(r); v.Valid {
				return v.Int64
			}
			return nil
		}
	}
	return show.Listing[row]{
		JSON: func(r row) any { return show.Run(r) },
		None: "no run yet",
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "RUN"}, CSV: "id", Text: func(r row) any { return int64(r.ID) }},
			{Column: out.Column{Head: "STATUS"}, CSV: "status", Text: func(r row) any { return styled(r) }, Cell: func(r row) any { return r.Status }},
			{Column: out.Column{Head: "OBSERVED"}, CSV: "observed_at", Text: func(r row) any { return minute(r.ObservedAt, r.StartedAt) }, Cell: func(r row) any { return show.Stamp(r.ObservedAt) }},
			{CSV: "observed_until", Cell: func(r row) any { return show.Stamp(r.ObservedUntil) }},
			{Column: out.Column{Head: "USERS"}, CSV: "users", Text: number(func(r row) sql.NullInt64 { return r.Users })},
			{CSV: "licensed_users", Cell: number(func(r row) sql.NullInt64 { return r.LicensedUsers })},
			{Column: out.Column{Head: "ASSIGNED"}, CSV: "assignments", Text: number(func(r row) sql.NullInt64 { return r.Assignments })},
			{Column: out.Column{Head: "CHANGES"}, CSV: "changes", Text: number(func(r row) sql.NullInt64 { return r.Changes })},
			{Column: out.Column{Head: "WARN"}, CSV: "warnings", Text: func(r row) any { return len(r.Warnings) }},
			{CSV: "requests", Cell: number(func(r row) sql.NullInt64 { return r.Requests })},
			{Column: out.Column{Head: "HEAD"}, CSV: "head", Text: func(r row) any { return show.Dash(fmt.Sprintf("%.8s", r.Head)) }, Cell: func(r row) any { return r.Head }},
			{Column: out.Column{Head: "ERROR", Min: 5, Rank: 1}, CSV: "error", Text: func(r row) any { return show.Dash(r.Error) }, Cell: func(r row) any { return r.Error }},
		},
	}
}

func styled(r *store.Run) any {
	if r.Status == store.Complete {
		return r.Status
	}
	return out.Cell{Value: r.Status, Style: out.Red}
}

// minute is when a run read, or, when it never came to that, when it started.
func minute(observed, started time.Time) string {
	if observed.IsZero() {
		observed = started
	}
	return observed.UTC().Format("2006-01-02 15:04")
}

func printRun(e *env, r *store.Run) error {
	pairs := []any{"Run", int64(r.ID), "Status", r.Status, "Read", minute(r.ObservedAt, r.StartedAt) + " UTC", "Error", show.Dash(r.Error)}
	if r.Status == store.Complete {
		pairs = append(pairs, "Compared with", previousWord(r), "Users", r.Users.Int64, "Licensed users", r.LicensedUsers.Int64,
			"Assignments", r.Assignments.Int64, "Changes", r.Changes.Int64, "Requests", r.Requests.Int64)
	}
	if a := r.Audit; a != nil {
		pairs = append(pairs, "Audit log", fmt.Sprintf("%s to %s, %s", a.From.Format("2006-01-02 15:04"), a.To.Format("2006-01-02 15:04"), show.Plural(a.Events, "event")))
	}
	pairs = append(pairs, "Head", show.Dash(r.Head))
	if err := out.Pairs(e.Streams, pairs...); err != nil {
		return err
	}
	for _, w := range r.Warnings {
		if err := e.Printf("Warning  %s: %s\n", w.Code, w.Message); err != nil {
			return err
		}
	}
	return nil
}

func previousWord(r *store.Run) string {
	if r.Previous == 0 {
		return "nothing: the first run"
	}
	return fmt.Sprintf("run %d", r.Previous)
}
