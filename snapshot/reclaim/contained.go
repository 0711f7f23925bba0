package reclaim

import (
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// contained applies to a SKU all of whose working plans another SKU of the
// user has, or has in a larger edition. What is switched off counts: a plan
// that only this seat has switched on is used by it.
func (c *seatCase) contained(row *Row) bool {
	if len(c.h.Seats) < 2 {
		return false
	}
	mine := c.working(c.seat)
	if len(mine.plans) == 0 {
		return false
	}
	for i := range c.h.Seats {
		other := &c.h.Seats[i]
		if other.SKU == c.seat.SKU || c.SKUs[other.SKU].Free {
			continue
		}
		theirs := c.working(other)
		cover := c.covers(theirs, mine)
		mutual := c.covers(mine, theirs).all // then only one of them goes
		if !cover.all || mutual && other.SKU > c.seat.SKU {
			continue
		}
		row.By = other.SKU
		row.IdleSince = c.afterAssignment(other.Since.NotAfter)
		row.Reason = fmt.Sprintf("%s, which the user also holds, has every service plan of it that is switched on", c.skuName(other.SKU))
		if len(cover.larger) > 0 {
			row.Reason += fmt.Sprintf(" (%s in a larger edition)", strings.Join(cover.larger, ", "))
		}
		row.Reason += "."
		return true
	}
	return false
}

// planSet is service plans that are switched on, each set made once.
type planSet struct {
	plans   map[snapshot.PlanID]string
	mailbox bool
}

// working returns the plans of a seat that are switched on by some path.
func (j *Judging) working(seat *Holding) *planSet {
	var off []snapshot.PlanID // by all paths
	for i, p := range seat.Paths {
		if i == 0 {
			off = p.Disabled
			continue
		}
		off = slices.DeleteFunc(slices.Clone(off), func(id snapshot.PlanID) bool { return !slices.Contains(p.Disabled, id) })
	}
	return j.workingOf(seat.SKU, off)
}

func (j *Judging) workingOf(sku snapshot.SKUID, off []snapshot.PlanID) *planSet {
	key := string(sku)
	for _, id := range off {
		key += " " + string(id)
	}
	if set, ok := j.sets[key]; ok {
		return set
	}
	set := &planSet{plans: map[snapshot.PlanID]string{}}
	for id, name := range j.SKUs[sku].Plans {
		if !snapshot.NoService(name) && !slices.Contains(off, id) {
			set.plans[id] = name
			set.mailbox = set.mailbox || snapshot.GivesMailbox(name)
		}
	}
	j.sets[key] = set
	return set
}

// cover is whether one set of plans has all of another, and which of them only
// in a larger edition.
type cover struct {
	all    bool
	larger []string
}

// covers compares two sets, once: many users hold the same two SKUs.
func (j *Judging) covers(set, by *planSet) cover {
	key := [2]*planSet{set, by}
	known, ok := j.covered[key]
	if !ok {
		known = compare(set.plans, by.plans)
		j.covered[key] = known
	}
	return known
}

func compare(all, some map[snapshot.PlanID]string) cover {
	c := cover{all: true}
	have := editionsOf(all)
	for id, name := range some {
		if _, same := all[id]; same {
			continue
		}
		if !have.larger(name) {
			return cover{}
		}
		c.larger = append(c.larger, name)
	}
	slices.Sort(c.larger)
	return c
}

// editions are plans by name and, where the name ends in a number, the largest
// number by what stands before it.
type editions struct {
	names   map[string]bool
	numbers map[string]byte
}

func editionsOf(plans map[snapshot.PlanID]string) editions {
	e := editions{make(map[string]bool, len(plans)), make(map[string]byte, len(plans))}
	for _, name := range plans {
		e.names[name] = true
		if family, number, ok := snapshot.Edition(name); ok {
			e.numbers[family] = max(e.numbers[family], number)
		}
	}
	return e
}

// larger reports whether a larger edition of a plan is there: by the number at
// the end of its name (FORMS_PLAN_E5 over FORMS_PLAN_E3), or by name.
func (e editions) larger(name string) bool {
	family, number, ok := snapshot.Edition(name)
	return ok && e.numbers[family] > number ||
		slices.ContainsFunc(snapshot.LargerEditions(name), func(other string) bool { return e.names[other] })
}

// Overlap is another SKU of the user that has service plans of a seat.
type Overlap struct {
	With  snapshot.SKUID
	Plans []string // names of the plans that both have, sorted
	All   bool     // the other has every plan of this one
}

// Overlaps finds for each of a user's seats, in their order, what other SKUs of the
// user have of the service plans that are switched on: the same plan, or a larger
// edition of it. Plans without a service of their own and free SKUs do not count.
func Overlaps(seats []Holding, skus map[snapshot.SKUID]SKU) [][]Overlap {
	j := Judging{Input: Input{SKUs: skus}, sets: map[string]*planSet{}}
	found := make([][]Overlap, len(seats))
	for i := range seats {
		if skus[seats[i].SKU].Free {
			continue
		}
		mine := j.working(&seats[i]).plans
		for k := range seats {
			other := &seats[k]
			if k == i || other.SKU == seats[i].SKU || skus[other.SKU].Free {
				continue
			}
			theirs := j.working(other).plans
			have := editionsOf(theirs)
			o := Overlap{With: other.SKU}
			for id, name := range mine {
				if _, same := theirs[id]; same || have.larger(name) {
					o.Plans = append(o.Plans, name)
				}
			}
			if len(o.Plans) > 0 {
				slices.Sort(o.Plans)
				o.All = len(o.Plans) == len(mine)
				found[i] = append(found[i], o)
			}
		}
	}
	return found
}
