package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/settings"
	"lictrail/cmd/lictrail/internal/show"
)

// oneTenant are the commands that need no tenant chosen.
var oneTenant = []string{"sync", "config show", "schedule", "exit-codes", "demo", "setup", "setup certificate", "serve", "fleet discover", "fleet health"}

// atOnce are the commands that read all tenants in one process.
var atOnce = []string{"export", "report"}

func newFleet(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Find the tenants of a fleet, and check their state",
		Args:  noArgs,
		RunE:  needsCommand,
	}
	cmd.AddCommand(newFleetDiscover(e), newFleetHealth(e))
	return cmd
}

// forFleet reports whether a command is to be run for every tenant of the
// configuration, in a process for each.
func (e *env) forFleet() bool {
	return e.allTenants && !slices.Contains(atOnce, e.command) || e.command == "sync" && e.settings.Tenant == nil && len(e.settings.TenantNames()) > 0
}

// runFleet runs the command for every tenant of the configuration.
func (e *env) runFleet(ctx context.Context, cmd *cobra.Command, args []string) error {
	c := fleet.Command{Streams: e.Streams, Flags: cmd, Args: args, Format: e.format, LogFormat: e.logFormat, Parallel: e.parallel, Shard: e.shard, Settings: e.settings}
	return c.Run(ctx)
}

// checkTenant refuses to guess which tenant is meant.
func (e *env) checkTenant() error {
	names := e.settings.TenantNames()
	switch {
	case e.allTenants && e.settings.Tenant != nil:
		return usage("--all-tenants and --tenant-name say different things", "leave one of them out")
	case e.allTenants && len(names) == 0:
		return usage("--all-tenants: the configuration names no tenants", "tables [[tenant]] in the file that --config names: docs/unattended.md")
	case len(names) == 0 || e.settings.Tenant != nil || e.allTenants || slices.Contains(oneTenant, e.command):
		return nil
	case e.origins["db"].Kind != settings.FromDefault:
		return nil
	}
	hint := "--tenant-name " + strings.Join(names, ", --tenant-name ")
	if slices.Contains(slices.Concat(tabular, atOnce, eachTenant), e.command) {
		hint += ", or --all-tenants"
	}
	return usage(fmt.Sprintf("the configuration names %s: which one?", show.Plural(len(names), "tenant")), hint)
}
