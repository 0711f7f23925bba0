package proof

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/whatif"
)

var predictions = flag.Int("predictions", 75, "how many operations to predict, and to do")

// TestWhatIf predicts what an operation would do to a random tenant, has the
// simulator do it, and compares the next run with the prediction: every path of
// every user, what plans are on, and the holders of every SKU.
//
//	go test ./cmd/lictrail/internal/proof -run TestWhatIf -v -timeout 2h -predictions 10000
func TestWhatIf(t *testing.T) {
	done, kinds, unsure, short := 0, map[whatif.Kind]int{}, 0, 0
	for seed := *firstSeed; done < *predictions; seed++ {
		p := newPredicted(t, seed)
		for range min(25, *predictions-done) {
			o := p.next(t)
			done++
			kinds[o.Kind]++
			for _, e := range o.Users {
				unsure += len(e.Unsure)
			}
			for _, s := range o.Seats {
				short += int(s.Short)
			}
		}
		p.close()
		if t.Failed() {
			break
		}
	}
	t.Logf("%d operations: %v; licenses that could not be predicted: %d; users without a seat: %d", done, kinds, unsure, short)
	for _, k := range []whatif.Kind{whatif.RemoveGroupLicense, whatif.RemoveFromGroup, whatif.Swap, whatif.DeleteUser, whatif.Lapse, whatif.RemoveSKU} {
		if kinds[k] == 0 {
			t.Errorf("no %s among the operations", k)
		}
	}
}

// predicted is a tenant whose future is predicted.
type predicted struct {
	tenant *graphtest.Tenant
	server *graphtest.Server
	reader track.Reader
	db     *store.DB
	rng    *rand.Rand
}

func newPredicted(t *testing.T, seed uint64) *predicted {
	t.Helper()
	p := &predicted{tenant: graphtest.New(seed), rng: rand.New(rand.NewPCG(seed, 21))}
	p.tenant.Populate(16, 5)
	p.server = graphtest.NewServer(p.tenant)
	base, err := p.server.Start()
	must(t, err)
	p.reader, err = cli.SimulatedReader(base)
	must(t, err)
	p.db, err = store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "whatif.db"), migrations.Apply)
	must(t, err)
	return p
}

func (p *predicted) close() {
	p.server.Close()
	p.db.Close()
}

// next lets some days pass, predicts an operation, does it and judges.
func (p *predicted) next(t *testing.T) *whatif.Outcome {
	t.Helper()
	p.tenant.RandomOps(6)
	if p.rng.IntN(4) == 0 { // Graph is known to leave rows out
		p.tenant.LoseStates(p.user(), p.rng.IntN(2) == 0)
	}
	for _, id := range p.tenant.UserIDs() { // of whom nothing at all is shown, nothing can be predicted
		if u := p.tenant.User(id); !slices.ContainsFunc(u.Licenses, func(l graphtest.License) bool { return l.State == snapshot.StateActive }) {
			p.tenant.LoseStates(id, false)
		}
	}
	if p.rng.IntN(3) == 0 { // seats are short
		sku := p.sku()
		_ = p.tenant.SetSeats(sku, p.tenant.SKU(sku).Consumed()+p.rng.IntN(3)) // it is there
	}
	before := p.sync(t)
	for {
		op := p.draw(before)
		outcome, err := whatif.Predict(before.State, op)
		if errors.Is(err, whatif.ErrNotGiven) || errors.Is(err, whatif.ErrNotMember) || errors.Is(err, whatif.ErrSame) || errors.Is(err, whatif.ErrNotBought) {
			continue
		}
		must(t, err)
		p.do(t, before, outcome)
		p.judge(t, before, p.sync(t), outcome)
		return outcome
	}
}

// seen is what a run saw.
type seen struct {
	whatif.State
	plans map[snapshot.UserID][]snapshot.PlanID
}

func (p *predicted) sync(t *testing.T) *seen {
	t.Helper()
	p.tenant.Advance(time.Hour)
	_, err := track.Run(t.Context(), p.reader, p.db, track.Options{MaxShrink: 1, Version: "proof", Now: p.tenant.Now})
	must(t, err)
	h, err := p.db.History(t.Context())
	must(t, err)
	defer h.Close()
	s := &seen{plans: map[snapshot.UserID][]snapshot.PlanID{}}
	s.Users, err = h.Concerned(t.Context(), store.Concern{})
	must(t, err)
	s.SKUs, s.Holders, err = h.SKUsAt(t.Context(), h.At.ID)
	must(t, err)
	s.Groups, err = h.GroupsAt(t.Context(), h.At.ID)
	must(t, err)
	s.Bought, err = h.Subscriptions(t.Context())
	must(t, err)
	slices.SortFunc(s.Bought, func(a, b snapshot.Subscription) int { return cmp.Compare(a.ID, b.ID) })
	for _, id := range p.tenant.UserIDs() {
		for _, plan := range p.tenant.User(id).Plans {
			if plan.Status != "Deleted" {
				s.plans[snapshot.UserID(id)] = append(s.plans[snapshot.UserID(id)], snapshot.PlanID(plan.ID))
			}
		}
		slices.Sort(s.plans[snapshot.UserID(id)])
	}
	return s
}

