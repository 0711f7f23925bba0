// Package reclaim decides which seats can be taken back, why, how, and what they
// cost. It is rules over values: no I/O, no clock, no language but that of its
// reasons. Days are counted in UTC up to the newest snapshot.
//
// A seat is never proposed for lack of data: where no source shows whether it is used,
// it is unknown, and says why. Bounds are taken so that a seat seems younger
// and its user more active than they may be.
package reclaim

import (
	"cmp"
	"slices"
	"time"

	"lictrail/snapshot"
)

// Bucket is the result for a seat.
type Bucket string

const (
	Candidate Bucket = "candidate" // a rule says that it can be taken back
	Unknown   Bucket = "unknown"   // old enough to be judged, and no source shows whether it is used
	Excluded  Bucket = "excluded"  // a rule would say so, and an exclusion keeps it
)

// Buckets lists all of them.
var Buckets = []Bucket{Candidate, Unknown, Excluded}

// Rule is why a seat can be taken back. The first that applies counts.
type Rule string

const (
	Disabled       Rule = "disabled"        // the account is switched off
	Contained      Rule = "contained"       // another SKU that the user holds has all its plans
	NeverUsed      Rule = "never-used"      // not used since it was assigned
	Idle           Rule = "idle"            // held for long, and not used for long
	NeverActivated Rule = "never-activated" // a desktop app that was never activated
	TwoPaths       Rule = "two-paths"       // held twice; one seat all the same
)

// Rules lists all of them, in the order in which they are tried.
var Rules = []Rule{Disabled, Contained, NeverUsed, Idle, NeverActivated, TwoPaths}

// Action is how to take a seat back.
type Action string

const (
	Unassign   Action = "unassign"    // take the direct assignment away
	LeaveGroup Action = "leave-group" // take the user out of the group, and the direct assignment away if there is one
	Review     Action = "review"      // a person must look first; the steps say at what
)

// Settings are the rules of an organization.
type Settings struct {
	Days       Days
	PerSKU     map[snapshot.SKUID]Days
	Off        []Rule // not applied
	Free       []snapshot.SKUID
	Marks      []Mark
	Exclusions []Exclusion
	Prices     Prices
}

// Days are the thresholds.
type Days struct {
	NeverUsed int // unused since assigned for at least so many days
	Held      int // held for more days than this, and
	Idle      int // not used for at least so many
}

// DefaultDays are the thresholds that are usual in practice.
var DefaultDays = Days{NeverUsed: 90, Held: 180, Idle: 180}

func (s *Settings) days(sku snapshot.SKUID) Days {
	if d, ok := s.PerSKU[sku]; ok {
		return d
	}
	return s.Days
}

// Exclusion keeps seats from being proposed. All that it names must fit.
type Exclusion struct {
	Users      []snapshot.UserID // any of them; empty: everybody
	Groups     []snapshot.GroupID
	Department string // whatever the case; "": any
	SKU        snapshot.SKUID
	Reason     string
	Until      *snapshot.Day // the last day on which it counts; nil: no end
}

// Input is what the rules look at.
type Input struct {
	AsOf    time.Time // when the newest snapshot began
	Holders []Holder
	SKUs    map[snapshot.SKUID]SKU
	Groups  map[snapshot.GroupID]snapshot.Group
	// Reads has for each source its newest read that succeeded, or, when none
	// did, the newest that was tried. A source that is missing was never asked.
	Reads map[snapshot.ActivitySource]snapshot.ActivityRead
}

// SKU is what the rules need to know of a product.
type SKU struct {
	Name  string // as reasons call it
	Free  bool   // free, trial or viral: there is nothing to save
	Plans map[snapshot.PlanID]string
}

// Holder is a user with the seats held.
type Holder struct {
	User     snapshot.User
	Activity snapshot.UserActivity
	// DisabledSince is when the account was first seen switched off, without
	// a break up to now; zero when it is not.
	DisabledSince time.Time
	Seats         []Holding
}

// Holding is one SKU that a user holds.
type Holding struct {
	SKU   snapshot.SKUID
	Paths []Path
	Since snapshot.Date // of the current period
}

// Path is one way in which a seat is held.
type Path struct {
	snapshot.Path
	Since snapshot.Date
}

// Report is every seat, judged.
type Report struct {
	AsOf  time.Time
	Rows  []*Row  // ordered by bucket, UPN and SKU
	Seats []*Seat // all that cost something, once each
	Free  int     // seats of free, trial and viral SKUs, which were left out
	// Agents are the seats of agent users, among Seats. They cannot sign in, so that
	// no rule of use is applied to them.
	Agents int
}

// Seat is a user's SKU, be it held by one path or by several.
type Seat struct {
	User    *snapshot.User
	SKU     snapshot.SKUID
	Monthly *Money // nil: the price is not known
	Row     *Row   // nil when there is nothing to say about it
}

// Row is a seat to which a rule applies, or might apply if more were known.
type Row struct {
	User      *snapshot.User
	SKU       snapshot.SKUID
	Paths     []Path
	Since     snapshot.Date
	HeldDays  int // at least
	Bucket    Bucket
	Rule      Rule   // "" when unknown
	Also      []Rule // those behind it that apply as well
	Mark      MarkKind
	Last      *snapshot.Use  // newest known use of the seat or, where only that is known, of the account
	IdleDays  *int           // at least so many; nil when not known
	IdleSince time.Time      // since when the seat earns nothing; zero when it does, or that is not known
	By        snapshot.SKUID // for [Contained]: the SKU that has all the plans
	Frees     bool           // a seat becomes free
	Action    Action
	Steps     []string
	Follows   []string // what comes of it
	Monthly   *Money
	SinceIdle Cost
	Gap       Gap                     // for [Unknown]: what is missing
	Copilot   bool                    // a seat of Copilot, judged by Copilot's own report
	Counts    *snapshot.CopilotCounts // of a Copilot seat: what the report counts; nil when it has none
	Exclusion *Exclusion
	Reason    string
}

