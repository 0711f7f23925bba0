package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lictrail/snapshot"
)

// TestFindEachUser: many references mean whom each of them means alone, and the
// runs that saw users are those that saw each.
func TestFindEachUser(t *testing.T) {
	db := openRW(t, newHistory(t))
	for _, names := range [][]string{{"a@x", "b@x"}, {"A2@x", "b@x"}, {"a3@x", "a@x"}} {
		s := begin(t, db)
		var deltas []snapshot.Delta
		for i, id := range []snapshot.UserID{"0b4c5c4e-8a5d-4b6a-9c55-00000000000a", "plain id"} {
			d := newcomer(s, id)
			d.New.UPN, d.New.Mail = names[i], "mail-"+names[i]
			if s.Previous != nil {
				d.Opened = nil
			}
			deltas = append(deltas, d)
		}
		commit(t, s, deltas...)
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	refs := []string{"a@x", "A@X", "a2@x", "b@x", " b@x", "mail-a3@x", "0B4C5C4E-8A5D-4B6A-9C55-00000000000A", "plain id", "nobody", "", "a'\"[x"}
	found, err := h.FindEachUser(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[int64]bool{}
	for i, ref := range refs {
		want, err := h.FindUsers(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, found[i], cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q (-alone +together):\n%s", ref, d)
		}
		for _, p := range want {
			rows[p.Row] = true
		}
	}
	if len(found[0]) != 2 || len(found[2]) != 1 || len(rows) != 2 {
		t.Errorf("%d users have had a@x, %d a2@x, of %d", len(found[0]), len(found[2]), len(rows))
	}
	seen, err := h.SeenEach(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	for row := range rows {
		want, err := h.Seen(t.Context(), Person{Row: row})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, seen[row]); d != "" || len(want) != 3 {
			t.Errorf("row %d: %d runs (-alone +together):\n%s", row, len(want), d)
		}
	}
}
