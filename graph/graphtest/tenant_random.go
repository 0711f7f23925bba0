package graphtest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

var (
	departments = []string{"Sales", "Finance", "Engineering", "Legal", "HR", "Support"}
	firstNames  = []string{"Ana", "Bo", "Chidi", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jun", "Kemal", "Lea"}
	lastNames   = []string{"Abel", "Berg", "Costa", "Diaz", "Endo", "Fischer", "Gupta", "Hansen", "Ito", "Jansen"}
)

// gen draws operations at random.
type gen struct {
	*Tenant
	r *rand.Rand
}

// operation is one kind of random operation with its weight.
type operation struct {
	weight int
	do     func(gen) error
}

var operations = []operation{
	{8, gen.hire}, {3, gen.hireLicensed}, {3, gen.rename}, {6, gen.transfer}, {18, gen.assign1}, {10, gen.remove1},
	{6, gen.plans1}, {2, gen.touch}, {2, gen.newGroup}, {12, gen.join}, {8, gen.leave}, {4, gen.license}, {1, gen.unlicense},
	{2, gen.dismiss}, {2, gen.dismissEntra}, {2, gen.restore}, {1, gen.purge}, {3, gen.signUp}, {3, gen.claim},
	{1, gen.datesMove}, {1, gen.planArrives}, {1, gen.buy}, {4, gen.noise}, {2, gen.bulk}, {1, gen.lapse}, {1, gen.exhaust},
	{1, gen.reprocess}, {1, gen.device}, {1, gen.block},
}

// RandomOps performs n random operations of all kinds, with the clock moving
// up to Pace between them. Operations that the tenant refuses do not count.
// It returns how many were done: fewer than n only if nothing fits.
func (t *Tenant) RandomOps(n int) int {
	t.mu.Lock()
	g := gen{t, rand.New(rand.NewPCG(t.rng.Uint64(), 5))}
	t.mu.Unlock()
	total := 0
	for _, o := range operations {
		total += o.weight
	}
	done := 0
	for tries := 0; done < n && tries < 30*n+100; tries++ {
		g.wait()
		if g.draw(total).do(g) == nil {
			done++
		}
	}
	g.Purge()
	return done
}

// Populate adds users and a few groups, so that operations have something to
// work on.
func (t *Tenant) Populate(users, groups int) {
	t.mu.Lock()
	g := gen{t, rand.New(rand.NewPCG(t.rng.Uint64(), 6))}
	t.mu.Unlock()
	for range groups {
		_ = g.newGroup() // a new group cannot be refused
	}
	for range users {
		_ = g.hire() // nor a new user
	}
	for range users * 2 {
		g.wait()
		_ = g.assign1() // may find no seat
		_ = g.join()    // may find a member already
	}
	for range groups {
		_ = g.license() // may find no static group
	}
}

func (g gen) wait() {
	g.Advance(time.Duration(g.r.Int64N(int64(max(g.Pace, time.Second)))))
}

func (g gen) draw(total int) operation {
	x := g.r.IntN(total)
	for _, o := range operations {
		if x -= o.weight; x < 0 {
			return o
		}
	}
	return operations[0]
}

// actor is someone who may change licenses.
func (g gen) actor() Actor {
	switch x := g.r.IntN(10); {
	case x < 6:
		return pick(g.r, g.Admins)
	case x < 8:
		return pick(g.r, g.Apps)
	case x < 9:
		return pick(g.r, g.Partners)
	}
	return pick(g.r, []Actor{OnlineServices, PasswordService})
}

func (g gen) user() string { return pick(g.r, g.UserIDs()) }

func (g gen) anyGroup() (string, error) {
	if ids := g.GroupIDs(); len(ids) > 0 {
		return pick(g.r, ids), nil
	}
	return "", ErrNotFound
}

func (g gen) anySKU() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return pick(g.r, g.skus).ID
}

// somePlans picks a few plans of a SKU to disable, most often none.
func (g gen) somePlans(sku string) []string {
	var off []string
	if s := g.SKU(sku); s != nil && g.r.IntN(2) == 0 {
		for range g.r.IntN(4) {
			off = append(off, pick(g.r, s.Plans).ID)
		}
	}
	return off
}

func (g gen) spec() UserSpec {
	return UserSpec{
		Name: pick(g.r, firstNames) + " " + pick(g.r, lastNames), Department: pick(g.r, departments),
		Guest: g.r.IntN(12) == 0, Synced: g.r.IntN(3) == 0, Ancient: g.r.IntN(20) == 0,
	}
}

func (g gen) hire() error {
	g.AddUser(g.actor(), g.spec())
	return nil
}

func (g gen) hireLicensed() error {
	spec := g.spec()
	spec.SKUs = []string{g.anySKU()}
	g.AddUser(g.actor(), spec)
	return nil
}

func (g gen) rename() error {
	return g.Rename(g.actor(), g.user(), pick(g.r, firstNames)+" "+pick(g.r, lastNames))
}

func (g gen) transfer() error {
	return g.ChangeDepartment(g.actor(), g.user(), pick(g.r, departments))
}

func (g gen) block() error { return g.SetEnabled(g.actor(), g.user(), g.r.IntN(2) == 0) }

