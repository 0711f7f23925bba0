package connect

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// stoppedClock moves only when someone sleeps.
type stoppedClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *stoppedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *stoppedClock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return context.Cause(ctx)
}

// sourceTest reads one tenant with one source of audit evidence.
type sourceTest struct {
	tenant *graphtest.Tenant
	server *graphtest.Server
	reader *graph.Client
	o      track.Options
}

func newSourceTest(t *testing.T, tenant *graphtest.Tenant, source string) *sourceTest {
	t.Helper()
	s := &sourceTest{tenant: tenant, server: graphtest.NewServer(tenant, graphtest.WithTidyRows(), graphtest.WithRunningFeed())}
	base, err := s.server.Start()
	must(t, err)
	activity, err := s.server.StartActivity()
	must(t, err)
	t.Cleanup(func() { s.server.Close() })
	clock := &stoppedClock{at: tenant.Now()}
	options := func(endpoint, token string) graph.Options {
		o, err := simulated(endpoint, token)
		must(t, err)
		o.Patience, o.Now, o.Sleep, o.Unpaced = 30*time.Second, clock.now, clock.sleep, false
		return o
	}
	client, err := graph.New(options(strings.TrimSuffix(base, "/v1.0"), graphtest.DefaultToken))
	must(t, err)
	feed, err := graph.NewFeed(options(activity, graphtest.ActivityToken))
	must(t, err)
	s.reader = client
	s.o = track.Options{MaxShrink: 0.2, Version: "test", Now: tenant.Now}
	switch source {
	case AuditPurview:
		s.o.Search = client
	case AuditActivity:
		s.o.Feed = feed
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run makes one run and returns what the history then has.
func (s *sourceTest) run(t *testing.T, db *store.DB) (events []*snapshot.RawEvent, coverage []snapshot.Coverage) {
	t.Helper()
	_, err := track.Run(t.Context(), s.reader, db, s.o)
	must(t, err) // evidence that is not to be had never fails a run
	h, err := db.History(t.Context())
	must(t, err)
	defer h.Close()
	for e, err := range h.Events(t.Context(), store.EventFilter{}) {
		must(t, err)
		events = append(events, e)
	}
	coverage, err = h.Coverage(t.Context())
	must(t, err)
	return events, coverage
}

func openHistory(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "t.db"), migrations.Apply)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// newPlaces are the places of the API that the sources ask.
var newPlaces = map[string][]graphtest.Endpoint{
	AuditPurview:  {graphtest.EndpointSearches, graphtest.EndpointSearch, graphtest.EndpointSearchRecords},
	AuditActivity: {graphtest.EndpointFeedList, graphtest.EndpointFeedContent, graphtest.EndpointFeedBlob},
}

var everyFault = flag.Bool("every-fault", false, "play every fault on every place that audit sources ask")

// typical are the faults that are always played: one of each sort that a reader
// meets in a way of its own.
var typical = []graphtest.FaultKind{
	graphtest.FaultEmptyObject, graphtest.FaultErrorIn200, graphtest.FaultArrayBody, graphtest.FaultTruncatedJSON, graphtest.FaultMissingID,
	graphtest.FaultNextEmpty, graphtest.Fault429Hour, graphtest.Fault401, graphtest.FaultContentExpired,
}

// untold are faults that these tests leave out: those that change the tenant,
// those that take real time, and an empty list of content, which is what a quiet
// day looks like.
func untold(place graphtest.Endpoint, kind graphtest.FaultKind) bool {
	return slices.Contains([]graphtest.FaultKind{graphtest.FaultUserVanishes, graphtest.FaultUserAppears, graphtest.FaultGroupGone,
		graphtest.FaultHang, graphtest.FaultDrip}, kind) ||
		place == graphtest.EndpointFeedContent && kind == graphtest.FaultArrayBody
}

// Faults on every place, for ever and also once: no run fails, no time counts as
// covered of which a record is missing, and when the fault has gone the next run
// has everything.
//
//	go test ./cmd/lictrail/internal/cli -run SourceFaults -v -every-fault
func TestSourceFaultsNeverCover(t *testing.T) {
	faults, often := typical, []int{graphtest.Forever}
	if *everyFault {
		faults, often = slices.Concat(graphtest.AllFaults, graphtest.FeedFaults), []int{1, graphtest.Forever}
	}
	for _, source := range []string{AuditPurview, AuditActivity} {
		t.Run(source, func(t *testing.T) {
			tenant := graphtest.New(3)
			tenant.Populate(4, 1)
			tenant.Pace = 4 * time.Hour
			tenant.RandomOps(20)
			tenant.Advance(30 * time.Hour)
			s := newSourceTest(t, tenant, source)
			want, coverage := s.run(t, openHistory(t))
			if covered := missing(nil, want, coverage); len(want) < 10 || len(covered) < 10 {
				t.Fatalf("%d events, %d of them covered: the test proves nothing", len(want), len(covered))
			}
			played, told := 0, 0
			for _, place := range newPlaces[source] {
				for _, kind := range faults {
					for _, times := range often {
						if untold(place, kind) {
							continue
						}
						played++
						told += s.playFault(t, graphtest.Fault{Endpoint: place, Times: times, Kind: kind}, want)
					}
				}
			}
			t.Logf("%d faults, of %d of which the coverage tells", played, told)
			if told == 0 {
				t.Error("no fault did anything")
			}
		})
	}
}

// playFault returns 1 when the fault left something uncovered.
func (s *sourceTest) playFault(t *testing.T, f graphtest.Fault, want []*snapshot.RawEvent) (told int) {
	t.Helper()
	db := openHistory(t)
	s.server.Inject(f)
	events, coverage := s.run(t, db)
	s.server.ClearFaults()
	if lost := missing(events, want, coverage); len(lost) > 0 {
		t.Errorf("%+v: covered, and missing: %s", f, lost)
	}
	if slices.ContainsFunc(coverage, func(c snapshot.Coverage) bool { return !c.Complete && !honest(c.Why) }) {
		told = 1
	}
	events, _ = s.run(t, db)
	if lost := missing(events, want, []snapshot.Coverage{{Complete: true, To: s.tenant.Now().Add(time.Hour)}}); len(lost) > 0 {
		t.Errorf("%+v: not made up for: %s", f, lost)
	}
	return told
}

// honest lists the times that are not covered although there was no fault.
func honest(why string) bool {
	return strings.Contains(why, "kept for some users") || strings.Contains(why, "nothing shows that the feed was on")
}

// missing lists the events of a covered time that are not there.
func missing(have, want []*snapshot.RawEvent, coverage []snapshot.Coverage) (lost []string) {
	there := map[string]bool{}
	for _, e := range have {
		there[e.ID] = true
	}
	for _, e := range want {
		if !there[e.ID] && snapshot.Covered(coverage, e.At, e.At) {
			lost = append(lost, fmt.Sprint(e.At.Format(time.DateTime), " ", e.Activity))
		}
	}
	return lost
}
