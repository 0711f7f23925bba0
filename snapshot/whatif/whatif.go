// Package whatif predicts what an operation would do to a tenant's licenses: who
// loses which service plans, who keeps them by another path, what collides, which
// mailboxes are at risk, how many seats it takes, and how it is undone. It is a
// pure function over one snapshot, and does nothing to a tenant.
//
// Group-based licensing gives its licenses to those whom a snapshot shows with a
// row of the group; of other members nothing is known. It does not retry by
// itself what failed for lack of seats, so seats that become free change nothing
// for others.
package whatif

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"lictrail/snapshot"
)

// Kind is what is done.
type Kind string

const (
	RemoveGroupLicense Kind = "remove-group-license" // a group no longer gives a SKU
	RemoveFromGroup    Kind = "remove-from-group"    // a user leaves a group
	Swap               Kind = "swap"                 // one SKU in place of another, with everybody and every group
	DeleteUser         Kind = "delete"
	Lapse              Kind = "lapse" // a subscription ends, and nobody renews it
	RemoveSKU          Kind = "remove-sku"
)

// Operation is what is done, to what. Which fields count depends on the kind.
type Operation struct {
	Kind         Kind
	User         snapshot.UserID
	Group        snapshot.GroupID
	SKU          snapshot.SKUID
	To           snapshot.SKUID // of Swap
	Subscription string
	When         time.Time // when it would be done; of Lapse the subscription has its own dates
}

// State is what one snapshot shows, as far as the operation needs it: of users
// those whom it concerns are enough.
type State struct {
	Users   []snapshot.User // present, with every path, held or not, normalized
	SKUs    []snapshot.SKU
	Bought  []snapshot.Subscription
	Groups  []snapshot.Group
	Holders map[snapshot.SKUID]int64 // users who hold each SKU
}

// Outcome is what would come of it.
type Outcome struct {
	Operation
	Users  []Effect // whose paths change, or may; by UPN
	Seats  []Seats  // of the SKUs whose holders change, by part number
	Groups []GroupEffect
	Undo   []Step
	Ends   *End // of Lapse
	// Excess is, of Lapse, how many users hold the SKU and have no seat after it.
	// Microsoft takes the license from nobody by itself then, and gives no order.
	Excess int64
}

// Effect is what would happen to one user.
type Effect struct {
	User    *snapshot.User
	Deleted bool
	After   []snapshot.Path // nil when deleted
	Gone    []snapshot.Path // paths that end, held or not
	New     []snapshot.Path // paths that begin
	Lost    []snapshot.SKUID
	Gained  []snapshot.SKUID
	Stays   []snapshot.SKUID // a path of it ends, and it is held by another

	LostPlans  []snapshot.PlanID
	KeptPlans  []KeptPlan // given by what goes, and still on
	NewPlans   []snapshot.PlanID
	Collisions []Collision
	Mailbox    *Mailbox         // it would be without a license
	Unsure     []snapshot.SKUID // Microsoft does not show how it is held, or there may be no seat: what happens is not known
}

// KeptPlan is a service plan that the user keeps by other SKUs.
type KeptPlan struct {
	Plan snapshot.PlanID
	By   []snapshot.PathKey // held paths that still give it, sorted
}

// Collision is two service plans that a user would have at once and has not now:
// the same one from two SKUs, or two editions of one service. Microsoft refuses
// some such pairs (MutuallyExclusiveViolation) and publishes no list of them.
type Collision struct {
	Plan  snapshot.PlanID
	SKU   snapshot.SKUID // that would be new
	With  snapshot.PlanID
	Other snapshot.SKUID // that the user keeps
}

// Same reports whether the same plan would come from two SKUs.
func (c Collision) Same() bool { return c.Plan == c.With }

// Mailbox is until when a mailbox can be had back.
type Mailbox struct {
	LosesAccess time.Time
	KeptUntil   time.Time
}

// Seats are those of one SKU.
type Seats struct {
	SKU           snapshot.SKUID
	Before, After int64 // users who hold it
	Worst         int64 // the most that are needed at any moment: what comes is given before what goes is taken
	Have          int64 // that can be used
	// Short is how many users would get none; which ones is not known.
	Short int64
	// Hidden is how many further users may need one, because Graph does not show how they hold the removed SKU.
	Hidden int64
}

