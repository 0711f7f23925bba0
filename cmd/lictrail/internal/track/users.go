package track

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/intake"
)

// shown is what the pass over the users has shown.
type shown struct {
	passed   snapshot.PagesRead
	passedAt time.Time // by our clock
	differs  differences
	groups   map[snapshot.GroupID]bool
	assigned map[snapshot.SKUID]int64
	counts   Counts
	deleted  map[snapshot.UserID]snapshot.DeletedUser
}

// userPass is the pass over the users. What it shows stands in the run.
type userPass struct {
	*shown
	run        *run
	users      roster
	recognizes bool // a seal vouches for the prints of rows
	prints     snapshot.Fingerprints
	number     uint8 // a restart begins a new pass
}

// read makes the one pass over the users, and judges whether what came
// can be the whole tenant.
func (p *userPass) read(ctx context.Context) error {
	p.run.phase("users")
	if err := p.loadPrints(ctx); err != nil {
		return err
	}
	if err := p.beginPass(); err != nil {
		return err
	}
	read, err := p.run.Users(ctx, p.known(ctx), func(users []snapshot.UserRow) error { return p.page(ctx, users) }, p.beginPass)
	if err != nil {
		return fmt.Errorf("read the users: %w", err)
	}
	p.passed, p.passedAt = read, p.run.o.Now()
	p.run.warnings = append(p.run.warnings, read.Warnings...)
	if read.Duplicates > 0 {
		p.run.warn("repeated-users", "%d users were listed twice, as happens when a tenant changes while it is read", read.Duplicates)
	}
	if err := p.plausible(ctx); err != nil {
		p.passed.ObservedUntil = time.Time{} // the read does not stand
		return err
	}
	return nil
}

func (p *userPass) loadPrints(ctx context.Context) error {
	var users int64
	if before := p.run.sync.Previous; before != nil {
		users = before.Users.Int64
	}
	p.users = newRoster(users)
	vouched, err := p.run.sync.Prints(ctx, func(id snapshot.UserID, print store.Print) {
		p.users.put(id, seen{row: print.Row, fingerprint: print.Fingerprint, presence: presenceCode(print.Presence), print: print.RowPrint, shows: print.Shows})
	})
	p.recognizes = vouched
	return err
}

// known is how rows are recognized. A row that is read by another version of the
// program counts as another row: it may read more of it, or differently.
func (p *userPass) known(ctx context.Context) snapshot.KnownRows {
	return snapshot.KnownRows{
		Key: func(form string) ([16]byte, error) { return p.run.sync.RowKey(ctx, p.run.o.Version+"\n"+form) },
		Print: func(id [16]byte) (snapshot.RowPrint, bool) {
			if !p.recognizes {
				return snapshot.RowPrint{}, false
			}
			return p.users.print(id)
		},
		Complete: p.complete,
	}
}

// beginPass forgets what an earlier pass has shown.
func (p *userPass) beginPass() error {
	p.number++
	p.groups = map[snapshot.GroupID]bool{}
	p.counts = Counts{Shown: map[property]int64{}}
	clear(p.assigned)
	return cmp.Or(p.differs.reset(), p.run.spool.Reset())
}

func (p *userPass) page(ctx context.Context, users []snapshot.UserRow) error {
	for i := range users {
		if err := p.user(ctx, &users[i]); err != nil {
			return err
		}
	}
	return nil
}

// user compares one user with what is known, by fingerprint first.
func (p *userPass) user(ctx context.Context, u *snapshot.UserRow) error {
	known := p.users.get(u.ID)
	if u.Unchanged {
		if known.shows == nil {
			return fmt.Errorf("%w: the row of user %s is taken for a known one, and is not known", ErrImplausible, u.ID)
		}
		p.count(*known.shows)
		known.pass = p.number
		p.users.put(u.ID, known)
		return nil
	}
	u.Presence = snapshot.Present
	shows := showsOf(u)
	p.count(shows)
	if u.LicensesAbsent {
		if err := p.silent(ctx, u.ID, known.row); err != nil {
			return err
		}
	}
	known.pass = p.number
	p.users.put(u.ID, known)
	var print *intake.RowPrint
	if u.Print.Size > 0 && !u.LicensesAbsent && shows.Flags&blankRow == 0 { // those are looked at each time
		print = &intake.RowPrint{RowPrint: u.Print, Shows: shows}
	}
	if known.row == 0 {
		return p.add(p.run.comparer.User(nil, u.User), 0, print)
	}
	if known.fingerprint == p.prints.Of(&u.User) {
		if print == nil || known.shows != nil && known.print == print.RowPrint {
			return nil
		}
		return p.run.spool.Add(&snapshot.Delta{ID: u.ID, New: u.User}, known.row, print)
	}
	history, err := p.run.sync.Known(ctx, u.ID, known.row)
	if err != nil {
		return err
	}
	if len(u.Held()) == 0 && u.Enabled == nil && history.Enabled != nil && len(history.Held()) > 0 {
		p.counts.Blanked = u.ID
	}
	return p.add(p.run.comparer.User(history, u.User), known.row, print)
}

