package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lictrail/diff"
	"lictrail/snapshot"
)

// TestLaw plays random histories of a small tenant through diff and the store,
// and checks what history says against a model that remembers every snapshot
// whole. Users leave, are deleted, come back; licenses come and go by several
// paths; runs fail in between, read activity and archive records; people who left
// are forgotten and records pruned, after which the chain must be whole.
func TestLaw(t *testing.T) {
	histories := 200
	if testing.Short() {
		histories = 20
	}
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := newLaw(t, seed)
			for range 8 {
				if l.rng.IntN(8) == 0 {
					l.failedRun()
					continue
				}
				l.run()
				if seed%2 == 0 {
					l.erase()
				}
			}
			if l.first != 0 {
				l.checkChain()
				l.checkKnown(begin(t, l.db))
				l.checkPast()
				l.checkPeriods()
				l.checkPathSpans()
				if seed%4 == 0 {
					l.checkView()
				}
			}
		})
	}
}

var (
	lawUsers  = []snapshot.UserID{"ann", "0b4c5c4e-8a5d-4b6a-9c55-3c0f2a7f9d11", "not-a-guid-but-as-long-as-one-is----"}
	lawSKUs   = []snapshot.SKUID{"e3", "e5", "f1"}
	lawGroups = []snapshot.GroupID{"", "g", "h"}
	lawPlans  = []snapshot.PlanID{"exchange", "office", "teams"}
)

// law is one random history and the model of it.
type law struct {
	t   *testing.T
	rng *rand.Rand
	db  *DB

	size  int // how many users there may be
	users map[snapshot.UserID]*lawUser
	first snapshot.RunID
	past  map[snapshot.RunID]map[snapshot.UserID]snapshot.User
	dates map[holding]snapshot.Date    // first-assigned, as last told
	heads []string                     // of the runs so far
	gone  map[snapshot.UserID]*lawUser // forgotten, by what they are called now
	catalog
}

type catalog struct {
	skus   []snapshot.SKU
	groups map[snapshot.GroupID]snapshot.Group
}

type holding struct {
	user snapshot.UserID
	sku  snapshot.SKUID
}

// lawUser is a user as the tenant has them, and what history must know.
type lawUser struct {
	licenses map[snapshot.SKUID]snapshot.License
	rows     map[snapshot.PathKey]snapshot.StateRow
	now      snapshot.User
	spans    map[snapshot.PathKey]snapshot.Span
	periods  map[snapshot.SKUID][]lawPeriod
	born     snapshot.RunID // the run that showed the user first
	created  *time.Time     // as that run showed it
}

// lawPeriod is a period as I6 defines it.
type lawPeriod struct {
	from, to snapshot.RunID     // to is 0 while it goes on
	left     bool               // it ended because the user left
	paths    []snapshot.PathRef // by which it was held when the user left
}

func newLaw(t *testing.T, seed uint64) *law {
	return &law{
		t: t, rng: rand.New(rand.NewPCG(seed, 6)), db: openRW(t, newHistory(t)),
		users: map[snapshot.UserID]*lawUser{}, past: map[snapshot.RunID]map[snapshot.UserID]snapshot.User{},
		gone: map[snapshot.UserID]*lawUser{}, size: 1 + int(seed)%len(lawUsers), dates: map[holding]snapshot.Date{}, catalog: catalog{groups: map[snapshot.GroupID]snapshot.Group{}},
	}
}

func (l *law) chance(of int) bool { return l.rng.IntN(of) == 0 }

// date is one of few, so that dates repeat; none at all now and then.
func (l *law) date() time.Time {
	if l.chance(5) {
		return time.Time{}
	}
	return week(-10).Add(time.Duration(l.rng.IntN(4)) * 1001 * time.Millisecond)
}

func (l *law) somePlans() []snapshot.PlanID {
	var ids []snapshot.PlanID
	for _, p := range lawPlans {
		if l.chance(3) {
			ids = append(ids, p)
		}
	}
	return ids
}

