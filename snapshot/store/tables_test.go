package store

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"lictrail/migrations"
)

// Every table must be declared: sealed, or not evidence and why.
func TestTables_AllDeclared(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := migrations.Apply(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	texts := func(query string, args ...any) (found []string) {
		err := eachRow(t.Context(), db, query, args, func(values []any) error {
			found = append(found, textOf(values[0]))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	there := texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
	var declared []string
	for _, d := range tables {
		declared = append(declared, d.name)
		if !slices.Contains(there, d.name) {
			t.Errorf("table %s is declared and does not exist", d.name)
		}
		if d.sealed == notEvidence && d.why == "" {
			t.Errorf("table %s is no evidence; say why", d.name)
		}
		columns := texts("SELECT name FROM pragma_table_info(?)", d.name)
		for _, c := range d.used() {
			if !slices.Contains(columns, c) {
				t.Errorf("table %s is declared with a column %s that does not exist", d.name, c)
			}
		}
	}
	for _, name := range there {
		if !slices.Contains(declared, name) {
			t.Errorf("table %s is new: declare in tables.go how its rows are sealed, and what forget and prune do with it", name)
		}
	}
	all, err := layouts(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l.sealed == byNumber && (len(l.key) != 1 || len(texts("SELECT name FROM pragma_table_info(?) WHERE pk = 1 AND type = 'INTEGER'", l.name)) != 1) {
			t.Errorf("table %s is sealed by number and its key is %v", l.name, l.key)
		}
		if l.sealed == byRun && l.column(l.fromRun()) < 0 {
			t.Errorf("table %s is sealed by run and has no run", l.name)
		}
	}
}

// used lists the columns that a declaration names.
func (d table) used() []string {
	var all []string
	for _, m := range []map[string]any{d.personal, d.pruned} {
		for c := range m {
			all = append(all, c)
		}
	}
	for c := range d.loose {
		all = append(all, c)
	}
	for _, c := range append(slices.Clone(d.mentions), d.about, d.aged) {
		if c != "" {
			all = append(all, c)
		}
	}
	return all
}
