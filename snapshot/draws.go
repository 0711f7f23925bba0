package snapshot

import (
	"slices"
	"strings"
)

// Draws says which allotments the licenses of a SKU draw on.
type Draws struct {
	pools  map[AllotmentID]*Allotment // of the SKU
	of     map[Holder][]AllotmentID
	vague  map[Holder]bool // there is an assignment besides that may be of the SKU
	waits  map[waiter]bool
	strays map[AllotmentID]bool // somebody waits who is not named
	queued bool                 // it is known who waits

}

// waiter is a user who waits for a license of an allotment.
type waiter struct {
	user      UserID
	allotment AllotmentID
}

// Queue says who waits for licenses: a member of a group that two allotments serve
// may have a license of the one and wait for the other.
func (d *Draws) Queue(members []WaitingMember) {
	d.queued = true
	for _, m := range members {
		switch m.Holder.Kind {
		case HeldByUser:
			d.waits[waiter{UserID(m.Holder.ID), m.Allotment}] = true
		case HeldByDevice:
		default:
			d.strays[m.Allotment] = true
		}
	}
}

// given lists the allotments by which a group gives a user a license; known is false
// where it may be some of them only.
func (d *Draws) given(user UserID, group Holder) (given []AllotmentID, known bool) {
	all := d.of[group]
	if len(all) < 2 {
		return all, true
	}
	known = d.queued
	for _, id := range all {
		if known = known && !d.strays[id]; !d.waits[waiter{user, id}] {
			given = append(given, id)
		}
	}
	return given, known
}

// NewDraws picks what concerns a SKU. An assignment whose allotment is not listed, or
// does not say of which SKU it is, may be of any.
func NewDraws(sku SKUID, partNumber string, allotments []Allotment, assignments []AllotmentAssignment) *Draws {
	d := &Draws{pools: map[AllotmentID]*Allotment{}, of: map[Holder][]AllotmentID{}, vague: map[Holder]bool{},
		waits: map[waiter]bool{}, strays: map[AllotmentID]bool{}}
	other := map[AllotmentID]bool{}
	for i := range allotments {
		a := &allotments[i]
		switch {
		case a.ID == "":
		case a.SKU == sku:
			d.pools[a.ID] = a
		case a.SKU != "" || a.PartNumber != "" && !strings.EqualFold(a.PartNumber, partNumber):
			other[a.ID] = true
		}
	}
	for _, a := range assignments {
		switch {
		case d.pools[a.Allotment] != nil:

			if !slices.Contains(d.of[a.Holder], a.Allotment) {
				d.of[a.Holder] = append(d.of[a.Holder], a.Allotment)
			}
		case !other[a.Allotment]:
			d.vague[a.Holder] = true
		}
	}
	return d
}

// Fate says whether a license is kept or lost when a subscription lapses.
type Fate int

const (
	FateUnknown Fate = iota // it is not known
	FateKept                // it draws on a subscription that goes on, or not on this one
	FateLost                // all that it draws on ends
)

// Lapsing is a subscription that lapses.
type Lapsing struct {
	Subscription string
	// Lasts reports whether another subscription goes on beyond that; known is false
	// for one of which that is not known.
	Lasts func(subscription string) (lasts, known bool)
}

// Backs reports whether the subscription backs an allotment of the SKU: else it is
// not known what draws on it.
func (d *Draws) Backs(subscription string) bool {
	for _, a := range d.pools {
		if slices.ContainsFunc(a.Subscriptions, func(s AllotmentSubscription) bool { return s.ID == subscription }) {
			return true
		}
	}
	return false
}

// Of is the fate of the license that a user holds by these paths.
func (d *Draws) Of(user UserID, paths []PathRef, l Lapsing) Fate {
	direct := Holder{HeldByUser, string(user)}
	fates := map[Fate]bool{}
	if d.vague[direct] {
		fates[FateUnknown] = true
	}
	isDirect := false
	for _, p := range paths {
		h := Holder{HeldByGroup, string(p.Group)}
		pools, known := d.given(user, h)
		if p.Kind == Direct {
			h, isDirect = direct, true
			pools, known = d.of[h], true
		}
		if p.Kind == Unknown || !known || len(pools) == 0 || d.vague[h] {
			fates[FateUnknown] = true
		}
		if !known {
			continue
		}
		for _, id := range pools {
			fates[d.pool(d.pools[id], l)] = true
		}
	}
	if !isDirect && len(d.of[direct]) > 0 { // the API has an assignment that the user's rows do not
		fates[FateUnknown] = true
	}
	switch {
	case fates[FateKept]:
		return FateKept
	case fates[FateUnknown] || !fates[FateLost]:
		return FateUnknown
	}
	return FateLost
}

// pool is what becomes of the licenses of an allotment.
func (d *Draws) pool(a *Allotment, l Lapsing) Fate {
	backed, lasting, ending := false, false, false
	for _, s := range a.Subscriptions {
		if s.ID == l.Subscription {
			backed = true
			continue
		}
		switch lasts, known := l.Lasts(s.ID); {
		case !known:
			return FateUnknown
		case lasts:
			lasting = true
		default:
			ending = true
		}
	}
	switch {
	case backed && lasting: // some of its licenses go, and which is not known
		return FateUnknown
	case backed:
		return FateLost
	case lasting:
		return FateKept
	case ending: // it ends by the same time, by another subscription
		return FateLost
	}
	return FateUnknown // what backs it is not known
}

// Devices lists the devices whose license is lost.
func (d *Draws) Devices(l Lapsing) []string {
	var lost []string
	for h, pools := range d.of {
		if h.Kind != HeldByDevice || d.vague[h] {
			continue
		}
		if !slices.ContainsFunc(pools, func(id AllotmentID) bool { return d.pool(d.pools[id], l) != FateLost }) {
			lost = append(lost, h.ID)
		}
	}
	slices.Sort(lost)
	return lost
}
