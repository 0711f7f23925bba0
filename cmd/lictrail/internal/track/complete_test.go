package track

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"lictrail/snapshot"
)

// parted shows the users in partitions first, without some, and all of them in one pass
// when that is refused.
type parted struct {
	*scripted
	missing string // id of the user whom the partitions leave out
	refused error
}

func (p *parted) Users(ctx context.Context, known snapshot.KnownRows, page func([]snapshot.UserRow) error, restart func() error) (snapshot.PagesRead, error) {
	all := p.users
	p.users = nil
	for _, u := range all {
		if string(u.ID) != p.missing {
			p.users = append(p.users, u)
		}
	}
	read, err := p.scripted.Users(ctx, known, page, restart)
	p.users = all
	if err != nil {
		return read, err
	}
	if p.refused = known.Complete(ctx); p.refused == nil {
		return read, nil
	}
	if err := restart(); err != nil {
		return read, err
	}
	return p.scripted.Users(ctx, known, page, restart)
}

// TestRun_Complete: partitions that lack a known user count only if the user is shown to
// have left, and nobody loses a license by those that do not count.
func TestRun_Complete(t *testing.T) {
	const before = `at 2026-03-01
sku E3
user ann created=2015-01-01
    has E3
user bob
user cyd
user dan
user eve
`
	many, fewer := "", "" // as many as may be looked up are gone, and one more
	for i := range maxLookups + 1 {
		many += fmt.Sprintf("user u%03d\n", i)
	}
	rest := strings.Split(before, "\n")[1:]
	fewer = strings.Join(rest, "\n")
	for _, test := range []struct {
		name, before, between, now, short string
		refused                           string // by what
		changes                           int
	}{
		{name: "all are there", before: before, now: fewer},
		{name: "the first run", now: fewer},
		{name: "a known user is in no partition", before: before, now: fewer + "lost ann", short: "ann", refused: "user ann exists, and was not listed"},
		{name: "a known user has left", before: before, now: "sku E3\nuser bob\nuser cyd\nuser dan\nuser eve", changes: 1},
		{name: "a known user is among the deleted", before: before, now: "sku E3\nuser bob\nuser cyd\nuser dan\nuser eve\ndeleted ann 2026-03-05", changes: 1},
		{name: "look-ups fail", before: before, now: "sku E3\nuser bob\nuser cyd\nuser dan\nuser eve\nunread user", refused: "user: permission denied", changes: 1},
		{name: "the deleted cannot be read", before: before, now: fewer + "unread deleted", refused: "deleted: permission denied"},
		{name: "as many have left as are looked up", before: before + strings.TrimSuffix(many, "user u100\n"), now: fewer + "flags accept-shrink"},
		{name: "more have left than are looked up", before: before + many, now: fewer + "flags accept-shrink", refused: "101 known users are neither listed nor among the deleted: too many to look up"},
		{name: "a deleted user without a date of creation is restored", before: before,
			between: "sku E3\nuser ann created=2015-01-01\n    has E3\nuser cyd\nuser dan\nuser eve\ndeleted bob 2026-03-03",
			now:     fewer + "lost bob", short: "bob", refused: "user bob exists, and was not listed"},
		{name: "a deleted user with one is purged", before: before,
			between: "sku E3\nuser bob\nuser cyd\nuser dan\nuser eve\ndeleted ann 2026-03-03",
			now:     "sku E3\nuser bob\nuser cyd\nuser dan\nuser eve\nlost ann"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := openTestDB(t)
			if test.before != "" {
				r := parseRun(t, test.before)
				if _, err := Run(t.Context(), r, db, r.options()); err != nil {
					t.Fatal(err)
				}
			}
			if test.between != "" {
				r := parseRun(t, "at 2026-03-04\n"+test.between)
				if _, err := Run(t.Context(), r, db, r.options()); err != nil {
					t.Fatal(err)
				}
			}
			now := &parted{scripted: parseRun(t, "at 2026-03-08\n"+test.now), missing: test.short}
			summary, err := Run(t.Context(), now, db, now.options())
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(now.refused); test.refused == "" && now.refused != nil || !strings.Contains(got, test.refused) {
				t.Errorf("refused: %s, want %q", got, test.refused)
			}
			found := strings.Count(changesText(t, db), fmt.Sprintf("run %d: ", summary.Run))
			if found != test.changes {
				t.Errorf("%d changes, want %d:\n%s", found, test.changes, changesText(t, db))
			}
			verifyAll(t, db)
		})
	}
}
