package proof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestCoverage_Graph plays runs at irregular intervals of which many cannot read
// the log, or not all of it, and compares what is stored as read with the requests
// that the simulator answered:
//
//   - a stretch that is stored as complete was asked for and answered in full, for
//     every activity, while the log still had it;
//   - after a run that could read the log, each activity was answered for all that is
//     not covered and that the log still has;
//   - "Update user" was answered for whoever changed in a stretch that is complete.
//
// One that fails is played again with -seed N -operations 1.
func TestCoverage_Graph(t *testing.T) {
	var checked coverageFigures
	for i := range uint64(max(1, *operations/30)) {
		seed := *firstSeed + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { playCoverage(t, seed, &checked) })
	}
	t.Logf("%+v", checked)
	if *operations >= 300 && (checked.stretches == 0 || checked.gaps == 0 || checked.failed == 0 || checked.refused == 0 || checked.changes == 0) {
		t.Errorf("%+v: the test proves nothing", checked)
	}
}

// coverageFigures count what was played: a kind that never came about proves nothing.
type coverageFigures struct {
	stretches, gaps, refused, failed, changes int
}

// coveragePlay is a tenant whose log is read with failures.
type coveragePlay struct {
	*graphtest.Tenant
	server  *graphtest.Server
	db      *store.DB
	reader  *graph.Client
	sync    func(track.AuditReader, track.FeedReader) error // of one of the logs
	feed    *flakyFeed
	times   []time.Time // of the requests for audit records
	known   int         // requests of earlier runs
	answers []logAnswer
}

// logAnswer is what a log answered, in full, to one question.
type logAnswer struct {
	activity, user string // user: the target asked for; "" for any
	snapshot.Window
}

func playCoverage(t *testing.T, seed uint64, checked *coverageFigures) {
	rng := rand.New(rand.NewPCG(seed, 11))
	step := []time.Duration{0, 10 * time.Second, 2 * time.Minute}[rng.IntN(3)] // of the clock, with each request
	p := newCoveragePlay(t, seed, rng, step)
	for range 9 {
		p.RandomOps(rng.IntN(6))
		p.Advance(someTime(rng))
		p.server.ClearFaults()
		faults := coverageFaults(rng)
		p.server.Inject(faults...)
		covered := p.stretches(t)
		begin := p.Now()
		err := p.sync(p.reader, nil)
		p.note()
		switch {
		case err != nil && len(faults) == 0:
			t.Fatal(err)
		case err != nil:
			checked.refused++
		case slices.ContainsFunc(faults, func(f graphtest.Fault) bool { return f.Endpoint == graphtest.EndpointAudits }):
			checked.failed++
		default:
			p.checkAsked(t, covered, begin)
		}
		p.checkCovered(t, checked)
	}
}

// someTime is the time between two runs: minutes, or more than any log is kept.
func someTime(rng *rand.Rand) time.Duration {
	const day = 24 * time.Hour
	return time.Duration(rng.Int64N(int64([]time.Duration{time.Hour, 2 * day, 6 * day, 12 * day, 40 * day}[rng.IntN(5)])))
}

func newCoveragePlay(t *testing.T, seed uint64, rng *rand.Rand, step time.Duration) *coveragePlay {
	t.Helper()
	tenant := graphtest.New(seed)
	tenant.Premium, tenant.Pace = rng.IntN(3) == 0, time.Hour
	tenant.Populate(8, 2)
	p := &coveragePlay{Tenant: tenant}
	p.server = graphtest.NewServer(tenant, graphtest.WithSeed(seed), graphtest.WithVaryingPages(), graphtest.WithRunningFeed(),
		graphtest.WithClockStep(step),
		graphtest.WithHook(func(tenant *graphtest.Tenant, r graphtest.Request) {
			if r.Endpoint == graphtest.EndpointAudits {
				p.times = append(p.times, tenant.Now())
			}
		}))
	base, err := p.server.Start()
	must(t, err)
	activity, err := p.server.StartActivity()
	must(t, err)
	t.Cleanup(func() { p.server.Close() })
	reader, err := cli.SimulatedReader(base)
	must(t, err)
	p.db, err = store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "coverage.db"), migrations.Apply)
	must(t, err)
	t.Cleanup(func() { p.db.Close() })
	o := track.Options{MaxShrink: 1, AcceptShrink: true, Version: "proof", Now: tenant.Now}
	must(t, cli.SimulatedSources(reader, activity, &o))
	p.feed = &flakyFeed{FeedReader: o.Feed, rng: rng, listed: map[snapshot.Window][]string{}, read: map[string]bool{}}
	p.sync = func(audit track.AuditReader, feed track.FeedReader) error {
		o := o
		o.Audit, o.Search, o.Feed = audit, nil, feed
		_, err := track.Run(t.Context(), reader, p.db, o)
		return err
	}
	p.reader = reader
	return p
}

