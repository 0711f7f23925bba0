package store

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lictrail/diff"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// earlierHistory unpacks three runs of a tenant that a version before wrote, with
// the schema of ten files: layouts that one user has, dates in columns and as
// JSON, and an index over all attributes.
func earlierHistory(t *testing.T) string {
	t.Helper()
	f, err := os.Open("testdata/schema10.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// viewRows is what the views say that are about users.
func viewRows(t *testing.T, q engine.Querier) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, view := range []string{"users", "service_plans", "assignments", "changes"} {
		err := engine.EachRow(t.Context(), q, "SELECT * FROM "+view, nil, func(values []any) error {
			all[view] = append(all[view], fmt.Sprintf("%q", values))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Sort(all[view]); len(all[view]) < 20 {
			t.Fatalf("view %s has %d rows", view, len(all[view]))
		}
	}
	return all
}

// TestMigrate_EarlierSchema: a history of an earlier version says the same after
// it was migrated, verifies, and is gone on with and erased from.
func TestMigrate_EarlierSchema(t *testing.T) {
	path := earlierHistory(t)
	earlier, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	before := viewRows(t, earlier)
	if err := earlier.Close(); err != nil {
		t.Fatal(err)
	}
	db := openRW(t, path)
	if n := count(t, db, "SELECT user_version FROM pragma_user_version"); n != int64(migrations.Latest()) {
		t.Fatalf("schema %d", n)
	}
	if n := count(t, db, "SELECT foreign_keys FROM pragma_foreign_keys"); n != 1 {
		t.Error("foreign keys are off after a migration")
	}
	if bad := column(t, db, "SELECT \"table\" FROM pragma_foreign_key_check"); len(bad) > 0 {
		t.Errorf("rows that refer to nothing: %v", bad)
	}
	after := viewRows(t, db.sql)
	for view, rows := range before {
		if !slices.Equal(rows, after[view]) {
			t.Errorf("view %s says something else", view)
		}
	}
	whole(t, verify(t, db, ""))

	// A user as they are is the same by old rows and by new ones.
	tenant := snapshot.Tenant{ID: snapshot.TenantID(column(t, db, "SELECT object_id FROM tenant")[0])}
	s, err := db.Begin(t.Context(), tenant, week(0), "test")
	if err != nil {
		t.Fatal(err)
	}
	prints, vouched := printsOf(t, s)
	if vouched {
		t.Error("a seal of before there were prints vouches for them")
	}
	sp, err := s.Spool()
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	n := 0
	for id, print := range prints {
		known, err := s.Known(t.Context(), id, print.Row)
		if err != nil {
			t.Fatal(err)
		}
		if known.Fingerprint() != print.Fingerprint {
			t.Errorf("user %s is read as somebody else", id)
		}
		if print.Row <= 2 { // they leave, so that they can be forgotten
			d := diff.Comparer{Run: s.Run}.User(known, snapshot.User{ID: id, Attributes: known.Attributes, Presence: snapshot.Gone})
			if err := sp.Add(&d, print.Row, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if n++; n%2 == 0 { // attributes and plans written anew, all of them as they were
			d := snapshot.Delta{ID: id, New: known.User, Attributes: true, Plans: true}
			d.New.JobTitle = fmt.Sprint("moved ", n)
			d.New.Plans[0].Status = "Suspended"
			if err := sp.Add(&d, print.Row, printOf(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := emptyResult(s)
	r.Spool, r.Users = sp, int64(n)
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	whole(t, verify(t, db, ""))
	if now := viewRows(t, db.sql); len(now["service_plans"]) <= len(after["service_plans"]) {
		t.Error("no plans were written")
	}
	if _, err := db.Forget(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Forget(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	whole(t, verify(t, db, ""))
}

// TestServicePlans_View: the view and the decoder agree about dates however they
// are kept.
func TestServicePlans_View(t *testing.T) {
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	d := newcomer(s, "a")
	d.Plans = true
	d.New.Plans = []snapshot.Plan{{ID: "p1", Status: "Enabled", AssignedAt: week(3)}, {ID: "p2", Status: "Enabled"}, {ID: "p3", Status: "Enabled", AssignedAt: week(-300)}}
	commit(t, s, d)
	got := column(t, db, "SELECT plan_id || ' ' || coalesce(assigned_at, '-') FROM service_plans ORDER BY 1")
	want := []string{"p1 " + week(3).Format("2006-01-02T15:04:05Z"), "p2 -", "p3 " + week(-300).Format("2006-01-02T15:04:05Z")}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := count(t, db, "SELECT count(*) FROM user_plans WHERE packed IS NOT NULL"); n != 1 {
		t.Errorf("%d rows of packed dates", n)
	}
	s = begin(t, db)
	var deltas []snapshot.Delta
	said := map[string]string{}
	for i := range 40 {
		d := newcomer(s, snapshot.UserID(fmt.Sprint("close-", i)))
		d.Plans, d.New.Plans = true, closeDates(rand.New(rand.NewPCG(uint64(i), 9)))
		d.New.Normalize()
		for _, p := range d.New.Plans {
			at := "-"
			if !p.AssignedAt.IsZero() {
				at = p.AssignedAt.Format("2006-01-02T15:04:05Z")
			}
			said[fmt.Sprint(d.ID, " ", p.ID)] = at
		}
		deltas = append(deltas, d)
	}
	commit(t, s, deltas...)
	if n := count(t, db, "SELECT count(*) FROM user_plans WHERE length(packed) % 4 <> 0"); n < 10 {
		t.Errorf("%d rows of close dates", n)
	}
	for _, row := range column(t, db, "SELECT user_id || ' ' || plan_id || ' ' || coalesce(assigned_at, '-') FROM service_plans WHERE user_id LIKE 'close-%'") {
		at := strings.LastIndexByte(row, ' ')
		if want, ok := said[row[:at]]; !ok || want != row[at+1:] {
			t.Errorf("%s, want %s", row, want)
		}
		delete(said, row[:at])
	}
	if len(said) > 0 {
		t.Errorf("%d plans are missing", len(said))
	}
}
