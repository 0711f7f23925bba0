package show

import (
	"iter"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

type SeatJSON struct {
	Month      string     `json:"month"`
	By         string     `json:"by"`
	Department *string    `json:"department"`
	Country    *string    `json:"country"`
	User       *string    `json:"user_id"`
	UPN        *string    `json:"upn"`
	SKU        SKUJSON    `json:"sku"`
	Users      int        `json:"users"`
	Min        int        `json:"seat_days_min"`
	Max        int        `json:"seat_days_max"`
	Label      *string    `json:"label"`
	CostMin    *moneyJSON `json:"cost_min"`
	CostMax    *moneyJSON `json:"cost_max"`
}

func seat(b *ask.Book, by string, r *ask.SeatRow) SeatJSON {
	j := SeatJSON{Month: r.MonthLabel(), By: by, SKU: SKU(b, r.SKU), Users: r.Users, Min: r.Min, Max: r.Max, CostMin: Money(r.CostMin), CostMax: Money(r.CostMax)}
	if by != "sku" && !r.Unread {
		j.Label = &r.Label
	}
	switch by {
	case "department":
		j.Department = &r.Label
	case "country":
		j.Country = &r.Label
	case "user":
		j.User, j.UPN = &r.Label, OrNull(r.UPN)
	}
	return j
}

// SeatDays lists lines of the bill. Text shows money where any price is known.
func SeatDays(b *ask.Book, by string, money bool) Listing[*ask.SeatRow] {
	type row = *ask.SeatRow
	columns := []Column[row]{{Column: out.Column{Head: "MONTH"}, CSV: "month", Text: func(r row) any { return r.MonthLabel() }}}
	switch by {
	case "user":
		columns = append(columns, Column[row]{CSV: "user_id", Cell: func(r row) any { return r.Label }},
			Column[row]{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(r row) any { return r.UPN }})
	case "sku":
	default:
		columns = append(columns, Column[row]{Column: out.Column{Head: strings.ToUpper(strings.ReplaceAll(by, "-", " ")), Min: 10, Rank: 2, Wrap: true}, CSV: strings.ReplaceAll(by, "-", "_"),
			Text: func(r row) any { return chargedTo(r) }, Cell: func(r row) any { return OrNil(r.Label) }})
	}
	costs := []Column[row]{
		{CSV: "cost_min", Cell: func(r row) any { return decimalOrNil(r.CostMin) }},
		{CSV: "cost_max", Cell: func(r row) any { return decimalOrNil(r.CostMax) }},
		{CSV: "currency", Cell: func(r row) any { return OrNil(r.Currency()) }},
	}
	if money {
		phrase := func(m *reclaim.Money) any {
			if m == nil {
				return "no price"
			}
			return m.String()
		}
		costs[0].Column, costs[0].Text = out.Column{Head: "COST", Right: true}, func(r row) any { return phrase(r.CostMin) }
		costs[1].Column, costs[1].Text = out.Column{Head: "AT MOST", Right: true}, func(r row) any { return phrase(r.CostMax) }
	}
	return Listing[row]{
		JSON: func(r row) any { return seat(b, by, r) },
		None: "no seat was held in these days",
		Columns: append(append(columns,
			Column[row]{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
			Column[row]{Column: out.Column{Head: "USERS"}, CSV: "users", Text: func(r row) any { return r.Users }},
			Column[row]{Column: out.Column{Head: "MIN"}, CSV: "seat_days_min", Text: func(r row) any { return r.Min }},
			Column[row]{Column: out.Column{Head: "MAX"}, CSV: "seat_days_max", Text: func(r row) any { return r.Max }},
		), append(costs, productColumn(b, func(r row) snapshot.SKUID { return r.SKU }))...),
	}
}

// chargedTo is the cell of what seats are charged to.
func chargedTo(r *ask.SeatRow) any {
	if r.Unread {
		return NotKnown
	}
	return OrNil(r.Label)
}

// SeatTotal says what rows cost together: currencies apart, and lower bounds as such.
func SeatTotal(rows iter.Seq[*ask.SeatRow]) string {
	sure, possible := ask.SeatCost(rows)
	phrase := "Together: " + sure.Text()
	if most := possible.Text(); most != sure.Text() {
		phrase += "; counting every day on which a seat may have been held, " + most
	}
	if sure.Lower {
		phrase += ". Days without a known price are not in it: lictrail reclaim --init writes a file for prices"
	}
	return phrase + "."
}
