package store

import (
	"errors"
	"os"
	"testing"

	"lictrail/snapshot/store/engine"
)

// TestHealth: the end of the chain is looked at as a run does before it writes.
func TestHealth(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	empty := openRO(t, path)
	if h, err := empty.Health(t.Context()); err != nil || len(h.Findings) != 0 || h.Head != "" {
		t.Errorf("empty: %+v, %v", h, err)
	}
	closeDB(t, empty)
	db := openRW(t, path)
	s := begin(t, db)
	commit(t, s, newcomer(s, "ann"))
	h, err := db.Health(t.Context())
	if err != nil || len(h.Findings) != 0 || h.Head != s.Head || h.Seals != 2 || h.Sealed.IsZero() {
		t.Errorf("after a run: %+v, %v; the run's head is %s", h, err, s.Head)
	}
	if _, err := db.sql.ExecContext(t.Context(), "INSERT INTO plan (object_id, name) VALUES ('11111111-2222-3333-4444-555555555555', 'x')"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Health(t.Context()); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("a row beyond the chain: %v", err)
	}
}

// TestHealth_Pages: SQLite's quick check finds pages that are not what they were.
func TestHealth_Pages(t *testing.T) {
	t.Parallel()
	db := sealedHistory(t)
	path := db.Path()
	closeDB(t, db)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[len(data)-4096:]) // the last page
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := openRO(t, path)
	if h, err := damaged.Health(t.Context()); len(h.Findings) == 0 && !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestWriting: of a history that nobody has open nobody writes to.
func TestWriting(t *testing.T) {
	t.Parallel()
	writing, known, err := Writing(newHistory(t))
	if writing || err != nil {
		t.Errorf("%v, %v, %v", writing, known, err)
	}
}

func TestSQLiteVersion(t *testing.T) {
	t.Parallel()
	db := openRO(t, newHistory(t))
	want, err := db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := engine.Version(t.Context()); got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
