package reclaim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// seatCase is one seat before the judge.
type seatCase struct {
	*Judging
	h    *Holder
	seat *Holding
	days Days
	use  use
	// going are those of the user's SKUs that would be taken back, and why.
	going map[snapshot.SKUID]Rule
}

// decide finds the first rule that applies and fills in the row; false when
// there is nothing to say.
func (c *seatCase) decide(row *Row) bool {
	row.Bucket = Candidate
	for _, rule := range Rules {
		if c.off(rule) {
			continue
		}
		if c.applies(rule, row) {
			row.Rule, row.Also = rule, c.others(rule)
			return true
		}
	}
	return c.unknown(row)
}

// off reports whether a rule is not applied to the seat.
func (c *seatCase) off(rule Rule) bool {
	return slices.Contains(c.s.Off, rule) || c.h.User.IsAgent() && slices.Contains(ofUse, rule)
}

// ofUse are the rules about use. They are not applied to agent users, whose use no source
// shows.
var ofUse = []Rule{NeverUsed, Idle, NeverActivated}

// others lists the rules behind one that apply to the seat as well.
func (c *seatCase) others(first Rule) []Rule {
	var also []Rule
	for _, rule := range Rules[slices.Index(Rules, first)+1:] {
		aside := c.bare() // a rule fills in the row that it is asked about
		if !c.off(rule) && c.applies(rule, aside) {
			also = append(also, rule)
		}
	}
	return also
}

func (c *seatCase) applies(r Rule, row *Row) bool {
	switch r {
	case Disabled:
		return c.disabled(row)
	case Contained:
		return c.contained(row)
	case NeverUsed:
		return c.neverUsed(row)
	case Idle:
		return c.idle(row)
	case NeverActivated:
		return c.neverActivated(row)
	case TwoPaths:
		return c.twoPaths(row)
	}
	return false
}

// held counts the days for which the seat has been held for certain: from the
// latest time at which the current period can have begun.
func (c *seatCase) held() int { return c.daysSince(c.seat.Since.NotAfter) }

func (c *seatCase) daysSince(t time.Time) int { return max(0, int(c.today-snapshot.DayOf(t))) }

func (c *seatCase) disabled(row *Row) bool {
	if enabled := c.h.User.Enabled; enabled == nil || *enabled {
		return false
	}
	row.Reason = "The account is disabled."
	row.IdleSince = c.afterAssignment(c.h.DisabledSince)
	if !c.h.DisabledSince.IsZero() {
		row.Reason = fmt.Sprintf("The account is disabled, and was so on %s.", day(c.h.DisabledSince))
	}
	if c.use.known() && c.use.last != nil && c.use.last.At.Before(c.h.DisabledSince) {
		row.IdleSince = c.afterAssignment(c.use.last.At)
	}
	return true
}

// afterAssignment is the later of a time and the assignment.
func (c *seatCase) afterAssignment(t time.Time) time.Time {
	if t.IsZero() || t.After(c.seat.Since.NotAfter) {
		return t
	}
	return c.seat.Since.NotAfter
}

// neverUsed applies to a seat that was certainly not used since it was
// assigned. A use between the bounds of the assignment may have come after it.
func (c *seatCase) neverUsed(row *Row) bool {
	u := c.use
	if !u.known() || u.undated || u.last != nil && !u.last.At.Before(c.seat.Since.NotBefore) || c.reachesBack() > 0 {
		return false
	}
	unused := int(snapshot.DayOf(u.until) - snapshot.DayOf(c.seat.Since.NotAfter))
	if unused < c.days.NeverUsed {
		return false
	}
	row.IdleDays, row.IdleSince = &unused, c.seat.Since.NotAfter
	row.Reason = fmt.Sprintf("Not used since it was assigned, %s ago or more, by what %s%s.", count(unused, "day"), u.shows(), c.uptoText())
	return true
}

// reachesBack counts the days by which the source falls short of the
// assignment: what happened in them is not known.
func (c *seatCase) reachesBack() int {
	if c.use.last != nil {
		return 0 // that is the newest use: there is none after it
	}
	start := c.seat.Since.NotBefore
	if start.IsZero() {
		start = c.seat.Since.NotAfter
	}
	return int(snapshot.DayOf(c.use.since) - snapshot.DayOf(start))
}

