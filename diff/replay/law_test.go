package replay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/snapshot"
)

// world is a true course of events, and what is on record of it.
type world struct {
	*rand.Rand
	Problem
	slow bool // the engine may take hours, and go out of order

	direct        int // the path that is no group's; None for none
	held          []bool
	member, gives []bool
	cause         []int // per path, the record that its group has the engine wait on; None for none
	dates         []time.Time
	offset        []time.Duration // of the rows' dates from the records
	undated       bool            // the rows have no dates
	near          bool            // rows are a second off at most, and the engine is quick; else half a minute
	reads         int             // snapshots taken
	records       []Point         // all there are, whether or not the log has them
	truth         []Move          // between the snapshots; By and Cause are numbers of records
	points        []int           // per record, the point of the problem that it is; None where the log lacks it
}

// loss says what the log of a world lacks.
type loss struct {
	bare float64 // share of records without details
	lost float64 // share of records that are missing
}

// errand is an operation that is planned for a later time.
type errand struct {
	at time.Time
	do func(at time.Time)
}

func newWorld(seed uint64, slow bool, miss loss) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 15)), slow: slow, direct: None}
	w.Start = monday.Add(4 * time.Hour)
	w.StartUntil = w.Start.Add(10 * time.Minute)
	w.End, w.EndUntil = w.Start.AddDate(0, 0, 7), w.StartUntil.AddDate(0, 0, 7)
	w.Covered = func(_, _ time.Time) bool { return true }
	w.undated, w.near = w.chance(0.1), w.chance(0.5)
	w.drawPaths()
	w.play()
	lacks := make([]bool, len(w.records))
	for i := range w.records {
		lacks[i] = w.chance(miss.lost)
		if w.chance(miss.bare) {
			w.records[i].Before, w.records[i].After = NotKnown, NotKnown
		}
	}
	w.log(lacks)
	return w
}

func (w *world) chance(p float64) bool { return w.Float64() < p }

// span is a random duration between two, in whole seconds.
func (w *world) span(least, most time.Duration) time.Duration {
	return (least + time.Duration(w.Int64N(int64(most-least)))).Truncate(time.Second)
}

// drawPaths draws a direct path, up to three groups, or both, and what they gave before.
func (w *world) drawPaths() {
	groups := w.IntN(4)
	if groups == 0 || w.chance(0.6) {
		w.direct = w.IntN(groups + 1)
		groups++
	}
	off, least := 25*time.Second, -25*time.Second
	if w.near {
		off, least = time.Millisecond, -1500*time.Millisecond
	}
	for i := range groups {
		member, gives := w.chance(0.6), w.chance(0.8)
		path := Path{Kind: snapshot.ByGroup}
		if i == w.direct {
			path.Kind, member, gives = snapshot.Direct, w.chance(0.4), true
		}
		w.Paths = append(w.Paths, path)
		w.member, w.gives = append(w.member, member), append(w.gives, gives)
		w.held, w.cause = append(w.held, member && gives), append(w.cause, None)
		w.offset = append(w.offset, w.span(least, off))
		w.dates = append(w.dates, w.Start.Add(-w.span(25*time.Hour, 600*time.Hour)))
	}
}

// play lets up to six operations happen, and the engine follow them. The user is
// read at some time while a snapshot is taken.
func (w *world) play() {
	queue := []errand{{w.Start.Add(w.span(0, 10*time.Minute)), w.read}, {w.End.Add(w.span(0, 10*time.Minute)), w.read}}
	for range 1 + w.IntN(6) {
		at := w.Start.Add(w.span(-2*time.Hour, w.EndUntil.Sub(w.Start)))
		if last := queue[len(queue)-1].at; w.chance(0.3) {
			at = last.Add(w.span(0, 10*time.Minute))
		}
		path := w.IntN(len(w.Paths))
		queue = append(queue, errand{at, func(at time.Time) { w.operate(at, path) }})
	}
	engine := w.Start.Add(-24 * time.Hour) // when it was last at work
	for len(queue) > 0 {
		slices.SortStableFunc(queue, func(a, b errand) int { return a.at.Compare(b.at) })
		next := queue[0]
		queue = queue[1:]
		known := len(w.records)
		next.do(next.at)
		for _, r := range w.records[known:] {
			if r.Kind > Recalculated {
				continue
			}
			// The earliest step is followed first. Steps that are nearer than the dates of rows may be off count as one instant.
			quick, apart := 30*time.Second, 2*time.Minute
			if w.near {
				quick, apart = 5*time.Second, time.Second
			}
			at := later(r.At.Add(w.span(quick, 50*time.Minute)), engine.Add(apart))
			if w.slow && w.chance(0.2) {
				at = r.At.Add(w.span(time.Hour, 20*time.Hour))
			}
			engine = later(engine, at)
			queue = append(queue, errand{at, func(at time.Time) { w.engine(at, r.Path) }})
		}
	}
}

