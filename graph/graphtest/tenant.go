package graphtest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Epoch is when a new tenant's clock starts.
var Epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// License is one row of licenseAssignmentStates: a path to a SKU.
type License struct {
	SKU, Group   string // Group is "" when direct
	Disabled     []string
	State, Error string
	Updated      time.Time
}

type pathKey struct{ sku, group string }

func (k pathKey) compare(o pathKey) int {
	return cmp.Or(strings.Compare(k.sku, o.sku), strings.Compare(k.group, o.group))
}

func (l License) key() pathKey { return pathKey{l.SKU, l.Group} }

// AssignedPlan is one row of assignedPlans.
type AssignedPlan struct {
	ID, Service, Status string
	Assigned            time.Time
}

// User is a person, present or deleted.
type User struct {
	ID, UPN, DisplayName, Mail               string
	Enabled                                  bool
	Type, Department, JobTitle, Company      string
	Office, Country, UsageLocation           string
	EmployeeID, EmployeeType                 string
	CostCenter, Division                     string            // of employeeOrgData
	Extensions                               map[string]string // of onPremisesExtensionAttributes; replaced, never changed
	Created                                  time.Time         // zero for accounts too old to have one
	CreationType, ExternalState, ImmutableID string
	Synced                                   bool
	Agent                                    bool      // an agent user, of the derived type agentUser
	LastSignIn, LastSilent                   time.Time // attempts, interactive or not; zero: never
	LastSuccess                              time.Time
	Licenses                                 []License
	Plans                                    []AssignedPlan
	Deleted                                  time.Time // zero when present
	// StatesLost makes Graph leave out licenseAssignmentStates rows, a known bug.
	StatesLost bool
	groups     []string             // memberships of a deleted user
	used       map[string]time.Time // when each workload was last used; replaced, never changed
	prompts    []prompts            // put to Copilot, in the order of time
	licensed   map[string]time.Time // since when each workload is licensed; replaced, never changed
}

// Holds reports whether the user holds a SKU by any path.
func (u *User) Holds(sku string) bool {
	_, ok := union(u.Licenses)[sku]
	return ok
}

func (u *User) clone() *User {
	c := *u
	c.Licenses = slices.Clone(u.Licenses)
	c.Plans = slices.Clone(u.Plans)
	return &c
}

func (u *User) row(key pathKey) int {
	return slices.IndexFunc(u.Licenses, func(l License) bool { return l.key() == key })
}

// Group is a security group that may carry licenses.
type Group struct {
	ID, Name string
	// Department is the value of a dynamic rule on user.department, or "".
	Department string
	Created    time.Time
	Synced     bool
	Licenses   map[string][]string // SKU to disabled plans
	members    map[string]bool
	hidden     bool
}

// Members returns the ids of the members, sorted.
func (g *Group) Members() []string { return sortedKeys(g.members) }

// Tenant is a simulated tenant. Its methods may be called while a [Server]
// serves it.
type Tenant struct {
	ID, Name, Domain string
	// Premium tenants have Entra ID P1: 30 days of audit events instead of 7.
	Premium bool
	// GroupDelay is how long group-based licensing takes. When 0 it is
	// immediate; otherwise [Tenant.Advance] applies what became due.
	GroupDelay time.Duration
	// Engine, when set, is how group-based licensing works, in place of
	// GroupDelay.
	Engine *Engine
	// Resaves is the chance that whoever changes a direct license saves the
	// user's other direct ones with it, which moves their dates.
	Resaves float64
	// Pace is the longest time between two operations of [Tenant.RandomOps].
	Pace time.Duration
	// Copilot says where Graph has the Copilot usage report.
	Copilot CopilotWorld
	// Licensing is how Graph offers the cloud licensing API.
	Licensing LicensingWorld
	// Concealed tenants show pseudonyms in usage reports, as new ones do.
	Concealed bool
	// Lies is how the audit log misleads.
	Lies Lies
	// UnrelatedLogs: the unified audit log has correlation ids of its own.
	UnrelatedLogs bool
	// Style chooses the generation of license events.
	Style Style

	Admins   []Actor
	Apps     []Actor // service principals of the tenant
	Partners []Actor

	mu      sync.Mutex
	rng     *rand.Rand
	now     time.Time
	last    time.Time // of the newest act or event
	users   map[string]*User
	order   []string         // ids of present users, sorted
	index   map[string]*User // what advanced queries see; nil: users
	deleted map[string]*User
	groups  map[string]*Group
	skus    []*SKU
	truth   []Act
	events  []*Event // by time
	eventNo int
	pending []pending // by time
	due     due
	big     *big

	customers   map[string]string  // of a partner: what they are called, by tenant id
	draws       map[drawKey]string // allotments that licenses draw on, if not the first
	devices     []deviceSeat
	allottedOff int
}

type pending struct {
	due time.Time
	do  func()
}

