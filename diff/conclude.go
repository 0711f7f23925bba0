package diff

import (
	"cmp"
	"slices"
	"time"

	"lictrail/diff/replay"
	"lictrail/snapshot"
)

// course is what one history says about one change.
type course struct {
	replay.Move
	path snapshot.PathRef
	by   *op // the license record, or the deletion; nil where there is none
	step *op // the record on the group or the membership that led to it; nil where it is not known
}

// courses lists, for each kept history, the move that pick returns. ok is false where a
// history has no such move.
func (s *scene) courses(pick func(*replay.History) *replay.Move) (list []course, ok bool) {
	for i := range s.result.Histories {
		m := pick(&s.result.Histories[i])
		if m == nil {
			return nil, false
		}
		list = append(list, s.course(*m))
	}
	return list, len(list) > 0
}

func (s *scene) course(m replay.Move) course {
	c := course{Move: m, path: s.refs[m.Path]}
	if m.By >= 0 {
		c.by = s.ops[m.By]
	}
	if m.Cause >= 0 {
		c.step = s.ops[m.Cause]
	}
	return c
}

// pick returns a function that finds, in a history, the move that made a change.
func (s *scene) pick(ch *snapshot.Change) func(*replay.History) *replay.Move {
	path := s.index(pathOf(ch))
	last := func(acts ...replay.Act) func(*replay.History) *replay.Move {
		return func(h *replay.History) *replay.Move { return h.Last(path, acts...) }
	}
	if ch.Kind == snapshot.PathAdded || ch.Kind == snapshot.PathRemoved {
		if whole := s.swapped(ch); whole >= 0 {
			path = whole
		}
	}
	switch ch.Kind {
	case snapshot.Assigned, snapshot.Removed:
		return func(h *replay.History) *replay.Move {
			turns := h.Turns()
			if len(turns) == 0 || (turns[len(turns)-1].Act == replay.On) != (ch.Kind == snapshot.Assigned) {
				return nil
			}
			return &turns[len(turns)-1]
		}
	case snapshot.PathRemoved:
		return last(replay.Off)
	case snapshot.DateMoved:
		return last(replay.Redated, replay.On)
	}
	return last(replay.On)
}

// swapped returns the path with which, by the comparison of snapshots, the SKU was
// gained or lost as a whole, if by every history it was the path of the given change; -1
// if not. Where several paths moved, the comparison takes the first for the decisive one.
func (s *scene) swapped(ch *snapshot.Change) int {
	whole := s.whole
	if whole == nil || s.index(pathOf(whole)) < 0 {
		return -1
	}
	for i := range s.result.Histories {
		turns := s.result.Histories[i].Turns()
		if len(turns) == 0 || turns[len(turns)-1].Path != s.index(pathOf(ch)) {
			return -1
		}
	}
	return s.index(pathOf(whole))
}

// byReplay attributes a change to how a user holds a SKU by what all histories that
// fit the evidence share.
func (a *attributor) byReplay(ch *snapshot.Change) snapshot.Attribution {
	s := a.solve(ch.User, ch.SKU)
	if s == nil {
		return a.unknown(ch)
	}
	pick := s.pick(ch)
	list, ok := s.courses(pick)
	switch moves := func(h replay.History) bool { return pick(&h) != nil }; {
	case ok:
		return a.conclude(ch, s, list)
	case ch.Returned && len(s.result.Histories) > 0 && !slices.ContainsFunc(s.result.Histories, moves):
		return a.ofRestoredUser(ch)
	}
	return a.undecided(ch, s)
}

// undecided is the answer where the search was stopped at a limit, or no history explains
// the change.
func (a *attributor) undecided(ch *snapshot.Change, s *scene) snapshot.Attribution {
	if !a.covers(ch.Window) {
		return a.unknown(ch)
	}
	return unknownFor(snapshot.Ambiguous, a.undecidedReason(ch, len(s.Points)), s.licenseOps()...)
}

// licenseOps lists the operations of the scene on the user's licenses.
func (s *scene) licenseOps() []*op {
	var ops []*op
	for i, o := range s.ops {
		if o != nil && s.Points[i].Kind >= replay.Saved {
			ops = append(ops, o)
		}
	}
	return ops
}

