package proof

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

var (
	plain    = flag.Bool("plain", false, "let only administrators and the tenant's own apps act")
	oneShape = flag.String("paths", "", "play only this shape, such as \"two groups\"")
	oneLoss  = flag.String("log", "", "play only this log, such as lossy")
)

// shape is by which paths the users of a tenant hold a license.
type shape struct {
	name    string
	several bool
	options graphtest.ChurnOptions
	// all: random operations of all kinds, some of which leave no record.
	all bool
}

var shapes = []shape{
	{name: "direct", options: graphtest.ChurnOptions{Direct: true}},
	{name: "one group", options: graphtest.ChurnOptions{Groups: 1}},
	{name: "direct and one group", several: true, options: graphtest.ChurnOptions{Direct: true, Groups: 1}},
	{name: "two groups", several: true, options: graphtest.ChurnOptions{Groups: 2}},
	{name: "direct and two groups", several: true, options: graphtest.ChurnOptions{Direct: true, Groups: 2}},
	{name: "direct and three groups", several: true, options: graphtest.ChurnOptions{Direct: true, Groups: 3}},
	{name: "operations of all kinds", several: true, all: true},
}

// loss is what the audit log lacks.
type loss struct {
	name     string
	complete bool
	lies     graphtest.Lies
	harsher  bool // than what a share of attributions is promised for
	week     bool // Microsoft keeps the log for a week, not for a month
}

var losses = []loss{
	// Every record appears, however late, in parts, twice, or without details.
	{name: "complete", complete: true, lies: graphtest.Lies{
		Late: 0.3, Delay: 40 * time.Hour, Spread: true, LateDelete: 0.3, NoDetails: 0.05, BareGroup: 0.2, NoChange: 0.1, BlankActor: 0.3,
		Duplicate: 0.1, OddEncoding: 0.1, GroupFirst: 0.5, Noise: 0.05, ActorDeleted: 0.05,
	}},
	{name: "lossy", lies: lies},
	// Records of every kind are lost, also those of memberships.
	{name: "3 % lost", harsher: true, lies: graphtest.Lies{Late: 0.1, Delay: 40 * time.Hour, Spread: true, Lost: 0.03, NoDetails: 0.05, BareGroup: 0.1}},
}

// cell is one shape with one loss.
type cell struct {
	shape
	loss
	*verdicts
}

// grid plays every shape with every loss until each had its share of the
// operations.
func grid(t *testing.T, losses []loss, log reads, after func(*testing.T, *plays, *verdicts)) []cell {
	t.Helper()
	var cells []cell
	share := max(*operations/(len(shapes)*len(losses)), 120)
	for _, l := range losses {
		for _, s := range shapes {
			if *oneShape != "" && *oneShape != s.name || *oneLoss != "" && *oneLoss != l.name {
				continue
			}
			c := cell{s, l, newVerdicts()}
			for n := 0; c.operations < share; n++ {
				p := playPaths(t, s, l, n, share-c.operations, log)
				c.operations += p.operations
				after(t, p, c.verdicts)
			}
			cells = append(cells, c)
		}
	}
	return cells
}

// plays is a tenant that was played, with its history.
type plays struct {
	*world
	tenant     *graphtest.Tenant
	db         *store.DB
	begin      time.Time
	operations int
}