// New returns a tenant with the well-known SKUs and a few principals, without
// users or groups of its own but the admins.
func New(seed uint64) *Tenant {
	t := &Tenant{
		Name: "Contoso", Domain: "contoso.example", Premium: true, Pace: 30 * time.Minute,
		rng: rand.New(rand.NewPCG(seed, 0x6c69637472616c)), now: Epoch,
		users: map[string]*User{}, deleted: map[string]*User{}, groups: map[string]*Group{}, due: due{},
	}
	t.ID = t.guid()
	for _, c := range catalog {
		t.skus = append(t.skus, &SKU{
			ID: c.id, PartNumber: c.part, AppliesTo: "User", Plans: plansNamed(c.plans),
			Status: "Enabled", Enabled: c.seats,
			Subscriptions: []Subscription{{ID: t.guid(), CommerceID: t.guid(), Status: "Enabled", Seats: c.seats}},
		})
	}
	t.addPrincipals()
	return t
}

func (t *Tenant) addPrincipals() {
	for i, name := range []string{"Ada Admin", "Ben Helpdesk"} {
		id := t.addUser(OnlineServices, UserSpec{Name: name, Department: "IT"})
		t.Admins = append(t.Admins, Actor{
			Kind: ActorUser, ID: id, UPN: t.users[id].UPN,
			Client: []string{"Office 365 Admin Portal", ""}[i],
		})
	}
	for _, name := range []string{"HR Onboarding", "License Reclaimer"} {
		t.Apps = append(t.Apps, Actor{Kind: ActorApp, ID: t.guid(), Name: name, AppID: t.guid()})
	}
	t.Partners = append(t.Partners, Actor{
		Kind: ActorPartner, ID: t.guid(), UPN: "tech@partner.example", HomeTenant: t.guid(),
	})
}

// Now is the tenant's clock.
func (t *Tenant) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// Advance moves the clock and applies what became due on the way.
func (t *Tenant) Advance(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(d)
}

func (t *Tenant) advance(d time.Duration) {
	end := t.now.Add(d)
	for len(t.pending) > 0 && !t.pending[0].due.After(end) {
		next := t.pending[0]
		t.pending = t.pending[1:]
		t.setNow(next.due)
		next.do()
	}
	t.setNow(end)
}

// AdvanceTo moves the clock to a time, never back.
func (t *Tenant) AdvanceTo(at time.Time) {
	if d := at.Sub(t.Now()); d > 0 {
		t.Advance(d)
	}
}

func (t *Tenant) setNow(now time.Time) {
	if now.After(t.now) {
		t.now = now
	}
}

// later runs do after the group delay.
func (t *Tenant) later(do func()) {
	if t.GroupDelay <= 0 {
		do()
		return
	}
	t.at(t.now.Add(t.GroupDelay), do)
}

// at runs do when the clock gets there.
func (t *Tenant) at(when time.Time, do func()) {
	i := len(t.pending)
	for i > 0 && t.pending[i-1].due.After(when) {
		i--
	}
	t.pending = slices.Insert(t.pending, i, pending{when, do})
}

// stamp gives the time of the next act: the clock, or a little after the act
// before it, so that acts of one second keep their order.
func (t *Tenant) stamp() time.Time {
	at := t.now
	if !at.After(t.last) {
		at = t.last.Add(137300 * time.Nanosecond)
	}
	t.last = at
	return at
}

// Truth returns the log of everything that happened.
func (t *Tenant) Truth() []Act {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.truth)
}

// UserIDs returns the ids of the present users, sorted.
func (t *Tenant) UserIDs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.order)
}

// DeletedIDs returns the ids of the soft-deleted users, sorted.
func (t *Tenant) DeletedIDs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sortedKeys(t.deleted)
}

// GroupIDs returns the ids of the groups, sorted.
func (t *Tenant) GroupIDs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sortedKeys(t.groups)
}

// User returns a copy of a present or deleted user, or nil.
func (t *Tenant) User(id string) *User {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, from := range []map[string]*User{t.users, t.deleted} {
		if u := from[id]; u != nil {
			return u.clone()
		}
	}
	return nil
}

// Offer leaves the tenant only these of the well-known SKUs. It is for tenants
// without users yet.
func (t *Tenant) Offer(skus ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skus = slices.DeleteFunc(t.skus, func(s *SKU) bool { return !slices.Contains(skus, s.ID) })
}

// SKU returns a copy of a SKU of the tenant, or nil when it has gone.
func (t *Tenant) SKU(id string) *SKU {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sku(id); s != nil {
		c := *s
		c.Plans = slices.Clone(s.Plans)
		return &c
	}
	return nil
}

func (t *Tenant) sku(id string) *SKU {
	for _, s := range t.skus {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// guid returns a random version 4 GUID.
func (t *Tenant) guid() string { return guid(t.rng.Uint64(), t.rng.Uint64()) }

func guid(hi, lo uint64) string {
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xfff, 0x8000|lo>>48&0x3fff, lo&0xffffffffffff)
}

func (t *Tenant) chance(p float64) bool { return p > 0 && t.rng.Float64() < p }

func pick[T any](r *rand.Rand, s []T) T { return s[r.IntN(len(s))] }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func upnOf(name, domain string, n int) string {
	return fmt.Sprintf("%s%d@%s", strings.ToLower(strings.ReplaceAll(name, " ", ".")), n, domain)
}