// coverageFaults are what a run may meet: a log that is refused, one activity of
// it, one page of an activity, users that cannot be read, or an organization whose
// plans cannot be read.
func coverageFaults(rng *rand.Rand) []graphtest.Fault {
	of := func(e graphtest.Endpoint, query string, page graphtest.Page) []graphtest.Fault {
		return []graphtest.Fault{{Endpoint: e, Query: query, Page: page, Times: graphtest.Forever, Kind: graphtest.Fault403}}
	}
	page := []graphtest.Page{graphtest.AnyPage, graphtest.LastPage, 2}[rng.IntN(3)]
	activity := logActivities[rng.IntN(len(logActivities))]
	return [][]graphtest.Fault{
		nil, nil, nil,
		of(graphtest.EndpointAudits, "", page),
		of(graphtest.EndpointAudits, "'"+activity+"'", page),
		of(graphtest.EndpointAudits, "'"+activity+"'", graphtest.AnyPage),
		of(graphtest.EndpointAudits, "'Update user'", page),
		of(graphtest.EndpointUsers, "", graphtest.AnyPage),
		of(graphtest.EndpointOrganization, "", graphtest.AnyPage),
	}[rng.IntN(9)]
}

// logActivities are those of which all records are to be read.
var logActivities = []string{
	"Change user license", "Set group license", "Start applying group based license", "Finish applying group based license",
	"Trigger group license recalculation", "Add member to group", "Remove member from group", "Update group", "Add group",
	"Add user", "Delete user", "Hard Delete user", "Restore user",
}

var (
	activityIn = regexp.MustCompile(`activityDisplayName(?: eq |,)'([^']*)'`)
	targetIn   = regexp.MustCompile(`t/id eq '([^']*)'`)
	timesIn    = regexp.MustCompile(`activityDateTime (?:ge|le) ([0-9TZ:-]+)`)
)

// note takes down what was answered since it was last called: a question and its
// pages, of which the last was answered too. What the log had lost by then was not.
func (p *coveragePlay) note() {
	all := slices.DeleteFunc(p.server.Requests(), func(r graphtest.Request) bool { return r.Endpoint != graphtest.EndpointAudits })
	var list []logAnswer
	ok := false
	keep := func() {
		if last := len(list) - 1; last >= 0 && !ok {
			list = list[:last]
		}
	}
	for i := p.known; i < len(all); i++ {
		r, at := all[i], p.times[i]
		filter := r.Query.Get("$filter")
		if r.Page == 1 {
			keep()
			list = append(list, questionOf(filter, at))
		}
		ok = r.Status == 200
		last := &list[len(list)-1]
		last.NotBefore = later(last.NotBefore, at.Add(-p.kept()-time.Minute)) // the program rounds how far a log reaches back to minutes
	}
	keep()
	p.known = len(all)
	p.answers = append(p.answers, list...)
}

