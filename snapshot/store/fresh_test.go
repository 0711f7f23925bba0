package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// TestFresh compares what is digested while a run is written with what reading it
// back gives, and tells which tables need not be read.
func TestFresh(t *testing.T) {
	t.Parallel()
	many := func(s *Sync) Result {
		var deltas []snapshot.Delta
		for i := range 3*engine.AtOnce + 1 {
			d := newcomer(s, snapshot.UserID(fmt.Sprintf("user-%d", i)))
			for n := range i % 4 { // SKUs get their rows in this order, and are not listed in it
				more := d.Opened[0]
				more.SKU = snapshot.SKUID(fmt.Sprintf("sku-%d", (i+n)%5))
				d.Opened = append(d.Opened, more)
				d.Evidence = append(d.Evidence, snapshot.FirstEvidence{SKU: more.SKU, Basis: snapshot.BasisPlan, At: week(-9)})
			}
			d.Plans, d.New.Plans = true, []snapshot.Plan{{ID: "exchange", Status: "Enabled", AssignedAt: week(-i)}}
			deltas = append(deltas, d)
		}
		return resultOf(t, s, deltas...)
	}
	rich := func(s *Sync) Result { return richResult(t, s) }
	for _, tt := range []struct {
		name  string
		begin func() *Sync
		run   func(*Sync) Result
		fresh string
	}{
		{"first run", func() *Sync { return begin(t, openRW(t, newHistory(t))) }, many, "first_evidence path profile user user_plans user_version"},
		{"something of everything", func() *Sync { return begin(t, openRW(t, newHistory(t))) }, rich, "activity_told first_evidence path profile user user_plans user_version"},
		{"second run", func() *Sync { _, s := richHistory(t); return s }, rich, ""},
	} {
		s := tt.begin()
		r := tt.run(s)
		tx, err := ledger.Begin(t.Context(), s.db.sql)
		if err != nil {
			t.Fatal(err)
		}
		w := newWriter(t.Context(), tx.Tx, int64(s.Run))
		w.tables = tx.All
		if err := w.write(s, &r); err != nil {
			t.Fatal(err)
		}
		var known []string
		for name, f := range w.fresh {
			if _, _, ok, err := f.Whole(t.Context(), tx); err != nil {
				t.Fatal(err)
			} else if ok {
				known = append(known, name)
			}
		}
		seal := func(fresh map[string]*ledger.Fresh) (content string) {
			for _, step := range []func() error{
				func() error { _, err := tx.ExecContext(t.Context(), "SAVEPOINT unsealed"); return err },
				func() error {
					_, err := tx.Seal(&ledger.Entry{Kind: ledger.KindEnd, Run: int64(s.Run), Fresh: fresh})
					return err
				},
				func() error {
					return tx.QueryRowContext(t.Context(), "SELECT content FROM seal ORDER BY id DESC LIMIT 1").Scan(&content)
				},
				func() error { _, err := tx.ExecContext(t.Context(), "ROLLBACK TO unsealed"); return err },
			} {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			return content
		}
		if written, back := seal(w.fresh), seal(nil); written != back {
			t.Errorf("%s: sealed while it was written as\n%s\nand from what was read back as\n%s", tt.name, written, back)
		}
		slices.Sort(known)
		if got := strings.Join(known, " "); got != tt.fresh {
			t.Errorf("%s: not read back: %q, want %q", tt.name, got, tt.fresh)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// TestFresh_MustRead has tables that reading alone can tell of.
func TestFresh_MustRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ids  []int64
		more string
	}{
		"out of order":  {[]int64{2, 1}, ""},
		"other rows":    {[]int64{1, 2}, "INSERT INTO user (id, object_id, fingerprint) VALUES (3, 'user-3', 7)"},
		"nothing added": {nil, ""},
	} {
		tx, err := ledger.Begin(t.Context(), openRW(t, newHistory(t)).sql)
		if err != nil {
			t.Fatal(err)
		}
		w := newWriter(t.Context(), tx.Tx, 1)
		w.tables = tx.All
		for _, id := range tt.ids {
			if err := w.Later("user", []string{"id", "object_id", "fingerprint"}, id, fmt.Sprint("user-", id), int64(7)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.InsertRest(); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), tt.more); err != nil {
			t.Fatal(err)
		}
		if d, _, ok, err := w.fresh["user"].Whole(t.Context(), tx); ok || err != nil {
			t.Errorf("%s: digested as %v, %v", name, d, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}
