package store

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot/store/engine"
)

// A reader must not call a file damaged, nor read-only, that a crash has left
// with a journal to roll back: the history in it is whole.
func TestOpenReadOnly_HotJournal(t *testing.T) {
	path, crashed := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"CREATE TABLE x (y)", "INSERT INTO x SELECT randomblob(5000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500) SELECT i FROM n)",
		"PRAGMA cache_size = 2", "BEGIN IMMEDIATE", "UPDATE x SET y = randomblob(5000)",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{"", "-journal"} { // as if the power went now
		data, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(crashed+suffix, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenReadOnly(t.Context(), crashed, migrations.Check); !errors.Is(err, engine.ErrUnrecovered) {
		t.Errorf("got %v, want %v", err, engine.ErrUnrecovered)
	}
}
