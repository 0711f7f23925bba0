package show

import (
	"fmt"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store"
)

// AssignmentsOverlapping is the listing of assignments with what they overlap with.
func AssignmentsOverlapping(b *ask.Book) Listing[*ask.OverlappingSeat] {
	type row = *ask.OverlappingSeat
	l := MapListing(Assignments(b), func(r row) *store.Assignment { return r.Assignment })
	l.JSON = func(r row) any {
		j := Assignment(b, r.Assignment)
		j.Overlaps = Overlaps(b, r.Overlaps)
		return j
	}
	phrase := func(r row) any {
		var list []string
		for _, o := range r.Overlaps {
			how := Plural(len(o.Plans), "plan")
			if o.All {
				how = "all of it"
			}
			list = append(list, fmt.Sprintf("%s (%s)", b.SKULabel(o.With), how))
		}
		return strings.Join(list, ", ")
	}
	for i := range l.Columns { // columns that the question is not about are left out first where there is no room
		if head := l.Columns[i].Head; head == Zoned("FIRST ASSIGNED") || head == "MICROSOFT SAYS" {
			if l.Columns[i].Cell == nil {
				l.Columns[i].Cell = l.Columns[i].Text
			}
			l.Columns[i].Text = nil
		}
	}
	l.Columns = append(l.Columns, Column[row]{Column: out.Column{Head: "IS ALSO IN", Keep: true}, CSV: "overlaps_with", Text: phrase})
	return l
}
