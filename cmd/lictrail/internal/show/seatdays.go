package show

import (
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
)

type SeatJSON struct {
	Month      string  `json:"month"`
	By         string  `json:"by"`
	Department *string `json:"department"`
	Country    *string `json:"country"`
	User       *string `json:"user_id"`
	UPN        *string `json:"upn"`
	SKU        SKUJSON `json:"sku"`
	Users      int     `json:"users"`
	Min        int     `json:"seat_days_min"`
	Max        int     `json:"seat_days_max"`
}

func seat(b *ask.Book, by string, r *ask.SeatRow) SeatJSON {
	j := SeatJSON{Month: r.MonthWord(), By: by, SKU: SKU(b, r.SKU), Users: r.Users, Min: r.Min, Max: r.Max}
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

func SeatDays(b *ask.Book, by string) Listing[*ask.SeatRow] {
	type row = *ask.SeatRow
	columns := []Column[row]{{Column: out.Column{Head: "MONTH"}, CSV: "month", Text: func(r row) any { return r.MonthWord() }}}
	switch by {
	case "user":
		columns = append(columns, Column[row]{CSV: "user_id", Cell: func(r row) any { return r.Label }},
			Column[row]{Column: out.Column{Head: "USER", Min: 12, Rank: 2}, CSV: "upn", Text: func(r row) any { return r.UPN }})
	case "department", "country":
		columns = append(columns, Column[row]{Column: out.Column{Head: strings.ToUpper(by), Min: 10, Rank: 2}, CSV: by,
			Text: func(r row) any { return OrNil(r.Label) }})
	}
	return Listing[row]{
		JSON: func(r row) any { return seat(b, by, r) },
		None: "no seat was held in these days",
		Columns: append(columns,
			Column[row]{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			Column[row]{Column: out.Column{Head: "SKU", Min: 8, Rank: 4}, CSV: "part_number", Text: func(r row) any { return b.ShortSKU(r.SKU) }, Cell: func(r row) any { return b.PlainSKU(r.SKU) }},
			Column[row]{Column: out.Column{Head: "USERS"}, CSV: "users", Text: func(r row) any { return r.Users }},
			Column[row]{Column: out.Column{Head: "MIN"}, CSV: "seat_days_min", Text: func(r row) any { return r.Min }},
			Column[row]{Column: out.Column{Head: "MAX"}, CSV: "seat_days_max", Text: func(r row) any { return r.Max }},
		),
	}
}
