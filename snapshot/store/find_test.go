package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lictrail/migrations"

	"github.com/google/go-cmp/cmp"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/words"
)

// called is a history of two runs in which people have these names; "a > b" is one
// who was renamed.
func called(t *testing.T, names ...string) *DB {
	t.Helper()
	db := openRW(t, newHistory(t))
	for run := range 2 {
		s := begin(t, db)
		var deltas []snapshot.Delta
		for i, name := range names {
			before, after, renamed := strings.Cut(name, " > ")
			u := named(t, i, before)
			if run == 0 {
				deltas = append(deltas, diff.Comparer{Run: s.Run}.User(nil, u))
			} else if renamed {
				k, err := s.Known(t.Context(), u.ID, int64(i+1))
				if err != nil {
					t.Fatal(err)
				}
				deltas = append(deltas, diff.Comparer{Run: s.Run}.User(k, named(t, i, after)))
			}
		}
		commit(t, s, deltas...)
	}
	return db
}

// named has a name, and an address where one stands behind it.
func named(t *testing.T, i int, called string) snapshot.User {
	t.Helper()
	name, upn, ok := strings.Cut(called, " <")
	if !ok {
		upn = fmt.Sprintf("u%d@contoso.com>", i)
	}
	u := snapshot.User{ID: snapshot.UserID(fmt.Sprintf("0b4c5c4e-8a5d-4b6a-9c55-%012d", i)), Presence: snapshot.Present,
		Attributes: snapshot.Attributes{UPN: strings.TrimSuffix(upn, ">"), Name: name, Mail: strings.TrimSuffix(upn, ">")}}
	u.Normalize()
	return u
}

