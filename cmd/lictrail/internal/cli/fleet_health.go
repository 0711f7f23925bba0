package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

func newFleetHealth(e *env) *cobra.Command {
	var days int
	var all bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "How the history of every tenant is kept, the worst first",
		Long: `One row for each tenant of the configuration, from its database alone: what is
the matter, the newest run, until when the tenant was read, what the run warned
of, and where the chain of runs ends. No tenant is asked.

  unreadable  the database is not there, damaged or in use
  damaged     verify found that it is not what was recorded
  never-run   no run is history
  failing     the newest run is not history, or did not end within a day
  stale       nothing has been read for more than --max-age days
  partial     the newest run could not read all that it asked for
  healthy     none of these

The exit code is that of the tenant that most needs a person, as for sync: of
partial and healthy it is 0. A sync that could not sign in leaves no run behind:
it shows when the tenant is stale, or in metrics (docs/unattended.md).`,
		Example: `  lictrail fleet health --config fleet.toml
  lictrail fleet health --config fleet.toml --verify --format csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 1 || days > 36500 {
				return usage("--max-age must be from 1 to 36500 days", "--max-age 8")
			}
			o := fleet.HealthOptions{Now: e.now(), Stale: time.Duration(days) * 24 * time.Hour, Parallel: e.parallel}
			if all {
				o.Verify = verifyFile
			}
			return runFleetHealth(cmd.Context(), e, e.members(cmd), o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&days, "max-age", int(ask.StaleAfter/(24*time.Hour)), "`days` after which a tenant that was not read is stale")
	f.BoolVar(&all, "verify", false, "verify every history as well, which reads all of it")
	f.IntVar(&e.parallel, "parallel", 4, "this `number` of databases at a time")
	return cmd
}

// members are the databases of the tenant that was chosen, or of all of them.
func (e *env) members(cmd *cobra.Command) []lake.Database {
	e.allTenants = e.settings.Tenant == nil && len(e.settings.TenantNames()) > 0
	return e.databases(cmd)
}

func runFleetHealth(ctx context.Context, e *env, databases []lake.Database, o fleet.HealthOptions) error {
	progress := e.NewProgress()
	progress.Phase("databases", "tenants")
	o.Progress = func() { progress.Add(1) }
	all := fleet.Health(ctx, databases, o)
	progress.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := show.Health(exit.OfHealth).Print(e.printer(noHistory), show.Given(all)); err != nil {
		return err
	}
	return fleet.HealthVerdict(all)
}

// verifyFile fails where a history is not what lictrail wrote.
func verifyFile(ctx context.Context, file string) error {
	db, err := store.OpenReadOnly(ctx, file, migrations.Check)
	if err != nil {
		return err
	}
	defer db.Close()
	v, err := verify(ctx, db, "")
	if err != nil {
		return err
	}
	return fleet.ErrFindings(v.Everything())
}
