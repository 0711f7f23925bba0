package graphtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultToken is the bearer token a server accepts unless told otherwise.
const DefaultToken = "graphtest-token"

// AllScopes are the permissions that a server grants unless told otherwise.
var AllScopes = []string{
	"User.Read.All", "LicenseAssignment.Read.All", "Organization.Read.All",
	"Group.Read.All", "AuditLog.Read.All", "Application.Read.All", "Reports.Read.All", "AuditLogsQuery-Entra.Read.All", "ActivityFeed.Read",
	"DelegatedAdminRelationship.Read.All",
	"CloudLicensing.Read.All",
}

// Request is one request the server received.
type Request struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Endpoint     Endpoint // "" when no endpoint was reached
	Page         int      // from 1, for collections
	Status       int      // of the answer
	Activity     bool     // of the Management Activity API, not of Graph
}

// Server serves a tenant as Microsoft Graph v1.0.
type Server struct {
	t   *Tenant
	cfg config

	mu       sync.Mutex
	rng      *rand.Rand
	requests []*Request
	cursors  map[string]cursor
	faults   []*armed
	struck   int         // answers that faults have spoiled
	spent    []time.Time // recent requests for audit events
	searches []*search
	unified  map[*Event][]byte
	feed     feed
	http     []*http.Server
	closed   chan struct{}
	closing  sync.Once
	files    *fileHost
	root     string            // of Graph
	feedRoot string            // of the Management Activity API
	kept     map[string][]byte // files of reports, by key
	leaked   bool

	draw render // used with the tenant locked
}

type config struct {
	seed        uint64
	token       string
	authority   *Authority // nil: only token counts
	scopes      []string
	step        time.Duration
	vary, empty bool
	tidy        bool
	marked      bool
	plainNulls  bool
	gzip        bool
	budget      int
	window      time.Duration
	clock       func() time.Time
	hook        func(*Tenant, Request)
	drip        time.Duration
	search      searchConfig
	feed        feedConfig
}

// Option changes how a server behaves.
type Option func(*config)

// WithToken sets the bearer token to accept.
func WithToken(token string) Option { return func(c *config) { c.token = token } }

// WithAuthority has the server take the tokens that an authority issued for it,
// and no others.
func WithAuthority(a *Authority) Option { return func(c *config) { c.authority = a } }

// WithScopes sets the permissions granted.
func WithScopes(scopes ...string) Option { return func(c *config) { c.scopes = scopes } }

// WithClockStep moves the tenant's clock with every request.
func WithClockStep(d time.Duration) Option { return func(c *config) { c.step = d } }

// WithVaryingPages makes pages shorter than asked for, at random.
func WithVaryingPages() Option { return func(c *config) { c.vary = true } }

// WithEmptyPages puts empty pages with a next link between full ones.
func WithEmptyPages() Option { return func(c *config) { c.empty = true } }

// WithTidyRows keeps rows and fields in a fixed order and ids in lower case.
func WithTidyRows() Option { return func(c *config) { c.tidy = true } }

// WithMarkedAgents has plain /users name the type of agent users. No page says
// whether the service does.
func WithMarkedAgents() Option { return func(c *config) { c.marked = true } }

// WithPlainNulls has the filter createdDateTime eq null work without the parameters of
// advanced queries. The documentation lists no test for null on this property at all.
func WithPlainNulls() Option { return func(c *config) { c.plainNulls = true } }

// WithoutGzip never compresses.
func WithoutGzip() Option { return func(c *config) { c.gzip = false } }

// WithSeed seeds what the server draws at random.
func WithSeed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// WithAuditBudget throttles requests for audit events: so many in a window.
func WithAuditBudget(requests int, window time.Duration) Option {
	return func(c *config) { c.budget, c.window = requests, window }
}

// WithClock sets the clock of the audit budget, the tenant's by default.
func WithClock(now func() time.Time) Option { return func(c *config) { c.clock = now } }

// WithHook calls a function before each answer, when the tenant may change:
// pages are no snapshot.
func WithHook(hook func(*Tenant, Request)) Option { return func(c *config) { c.hook = hook } }

// WithDrip sets the pause between the bytes of [FaultDrip], 1 s by default.
func WithDrip(pause time.Duration) Option { return func(c *config) { c.drip = pause } }

// NewServer returns a server for a tenant.
func NewServer(t *Tenant, opts ...Option) *Server {
	c := config{token: DefaultToken, scopes: AllScopes, gzip: true, drip: time.Second, clock: t.Now, seed: 1}
	for _, o := range opts {
		o(&c)
	}
	s := &Server{
		unified: map[*Event][]byte{},
		feed:    feed{enabled: c.feed.running, since: Epoch.AddDate(-1, 0, 0)},
		t:       t, cfg: c, cursors: map[string]cursor{}, closed: make(chan struct{}), kept: map[string][]byte{},
		rng:  rand.New(rand.NewPCG(c.seed, 2)),
		draw: render{t: t, r: rand.New(rand.NewPCG(c.seed, 3)), tidy: c.tidy, marked: c.marked},
	}
	s.files = &fileHost{s: s}
	return s
}

// Start serves on a free port of 127.0.0.1 and returns the base URL, which
// ends in /v1.0. The files of reports are on another port.
func (s *Server) Start() (string, error) {
	files, err := s.listen(s.files)
	if err != nil {
		return "", err
	}
	s.files.base = files
	s.root, err = s.listen(s)
	s.cfg.authority.Know(s.root)
	return s.root + "/v1.0", err
}

