// Package track carries out a run: it reads a tenant, compares it with the
// snapshot before, and commits what differs. Data flows one way: a [Reader]
// gives rows, package diff finds what they change, package store keeps it.
package track

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lictrail/diff"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
)

// Reader reads a tenant. Only SKUs and Users are indispensable: an error of
// any other method becomes a warning on the run.
type Reader interface {
	// Organization names the tenant.
	Organization(ctx context.Context) (snapshot.Organization, error)
	// SKUs returns the catalog and the tenant as the catalog has it.
	SKUs(ctx context.Context) ([]snapshot.SKU, snapshot.Tenant, error)
	// Users delivers every user, page by page, and calls restart when all
	// that was delivered must be forgotten and the reading begins anew. Of a row
	// that is known byte by byte it need not read more than the user's id.
	Users(ctx context.Context, known snapshot.KnownRows, page func([]snapshot.UserRow) error, restart func() error) (snapshot.PagesRead, error)
	// UsersExist looks users up whom Users did not deliver: whether each exists, and
	// what went wrong. When a look-up has failed the rest may fail untried.
	UsersExist(ctx context.Context, ids []snapshot.UserID) ([]bool, []error)
	// UserCount is the service's own count; ok is false where it offers none.
	UserCount(ctx context.Context) (n int, ok bool, err error)
	Subscriptions(ctx context.Context) ([]snapshot.Subscription, error)
	// Agents lists the agent users; offered is false where the service knows none.
	Agents(ctx context.Context) (agents []snapshot.UserID, offered bool, err error)
	// Groups reads groups: what each is, and what went wrong with it.
	Groups(ctx context.Context, ids []snapshot.GroupID) ([]snapshot.Group, []error)
	DeletedUsers(ctx context.Context) ([]snapshot.DeletedUser, error)
	// Principals reads the service principals of applications, as UsersExist does users.
	Principals(ctx context.Context, ids []string) ([]snapshot.Principal, []error)
	// Requests is the number of requests sent so far.
	Requests() int
}

// Options say how a run is judged.
type Options struct {
	Tenant       snapshot.TenantID // the tenant that was asked for; "" for whichever answers
	MaxShrink    float64           // the share of users, or of a SKU's holders, that may be missing, 0 to 1
	AcceptShrink bool              // take the figures that [Judge] refuses for true
	Version      string
	Now          func() time.Time
	Warnings     []snapshot.Warning // of the time before this run, to be kept with it
	Phase        func(name string)  // called when a phase of the run begins
	Audit        AuditReader        // Entra's log through Graph; nil: it is not read
	Search       SearchReader       // the unified log by searches; nil: it is not
	Feed         FeedReader         // the unified log by its feed; nil: it is not
	NoFeed       error              // why the feed, which was asked for, could not be set up; nil: it could

	Activity       []snapshot.ActivitySource // to be read; none: activity stays as it is known
	ActivityReader ActivityReader
	Licensing      LicensingReader // the cloud licensing API; nil: it is not read
}

// Run reads the tenant and makes what it read history. On failure history
// stays as it was, with a record that the run was tried.
func Run(ctx context.Context, r Reader, db *store.DB, o Options) (*Summary, error) {
	if err := db.MayWrite(ctx); err != nil { // not after the tenant was read
		return nil, err
	}
	t := &run{db: db, Reader: r, o: o, started: o.Now(), warnings: slices.Clone(o.Warnings), shown: shown{assigned: map[snapshot.SKUID]int64{}}}
	t.pass = &userPass{run: t, shown: &t.shown}
	if err := t.open(ctx, db); err != nil {
		return nil, t.tried(ctx, err)
	}
	result, err := t.readAndCommit(ctx)
	if err != nil {
		return nil, t.fail(ctx, err)
	}
	if err := db.IndexRecords(ctx, callRule); err != nil { // the next run tries again
		result.Warnings = append(result.Warnings, snapshot.Warning{Code: "record-index", Message: err.Error()})
	}
	if err := t.lookBackAgain(ctx); err != nil { // what was read is in the archive: the next run looks again
		result.Warnings = append(result.Warnings, snapshot.Warning{Code: "look-back", Message: err.Error()})
	}
	return t.summary(result), nil
}