func (w *world) holds() bool { return slices.Contains(w.held, true) }

// record adds a record, and returns its number.
func (w *world) record(p Point) int {
	p.Named = None
	w.records = append(w.records, p)
	return len(w.records) - 1
}

// operate lets somebody change a path, or what its group wants.
func (w *world) operate(at time.Time, path int) {
	was := w.holds()
	switch {
	case path == w.direct && w.held[path] && w.chance(0.2): // saved as it was
		by := w.record(Point{At: at, Kind: Saved, Path: None, Before: Yes, After: Yes})
		if w.chance(0.5) {
			w.redated(path, by, None, at)
		}
	case path == w.direct:
		w.held[path] = !w.held[path]
		by := w.record(Point{At: at, Kind: Saved, Path: None, Before: FactOf(was), After: FactOf(w.holds())})
		w.moved(path, by, at, was)
	case w.chance(0.7):
		w.member[path] = !w.member[path]
		kind := Left
		if w.member[path] {
			kind = Joined
		}
		w.stepped(path, w.record(Point{At: at, Kind: kind, Path: path}), w.gives[path])
	default:
		w.gives[path] = !w.gives[path]
		p := Point{At: at, Kind: GroupSet, Path: path, Before: FactOf(!w.gives[path]), After: FactOf(w.gives[path])}
		w.stepped(path, w.record(p), w.member[path])
	}
}

// stepped notes the record of a group's step, if the group wants something else
// for the user after it.
func (w *world) stepped(path, record int, otherwise bool) {
	if otherwise {
		w.cause[path] = record
	}
}

func (w *world) moved(path, by int, at time.Time, was bool) {
	m := Move{Path: path, Act: Off, By: by, Cause: None, Turns: was != w.holds(), From: at, To: at}
	if w.held[path] {
		m.Act, w.dates[path] = On, at
	}
	w.happened(m)
}

func (w *world) redated(path, by, cause int, at time.Time) {
	w.dates[path] = at
	w.happened(Move{Path: path, Act: Redated, By: by, Cause: cause, From: at, To: at})
}

// happened notes a move, if it is one of the window.
func (w *world) happened(m Move) {
	if w.reads == 1 {
		w.truth = append(w.truth, m)
	}
}

// engine lets group-based licensing follow a group, and sometimes all others that
// wait with it, at one instant. It leaves one record if that changes whether the SKU
// is held: of the paths that then began, the oldest step is taken for the decisive
// one, of those that ended the newest. What was taken back before the engine looked
// may date the row anew.
func (w *world) engine(at time.Time, path int) {
	all := w.chance(0.3)
	was := w.holds()
	var moves []Move
	for i := range w.Paths {
		if i == w.direct || i != path && !all {
			continue
		}
		wants, cause := w.member[i] && w.gives[i], w.cause[i]
		switch {
		case wants != w.held[i]:
			w.held[i] = wants
			moves = append(moves, Move{Path: i, Act: Off, By: None, Cause: cause, From: at, To: at})
			if wants {
				moves[len(moves)-1].Act, w.dates[i] = On, at
			}
		case wants && cause != None && w.chance(0.5):
			w.redated(i, None, cause, at)
		}
		w.cause[i] = None
	}
	if is := w.holds(); is != was {
		by := w.record(Point{At: at, Kind: Engine, Path: None, Before: FactOf(was), After: FactOf(is)})
		decisive := -1
		for i := range moves {
			moves[i].By = by
			switch {
			case (moves[i].Act == On) != is:
			case decisive < 0, is == (moves[i].Cause < moves[decisive].Cause):
				decisive = i
			}
		}
		moves[decisive].Turns = true
	}
	for _, m := range moves {
		w.happened(m)
	}
}

