package ask

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// CountKeys are what changes can be counted by.
var CountKeys = []string{"actor", "cause", "sku", "department", "week"}

// Count is how many changes share a party, a cause, a SKU, a department or a week.
type Count struct {
	By         string          // one of CountKeys
	Party      *snapshot.Actor // by actor; nil: not known who
	Cause      snapshot.Cause  // by cause
	SKU        snapshot.SKUID  // by SKU; "" for none
	Department string          // by department; "" for none
	Week       time.Time       // by week: its Monday, in UTC

	Changes, Users    int
	Assigned, Removed int // SKUs, as a whole
	First, Last       time.Time
	Clients           []string // applications behind a person, sorted

	users map[snapshot.UserID]bool
}

// CountChanges counts changes by a key: the most first, weeks the newest first. A
// change counts at the time that [snapshot.Date] gives as its date.
func CountChanges(changes iter.Seq2[*store.ChangeRow, error], by string) ([]*Count, error) {
	counts := map[string]*Count{}
	for c, err := range changes {
		if err != nil {
			return nil, err
		}
		key, fresh := countOf(c, by)
		if counts[key] == nil {
			fresh.By, fresh.users = by, map[snapshot.UserID]bool{}
			counts[key] = fresh
		}
		counts[key].add(c)
	}
	all := make([]*Count, 0, len(counts))
	for _, c := range counts {
		slices.Sort(c.Clients)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Count) int {
		if by == "week" {
			return b.Week.Compare(a.Week)
		}
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), b.Last.Compare(a.Last), strings.Compare(a.title(), b.title()))
	})
	return all, nil
}

func (c *Count) title() string {
	title := string(c.Cause) + string(c.SKU) + c.Department
	if c.Party != nil {
		title += partyKey(c.Party)
	}
	return title
}

// countOf is the count to which a change belongs, with what all its changes share.
func countOf(c *store.ChangeRow, by string) (key string, fresh *Count) {
	fresh = &Count{}
	switch by {
	case "actor":
		if party := c.Attribution.Responsible(); party != nil {
			fresh.Party = party
			key = partyKey(party)
		}
	case "cause":
		fresh.Cause = c.Attribution.Cause
		key = string(fresh.Cause)
	case "sku":
		fresh.SKU = c.SKU
		key = string(fresh.SKU)
	case "department":
		if c.Person != nil {
			fresh.Department = c.Person.Department
		}
		key = strings.ToLower(fresh.Department)
	case "week":
		fresh.Week = monday(c.When.At)
		key = fresh.Week.String()
	}
	return key, fresh
}

// partyKey is the same for everything that one party did: its object id says who
// it is, else its address, else its name.
func partyKey(a *snapshot.Actor) string {
	return strings.ToLower(string(a.Kind)) + "\x00" + PartyID(a)
}

// PartyID is what a party is known by: its object id, else its address or name.
func PartyID(a *snapshot.Actor) string { return strings.ToLower(cmp.Or(a.ID, a.AppID, a.UPN, a.Name)) }

// monday begins the week of a time, in UTC.
func monday(at time.Time) time.Time {
	at = at.UTC()
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

func (c *Count) add(change *store.ChangeRow) {
	c.Changes++
	if change.User != "" && !c.users[change.User] {
		c.users[change.User] = true
		c.Users++
	}
	switch change.Kind {
	case snapshot.Assigned:
		c.Assigned++
	case snapshot.Removed:
		c.Removed++
	}
	at := change.When.At
	if c.First.IsZero() || at.Before(c.First) {
		c.First = at
	}
	if newest := at.After(c.Last); newest {
		c.Last = at
	}
	party := change.Attribution.Responsible()
	if c.Party == nil || party == nil {
		return
	}
	c.Party = named(c.Party, party)
	if client := party.ClientApp; client != "" && !slices.Contains(c.Clients, client) {
		c.Clients = append(c.Clients, client)
	}
}

// named fills in what one record of a party does not say, and another does.
func named(known, other *snapshot.Actor) *snapshot.Actor {
	all := *known
	all.UPN, all.Name = cmp.Or(all.UPN, other.UPN), cmp.Or(all.Name, other.Name)
	all.ID, all.AppID = cmp.Or(all.ID, other.ID), cmp.Or(all.AppID, other.AppID)
	return &all
}

// Parties counts what each known party did, the one who did the most first. unknown
// counts the changes of which it is not known who did them.
func (b *Book) Parties(ctx context.Context, f store.ChangeFilter) (parties []*Count, unknown int, err error) {
	all, err := CountChanges(b.History.Changes(ctx, f), "actor")
	for _, c := range all {
		if c.Party == nil {
			unknown = c.Changes
		} else {
			parties = append(parties, c)
		}
	}
	return parties, unknown, err
}
