package store

import (
	"strings"
	"testing"

	"lictrail/snapshot"
)

// TestFilter_NeedsNoSorting: rows are streamed in the order of an index, so that
// the first is there at once, and memory does not grow with the tenant. Of addresses only
// those that differ behind the @ are sorted.
func TestFilter_NeedsNoSorting(t *testing.T) {
	t.Parallel()
	db, _ := richHistory(t)
	for _, f := range []Filter{{}, {SKUs: []snapshot.SKUID{"e3"}}, {Department: "Sales"}, {SKUs: []snapshot.SKUID{"e3", "ems"}}, {SKUs: []snapshot.SKUID{"e3"}, Department: "Sales"}} {
		for _, byUPN := range []bool{true, false} {
			query, args := f.query(1, byUPN)
			plan := planOf(t, db, query, args...)
			if byUPN && !strings.Contains(plan, "SCAN v USING INDEX user_version_address\n") {
				t.Errorf("%+v, not in the order of addresses:\n%s", f, plan)
			}
			plan = strings.Replace(plan, "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY\n", "", 1)
			if plan == "" || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%+v, by UPN: %v:\n%s", f, byUPN, plan)
			}
		}
	}
}

// planOf is how SQLite goes about a query.
func planOf(t *testing.T, db *DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.sql.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(step + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
