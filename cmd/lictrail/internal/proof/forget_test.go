package proof

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestP5_Forget erases everybody who has left a simulated tenant, one by one,
// and searches the bytes of the files for what they were called. Counts of the
// past, answers about others, and the chain must not change.
func TestP5_Forget(t *testing.T) {
	tenant := graphtest.New(5)
	tenant.Populate(25, 4)
	server := graphtest.NewServer(tenant)
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	reader, err := cli.SimulatedReader(base)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/forget.db"
	db, err := store.OpenReadWrite(t.Context(), path, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sync := func() string {
		for i, id := range tenant.UserIDs() {
			tenant.SignIn(id, i%3 > 0)
			tenant.Use(id, "Teams")
		}
		s, err := track.Run(t.Context(), reader, db, track.Options{MaxShrink: 0.9, Audit: reader, Version: "proof", Now: tenant.Now,
			Activity: snapshot.ActivitySources, ActivityReader: reader})
		if err != nil {
			t.Fatal(err)
		}
		return s.Head
	}
	people := map[string]*graphtest.User{}
	know := func() {
		for _, id := range tenant.UserIDs() {
			people[id] = tenant.User(id)
		}
	}
	know()
	head := sync()
	for week := range 2 {
		tenant.RandomOps(40)
		for _, i := range []int{7 * week, 7*week + 3} {
			if err := tenant.DeleteUser(tenant.Admins[0], tenant.UserIDs()[i], graphtest.Entra); err != nil {
				t.Log(err) // not there any more
			}
		}
		know()
		tenant.Advance(7 * 24 * time.Hour)
		sync()
	}
	archiveCopies(t, db, people, store.ArchivedFuller)
	forgotten, before := 0, countsOf(t, db)
	for _, id := range slices.Sorted(maps.Keys(people)) {
		if slices.Contains(tenant.UserIDs(), id) && tenant.User(id).Deleted.IsZero() {
			continue
		}
		forgotten++
		row := rowOf(t, db, id)
		if _, err := db.Forget(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		gone := people[id]
		people[id] = nil
		mustBeGone(t, path, gone, people)
	}
	if d := cmp.Diff(before, countsOf(t, db)); d != "" {
		t.Errorf("counts (-before +after):\n%s", d)
	}
	archiveCopies(t, db, people, store.KnownBefore) // what was erased stays so
	if left := copiesOf(t, db); left != forgotten {
		t.Errorf("%d cut records are left, want those of %d people", left, forgotten)
	}
	if forgotten < 3 {
		t.Fatalf("only %d people had left", forgotten)
	}
	check := func() {
		t.Helper()
		h, err := db.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		verify(t, db, h)
	}
	check()
	if v, err := db.Verify(t.Context(), migrations.Apply, head); err != nil || v.HeadRun != 1 {
		t.Errorf("the head of the first run: run %d, %v", v.HeadRun, err)
	}
	tenant.Advance(7 * 24 * time.Hour)
	sync()
	check()
	pruned, err := db.Prune(t.Context(), tenant.Now())
	if err != nil || pruned.Rows["event"] == 0 || pruned.Rows["active_time"] == 0 {
		t.Errorf("pruned %v, %v", pruned, err)
	}
	check()
	if err := db.Backup(t.Context(), path+".copy", verifyCopy(t)); err != nil {
		t.Errorf("backup: %v", err)
	}
	tenant.Advance(7 * 24 * time.Hour)
	sync()
	check()
	t.Logf("P5: %d people of %d forgotten: 0 hits, verified, a run, a prune, a backup and a run after", forgotten, len(people))
}

// verifyCopy verifies a backup.
func verifyCopy(t *testing.T) func(copied string) error {
	return func(copied string) error {
		db, err := store.OpenReadOnly(t.Context(), copied, migrations.Check)
		if err != nil {
			return err
		}
		defer db.Close()
		h, err := db.History(t.Context())
		if err != nil {
			return err
		}
		defer h.Close()
		verify(t, db, h)
		return nil
	}
}

// cut is how a record comes that was cut off: who it is about is not in it.
const cut = `{"cut":true}`

// archiveCopies archives two copies of a record of everybody: one that was cut
// off, and a fuller one, which alone names them.
func archiveCopies(t *testing.T, db *store.DB, people map[string]*graphtest.User, want store.Archival) {
	t.Helper()
	a, err := db.Archive(t.Context(), false, func(e, than *snapshot.RawEvent) bool { return len(e.Raw) > len(than.Raw) })
	must(t, err)
	defer a.Close()
	a.From(&store.AuditFile{Name: "export.csv", SHA256: "00", ImportedAt: time.Now()})
	for i, id := range slices.Sorted(maps.Keys(people)) {
		e := snapshot.RawEvent{Source: snapshot.SourcePurview, ID: fmt.Sprint("record ", i), At: time.Now(), Activity: "Change user license", Raw: []byte(cut)}
		if _, err := a.Add(&e, 2*i+1); err != nil {
			t.Fatal(err)
		}
		if u := people[id]; u != nil {
			e.Target, e.Raw = u.ID, fmt.Appendf(nil, `{"ObjectId":%q,"mail":%q,"name":%q,"employee":%q}`, u.UPN, u.Mail, u.DisplayName, u.EmployeeID)
		} else {
			e.Raw = []byte(cut + strings.Repeat(" ", 1000))
		}
		if took, err := a.Add(&e, 2*i+2); err != nil || took != want {
			t.Errorf("the fuller copy of record %d: %v, %v, want %v", i, took, err, want)
		}
	}
	must(t, a.Commit())
}

// copiesOf counts the records that are there cut off, and whose fuller copy was
// erased.
func copiesOf(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	h, err := db.History(t.Context())
	must(t, err)
	defer h.Close()
	copies := map[string]string{}
	for e, err := range h.Stored(t.Context(), store.EventFilter{}) {
		must(t, err)
		copies[e.ID] += string(e.Raw)
	}
	for _, all := range copies {
		if all == cut {
			n++
		}
	}
	return n
}

func rowOf(t *testing.T, db *store.DB, id string) int64 {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	found, err := h.FindUsers(t.Context(), id)
	if err != nil || len(found) != 1 {
		t.Fatalf("user %s: %d found, %v", id, len(found), err)
	}
	return found[0].Row
}

// countsOf counts holders by SKU and run, changes by kind and cause, and what
// departments held.
func countsOf(t *testing.T, db *store.DB) map[string]int {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	counts := map[string]int{}
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		counts["change "+string(c.Kind)+" "+string(c.Attribution.Cause)]++
	}
	for _, r := range h.Runs {
		if !h.AsOf(r.ObservedUntil) {
			continue
		}
		for a, err := range h.Assignments(t.Context(), store.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			counts[strings.Join([]string{r.ObservedAt.Format(time.DateOnly), string(a.SKU), a.User.Department}, " ")]++
		}
	}
	return counts
}

// mustBeGone searches the file and its log, byte by byte and whatever the case,
// but for what others are called, too.
func mustBeGone(t *testing.T, path string, u *graphtest.User, others map[string]*graphtest.User) {
	t.Helper()
	id, ok := snapshot.UserID(u.ID).GUID()
	if !ok {
		t.Fatalf("%s is not a GUID", u.ID)
	}
	canaries := map[string][]byte{"object id": []byte(u.ID), "object id in bytes": id[:], "object id without dashes": []byte(hex.EncodeToString(id[:])),
		"UPN": []byte(strings.ToLower(u.UPN)), "mail": []byte(strings.ToLower(u.Mail)), "name": []byte(strings.ToLower(u.DisplayName)), "employee id": []byte(u.EmployeeID)}
	for _, o := range others {
		if o != nil && o.DisplayName == u.DisplayName {
			delete(canaries, "name")
		}
		if o != nil && o.EmployeeID == u.EmployeeID {
			delete(canaries, "employee id")
		}
	}
	for _, suffix := range []string{"", "-wal"} {
		copied := exposed(t, path+suffix)
		for what, canary := range canaries {
			if len(canary) > 3 && (bytes.Contains(copied, canary) || bytes.Contains(bytes.ToLower(copied), canary)) {
				t.Errorf("the %s of %s is still in the file%s", what, u.UPN, suffix)
			}
		}
	}
}

// exposed reads a file that this process has open by way of another process:
// closing it here would drop SQLite's locks.
func exposed(t *testing.T, path string) []byte {
	t.Helper()
	data, err := catFile(t, path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return data
}

func catFile(t *testing.T, path string) ([]byte, error) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return exec.CommandContext(t.Context(), "cat", path).Output()
}
