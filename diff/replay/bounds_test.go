package replay

import (
	"testing"
	"time"

	"lictrail/snapshot"
)

// records is a problem with a number of records without details of a direct license
// that neither snapshot shows: any even number of them may have given and taken it.
func records(n int) *Problem {
	p := &Problem{Start: monday, StartUntil: monday, End: monday.AddDate(0, 0, 7), EndUntil: monday.AddDate(0, 0, 7),
		Covered: func(_, _ time.Time) bool { return true }, Paths: []Path{{Kind: snapshot.Direct}}}
	for i := range n {
		p.Points = append(p.Points, Point{At: monday.Add(time.Duration(i+1) * time.Hour), Kind: Saved, Path: None, Named: None})
	}
	return p
}

func TestSolve_TooManyHistories(t *testing.T) {
	if r := Solve(records(12)); r.Bounded || len(r.Histories) != 1<<11 {
		t.Errorf("12 records: %d histories, bounded %v", len(r.Histories), r.Bounded)
	}
	if r := Solve(records(13)); !r.Bounded || len(r.Histories) != 0 {
		t.Errorf("13 records have %d histories, more than %d: bounded %v", 1<<12, maxHistories, r.Bounded)
	}
}

// groups is a problem with as many groups as there may be, which a user leaves and
// joins again a number of times, while another path keeps the SKU.
func groups(times int) *Problem {
	p := &Problem{Start: monday, StartUntil: monday, End: monday.AddDate(0, 0, 7), EndUntil: monday.AddDate(0, 0, 7),
		Covered: func(_, _ time.Time) bool { return true }, Kept: true}
	for range MaxPaths {
		p.Paths = append(p.Paths, Path{Kind: snapshot.ByGroup, Before: Row{Held: true}, After: Row{Held: true}, GivesBefore: Yes, GivesAfter: Yes})
	}
	at := monday
	for range times {
		for _, kind := range []PointKind{Left, Joined} {
			for i := range p.Paths {
				at = at.Add(10 * time.Minute)
				p.Points = append(p.Points, Point{At: at, Kind: kind, Path: i, Named: None})
			}
		}
	}
	return p
}

func TestSolve_TooManyStates(t *testing.T) {
	s := &search{Problem: groups(6), nodes: map[nodeKey]*node{}}
	s.makeTicks()
	s.bounds()
	for _, st := range s.starts(0) {
		s.reach(nodeKey{0, st}, 0)
	}
	if _, ok := s.explore(); ok || len(s.nodes) <= maxStates || len(s.nodes) > maxStates+maxStates/10 {
		t.Errorf("%d states, given up %v: at most %d and those of one step more", len(s.nodes), !ok, maxStates)
	}
	if r := Solve(groups(6)); !r.Bounded {
		t.Errorf("solved with more than %d states", maxStates)
	}
}
