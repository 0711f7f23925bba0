package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

type discoverOptions struct {
	connect.Connection
	folder string
	print  bool
}

func newFleetDiscover(e *env) *cobra.Command {
	var o discoverOptions
	cmd := &cobra.Command{
		Use:   "discover FILE",
		Short: "Add a partner's customers to the file of the fleet",
		Long: `Reads the delegated admin relationships of a Microsoft partner, and adds a table
[[tenant]] at the end of FILE for each customer that is not in FILE: a name, a
database and the tenant's id. Existing content of FILE is not changed, including
comments and order. FILE is made if it does not exist.

Nothing is removed. Tenants in FILE that are not customers, or no longer, are
reported, and also those without a tenant id in FILE and in their database, for
which it is not known whether they are customers.

It signs in to the partner's tenant, where the application needs the permission
DelegatedAdminRelationship.Read.All: lictrail doctor --for partner. To read a
customer's tenant it needs that customer's consent (docs/unattended.md).`,
		Example: `  lictrail fleet discover fleet.toml --tenant PARTNER-ID
  lictrail fleet discover fleet.toml --tenant PARTNER-ID --print >new.toml`,
		Args: argsBetween(1, 1, "the file of the fleet"),
		RunE: func(cmd *cobra.Command, args []string) error { return runFleetDiscover(cmd.Context(), e, o, args[0]) },
	}
	f := cmd.Flags()
	o.AddFlags(f)
	f.StringVar(&o.folder, "db-folder", "", "`folder` of the databases of tenants that are added (default: that of FILE)")
	f.BoolVar(&o.print, "print", false, "print FILE as it would be, and write nothing")
	return cmd
}

func runFleetDiscover(ctx context.Context, e *env, o discoverOptions, file string) error {
	if !o.print {
		if err := e.mayWriteTo(place{"FILE", file}); err != nil {
			return err
		}
	}
	customers, err := e.customers(ctx, &o.Connection)
	if err != nil {
		return err
	}
	d, err := fleet.Discover(ctx, file, o.folder, customers)
	if err != nil {
		return err
	}
	if o.print {
		if _, err := e.Out.Write(d.After); err != nil {
			return err
		}
		return d.Verdict()
	}
	if err := d.Write(); err != nil {
		return err
	}
	if err := show.Discovered(e.printer(noHistory), d.Found); err != nil {
		return err
	}
	return d.Verdict()
}

// customers reads the customers of the partner that is signed in to.
func (e *env) customers(ctx context.Context, c *connect.Connection) ([]snapshot.Tenant, error) {
	progress := e.NewProgress()
	defer progress.Done()
	progress.Phase("customers", "customers")
	defer c.Close()
	client, err := c.Client(e.host(), connect.Progress(progress))
	if err != nil {
		return nil, err
	}
	all, err := client.Customers(ctx)
	progress.Done()
	if err == nil && len(all) == 0 {
		e.Warnf("the tenant that was read has no customers: is it the partner's?")
	}
	return all, err
}
