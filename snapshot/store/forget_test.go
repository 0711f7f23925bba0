package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/spelling"
	"lictrail/snapshot/spelling/spellingtest"
	"lictrail/snapshot/store/ledger"
)

const (
	zoe    = snapshot.UserID("47e864a8-1658-486e-a00f-8f09a6f770c3")
	zoeUPN = "o'brien.zoë@contoso.com"
)

// spelledHistory is a history of o'brien.zoë@contoso.com, who has left, in which
// every text that may name somebody does, in a spelling. It also has others whose
// addresses are longer ones.
func spelledHistory(t testing.TB, spelled string) *DB {
	t.Helper()
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	leaver := newcomer(s, zoe)
	leaver.New.UPN, leaver.New.Mail, leaver.New.Name, leaver.New.EmployeeID = zoeUPN, zoeUPN, "Zoë O'Brien", "EMPQ-771Z"
	longer := newcomer(s, "long")
	longer.New.UPN, longer.New.Mail, longer.New.Name = "x"+zoeUPN, "", "Xavier"
	before := newcomer(s, "before")
	before.New.Name, before.New.Office, before.New.Country = "Office of "+spelled, "Beside "+spelled, "DE"
	r := resultOf(t, s, leaver, longer, before)
	r.Groups = []snapshot.Group{{ID: "g1", Name: "E3 of " + spelled, MembershipRule: "user.upn -in ['" + spelled + "']"}, {ID: "g2", Name: "For Zoë O'Brien", MembershipRule: "-" + spelled}}
	r.Warnings = []snapshot.Warning{{Code: "groups", Message: "Group \"" + spelled + "\" could not be read."}, {Code: "skus", Message: "It stays."}}
	r.Events = []snapshot.RawEvent{
		{Source: snapshot.SourceGraph, ID: "named", At: week(1), Raw: []byte(`{"initiatedBy":"` + spelled + `"}`)},
		{Source: snapshot.SourceGraph, ID: "longer", At: week(1), Raw: []byte(`{"initiatedBy":"x` + zoeUPN + `"}`)},
	}
	r.Changes = Given([]Attributed{{
		Change: snapshot.Change{Kind: snapshot.Assigned, Observed: true, User: "long", SKU: "e3", Window: snapshot.Window{NotAfter: r.ObservedUntil}},
		Attribution: snapshot.Attribution{Cause: snapshot.CauseAdmin, Reason: "By " + spelled + ".", Actor: &snapshot.Actor{Kind: snapshot.ActorUser, ID: string(zoe), UPN: zoeUPN, Name: "Z. O'B."},
			Evidence: []snapshot.EventRef{{Source: snapshot.SourceGraph, ID: "longer"}}},
	}, {
		Change: snapshot.Change{Kind: snapshot.Assigned, Observed: true, User: zoe, SKU: "e3", Window: snapshot.Window{NotAfter: r.ObservedUntil}},
		Attribution: snapshot.Attribution{Cause: snapshot.CauseAdmin, Reason: "Given to Zoë, that is EMPQ-771Z, alias O'Brien, Zoë.",
			Actor: &snapshot.Actor{Kind: snapshot.ActorUser, ID: "boss", UPN: "boss@contoso.com"}},
	}})
	r.Coverage = []snapshot.Coverage{{Source: snapshot.SourceGraph, From: week(0), To: week(1), Why: "asked by " + spelled}}
	r.Licensing = richLicensing(zoe, 1)
	r.Licensing.Errors = append(r.Licensing.Errors, snapshot.AssignmentError{ID: "2", Holder: snapshot.Holder{Kind: snapshot.HeldByUser, ID: "long"}, SKU: "e3", Code: "Other", Message: "Not while " + spelled + " has it."})
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	failed := begin(t, db)
	if err := failed.Fail(t.Context(), Incomplete, week(2), 7, fmt.Errorf("page of %s", spelled)); err != nil {
		t.Fatal(err)
	}
	moment, err := earlier.ParseMoment("2024-05-01", earlier.ISO)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Import(t.Context(), ImportFile{Name: "of " + spelled + ".csv", SHA256: "ab", ImportedAt: week(2)},
		given(earlier.Record{Line: 2, Entry: 1, User: "long", SKU: "e3", Assigned: moment, Note: "as " + spelled + " said", Path: "by " + spelled})); err != nil {
		t.Fatal(err)
	}
	archivedAs(t, db, spelled)
	leave(t, db, zoe)
	if _, err := db.sql.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	return db
}