// Judge applies the rules to every seat.
func Judge(in Input, s Settings) *Report {
	j, report := NewJudging(in, s), &Report{AsOf: in.AsOf}
	for i := range in.Holders {
		of := j.Holder(&in.Holders[i])
		report.Rows, report.Seats = append(report.Rows, of.Rows...), append(report.Seats, of.Seats...)
		report.Free, report.Agents = report.Free+of.Free, report.Agents+of.Agents
	}
	slices.SortStableFunc(report.Rows, func(a, b *Row) int {
		return cmp.Or(cmp.Compare(slices.Index(Buckets, a.Bucket), slices.Index(Buckets, b.Bucket)),
			cmp.Compare(a.User.UPN, b.User.UPN), cmp.Compare(a.User.ID, b.User.ID))
	})
	return report
}

// Judging applies rules to users, one after the other.
type Judging struct {
	Input
	s     Settings
	today snapshot.Day

	traits  map[snapshot.SKUID]traits
	sets    map[string]*planSet
	covered map[[2]*planSet]cover
}

// NewJudging begins to judge by rules. Of the input all counts but the holders.
func NewJudging(in Input, s Settings) *Judging {
	in.Holders = nil
	j := &Judging{Input: in, s: s, today: snapshot.DayOf(in.AsOf),
		traits: map[snapshot.SKUID]traits{}, sets: map[string]*planSet{}, covered: map[[2]*planSet]cover{}}
	for id, sku := range in.SKUs {
		j.traits[id] = traitsOf(sku)
	}
	return j
}

// Judged is what the rules say of the seats of one user.
type Judged struct {
	Rows   []*Row  // ordered by SKU
	Seats  []*Seat // as in [Report], like all else
	Free   int
	Agents int
}

// Holder judges the seats of one user. How one is taken back, and what comes of
// it, depends on which of the others stay.
func (j *Judging) Holder(h *Holder) *Judged {
	of := &Judged{}
	var cases []*seatCase
	going := map[snapshot.SKUID]Rule{}
	for i := range h.Seats {
		seat := &h.Seats[i]
		if j.SKUs[seat.SKU].Free || slices.Contains(j.s.Free, seat.SKU) {
			of.Free++
			continue
		}
		entry := &Seat{User: &h.User, SKU: seat.SKU, Monthly: j.s.Prices.On(seat.SKU, j.today)}
		of.Seats = append(of.Seats, entry)
		if h.User.IsAgent() {
			of.Agents++
		}
		c := &seatCase{Judging: j, h: h, seat: seat, days: j.s.days(seat.SKU), use: j.useOf(h, seat), going: going}
		if entry.Row = c.row(); entry.Row == nil {
			continue
		}
		j.exclude(h, entry.Row)
		if entry.Row.Bucket == Candidate && entry.Row.Frees {
			going[seat.SKU] = entry.Row.Rule
		}
		c.cost(entry)
		cases = append(cases, c)
		of.Rows = append(of.Rows, entry.Row)
	}
	for i, row := range of.Rows {
		cases[i].way(row)
	}
	slices.SortStableFunc(of.Rows, func(a, b *Row) int {
		return cmp.Or(cmp.Compare(j.skuName(a.SKU), j.skuName(b.SKU)), cmp.Compare(a.SKU, b.SKU))
	})
	return of
}

// row says what there is to say about the seat; nil when there is nothing.
func (c *seatCase) row() *Row {
	row := c.bare()
	if !c.decide(row) {
		return nil
	}
	row.Mark = c.markOf(c.h)
	return row
}

// bare is the row before any rule.
func (c *seatCase) bare() *Row {
	return &Row{User: &c.h.User, SKU: c.seat.SKU, Paths: c.seat.Paths, Since: c.seat.Since, HeldDays: c.held(),
		Last: c.use.last, IdleDays: c.idleDays(), Frees: true, Copilot: c.traits[c.seat.SKU].copilotOnly(), Counts: c.use.counts}
}

// cost says what the seat costs, where it would become free.
func (c *seatCase) cost(entry *Seat) {
	row := entry.Row
	if !row.Frees {
		return
	}
	row.Monthly = entry.Monthly
	if !row.IdleSince.IsZero() {
		row.SinceIdle = c.s.Prices.Cost(row.SKU, snapshot.DayOf(row.IdleSince)+1, c.today)
	}
}

func (j *Judging) skuName(id snapshot.SKUID) string { return cmp.Or(j.SKUs[id].Name, string(id)) }

// exclude moves a candidate that an exclusion names.
func (j *Judging) exclude(h *Holder, row *Row) {
	if row.Bucket != Candidate {
		return
	}
	for i := range j.s.Exclusions {
		if x := &j.s.Exclusions[i]; x.keeps(h, row.SKU, j.today) {
			row.Bucket, row.Exclusion = Excluded, x
			row.Reason += " Excluded" + x.text() + "."
			return
		}
	}
}

func (x *Exclusion) text() string {
	phrase := ""
	if x.Until != nil {
		phrase = " until " + x.Until.Time().Format(time.DateOnly)
	}
	if x.Reason != "" {
		phrase += ": " + x.Reason
	}
	return phrase
}
