package ask

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lictrail/snapshot"
)

// Allotment is a pool of licenses, with how many of each kind its licenses are
// assigned to.
type Allotment struct {
	snapshot.Allotment
	Users, Groups, Devices, Others int
	Waiting                        int
}

// Holder is a user, group or device to which a license is assigned, or a user who waits
// for a license.
type Holder struct {
	snapshot.Holder
	User *snapshot.User // nil: no user, or one whom no run has read
}

// AllotmentHolder is an assignment of an allotment's license.
type AllotmentHolder struct {
	Allotment *snapshot.Allotment
	Holder
}

// WaitingMember waits for a license.
type WaitingMember struct {
	Allotment *snapshot.Allotment
	Holder
	Since time.Time // zero: not known
}

// AssignmentError is an assignment that did not take effect.
type AssignmentError struct {
	Holder
	SKU           snapshot.SKUID
	Code, Message string
	At            time.Time // zero: not known
}

// licensing is what runs read of cloud licensing, as far as one SKU, or all.
type licensing struct {
	b      *Book
	skus   []snapshot.SKUID // none: all
	pools  map[snapshot.AllotmentID]*snapshot.Allotment
	listed []*snapshot.Allotment
	people map[snapshot.UserID]*snapshot.User
}

func (b *Book) licensing(ctx context.Context, skus []snapshot.SKUID) (*licensing, error) {
	all, err := b.History.Allotments(ctx)
	if err != nil {
		return nil, err
	}
	l := &licensing{b: b, skus: skus, pools: map[snapshot.AllotmentID]*snapshot.Allotment{}}
	for i := range all {
		l.pools[all[i].ID] = &all[i]
		l.listed = append(l.listed, &all[i])
	}
	l.people, err = b.Named().History.LicensingUsers(ctx)
	return l, err
}

// wanted reports whether the question is about a SKU.
func (l *licensing) wanted(sku snapshot.SKUID) bool {
	return len(l.skus) == 0 || slices.Contains(l.skus, sku)
}

// pool is an allotment; one that no run has listed has its id alone.
func (l *licensing) pool(id snapshot.AllotmentID) *snapshot.Allotment {
	if a := l.pools[id]; a != nil {
		return a
	}
	return &snapshot.Allotment{ID: id}
}

// holder says who a holder is. Under pseudonyms devices have no ids.
func (l *licensing) holder(h snapshot.Holder) Holder {
	full := Holder{Holder: h}
	if h.Kind == snapshot.HeldByUser {
		u := snapshot.User{ID: snapshot.UserID(h.ID)}
		if known := l.people[u.ID]; known != nil {
			u = *known
		}
		l.b.History.Conceal(&u)
		full.User, full.ID = &u, string(u.ID)
	}
	if h.Kind == snapshot.HeldByDevice && l.b.History.Pseudonymous() {
		full.ID = ""
	}
	return full
}

// Allotments lists the pools of licenses as the run that is asked about, or the
// newest before it that read them, has them.
func Allotments(ctx context.Context, b *Book, skus []snapshot.SKUID) ([]Allotment, error) {
	l, err := b.licensing(ctx, skus)
	if err != nil {
		return nil, err
	}
	assignments, err := b.History.AllotmentAssignments(ctx)
	if err != nil {
		return nil, err
	}
	waiting, err := b.History.WaitingMembers(ctx)
	if err != nil {
		return nil, err
	}
	var all []Allotment
	at := map[snapshot.AllotmentID]int{}
	for _, a := range l.listed {
		if l.wanted(a.SKU) {
			at[a.ID] = len(all)
			all = append(all, Allotment{Allotment: *a})
		}
	}
	for _, a := range assignments {
		i, ok := at[a.Allotment]
		if !ok {
			continue
		}
		switch a.Holder.Kind {
		case snapshot.HeldByUser:
			all[i].Users++
		case snapshot.HeldByGroup:
			all[i].Groups++
		case snapshot.HeldByDevice:
			all[i].Devices++
		default:
			all[i].Others++
		}
	}
	for _, m := range waiting {
		if i, ok := at[m.Allotment]; ok {
			all[i].Waiting++
		}
	}
	return all, nil
}

// listed reads rows of the history, and makes an answer of each that is asked about.
func listed[R, A any](ctx context.Context, b *Book, skus []snapshot.SKUID, read func(context.Context) ([]R, error), answer func(*licensing, *R) (A, bool)) ([]A, error) {
	l, err := b.licensing(ctx, skus)
	if err != nil {
		return nil, err
	}
	rows, err := read(ctx)
	if err != nil {
		return nil, err
	}
	var all []A
	for i := range rows {
		if one, asked := answer(l, &rows[i]); asked {
			all = append(all, one)
		}
	}
	return all, nil
}

// AllotmentHolders lists to what licenses of allotments are assigned, by kinds; none:
// all kinds.
func AllotmentHolders(ctx context.Context, b *Book, skus []snapshot.SKUID, kinds ...snapshot.HolderKind) ([]AllotmentHolder, error) {
	all, err := listed(ctx, b, skus, b.History.AllotmentAssignments, func(l *licensing, a *snapshot.AllotmentAssignment) (AllotmentHolder, bool) {
		pool := l.pool(a.Allotment)
		return AllotmentHolder{pool, l.holder(a.Holder)}, l.wanted(pool.SKU) && (len(kinds) == 0 || slices.Contains(kinds, a.Holder.Kind))
	})
	slices.SortStableFunc(all, func(x, y AllotmentHolder) int {
		return cmp.Or(cmp.Compare(x.Allotment.PartNumber, y.Allotment.PartNumber), cmp.Compare(x.Allotment.ID, y.Allotment.ID), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.label(), y.label()))
	})
	return all, err
}

// label is what a holder is sorted by.
func (h *Holder) label() string {
	if h.User != nil {
		return cmp.Or(h.User.UPN, string(h.User.ID))
	}
	return h.ID
}

// WaitingMembers lists the users who wait for a license; whoever has waited longest is
// first.
func WaitingMembers(ctx context.Context, b *Book, skus []snapshot.SKUID) ([]WaitingMember, error) {
	return listed(ctx, b, skus, b.History.WaitingMembers, func(l *licensing, m *snapshot.WaitingMember) (WaitingMember, bool) {
		pool := l.pool(m.Allotment)
		return WaitingMember{pool, l.holder(m.Holder), m.Since}, l.wanted(pool.SKU)
	})
}

// AssignmentErrors lists the assignments that did not take effect, the newest first.
func AssignmentErrors(ctx context.Context, b *Book, skus []snapshot.SKUID) ([]AssignmentError, error) {
	return listed(ctx, b, skus, b.History.AssignmentErrors, func(l *licensing, e *snapshot.AssignmentError) (AssignmentError, bool) {
		return AssignmentError{l.holder(e.Holder), e.SKU, e.Code, e.Message, e.At}, l.wanted(e.SKU)
	})
}