func history(t *testing.T, db *DB) *History {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestFindPeople(t *testing.T) {
	t.Parallel()
	db := called(t, "Ann Meyer <ann.meyer@contoso.com>", "Ann Anders <ann.anders@contoso.com>", "Jürgen Müller <jm@contoso.com>",
		"Eva Lang <eva.lang@contoso.com> > Eva Kurz <eva.kurz@contoso.com>", "Adm Zwo <adm-meyer@contoso.com>", "100% Sure <100%@contoso.com>")
	for _, indexed := range []bool{true, false} {
		if !indexed {
			tamper(t, db, "DELETE FROM name_index", "DELETE FROM name_word")
		}
		h := history(t, db)
		for typed, want := range map[string][]string{
			"ann":              {"ann.anders@contoso.com", "ann.meyer@contoso.com"},
			"ANN MEYER":        {"ann.meyer@contoso.com"},
			"mey":              {"adm-meyer@contoso.com", "ann.meyer@contoso.com"},
			"muller":           {"jm@contoso.com"},
			"ller":             {"jm@contoso.com"},
			"ann.me":           {"ann.meyer@contoso.com"},
			"meyer@con":        {"adm-meyer@contoso.com", "ann.meyer@contoso.com"},
			"eva lang":         {"eva.kurz@contoso.com (Eva Lang)"},
			"lang@contoso.com": {"eva.kurz@contoso.com (eva.lang@contoso.com)"},
			"%":                nil,
			"100%":             {"100%@contoso.com"},
			"ann smith":        nil,
			"' OR 1=1":         nil,
		} {
			found, more, err := h.FindPeople(t.Context(), words.NewQuery(typed), 10)
			if err != nil || more {
				t.Errorf("%q: more %t, %v", typed, more, err)
			}
			var got []string
			for _, f := range found {
				line := f.UPN
				if f.Was != "" {
					line += " (" + f.Was + ")"
				}
				got = append(got, line)
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q, indexed %t (-want +got):\n%s", typed, indexed, diff)
			}
		}
		h.Close()
	}
}

// The words of a name are there for everyone, be they new, renamed or of a history
// that was written before there was an index; and not for one who was forgotten.
func TestNameIndex(t *testing.T) {
	t.Parallel()
	db := called(t, "Ann Meyer", "Eva Lang > Eva Kurz")
	want := column(t, db, "SELECT word || ' ' || user_id FROM name_word")
	if !slices.Contains(want, "lang 2") || !slices.Contains(want, "kurz 2") {
		t.Fatalf("the index has %v", want)
	}
	tamper(t, db, "DELETE FROM name_index", "DELETE FROM name_word")
	again := openRW(t, db.Path())
	if diff := cmp.Diff(want, column(t, again, "SELECT word || ' ' || user_id FROM name_word")); diff != "" {
		t.Errorf("made anew (-want +got):\n%s", diff)
	}
	leave(t, again, "0b4c5c4e-8a5d-4b6a-9c55-000000000001")
	if _, err := again.Forget(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if left := column(t, again, "SELECT word FROM name_word WHERE user_id = 2"); len(left) > 0 {
		t.Errorf("of a forgotten person the index keeps %v", left)
	}
}

// A word with which an address begins is not indexed a second time: it is found, and
// found to be near, by the index of addresses. An index that an earlier version made is
// made anew.
func TestNameIndex_Addresses(t *testing.T) {
	t.Parallel()
	db := called(t, "Ann Meyer <Ann.Meyer@contoso.com>", "Ökonom Ann <Ökonom.ann@contoso.com>")
	want := []string{"ann 2", "meyer 1", "okonom 2"}
	index := func(db *DB) []string { return column(t, db, "SELECT word || ' ' || user_id FROM name_word ORDER BY 1") }
	if diff := cmp.Diff(want, index(db)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tamper(t, db, "UPDATE name_index SET rule = 1", "INSERT INTO name_word VALUES ('ann', 1)")
	again := openRW(t, db.Path())
	if diff := cmp.Diff(want, index(again)); diff != "" {
		t.Errorf("made anew (-want +got):\n%s", diff)
	}
	near, err := history(t, again).WordsOfNames(t.Context(), "anm")
	if err != nil || !slices.Equal(near, []string{"ann"}) {
		t.Errorf("near words %v, %v", near, err)
	}
}

// What is typed and what is completed is looked up in indexes, however many people
// there are.
func TestFindPeople_Plan(t *testing.T) {
	t.Parallel()
	db := called(t, "Ann Meyer")
	rows, err := db.sql.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+beginning, prefixArgs(words.NewQuery("ann meyer"), "meyer")...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	searches := 0
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(step, "SCAN name_word") || strings.HasPrefix(step, "SCAN user_version") {
			t.Errorf("the search scans: %s", step)
		}
		if strings.Contains(step, "SEARCH") {
			searches++
		}
	}
	if searches != 5 || rows.Err() != nil {
		t.Errorf("%d parts are searched, %v", searches, rows.Err())
	}
}

func TestFindPeople_Many(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("Ann %d", i))
	}
	h := history(t, called(t, names...))
	found, more, err := h.FindPeople(t.Context(), words.NewQuery("ann"), 20)
	if err != nil || len(found) != 20 || !more {
		t.Errorf("%d found, more %t, %v", len(found), more, err)
	}
	list, err := h.CompletePeople(t.Context(), "an", 10)
	if err != nil || len(list) != 10 {
		t.Errorf("%d completed, %v", len(list), err)
	}
	near, err := h.WordsOfNames(t.Context(), "anm")
	if err != nil || !slices.Equal(near, []string{"ann"}) {
		t.Errorf("near words %v, %v", near, err)
	}
}

// TestVerify_NameIndex: an index that does not have what the names give is found.
func TestVerify_NameIndex(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement string
		found     bool
	}{
		"whole":                            {"SELECT 1", false},
		"a word gone":                      {"DELETE FROM name_word WHERE word = 'kurz'", true},
		"a word of nobody":                 {"INSERT INTO name_word VALUES ('mallory', 1)", true},
		"of somebody else":                 {"UPDATE name_word SET user_id = 1 WHERE word = 'kurz'", true},
		"another word":                     {"UPDATE name_word SET word = 'kurs' WHERE word = 'kurz'", true},
		"empty":                            {"DELETE FROM name_word", true},
		"not made: all rows are looked at": {"DELETE FROM name_index", false},
	} {
		t.Run(name, func(t *testing.T) {
			db := called(t, "Ann Meyer", "Eva Lang > Eva Kurz")
			tamper(t, db, c.statement)
			v, err := db.Verify(t.Context(), migrations.Apply, "")
			if err != nil {
				t.Fatal(err)
			}
			if found := len(v.Findings) > 0; found != c.found {
				t.Errorf("findings %v", v.Findings)
			}
		})
	}
	db := called(t, "Ann Meyer", "Eva Lang > Eva Kurz")
	leave(t, db, "0b4c5c4e-8a5d-4b6a-9c55-000000000001")
	if _, err := db.Forget(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	v, err := db.Verify(t.Context(), migrations.Apply, "")
	if err != nil || len(v.Findings) > 0 {
		t.Errorf("after somebody was forgotten: %v, %v", v, err)
	}
}
