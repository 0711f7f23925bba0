package audit

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

const (
	// correlationSpan is how far apart records of one correlation id may lie and still be
	// joined. Measured on 417 events: those of one InterSystemsId lie within 0 to 6 s, with
	// one exception of 208 s.
	correlationSpan = 10 * time.Second
	// nearSpan is the same for records without a correlation id.
	nearSpan = 2 * time.Second
)

// Bundles puts together the events that describe one operation on one target.
// Each event is in exactly one bundle, whatever it is about. The result is in
// order of time and depends on neither the order of the events nor on copies.
//
// The parts of a chunked record are joined by their part id. Change user
// license, Update user and Add user are joined by target and correlation
// within 10 s. Where a record has no correlation they are joined by target and
// actor within 2 s; so are the two records of one operation in two logs. A
// failed operation is never joined with one that succeeded.
func Bundles(events []snapshot.Event) []snapshot.Bundle {
	var keys []subject
	bySubject := make(map[subject][]*record)
	for _, r := range records(unique(events)) {
		s := subjectOf(r)
		if bySubject[s] == nil {
			keys = append(keys, s)
		}
		bySubject[s] = append(bySubject[s], r)
	}
	var bundles []snapshot.Bundle
	for _, s := range keys {
		for _, op := range operations(bySubject[s]) {
			bundles = append(bundles, op.bundle())
		}
	}
	slices.SortFunc(bundles, func(a, b snapshot.Bundle) int {
		return cmp.Or(a.At.Compare(b.At), compareEvents(a.Events[0], b.Events[0]))
	})
	return bundles
}

// Evidence reports whether a bundle may explain a change: it did not fail, it
// was not a no-op, and it is not about a device.
func Evidence(b *snapshot.Bundle) bool {
	isDevice := slices.ContainsFunc(b.Events, func(e *snapshot.Event) bool {
		return strings.EqualFold(e.TargetKind, "Device")
	})
	return !b.Failed && !b.NoOp && !isDevice
}

// unique returns copies of the events, each (source, id) once, in order. Of
// copies that differ it keeps the one that says more.
func unique(events []snapshot.Event) []*snapshot.Event {
	type key struct {
		source snapshot.Source
		id     string
	}
	seen := make(map[key]*snapshot.Event, len(events))
	for _, e := range events {
		k := key{e.Source, e.ID}
		if old := seen[k]; old == nil || saysMore(&e, old) {
			seen[k] = &e
		}
	}
	list := make([]*snapshot.Event, 0, len(seen))
	for _, e := range seen {
		list = append(list, e)
	}
	slices.SortFunc(list, compareEvents)
	return list
}

// Fullness counts the facts that a record states for certain. Of two copies of a record,
// the one with the greater number is the fuller one.
func Fullness(e *snapshot.Event) int {
	n := 0
	for _, known := range []bool{e.Success, e.Actor.Known(), e.Actor.ID != "", e.Target != "", e.TargetUPN != "", e.Group != "", e.GroupSKUs != nil,
		e.License != nil, len(e.Updated) > 0, e.Part != nil && e.Part.Body != "", e.Correlation != "", e.Resolution <= time.Second} {
		if known {
			n++
		}
	}
	if d := e.License; d != nil {
		for _, whole := range []bool{d.OldKnown, d.NewKnown, d.Complete} {
			if whole {
				n += 4 // a complete side outweighs all that another copy may have instead
			}
		}
	}
	return n
}

// Fuller reports whether a copy of a record says more than another. One that
// cannot be read says nothing.
func Fuller(copy, than *snapshot.RawEvent) bool {
	fullness := func(raw *snapshot.RawEvent) int {
		e, err := Decode(*raw)
		if err != nil {
			return -1
		}
		return Fullness(&e)
	}
	return fullness(copy) > fullness(than)
}

func saysMore(a, b *snapshot.Event) bool {
	if x, y := Fullness(a), Fullness(b); x != y {
		return x > y
	}
	if a.Resolution != b.Resolution {
		return a.Resolution < b.Resolution
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	if errX != nil || errY != nil {
		return errX == nil
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(string(x), string(y))) > 0
}

func compareEvents(a, b *snapshot.Event) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source, b.Source))
}