// read takes a snapshot of the user.
func (w *world) read(time.Time) {
	for i := range w.Paths {
		row, gives := Row{}, FactOf(w.gives[i])
		if w.held[i] {
			row = Row{Held: true, Date: w.dates[i].Add(w.offset[i])}
		}
		if w.undated {
			row.Date = time.Time{}
		}
		if i == w.direct || w.chance(0.1) {
			gives = NotKnown
		}
		if w.reads == 0 {
			w.Paths[i].Before, w.Paths[i].GivesBefore = row, gives
		} else {
			w.Paths[i].After, w.Paths[i].GivesAfter = row, gives
		}
	}
	w.reads++
}

// log makes the points of the problem from the records, without those that the log
// lacks.
func (w *world) log(lacks []bool) {
	w.Points, w.points = nil, nil
	for i, r := range w.records {
		near := r.Kind < Saved || !r.At.Before(w.Start.Add(-snapshot.ClockSlack)) && !r.At.After(w.EndUntil.Add(snapshot.ClockSlack))
		if lacks[i] || !near {
			w.points = append(w.points, None)
			continue
		}
		w.points = append(w.points, len(w.Points))
		w.Points = append(w.Points, r)
	}
}

// story lists the moves of a history without times and dates: first path by path, then
// those with which the SKU was gained or lost. The order in which two other paths moved
// is left out, since the dates of their rows may be nearly equal.
func story(moves []Move) string {
	var lines []string
	for _, m := range moves {
		if m.Act != Redated {
			lines = append(lines, fmt.Sprintf("path %d %s by %d after %d", m.Path, map[Act]string{On: "on", Off: "off"}[m.Act], m.By, m.Cause))
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:len("path 0")], b[:len("path 0")]) })
	for _, m := range (&History{Moves: moves}).Turns() {
		lines = append(lines, fmt.Sprintf("path %d turns by %d", m.Path, m.By))
	}
	return strings.Join(append(lines, ""), "\n")
}

// course is the truth in the form of a history.
func (w *world) course() []Move {
	moves := slices.Clone(w.truth)
	for i := range moves {
		for _, p := range []*int{&moves[i].By, &moves[i].Cause} {
			if *p != None {
				*p = w.points[*p]
			}
		}
	}
	return moves
}

// has reports whether the truth is among the histories. What came and went beside
// another path, so that neither a snapshot nor a record shows a difference, may be
// missing there.
func (w *world) has(r Result) bool {
	moves := w.course()
	truth := story(moves)
	shown := story(slices.DeleteFunc(moves, func(m Move) bool { return w.leavesNothing(m.Path) }))
	return r.Bounded || slices.ContainsFunc(r.Histories, func(h History) bool {
		got := story(h.Moves)
		return got == truth || got == shown
	})
}

// leavesNothing reports whether a path that is no group's is in no snapshot and
// never was the only one.
func (w *world) leavesNothing(path int) bool {
	p := w.Paths[path]
	turned := slices.ContainsFunc(w.truth, func(m Move) bool { return m.Path == path && m.Turns })
	return p.Kind != snapshot.ByGroup && !p.Before.Held && !p.After.Held && !turned
}

func (w *world) String() string {
	var b strings.Builder
	for i, p := range w.Paths {
		fmt.Fprintf(&b, "path %d kind %s: %v %s gives %d -> %v %s gives %d\n", i, p.Kind, p.Before.Held, stampOf(p.Before.Date), p.GivesBefore, p.After.Held, stampOf(p.After.Date), p.GivesAfter)
	}
	for i, p := range w.Points {
		fmt.Fprintf(&b, "%d: %s kind %d path %d %d -> %d\n", i, stampOf(p.At), p.Kind, p.Path, p.Before, p.After)
	}
	return b.String() + "truth\n" + story(w.course())
}

func stampOf(t time.Time) string {
	if t.Before(monday.AddDate(0, 0, -1)) || !t.Before(monday.AddDate(0, 0, 8)) {
		return t.Format(time.DateTime)
	}
	return stamp(t)
}

// rounds is how many worlds a law is tried on.
func rounds(full uint64) uint64 {
	if testing.Short() {
		return full / 10
	}
	return full
}

