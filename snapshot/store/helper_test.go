package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lictrail/diff"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/store/intake"
)

var contoso = snapshot.Tenant{ID: "11111111-2222-3333-4444-555555555555", Name: "Contoso"}

// week is the service's time at the n-th week of tracking.
func week(n int) time.Time {
	return time.Date(2026, time.March, 1, 6, 0, 0, 0, time.UTC).AddDate(0, 0, 7*n)
}

// emptyHistory is the file of a history without a run. Migrating takes longer
// than copying.
var emptyHistory = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "lictrail")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	db, err := OpenReadWrite(context.Background(), path, migrations.Apply)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// newHistory writes an empty history and returns its path.
func newHistory(t testing.TB) string {
	t.Helper()
	data, err := emptyHistory()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// openRW opens a history for runs until the test ends.
func openRW(t testing.TB, path string) *DB {
	t.Helper()
	db, err := OpenReadWrite(t.Context(), path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openRO(t testing.TB, path string) *DB {
	t.Helper()
	db, err := OpenReadOnly(t.Context(), path, migrations.Check)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func begin(t testing.TB, db *DB) *Sync {
	t.Helper()
	s, err := db.Begin(t.Context(), contoso, week(0), "test")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// commit commits a run that shows what the deltas bring.
func commit(t testing.TB, s *Sync, deltas ...snapshot.Delta) {
	t.Helper()
	if err := s.Commit(t.Context(), resultOf(t, s, deltas...)); err != nil {
		t.Fatal(err)
	}
}

// resultOf is the least that a complete run brings which shows what the deltas do.
func resultOf(t testing.TB, s *Sync, deltas ...snapshot.Delta) Result {
	t.Helper()
	r := emptyResult(s)
	r.Users, r.Spool = int64(len(deltas)), fill(t, s, deltas...)
	return r
}

func emptyResult(s *Sync) Result {
	at := week(int(s.Run))
	return Result{EndedAt: at.Add(2 * time.Minute), ObservedAt: at, ObservedUntil: at.Add(time.Minute)}
}

// fill makes a spool of deltas, with the rows of the users whom history knows.
func fill(t testing.TB, s *Sync, deltas ...snapshot.Delta) *intake.Spool {
	t.Helper()
	sp, err := s.Spool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	rows := map[snapshot.UserID]int64{}
	if _, err := s.Prints(t.Context(), func(id snapshot.UserID, p Print) { rows[id] = p.Row }); err != nil {
		t.Fatal(err)
	}
	for i := range deltas {
		addTo(t, sp, &deltas[i], rows[deltas[i].ID])
	}
	return sp
}

func addTo(t testing.TB, sp *intake.Spool, d *snapshot.Delta, row int64) {
	t.Helper()
	if err := sp.Add(d, row, nil); err != nil {
		t.Fatal(err)
	}
}

// newcomer is the delta of a user who was never seen and holds e3 directly.
func newcomer(s *Sync, id snapshot.UserID) snapshot.Delta {
	p := snapshot.Path{
		PathKey: snapshot.PathKey{SKU: "e3", PathRef: snapshot.PathRef{Kind: snapshot.Direct}},
		Held:    true, State: "Active", UpdatedAt: week(-8),
	}
	created := week(int(s.Run)).Add(-time.Hour)
	return snapshot.Delta{
		ID: id, Attributes: true,
		New: snapshot.User{
			ID: id, Presence: snapshot.Present, Paths: []snapshot.Path{p},
			Attributes: snapshot.Attributes{UPN: string(id) + "@contoso.com", Name: string(id), Mail: string(id) + "@contoso.com", CreatedAt: &created},
		},
		Opened: []snapshot.OpenedPath{{Path: p, Span: snapshot.Span{Path: s.Run, Start: s.Run, Period: 1}}},
	}
}

// count asks a question whose answer is a number.
func count(t testing.TB, db *DB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := db.sql.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// column asks for one column of text.
func column(t testing.TB, db *DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.sql.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

// fileState is all that a test may know of a file without opening it while
// SQLite has it open: closing such a handle would drop SQLite's locks.
type fileState struct {
	sum      [sha256.Size]byte
	size     int64
	modified time.Time
	mode     os.FileMode
}

// stateOf reads a file that no connection has open.
func stateOf(t testing.TB, path string) fileState {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fileState{sum: sha256.Sum256(data), size: info.Size(), modified: info.ModTime(), mode: info.Mode()}
}

// closeDB closes a history before the test's end.
func closeDB(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// given lists earlier records for an import.
func given(records ...earlier.Record) iter.Seq2[*earlier.Record, error] {
	return func(yield func(*earlier.Record, error) bool) {
		for i := range records {
			if !yield(&records[i], nil) {
				return
			}
		}
	}
}

// licensed is the i-th of users who hold sku-1 directly.
func licensed(i int) snapshot.User {
	u := snapshot.User{ID: snapshot.UserID(fmt.Sprintf("0b4c5c4e-8a5d-4b6a-9c55-%012d", i)), Presence: snapshot.Present,
		Attributes: snapshot.Attributes{UPN: fmt.Sprintf("u%d@contoso.com", i)},
		Paths:      []snapshot.Path{{PathKey: snapshot.PathKey{SKU: "sku-1", PathRef: snapshot.PathRef{Kind: snapshot.Direct}}, Held: true, State: "Active", UpdatedAt: week(0)}}}
	u.Normalize()
	return u
}

// commitLicensed commits a first run that shows n such users, and returns its number.
func commitLicensed(t testing.TB, db *DB, n int) snapshot.RunID {
	t.Helper()
	s := begin(t, db)
	var deltas []snapshot.Delta
	for i := range n {
		deltas = append(deltas, diff.Comparer{Run: s.Run}.User(nil, licensed(i)))
	}
	commit(t, s, deltas...)
	return s.Run
}
