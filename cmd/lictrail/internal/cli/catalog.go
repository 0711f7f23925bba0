package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/store"
)

func newCatalog(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Names of products and service plans",
		Args:  noArgs,
		RunE:  needsCommand,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "import FILE",
		Short: "Import product names from Microsoft's own list",
		Long: `Imports names from Microsoft's "Product names and service plan identifiers for
licensing" CSV file, which Microsoft offers for download. They replace those of
an earlier import and are preferred to the built-in ones. Names are for reading
only: nothing is identified by them.`,
		Example: `  lictrail catalog import \
    "Product names and service plan identifiers for licensing.csv"`,
		Args: argsBetween(1, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runCatalogImport(cmd.Context(), e, args[0]) },
	})
	return cmd
}

func runCatalogImport(ctx context.Context, e *env, path string) error {
	f, err := openInput("", path, input.Plain, "check the file's name")
	if err != nil {
		return err
	}
	defer f.Close()
	read, report, err := catalog.ReadMicrosoftCSV(f)
	if err != nil {
		return usage(fmt.Sprintf("read %q: %v", path, err), "download Microsoft's list again; nothing was imported")
	}
	for _, r := range report.Refusals {
		e.Warnf("%s: %s", path, r)
	}
	db, err := store.OpenReadWrite(ctx, e.db, migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	skus, plans := namesFrom(read)
	if err := db.ImportNames(ctx, skus, plans); err != nil {
		return err
	}
	e.Notef("%s: %s and %s taken, %s refused", path, show.Plural(len(skus), "product"), show.Plural(len(plans), "service plan"), show.Plural(report.Refused, "row"))
	return nil
}

func namesFrom(c *catalog.Catalog) ([]store.SKUName, []store.PlanName) {
	var skus []store.SKUName
	for _, s := range c.SKUs() {
		skus = append(skus, store.SKUName{ID: s.ID, PartNumber: s.PartNumber, Name: s.Name})
	}
	var plans []store.PlanName
	for _, p := range c.Plans() {
		plans = append(plans, store.PlanName{ID: p.ID, Name: p.Name, FriendlyName: p.FriendlyName})
	}
	return skus, plans
}