// With a log that lacks nothing but details, and an engine that needs less than an
// hour, what happened is among the kept histories, and costs nothing.
func TestLaw_TruthIsKept(t *testing.T) {
	for seed := range rounds(8000) {
		w := newWorld(seed, false, loss{bare: 0.15 * float64(seed%2)})
		r := Solve(&w.Problem)
		if !w.has(r) {
			t.Fatalf("seed %d: the truth is not kept\n%s\n%s", seed, w, storiesOf(r))
		}
	}
}

// Where the log was not read, operations have no record. The kept histories have the true
// last change of the SKU all the same, if there were at most two operations: one that
// adds the SKU and one that removes it.
func TestLaw_WhatWasNotReadIsNotDenied(t *testing.T) {
	for seed := range rounds(4000) {
		w := newWorld(seed, false, loss{})
		from := w.Start.Add(w.span(0, 6*24*time.Hour))
		to := from.Add(w.span(time.Hour, 48*time.Hour))
		w.Covered = func(a, b time.Time) bool { return !a.Before(to) || !b.After(from) }
		lacks, operations := make([]bool, len(w.records)), 0
		for i, r := range w.records {
			lacks[i] = !r.At.Before(from) && !r.At.After(to)
			if lacks[i] && r.Kind != Engine {
				operations++
			}
		}
		w.log(lacks)
		turns := (&History{Moves: w.course()}).Turns()
		r := Solve(&w.Problem)
		if r.Bounded || len(turns) == 0 || operations > 2 {
			continue
		}
		last := turns[len(turns)-1]
		if !slices.ContainsFunc(r.Histories, func(h History) bool {
			turns := h.Turns()
			return len(turns) > 0 && turns[len(turns)-1].By == last.By
		}) {
			t.Fatalf("seed %d: not read from %s to %s\n%s\n%s", seed, stampOf(from), stampOf(to), w, storiesOf(r))
		}
	}
}

// harsh is a world of a slow engine, whose log lacks details and records.
func harsh(seed uint64) *world {
	return newWorld(seed, true, loss{bare: 0.2, lost: 0.15 * float64(seed%2)})
}

// Every kept history leads from the first snapshot to the second, and fits every
// record in full but for those whose contradiction it pays for.
func TestLaw_HistoriesFitTheEvidence(t *testing.T) {
	for seed := range rounds(4000) {
		w := harsh(seed)
		r := Solve(&w.Problem)
		if r.Cost >= contradicted && seed%2 == 0 {
			t.Fatalf("seed %d: nothing is missing, and the cheapest history contradicts a record\n%s\n%s", seed, w, storiesOf(r))
		}
		if len(r.Histories) == 0 && !r.Bounded {
			t.Fatalf("seed %d: no history\n%s", seed, w)
		}
		for _, h := range r.Histories {
			if msg := w.misfit(h); msg != "" {
				t.Fatalf("seed %d: %s\n%s\n%v\n%s", seed, msg, w, h.Moves, story(h.Moves))
			}
		}
	}
}

// misfit says in what a history does not fit the evidence; "" if it does.
func (w *world) misfit(h History) string {
	held := make([]bool, len(w.Paths))
	for i, p := range w.Paths {
		held[i] = p.Before.Held
	}
	came := slices.Contains(held, true)
	for i, m := range h.Moves {
		switch {
		case (m.Act == On) == held[m.Path]:
			return fmt.Sprintf("move %d: the path is on, or off, already", i)
		case m.To.Before(m.From):
			return fmt.Sprintf("move %d: it ends before it begins", i)
		case m.By != None && (!m.From.Equal(w.Points[m.By].At) || !m.To.Equal(m.From)):
			return fmt.Sprintf("move %d: not at the time of its record", i)
		case m.Cause != None && (w.Points[m.Cause].Path != m.Path || w.Points[m.Cause].Kind >= Saved):
			return fmt.Sprintf("move %d: the step is of another path", i)
		case m.Cause != None && m.To.Before(w.Points[m.Cause].At.Add(-snapshot.RecordJitter)):
			return fmt.Sprintf("move %d: before the step that it followed", i)
		case m.Turns && (m.Act == On) == came:
			return fmt.Sprintf("move %d: the SKU came twice, or went twice", i)
		}
		held[m.Path] = m.Act != Off
		came = came != m.Turns
	}
	if came != slices.Contains(held, true) {
		return "the SKU is held by no path, or not held by one"
	}
	for i, p := range w.Paths {
		if held[i] != p.After.Held {
			return fmt.Sprintf("path %d does not end as the snapshot shows it", i)
		}
		if msg := misdated(p, h.Last(i, On, Off, Redated)); msg != "" {
			return fmt.Sprintf("path %d: %s", i, msg)
		}
	}
	ignored := 0
	for k, p := range w.Points {
		if p.Kind >= Saved && p.Before != NotKnown && p.After != NotKnown && !w.atEdge(p) && !w.fitsRecord(h, k) {
			ignored++
		}
	}
	if ignored*contradicted > h.Cost {
		return fmt.Sprintf("it contradicts %d records and costs %d", ignored, h.Cost)
	}
	return ""
}

