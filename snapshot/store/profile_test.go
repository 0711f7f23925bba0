package store

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// attributed are users whose attributes are what of makes of their number.
func attributed(s *Sync, from, to int, of func(i int) snapshot.Attributes) []snapshot.Delta {
	var all []snapshot.Delta
	for i := from; i < to; i++ {
		d := newcomer(s, snapshot.UserID(fmt.Sprint("user-", i)))
		a := of(i)
		a.UPN, a.Name, a.Mail, a.CreatedAt = d.New.UPN, d.New.Name, d.New.Mail, d.New.CreatedAt
		d.New.Attributes = a
		all = append(all, d)
	}
	return all
}

// TestProfiles: attributes are read as they were committed, whichever run first had their
// texts, and a text that combinations share is kept once.
func TestProfiles(t *testing.T) {
	db := openRW(t, newHistory(t))
	on := true
	title := func(i int) string { return fmt.Sprintf("Titled %d\t\"é\"", i/3) }
	of := func(i int) snapshot.Attributes {
		a := snapshot.Attributes{Department: fmt.Sprint("d", i%2), JobTitle: title(i), Type: "Member", Office: fmt.Sprint("Room ", i), OnPremisesSync: i%5 == 0}
		if i%3 > 0 {
			a.Kept = snapshot.KeptOf(map[string]string{"cost-center": fmt.Sprint("CC ", i/7)})
		}
		if i%4 > 0 {
			a.Enabled = &on
		}
		return a
	}
	want := map[string]snapshot.Attributes{}
	for run := range 3 { // the texts of one run are found again in the next
		s := begin(t, db)
		deltas := attributed(s, run*20, run*20+20, of)
		for _, d := range deltas {
			want[string(d.ID)] = d.New.Attributes
		}
		commit(t, s, deltas...)
	}
	ro := openRO(t, db.Path())
	h, err := ro.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	n := 0
	for u, err := range h.NewestUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; !u.Attributes.Equal(want[string(u.ID)]) {
			t.Errorf("%s: %+v, want %+v", u.ID, u.Attributes, want[string(u.ID)])
		}
	}
	if n != len(want) {
		t.Errorf("%d users of %d", n, len(want))
	}
	for i := range 60 {
		a := of(i)
		query := fmt.Sprintf("SELECT concat_ws('|', job_title, type, office, enabled, department) FROM profiles JOIN user_version ON profile_id = profile_key WHERE upn = 'user-%d@contoso.com'", i)
		enabled := ""
		if a.Enabled != nil {
			enabled = "|1"
		}
		if got := column(t, db, query); len(got) != 1 || got[0] != a.JobTitle+"|"+a.Type+"|"+a.Office+enabled+"|"+a.Department {
			t.Errorf("the view says %q of user %d", got, i)
		}
	}
	if n := count(t, db, "SELECT count(*) FROM attribute_word"); n != 30 { // Member, 20 titles, and 9 cost centers
		t.Errorf("%d texts are kept as shared", n)
	}
	if n := count(t, db, "SELECT count(*) - count(DISTINCT text) FROM attribute_word"); n != 0 {
		t.Errorf("%d texts are kept twice", n)
	}
	whole(t, verify(t, db, ""))
	s := begin(t, db)
	known, err := s.Known(t.Context(), "user-7", rowOf(t, db, "user-7"))
	if err != nil || !known.Attributes.Equal(want["user-7"]) {
		t.Errorf("%+v, %v", known, err)
	}
	// Somebody who has what another has gets the same row.
	before := count(t, db, "SELECT count(*) FROM profile")
	commit(t, s, attributed(s, 100, 110, func(int) snapshot.Attributes { return of(7) })...)
	if n := count(t, db, "SELECT count(*) FROM profile"); n != before {
		t.Errorf("%d rows for combinations that are there", n-before)
	}
}

// TestProfiles_Earlier: a combination that an earlier version wrote is gone on with.
func TestProfiles_Earlier(t *testing.T) {
	db := openRW(t, earlierHistory(t))
	if n := count(t, db, "SELECT count(*) FROM profile WHERE substr(more, 1, 1) <> '{'"); n != 0 {
		t.Fatalf("%d rows are of this version", n)
	}
	rows := count(t, db, "SELECT count(*) FROM profile")
	s, err := db.Begin(t.Context(), snapshot.Tenant{ID: snapshot.TenantID(column(t, db, "SELECT object_id FROM tenant")[0])}, week(0), "test")
	if err != nil {
		t.Fatal(err)
	}
	id := engine.UserID(engine.Must(scanOne(t, db, "SELECT object_id FROM user WHERE id = 3")))
	known, err := s.Known(t.Context(), id, 3)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, attributed(s, 0, 5, func(int) snapshot.Attributes { return known.Attributes })...)
	if n := count(t, db, "SELECT count(*) FROM profile"); n != rows {
		t.Errorf("%d new rows", n-rows)
	}
}

func scanOne(t *testing.T, db *DB, query string) (v any, ok bool) {
	t.Helper()
	if err := db.sql.QueryRowContext(t.Context(), query).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v, true
}

