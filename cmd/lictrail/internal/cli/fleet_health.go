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
		Short: "The state of every tenant's history, the worst first",
		Long: `Lists the tenants of the configuration, from their databases only: condition,
newest run, until when the tenant was read, warnings of the run, and the head of
the chain of runs. No request is sent to a tenant.

  unreadable  the database does not exist, is damaged or in use
  damaged     verify found that the history was altered or damaged
  never-run   no run was recorded
  failing     the newest run failed, or did not end within a day
  stale       nothing has been read for more than --max-age days
  partial     the newest run could not make all of its reads
  healthy     none of these

The exit code is the most urgent of all tenants, as for sync; for partial and
healthy it is 0. A sync that could not sign in is not recorded: it shows when
the tenant becomes stale, or in metrics (docs/unattended.md).`,
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
	f.IntVar(&e.parallel, "parallel", 4, "`number` of databases at the same time")
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
