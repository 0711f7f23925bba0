package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lictrail/snapshot"
)

func openSpool(t *testing.T) (*Spool, string) {
	t.Helper()
	dir := t.TempDir()
	sp, err := NewSpool(filepath.Join(dir, "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	return sp, dir
}

func fullDelta(n int) *snapshot.Delta {
	at, enabled := time.UnixMilli(1_700_000_000_123).UTC(), true
	path := snapshot.Path{
		PathKey: snapshot.PathKey{SKU: "e5", PathRef: snapshot.PathRef{Kind: snapshot.ByGroup, Group: "g"}},
		Held:    true, State: "ActiveWithError", Error: "Other", Disabled: []snapshot.PlanID{"p1", "p2"}, UpdatedAt: at,
	}
	return &snapshot.Delta{
		ID: snapshot.UserID(fmt.Sprintf("user-%d", n)), Attributes: true, Plans: true,
		New: snapshot.User{
			ID: snapshot.UserID(fmt.Sprintf("user-%d", n)), Presence: snapshot.Deleted, DeletedAt: at,
			Attributes: snapshot.Attributes{UPN: "a@b", Name: "A\x00", Mail: "m@b", Department: "D", Enabled: &enabled,
				EmployeeID: "7", CreatedAt: &at, JobTitle: "J"},
			Plans: []snapshot.Plan{{ID: "p1", Status: "Enabled", AssignedAt: at}, {ID: "p2", Status: "Deleted"}, {ID: "p3", Status: "Enabled", AssignedAt: at}},
		},
		Closed:   []snapshot.PathKey{{SKU: "e3", PathRef: snapshot.PathRef{Kind: snapshot.Direct}}},
		Opened:   []snapshot.OpenedPath{{Path: path, Span: snapshot.Span{Path: 3, Start: 2, Period: 1}}, {Path: snapshot.Path{PathKey: path.PathKey}}},
		Evidence: []snapshot.FirstEvidence{{SKU: "e5", At: at, Basis: snapshot.BasisPlan}},
	}
}

// TestSpool: what comes out is what went in, whether words fit in memory or not.
func TestSpool(t *testing.T) {
	sp, _ := openSpool(t)
	for _, size := range []int{0, maxWords} {
		if err := sp.Reset(); err != nil {
			t.Fatal(err)
		}
		sp.size = size
		for n := range 3 {
			if err := sp.Add(fullDelta(n), int64(n), somePrint(n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := sp.Add(&snapshot.Delta{ID: "bare"}, 9, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		for u, err := range sp.All() {
			if err != nil {
				t.Fatal(err)
			}
			if n == 3 {
				want := Spooled{Row: 9, ID: "bare", Fingerprint: (&snapshot.User{}).Fingerprint()}
				if diff := cmp.Diff(want, *u, cmp.AllowUnexported(Spooled{}), cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
				n++
				continue
			}
			d := fullDelta(n)
			want := Spooled{
				Row: int64(n), ID: d.ID, Fingerprint: d.New.Fingerprint(), Print: somePrint(n), Attributes: true, Presence: "deleted", DeletedAt: d.New.DeletedAt,
				EmployeeID: "7", CreatedAt: *d.New.CreatedAt, UPN: "a@b", Name: "A\x00", Mail: "m@b", Department: "D",
				Shared: snapshot.Attributes{Enabled: d.New.Enabled, JobTitle: "J"}, Closed: d.Closed, Opened: d.Opened, Plans: true,
				Dates: []time.Time{d.New.DeletedAt, {}}, Evidence: d.Evidence,
			}
			if diff := cmp.Diff(want, *u, cmp.AllowUnexported(Spooled{}), cmpopts.IgnoreFields(Spooled{}, "Shape")); diff != "" {
				t.Errorf("words from %d: user %d: %s", size, n, diff)
			}
			layout, err := LayoutText(u.Shape, func(id snapshot.PlanID) (int64, error) { return int64(id[1] - '0'), nil })
			if want := `[[1,"Enabled",0],[2,"Deleted",1],[3,"Enabled",0]]`; err != nil || layout != want {
				t.Errorf("layout %s, %v", layout, err)
			}
			n++
		}
		if n != 4 {
			t.Errorf("%d users", n)
		}
	}
}

func somePrint(n int) *RowPrint {
	return &RowPrint{snapshot.RowPrint{Sum: [16]byte{byte(n), 255}, Size: uint32(9000 + n)},
		RowShows{Held: []snapshot.SKUID{"e3", "e5"}, Groups: []snapshot.GroupID{"g"}, Flags: 0x81}}
}

// TestSpoolLeavesNothing: no name while it is open, and no file after.
func TestSpoolLeavesNothing(t *testing.T) {
	sp, dir := openSpool(t)
	if err := sp.Add(fullDelta(1), 0, nil); err != nil {
		t.Fatal(err)
	}
	if info, err := sp.file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := sp.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestSpoolDamaged: a cut or changed record is an error, never a user.
func TestSpoolDamaged(t *testing.T) {
	sp, _ := openSpool(t)
	if err := sp.Add(fullDelta(1), 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := sp.out.Flush(); err != nil {
		t.Fatal(err)
	}
	info, err := sp.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := sp.file.Truncate(info.Size() - 1); err != nil {
		t.Fatal(err)
	}
	for u, err := range sp.All() {
		if err == nil {
			t.Errorf("got %+v", u)
		}
	}
}