// misdated returns why a path's last move cannot have given its row the date that the
// snapshot after shows; "" if it can.
func misdated(p Path, last *Move) string {
	date := p.After.Date
	switch {
	case !p.After.Held || date.IsZero():
		return ""
	case p.Before.Held && p.Before.Date.Equal(date):
		if last != nil {
			return "it moved, and its row has the date of before"
		}
	case last == nil || last.Act == Off:
		return "its row has a new date, and nothing moved it"
	case date.Before(last.From.Add(-snapshot.RowResolution)) || date.After(last.To.Add(snapshot.RowResolution)):
		return "its last move was at another time than the row's date"
	}
	return ""
}

// atEdge reports whether a record may lie on either side of a snapshot.
func (w *world) atEdge(p Point) bool {
	return !p.At.After(w.StartUntil.Add(snapshot.ClockSlack)) || !p.At.Before(w.End.Add(-snapshot.ClockSlack))
}

// fitsRecord reports whether a history can have held, before and after a record,
// what the record says.
func (w *world) fitsRecord(h History, k int) bool {
	p := w.Points[k]
	held := make([]bool, len(w.Paths))
	for i, path := range w.Paths {
		held[i] = path.Before.Held
	}
	before := func(m Move) bool { return m.By != None && m.By < k || m.By == None && m.To.Before(p.At) }
	after := func(m Move) bool { return m.By > k || m.By == None && m.From.After(p.At) }
	for i := 0; ; i++ {
		j := i
		is := FactOf(slices.Contains(held, true))
		was := slices.Clone(held)
		for j < len(h.Moves) && h.Moves[j].By == k {
			was[h.Moves[j].Path] = h.Moves[j].Act != Off
			j++
		}
		possible := !slices.ContainsFunc(h.Moves[:i], after) && !slices.ContainsFunc(h.Moves[j:], before)
		if possible && is == p.Before && FactOf(slices.Contains(was, true)) == p.After {
			return true
		}
		if i == len(h.Moves) {
			return false
		}
		held[h.Moves[i].Path] = h.Moves[i].Act != Off
	}
}

// The histories that are kept cost no more than the cheapest plus the margin, each is
// listed once, and none costs less than its moves without a record.
func TestLaw_CostsAddUp(t *testing.T) {
	for seed := range rounds(4000) {
		w := harsh(seed)
		r := Solve(&w.Problem)
		if r.Bounded || len(r.Histories) == 0 {
			continue
		}
		least, seen := r.Histories[0].Cost, map[string]bool{}
		for _, h := range r.Histories {
			least = min(least, h.Cost)
			if key := signature(h.Moves); seen[key] {
				t.Fatalf("seed %d: one history twice\n%s\n%s", seed, w, story(h.Moves))
			} else {
				seen[key] = true
			}
			if floor := w.floor(h); h.Cost < floor || h.Cost > r.Cost+margin(r.Cost) {
				t.Fatalf("seed %d: cost %d, at least %d, cheapest %d\n%s\n%v", seed, h.Cost, floor, r.Cost, w, h.Moves)
			}
		}
		if least != r.Cost {
			t.Fatalf("seed %d: the cheapest costs %d, not %d\n%s", seed, least, r.Cost, w)
		}
	}
}

// floor is the least that a history must cost, by its moves alone.
func (w *world) floor(h History) int {
	cost := 0
	for _, m := range h.Moves {
		switch {
		case m.By != None:
		case m.Act == Redated && m.Why == Unlogged && m.Path == w.direct:
			cost += noReason
		case m.Act == Redated:
		case m.Path == w.direct:
			cost += unlogged
		case m.Turns:
			cost += silentTurn
		}
	}
	return cost
}

