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
	Users   []snapshot.User // these, where it is all of them; or those of Drawn
	Drawn   *Drawn          // nil: what draws on the subscription is not known
}

// Drawn lists the users and devices whose licenses draw on a subscription and on no other
// that continues, by the cloud licensing API. The users are those of the lapse.
type Drawn struct {
	NotKnown  int64 // users of the SKU of whom it is not known
	Devices   int
	DeviceIDs []string // none under pseudonyms
}

// Hit counts the users who lose the license, as far as that is known: by what their
// licenses draw on, or else by the seats that are left.
func (l *Lapse) Hit() int64 {
	if l.Drawn != nil {
		return int64(len(l.Users))
	}
	return l.Short
}

// lifecycle lists the states of a subscription that nobody renews, by Microsoft's
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
// not counted on, so that the warning does not come too late.
func staysLonger(s, than snapshot.Subscription) bool {
	usable := s.Status == "Enabled" || s.Status == "Warning"
	return usable && (s.NextLifecycleAt.IsZero() || s.NextLifecycleAt.After(than.NextLifecycleAt))
}

// NameHolders lists the users whom lapses affect, where that can be known.
func NameHolders(ctx context.Context, b *Book, lapses []Lapse) error {
	if err := FindDrawn(ctx, b, lapses); err != nil {
		return err
	}
	for i := range lapses {
		l := &lapses[i]
		if l.Drawn != nil || l.Left > 0 || l.Short == 0 {
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

// FindDrawn finds what draws on the subscriptions that lapse. It is known where the
// run that is asked about read both allotments and assignments, and an allotment of
// the SKU names the subscription: what earlier runs read may have moved since.
func FindDrawn(ctx context.Context, b *Book, lapses []Lapse) error {
	if len(lapses) == 0 || !licensingRead(b, snapshot.PartAllotments, snapshot.PartAssignments) {
		return nil
	}
	allotments, err := b.History.Allotments(ctx)
	if err != nil {
		return err
	}
	assignments, err := b.History.AllotmentAssignments(ctx)
	if err != nil {
		return err
	}
	waiting, err := b.History.WaitingMembers(ctx)
	if err != nil {
		return err
	}
	for i := range lapses {
		l := &lapses[i]
		draws := snapshot.NewDraws(l.SKU, l.Row.PartNumber, allotments, assignments)
		if !draws.Backs(l.ID) {
			continue
		}
		if licensingRead(b, snapshot.PartWaiting) {
			draws.Queue(waiting)
		}
		if err := l.draw(ctx, b, draws); err != nil {
			return err
		}
	}
	return nil
}

// LapsesNeedDrawn reports whether for one of the lapses it would have to be known what
// licenses draw on. Where no other subscription goes on, all users are affected: that
// is said without it, unless runs were to read it.
func LapsesNeedDrawn(b *Book, lapses []Lapse) bool {
	asked := b.reads != nil && len(b.reads.licensing) > 0
	return slices.ContainsFunc(lapses, func(l Lapse) bool {
		return l.Row.Assigned > 0 && (l.Left > 0 || asked) && (l.Drawn == nil || l.Drawn.NotKnown > 0)
	})
}

// draw finds out for each holder of the SKU whether the license is kept or lost.
func (l *Lapse) draw(ctx context.Context, b *Book, draws *snapshot.Draws) error {
	lapsing := snapshot.Lapsing{Subscription: l.ID, Lasts: func(id string) (lasts, known bool) {
		i := slices.IndexFunc(l.Row.Bought, func(s snapshot.Subscription) bool { return s.ID == id })
		return i >= 0 && staysLonger(l.Row.Bought[i], l.Subscription), i >= 0
	}}
	devices := draws.Devices(lapsing)
	l.Drawn = &Drawn{Devices: len(devices)}
	if !b.History.Pseudonymous() {
		l.Drawn.DeviceIDs = devices
	}
	for a, err := range b.Named().History.Assignments(ctx, store.Filter{SKUs: []snapshot.SKUID{l.SKU}}) {
		if err != nil {
			return err
		}
		paths := make([]snapshot.PathRef, len(a.Paths))
		for i, p := range a.Paths {
			paths[i] = p.PathRef
		}
		switch draws.Of(a.User.ID, paths, lapsing) {
		case snapshot.FateLost:
			u := a.User
			b.History.Conceal(&u)
			l.Users = append(l.Users, u)
		case snapshot.FateUnknown:
			l.Drawn.NotKnown++
		}
	}
	return nil
}
