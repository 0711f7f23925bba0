package ask

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/snapshot"
	"lictrail/snapshot/catalog"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// ReclaimFilter is what to leave in a report; what is empty leaves all.
type ReclaimFilter struct {
	Users      []store.Person
	SKUs       []snapshot.SKUID
	Department string
	Rules      []reclaim.Rule
	Buckets    []reclaim.Bucket
}

// Narrow leaves in the report what is asked for. The rules have looked at all of it:
// one seat of a user bears on another.
func Narrow(report *reclaim.Report, f ReclaimFilter) {
	keep := func(u *snapshot.User, id snapshot.SKUID) bool {
		named := slices.ContainsFunc(f.Users, func(p store.Person) bool { return p.ID == u.ID })
		return (named || len(f.Users) == 0) && (len(f.SKUs) == 0 || slices.Contains(f.SKUs, id)) && (f.Department == "" || strings.EqualFold(f.Department, u.Department))
	}
	report.Seats = slices.DeleteFunc(report.Seats, func(s *reclaim.Seat) bool { return !keep(s.User, s.SKU) })
	var rows []*reclaim.Row
	kept := make(map[*reclaim.Row]bool)
	for _, r := range report.Rows {
		if keep(r.User, r.SKU) && (len(f.Rules) == 0 || slices.ContainsFunc(append([]reclaim.Rule{r.Rule}, r.Also...), func(rule reclaim.Rule) bool { return slices.Contains(f.Rules, rule) })) && (len(f.Buckets) == 0 || slices.Contains(f.Buckets, r.Bucket)) {
			rows, kept[r] = append(rows, r), true
		}
	}
	for _, s := range report.Seats {
		if !kept[s.Row] {
			s.Row = nil
		}
	}
	report.Rows = rows
}

// ReclaimSum is what all of a report comes to.
type ReclaimSum struct {
	Agents                      int // seats of agent users
	Candidates, Frees, Unpriced int
	Monthly, Idle               reclaim.Cost
	Others                      map[string]int // why seats are not among the candidates
}

func SumOf(report *reclaim.Report) ReclaimSum {
	s := ReclaimSum{Others: map[string]int{}, Agents: report.Agents}
	for _, r := range report.Rows {
		switch r.Bucket {
		case reclaim.Unknown:
			s.Others["not judged: "+r.GapWords()]++
		case reclaim.Excluded:
			s.Others["excluded by the rules"]++
		case reclaim.Candidate:
			s.add(r)
		}
	}
	s.Monthly.Lower = s.Unpriced > 0
	return s
}

func (s *ReclaimSum) add(r *reclaim.Row) {
	s.Candidates++
	if !r.Frees {
		return
	}
	s.Frees++
	if r.Monthly == nil {
		s.Unpriced++
	} else {
		s.Monthly.Add(*r.Monthly)
	}
	s.Idle.Lower = s.Idle.Lower || r.SinceIdle.Lower
	for _, m := range r.SinceIdle.Amounts {
		s.Idle.Add(m)
	}
}

// reclaimKey is something that seats can be added up by.
type reclaimKey struct {
	name  string
	label func(n *Book, s *reclaim.Seat) string
}

var reclaimKeys = []reclaimKey{
	{"department", func(_ *Book, s *reclaim.Seat) string { return s.User.Department }},
	{"company", func(_ *Book, s *reclaim.Seat) string { return s.User.Company }},
	{"country", func(_ *Book, s *reclaim.Seat) string { return s.User.Country }},
	{"office", func(_ *Book, s *reclaim.Seat) string { return s.User.Office }},
	{"usage-location", func(_ *Book, s *reclaim.Seat) string { return s.User.UsageLocation }},
	{"job-title", func(_ *Book, s *reclaim.Seat) string { return s.User.JobTitle }},
	{"employee-type", func(_ *Book, s *reclaim.Seat) string { return s.User.EmployeeType }},
	{"user-type", func(_ *Book, s *reclaim.Seat) string { return s.User.Type }},
	{"sku", func(n *Book, s *reclaim.Seat) string { return n.ShortSKU(s.SKU) }},
}