// archivedAs takes in a file and a member of it that are called after somebody.
func archivedAs(t testing.TB, db *DB, spelled string) {
	t.Helper()
	a, err := db.Archive(t.Context(), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.From(&AuditFile{Name: spelled + ".zip", Member: spelled + ".csv", SHA256: "cd", ImportedAt: week(2), Version: "test"})
	if _, err := a.Add(&snapshot.RawEvent{Source: snapshot.SourceUnified, ID: "file", At: week(-7), Raw: []byte("{}")}, 2); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
}

// P14: however an address is spelled, and in whatever text it stands, forget
// erases it, and leaves longer addresses of others, and the chain, whole.
func TestP14_Spellings(t *testing.T) {
	t.Parallel()
	spellings, words := spellingtest.Address(), spelling.AddressForms(zoeUPN)
	hits := 0
	for name, spelled := range spellings {
		t.Run(name, func(t *testing.T) {
			db := spelledHistory(t, spelled)
			head := verify(t, db, "").Head
			if _, err := db.Forget(t.Context(), rowOf(t, db, zoe)); err != nil {
				t.Fatal(err)
			}
			for table, rows := range content(t, db) {
				for _, row := range rows {
					row = strings.ReplaceAll(row, "x"+zoeUPN, "")
					if spelling.Readings(row, func(text string) bool {
						folded := spelling.Fold(text)
						return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(folded, w) }) || strings.Contains(folded, "zoë") || strings.Contains(folded, "empq")
					}) {
						hits++
						t.Errorf("table %s: %s", table, row)
					}
				}
			}
			id, _ := zoe.GUID()
			for _, suffix := range []string{"", "-wal"} {
				raw, err := exec.CommandContext(t.Context(), "cat", db.Path()+suffix).Output() // not here: closing it would drop SQLite's locks
				if err != nil {
					t.Fatal(err)
				}
				raw = bytes.ReplaceAll(raw, []byte("x"+zoeUPN), nil)
				for _, canary := range [][]byte{[]byte(spelled), []byte(zoeUPN), []byte(zoe), id[:], []byte(hex.EncodeToString(id[:])), []byte("Zoë"), []byte("EMPQ-771Z")} {
					if bytes.Contains(raw, canary) {
						hits++
						t.Errorf("the bytes of the file%s hold %q", suffix, canary)
					}
				}
			}
			for query, want := range map[string]string{
				"SELECT upn FROM user_version WHERE user_id = (SELECT id FROM user WHERE object_id = 'long')":          "x" + zoeUPN,
				"SELECT raw FROM event WHERE event_id = 'longer'":                                                      `{"initiatedBy":"x` + zoeUPN + `"}`,
				"SELECT country FROM profiles JOIN profile ON id = profile_key WHERE more ->> '$[10]' IS NOT NULL":     "DE",
				"SELECT detail ->> '$.evidence[0].id' FROM attribution WHERE id = 1":                                   "longer",
				"SELECT detail ->> '$.actor.upn' FROM attribution WHERE id = 2":                                        "boss@contoso.com",
				"SELECT warnings ->> '$[1].message' FROM run WHERE id = 1":                                             "It stays.",
				"SELECT detail ->> '$.actor.name' FROM attribution WHERE id = 1":                                       "forgotten-1",
				"SELECT reason FROM attribution WHERE id = 2":                                                          "A sentence that named forgotten-1 was erased.",
				"SELECT name FROM group_version WHERE group_id = (SELECT id FROM licensed_group WHERE object_id='g2')": "forgotten-1",
			} {
				if got := column(t, db, query); len(got) != 1 || got[0] != want {
					t.Errorf("%s: %q, want %q", query, got, want)
				}
			}
			whole(t, verify(t, db, head))
			activeRun(t, db, nil)
			whole(t, verify(t, db, head))
		})
	}
	t.Logf("P14: %d spellings in 16 texts: %d hits", len(spellings), hits)
}

