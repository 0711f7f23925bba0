package store

import (
	"fmt"
	"strings"
	"testing"

	"lictrail/snapshot"
)

// TestSeatPoints: a SKU has a point for every run that showed it, be it changed
// or not, and none where it was gone.
func TestSeatPoints(t *testing.T) {
	db := openRW(t, newHistory(t))
	for _, used := range []int64{5, 5, -1, 6} {
		s := begin(t, db)
		r := emptyResult(s)
		r.Spool = fill(t, s)
		r.SKUs = []snapshot.SKU{{ID: "ems", PartNumber: "EMS", Status: "Enabled"}}
		if used >= 0 {
			r.SKUs = append(r.SKUs, snapshot.SKU{ID: "e3", PartNumber: "SPE_E3", Status: "Enabled", Consumed: used, Units: snapshot.Units{Enabled: 10}})
		}
		if err := s.Commit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range []struct {
		until int
		want  string
	}{{4, "1:5/10 2:5/10 4:6/10"}, {3, "1:5/10 2:5/10"}} {
		h.AsOf(week(c.until).AddDate(0, 0, 1))
		points, err := h.SeatPoints(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, p := range points["e3"] {
			words = append(words, fmt.Sprintf("%d:%d/%d", p.Run.ID, p.Consumed, p.Units.Enabled))
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("up to run %d: %q, want %q", c.until, got, c.want)
		}
	}
}

// TestGroupRows_Errors: an error lasts since the first of the rows that had it
// without a break, be it that Microsoft touched the row; one that went away and
// came back is new.
func TestGroupRows_Errors(t *testing.T) {
	db := openRW(t, newHistory(t))
	key := snapshot.PathKey{SKU: "e5", PathRef: snapshot.PathRef{Kind: snapshot.ByGroup, Group: "sales"}}
	// What each run shows of a user's row: the error, "" for a row without one.
	type show map[snapshot.UserID]string
	open := map[snapshot.UserID]bool{}
	for i, rows := range []show{
		{"ann": "CountViolation", "bob": "CountViolation", "cyd": "Other"},
		{"ann": "CountViolation"}, // touched
		{"bob": ""},
		{"bob": "CountViolation", "dan": "CountViolation"},
	} {
		s := begin(t, db)
		var deltas []snapshot.Delta
		for _, id := range []snapshot.UserID{"ann", "bob", "cyd", "dan"} {
			word, shown := rows[id]
			if !shown {
				continue
			}
			d := newcomer(s, id)
			path := snapshot.Path{PathKey: key, State: "Error", Error: word, UpdatedAt: week(i)}
			d.New.Paths = []snapshot.Path{path}
			d.Opened = []snapshot.OpenedPath{{Path: path}}
			if open[id] {
				d.Attributes, d.Closed = false, []snapshot.PathKey{key}
			}
			open[id] = true
			deltas = append(deltas, d)
		}
		commit(t, s, deltas...)
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range []struct {
		at   int
		want string
	}{
		{4, "CountViolation of 3 since run 1, new after run 3: 2; Other of 1 since run 1, new after run 3: 0"},
		{3, "CountViolation of 1 since run 1, new after run 2: 0; Other of 1 since run 1, new after run 2: 0"},
		{1, "CountViolation of 2 since run 1, new after run 0: 0; Other of 1 since run 1, new after run 0: 0"},
	} {
		h.AsOf(week(c.at).AddDate(0, 0, 1))
		groups, err := h.GroupRows(t.Context())
		if err != nil || len(groups) != 1 || groups[0].Members != 0 {
			t.Fatalf("%+v (%v)", groups, err)
		}
		var words []string
		for _, e := range groups[0].Errors {
			words = append(words, fmt.Sprintf("%s of %d since run %d, new after run %d: %d", e.Error, e.Users, e.SinceRun, h.At.Previous, e.Since(h.At.Previous)))
		}
		if got := strings.Join(words, "; "); got != c.want {
			t.Errorf("at run %d:\ngot  %s\nwant %s", c.at, got, c.want)
		}
	}
}

func TestChangeCounts(t *testing.T) {
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	counts, err := h.ChangeCounts(t.Context())
	// The second run corrects the cause of the first one's change.
	want := "[{1 assigned admin 1} {2 assigned group 1}]"
	if got := fmt.Sprint(counts); err != nil || got != want {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}