// playPaths plays some weeks of one tenant with a run each, and one more for what
// comes late. Tenants differ in how the engine works and in what happens to
// groups and users.
func playPaths(t *testing.T, s shape, l loss, n, operations int, log reads) *plays {
	t.Helper()
	tenant := graphtest.New(*firstSeed + uint64(n))
	tenant.Resaves = 0.2
	tenant.Engine = &graphtest.Engine{Lag: graphtest.PromptLag, Together: 0.2, Spread: 2 * time.Minute}
	if n%3 == 1 {
		tenant.Engine = &graphtest.Engine{Lag: graphtest.SlowLag, Together: 0.4, Spread: 2 * time.Minute}
	}
	week := s.weeks(tenant, n)
	tenant.Lies, tenant.Premium = l.lies, !l.week
	p := &plays{tenant: tenant, begin: tenant.Now()}
	server := graphtest.NewServer(tenant, graphtest.WithVaryingPages(), graphtest.WithScopes(append(slices.Clone(graphtest.AllScopes), "Application.Read.All")...))
	base, err := server.Start()
	must(t, err)
	defer server.Close()
	reader, err := cli.SimulatedReader(base)
	must(t, err)
	p.db, err = store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "paths.db"), migrations.Apply)
	must(t, err)
	t.Cleanup(func() { p.db.Close() })
	var runs []time.Time
	sync := func() {
		o := track.Options{MaxShrink: 0.9, Version: "proof", Now: tenant.Now}
		if log(len(runs)) {
			o.Audit = reader
		}
		_, err := track.Run(t.Context(), reader, p.db, o)
		must(t, err)
		runs = append(runs, tenant.Now())
	}
	sync()
	for range 5 {
		p.operations += week()
		tenant.Advance(time.Minute) // acts of one moment follow each other in the truth log
		if sync(); p.operations >= operations {
			break
		}
	}
	tenant.Advance(48 * time.Hour)
	sync()
	p.world = newWorld(tenant, runs, log(0) && log(1))
	return p
}

// weeks prepares a tenant, and returns what plays a week and counts its operations.
func (s shape) weeks(tenant *graphtest.Tenant, n int) func() int {
	if s.all {
		tenant.Pace = 4 * time.Hour
		tenant.Populate(40, 6)
		tenant.Advance(48 * time.Hour)
		return func() int {
			end := tenant.Now().Add(7 * 24 * time.Hour)
			done := tenant.RandomOps(40)
			tenant.AdvanceTo(end)
			return done
		}
	}
	o := s.options
	o.Plain = *plain
	o.Users, o.PerWeek, o.Switches, o.Leavers, o.Resets = 20, 4, n%2 == 1, n%3 == 2, n%2 == 0
	return tenant.NewChurn(o).Week
}

// judged judges a history, and verifies it.
func judged(t *testing.T, p *plays, v *verdicts) {
	t.Helper()
	h, err := p.db.History(t.Context())
	must(t, err)
	defer h.Close()
	p.compare(t, h, v)
	verify(t, p.db, h)
}

// TestAttribution_Paths judges every statement about tenants whose users hold a
// license by several paths, in and out and in again: causes, people, groups,
// times, what only the log saw, moved dates, periods and first dates.
//
//	go test ./cmd/lictrail/internal/proof -run Attribution_Paths -v -timeout 2h -operations 20000
func TestAttribution_Paths(t *testing.T) {
	cells := grid(t, losses, always, judged)
	t.Logf("%s%s", table(cells), causes(cells))
	for _, c := range cells {
		c.require(t)
	}
}

// causes is the recall of each cause, by log.
func causes(cells []cell) string {
	var b strings.Builder
	for _, l := range losses {
		all := newVerdicts()
		for _, c := range cells {
			for cause, n := range c.byCause {
				if c.loss.name == l.name {
					sum := all.of(cause)
					sum.truth, sum.claimed, sum.right = sum.truth+n.truth, sum.claimed+n.claimed, sum.right+n.right
				}
			}
		}
		fmt.Fprintf(&b, "\n%-9s %-15s %7s %7s %7s %8s\n", "log", "cause", "true", "claimed", "right", "recall")
		for _, cause := range slices.Sorted(maps.Keys(all.byCause)) {
			n := all.of(cause)
			fmt.Fprintf(&b, "%-9s %-15s %7d %7d %7d %8s\n", l.name, cause, n.truth, n.claimed, n.right, percent(n.right, n.truth))
		}
	}
	return b.String()
}

// TestAttribution_PathsWithoutLog: nor may snapshots alone lead to anything
// wrong, where licenses have several paths.
func TestAttribution_PathsWithoutLog(t *testing.T) {
	strict(t, grid(t, losses[:1], never, judged))
}

