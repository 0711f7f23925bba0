package show

import (
	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
)

type totalJSON struct {
	By         string       `json:"by"`
	Department *string      `json:"department"`
	UserKind   *string      `json:"user_kind"`
	Path       *PathRefJSON `json:"path"`
	SKU        SKUJSON      `json:"sku"`
	Users      int          `json:"users"`
	Direct     int          `json:"direct"`
	ByGroup    int          `json:"by_group"`
	AsOf       *string      `json:"as_of"`
}

func Totals(b *ask.Book, by string) Listing[*ask.Total] {
	type row = *ask.Total
	l := Listing[row]{
		JSON: func(t row) any {
			j := totalJSON{By: t.By, Path: PathRef(b, t.Path), SKU: SKU(b, t.SKU), Users: t.Users, Direct: t.Direct, ByGroup: t.Group,
				AsOf: Stamp(b.History.At.ObservedUntil)}
			if t.By == "department" {
				j.Department = &t.Department
			}
			if t.By == "user-type" {
				j.UserKind = OrNull(t.Kind)
			}
			return j
		},
		None: "no assignment matches",
	}
	switch by {
	case "department":
		l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: "DEPARTMENT", Min: 10, Rank: 2, Wrap: true}, CSV: "department",
			Text: func(t row) any { return OrNil(t.Department) }})
	case "user-type":
		l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: "USERS ARE", Rank: 2}, CSV: "user_kind",
			Text: func(t row) any { return OrNil(t.Kind) }})
	case "path":
		l.Columns = append(l.Columns,
			Column[row]{Column: out.Column{Head: "PATH", Min: 10, Rank: 2}, CSV: "path", Text: func(t row) any { return b.PathName(t.Path) }},
			Column[row]{CSV: "group_id", Cell: func(t row) any { return string(t.Path.Group) }})
	}
	return Listing[row]{JSON: l.JSON, None: l.None, Columns: append(l.Columns,
		Column[row]{CSV: "sku_id", Cell: func(t row) any { return string(t.SKU) }},
		skuColumn(b, func(t row) snapshot.SKUID { return t.SKU }),
		productColumn(b, func(t row) snapshot.SKUID { return t.SKU }),
		Column[row]{Column: out.Column{Head: "USERS"}, CSV: "users", Text: func(t row) any { return t.Users }},
		Column[row]{Column: out.Column{Head: "DIRECT"}, CSV: "direct", Text: func(t row) any { return t.Direct }},
		Column[row]{Column: out.Column{Head: "BY GROUP"}, CSV: "by_group", Text: func(t row) any { return t.Group }},
		Column[row]{CSV: "as_of", Cell: func(row) any { return Stamp(b.History.At.ObservedUntil) }},
	)}
}