// GroupEffect is what a group would no longer, or newly, give.
type GroupEffect struct {
	Group  snapshot.GroupID
	Loses  snapshot.SKUID
	Gains  *snapshot.GroupLicense
	Known  bool // the snapshot has read the group
	Before snapshot.GroupLicense
}

// End is when a subscription ends.
type End struct {
	Subscription snapshot.Subscription
	Left         int64     // seats of the SKU's other subscriptions
	LosesAccess  time.Time // zero: not known
	Deleted      time.Time
}

// StepKind is what one step of undoing does.
type StepKind string

const (
	Assign         StepKind = "assign"        // give a user the SKU directly, without the plans that were off
	Unassign       StepKind = "unassign"      // take the direct SKU
	AddMember      StepKind = "add-member"    // put the user into the group
	LicenseGroup   StepKind = "license-group" // have the group give the SKU
	UnlicenseGroup StepKind = "unlicense-group"
	RestoreUser    StepKind = "restore-user"
	Renew          StepKind = "renew"
)

// Step is one step of undoing.
type Step struct {
	Kind         StepKind
	User         *snapshot.User
	Group        snapshot.GroupID
	SKU          snapshot.SKUID
	Disabled     []snapshot.PlanID
	Subscription string
	Until        time.Time // the last moment for it; zero: none
}

// Grace of Microsoft's: how long it keeps what a license or an account had.
const (
	MailboxGrace = 30 * 24 * time.Hour // of a mailbox whose license is gone
	RestoreGrace = 30 * 24 * time.Hour // of a deleted account, and its mailbox
	expiredFor   = 30 * 24 * time.Hour // an expired subscription still works
	disabledFor  = 90 * 24 * time.Hour // a disabled one keeps its data
)

// Errors of operations that make no sense in the state.
var (
	ErrNotGiven  = errors.New("the group gives no such license")
	ErrNotMember = errors.New("the user has no license by that group")
	ErrNobody    = errors.New("no such user is present")
	ErrNotBought = errors.New("no such subscription")
	ErrSame      = errors.New("both are the same SKU")
	ErrNoSKU     = errors.New("the tenant does not have that SKU")
)

// Predict says what would come of an operation.
func Predict(s State, op Operation) (*Outcome, error) {
	p := &prediction{State: s, out: &Outcome{Operation: op}, plans: newPlanSets(s.SKUs)}
	for i := range s.Users {
		p.users = append(p.users, draft{user: &s.Users[i]})
	}
	slices.SortFunc(p.users, func(a, b draft) int {
		return cmp.Or(cmp.Compare(a.user.UPN, b.user.UPN), cmp.Compare(a.user.ID, b.user.ID))
	})
	do := map[Kind]func() error{RemoveGroupLicense: p.removeGroupLicense, RemoveFromGroup: p.removeFromGroup, Swap: p.swap,
		DeleteUser: p.deleteUser, Lapse: p.lapse, RemoveSKU: p.removeSKU}[op.Kind]
	if do == nil {
		return nil, fmt.Errorf("predict %q: no such operation", op.Kind)
	}
	if err := do(); err != nil {
		return nil, fmt.Errorf("predict %s: %w", op.Kind, err)
	}
	p.effects()
	p.seats()
	p.undo()
	return p.out, nil
}

// prediction is one under way.
type prediction struct {
	State
	out   *Outcome
	users []draft
	plans *planSets
}

// draft is what is known so far of a user.
type draft struct {
	user    *snapshot.User
	deleted bool
	gone    []snapshot.Path
	added   []snapshot.Path
	unsure  []snapshot.SKUID
}

func (p *prediction) sku(id snapshot.SKUID) *snapshot.SKU {
	if i := slices.IndexFunc(p.SKUs, func(s snapshot.SKU) bool { return s.ID == id }); i >= 0 {
		return &p.SKUs[i]
	}
	return nil
}

