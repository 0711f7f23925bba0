package show

import (
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func Assignments(b *ask.Book) Listing[*store.Assignment] {
	type row = *store.Assignment
	return Listing[row]{
		JSON: func(a row) any { return Assignment(b, a) },
		None: "no assignment matches",
		Columns: []Column[row]{
			{CSV: "user_id", Cell: func(a row) any { return string(a.User.ID) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(a row) any { return UserLabel(&a.User) }, Cell: func(a row) any { return a.User.UPN }},
			{CSV: "name", Cell: func(a row) any { return a.User.Name }},
			{CSV: "department", Cell: func(a row) any { return a.User.Department }},
			{CSV: "sku_id", Cell: func(a row) any { return string(a.SKU) }},
			skuColumn(b, func(a row) snapshot.SKUID { return a.SKU }),
			productColumn(b, func(a row) snapshot.SKUID { return a.SKU }),
			{Column: out.Column{Head: "PATH", Min: 8, Rank: 1, Wrap: true}, CSV: "paths", Text: func(a row) any { return pathsLabel(b, a) }},
			{CSV: "path_ids", Cell: func(a row) any { return pathIDs(a) }},
			{Column: out.Column{Head: Zoned("FIRST ASSIGNED")}, CSV: "", Text: func(a row) any { return ShortDate(a.First) }},
			{CSV: "first_assigned", Cell: func(a row) any { return Stamp(a.First.At) }},
			{CSV: "first_assigned_not_before", Cell: func(a row) any { return Stamp(a.First.NotBefore) }},
			{CSV: "first_assigned_precision", Cell: func(a row) any { return string(a.First.Precision) }},
			{CSV: "first_assigned_source", Cell: func(a row) any { return string(a.First.Basis) }},
			{CSV: "first_assigned_evidence", Cell: func(a row) any { return a.First.Evidence }},
			{CSV: "assigned_since", Cell: func(a row) any { return Stamp(a.Since.At) }},
			{CSV: "assigned_since_not_before", Cell: func(a row) any { return Stamp(a.Since.NotBefore) }},
			{CSV: "assigned_since_precision", Cell: func(a row) any { return string(a.Since.Precision) }},
			{CSV: "periods", Cell: func(a row) any { return a.Periods }},
			{Column: out.Column{Head: "MICROSOFT SAYS"}, CSV: "graph_date", Text: func(a row) any { return DayOrNil(a.GraphDate) },
				Cell: func(a row) any { return Stamp(a.GraphDate) }},
			{CSV: "disabled_plans", Cell: func(a row) any { return disabledLabel(b, a) }},
			{CSV: "user_kind", Cell: func(a row) any { return a.User.Kind() }},
		},
	}
}

// pathsLabel joins the paths of an assignment: "direct + Sales EMEA".
func pathsLabel(b *ask.Book, a *store.Assignment) string {
	labels := make([]string, len(a.Paths))
	for i := range a.Paths {
		labels[i] = b.PathName(&a.Paths[i].PathRef)
	}
	return strings.Join(labels, " + ")
}

func pathIDs(a *store.Assignment) string {
	labels := make([]string, len(a.Paths))
	for i, p := range a.Paths {
		labels[i] = string(p.Kind)
		if p.Kind == snapshot.ByGroup {
			labels[i] = "group:" + string(p.Group)
		}
	}
	return strings.Join(labels, " ")
}

func disabledLabel(b *ask.Book, a *store.Assignment) string {
	var labels []string
	for _, p := range a.Paths {
		for _, id := range p.Disabled {
			labels = append(labels, b.PlanLabel(id))
		}
	}
	return strings.Join(labels, " ")
}
