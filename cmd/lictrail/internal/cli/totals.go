package cli

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// totalKeys are what assignments can be counted by.
var totalKeys = []string{"sku", "department", "path", "user-type"}

// total counts the users who hold a SKU and share a department, or a path.
type total struct {
	by         string
	department string
	kind       string // of users
	path       *snapshot.PathRef
	sku        snapshot.SKUID
	users      int
	direct     int // of these, by a direct path
	group      int // by a group
}

type totalJSON struct {
	By         string            `json:"by"`
	Department *string           `json:"department"`
	UserKind   *string           `json:"user_kind"`
	Path       *show.PathRefJSON `json:"path"`
	SKU        show.SKUJSON      `json:"sku"`
	Users      int               `json:"users"`
	Direct     int               `json:"direct"`
	ByGroup    int               `json:"by_group"`
	AsOf       *string           `json:"as_of"`
}

// runTotals counts assignments. A user who holds a SKU by two paths is one user
// of the SKU, and one of each path.
func (n names) runTotals(e *env, by string, rows iter.Seq2[*store.Assignment, error]) error {
	counts := make(map[string]*total)
	for a, err := range rows {
		if err != nil {
			return err
		}
		for _, t := range totalsOf(by, a) {
			key := fmt.Sprint(strings.ToLower(t.department), "\x00", t.kind, "\x00", t.path, "\x00", t.sku)
			if counts[key] == nil {
				counts[key] = &t
			}
			counts[key].count(a)
		}
	}
	return n.totalListing(by).Print(e.printer(n), n.sorted(counts))
}

// totalsOf lists the totals that an assignment counts in.
func totalsOf(by string, a *store.Assignment) []total {
	switch by {
	case "department":
		return []total{{by: by, department: a.User.Department, sku: a.SKU}}
	case "user-type":
		return []total{{by: by, kind: a.User.Kind(), sku: a.SKU}}
	case "path":
		var all []total
		for _, p := range a.Paths {
			all = append(all, total{by: by, path: &p.PathRef, sku: a.SKU})
		}
		return all
	}
	return []total{{by: by, sku: a.SKU}}
}

func (t *total) count(a *store.Assignment) {
	t.users++
	if slices.ContainsFunc(a.Paths, func(p store.PathSince) bool { return p.Kind == snapshot.Direct }) {
		t.direct++
	}
	if slices.ContainsFunc(a.Paths, func(p store.PathSince) bool { return p.Kind == snapshot.ByGroup }) {
		t.group++
	}
}

func (n names) sorted(counts map[string]*total) iter.Seq2[*total, error] {
	var all []*total
	for _, t := range counts {
		all = append(all, t)
	}
	words := func(t *total) []string {
		return []string{strings.ToLower(t.department), t.kind, n.PathName(t.path), n.ShortSKU(t.sku), string(t.sku)}
	}
	slices.SortFunc(all, func(a, b *total) int { return slices.Compare(words(a), words(b)) })
	return rowsOf(all)
}

func (n names) totalListing(by string) show.Listing[*total] {
	type row = *total
	l := show.Listing[row]{
		JSON: func(t row) any {
			j := totalJSON{By: t.by, Path: show.PathRef(n.Book, t.path), SKU: show.SKU(n.Book, t.sku), Users: t.users, Direct: t.direct, ByGroup: t.group,
				AsOf: show.Stamp(n.History.At.ObservedUntil)}
			if t.by == "department" {
				j.Department = &t.department
			}
			if t.by == "user-type" {
				j.UserKind = show.OrNull(t.kind)
			}
			return j
		},
		None: "no assignment matches",
	}
	switch by {
	case "department":
		l.Columns = append(l.Columns, show.Column[row]{Column: out.Column{Head: "DEPARTMENT", Min: 10, Rank: 2}, CSV: "department",
			Text: func(t row) any { return show.OrNil(t.department) }})
	case "user-type":
		l.Columns = append(l.Columns, show.Column[row]{Column: out.Column{Head: "USERS ARE", Rank: 2}, CSV: "user_kind",
			Text: func(t row) any { return show.OrNil(t.kind) }})
	case "path":
		l.Columns = append(l.Columns,
			show.Column[row]{Column: out.Column{Head: "PATH", Min: 10, Rank: 2}, CSV: "path", Text: func(t row) any { return n.PathName(t.path) }},
			show.Column[row]{CSV: "group_id", Cell: func(t row) any { return string(t.path.Group) }})
	}
	return show.Listing[row]{JSON: l.JSON, None: l.None, Columns: append(l.Columns,
		show.Column[row]{CSV: "sku_id", Cell: func(t row) any { return string(t.sku) }},
		show.Column[row]{Column: out.Column{Head: "SKU", Min: 8, Rank: 4}, CSV: "part_number", Text: func(t row) any { return n.ShortSKU(t.sku) }, Cell: func(t row) any { return n.PlainSKU(t.sku) }},
		show.Column[row]{Column: out.Column{Head: "PRODUCT", Min: 8, Rank: 1}, CSV: "product", Text: func(t row) any { return n.Catalog.SKUName(t.sku, n.PartNumber(t.sku)) }},
		show.Column[row]{Column: out.Column{Head: "USERS"}, CSV: "users", Text: func(t row) any { return t.users }},
		show.Column[row]{Column: out.Column{Head: "DIRECT"}, CSV: "direct", Text: func(t row) any { return t.direct }},
		show.Column[row]{Column: out.Column{Head: "BY GROUP"}, CSV: "by_group", Text: func(t row) any { return t.group }},
		show.Column[row]{CSV: "as_of", Cell: func(row) any { return show.Stamp(n.History.At.ObservedUntil) }},
	)}
}
