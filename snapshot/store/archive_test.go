package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	add := func(ctx context.Context, db *DB, dry, commit bool) []Archival {
		t.Helper()
		a, err := db.Archive(ctx, dry, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.From(&AuditFile{Name: "a.csv", SHA256: "00", ImportedAt: week(2)})
		var all []Archival
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
	equal := func(what string, got []Archival, want ...Archival) {
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
	equal("dry run", add(t.Context(), openRO(t, path), true, true), KnownBefore, ArchivedNew, Repeated, ArchivedNew)
	rows(1)
	equal("given up", add(t.Context(), db, false, false), KnownBefore, ArchivedNew, Repeated, ArchivedNew)
	rows(1)
	equal("import", add(t.Context(), db, false, true), KnownBefore, ArchivedNew, Repeated, ArchivedNew)
	rows(3)
	equal("again", add(t.Context(), db, false, true), KnownBefore, KnownBefore, KnownBefore, KnownBefore)
	rows(3)
	if n := count(t, db, "SELECT count(*) FROM coverage WHERE file_id IS NOT NULL"); n != 1 {
		t.Errorf("%d stretches, want 1", n)
	}
	if n := count(t, db, "SELECT count(*) FROM events WHERE file = 'a.csv' AND line = 3"); n != 1 {
		t.Errorf("%d events of line 3, want 1", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	a, err := db.Archive(ctx, false, nil)
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

// TestArchive_Fuller: a copy that says more is kept beside the first, from a file
// or a run, once; the view shows it, and both are listed. What was erased stays so.
func TestArchive_Fuller(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	db := openRW(t, path)
	longer := func(copy, than *snapshot.RawEvent) bool { return len(copy.Raw) > len(than.Raw) }
	record := func(id, raw string) snapshot.RawEvent {
		return snapshot.RawEvent{Source: snapshot.SourceGraph, ID: id, At: week(1), Activity: "Add user", Raw: []byte(raw)}
	}
	s := begin(t, db)
	r := emptyResult(s)
	r.Events, r.Fuller = []snapshot.RawEvent{record("a", "{}"), record("a", `{"a":1}`), record("b", `{"b":1}`), record("b", "{}")}, longer
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	add := func(db *DB, dry bool) string {
		t.Helper()
		a, err := db.Archive(t.Context(), dry, longer)
		if err != nil {
			t.Fatal(err)
		}
		a.From(&AuditFile{Name: "a.csv", SHA256: "00", ImportedAt: week(2)})
		var all []Archival
		for line, e := range []snapshot.RawEvent{record("a", "{}"), record("a", `{"a":12}`), record("a", `{"a":12}`), record("c", "{ }"), record("c", "{  }"), record("c", "{ }")} {
			took, err := a.Add(&e, line+2)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, took)
		}
		if err := errors.Join(a.Commit(), a.Close()); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(all)
	}
	first := fmt.Sprint([]Archival{KnownBefore, ArchivedFuller, KnownBefore, ArchivedNew, ArchivedFuller, Repeated})
	dry := fmt.Sprint([]Archival{KnownBefore, ArchivedFuller, Repeated, ArchivedNew, ArchivedFuller, Repeated})
	if got := add(openRO(t, path), true); got != dry {
		t.Errorf("dry run: %s, want %s", got, dry)
	}
	if got := add(db, false); got != first {
		t.Errorf("import: %s, want %s", got, first)
	}
	nothing := fmt.Sprint([]Archival{KnownBefore, KnownBefore, KnownBefore, KnownBefore, KnownBefore, KnownBefore})
	if got, dry := add(db, false), add(openRO(t, path), true); got != nothing || dry != nothing {
		t.Errorf("again: %s, dry run %s, want %s", got, dry, nothing)
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var got []string
	for e, err := range h.Stored(t.Context(), EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s%d run %d line %d %s", e.ID, e.Copy, e.Run, e.Line, e.Raw))
	}
	want := []string{"a1 run 1 line 0 {}", `a2 run 1 line 0 {"a":1}`, `a3 run 0 line 3 {"a":12}`, `b1 run 1 line 0 {"b":1}`, "c1 run 0 line 5 { }", "c2 run 0 line 6 {  }"}
	if !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	if n := count(t, db, "SELECT count(*) FROM events WHERE event_id || copy IN ('a3', 'b1', 'c2')"); n != 3 || count(t, db, "SELECT count(*) FROM events") != 3 {
		t.Errorf("the view shows %d of the fullest copies, want 3 and no others", n)
	}
	whole(t, verify(t, db, ""))
	h.Close()
	if _, err := db.Prune(t.Context(), week(3)); err != nil {
		t.Fatal(err)
	}
	if got := add(db, false); got != nothing || count(t, db, "SELECT count(*) FROM event_copy WHERE raw <> ''") != 0 {
		t.Errorf("what was erased came back: %s", got)
	}
	whole(t, verify(t, db, ""))
}
