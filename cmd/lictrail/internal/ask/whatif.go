package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
	"lictrail/snapshot/whatif"
)

// WhatIfQuestion is an operation as a person typed it.
type WhatIfQuestion struct {
	Kind         whatif.Kind
	User, Group  string
	SKU, To      string
	Subscription string // its id, or a SKU that has one only
}

// WhatIfAnswer is what would come of it.
type WhatIfAnswer struct {
	*whatif.Outcome
	Before, After reclaim.Cost // what the seats of the SKUs that it concerns cost a month
	Group         *snapshot.Group
	plans         map[snapshot.SKUID][]snapshot.PlanID // that each SKU has
}

// LostWith are the plans that a user would lose and that a SKU has: all of those lost
// where it is not known what the SKU has.
func (a *WhatIfAnswer) LostWith(sku snapshot.SKUID, lost []snapshot.PlanID) []snapshot.PlanID {
	has := a.plans[sku]
	if len(has) == 0 {
		return lost
	}
	return slices.DeleteFunc(slices.Clone(lost), func(id snapshot.PlanID) bool { return !slices.Contains(has, id) })
}

// WhatIf predicts an operation by the run that the book is asked about. prices may
// be empty.
func WhatIf(ctx context.Context, b *Book, q WhatIfQuestion, op whatif.Operation, prices reclaim.Prices) (*WhatIfAnswer, error) {
	op.Kind = q.Kind
	concern, err := q.resolve(ctx, b, &op)
	if err != nil {
		return nil, err
	}
	state := whatif.State{}
	if state.Users, err = b.History.Concerned(ctx, concern); err != nil {
		return nil, err
	}
	if state.SKUs, state.Holders, err = b.History.SKUsAt(ctx, b.History.At.ID); err != nil {
		return nil, err
	}
	groups, err := b.History.LicensedGroups(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		state.Groups = append(state.Groups, g)
	}
	slices.SortFunc(state.Groups, func(a, b snapshot.Group) int { return cmp.Compare(a.ID, b.ID) })
	if state.Bought, err = b.History.Subscriptions(ctx); err != nil {
		return nil, err
	}
	outcome, err := whatif.Predict(state, op)
	if err != nil {
		return nil, refusedOperation(b, q, op, err)
	}
	a := &WhatIfAnswer{Outcome: outcome, plans: map[snapshot.SKUID][]snapshot.PlanID{}}
	for _, k := range state.SKUs {
		for _, p := range k.Plans {
			a.plans[k.ID] = append(a.plans[k.ID], p.ID)
		}
	}
	if g, ok := groups[op.Group]; ok {
		a.Group = &g
	}
	on := snapshot.DayOf(op.When)
	for _, s := range outcome.Seats {
		a.Before.Seats(prices, s.SKU, on, s.Before)
		a.After.Seats(prices, s.SKU, on, s.After)
	}
	return a, nil
}

// resolve finds the things that are named, and says which users are needed.
func (q WhatIfQuestion) resolve(ctx context.Context, b *Book, op *whatif.Operation) (c store.Concern, err error) {
	if q.Group != "" {
		if op.Group, err = b.FindGroup(ctx, q.Group); err != nil {
			return c, err
		}
	}
	if q.User != "" {
		users, err := b.FindUsers(ctx, q.User)
		if err != nil {
			return c, err
		}
		users = slices.DeleteFunc(users, func(p store.Person) bool { return p.Presence != snapshot.Present })
		switch len(users) {
		case 0:
			return c, refuse(fmt.Sprintf("user %q is deleted already", q.User), "name a user who is present")
		case 1:
		default:
			ids := make([]snapshot.UserID, len(users))
			for i := range users {
				ids[i] = users[i].ID
			}
			return c, refuse(fmt.Sprintf("%q means several users", q.User), "one of: "+JoinIDs(ids))
		}
		op.User, c.Users = users[0].ID, users
	}
	if q.Kind == whatif.Lapse {
		err = q.findSubscription(ctx, b, op)
		c.SKUs = []snapshot.SKUID{op.SKU}
		return c, err
	}
	if q.SKU != "" {
		if op.SKU, err = b.FindSKU(q.SKU); err != nil {
			return c, err
		}
		c.SKUs = []snapshot.SKUID{op.SKU}
	}
	if q.To != "" {
		if op.To, err = b.FindSKU(q.To); err != nil {
			return c, err
		}
		c.Hidden = true
	}
	return c, nil
}

// findSubscription takes the id of a subscription, or a SKU that has only one.
func (q WhatIfQuestion) findSubscription(ctx context.Context, b *Book, op *whatif.Operation) error {
	bought, err := b.History.Subscriptions(ctx)
	if err != nil {
		return err
	}
	for _, s := range bought {
		if strings.EqualFold(s.ID, q.Subscription) {
			op.Subscription, op.SKU = s.ID, s.SKU
			return nil
		}
	}
	sku, err := b.FindSKU(q.Subscription)
	if err != nil {
		return refuse(fmt.Sprintf("no subscription %q is known", q.Subscription), "lictrail skus --lapses 366d --format csv lists their ids")
	}
	var ids []string
	for _, s := range bought {
		if s.SKU == sku {
			ids = append(ids, s.ID)
		}
	}
	switch len(ids) {
	case 0:
		return refuse(fmt.Sprintf("no subscription of %s is known", b.SKULabel(sku)), "reading subscriptions needs a permission: lictrail doctor")
	case 1:
		op.Subscription, op.SKU = ids[0], sku
		return nil
	}
	return refuse(fmt.Sprintf("%s has several subscriptions", b.SKULabel(sku)), "one of: "+JoinIDs(ids))
}

// refusedOperation explains why an operation is impossible.
func refusedOperation(b *Book, q WhatIfQuestion, op whatif.Operation, err error) error {
	group := cmp.Or(b.History.GroupName(op.Group), string(op.Group))
	switch {
	case errors.Is(err, whatif.ErrNotGiven):
		return refuse(fmt.Sprintf("group %s does not give %s", group, b.SKULabel(op.SKU)), "lictrail groups lists what groups give")
	case errors.Is(err, whatif.ErrNotMember):
		return refuse(fmt.Sprintf("%s has no license by group %s", q.User, group), "members without a license of the group are not read; lictrail assignments --user "+q.User)
	case errors.Is(err, whatif.ErrNobody):
		return refuse(fmt.Sprintf("%s has no license, and nothing would change", q.User), "lictrail history "+q.User)
	case errors.Is(err, whatif.ErrSame):
		return refuse(fmt.Sprintf("%s and %s are the same SKU", q.SKU, q.To), "--swap SPE_E3=SPE_E5")
	case errors.Is(err, whatif.ErrNoSKU):
		return refuse("the tenant no longer has that SKU", "lictrail skus lists those that it has")
	}
	return err
}
