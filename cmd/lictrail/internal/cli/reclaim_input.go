package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// reclaimReport judges every seat of the newest run. It is computed once and
// printed in any form.
func (n names) reclaimReport(ctx context.Context, file ruleFile) (*reclaim.Report, error) {
	named := names{n.Named()} // rules and marks go by names
	settings, err := named.settings(ctx, file)
	if err != nil {
		return nil, err
	}
	in, err := named.reclaimInput(ctx)
	if err != nil {
		return nil, err
	}
	if n.History.Pseudonymous() {
		for i := range settings.Exclusions {
			settings.Exclusions[i].Reason = "" // somebody's own words, about whomever
		}
	}
	report := reclaim.Judge(in, settings)
	n.conceal(report)
	return report, nil
}

// conceal takes the names of people out of a report, if they are to be.
func (n names) conceal(report *reclaim.Report) {
	if !n.History.Pseudonymous() {
		return
	}
	done := map[*snapshot.User]bool{}
	conceal := func(u *snapshot.User) {
		if !done[u] {
			n.History.Conceal(u)
			done[u] = true
		}
	}
	for _, s := range report.Seats {
		conceal(s.User)
	}
	for _, r := range report.Rows {
		conceal(r.User)
		r.Reason = n.History.ConcealText(r.Reason)
		for _, texts := range [][]string{r.Steps, r.Follows} {
			for i := range texts {
				texts[i] = n.History.ConcealText(texts[i])
			}
		}
	}
	report.Sort() // the order of names would tell of them
}

// reclaimInput collects what the rules look at.
func (n names) reclaimInput(ctx context.Context) (reclaim.Input, error) {
	in := reclaim.Input{AsOf: n.History.At.ObservedAt}
	var err error
	if in.SKUs, err = n.reclaimSKUs(ctx); err != nil {
		return in, err
	}
	if in.Groups, err = n.History.LicensedGroups(ctx); err != nil {
		return in, err
	}
	if in.Reads, err = n.History.ActivityReads(ctx); err != nil {
		return in, err
	}
	in.Holders, err = n.holders(ctx)
	return in, err
}

func (n names) reclaimSKUs(ctx context.Context) (map[snapshot.SKUID]reclaim.SKU, error) {
	rows, err := n.History.SKUs(ctx)
	if err != nil {
		return nil, err
	}
	plans, err := n.History.SKUPlansNow(ctx)
	if err != nil {
		return nil, err
	}
	skus := make(map[snapshot.SKUID]reclaim.SKU, len(rows))
	for i := range rows {
		s := reclaim.SKU{Name: n.ShortSKU(rows[i].ID), Free: n.costsNothing(&rows[i]), Plans: map[snapshot.PlanID]string{}}
		for _, id := range plans[rows[i].ID] {
			s.Plans[id] = n.PlanWord(id)
		}
		skus[rows[i].ID] = s
	}
	return skus, nil
}

// costsNothing: the SKU is free, viral or a trial, by Microsoft's name for it or
// by its subscriptions.
func (n names) costsNothing(r *store.SKURow) bool {
	known, _ := n.Catalog.SKU(r.ID)
	paid := slices.ContainsFunc(r.Bought, func(s snapshot.Subscription) bool { return !s.Trial })
	return known.Offer.NoCost() || len(r.Bought) > 0 && !paid
}

// holders collects the users with what they hold and what is known of them.
func (n names) holders(ctx context.Context) ([]reclaim.Holder, error) {
	people, err := n.History.People(ctx)
	if err != nil {
		return nil, err
	}
	disabled, err := n.History.DisabledSince(ctx)
	if err != nil {
		return nil, err
	}
	activity, err := n.History.Activity(ctx)
	if err != nil {
		return nil, err
	}
	var holders []reclaim.Holder
	for a, err := range n.History.Assignments(ctx, store.Filter{}) {
		if err != nil {
			return nil, err
		}
		last := len(holders) - 1
		if last < 0 || holders[last].User.ID != a.User.ID {
			h := reclaim.Holder{User: a.User, Activity: activity[a.User.ID], DisabledSince: disabled[a.User.ID]}
			if u := people[a.User.ID]; u != nil {
				h.User = *u
			}
			holders, last = append(holders, h), last+1
		}
		holders[last].Seats = append(holders[last].Seats, ask.HoldingOf(a))
	}
	return holders, nil
}

