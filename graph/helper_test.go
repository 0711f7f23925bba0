package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"lictrail/snapshot"
)

const (
	skuE5   = "06ebc4ee-1bb5-47dd-8120-11324bc54e06"
	skuE3   = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	planA   = "efb87545-963c-4e0d-99df-69c6916d9eb0"
	planB   = "5dbe027f-2339-4123-9542-606e4d348a72"
	groupID = "11111111-2222-3333-4444-555555555555"
	tenant  = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

// fakeToken is a credential that counts and remembers what it is asked.
type fakeToken struct {
	mu     sync.Mutex
	tokens []string // given out in turn; the last one again and again
	asked  []policy.TokenRequestOptions
	err    error
}

func (f *fakeToken) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, o)
	if f.err != nil {
		return azcore.AccessToken{}, f.err
	}
	i := min(len(f.asked), len(f.tokens)) - 1
	return azcore.AccessToken{Token: f.tokens[i], ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// fakeClock moves only when someone sleeps.
type fakeClock struct {
	mu    sync.Mutex
	at    time.Time
	slept []time.Duration
}

func newClock() *fakeClock { return &fakeClock{at: time.Now()} }

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	c.at = c.at.Add(d)
	return context.Cause(ctx)
}

func (c *fakeClock) total() (sum time.Duration) {
	for _, d := range c.slept {
		sum += d
	}
	return sum
}

// server is a Graph of a few scripted answers. Requests are numbered from 1.
type server struct {
	*httptest.Server
	transport http.RoundTripper // nil: the client's own
	mu        sync.Mutex
	requests  []*http.Request
}

type answer func(n int, w http.ResponseWriter, r *http.Request)

func newServer(t *testing.T, answer answer) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(s.handler(answer))
	t.Cleanup(s.Close)
	return s
}

// inBubble plays a server and its clients in time of their own: no load on the
// machine makes a wait longer.
func inBubble(t *testing.T, answer answer, test func(t *testing.T, s *server)) {
	synctest.Test(t, func(t *testing.T) {
		n := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
		transport := &http.Transport{DialContext: n.dial}
		s := &server{transport: transport}
		s.Server = &httptest.Server{Listener: n, Config: &http.Server{Handler: s.handler(answer)}}
		s.Start()
		t.Cleanup(func() {
			transport.CloseIdleConnections()
			s.Close()
		})
		test(t, s)
	})
}

// pipes is a network that stays in memory.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.accepted <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (s *server) handler(answer answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r)
		n := len(s.requests)
		s.mu.Unlock()
		w.Header().Set("request-id", fmt.Sprintf("req-%d", n))
		w.Header().Set("Content-Type", "application/json")
		answer(n, w, r)
	})
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// client returns a client of s whose clock is fake. edit may be nil.
func (s *server) client(t *testing.T, edit func(*Options)) (*Client, *fakeClock) {
	t.Helper()
	clock := newClock()
	o := Options{
		Endpoint: s.URL, Credential: &fakeToken{tokens: []string{"secret-token"}},
		Now: clock.now, Sleep: clock.sleep, Jitter: func() float64 { return 0.5 }, Unpaced: true, Transport: s.transport,
	}
	if edit != nil {
		edit(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, clock
}

// tenantOf serves pages of users; fault may answer instead of a page.
type tenantOf struct {
	*server
	pages [][]string                                           // rows of JSON
	fault func(page int, w http.ResponseWriter) (done bool)    // nil: none
	link  func(page int, honest string) (next string, ok bool) // nil: honest links
}

func newTenant(t *testing.T, pages ...[]string) *tenantOf {
	tt := &tenantOf{pages: pages}
	tt.server = newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		page := 1
		fmt.Sscanf(r.URL.Query().Get("$skiptoken"), "p%d", &page)
		if tt.fault != nil && tt.fault(page, w) {
			return
		}
		fmt.Fprint(w, tt.body(page))
	})
	return tt
}

func (tt *tenantOf) body(page int) string {
	next, more := tt.URL+fmt.Sprintf("/v1.0/users?$skiptoken=p%d", page+1), page < len(tt.pages)
	if tt.link != nil {
		next, more = tt.link(page, next)
	}
	link := ""
	if more {
		quoted, _ := json.Marshal(next)
		link = `"@odata.nextLink":` + string(quoted) + ","
	}
	return `{"@odata.context":"x",` + link + `"value":[` + strings.Join(tt.pages[page-1], ",") + `]}`
}

// threePages has users u1 to u6.
func threePages(t *testing.T) *tenantOf {
	return newTenant(t,
		[]string{userRow("u1"), userRow("u2")}, []string{userRow("u3"), userRow("u4")}, []string{userRow("u5"), userRow("u6")})
}

func userRow(id string) string {
	return fmt.Sprintf(`{"id":%q,"userPrincipalName":"%s@example.com","assignedLicenses":[{"skuId":%q,"disabledPlans":[]}]}`, id, id, skuE5)
}

// collector keeps the rows of a read.
type collector[T any] struct{ Rows []T }

func (c *collector[T]) Page(rows []T) error {
	c.Rows = append(c.Rows, rows...)
	return nil
}

func (c *collector[T]) Restart() error {
	c.Rows = nil
	return nil
}

// usersTo reads the users of a client.
func usersTo(ctx context.Context, c *Client, to interface {
	Page(rows []snapshot.UserRow) error
	Restart() error
}) (snapshot.PagesRead, error) {
	return c.Users(ctx, snapshot.KnownRows{}, to.Page, to.Restart)
}

// sinkOf is a collector that remembers every call.
type sinkOf struct {
	collector[snapshot.UserRow]
	pages, restarts int
	err             error
}

func (s *sinkOf) Page(rows []snapshot.UserRow) error {
	s.pages++
	if s.err != nil {
		return s.err
	}
	return s.collector.Page(rows)
}

func (s *sinkOf) Restart() error {
	s.restarts++
	return s.collector.Restart()
}

func (s *sinkOf) ids() string {
	var ids []string
	for _, u := range s.Rows {
		ids = append(ids, string(u.ID))
	}
	return strings.Join(ids, " ")
}

const allSix = "u1 u2 u3 u4 u5 u6"

// asError fails the test unless err is an *Error of the kind.
func asError(t *testing.T, err, kind error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("got %v, want an *Error that is %v", err, kind)
	}
	return e
}

func graphSays(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":%q,"innerError":{"request-id":"inner"}}}`, code, message)
}

// quietLog keeps handlers that give up on purpose out of the test's output.
var quietLog = log.New(io.Discard, "", 0)