// subject is what two records must share to be joined at all.
type subject struct {
	family  snapshot.Activity // the same for the three activities that report license changes
	user    string            // object id, or a principal name where there is none
	group   snapshot.GroupID
	success bool
	alone   *record // set when it is not known what the record is about, so that it is joined with no other
}

func subjectOf(r *record) subject {
	e := r.lead
	s := subject{family: e.Activity, user: string(e.Target), success: e.Success}
	if isLicensing(e.Activity) {
		s.family = snapshot.ChangeUserLicense
	}
	if s.user == "" && e.TargetUPN != "" {
		s.user = "upn " + strings.ToLower(e.TargetUPN)
	}
	isMembership := e.Activity == snapshot.AddMember || e.Activity == snapshot.RemoveMember
	if isMembership || s.user == "" {
		s.group = e.Group
	}
	if s.user == "" && (s.group == "" || isMembership) {
		s.alone = r // for instance a device, whose id is not kept
	}
	return s
}

func isLicensing(a snapshot.Activity) bool {
	return a == snapshot.ChangeUserLicense || a == snapshot.UpdateUser || a == snapshot.AddUser
}

// operation is the records of one operation, sorted.
type operation []*record

// operations joins records of one subject, the surest links first. Records
// whose details contradict each other are joined only if a correlation id
// leaves no choice; the bundle is then incomplete.
func operations(records []*record) []operation {
	j := &joiner{records: records, ops: make([]operation, len(records)), home: make([]int, len(records))}
	for i, r := range records {
		j.ops[i], j.home[i] = operation{r}, i
	}
	j.join(correlated, mergeable)
	j.join(near, mergeable)
	j.join(correlated, compatible)
	return slices.DeleteFunc(j.ops, func(o operation) bool { return len(o) == 0 })
}

// joiner joins records into operations, step by step.
type joiner struct {
	records []*record   // sorted
	ops     []operation // as many as records; emptied when joined to another
	home    []int       // record → index in ops
}

// link is a pair of records that may belong together.
type link struct {
	a, b int
	gap  time.Duration
}

// join joins the operations of every two records that are linked, the nearest
// first, if all records of both fit.
func (j *joiner) join(linked, fit func(a, b *record) bool) {
	for _, l := range j.links(linked) {
		a, b := j.home[l.a], j.home[l.b]
		if a == b || !j.ops[a].fits(j.ops[b], fit) {
			continue
		}
		a, b = min(a, b), max(a, b)
		j.ops[a] = append(j.ops[a], j.ops[b]...)
		j.ops[b] = nil
		for i, h := range j.home {
			if h == b {
				j.home[i] = a
			}
		}
	}
}