// live lets a week pass in the tenant.
func (l *law) live() {
	for _, id := range lawUsers[:l.size] {
		u := l.users[id]
		switch {
		case u == nil && l.chance(2):
			u = &lawUser{
				licenses: map[snapshot.SKUID]snapshot.License{}, rows: map[snapshot.PathKey]snapshot.StateRow{},
				spans: map[snapshot.PathKey]snapshot.Span{}, periods: map[snapshot.SKUID][]lawPeriod{},
			}
			u.now.ID = id
			l.users[id] = u
			l.present(u)
		case u == nil:
		case u.now.Presence != snapshot.Present && l.chance(2):
			l.present(u)
		case u.now.Presence == snapshot.Present && l.chance(6):
			l.leave(u, []snapshot.Presence{snapshot.Deleted, snapshot.Gone}[l.rng.IntN(2)])
		case u.now.Presence == snapshot.Gone && l.chance(2):
			l.leave(u, snapshot.Deleted) // deleted users could not be read before
		case u.now.Presence == snapshot.Present && !l.chance(4):
			l.present(u)
		}
	}
	l.liveCatalog()
}

func (l *law) leave(u *lawUser, to snapshot.Presence) {
	u.now = snapshot.User{ID: u.now.ID, Attributes: u.now.Attributes, Presence: to}
	if to == snapshot.Deleted {
		u.now.DeletedAt = l.date()
	}
}

// present changes some of what a user holds and is called.
func (l *law) present(u *lawUser) {
	for _, sku := range lawSKUs {
		switch l.rng.IntN(6) {
		case 0:
			delete(u.licenses, sku)
		case 1:
			u.licenses[sku] = snapshot.License{SKU: sku, Disabled: l.somePlans()}
		}
		for _, g := range lawGroups {
			key := snapshot.PathKey{SKU: sku, PathRef: snapshot.PathRef{Group: g}}
			switch l.rng.IntN(12) {
			case 0, 1, 2:
				delete(u.rows, key)
			case 3:
				u.rows[key] = snapshot.StateRow{
					SKU: sku, Group: g, State: []string{"Active", "Active", "ActiveWithError", "Error", "Disabled"}[l.rng.IntN(5)],
					Error: []string{"", "None", "CountViolation"}[l.rng.IntN(3)], Disabled: l.somePlans(), UpdatedAt: l.date(),
				}
			}
		}
	}
	attributes := u.now.Attributes
	if attributes.UPN == "" || l.chance(4) {
		attributes = l.attributes(u.now.ID)
	}
	var plans []snapshot.Plan
	for _, id := range lawPlans {
		for range l.rng.IntN(3) {
			plans = append(plans, snapshot.Plan{ID: id, Status: []string{"Enabled", "Deleted"}[l.rng.IntN(2)], AssignedAt: l.date()})
		}
	}
	u.now = snapshot.User{
		ID: u.now.ID, Presence: snapshot.Present, Attributes: attributes, Plans: plans,
		Paths: snapshot.ResolvePaths(slices.Collect(maps.Values(u.licenses)), slices.Collect(maps.Values(u.rows))),
	}
	u.now.Normalize()
}

func (l *law) attributes(id snapshot.UserID) snapshot.Attributes {
	a := snapshot.Attributes{UPN: string(id) + []string{"", ".old"}[l.rng.IntN(2)] + "@contoso.com", Name: "Some One", Department: []string{"", "Sales"}[l.rng.IntN(2)]}
	a.Mail = []string{"", a.UPN, "mail@contoso.com"}[l.rng.IntN(3)]
	if l.chance(2) {
		enabled, created := l.chance(2), week(-100).Add(123*time.Millisecond)
		a.Enabled, a.CreatedAt = &enabled, &created
	}
	return a
}

func (l *law) liveCatalog() {
	l.skus = nil
	for _, id := range lawSKUs {
		if l.chance(8) {
			continue
		}
		s := snapshot.SKU{ID: id, PartNumber: strings.ToUpper(string(id)), AppliesTo: "User", Status: "Enabled", Consumed: int64(l.rng.IntN(2))}
		s.Units.Enabled = int64(l.rng.IntN(3))
		for _, p := range lawPlans {
			if !l.chance(3) {
				s.Plans = append(s.Plans, snapshot.ServicePlan{ID: p, Name: strings.ToUpper(string(p))})
			}
		}
		l.skus = append(l.skus, s)
	}
	for _, id := range lawGroups[1:] {
		if l.chance(3) {
			l.groups[id] = snapshot.Group{ID: id, Name: string(id), Gone: l.chance(9), Dynamic: l.chance(2),
				Licenses: []snapshot.GroupLicense{{SKU: lawSKUs[l.rng.IntN(3)], Disabled: l.somePlans()}}}
		}
	}
}

