package whatif

import (
	"cmp"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// effects turns drafts into what happens to users.
func (p *prediction) effects() {
	for i := range p.users {
		d := &p.users[i]
		if len(d.gone) == 0 && len(d.added) == 0 && len(d.unsure) == 0 && !d.deleted {
			continue
		}
		p.out.Users = append(p.out.Users, p.effect(d))
	}
}

func (p *prediction) effect(d *draft) Effect {
	e := Effect{User: d.user, Deleted: d.deleted, Gone: d.gone, New: d.added, Unsure: d.unsure}
	after := &snapshot.User{ID: d.user.ID}
	for _, path := range d.user.Paths {
		if !slices.ContainsFunc(d.gone, func(g snapshot.Path) bool { return g.PathKey == path.PathKey }) &&
			!slices.ContainsFunc(d.added, func(n snapshot.Path) bool { return n.PathKey == path.PathKey }) {
			after.Paths = append(after.Paths, path)
		}
	}
	after.Paths = append(after.Paths, d.added...)
	after.Normalize()
	if !d.deleted {
		e.After = after.Paths
	}
	held, stays := d.user.Held(), after.Held()
	for _, sku := range held {
		switch {
		case !slices.Contains(stays, sku):
			e.Lost = append(e.Lost, sku)
		case slices.ContainsFunc(d.gone, func(g snapshot.Path) bool { return g.SKU == sku && g.Held }):
			e.Stays = append(e.Stays, sku)
		}
	}
	for _, sku := range stays {
		if !slices.Contains(held, sku) {
			e.Gained = append(e.Gained, sku)
		}
	}
	p.planEffects(&e, d.user, after)
	return e
}

// planEffects compares what plans are on before and after.
func (p *prediction) planEffects(e *Effect, before, after *snapshot.User) {
	was, is := p.plans.on(before), p.plans.on(after)
	for _, plan := range was.sorted() {
		by, kept := is[plan]
		switch {
		case !kept:
			e.LostPlans = append(e.LostPlans, plan)
		case slices.ContainsFunc(e.Gone, func(g snapshot.Path) bool { return slices.Contains(was[plan], g.PathKey) }):
			e.KeptPlans = append(e.KeptPlans, KeptPlan{plan, by})
		}
	}
	for _, plan := range is.sorted() {
		if _, had := was[plan]; !had {
			e.NewPlans = append(e.NewPlans, plan)
		}
	}
	for _, c := range p.plans.collisions(is, e.Gained) {
		if !collidedBefore(was, c) {
			e.Collisions = append(e.Collisions, c)
		}
	}
	if p.plans.mailbox(was) && !p.plans.mailbox(is) {
		e.Mailbox = p.mailboxOf(e)
	}
}

// collidedBefore reports whether the user has the two plans together already, the
// one by a SKU that goes.
func collidedBefore(was plansOn, c Collision) bool {
	return len(was[c.With]) > 0 && slices.ContainsFunc(was[c.Plan], func(k snapshot.PathKey) bool { return k.SKU != c.Other })
}

func (p *prediction) mailboxOf(e *Effect) *Mailbox {
	switch {
	case p.out.Ends != nil:
		return &Mailbox{LosesAccess: p.out.Ends.LosesAccess, KeptUntil: p.out.Ends.Deleted}
	case e.Deleted:
		return &Mailbox{LosesAccess: p.out.When, KeptUntil: p.out.When.Add(RestoreGrace)}
	}
	return &Mailbox{LosesAccess: p.out.When, KeptUntil: p.out.When.Add(MailboxGrace)}
}

// seats counts holders. New licenses are assigned before old ones are removed, so that no
// user is without one in between; at that moment the most seats are needed.
func (p *prediction) seats() {
	lost, gained, hidden := map[snapshot.SKUID]int64{}, map[snapshot.SKUID]int64{}, int64(0)
	for _, e := range p.out.Users {
		if slices.Contains(e.Unsure, p.out.To) && !slices.Contains(e.Gained, p.out.To) && !e.User.Holds(p.out.To) {
			hidden++
		}
		for _, sku := range e.Lost {
			lost[sku]++
		}
		for _, sku := range e.Gained {
			gained[sku]++
		}
	}
	for i := range p.SKUs {
		s := &p.SKUs[i]
		seats := Seats{SKU: s.ID, Before: p.Holders[s.ID], Have: s.Units.Enabled + s.Units.Warning}
		if s.ID == p.out.To {
			seats.Hidden = hidden
		}
		if lost[s.ID]+gained[s.ID]+seats.Hidden == 0 && !(p.out.Ends != nil && s.ID == p.out.SKU) {
			continue
		}
		seats.Worst = seats.Before + gained[s.ID]
		if gained[s.ID] > 0 {
			seats.Short = min(gained[s.ID], max(0, seats.Worst-seats.Have))
		}
		seats.After = seats.Before + gained[s.ID] - lost[s.ID] - seats.Short
		p.out.Seats = append(p.out.Seats, seats)
	}
	slices.SortFunc(p.out.Seats, func(a, b Seats) int {
		return cmp.Or(strings.Compare(p.sku(a.SKU).PartNumber, p.sku(b.SKU).PartNumber), cmp.Compare(a.SKU, b.SKU))
	})
	p.doubtShort()
}

// doubtShort marks everybody who may be among those without a seat. Whether such a
// user keeps the SKU that was to go depends on how it is done.
func (p *prediction) doubtShort() {
	for _, s := range p.out.Seats {
		for i := range p.out.Users {
			e := &p.out.Users[i]
			if s.Worst+s.Hidden > s.Have && slices.Contains(e.Gained, s.SKU) && !slices.Contains(e.Unsure, s.SKU) {
				e.Unsure = append(e.Unsure, s.SKU)
				if slices.Contains(e.Lost, p.out.SKU) {
					e.Unsure = append(e.Unsure, p.out.SKU)
				}
			}
		}
	}
}

// undo lists the steps that would undo the operation: groups first, then people.
func (p *prediction) undo() {
	o := p.out
	if o.Ends != nil {
		o.Undo = append(o.Undo, Step{Kind: Renew, SKU: o.SKU, Subscription: o.Subscription, Until: o.Ends.Deleted})
	}
	if o.Kind == DeleteUser {
		o.Undo = append(o.Undo, Step{Kind: RestoreUser, User: o.Users[0].User, Until: o.When.Add(RestoreGrace)})
	}
	for _, g := range o.Groups {
		o.Undo = append(o.Undo, Step{Kind: LicenseGroup, Group: g.Group, SKU: g.Before.SKU, Disabled: g.Before.Disabled})
		if g.Gains != nil {
			o.Undo = append(o.Undo, Step{Kind: UnlicenseGroup, Group: g.Group, SKU: g.Gains.SKU})
		}
	}
	for _, e := range o.Users {
		p.undoUser(&e)
	}
}

func (p *prediction) undoUser(e *Effect) {
	joined := map[snapshot.GroupID]bool{}
	for _, path := range e.Gone {
		byMember := p.out.Kind == RemoveFromGroup || p.out.Kind == DeleteUser
		switch {
		case path.Kind == snapshot.ByGroup && byMember && !joined[path.Group]:
			joined[path.Group] = true
			p.out.Undo = append(p.out.Undo, Step{Kind: AddMember, User: e.User, Group: path.Group})
		case path.Kind != snapshot.ByGroup && path.Held:
			p.out.Undo = append(p.out.Undo, Step{Kind: Assign, User: e.User, SKU: path.SKU, Disabled: path.Disabled})
		}
	}
	for _, path := range e.New {
		if path.Kind == snapshot.Direct {
			p.out.Undo = append(p.out.Undo, Step{Kind: Unassign, User: e.User, SKU: path.SKU})
		}
	}
}

// planSets are the service plans of SKUs.
type planSets struct {
	of    map[snapshot.SKUID][]snapshot.PlanID
	names map[snapshot.PlanID]string
	pairs map[[2]snapshot.PlanID]bool
}

func newPlanSets(skus []snapshot.SKU) *planSets {
	s := &planSets{of: map[snapshot.SKUID][]snapshot.PlanID{}, names: map[snapshot.PlanID]string{}, pairs: map[[2]snapshot.PlanID]bool{}}
	for _, sku := range skus {
		for _, plan := range sku.Plans {
			s.of[sku.ID] = append(s.of[sku.ID], plan.ID)
			s.names[plan.ID] = plan.Name
		}
	}
	return s
}

// off are those of some plans that a SKU has.
func (s *planSets) off(sku snapshot.SKUID, plans []snapshot.PlanID) []snapshot.PlanID {
	var off []snapshot.PlanID
	for _, plan := range plans {
		if slices.Contains(s.of[sku], plan) {
			off = append(off, plan)
		}
	}
	return off
}

// plansOn are the service plans that a user has, each with the paths that give it.
type plansOn map[snapshot.PlanID][]snapshot.PathKey

func (s *planSets) on(u *snapshot.User) plansOn {
	on := plansOn{}
	for _, path := range u.Paths {
		if !path.Held {
			continue
		}
		for _, plan := range s.of[path.SKU] {
			if !slices.Contains(path.Disabled, plan) {
				on[plan] = append(on[plan], path.PathKey)
			}
		}
	}
	return on
}

func (on plansOn) sorted() []snapshot.PlanID {
	plans := make([]snapshot.PlanID, 0, len(on))
	for plan := range on {
		plans = append(plans, plan)
	}
	slices.Sort(plans)
	return plans
}

func (s *planSets) mailbox(on plansOn) bool {
	for plan := range on {
		if snapshot.GivesMailbox(s.names[plan]) {
			return true
		}
	}
	return false
}

// collisions are the pairs of plans of which one comes from a gained SKU and the
// other from another.
func (s *planSets) collisions(on plansOn, gained []snapshot.SKUID) []Collision {
	if len(gained) == 0 {
		return nil
	}
	var found []Collision
	plans := on.sorted()
	for _, plan := range plans {
		for _, by := range skusOf(on[plan]) {
			if !slices.Contains(gained, by) {
				continue
			}
			for _, with := range plans {
				for _, other := range skusOf(on[with]) {
					if other != by && s.collide(plan, with) {
						found = append(found, Collision{plan, by, with, other})
					}
				}
			}
		}
	}
	return found
}

// collide reports whether two plans are the same, or editions of one service.
func (s *planSets) collide(a, b snapshot.PlanID) bool {
	key := [2]snapshot.PlanID{a, b}
	known, ok := s.pairs[key]
	if !ok {
		x, y := s.names[a], s.names[b]
		known = !snapshot.NoService(x) && !snapshot.NoService(y) && (a == b || snapshot.Larger(x, y) || snapshot.Larger(y, x))
		s.pairs[key] = known
	}
	return known
}

func skusOf(keys []snapshot.PathKey) []snapshot.SKUID {
	var skus []snapshot.SKUID
	for _, k := range keys {
		if !slices.Contains(skus, k.SKU) {
			skus = append(skus, k.SKU)
		}
	}
	return skus
}
