package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// totalKeys are what assignments can be counted by.
var totalKeys = []string{"sku", "department", "path"}

// total counts the users who hold a SKU and share a department, or a path.
type total struct {
	by         string
	department string
	path       *snapshot.PathRef
	sku        snapshot.SKUID
	users      int
	direct     int // of these, by a direct path
	group      int // by a group
}

type totalJSON struct {
	By         string       `json:"by"`
	Department *string      `json:"department"`
	Path       *pathRefJSON `json:"path"`
	SKU        skuJSON      `json:"sku"`
	Users      int          `json:"users"`
	Direct     int          `json:"direct"`
	ByGroup    int          `json:"by_group"`
	AsOf       *string      `json:"as_of"`
}

// runTotals counts assignments. A user who holds a SKU by two paths is one user
// of the SKU, and one of each path.
func (n names) runTotals(ctx context.Context, e *env, by string, f store.Filter) error {
	counts := make(map[string]*total)
	for a, err := range n.h.Assignments(ctx, f) {
		if err != nil {
			return err
		}
		for _, t := range totalsOf(by, a) {
			key := fmt.Sprint(strings.ToLower(t.department), "\x00", t.path, "\x00", t.sku)
			if counts[key] == nil {
				counts[key] = &t
			}
			counts[key].count(a)
		}
	}
	return n.totalListing(by).print(e, n, n.sorted(counts))
}

// totalsOf lists the totals that an assignment counts in.
func totalsOf(by string, a *store.Assignment) []total {
	switch by {
	case "department":
		return []total{{by: by, department: a.User.Department, sku: a.SKU}}
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
		return []string{strings.ToLower(t.department), n.pathWord(t.path), n.shortSKU(t.sku), string(t.sku)}
	}
	slices.SortFunc(all, func(a, b *total) int { return slices.Compare(words(a), words(b)) })
	return rowsOf(all)
}

func (n names) totalListing(by string) listing[*total] {
	type row = *total
	l := listing[row]{
		json: func(t row) any {
			j := totalJSON{By: t.by, Path: n.pathRef(t.path), SKU: n.sku(t.sku), Users: t.users, Direct: t.direct, ByGroup: t.group,
				AsOf: stamp(n.h.At.ObservedUntil)}
			if t.by == "department" {
				j.Department = &t.department
			}
			return j
		},
		none: "no assignment matches",
	}
	switch by {
	case "department":
		l.columns = append(l.columns, column[row]{Column: out.Column{Head: "DEPARTMENT", Min: 10, Rank: 2}, csv: "department",
			text: func(t row) any { return orNil(t.department) }})
	case "path":
		l.columns = append(l.columns,
			column[row]{Column: out.Column{Head: "PATH", Min: 10, Rank: 2}, csv: "path", text: func(t row) any { return n.pathWord(t.path) }},
			column[row]{csv: "group_id", cell: func(t row) any { return string(t.path.Group) }})
	}
	return listing[row]{json: l.json, none: l.none, columns: append(l.columns,
		column[row]{csv: "sku_id", cell: func(t row) any { return string(t.sku) }},
		column[row]{Column: out.Column{Head: "SKU", Min: 8, Rank: 4}, csv: "part_number", text: func(t row) any { return n.shortSKU(t.sku) }, cell: func(t row) any { return n.plainSKU(t.sku) }},
		column[row]{Column: out.Column{Head: "PRODUCT", Min: 8, Rank: 1}, csv: "product", text: func(t row) any { return n.cat.SKUName(t.sku, n.partNumber(t.sku)) }},
		column[row]{Column: out.Column{Head: "USERS"}, csv: "users", text: func(t row) any { return t.users }},
		column[row]{Column: out.Column{Head: "DIRECT"}, csv: "direct", text: func(t row) any { return t.direct }},
		column[row]{Column: out.Column{Head: "BY GROUP"}, csv: "by_group", text: func(t row) any { return t.group }},
		column[row]{csv: "as_of", cell: func(row) any { return stamp(n.h.At.ObservedUntil) }},
	)}
}