// What happened at one time may stand in any order, and solving again gives the
// same.
func TestLaw_OrderAtOneTimeDoesNotMatter(t *testing.T) {
	for seed := range rounds(4000) {
		w := harsh(seed)
		w.crowd()
		want := w.renamed(Solve(&w.Problem), nil)
		if again := w.renamed(Solve(&w.Problem), nil); again != want {
			t.Fatalf("seed %d: solved again\n%s\n%s\n%s", seed, w, want, again)
		}
		order := make([]int, len(w.Points))
		for i := range order {
			order[i] = i
		}
		for range 3 * len(order) {
			i := 1 + w.IntN(max(1, len(order)-1))
			if i < len(order) && w.interchange(w.Points[order[i-1]], w.Points[order[i]]) {
				order[i-1], order[i] = order[i], order[i-1]
			}
		}
		shuffled := w.Problem
		shuffled.Points = nil
		for _, i := range order {
			shuffled.Points = append(shuffled.Points, w.Points[i])
		}
		if got := w.renamed(Solve(&shuffled), order); got != want {
			t.Fatalf("seed %d: in another order\n%s\n%s\n%s", seed, w, want, got)
		}
	}
}

// crowd lets some steps of different groups happen at one time.
func (w *world) crowd() {
	for i := 1; i < len(w.Points); i++ {
		x, y := w.Points[i-1], &w.Points[i]
		if x.Kind < Saved && y.Kind < Saved && x.Path != y.Path && y.At.Sub(x.At) < 10*time.Minute {
			y.At = x.At
		}
	}
}

// interchange reports whether two points may stand in either order: those of one
// time, but for two records of licenses and two steps of one group.
func (w *world) interchange(x, y Point) bool {
	licenses, steps := x.Kind >= Saved && y.Kind >= Saved, x.Kind < Saved && y.Kind < Saved
	return x.At.Equal(y.At) && !licenses && (!steps || x.Path != y.Path)
}

// renamed writes down the stories of a result, with the numbers that points had
// before they were put in an order.
func (w *world) renamed(r Result, order []int) string {
	name := func(k int) int {
		if k == None || order == nil {
			return k
		}
		return order[k]
	}
	costs := map[string]int{}
	for _, h := range r.Histories {
		moves := slices.Clone(h.Moves)
		for i := range moves {
			moves[i].By, moves[i].Cause = name(moves[i].By), name(moves[i].Cause)
		}
		key := story(moves)
		if cost, known := costs[key]; !known || h.Cost < cost {
			costs[key] = h.Cost
		}
	}
	return fmt.Sprint(r.Cost, r.Bounded, costs)
}

// A record that arrives late does not remove the truth from the kept histories, if all
// records that the truth needs were there before. As long as one of them is missing, the
// others may fit a history that is complete and false.
func TestLaw_MoreEvidenceKeepsTheTruth(t *testing.T) {
	for seed := range rounds(2000) {
		w := newWorld(seed, false, loss{})
		lacks := make([]bool, len(w.records))
		for i := range lacks {
			lacks[i] = w.chance(0.4)
		}
		w.log(lacks)
		kept := w.has(Solve(&w.Problem))
		for _, i := range w.Perm(len(lacks)) {
			if !lacks[i] {
				continue
			}
			lacks[i] = false
			w.log(lacks)
			r := Solve(&w.Problem)
			is := w.has(r)
			if kept && !is && w.onRecord() {
				t.Fatalf("seed %d: with the record of %s the truth is kept no more\n%s\n%s", seed, stampOf(w.records[i].At), w, storiesOf(r))
			}
			kept = is
		}
		if !kept {
			t.Fatalf("seed %d: with all records the truth is not kept\n%s", seed, w)
		}
	}
}

// onRecord reports whether the log has all records but for saves that changed nothing.
func (w *world) onRecord() bool {
	for i, r := range w.records {
		if w.points[i] == None && (r.Kind < Saved || r.Before != r.After) {
			return false
		}
	}
	return true
}

func storiesOf(r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "least cost %d, bounded %v\n", r.Cost, r.Bounded)
	for _, h := range r.Histories {
		fmt.Fprintf(&b, "cost %d\n%s", h.Cost, story(h.Moves))
	}
	return b.String()
}