// add keeps what differs of a user. row is the user's in the database, 0 for a new
// one; print is of the row that was read, nil for none.
func (p *userPass) add(d snapshot.Delta, row int64, print *intake.RowPrint) error {
	if p.run.sync.Previous == nil {
		d.Changes = nil // I7
		d.Evidence = snapshot.PlanEvidence(&d.New, p.run.catalog)
	}
	if d.Empty() {
		return nil
	}
	if len(d.Changes) > 0 || p.run.sync.Previous != nil && p.rowsMoved(&d) {
		if err := p.differs.add(&d); err != nil {
			return err
		}
	}
	return p.run.spool.Add(&d, row, print)
}

// rowsMoved reports whether rows differ without a change. Those of
// SKUs whose catalog changed are left out: all their dates moved.
func (p *userPass) rowsMoved(d *snapshot.Delta) bool {
	return slices.ContainsFunc(d.Opened, func(opened snapshot.OpenedPath) bool { return !p.run.comparer.CatalogMoved[opened.SKU] })
}

// The flags of a row, as prints keep them. A flag that comes to mean something
// else needs a new number, or prints of before would be misread.
const (
	unlistedRow uint8 = 1 << iota // assignedLicenses lists nothing
	enabledRow                    // accountEnabled is there
	principalRow
	namedRow
	statesRow
	plansRow
	blankRow // neither accountEnabled nor a license
)

// showsOf is what is counted of a row.
func showsOf(u *snapshot.UserRow) intake.RowShows {
	s := intake.RowShows{Held: u.Held()}
	flag := func(f uint8, has bool) {
		if has {
			s.Flags |= f
		}
	}
	explained := false
	for _, p := range u.Paths {
		explained = explained || p.Kind != snapshot.Unknown
		if p.Kind == snapshot.ByGroup && !slices.Contains(s.Groups, p.Group) {
			s.Groups = append(s.Groups, p.Group)
		}
	}
	flag(unlistedRow, u.LicensesEmpty)
	flag(enabledRow, u.Enabled != nil)
	flag(principalRow, u.UPN != "")
	flag(namedRow, u.Name != "")
	flag(statesRow, explained)
	flag(plansRow, len(u.Plans) > 0)
	flag(blankRow, len(s.Held) == 0 && u.Enabled == nil)
	return s
}

// count counts a row, be it decoded or recognized.
func (p *userPass) count(row intake.RowShows) {
	has := func(f uint8) bool { return row.Flags&f != 0 }
	c := &p.counts
	c.Users++
	if len(row.Held) > 0 {
		c.Licensed++
		if has(unlistedRow) {
			c.Unlisted++
		}
	}
	if has(blankRow) {
		c.Blank++
	}
	c.Held += int64(len(row.Held))
	for _, sku := range row.Held {
		p.assigned[sku]++
	}
	for _, id := range row.Groups {
		p.groups[id] = true
	}
	c.show(accountEnabled, has(enabledRow))
	c.show(principalName, has(principalRow))
	c.show(displayName, has(namedRow))
	c.show(assignmentStates, has(statesRow))
	c.show(assignedPlans, has(plansRow))
}

// silent counts a row that says nothing of licenses, and notes one user who
// held some.
func (p *userPass) silent(ctx context.Context, id snapshot.UserID, row int64) error {
	p.counts.Silent++
	if row == 0 || p.counts.Silenced != "" {
		return nil
	}
	history, err := p.run.sync.Known(ctx, id, row)
	if err == nil && len(history.Held()) > 0 {
		p.counts.Silenced = id
	}
	return err
}

