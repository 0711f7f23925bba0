package lake

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
)

//go:embed sql/views.sql.tmpl
var viewsTemplate string

// dialect is how an engine says what the views need.
type dialect struct {
	head  string                                 // comment lines: how to run it
	begin string                                 // settings
	table func(t *table, location string) string // makes lake_NAME of a table
	view  func(name string) string               // begins a view
	month func(column string) string             // "2026-03" of a time
	days  func(from, to string) string           // days in UTC from one time to another
	end   string                                 // of a view
}

// dialects are those of the engines that read a lake.
var dialects = map[string]dialect{
	"duckdb": {
		head: `For DuckDB 1.3 or later; it reads the Delta logs itself and needs no extension.
Run it in each session, and again after an export: duckdb, then .read FILE`,
		begin: "SET TimeZone = 'UTC';",
		table: duckTable,
		view:  func(name string) string { return "CREATE OR REPLACE TEMP VIEW " + name + " AS" },
		month: func(c string) string { return "strftime(" + c + ", '%Y-%m')" },
		days: func(from, to string) string {
			return "date_diff('day', CAST(" + from + " AS DATE), CAST(" + to + " AS DATE))"
		},
	},
	"spark": {
		head: `For Spark with Delta Lake, Databricks and Fabric notebooks; run it in each session:
spark-sql -i FILE, or the statements one by one with spark.sql`,
		begin: "SET TIME ZONE 'UTC';",
		table: func(t *table, location string) string {
			return "CREATE OR REPLACE TEMPORARY VIEW lake_" + t.name + " AS SELECT * FROM delta.`" + strings.ReplaceAll(location, "`", "``") + "`;"
		},
		view:  func(name string) string { return "CREATE OR REPLACE TEMPORARY VIEW " + name + " AS" },
		month: func(c string) string { return "date_format(" + c + ", 'yyyy-MM')" },
		days:  func(from, to string) string { return "datediff(" + to + ", " + from + ")" },
	},
	"trino": {
		head: `For Trino with the Delta Lake connector as catalog "delta"; the schema must be there:
CREATE SCHEMA delta.lictrail; then trino --catalog delta --schema lictrail --file FILE
delta.register-table-procedure.enabled=true must be set for the catalog.`,
		begin: "SET TIME ZONE 'UTC';",
		table: func(t *table, location string) string {
			return fmt.Sprintf("CALL delta.system.register_table(schema_name => 'lictrail', table_name => 'lake_%s', table_location => %s);", t.name, quoted(location))
		},
		view:  func(name string) string { return "CREATE OR REPLACE VIEW " + name + " AS" },
		month: func(c string) string { return "date_format(" + c + ", '%Y-%m')" },
		days: func(from, to string) string {
			return "date_diff('day', CAST(" + from + " AS DATE), CAST(" + to + " AS DATE))"
		},
	},
	"bigquery": {
		head: `For BigQuery: copy the folder to Cloud Storage, make a dataset and a connection to
Cloud resources, and replace PROJECT.REGION.CONNECTION:
bq query --use_legacy_sql=false --dataset_id=lictrail < FILE`,
		table: func(t *table, location string) string {
			return fmt.Sprintf("CREATE OR REPLACE EXTERNAL TABLE lake_%s WITH CONNECTION `PROJECT.REGION.CONNECTION`\nOPTIONS (format = 'DELTA_LAKE', uris = [%s]);", t.name, quoted(location))
		},
		view:  func(name string) string { return "CREATE OR REPLACE VIEW " + name + " AS" },
		month: func(c string) string { return "FORMAT_TIMESTAMP('%Y-%m', " + c + ", 'UTC')" },
		days: func(from, to string) string {
			return "DATE_DIFF(DATE(" + to + ", 'UTC'), DATE(" + from + ", 'UTC'), DAY)"
		},
	},
	"clickhouse": {
		head: `For ClickHouse 25.1 or later: clickhouse-client --multiquery < FILE
deltaLakeLocal reads a folder below user_files_path; deltaLake('https://...') a bucket.`,
		table: func(t *table, location string) string {
			return fmt.Sprintf("CREATE OR REPLACE VIEW lake_%s AS SELECT * FROM deltaLakeLocal(%s);", t.name, quoted(location))
		},
		view:  func(name string) string { return "CREATE OR REPLACE VIEW " + name + " AS" },
		month: func(c string) string { return "formatDateTime(" + c + ", '%Y-%m', 'UTC')" },
		days: func(from, to string) string {
			return "dateDiff('day', toDate(" + from + ", 'UTC'), toDate(" + to + ", 'UTC'))"
		},
		end: " SETTINGS join_use_nulls = 1", // without it what a LEFT JOIN does not find is 0 and ''
	},
}

