package track

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// AuditReader reads the tenant's audit log.
type AuditReader interface {
	// DirectoryAudits delivers each record that matches, and calls restart when what
	// it delivered must be forgotten.
	DirectoryAudits(ctx context.Context, q snapshot.AuditQuery, page func([]snapshot.LogRecord) error, restart func() error) error
}

// activities are asked for one by one: an or over names is not documented.
// "Update user" is not among them: in tenants with directory synchronization
// it is nearly all noise, and it cannot be filtered by what was updated.
var activities = []snapshot.AuditQuery{
	{Activity: "Change user license"},
	{Activity: "Set group license"},
	{Activity: "Start applying group based license", Prefix: true},
	{Activity: "Finish applying group based license", Prefix: true},
	{Activity: "Trigger group license recalculation"},
	{Activity: "Add member to group"},
	{Activity: "Remove member from group"},
	{Activity: "Update group"},
	{Activity: "Add group"},
	{Activity: "Add user"},
	{Activity: "Delete user"},
	{Activity: "Hard Delete user"},
	{Activity: "Restore user"},
}

const (
	updateUser = "Update user"
	// overlap is read again: records may come a day late, support staff say.
	overlap = 48 * time.Hour
	// reachPremium and reachFree are how long Microsoft keeps directory audit
	// records with and without Entra ID P1 or P2.
	reachPremium = 30 * 24 * time.Hour
	reachFree    = 7 * 24 * time.Hour
	// context is how long before a change its trigger may lie: group-based
	// licensing follows a change of membership within a day.
	contextSpan = 24 * time.Hour
	// clockSlack is read beyond the end of the snapshot, whose clock counts
	// whole seconds and may be behind the log's.
	clockSlack = 5 * time.Minute
	// maxNarrow is the number of users above which all of "Update user" is
	// read at once: one page of 999 then costs less than asking for each.
	maxNarrow = 100
)

// Kept is how long Microsoft surely keeps what a source can read, with Entra ID P1
// or P2 in the tenant or without; 0 for what is not read but imported.
func Kept(source snapshot.Source, premium bool) time.Duration {
	switch {
	case source == snapshot.SourceGraph && premium:
		return reachPremium
	case source == snapshot.SourceGraph:
		return reachFree
	case source == snapshot.SourcePurview:
		return searchSure
	case source == snapshot.SourceUnified:
		return feedKept
	}
	return 0
}