func (s *Server) listen(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("start graph simulator: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.http = append(s.http, server)
	go func() { _ = server.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

// Close stops serving and frees requests that hang.
func (s *Server) Close() error {
	s.closing.Do(func() { close(s.closed) })
	s.mu.Lock()
	servers := s.http
	s.mu.Unlock()
	var err error
	for _, h := range servers {
		err = errors.Join(err, h.Close())
	}
	return err
}

// Requests returns what was received so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.requests))
	for i, r := range s.requests {
		out[i] = *r
	}
	return out
}

// ForgetRequests empties the record of requests.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// call is one request on its way to an answer.
type call struct {
	*Request
	s        *Server
	http     *http.Request
	id       string // request-id
	path     []string
	top      int
	fields   []string
	match    func(any) bool // nil without a filter
	advanced bool
	desc     bool
	cursor   cursor
	copilot  copilotQuestion
}

// apiError is an error as Graph reports it.
type apiError struct {
	status        int
	code, message string
	header        map[string]string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers as Graph would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve(w, r, false) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request, activity bool) {
	if s.cfg.step > 0 {
		s.t.Advance(s.cfg.step)
	}
	c := s.open(r, activity)
	a := s.answer(c)
	s.mu.Lock()
	c.Status = a.status
	s.mu.Unlock()
	s.write(w, c, a)
}

func (s *Server) open(r *http.Request, activity bool) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	query, _ := url.ParseQuery(r.URL.RawQuery)
	req := &Request{Method: r.Method, Path: r.URL.Path, Query: query, Header: r.Header.Clone(), Activity: activity}
	s.requests = append(s.requests, req)
	return &call{Request: req, s: s, http: r, id: guid(s.rng.Uint64(), s.rng.Uint64())}
}

// answer computes the reply, faults included.
func (s *Server) answer(c *call) *answer {
	e, err := s.admit(c)
	if err != nil {
		return c.failed(err)
	}
	if s.cfg.hook != nil {
		s.cfg.hook(s.t, *c.Request)
	}
	a, err := s.produce(c, e)
	if err != nil {
		a = c.failed(err)
	}
	f := s.due(c, a)
	if f == nil {
		return a
	}
	if f.Kind.disturb(s.t) {
		if again, err := s.produce(c, e); err == nil {
			a = again
		}
		return a
	}
	if again := f.Kind.misread(c); again && err == nil {
		if other, err := s.produce(c, e); err == nil {
			a = other
		}
		return a
	}
	f.Kind.apply(s, c, a)
	return a
}

// admit checks method, token, route, permission, query and budget, in the
// order the real service does.
func (s *Server) admit(c *call) (*endpoint, *apiError) {
	if c.Activity {
		return s.admitActivity(c)
	}
	if posts := c.Path == "/v1.0/"+string(EndpointSearches); c.Method != http.MethodGet && !(posts && c.Method == http.MethodPost) {
		err := fail(http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
		err.header = map[string]string{"Allow": "GET"}
		return nil, err
	}
	if err := s.authenticate(c); err != nil {
		return nil, err
	}
	e, err := route(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	c.Endpoint = e.name
	s.mu.Unlock()
	if !s.granted(e.scopes...) {
		return nil, denied()
	}
	if err := c.parse(e); err != nil {
		return nil, err
	}
	return e, s.spend(e)
}

func denied() *apiError {
	return fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

func (s *Server) authenticate(c *call) *apiError {
	token, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	message := "Access token validation failure. Invalid audience."
	if s.cfg.authority != nil && ok {
		if message = s.cfg.authority.refuse(token, s.root); message == "" {
			return nil
		}
		return unauthorized(message)
	}
	switch {
	case ok && token == s.cfg.token:
		return nil
	case !ok || token == "":
		message = "Access token is empty."
	}
	return unauthorized(message)
}

func unauthorized(message string) *apiError {
	err := fail(http.StatusUnauthorized, "InvalidAuthenticationToken", "%s", message)
	err.header = map[string]string{"WWW-Authenticate": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`}
	return err
}

// Grant changes the permissions granted.
func (s *Server) Grant(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.scopes = scopes
}

// granted reports whether any of the scopes is granted.
func (s *Server) granted(scopes ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(scopes, func(x string) bool { return slices.Contains(s.cfg.scopes, x) })
}

// spend takes one request out of the audit budget.
func (s *Server) spend(e *endpoint) *apiError {
	if e.name != EndpointAudits || s.cfg.budget == 0 {
		return nil
	}
	now := s.cfg.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent = slices.DeleteFunc(s.spent, func(at time.Time) bool { return now.Sub(at) >= s.cfg.window })
	if len(s.spent) < s.cfg.budget {
		s.spent = append(s.spent, now)
		return nil
	}
	wait := s.cfg.window - now.Sub(s.spent[0])
	err := throttled()
	err.header = map[string]string{"Retry-After": fmt.Sprintf("%.3f", wait.Seconds())}
	return err
}

func throttled() *apiError {
	return fail(http.StatusTooManyRequests, "TooManyRequests", "This request is throttled. Please try again after the value specified in the Retry-After header.")
}

// Root is the address of Graph, once started, that tokens are for.
func (s *Server) Root() string { return s.root }
