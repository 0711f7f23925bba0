package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

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

// narrow filters a user's seats. The rules are applied before that, because the seats of a
// user affect each other.
func (f *ReclaimFilter) narrow(of *reclaim.Judged) {
	keep := func(u *snapshot.User, id snapshot.SKUID) bool {
		named := slices.ContainsFunc(f.Users, func(p store.Person) bool { return p.ID == u.ID })
		return (named || len(f.Users) == 0) && (len(f.SKUs) == 0 || slices.Contains(f.SKUs, id)) && (f.Department == "" || strings.EqualFold(f.Department, u.Department))
	}
	of.Seats = slices.DeleteFunc(of.Seats, func(s *reclaim.Seat) bool { return !keep(s.User, s.SKU) })
	of.Rows = slices.DeleteFunc(of.Rows, func(r *reclaim.Row) bool {
		return !keep(r.User, r.SKU) || len(f.Rules) > 0 && !slices.ContainsFunc(append([]reclaim.Rule{r.Rule}, r.Also...), func(rule reclaim.Rule) bool { return slices.Contains(f.Rules, rule) }) ||
			len(f.Buckets) > 0 && !slices.Contains(f.Buckets, r.Bucket)
	})
	for _, s := range of.Seats {
		if !slices.Contains(of.Rows, s.Row) {
			s.Row = nil
		}
	}
}

// ReclaimSum is the sum of a report.
type ReclaimSum struct {
	Agents                      int // seats of agent users
	Candidates, Frees, Unpriced int
	Monthly, Idle               reclaim.Cost
	Others                      map[string]int // why seats are not among the candidates
	NotRead                     bool           // no run has read activity that a seat would be judged by
	Buckets                     map[reclaim.Bucket]int
	Counted                     map[reclaim.Bucket]bool // rows of the bucket have counts of Copilot
}

func (s *ReclaimSum) addUser(of *reclaim.Judged) {
	s.Agents += of.Agents
	for _, r := range of.Rows {
		switch r.Bucket {
		case reclaim.Unknown:
			s.Others["not judged: "+r.GapText()]++
			s.NotRead = s.NotRead || r.Gap == reclaim.GapNotRead
		case reclaim.Excluded:
			s.Others["excluded by the rules"]++
		case reclaim.Candidate:
			s.add(r)
		}
		s.Buckets[r.Bucket]++
		s.Counted[r.Bucket] = s.Counted[r.Bucket] || r.Counts != nil
	}
	s.Monthly.Lower = s.Unpriced > 0
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
	{"sku", func(n *Book, s *reclaim.Seat) string { return n.SKULabel(s.SKU) }},
}

func ReclaimKeyNames() []string {
	words := make([]string, len(reclaimKeys))
	for i, k := range reclaimKeys {
		words[i] = k.name
	}
	return words
}

// totalsBy begins to add up seats by one of the keys.
func totalsBy(b *Book, by string) *reclaim.Totals {
	if slices.Contains(snapshot.KeptNames, by) {
		return reclaim.NewTotals(func(s *reclaim.Seat) string { value, _ := s.User.Kept.Get(by); return value })
	}
	i := slices.IndexFunc(reclaimKeys, func(k reclaimKey) bool { return k.name == by })
	return reclaim.NewTotals(func(s *reclaim.Seat) string { return reclaimKeys[i].label(b, s) })
}

// Reclaimed is the result of the rules for the seats of the newest run. Users are judged
// one after the other, so that memory does not grow with the tenant.
type Reclaimed struct {
	AsOf time.Time
	Sum  ReclaimSum

	book   *Book
	judge  *reclaim.Judging
	filter ReclaimFilter
	rows   []*reclaim.Row // all of them, while they are few
	many   bool           // they are not
	totals map[string]*reclaim.Totals
}

// keptRows is up to how many rows are kept when seats are judged. Where there are more,
// the users are judged again to list them.
const keptRows = 10_000

// Reclaim judges every seat of the newest run, and adds them up by keys of
// [ReclaimKeyNames].
func Reclaim(ctx context.Context, b *Book, file Rules, filter ReclaimFilter, by ...string) (*Reclaimed, error) {
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
	r := &Reclaimed{AsOf: in.AsOf, book: b, judge: reclaim.NewJudging(in, settings), filter: filter, totals: map[string]*reclaim.Totals{},
		Sum: ReclaimSum{Others: map[string]int{}, Buckets: map[reclaim.Bucket]int{}, Counted: map[reclaim.Bucket]bool{}}}
	for _, key := range by {
		r.totals[key] = totalsBy(b, key)
	}
	for of, err := range r.users(ctx) {
		if err != nil {
			return nil, err
		}
		r.Sum.addUser(of)
		for _, t := range r.totals {
			for _, s := range of.Seats {
				t.Add(s)
			}
		}
		if r.many = r.many || len(r.rows)+len(of.Rows) > keptRows; r.many {
			r.rows = nil
		} else {
			r.rows = append(r.rows, of.Rows...)
		}
	}
	return r, nil
}

