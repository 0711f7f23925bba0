package ask

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lictrail/cmd/lictrail/internal/near"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// verbs are what who can ask about, and the kinds of change each means.
var verbs = map[string][]snapshot.Kind{
	"removed":  {snapshot.Removed, snapshot.PathRemoved},
	"assigned": {snapshot.Assigned, snapshot.PathAdded},
	"changed": {snapshot.Assigned, snapshot.Removed, snapshot.PathAdded, snapshot.PathRemoved, snapshot.PathMoved,
		snapshot.PlansChanged, snapshot.StateChanged, snapshot.DateMoved},
}

// Verbs are what [Who] can be asked about.
func Verbs() []string { return slices.Sorted(maps.Keys(verbs)) }

// CheckVerb refuses a verb that [Who] does not know.
func CheckVerb(verb string) error {
	if _, ok := verbs[verb]; !ok {
		hint := "lictrail who removed|assigned|changed USER [SKU]"
		if meant := near.Word(verb, Verbs()); meant != "" {
			hint = fmt.Sprintf("lictrail who %s USER [SKU]", meant)
		}
		return refuse(fmt.Sprintf("who cannot tell who %q", verb), hint)
	}
	return nil
}

// WhoAnswer is who did it: changes with their causes, or what the archive has about
// people whom no run has seen.
type WhoAnswer struct {
	Verb    string
	Users   []store.Person // the users asked about
	SKUs    []snapshot.SKUID
	Changes []*store.ChangeRow // the latest first
	Archive *FromArchive       // nil: runs have seen the user
}

// Who finds changes of a user's licenses, each with its attribution. verb is the kind of
// change: "removed", "assigned" or "changed". sku is the SKU; "" means every SKU. The
// answer has the latest change and those of the same time, or every change if all is set.
func Who(ctx context.Context, b *Book, verb, user, sku string, all bool) (*WhoAnswer, error) {
	if err := CheckVerb(verb); err != nil {
		return nil, err
	}
	a := &WhoAnswer{Verb: verb}
	var people []*Archived
	var err error
	if a.Users, people, err = Anybody(ctx, b, user); err != nil {
		return nil, err
	}
	if len(people) > 0 {
		a.Archive, err = whoFromArchive(ctx, b, people, verb, sku)
		return a, err
	}
	f := store.ChangeFilter{Kinds: verbs[verb], Newest: true, Users: a.Users}
	if a.SKUs, err = skusOfChanges(ctx, b, sku, f); err != nil {
		return nil, err
	}
	f.SKUs = a.SKUs
	a.Changes, err = newest(ctx, b, f, all)
	return a, err
}

// skusOfChanges finds the SKUs with a name. If several have it, only those with such
// changes count.
func skusOfChanges(ctx context.Context, b *Book, word string, f store.ChangeFilter) ([]snapshot.SKUID, error) {
	found, err := b.FindSKUs(word)
	var refused *Error
	if !errors.As(err, &refused) || len(refused.Choices) == 0 {
		return found, err
	}
	titles := map[snapshot.SKUID]string{}
	for _, c := range refused.Choices {
		titles[snapshot.SKUID(c.ID)] = c.Title
	}
	var changed []snapshot.SKUID
	for c, failed := range b.History.Changes(ctx, f) {
		if failed != nil {
			return nil, failed
		}
		if titles[c.SKU] != "" && !slices.Contains(changed, c.SKU) {
			changed = append(changed, c.SKU)
		}
	}
	if len(changed) != 1 {
		return nil, err
	}
	guess(b, word, titles[changed[0]]+", of which there are such changes", false)
	return changed, nil
}

// newest returns every change, or the latest and those of the same operation: two
// licenses that were removed in one operation are one answer.
//
// Of several SKUs of one part number each has its own.
func newest(ctx context.Context, book *Book, f store.ChangeFilter, all bool) ([]*store.ChangeRow, error) {
	var found []*store.ChangeRow
	if len(f.SKUs) > 1 && !all {
		for _, id := range f.SKUs {
			f.SKUs = []snapshot.SKUID{id}
			some, err := newest(ctx, book, f, all)
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
		slices.SortStableFunc(found, func(a, b *store.ChangeRow) int { return b.When.At.Compare(a.When.At) })
		return found, nil
	}
	for c, err := range book.History.Changes(ctx, f) {
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
