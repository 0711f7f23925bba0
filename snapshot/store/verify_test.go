package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// sealedHistory has something in every table, by every way of writing that the
// store has: runs that ended well, badly and not at all, an import, evidence
// that came later, names.
func sealedHistory(t testing.TB) *DB {
	t.Helper()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	failed := begin(t, db)
	if err := failed.Fail(t.Context(), Incomplete, week(3), 7, fmt.Errorf("page 7: throttled")); err != nil {
		t.Fatal(err)
	}
	begin(t, db) // cut off
	if err := db.Tried(t.Context(), week(4), week(4), "test", 0, fmt.Errorf("no sign-in")); err != nil {
		t.Fatal(err)
	}
	moment, err := earlier.ParseMoment("2024-05-01", earlier.ISO)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Import(t.Context(), ImportFile{Name: "old.csv", SHA256: "ab", ImportedAt: week(4)},
		given(earlier.Record{Line: 2, Entry: 1, User: "user-1", SKU: "e3", Assigned: moment, Note: "by hand"})); err != nil {
		t.Fatal(err)
	}
	archived(t, db)
	c, err := db.Conclude(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Evidence("user-2", []snapshot.FirstEvidence{{SKU: "e3", At: week(-7), Basis: snapshot.BasisAudit,
		Event: snapshot.EventRef{Source: snapshot.SourceGraph, ID: "late"}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := db.ImportNames(t.Context(), []SKUName{{ID: "e3", PartNumber: "ENTERPRISEPACK", Name: "Office 365 E3"}},
		[]PlanName{{ID: "exchange", Name: "EXCHANGE", FriendlyName: "Exchange"}}); err != nil {
		t.Fatal(err)
	}
	return db
}

// erasedHistory is a sealedHistory from which a person and old records were erased,
// and which went on.
func erasedHistory(t testing.TB) *DB {
	t.Helper()
	db := forgettable(t)
	if _, err := db.Forget(t.Context(), rowOf(t, db, "user-1")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Prune(t.Context(), week(1).Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	s := begin(t, db)
	r := richResult(t, s)
	for c := range r.Changes {
		c.Attribution.Actor = &snapshot.Actor{Kind: snapshot.ActorUser, ID: "boss", UPN: "boss@contoso.com"}
	}
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return db
}

// archived takes a record in from a file, and a fuller copy of it.
func archived(t testing.TB, db *DB) {
	t.Helper()
	a, err := db.Archive(t.Context(), false, func(copy, than *snapshot.RawEvent) bool { return len(copy.Raw) > len(than.Raw) })
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.From(&AuditFile{Name: "export.csv", SHA256: "cd", ImportedAt: week(4), Version: "test"})
	for line, raw := range []string{"{}", `{"a":1}`} {
		if _, err := a.Add(&snapshot.RawEvent{Source: snapshot.SourceUnified, ID: "late", At: week(-7), Activity: "Change user license.", Raw: []byte(raw)}, line+2); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, db *DB, head string) *ledger.Verification {
	t.Helper()
	v, err := db.Verify(t.Context(), migrations.Apply, head)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// whole fails the test unless the history is as lictrail wrote it.
func whole(t testing.TB, v *ledger.Verification) {
	t.Helper()
	for _, f := range v.Findings {
		t.Errorf("%s: %s", f.Check, f.What)
	}
}

func TestVerify_Whole(t *testing.T) {
	t.Parallel()
	db := sealedHistory(t)
	v := verify(t, db, "")
	whole(t, v)
	if v.Seals != 12 || v.Runs != 4 || v.Rows < 45 {
		t.Errorf("%d seals, %d runs, %d rows", v.Seals, v.Runs, v.Rows)
	}
	for _, r := range runsByID(t, db) {
		if (r.Head == "") != r.EndedAt.IsZero() {
			t.Errorf("run %d has the head %q", r.ID, r.Head)
		}
		if r.Head == "" {
			continue
		}
		if at := verify(t, db, strings.ToUpper(r.Head)); len(at.Findings) > 0 || at.HeadRun != int64(r.ID) {
			t.Errorf("the head of run %d is found at run %d, %v", r.ID, at.HeadRun, at.Findings)
		}
	}
}

func TestVerify_Empty(t *testing.T) {
	t.Parallel()
	v := verify(t, openRW(t, newHistory(t)), "")
	whole(t, v)
	if v.Head != "" || v.Seals != 0 {
		t.Errorf("an empty history has %d seals, head %q", v.Seals, v.Head)
	}
}

// Whatever somebody puts into the schema is found, but what SQLite's planner
// counts is no matter. The names look much like those of SQLite's own tables.
func TestVerify_Planted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ do, want string }{
		{"CREATE TABLE sqliteXstat9 (x)", `table "sqliteXstat9" is not lictrail's`},
		{"CREATE TABLE sqlite1stat1 (x)", `table "sqlite1stat1" is not lictrail's`},
		{"CREATE INDEX SQLITE_STATISTICS ON run (id)", ""}, // refused by SQLite, as are all such names
		{"CREATE INDEX sqliteXstat_run ON run (id)", `index "sqliteXstat_run" is not lictrail's`},
		{"ANALYZE", ""},
	} {
		db := openRW(t, newHistory(t))
		_, err := db.sql.ExecContext(t.Context(), test.do)
		if refused := err != nil && strings.Contains(err.Error(), "reserved for internal use"); err != nil && !refused {
			t.Fatalf("%s: %v", test.do, err)
		}
		var found []string
		for _, f := range verify(t, db, "").Findings {
			found = append(found, f.What)
		}
		if got := strings.Join(found, "; "); got != test.want {
			t.Errorf("%s: found %q, want %q", test.do, got, test.want)
		}
	}
}

// tamper changes a history by SQL as somebody would who knows how: without the
// triggers, which are put back.
func tamper(t testing.TB, db *DB, statements ...string) {
	t.Helper()
	c, err := db.sql.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run := func(statement string) {
		if _, err := c.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	triggers := column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
	texts := column(t, db, "SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
	run("PRAGMA foreign_keys = 0")
	run("PRAGMA ignore_check_constraints = 1")
	run("BEGIN IMMEDIATE")
	for _, name := range triggers {
		run(`DROP TRIGGER "` + name + `"`)
	}
	for _, s := range statements {
		run(s)
	}
	for _, text := range texts {
		run(text)
	}
	run("COMMIT")
	run("PRAGMA foreign_keys = 1")
	run("PRAGMA ignore_check_constraints = 0")
}

// R9: whatever column of whatever table is changed, verify sees it.
func TestR9_EveryColumn(t *testing.T) {
	t.Parallel()
	original := erasedHistory(t)
	path := original.Path()
	closeDB(t, original)
	covered, seen := 0, 0
	for _, d := range ledger.Tables {
		if strings.HasPrefix(d.Why, "no evidence") {
			continue
		}
		db := openRW(t, copyOf(t, path))
		ensureRow(t, db, d.Name)
		for _, c := range column(t, db, "SELECT name FROM pragma_table_info(?)", d.Name) {
			if d.Loose[c] != "" && strings.HasPrefix(d.Loose[c], "derived") {
				continue
			}
			covered++
			if !seenWhenChanged(t, path, d.Name, c) {
				t.Errorf("column %s of table %s was changed unseen", c, d.Name)
				continue
			}
			seen++
		}
		closeDB(t, db)
	}
	t.Logf("R9: %d of %d columns of evidence seen", seen, covered)
	if covered < 120 {
		t.Errorf("only %d columns were tried", covered)
	}
}

// seenWhenChanged changes a column of one row.
func seenWhenChanged(t *testing.T, path, table, name string) bool {
	t.Helper()
	db := openRW(t, copyOf(t, path))
	defer closeDB(t, db)
	if count(t, db, fmt.Sprintf(`SELECT count(*) FROM "%s"`, table)) == 0 {
		ensureRow(t, db, table) // which no seal covers
		return len(verify(t, db, "").Findings) > 0
	}
	other := map[string]string{"INTEGER": "1000003", "BLOB": "x'00'"}[column(t, db, "SELECT type FROM pragma_table_info(?) WHERE name = ?", table, name)[0]]
	if other == "" {
		other = "'[]'"
	}
	keys := column(t, db, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)
	key := engine.QuoteAll(keys, ", ")
	tamper(t, db, fmt.Sprintf(`UPDATE "%[1]s" SET "%[2]s" = CASE WHEN typeof("%[2]s") IN ('integer') THEN "%[2]s" + 1000003
		WHEN typeof("%[2]s") = 'text' THEN "%[2]s" || ' ' ELSE %[3]s END
		WHERE (%[4]s) = (SELECT %[4]s FROM "%[1]s" ORDER BY %[4]s DESC LIMIT 1)`, table, name, other, key))
	return len(verify(t, db, "").Findings) > 0
}

// copyOf copies a history that no connection has open.
func copyOf(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// R10: rows taken away, added and moved, the newest run cut off, everything
// made anew. What only a head that was kept elsewhere can show is listed.
func TestR10_Tampering(t *testing.T) {
	t.Parallel()
	original := sealedHistory(t)
	head, path := verify(t, original, "").Head, original.Path()
	closeDB(t, original)
	tried, alone, withHead := 0, 0, 0
	for _, test := range []struct {
		name     string
		do       []string
		headOnly bool
	}{
		{"a path is taken away", []string{"DELETE FROM path WHERE user_id = 1 AND sku_id = 1"}, false},
		{"a path is made up", []string{"INSERT INTO path (user_id, sku_id, group_id, from_run, held) VALUES (2, 2, 0, 1, 1)"}, false},
		{"a path ends that goes on", []string{"UPDATE path SET to_run = 2 WHERE user_id = 1 AND sku_id = 1"}, false},
		{"an event is taken away", []string{"DELETE FROM event WHERE id = 1"}, false},
		{"the newest event is taken away", []string{"DELETE FROM event WHERE id = (SELECT max(id) FROM event)"}, false},
		{"an event is made up", []string{"INSERT INTO event (source, event_id, at, activity, correlation, target, raw) VALUES ('graph', 'x', 1, '', '', '', '{}')"}, false},
		{"two changes trade places", []string{"UPDATE change SET id = 99 WHERE id = 1", "UPDATE change SET id = 1 WHERE id = 2", "UPDATE change SET id = 2 WHERE id = 99"}, false},
		{"a seal in the middle is taken away", []string{"DELETE FROM seal WHERE id = 3"}, false},
		{"a seal is rewritten", []string{"UPDATE seal SET content = replace(content, '\"rows\":1', '\"rows\":2') WHERE id = 4"}, false},
		{"a run's head is rewritten", []string{"UPDATE run SET head = (SELECT head FROM run WHERE id = 1) WHERE id = 2"}, false},
		{"the newest run is taken away with all it wrote, its seals left", []string{"DELETE FROM run WHERE id = (SELECT max(id) FROM run)"}, false},
		{"rows are said to be erased that were altered", []string{"UPDATE event SET raw = '[]' WHERE id = 1",
			"INSERT INTO erased (table_name, row_key, before, after) VALUES ('event', '1', zeroblob(32), zeroblob(32))"}, false},
		{"the last seal is taken away with what it sealed", []string{
			"DELETE FROM seal WHERE id = (SELECT max(id) FROM seal)", "DELETE FROM sku_name", "DELETE FROM plan_name"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := openRW(t, copyOf(t, path))
			tamper(t, db, test.do...)
			tried++
			v := verify(t, db, "")
			if (len(v.Findings) > 0) == test.headOnly {
				t.Errorf("without a head: %v", v.Findings)
			}
			if len(v.Findings) > 0 {
				alone++
			}
			if v := verify(t, db, head); len(v.Findings) == 0 {
				t.Error("with the head it is not found")
				return
			}
			withHead++
		})
	}
	t.Run("everything is made anew", func(t *testing.T) {
		tried++ // and without a head nothing can be found
		v := verify(t, sealedHistory(t), head)
		if len(v.Findings) != 1 || v.Findings[0].Check != ledger.CheckChain {
			t.Errorf("%v", v.Findings)
			return
		}
		withHead++
	})
	t.Logf("R10: %d ways: %d found with a head, %d without", tried, withHead, alone)
}

// Nothing is sealed over rows that somebody else has added.
func TestWrite_RefusesToVouchForOthers(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	tamper(t, db, "INSERT INTO event (source, event_id, at, activity, correlation, target, raw) VALUES ('graph', 'x', 1, '', '', '', '{}')")
	if err := s.Commit(t.Context(), richResult(t, s)); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("committed: %v", err)
	}
}

// The chain can be followed with sha256sum alone.
func TestSeal_HeadByHand(t *testing.T) {
	t.Parallel()
	db := sealedHistory(t)
	before := ""
	lines, _ := sealLines(t, db)
	for _, line := range lines {
		before = headByHand(before, line)
	}
	if head := verify(t, db, "").Head; head != before {
		t.Errorf("by hand the head is %s, stored is %s", before, head)
	}
}

// sealLines are the seals as their heads are made of them, and the heads.
func sealLines(t testing.TB, db *DB) (lines, heads []string) {
	t.Helper()
	return column(t, db, `SELECT id || char(10) || at || char(10) || kind || char(10) || coalesce(run_id, 0) || char(10) || content || char(10) FROM seal ORDER BY id`),
		column(t, db, "SELECT head FROM seal ORDER BY id")
}

// headByHand is the head after a seal, as anybody can compute it.
func headByHand(before, line string) string {
	sum := sha256.Sum256([]byte("lictrail seal 1\n" + before + "\n" + line))
	return hex.EncodeToString(sum[:])
}
