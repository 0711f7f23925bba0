package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// clock moves only when somebody sleeps.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	slept time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.slept = c.at.Add(d), c.slept+d
	return ctx.Err()
}

// wire sends requests and remembers where to and when.
type wire struct {
	clock *clock
	home  string // the only host that may be asked

	mu      sync.Mutex
	strange []string             // requests to other hosts, with a token or without
	until   map[string]time.Time // by path: not before then, the server said
	asked   time.Duration
	early   int
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	now := w.clock.now()
	w.mu.Lock()
	if r.URL.Host != w.home {
		w.strange = append(w.strange, fmt.Sprintf("%s, with a token: %v", r.URL.Redacted(), r.Header.Get("Authorization") != ""))
		w.mu.Unlock()
		return nil, fmt.Errorf("no such host")
	}
	if now.Before(w.until[r.URL.Path]) {
		w.early++
	}
	w.mu.Unlock()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		w.noteWait(r.URL.Path, now, resp.Header)
	}
	return resp, err
}

// noteWait records until when an answer asks clients not to send requests.
func (w *wire) noteWait(path string, now time.Time, h http.Header) {
	wait := time.Duration(0)
	if s, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil {
		wait = time.Duration(s * float64(time.Second))
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		date, _ := http.ParseTime(h.Get("Date"))
		wait = at.Sub(date)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.until == nil {
		w.until = map[string]time.Time{}
	}
	w.until[path], w.asked = now.Add(wait), w.asked+wait
}

// attempt is one run in this process, in time of its own.
type attempt struct {
	err      error
	warnings []string
	changes  int
	wire     *wire
	slept    time.Duration
}

// words are all that the run says to people, less its answers.
func (a *attempt) words() string {
	text := strings.Join(a.warnings, "\n")
	if a.err != nil {
		text += "\n" + a.err.Error()
	}
	return text
}

// try runs against the world with the options of a client edited.
func (w *world) try(ctx context.Context, t *testing.T, dir string, edit func(*graph.Options)) *attempt {
	t.Helper()
	c := &clock{at: time.Now()}
	home, err := url.Parse(w.base)
	if err != nil {
		t.Fatal(err)
	}
	a := &attempt{wire: &wire{clock: c, home: home.Host}}
	credential, err := graph.NewCredential("token", graph.CredentialOptions{Getenv: func(string) string { return graphtest.DefaultToken }})
	if err != nil {
		t.Fatal(err)
	}
	o := graph.Options{Endpoint: home.Scheme + "://" + home.Host, Credential: credential, PageSize: 5, Unpaced: true,
		Now: c.now, Sleep: c.sleep, Transport: a.wire, Patience: time.Minute}
	edit(&o)
	client, err := graph.New(o)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenReadWrite(t.Context(), dbIn(dir), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := o.Now
	if w.now != nil {
		now = w.now
	}
	summary, err := track.Run(ctx, client, db, track.Options{Audit: client, MaxShrink: 0.2, Version: "test", Now: now})
	a.err, a.slept = err, c.slept
	if err == nil {
		a.changes = len(summary.Changes)
		for _, x := range summary.Result.Warnings {
			a.warnings = append(a.warnings, x.Code+": "+x.Message)
		}
	}
	return a
}

func asIs(*graph.Options) {}

// facts are what a history says of licenses.
type facts struct {
	held    map[string]bool // user and SKU
	removed map[string]bool // what a run saw removed: user and SKU, or a SKU or group license that is gone
}

// row is what facts need of a row of an answer.
type row struct {
	Kind     string
	Observed bool
	User     *struct{ ID string }
	SKU      *struct{ ID string } `json:"sku"`
	Path     *struct {
		Kind  string
		Group *struct{ ID string }
	}
}

func (r *row) key() string {
	key := ""
	if r.User != nil {
		key = r.User.ID
	} else if r.Path != nil && r.Path.Group != nil {
		key = "group " + r.Path.Group.ID
	}
	if r.SKU != nil {
		key += " " + r.SKU.ID
	}
	return key
}

func factsOf(t *testing.T, dir string) facts {
	t.Helper()
	f := facts{map[string]bool{}, map[string]bool{}}
	for _, r := range rowsOf(t, dir, "assignments") {
		f.held[r.key()] = true
	}
	for _, r := range rowsOf(t, dir, "changes") {
		switch r.Kind {
		case "removed", "sku-gone", "group-license-removed":
			if r.Observed {
				f.removed[r.Kind+" "+r.key()] = true
			}
		}
	}
	return f
}

func rowsOf(t *testing.T, dir, question string) []row {
	t.Helper()
	r := command(question, "--db", dbIn(dir), "--format", "json")
	var answer struct{ Items []row }
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil {
		t.Fatalf("%s: %v: %v", question, err, r)
	}
	return answer.Items
}

// fresh is the same world with a tenant of its own, for faults that change it.
func (w *world) fresh(t *testing.T) *world {
	t.Helper()
	x := &world{tenant: secondWeek(firstWeek()), first: w.first, old: w.old, new: w.new}
	x.serve(t)
	return x
}

// changesTruth are faults after which there is something else to read.
var changesTruth = map[graphtest.FaultKind]bool{
	graphtest.FaultUserVanishes: true, graphtest.FaultUserAppears: true, graphtest.FaultGroupGone: true,
}

var endpoints = []graphtest.Endpoint{
	graphtest.EndpointUsers, graphtest.EndpointUsersCount, graphtest.EndpointUser, graphtest.EndpointSKUs,
	graphtest.EndpointSubscriptions, graphtest.EndpointGroup, graphtest.EndpointDeleted, graphtest.EndpointOrganization,
	graphtest.EndpointAudits, graphtest.EndpointPrincipal,
}

// scenarios lists faults: every kind, on every endpoint, on the first, a middle
// and the last page of what has several, once and for ever. Of them it takes
// each so-manieth, a different choice for each kind.
func scenarios(each int) []graphtest.Fault {
	var all []graphtest.Fault
	i := 0
	for _, kind := range graphtest.AllFaults {
		for _, times := range []int{1, graphtest.Forever} {
			for _, e := range endpoints {
				pages := []graphtest.Page{graphtest.AnyPage}
				if e == graphtest.EndpointUsers {
					pages = []graphtest.Page{graphtest.FirstPage, graphtest.MiddlePage, graphtest.LastPage}
				}
				for _, page := range pages {
					if i++; i%each == 0 {
						all = append(all, graphtest.Fault{Endpoint: e, Page: page, Times: times, Kind: kind})
					}
				}
			}
		}
	}
	return all
}

// TestG1_EveryFault plays the faults of the simulator through whole runs.
// However an answer is wrong, the run fails and history stays, or what it made
// history is true.
func TestG1_EveryFault(t *testing.T) {
	w := newWorld(t)
	second := w.copyOf(t, w.first)
	w.sync(t, second)
	clean := factsOf(t, second)
	var struck, failed, complete, wrong, falseRemovals, hangs int
	for i, fault := range scenarios(size(97, 2)) {
		x := w
		if changesTruth[fault.Kind] {
			x = w.fresh(t)
		}
		weekly := w.scenes()[1]
		weekly.in(t, func(dir string) {
			before := x.server.Struck()
			x.server.Inject(fault)
			a, timely := x.bounded(t, dir, fault)
			x.server.ClearFaults()
			if !timely {
				hangs++
				t.Errorf("%+v: hangs", fault)
			}
			if x.server.Struck() == before {
				return // no such page
			}
			struck++
			if a.err != nil {
				failed++
				if w.say(t, dir) != w.old {
					wrong++
					t.Errorf("%+v: the run failed, and history changed: %v", fault, a.err)
				}
			} else {
				complete++
				now := factsOf(t, dir)
				if x.untrue(t, fault, now, clean) {
					wrong++
				}
				falseRemovals += x.falselyRemoved(t, fault, now, clean)
			}
			if i%10 == 0 {
				x.healed(t, dir, fault, clean)
			}
		})
		if x != w {
			x.server.Close()
		}
	}
	if struck < size(3, 300) {
		t.Errorf("%d faults struck: too few", struck)
	}
	publish(t, "G1", fmt.Sprintf("%d kinds of wrong answers on every endpoint, first, middle and last page, once and for ever, through whole runs", len(graphtest.AllFaults)),
		"≥ 300 scenarios; 0, 0, 0, 0",
		"%d scenarios: %d runs failed and left history alone, %d were complete; %d wrongly so, %d false removals, 0 panics, %d hangs",
		struck, failed, complete, wrong, falseRemovals, hangs)
}

// bounded is try with an end: a server that hangs takes real time, a little.
func (w *world) bounded(t *testing.T, dir string, fault graphtest.Fault) (*attempt, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	a := w.try(ctx, t, dir, func(o *graph.Options) {
		if fault.Kind == graphtest.FaultHang || fault.Kind == graphtest.FaultDrip {
			o.Now, o.Sleep, o.Quiet, o.Patience = time.Now, nil, 100*time.Millisecond, 300*time.Millisecond
		}
	})
	return a, ctx.Err() == nil
}

// untrue reports whether a complete run holds other licenses than there are.
func (w *world) untrue(t *testing.T, fault graphtest.Fault, now, clean facts) bool {
	t.Helper()
	wrong := false
	check := func(key string, held bool) {
		user, sku, _ := strings.Cut(key, " ")
		u := w.tenant.User(user)
		truth := u != nil && u.Deleted.IsZero() && u.Holds(sku)
		// A user who comes or goes while pages are read may be in the read or not.
		if changesTruth[fault.Kind] && (truth != clean.held[key]) {
			return
		}
		if fault.Kind == graphtest.FaultUnknownState {
			return // of a state that nobody knows it is not known whether it is held
		}
		if held != clean.held[key] {
			wrong = true
			t.Errorf("%+v: the run is complete, and %s held is %v, in truth %v", fault, key, held, truth)
		}
	}
	for key := range now.held {
		check(key, true)
	}
	for key := range clean.held {
		check(key, now.held[key])
	}
	return wrong
}

// falselyRemoved counts removals in history that did not happen.
func (w *world) falselyRemoved(t *testing.T, fault graphtest.Fault, now, clean facts) (n int) {
	t.Helper()
	for key := range now.removed {
		if clean.removed[key] {
			continue
		}
		words := strings.Fields(key)
		if len(words) == 3 && words[0] == "removed" {
			if u := w.tenant.User(words[1]); u == nil || !u.Deleted.IsZero() || !u.Holds(words[2]) {
				continue
			}
		} else if fault.Kind == graphtest.FaultGroupGone {
			continue
		}
		n++
		t.Errorf("%+v: false removal: %s", fault, key)
	}
	return n
}

// healed runs again without faults and verifies.
func (w *world) healed(t *testing.T, dir string, fault graphtest.Fault, clean facts) {
	t.Helper()
	if a := w.try(t.Context(), t, dir, asIs); a.err != nil {
		t.Errorf("%+v: the next run: %v", fault, a.err)
		return
	}
	if r := command("verify", "--db", dbIn(dir)); r.code != 0 {
		t.Errorf("%+v: verify: %v\n%s", fault, r, r.stdout)
	}
	if !changesTruth[fault.Kind] {
		w.untrue(t, graphtest.Fault{Kind: "none, after " + fault.Kind}, factsOf(t, dir), clean)
	}
}

// TestG2_Throttling holds what is sent and slept against what the server asks.
func TestG2_Throttling(t *testing.T) {
	w := newWorld(t)
	early, asked, slept, n := 0, time.Duration(0), time.Duration(0), 0
	for _, kind := range []graphtest.FaultKind{graphtest.Fault429, graphtest.Fault429Fraction, graphtest.Fault429Date, graphtest.Fault429Hour} {
		for _, e := range endpoints[:size(1, len(endpoints))] {
			w.scenes()[1].in(t, func(dir string) {
				before := w.server.Struck()
				w.server.Inject(graphtest.Fault{Endpoint: e, Kind: kind, Times: 2})
				a := w.try(t.Context(), t, dir, func(o *graph.Options) { o.Patience = 3 * time.Hour })
				w.server.ClearFaults()
				if w.server.Struck() == before {
					return
				}
				if n++; a.err != nil {
					t.Errorf("%s on %s: %v", kind, e, a.err)
				}
				early, asked, slept = early+a.wire.early, asked+a.wire.asked, slept+a.slept
			})
		}
	}
	if early > 0 || slept < asked || float64(slept) > 1.1*float64(asked) {
		t.Errorf("%d requests while told to wait; %v slept of %v asked", early, slept, asked)
	}
	publish(t, "G2", "throttled on every endpoint, with waits in seconds, fractions, dates and hours", "0 sent while told to wait; within 10 %",
		"%d scenarios: %d requests while told to wait; %v waited of %v asked", n, early, slept, asked)
}

// TestG3_InterruptAfterEveryPage ends runs at each of their requests.
func TestG3_InterruptAfterEveryPage(t *testing.T) {
	w := newWorld(t)
	s := w.scenes()[1]
	total := 0
	s.in(t, func(dir string) {
		w.on(func(graphtest.Request) { total++ })
		defer w.on(nil)
		w.try(t.Context(), t, dir, asIs)
	})
	same, every := 0, size(5, 1)
	for n := 1; n <= total; n += every {
		s.in(t, func(dir string) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			seen := 0
			w.on(func(graphtest.Request) {
				if seen++; seen == n {
					cancel()
				}
			})
			a := w.try(ctx, t, dir, asIs)
			w.on(nil)
			if found := w.judge(t, dir, w.old, w.new); a.err == nil || found != isOld {
				t.Errorf("interrupted at request %d: %v, and history is %s", n, a.err, found)
			}
			if w.recovers(t, dir, w.new) {
				same++
			}
		})
	}
	publish(t, "G3", "interrupt at every request of a run, then run again", "final history equal to that of an uninterrupted run, 100 %; 0 duplicates",
		"%d of %d equal, 0 duplicates", same, (total+every-1)/every)
}

// TestG4_LeastPrivilege looks at every request of runs and of failures.
func TestG4_LeastPrivilege(t *testing.T) {
	w := newWorld(t)
	w.server.ForgetRequests()
	allowed := map[graphtest.Endpoint]bool{graphtest.EndpointAgents: true} // whose failure is a gap, and no fault of a run
	for _, e := range endpoints {
		allowed[e] = true
	}
	for _, s := range w.scenes() {
		s.in(t, func(dir string) { w.try(t.Context(), t, dir, asIs) })
	}
	for _, fault := range scenarios(size(301, 9)) {
		if !changesTruth[fault.Kind] && fault.Kind != graphtest.FaultHang && fault.Kind != graphtest.FaultDrip {
			w.scenes()[1].in(t, func(dir string) {
				w.server.Inject(fault)
				w.try(t.Context(), t, dir, asIs)
				w.server.ClearFaults()
			})
		}
	}
	others := 0
	requests := w.server.Requests()
	for _, r := range requests {
		if r.Method != http.MethodGet || r.Endpoint != "" && !allowed[r.Endpoint] {
			others++
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
	publish(t, "G4", "methods and paths of all requests, in good runs and bad ones", "only GET, only what is documented",
		"%d requests: %d other than GET of the %d documented resources; %d permissions suffice", len(requests), others, len(allowed), len(graphtest.AllScopes)-1) // no run reads a partner's customers
}

// TestP4_NoNamesInErrors looks for names of people in what runs say on stderr
// and keep as warnings and errors, whatever goes wrong.
func TestP4_NoNamesInErrors(t *testing.T) {
	w := newWorld(t)
	var canaries []string
	for _, id := range append(w.tenant.UserIDs(), w.tenant.DeletedIDs()...) {
		u := w.tenant.User(id)
		canaries = append(canaries, u.UPN, u.DisplayName)
		if u.Mail != "" {
			canaries = append(canaries, u.Mail)
		}
	}
	said, hits := 0, 0
	for _, fault := range scenarios(size(151, 5)) {
		if changesTruth[fault.Kind] {
			continue
		}
		w.scenes()[1].in(t, func(dir string) {
			w.server.Inject(fault)
			a, _ := w.bounded(t, dir, fault)
			w.server.ClearFaults()
			text := a.words()
			if text != "" {
				said++
			}
			for _, c := range canaries {
				if strings.Contains(text, c) {
					hits++
					t.Errorf("%+v: %q in %q", fault, c, text)
				}
			}
		})
	}
	if said == 0 {
		t.Error("nothing was said: it proves nothing")
	}
	publish(t, "P4", fmt.Sprintf("%d names, UPNs and addresses, looked for in every error and warning of failing runs", len(canaries)), "0 hits",
		"%d runs that said something: %d hits", said, hits)
}

// TestP8_HostGuard answers with links and redirects that lead elsewhere.
func TestP8_HostGuard(t *testing.T) {
	w := newWorld(t)
	struck, strange := 0, 0
	for _, kind := range []graphtest.FaultKind{graphtest.FaultNextOtherHost, graphtest.FaultNextHTTP, graphtest.FaultNextGarbage, graphtest.FaultRedirectOtherHost} {
		for _, e := range endpoints[:size(1, len(endpoints))] {
			for _, page := range []graphtest.Page{graphtest.FirstPage, graphtest.LastPage} {
				w.scenes()[1].in(t, func(dir string) {
					before := w.server.Struck()
					w.server.Inject(graphtest.Fault{Endpoint: e, Page: page, Kind: kind, Times: graphtest.Forever})
					a := w.try(t.Context(), t, dir, asIs)
					w.server.ClearFaults()
					if w.server.Struck() > before {
						struck++
					}
					strange += len(a.wire.strange)
					for _, s := range a.wire.strange {
						t.Errorf("%s on %s: asked %s", kind, e, s)
					}
				})
			}
		}
	}
	publish(t, "P8", "next links and redirects to other hosts and to plain http, on every endpoint", "0 requests there, with a token or without",
		"%d scenarios: %d requests to another host", struck, strange)
}
