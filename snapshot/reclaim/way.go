package reclaim

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// way says how the seat is taken back and what follows.
func (c *seatCase) way(row *Row) {
	if row.Bucket == Unknown {
		return
	}
	if row.Rule == TwoPaths {
		c.onePathLess(row)
		return
	}
	action := Unassign
	for _, p := range c.seat.Paths {
		step, doubt := c.step(row, p)
		row.Steps = append(row.Steps, step)
		switch {
		case doubt:
			action = Review
		case p.Kind == snapshot.ByGroup && action == Unassign:
			action = LeaveGroup
		}
	}
	if row.Mark != "" {
		action = Review
		row.Steps = append(row.Steps, fmt.Sprintf("look first: this is marked as a %s", row.Mark))
	}
	if row.Rule == Contained && c.going[row.By] == NeverActivated {
		action = Review
		row.Steps = append(row.Steps, fmt.Sprintf("look first: %s is proposed as well, and one of the two may have to stay", c.skuName(row.By)))
	}
	row.Action = cmp.Or(row.Action, action)
	c.follows(row)
}

// step takes one path away; doubt: a person must look first.
func (c *seatCase) step(row *Row, p Path) (step string, doubt bool) {
	sku := c.skuName(c.seat.SKU)
	switch p.Kind {
	case snapshot.Direct:
		return "unassign " + sku, false
	case snapshot.Unknown:
		return "find out how " + sku + " is held: Microsoft does not say", true
	}
	g, known := c.Groups[p.Group]
	name := c.pathLabel(p.PathRef)
	switch also := c.alsoGiven(g); {
	case !known:
		return "take the user out of group " + name + ", after a look at what else it gives", true
	case len(also) > 0:
		return fmt.Sprintf("move the user out of group %s, which also gives %s: leaving it takes that too", name, strings.Join(also, ", ")), true
	case g.Dynamic:
		return "change what the rule of group " + name + " goes by: its members cannot be taken out by hand", true
	case g.OnPremisesSync:
		return "take the user out of group " + name + " in Active Directory, from where it is synchronized", false
	}
	return "take the user out of group " + name, false
}

// alsoGiven lists what else the user holds by the group and is to keep.
func (c *seatCase) alsoGiven(g snapshot.Group) []string {
	var also []string
	for _, s := range c.h.Seats {
		byIt := slices.ContainsFunc(s.Paths, func(p Path) bool { return p.Kind == snapshot.ByGroup && p.Group == g.ID })
		if s.SKU != c.seat.SKU && byIt && c.going[s.SKU] == "" {
			also = append(also, c.skuName(s.SKU))
		}
	}
	return also
}

// onePathLess takes the direct path away where a group gives the same. Where
// the direct one has plans that the group switches off, they would go.
func (c *seatCase) onePathLess(row *Row) {
	row.Action = Review
	direct := slices.IndexFunc(c.seat.Paths, func(p Path) bool { return p.Kind == snapshot.Direct })
	if direct < 0 {
		row.Steps = []string{"decide which group is to give it"}
		return
	}
	rest := *c.seat
	rest.Paths = slices.Delete(slices.Clone(rest.Paths), direct, direct+1)
	if len(c.working(&rest).plans) < len(c.working(c.seat).plans) {
		row.Steps = []string{"compare the service plans first: the direct assignment has some that the group switches off"}
		return
	}
	row.Action = Unassign
	row.Steps = []string{"unassign the direct " + c.skuName(c.seat.SKU) + ", which the group gives as well"}
	row.Follows = []string{"the user keeps the license, and no seat becomes free"}
}

// follows says what the user loses. Exchange Online keeps the mailbox of an
// unlicensed user for 30 days (learn.microsoft.com/exchange, remove a license).
func (c *seatCase) follows(row *Row) {
	if !c.working(c.seat).mailbox {
		return
	}
	for i := range c.h.Seats {
		other := &c.h.Seats[i]
		if other.SKU != c.seat.SKU && c.going[other.SKU] == "" && c.working(other).mailbox {
			row.Follows = append(row.Follows, c.skuName(other.SKU)+" keeps the mailbox")
			return
		}
	}
	row.Follows = append(row.Follows, "the mailbox is kept for 30 days, then deleted")
	if row.Rule == Disabled {
		row.Follows = append(row.Follows, "a shared mailbox of up to 50 GB needs no license")
	}
}

func (j *Judging) pathLabel(p snapshot.PathRef) string {
	if p.Kind == snapshot.ByGroup {
		return fmt.Sprintf("%q", cmp.Or(j.Groups[p.Group].Name, string(p.Group)))
	}
	return string(p.Kind)
}

// MarkKind is what an account seems to be when it is not a person's.
type MarkKind string

const (
	Room          MarkKind = "room"
	SharedMailbox MarkKind = "shared mailbox"
	Service       MarkKind = "service account"
)

// Mark says that accounts whose UPN fits a pattern are of a kind. Patterns are
// those of package path: * and ? and [a-z], whatever the case.
type Mark struct {
	Kind    MarkKind
	Pattern string
}

// markOf finds the kind of an account: by the organization's own patterns, then
// by a license that only rooms have.
func (j *Judging) markOf(h *Holder) MarkKind {
	upn := strings.ToLower(h.User.UPN)
	for _, m := range j.s.Marks {
		if ok, err := path.Match(strings.ToLower(m.Pattern), upn); ok && err == nil {
			return m.Kind
		}
	}
	for _, s := range h.Seats {
		if j.traits[s.SKU].room {
			return Room
		}
	}
	return ""
}

// isRoom: the SKU or plan is for meeting rooms.
func isRoom(name string) bool {
	return hasPrefix(name, "TEAMS_ROOM", "MICROSOFT_TEAMS_ROOMS", "MEETING_ROOM")
}