// callRule is how records call users.
var callRule = store.CallRule{Number: audit.CalledRule, Address: audit.Called}

// readAndCommit keeps what was read about users in a spool meanwhile.
func (t *run) readAndCommit(ctx context.Context) (result *store.Result, err error) {
	if t.spool, err = t.sync.Spool(); err != nil {
		return nil, err
	}
	defer t.spool.Close()
	if t.differs.pile, err = store.Pile[difference](t.sync); err != nil {
		return nil, err
	}
	defer t.differs.pile.Close()
	if t.found, err = store.Pile[store.Attributed](t.sync); err != nil {
		return nil, err
	}
	defer t.found.Close()
	if result, err = t.read(ctx); err != nil {
		return nil, err
	}
	return result, t.sync.Commit(ctx, *result)
}

// run is the state of one run.
type run struct {
	Reader
	o       Options
	started time.Time
	db      *store.DB
	sync    *store.Sync
	tenant  snapshot.Tenant
	premium bool
	// premiumSince is when the log began to be kept for longer; zero: not known.
	premiumSince time.Time
	skus         []snapshot.SKU
	catalog      snapshot.Catalog
	comparer     diff.Comparer

	shown     // what the pass over the users has shown
	pass      *userPass
	spool     *intake.Spool
	found     *intake.Pile[store.Attributed] // the changes, in the order in which they get their numbers
	outlines  []store.Outline                // of the same
	outliner  store.Outlines
	tenantOut []snapshot.Change
	warnings  []snapshot.Warning

	events     []snapshot.RawEvent      // fetched by this run, and not in the archive yet
	spilled    int                      // fetched by this run, and in the archive already
	coverage   []snapshot.Coverage      // to be committed with the run
	archived   []snapshot.Coverage      // committed already, by this run
	archive    archive                  // what is stored of the log
	editsOf    map[snapshot.UserID]bool // users whose edits the read of Entra's log keeps
	licensing  map[snapshot.UserID]bool // users of whose licenses Entra's log had records
	groupsRead []snapshot.Group
	principals []store.Principal // what this run learned of applications
}

// ErrWrongTenant says that another tenant answered than the one asked for.
var ErrWrongTenant = errors.New("another tenant answered")

// open learns which tenant answers and begins the run.
func (t *run) open(ctx context.Context, db *store.DB) error {
	t.phase("tenant")
	var fromSKUs snapshot.Tenant
	var err error
	if t.skus, fromSKUs, err = t.SKUs(ctx); err != nil {
		return fmt.Errorf("read the SKUs: %w", err)
	}
	org, err := t.Organization(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		t.warn("organization", "the tenant's name and plans could not be read: %v", err)
		org.ID = fromSKUs.ID
	}
	if org.ID == "" {
		org.ID = t.o.Tenant
	}
	if org.ID == "" {
		return fmt.Errorf("%w: neither the organization nor the SKUs name the tenant that answers", ErrImplausible)
	}
	if t.o.Tenant != "" && t.o.Tenant != org.ID {
		return fmt.Errorf("%w: asked for %s, %s answered", ErrWrongTenant, t.o.Tenant, org.ID)
	}
	t.tenant, t.premium, t.premiumSince = org.Tenant, org.Premium, org.PremiumSince
	if t.sync, err = db.Begin(ctx, t.tenant, t.started, t.o.Version); err != nil {
		return err
	}
	t.archive = t.sync.Events
	return nil
}

