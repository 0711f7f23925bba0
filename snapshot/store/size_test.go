package store

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
)

// manyUsers is a tenant in which everyone has one license with 60 plans, given
// at a time of their own.
func manyUsers(n int) []snapshot.User {
	users := make([]snapshot.User, n)
	for i := range users {
		at := week(-9).Add(time.Duration(i) * time.Minute)
		u := snapshot.User{
			ID: snapshot.UserID(fmt.Sprintf("0b4c5c4e-8a5d-4b6a-9c55-%012d", i)), Presence: snapshot.Present,
			Attributes: snapshot.Attributes{UPN: fmt.Sprintf("user%d@contoso.com", i), Name: fmt.Sprintf("User %d", i), Mail: fmt.Sprintf("user%d@contoso.com", i), Department: "Sales"},
			Paths:      snapshot.ResolvePaths([]snapshot.License{{SKU: "e3"}}, []snapshot.StateRow{{SKU: "e3", State: "Active", UpdatedAt: at}}),
		}
		for p := range 60 {
			u.Plans = append(u.Plans, snapshot.Plan{ID: snapshot.PlanID("plan-" + strconv.Itoa(p)), Status: "Enabled", AssignedAt: at})
		}
		u.Normalize()
		users[i] = u
	}
	return users
}

// What the history costs: a quiet week next to nothing, a user a few rows
// however many plans their license has.
func TestSize(t *testing.T) {
	t.Parallel()
	const users = 2_000
	tenant := manyUsers(users)
	path := newHistory(t)
	db := openRW(t, path)
	s := begin(t, db)
	var deltas []snapshot.Delta
	for _, u := range tenant {
		deltas = append(deltas, diff.Comparer{Run: s.Run}.User(nil, u))
	}
	commit(t, s, deltas...)

	for _, table := range []string{"user", "user_version", "path", "user_plans"} {
		if n := count(t, db, "SELECT count(*) FROM "+table); n != users {
			t.Errorf("%d users with 60 plans each take %d rows of %s", users, n, table)
		}
	}
	var total int64
	for _, table := range tablesOf(t, db) {
		total += count(t, db, `SELECT count(*) FROM "`+table+`"`)
	}
	words := count(t, db, "SELECT count(*) FROM name_word")
	if words > 3*users {
		t.Errorf("%d users have %d words in the index of names", users, words)
	}
	if shared := total - 4*users - words; shared > 110 { // the plans, their layout, the SKU, the run
		t.Errorf("%d rows beside the users' own", shared)
	}
	size := sizeAfterClose(t, db)
	if perUser := size / users; perUser > 500 {
		t.Errorf("a user with 60 plans takes %d bytes", perUser)
	}

	for range 3 {
		db = openRW(t, path)
		quietWeek(t, db, tenant)
		after := sizeAfterClose(t, db)
		if added := after - size; added > 16<<10 {
			t.Errorf("a quiet week of %d users adds %d bytes", users, added)
		}
		size = after
	}
}

// quietWeek is a run that finds every user as they were.
func quietWeek(t *testing.T, db *DB, users []snapshot.User) {
	t.Helper()
	s := begin(t, db)
	prints := map[snapshot.UserID]int64{}
	if _, err := s.Prints(t.Context(), func(id snapshot.UserID, p Print) { prints[id] = p.Fingerprint }); err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if prints[u.ID] != u.Fingerprint() {
			t.Fatalf("user %s seems to have changed", u.ID)
		}
	}
	r := emptyResult(s)
	r.Users = int64(len(users))
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	counts, err := db.RowsByRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last := counts[len(counts)-1]; last.Begun != 0 || last.Ended != 0 {
		t.Errorf("a quiet week begins %d rows and ends %d", last.Begun, last.Ended)
	}
}

// sizeAfterClose is the size of the file with everything written back to it.
func sizeAfterClose(t *testing.T, db *DB) int64 {
	t.Helper()
	closeDB(t, db)
	info, err := os.Stat(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A user who changes every week adds one row a week, not one a plan.
func TestSize_PlansThatMove(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	users := manyUsers(1)
	u := users[0]
	var known *snapshot.Known
	for n := range 10 {
		s := begin(t, db)
		u.Plans = slices.Clone(u.Plans)
		for i := range u.Plans { // Microsoft resets all dates at once
			u.Plans[i].AssignedAt = week(n)
		}
		if n > 0 {
			var err error
			if known, err = s.Known(t.Context(), u.ID, 1); err != nil {
				t.Fatal(err)
			}
		}
		commit(t, s, diff.Comparer{Run: s.Run}.User(known, u))
	}
	for table, want := range map[string]int64{"user": 1, "user_version": 1, "path": 1, "user_plans": 10, "plan_layout": 1, "plan": 60} {
		if n := count(t, db, "SELECT count(*) FROM "+table); n != want {
			t.Errorf("%d rows of %s, want %d", n, table, want)
		}
	}
}
