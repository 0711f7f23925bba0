package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
	"lictrail/snapshot/store/intake"
	"lictrail/snapshot/store/ledger"
)

// printsOf are the prints that a new run may use.
func printsOf(t *testing.T, s *Sync) (prints map[snapshot.UserID]Print, vouched bool) {
	t.Helper()
	prints = map[snapshot.UserID]Print{}
	vouched, err := s.Prints(t.Context(), func(id snapshot.UserID, p Print) { prints[id] = p })
	if err != nil {
		t.Fatal(err)
	}
	return prints, vouched
}

func printOf(n int) *intake.RowPrint {
	return &intake.RowPrint{RowPrint: snapshot.RowPrint{Sum: [16]byte{byte(n), 255}, Size: uint32(9000 + n)},
		Shows: intake.RowShows{Held: []snapshot.SKUID{"e3", "e5"}, Groups: []snapshot.GroupID{"g"}, Flags: 0x81}}
}

// TestRowPrints: a print comes back as it was stored, and is used only while the
// user's state is that of the row and the seal vouches for all prints.
func TestRowPrints(t *testing.T) {
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	sp, err := s.Spool()
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	print := printOf(1)
	for _, id := range []snapshot.UserID{"a", "b"} {
		d := newcomer(s, id)
		if err := sp.Add(&d, 0, print); err != nil {
			t.Fatal(err)
		}
	}
	result := emptyResult(s)
	result.Spool = sp
	if err := s.Commit(t.Context(), result); err != nil {
		t.Fatal(err)
	}
	s = begin(t, db)
	prints, vouched := printsOf(t, s)
	if got := prints["a"]; !vouched || got.Shows == nil || got.RowPrint != print.RowPrint || cmp.Diff(*got.Shows, print.Shows) != "" {
		t.Fatalf("vouched %t, %+v", vouched, got)
	}
	if prints["a"].Shows != prints["b"].Shows {
		t.Error("what rows show is in memory twice")
	}
	one, err := s.RowKey(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := s.RowKey(t.Context(), "y"); err != nil || one == other {
		t.Errorf("the key does not depend on the form of rows: %v", err)
	}

	for name, change := range map[string]string{
		"planted":     "UPDATE user SET row_print = x'0102' WHERE id = 1",
		"gone":        "UPDATE user SET row_print = NULL WHERE id = 1",
		"fingerprint": "UPDATE user SET fingerprint = fingerprint + 1 WHERE id = 1",
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := db.sql.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback() //nolint:errcheck // nothing is to stay
			if _, err := tx.Exec(change); err != nil {
				t.Fatal(err)
			}
			sealed, err := ledger.SealedPrints(t.Context(), s.db.sql)
			if err != nil {
				t.Fatal(err)
			}
			if now, err := ledger.PrintsDigest(t.Context(), tx); err != nil || now == sealed {
				t.Errorf("the seal vouches for prints that it does not know: %v", err)
			}
		})
	}
}

// TestRowPrint_Bound: a digest fits only together with the fingerprint of the
// state that its row showed.
func TestRowPrint_Bound(t *testing.T) {
	sum := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}
	if got := bound(bound(sum, 12345), 12345); got != sum {
		t.Errorf("%x", got)
	}
	if bound(sum, 1) == sum || bound(bound(sum, 1), 2) == sum {
		t.Error("the digest fits another state")
	}
}

// TestShowsReader_Nonsense: what makes no sense is no print.
func TestShowsReader_Nonsense(t *testing.T) {
	r := &showsReader{refs{skus: map[int64]snapshot.SKUID{1: "e3"}, groups: map[int64]snapshot.GroupID{7: "g"}}, map[string]*intake.RowShows{}}
	sum := make([]byte, 16)
	for _, c := range []struct {
		tail string
		ok   bool
	}{
		{"\x05\x01\x00", true}, {"\x05\x01\x01\x01\x07", true},
		{"", false}, {"\x05", false}, {"\x05\x01", false}, {"\x05\x01\x01", false}, {"\x05\x01\x01\x02", false}, {"\x05\x01\x00\x08", false},
		{"\x80", false}, {"\x05\x01\x80", false}, {"\x05\x01\x00\x80", false},
	} {
		if _, shows := r.read(append(sum, c.tail...), 0); (shows != nil) != c.ok {
			t.Errorf("%q: %+v", c.tail, shows)
		}
	}
	if _, shows := r.read(sum[:9], 0); shows != nil {
		t.Error("a short one is taken")
	}
}
