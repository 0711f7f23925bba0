package ask

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TotalKeys are what assignments can be counted by.
var TotalKeys = []string{"sku", "department", "path", "user-type"}

// Total counts the users who hold a SKU and share a department, or a path.
type Total struct {
	By         string
	Department string
	Kind       string // of users
	Path       *snapshot.PathRef
	SKU        snapshot.SKUID
	Users      int
	Direct     int // of these, by a direct path
	Group      int // by a group
}

// Totals counts assignments. A user who holds a SKU by two paths is one user of the
// SKU, and one of each path.
func Totals(b *Book, by string, rows iter.Seq2[*store.Assignment, error]) ([]*Total, error) {
	counts := make(map[string]*Total)
	for a, err := range rows {
		if err != nil {
			return nil, err
		}
		for _, t := range totalsOf(by, a) {
			key := fmt.Sprint(strings.ToLower(t.Department), "\x00", t.Kind, "\x00", t.Path, "\x00", t.SKU)
			if counts[key] == nil {
				counts[key] = &t
			}
			counts[key].count(a)
		}
	}
	return sortTotals(b, counts), nil
}

// totalsOf lists the totals that an assignment counts in.
func totalsOf(by string, a *store.Assignment) []Total {
	switch by {
	case "department":
		return []Total{{By: by, Department: a.User.Department, SKU: a.SKU}}
	case "user-type":
		return []Total{{By: by, Kind: a.User.Kind(), SKU: a.SKU}}
	case "path":
		var all []Total
		for _, p := range a.Paths {
			all = append(all, Total{By: by, Path: &p.PathRef, SKU: a.SKU})
		}
		return all
	}
	return []Total{{By: by, SKU: a.SKU}}
}

func (t *Total) count(a *store.Assignment) {
	t.Users++
	if slices.ContainsFunc(a.Paths, func(p store.PathSince) bool { return p.Kind == snapshot.Direct }) {
		t.Direct++
	}
	if slices.ContainsFunc(a.Paths, func(p store.PathSince) bool { return p.Kind == snapshot.ByGroup }) {
		t.Group++
	}
}

func sortTotals(book *Book, counts map[string]*Total) []*Total {
	var all []*Total
	for _, t := range counts {
		all = append(all, t)
	}
	words := func(t *Total) []string {
		return []string{strings.ToLower(t.Department), t.Kind, book.PathName(t.Path), book.SKULabel(t.SKU), string(t.SKU)}
	}
	slices.SortFunc(all, func(a, b *Total) int { return slices.Compare(words(a), words(b)) })
	return all
}
