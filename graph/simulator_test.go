package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// simulate serves a tenant and returns a client of it.
func simulate(t *testing.T, tenant *graphtest.Tenant, edit func(*Options), opts ...graphtest.Option) (*graphtest.Server, *Client) {
	t.Helper()
	clock := newClock()
	opts = append([]graphtest.Option{
		graphtest.WithClock(clock.now), graphtest.WithDrip(5 * time.Millisecond), graphtest.WithTidyRows(),
	}, opts...)
	s := graphtest.NewServer(tenant, opts...)
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o := Options{
		Endpoint: url, Credential: &fakeToken{tokens: []string{graphtest.DefaultToken}}, PageSize: 5,
		Now: clock.now, Sleep: clock.sleep, Unpaced: true,
	}
	edit(&o)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// changesTruth are faults after which there is something else to read, and
// those that only a comparison with the run before shows.
var changesTruth = map[graphtest.FaultKind]bool{
	graphtest.FaultBlankUsers:   true,
	graphtest.FaultUserVanishes: true, graphtest.FaultUserAppears: true, graphtest.FaultUnknownState: true,
}

// TestSimulatorFaults plays every fault of the simulator on each page of the
// users, once and for ever. None may be silent: the read fails with one of the
// kinds, or has every user with every path.
func TestSimulatorFaults(t *testing.T) {
	var failed, recovered atomic.Int64
	t.Run("faults", func(t *testing.T) {
		for _, kind := range graphtest.AllFaults {
			t.Run(string(kind), func(t *testing.T) {
				t.Parallel()
				tenant := graphtest.New(1)
				tenant.Populate(23, 3)
				s, c := simulate(t, tenant, func(o *Options) {
					o.Quiet, o.Patience = 150*time.Millisecond, 30*time.Second
					if kind == graphtest.FaultDrip || kind == graphtest.FaultHang {
						o.Patience = time.Second // these take real time
					}
				})
				_, steady := simulate(t, tenant, func(*Options) {})
				for _, page := range []graphtest.Page{graphtest.FirstPage, graphtest.MiddlePage, graphtest.LastPage} {
					for _, times := range []int{1, graphtest.Forever} {
						fault := graphtest.Fault{Endpoint: graphtest.EndpointUsers, Page: page, Times: times, Kind: kind}
						if err := playFault(t, s, c, steady, fault); err != nil {
							failed.Add(1)
						} else {
							recovered.Add(1)
						}
					}
				}
			})
		}
	})
	t.Logf("%d faults: %d failed loudly, %d recovered from", failed.Load()+recovered.Load(), failed.Load(), recovered.Load())
}

// playFault reads the users without the fault and with it.
func playFault(t *testing.T, s *graphtest.Server, c, steady *Client, fault graphtest.Fault) error {
	var before, after sinkOf
	if _, err := usersTo(context.Background(), steady, &before); err != nil {
		t.Fatal(err)
	}
	s.ClearFaults()
	s.Inject(fault)
	_, err := usersTo(context.Background(), c, &after)
	if err == nil && !changesTruth[fault.Kind] && holdings(before.Rows) != holdings(after.Rows) {
		t.Errorf("%+v: silent: %d users, %d with the fault", fault, len(before.Rows), len(after.Rows))
	}
	if err != nil && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrAuth) && !errors.Is(err, ErrUnavailable) {
		t.Errorf("%+v: no kind: %v", fault, err)
	}
	return err
}

// holdings writes who holds what by which path.
func holdings(users []snapshot.UserRow) string {
	var b strings.Builder
	for _, u := range users {
		fmt.Fprintln(&b, u.ID, u.Paths, len(u.Plans), u.LicensesAbsent)
	}
	return b.String()
}

// TestSimulatorReads reads all there is to read of a tenant that lives.
func TestSimulatorReads(t *testing.T) {
	ctx := context.Background()
	tenant := graphtest.New(2)
	tenant.Populate(60, 4)
	tenant.RandomOps(200)
	s, c := simulate(t, tenant, func(*Options) {}, graphtest.WithVaryingPages(), graphtest.WithEmptyPages(), graphtest.WithAuditBudget(5, 10*time.Second))
	var users sinkOf
	stats, err := usersTo(ctx, c, &users)
	if want := strings.Join(tenant.UserIDs(), " "); err != nil || stats.Rows != len(tenant.UserIDs()) || len(want) != len(users.ids()) {
		t.Errorf("got %+v of %d users: %v", stats, len(tenant.UserIDs()), err)
	}
	if n, ok, err := c.UserCount(ctx); n != stats.Rows || !ok || err != nil {
		t.Errorf("got %d, %v, %v", n, ok, err)
	}
	org, err := c.Organization(ctx)
	if err != nil || string(org.ID) != tenant.ID || org.Name != tenant.Name {
		t.Errorf("got %+v, %v", org, err)
	}
	if skus, ten, err := c.SKUs(ctx); err != nil || len(skus) == 0 || ten.ID != org.ID {
		t.Errorf("got %d SKUs of %v, %v", len(skus), ten, err)
	}
	if subs, err := c.Subscriptions(ctx); err != nil || len(subs) == 0 {
		t.Errorf("got %d subscriptions, %v", len(subs), err)
	}
	if deleted, err := c.DeletedUsers(ctx); err != nil || len(deleted) != len(tenant.DeletedIDs()) {
		t.Errorf("got %d deleted users, %v", len(deleted), err)
	}
	for _, u := range users.Rows {
		for _, p := range u.Paths {
			if p.Group == "" {
				continue
			}
			if g, err := c.Group(ctx, p.Group); err != nil || g.ID != p.Group || !g.Gone && len(g.Licenses) == 0 {
				t.Fatalf("got %+v, %v", g, err)
			}
		}
	}
	if g, err := c.Group(ctx, groupID); err != nil || !g.Gone {
		t.Errorf("got %+v, %v", g, err)
	}
	var audits collector[snapshot.LogRecord]
	if err := c.DirectoryAudits(ctx, snapshot.AuditQuery{Activity: "Update user", From: tenant.Now().Add(-7 * 24 * time.Hour), To: tenant.Now()}, audits.Page, audits.Restart); err != nil {
		t.Error(err)
	}
	for _, r := range s.Requests() {
		if r.Method != "GET" || r.Status != 200 && r.Status != 404 && r.Status != 429 {
			t.Errorf("%s %s: %d", r.Method, r.Path, r.Status)
		}
	}
	t.Logf("%d users, %d audit records, %d requests", stats.Rows, len(audits.Rows), c.Requests())
}