// plausible judges the pass as a whole.
func (p *userPass) plausible(ctx context.Context) error {
	if before := p.run.sync.Previous; before != nil && p.passed.ObservedAt.Before(before.ObservedUntil) {
		if before.ObservedUntil.Sub(p.passed.ObservedAt) > snapshot.ClockSlack {
			return fmt.Errorf("%w: Graph's clock says %s, and said %s in the run before", ErrImplausible,
				p.passed.ObservedAt.Format(time.RFC3339), before.ObservedUntil.Format(time.RFC3339))
		}
		p.passed.ObservedAt = before.ObservedUntil
		p.passed.ObservedUntil = latest(p.passed.ObservedUntil, before.ObservedUntil)
	}
	before, err := p.countsBefore(ctx)
	if err != nil {
		return err
	}
	if err := p.countListed(ctx); err != nil {
		return err
	}
	p.counts.SKUs = seatsOf(p.run.skus, p.assigned)
	return p.accept(Judge(before, p.counts, p.run.o.MaxShrink))
}

// accept refuses a read for the reasons found, or records them where they are
// of a kind that may be accepted and have been.
func (p *userPass) accept(found reasons) error {
	if len(found) == 0 {
		return nil
	}
	if !p.run.o.AcceptShrink || errors.Is(found, ErrImplausible) {
		return found
	}
	for _, reason := range found {
		p.run.warn("accepted", "by --accept-shrink: %v", reason)
	}
	return nil
}