// TestAttribution_PathsLogByTurns: nor a log that every other run reads.
func TestAttribution_PathsLogByTurns(t *testing.T) {
	strict(t, grid(t, losses[:1], byTurns, judged))
}

// TestAttribution_PathsLateImport: nor exports of the log that are imported
// afterwards, of which the first has a stretch in the middle. With the last of
// them the log is complete.
func TestAttribution_PathsLateImport(t *testing.T) {
	strict(t, grid(t, losses[:1], never, func(t *testing.T, p *plays, v *verdicts) {
		w, end := &weeks{tenant: p.tenant, db: p.db}, p.tenant.Now()
		third := end.Sub(p.begin) / 3
		for _, part := range []snapshot.Window{
			{NotBefore: p.begin.Add(third), NotAfter: p.begin.Add(2 * third)},
			{NotBefore: p.begin, NotAfter: p.begin.Add(third)},
			{NotBefore: p.begin.Add(2 * third), NotAfter: end},
		} {
			w.importPart(t, part)
			p.logged = part.NotAfter.Equal(end)
			judged(t, p, v)
		}
	}))
}

// TestDates_Paths: the days on which a license was held are true as well, where
// it has several paths. The other dates are judged with the attributions.
func TestDates_Paths(t *testing.T) {
	days := 0
	cells := grid(t, losses[:1], always, func(t *testing.T, p *plays, v *verdicts) {
		h, err := p.db.History(t.Context())
		must(t, err)
		defer h.Close()
		j := &judge{world: p.world, tally: v, report: func(format string, args ...any) {
			if *verbose || v.faults() <= 3 {
				t.Logf(format, args...)
			}
		}}
		for held, err := range h.Holdings(t.Context(), store.Filter{}) {
			must(t, err)
			days += j.days(h, held)
		}
	})
	strict(t, cells)
	if t.Logf("%d days", days); days == 0 {
		t.Error("no day was checked: the test proves nothing")
	}
}

// TestDates_PathsLogForgotten: no date is wrong where every other run reads the log,
// and Microsoft has forgotten a part of it by then. What was assigned and removed again
// in that part left no trace: no later record says that it is the first.
func TestDates_PathsLogForgotten(t *testing.T) {
	forgotten := losses[0]
	forgotten.name, forgotten.week = "forgotten", true
	cells := grid(t, []loss{forgotten}, byTurns, judged)
	t.Logf("%s", table(cells))
	for _, c := range cells {
		if c.wrongDates > 0 || c.dates == 0 {
			t.Errorf("%s: %d of %d dates wrong", c.shape.name, c.wrongDates, c.dates)
		}
	}
}

// strict checks that nothing is wrong.
func strict(t *testing.T, cells []cell) {
	t.Helper()
	t.Logf("%s", table(cells))
	for _, c := range cells {
		if c.faults() > 0 {
			t.Errorf("%s: %d wrong, %d invented, %d told twice, %d missing, %d wrong dates; by class %v",
				c.shape.name, c.faults(), c.invented, c.twice, c.missing, c.wrongDates, c.byClass)
		}
	}
}

