package ask

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// FindUsers finds who is meant by USER. An address that several people had over
// time stands for all of them.
func (b *Book) FindUsers(ctx context.Context, ref string) ([]store.Person, error) {
	found, err := b.History.FindUsers(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, refuse(fmt.Sprintf("no user %q in the history", ref),
			"the object id, or a UPN or mail address, present or past; lictrail assignments lists those with licenses")
	}
	return found, nil
}

// OptionalUsers is users, or nobody in particular for "".
func (b *Book) OptionalUsers(ctx context.Context, ref string) ([]store.Person, error) {
	if ref == "" {
		return nil, nil
	}
	return b.FindUsers(ctx, ref)
}

// SKUsOf finds the SKUs of the tenant that a word means: the one with that id, else
// all with that part number, which Microsoft does not keep unique, else those of
// that product name, present or former. They are sorted.
func (b *Book) SKUsOf(word string) []snapshot.SKUID {
	word = strings.TrimSpace(word)
	var found []snapshot.SKUID
	for id, part := range b.History.PartNumbers() {
		if strings.EqualFold(string(id), word) {
			return []snapshot.SKUID{id}
		}
		if strings.EqualFold(part, word) {
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		for _, s := range b.Catalog.FindSKUs(word) {
			if _, ok := b.History.PartNumbers()[s.ID]; ok {
				found = append(found, s.ID)
			}
		}
	}
	slices.Sort(found)
	return found
}

// FindSKUs finds the SKUs that a question is about, none for "". A part number may
// be that of several; any other word must mean one.
func (b *Book) FindSKUs(word string) ([]snapshot.SKUID, error) {
	if word == "" {
		return nil, nil
	}
	found := b.SKUsOf(word)
	samePart := !slices.ContainsFunc(found, func(id snapshot.SKUID) bool { return !strings.EqualFold(b.PartNumber(id), b.PartNumber(found[0])) })
	if len(found) > 1 && !samePart {
		return nil, severalSKUs(word, found)
	}
	if len(found) == 0 {
		return nil, refuse(fmt.Sprintf("no SKU %q in the history", word), "lictrail skus lists those that the tenant has had")
	}
	return found, nil
}

// FindSKU finds the one SKU that is meant, "" for "".
func (b *Book) FindSKU(word string) (snapshot.SKUID, error) {
	found, err := b.FindSKUs(word)
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case len(found) > 1:
		return "", severalSKUs(word, found)
	}
	return found[0], nil
}

func severalSKUs(word string, ids []snapshot.SKUID) error {
	return refuse(fmt.Sprintf("%q is the name of several SKUs", word), "one of: "+JoinIDs(ids))
}

// FindGroup finds the group that is meant by an object id or a name.
func (b *Book) FindGroup(word string) (snapshot.GroupID, error) {
	if word == "" {
		return "", nil
	}
	var found []snapshot.GroupID
	for id, name := range b.History.Groups() {
		if strings.EqualFold(string(id), word) {
			return id, nil
		}
		if strings.EqualFold(name, word) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", refuse(fmt.Sprintf("no group %q has given licenses", word), "lictrail groups lists those that have")
	}
	return "", refuse(fmt.Sprintf("several groups are called %q", word), "one of: "+JoinIDs(found))
}

func JoinIDs[T ~string](ids []T) string {
	slices.Sort(ids)
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}

// FindPlan finds the plan that is meant by an id or a name. The tenant's own
// words come first; what the catalog knows may come to the tenant later.
func (b *Book) FindPlan(ctx context.Context, word string) (snapshot.PlanID, error) {
	plans, err := b.History.SKUPlans(ctx)
	if err != nil {
		return "", err
	}
	for _, ids := range plans {
		for _, id := range ids {
			if strings.EqualFold(word, string(id)) || strings.EqualFold(word, b.History.PlanName(id)) {
				return id, nil
			}
		}
	}
	id, err := b.Catalog.PlanID(word)
	if err != nil {
		return "", refuse(fmt.Sprintf("no service plan %q", word), "its name as Microsoft writes it, such as M365_ADVANCED_AUDITING, or its id")
	}
	return id, nil
}
