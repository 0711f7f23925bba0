package tracker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// readUsers makes the one pass over the users, and judges whether what came
// can be the whole tenant.
func (t *run) readUsers(ctx context.Context) error {
	t.phase("users")
	if err := t.loadPrints(ctx); err != nil {
		return err
	}
	if err := t.beginPass(); err != nil {
		return err
	}
	var failed error // of a restart, which cannot say so itself
	restart := func() { failed = errors.Join(failed, t.beginPass()) }
	read, err := t.Users(ctx, func(users []User) error {
		if failed != nil {
			return failed
		}
		return t.page(ctx, users)
	}, restart)
	if err != nil {
		return fmt.Errorf("read the users: %w", err)
	}
	t.passed, t.passedAt = read, t.o.Now()
	t.warnings = append(t.warnings, read.Warnings...)
	if read.Duplicates > 0 {
		t.warn("repeated-users", "%d users were listed twice: the tenant changed while it was read", read.Duplicates)
	}
	if err := t.plausible(ctx); err != nil {
		t.passed.ObservedUntil = time.Time{} // the read does not stand
		return err
	}
	return nil
}

func (t *run) loadPrints(ctx context.Context) error {
	var users int64
	if p := t.sync.Previous; p != nil {
		users = p.Users.Int64
	}
	t.users = newRoster(users)
	return t.sync.Prints(ctx, func(id snapshot.UserID, print store.Print) {
		t.users.put(id, seen{row: print.Row, fingerprint: print.Fingerprint, presence: presenceCode(print.Presence)})
	})
}

// beginPass forgets what an earlier pass has shown.
func (t *run) beginPass() error {
	t.pass++
	t.deltas, t.groups = nil, map[snapshot.GroupID]bool{}
	t.present, t.licensed, t.held, t.absent = 0, 0, 0, 0
	clear(t.assigned)
	return t.spool.Reset()
}

func (t *run) page(ctx context.Context, users []User) error {
	for i := range users {
		if err := t.user(ctx, &users[i]); err != nil {
			return err
		}
	}
	return nil
}

// user compares one user with what is known, by fingerprint first.
func (t *run) user(ctx context.Context, u *User) error {
	u.Presence = snapshot.Present
	t.count(&u.User)
	known := t.users.get(u.ID)
	if u.LicensesAbsent {
		t.absent++
		if err := t.mustNotHold(ctx, u.ID, known.row); err != nil {
			return err
		}
	}
	known.pass = t.pass
	t.users.put(u.ID, known)
	if known.row == 0 {
		return t.add(t.comparer.User(nil, u.User), 0)
	}
	if known.fingerprint == t.prints.Of(&u.User) {
		return nil
	}
	history, err := t.sync.Known(ctx, u.ID, known.row)
	if err != nil {
		return err
	}
	return t.add(t.comparer.User(history, u.User), known.row)
}

// add keeps what differs of a user: what there is to tell in memory, the rest
// in the spool. row is the user's in the database, 0 for a new one.
func (t *run) add(d snapshot.Delta, row int64) error {
	if t.sync.Previous == nil {
		d.Changes = nil // I7
		d.Evidence = snapshot.PlanEvidence(&d.New, t.catalog)
	}
	if d.Empty() {
		return nil
	}
	if len(d.Changes) > 0 {
		brief := snapshot.Delta{ID: d.ID, New: d.New, Changes: d.Changes}
		brief.New.Plans = nil
		t.deltas = append(t.deltas, brief)
	}
	return t.spool.Add(&d, row)
}

func (t *run) count(u *snapshot.User) {
	t.present++
	held := u.Held()
	if len(held) > 0 {
		t.licensed++
	}
	t.held += int64(len(held))
	for _, sku := range held {
		t.assigned[sku]++
	}
	for _, p := range u.Paths {
		if p.Kind == snapshot.ByGroup {
			t.groups[p.Group] = true
		}
	}
}

// mustNotHold guards against rows that say nothing of licenses: for a user who
// held some, silence is not a removal (I1).
func (t *run) mustNotHold(ctx context.Context, id snapshot.UserID, row int64) error {
	if row == 0 {
		return nil
	}
	history, err := t.sync.Known(ctx, id, row)
	if err != nil {
		return err
	}
	if len(history.Held()) > 0 {
		return fmt.Errorf("%w: the row of user %s lacks assignedLicenses, and the user held some", ErrImplausible, id)
	}
	return nil
}

