package ledger

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot/store/engine"
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
		err := engine.EachRow(t.Context(), db, query, args, func(values []any) error {
			found = append(found, engine.TextOf(values[0]))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	there := texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
	var declared []string
	for _, d := range Tables {
		declared = append(declared, d.Name)
		if !slices.Contains(there, d.Name) {
			t.Errorf("table %s is declared and does not exist", d.Name)
		}
		if d.sealed == notEvidence && d.Why == "" {
			t.Errorf("table %s is no evidence; say why", d.Name)
		}
		columns := texts("SELECT name FROM pragma_table_info(?)", d.Name)
		for _, c := range d.used() {
			if !slices.Contains(columns, c) {
				t.Errorf("table %s is declared with a column %s that does not exist", d.Name, c)
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
		if l.sealed == byNumber && (len(l.key) != 1 || len(texts("SELECT name FROM pragma_table_info(?) WHERE pk = 1 AND type = 'INTEGER'", l.Name)) != 1) {
			t.Errorf("table %s is sealed by number and its key is %v", l.Name, l.key)
		}
		if l.sealed == byRun && l.column(l.fromRun()) < 0 {
			t.Errorf("table %s is sealed by run and has no run", l.Name)
		}
	}
}

// used lists the columns that a declaration names.
func (d Table) used() []string {
	var all []string
	for _, m := range []map[string]any{d.personal, d.pruned} {
		for c := range m {
			all = append(all, c)
		}
	}
	for c := range d.Loose {
		all = append(all, c)
	}
	for _, c := range append(slices.Clone(d.mentions), d.about, d.aged) {
		if c != "" {
			all = append(all, c)
		}
	}
	return all
}
