package reclaim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// HarvestRules say which seats of Copilot are offered back.
type HarvestRules struct {
	Grace int // days from the true assignment date, at its latest, for which a seat is new
	Idle  int // not used for at least so many days
	// ActiveDays: also those used on fewer days of the report's period; 0: use on any day keeps a seat.
	ActiveDays int
	Exclusions []Exclusion
	Attributes []AttributeRule
}

// AttributeRule excludes users by an attribute, such as an employee type for part-time.
type AttributeRule struct{ Name, Value string }

// harvestAttributes are the attributes that a rule may name.
var harvestAttributes = map[string]func(*snapshot.User) string{
	"company":        func(u *snapshot.User) string { return u.Company },
	"country":        func(u *snapshot.User) string { return u.Country },
	"department":     func(u *snapshot.User) string { return u.Department },
	"employee-type":  func(u *snapshot.User) string { return u.EmployeeType },
	"job-title":      func(u *snapshot.User) string { return u.JobTitle },
	"office":         func(u *snapshot.User) string { return u.Office },
	"usage-location": func(u *snapshot.User) string { return u.UsageLocation },
}

// HarvestAttributes lists the names of attributes that exclude.
func HarvestAttributes() []string {
	var names []string
	for name := range harvestAttributes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Verdict is the decision about a seat in a harvest.
type Verdict string

const (
	Offer     Verdict = "offer"      // to be offered back
	InUse     Verdict = "in-use"     // used lately enough
	InGrace   Verdict = "new"        // assigned too lately to be judged
	Exempt    Verdict = "excluded"   // would be offered, and an exclusion keeps it
	NotJudged Verdict = "not-judged" // Copilot's report does not show whether it is used
	OfAgent   Verdict = "agent"      // of an agent user, which is not judged by use
)

// Verdicts lists all of them.
var Verdicts = []Verdict{Offer, Exempt, NotJudged, InGrace, InUse, OfAgent}

// HarvestSeat is a seat of Copilot, judged.
type HarvestSeat struct {
	User     *snapshot.User
	Paths    []Path
	Since    snapshot.Date
	HeldDays int
	IdleDays *int // at least so many; nil when not known
	Last     *snapshot.Use
	Counts   *snapshot.CopilotCounts
	Verdict  Verdict
	Gap      Gap        // for [NotJudged]
	Until    *time.Time // for [Exempt]: the last day of the exclusion, if it has one
	Reason   string
	To       *HarvestRequest // who would get the seat; nil: nobody waits
}

// HarvestRequest is somebody who asked for a seat.
type HarvestRequest struct {
	Line      int
	Named     string         // as the list has it
	User      *snapshot.User // nil: nobody, or not one
	Problem   string         // why the request is not counted; "" when it is
	Requested snapshot.Day   // 0: not given
	Priority  int            // 1 first; 0: not given, after those
	Free      bool           // gets a seat that is free
	From      *HarvestSeat   // gets this seat once it is given back; nil with Free false: waits
}

// Waits reports whether the request counts and no seat is left for it.
func (r *HarvestRequest) Waits() bool { return r.Problem == "" && !r.Free && r.From == nil }

// Harvest is the list of seats and of requests.
type Harvest struct {
	SKU      snapshot.SKUID
	AsOf     time.Time
	Free     int64          // seats that are free now
	Seats    []*HarvestSeat // offers first, the longest unused first
	Requests []*HarvestRequest
}

// Count counts the seats with a verdict.
func (h *Harvest) Count(v Verdict) (n int) {
	for _, s := range h.Seats {
		if s.Verdict == v {
			n++
		}
	}
	return n
}

// HarvestOf judges the seats of a SKU of Copilot and hands those that are free, and
// those to be offered back, to whoever waits: by priority, then by the day of the
// request, then in the order of the list. Nothing is done.
func HarvestOf(in Input, sku snapshot.SKUID, free int64, rules HarvestRules, requests []*HarvestRequest) *Harvest {
	j := &Judging{Input: in, today: snapshot.DayOf(in.AsOf), traits: map[snapshot.SKUID]traits{sku: traitsOf(in.SKUs[sku])}}
	h := &Harvest{SKU: sku, AsOf: in.AsOf, Free: max(0, free), Requests: requests}
	for i := range in.Holders {
		holder := &in.Holders[i]
		for k := range holder.Seats {
			if holder.Seats[k].SKU == sku {
				h.Seats = append(h.Seats, j.harvestSeat(holder, &holder.Seats[k], rules))
			}
		}
	}
	unused := func(s *HarvestSeat) int {
		if s.IdleDays == nil {
			return -1
		}
		return *s.IdleDays
	}
	slices.SortStableFunc(h.Seats, func(a, b *HarvestSeat) int {
		return cmp.Or(cmp.Compare(slices.Index(Verdicts, a.Verdict), slices.Index(Verdicts, b.Verdict)),
			cmp.Compare(unused(b), unused(a)), strings.Compare(a.User.UPN, b.User.UPN), cmp.Compare(a.User.ID, b.User.ID))
	})
	h.assign()
	return h
}

func (j *Judging) harvestSeat(h *Holder, seat *Holding, rules HarvestRules) *HarvestSeat {
	c := &seatCase{Judging: j, h: h, seat: seat, use: j.copilotUse(h)}
	s := &HarvestSeat{User: &h.User, Paths: seat.Paths, Since: seat.Since, HeldDays: c.held(), IdleDays: c.idleDays(), Last: c.use.last, Counts: c.use.counts}
	switch {
	case h.User.IsAgent():
		s.Verdict, s.Reason = OfAgent, "An agent user is not judged by use."
	case s.HeldDays < rules.Grace:
		s.Verdict, s.Reason = InGrace, fmt.Sprintf("Assigned %s ago at the latest; seats are judged from %d days on.", count(s.HeldDays, "day"), rules.Grace)
	case !c.use.known():
		s.Verdict, s.Gap = NotJudged, c.use.gap
	case c.daysSince(c.use.until) > staleAfter:
		s.Verdict, s.Gap = NotJudged, OutOfDate
	default:
		s.Reason = c.harvestReason(rules)
		if s.Verdict = Offer; s.Reason == "" {
			s.Verdict = InUse
		}
	}
	if s.Verdict == NotJudged {
		s.Reason = "Whether it is used is not known: " + s.Gap.copilotText() + "."
	}
	if s.Verdict == Offer {
		c.exempt(s, rules)
	}
	return s
}

// harvestReason says why a seat is offered back; "" when it is not.
func (c *seatCase) harvestReason(rules HarvestRules) string {
	idle := c.idleDays()
	if idle == nil {
		return "" // used on a day that is not known
	}
	if counts := c.use.counts; rules.ActiveDays > 0 && counts != nil && counts.ActiveDays != nil &&
		*counts.ActiveDays < int64(rules.ActiveDays) && c.held() >= counts.Days {
		return fmt.Sprintf("Used on %s of the last %d, by Copilot's report up to %s.", count(int(*counts.ActiveDays), "day"), counts.Days, day(c.use.until))
	}
	switch {
	case *idle < rules.Idle:
		return ""
	case c.use.last == nil || c.use.last.At.Before(c.seat.Since.NotBefore):
		if c.reachesBack() > 0 || c.seat.Since.Precision == snapshot.NoLaterThan {
			return fmt.Sprintf("Not used for %s or more, by Copilot's report up to %s.", count(*idle, "day"), day(c.use.until))
		}
		return fmt.Sprintf("Not used since it was assigned, %s ago or more, by Copilot's report up to %s.", count(*idle, "day"), day(c.use.until))
	}
	return fmt.Sprintf("Not used for %s, last on %s, by Copilot's report up to %s.", count(*idle, "day"), day(c.use.last.At), day(c.use.until))
}

// exempt keeps a seat that an exclusion or an attribute names.
func (c *seatCase) exempt(s *HarvestSeat, rules HarvestRules) {
	for i := range rules.Exclusions {
		if x := &rules.Exclusions[i]; x.keeps(c.h, c.seat.SKU, c.today) {
			s.Verdict = Exempt
			s.Reason += " Excluded" + x.text() + "."
			if x.Until != nil {
				until := x.Until.Time()
				s.Until = &until
			}
			return
		}
	}
	for _, a := range rules.Attributes {
		if value := harvestAttributes[a.Name](&c.h.User); strings.EqualFold(value, a.Value) {
			s.Verdict = Exempt
			s.Reason += fmt.Sprintf(" Excluded: %s is %s.", a.Name, value)
			return
		}
	}
}

// assign hands seats to those who wait.
func (h *Harvest) assign() {
	holds := map[snapshot.UserID]bool{}
	for _, s := range h.Seats {
		holds[s.User.ID] = true
	}
	seen := map[snapshot.UserID]int{}
	var waiting []*HarvestRequest
	for _, r := range h.Requests {
		switch {
		case r.Problem != "":
		case holds[r.User.ID]:
			r.Problem = "has a seat already"
		case seen[r.User.ID] > 0:
			r.Problem = fmt.Sprintf("asked before, in line %d", seen[r.User.ID])
		case r.User.Enabled != nil && !*r.User.Enabled:
			r.Problem = "the account is disabled"
		case r.User.IsAgent():
			r.Problem = "is an agent user"
		default:
			seen[r.User.ID] = r.Line
			waiting = append(waiting, r)
		}
	}
	slices.SortStableFunc(waiting, func(a, b *HarvestRequest) int {
		return cmp.Or(compareGiven(a.Priority, b.Priority), compareGiven(int(a.Requested), int(b.Requested)), cmp.Compare(a.Line, b.Line))
	})
	free := h.Free
	next := 0
	for _, r := range waiting {
		if free > 0 {
			r.Free = true
			free--
			continue
		}
		if next < len(h.Seats) && h.Seats[next].Verdict == Offer {
			r.From, h.Seats[next].To = h.Seats[next], r
			next++
		}
	}
}

// compareGiven puts what is given before what is not.
func compareGiven(a, b int) int {
	switch {
	case a == b:
		return 0
	case a == 0:
		return 1
	case b == 0:
		return -1
	}
	return cmp.Compare(a, b)
}
