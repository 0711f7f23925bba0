package proof

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// sourceSets are the choices of --audit-source that are compared.
var sourceSets = map[string]func(*track.Options){
	"graph":        func(o *track.Options) { o.Search, o.Feed = nil, nil },
	"purview":      func(o *track.Options) { o.Audit, o.Feed = nil, nil },
	"activity-api": func(o *track.Options) { o.Audit, o.Search = nil, nil },
	"all three":    func(*track.Options) {},
}

// watched is a tenant that is read through each source into a history of its own.
type watched struct {
	*graphtest.Tenant
	syncs map[string]func() error
	dbs   map[string]*store.DB
}

// watch serves a tenant and opens the histories.
func watch(t *testing.T, tenant *graphtest.Tenant, opts ...graphtest.Option) *watched {
	t.Helper()
	w := &watched{Tenant: tenant, syncs: map[string]func() error{}, dbs: map[string]*store.DB{}}
	server := graphtest.NewServer(tenant, append(opts, graphtest.WithVaryingPages(), graphtest.WithRunningFeed())...)
	base, err := server.Start()
	must(t, err)
	activity, err := server.StartActivity()
	must(t, err)
	t.Cleanup(func() { server.Close() })
	for name, choose := range sourceSets {
		reader, err := cli.SimulatedReader(base)
		must(t, err)
		o := track.Options{MaxShrink: 0.9, Version: "proof", Now: tenant.Now}
		must(t, cli.SimulatedSources(reader, activity, &o))
		choose(&o)
		db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "sources.db"), migrations.Apply)
		must(t, err)
		t.Cleanup(func() { db.Close() })
		w.dbs[name] = db
		w.syncs[name] = func() error {
			summary, err := track.Run(t.Context(), reader, db, o)
			if err != nil {
				return err
			}
			for _, warning := range summary.Result.Warnings {
				if strings.HasPrefix(warning.Code, "audit-") {
					return fmt.Errorf("%s: %s", warning.Code, warning.Message)
				}
			}
			return nil
		}
	}
	return w
}

// sync runs each once, when nothing has happened for some minutes: on the edge
// of a snapshot, a log of whole seconds cannot agree with one of fractions.
func (w *watched) sync(t *testing.T) {
	t.Helper()
	w.Advance(10 * time.Minute)
	for name, sync := range w.syncs {
		if err := sync(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// days lets days pass with random operations and a run each time, and two more
// for what comes late.
func (w *watched) days(t *testing.T, n, perRun int, between time.Duration) {
	t.Helper()
	w.sync(t)
	for range n {
		next := w.Now().Add(between)
		w.RandomOps(perRun)
		if w.Now().Before(next) {
			w.AdvanceTo(next)
		}
		w.sync(t)
	}
	w.Advance(26 * time.Hour)
	w.sync(t)
}

func (w *watched) history(t *testing.T, name string) *store.History {
	t.Helper()
	h, err := w.dbs[name].History(t.Context())
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

// answers are what a history says of each change: why, by whom and how.
func answers(t *testing.T, h *store.History) []string {
	t.Helper()
	var list []string
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		must(t, err)
		a := &c.Attribution
		actor, via := "", ""
		if a.Actor != nil {
			actor = a.Actor.ID
		}
		if a.Via != nil {
			via = fmt.Sprint(a.Via.Trigger, " ", a.Via.Group)
			if a.Via.Actor != nil {
				via += " " + a.Via.Actor.ID
			}
		}
		list = append(list, fmt.Sprintf("%s %s %s %v observed=%t run=%d: %s/%s/%s by %q via %q",
			c.Kind, c.User, c.SKU, c.Path, c.Observed, c.Run, a.Cause, a.Initiator, a.UnknownWhy, actor, via))
	}
	slices.Sort(list)
	return list
}

// The same time of a tenant, read through each source and through all of them,
// has the same changes with the same causes, actors and triggers; and each
// change once.
func TestSourcesAgree(t *testing.T) {
	for _, unrelated := range []bool{false, true} {
		t.Run(fmt.Sprintf("unrelated correlation ids %t", unrelated), func(t *testing.T) {
			tenant := graphtest.New(7)
			tenant.UnrelatedLogs, tenant.Pace = unrelated, time.Hour
			tenant.Populate(10, 3)
			w := watch(t, tenant)
			w.days(t, 1, 30, 5*24*time.Hour)
			want := answers(t, w.history(t, "graph"))
			for _, name := range []string{"purview", "activity-api", "all three"} {
				got := answers(t, w.history(t, name))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-graph +%s):\n%s", name, name, diff)
				}
			}
			if len(want) < 15 {
				t.Errorf("only %d changes: the test proves nothing", len(want))
			}
		})
	}
}

// With a log that loses, empties, cuts, repeats and delays records, no source
// and no union of them makes an attribution wrong.
func TestSourcesNeverWrong(t *testing.T) {
	scores := map[string]*score{}
	for seed := uint64(1); seed <= uint64(max(1, *operations/300)); seed++ {
		tenant := graphtest.New(seed)
		tenant.Lies, tenant.Pace, tenant.UnrelatedLogs = lies, 4*time.Hour, seed%2 == 0
		tenant.Populate(25, 5)
		w := watch(t, tenant, graphtest.WithUnifiedLatency(75*time.Minute))
		w.days(t, 2, 40, 6*24*time.Hour)
		for name := range sourceSets {
			if scores[name] == nil {
				scores[name] = newScore()
			}
			scores[name].compare(t, tenant, w.history(t, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(scores)) {
		s := scores[name]
		t.Logf("%s: %d changes, %d right, %d wrong", name, s.changes, s.right, s.wrong)
		if s.wrong > 0 || s.right == 0 {
			t.Errorf("%s: %d wrong, %d right", name, s.wrong, s.right)
		}
	}
}
