package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
)

type exportOptions struct {
	sinceLast, compact, verify bool
	sql                        string
}

func newExport(e *env) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the history as Parquet and Delta tables for other engines",
		Long: `Writes the history of one tenant, or of all, to a folder of tables that DuckDB,
Spark, Databricks, Fabric, Trino, BigQuery and ClickHouse read: Parquet files
with a Delta log. The first export writes everything, a later one only new rows.
If an export is interrupted, readers still see the earlier version.

Only the table users has names of people; all other tables have keyed digests,
whose key stays in each database. After forget or prune, the next export
replaces all rows of the tenant in the folder.

  --verify DIR   compares a folder with its manifest and the databases
  --sql ENGINE   prints views and ten questions for duckdb, spark, trino,
                 bigquery or clickhouse`,
		Example: `  lictrail export /lake --all-tenants
  lictrail export /lake --all-tenants --since-last
  lictrail export --verify /lake --all-tenants
  lictrail export --sql duckdb /lake > lake.sql`,
		Annotations: map[string]string{noFormats: "csv"},
		Args:        argsBetween(1, 1, "the folder of the lake"),
		RunE:        func(cmd *cobra.Command, args []string) error { return runExport(cmd.Context(), e, cmd, args[0], o) },
	}
	f := cmd.Flags()
	f.BoolVar(&e.allTenants, "all-tenants", false, "export every tenant of the configuration")
	f.BoolVar(&o.sinceLast, "since-last", false, "skip tenants whose databases have nothing new")
	f.BoolVar(&e.pseudonymize, "pseudonymize", false, "leave out the table with the names of people")
	f.BoolVar(&o.compact, "compact", false, "merge the files of each table and month")
	f.BoolVar(&o.verify, "verify", false, "check the folder and compare it with the databases, and write nothing")
	f.StringVar(&o.sql, "sql", "", "print views and questions for this `engine`, and write nothing")
	return cmd
}

func runExport(ctx context.Context, e *env, cmd *cobra.Command, dir string, o exportOptions) error {
	switch {
	case o.sql != "":
		return printSQL(e, dir, o.sql)
	case o.verify:
		return verifyLake(ctx, e, cmd, dir)
	}
	databases := e.databases(cmd)
	progress := e.NewProgress()
	if len(databases) > 1 {
		progress.Phase("exporting", "tenants")
	}
	result, err := lake.Export(ctx, lake.Options{Dir: dir, Databases: databases, SinceLast: o.sinceLast, Pseudonymize: e.pseudonymize, Compact: o.compact,
		Holder: e.holder(), Progress: func(int, int) { progress.Add(1) }})
	progress.Done()
	if err != nil {
		return err
	}
	if err := printExport(e, dir, result); err != nil {
		return err
	}
	var outcomes []fleet.Outcome
	for _, t := range result.Tenants {
		outcomes = append(outcomes, fleet.Outcome{Name: t.Name, Err: t.Err})
	}
	return fleet.Verdict(e.Streams, outcomes, "the other tenants are exported; the same export again takes up those that failed")
}

// databases are those of the tenants that the command is for.
func (e *env) databases(cmd *cobra.Command) []lake.Database {
	if !e.allTenants {
		name := e.db
		if t := e.settings.Tenant; t != nil {
			name = t.Name
		}
		return []lake.Database{{Name: name, Path: e.db}}
	}
	tenants := e.settings.File.Tenants
	db := cmd.Root().PersistentFlags().Lookup("db")
	list := make([]lake.Database, len(tenants))
	for i := range tenants {
		list[i] = lake.Database{Name: tenants[i].Name, Path: e.settings.FileOf(&tenants[i], cmd, db)}
	}
	return list
}

type exportJSON struct {
	Schema int                `json:"schema"`
	Lake   lakeJSON           `json:"lake"`
	Items  []exportTenantJSON `json:"items"`
}

type lakeJSON struct {
	Dir          string `json:"dir"`
	RowsAdded    int64  `json:"rows_added"`
	FilesAdded   int    `json:"files_added"`
	FilesRemoved int    `json:"files_removed"`
	Files        int    `json:"files"`
	Bytes        int64  `json:"bytes"`
	Rows         int64  `json:"rows"`
}

type exportTenantJSON struct {
	Name      string         `json:"name"`
	Tenant    *string        `json:"tenant"`
	RowsAdded int64          `json:"rows_added"`
	Unchanged bool           `json:"unchanged"`
	Rewritten bool           `json:"rewritten"`
	Error     *out.ErrorJSON `json:"error"`
}

func printExport(e *env, dir string, r *lake.Result) error {
	if e.format == "json" {
		doc := exportJSON{out.Schema, lakeJSON{dir, r.Rows, r.Added, r.Removed, r.Files, r.Bytes, r.Total}, []exportTenantJSON{}}
		for _, t := range r.Tenants {
			item := exportTenantJSON{t.Name, show.OrNull(t.Tenant), t.Rows, t.Unchanged, t.Rewritten, nil}
			if t.Err != nil {
				item.Error = exit.JSON(t.Err)
			}
			doc.Items = append(doc.Items, item)
		}
		return printDocument(e, doc)
	}
	for _, t := range r.Tenants {
		if t.Rewritten {
			e.Notef("%s: all rows were replaced, because something has been erased since the last export", cmp.Or(t.Name, t.Tenant))
		}
	}
	if r.Added == 0 && r.Removed == 0 {
		return e.Printf("%s: nothing new. %s with %s.\n", dir, show.Plural(r.Files, "file"), show.Plural(r.Total, "row"))
	}
	return e.Printf("%s: %s added in %s; now %s with %s, %.1f MB.\n", dir, show.Plural(r.Rows, "row"), show.Plural(r.Added, "file"),
		show.Plural(r.Files, "file"), show.Plural(r.Total, "row"), float64(r.Bytes)/1e6)
}

// printDocument prints a document in JSON that is about no single tenant.
func printDocument(e *env, doc any) error {
	text, err := out.JSON(doc)
	if err != nil {
		return err
	}
	_, err = e.Out.Write(append(text, '\n'))
	return err
}

// printSQL prints views and questions for an engine. The place may be an address
// of the engine's, such as one of a bucket.
func printSQL(e *env, dir, engine string) error {
	if _, err := oneOf("sql", []string{engine}, lake.Engines()); err != nil {
		return err
	}
	place := dir
	if !strings.Contains(dir, "://") {
		var err error
		if place, err = filepath.Abs(dir); err != nil {
			return fmt.Errorf("resolve %q: %w", dir, err)
		}
	}
	return lake.SQL(e.Out, engine, filepath.ToSlash(place), lake.WithoutUsers(dir))
}
