package show

import (
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
)

// DiscoveredJSON is a tenant of the fleet's file, or a customer of the partner's.
type DiscoveredJSON struct {
	State        string  `json:"state"`
	Name         *string `json:"name"`
	DB           *string `json:"db"`
	Tenant       *string `json:"tenant"`
	CustomerName *string `json:"customer_name"`
	Why          *string `json:"why"`
}

// Discovered shows what was found. The text leaves out what was there and stays so.
func Discovered(p Printer, all []ask.Found) error {
	type row = *ask.Found
	l := Listing[row]{
		JSON: func(f row) any {
			return DiscoveredJSON{string(f.State), OrNull(f.Name), OrNull(f.DB), OrNull(f.ID), OrNull(f.Title), OrNull(f.Why)}
		},
		Columns: []Column[row]{
			{Column: out.Column{Head: "STATE"}, CSV: "state", Text: func(f row) any { return string(f.State) }},
			{Column: out.Column{Head: "NAME", Min: 8, Rank: 1}, CSV: "name", Text: func(f row) any { return Dash(f.Name) }, Cell: func(f row) any { return f.Name }},
			{CSV: "db", Cell: func(f row) any { return f.DB }},
			{Column: out.Column{Head: "TENANT"}, CSV: "tenant", Text: func(f row) any { return Dash(f.ID) }, Cell: func(f row) any { return f.ID }},
			{Column: out.Column{Head: "CUSTOMER", Min: 8, Rank: 2}, CSV: "customer_name", Text: func(f row) any { return Dash(f.Title) }, Cell: func(f row) any { return f.Title }},
			{Column: out.Column{Head: "WHY", Min: 8, Rank: 3}, CSV: "why", Text: func(f row) any { return Dash(f.Why) }, Cell: func(f row) any { return f.Why }},
		},
	}
	if p.Format == "text" {
		var listed []ask.Found
		for _, f := range all {
			if f.State != ask.There {
				listed = append(listed, f)
			}
		}
		p.Notef("%s of the file are customers already", Plural(len(all)-len(listed), "tenant"))
		all = listed
	}
	return l.Print(p, Each(all))
}
