package track

import (
	"context"
	"errors"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// LicensingReader reads what the cloud licensing API shows: which subscription a
// license draws on.
type LicensingReader interface {
	Allotments(ctx context.Context) ([]snapshot.Allotment, error)
	AllotmentAssignments(ctx context.Context) ([]snapshot.AllotmentAssignment, error)
	WaitingMembers(ctx context.Context, allotment snapshot.AllotmentID) ([]snapshot.WaitingMember, error)
	AssignmentErrors(ctx context.Context) ([]snapshot.AssignmentError, error)
}

var (
	errNoAllotments  = errors.New("it lists no allotment for a tenant that has licenses, which is not believed")
	errNoAssignments = errors.New("it lists no assignment for a tenant whose users hold licenses, which is not believed")
	errNoPools       = errors.New("the allotments, for each of which it is asked, are not known")
)

// fetchLicensing reads the lists of the API, each by itself: one that cannot be read
// is a warning, and what was known of it stays.
func (t *run) fetchLicensing(ctx context.Context, bought []snapshot.Subscription, boughtRead bool) (*store.Licensing, error) {
	if t.o.Licensing == nil {
		return nil, nil
	}
	t.phase("cloud licensing")
	l := &store.Licensing{Gaps: map[snapshot.LicensingPart]snapshot.GapWhy{}}
	r := &licensing{run: t, Licensing: l, bought: bought}
	reads := map[snapshot.LicensingPart]func() error{
		snapshot.PartAllotments:  func() (err error) { l.Allotments, err = r.allotments(ctx); return err },
		snapshot.PartAssignments: func() (err error) { l.Assignments, err = r.assignments(ctx); return err },
		snapshot.PartWaiting:     func() (err error) { l.Waiting, err = r.waiting(ctx); return err },
		snapshot.PartErrors:      func() (err error) { l.Errors, err = r.failures(ctx); return err },
	}
	var refused snapshot.GapWhy // for all of the API
	for _, part := range snapshot.LicensingParts {
		if refused != "" {
			l.Gaps[part] = refused
			continue
		}
		err := reads[part]()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			l.Gaps[part] = ""
			continue
		}
		l.Gaps[part] = snapshot.GapWhyOf(err.Error())
		if l.Gaps[part] != snapshot.GapFailed {
			refused = l.Gaps[part]
		}
		t.warn(string(snapshot.ReadLicensing), "the %s of cloud licensing could not be read: %v", part, err)
	}
	if l.Gaps[snapshot.PartAllotments] == "" {
		for _, c := range Conflicts(l, t.skus, bought, boughtRead) {
			t.warn(licensingConflict, "%s", c)
		}
	}
	return l, nil
}

// licensing is the read of the API in one run.
type licensing struct {
	run *run
	*store.Licensing
	bought []snapshot.Subscription
}

// allotments has the subscriptions go by the ids that directory/subscriptions gives
// them: no page says which of the two ids of a subscription the API has.
func (r *licensing) allotments(ctx context.Context) ([]snapshot.Allotment, error) {
	all, err := r.run.o.Licensing.Allotments(ctx)
	if err == nil && len(all) == 0 && len(r.run.skus) > 0 {
		err = errNoAllotments
	}
	for i := range all {
		for k := range all[i].Subscriptions {
			s := &all[i].Subscriptions[k]
			for _, b := range r.bought {
				if b.CommerceID != "" && b.CommerceID == s.ID {
					s.ID = b.ID
				}
			}
		}
	}
	return all, err
}

func (r *licensing) assignments(ctx context.Context) ([]snapshot.AllotmentAssignment, error) {
	all, err := r.run.o.Licensing.AllotmentAssignments(ctx)
	if err == nil && len(all) == 0 && r.run.counts.Held > 0 {
		err = errNoAssignments
	}
	for i := range all {
		all[i].Holder = r.typed(all[i].Holder)
	}
	return all, err
}

func (r *licensing) waiting(ctx context.Context) ([]snapshot.WaitingMember, error) {
	if r.Gaps[snapshot.PartAllotments] != "" {
		return nil, errNoPools
	}
	var all []snapshot.WaitingMember
	for _, a := range r.Allotments {
		members, err := r.run.o.Licensing.WaitingMembers(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			m.Holder = r.typed(m.Holder)
			all = append(all, m)
		}
	}
	return all, nil
}

func (r *licensing) failures(ctx context.Context) ([]snapshot.AssignmentError, error) {
	all, err := r.run.o.Licensing.AssignmentErrors(ctx)
	for i := range all {
		all[i].Holder = r.typed(all[i].Holder)
	}
	return all, err
}

// typed says what an object is whose type the API left out, if this run has read it.
func (r *licensing) typed(h snapshot.Holder) snapshot.Holder {
	if h.Kind != snapshot.HeldByOther || h.ID == "" {
		return h
	}
	switch {
	case r.run.pass.users.get(snapshot.UserID(h.ID)).pass != 0:
		h.Kind = snapshot.HeldByUser
	case r.run.groups[snapshot.GroupID(h.ID)]:
		h.Kind = snapshot.HeldByGroup
	}
	return h
}

// licensingConflict is the code of warnings that two of Microsoft's lists disagree.
const licensingConflict = "cloud-licensing-conflict"

// allotmentSum is what the allotments of a SKU come to.
type allotmentSum struct {
	allotted, consumed int64
	vague              bool // a number or a state is missing
	devices            bool // which subscribedSkus may not count
}

// usable are the states in which a subscription's licenses can be used.
var usable = []string{"active", "warning"}

// sumAllotments adds up, for each SKU, the allotments whose licenses can be used.
func sumAllotments(l *store.Licensing) map[snapshot.SKUID]*allotmentSum {
	sums := map[snapshot.SKUID]*allotmentSum{}
	of := map[snapshot.AllotmentID]snapshot.SKUID{}
	for _, a := range l.Allotments {
		if of[a.ID] = a.SKU; a.SKU == "" {
			continue
		}
		sum := sums[a.SKU]
		if sum == nil {
			sum = &allotmentSum{}
			sums[a.SKU] = sum
		}
		if a.Allotted == nil || a.Consumed == nil || len(a.Subscriptions) == 0 {
			sum.vague = true
			continue
		}
		sum.consumed += *a.Consumed
		if slices.ContainsFunc(a.Subscriptions, func(s snapshot.AllotmentSubscription) bool { return slices.Contains(usable, s.State) }) {
			sum.allotted += *a.Allotted
		}
	}
	for _, a := range l.Assignments {
		if sum := sums[of[a.Allotment]]; sum != nil && a.Holder.Kind == snapshot.HeldByDevice {
			sum.devices = true
		}
	}
	return sums
}
