package graphtest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// MicrosoftAddsPlan adds a plan to a SKU: every holder gets it, and the dates
// of their rows move.
func (t *Tenant) MicrosoftAddsPlan(sku string, plan Plan) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.addPlan(sku, plan); err != nil {
		return err
	}
	for _, u := range t.holders(sku) {
		t.refreshPlans(u)
		u.resetDates(t.now)
		t.log(Act{Kind: DatesReset, Why: microsoft(), User: u.ID, Silent: true})
	}
	return nil
}

// MicrosoftAddsPlanOff adds a plan that is off for the holders until somebody
// switches it on.
func (t *Tenant) MicrosoftAddsPlanOff(sku string, plan Plan) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.addPlan(sku, plan); err != nil {
		return err
	}
	for _, u := range t.holders(sku) {
		t.change(u, microsoft(), false, func() {
			for i := range u.Licenses {
				if l := &u.Licenses[i]; l.SKU == sku {
					l.Disabled = sorted(append(slices.Clone(l.Disabled), plan.ID))
				}
			}
		})
	}
	return nil
}

// addPlan adds a plan to a SKU, and to nobody's license yet.
func (t *Tenant) addPlan(sku string, plan Plan) error {
	s := t.sku(sku)
	if s == nil || s.has(plan.ID) {
		return fmt.Errorf("add plan to SKU %q: %w", sku, ErrConflict)
	}
	s.Plans = append(s.Plans, plan)
	t.log(Act{Kind: SKUChanged, Why: microsoft(), SKU: sku, Detail: "plan " + plan.ID, Silent: true})
	return nil
}

// MicrosoftResetsDates moves the dates of users' rows and nothing else.
func (t *Tenant) MicrosoftResetsDates(users ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range users {
		if u := t.users[id]; u != nil {
			u.resetDates(t.now)
			t.log(Act{Kind: DatesReset, Why: microsoft(), User: id, Silent: true})
		}
	}
}

// MicrosoftSwapsSKU moves every direct holder from one SKU to another.
func (t *Tenant) MicrosoftSwapsSKU(by Actor, from, to string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sku(from) == nil || t.sku(to) == nil {
		return fmt.Errorf("swap SKU %q: %w", from, ErrNotFound)
	}
	for _, u := range t.holders(from) {
		if u.row(pathKey{sku: from}) < 0 {
			continue
		}
		t.change(u, Why{Actor: by, Cause: CauseMicrosoft, UpstreamAct: -1}, by.Kind != ActorNone, func() {
			u.dropRow(pathKey{sku: from})
			u.setRow(License{SKU: to, Disabled: []string{}, State: "Active"})
		})
	}
	return nil
}

func microsoft() Why { return Why{Actor: NoActor, Cause: CauseMicrosoft, UpstreamAct: -1} }

// holders lists the present users with a path to a SKU, in order.
func (t *Tenant) holders(sku string) []*User {
	var users []*User
	for _, id := range t.order {
		u := t.users[id]
		if slices.ContainsFunc(u.Licenses, func(l License) bool { return l.SKU == sku }) {
			users = append(users, u)
		}
	}
	return users
}

// BuySeats adds seats to a SKU. It does not retry what failed for lack of them.
func (t *Tenant) BuySeats(sku string, seats int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sku(sku)
	if s == nil {
		return fmt.Errorf("buy seats: SKU %q: %w", sku, ErrNotFound)
	}
	s.Enabled += seats
	s.Subscriptions = append(s.Subscriptions, Subscription{ID: t.guid(), CommerceID: t.guid(), Status: "Enabled", Seats: seats})
	t.log(Act{Kind: SKUChanged, Why: direct(NoActor), SKU: sku, Detail: fmt.Sprintf("seats %+d", seats), Silent: true})
	return nil
}

// SetSeats sets the enabled seats of a SKU.
func (t *Tenant) SetSeats(sku string, seats int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sku(sku)
	if s == nil {
		return fmt.Errorf("set seats: SKU %q: %w", sku, ErrNotFound)
	}
	s.Enabled = seats
	t.log(Act{Kind: SKUChanged, Why: direct(NoActor), SKU: sku, Detail: fmt.Sprintf("seats %d", seats), Silent: true})
	return nil
}

// Renew makes one subscription of a SKU's: of so many seats, and until a day.
// Seats that users hold beyond them stay theirs.
func (t *Tenant) Renew(sku string, seats int, ends time.Time) error {
	if err := t.SetSeats(sku, seats); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sku(sku)
	s.Subscriptions = s.Subscriptions[:1]
	s.Subscriptions[0].Seats, s.Subscriptions[0].Ends = seats, ends
	return nil
}

// LapseSubscription takes a SKU one stage further: Enabled, Warning,
// Suspended, LockedOut, gone. With the SKU its licenses vanish, without any
// event. It returns the new status, or "" when the SKU has gone.
func (t *Tenant) LapseSubscription(sku string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sku(sku)
	if s == nil {
		return "", fmt.Errorf("lapse subscription: SKU %q: %w", sku, ErrNotFound)
	}
	s.lapse()
	t.log(Act{Kind: SKUChanged, Why: Why{Cause: CauseSubscription, Actor: NoActor, UpstreamAct: -1}, SKU: sku, Detail: "status " + s.Status, Silent: true})
	if s.Status == "Deleted" {
		t.dropSKU(sku)
		return "", nil
	}
	for _, u := range t.holders(sku) {
		t.refreshPlans(u)
	}
	return s.Status, nil
}

func (s *SKU) lapse() {
	seats := s.Enabled + s.Warning + s.Suspended + s.LockedOut
	s.Enabled, s.Warning, s.Suspended, s.LockedOut = 0, 0, 0, 0
	switch s.Status {
	case "Enabled":
		s.Status, s.Warning = "Warning", seats
	case "Warning":
		s.Status, s.Suspended = "Suspended", seats
	case "Suspended":
		s.Status, s.LockedOut = "LockedOut", seats
	default:
		s.Status = "Deleted"
	}
	for i := range s.Subscriptions {
		s.Subscriptions[i].Status = s.Status
	}
}

func (t *Tenant) dropSKU(sku string) {
	why := Why{Actor: NoActor, Cause: CauseSubscription, UpstreamAct: len(t.truth) - 1}
	holders := t.holders(sku)
	t.skus = slices.DeleteFunc(t.skus, func(s *SKU) bool { return s.ID == sku })
	for _, g := range t.groups {
		delete(g.Licenses, sku)
	}
	for _, u := range holders {
		t.change(u, why, false, func() {
			u.Licenses = slices.DeleteFunc(u.Licenses, func(l License) bool { return l.SKU == sku })
		})
	}
	for _, id := range slices.Sorted(maps.Keys(t.deleted)) {
		u := t.deleted[id]
		u.Licenses = slices.DeleteFunc(u.Licenses, func(l License) bool { return l.SKU == sku })
	}
}
