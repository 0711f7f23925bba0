package ask

import (
	"context"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/words"
)

// Hit is something that words mean: one of these fields is set.
type Hit struct {
	User  *store.Found
	SKU   snapshot.SKUID
	Group *FoundGroup
	Plan  snapshot.PlanID
	Actor *snapshot.Actor // who is no user of the history
	Was   string          // the former name that fits; "" where the present one does
}

// Search finds all that words mean: people, present and past; parties that changed
// licenses and are no users; SKUs, groups and service plans. more reports that there
// are other people.
func Search(ctx context.Context, b *Book, q words.Query, limit int) (hits []Hit, more bool, err error) {
	people, err := b.UsersCalled(ctx, q.Text)
	if err != nil {
		return nil, false, err
	}
	exact := map[snapshot.UserID]bool{}
	for _, p := range people {
		exact[p.ID] = true
		hits = append(hits, Hit{User: &store.Found{Person: p, Rank: words.Whole}})
	}
	found, more, err := b.History.FindPeople(ctx, q, limit)
	if err != nil {
		return nil, false, err
	}
	for _, f := range found {
		if !exact[f.ID] {
			hits = append(hits, Hit{User: &f, Was: f.Was})
		}
	}
	if limit > 0 && len(hits) > limit {
		hits, more = hits[:limit], true
	}
	skus := b.SKUsOf(q.Text)
	for _, id := range append(skus, b.MatchSKUs(q)...) {
		if !slices.ContainsFunc(hits, func(h Hit) bool { return h.SKU == id }) {
			hits = append(hits, Hit{SKU: id})
		}
	}
	groups, err := b.MatchGroups(ctx, q)
	if err != nil {
		return nil, false, err
	}
	for _, g := range groups {
		hits = append(hits, Hit{Group: &g, Was: g.Was})
	}
	plans, err := b.MatchPlans(ctx, q)
	if err != nil {
		return nil, false, err
	}
	for _, id := range plans {
		hits = append(hits, Hit{Plan: id})
	}
	actors, err := matchActors(ctx, b, q)
	return append(hits, actors...), more, err
}

// matchActors finds applications and services that changed licenses.
func matchActors(ctx context.Context, b *Book, q words.Query) ([]Hit, error) {
	actors, err := b.History.Actors(ctx)
	if err != nil {
		return nil, err
	}
	var hits []Hit
	seen := map[string]bool{}
	for _, a := range actors {
		rank := min(q.Name(a.Name), q.Address(a.UPN))
		if a.ID != "" && strings.EqualFold(a.ID, q.Text) {
			rank = words.Whole
		}
		key := strings.ToLower(a.ID + "\n" + a.UPN + "\n" + a.Name)
		if rank == words.No || seen[key] {
			continue
		}
		seen[key] = true
		if a.Kind != snapshot.ActorUser { // the archive has the people
			hits = append(hits, Hit{Actor: &a})
		}
	}
	return hits, nil
}

// Near lists what may have been meant by words that mean nothing.
func Near(ctx context.Context, b *Book, q words.Query) ([]string, error) {
	found, err := nearPeople(ctx, b.History, q)
	if err != nil {
		return nil, err
	}
	var near []string
	for _, f := range found {
		near = append(near, TitleOf(&f))
	}
	by := map[string]string{}
	for _, name := range b.History.Groups() {
		by[strings.ToLower(name)] = name
	}
	return append(append(near, nearSKUs(b, q.Text)...), nearest(q.Text, by)...), nil
}
