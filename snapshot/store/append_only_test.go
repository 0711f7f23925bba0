package store

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// mutable lists what may change in a row of history, and why. A table that is
// not here must refuse every change.
var mutable = map[string]map[string]string{
	"tenant": {"name": "the newest name is kept"},
	"user":   {"fingerprint": "a shortcut for comparing with the newest state", "row_print": "a shortcut for recognizing a row"},
	"sku":    {"part_number": "the newest name is kept"},
	"plan":   {"name": "the newest name is kept"},

	"active_time": {"last_at": "a stretch of active time goes on; TestActiveTime_OnlyGrows"},
}

// notHistory lists tables that may be emptied and filled again, and why.
var notHistory = map[string]string{
	"sku_name":  "Microsoft's list of products, imported for reading",
	"plan_name": "Microsoft's list of products, imported for reading",

	"name_word":  "made from user_version, to find people by",
	"name_index": "says how name_word was made",

	"called":       "made from event and event_copy, to find records by",
	"called_index": "says up to which records called was made",

	"audit_plan": "what is still to be read of a log: work under way",
}

// TestAppendOnly tries to change every column of every table that the database
// has, to delete rows and to replace them. A table or column that is added
// without triggers fails here.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	tables := tablesOf(t, db)
	for table := range notHistory {
		if !slices.Contains(tables, table) {
			t.Errorf("table %s is excused and does not exist", table)
		}
	}
	tables = slices.DeleteFunc(tables, func(table string) bool { return notHistory[table] != "" })
	if len(tables) < 15 {
		t.Fatalf("only %v are history", tables)
	}
	for _, table := range tables {
		t.Run(table, func(t *testing.T) { testAppendOnly(t, db, table) })
	}
}

func testAppendOnly(t *testing.T, db *DB, table string) {
	ensureRow(t, db, table)
	before := rowsOf(t, db, table)
	columns := column(t, db, "SELECT name FROM pragma_table_info(?)", table)
	for _, c := range columns {
		if c == "to_run" || mutable[table][c] != "" {
			continue
		}
		refused(t, db, fmt.Sprintf(`UPDATE "%s" SET "%s" = "%s"`, table, c, c))
	}
	for c := range mutable[table] {
		if !slices.Contains(columns, c) {
			t.Errorf("column %s may change and does not exist", c)
		}
	}
	if slices.Contains(columns, "to_run") {
		testEndedOnce(t, db, table)
	}
	refused(t, db, fmt.Sprintf(`DELETE FROM "%s"`, table))
	refused(t, db, fmt.Sprintf(`INSERT OR REPLACE INTO "%s" SELECT * FROM "%s"`, table, table))
	refused(t, db, fmt.Sprintf(`REPLACE INTO "%s" SELECT * FROM "%s" LIMIT 1`, table, table))
	if after := rowsOf(t, db, table); !slices.Equal(before, after) {
		t.Errorf("the rows changed:\n%v\n%v", before, after)
	}
}

// testEndedOnce: a row may end, and then neither go on nor end elsewhere.
func testEndedOnce(t *testing.T, db *DB, table string) {
	tx, err := db.sql.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // undoes what the test did
	result, err := tx.ExecContext(t.Context(), fmt.Sprintf(`UPDATE "%s" SET to_run = 2 WHERE to_run IS NULL`, table))
	if err != nil {
		t.Fatalf("an open row cannot end: %v", err)
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		t.Fatalf("no row of %s is open, %v", table, err)
	}
	for _, again := range []string{"NULL", "1", "2"} {
		if _, err := tx.ExecContext(t.Context(), fmt.Sprintf(`UPDATE "%s" SET to_run = %s`, table, again)); !isAppendOnly(err) {
			t.Errorf("an ended row, set to %s: %v", again, err)
		}
	}
}

// refused runs a statement that must fail by a trigger.
func refused(t *testing.T, db *DB, statement string) {
	t.Helper()
	tx, err := db.sql.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // undoes what the test did
	if _, err := tx.ExecContext(t.Context(), statement); !isAppendOnly(err) {
		t.Errorf("%s: %v", statement, err)
	}
}

func isAppendOnly(err error) bool { return err != nil && strings.Contains(err.Error(), "append-only") }

// ensureRow fills a table that no run writes to with one row of made-up
// values: without a row no trigger would fire and nothing would be tested.
func ensureRow(t *testing.T, db *DB, table string) {
	t.Helper()
	if count(t, db, fmt.Sprintf(`SELECT count(*) FROM "%s"`, table)) > 0 {
		return
	}
	refs := references(t, db, table)
	values := map[string]string{}
	rows, err := db.sql.QueryContext(t.Context(), "SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		values[name] = map[string]string{"INTEGER": "1", "TEXT": "'x'", "BLOB": "x'00'", "ANY": "1"}[kind]
		if ref := refs[name]; ref != "" {
			values[name] = fmt.Sprintf(`(SELECT min(id) FROM "%s")`, ref)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	rows.Close()
	names := slices.Sorted(maps.Keys(values))
	var list []string
	for _, n := range names {
		list = append(list, values[n])
	}
	insert := fmt.Sprintf(`INSERT INTO "%s" (%s) VALUES (%s)`, table, strings.Join(names, ", "), strings.Join(list, ", "))
	if _, err := db.sql.ExecContext(t.Context(), insert); err != nil {
		t.Fatalf("table %s is empty; let richResult write a row to it: %v", table, err)
	}
}

// references maps columns to the tables that they refer to, filled first.
func references(t *testing.T, db *DB, table string) map[string]string {
	t.Helper()
	refs := map[string]string{}
	rows, err := db.sql.QueryContext(t.Context(), `SELECT "from", "table" FROM pragma_foreign_key_list(?)`, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var from, to string
		if err := rows.Scan(&from, &to); err != nil {
			t.Fatal(err)
		}
		refs[from] = to
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, to := range refs {
		ensureRow(t, db, to)
	}
	return refs
}

// A run under way may be written to until it ends, and is then as fixed as the rest.
func TestAppendOnly_Run(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Fail(t.Context(), Failed, week(2), 1, sql.ErrConnDone); err != nil {
		t.Fatal(err)
	}
	refused(t, db, "UPDATE run SET status = 'complete' WHERE status = 'failed'")
	refused(t, db, "DELETE FROM run WHERE status = 'failed'")
	next := begin(t, db)
	refused(t, db, fmt.Sprintf("DELETE FROM run WHERE id = %d", next.Run))
}