// failedRun must leave no trace but its record.
func (l *law) failedRun() {
	s := begin(l.t, l.db)
	if err := s.Fail(l.t.Context(), Incomplete, week(int(s.Run)), 1, fmt.Errorf("page 7: throttled")); err != nil {
		l.t.Fatal(err)
	}
}

// run makes one complete run, after a check of what history knows of the runs
// before it.
func (l *law) run() {
	s := begin(l.t, l.db)
	known := l.checkKnown(s)
	l.live()
	r := emptyResult(s)
	r.SKUs = l.skus
	r.Groups = slices.Collect(maps.Values(l.groups))
	deltas := l.deltas(s, known)
	r.Spool = fill(l.t, s, deltas...)
	r.Changes = Given(l.changes(s, deltas))
	r.Corrections = l.corrections(s)
	r.Activity, r.Events = l.activity(s), l.events(s)
	if err := s.Commit(l.t.Context(), r); err != nil {
		l.t.Fatal(err)
	}
	l.heads = append(l.heads, s.Head)
	l.remember(s.Run)
	if l.chance(2) {
		l.checkCatalog(s)
	} else {
		l.checkFirst(s.Run)
	}
}

// activity is what a run reads of whoever is there.
func (l *law) activity(s *Sync) *ActivityResult {
	last := map[snapshot.UserID]time.Time{}
	for _, id := range slices.Sorted(maps.Keys(l.users)) {
		if l.users[id].now.Presence == snapshot.Present && l.chance(2) {
			last[id] = week(int(s.Run) - l.rng.IntN(8))
		}
	}
	if l.chance(4) {
		return nil
	}
	return signIns(week(int(s.Run)), last)
}

// events are records about some of those whom the tenant has or had.
func (l *law) events(s *Sync) []snapshot.RawEvent {
	var all []snapshot.RawEvent
	for _, id := range slices.Sorted(maps.Keys(l.users)) {
		if l.chance(2) {
			raw := fmt.Sprintf(`{"id":%q,"upn":%q}`, id, l.users[id].now.UPN)
			all = append(all, snapshot.RawEvent{Source: snapshot.SourceGraph, ID: fmt.Sprintf("%d of %d", len(all), s.Run), At: week(int(s.Run)), Target: string(id), Raw: []byte(raw)})
		}
	}
	return all
}