// require checks what is promised.
func (c cell) require(t *testing.T) {
	t.Helper()
	if c.observed == 0 || c.turns == 0 {
		t.Errorf("%s, %s: nothing happened: the test proves nothing", c.shape.name, c.loss.name)
	}
	attributed, told := 0.901, 0.0
	switch {
	case c.all || c.harsher:
		attributed = 0
	case c.complete && c.several:
		attributed, told = 0.97, 0.98
	case c.complete:
		attributed, told = 0.99, 0.98
	case c.several:
		attributed = 0.80
	}
	if below(c.attributed, c.observed, attributed) {
		t.Errorf("%s, %s: %s of observed assignments and removals attributed, want %.0f %%", c.shape.name, c.loss.name, percent(c.attributed, c.observed), 100*attributed)
	}
	if below(c.toldNamed, c.turns, told) {
		t.Errorf("%s, %s: %s of all transitions told and named, want %.0f %%", c.shape.name, c.loss.name, percent(c.toldNamed, c.turns), 100*told)
	}
	// Where records are lost, at most 3 in 1,000 at medium confidence may be wrong, and
	// as many dates: the remaining records may fit a complete but false history.
	tolerated := 0
	if !c.complete {
		tolerated = max(3*c.claims[snapshot.Medium]/1000, 1) + c.wrong[snapshot.Low] + min(c.wrongDates, 3*c.dates/1000)
	}
	if c.wrong[snapshot.High] > 0 || c.faults() > tolerated {
		t.Errorf("%s, %s: %d wrong (%d at high confidence), %d invented, %d told twice, %d missing, %d wrong dates; by class %v",
			c.shape.name, c.loss.name, c.faults(), c.wrong[snapshot.High], c.invented, c.twice, c.missing, c.wrongDates, c.byClass)
	}
}

// below says whether part of whole is a smaller share than want, by more than chance explains:
// three standard errors of a sample of that size.
func below(part, whole int, want float64) bool {
	if whole == 0 {
		return false
	}
	n := float64(whole)
	return float64(part)/n < want-3*math.Sqrt(want*(1-want)/n)
}

// table is what goes into the README. Its columns:
//
//	observed     assignments and removals that two snapshots show
//	attributed   those of them with a cause, and rightly so; named: with the right party as well
//	turns        assignments and removals in truth, whether or not a snapshot shows them;
//	             told,named: how many of them are reported as a change that names the right party
//	claims       changes with a cause; wrong of them, by confidence (high/medium/low)
//	apart        wrong, where records were lost and the others fit a complete but false history
//	alike        wrong, where two truths leave the same evidence
//	invented     changes that are reported and never happened
//	told twice   changes that are reported a second time
//	moved        dates that moved and nothing else did; Microsoft's: wrongly laid on Microsoft
//	missing      differences of two snapshots that no change reports
//	wrong dates  of first dates, current periods, their number, paths, and ends of periods
func table(cells []cell) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-9s %-24s %6s %8s %11s %7s %6s %11s %6s %13s %11s %5s %9s %10s %6s %12s\n", "log", "paths", "ops", "observed", "attributed",
		"named", "turns", "told,named", "claims", "wrong h/m/l", "apart h/m/l", "alike", "invented", "told twice", "moved", "Microsoft's")
	for _, c := range cells {
		fmt.Fprintf(&b, "%-9s %-24s %6d %8d %11s %7s %6d %11s %6d %13s %11s %5d %9d %10d %6d %12d  missing %d, wrong dates %d of %d\n", c.loss.name, c.shape.name, c.operations, c.observed,
			percent(c.attributed, c.observed), percent(c.named, c.observed), c.turns, percent(c.toldNamed, c.turns), c.claimed(),
			three(c.wrong), three(c.apart), c.alike, c.invented, c.twice, c.moved, c.microsoft, c.missing, c.wrongDates, c.dates)
	}
	return b.String()
}

func three(by map[snapshot.Confidence]int) string {
	return fmt.Sprintf("%d/%d/%d", by[snapshot.High], by[snapshot.Medium], by[snapshot.Low])
}

// TestAttribution_Settled: no run leaves out what it has to attribute anew. Doing all
// of it again, after the last run, changes nothing.
func TestAttribution_Settled(t *testing.T) {
	for _, l := range losses {
		for n, s := range shapes {
			p := playPaths(t, s, l, n, 60, always)
			h, err := p.db.History(t.Context())
			must(t, err)
			again, err := track.Conclude(t.Context(), p.db, time.Time{}, h.At.EndedAt.AddDate(1, 0, 0))
			must(t, errors.Join(err, h.Close()))
			if again.Corrections+again.Unseen > 0 {
				t.Errorf("%s, %s: attributing all windows again corrects %d attributions and finds %d changes", l.name, s.name, again.Corrections, again.Unseen)
			}
		}
	}
}