func pickOf[T any](r *rand.Rand, list []T) (x T) {
	if len(list) > 0 {
		x = list[r.IntN(len(list))]
	}
	return x
}

func (p *predicted) user() string { return pickOf(p.rng, p.tenant.UserIDs()) }

// sku is one that the tenant has.
func (p *predicted) sku() string {
	for {
		sku := pickOf(p.rng, []string{graphtest.SKUE3, graphtest.SKUE5, graphtest.SKUO365E3, graphtest.SKUEMS, graphtest.SKUPowerBI,
			graphtest.SKUVisio, graphtest.SKUProject, graphtest.SKUFlowFree, graphtest.SKUCopilot})
		if p.tenant.SKU(sku) != nil {
			return sku
		}
	}
}

// draw draws an operation; it may make no sense.
func (p *predicted) draw(s *seen) whatif.Operation {
	op := whatif.Operation{SKU: snapshot.SKUID(p.sku()), When: p.tenant.Now()}
	group := pickOf(p.rng, s.Groups)
	user := pickOf(p.rng, s.Users)
	switch x := p.rng.IntN(20); {
	case x < 6:
		op.Kind, op.Group = whatif.RemoveGroupLicense, group.ID
		if len(group.Licenses) > 0 {
			op.SKU = pickOf(p.rng, group.Licenses).SKU
		}
	case x < 11:
		op.Kind, op.User = whatif.RemoveFromGroup, user.ID
		for _, path := range user.Paths {
			if g := p.tenant.Group(string(path.Group)); g != nil && g.Department == "" {
				op.Group = path.Group
			}
		}
	case x < 15:
		op.Kind, op.To = whatif.Swap, snapshot.SKUID(p.sku())
	case x < 17:
		op.Kind, op.User = whatif.DeleteUser, user.ID
		for _, a := range p.tenant.Admins {
			if a.ID == string(user.ID) {
				op.Kind, op.Group = whatif.RemoveFromGroup, "" // who acts must stay
			}
		}
	case x < 18:
		op.Kind, op.Subscription = whatif.Lapse, pickOf(p.rng, s.Bought).ID
	case x < 19:
		op.Kind = whatif.RemoveSKU
	default:
		op.Kind = whatif.Swap // the usual one
		op.SKU, op.To = graphtest.SKUO365E3, graphtest.SKUE3
		if p.tenant.SKU(graphtest.SKUO365E3) == nil || p.tenant.SKU(graphtest.SKUE3) == nil {
			op.To = op.SKU
		}
	}
	return op
}

// do has the simulator do it.
func (p *predicted) do(t *testing.T, s *seen, o *whatif.Outcome) {
	t.Helper()
	admin, sku := p.tenant.Admins[0], string(o.SKU)
	switch o.Kind {
	case whatif.RemoveGroupLicense:
		must(t, p.tenant.RemoveGroupLicense(admin, string(o.Group), sku))
	case whatif.RemoveFromGroup:
		must(t, p.tenant.RemoveMember(admin, string(o.Group), string(o.User)))
	case whatif.DeleteUser:
		must(t, p.tenant.DeleteUser(admin, string(o.User), pickOf(p.rng, []graphtest.DeleteStyle{graphtest.AdminCenter, graphtest.Entra})))
	case whatif.Lapse:
		if o.Ends.Left > 0 {
			must(t, p.tenant.SetSeats(sku, int(o.Ends.Left)))
			return
		}
		for p.tenant.SKU(sku) != nil {
			_, err := p.tenant.LapseSubscription(sku)
			must(t, err)
		}
	case whatif.RemoveSKU:
		p.removeSKU(t, admin, sku)
	case whatif.Swap:
		p.swap(t, admin, s, sku, string(o.To))
	}
}

func (p *predicted) removeSKU(t *testing.T, admin graphtest.Actor, sku string) {
	t.Helper()
	for _, id := range p.tenant.UserIDs() {
		if hasRow(p.tenant.User(id), sku, "") {
			must(t, p.tenant.RemoveDirect(admin, id, sku))
		}
	}
	for _, id := range p.tenant.GroupIDs() {
		if _, gives := p.tenant.Group(id).Licenses[sku]; gives {
			must(t, p.tenant.RemoveGroupLicense(admin, id, sku))
		}
	}
}