// erase forgets somebody who has left, or prunes records, now and then.
func (l *law) erase() {
	l.t.Helper()
	if l.chance(3) {
		defer l.checkChain()
	}
	if l.chance(6) {
		if _, err := l.db.Prune(l.t.Context(), week(l.rng.IntN(8))); err != nil {
			l.t.Fatal(err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.users)) {
		if u := l.users[id]; u.now.Presence != snapshot.Present && l.chance(2) {
			l.forget(id, u)
		}
	}
}

// forget erases a user who has left, in the history and in the model, where what
// they held stays as somebody's.
func (l *law) forget(id snapshot.UserID, u *lawUser) {
	l.t.Helper()
	erased, err := l.db.Forget(l.t.Context(), rowOf(l.t, l.db, id))
	if err != nil {
		l.t.Fatal(err)
	}
	name := snapshot.UserID(erased.Name)
	delete(l.users, id)
	l.gone[name] = u
	for _, users := range l.past {
		past, ok := users[id]
		if !ok {
			continue
		}
		delete(users, id)
		past.ID, past.Attributes = name, snapshot.Attributes{UPN: string(name), Mail: string(name), Department: past.Department}
		users[name] = past
	}
	for key, date := range l.dates {
		if key.user == id {
			delete(l.dates, key)
			l.dates[holding{name, key.sku}] = date
		}
	}
	for table, rows := range content(l.t, l.db) {
		for _, row := range rows {
			if strings.Contains(row, string(id)) && !l.sharesWords(id) {
				l.t.Errorf("table %s still names %s: %s", table, id, row)
			}
		}
	}
}

// sharesWords reports whether a user's id is a part of other words.
func (l *law) sharesWords(id snapshot.UserID) bool { return id == "ann" }

// checkChain: the history verifies, with the head of every run.
func (l *law) checkChain() {
	l.t.Helper()
	head := ""
	if len(l.heads) > 0 {
		head = l.heads[l.rng.IntN(len(l.heads))]
	}
	whole(l.t, verify(l.t, l.db, head))
}

// model is what the model has of somebody, who may be forgotten.
func (l *law) model(id snapshot.UserID) *lawUser {
	if u := l.users[id]; u != nil {
		return u
	}
	return l.gone[id]
}

// deltas compares every user with what history knows, as a run does.
func (l *law) deltas(s *Sync, known map[snapshot.UserID]*snapshot.Known) []snapshot.Delta {
	var all []snapshot.Delta
	for _, id := range slices.Sorted(maps.Keys(l.users)) {
		u := l.users[id]
		d := diff.Comparer{Run: s.Run}.User(known[id], u.now)
		if s.Previous == nil {
			d.Changes, d.Evidence = nil, snapshot.PlanEvidence(&u.now, snapshot.NewCatalog(l.skus))
		}
		for _, key := range d.Closed {
			delete(u.spans, key)
		}
		for _, p := range d.Opened {
			if p.Held {
				u.spans[p.PathKey] = p.Span
			}
		}
		if !d.Empty() {
			all = append(all, d)
		}
	}
	return all
}

func (l *law) changes(s *Sync, deltas []snapshot.Delta) []Attributed {
	var all []Attributed
	for _, d := range deltas {
		for _, c := range d.Changes {
			c.Window = snapshot.Window{NotBefore: week(int(s.Previous.ID)), NotAfter: week(int(s.Run)).Add(time.Minute)}
			a := snapshot.Attribution{Cause: snapshot.CauseUnknown, UnknownWhy: snapshot.NoEvent, Reason: "No event."}
			if l.chance(3) {
				a = l.exact(c.Window)
			}
			if a.Cause == snapshot.CauseAdmin && c.Back {
				a.Cause = snapshot.CauseUserRestored
			}
			all = append(all, Attributed{Change: c, Attribution: a})
		}
	}
	return all
}

func (l *law) exact(w snapshot.Window) snapshot.Attribution {
	at := w.NotBefore.Add(time.Duration(l.rng.Int64N(int64(w.NotAfter.Sub(w.NotBefore))))).Truncate(time.Millisecond)
	return snapshot.Attribution{Cause: snapshot.CauseAdmin, Initiator: snapshot.ByAdmin, Confidence: snapshot.High, Reason: "An event.", At: at}
}

// corrections finds better evidence for some changes that had none.
func (l *law) corrections(s *Sync) []Correction {
	if s.Previous == nil || l.chance(2) {
		return nil
	}
	var all []Correction
	h := l.history()
	defer h.Close()
	for c, err := range h.Changes(l.t.Context(), ChangeFilter{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		if c.Attribution.At.IsZero() && l.chance(2) {
			a := l.exact(c.Window)
			if c.Back { // the restore gave it, and the period goes on
				a.Cause = snapshot.CauseUserRestored
			}
			all = append(all, Correction{Change: c.ID, Attribution: a})
		}
	}
	return all
}

// remember brings the model up to a committed run.
func (l *law) remember(run snapshot.RunID) {
	if l.first == 0 {
		l.first = run
	}
	l.past[run] = map[snapshot.UserID]snapshot.User{}
	for id, u := range l.users {
		before := l.before(id, run)
		l.past[run][id] = u.now
		if u.born == 0 {
			u.born, u.created = run, u.now.CreatedAt
		}
		for _, sku := range lawSKUs {
			u.periods[sku] = nextPeriods(u.periods[sku], sku, before, u.now, run)
		}
	}
}

// before is the user as the complete run before a run showed them.
func (l *law) before(id snapshot.UserID, run snapshot.RunID) snapshot.User {
	for before := run - 1; before > 0; before-- {
		if users, complete := l.past[before]; complete {
			return users[id]
		}
	}
	return snapshot.User{}
}

// nextPeriods is I6: a period ends when the SKU is no longer held, a return
// opens a new one, and the restore of a user goes on with the one that ended
// because they had left.
func nextPeriods(periods []lawPeriod, sku snapshot.SKUID, before, now snapshot.User, run snapshot.RunID) []lawPeriod {
	if len(periods) == 0 {
		periods = append(periods, lawPeriod{to: -1}) // none yet
	}
	last := &periods[len(periods)-1]
	open, back := last.to == 0, before.Presence != snapshot.Present && now.Presence == snapshot.Present
	switch {
	case now.Holds(sku) && open:
	case now.Holds(sku) && last.left && back:
		last.to, last.left, last.paths = 0, false, nil
	case now.Holds(sku):
		periods = append(periods, lawPeriod{from: run})
	case open && now.Presence != snapshot.Present:
		*last = lawPeriod{from: last.from, to: run, left: true, paths: heldRefs(before, sku)}
	case open:
		last.to = run
	case back: // without the license
		last.left, last.paths = false, nil
	}
	return slices.DeleteFunc(periods, func(p lawPeriod) bool { return p.to < 0 })
}

func heldRefs(u snapshot.User, sku snapshot.SKUID) []snapshot.PathRef {
	var refs []snapshot.PathRef
	for _, p := range u.Paths {
		if p.Held && p.SKU == sku {
			refs = append(refs, p.PathRef)
		}
	}
	return refs
}

func (l *law) prints(s *Sync) map[snapshot.UserID]Print {
	prints := map[snapshot.UserID]Print{}
	if _, err := s.Prints(l.t.Context(), func(id snapshot.UserID, p Print) { prints[id] = p }); err != nil {
		l.t.Fatal(err)
	}
	return prints
}

func (l *law) history() *History {
	h, err := l.db.History(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	h.crowd = 1 + l.rng.IntN(3) // so that users of one listing are read apart
	return h
}

// checkKnown: what history knows of every user is what was committed last.
func (l *law) checkKnown(s *Sync) map[snapshot.UserID]*snapshot.Known {
	l.t.Helper()
	known := map[snapshot.UserID]*snapshot.Known{}
	prints := l.prints(s)
	for name := range l.gone {
		if p, ok := prints[name]; !ok || p.Fingerprint != 0 {
			l.t.Errorf("%s is not kept: %v", name, p)
		}
		delete(prints, name)
	}
	if len(prints) != len(l.users) {
		l.t.Fatalf("run %d: history knows %d users of %d", s.Run, len(prints), len(l.users))
	}
	for id, u := range l.users {
		p := prints[id]
		if p.Fingerprint != u.now.Fingerprint() || p.Presence != u.now.Presence {
			l.t.Fatalf("run %d: user %s: print %+v does not fit %+v", s.Run, id, p, u.now)
		}
		got, err := s.Known(l.t.Context(), id, p.Row)
		if err != nil {
			l.t.Fatal(err)
		}
		known[id] = got
		for sku, e := range got.Ended {
			e.Path = 0 // the path of a period that is over is nobody's concern
			slices.SortFunc(e.Paths, snapshot.PathRef.Compare)
			got.Ended[sku] = e
		}
		if d := cmp.Diff(u.known(), got, cmpopts.EquateEmpty()); d != "" {
			l.t.Fatalf("run %d: user %s (-committed +known):\n%s", s.Run, id, d)
		}
	}
	return known
}

func (u *lawUser) known() *snapshot.Known {
	k := &snapshot.Known{User: u.now, Spans: u.spans, Ended: map[snapshot.SKUID]snapshot.Ended{}}
	for sku, periods := range u.periods {
		if n := len(periods); n > 0 && periods[n-1].to != 0 {
			k.Ended[sku] = snapshot.Ended{Span: snapshot.Span{Start: periods[n-1].from, Period: n}, Suspended: periods[n-1].left, Paths: periods[n-1].paths}
		}
	}
	return k
}

// checkCatalog: history knows the SKUs and groups that were committed.
func (l *law) checkCatalog(s *Sync) {
	l.t.Helper()
	skus, err := s.SKUs(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	if l.skus != nil { // nil: there were none to be had, what was known stays
		if d := cmp.Diff(l.skus, skus, cmpopts.EquateEmpty()); d != "" {
			l.t.Fatalf("run %d: SKUs (-committed +known):\n%s", s.Run, d)
		}
	}
	groups, err := s.Groups(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	want := slices.SortedFunc(maps.Values(l.groups), func(a, b snapshot.Group) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if d := cmp.Diff(want, groups, cmpopts.EquateEmpty()); d != "" {
		l.t.Fatalf("run %d: groups (-committed +known):\n%s", s.Run, d)
	}
}

// held lists what history says was held at the run it is asked about.
func (l *law) held(h *History) map[holding]*Assignment {
	all := map[holding]*Assignment{}
	for a, err := range h.Assignments(l.t.Context(), Filter{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		key := holding{a.User.ID, a.SKU}
		if all[key] != nil {
			l.t.Fatalf("%v is listed twice", key)
		}
		all[key] = a
	}
	return all
}

// checkFirst is I8: first-assigned dates never move later from run to run.
func (l *law) checkFirst(run snapshot.RunID) {
	l.t.Helper()
	h := l.history()
	defer h.Close()
	for key, a := range l.held(h) {
		before, ok := l.dates[key]
		if ok && (a.First.At.After(before.At) || a.First.NotAfter.After(before.NotAfter)) {
			l.t.Errorf("I8: run %d: %v was first assigned %+v, now %+v", run, key, before, a.First)
		}
		l.dates[key] = a.First
	}
}

// checkPast: asked about any past run, history shows what that run showed.
func (l *law) checkPast() {
	h := l.history()
	defer h.Close()
	if h.AsOf(week(int(l.first))) {
		l.t.Error("AsOf: there is a run before the first had ended")
	}
	for run, users := range l.past {
		if !h.AsOf(week(int(run)).Add(time.Minute)) || h.At.ID != run {
			l.t.Fatalf("AsOf: the time of run %d leads to run %d", run, h.At.ID)
		}
		type state struct {
			UPN, Name, Mail, Department string
			Presence                    snapshot.Presence
			Paths                       []snapshot.Path
			Period                      int
		}
		want, got := map[holding]state{}, map[holding]state{}
		for id, u := range users {
			for _, sku := range u.Held() {
				paths := slices.DeleteFunc(slices.Clone(u.Paths), func(p snapshot.Path) bool { return !p.Held || p.SKU != sku })
				want[holding{id, sku}] = state{u.UPN, u.Name, u.Mail, u.Department, u.Presence, paths, l.periodAt(id, sku, run)}
			}
		}
		for key, a := range l.held(h) {
			var paths []snapshot.Path
			for _, p := range a.Paths {
				paths = append(paths, p.Path)
			}
			got[key] = state{a.User.UPN, a.User.Name, a.User.Mail, a.User.Department, a.User.Presence, paths, a.Periods}
			l.checkDates(h, key, a)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			l.t.Errorf("as of run %d (-shown +told):\n%s", run, d)
		}
	}
}

// periodAt is the number of the period that a run lies in.
func (l *law) periodAt(id snapshot.UserID, sku snapshot.SKUID, run snapshot.RunID) int {
	n := 0
	for _, p := range l.model(id).periods[sku] {
		if p.from <= run {
			n++
		}
	}
	return n
}

// checkDates is I10: the dates told contain what the model knows.
func (l *law) checkDates(h *History, key holding, a *Assignment) {
	l.t.Helper()
	periods := l.model(key.user).periods[key.sku]
	l.checkStart(h, key, "first", a.First, periods[0].from)
	l.checkStart(h, key, "since", a.Since, periods[a.Periods-1].from)
	if a.First.At.After(a.Since.At) {
		l.t.Errorf("%v: first %v is after since %v", key, a.First.At, a.Since.At)
	}
}

func (l *law) checkStart(h *History, key holding, what string, d snapshot.Date, run snapshot.RunID) {
	l.t.Helper()
	if run == l.first {
		if d.Precision != snapshot.NoLaterThan || d.At.After(h.First.ObservedUntil) {
			l.t.Errorf("%v: %s is %+v, but it was there in the first run", key, what, d)
		}
		return
	}
	w := h.Window(run)
	if what == "first" && d.Basis == snapshot.BasisAudit { // no log was read: nothing says that the record is of the first time
		if d.Precision == snapshot.Exact || !w.Contains(d.At, 0) || !d.NotAfter.Equal(d.At) || d.NotBefore.After(w.NotBefore) {
			l.t.Errorf("%v: %s is %+v, by a record in the window of run %d: %+v", key, what, d, run, w)
		}
		return
	}
	if u := l.model(key.user); u.born == run && l.gone[key.user] == nil && d.Precision != snapshot.Exact {
		// All accounts of the law are older than its runs: a new one came back.
		if u.created == nil {
			if d.Precision != snapshot.NoLaterThan || !w.Contains(d.At, 0) {
				l.t.Errorf("%v: %s is %+v, but nothing says how old the account is", key, what, d)
			}
			return
		}
		w.NotBefore = *u.created
		if !d.NotBefore.Equal(w.NotBefore) {
			l.t.Errorf("%v: %s is %+v, but the account is of %s", key, what, d, w.NotBefore)
		}
	}
	if !w.Contains(d.At, 0) || !w.Contains(d.NotBefore, 0) || !w.Contains(d.NotAfter, 0) {
		l.t.Errorf("%v: %s is %+v, outside the window of run %d: %+v", key, what, d, run, w)
	}
}

// checkPeriods: they number from 1, follow each other, and begin and end with
// the runs that the model knows.
func (l *law) checkPeriods() {
	h := l.history()
	defer h.Close()
	told := map[holding][]*Period{}
	for p, err := range h.Periods(l.t.Context(), Filter{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		key := holding{p.User.ID, p.SKU}
		told[key] = append(told[key], p)
	}
	people := maps.Clone(l.users)
	maps.Copy(people, l.gone)
	for id, u := range people {
		for sku, want := range u.periods {
			key := holding{id, sku}
			got := told[key]
			delete(told, key)
			if len(got) != len(want) {
				l.t.Errorf("%v: %d periods told, %d happened", key, len(got), len(want))
				continue
			}
			for i, p := range got {
				l.checkPeriod(h, key, i, p, want[i])
				if i > 0 && !p.From.At.After(got[i-1].To.At) {
					l.t.Errorf("%v: period %d begins %v, the one before ended %v", key, i+1, p.From.At, got[i-1].To.At)
				}
			}
		}
	}
	if len(told) > 0 {
		l.t.Errorf("periods that never happened: %v", told)
	}
}

func (l *law) checkPeriod(h *History, key holding, i int, got *Period, want lawPeriod) {
	l.t.Helper()
	if got.Number != i+1 {
		l.t.Errorf("%v: period %d has number %d", key, i+1, got.Number)
	}
	l.checkStart(h, key, "period", got.From, want.from)
	if (got.To == nil) != (want.to == 0) {
		l.t.Errorf("%v: period %d ended with run %d, history says %v", key, i+1, want.to, got.To)
	}
	if got.To != nil && !h.Window(want.to).Contains(got.To.At, 0) {
		l.t.Errorf("%v: period %d ended %v, outside the window of run %d", key, i+1, got.To.At, want.to)
	}
}

// checkPathSpans: at every run they are the paths that it showed, and their dates
// lie in the windows of the runs that showed them to begin and end.
func (l *law) checkPathSpans() {
	h := l.history()
	defer h.Close()
	want, got := map[string]bool{}, map[string]bool{}
	for run, users := range l.past {
		for id, u := range users {
			for _, sku := range lawSKUs {
				for _, path := range heldRefs(u, sku) {
					want[fmt.Sprint(run, id, sku, path)] = true
				}
			}
		}
	}
	for p, err := range h.PathSpans(l.t.Context(), Filter{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		key := holding{p.User, p.SKU}
		l.checkStart(h, key, fmt.Sprint("path ", p.Path), p.From, p.runs.from)
		if (p.To == nil) != (p.runs.to == 0) || p.To != nil && !h.Window(p.runs.to).Contains(p.To.At, 0) {
			l.t.Errorf("%v: path %v ended %v, with run %d", key, p.Path, p.To, p.runs.to)
		}
		for run := range l.past {
			if p.runs.from <= run && (p.runs.to == 0 || run < p.runs.to) {
				if shown := fmt.Sprint(run, p.User, p.SKU, p.Path); got[shown] {
					l.t.Errorf("%s lies in two spans", shown)
				} else {
					got[shown] = true
				}
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		l.t.Errorf("paths (-shown +told):\n%s", d)
	}
}

// checkView: the documented view agrees with the program.
func (l *law) checkView() {
	h := l.history()
	defer h.Close()
	var want []string
	for key, a := range l.held(h) {
		for _, p := range a.Paths {
			want = append(want, fmt.Sprintf("%s %s %s %s %d", key.user, key.sku, p.Kind, p.Group, a.Periods))
		}
	}
	slices.Sort(want)
	got := column(l.t, l.db, `SELECT user_id || ' ' || sku_id || ' ' || path || ' ' || coalesce(group_id, '') || ' ' || period FROM assignments ORDER BY 1`)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		l.t.Errorf("view assignments (-program +view):\n%s", d)
	}
}
