package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lictrail/snapshot"
)

// ruleOfTests takes what stands between the quotation marks of a record.
var ruleOfTests = CallRule{Number: 1, Address: func(e *snapshot.RawEvent) string { return strings.Trim(string(e.Raw), `"`) }}

// archivedRun archives records in a run.
func archivedRun(t *testing.T, db *DB, events ...snapshot.RawEvent) {
	t.Helper()
	s := begin(t, db)
	result := emptyResult(s)
	result.Events = events
	if err := s.Commit(t.Context(), result); err != nil {
		t.Fatal(err)
	}
}

// found are the ids of the records that a naming lists, in order.
func found(t *testing.T, db *DB, n *Naming) []string {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var ids []string
	for e, err := range h.Stored(t.Context(), EventFilter{Naming: n}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestNaming: records about somebody are found by object id and by address, be the
// address that of several or that of no object id; and what is not indexed yet is
// looked through.
func TestNaming(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	record := func(id, target, address string) snapshot.RawEvent {
		return snapshot.RawEvent{Source: snapshot.SourceGraph, ID: id, At: week(0), Activity: "Change user license", Target: target, Raw: []byte(`"` + address + `"`)}
	}
	archivedRun(t, db, record("1", "ann", "ann@x"), record("2", "ann", ""), record("3", "bob", "bob@x"), record("4", "", "ANN@x"),
		record("5", "heir", "ann@X"), record("6", "heir", "heir@x"), record("7", "", "\u212Aim@x"), record("8", "", ""), record("9", "carl", "carl@x"))
	all := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}
	ann := &Naming{IDs: []string{"ann"}, Address: "Ann@x"}
	if got := found(t, db, ann); !slices.Equal(got, all) {
		t.Errorf("without an index: %v", got)
	}
	index := func() {
		t.Helper()
		if err := db.IndexRecords(t.Context(), ruleOfTests); err != nil {
			t.Fatal(err)
		}
	}
	index()
	// All of the heir's: an address leads to an object id, and the caller looks at each.
	for _, test := range []struct {
		naming *Naming
		want   []string
	}{
		{ann, []string{"1", "2", "4", "5", "6"}},
		{&Naming{IDs: []string{"bob"}}, []string{"3"}},
		{&Naming{Address: "kim@x"}, []string{"7"}},
		{&Naming{Address: "nobody@x"}, nil},
	} {
		if got := found(t, db, test.naming); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.naming, got, test.want)
		}
	}
	archivedRun(t, db, record("a", "", "zoe@x"), record("b", "bob", "bob@x"))
	if got, want := found(t, db, &Naming{IDs: []string{"bob"}}), []string{"3", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("with newer records: %v, want %v", got, want)
	}
	index()
	if got, want := found(t, db, &Naming{IDs: []string{"bob"}}), []string{"3", "b"}; !slices.Equal(got, want) {
		t.Errorf("when they are indexed: %v, want %v", got, want)
	}
	if n := count(t, db, "SELECT count(*) FROM called WHERE typeof(address) <> 'integer' OR instr(target, '@')"); n > 0 {
		t.Errorf("%d rows have an address", n)
	}
	if _, err := db.Prune(t.Context(), week(1)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM called"); n > 0 {
		t.Errorf("%d rows are left of what was erased", n)
	}
	index()
	if got := found(t, db, ann); len(got) != 0 {
		t.Errorf("after all was erased: %v", got)
	}
}

// TestNaming_ByIndex: no table of records is gone through.
func TestNaming_ByIndex(t *testing.T) {
	t.Parallel()
	db, _ := richHistory(t)
	var f EventFilter
	query, args := f.query(&namedSet{targets: `["a"]`, events: "[1]", copies: "[]", mark: callMark{event: 9, copy: 9}})
	plan := planOf(t, db, query, args...)
	for _, step := range strings.Split(plan, "\n") {
		if strings.HasPrefix(strings.TrimSpace(step), "SCAN e") {
			t.Errorf("%s, in\n%s", fmt.Sprint(step), plan)
		}
	}
	if !strings.Contains(plan, "event_target") || !strings.Contains(plan, "event_copy_target") {
		t.Errorf("the index of object ids is not used:\n%s", plan)
	}
}