// settings turns the words of a file of rules into ids. A word that nothing is
// called by is an error: an exclusion with a slip of the pen protects nobody.
func (n names) settings(ctx context.Context, file ruleFile) (reclaim.Settings, error) {
	s := reclaim.Settings{Days: file.Days, Off: file.Off, Marks: file.Marks, PerSKU: map[snapshot.SKUID]reclaim.Days{}}
	for _, rule := range file.SKUs {
		id, err := n.ruleSKU(file.name, rule.Line, rule.SKU)
		if err != nil {
			return s, err
		}
		s.PerSKU[id] = rule.Days
		if rule.Free {
			s.Free = append(s.Free, id)
		}
	}
	var err error
	if s.Prices, err = n.prices(file); err != nil {
		return s, err
	}
	for i := range file.Exclude {
		x, err := n.exclusion(ctx, file.name, &file.Exclude[i])
		if err != nil {
			return s, err
		}
		s.Exclusions = append(s.Exclusions, x)
	}
	return s, nil
}

// prices are those that the file of rules names.
func (n names) prices(file ruleFile) (reclaim.Prices, error) {
	var prices reclaim.Prices
	for _, price := range file.Prices {
		id, err := n.ruleSKU(file.name, price.Line, price.SKU)
		if err != nil {
			return nil, err
		}
		prices = append(prices, reclaim.Price{SKU: id, From: price.From, Month: price.Month})
	}
	return prices, nil
}

func (n names) exclusion(ctx context.Context, file string, from *rules.Exclusion) (reclaim.Exclusion, error) {
	x := reclaim.Exclusion{Department: from.Department, Reason: from.Reason, Until: from.Until}
	var err error
	if from.SKU != "" {
		if x.SKU, err = n.ruleSKU(file, from.Line, from.SKU); err != nil {
			return x, err
		}
	}
	if from.User != "" {
		found, err := n.UsersCalled(ctx, from.User)
		if err == nil && len(found) == 0 {
			err = &ask.Error{Message: fmt.Sprintf("no user %q in the history", from.User), Hint: "rules name people by object id, or by a whole UPN or mail address, present or past"}
		}
		if err != nil {
			return x, inFile(file, from.Line, err)
		}
		for _, p := range found {
			x.Users = append(x.Users, p.ID)
		}
	}
	if from.Group != "" {
		for id, name := range n.History.Groups() {
			if strings.EqualFold(string(id), from.Group) || strings.EqualFold(name, from.Group) {
				x.Groups = append(x.Groups, id)
			}
		}
		if len(x.Groups) == 0 {
			return x, inFile(file, from.Line, &ask.Error{Message: fmt.Sprintf("no group %q has given licenses", from.Group), Hint: "rules name groups by object id or by their whole name; lictrail groups lists them"})
		}
	}
	return x, nil
}

// ruleSKU finds a SKU that the tenant has had, or that the catalog knows: prices
// may stand there before the first seat is bought.
func (n names) ruleSKU(file string, line int, word string) (snapshot.SKUID, error) {
	if word == "" || len(n.SKUsOf(word)) > 0 {
		id, err := n.FindSKU(word)
		return id, inFile(file, line, err)
	}
	s, err := n.Catalog.FindSKU(word)
	if err == nil {
		return s.ID, nil
	}
	refused := &ask.Error{Message: fmt.Sprintf("no SKU %q in the history", word), Hint: "rules name a SKU by id, part number or product name; lictrail skus lists those that the tenant has had"}
	if several := new(catalog.AmbiguousError); errors.As(err, &several) {
		refused = &ask.Error{Message: fmt.Sprintf("%q is the name of several SKUs", word), Hint: "one of: " + strings.Join(several.IDs, ", ")}
	}
	return "", inFile(file, line, refused)
}

// inFile says where in a file something is wrong.
func inFile(file string, line int, err error) error {
	var refused *ask.Error
	if !errors.As(err, &refused) {
		return err
	}
	at := *refused
	at.Message = (&rules.Error{File: file, Line: line, Message: refused.Message}).Error()
	return &at
}