func (j *joiner) links(linked func(a, b *record) bool) []link {
	var list []link
	for a, r := range j.records {
		for b := a + 1; b < len(j.records) && gap(r, j.records[b]) <= correlationSpan; b++ {
			if linked(r, j.records[b]) {
				list = append(list, link{a, b, gap(r, j.records[b])})
			}
		}
	}
	slices.SortFunc(list, func(x, y link) int {
		return cmp.Or(cmp.Compare(x.gap, y.gap), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
	return list
}

// gap is the least time between a record and a later one, given that some
// logs cut off fractions of a second, and some tables the seconds.
func gap(a, b *record) time.Duration {
	end := a.at().Add(max(0, a.events[0].Resolution-1))
	return max(0, b.at().Sub(end))
}

// apart is the gap between two records, whichever is the earlier.
func apart(a, b *record) time.Duration {
	if b.at().Before(a.at()) {
		a, b = b, a
	}
	return gap(a, b)
}

// fits reports whether two operations can be one.
func (o operation) fits(p operation, fit func(a, b *record) bool) bool {
	for _, a := range o {
		for _, b := range p {
			if apart(a, b) > correlationSpan || !fit(a, b) {
				return false
			}
		}
	}
	return true
}

// correlated links records of one correlation id: Graph's correlationId,
// which is the unified log's InterSystemsId.
func correlated(a, b *record) bool {
	return a.lead.Correlation != "" && a.lead.Correlation == b.lead.Correlation && apart(a, b) <= correlationSpan
}

// uncorrelated reports whether two records of one log have correlation ids that
// differ. Ids of different logs may differ for one operation.
func uncorrelated(a, b *record) bool {
	x, y := a.lead, b.lead
	return x.Correlation != "" && y.Correlation != "" && x.Correlation != y.Correlation && isUnified(x.Source) == isUnified(y.Source)
}

// isUnified reports whether a source has records of the unified log; all others
// have those of the directory's.
func isUnified(s snapshot.Source) bool {
	return s == snapshot.SourceUnified || s == snapshot.SourcePurview
}

// near links records by actor and time, which with the same target is enough
// in two cases: a correlation id is lacking, or they are the same operation
// in two logs.
func near(a, b *record) bool {
	if apart(a, b) > nearSpan || uncorrelated(a, b) || !sameActor(a.lead.Actor, b.lead.Actor) {
		return false
	}
	if a.lead.Activity == b.lead.Activity {
		return !a.sharesSource(b)
	}
	return (a.lead.Correlation == "" || b.lead.Correlation == "") && a.aboutLicenses() && b.aboutLicenses()
}

// aboutLicenses reports whether a record is about licenses, or may be: most Update user
// records are not.
func (r *record) aboutLicenses() bool {
	e := r.lead
	return e.Activity != snapshot.UpdateUser || e.License != nil || e.LicenseTouched || e.Part != nil
}

// sameActor compares by object id, and by names only where ids are lacking.
func sameActor(a, b snapshot.Actor) bool {
	switch {
	case a.ID != "" && b.ID != "":
		return a.ID == b.ID
	case a.AppID != "" && b.AppID != "":
		return a.AppID == b.AppID
	case a.UPN != "" && b.UPN != "":
		return strings.EqualFold(a.UPN, b.UPN)
	case a.Name != "" && b.Name != "":
		return strings.EqualFold(a.Name, b.Name)
	}
	return !a.Known() && !b.Known()
}

// compatible reports whether one operation can have written both records. One
// log has an activity once, but for copies under one correlation id.
func compatible(a, b *record) bool {
	again := a.lead.Activity == b.lead.Activity && a.sharesSource(b)
	return !again || isLicensing(a.lead.Activity) && correlated(a, b) && agree(a, b)
}

// mergeable reports whether the records are compatible and agree.
func mergeable(a, b *record) bool { return compatible(a, b) && agree(a, b) }

// agree reports whether two records' details do not contradict each other.
func agree(a, b *record) bool {
	if x, y := a.lead.GroupSKUs, b.lead.GroupSKUs; x != nil && y != nil {
		return sameSet(x.Old, y.Old) && sameSet(x.New, y.New)
	}
	_, ok := mergeDetails(a.lead.License, b.lead.License)
	return ok
}

// bundle sums up the operation.
func (o operation) bundle() snapshot.Bundle {
	lead := o.leader()
	b := snapshot.Bundle{Activity: lead.Activity, At: o.at(lead), Target: lead.Target, Actor: o.actor(lead), Failed: !lead.Success}
	for _, r := range o {
		b.Events = append(b.Events, r.events...)
	}
	slices.SortFunc(b.Events, compareEvents)
	detail, ok := o.detail()
	b.License = detail
	b.Incomplete = !ok || detail == nil && o.expectsDetail() || detail != nil && !detail.Complete
	b.NoOp = !b.Incomplete && !b.Failed && o.isNoOp(lead, detail)
	return b
}

func (o operation) isNoOp(lead *snapshot.Event, d *snapshot.LicenseDetail) bool {
	if g := lead.GroupSKUs; g != nil {
		return sameSet(g.Old, g.New)
	}
	return d != nil && sameSet(d.Old, d.New)
}

// leader returns the event that says best what happened: a license change,
// else what has license details, else the first; and the exact time before the
// one cut off to seconds.
func (o operation) leader() *snapshot.Event {
	rank := func(e *snapshot.Event) int {
		switch {
		case e.Activity == snapshot.ChangeUserLicense:
			return 0
		case e.License != nil:
			return 1
		}
		return 2
	}
	return slices.MinFunc(o, func(x, y *record) int {
		a, b := x.lead, y.lead
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Resolution, b.Resolution), compareEvents(a, b))
	}).lead
}

// at is the leader's time, unless that has no seconds and another record's has.
func (o operation) at(lead *snapshot.Event) time.Time {
	if lead.Resolution <= time.Second {
		return lead.At
	}
	return slices.MinFunc(o, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.lead.Resolution, b.lead.Resolution), compareEvents(a.lead, b.lead))
	}).lead.At
}