// swap gives the new SKU first and takes the old one then, as somebody does who
// wants nobody to be without. A user without a seat keeps the old one.
func (p *predicted) swap(t *testing.T, admin graphtest.Actor, s *seen, from, to string) {
	t.Helper()
	target := p.tenant.SKU(to)
	off := func(plans []string) []string {
		return slices.DeleteFunc(slices.Clone(plans), func(id string) bool {
			return !slices.ContainsFunc(target.Plans, func(q graphtest.Plan) bool { return q.ID == id })
		})
	}
	for _, id := range p.tenant.UserIDs() {
		u := p.tenant.User(id)
		i := slices.IndexFunc(u.Licenses, func(l graphtest.License) bool { return l.SKU == from && l.Group == "" })
		if i < 0 {
			continue
		}
		if !hasRow(u, to, "") {
			if err := p.tenant.AssignDirect(admin, id, to, off(u.Licenses[i].Disabled)...); err != nil {
				continue
			}
		}
		must(t, p.tenant.RemoveDirect(admin, id, from))
	}
	for _, id := range p.tenant.GroupIDs() {
		given := p.tenant.Group(id).Licenses
		if disabled, gives := given[from]; gives {
			if _, has := given[to]; !has {
				must(t, p.tenant.SetGroupLicense(admin, id, to, off(disabled)...))
			}
			must(t, p.tenant.RemoveGroupLicense(admin, id, from))
		}
	}
}

func hasRow(u *graphtest.User, sku, group string) bool {
	return slices.ContainsFunc(u.Licenses, func(l graphtest.License) bool { return l.SKU == sku && l.Group == group })
}

// judge compares what the next run saw with what was predicted.
func (p *predicted) judge(t *testing.T, before, after *seen, o *whatif.Outcome) {
	t.Helper()
	effects := map[snapshot.UserID]*whatif.Effect{}
	for i := range o.Users {
		effects[o.Users[i].User.ID] = &o.Users[i]
	}
	say := func(format string, args ...any) {
		t.Errorf("%s %s: %s", o.Kind, cmp.Or(string(o.User), string(o.Group), string(o.SKU), o.Subscription), fmt.Sprintf(format, args...))
	}
	now := map[snapshot.UserID]*snapshot.User{}
	for i := range after.Users {
		now[after.Users[i].ID] = &after.Users[i]
	}
	unsure := map[snapshot.SKUID]int64{}
	for i := range before.Users {
		u := &before.Users[i]
		want, doubt := u.Paths, []snapshot.SKUID(nil)
		if e := effects[u.ID]; e != nil {
			want, doubt = e.After, e.Unsure
			for _, sku := range doubt {
				if !slices.Contains(e.Gained, sku) { // of those only who has no seat is not known
					unsure[sku]++
				}
			}
			if slices.Contains(doubt, o.To) && o.Kind == whatif.Swap {
				doubt = append(slices.Clone(doubt), o.SKU) // who gets no seat keeps the old SKU
			}
		}
		var got []snapshot.Path
		if now[u.ID] != nil {
			got = now[u.ID].Paths
		}
		if a, b := pathsBut(want, doubt), pathsBut(got, doubt); !slices.Equal(a, b) {
			say("user %s: want %v, got %v", u.UPN, a, b)
		}
		p.judgePlans(say, before, after, u, effects[u.ID])
	}
	for _, sku := range before.SKUs {
		want := before.Holders[sku.ID]
		for _, s := range o.Seats {
			if s.SKU == sku.ID {
				want = s.After
			}
		}
		keeps := o.Kind == whatif.Swap && sku.ID == o.SKU && slices.ContainsFunc(o.Seats, func(s whatif.Seats) bool { return s.Worst+s.Hidden > s.Have })
		if got := after.Holders[sku.ID]; unsure[sku.ID] == 0 && !keeps && got != want {
			say("SKU %s: want %d holders, got %d", sku.PartNumber, want, got)
		}
	}
}

// judgePlans compares the plans that go and come with those of the simulator.
func (p *predicted) judgePlans(say func(string, ...any), before, after *seen, u *snapshot.User, e *whatif.Effect) {
	if e == nil || e.Deleted || len(e.Unsure) > 0 {
		return
	}
	was, is := before.plans[u.ID], after.plans[u.ID]
	minus := func(a, b []snapshot.PlanID) []snapshot.PlanID {
		return slices.DeleteFunc(slices.Clone(a), func(id snapshot.PlanID) bool { return slices.Contains(b, id) })
	}
	if lost := minus(was, is); !slices.Equal(lost, e.LostPlans) {
		say("user %s loses plans %v, want %v", u.UPN, lost, e.LostPlans)
	}
	if gained := minus(is, was); !slices.Equal(gained, e.NewPlans) {
		say("user %s gets plans %v, want %v", u.UPN, gained, e.NewPlans)
	}
	for _, k := range e.KeptPlans {
		if !slices.Contains(is, k.Plan) {
			say("user %s was to keep plan %s", u.UPN, k.Plan)
		}
	}
}

// pathsBut writes paths in words, without the dates, and without some SKUs.
func pathsBut(paths []snapshot.Path, not []snapshot.SKUID) []string {
	var words []string
	for _, p := range paths {
		if !slices.Contains(not, p.SKU) {
			words = append(words, fmt.Sprint(p.PathKey, p.Held, p.State, p.Error, p.Disabled))
		}
	}
	return words
}
