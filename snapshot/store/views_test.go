package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lictrail/internal/golden"
)

// viewsOf lists the views as the database itself has them.
func viewsOf(t testing.TB, db *DB) []string {
	t.Helper()
	return column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
}

// The views are what people's own queries build on. A change of one shows as
// a change of the golden file: go test ./snapshot/store -run Golden -update.
func TestViews_Golden(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	comments := viewComments(t)
	var b strings.Builder
	for _, view := range viewsOf(t, db) {
		if comments[view] == "" {
			t.Errorf("view %s has no comment above it", view)
		}
		fmt.Fprintf(&b, "%s%s(%s)\n\n", comments[view], view, strings.Join(column(t, db, "SELECT name FROM pragma_table_info(?)", view), ", "))
	}
	golden.File(t, "testdata/schema.golden", b.String())
}

// viewComments reads the comment above each view from the SQL files.
func viewComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no SQL files: %v", err)
	}
	pattern := regexp.MustCompile(`(?m)((?:^--.*\n)+)CREATE VIEW (\w+)`)
	comments := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			comments[m[2]] = m[1]
		}
	}
	return comments
}

func TestViews_Queryable(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	views := viewsOf(t, db)
	for _, view := range []string{"users", "runs", "history", "assignments", "changes", "skus", "service_plans"} {
		if !slices.Contains(views, view) {
			t.Errorf("view %s is gone", view)
		}
		if len(rowsOf(t, db, view)) == 0 {
			t.Errorf("view %s shows nothing of a history that has everything", view)
		}
	}
	for _, view := range views {
		rowsOf(t, db, view)
	}
	for query, want := range map[string]string{
		"SELECT user_id FROM users WHERE user_id LIKE '0b4c%'":                                                 "0b4c5c4e-8a5d-4b6a-9c55-3c0f2a7f9d11",
		"SELECT mail || deleted_at IS NULL FROM users WHERE user_id = 'user-1'":                                "1",
		"SELECT status || ' ' || observed_until FROM runs WHERE run = 2":                                       "complete 2026-03-15T06:01:00Z",
		"SELECT path || ' ' || group_name || ' ' || disabled_plans FROM history WHERE path = 'group' LIMIT 1":  `group Sales 2 ["teams"]`,
		"SELECT first_seen || ' ' || coalesce(not_before, '-') FROM assignments WHERE user_id = 'user-1'":      "2026-03-08T06:01:00Z -",
		"SELECT first_seen || ' ' || not_before FROM assignments WHERE user_id = 'user-2'":                     "2026-03-15T06:01:00Z 2026-03-08T06:00:00Z",
		"SELECT kind || ' ' || cause || ' ' || exactly_at || ' ' || group_id FROM changes WHERE change_id = 1": "assigned admin 2026-03-08T06:00:00Z sales",
		"SELECT part_number || ' ' || consumed || ' ' || difference FROM skus WHERE to_run IS NULL":            "ENTERPRISEPACK 2 2",
		"SELECT plan_name || ' ' || status || ' ' || assigned_at FROM service_plans WHERE user_id = 'user-1'":  "EXCHANGE Enabled 2025-12-28T06:00:00Z",
	} {
		if got := column(t, db, query); len(got) == 0 || got[0] != want {
			t.Errorf("%s = %q, want %q", query, got, want)
		}
	}
}

// An auditor's own sqlite3 must find the file whole and every view readable.
func TestStockSQLite(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sqlite3")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("sqlite3 is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	views := viewsOf(t, db)
	ask := func(statement string) string {
		out, err := exec.CommandContext(t.Context(), shell, "-readonly", "-bail", db.Path(), statement).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", statement, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for range 2 { // while lictrail has the file open, and when it is closed
		if got := ask("PRAGMA integrity_check"); got != "ok" {
			t.Errorf("integrity_check: %s", got)
		}
		if got := ask("PRAGMA foreign_key_check"); got != "" {
			t.Errorf("foreign_key_check: %s", got)
		}
		for _, view := range views {
			ask(`SELECT * FROM "` + view + `"`)
		}
		closeDB(t, db)
	}
}

// What the driver's own SQLite says, for where there is no sqlite3.
func TestIntegrity(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	if got := column(t, db, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("integrity_check: %q", got)
	}
	if got := column(t, db, "PRAGMA foreign_key_check"); len(got) != 0 {
		t.Errorf("foreign_key_check: %q", got)
	}
}
