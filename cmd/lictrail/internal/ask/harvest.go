package ask

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
)

// HarvestLists are what an organization keeps in files: users whose seats stay, and
// users who wait for one.
type HarvestLists struct {
	Excluded     []reclaim.ListRow
	ExcludedFile string // what errors call it
	Requests     []reclaim.ListRow
}

// Harvest lists the seats of a SKU of Copilot to offer back, and who would get them.
// word names the SKU; "" for the tenant's only one. The exclusions of the file of rules
// hold as well.
func (b *Book) Harvest(ctx context.Context, word string, file Rules, rules reclaim.HarvestRules, lists HarvestLists) (*reclaim.Harvest, error) {
	h, err := harvest(ctx, b.Named(), word, file, rules, lists)
	if err == nil && b.History.Pseudonymous() {
		concealHarvest(b, h)
	}
	return h, err
}

// concealHarvest replaces the names of people in a list. It comes after the rules and
// files were applied, since these use names.
func concealHarvest(b *Book, h *reclaim.Harvest) {
	done := map[*snapshot.User]bool{}
	conceal := func(u *snapshot.User) {
		if u != nil && !done[u] {
			b.History.Conceal(u)
			done[u] = true
		}
	}
	for _, s := range h.Seats {
		conceal(s.User)
		s.Reason = b.History.ConcealText(s.Reason)
	}
	for _, r := range h.Requests {
		conceal(r.User)
		if r.Named = b.History.ConcealText(r.Named); r.User != nil {
			r.Named = r.User.UPN
		}
	}
}

func harvest(ctx context.Context, b *Book, word string, file Rules, rules reclaim.HarvestRules, lists HarvestLists) (*reclaim.Harvest, error) {
	settings, err := reclaimSettings(ctx, b, file)
	if err != nil {
		return nil, err
	}
	rules.Exclusions = settings.Exclusions
	for _, r := range lists.Excluded {
		x, err := listExclusion(ctx, b, lists.ExcludedFile, r)
		if err != nil {
			return nil, err
		}
		rules.Exclusions = append(rules.Exclusions, x)
	}
	in, err := reclaimInput(ctx, b)
	if err != nil {
		return nil, err
	}
	sku, err := copilotSKU(b, word, in)
	if err != nil {
		return nil, err
	}
	for h, err := range holders(ctx, b, false) {
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(h.Seats, func(s reclaim.Holding) bool { return s.SKU == sku }) {
			in.Holders = append(in.Holders, *h)
		}
	}
	requests, err := harvestRequests(ctx, b, lists.Requests)
	if err != nil {
		return nil, err
	}
	free, err := freeSeats(ctx, b, sku)
	if err != nil {
		return nil, err
	}
	return reclaim.HarvestOf(in, sku, free, rules, requests), nil
}

// listExclusion is a row of the file of exclusions. One that names nobody would protect
// nobody, and is an error.
func listExclusion(ctx context.Context, b *Book, file string, r reclaim.ListRow) (reclaim.Exclusion, error) {
	people, err := b.UsersCalled(ctx, r.User)
	if err == nil && len(people) == 0 {
		err = &Error{Message: fmt.Sprintf("no user %q in the history", r.User), Hint: "the object id, or a whole UPN or mail address, present or past"}
	}
	if err != nil {
		return reclaim.Exclusion{}, InFile(file, r.Line, err)
	}
	x := reclaim.Exclusion{Reason: r.Reason, Until: r.Day}
	for _, p := range people {
		x.Users = append(x.Users, p.ID)
	}
	return x, nil
}

// harvestRequests finds who asked.
func harvestRequests(ctx context.Context, b *Book, rows []reclaim.ListRow) ([]*reclaim.HarvestRequest, error) {
	var list []*reclaim.HarvestRequest
	for _, row := range rows {
		r := &reclaim.HarvestRequest{Line: row.Line, Named: row.User, Priority: row.Priority}
		if row.Day != nil {
			r.Requested = *row.Day
		}
		called, err := b.UsersCalled(ctx, row.User)
		if err != nil {
			return nil, err
		}
		here, err := b.History.Present(ctx, called)
		if err != nil {
			return nil, err
		}
		switch {
		case len(here) == 1:
			r.User = here[0]
		case len(here) > 1:
			r.Problem = "several accounts are called so"
		case len(called) > 0:
			r.Problem = "the account was deleted"
		default:
			r.Problem = "nobody is called so"
		}
		list = append(list, r)
	}
	return list, nil
}

// copilotSKU is the SKU that is meant, which must be one of Copilot.
func copilotSKU(b *Book, word string, in reclaim.Input) (snapshot.SKUID, error) {
	evidence := reclaim.NewEvidence(in.SKUs, in.Reads)
	if word != "" {
		id, err := b.FindSKU(word)
		if err == nil && !evidence.Copilot(id) {
			err = refuse(b.SKULabel(id)+" is no SKU of Copilot alone, and Copilot's report does not judge it", "lictrail reclaim --sku "+b.PlainSKU(id))
		}
		return id, err
	}
	var found []snapshot.SKUID
	var words []string
	for id := range in.SKUs {
		if evidence.Copilot(id) {
			found, words = append(found, id), append(words, b.partWord(id, b.PartNumber(id)))
		}
	}
	slices.Sort(words)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", refuse("the tenant has no SKU of Copilot", "lictrail skus lists what it has")
	}
	return "", refuse("the tenant has several SKUs of Copilot", "--sku "+strings.Join(words, ", or --sku "))
}

// freeSeats is how many seats of a SKU are free.
func freeSeats(ctx context.Context, b *Book, sku snapshot.SKUID) (int64, error) {
	rows, err := b.History.SKUs(ctx)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		if rows[i].ID == sku {
			return Available(&rows[i]), nil
		}
	}
	return 0, nil
}
