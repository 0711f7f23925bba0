package ask

import (
	"context"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Verbs are what who can ask about, and the kinds of change each means.
var Verbs = map[string][]snapshot.Kind{
	"removed":  {snapshot.Removed, snapshot.PathRemoved},
	"assigned": {snapshot.Assigned, snapshot.PathAdded},
	"changed": {snapshot.Assigned, snapshot.Removed, snapshot.PathAdded, snapshot.PathRemoved, snapshot.PathMoved,
		snapshot.PlansChanged, snapshot.StateChanged, snapshot.DateMoved},
}

// Newest returns every change, or the latest and those that came with it: two
// licenses taken in one operation are one answer.
//
// Of several SKUs of one part number each has its own.
func Newest(ctx context.Context, n *Book, f store.ChangeFilter, all bool) ([]*store.ChangeRow, error) {
	var found []*store.ChangeRow
	if len(f.SKUs) > 1 && !all {
		for _, id := range f.SKUs {
			f.SKUs = []snapshot.SKUID{id}
			some, err := Newest(ctx, n, f, all)
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
		slices.SortStableFunc(found, func(a, b *store.ChangeRow) int { return b.When.At.Compare(a.When.At) })
		return found, nil
	}
	for c, err := range n.History.Changes(ctx, f) {
		if err != nil {
			return nil, err
		}
		if !all && len(found) > 0 && c.When.At.Before(found[0].Window.NotBefore) {
			break
		}
		found = append(found, c)
	}
	if all || len(found) == 0 {
		return found, nil
	}
	return newestOf(found), nil
}

// newestOf returns the newest change and those of its time. Where the SKU came or
// went as a whole in the same time, that is the answer, and not one of its paths.
func newestOf(list []*store.ChangeRow) []*store.ChangeRow {
	first := list[0]
	for _, c := range list {
		if first.Kind != snapshot.Assigned && first.Kind != snapshot.Removed && (c.Kind == snapshot.Assigned || c.Kind == snapshot.Removed) &&
			c.User == first.User && c.SKU == first.SKU {
			first = c
		}
	}
	return slices.DeleteFunc(list, func(c *store.ChangeRow) bool {
		return !c.When.At.Equal(first.When.At) || c.Kind != first.Kind && c.SKU == first.SKU && c.User == first.User && isPath(c.Kind) && !isPath(first.Kind)
	})
}

func isPath(k snapshot.Kind) bool {
	return k == snapshot.PathAdded || k == snapshot.PathRemoved || k == snapshot.PathMoved
}
