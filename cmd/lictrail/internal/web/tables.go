package web

import (
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
)

// tableFormats gives programs the rows of a table that no command has.
func tableFormats(t *page.Table) func(show.Printer) error {
	type row = []any
	listing := show.Listing[row]{JSON: func(r row) any {
		item := map[string]any{}
		for i, c := range t.Columns {
			item[columnName(c)] = plain(r[i])
		}
		return item
	}}
	for i, c := range t.Columns {
		listing.Columns = append(listing.Columns, show.Column[row]{Column: out.Column{Head: c.Head}, CSV: columnName(c), Cell: func(r row) any { return plain(r[i]) }})
	}
	return func(p show.Printer) error { return listing.Print(p, show.Given(t.Rows)) }
}

func columnName(c page.Column) string {
	return strings.ReplaceAll(strings.ToLower(c.Head), " ", "_")
}

// plain is a cell without its link and its color.
func plain(v any) any {
	switch v := v.(type) {
	case page.Link:
		return v.Text
	case out.Cell:
		return v.Value
	}
	return v
}

// twin is one drawing in two widths, of which a screen shows the one that fits it.
func twin(wide, narrow page.Chart) []page.Chart {
	wide.Class += " wide"
	narrow.Class += " narrow"
	narrow.Data.Caption += ", on a narrow screen"
	return []page.Chart{wide, narrow}
}