func questionOf(filter string, at time.Time) logAnswer {
	a := logAnswer{activity: activityIn.FindStringSubmatch(filter)[1]}
	if m := targetIn.FindStringSubmatch(filter); m != nil {
		a.user = m[1]
	}
	bounds := timesIn.FindAllStringSubmatch(filter, 2)
	a.NotBefore, _ = time.Parse(time.RFC3339, bounds[0][1])
	a.NotAfter, _ = time.Parse(time.RFC3339, bounds[1][1])
	if a.NotAfter.After(at) {
		a.NotAfter = at
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// kept is how long the tenant keeps its log.
func (p *coveragePlay) kept() time.Duration {
	if p.Premium {
		return 30 * 24 * time.Hour
	}
	return 7 * 24 * time.Hour
}

// answered lists for which times an activity was answered, for a user or for all.
func answered(answers []logAnswer, activity, user string) []snapshot.Window {
	var list []snapshot.Window
	for _, a := range answers {
		if a.activity == activity && (a.user == "" || a.user == user) {
			list = append(list, a.Window)
		}
	}
	slices.SortFunc(list, func(a, b snapshot.Window) int {
		return cmp.Or(a.NotBefore.Compare(b.NotBefore), a.NotAfter.Compare(b.NotAfter))
	})
	return list
}

// stretches lists what is stored as read in full.
func (p *coveragePlay) stretches(t *testing.T) []snapshot.Window {
	t.Helper()
	h, err := p.db.History(t.Context())
	if errors.Is(err, store.ErrNoRun) {
		return nil
	}
	must(t, err)
	defer h.Close()
	coverage, err := h.Coverage(t.Context())
	must(t, err)
	var list []snapshot.Window
	for _, c := range snapshot.JoinCoverage(coverage) {
		if c.Complete {
			list = append(list, snapshot.Window{NotBefore: c.From, NotAfter: c.To})
		}
	}
	return list
}

// checkAsked holds a run that met nothing in the log against what must have been
// asked for by its end: all that is not covered and that the log surely has.
func (p *coveragePlay) checkAsked(t *testing.T, covered []snapshot.Window, begin time.Time) {
	t.Helper()
	for _, w := range snapshot.Except(snapshot.Window{NotBefore: p.Now().Add(-p.kept()), NotAfter: begin}, covered) {
		for _, activity := range logActivities {
			for _, left := range snapshot.Except(w, answered(p.answers, activity, "")) {
				t.Errorf("%q was not asked for from %s to %s, which is not covered", activity, clock(left.NotBefore), clock(left.NotAfter))
			}
		}
	}
}

// checkCovered holds what is stored as read against what was answered.
func (p *coveragePlay) checkCovered(t *testing.T, checked *coverageFigures) {
	t.Helper()
	whole := p.stretches(t)
	checked.stretches += len(whole)
	checked.gaps += max(0, len(whole)-1)
	for _, w := range whole {
		for _, activity := range logActivities {
			for _, left := range snapshot.Except(w, answered(p.answers, activity, "")) {
				t.Errorf("%s to %s is stored as read, but %q was not answered from %s to %s",
					clock(w.NotBefore), clock(w.NotAfter), activity, clock(left.NotBefore), clock(left.NotAfter))
			}
		}
	}
	if len(whole) > 0 {
		p.checkUpdates(t, whole, checked)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// checkUpdates does so for the "Update user" records of each user whose licenses
// changed. Where another record dates the change, they are not asked for.
func (p *coveragePlay) checkUpdates(t *testing.T, whole []snapshot.Window, checked *coverageFigures) {
	t.Helper()
	h, err := p.db.History(t.Context())
	must(t, err)
	defer h.Close()
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		must(t, err)
		if c.User == "" || !c.Observed || !c.Attribution.At.IsZero() {
			continue
		}
		checked.changes++
		// While the run before read the users, it did not know of the change.
		begin := h.Runs[h.Runs[c.Run].Previous].ObservedUntil
		for _, w := range whole {
			w = snapshot.Window{NotBefore: later(w.NotBefore, begin), NotAfter: w.NotAfter}
			if w.NotAfter.After(c.Window.NotAfter) {
				w.NotAfter = c.Window.NotAfter
			}
			for _, left := range snapshot.Except(w, answered(p.answers, "Update user", strings.ToLower(string(c.User)))) {
				t.Errorf("%s to %s is stored as read, but of %s, whose licenses changed from %s to %s, \"Update user\" was not answered from %s to %s",
					clock(w.NotBefore), clock(w.NotAfter), c.User, clock(c.Window.NotBefore), clock(c.Window.NotAfter), clock(left.NotBefore), clock(left.NotAfter))
			}
		}
	}
}

// TestCoverage_Feed does so with the feed of the unified log, of which content cannot
// be listed or not be read: what is stored as complete was listed, and all its content
// read; after a run that meets nothing, all counts that the feed still has.
func TestCoverage_Feed(t *testing.T) {
	gaps := 0
	for i := range uint64(max(1, *operations/30)) {
		seed := *firstSeed + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { gaps += playFeed(t, seed) })
	}
	if *operations >= 300 && gaps == 0 {
		t.Error("no run left a gap: the test proves nothing")
	}
}

// flakyFeed fails at random, and notes what it answered.
type flakyFeed struct {
	track.FeedReader
	rng      *rand.Rand
	failing  bool
	listed   map[snapshot.Window][]string // the content of each time that was listed
	read     map[string]bool              // content, all of it
	answered []snapshot.Window            // by earlier runs too
}

var errFlaky = errors.New("the service failed")

func (f *flakyFeed) fails() bool { return f.failing && f.rng.IntN(5) == 0 }

func (f *flakyFeed) Blobs(ctx context.Context, tenant snapshot.TenantID, from, to time.Time) ([]snapshot.FeedBlob, error) {
	if f.fails() {
		return nil, errFlaky
	}
	blobs, err := f.FeedReader.Blobs(ctx, tenant, from, to)
	if err == nil {
		var ids []string
		for _, b := range blobs {
			ids = append(ids, b.ID)
		}
		f.listed[snapshot.Window{NotBefore: from, NotAfter: to}] = ids
	}
	return blobs, err
}

func (f *flakyFeed) Records(ctx context.Context, tenant snapshot.TenantID, b snapshot.FeedBlob, wanted func(string) bool, page func([]snapshot.LogRecord) error, restart func() error) error {
	if f.fails() {
		return errFlaky
	}
	err := f.FeedReader.Records(ctx, tenant, b, wanted, page, restart)
	f.read[b.ID] = f.read[b.ID] || err == nil
	return err
}

// note takes down the times of which a run read all content.
func (f *flakyFeed) note() []snapshot.Window {
	for w, ids := range f.listed {
		if !slices.ContainsFunc(ids, func(id string) bool { return !f.read[id] }) {
			f.answered = append(f.answered, w)
		}
	}
	f.listed, f.read = map[snapshot.Window][]string{}, map[string]bool{}
	slices.SortFunc(f.answered, func(a, b snapshot.Window) int { return a.NotBefore.Compare(b.NotBefore) })
	return f.answered
}

func playFeed(t *testing.T, seed uint64) (gaps int) {
	rng := rand.New(rand.NewPCG(seed, 12))
	p := newCoveragePlay(t, seed, rng, 0)
	for range 8 {
		p.RandomOps(rng.IntN(6))
		p.Advance(someTime(rng))
		p.feed.failing = rng.IntN(2) == 0
		begin := p.Now()
		must(t, p.sync(nil, p.feed))
		answers, whole := p.feed.note(), p.stretches(t)
		gaps += max(0, len(whole)-1)
		for _, w := range whole {
			for _, left := range snapshot.Except(w, answers) {
				t.Errorf("%s to %s is stored as read, but content from %s to %s was not", clock(w.NotBefore), clock(w.NotAfter), clock(left.NotBefore), clock(left.NotAfter))
			}
		}
		if !p.feed.failing && len(whole) > 0 {
			reach := later(whole[0].NotBefore, begin.Add(-7*24*time.Hour+time.Hour))
			for _, left := range snapshot.Except(snapshot.Window{NotBefore: reach, NotAfter: begin.Truncate(time.Second)}, whole) {
				t.Errorf("run of %s: it met nothing, and %s to %s does not count as read", clock(begin), clock(left.NotBefore), clock(left.NotAfter))
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	return gaps
}

func clock(t time.Time) string { return t.UTC().Format("01-02 15:04:05.000") }