// plausible judges the pass as a whole.
func (t *run) plausible(ctx context.Context) error {
	if p := t.sync.Previous; p != nil && t.passed.ObservedAt.Before(p.ObservedUntil) {
		if p.ObservedUntil.Sub(t.passed.ObservedAt) > clockSlack {
			return fmt.Errorf("%w: Graph's clock says %s, and said %s in the run before", ErrImplausible,
				t.passed.ObservedAt.Format(time.RFC3339), p.ObservedUntil.Format(time.RFC3339))
		}
		t.passed.ObservedAt = p.ObservedUntil
		t.passed.ObservedUntil = latest(t.passed.ObservedUntil, p.ObservedUntil)
	}
	if t.present == 0 {
		return fmt.Errorf("%w: Graph listed no user at all", ErrImplausible)
	}
	if t.absent == t.present {
		return fmt.Errorf("%w: no user's row has assignedLicenses", ErrImplausible)
	}
	if err := t.shrunk(); err != nil {
		return err
	}
	return t.counted(ctx)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// shrunk refuses a read with far fewer users than the run before.
func (t *run) shrunk() error {
	p := t.sync.Previous
	if p == nil || t.o.AcceptShrink || p.Users.Int64 == 0 {
		return nil
	}
	missing := float64(p.Users.Int64-t.present) / float64(p.Users.Int64)
	if missing > t.o.MaxShrink {
		return fmt.Errorf("%w: %d users, the run before had %d (%.0f %% fewer; %.0f %% are allowed)",
			ErrShrunk, t.present, p.Users.Int64, missing*100, t.o.MaxShrink*100)
	}
	return nil
}

// counted compares with the service's own count, which is eventually
// consistent: a small difference is honest.
func (t *run) counted(ctx context.Context) error {
	n, ok, err := t.UserCount(ctx)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		t.warn("user-count", "Graph's own count of users could not be read: %v", err)
	}
	if err != nil || !ok {
		return nil
	}
	off := max(n, t.present) - min(n, t.present)
	if short := n - t.present; short > 2 && short*50 > n {
		return fmt.Errorf("%w: %d users were listed, Graph counts %d", ErrImplausible, t.present, n)
	}
	if off > 0 {
		t.warn("user-count", "%d users were listed, Graph counts %d; its count may lag behind changes", t.present, n)
	}
	return nil
}

// readMissing ends what users held who are no longer among the users, and
// learns whether they were deleted.
func (t *run) readMissing(ctx context.Context) error {
	if t.sync.Previous == nil {
		return nil
	}
	t.phase("deleted users")
	if err := t.readDeleted(ctx); err != nil {
		return err
	}
	for _, id := range t.users.missing(t.pass) {
		known := t.users.get(id)
		_, listed := t.deleted[id]
		if known.presence == presenceCode(snapshot.Deleted) || known.presence == presenceCode(snapshot.Gone) && !listed {
			continue
		}
		if !listed {
			if err := t.mustBeGone(ctx, id); err != nil {
				return err
			}
		}
		if err := t.missing(ctx, id, known.row, listed); err != nil {
			return err
		}
	}
	return nil
}

// maxLookups bounds how many missing users are looked up one by one. Where more
// are missing at once, the first ones speak for all.
const maxLookups = 100

// mustBeGone refuses the read when a user who is in no list exists all the
// same: then the list has lost rows, and nobody's license may be ended by it.
func (t *run) mustBeGone(ctx context.Context, id snapshot.UserID) error {
	if t.lookups++; t.lookups > maxLookups {
		return nil
	}
	exists, err := t.UserExists(ctx, id)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		t.lookups = maxLookups
		t.warn("missing-users", "users who are no longer listed could not be looked up: %v", err)
	case exists:
		t.passed.ObservedUntil = time.Time{} // the read does not stand
		return fmt.Errorf("%w: user %s exists, and was not listed", ErrImplausible, id)
	}
	return nil
}

func (t *run) readDeleted(ctx context.Context) error {
	rows, err := t.DeletedUsers(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		t.warn("deleted-users", "deleted users could not be read, so that a user who is missing cannot be told from one who was deleted: %v", err)
	}
	t.deleted = make(map[snapshot.UserID]snapshot.DeletedUser, len(rows))
	for _, d := range rows {
		t.deleted[d.ID] = d
	}
	return nil
}

// missing compares a user with nothing: what the deleted object still lists is
// not held.
func (t *run) missing(ctx context.Context, id snapshot.UserID, row int64, listed bool) error {
	history, err := t.sync.Known(ctx, id, row)
	if err != nil {
		return err
	}
	now := snapshot.User{ID: id, Attributes: history.Attributes, Presence: snapshot.Gone}
	if listed {
		now.Presence, now.DeletedAt = snapshot.Deleted, t.deleted[id].DeletedAt
	}
	return t.add(t.comparer.User(history, now), row)
}

// readGroups reads the groups that give licenses now or gave them before. One
// that cannot be read stays as it was last read (I11).
func (t *run) readGroups(ctx context.Context) ([]snapshot.Group, error) {
	t.phase("groups")
	known, err := t.sync.Groups(ctx)
	if err != nil {
		return nil, err
	}
	giving := maps.Clone(t.groups) // users' rows of this run name these
	for _, g := range known {
		if !g.Gone {
			t.groups[g.ID] = true
		}
	}
	var groups []snapshot.Group
	var unread int
	var last error
	for _, id := range mapKeys(t.groups) {
		g, err := t.Group(ctx, id)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && g.Gone && giving[id] {
			err = fmt.Errorf("group %s is not found, and users hold licenses by it", id)
		}
		if err != nil {
			unread, last = unread+1, err
			continue
		}
		groups = append(groups, keepName(g, known))
	}
	if unread > 0 {
		t.warn("groups", "%d of %d groups that give licenses could not be read: %v", unread, len(t.groups), last)
	}
	t.groupsRead = groups
	if t.sync.Previous != nil {
		t.tenantOut = append(t.tenantOut, diff.Groups(known, groups, t.sync.Run)...)
	}
	return groups, nil
}

// keepName lets a group that is gone keep the name it had.
func keepName(g snapshot.Group, known []snapshot.Group) snapshot.Group {
	for _, k := range known {
		if k.ID == g.ID && g.Gone {
			g.Name, g.Dynamic, g.MembershipRule = k.Name, k.Dynamic, k.MembershipRule
		}
	}
	return g
}
