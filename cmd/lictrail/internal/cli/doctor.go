package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/graph"
)

type doctorOptions struct {
	connect.Connection
	offline     bool
	permissions bool
	features    []string
}

func newDoctor(e *env) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the setup, and say how to correct it",
		Long: `Checks everything that a run needs, with one row for each check: the database
and its folder, the sign-in, whether the tenant is that of the database, each
permission by a request, how long the tenant keeps its audit log and up to when
it was read, concealed names in usage reports, and the clock. If a check fails,
the others are still made. Below the table it says what to do.

A row is ok, a warning, failed or skipped. A check fails only if sync would not
work, and the exit code is then that which sync would end with. No database is
needed. doctor only reads, both from the database and from the tenant, of which
it requests one row of each kind.

With --permissions it prints instead the least permissions for each feature, and
commands for the Azure CLI and for Microsoft Graph PowerShell that make an
application with exactly these, or add them to the one that --client-id names;
then how to make a certificate or a secret, where to store it, and how to make
the first run. This needs neither a sign-in nor a database. Features are
  base          users, SKUs, the tenant: required for every run
  groups        names and licenses of groups that give licenses
  audit         who made changes, from the directory audit log
  activity      when users last signed in: sync --activity sign-ins
  usage         usage reports: the other sources of sync --activity
  cloud-licensing
                which subscription a license draws on: sync --cloud-licensing
  purview       sync --audit-source purview
  activity-api  sync --audit-source activity-api
  partner       fleet discover, in a partner's tenant: tried with --for only`,
		Example: `  lictrail doctor
  lictrail doctor --for base,groups,audit
  lictrail doctor --offline --format json
  lictrail doctor --permissions
  lictrail doctor --permissions --for base,groups,audit,usage`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	o.AddFlags(f)
	f.BoolVar(&o.offline, "offline", false, "check only what is on this machine")
	f.BoolVar(&o.permissions, "permissions", false, "print the permissions to grant, and the commands for it")
	f.StringSliceVar(&o.features, "for", nil, "these `features` only, besides base (default: all; with --permissions base,groups,audit,owners, what sync reads without further flags)")
	return cmd
}

func runDoctor(ctx context.Context, e *env, o doctorOptions) error {
	features, err := oneOf("for", o.features, graph.Features)
	if err != nil {
		return err
	}
	if o.permissions {
		return doctor.PrintPermissions(e.printer(noHistory), &o.Connection, e.host(), features)
	}
	report, err := e.examine(ctx, o, features)
	if err != nil {
		return err
	}
	if err := report.Print(e.printer(ask.Tenant(report.Tenant)), o.offline); err != nil {
		return err
	}
	return report.Verdict()
}

func (e *env) examine(ctx context.Context, o doctorOptions, features []graph.Feature) (*doctor.Report, error) {
	look := doctor.Options{Connection: &o.Connection, Host: e.host(), DB: e.db, EnvFile: e.envFile, Features: features,
		Offline: o.offline, Now: e.now, Version: version()}
	if e.settings.File != nil {
		look.Config = e.settings.Path
	}
	if !o.offline {
		progress := e.NewProgress()
		defer progress.Done()
		progress.Phase("tenant", "")
		look.Progress = connect.Progress(progress)
	}
	return doctor.Run(ctx, look)
}
