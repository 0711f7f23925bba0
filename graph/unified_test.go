package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// anything wants every record.
func anything(string) bool { return true }

// simulateFeed serves the tenant's feed and returns clients of both services.
func simulateFeed(t *testing.T, tenant *graphtest.Tenant, opts ...graphtest.Option) (*graphtest.Server, *Client, *Feed) {
	t.Helper()
	s, c := simulate(t, tenant, func(o *Options) { o.Unpaced = false }, opts...)
	root, err := s.StartActivity()
	if err != nil {
		t.Fatal(err)
	}
	clock := newClock()
	f, err := NewFeed(Options{Endpoint: root, Credential: &fakeToken{tokens: []string{graphtest.ActivityToken}}, Now: clock.now, Sleep: clock.sleep})
	if err != nil {
		t.Fatal(err)
	}
	return s, c, f
}

// A search is started, looked at until it has ended, and read page by page; it
// finds the operations that it was asked for, in the time it was asked for.
func TestSearch(t *testing.T) {
	ctx := context.Background()
	tenant := graphtest.New(4)
	tenant.Populate(12, 2)
	tenant.Advance(time.Hour)
	s, c, _ := simulateFeed(t, tenant, graphtest.WithVaryingPages(), graphtest.WithEmptyPages())
	id, err := c.StartSearch(ctx, graphtest.Epoch, tenant.Now(), []string{"Add user."})
	if err != nil || id == "" {
		t.Fatalf("got %q, %v", id, err)
	}
	if at, err := c.Search(ctx, id, false); err != nil || at.Ended {
		t.Fatalf("got %+v, %v", at, err)
	}
	if found, err := c.Search(ctx, id, true); err != nil || found != (snapshot.SearchState{Ended: true, Found: true}) {
		t.Fatalf("got %+v, %v", found, err)
	}
	var all collector[snapshot.LogRecord]
	if err := c.SearchRecords(ctx, id, all.Page, all.Restart); err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Rows {
		if raw := string(r.Raw); !strings.Contains(raw, `"Add user."`) || !strings.Contains(raw, `"auditData"`) || !strings.Contains(raw, r.ID) {
			t.Errorf("got %s: %s", r.ID, r.Raw)
		}
	}
	if want := len(tenant.UserIDs()); len(all.Rows) != want {
		t.Errorf("%d records of %d users", len(all.Rows), want)
	}
	posts := 0
	for _, r := range s.Requests() {
		if r.Method != http.MethodGet {
			posts++
		}
	}
	if posts != 1 {
		t.Errorf("%d requests that hand something in, want 1", posts)
	}
}

// A search that does not end is left alone when patience has ended, and is no
// failure. One that failed says so.
func TestSearchStates(t *testing.T) {
	ctx := context.Background()
	_, c, _ := simulateFeed(t, graphtest.New(4), graphtest.WithSearchFates("running", "failed", "cancelled"))
	for i, want := range []snapshot.SearchState{{}, {Ended: true}, {Ended: true}, {Ended: true, Found: true}} {
		id, err := c.StartSearch(ctx, graphtest.Epoch, graphtest.Epoch.Add(time.Hour), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Search(ctx, id, true); err != nil || got != want {
			t.Errorf("search %d: got %+v, %v, want %+v", i+1, got, err, want)
		}
	}
	if _, err := c.StartSearch(ctx, graphtest.Epoch, graphtest.Epoch, nil); !errors.Is(err, ErrIncomplete) { // of no time at all
		t.Errorf("got %v", err)
	}
	if _, err := c.Search(ctx, "not/a search?", false); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}

// The feed is turned on once; its content is listed page by page and read blob
// by blob, each record of the log at least once.
func TestFeed(t *testing.T) {
	ctx := context.Background()
	tenant := graphtest.New(5)
	_, _, f := simulateFeed(t, tenant, graphtest.WithVaryingPages())
	id := snapshot.TenantID(tenant.ID)
	if on, err := f.Enabled(ctx, id); on || err != nil {
		t.Errorf("got %v, %v", on, err)
	}
	for range 2 { // the second finds it on already
		if err := f.Start(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if on, err := f.Enabled(ctx, id); !on || err != nil {
		t.Errorf("got %v, %v", on, err)
	}
	tenant.Populate(20, 3)
	tenant.Advance(20 * time.Hour)
	end := tenant.Now()
	list, err := f.Blobs(ctx, id, end.Add(-24*time.Hour), end)
	if err != nil || len(list) == 0 {
		t.Fatalf("got %v, %v", list, err)
	}
	seen, kept := map[string]bool{}, 0
	for _, c := range list {
		var all collector[snapshot.LogRecord]
		if err := f.Records(ctx, id, c, func(o string) bool { return o == "Change user license." }, all.Page, all.Restart); err != nil {
			t.Fatal(err)
		}
		for _, r := range all.Rows {
			if r.Raw != nil && !strings.Contains(string(r.Raw), `"Change user license."`) {
				t.Errorf("kept %s", r.Raw)
			}
			kept += min(len(r.Raw), 1)
			seen[r.ID] = true
		}
	}
	if len(seen) < len(tenant.UserIDs()) || kept == 0 || kept >= len(seen) {
		t.Errorf("%d records, %d of them kept, of %d users", len(seen), kept, len(tenant.UserIDs()))
	}
	if _, err := f.Blobs(ctx, id, end.Add(-25*time.Hour), end); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v", err)
	}
	if f.Requests() < 5 {
		t.Errorf("%d requests", f.Requests())
	}
}

// The codes of the Management Activity API count, whatever status is beside
// them.
func TestFeedCodes(t *testing.T) {
	ctx := context.Background()
	tenant := graphtest.New(5)
	s, _, f := simulateFeed(t, tenant, graphtest.WithRunningFeed())
	id := snapshot.TenantID(tenant.ID)
	list := func() error {
		_, err := f.Blobs(ctx, id, tenant.Now().Add(-time.Hour), tenant.Now())
		return err
	}
	for kind, want := range map[graphtest.FaultKind]error{
		graphtest.FaultAF429: ErrThrottled, graphtest.FaultAF50000: ErrUnavailable, graphtest.FaultContentExpired: ErrIncomplete,
		graphtest.FaultNoSubscription: ErrIncomplete, graphtest.FaultBadWindow: ErrIncomplete, graphtest.FaultAuditOff: ErrAuth,
	} {
		s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointFeedContent, Kind: kind, Times: graphtest.Forever})
		asError(t, list(), want)
		s.ClearFaults()
	}
	s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointFeedContent, Kind: graphtest.FaultAF429})
	if err := list(); err != nil {
		t.Errorf("throttled once: %v", err)
	}
	s.Grant()
	if e := asError(t, list(), ErrAuth); !strings.Contains(e.Hint, "ActivityFeed.Read") {
		t.Errorf("hint %q", e.Hint)
	}
}