// countsBefore are the figures of the run before; nil if there is none.
func (p *userPass) countsBefore(ctx context.Context) (*Counts, error) {
	before := p.run.sync.Previous
	if before == nil {
		return nil, nil
	}
	skus, assigned, err := p.run.sync.Seats(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := p.run.sync.Shown(ctx)
	if err != nil {
		return nil, err
	}
	return &Counts{
		Users: before.Users.Int64, Licensed: before.LicensedUsers.Int64, Held: before.Assignments.Int64, SKUs: seatsOf(skus, assigned),
		Shown: map[property]int64{
			accountEnabled: one(shown.Enabled), principalName: one(shown.UPN), displayName: one(shown.Name),
			assignmentStates: one(shown.Paths), assignedPlans: one(shown.Plans),
		},
	}, nil
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// seatsOf leaves out what cannot be assigned to users.
func seatsOf(skus []snapshot.SKU, assigned map[snapshot.SKUID]int64) map[snapshot.SKUID]Seats {
	seats := make(map[snapshot.SKUID]Seats, len(skus))
	for _, s := range skus {
		if s.AppliesTo != "Company" {
			seats[s.ID] = Seats{PartNumber: s.PartNumber, Holders: assigned[s.ID], Consumed: s.Consumed, Uncounted: s.Uncounted}
		}
	}
	return seats
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

// countListed asks for the service's own count, which is eventually consistent:
// a small difference is honest.
func (p *userPass) countListed(ctx context.Context) error {
	p.counts.Listed = -1
	n, ok, err := p.run.UserCount(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		p.run.warn("user-count", "Graph's own count of users could not be read: %v", err)
	case ok:
		p.counts.Listed = int64(n)
		if p.counts.Listed != p.counts.Users {
			p.run.warn("user-count", "%d users were listed, Graph counts %d; its count may lag behind changes", p.counts.Users, n)
		}
	}
	return nil
}

// readMissing ends what users held who are no longer among the users, and
// learns whether they were deleted.
func (p *userPass) readMissing(ctx context.Context) error {
	if p.run.sync.Previous == nil {
		return nil
	}
	p.run.phase("deleted users")
	if err := p.readDeleted(ctx); err != nil {
		return err
	}
	left, unlisted := p.left()
	if err := p.mustBeGone(ctx, unlisted); err != nil {
		return err
	}
	for _, id := range left {
		_, listed := p.deleted[id]
		if err := p.missing(ctx, id, p.users.get(id).row, listed); err != nil {
			return err
		}
	}
	return nil
}

// left are the users whom the run before had and this pass has not shown, and those of
// them who are not among the deleted either.
func (p *userPass) left() (left, unlisted []snapshot.UserID) {
	for _, id := range p.users.missing(p.number) {
		known := p.users.get(id)
		_, listed := p.deleted[id]
		if known.presence == presenceCode(snapshot.Deleted) || known.presence == presenceCode(snapshot.Gone) && !listed {
			continue
		}
		if left = append(left, id); !listed {
			unlisted = append(unlisted, id)
		}
	}
	return left, unlisted
}

// complete refuses a pass in partitions in which a known user is missing who may be
// there: whoever was not shown must be among the deleted, or not be found by himself.
func (p *userPass) complete(ctx context.Context) error {
	if p.run.sync.Previous == nil {
		return nil
	}
	rows, err := p.run.DeletedUsers(ctx)
	if err != nil {
		return err
	}
	p.noteDeleted(rows)
	_, missing := p.left()
	restored, err := p.mayBeRestored(ctx)
	if err != nil {
		return err
	}
	if missing = append(missing, restored...); len(missing) > maxLookups {
		return fmt.Errorf("%d known users are neither listed nor among the deleted: too many to look up", len(missing))
	}
	exist, errs := p.run.UsersExist(ctx, missing)
	if i := slices.Index(exist, true); i >= 0 {
		return fmt.Errorf("user %s exists, and was not listed", missing[i])
	}
	return cmp.Or(errs...)
}

// mayBeRestored are the users who were deleted in the run before and are not among the
// deleted any more, as far as only an index shows them that lags behind: those without
// createdDateTime.
func (p *userPass) mayBeRestored(ctx context.Context) (users []snapshot.UserID, err error) {
	for _, id := range p.users.missing(p.number) {
		known := p.users.get(id)
		if _, listed := p.deleted[id]; listed || known.presence != presenceCode(snapshot.Deleted) {
			continue
		}
		history, err := p.run.sync.Known(ctx, id, known.row)
		if err != nil {
			return nil, err
		}
		if history.CreatedAt == nil {
			users = append(users, id)
		}
	}
	return users, nil
}

// maxLookups bounds how many missing users are looked up one by one. Where more
// are missing at once, the others are assumed to be gone too.
const maxLookups = 100

// mustBeGone refuses the read when a user who is in no list exists all the
// same: then the list has lost rows, and nobody's license may be ended by it.
func (p *userPass) mustBeGone(ctx context.Context, ids []snapshot.UserID) error {
	ids = ids[:min(len(ids), maxLookups)]
	exist, errs := p.run.UsersExist(ctx, ids)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if i := slices.Index(exist, true); i >= 0 {
		p.passed.ObservedUntil = time.Time{} // the read does not stand
		return fmt.Errorf("%w: user %s exists, and was not listed", ErrImplausible, ids[i])
	}
	if err := cmp.Or(errs...); err != nil {
		p.run.warn("missing-users", "users who are no longer listed could not be looked up: %v", err)
	}
	return nil
}

func (p *userPass) readDeleted(ctx context.Context) error {
	rows, err := p.run.DeletedUsers(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		p.run.warn("deleted-users", "deleted users could not be read, so that a user who is missing cannot be distinguished from one who was deleted: %v", err)
	}
	p.noteDeleted(rows)
	return nil
}

func (p *userPass) noteDeleted(rows []snapshot.DeletedUser) {
	p.deleted = make(map[snapshot.UserID]snapshot.DeletedUser, len(rows))
	for _, d := range rows {
		p.deleted[d.ID] = d
	}
}

// missing compares a user with nothing: what the deleted object still lists is
// not held.
func (p *userPass) missing(ctx context.Context, id snapshot.UserID, row int64, listed bool) error {
	history, err := p.run.sync.Known(ctx, id, row)
	if err != nil {
		return err
	}
	now := snapshot.User{ID: id, Attributes: history.Attributes, Presence: snapshot.Gone}
	if listed {
		now.Presence, now.DeletedAt = snapshot.Deleted, p.deleted[id].DeletedAt
	}
	return p.add(p.run.comparer.User(history, now), row, nil)
}

// readGroups reads the groups that give licenses now or gave them before. One
// that cannot be read stays as it was last read (I11).
func (t *run) readGroups(ctx context.Context) error {
	t.phase("groups")
	known, err := t.sync.Groups(ctx)
	if err != nil {
		return err
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
	ids := mapKeys(t.groups)
	read, errs := t.Groups(ctx, ids)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, id := range ids {
		g, err := read[i], errs[i]
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
	return nil
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