// fail records the failure. The record is written even when the run was
// interrupted: the context that ended the run must not prevent the record.
func (t *run) fail(ctx context.Context, cause error) error {
	status := store.Failed
	interrupted := t.pass.number == 0 && ctx.Err() != nil // before the first request for users
	if refused(cause) || interrupted || t.pass.number > 0 && t.passed.ObservedUntil.IsZero() {
		status = store.Incomplete
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(cause, t.sync.Fail(ctx, status, t.o.Now(), t.requests(), cause))
}

// tried records a run that failed before it began. Another tenant's history is
// not written to, nor what may not be.
func (t *run) tried(ctx context.Context, cause error) error {
	for _, kind := range []error{ErrWrongTenant, store.ErrOtherTenant, engine.ErrBusy, engine.ErrDamaged, engine.ErrMayNotWrite} {
		if errors.Is(cause, kind) {
			return cause
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(cause, t.db.Tried(ctx, t.started, t.o.Now(), t.o.Version, t.requests(), cause))
}

// requests counts those to all services.
func (t *run) requests() int64 {
	n := t.Requests()
	if t.o.Feed != nil {
		n += t.o.Feed.Requests()
	}
	return int64(n)
}

func (t *run) phase(name string) {
	if t.o.Phase != nil {
		t.o.Phase(name)
	}
}

// warn notes what went wrong, and what the cause advises.
func (t *run) warn(code, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok && adviceOf(err) != "" {
			message += "; " + adviceOf(err)
		}
	}
	t.warnings = append(t.warnings, snapshot.Warning{Code: code, Message: message})
}

// adviceOf is what an error says can be done about it, such as which
// permission to grant.
func adviceOf(err error) string {
	var a interface{ Advice() string }
	if errors.As(err, &a) {
		return a.Advice()
	}
	return ""
}

// read reads everything and finds what differs. Nothing is written.
func (t *run) read(ctx context.Context) (*store.Result, error) {
	if err := t.compareTenant(ctx); err != nil {
		return nil, err
	}
	if err := t.pass.read(ctx); err != nil {
		return nil, err
	}
	if err := t.pass.readMissing(ctx); err != nil {
		return nil, err
	}
	if err := t.readGroups(ctx); err != nil {
		return nil, err
	}
	agents, _, agentsErr := t.Agents(ctx)
	if agentsErr != nil {
		t.warn(string(snapshot.ReadAgents), "agent users could not be read: %v", agentsErr)
	}
	subscriptions, subscriptionsErr := t.Subscriptions(ctx)
	if subscriptionsErr != nil {
		t.warn("subscriptions", "subscriptions could not be read: %v", subscriptionsErr)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	licensing, err := t.fetchLicensing(ctx, subscriptions, subscriptionsErr == nil)
	if err != nil {
		return nil, err
	}
	t.reconcile()
	if err := t.fetchAudit(ctx); err != nil {
		return nil, err
	}
	before, err := t.lookBack(ctx)
	if err != nil {
		return nil, err
	}
	corrections, err := t.attribute(ctx)
	if err != nil {
		return nil, err
	}
	activity, err := t.fetchActivity(ctx)
	if err != nil {
		return nil, err
	}
	return &store.Result{
		EndedAt: t.o.Now(), ObservedAt: t.passed.ObservedAt, ObservedUntil: t.passed.ObservedUntil,
		Users: t.counts.Users, LicensedUsers: t.counts.Licensed, Assignments: t.counts.Held, Requests: t.requests(), Warnings: t.warnings,
		SKUs: t.skus, Assigned: t.assigned,
		Subscriptions: subscriptions, SubscriptionsRead: subscriptionsErr == nil, Groups: t.groupsRead,
		Spool: t.spool, Before: before, Changes: t.found.All(),
		Events: t.events, Fuller: audit.Fuller, Coverage: t.coverage, Corrections: corrections, Principals: t.principals, Agents: agents, Licensing: licensing, Activity: activity,
	}, nil
}

// compareTenant compares the catalog first: what Microsoft changed there
// explains dates that moved for users.
func (t *run) compareTenant(ctx context.Context) error {
	known, err := t.sync.SKUs(ctx)
	if err != nil {
		return err
	}
	if len(t.skus) == 0 && len(known) > 0 {
		t.warn("skus-empty", "Graph listed no SKU, which a tenant with licenses cannot have; what was known of SKUs stays")
		t.skus = nil
	}
	t.completeSKUs(known)
	if t.skus != nil && t.sync.Previous != nil {
		t.tenantOut = diff.SKUs(known, t.skus, t.sync.Run)
	}
	t.catalog = snapshot.NewCatalog(t.skus)
	t.comparer = diff.Comparer{Run: t.sync.Run, CatalogMoved: diff.CatalogMoved(t.tenantOut)}
	return nil
}

// completeSKUs fills in what Graph left out of a SKU's row with what is known
// of it: silence is not a change (I11).
func (t *run) completeSKUs(known []snapshot.SKU) {
	for i := range t.skus {
		s := &t.skus[i]
		at := slices.IndexFunc(known, func(k snapshot.SKU) bool { return k.ID == s.ID })
		if !s.Silent {
			continue
		}
		t.warn("sku-silent", "Graph left out the status, the seats, the seats in use or the service plans of %s; what was known of them stays", s.ID)
		if at < 0 {
			continue
		}
		if s.Status == "" {
			s.Status = known[at].Status
		}
		if s.Units == (snapshot.Units{}) {
			s.Units = known[at].Units
		}
		if s.Plans == nil {
			s.Plans = known[at].Plans
		}
		if s.Uncounted {
			s.Consumed = known[at].Consumed
		}
	}
}

// window is what bounds the changes of this run (I10).
func (t *run) window() snapshot.Window {
	w := snapshot.Window{NotAfter: t.passed.ObservedUntil}
	if t.sync.Previous != nil {
		w.NotBefore = t.sync.Previous.ObservedAt
	}
	return w
}

// changes are the changes of the run, in an order that does not depend on the order
// in which Graph listed anything. The first run has no changes (I7).
func (t *run) changes() *diff.Changes {
	t.differs.sort()
	return &diff.Changes{Users: t.differs.changed(), Of: t.changesOf, Lost: t.differs.lost}
}

// changesOf are the changes of a user, or of the tenant itself for "".
func (t *run) changesOf(user snapshot.UserID) []snapshot.Change {
	all := t.tenantOut
	if user != "" {
		d := t.differs.get(user)
		if d == nil {
			return nil
		}
		all = d.Changes
	}
	all = slices.Clone(all)
	for i := range all {
		c := &all[i]
		c.Window = t.window()
		switch {
		case user != "":
			c.Listed = listed(t.deleted[user], c, all)
		case c.Kind == snapshot.SKUPlanAdded || c.Kind == snapshot.SKUPlanRemoved:
			c.Affected = int(t.assigned[c.SKU])
		}
	}
	return all
}

// listed says whether a deleted user still lists the change's path; nil when that
// is not known. A license that is listed without a path may be that of any path by
// which the user had the SKU: with one of several it says nothing.
func listed(d snapshot.DeletedUser, c *snapshot.Change, all []snapshot.Change) *bool {
	if c.Presence != snapshot.Deleted || c.Path == nil || !d.ListedKnown {
		return nil
	}
	lists := false
	for _, p := range d.Listed {
		switch {
		case p.SKU != c.SKU:
		case p.PathRef == *c.Path && p.Kind != snapshot.Unknown:
			lists = true
		case p.Kind == snapshot.Unknown || c.Path.Kind == snapshot.Unknown:
			if pathsOf(all, c.SKU) > 1 {
				return nil
			}
			lists = true
		}
	}
	return &lists
}

// pathsOf counts the paths of a SKU that changed.
func pathsOf(changes []snapshot.Change, sku snapshot.SKUID) int {
	paths := map[snapshot.PathRef]bool{}
	for i := range changes {
		if changes[i].SKU == sku && changes[i].Path != nil {
			paths[*changes[i].Path] = true
		}
	}
	return len(paths)
}

// reconcile compares our count of holders with Microsoft's. The difference is
// stored and shown for every SKU; here only a large one is worth a warning.
func (t *run) reconcile() {
	for _, s := range t.skus {
		if ours := t.assigned[s.ID]; !s.Uncounted && differ(ours, s.Consumed) {
			t.warn("consumed-mismatch", "%s: %d users hold it, Microsoft counts %d seats in use", s.PartNumber, ours, s.Consumed)
		}
	}
}

// mapKeys lists a set in order.
func mapKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
