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
