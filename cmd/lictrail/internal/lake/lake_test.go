package lake_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// simulated is a simulated tenant and the database of its history.
type simulated struct {
	*graphtest.Tenant
	reader *graph.Client
	path   string
}

func newSimulated(t *testing.T, seed uint64, dir string) *simulated {
	t.Helper()
	s := &simulated{Tenant: graphtest.New(seed), path: filepath.Join(dir, fmt.Sprintf("%d.db", seed))}
	s.Populate(12, 2)
	server := graphtest.NewServer(s.Tenant)
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if s.reader, err = connect.SimulatedReader(base); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.reader.Close() })
	return s
}

// week lets a week pass and records a run. Without the log, causes stay open until
// a later run reads it.
func (s *simulated) week(t *testing.T, withLog bool) {
	t.Helper()
	next := s.Now().AddDate(0, 0, 7)
	s.RandomOps(8)
	for i, id := range s.UserIDs() {
		if i%3 > 0 {
			s.SignIn(id, true)
		}
	}
	s.AdvanceTo(next)
	db, err := store.OpenReadWrite(t.Context(), s.path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o := track.Options{AcceptShrink: true, Version: "test", Now: s.Now, Activity: []snapshot.ActivitySource{snapshot.SignIns}, ActivityReader: s.reader}
	if withLog {
		o.Audit = s.reader
	}
	if _, err := track.Run(t.Context(), s.reader, db, o); err != nil {
		t.Fatal(err)
	}
}

func (s *simulated) database() lake.Database { return lake.Database{Name: s.ID, Path: s.path} }

func export(t *testing.T, o lake.Options) *lake.Result {
	t.Helper()
	o.Holder = lock.Holder{PID: os.Getpid()}
	r, err := lake.Export(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range r.Tenants {
		if tenant.Err != nil {
			t.Fatal(tenant.Err)
		}
	}
	return r
}

func mustVerify(t *testing.T, dir string, databases []lake.Database) {
	t.Helper()
	v, err := lake.Verify(t.Context(), dir, databases)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Findings {
		t.Errorf("%s: %s", f.Check, f.What)
	}
	for _, c := range v.Tenants {
		if c.Err != nil || c.Behind != 0 {
			t.Errorf("%+v", c)
		}
	}
}

// TestExport_Incremental exports two tenants after every other run, while later
// runs correct what earlier ones said, and holds the lake against one that was
// exported once in the end, and against one whose rows had to wait on the disk.
func TestExport_Incremental(t *testing.T) {
	dir := t.TempDir()
	tenants := []*simulated{newSimulated(t, 51, dir), newSimulated(t, 52, dir)}
	databases := []lake.Database{tenants[0].database(), tenants[1].database()}
	grown := lake.Options{Dir: filepath.Join(dir, "grown"), Databases: databases, SinceLast: true}
	for week := range 12 {
		for _, s := range tenants {
			s.week(t, week%3 == 2)
		}
		if week%2 == 1 {
			export(t, grown)
			mustVerify(t, grown.Dir, databases)
		}
	}
	once := lake.Options{Dir: filepath.Join(dir, "once"), Databases: databases}
	export(t, once)
	mustVerify(t, once.Dir, databases)
	want := lake.CountsOf(t, once.Dir)
	for _, table := range lake.Tables() {
		if len(want[table]) == 0 {
			t.Errorf("table %s is empty: it proves nothing", table)
		}
	}
	compare := func(name, dir string) {
		t.Helper()
		got := lake.CountsOf(t, dir)
		for _, table := range lake.Tables() {
			if !slices.Equal(got[table], want[table]) {
				t.Errorf("%s: table %s has %d rows that count, want %d", name, table, len(got[table]), len(want[table]))
			}
		}
	}
	compare("exported in steps", grown.Dir)
	if corrected := len(lake.RowsOf(t, grown.Dir, "period_events")) - len(want["period_events"]); corrected == 0 {
		t.Error("no period event was corrected: it proves nothing")
	}

	grown.Compact = true
	export(t, grown)
	compare("merged", grown.Dir)
	mustVerify(t, grown.Dir, databases)

	waited := once
	waited.Dir = filepath.Join(dir, "waited")
	waited.SetLimit(100)
	export(t, waited)
	if !maps.Equal(lake.Tree(t, waited.Dir), lake.Tree(t, once.Dir)) {
		t.Error("rows that waited on the disk make another lake")
	}
}

// TestExport_Forget looks for a person in every row and log of a lake: before
// forget the name is in the table of users alone, after it and one export nowhere,
// and the digest neither. The other tenant's rows stay as they were.
func TestExport_Forget(t *testing.T) {
	dir := t.TempDir()
	s, other := newSimulated(t, 53, dir), newSimulated(t, 54, dir)
	databases := []lake.Database{s.database(), other.database()}
	o := lake.Options{Dir: filepath.Join(dir, "lake"), Databases: databases}
	id := s.AddUser(s.Admins[0], graphtest.UserSpec{Name: "Wilhelmina Quist", UPN: "wilhelmina.quist@" + s.Domain, Department: "Sales", SKUs: []string{graphtest.SKUE3}})
	group := s.CreateGroup(s.Admins[0], "Friends of Wilhelmina Quist", "")
	if err := s.SetGroupLicense(s.Admins[0], group, graphtest.SKUE3); err != nil {
		t.Fatal(err)
	}
	if err := s.AddMember(s.Admins[0], group, id); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.week(t, true)
		other.week(t, true)
		export(t, o)
	}
	if found := lake.Mentions(t, o.Dir, "quist", id); !slices.Equal(found, []string{"users"}) {
		t.Errorf("before forget the person is in %v, want the table of users alone", found)
	}
	digest := ""
	for _, row := range lake.RowsOf(t, o.Dir, "users") {
		if strings.Contains(fmt.Sprint(row), id) {
			digest = string(row[1].ByteArray())
		}
	}
	if found := lake.Mentions(t, o.Dir, digest, digest); len(found) < 3 {
		t.Errorf("the digest %q is in %v: it proves nothing", digest, found)
	}
	before := lake.TenantRows(t, o.Dir, other.ID)
	if err := s.DeleteUser(s.Admins[0], id, graphtest.Entra); err != nil {
		t.Fatal(err)
	}
	s.week(t, true)
	forget(t, s.path, id)
	if r := export(t, o); !slices.ContainsFunc(r.Tenants, func(x lake.Outcome) bool { return x.Rewritten && x.Tenant == s.ID }) {
		t.Errorf("the tenant was not written anew: %+v", r.Tenants)
	}
	for _, word := range []string{"quist", id, digest} {
		if found := lake.Mentions(t, o.Dir, word, word); len(found) > 0 {
			t.Errorf("after forget %q is in %v", word, found)
		}
	}
	mustVerify(t, o.Dir, databases)
	if after := lake.TenantRows(t, o.Dir, other.ID); !slices.Equal(before, after) {
		t.Error("rows of another tenant changed")
	}
}

func forget(t *testing.T, path, id string) {
	t.Helper()
	db, err := store.OpenReadWrite(t.Context(), path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, ok, err := h.UserByID(t.Context(), snapshot.UserID(id))
	if err := errors.Join(err, h.Close()); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := db.Forget(t.Context(), p.Row); err != nil {
		t.Fatal(err)
	}
}

// TestExport_OneFails: a database that cannot be read leaves its tenant as it was
// and holds up no other.
func TestExport_OneFails(t *testing.T) {
	dir := t.TempDir()
	s, broken := newSimulated(t, 55, dir), newSimulated(t, 56, dir)
	s.week(t, true)
	if err := os.WriteFile(broken.path, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := lake.Options{Dir: filepath.Join(dir, "lake"), Databases: []lake.Database{broken.database(), s.database()}}
	r, err := lake.Export(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Tenants[0].Err == nil || r.Tenants[1].Err != nil || r.Tenants[1].Rows == 0 {
		t.Errorf("%+v", r.Tenants)
	}
	mustVerify(t, o.Dir, []lake.Database{s.database()})
}

// TestExport_NoRoom: nothing is written where the disk has evidently no room.
func TestExport_NoRoom(t *testing.T) {
	dir := t.TempDir()
	s := newSimulated(t, 57, dir)
	s.week(t, true)
	o := lake.Options{Dir: filepath.Join(dir, "lake"), Databases: []lake.Database{s.database()}}
	o.SetFree(lake.LeastRoom)
	if _, err := lake.Export(context.Background(), o); !errors.Is(err, lake.ErrNoRoom) {
		t.Errorf("%v, want %v", err, lake.ErrNoRoom)
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}
