package diff

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"lictrail/snapshot"
)

// D1: what a run changes in the history of a user leads from what history
// knows to what the run showed: nothing to nothing, and any user to any other.
// The order in which Graph lists rows carries no meaning (I3).
func TestD1_ComparisonLeadsFromOldToNew(t *testing.T) {
	const pairs = 1_000_000
	workers := runtime.GOMAXPROCS(0)
	each := rounds(pairs)/uint64(workers) + 1
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			d := drawer{rand.New(rand.NewPCG(uint64(worker), 1))}
			for i := range each {
				if msg := d.pair(); msg != "" {
					t.Errorf("worker %d, pair %d: %s", worker, i, msg)
					return
				}
			}
		})
	}
	wg.Wait()
}

// drawer draws users.
type drawer struct{ *rand.Rand }

// pair checks the laws on two random users; "" if they hold.
func (d drawer) pair() string {
	a, b := d.user(), d.user()
	c := Comparer{Run: 9, CatalogMoved: map[snapshot.SKUID]bool{"e3": d.IntN(2) == 0}}
	known := d.known(a)
	if same := c.User(known, a); !same.Empty() || len(same.Changes) > 0 {
		return "a user differs from itself"
	}
	delta := c.User(known, b)
	if !sameUser(applied(a, &delta), b) {
		return "the delta does not lead to the new user"
	}
	if held(a, b) && delta.Empty() {
		return "an empty delta, but the SKUs held differ"
	}
	mixed := d.shuffled(b)
	if !sameUser(mixed, b) {
		return "the order of rows matters to Normalize"
	}
	if d.IntN(16) == 0 && !reflect.DeepEqual(c.User(&snapshot.Known{User: d.shuffled(a), Spans: known.Spans, Ended: known.Ended}, mixed), delta) {
		return "the order of rows matters to the comparison"
	}
	return ""
}

// held reports whether two users hold different SKUs.
func held(a, b snapshot.User) bool { return !slices.Equal(a.Held(), b.Held()) }

func (d drawer) user() snapshot.User {
	u := snapshot.User{ID: "ann", Presence: snapshot.Present}
	u.UPN = []string{"ann@contoso.com", "anna@contoso.com"}[d.IntN(2)]
	u.Department = []string{"", "Sales"}[d.IntN(2)]
	switch d.IntN(8) {
	case 0:
		u.Presence, u.DeletedAt = snapshot.Deleted, d.time()
		return u
	case 1:
		u.Presence = snapshot.Gone
		return u
	}
	for _, sku := range []snapshot.SKUID{"e3", "e5"} {
		for _, ref := range refs {
			if d.IntN(4) == 0 {
				u.Paths = append(u.Paths, d.path(sku, ref))
			}
		}
	}
	for range d.IntN(5) {
		u.Plans = append(u.Plans, snapshot.Plan{ID: []snapshot.PlanID{"teams", "sway"}[d.IntN(2)],
			Status: []string{"Enabled", "Deleted"}[d.IntN(2)], AssignedAt: d.time()})
	}
	u.Normalize()
	return u
}

var refs = []snapshot.PathRef{{Kind: snapshot.Direct}, {Kind: snapshot.ByGroup, Group: "hr"},
	{Kind: snapshot.ByGroup, Group: "sales"}, {Kind: snapshot.Unknown}}

func (d drawer) path(sku snapshot.SKUID, ref snapshot.PathRef) snapshot.Path {
	p := snapshot.Path{PathKey: snapshot.PathKey{SKU: sku, PathRef: ref}, Held: true, State: "Active", UpdatedAt: d.time()}
	switch d.IntN(6) {
	case 0:
		p.Held, p.State, p.Error = false, "Error", "CountViolation"
	case 1:
		p.State, p.Error = "ActiveWithError", "Other"
	case 2:
		p.Disabled = []snapshot.PlanID{"sway"}
	}
	return p
}

func (d drawer) time() time.Time {
	if d.IntN(5) == 0 {
		return time.Time{}
	}
	return time.Unix(1_700_000_000+int64(d.IntN(3)), 0).UTC()
}

// known is what history has of a user: a span for each path held, and perhaps
// periods that ended.
func (d drawer) known(u snapshot.User) *snapshot.Known {
	k := &snapshot.Known{User: u, Spans: map[snapshot.PathKey]snapshot.Span{}, Ended: map[snapshot.SKUID]snapshot.Ended{}}
	for _, p := range u.Paths {
		if p.Held {
			k.Spans[p.PathKey] = snapshot.Span{Path: 3, Start: 2, Period: 1}
		}
	}
	for _, sku := range []snapshot.SKUID{"e3", "e5"} {
		if !u.Holds(sku) && d.IntN(2) == 0 {
			k.Ended[sku] = snapshot.Ended{Span: snapshot.Span{Path: 1, Start: 1, Period: 2}, Suspended: u.Presence != snapshot.Present}
		}
	}
	return k
}

// shuffled lists the user's rows in another order, and one plan twice.
func (d drawer) shuffled(u snapshot.User) snapshot.User {
	u.Paths, u.Plans = slices.Clone(u.Paths), slices.Clone(u.Plans)
	if n := len(u.Plans); n > 0 {
		u.Plans = append(u.Plans, u.Plans[d.IntN(n)])
	}
	d.Shuffle(len(u.Paths), func(i, j int) { u.Paths[i], u.Paths[j] = u.Paths[j], u.Paths[i] })
	d.Shuffle(len(u.Plans), func(i, j int) { u.Plans[i], u.Plans[j] = u.Plans[j], u.Plans[i] })
	u.Normalize()
	return u
}

// applied plays a delta on a user, the way the store does.
func applied(u snapshot.User, d *snapshot.Delta) snapshot.User {
	u.Paths = slices.DeleteFunc(slices.Clone(u.Paths), func(p snapshot.Path) bool { return slices.Contains(d.Closed, p.PathKey) })
	for _, o := range d.Opened {
		u.Paths = append(u.Paths, o.Path)
	}
	if d.Attributes {
		u.Attributes, u.Presence, u.DeletedAt = d.New.Attributes, d.New.Presence, d.New.DeletedAt
	}
	if d.Plans {
		u.Plans = d.New.Plans
	}
	u.Normalize()
	return u
}

func sameUser(a, b snapshot.User) bool {
	return a.ID == b.ID && a.Attributes.Equal(b.Attributes) && a.Presence == b.Presence && a.DeletedAt.Equal(b.DeletedAt) &&
		slices.EqualFunc(a.Paths, b.Paths, snapshot.Path.Equal) && slices.EqualFunc(a.Plans, b.Plans, snapshot.Plan.Equal)
}
