package track

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestRecognizedRows_Law: random runs give the same history, the same refusals
// and the same figures whether rows are recognized or all decoded.
func TestRecognizedRows_Law(t *testing.T) {
	recognized, refused := 0, 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := newRandomTenant(rng)
		with, without := openTestDB(t), openTestDB(t)
		var texts [2]string
		for week := range 6 {
			r := w.reader(week)
			for i, db := range []*store.DB{with, without} {
				one := *r
				o := one.options()
				o.AcceptShrink = false
				if i == 1 {
					o.Version = fmt.Sprint("version ", week) // under which no print is known
				}
				summary, err := Run(t.Context(), &one, db, o)
				switch {
				case err != nil:
					texts[i] += fmt.Sprintf("refused: %v\n", err)
					refused++
				default:
					s := summary.Result
					texts[i] += fmt.Sprintln(s.Users, s.LicensedUsers, s.Assignments, len(summary.Changes), s.Warnings, len(s.Groups), s.Assigned)
				}
				if i == 0 {
					recognized += one.recognized
				} else if one.recognized > 0 {
					t.Fatal("a print of another version fits")
				}
			}
			w.change()
		}
		for i, db := range []*store.DB{with, without} {
			texts[i] += changesText(t, db) + assignmentsText(t, db) + rowsText(t, db)
			verifyAll(t, db)
		}
		if texts[0] != texts[1] {
			t.Fatalf("seed %d, with rows recognized:\n%s\nall decoded:\n%s", seed, texts[0], texts[1])
		}
	}
	if recognized < 200 || refused == 0 {
		t.Errorf("%d rows were recognized, %d runs refused: too few to show anything", recognized, refused)
	}
}

// TestRecognizedRows counts what is recognized: everybody whose row is as before,
// nobody after a new version, nor whoever was away, and silent rows never.
func TestRecognizedRows(t *testing.T) {
	w := newRandomTenant(rand.New(rand.NewPCG(1, 1)))
	db := openTestDB(t)
	run := func(week int, version string, change func(*scripted)) int {
		t.Helper()
		r := w.reader(week)
		if change != nil {
			change(r)
		}
		o := r.options()
		o.Version, o.AcceptShrink, o.MaxShrink = version, true, 1
		if _, err := Run(t.Context(), r, db, o); err != nil {
			t.Fatal(err)
		}
		return r.recognized
	}
	all := len(w.users)
	without := func(r *scripted) { r.users = r.users[1:] }
	for i, step := range []struct {
		version string
		change  func(*scripted)
		want    int
	}{
		{"1", nil, 0}, {"1", nil, all}, {"2", nil, 0}, {"2", nil, all}, {"2", without, all - 1}, {"2", nil, all - 1}, {"2", nil, all},
	} {
		if got := run(i, step.version, step.change); got != step.want {
			t.Errorf("run %d: %d rows of %d were recognized, want %d", i+1, got, all, step.want)
		}
	}
	verifyAll(t, db)
}

// randomTenant is a tenant of users whose licenses come and go.
type randomTenant struct {
	rng    *rand.Rand
	users  []snapshot.UserRow
	away   []snapshot.UserRow
	groups []snapshot.Group
	skus   []snapshot.SKU
}

func newRandomTenant(rng *rand.Rand) *randomTenant {
	w := &randomTenant{rng: rng}
	for i := range 3 {
		w.skus = append(w.skus, snapshot.SKU{ID: snapshot.SKUID(fmt.Sprint("sku-", i)), PartNumber: fmt.Sprint("SKU_", i), Status: "Enabled",
			AppliesTo: "User", Units: snapshot.Units{Enabled: 100}})
		w.groups = append(w.groups, snapshot.Group{ID: snapshot.GroupID(fmt.Sprint("group-", i)), Name: fmt.Sprint("Group ", i)})
	}
	for i := range 8 {
		w.users = append(w.users, w.user(i))
	}
	return w
}

func (w *randomTenant) user(i int) snapshot.UserRow {
	var guid [16]byte
	binary.BigEndian.PutUint64(guid[:], uint64(i+1))
	enabled := true
	u := snapshot.UserRow{User: snapshot.User{ID: snapshot.GUIDText(guid), Attributes: snapshot.Attributes{UPN: fmt.Sprint("u", i, "@x"), Name: fmt.Sprint("U ", i), Enabled: &enabled}}}
	w.license(&u)
	return u
}

// license gives a user other licenses.
func (w *randomTenant) license(u *snapshot.UserRow) {
	u.Paths, u.Plans = nil, nil
	for i := range w.skus {
		at := time.Date(2026, 1, 1+w.rng.IntN(20), 0, 0, 0, 0, time.UTC)
		switch w.rng.IntN(4) {
		case 0:
			u.Paths = append(u.Paths, snapshot.Path{PathKey: snapshot.PathKey{SKU: w.skus[i].ID, PathRef: snapshot.PathRef{Kind: snapshot.Direct}}, Held: true, State: "Active", UpdatedAt: at})
		case 1:
			u.Paths = append(u.Paths, snapshot.Path{PathKey: snapshot.PathKey{SKU: w.skus[i].ID,
				PathRef: snapshot.PathRef{Kind: snapshot.ByGroup, Group: w.groups[w.rng.IntN(3)].ID}}, Held: true, State: "Active", UpdatedAt: at})
		}
		if len(u.Paths) > 0 {
			u.Plans = append(u.Plans, snapshot.Plan{ID: snapshot.PlanID(fmt.Sprint("plan-", i)), Status: "Enabled", AssignedAt: at})
		}
	}
	u.LicensesEmpty = len(u.Paths) == 0
	u.Normalize()
}

// change lets a week pass.
func (w *randomTenant) change() {
	for i := range w.users {
		u := &w.users[i]
		switch w.rng.IntN(12) {
		case 0, 1:
			w.license(u)
		case 2:
			u.Department = fmt.Sprint("D", w.rng.IntN(3))
		case 3:
			if w.rng.IntN(4) == 0 {
				u.Enabled, u.Paths, u.Plans, u.LicensesEmpty = nil, nil, nil, true
			}
		case 4:
			u.LicensesAbsent = w.rng.IntN(6) == 0
		}
	}
	if n := len(w.users); n > 4 && w.rng.IntN(3) == 0 {
		w.away, w.users = append(w.away, w.users[n-1]), w.users[:n-1]
	} else if n := len(w.away); n > 0 && w.rng.IntN(2) == 0 {
		w.users, w.away = append(w.users, w.away[n-1]), w.away[:n-1]
	}
}

func (w *randomTenant) reader(week int) *scripted {
	r := &scripted{at: time.Date(2026, 3, 1+7*week, 9, 0, 0, 0, time.UTC), users: slices.Clone(w.users), groups: w.groups, skus: slices.Clone(w.skus), tenant: "tenant"}
	for i := range r.skus {
		for _, u := range r.users {
			if slices.Contains(u.Held(), r.skus[i].ID) {
				r.skus[i].Consumed++
			}
		}
	}
	for _, u := range w.away {
		if strings.HasSuffix(string(u.ID), "1") {
			r.deleted = append(r.deleted, snapshot.DeletedUser{ID: u.ID, DeletedAt: r.at.Add(-time.Hour)})
		}
	}
	return r
}
