package show

import (
	"cmp"
	"fmt"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// Hit is what was found, or somebody whom only audit records know.
type Hit struct {
	ask.Hit
	Person *ask.Archived
}

// What was found is of one of these kinds.
const (
	kindPerson = "person"
	kindActor  = "actor"
	kindSKU    = "sku"
	kindGroup  = "group"
	kindPlan   = "plan"
)

// row is what is said of a hit.
func hitRow(b *ask.Book, h Hit) (kind, name, called, id, note string) {
	switch {
	case h.User != nil:
		u := &h.User.User
		return kindPerson, u.Name, u.UPN, string(u.ID), presenceNote(u.Presence)
	case h.Person != nil:
		p := h.Person
		return kindPerson, strings.Join(p.Names, ", "), p.Title(), p.ID, "known from audit records only"
	case h.SKU != "":
		part := b.PartNumber(h.SKU)
		return kindSKU, b.Catalog.SKUName(h.SKU, part), part, string(h.SKU), ""
	case h.Group != nil:
		return kindGroup, b.History.GroupName(h.Group.ID), "", string(h.Group.ID), ""
	case h.Plan != "":
		plan, _ := b.Catalog.Plan(h.Plan)
		name := cmp.Or(b.History.PlanName(h.Plan), plan.Name)
		return kindPlan, cmp.Or(plan.FriendlyName, name), name, string(h.Plan), ""
	}
	a := h.Actor
	return kindActor, a.Name, a.UPN, cmp.Or(a.ID, a.AppID), string(a.Kind)
}

func presenceNote(p snapshot.Presence) string {
	if p == snapshot.Present {
		return ""
	}
	return string(p)
}

type HitJSON struct {
	Kind     string     `json:"kind"`
	User     *UserJSON  `json:"user"`
	SKU      *SKUJSON   `json:"sku"`
	Group    *GroupJSON `json:"group"`
	Plan     *PlanJSON  `json:"plan"`
	Actor    *ActorJSON `json:"actor"`
	Formerly *string    `json:"formerly"`
	Recorded bool       `json:"records_only"` // known from audit records only
}

func hitOf(b *ask.Book, h Hit) HitJSON {
	kind, name, called, id, _ := hitRow(b, h)
	j := HitJSON{Kind: kind, Formerly: OrNull(h.Was), Recorded: h.Person != nil}
	switch {
	case h.User != nil:
		u := User(&h.User.User)
		j.User = &u
	case h.Person != nil:
		j.User = &UserJSON{ID: id, UPN: OrNull(called), Name: OrNull(name)}
	case h.SKU != "":
		s := SKU(b, h.SKU)
		j.SKU = &s
	case h.Group != nil:
		j.Group = Group(b, h.Group.ID)
	case h.Plan != "":
		j.Plan = &Plans(b, []snapshot.PlanID{h.Plan})[0]
	default:
		j.Actor = Actor(h.Actor)
	}
	return j
}

func Hits(b *ask.Book, text string) Listing[Hit] {
	cell := func(pick func(kind, name, called, id, note string) string) func(Hit) any {
		return func(h Hit) any { return OrNil(pick(hitRow(b, h))) }
	}
	return Listing[Hit]{
		JSON: func(h Hit) any { return hitOf(b, h) },
		None: fmt.Sprintf("no person, SKU, group, service plan or application of the history is called %q", text),
		Columns: []Column[Hit]{
			{Column: out.Column{Head: "KIND"}, CSV: "kind", Text: cell(func(kind, _, _, _, _ string) string { return kind })},
			{Column: out.Column{Head: "NAME", Keep: true}, CSV: "name", Text: cell(func(_, name, _, _, _ string) string { return name })},
			{Column: out.Column{Head: "ADDRESS OR PART NUMBER", Keep: true}, CSV: "address", Text: cell(func(_, _, called, _, _ string) string { return called })},
			{Column: out.Column{Head: "ID"}, CSV: "id", Text: cell(func(_, _, _, id, _ string) string { return id })},
			{Column: out.Column{Head: "NOTE", Min: 8, Wrap: true}, CSV: "note", Text: func(h Hit) any {
				_, _, _, _, note := hitRow(b, h)
				if h.Was != "" {
					note = strings.TrimPrefix(note+", formerly "+h.Was, ", ")
				}
				return OrNil(note)
			}},
		},
	}
}
