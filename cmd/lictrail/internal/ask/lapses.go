package ask

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Lapse is a subscription whose status changes on a day, unless it is renewed.
type Lapse struct {
	snapshot.Subscription
	Row     *store.SKURow
	Becomes string          // what Microsoft makes of it then
	Left    int64           // seats of the SKU's other subscriptions that go on
	Short   int64           // users who hold the SKU and have no seat left then
	Users   []snapshot.User // these, where it is all of them
}

// lifecycle is what becomes of a subscription that nobody renews, by Microsoft's
// page on what happens when a subscription ends: expired, where users keep
// access for about 30 days; disabled, where only administrators have it, for
// about 90; deleted.
var lifecycle = map[string]string{
	"Enabled":   "expires; users keep access for about 30 days more",
	"Warning":   "is disabled; users lose access",
	"Suspended": "is deleted, with its data",
	"LockedOut": "is deleted, with its data",
}

// Lapses lists the subscriptions whose status changes up to a time, and those
// on their way out already, the soonest first.
func Lapses(rows []SKU, until time.Time) []Lapse {
	var list []Lapse
	for _, r := range rows {
		for _, s := range r.Bought {
			becomes, known := lifecycle[s.Status]
			soon := !s.NextLifecycleAt.IsZero() && !s.NextLifecycleAt.After(until)
			if r.To != nil || !known || !soon && s.Status == "Enabled" {
				continue
			}
			l := Lapse{Subscription: s, Row: r.SKURow, Becomes: becomes}
			for _, other := range r.Bought {
				if other.ID != s.ID && staysLonger(other, s) {
					l.Left += other.Total
				}
			}
			l.Short = max(0, r.Assigned-l.Left)
			list = append(list, l)
		}
	}
	slices.SortStableFunc(list, func(a, b Lapse) int {
		return cmp.Or(a.NextLifecycleAt.Compare(b.NextLifecycleAt), cmp.Compare(a.Row.PartNumber, b.Row.PartNumber), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// staysLonger reports whether a subscription still gives seats when another's
// status changes. One that expires before gives them for some days more; it is
// not counted on, so that nobody is told too late.
func staysLonger(s, than snapshot.Subscription) bool {
	usable := s.Status == "Enabled" || s.Status == "Warning"
	return usable && (s.NextLifecycleAt.IsZero() || s.NextLifecycleAt.After(than.NextLifecycleAt))
}

// NameHolders lists the users whom lapses affect, where that can be known.
func NameHolders(ctx context.Context, b *Book, lapses []Lapse) error {
	for i := range lapses {
		l := &lapses[i]
		if l.Left > 0 || l.Short == 0 {
			continue
		}
		for a, err := range b.History.Assignments(ctx, store.Filter{SKUs: []snapshot.SKUID{l.SKU}}) {
			if err != nil {
				return err
			}
			l.Users = append(l.Users, a.User)
		}
	}
	return nil
}