// verdict is the attribution that would follow from one course of events.
type verdict struct {
	course
	snapshot.Attribution
	nobody  bool // no record shows who made the change
	deleted bool // the deletion of the account made the change
}

// conclude states what the courses share.
func (a *attributor) conclude(ch *snapshot.Change, s *scene, list []course) snapshot.Attribution {
	var verdicts []verdict
	for _, c := range list {
		v := a.verdict(ch, s, c)
		if !slices.ContainsFunc(verdicts, func(o verdict) bool { return sameVerdict(&o, &v) }) {
			verdicts = append(verdicts, v)
		}
	}
	slices.SortStableFunc(verdicts, compareVerdicts)
	at := a.shared(ch, verdicts)
	if path := s.samePath(list); ch.Path != nil && path != *ch.Path {
		at.Path = &path
	}
	if at.Cause == snapshot.CauseUnknown {
		return at
	}
	began := func(c course) bool { return c.Act == replay.On }
	stayed := func(c course) bool { return !began(c) }
	if ch.Kind == snapshot.DateMoved && slices.ContainsFunc(list, began) && slices.ContainsFunc(list, stayed) {
		at.Path = ch.Path
	}
	for _, c := range list {
		if c.by != nil {
			c.by.claim(ch.SKU)
		}
	}
	if s.result.Cost >= 2*replay.MissingRecord && at.Cause != snapshot.CauseGroup {
		return unknownFor(snapshot.Ambiguous, a.undecidedReason(ch, len(s.Points)), opsOf(verdicts)...)
	}
	at.At = exactTime(list, at.At)
	at.Confidence = atMost(at.Confidence, confidenceOf(s.result.Cost))
	if slices.ContainsFunc(list, s.vagueAfter) || slices.ContainsFunc(list, s.silentOnPath) {
		at.Confidence = atMost(at.Confidence, snapshot.Medium)
	}
	return at
}

// silentOnPath reports whether a path that is no group's came or went by a record
// that shows the SKU as held before and after it. Which of several saves moved the path
// then follows from their number, and a record may be missing.
func (s *scene) silentOnPath(c course) bool {
	return c.by != nil && !c.Turns && c.Act != replay.Redated && c.path.Kind == snapshot.Direct && s.Points[c.By].Kind == replay.Saved
}

// vagueAfter reports whether there is a later record that does not say what it did to the
// SKU. More may then have happened than the complete records show.
func (s *scene) vagueAfter(c course) bool {
	for i := range s.Points {
		if s.Points[i].At.After(c.To) && s.incompleteRecord(i) {
			return true
		}
	}
	return false
}

// samePath is the path that moved in every course; unknown where they differ. Courses
// with a hidden path do not count where others have a path that a snapshot shows.
func (s *scene) samePath(list []course) snapshot.PathRef {
	shown := slices.DeleteFunc(slices.Clone(list), func(c course) bool { return s.Paths[c.Move.Path].Hidden })
	if len(shown) > 0 {
		list = shown
	}
	for _, c := range list {
		if c.path != list[0].path {
			return snapshot.PathRef{Kind: snapshot.Unknown}
		}
	}
	return list[0].path
}

// confidenceOf maps the cost of the cheapest history to a confidence: high where nothing
// is missing, medium where the engine did something unusual, low where a record is
// missing.
func confidenceOf(cost int) snapshot.Confidence {
	switch {
	case cost == 0:
		return snapshot.High
	case cost < replay.MissingRecord:
		return snapshot.Medium
	}
	return snapshot.Low
}

// exactTime is the time of the change if the records of all courses give the same one,
// else zero.
func exactTime(list []course, recordTime time.Time) time.Time {
	if recordTime.IsZero() {
		return recordTime
	}
	for _, c := range list {
		if c.Why != replay.Recorded || !c.From.Equal(c.To) || !c.From.Equal(list[0].From) {
			return time.Time{}
		}
	}
	return recordTime
}

func sameVerdict(x, y *verdict) bool {
	return x.nobody == y.nobody && x.deleted == y.deleted && x.by == y.by && x.step == y.step && x.path == y.path && x.Why == y.Why && x.Cause == y.Cause
}

