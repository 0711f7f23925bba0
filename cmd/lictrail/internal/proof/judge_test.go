package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// judge compares every statement about a tenant with the truth.
type judge struct {
	*world
	tally  *verdicts
	used   map[turnKey]*store.ChangeRow // the turns that were reported
	report func(format string, args ...any)
}

// verdicts count what was judged, of one sort of tenant.
type verdicts struct {
	operations, changes int
	// Assignments and removals that two snapshots show: how many there were, how
	// many got a cause, and how many a name.
	observed, attributed, named int
	// Assignments and removals: how many there were, were reported, and were
	// reported with the right party.
	turns, told, toldNamed int
	claims, wrong          map[snapshot.Confidence]int // causes, people, groups, paths and times
	apart                  map[snapshot.Confidence]int // wrong, where the remaining records fit it
	alike                  int                         // wrong, where two truths leave the same evidence
	moved, movedNamed      int                         // dates that moved
	microsoft              int                         // wrongly laid on Microsoft
	invented, twice        int
	missing                int // a difference of two snapshots that no change reports
	dates, wrongDates      int // periods and dates
	byClass                map[string]int
	byCause                map[graphtest.Cause]*tally // of what two snapshots show
}

func newVerdicts() *verdicts {
	return &verdicts{claims: map[snapshot.Confidence]int{}, wrong: map[snapshot.Confidence]int{}, apart: map[snapshot.Confidence]int{}, byClass: map[string]int{}, byCause: map[graphtest.Cause]*tally{}}
}

// of counts what had a cause in truth, and what was said to have it.
func (v *verdicts) of(c graphtest.Cause) *tally {
	if v.byCause[c] == nil {
		v.byCause[c] = &tally{}
	}
	return v.byCause[c]
}

// faults is how often anything was wrong.
func (v *verdicts) faults() int {
	n := v.invented + v.twice + v.missing + v.wrongDates
	for _, k := range v.wrong {
		n += k
	}
	return n
}

func (v *verdicts) claimed() int {
	n := 0
	for _, k := range v.claims {
		n += k
	}
	return n
}

