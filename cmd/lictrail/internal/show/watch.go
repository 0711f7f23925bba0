package show

import (
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

// howOff says how a plan came to be off.
func howOff(r *ask.SwitchedOff) string {
	switch {
	case r.By == nil:
		return "not known"
	case r.By.Kind == snapshot.Assigned:
		return "assigned without it"
	}
	return "switched off"
}

func CauseOff(r *ask.SwitchedOff) string {
	if r.By == nil {
		return string(snapshot.CauseUnknown)
	}
	return CauseLabel(&r.By.Attribution)
}

func ReasonOff(b *ask.Book, r *ask.SwitchedOff) string {
	if r.By == nil {
		return "No change shows who switched it off. It may have been off when tracking began, or have come with a path that did not have it."
	}
	return ReasonOf(b, r.By)
}

// byOff is who switched it off, or that this is not known.
func byOff(r *ask.SwitchedOff) any {
	if r.By == nil {
		return out.Cell{Value: NotKnown, Style: out.Yellow}
	}
	return byCell(&r.By.Attribution)
}

type WatchJSON struct {
	Plan   PlanJSON    `json:"plan"`
	User   UserJSON    `json:"user"`
	SKU    SKUJSON     `json:"sku"`
	When   DateJSON    `json:"when"`
	OffNow bool        `json:"off_now"`
	Change *ChangeJSON `json:"change"`
}

func Watch(b *ask.Book) Listing[*ask.SwitchedOff] {
	type row = *ask.SwitchedOff
	return Listing[row]{
		JSON: func(r row) any {
			j := WatchJSON{PlanJSON{ID: string(r.Plan), Name: OrNull(b.PlanName(r.Plan))}, User(r.User), SKU(b, r.SKU), Date(r.When), r.Now, nil}
			if r.By != nil {
				c := Change(b, r.By)
				j.Change = &c
			}
			return j
		},
		None: "no watched plan is switched off",
		Columns: []Column[row]{
			{CSV: "user_id", Cell: func(r row) any { return string(r.User.ID) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(r row) any { return r.User.UPN }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
			{CSV: "plan_id", Cell: func(r row) any { return string(r.Plan) }},
			{Column: out.Column{Head: "PLAN", Min: 8, Rank: 4}, CSV: "plan", Text: func(r row) any { return b.PlanLabel(r.Plan) }},
			{Column: out.Column{Head: "NOW"}, CSV: "off_now", Text: func(r row) any { return map[bool]string{true: "off", false: "on or gone"}[r.Now] }, Cell: func(r row) any { return r.Now }},
			{Column: out.Column{Head: Zoned("WHEN")}, Text: func(r row) any { return ShortDate(r.When) }},
			{CSV: "when", Cell: func(r row) any { return Stamp(r.When.At) }},
			{CSV: "not_before", Cell: func(r row) any { return Stamp(r.When.NotBefore) }},
			{CSV: "precision", Cell: func(r row) any { return string(r.When.Precision) }},
			{CSV: "how", Cell: func(r row) any { return howOff(r) }},
			{Column: out.Column{Head: "CAUSE", Min: 8, Rank: 1}, CSV: "cause", Text: func(r row) any { return CauseOff(r) }},
			{Column: out.Column{Head: "BY", Keep: true}, CSV: "actor", Text: func(r row) any { return byOff(r) }, Cell: func(r row) any { return ActorLabel(r.Actor()) }},
			{CSV: "reason", Cell: func(r row) any { return ReasonOff(b, r) }},
			productColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
		},
	}
}
