package replay

import (
	"container/heap"
	"time"

	"lictrail/snapshot"
)

const (
	maxStates    = 60_000 // how many states a search may visit
	maxHistories = 4_000  // how many histories it may keep that differ in more than their times
	horizon      = 60     // the most that a history may cost
)

// search is one run of [Solve].
type search struct {
	*Problem
	ticks []tick
	nodes map[nodeKey]*node
	queue queue
	first int // how many ticks certainly lie before the snapshot before
	early int // how many ticks may lie before it
	last  int // how many ticks certainly lie before the snapshot after
}

type nodeKey struct {
	tick  int // how many ticks have happened
	state state
}

// node is a state between two ticks, with the least cost of a history up to it.
type node struct {
	nodeKey
	cost   int
	done   bool
	end    int // the cost of ending a history here; -1 where that is not possible
	index  int // in the queue
	out    []edge
	tails  []History // the ways in which a history may go on from here
	worked bool      // whether tails has been computed
}

// edge is a step from one state to another.
type edge struct {
	to    *node
	cost  int
	moves []Move
}

// Solve lists the histories that fit a problem.
func Solve(p *Problem) Result {
	s := &search{Problem: p, nodes: map[nodeKey]*node{}}
	s.makeTicks()
	s.bounds()
	for n := s.first; n <= s.early; n++ {
		for _, st := range s.starts(n) {
			s.reach(nodeKey{n, st}, s.leftOut(n-1, false))
		}
	}
	least, ok := s.explore()
	if !ok {
		return Result{Bounded: true}
	}
	most := least + margin(least)
	merged := map[string]int{}
	result := Result{Cost: least}
	for n := s.first; n <= s.early; n++ {
		for _, st := range s.starts(n) {
			tails, ok := s.tails(s.nodes[nodeKey{n, st}], most)
			if !ok {
				return Result{Bounded: true}
			}
			for _, h := range tails {
				if h.Cost += s.leftOut(n-1, false); h.Cost > most {
					continue
				}
				merge(&result.Histories, merged, h)
			}
		}
	}
	return result
}

// bounds finds the ticks that are near enough to a snapshot to lie on either side
// of it. The date of a row that the snapshot before does not show lies after it.
func (s *search) bounds() {
	for s.first < len(s.ticks) && s.ticks[s.first].point != None && s.ticks[s.first].at.Before(s.Start.Add(-snapshot.ClockSlack)) {
		s.first++
	}
	s.early = s.first
	for s.early < len(s.ticks) && s.ticks[s.early].point != None && !s.ticks[s.early].at.After(s.StartUntil.Add(snapshot.ClockSlack)) {
		s.early++
	}
	s.last = len(s.ticks)
	for s.last > s.first && !s.ticks[s.last-1].at.Before(s.End.Add(-snapshot.ClockSlack)) {
		s.last--
	}
}

// leftOut is the cost of placing the ticks up to one before the window, or those from
// one on after it: the nearest license record among them must not contradict the
// snapshot.
func (s *search) leftOut(tick int, after bool) int {
	next := -1
	holds := s.Kept
	for _, path := range s.Paths {
		holds = holds || path.Before.Held && !after || path.After.Held && after
	}
	if after {
		next = 1
	}
	for ; tick >= 0 && tick < len(s.ticks); tick += next {
		point := s.ticks[tick].point
		if point == None || s.Points[point].Kind < Saved || s.Points[point].Kind > Either {
			continue
		}
		if p := s.Points[point]; after && p.Before.fits(holds) || !after && p.After.fits(holds) {
			return 0
		}
		return contradicted
	}
	return 0
}

// explore visits every state within the bound on the cost, and returns the cost of the
// cheapest history. ok is false where there are too many states, or no history.
func (s *search) explore() (least int, ok bool) {
	bound, found := horizon, false
	for s.queue.Len() > 0 {
		n := heap.Pop(&s.queue).(*node)
		n.done = true
		if n.cost > bound {
			break
		}
		if len(s.nodes) > maxStates {
			return 0, false
		}
		n.end = -1
		if n.tick >= s.last {
			if cost, ends := s.ends(&n.state, n.tick); ends {
				cost += s.leftOut(n.tick, true)
				n.end = cost
				if total := n.cost + cost; !found || total < least {
					least, found = total, true
					bound = min(bound, least+margin(least))
				}
			}
		}
		s.expand(n)
	}
	return least, found
}

// reach returns the node of a state that can be reached at a cost.
func (s *search) reach(key nodeKey, cost int) *node {
	n := s.nodes[key]
	switch {
	case n == nil:
		n = &node{nodeKey: key, cost: cost, end: -1}
		s.nodes[key] = n
		heap.Push(&s.queue, n)
	case cost < n.cost && !n.done:
		n.cost = cost
		heap.Fix(&s.queue, n.index)
	}
	return n
}

// step adds an edge.
func (s *search) step(from *node, tick int, to state, cost int, moves ...Move) {
	if tick > from.tick {
		to.moved, to.forced, to.forcedTwice = 0, 0, 0
		to.taken >>= 1
	}
	if from.cost+cost > horizon {
		return
	}
	next := s.reach(nodeKey{tick, to}, from.cost+cost)
	from.out = append(from.out, edge{next, cost, moves})
}

// tails lists the ways in which a history may go on from a node to the end, if the whole
// history costs at most a given cost.
func (s *search) tails(n *node, most int) ([]History, bool) {
	if n.worked {
		return n.tails, true
	}
	n.worked = true
	if !n.done {
		return nil, true
	}
	merged := map[string]int{}
	if n.end >= 0 && n.cost+n.end <= most {
		merge(&n.tails, merged, History{Cost: n.end})
	}
	for _, e := range n.out {
		if n.cost+e.cost > most {
			continue
		}
		rest, ok := s.tails(e.to, most)
		if !ok {
			return nil, false
		}
		for _, h := range rest {
			if n.cost+e.cost+h.Cost > most {
				continue
			}
			moves := append(append(make([]Move, 0, len(e.moves)+len(h.Moves)), e.moves...), h.Moves...)
			merge(&n.tails, merged, History{Cost: e.cost + h.Cost, Moves: moves})
		}
		if len(n.tails) > maxHistories {
			return nil, false
		}
	}
	return n.tails, true
}

// merge adds a history to those found. If one is there that differs only in its times,
// that one is widened to cover both.
func merge(list *[]History, known map[string]int, h History) {
	key := signature(h.Moves)
	i, ok := known[key]
	if !ok {
		known[key] = len(*list)
		*list = append(*list, h)
		return
	}
	was := &(*list)[i]
	was.Cost = min(was.Cost, h.Cost)
	moves := make([]Move, len(h.Moves))
	for k, m := range was.Moves {
		m.From, m.To = earlier(m.From, h.Moves[k].From), later(m.To, h.Moves[k].To)
		moves[k] = m
	}
	was.Moves = moves
}

func signature(moves []Move) string {
	b := make([]byte, 0, 8*len(moves))
	for _, m := range moves {
		turns := byte(0)
		if m.Turns {
			turns = 1
		}
		b = append(b, byte(m.Path), byte(m.Act), byte(m.Why), turns, byte(m.By), byte(m.By>>8), byte(m.Cause), byte(m.Cause>>8))
	}
	return string(b)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// queue has the nodes that are yet to be expanded, the cheapest first.
type queue []*node

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].cost < q[j].cost }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *queue) Push(x any) {
	n := x.(*node)
	n.index = len(*q)
	*q = append(*q, n)
}
func (q *queue) Pop() any {
	old := *q
	n := old[len(old)-1]
	*q = old[:len(old)-1]
	return n
}