// Totals are the seats added up by a key that [Reclaim] was given.
func (r *Reclaimed) Totals(by string) []reclaim.Total { return r.totals[by].List() }

// Rows lists the seats of some buckets to which a rule applies, or might apply, in the order
// of buckets, of users as [store.History.Assignments] has them, and of SKUs.
func (r *Reclaimed) Rows(ctx context.Context, buckets ...reclaim.Bucket) iter.Seq2[*reclaim.Row, error] {
	return func(yield func(*reclaim.Row, error) bool) {
		for _, bucket := range buckets {
			left := r.Sum.Buckets[bucket]
			if left == 0 {
				continue
			}
			for row, err := range r.all(ctx) {
				if err != nil {
					yield(nil, err)
					return
				}
				if row.Bucket != bucket {
					continue
				}
				if !yield(row, nil) {
					return
				}
				if left--; left == 0 {
					break
				}
			}
		}
	}
}

// all lists the rows of every bucket, in the order of users.
func (r *Reclaimed) all(ctx context.Context) iter.Seq2[*reclaim.Row, error] {
	return func(yield func(*reclaim.Row, error) bool) {
		if !r.many {
			for _, row := range r.rows {
				if !yield(row, nil) {
					return
				}
			}
			return
		}
		for of, err := range r.users(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range of.Rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// users judges the users one after the other.
func (r *Reclaimed) users(ctx context.Context) iter.Seq2[*reclaim.Judged, error] {
	return func(yield func(*reclaim.Judged, error) bool) {
		pseudonymous := r.book.History.Pseudonymous()
		for h, err := range holders(ctx, r.book.Named(), pseudonymous) {
			if err != nil {
				yield(nil, err)
				return
			}
			of := r.judge.Holder(h)
			if pseudonymous {
				r.conceal(h, of)
			}
			if r.filter.narrow(of); !yield(of, nil) {
				return
			}
		}
	}
}

// conceal replaces the names of people in the result for a user.
func (r *Reclaimed) conceal(h *reclaim.Holder, of *reclaim.Judged) {
	r.book.History.Conceal(&h.User)
	for _, row := range of.Rows {
		row.Reason = r.book.History.ConcealText(row.Reason)
		for _, texts := range [][]string{row.Steps, row.Follows} {
			for i := range texts {
				texts[i] = r.book.History.ConcealText(texts[i])
			}
		}
	}
}

// reclaimInput collects what the rules look at beside the holders.
func reclaimInput(ctx context.Context, b *Book) (reclaim.Input, error) {
	in := reclaim.Input{AsOf: b.History.At.ObservedAt}
	var err error
	if in.SKUs, err = ReclaimSKUs(ctx, b); err != nil {
		return in, err
	}
	if in.Groups, err = b.History.LicensedGroups(ctx); err != nil {
		return in, err
	}
	in.Reads, err = b.History.ActivityReads(ctx)
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
		s := reclaim.SKU{Name: b.SKULabel(rows[i].ID), Free: costsNothing(b, &rows[i]), Plans: map[snapshot.PlanID]string{}}
		for _, id := range plans[rows[i].ID] {
			s.Plans[id] = cmp.Or(b.PlanName(id), string(id)) // as programs know it: uses go by it
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

// holders lists the users with what they hold and what is known of them: by UPN, or in
// an order that reveals nothing of their names.
func holders(ctx context.Context, b *Book, byRow bool) iter.Seq2[*reclaim.Holder, error] {
	return func(yield func(*reclaim.Holder, error) bool) {
		var h *reclaim.Holder
		for a, err := range b.History.Assignments(ctx, store.Filter{Also: store.AlsoUser | store.AlsoActivity, ByRow: byRow}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if h != nil && h.User.ID != a.User.ID {
				if !yield(h, nil) {
					return
				}
				h = nil
			}
			if h == nil {
				h = &reclaim.Holder{User: a.User, Activity: a.About.Activity, DisabledSince: a.About.DisabledSince}
				if a.About.User != nil {
					h.User = *a.About.User
				}
			}
			h.Seats = append(h.Seats, HoldingOf(a))
		}
		if h != nil {
			yield(h, nil)
		}
	}
}

// reclaimSettings turns the names in a file of rules into ids. A name that matches nothing
// is an error, because an exclusion with a typing error would protect nobody.
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