// TestForget_SharedTexts: a text that nobody has any more is erased, one that somebody
// has stays, and one that names the person goes wherever it is.
func TestForget_SharedTexts(t *testing.T) {
	db := openRW(t, newHistory(t))
	of := func(i int) snapshot.Attributes {
		a := snapshot.Attributes{Country: "DE", Office: "Shared by all", Company: fmt.Sprint("Of one ", i)}
		switch i {
		case 1, 2: // both of them leave and are forgotten
			a.JobTitle = "Keeper of the Seal"
		case 3, 4:
			a.JobTitle = "Assistant of user-1@contoso.com"
		}
		return a
	}
	s := begin(t, db)
	commit(t, s, attributed(s, 1, 6, of)...)
	if got := column(t, db, "SELECT text FROM attribute_word ORDER BY text"); !slices.Equal(got, []string{"Assistant of user-1@contoso.com", "DE", "Keeper of the Seal", "Shared by all"}) {
		t.Fatalf("%q", got)
	}
	leave(t, db, "user-1")
	leave(t, db, "user-2")
	head := verify(t, db, "").Head
	dry, err := db.Forgettable(t.Context(), rowOf(t, db, "user-1"))
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, db, "UPDATE user SET fingerprint = 5, row_print = x'00'")
	done, err := db.Forget(t.Context(), rowOf(t, db, "user-1"))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(dry.Rows) != fmt.Sprint(done.Rows) || done.Rows["attribute_word"] != 1 {
		t.Errorf("%v were erased, %v were told", done.Rows, dry.Rows)
	}
	if got := column(t, db, "SELECT text FROM attribute_word ORDER BY text"); !slices.Equal(got, []string{"DE", "Keeper of the Seal", "Shared by all", "forgotten-1"}) {
		t.Errorf("%q", got)
	}
	if n := count(t, db, "SELECT count(*) FROM user WHERE fingerprint = 0 AND row_print IS NULL"); n != 3 { // the person, and the two assistants
		t.Errorf("%d users are to be compared in full", n)
	}
	whole(t, verify(t, db, head))
	dry, err = db.Forgettable(t.Context(), rowOf(t, db, "user-2"))
	if err != nil {
		t.Fatal(err)
	}
	if done, err = db.Forget(t.Context(), rowOf(t, db, "user-2")); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(dry.Rows) != fmt.Sprint(done.Rows) || done.Rows["attribute_word"] != 1 {
		t.Errorf("%v were erased, %v were told", done.Rows, dry.Rows)
	}
	if got := column(t, db, "SELECT text FROM attribute_word ORDER BY text"); !slices.Equal(got, []string{"DE", "Shared by all", "forgotten-1", "forgotten-2"}) {
		t.Errorf("%q", got)
	}
	if got := column(t, db, "SELECT coalesce(country, '-') || coalesce(office, '-') || coalesce(job_title, '-') || coalesce(company, '-') FROM profiles WHERE profile_key = 1"); !slices.Equal(got, []string{"DE---"}) {
		t.Errorf("%q is left", got)
	}
	whole(t, verify(t, db, head))
	closeDB(t, db)
	raw, err := os.ReadFile(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Keeper", "Of one 1", "Of one 2", "user-1@"} {
		if bytes.Contains(raw, []byte(text)) {
			t.Errorf("the file has %q still", text)
		}
	}
	// The texts are not taken for those of others, and what is still so is read anew.
	db = openRW(t, db.Path())
	s = begin(t, db)
	commit(t, s, attributed(s, 10, 13, func(i int) snapshot.Attributes {
		return snapshot.Attributes{JobTitle: "Keeper of the Seal", Office: fmt.Sprint(i)}
	})...)
	if got := column(t, db, "SELECT DISTINCT job_title FROM profiles JOIN user_version ON profile_id = profile_key WHERE upn LIKE 'user-1_@%'"); !slices.Equal(got, []string{"Keeper of the Seal"}) {
		t.Errorf("%q", got)
	}
	whole(t, verify(t, db, head))
}

// TestVerify_SharedTexts: an altered text is found, and an erasing of one that somebody has.
func TestVerify_SharedTexts(t *testing.T) {
	for name, alter := range map[string]func(t *testing.T, db *DB){
		"altered": func(t *testing.T, db *DB) { tamper(t, db, "UPDATE attribute_word SET text = 'Chef' WHERE id = 1") },
		"removed": func(t *testing.T, db *DB) { tamper(t, db, "DELETE FROM attribute_word WHERE id = 1") },
		"added":   func(t *testing.T, db *DB) { tamper(t, db, "INSERT INTO attribute_word VALUES (9, 'Chef')") },
		"called an erasing": func(t *testing.T, db *DB) {
			forge(t, db, ledger.KindForget, forgotten(1), func(_ *sql.Tx, e *ledger.Eraser) error {
				return e.Redact(e.Layout("attribute_word"), []any{int64(1)}, map[string]any{"text": "Chef"})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openRW(t, newHistory(t))
			s := begin(t, db)
			commit(t, s, attributed(s, 1, 4, func(i int) snapshot.Attributes {
				return snapshot.Attributes{JobTitle: "Cook", Office: strings.Repeat("o", i)}
			})...)
			whole(t, verify(t, db, ""))
			if alter(t, db); len(verify(t, db, "").Findings) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}