// given is what a group gives of a SKU: by the group itself or, where that was
// not read, by the rows of its members.
func (p *prediction) given(group snapshot.GroupID, sku snapshot.SKUID) (license snapshot.GroupLicense, known, gives bool) {
	for _, g := range p.Groups {
		if g.ID != group {
			continue
		}
		known = true
		for _, l := range g.Licenses {
			if l.SKU == sku {
				return l, true, true
			}
		}
	}
	for _, d := range p.users {
		for _, path := range d.user.Paths {
			if path.SKU == sku && path.Kind == snapshot.ByGroup && path.Group == group {
				return snapshot.GroupLicense{SKU: sku, Disabled: path.Disabled}, known, true
			}
		}
	}
	return snapshot.GroupLicense{SKU: sku}, known, false
}

// groupsThatGive lists the groups that give a SKU, by the groups or by rows.
func (p *prediction) groupsThatGive(sku snapshot.SKUID) []snapshot.GroupID {
	found := map[snapshot.GroupID]bool{}
	for _, g := range p.Groups {
		if slices.ContainsFunc(g.Licenses, func(l snapshot.GroupLicense) bool { return l.SKU == sku }) {
			found[g.ID] = true
		}
	}
	for _, d := range p.users {
		for _, path := range d.user.Paths {
			if path.SKU == sku && path.Kind == snapshot.ByGroup {
				found[path.Group] = true
			}
		}
	}
	ids := make([]snapshot.GroupID, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (p *prediction) removeGroupLicense() error {
	op := p.out.Operation
	license, known, gives := p.given(op.Group, op.SKU)
	if !gives {
		return ErrNotGiven
	}
	p.out.Groups = []GroupEffect{{Group: op.Group, Loses: op.SKU, Known: known, Before: license}}
	for i := range p.users {
		d := &p.users[i]
		d.removePaths(func(path snapshot.Path) bool {
			return path.SKU == op.SKU && path.Kind == snapshot.ByGroup && path.Group == op.Group
		})
		d.doubt(op.SKU)
	}
	return nil
}

func (p *prediction) removeFromGroup() error {
	op := p.out.Operation
	d := p.find(op.User)
	if d == nil {
		return ErrNobody
	}
	d.removePaths(func(path snapshot.Path) bool { return path.Kind == snapshot.ByGroup && path.Group == op.Group })
	for _, g := range p.Groups {
		for _, l := range g.Licenses {
			if g.ID == op.Group {
				d.doubt(l.SKU)
			}
		}
	}
	if len(d.gone) == 0 && len(d.unsure) == 0 {
		return ErrNotMember
	}
	return nil
}

func (p *prediction) deleteUser() error {
	d := p.find(p.out.User)
	if d == nil {
		return ErrNobody
	}
	d.removePaths(func(snapshot.Path) bool { return true })
	d.deleted = true
	return nil
}

func (p *prediction) removeSKU() error {
	sku := p.out.SKU
	if p.sku(sku) == nil {
		return ErrNoSKU
	}
	p.takeSKU(sku)
	return nil
}

// takeSKU takes a SKU from everybody and every group.
func (p *prediction) takeSKU(sku snapshot.SKUID) {
	for _, g := range p.groupsThatGive(sku) {
		license, known, _ := p.given(g, sku)
		p.out.Groups = append(p.out.Groups, GroupEffect{Group: g, Loses: sku, Known: known, Before: license})
	}
	for i := range p.users {
		p.users[i].removePaths(func(path snapshot.Path) bool { return path.SKU == sku })
	}
}

func (p *prediction) lapse() error {
	i := slices.IndexFunc(p.Bought, func(s snapshot.Subscription) bool { return s.ID == p.out.Subscription })
	if i < 0 {
		return ErrNotBought
	}
	ends := p.Bought[i]
	end := &End{Subscription: ends}
	for _, other := range p.Bought {
		if other.SKU == ends.SKU && other.ID != ends.ID && staysLonger(other, ends) {
			end.Left += other.Total
		}
	}
	end.LosesAccess, end.Deleted = endsOn(ends)
	p.out.SKU, p.out.Ends = ends.SKU, end
	if end.Left > 0 {
		p.out.Excess = max(0, p.Holders[ends.SKU]-end.Left)
		return nil
	}
	p.takeSKU(ends.SKU)
	return nil
}

// endsOn is when users lose access, and when the data is deleted, by Microsoft's
// page on what happens when a subscription ends.
func endsOn(s snapshot.Subscription) (losesAccess, deleted time.Time) {
	if s.NextLifecycleAt.IsZero() {
		return
	}
	switch s.Status {
	case "Enabled":
		losesAccess = s.NextLifecycleAt.Add(expiredFor)
		return losesAccess, losesAccess.Add(disabledFor)
	case "Warning":
		return s.NextLifecycleAt, s.NextLifecycleAt.Add(disabledFor)
	}
	return time.Time{}, s.NextLifecycleAt // access is lost already
}

// swap gives one SKU in place of another: directly to whoever holds it directly,
// and by every group that gives it. Plans that were off stay off where the new
// SKU has them. What has the new SKU already keeps it as it is.
func (p *prediction) swap() error {
	from, to := p.out.SKU, p.out.To
	switch {
	case from == to:
		return ErrSame
	case p.sku(from) == nil || p.sku(to) == nil:
		return ErrNoSKU
	}
	gains := map[snapshot.GroupID]*snapshot.GroupLicense{}
	for _, g := range p.groupsThatGive(from) {
		license, known, _ := p.given(g, from)
		effect := GroupEffect{Group: g, Loses: from, Known: known, Before: license}
		if _, _, has := p.given(g, to); !has {
			effect.Gains = &snapshot.GroupLicense{SKU: to, Disabled: p.plans.off(to, license.Disabled)}
			gains[g] = effect.Gains
		}
		p.out.Groups = append(p.out.Groups, effect)
	}
	for i := range p.users {
		p.swapUser(&p.users[i], gains)
	}
	return nil
}

func (p *prediction) swapUser(d *draft, gains map[snapshot.GroupID]*snapshot.GroupLicense) {
	from, to := p.out.SKU, p.out.To
	d.removePaths(func(path snapshot.Path) bool {
		return path.SKU == from && (path.Kind == snapshot.ByGroup || path.Kind == snapshot.Direct && path.Held)
	})
	d.doubt(from)
	if len(d.unsure) > 0 || len(gains) > 0 && hidden(d.user) {
		d.unsure = append(d.unsure, to)
	}
	for _, path := range d.gone {
		next := snapshot.Path{PathKey: snapshot.PathKey{SKU: to, PathRef: path.PathRef}, Held: true, State: snapshot.StateActive}
		switch path.Kind {
		case snapshot.Direct:
			if d.has(next.PathKey) {
				continue
			}
			next.Disabled = p.plans.off(to, path.Disabled)
		default:
			if gains[path.Group] == nil {
				continue
			}
			next.Disabled = gains[path.Group].Disabled
		}
		d.added = append(d.added, next)
	}
}

// hidden reports whether Microsoft leaves out rows of the user: which groups give
// them something, or fail to, is then not known.
func hidden(u *snapshot.User) bool {
	return slices.ContainsFunc(u.Paths, func(path snapshot.Path) bool { return path.Kind == snapshot.Unknown })
}

func (p *prediction) find(user snapshot.UserID) *draft {
	if i := slices.IndexFunc(p.users, func(d draft) bool { return d.user.ID == user }); i >= 0 {
		return &p.users[i]
	}
	return nil
}

// removePaths ends the paths that fit.
func (d *draft) removePaths(fits func(snapshot.Path) bool) {
	for _, path := range d.user.Paths {
		if fits(path) {
			d.gone = append(d.gone, path)
		}
	}
}

// doubt notes that the user holds a SKU, and Microsoft does not show how: it may be by a
// path that the operation removes.
func (d *draft) doubt(sku snapshot.SKUID) {
	for _, path := range d.user.Paths {
		if path.SKU == sku && path.Kind == snapshot.Unknown && !slices.Contains(d.unsure, sku) {
			d.unsure = append(d.unsure, sku)
		}
	}
}

func (d *draft) has(key snapshot.PathKey) bool {
	return slices.ContainsFunc(d.user.Paths, func(path snapshot.Path) bool { return path.PathKey == key && path.Held })
}

// staysLonger reports whether a subscription still gives seats when another ends.
// One that expires before gives them for some days more; it is not counted on.
func staysLonger(s, than snapshot.Subscription) bool {
	usable := s.Status == "Enabled" || s.Status == "Warning"
	return usable && (s.NextLifecycleAt.IsZero() || s.NextLifecycleAt.After(than.NextLifecycleAt))
}