func (c *seatCase) idle(row *Row) bool {
	idle := c.idleDays()
	if idle == nil || *idle < c.days.Idle || row.HeldDays <= c.days.Held {
		return false
	}
	row.IdleSince = c.afterAssignment(c.use.idleSince())
	row.Reason = fmt.Sprintf("Held for %s or more and not used for %d%s, by what %s%s.",
		count(row.HeldDays, "day"), *idle, c.use.lastText(), c.use.shows(), c.uptoText())
	return true
}

// idleDays counts the days for which the seat was certainly not used: nil when
// no source reports on it.
func (c *seatCase) idleDays() *int {
	if !c.use.known() || c.use.undated {
		return nil
	}
	days := max(0, int(snapshot.DayOf(c.use.until)-snapshot.DayOf(c.afterAssignment(c.use.idleSince()))))
	if days == 0 && c.use.last == nil {
		return nil // no source has seen a day of the seat
	}
	return &days
}

// uptoText says up to when the source reports, where that is some days ago.
func (c *seatCase) uptoText() string {
	if c.daysSince(c.use.until) <= 1 {
		return ""
	}
	return " up to " + day(c.use.until)
}

// neverActivated applies to Project and Visio. That the desktop app was never
// activated does not show that nobody uses the web app.
func (c *seatCase) neverActivated(row *Row) bool {
	for _, app := range c.traits[c.seat.SKU].desktop {
		if !c.h.Activity.Covers(app.source) || c.Reads[app.source].Gap != "" {
			continue
		}
		if _, activated := c.h.Activity.Newest(app.kind); activated {
			continue
		}
		until := c.Reads[app.source].Until
		days := int(snapshot.DayOf(until) - snapshot.DayOf(c.seat.Since.NotAfter))
		if days < c.days.NeverUsed {
			continue
		}
		row.Action = Review
		row.IdleDays = nil // those are of the account: of the web app nothing is known
		row.IdleSince = c.seat.Since.NotAfter
		row.Reason = fmt.Sprintf("The desktop app %s was not activated in the %s or more since the license was assigned; of use in the browser nothing is known.",
			app.name, count(days, "day"))
		return true
	}
	return false
}

// twoPaths applies to what is held directly and by a group, or by two groups.
// It takes one seat.
func (c *seatCase) twoPaths(row *Row) bool {
	if len(c.seat.Paths) < 2 {
		return false
	}
	parts := make([]string, len(c.seat.Paths))
	for i, p := range c.seat.Paths {
		parts[i] = c.pathLabel(p.PathRef)
	}
	row.Frees = false
	row.Reason = fmt.Sprintf("Held by %s paths: %s. Microsoft counts one seat.", number(len(parts)), strings.Join(parts, ", "))
	return true
}

// unknown applies to a seat that is old enough to be judged.
func (c *seatCase) unknown(row *Row) bool {
	row.Bucket, row.Action = Unknown, Review
	if row.HeldDays < c.days.NeverUsed || c.h.User.IsAgent() {
		return false
	}
	if !c.use.known() {
		row.Gap = c.use.gap
	} else if c.daysSince(c.use.until) > staleAfter {
		row.Gap = OutOfDate
	}
	if row.Gap == "" {
		return false
	}
	row.Reason = "Whether it is used is not known: " + row.GapText() + "."
	return true
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func number(n int) string {
	if n == 2 {
		return "two"
	}
	return fmt.Sprint(n)
}

// keeps reports whether the exclusion names the seat on a day.
func (x *Exclusion) keeps(h *Holder, sku snapshot.SKUID, today snapshot.Day) bool {
	switch {
	case x.Until != nil && today > *x.Until,
		x.SKU != "" && x.SKU != sku,
		len(x.Users) > 0 && !slices.Contains(x.Users, h.User.ID),
		x.Department != "" && !strings.EqualFold(x.Department, h.User.Department),
		len(x.Groups) > 0 && !h.in(x.Groups):
		return false
	}
	return true
}

// in reports whether any of the groups gives the user a license: of other
// groups the members are not known.
func (h *Holder) in(groups []snapshot.GroupID) bool {
	for _, s := range h.Seats {
		for _, p := range s.Paths {
			if p.Kind == snapshot.ByGroup && slices.Contains(groups, p.Group) {
				return true
			}
		}
	}
	return false
}