func ReclaimKeyNames() []string {
	words := make([]string, len(reclaimKeys))
	for i, k := range reclaimKeys {
		words[i] = k.name
	}
	return words
}

// ReclaimTotals adds up a report by one of the keys.
func ReclaimTotals(b *Book, report *reclaim.Report, by string) []reclaim.Total {
	i := slices.IndexFunc(reclaimKeys, func(k reclaimKey) bool { return k.name == by })
	return report.Totals(func(s *reclaim.Seat) string { return reclaimKeys[i].label(b, s) })
}

// Reclaim judges every seat of the newest run. It is computed once and
// printed in any form.
func Reclaim(ctx context.Context, b *Book, file Rules) (*reclaim.Report, error) {
	named := b.Named() // rules and marks go by names
	settings, err := reclaimSettings(ctx, named, file)
	if err != nil {
		return nil, err
	}
	in, err := reclaimInput(ctx, named)
	if err != nil {
		return nil, err
	}
	if b.History.Pseudonymous() {
		for i := range settings.Exclusions {
			settings.Exclusions[i].Reason = "" // somebody's own words, about whomever
		}
	}
	report := reclaim.Judge(in, settings)
	conceal(b, report)
	return report, nil
}

// conceal takes the names of people out of a report, if they are to be.
func conceal(b *Book, report *reclaim.Report) {
	if !b.History.Pseudonymous() {
		return
	}
	done := map[*snapshot.User]bool{}
	conceal := func(u *snapshot.User) {
		if !done[u] {
			b.History.Conceal(u)
			done[u] = true
		}
	}
	for _, s := range report.Seats {
		conceal(s.User)
	}
	for _, r := range report.Rows {
		conceal(r.User)
		r.Reason = b.History.ConcealText(r.Reason)
		for _, texts := range [][]string{r.Steps, r.Follows} {
			for i := range texts {
				texts[i] = b.History.ConcealText(texts[i])
			}
		}
	}
	report.Sort() // the order of names would tell of them
}

// reclaimInput collects what the rules look at.
func reclaimInput(ctx context.Context, b *Book) (reclaim.Input, error) {
	in := reclaim.Input{AsOf: b.History.At.ObservedAt}
	var err error
	if in.SKUs, err = ReclaimSKUs(ctx, b); err != nil {
		return in, err
	}
	if in.Groups, err = b.History.LicensedGroups(ctx); err != nil {
		return in, err
	}
	if in.Reads, err = b.History.ActivityReads(ctx); err != nil {
		return in, err
	}
	in.Holders, err = holders(ctx, b)
	return in, err
}

// ReclaimSKUs are the SKUs with their plans, as the rules look at them.
func ReclaimSKUs(ctx context.Context, b *Book) (map[snapshot.SKUID]reclaim.SKU, error) {
	rows, err := b.History.SKUs(ctx)
	if err != nil {
		return nil, err
	}
	plans, err := b.History.SKUPlansNow(ctx)
	if err != nil {
		return nil, err
	}
	skus := make(map[snapshot.SKUID]reclaim.SKU, len(rows))
	for i := range rows {
		s := reclaim.SKU{Name: b.ShortSKU(rows[i].ID), Free: costsNothing(b, &rows[i]), Plans: map[snapshot.PlanID]string{}}
		for _, id := range plans[rows[i].ID] {
			s.Plans[id] = b.PlanWord(id)
		}
		skus[rows[i].ID] = s
	}
	return skus, nil
}

// costsNothing: the SKU is free, viral or a trial, by Microsoft's name for it or
// by its subscriptions.
func costsNothing(b *Book, r *store.SKURow) bool {
	known, _ := b.Catalog.SKU(r.ID)
	paid := slices.ContainsFunc(r.Bought, func(s snapshot.Subscription) bool { return !s.Trial })
	return known.Offer.NoCost() || len(r.Bought) > 0 && !paid
}