// Engines are those for which there are views.
func Engines() []string { return slices.Sorted(maps.Keys(dialects)) }

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// duckTable makes a view of the files that the newest version of a log names. The
// views of Delta that DuckDB has are in an extension, which has to be downloaded.
func duckTable(t *table, location string) string {
	columns := make([]string, 0, len(t.columns)+1)
	types := map[string]string{"string": "VARCHAR", "long": "BIGINT", "integer": "INTEGER", "boolean": "BOOLEAN", "timestamp": "TIMESTAMPTZ"}
	for _, c := range t.columns {
		columns = append(columns, "NULL::"+types[c.delta]+" AS "+c.name)
	}
	if t.partitioned() {
		columns = append(columns, "NULL::VARCHAR AS "+partition)
	}
	none := "SELECT " + strings.Join(columns, ", ") + " WHERE false"
	return fmt.Sprintf(`SET VARIABLE lake_%[1]s = (
  SELECT CASE WHEN count(*) = 0 THEN %[3]s
    ELSE 'SELECT * FROM read_parquet([' || string_agg('''' || replace(%[2]s || path, '''', '''''') || '''', ', ' ORDER BY path) ||
      '], hive_partitioning = true, hive_types_autocast = false)' END
  FROM (
    SELECT coalesce("add".path, "remove".path) AS path
    FROM read_json(%[4]s, format = 'newline_delimited', filename = true, columns = {add: 'STRUCT(path VARCHAR)', remove: 'STRUCT(path VARCHAR)'})
    WHERE "add" IS NOT NULL OR "remove" IS NOT NULL
    GROUP BY 1 HAVING arg_max("add" IS NOT NULL, filename)) x);
CREATE OR REPLACE TEMP VIEW lake_%[1]s AS FROM query(getvariable('lake_%[1]s'));`,
		t.name, quoted(location+"/"), quoted(none), quoted(location+"/_delta_log/*.json"))
}

// SQL prints views over a lake, and ten questions as views, for an engine. The
// location is the lake's folder or the address under which the engine reads it;
// without the table of users where that is left out.
func SQL(w io.Writer, engine, location string, withoutUsers bool) error {
	d, ok := dialects[engine]
	if !ok {
		return fmt.Errorf("no engine %q", engine)
	}
	location = strings.TrimRight(location, "/")
	var b strings.Builder
	fmt.Fprintf(&b, "-- Views over a lake of lictrail's.\n")
	for line := range strings.Lines(d.head) {
		b.WriteString("-- " + strings.TrimRight(line, "\n") + "\n")
	}
	if d.begin != "" {
		b.WriteString("\n" + d.begin + "\n")
	}
	for _, t := range tables {
		if t.name == tableUsers && withoutUsers {
			continue
		}
		b.WriteString("\n" + d.table(t, location+"/"+t.name) + "\n")
	}
	b.WriteString("\n")
	views, err := template.New("views").Funcs(template.FuncMap{"view": d.view, "month": d.month, "days": d.days}).Parse(viewsTemplate)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := views.Execute(&text, nil); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if !strings.HasPrefix(line, "--") {
			line = strings.Replace(line, ";", d.end+";", 1)
		}
		b.WriteString(line)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// Questions are the views that answer questions, in their order.
var Questions = []string{"licenses_lost", "licenses_given", "never_explained", "seats_against_bought", "idle_seats", "first_use",
	"seats_by_month", "short_periods", "corrected_causes", "lapsing_subscriptions"}

// WithoutUsers reports whether a folder is a lake without the table of users.
func WithoutUsers(dir string) bool {
	m, err := load(dir)
	return err == nil && m.Pseudonymized
}
