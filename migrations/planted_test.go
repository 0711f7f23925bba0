package migrations

import (
	"database/sql"
	"testing"
)

// P11: what SQLite would run by itself must be ours to the letter, else nothing
// is done with the file: not even a reader may ask it anything.
func TestP11_Planted(t *testing.T) {
	plants := map[string]string{
		"a trigger":                      "CREATE TRIGGER tidy AFTER INSERT ON run BEGIN UPDATE tenant SET name = 'x'; END",
		"a trigger in place of ours":     "DROP TRIGGER event_kept; CREATE TRIGGER event_kept BEFORE DELETE ON event BEGIN SELECT 1; END",
		"a view":                         "CREATE VIEW everything AS SELECT * FROM event",
		"a view in place of ours":        "DROP VIEW users; CREATE VIEW users AS SELECT 1 AS user_key",
		"a view in place of a table":     "ALTER TABLE sku_name RENAME TO hidden; CREATE VIEW sku_name AS SELECT * FROM hidden",
		"a virtual table":                "CREATE VIRTUAL TABLE search USING fts5(text)",
		"a generated column":             "ALTER TABLE event ADD COLUMN more TEXT AS (zeroblob(500000000))",
		"an ordinary column":             "ALTER TABLE tenant ADD COLUMN more TEXT",
		"a table":                        "CREATE TABLE extra (x)",
		"a table like ANALYZE's":         "CREATE TABLE sqliteXstat4 (x)",
		"an index on an expression":      "CREATE INDEX run_heavy ON run (hex(zeroblob(1000 + id)))",
		"a table without its CHECK":      "ALTER TABLE pseudonym_key RENAME TO k; CREATE TABLE pseudonym_key (id INTEGER PRIMARY KEY, key BLOB NOT NULL) STRICT; DROP TABLE k",
		"a table of other columns":       "DROP TABLE audit_plan; CREATE TABLE audit_plan (source TEXT, from_at INTEGER, to_at INTEGER, search TEXT AS (zeroblob(500000000)), PRIMARY KEY (source, from_at, to_at)) WITHOUT ROWID",
		"a trigger in a comment's guise": "CREATE TRIGGER /* event_kept BEFORE DELETE ON event */ t AFTER INSERT ON run BEGIN SELECT RAISE(ABORT, 'x'); END",
	}
	for name, statements := range plants {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := open(t.Context(), path, Apply); err != nil {
				t.Fatal(err)
			}
			execute(t, path, statements)
			untouched(t, path, ErrPlanted)
		})
	}
	t.Logf("P11: %d plants: refused, 0 changed", len(plants))
}

// A virtual table whose statement is spelled as SQLite would not write it is one
// all the same.
func TestPlanted_OddSpelling(t *testing.T) {
	path := newPath(t)
	if err := open(t.Context(), path, Apply); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	for _, statement := range []string{
		"CREATE VIRTUAL TABLE search USING fts5(text)", "PRAGMA writable_schema = 1",
		"UPDATE sqlite_schema SET sql = 'CREATE/**/VIRTUAL TABLE search USING fts5(text)' WHERE name = 'search'",
	} {
		if _, err := raw.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	untouched(t, path, ErrPlanted)
}
