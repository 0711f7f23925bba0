package store

import (
	"fmt"
	"slices"
	"testing"

	"lictrail/diff"
	"lictrail/snapshot"
)

// TestUsersAt looks up more users than one statement reads, as each of two runs showed
// them: some had no license yet, were called otherwise, were not there yet, or had
// been deleted.
func TestUsersAt(t *testing.T) {
	db := openRW(t, newHistory(t))
	const n = 2*usersAtOnce + 1
	first := commitLicensed(t, db, n)
	second := begin(t, db)
	change := func(i int, edit func(*snapshot.User)) snapshot.Delta {
		k, err := second.Known(t.Context(), licensed(i).ID, int64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		u := licensed(i)
		edit(&u)
		return diff.Comparer{Run: second.Run}.User(k, u)
	}
	commit(t, second,
		change(0, func(u *snapshot.User) { u.Paths = nil }),
		change(1, func(u *snapshot.User) { u.UPN = "renamed@contoso.com" }),
		change(2, func(u *snapshot.User) { u.Presence, u.DeletedAt = snapshot.Deleted, week(1) }),
		diff.Comparer{Run: second.Run}.User(nil, licensed(n)))
	h := history(t, db)
	var ids []snapshot.UserID
	for i := range n + 2 { // the last was never there
		ids = append(ids, licensed(i).ID)
	}
	for run, want := range map[snapshot.RunID][]string{
		first:      {"u0@contoso.com present 1", "u1@contoso.com present 1", "u2@contoso.com present 1", "not shown", "not shown"},
		second.Run: {"u0@contoso.com present 0", "renamed@contoso.com present 1", "u2@contoso.com deleted 0 " + week(1).String(), fmt.Sprintf("u%d@contoso.com present 1", n), "not shown"},
	} {
		users, err := h.UsersAt(t.Context(), ids, run)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range []int{0, 1, 2, n, n + 1} {
			u := users[licensed(i).ID]
			if u == nil {
				got = append(got, "not shown")
				continue
			}
			text := fmt.Sprintf("%s %s %d", u.UPN, u.Presence, len(u.Paths))
			if !u.DeletedAt.IsZero() {
				text += " " + u.DeletedAt.String()
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("run %d: %q, want %q", run, got, want)
		}
		for i := 3; i < n; i++ {
			if u := users[licensed(i).ID]; u == nil || len(u.Paths) != 1 || u.UPN != licensed(i).UPN {
				t.Fatalf("run %d: user %d is %+v", run, i, u)
			}
		}
	}
}
