package show

import (
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// ChangeCountJSON is how many changes share a party, a cause, a SKU, a department or a week.
type ChangeCountJSON struct {
	By         string     `json:"by"`
	Actor      *ActorJSON `json:"actor"`
	Cause      *string    `json:"cause"`
	SKU        *SKUJSON   `json:"sku"`
	Department *string    `json:"department"`
	Week       *string    `json:"week"`
	Changes    int        `json:"changes"`
	Users      int        `json:"users"`
	Assigned   int        `json:"assigned"`
	Removed    int        `json:"removed"`
	First      *string    `json:"first"`
	Last       *string    `json:"last"`
	Clients    []string   `json:"clients"`
}

// CountOf words a count.
func CountOf(b *ask.Book, c *ask.Count) ChangeCountJSON {
	j := ChangeCountJSON{By: c.By, Actor: Actor(c.Party), Cause: OrNull(c.Cause), Changes: c.Changes, Users: c.Users, Assigned: c.Assigned, Removed: c.Removed,
		First: Stamp(c.First), Last: Stamp(c.Last), Clients: append([]string{}, c.Clients...)}
	if c.SKU != "" {
		s := SKU(b, c.SKU)
		j.SKU = &s
	}
	if c.By == "department" {
		j.Department = &c.Department
	}
	if c.By == "week" {
		week := c.Week.Format(time.DateOnly)
		j.Week = &week
	}
	if j.Actor != nil {
		j.Actor.ClientApp = nil // there may be several: clients
	}
	return j
}

// Counts shows changes counted by a key.
func Counts(b *ask.Book, by string) Listing[*ask.Count] {
	type row = *ask.Count
	l := Listing[row]{JSON: func(c row) any { return CountOf(b, c) }, None: "no change matches"}
	column := func(c Column[row]) { l.Columns = append(l.Columns, c) }
	switch by {
	case "actor":
		column(Column[row]{CSV: "kind", Cell: func(c row) any {
			if c.Party == nil {
				return ""
			}
			return string(c.Party.Kind)
		}})
		column(Column[row]{Column: out.Column{Head: "BY", Keep: true}, CSV: "by", Text: func(c row) any { return orNotKnown(PartyLabel(c.Party)) },
			Cell: func(c row) any { return PartyLabel(c.Party) }})
		column(Column[row]{CSV: "actor_id", Cell: func(c row) any {
			if c.Party == nil {
				return ""
			}
			return c.Party.ID
		}})
		column(Column[row]{CSV: "name", Cell: func(c row) any {
			if c.Party == nil {
				return ""
			}
			return c.Party.Name
		}})
	case "cause":
		column(Column[row]{Column: out.Column{Head: "CAUSE"}, CSV: "cause", Text: func(c row) any { return string(c.Cause) }})
	case "sku":
		column(Column[row]{CSV: "sku_id", Cell: func(c row) any { return string(c.SKU) }})
		column(skuColumn(b, func(c row) snapshot.SKUID { return c.SKU }))
		column(productColumn(b, func(c row) snapshot.SKUID { return c.SKU }))
	case "department":
		column(Column[row]{Column: out.Column{Head: "DEPARTMENT", Min: 10, Wrap: true}, CSV: "department", Text: func(c row) any { return OrNil(c.Department) },
			Cell: func(c row) any { return c.Department }})
	case "week":
		column(Column[row]{Column: out.Column{Head: "WEEK OF"}, CSV: "week", Text: func(c row) any { return c.Week.Format(time.DateOnly) }})
	}
	column(Column[row]{Column: out.Column{Head: "CHANGES"}, CSV: "changes", Text: func(c row) any { return c.Changes }})
	column(Column[row]{Column: out.Column{Head: "USERS", Spare: 1}, CSV: "users", Text: func(c row) any { return c.Users }})
	column(Column[row]{Column: out.Column{Head: "ASSIGNED"}, CSV: "assigned", Text: func(c row) any { return c.Assigned }})
	column(Column[row]{Column: out.Column{Head: "REMOVED"}, CSV: "removed", Text: func(c row) any { return c.Removed }})
	column(Column[row]{Column: out.Column{Head: "FIRST", Spare: 2}, CSV: "first", Text: func(c row) any { return DayOrNil(c.First) }, Cell: func(c row) any { return Stamp(c.First) }})
	column(Column[row]{Column: out.Column{Head: "LAST"}, CSV: "last", Text: func(c row) any { return DayOrNil(c.Last) }, Cell: func(c row) any { return Stamp(c.Last) }})
	if by == "actor" {
		column(Column[row]{Column: out.Column{Head: "THROUGH", Min: 10, Wrap: true}, CSV: "clients", Text: func(c row) any { return OrNil(strings.Join(c.Clients, ", ")) },
			Cell: func(c row) any { return strings.Join(c.Clients, ", ") }})
	}
	return l
}

// orNotKnown is a word, or that there is none to be known.
func orNotKnown(label string) any {
	if label == "" {
		return out.Cell{Value: "not known", Style: out.Yellow}
	}
	return label
}