// What may not be erased and still names the person undoes the erasing.
func TestForget_NamedWhereNothingMayGo(t *testing.T) {
	t.Parallel()
	db := spelledHistory(t, zoeUPN)
	tamper(t, db, "INSERT INTO sku_name VALUES ('x', '', 'License of "+strings.ReplaceAll(zoeUPN, "'", "''")+"')")
	before := content(t, db)
	_, err := db.Forget(t.Context(), rowOf(t, db, zoe))
	if !errors.Is(err, ledger.ErrNamed) {
		t.Fatalf("forget: %v", err)
	}
	var named *ledger.NamedError
	if !errors.As(err, &named) || named.Table != "sku_name" || named.Column != "name" {
		t.Fatalf("forget: %v", err)
	}
	if after := content(t, db); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("something was erased")
	}
}

// A product that is called like somebody is no reason not to forget them.
func TestForget_NamesakeProduct(t *testing.T) {
	t.Parallel()
	db := spelledHistory(t, zoeUPN)
	if err := db.ImportNames(t.Context(), []SKUName{{ID: "e3", Name: "Zoë O'Brien for Teams"}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Forget(t.Context(), rowOf(t, db, zoe)); err != nil {
		t.Fatal(err)
	}
}

// An address that several people had one after the other: records about another of
// them stay, by the object id; the others go.
func TestForget_SharedAddress(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	const heir = snapshot.UserID("0b4c5c4e-8a5d-4b6a-9c55-3c0f2a7f9d11")
	first := newcomer(s, zoe)
	first.New.UPN, first.New.Mail = "shared@contoso.com", ""
	commit(t, s, first)
	leave(t, db, zoe)
	s = begin(t, db)
	second := newcomer(s, heir)
	second.New.UPN, second.New.Mail = "shared@contoso.com", ""
	r := resultOf(t, s, second)
	r.Events = []snapshot.RawEvent{
		{Source: snapshot.SourceGraph, ID: "heir's", At: week(1), Raw: []byte(`{"id":"` + string(heir) + `","upn":"shared@contoso.com"}`)},
		{Source: snapshot.SourceGraph, ID: "zoe's", At: week(1), Raw: []byte(`{"id":"` + string(zoe) + `","upn":"shared@contoso.com"}`)},
		{Source: snapshot.SourceGraph, ID: "whose", At: week(1), Raw: []byte(`{"upn":"shared@contoso.com"}`)},
	}
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Forget(t.Context(), rowOf(t, db, zoe)); err != nil {
		t.Fatal(err)
	}
	if got := column(t, db, "SELECT event_id FROM event WHERE raw <> ''"); !slices.Equal(got, []string{"heir's"}) {
		t.Errorf("records are left of %q", got)
	}
	if got := column(t, db, "SELECT upn FROM user_version WHERE user_id = ?", rowOf(t, db, heir)); !slices.Equal(got, []string{"shared@contoso.com"}) {
		t.Errorf("the heir is called %q", got)
	}
	whole(t, verify(t, db, ""))
}

// What Forgettable counts is what Forget erases, and it erases nothing.
func TestForget_Counted(t *testing.T) {
	t.Parallel()
	db := spelledHistory(t, zoeUPN)
	row, before := rowOf(t, db, zoe), content(t, db)
	would, err := db.Forgettable(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	if after := content(t, db); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("counting erased something")
	}
	did, err := db.Forget(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(would) != fmt.Sprint(did) {
		t.Errorf("counted %v, erased %v", would, did)
	}
	again, err := db.Forget(t.Context(), row)
	if err != nil || again.Total() != 0 {
		t.Errorf("once more: %v, %v", again, err)
	}
	if v, err := db.Verify(t.Context(), migrations.Apply, ""); err != nil || len(v.Erasures) != 1 {
		t.Errorf("%v, %v", v.Erasures, err)
	}
}