func compareVerdicts(x, y verdict) int {
	return x.orderTime().Compare(y.orderTime())
}

func (v *verdict) orderTime() time.Time {
	switch {
	case v.by != nil:
		return v.by.At
	case v.step != nil:
		return v.step.At
	}
	return v.To
}

// shared states what verdicts have in common.
func (a *attributor) shared(ch *snapshot.Change, list []verdict) snapshot.Attribution {
	first := list[0]
	if len(list) == 1 {
		return first.Attribution
	}
	switch {
	case !slices.ContainsFunc(list, func(v verdict) bool {
		return v.Attribution.UnknownWhy != first.UnknownWhy || v.Attribution.Cause != snapshot.CauseUnknown || v.by != nil
	}):
		return first.Attribution
	case slices.ContainsFunc(list, func(v verdict) bool { return v.nobody || v.UnknownWhy == snapshot.NotCovered }) && !a.covers(ch.Window):
		return unknownFor(snapshot.NotCovered, a.perhapsReason(ch, list), opsOf(list)...)
	case slices.ContainsFunc(list, func(v verdict) bool { return v.Attribution.Cause != first.Attribution.Cause }):
		return a.ambiguous(ch, list)
	case first.Attribution.Cause == snapshot.CauseGroup:
		return a.sharedByGroup(ch, list)
	case first.Attribution.Cause == snapshot.CauseUnknown:
		return a.ambiguous(ch, list)
	case slices.ContainsFunc(list, func(v verdict) bool { return !sameParty(v.Attribution.Actor, first.Attribution.Actor) }):
		return a.ambiguous(ch, list)
	}
	at := list[len(list)-1].Attribution
	at.Evidence = allEvidence(list)
	for _, v := range list {
		at.Confidence = atMost(at.Confidence, v.Attribution.Confidence)
	}
	return at
}

func sameParty(x, y *snapshot.Actor) bool {
	if x == nil || y == nil {
		return x == y
	}
	return sameActor(*x, *y)
}

func opsOf(list []verdict) []*op {
	var ops []*op
	for _, v := range list {
		for _, o := range []*op{v.by, v.step} {
			if o != nil {
				ops = append(ops, o)
			}
		}
	}
	return ops
}

// allEvidence lists the records that verdicts rest on, each once, in order.
func allEvidence(list []verdict) []snapshot.EventRef {
	var refs []snapshot.EventRef
	for _, v := range list {
		refs = append(refs, v.Attribution.Evidence...)
	}
	return distinctRefs(refs)
}

// sharedByGroup states what is certain where a group made the change in every course:
// the group, what changed the group, and who did so, each on its own.
func (a *attributor) sharedByGroup(ch *snapshot.Change, list []verdict) snapshot.Attribution {
	at := list[len(list)-1].Attribution
	via := *at.Via
	steps := true
	for _, v := range list {
		at.Confidence = atMost(at.Confidence, v.Attribution.Confidence)
		if v.Attribution.Via.Group != via.Group {
			via.Group = ""
		}
		if v.Attribution.Via.Trigger != via.Trigger {
			via.Trigger = snapshot.TriggerUnknown
		}
		if v.step != list[0].step {
			via.At, steps = time.Time{}, false
		}
		if !sameParty(v.Attribution.Via.Actor, via.Actor) {
			via.Actor, at.Initiator = nil, snapshot.ByUnknown
		}
		if !sameParty(v.Attribution.Actor, at.Actor) {
			at.Actor = nil
		}
	}
	at.Via, at.Evidence = &via, allEvidence(list)
	if !steps && via.Actor == nil {
		at.Confidence = atMost(at.Confidence, snapshot.Medium)
		at.Reason = a.eitherGroupReason(ch, list)
	}
	return at
}