// holders collects the users with what they hold and what is known of them.
func holders(ctx context.Context, b *Book) ([]reclaim.Holder, error) {
	people, err := b.History.People(ctx)
	if err != nil {
		return nil, err
	}
	disabled, err := b.History.DisabledSince(ctx)
	if err != nil {
		return nil, err
	}
	activity, err := b.History.Activity(ctx)
	if err != nil {
		return nil, err
	}
	var holders []reclaim.Holder
	for a, err := range b.History.Assignments(ctx, store.Filter{}) {
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
		holders[last].Seats = append(holders[last].Seats, HoldingOf(a))
	}
	return holders, nil
}

// reclaimSettings turns the words of a file of rules into ids. A word that nothing is
// called by is an error: an exclusion with a slip of the pen protects nobody.
func reclaimSettings(ctx context.Context, b *Book, file Rules) (reclaim.Settings, error) {
	s := reclaim.Settings{Days: file.Days, Off: file.Off, Marks: file.Marks, PerSKU: map[snapshot.SKUID]reclaim.Days{}}
	for _, rule := range file.SKUs {
		id, err := ruleSKU(b, file.Name, rule.Line, rule.SKU)
		if err != nil {
			return s, err
		}
		s.PerSKU[id] = rule.Days
		if rule.Free {
			s.Free = append(s.Free, id)
		}
	}
	var err error
	if s.Prices, err = Prices(b, file); err != nil {
		return s, err
	}
	for i := range file.Exclude {
		x, err := exclusion(ctx, b, file.Name, &file.Exclude[i])
		if err != nil {
			return s, err
		}
		s.Exclusions = append(s.Exclusions, x)
	}
	return s, nil
}

// Prices are those that the file of rules names.
func Prices(b *Book, file Rules) (reclaim.Prices, error) {
	var prices reclaim.Prices
	for _, price := range file.Prices {
		id, err := ruleSKU(b, file.Name, price.Line, price.SKU)
		if err != nil {
			return nil, err
		}
		prices = append(prices, reclaim.Price{SKU: id, From: price.From, Month: price.Month})
	}
	return prices, nil
}

func exclusion(ctx context.Context, b *Book, file string, from *rules.Exclusion) (reclaim.Exclusion, error) {
	x := reclaim.Exclusion{Department: from.Department, Reason: from.Reason, Until: from.Until}
	var err error
	if from.SKU != "" {
		if x.SKU, err = ruleSKU(b, file, from.Line, from.SKU); err != nil {
			return x, err
		}
	}
	if from.User != "" {
		found, err := b.UsersCalled(ctx, from.User)
		if err == nil && len(found) == 0 {
			err = refuse(fmt.Sprintf("no user %q in the history", from.User), "rules name people by object id, or by a whole UPN or mail address, present or past")
		}
		if err != nil {
			return x, InFile(file, from.Line, err)
		}
		for _, p := range found {
			x.Users = append(x.Users, p.ID)
		}
	}
	if from.Group != "" {
		for id, name := range b.History.Groups() {
			if strings.EqualFold(string(id), from.Group) || strings.EqualFold(name, from.Group) {
				x.Groups = append(x.Groups, id)
			}
		}
		if len(x.Groups) == 0 {
			return x, InFile(file, from.Line, refuse(fmt.Sprintf("no group %q has given licenses", from.Group), "rules name groups by object id or by their whole name; lictrail groups lists them"))
		}
	}
	return x, nil
}

// ruleSKU finds a SKU that the tenant has had, or that the catalog knows: prices
// may stand there before the first seat is bought.
func ruleSKU(b *Book, file string, line int, word string) (snapshot.SKUID, error) {
	if word == "" || len(b.SKUsOf(word)) > 0 {
		id, err := b.FindSKU(word)
		return id, InFile(file, line, err)
	}
	s, err := b.Catalog.FindSKU(word)
	if err == nil {
		return s.ID, nil
	}
	refused := refuse(fmt.Sprintf("no SKU %q in the history", word), "rules name a SKU by id, part number or product name; lictrail skus lists those that the tenant has had")
	if several := new(catalog.AmbiguousError); errors.As(err, &several) {
		refused = refuse(fmt.Sprintf("%q is the name of several SKUs", word), "one of: "+strings.Join(several.IDs, ", "))
	}
	return "", InFile(file, line, refused)
}