// expectsDetail reports whether the operation is about licenses, or may be.
func (o operation) expectsDetail() bool {
	return slices.ContainsFunc(o, func(r *record) bool {
		e := r.lead
		return r.missing || e.Activity == snapshot.ChangeUserLicense || isLicensing(e.Activity) && e.LicenseTouched
	})
}

// detail merges the license details of all records. ok is false when they
// contradict each other; then none is returned.
func (o operation) detail() (d *snapshot.LicenseDetail, ok bool) {
	for _, r := range o {
		if d, ok = mergeDetails(d, r.lead.License); !ok {
			return nil, false
		}
	}
	return d, true
}

// actor returns the lead's actor with what the other records add: who it was,
// when the lead does not say, and the application behind a user.
func (o operation) actor(lead *snapshot.Event) snapshot.Actor {
	a := lead.Actor
	for _, r := range o {
		if !a.Known() && r.aboutLicenses() {
			a = r.lead.Actor
		}
	}
	for _, r := range o {
		if b := r.lead.Actor; sameActor(a, b) {
			a = completed(a, b)
		}
	}
	return a
}

func completed(a, b snapshot.Actor) snapshot.Actor {
	a.ID, a.AppID = cmp.Or(a.ID, b.ID), cmp.Or(a.AppID, b.AppID)
	a.UPN, a.Name = cmp.Or(a.UPN, b.UPN), cmp.Or(a.Name, b.Name)
	a.Tenant, a.Partner = cmp.Or(a.Tenant, b.Tenant), a.Partner || b.Partner
	if a.ClientAppID == "" && (b.ClientAppID != "" || a.ClientApp == "") {
		a.ClientApp, a.ClientAppID = cmp.Or(b.ClientApp, a.ClientApp), b.ClientAppID
	}
	return a
}

// mergeDetails returns what two details of one operation say together. ok is
// false when they contradict each other.
func mergeDetails(a, b *snapshot.LicenseDetail) (d *snapshot.LicenseDetail, ok bool) {
	if a == nil {
		return b, true
	}
	if b == nil {
		return a, true
	}
	before, okOld := mergeSides(a.Old, b.Old, a.OldKnown, b.OldKnown)
	after, okNew := mergeSides(a.New, b.New, a.NewKnown, b.NewKnown)
	return &snapshot.LicenseDetail{
		Old: before, OldKnown: a.OldKnown || b.OldKnown,
		New: after, NewKnown: a.NewKnown || b.NewKnown,
		Complete: a.Complete || b.Complete,
	}, okOld && okNew
}

// mergeSides merges two readings of one set. A reading in full must hold all
// that a partial one lists.
func mergeSides(a, b []snapshot.EventLicense, aKnown, bKnown bool) (set []snapshot.EventLicense, ok bool) {
	set = slices.Clone(a)
	for _, l := range b {
		old, found := lookup(a, l.SKU)
		if found && !slices.Equal(old.Disabled, l.Disabled) || !found && aKnown {
			return nil, false
		}
		if !found {
			set = append(set, l)
		}
	}
	slices.SortFunc(set, bySKU)
	return set, !bKnown || len(set) == len(b)
}