// fetchAudit reads the logs that were chosen. One that cannot be read does not
// stop the run: coverage says why.
func (t *run) fetchAudit(ctx context.Context) error {
	for _, log := range []struct {
		phase string
		ask   bool
		fetch func(context.Context) error
	}{
		{"audit log", t.o.Audit != nil, newGraphLog(t).read},
		{"Purview audit search", t.o.Search != nil, t.fetchSearches},
		{"Management Activity API", t.o.Feed != nil || t.o.NoFeed != nil, t.fetchFeed},
	} {
		if !log.ask {
			continue
		}
		t.phase(log.phase)
		if err := log.fetch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tooLate says why a time does not count as read of which the log still had records.
const tooLate = "the log is sure to keep records for 7 days only, 30 with Entra ID P1 or P2; what there was is in the archive"

// graphLog is a read of Entra's log through Graph: whose licenses, and which groups',
// its records are about decides which of them are kept.
type graphLog struct {
	run        *run
	held       int                       // bytes of the records in memory
	unreadable int                       // records without an id, a time or an activity
	vague      map[snapshot.UserID]bool  // named by license events without details
	members    map[snapshot.UserID]bool  // joined or left a group that gives licenses
	licensing  map[snapshot.UserID]bool  // named by records of licenses
	groupsSet  map[snapshot.GroupID]bool // whose licenses a record says were set
	aside      []snapshot.RawEvent       // of memberships of groups that no user's row names
	changed    map[snapshot.UserID]bool  // whom the run found to differ
	dropped    map[snapshot.UserID]bool  // whose records of such memberships were too many to be put aside
	fetched    map[copyKey]bool          // copies of records that are kept
	late       snapshot.Window           // not covered, and no longer sure to be in the log
	lateStored int                       // of what is in the archive already, records of that time
}

func newGraphLog(t *run) *graphLog {
	l := &graphLog{run: t, fetched: map[copyKey]bool{}, vague: map[snapshot.UserID]bool{}, members: map[snapshot.UserID]bool{},
		licensing: map[snapshot.UserID]bool{}, groupsSet: map[snapshot.GroupID]bool{}, changed: map[snapshot.UserID]bool{}, dropped: map[snapshot.UserID]bool{}}
	for _, d := range t.differs.list {
		l.changed[d.id] = true
	}
	return l
}

// matters reports whether a user has changes, or records of licenses as far as they
// are read: those of licenses come before those of memberships.
func (l *graphLog) matters(id snapshot.UserID) bool { return l.changed[id] || l.licensing[id] }

// read reads what the log has since it was last read. As read counts no more than
// what was asked for, of every activity, and answered in full.
func (l *graphLog) read(ctx context.Context) error {
	stretches, err := l.run.sync.Coverage(ctx)
	if err != nil {
		return err
	}
	w := l.auditSpan(stretches)
	if l.late, err = l.lateSpan(ctx, w.covered); err != nil {
		return err
	}
	err = l.fetchActivities(ctx, w.asked)
	if err == nil {
		err = l.fetchUpdates(ctx, w)
	}
	if err == nil {
		err = l.keepMemberships(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errStore) {
		return err
	}
	c := snapshot.Coverage{Source: snapshot.SourceGraph, From: latest(w.asked.NotBefore, l.sure(l.run.o.Now())), To: l.run.passed.ObservedUntil, Complete: true}
	if err != nil {
		c.Complete, c.Why = false, err.Error()
		l.run.warn("audit-log", "the audit log could not be read, so that who made changes may stay unknown: %v", err)
	}
	if l.unreadable > 0 && c.Complete {
		c.Complete, c.Why = false, fmt.Sprintf("%d records have no id, no time or no activity", l.unreadable)
		l.run.warn("audit-log", "the audit log was not read in full: %s; they may be what a change rests on", c.Why)
	}
	if n := l.leftOut(); n > 0 && c.Complete {
		c.Complete, c.Why = false, fmt.Sprintf("of %d users with changes, records of memberships in groups of which nothing is known were left out: a run looks at %d", n, maxAside)
		l.run.warn("audit-log", "the audit log was not read in full: %s; they may be what a change rests on", c.Why)
	}
	l.run.licensing = l.licensing
	c.Events = int64(len(l.run.events) + l.run.spilled)
	if n := int64(l.countLate()); n > 0 { // so that the runs of that time are attributed again
		c.Events -= n
		l.run.coverage = append(l.run.coverage, snapshot.Coverage{Source: c.Source, From: l.late.NotBefore, To: c.From, Events: n, Why: tooLate})
	}
	l.run.coverage = append(l.run.coverage, c)
	return nil
}

// auditSpan is what a run asks of the log.
type auditSpan struct {
	asked   snapshot.Window
	covered time.Time // what is read already ends here; zero when nothing is
}

// auditSpan begins at the end of what is covered, less the overlap: also where that is
// longer ago than the log is sure to reach back, since older records may be there all
// the same. What somebody imported does not keep the run from reading for itself.
func (l *graphLog) auditSpan(stretches []snapshot.Coverage) auditSpan {
	until := l.run.passed.ObservedUntil
	var covered time.Time
	for _, c := range stretches {
		if c.Complete && !c.Imported && c.Source == snapshot.SourceGraph {
			covered = latest(covered, c.To)
		}
	}
	from := latest(covered.Add(-overlap), until.Add(-reachPremium))
	return auditSpan{asked: snapshot.Window{NotBefore: from, NotAfter: until.Add(clockSlack)}, covered: covered}
}

// sure is the time from which on the log surely has all records at a time of our
// clock, to the minute. How far it reaches back is proven by the tenant's plans or
// assumed to be the shorter time. Plans that are newer than that do not bring back
// what was forgotten before.
func (l *graphLog) sure(at time.Time) time.Time {
	return reachesTo(l.run.passed.ObservedUntil.Add(max(0, at.Sub(l.run.passedAt)).Truncate(time.Minute)), l.run.premium, l.run.premiumSince)
}

// reachesTo is the time from which on the log has all records at a time. since is
// when the tenant got the plans with which it is kept for longer; zero: not known.
func reachesTo(at time.Time, premium bool, since time.Time) time.Time {
	switch {
	case !premium:
		return at.Add(-reachFree)
	case since.IsZero():
		return at.Add(-reachPremium)
	}
	return earliest(latest(at.Add(-reachPremium), since.Add(-reachFree)), at.Add(-reachFree))
}

// lateSpan is the time since earlier runs that is not covered and that the log is not
// sure to have any more.
func (l *graphLog) lateSpan(ctx context.Context, covered time.Time) (snapshot.Window, error) {
	if l.run.sync.Previous == nil {
		return snapshot.Window{}, nil
	}
	if covered.IsZero() {
		h, err := l.run.db.History(ctx)
		if err != nil {
			return snapshot.Window{}, err
		}
		defer h.Close()
		covered = h.First.ObservedAt
	}
	return snapshot.Window{NotBefore: covered, NotAfter: l.sure(l.run.passedAt)}, nil
}

// countLate counts the records of that time.
func (l *graphLog) countLate() int {
	n := l.lateStored
	for i := range l.run.events {
		if at := l.run.events[i].At; !at.Before(l.late.NotBefore) && at.Before(l.late.NotAfter) {
			n++
		}
	}
	return n
}

func (l *graphLog) fetchActivities(ctx context.Context, asked snapshot.Window) error {
	for _, q := range activities {
		q.From, q.To = asked.NotBefore, asked.NotAfter
		if err := l.fetch(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q.Activity, err)
		}
	}
	return nil
}

// fetch reads one query to its end. What it reads is kept until the run is
// committed, and only then is the time taken for read.
func (l *graphLog) fetch(ctx context.Context, q snapshot.AuditQuery) error {
	var got []snapshot.RawEvent
	size := 0
	err := l.run.o.Audit.DirectoryAudits(ctx, q, func(records []snapshot.LogRecord) error {
		for _, r := range records {
			e, err := audit.Describe(snapshot.SourceGraph, r.Raw)
			if err != nil || audit.Normalize(e.Activity) == "" {
				l.unreadable++
				continue
			}
			got, size = append(got, e), size+len(r.Raw)
		}
		if size < maxHeld {
			return nil
		}
		l.keep(got)
		got, size = nil, 0
		if err := l.spill(ctx); err != nil {
			return err
		}
		return endless(l.run.spilled)
	}, func() error {
		got, size = nil, 0
		return nil
	})
	if err != nil {
		return err
	}
	l.keep(got)
	if l.held < maxHeld {
		return nil
	}
	return l.spill(ctx)
}

// keep takes the records that matter.
func (l *graphLog) keep(got []snapshot.RawEvent) {
	for _, e := range got {
		switch key := keyOfCopy(&e); {
		case l.fetched[key]:
		case l.run.relevant(&e):
			l.fetched[key] = true
			l.run.events, l.held = append(l.run.events, e), l.held+len(e.Raw)
			l.note(&e)
		case e.Target != "" && isMembership(audit.Normalize(e.Activity)):
			l.putAside(e)
		}
	}
}

// putAside keeps a record of a membership until it is known whose licenses changed.
// Half of the room is for users who have no changes yet, since few of them will.
func (l *graphLog) putAside(e snapshot.RawEvent) {
	id, room := snapshot.UserID(e.Target), maxAside/2
	if l.matters(id) {
		room = maxAside
	}
	if len(l.aside) >= room {
		l.dropped[id] = true
		return
	}
	l.aside = append(l.aside, e)
}

// leftOut counts the users whose changes may rest on records that were dropped.
func (l *graphLog) leftOut() (n int) {
	if l.run.sync.Previous == nil {
		return 0
	}
	for id := range l.dropped {
		if l.matters(id) {
			n++
		}
	}
	return n
}

// note keeps in mind whose licenses, and which groups', a record is about.
func (l *graphLog) note(raw *snapshot.RawEvent) {
	switch e, err := audit.Decode(*raw); {
	case err != nil:
	case e.Activity == snapshot.SetGroupLicense:
		l.groupsSet[e.Group] = true
	case isMembership(e.Activity):
		l.members[e.Target] = true
	case e.License != nil || e.LicenseTouched || e.Activity == snapshot.ChangeUserLicense:
		l.licensing[e.Target] = true
		if e.Target != "" && e.Activity == snapshot.ChangeUserLicense && e.Success && e.License == nil && e.Part == nil {
			l.vague[e.Target] = true
		}
	}
}

func isMembership(a snapshot.Activity) bool {
	return a == snapshot.AddMember || a == snapshot.RemoveMember
}

const (
	// maxAside bounds how many records of memberships are kept until it is known
	// whose licenses changed.
	maxAside = 50_000
	// maxGroupReads bounds how many groups are read because a record names them.
	maxGroupReads = 200
)

// keepMemberships keeps the membership records of users with changes or records of
// licenses, of groups that no user's row has named: a group may have given a
// license for the first time, or only between two snapshots. Each such group is
// read once; of one that gives nothing, and whose licenses nobody set, nothing is
// kept. Of groups that are too many to be read everything is kept: each may give any
// license.
func (l *graphLog) keepMemberships(ctx context.Context) error {
	if l.run.sync.Previous == nil {
		return nil
	}
	of := map[snapshot.GroupID][]snapshot.RawEvent{}
	for _, raw := range l.aside {
		if e, err := audit.Decode(raw); err == nil && l.matters(e.Target) && e.Group != "" {
			of[e.Group] = append(of[e.Group], raw)
		}
	}
	ids, unread := groupsToRead(mapKeys(of), l.groupsSet, maxGroupReads)
	if len(unread) > 0 {
		l.run.warn("membership-groups", "membership records name %d groups of which nothing is known; %d were read, and the others may have given any license", len(ids)+len(unread), len(ids))
	}
	read, errs := l.run.Groups(ctx, ids)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, id := range ids {
		g, err := read[i], errs[i]
		if err == nil && !g.Gone && len(g.Licenses) == 0 && !l.groupsSet[id] {
			continue
		}
		if err == nil {
			l.run.groups[id] = true
			l.run.groupsRead = append(l.run.groupsRead, g)
		}
		l.keepAside(of[id])
	}
	for _, id := range unread {
		l.keepAside(of[id])
	}
	return nil
}

// keepAside takes records that were put aside to those of the run.
func (l *graphLog) keepAside(records []snapshot.RawEvent) {
	for _, raw := range records {
		l.fetched[keyOfCopy(&raw)] = true
		l.run.events, l.held = append(l.run.events, raw), l.held+len(raw.Raw)
	}
}

// groupsToRead says which of groups a run reads, so many at most: first those whose
// licenses a record says were set.
func groupsToRead(ids []snapshot.GroupID, set map[snapshot.GroupID]bool, most int) (read, unread []snapshot.GroupID) {
	slices.SortStableFunc(ids, func(x, y snapshot.GroupID) int {
		switch {
		case set[x] == set[y]:
			return 0
		case set[x]:
			return -1
		}
		return 1
	})
	n := min(len(ids), most)
	return ids[:n], ids[n:]
}

const (
	// maxHeld bounds the bytes of records in memory. A log may have hundreds of
	// megabytes for one run.
	maxHeld = 16 << 20
	// maxRecords bounds the records that matter of one read of a log: changes are
	// explained from all of them at once, at some 2 KB of memory each.
	maxRecords = 400_000
)

// endless fails a read of a log that has more records than a run can look at.
func endless(records int) error {
	if records > maxRecords {
		return fmt.Errorf("the log has over %d records that matter for one run", maxRecords)
	}
	return nil
}

// spill takes what was read of the log to the archive, where it is found as what
// earlier runs have read is: records are evidence whatever becomes of the run.
func (l *graphLog) spill(ctx context.Context) error {
	err := l.run.sync.Archive(ctx, store.Archived{Events: l.run.events, Fuller: audit.Fuller})
	l.run.spilled, l.lateStored = l.run.spilled+len(l.run.events), l.countLate()
	l.run.events, l.held = nil, 0
	return stored(err)
}

// copyKey distinguishes copies of a record that differ. It is a hash: a log may have
// a million records.
type copyKey [16]byte

func keyOfCopy(e *snapshot.RawEvent) copyKey { return hashOf(e.ID, string(e.Raw)) }

// hashOf is a hash of texts.
func hashOf(texts ...string) copyKey {
	sum := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(sum, "%d:%s", len(text), text)
	}
	return copyKey(sum.Sum(nil)[:len(copyKey{})])
}

// relevant reports whether a record belongs in the archive.
func (t *run) relevant(raw *snapshot.RawEvent) bool {
	switch audit.Normalize(raw.Activity) {
	case snapshot.AddMember, snapshot.RemoveMember, snapshot.UpdateGroup, snapshot.AddGroup, snapshot.UpdateUser:
	default:
		return true
	}
	e, err := audit.Decode(*raw)
	return err != nil || whyIgnored(&e, t.groups, t.editsOf) == ""
}

// Why a record is not archived.
const (
	otherActivity = "not about licenses, users or groups"
	otherGroup    = "about a group that gives no license"
	otherUpdate   = "an edit of a user that touches no license"
)

// whyIgnored keeps the archive to what licensing is about: of memberships and
// group edits only those of groups that give licenses, of edits to users only
// those that touch licenses or a user whose licenses changed. It is "" for a
// record that belongs there.
func whyIgnored(e *snapshot.Event, groups map[snapshot.GroupID]bool, changed map[snapshot.UserID]bool) string {
	switch {
	case !concerned[e.Activity]:
		return otherActivity
	case e.Activity == snapshot.UpdateUser:
		if e.License == nil && e.Part == nil && !e.LicenseTouched && !changed[e.Target] {
			return otherUpdate
		}
	case slices.Contains(ofGroups, e.Activity) && !groups[e.Group]:
		return otherGroup
	}
	return ""
}

// ofGroups are the activities that matter only for groups that give licenses.
var ofGroups = []snapshot.Activity{snapshot.AddMember, snapshot.RemoveMember, snapshot.UpdateGroup, snapshot.AddGroup, snapshot.DeleteGroup}

// concerned has the activities that are archived.
var concerned = map[snapshot.Activity]bool{
	snapshot.ChangeUserLicense: true, snapshot.UpdateUser: true, snapshot.AddUser: true,
	snapshot.DeleteUser: true, snapshot.HardDeleteUser: true, snapshot.RestoreUser: true,
	snapshot.SetGroupLicense: true, snapshot.StartGroupLicense: true, snapshot.FinishGroupLicense: true, snapshot.TriggerGroupLicense: true,
	snapshot.AddMember: true, snapshot.RemoveMember: true, snapshot.UpdateGroup: true, snapshot.AddGroup: true, snapshot.DeleteGroup: true,
}

// fetchUpdates reads "Update user" where it may matter: for users whose
// licenses differ, and for license changes whose details are elsewhere.
func (l *graphLog) fetchUpdates(ctx context.Context, w auditSpan) error {
	users, err := l.changedUsers(ctx, w)
	if err != nil {
		return err
	}
	l.run.editsOf = make(map[snapshot.UserID]bool, len(users))
	for _, id := range users {
		l.run.editsOf[id] = true
	}
	if len(users) > maxNarrow && l.run.sync.Previous == nil {
		return nil // no change is to be explained yet, and the rows' own dates are nearly as good
	}
	if len(users) > maxNarrow {
		return l.fetch(ctx, snapshot.AuditQuery{Activity: updateUser, From: w.asked.NotBefore, To: w.asked.NotAfter})
	}
	for _, id := range users {
		if err := l.fetch(ctx, snapshot.AuditQuery{Activity: updateUser, From: w.asked.NotBefore, To: w.asked.NotAfter, Target: id}); err != nil {
			return fmt.Errorf("%s: %w", updateUser, err)
		}
	}
	return nil
}

// changedUsers are those with a change in this run, and those whom a license
// event without details names, sorted. Where the log is read of the time of earlier
// runs, which did not read it, the users whose licenses they saw change are among
// them. Others are added as long as few are asked for one by one: those who joined
// or left a group, whose licenses may have come and gone, and those of whose changes
// the log of the run before had nothing, which may be late.
func (l *graphLog) changedUsers(ctx context.Context, w auditSpan) ([]snapshot.UserID, error) {
	users, others := make(map[snapshot.UserID]bool), maps.Clone(l.members)
	for _, id := range l.run.differs.changed() {
		users[id] = true
	}
	maps.Copy(users, l.vague)
	if l.run.sync.Previous == nil {
		return mapKeys(users), nil
	}
	unread := w.covered.Before(l.run.sync.Previous.ObservedUntil)
	h, err := l.run.db.History(ctx)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	for ch, err := range h.Changes(ctx, store.ChangeFilter{Since: w.asked.NotBefore}) {
		switch {
		case err != nil:
			return nil, err
		case ch.User == "":
		case unread:
			users[ch.User] = true
		case len(ch.Attribution.Evidence) == 0:
			others[ch.User] = true
		}
	}
	maps.Copy(others, users)
	if len(others) <= maxNarrow {
		return mapKeys(others), nil
	}
	return mapKeys(users), nil
}

// bundles decodes the archive of a stretch of time, with what was just fetched, and
// puts the records of each operation together.
func (t *run) bundles(ctx context.Context, w snapshot.Window) ([]snapshot.Bundle, error) {
	events := make([]snapshot.Event, 0, len(t.events))
	have := make(map[diff.EventRefKey]int, len(t.events))
	add := func(raw *snapshot.RawEvent) {
		key := diff.EventRefKey{Source: raw.Source, ID: raw.ID}
		fullness, known := have[key]
		if len(raw.Raw) == 0 { // erased on purpose
			return
		}
		e, err := audit.Decode(*raw)
		if err != nil {
			return // nothing is archived that has no time and no activity
		}
		if now := audit.Fullness(&e); !known || now > fullness {
			have[key] = now
			events = append(events, e)
		}
	}
	for raw, err := range t.archive(ctx, store.EventFilter{From: w.NotBefore, To: w.NotAfter}) {
		if err != nil {
			return nil, err
		}
		add(raw)
	}
	for raw := range t.within(w) {
		add(raw)
	}
	return audit.Bundles(events), nil
}
