// Package lake writes the history of many tenants as tables that other engines
// read: Parquet files, and a Delta log over them. It reads databases and changes
// none.
//
// A lake is a folder with a folder for each table and a manifest. The manifest
// decides what is in the lake: an export writes its files first, then replaces the
// manifest, and last brings the logs of the tables to what the manifest says. A
// file that the manifest does not name is not in the lake.
package lake

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// kind says how a table grows.
type kind int

const (
	appended kind = iota + 1 // rows are added by run or number, and never corrected
	stated                   // rows are derived: a row with the same key and a higher revision corrects one
	replaced                 // all rows are written anew
)

// table is one table of the lake.
type table struct {
	name    string
	kind    kind
	schema  *parquet.Schema
	columns []column
	key     []int // columns that identify a row within its tenant
	values  []int // of a stated table: columns that a statement is about
	firm    []int // columns that say the same whenever a row is exported
	// run, revision and withdrawn are columns of a stated table.
	run, revision, withdrawn int
	names                    bool // it has names of people: no statistics in the log
}

// column is one column of a table.
type column struct {
	name     string
	delta    string // its type in Delta
	kind     parquet.Kind
	nullable bool
}

// partition is the column by which tables are divided into folders; replaced
// tables are not.
const partition = "month"

// Names of tables.
const (
	tableRuns          = "runs"
	tableChanges       = "changes"
	tableCauses        = "causes"
	tablePeriodEvents  = "period_events"
	tableSKUs          = "skus"
	tableSubscriptions = "subscriptions"
	tableGroups        = "groups"
	tableSeatDays      = "seat_days"
	tableActivity      = "activity"
	tableCoverage      = "coverage"
	tableTenants       = "tenants"
	tableUsers         = "users"
)

// tables are all of them, in the order in which their logs are written: what
// others refer to comes first, so that no reader finds a change without its
// cause, and the runs come last.
var tables = []*table{
	newTable(tableUsers, replaced, userRow{}),
	newTable(tableCoverage, appended, coverageRow{}),
	newTable(tableGroups, appended, groupRow{}),
	newTable(tableSubscriptions, appended, subscriptionRow{}),
	newTable(tableSKUs, appended, skuRow{}),
	newTable(tableActivity, stated, activityRow{}),
	newTable(tableSeatDays, stated, seatDayRow{}),
	newTable(tablePeriodEvents, stated, periodEventRow{}),
	newTable(tableCauses, appended, causeRow{}),
	newTable(tableChanges, appended, changeRow{}),
	newTable(tableTenants, replaced, tenantRow{}),
	newTable(tableRuns, appended, runRow{}),
}

// Tables are the names of all tables.
func Tables() []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	slices.Sort(names)
	return names
}

func tableOf(name string) *table {
	i := slices.IndexFunc(tables, func(t *table) bool { return t.name == name })
	return tables[i]
}

// newTable reads the columns of a table from its row's type.
func newTable(name string, k kind, row any) *table {
	t := &table{name: name, kind: k, schema: parquet.SchemaOf(row), names: name == tableUsers, run: -1, revision: -1, withdrawn: -1}
	marks := map[string]string{}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(row)) {
		called, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		marks[called] = f.Tag.Get("lake")
	}
	for i, f := range t.schema.Fields() {
		t.columns = append(t.columns, column{f.Name(), deltaType(f), f.Type().Kind(), f.Optional()})
		if marks[f.Name()] != "text" {
			t.firm = append(t.firm, i)
		}
		switch {
		case marks[f.Name()] == "key":
			t.key = append(t.key, i)
		case k == stated && f.Name() == "run":
			t.run = i
		case k == stated && f.Name() == "revision":
			t.revision = i
		case k == stated && f.Name() == "withdrawn":
			t.withdrawn = i
		case i > 0:
			t.values = append(t.values, i)
		}
	}
	return t
}

// deltaType is the type of a column in Delta's words.
func deltaType(f parquet.Field) string {
	if logical := f.Type().LogicalType(); logical != nil {
		switch logical.Value.(type) {
		case *format.TimestampType:
			return "timestamp"
		case *format.StringType:
			return "string"
		}
	}
	switch f.Type().Kind() {
	case parquet.Boolean:
		return "boolean"
	case parquet.Int32:
		return "integer"
	case parquet.Int64:
		return "long"
	}
	panic(fmt.Sprintf("column %s has a type that the tables do not use", f.Name())) // when the program starts: a test finds it
}

// partitioned reports whether the table has a folder for each month.
func (t *table) partitioned() bool { return t.kind != replaced }

// tenantOf is the tenant of a row: the first column of every table.
func tenantOf(row parquet.Row) string { return string(row[0].ByteArray()) }

// bytesOf is what a row says in some columns, so that two rows with the same
// bytes say the same.
func bytesOf(row parquet.Row, columns []int) string {
	var b []byte
	for _, c := range columns {
		v := row[c]
		if v.IsNull() {
			b = append(b, 0)
			continue
		}
		text := v.AppendBytes(nil)
		b = append(b, 1, byte(len(text)>>24), byte(len(text)>>16), byte(len(text)>>8), byte(len(text)))
		b = append(b, text...)
	}
	return string(b)
}

// rowOf is the row whose columns have these bytes.
func rowOf(t *table, encoded string) parquet.Row {
	row := make(parquet.Row, len(t.columns))
	for i, c := range t.columns {
		null := encoded[0] == 0
		encoded = encoded[1:]
		if null {
			row[i] = parquet.NullValue().Level(0, 0, i)
			continue
		}
		n := int(encoded[0])<<24 | int(encoded[1])<<16 | int(encoded[2])<<8 | int(encoded[3])
		v := c.kind.Value([]byte(encoded[4 : 4+n]))
		encoded = encoded[4+n:]
		level := 0
		if c.nullable {
			level = 1
		}
		row[i] = v.Level(0, level, i)
	}
	return row
}