// verdict derives the attribution that would follow from one course of events.
func (a *attributor) verdict(ch *snapshot.Change, s *scene, c course) verdict {
	as := *ch
	as.Path = &c.path
	v := verdict{course: c}
	gone := a.deletedBy(ch.User)
	switch {
	case s != nil && c.By >= 0 && s.Points[c.By].Kind == replay.Deleted:
		v.deleted = true
		with := a.removalForDeletion(ch.User, ch.SKU)
		if gone == nil && with != nil {
			v.Attribution = a.perhapsDeletion(&as, with)
			break
		}
		v.Attribution = a.deletion(&as, gone, with)
	case c.Why == replay.Lapsed:
		v.Attribution = a.subscription(&as)
	case ch.Returned && (c.Why == replay.Failed || c.Why == replay.Excused):
		v.Attribution = a.ofRestoredUser(&as)
	case c.path.Kind == snapshot.ByGroup && !s.ended(c):
		v.Attribution = a.byGroup(&as, c)
	case c.by != nil && c.by.engine:
		v.Attribution = a.engineOnly(&as, c)
	case c.by != nil && c.by.Target == "":
		v.Attribution = a.incomplete(&as, []*op{c.by})
	case c.by != nil:
		v.Attribution = a.byParty(&as, c.by)
	case c.Act == replay.Redated:
		v.Attribution, v.nobody = a.nobodyDated(&as), !a.covers(ch.Window)
	default:
		v.Attribution, v.nobody = a.unknown(&as), true
	}
	if s != nil && c.By >= 0 && s.incompleteRecord(c.By) {
		v.Attribution.Confidence = atMost(v.Attribution.Confidence, snapshot.Medium)
	}
	return v
}

// ended reports whether the path was ended by a record that is not the engine's, see
// [replay.Point.Ends].
func (s *scene) ended(c course) bool {
	return s != nil && c.By >= 0 && c.Act == replay.Off && s.Points[c.By].Ends
}

// incompleteRecord reports whether a license record does not say whether the SKU was held.
func (s *scene) incompleteRecord(point int) bool {
	p := s.Points[point]
	return p.Kind >= replay.Saved && p.Kind <= replay.Either && (p.Before == replay.NotKnown || p.After == replay.NotKnown)
}

// nobodyDated attributes a date that moved though nothing on record moved it.
func (a *attributor) nobodyDated(ch *snapshot.Change) snapshot.Attribution {
	switch {
	case a.catalogMoved(ch.SKU):
		return a.microsoft(ch, snapshot.ByCatalog, a.dateReason(ch, snapshot.ByCatalog))
	case !a.covers(ch.Window):
		return a.unknown(ch)
	}
	if with := a.datedWith(ch); with != nil {
		return unknownFor(snapshot.NoEvent, a.datedWithReason(ch, with))
	}
	// The only evidence for Microsoft is that there is no record, and a record may be lost.
	at := a.microsoft(ch, "", a.dateReason(ch, ""))
	at.Confidence = snapshot.Low
	return at
}

// datedWith returns the direct assignment of another SKU that has the date to which
// a direct row moved; nil for none. Whoever saves a user's licenses may date all of
// its direct rows.
func (a *attributor) datedWith(ch *snapshot.Change) *snapshot.Change {
	if pathOf(ch).Kind != snapshot.Direct || ch.Dated.IsZero() {
		return nil
	}
	for _, sku := range a.changed[ch.User] {
		for _, other := range a.siblings[userSKU{ch.User, sku}] {
			came := other.Kind == snapshot.Assigned || other.Kind == snapshot.PathAdded
			if came && sku != ch.SKU && pathOf(other).Kind == snapshot.Direct && a.rowDate(other).Sub(ch.Dated).Abs() <= snapshot.RowResolution {
				return other
			}
		}
	}
	return nil
}

// byParty attributes a change to the actor of an operation.
func (a *attributor) byParty(ch *snapshot.Change, o *op) snapshot.Attribution {
	p := a.party(o, ch.User, ch.SKU)
	if ch.Kind == snapshot.DateMoved && p.cause == snapshot.CauseSelfService && o.Actor.Kind != snapshot.ActorUser {
		p = unclearParty // the service saved it again: whether the user asked for it is not known
	}
	if ch.Kind == snapshot.DateMoved && p == byOwnAdmin {
		p.confidence = snapshot.Low // a sign-up saves the licenses as well
	}
	at := snapshot.Attribution{Cause: p.cause, Initiator: p.initiator, Confidence: p.confidence, UnknownWhy: p.why,
		At: o.At, Evidence: evidence(o), Reason: a.partyReason(ch, o, p)}
	if p.cause != snapshot.CauseUnknown || a.unowned(o.Actor) {
		at.Actor = actorOf(o)
	}
	return at
}