func (g gen) assign1() error {
	sku := g.anySKU()
	return g.AssignDirect(g.actor(), g.user(), sku, g.somePlans(sku)...)
}

// directSKU picks a direct path of a user.
func (g gen) directSKU(user string) (string, error) {
	var skus []string
	for _, l := range g.User(user).Licenses {
		if l.Group == "" {
			skus = append(skus, l.SKU)
		}
	}
	if len(skus) == 0 {
		return "", ErrNotFound
	}
	return pick(g.r, skus), nil
}

func (g gen) remove1() error {
	user := g.user()
	sku, err := g.directSKU(user)
	if err != nil {
		return err
	}
	return g.RemoveDirect(g.actor(), user, sku)
}

func (g gen) plans1() error {
	user := g.user()
	sku, err := g.directSKU(user)
	if err != nil {
		return err
	}
	return g.ChangeDisabledPlans(g.actor(), user, sku, g.somePlans(sku)...)
}

func (g gen) touch() error { return g.TouchLicense(g.actor(), g.user()) }

func (g gen) newGroup() error {
	n := len(g.GroupIDs())
	if n >= 12 {
		return ErrConflict
	}
	department := ""
	if g.r.IntN(3) == 0 {
		department = pick(g.r, departments)
	}
	id := g.CreateGroup(pick(g.r, g.Admins), fmt.Sprintf("LIC-Group-%02d", n), department)
	if g.r.IntN(2) == 0 {
		sku := g.anySKU()
		return g.SetGroupLicense(pick(g.r, g.Admins), id, sku, g.somePlans(sku)...)
	}
	return nil
}

func (g gen) join() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	return g.AddMember(g.actor(), group, g.user())
}

func (g gen) leave() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	members := g.Group(group).Members()
	if len(members) == 0 {
		return ErrNotFound
	}
	return g.RemoveMember(g.actor(), group, pick(g.r, members))
}

func (g gen) license() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	sku := g.anySKU()
	return g.SetGroupLicense(pick(g.r, g.Admins), group, sku, g.somePlans(sku)...)
}

func (g gen) unlicense() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	skus := sortedKeys(g.Group(group).Licenses)
	if len(skus) == 0 {
		return ErrNotFound
	}
	return g.RemoveGroupLicense(pick(g.r, g.Admins), group, pick(g.r, skus))
}

// leaver is a user who may be deleted: not an admin.
func (g gen) leaver() (string, error) {
	id := g.user()
	for _, a := range g.Admins {
		if a.ID == id {
			return "", ErrConflict
		}
	}
	return id, nil
}

func (g gen) dismiss() error { return g.delete(AdminCenter) }

func (g gen) dismissEntra() error { return g.delete(Entra) }

func (g gen) delete(style DeleteStyle) error {
	id, err := g.leaver()
	if err != nil {
		return err
	}
	return g.DeleteUser(pick(g.r, g.Admins), id, style)
}

func (g gen) restore() error {
	ids := g.DeletedIDs()
	if len(ids) == 0 {
		return ErrNotFound
	}
	return g.RestoreUser(pick(g.r, g.Admins), pick(g.r, ids))
}

func (g gen) purge() error {
	ids := g.DeletedIDs()
	if len(ids) == 0 {
		return ErrNotFound
	}
	return g.HardDelete(pick(g.r, g.Admins), pick(g.r, ids))
}

func (g gen) signUp() error {
	return g.SelfServiceSignUp(g.user(), pick(g.r, viral), g.r.IntN(3) == 0)
}

func (g gen) claim() error { return g.AutoClaim(g.user(), pick(g.r, viral)) }

func (g gen) datesMove() error {
	g.MicrosoftResetsDates(g.user(), g.user(), g.user())
	return nil
}

func (g gen) planArrives() error {
	id := guid(g.r.Uint64(), g.r.Uint64())
	return g.MicrosoftAddsPlan(g.anySKU(), Plan{ID: id, Name: "NEW_PLAN_" + id[:4], Service: "exchange"})
}

func (g gen) buy() error { return g.BuySeats(g.anySKU(), 1+g.r.IntN(50)) }

func (g gen) noise() error {
	g.SyncNoise(g.user(), g.user(), g.user())
	return nil
}

// bulk gives one SKU to several users in the same second.
func (g gen) bulk() error {
	by, sku := g.actor(), g.anySKU()
	for range 3 + g.r.IntN(5) {
		if err := g.AssignDirect(by, g.user(), sku); err != nil {
			return err
		}
	}
	return nil
}

func (g gen) lapse() error {
	sku := pick(g.r, []string{SKUVisio, SKUProject})
	_, err := g.LapseSubscription(sku)
	return err
}

func (g gen) exhaust() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	skus := sortedKeys(g.Group(group).Licenses)
	if len(skus) == 0 {
		return ErrNotFound
	}
	if err := g.GroupSeatsExhausted(g.actor(), group, g.user(), skus[0]); err != nil {
		return err
	}
	return g.BuySeats(skus[0], 40)
}

func (g gen) reprocess() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	return g.Reprocess(pick(g.r, g.Admins), group)
}

func (g gen) device() error {
	group, err := g.anyGroup()
	if err != nil {
		return err
	}
	return g.AddDevice(g.actor(), group)
}
