package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newRuns(e *env) *cobra.Command {
	var last int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "The runs and how they ended",
		Long: `Lists the runs and how they ended, the newest first; in JSON and CSV the oldest
first.`,
		Example: `  lictrail runs
  lictrail runs show 12`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 0 || last > 0 && e.limit > 0 {
				return usage("--last takes the newest runs, so many", "--last 20, without --limit")
			}
			e.limit = max(e.limit, last)
			return runRuns(cmd.Context(), e, 0, last > 0)
		},
	}
	cmd.Flags().IntVar(&last, "last", 0, "this number of the newest `runs`, the newest first")
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
			return runRuns(cmd.Context(), e, snapshot.RunID(id), false)
		},
	}
	cmd.AddCommand(show)
	return cmd
}

// runRuns lists every run, or shows one. It needs no complete run: what went
// wrong must show before anything went right.
func runRuns(ctx context.Context, e *env, only snapshot.RunID, newest bool) error {
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	return runRunsOf(ctx, e, db, only, newest)
}

func runRunsOf(ctx context.Context, e *env, db *store.DB, only snapshot.RunID, newest bool) error {
	tenant, _, err := db.Tenant(ctx)
	if err != nil {
		return err
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return err
	}
	b := ask.Tenant(tenant)
	if only == 0 {
		if newest || e.format == "text" {
			slices.Reverse(runs)
		}
		return show.Runs().Print(e.printer(b), show.Given(runs))
	}
	for _, r := range runs {
		if r.ID != only {
			continue
		}
		if e.format != "text" {
			return show.Runs().Print(e.printer(b), show.Given([]*store.Run{r}))
		}
		return show.OneRun(e.printer(noHistory), r)
	}
	return usage(fmt.Sprintf("there is no run %d", only), "lictrail runs lists them")
}
