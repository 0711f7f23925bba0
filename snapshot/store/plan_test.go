package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// What is planned of a log outlives the run; what was read is there at once, and
// for good, whatever becomes of the run.
func TestPlan(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	ctx := t.Context()
	stretch := func(from, to int, search string) Stretch {
		return Stretch{Source: snapshot.SourcePurview, From: week(from), To: week(to), Search: search}
	}
	newer, older := stretch(1, 2, ""), stretch(0, 1, "first")
	if err := s.Archive(ctx, Archived{Planned: []Stretch{older, newer}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Archive(ctx, Archived{Planned: []Stretch{stretch(0, 1, "again")}}); err != nil {
		t.Fatal(err)
	}
	older.Search = "again"
	planned(t, s, snapshot.SourcePurview, newer, older)
	planned(t, s, snapshot.SourceUnified)

	event := snapshot.RawEvent{Source: snapshot.SourcePurview, ID: "a", At: week(1), Raw: []byte("{}")}
	covered := snapshot.Coverage{Source: snapshot.SourcePurview, From: week(1), To: week(2), Complete: true, Events: 1}
	if err := s.Archive(ctx, Archived{Done: []Stretch{newer}, Events: []snapshot.RawEvent{event}, Coverage: []snapshot.Coverage{covered}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetFeedSince(ctx, week(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Fail(ctx, Failed, week(2), 1, engine.ErrBusy); err != nil {
		t.Fatal(err)
	}

	next := begin(t, db)
	planned(t, next, snapshot.SourcePurview, older)
	n := 0
	for e, err := range next.Events(ctx, EventFilter{}) {
		if err != nil || e.ID != "a" {
			t.Errorf("got %v, %v", e, err)
		}
		n++
	}
	got, err := next.Coverage(ctx)
	if diff := cmp.Diff([]snapshot.Coverage{covered}, got); diff != "" || err != nil || n != 1 {
		t.Errorf("%d events, %v, coverage (-want +got):\n%s", n, err, diff)
	}
	if at, err := next.FeedSince(ctx); !at.Equal(week(1)) || err != nil {
		t.Errorf("got %v, %v", at, err)
	}
}

// What failed runs have read since the run before counts as read since then.
func TestKnew_FailedRuns(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	ctx := t.Context()
	archive := func(s *Sync, from int) {
		t.Helper()
		c := snapshot.Coverage{Source: snapshot.SourceUnified, From: week(from), To: week(from + 1), Complete: true}
		if err := s.Archive(ctx, Archived{Coverage: []snapshot.Coverage{c}}); err != nil {
			t.Fatal(err)
		}
	}
	first := begin(t, db)
	archive(first, 0)
	commit(t, first)
	failed := begin(t, db)
	archive(failed, 1)
	if err := failed.Fail(ctx, Failed, time.Now(), 1, engine.ErrBusy); err != nil {
		t.Fatal(err)
	}
	s := begin(t, db)
	archive(s, 2)
	h, err := db.History(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, since, err := h.Knew(ctx, s.Run, s.Previous.ID)
	if err != nil || len(since) != 2 || !since[0].From.Equal(week(1)) {
		t.Errorf("got %v, %v", since, err)
	}
}

func planned(t *testing.T, s *Sync, source snapshot.Source, want ...Stretch) {
	t.Helper()
	got, err := s.Planned(t.Context(), source)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
