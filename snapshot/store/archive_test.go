package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"lictrail/snapshot"
)

// TestArchive: a record is taken once, a dry run tells the same and takes none,
// and what is not committed leaves nothing.
func TestArchive(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	db := openRW(t, path)
	s := begin(t, db)
	r := emptyResult(s)
	r.Events = []snapshot.RawEvent{{Source: snapshot.SourceGraph, ID: "known", At: week(1), Activity: "Add user", Raw: []byte("{}")}}
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	add := func(ctx context.Context, db *DB, dry, commit bool) []Took {
		t.Helper()
		a, err := db.Archive(ctx, dry)
		if err != nil {
			t.Fatal(err)
		}
		a.From(&AuditFile{Name: "a.csv", SHA256: "00", ImportedAt: week(2)})
		var all []Took
		for line, id := range []string{"known", "new", "new", "other"} {
			took, err := a.Add(&snapshot.RawEvent{Source: snapshot.SourceGraph, ID: id, At: week(1), Raw: []byte("{}")}, line+2)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, took)
		}
		c := snapshot.Coverage{Source: snapshot.SourceGraph, From: week(0), To: week(1), Complete: true}
		if err := errors.Join(a.Cover(c), a.Cover(c)); err != nil {
			t.Fatal(err)
		}
		if commit {
			err = a.Commit()
		}
		if err := errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		return all
	}
	equal := func(what string, got []Took, want ...Took) {
		t.Helper()
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	rows := func(want int64) {
		t.Helper()
		if n := count(t, db, "SELECT count(*) FROM event"); n != want {
			t.Errorf("%d events, want %d", n, want)
		}
	}
	equal("dry run", add(t.Context(), openRO(t, path), true, true), Already, Taken, Repeated, Taken)
	rows(1)
	equal("given up", add(t.Context(), db, false, false), Already, Taken, Repeated, Taken)
	rows(1)
	equal("import", add(t.Context(), db, false, true), Already, Taken, Repeated, Taken)
	rows(3)
	equal("again", add(t.Context(), db, false, true), Already, Already, Already, Already)
	rows(3)
	if n := count(t, db, "SELECT count(*) FROM coverage WHERE file_id IS NOT NULL"); n != 1 {
		t.Errorf("%d stretches, want 1", n)
	}
	if n := count(t, db, "SELECT count(*) FROM events WHERE file = 'a.csv' AND line = 3"); n != 1 {
		t.Errorf("%d events of line 3, want 1", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	a, err := db.Archive(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	a.From(&AuditFile{Name: "b.csv", SHA256: "01"})
	if _, err := a.Add(&snapshot.RawEvent{Source: snapshot.SourceGraph, ID: "late", Raw: []byte("{}")}, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was canceled", err)
	}
	a.Close()
	rows(3)
}