// compare judges everything that a history says.
func (w *world) compare(t *testing.T, h *store.History, tally *verdicts) {
	t.Helper()
	j := &judge{world: w, tally: tally, used: map[turnKey]*store.ChangeRow{}}
	j.report = func(format string, args ...any) {
		if *verbose || tally.faults() <= 3 {
			t.Logf(format, args...)
		}
	}
	var rows []*store.ChangeRow
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		must(t, err)
		if c.User != "" {
			rows = append(rows, c)
		}
	}
	// What two snapshots show has its turn before what only the log saw.
	slices.SortStableFunc(rows, func(a, b *store.ChangeRow) int { return cmp.Compare(btoi(b.Observed), btoi(a.Observed)) })
	for _, c := range rows {
		tally.changes++
		j.change(c)
	}
	j.transitions()
	for a, err := range h.Assignments(t.Context(), store.Filter{}) {
		must(t, err)
		j.assignment(a)
	}
	for p, err := range h.Periods(t.Context(), store.Filter{}) {
		must(t, err)
		j.period(p)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// change judges one change.
func (j *judge) change(c *store.ChangeRow) {
	if !c.Observed && c.Attribution.Cause == snapshot.CauseUnknown && c.Attribution.At.IsZero() {
		return // it was taken back
	}
	whole := graphtest.Holding{User: string(c.User), SKU: string(c.SKU)}
	switch c.Kind {
	case snapshot.Assigned, snapshot.Removed:
		j.turn(c, whole)
	case snapshot.PathAdded, snapshot.PathRemoved, snapshot.PathMoved:
		if c.Path != nil {
			whole.Path = pathName(*c.Path)
		}
		n := j.lastTurn(whole, c.Window, c.Kind != snapshot.PathRemoved)
		if !c.Observed && c.When.Precision == snapshot.Exact {
			n = j.unseen(c, whole)
		}
		if n < 0 {
			j.invents(c)
			return
		}
		j.verdict(c, j.doings(j.lives[whole][n]))
	case snapshot.DateMoved:
		j.date(c)
	default:
		j.verdict(c, j.acted(c))
	}
}

// acted are the acts that a change of plans or of a state can come from.
func (j *judge) acted(c *store.ChangeRow) []doing {
	var list []doing
	for i, a := range j.acts {
		if a.User == string(c.User) && a.SKU == string(c.SKU) && slices.Contains(kindsOf[c.Kind], a.Kind) && fits(c, &a) {
			list = append(list, j.doing(i))
		}
	}
	return list
}

// turn judges what is said of the SKU as a whole.
func (j *judge) turn(c *store.ChangeRow, k graphtest.Holding) {
	n := -1
	if c.Observed {
		j.tally.observed++
		n = j.lastTurn(k, c.Window, c.Kind == snapshot.Assigned)
	} else {
		n = j.unseen(c, k)
	}
	if n < 0 {
		j.invents(c)
		return
	}
	if j.used[turnKey{k, n}] != nil {
		j.tally.twice++
		j.report("TOLD TWICE: %s\n  and before: %s", j.describe(c), j.describe(j.used[turnKey{k, n}]))
		return
	}
	j.used[turnKey{k, n}] = c
	truths := j.doings(j.lives[k][n])
	right, said := j.verdict(c, truths), c.Attribution.Cause
	if c.Observed {
		j.tally.of(truths[0].cause).truth++
		j.tally.of(graphtest.Cause(said)).claimed++
	}
	if !right || said == snapshot.CauseUnknown {
		return
	}
	named := party(c) != "" || said == snapshot.CauseMicrosoft || nameless(truths)
	if c.Observed {
		j.tally.of(truths[0].cause).right++
		j.tally.attributed++
		j.tally.named += btoi(named)
	}
	if named && !j.blinked(k, n) {
		j.tally.toldNamed++
	} else if *verbose {
		j.report("NOT NAMED: %s", j.describe(c))
	}
}

// nameless reports whether no record says who started something: the records of
// approved join requests name the service that carries them out.
func nameless(truths []doing) bool {
	return slices.ContainsFunc(truths, func(d doing) bool { return d.party.ID == graphtest.ApprovalManagement.ID })
}

// blinked reports whether a turn belongs to a deletion that was undone before a
// run saw it: the period went on.
func (j *judge) blinked(k graphtest.Holding, n int) bool {
	turns := j.lives[k]
	undone := func(end, start int) bool {
		return end >= 0 && start < len(turns) && !turns[end].Began && j.restores(turns[start]) &&
			!slices.ContainsFunc(j.runs, func(at time.Time) bool { return !at.Before(turns[end].At) && at.Before(turns[start].At) })
	}
	return turns[n].Began && undone(n-1, n) || !turns[n].Began && undone(n, n+1)
}

// unseen finds the turn that a change is about that only the log saw: by its
// time, which such a change must have.
func (j *judge) unseen(c *store.ChangeRow, k graphtest.Holding) int {
	found := -1
	for i, turn := range j.lives[k] {
		if turn.Began == (c.Kind == snapshot.Assigned || c.Kind == snapshot.PathAdded) && within(c.When, turn.At) && (found < 0 || j.used[turnKey{k, i}] == nil) {
			found = i
			if j.used[turnKey{k, i}] == nil {
				return i
			}
		}
	}
	return found
}

func (j *judge) invents(c *store.ChangeRow) {
	if j.lossy() && j.falseStory(c) {
		j.tally.apart[c.Attribution.Confidence]++
		return
	}
	j.tally.invented++
	j.report("INVENTED: %s", j.describe(c))
}

// date judges a date that moved.
func (j *judge) date(c *store.ChangeRow) {
	j.tally.moved++
	movers := j.movers(c)
	right := j.verdict(c, movers)
	switch a := &c.Attribution; {
	case right && a.Cause != snapshot.CauseUnknown:
		j.tally.movedNamed++
	case a.Cause == snapshot.CauseMicrosoft && a.Via == nil:
		j.tally.microsoft++
	}
}

// party is the object id of whoever is named as having started a change.
func party(c *store.ChangeRow) string {
	a := &c.Attribution
	who := a.Actor
	if a.Cause == snapshot.CauseGroup {
		who = nil
		if a.Via != nil {
			who = a.Via.Actor
		}
	}
	if who == nil || a.Cause == snapshot.CauseUnknown {
		return ""
	}
	return who.ID
}

// verdict judges a change by what it can be about, and reports whether nothing
// of what it states is wrong.
func (j *judge) verdict(c *store.ChangeRow, truths []doing) bool {
	a := &c.Attribution
	if a.Cause != snapshot.CauseUnknown {
		j.tally.claims[a.Confidence]++
	}
	var wrong []string
	for i, d := range truths {
		if w := disagreements(c, d); i == 0 || len(w) < len(wrong) {
			wrong = w
		}
	}
	if len(truths) == 0 {
		wrong = []string{"cause: no such thing happened"}
		if a.Cause == snapshot.CauseUnknown {
			wrong = nil
		}
	}
	if len(wrong) == 0 {
		return true
	}
	switch {
	case j.lossy() && j.falseStory(c):
		j.tally.apart[a.Confidence]++
		return false
	case j.likeTheGroups(c, truths):
		j.tally.alike++
		return false
	}
	j.tally.wrong[a.Confidence]++
	for _, w := range wrong {
		class, _, _ := strings.Cut(w, ":")
		j.tally.byClass[class]++
	}
	j.report("WRONG, %s: %s\n  said:  %s\n  truth: %s", a.Confidence, strings.Join(wrong, "; "), j.describe(c), j.tell(truths))
	return false
}

// likeTheGroups reports whether a date that Microsoft moved is laid on a step of
// the path's group in the hour before. The engine moves a date then as well, and
// the two cannot be distinguished.
func (j *judge) likeTheGroups(c *store.ChangeRow, truths []doing) bool {
	if c.Kind != snapshot.DateMoved || c.Attribution.Cause != snapshot.CauseGroup || c.Path == nil || len(truths) == 0 {
		return false
	}
	at := truths[0].at
	return truths[0].act.Kind == graphtest.DatesReset && slices.ContainsFunc(j.acts, func(a graphtest.Act) bool {
		step := a.Group == string(c.Path.Group) && (a.Kind == graphtest.MemberAdded && a.User == string(c.User) || a.Kind == graphtest.GroupLicenseSet)
		return step && a.At.Before(at) && at.Sub(a.At) <= time.Hour
	})
}

// disagreements lists what a change states that is not true of a doing.
func disagreements(c *store.ChangeRow, d doing) []string {
	a := &c.Attribution
	var list []string
	wrong := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if !a.At.IsZero() && apart(a.At, d.at) > near || !within(c.When, d.at) {
		wrong("time: %s..%s, in truth %s", stampOf(c.When.NotBefore), stampOf(c.When.NotAfter), stampOf(d.at))
	}
	if a.Cause == snapshot.CauseUnknown || restoredToGroup(a, &d.act) || d.deleted && a.Cause == snapshot.CauseUserDeleted && a.Actor != nil && a.Actor.ID == d.actor.ID {
		return list
	}
	if string(a.Cause) != string(d.cause) {
		wrong("cause: %s, in truth %s", a.Cause, d.cause)
	}
	if c.Path != nil && a.Cause != snapshot.CauseUserDeleted && a.Cause != snapshot.CauseUserRestored && d.cause != graphtest.CauseUserDeleted &&
		c.Path.Kind != snapshot.Unknown && d.act.Kind != graphtest.DatesReset && pathName(*c.Path) != d.path {
		wrong("path: %s, in truth %s", pathName(*c.Path), d.path)
	}
	if a.Cause == snapshot.CauseGroup {
		list = append(list, viaDisagreements(a.Via, d)...)
		if d.act.Trigger == graphtest.TriggerDynamicRule { // a rule may be called what started it
			return list
		}
		return append(list, initiatorDisagreement(a, d)...)
	}
	if a.Actor != nil && a.Actor.ID != "" && d.actor.ID != "" && a.Actor.ID != d.actor.ID {
		wrong("person: %s, in truth %s", a.Actor.ID, d.actor.ID)
	}
	return append(list, initiatorDisagreement(a, d)...)
}

func viaDisagreements(v *snapshot.Via, d doing) []string {
	var list []string
	wrong := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if v == nil {
		return nil
	}
	if v.Group != "" && string(v.Group) != d.act.Group {
		wrong("group: %s, in truth %s", v.Group, d.path)
	}
	if v.Trigger != snapshot.TriggerUnknown && d.act.Trigger != "" && string(v.Trigger) != string(d.act.Trigger) {
		wrong("cause: by way of %s, in truth %s", v.Trigger, d.act.Trigger)
	}
	if v.Actor != nil && v.Actor.ID != "" && v.Actor.ID != d.party.ID {
		wrong("person: %s, in truth %s", v.Actor.ID, d.party.ID)
	}
	if !v.At.IsZero() && !d.step.IsZero() && apart(v.At, d.step) > near {
		wrong("time: of the step %s, in truth %s", stampOf(v.At), stampOf(d.step))
	}
	return list
}

// initiators are the sorts of party that an actor may be called.
var initiators = map[graphtest.ActorKind][]snapshot.Initiator{
	graphtest.ActorUser:      {snapshot.ByAdmin, snapshot.ByUser},
	graphtest.ActorPartner:   {snapshot.ByAdmin},
	graphtest.ActorApp:       {snapshot.ByAutomation},
	graphtest.ActorAgent:     {snapshot.ByAutomation},
	graphtest.ActorMicrosoft: {snapshot.ByMicrosoft, snapshot.ByUser, snapshot.ByBilling},
	graphtest.ActorNone:      {snapshot.ByMicrosoft, snapshot.ByBilling, snapshot.ByUser},
}

func initiatorDisagreement(a *snapshot.Attribution, d doing) []string {
	if a.Initiator == snapshot.ByUnknown || a.Initiator == "" || slices.Contains(initiators[d.party.Kind], a.Initiator) {
		return nil
	}
	return []string{fmt.Sprintf("person: started by %s, in truth by %s", a.Initiator, d.party.Kind)}
}

// transitions counts the changes that should be reported, and finds what two snapshots
// show and no change reports.
func (j *judge) transitions() {
	first, last := j.runs[0], j.runs[len(j.runs)-1]
	for k, turns := range j.lives {
		if k.Path != "" {
			continue
		}
		for i, turn := range turns {
			if !turn.At.After(first) || turn.At.After(last) || j.blinked(k, i) {
				continue
			}
			if j.used[turnKey{k, i}] == nil && j.awayMeanwhile(turn) {
				continue // a restore goes on with the period: it is no transition
			}
			j.tally.turns++
			if j.used[turnKey{k, i}] != nil {
				j.tally.told++
			} else if *verbose {
				j.report("NOT TOLD: %v at %s", k, j.tell(j.doings(turn)))
				for _, o := range turns {
					j.report("   turn %t %s", o.Began, j.tell(j.doings(o)))
				}
			}
		}
		j.differences(k, turns)
	}
}

// awayMeanwhile reports whether a turn is that of a deletion or of a restore.
func (j *judge) awayMeanwhile(turn graphtest.Turn) bool {
	for _, d := range j.doings(turn) {
		if d.cause == graphtest.CauseUserDeleted || d.cause == graphtest.CauseUserRestored {
			return true
		}
	}
	return false
}

// differences looks for differences of two snapshots that no change reports.
func (j *judge) differences(k graphtest.Holding, turns []graphtest.Turn) {
	for i := 1; i < len(j.runs); i++ {
		window := snapshot.Window{NotBefore: j.runs[i-1], NotAfter: j.runs[i]}
		before, after := heldAt(turns, window.NotBefore), heldAt(turns, window.NotAfter)
		if before == after {
			continue
		}
		if n := j.lastTurn(k, window, after); n < 0 || j.used[turnKey{k, n}] == nil {
			j.tally.missing++
			j.report("MISSING: %v changed between %s and %s", k, stampOf(window.NotBefore), stampOf(window.NotAfter))
		}
	}
}

func heldAt(turns []graphtest.Turn, at time.Time) bool {
	held := false
	for _, t := range turns {
		if !t.At.After(at) {
			held = t.Began
		}
	}
	return held
}

// dated judges one date by the times that it may be true of.
func (j *judge) dated(what string, k graphtest.Holding, d snapshot.Date, truths []time.Time) {
	j.tally.dates++
	if slices.ContainsFunc(truths, func(at time.Time) bool { return within(d, at) }) {
		return
	}
	j.wrongDate("%s of %v: %s %s..%s (%s), in truth %v", what, k, d.Precision, stampOf(d.NotBefore), stampOf(d.NotAfter), d.Basis, stamps(truths))
}

func (j *judge) wrongDate(format string, args ...any) {
	j.tally.wrongDates++
	j.report("WRONG DATE: "+format, args...)
}

func stamps(times []time.Time) []string {
	var list []string
	for _, t := range times {
		list = append(list, stampOf(t))
	}
	return list
}

func (j *judge) assignment(a *store.Assignment) {
	k := graphtest.Holding{User: string(a.User.ID), SKU: string(a.SKU)}
	firsts := j.firsts(k)
	if a.First.Precision == snapshot.Exact {
		firsts = j.exactFirsts(k)
	}
	j.dated("first assigned", k, a.First, firsts)
	j.dated("assigned since", k, a.Since, j.starts(k, func(x, y stretch) bool { return j.proven(k, x, y) }))
	if least, most := j.world.periods(k); a.Periods < least || a.Periods > most {
		j.wrongDate("%v: %d periods, in truth %d to %d", k, a.Periods, least, most)
	}
	for _, p := range a.Paths {
		k.Path = pathName(p.PathRef)
		j.dated("path", k, p.Since, j.starts(k, j.pathGapProven(k)))
	}
}

// period checks that a period begins with one stretch and ends with one.
func (j *judge) period(p *store.Period) {
	k := graphtest.Holding{User: string(p.User.ID), SKU: string(p.SKU)}
	var began, ended []time.Time
	for _, s := range j.stretches(k) {
		began = append(began, s.began)
		if s.end >= 0 {
			ended = append(ended, s.ended)
		}
	}
	j.dated("beginning of a period", k, p.From, began)
	if p.To != nil {
		j.dated("end of a period", k, *p.To, ended)
	}
}

// days checks the days on which a SKU was held, where records show every turn
// in full, and returns how many it checked.
func (j *judge) days(h *store.History, held *store.Holding) int {
	k := graphtest.Holding{User: string(held.Person.ID), SKU: string(held.SKU)}
	for _, turn := range j.lives[k] {
		if !j.whole(turn) {
			return 0
		}
	}
	var truth []snapshot.Days
	for _, s := range j.stretches(k) {
		end := h.At.ObservedUntil
		if s.end >= 0 {
			end = s.ended
		}
		truth = append(truth, snapshot.Days{From: snapshot.DayOf(s.began), To: snapshot.DayOf(end)})
	}
	truth = snapshot.JoinDays(truth)
	sure, possible := snapshot.HeldDays(held.Stretches, h.At.ObservedAt, h.At.ObservedUntil)
	checked := 0
	for d := snapshot.DayOf(h.First.ObservedAt) + 1; d <= snapshot.DayOf(h.At.ObservedAt); d++ {
		checked++
		j.tally.dates++
		if on(sure, d) && !on(truth, d) || on(truth, d) && !on(possible, d) {
			j.wrongDate("%v on %s: sure %v, possible %v, in truth %v", k, d.Time().Format(time.DateOnly), on(sure, d), on(possible, d), on(truth, d))
			break
		}
	}
	return checked
}

// lossy reports whether the log lost a record.
func (j *judge) lossy() bool {
	return slices.ContainsFunc(j.evidence, func(e graphtest.Evidence) bool { return e.Records == 0 })
}

// falseStory reports whether the remaining records fit a complete history in
// which a wrong statement is right: the paths that the recorded acts move are
// those of every snapshot.
func (j *judge) falseStory(c *store.ChangeRow) bool {
	w := j.left(graphtest.Holding{User: string(c.User), SKU: string(c.SKU)}, c.Window)
	if w == nil {
		return j.byBareRecord(c)
	}
	other := &judge{world: w, tally: newVerdicts(), used: map[turnKey]*store.ChangeRow{}, report: func(string, ...any) {}}
	other.change(c)
	return other.tally.faults() == 0 || j.byBareRecord(c)
}

// left is the story of a user's SKU that is left in a window where the log lost
// records; nil if it does not end with the paths that the snapshot shows.
func (w *world) left(k graphtest.Holding, window snapshot.Window) *world {
	acts := slices.Clone(w.acts)
	for i := range acts {
		a := &acts[i]
		if a.User == k.User && a.SKU == k.SKU && a.At.After(window.NotBefore) && !a.At.After(window.NotAfter) && !w.recorded(i) {
			a.Kind = ""
		}
	}
	left := &world{acts: acts, lives: graphtest.Lives(acts), runs: w.runs, logged: w.logged}
	for path, turns := range w.lives {
		if path.User == k.User && path.SKU == k.SKU && heldAt(turns, window.NotAfter) != heldAt(left.lives[path], window.NotAfter) {
			return nil
		}
	}
	return left
}

// byBareRecord reports whether the change rests on a record without details, and
// names nobody but whoever that names, while the record of what really happened
// is lost.
func (j *judge) byBareRecord(c *store.ChangeRow) bool {
	lost, bare := false, false
	for i, a := range j.acts {
		if a.User == string(c.User) && a.SKU == string(c.SKU) && a.At.After(c.Window.NotBefore) && !a.At.After(c.Window.NotAfter) {
			lost = lost || !j.recorded(i)
		}
		rests := !c.Attribution.At.IsZero() && apart(a.At, c.Attribution.At) <= near || c.Attribution.Via != nil && apart(a.At, c.Attribution.Via.At) <= near
		rests = rests && (party(c) == "" || party(c) == a.Actor.ID)
		bare = bare || rests && (a.User == string(c.User) || a.Kind == graphtest.GroupLicenseSet) && j.evidence[i].Records > 0 && !j.evidence[i].Whole
	}
	return lost && bare
}

func (j *judge) describe(c *store.ChangeRow) string {
	a := &c.Attribution
	who, via := "", ""
	if a.Actor != nil {
		who = a.Actor.ID
	}
	if a.Via != nil {
		via = fmt.Sprintf(" via %s %s at %s", a.Via.Trigger, a.Via.Group, stampOf(a.Via.At))
		if a.Via.Actor != nil {
			via += " by " + a.Via.Actor.ID
		}
	}
	path := ""
	if c.Path != nil {
		path = pathName(*c.Path)
	}
	return fmt.Sprintf("change %d run %d %s observed=%t %s %s path %s window %s..%s dated %s: %s/%s/%s by %s%s at %s (%s) %s", c.ID, c.Run, c.Kind, c.Observed,
		c.User, c.SKU, path, stampOf(c.Window.NotBefore), stampOf(c.Window.NotAfter), stampOf(c.Dated),
		a.Cause, a.UnknownWhy, a.Confidence, who, via, stampOf(a.At), a.Initiator, a.Reason)
}

func (j *judge) tell(truths []doing) string {
	var list []string
	for _, d := range truths {
		list = append(list, fmt.Sprintf("%s %s %s path %s by %s %s, step %s", stampOf(d.at), d.act.Kind, d.cause, d.path, d.party.ID, d.party.UPN+d.party.Name, stampOf(d.step)))
	}
	return strings.Join(list, " | ")
}