// unseen returns the changes of a user that only the log shows, sorted by SKU and time:
// the moves that every history has, by the same record, and that no snapshot shows.
func (a *attributor) unseen(user snapshot.UserID) []Attributed {
	if len(a.license[user]) == 0 {
		return nil
	}
	var out []Attributed
	for _, sku := range a.touched(user) {
		out = append(out, a.unseenMoves(user, sku)...)
		out = append(out, a.unseenPlans(user, sku)...)
	}
	slices.SortStableFunc(out, func(x, y Attributed) int {
		if x.SKU != y.SKU {
			return cmp.Compare(x.SKU, y.SKU)
		}
		return x.when().Compare(y.when())
	})
	return out
}

// when is the time of a change that only the log saw, or the end of its window.
func (c *Attributed) when() time.Time {
	if c.Attribution.At.IsZero() {
		return c.Window.NotAfter
	}
	return c.Attribution.At
}

// touched lists the SKUs that operations on the user name, and those of changes.
func (a *attributor) touched(user snapshot.UserID) []snapshot.SKUID {
	skus := slices.Clone(a.changed[user])
	for _, o := range a.license[user] {
		if d := o.License; d != nil {
			for _, l := range slices.Concat(d.Old, d.New) {
				skus = append(skus, l.SKU)
			}
		}
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

// unseenMoves lists the moves that are not reported by an observed change.
func (a *attributor) unseenMoves(user snapshot.UserID, sku snapshot.SKUID) []Attributed {
	if a.window.NotBefore.IsZero() {
		return a.logOnlyByRecord(user, sku)
	}
	if a.deletedAndRestored(user) || a.back[user] && a.restoredBy(user) == nil || a.gone[user] && a.restoredBy(user) != nil {
		if _, _, known := a.states(user); !known { // no run has read the account
			return nil
		}
		return a.logOnlyByRecord(user, sku)
	}
	s := a.solve(user, sku)
	if s == nil || s.result.Bounded || len(s.result.Histories) == 0 || s.result.Cost >= 2*replay.MissingRecord {
		return nil
	}
	var out []Attributed
	for _, m := range s.result.Histories[0].Moves {
		if m.Act == replay.Redated || m.By < 0 && m.Cause < 0 {
			continue
		}
		if s.result.Cost >= replay.MissingRecord && (!m.Turns || m.By < 0 || s.incompleteRecord(m.By)) {
			continue // where a record is missing, only complete records prove anything
		}
		list, ok := s.courses(func(h *replay.History) *replay.Move { return sameMove(h, m) })
		if !ok || slices.ContainsFunc(s.result.Histories, func(h replay.History) bool { return a.isObserved(s, user, sku, &h, m) }) {
			continue
		}
		out = append(out, a.logOnlyChange(user, sku, s, m, list))
	}
	return out
}

// sameMove returns the move of a history that is the same as a move of another history;
// nil for none. Moves with which the user gained or lost the SKU are the same if they have
// the same record, since of several paths that a record of the engine moved at one
// instant any may have been the decisive one. Other moves of a group's path are the same
// if they follow the same step, with or without a record of their own; those of other
// paths if they have the same record.
func sameMove(h *replay.History, m replay.Move) *replay.Move {
	for i := range h.Moves {
		o := &h.Moves[i]
		switch {
		case o.Act != m.Act || o.Turns != m.Turns:
		case m.Turns && m.By >= 0:
			if o.By == m.By {
				return o
			}
		case o.Path == m.Path && (m.Cause >= 0 && o.Cause == m.Cause || m.Cause < 0 && o.By == m.By):
			return o
		}
	}
	return nil
}

// isObserved reports whether an observed change already reports a move of a history.
func (a *attributor) isObserved(s *scene, user snapshot.UserID, sku snapshot.SKUID, h *replay.History, m replay.Move) bool {
	mine := sameMove(h, m)
	for _, ch := range a.siblings[userSKU{user, sku}] {
		whole := ch.Kind == snapshot.Assigned || ch.Kind == snapshot.Removed
		if whole != mine.Turns || !whole && !isPathChange(ch) {
			continue
		}
		if observed := s.pick(ch)(h); observed != nil && *observed == *mine {
			return true
		}
		if ch.Kind == snapshot.PathMoved && ch.From != nil && h.Last(s.index(*ch.From), replay.Off) == mine {
			return true
		}
	}
	return a.gone[user] && mine.By >= 0 && s.Points[mine.By].Kind == replay.Deleted
}

// logOnlyChange returns a change that only the log shows.
func (a *attributor) logOnlyChange(user snapshot.UserID, sku snapshot.SKUID, s *scene, m replay.Move, list []course) Attributed {
	ch := snapshot.Change{Run: a.Run, User: user, SKU: sku, Window: a.window, Kind: unseenKind(m)}
	path := s.samePath(list)
	ch.Path = &path
	at := a.conclude(&ch, s, list)
	at.Path = nil
	if m.Turns && m.By >= 0 { // its record is the same in every history
		at.At = s.ops[m.By].At
		if len(at.Evidence) == 0 {
			at.Evidence = evidence(s.ops[m.By])
		}
	}
	if at.At.IsZero() { // the change lies between the step and the next known event
		w := snapshot.Window{NotBefore: list[0].From, NotAfter: list[0].To}
		for _, c := range list {
			if c.From.Before(w.NotBefore) {
				w.NotBefore = c.From
			}
			if c.To.After(w.NotAfter) {
				w.NotAfter = c.To
			}
		}
		ch.Window = w
	}
	return Attributed{Change: ch, Attribution: at}
}

func unseenKind(m replay.Move) snapshot.Kind {
	switch on := m.Act == replay.On; {
	case m.Turns && on:
		return snapshot.Assigned
	case m.Turns:
		return snapshot.Removed
	case on:
		return snapshot.PathAdded
	}
	return snapshot.PathRemoved
}

// logOnlyByRecord lists the changes that complete records show where nothing is known of
// the paths: before the first snapshot, and for an account that was deleted and restored.
func (a *attributor) logOnlyByRecord(user snapshot.UserID, sku snapshot.SKUID) []Attributed {
	from, to := a.PreviousUntil, a.observed // of the first snapshot, from is zero
	ops := slices.DeleteFunc(slices.Clone(a.license[user]), func(o *op) bool {
		return o.moved(sku) == 0 || o.Incomplete || !o.evidence || !o.At.After(from) || o.At.After(to)
	})
	// Clocks differ: near a snapshot, its rows say on which side of it an operation lies.
	if before, after, known := a.states(user); known {
		if len(ops) > 0 && ops[0].At.Before(from.Add(snapshot.ClockSlack)) && snapshot.Holds(before, sku) == (ops[0].moved(sku) == skuAdded) {
			ops = ops[1:]
		}
		if n := len(ops); n > 0 && !a.gone[user] && ops[n-1].At.After(to.Add(-snapshot.ClockSlack)) && snapshot.Holds(after, sku) != (ops[n-1].moved(sku) == skuAdded) {
			ops = ops[:n-1]
		}
	}
	for _, ch := range a.siblings[userSKU{user, sku}] { // the last of its kind is what the snapshots show
		for i, o := range slices.Backward(ops) {
			if ch.Kind == snapshot.Assigned && o.moved(sku) == skuAdded || ch.Kind == snapshot.Removed && o.moved(sku) == skuRemoved {
				ops = slices.Delete(ops, i, i+1)
				break
			}
		}
	}
	var out []Attributed
	for _, o := range ops {
		if a.withDeletion(o, sku) {
			continue
		}
		ch := snapshot.Change{Run: a.Run, User: user, SKU: sku, Window: a.window, Kind: snapshot.Removed, Path: &snapshot.PathRef{Kind: snapshot.Direct}}
		m := replay.Move{Act: replay.Off, Why: replay.Recorded, By: 0, Cause: replay.None, Turns: true, From: o.At, To: o.At}
		if o.moved(sku) == skuAdded {
			ch.Kind, m.Act = snapshot.Assigned, replay.On
		}
		c := course{Move: m, path: *ch.Path, by: o}
		switch id := a.namedGroup(o, sku); {
		case o.engine && id != "":
			c.path = snapshot.PathRef{Kind: snapshot.ByGroup, Group: id}
			if a.coversSpan(o.At.Add(-snapshot.GroupLag), o.At) {
				c.step = a.lastStep(user, id, sku, m.Act == replay.On, o.At)
			}
		case o.engine, !o.Actor.Known():
			c.path = snapshot.PathRef{Kind: snapshot.Unknown}
		}
		ch.Path = &c.path
		at := a.verdict(&ch, nil, c).Attribution
		at.At = o.At
		if len(at.Evidence) == 0 {
			at.Evidence = evidence(o)
		}
		o.claim(sku)
		out = append(out, Attributed{Change: ch, Attribution: at})
	}
	return out
}

// lastStep returns the step of a group that a record of the engine followed: the last
// step within a day that had this effect, if all such steps have the same actor.
func (a *attributor) lastStep(user snapshot.UserID, id snapshot.GroupID, sku snapshot.SKUID, on bool, at time.Time) *op {
	var found []*op
	for _, o := range a.steps(user, id, at.Add(-snapshot.GroupLag), at.Add(snapshot.RecordJitter)) {
		_, after, said := groupFacts(o, sku)
		switch o.Activity {
		case snapshot.AddMember, snapshot.RemoveMember:
			if (o.Activity == snapshot.AddMember) == on {
				found = append(found, o)
			}
		case snapshot.SetGroupLicense:
			if !said || (after == replay.Yes) == on {
				found = append(found, o)
			}
		}
	}
	return oneActor(found)
}

// withDeletion reports whether the operation removed the SKU for the deletion of the
// user, which is a change of its own.
func (a *attributor) withDeletion(o *op, sku snapshot.SKUID) bool {
	return o.moved(sku) == skuRemoved && slices.ContainsFunc(a.life[o.Target], func(gone *op) bool { return precedesDeletion(o, gone) })
}

// unseenPlans lists the operations that changed plans and explain no change that the
// snapshots show. None is listed where a path began or ended: the plans of a record are
// those of all paths together, so a path that begins or ends changes them. Records of the
// engine of group-based licensing are left out, because the changes of the groups are
// reported.
func (a *attributor) unseenPlans(user snapshot.UserID, sku snapshot.SKUID) []Attributed {
	if slices.ContainsFunc(a.siblings[userSKU{user, sku}], isPathChange) {
		return nil
	}
	var out []Attributed
	for _, o := range a.license[user] {
		in := !o.At.Before(a.window.NotBefore) && !o.At.After(a.window.NotAfter) && !a.isLate(o.At)
		if !in || !o.evidence || o.engine || o.Incomplete || o.claimed[sku] || o.mentioned[sku] || a.mayShare(o, sku) {
			continue
		}
		for _, p := range o.plans {
			sets, strange := a.planSets(sku, p)
			if p.SKU != sku || strange || len(sets.off)+len(sets.on) == 0 {
				continue
			}
			ch := snapshot.Change{Run: a.Run, User: user, SKU: sku, Window: a.window, Kind: snapshot.PlansChanged,
				Path: &snapshot.PathRef{Kind: snapshot.Direct}, Plans: &snapshot.PlanDelta{Disabled: sets.off, Enabled: sets.on}}
			if !o.Actor.Known() {
				ch.Path.Kind = snapshot.Unknown
			}
			out = append(out, Attributed{Change: ch, Attribution: a.byParty(&ch, o)})
		}
	}
	return out
}

// mayShare reports whether a group gave the user the SKU besides the path that the
// operation changed. Plans may then differ because the group's path began or ended.
func (a *attributor) mayShare(o *op, sku snapshot.SKUID) bool {
	return slices.ContainsFunc(o.namedGroups(), func(id snapshot.GroupID) bool { return a.gives(id, sku) })
}

func isPathChange(ch *snapshot.Change) bool {
	return ch.Kind == snapshot.PathAdded || ch.Kind == snapshot.PathRemoved || ch.Kind == snapshot.PathMoved
}