// The token of one service goes to no other host: not by a blob's link, not by
// the link to the next page, and not to Graph.
func TestFeedGuard(t *testing.T) {
	ctx := context.Background()
	elsewhere := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) { io.WriteString(w, "[]") })
	next := ""
	here := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header()["Nextpageuri"] = []string{next}
		fmt.Fprintf(w, `[{"contentId":"%d","contentUri":"x","contentCreated":"2026-01-01T00:00:00Z"}]`, n)
	})
	f, err := NewFeed(Options{Endpoint: here.URL, Credential: &fakeToken{tokens: []string{"secret-token"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, next = range []string{elsewhere.URL + "/x", "", "::", "http://user@" + strings.TrimPrefix(here.URL, "http://") + "/x"} {
		_, err := f.Blobs(ctx, tenant, time.Now(), time.Now())
		asError(t, err, ErrIncomplete)
	}
	for _, link := range []string{elsewhere.URL + "/blob", "https://manage.office.com/blob", "/blob", ""} {
		err := f.Records(ctx, tenant, snapshot.FeedBlob{ID: "x", URI: link}, anything, drop, again)
		asError(t, err, ErrIncomplete)
	}
	if n := elsewhere.count(); n != 0 {
		t.Errorf("%d requests went astray", n)
	}
	for _, endpoint := range []string{"http://manage.office.com", "https://manage.office.com/x", "manage.office.com"} {
		if _, err := NewFeed(Options{Endpoint: endpoint, Credential: &fakeToken{}}); err == nil {
			t.Errorf("%q was taken", endpoint)
		}
	}
	if _, err := NewFeed(Options{Endpoint: here.URL + "/api/v1.0/", Credential: &fakeToken{}}); err != nil {
		t.Error(err)
	}
}

// Each service asks for tokens of its own.
func TestFeedAudience(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) { io.WriteString(w, "[]") })
	cred := &fakeToken{tokens: []string{"secret-token"}}
	f, err := NewFeed(Options{Endpoint: s.URL, Credential: cred})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Enabled(context.Background(), tenant); err != nil {
		t.Fatal(err)
	}
	if want := s.URL + "/.default"; len(cred.asked) != 1 || cred.asked[0].Scopes[0] != want {
		t.Errorf("asked for %v, want %s", cred.asked, want)
	}
	for name, want := range map[string]string{
		"global": "https://manage.office.com", "usgov": "https://manage.office365.us", "dod": "https://manage.protection.apps.mil", "china": "",
	} {
		if got, err := CloudByName(name); err != nil || got.ActivityEndpoint != want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// FuzzFeedPage: whatever comes as a page of the feed or of a search is refused,
// or gives records that have an id and are JSON.
func FuzzFeedPage(f *testing.F) {
	for _, seed := range []string{
		`[{"Id":"a","Operation":"Add user.","CreationTime":"2026-01-01T00:00:00"}]`, `[]`, `{"value":[{"id":"a","operation":"x"}]}`,
		`[{"Id":"a"},null]`, `[{"Id":1}]`, `[{"Id":"a","Id":"b"}]`, `{"error":{"code":"AF50000","message":"x"}}`, `[{"Id":"a"}]]`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, bare bool) {
		name := func(w *wireRecord) (id, operation string) { return w.ID, w.Operation }
		if bare {
			name = func(w *wireRecord) (id, operation string) { return w.FeedID, w.FeedOperation }
		}
		pg := page[snapshot.LogRecord]{opts: jsonOptions, bare: bare, row: unifiedRow(name, anything), key: func(r snapshot.LogRecord) string { return r.ID }}
		if pg.read(strings.NewReader(text)) != nil {
			return
		}
		for _, r := range pg.rows {
			if r.ID == "" || !jsontext.Value(r.Raw).IsValid(jsonOptions) {
				t.Errorf("%q gives %q: %q", text, r.ID, r.Raw)
			}
		}
	})
}
