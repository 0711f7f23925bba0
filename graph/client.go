package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	kiotaauth "github.com/microsoft/kiota-authentication-azure-go"
	kiotahttp "github.com/microsoft/kiota-http-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
)

// Options configures a [Client]. Only Credential is required.
type Options struct {
	Endpoint   string        // root of Graph; "" means https://graph.microsoft.com
	Cloud      Cloud         // which features there are; the zero value has all
	Credential Credential    // where tokens come from
	Patience   time.Duration // how long a read may go without reading a page; 0 means 10 minutes
	Quiet      time.Duration // how long a response may bring no byte; 0 means 60 seconds
	MaxPage    int64         // bytes of one page, unpacked; 0 means 64 MiB
	PageSize   int32         // rows a page of users, deleted users and audit records, 1 to 999; 0 means 999
	Keep       []string      // of [snapshot.KeptNames]: attributes of users to read as well
	Partitions int           // of the users, that are read at a time, at most [MaxPartitions]; 0 and 1: one pass over all; or [AutoPartitions]
	Version    string        // lictrail's, for the User-Agent header
	Unpaced    bool          // neither hold queries for audits and sign-ins down to 5 in 10 seconds nor wait between looks at a search; for tests
	Progress   func(Progress)

	Transport http.RoundTripper                          // nil means a copy of the default one, which Close closes
	Now       func() time.Time                           // nil means time.Now
	Sleep     func(context.Context, time.Duration) error // nil means a timer; must return early when the context ends
	Jitter    func() float64                             // in [0,1); nil means a random number
}

// Progress is what a client is doing, for a line on the terminal.
type Progress struct {
	Op       string
	Page     int       // page being read, or just read
	Rows     int       // rows read so far
	Attempts int       // of the page being read
	Until    time.Time // when the wait ends; zero when not waiting
	Reason   string    // why it waits
}

// Client reads one tenant through Graph. It is safe for concurrent use, and is
// to be closed after it.
type Client struct {
	opts     Options
	base     *url.URL // with version
	http     *http.Client
	adapter  *graphcore.GraphRequestAdapterBase
	audits   *pacer
	signIns  *pacer
	files    *http.Client // fetches files from hosts that get no token
	owns     bool         // the transport is not the caller's
	requests atomic.Int64
	sample   bool                          // of a [Prober]: reads end early
	clock    atomic.Pointer[time.Duration] // Graph's less ours, in the newest answer that had a date
}

const (
	defaultEndpoint = "https://graph.microsoft.com"
	apiVersion      = "/v1.0"
	auditRequests   = 5 // in auditPeriod, for an app and tenant: throttling-limits, reporting
	auditPeriod     = 10 * time.Second
)

// New returns a client. It contacts no host.
func New(o Options) (*Client, error) {
	root, err := parseEndpoint("graph endpoint", o.Endpoint, defaultEndpoint, apiVersion)
	if err != nil {
		return nil, err
	}
	c, err := newClient(o, root, apiVersion)
	if err == nil && !o.Unpaced {
		c.audits = newPacer(auditRequests, auditPeriod, c.opts.Now, c.opts.Sleep)
		c.signIns = newPacer(auditRequests, auditPeriod, c.opts.Now, c.opts.Sleep)
	}
	return c, err
}

// newClient returns a client of one host, whose tokens go to no other.
func newClient(o Options, root *url.URL, path string) (*Client, error) {
	if o.Credential == nil {
		return nil, fmt.Errorf("%w: no credential", ErrAuth)
	}
	c := &Client{opts: o.withDefaults(), base: root.JoinPath(path)}
	if o.Transport == nil {
		o.Transport, c.owns = kiotahttp.GetDefaultTransport(), true
	}
	c.http = newHTTPClient(o)
	c.files = &http.Client{Transport: o.Transport, CheckRedirect: noRedirect}
	auth, err := newAuthentication(o.Credential, root)
	if err != nil {
		return nil, fmt.Errorf("set up sign-in: %w", err)
	}
	c.adapter, err = graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, graphcore.GraphClientOptions{}, nil, nil, c.http)
	if err != nil {
		return nil, fmt.Errorf("set up requests: %w", err)
	}
	c.adapter.SetBaseUrl(c.base.String())
	return c, nil
}

// Close lets go of the connections that the client has kept for its next request.
// A client that is used all the same makes new ones.
func (c *Client) Close() {
	if c.owns {
		c.files.CloseIdleConnections()
	}
}

// Requests returns how many requests the client has sent, repeats included.
func (c *Client) Requests() int { return int(c.requests.Load()) }

func (o Options) withDefaults() Options {
	setDefault(&o.Patience, 10*time.Minute)
	setDefault(&o.Quiet, time.Minute)
	setDefault(&o.MaxPage, maxPage)
	setDefault(&o.PageSize, 999)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if progress := o.Progress; progress != nil {
		var one sync.Mutex // reads that are under way together report, too
		o.Progress = func(p Progress) {
			one.Lock()
			defer one.Unlock()
			progress(p)
		}
	} else {
		o.Progress = func(Progress) {}
	}
	return o
}

func setDefault[T comparable](v *T, def T) {
	if *v == *new(T) {
		*v = def
	}
}

// parseEndpoint accepts the root of a service, with or without the version.
func parseEndpoint(what, s, def, version string) (*url.URL, error) {
	u, err := url.Parse(cmp.Or(s, def))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, tidy(err))
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), version)
	switch {
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || path != "":
		return nil, fmt.Errorf("%s %q: want https://HOST", what, u.Redacted())
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
	}
	return nil, fmt.Errorf("%s %q: want https, or http to a loopback address", what, u.Redacted())
}

// loopback reports whether host never leaves this machine. Other addresses of
// 127.0.0.0/8 are left out because kiota sends no token there over http.
func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || host == "127.0.0.1" || net.ParseIP(host).Equal(net.IPv6loopback)
}

// newAuthentication returns a provider that gives tokens to root's host only.
func newAuthentication(cred Credential, root *url.URL) (authentication.AuthenticationProvider, error) {
	return kiotaauth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(
		challenged{cred}, []string{root.String() + "/.default"}, []string{root.Hostname()})
}

// newHTTPClient returns a client with those of the SDK's middlewares that only
// describe the request. Retries are ours, and a redirect is an answer like any
// other: following it could take the token to another host.
func newHTTPClient(o Options) *http.Client {
	middlewares := []kiotahttp.Middleware{
		graphcore.NewGraphTelemetryHandler(&graphcore.GraphClientOptions{}), // SdkVersion, client-request-id
		kiotahttp.NewParametersNameDecodingHandler(),                        // %24select becomes $select
		kiotahttp.NewUserAgentHandlerWithOptions(&kiotahttp.UserAgentHandlerOptions{
			Enabled: true, ProductName: "lictrail", ProductVersion: cmp.Or(o.Version, "dev"),
		}),
	}
	return &http.Client{
		Transport:     kiotahttp.NewCustomTransportWithParentTransport(o.Transport, middlewares...),
		CheckRedirect: noRedirect,
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// request describes a request. It is called anew for every attempt.
type request func(context.Context) (*abstractions.RequestInformation, error)

// path returns what a request builder of the SDK starts from.
func (c *Client) path() map[string]string { return map[string]string{"baseurl": c.base.String()} }

// template returns a request for a resource that we import no builder of.
func (c *Client) template(tmpl string, query map[string]any) request {
	return func(context.Context) (*abstractions.RequestInformation, error) {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET, tmpl, c.path())
		if query != nil { // kiota takes no nil for none
			info.QueryParametersAny = query
		}
		return info, nil
	}
}

// post makes a request one that hands in a body. The only requests of this kind
// ask for something to be read.
func post(build request, body []byte) request {
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		info, err := build(ctx)
		if err != nil {
			return nil, err
		}
		info.Method = abstractions.POST
		if body != nil {
			info.SetStreamContentAndContentType(body, "application/json")
		}
		return info, nil
	}
}

// follow returns a request for a nextLink, which is sent as it is.
func follow(next *url.URL) request {
	return func(context.Context) (*abstractions.RequestInformation, error) {
		info := abstractions.NewRequestInformation()
		info.Method = abstractions.GET
		info.SetUri(*next)
		info.AddRequestOptions([]abstractions.RequestOption{opaque})
		return info, nil
	}
}

// opaque instructs the middleware that decodes parameter names to leave a URL be.
var opaque = &kiotahttp.ParametersNameDecodingOptions{Enable: false}

var errNoToken = errors.New("the sign-in gave no token")

// native signs a request and makes it one of net/http.
func (c *Client) native(ctx context.Context, build request) (*http.Request, error) {
	info, err := build(ctx)
	if err != nil {
		return nil, err
	}
	info.Headers.TryAdd("Accept", "application/json")
	info.Headers.TryAdd("x-ms-throttle-priority", "Low") // throttling-limits: lets interactive work go first
	for _, option := range info.GetRequestOptions() {
		ctx = context.WithValue(ctx, option.GetKey(), option)
	}
	converted, err := c.adapter.ConvertToNativeRequest(ctx, info)
	if err != nil {
		return nil, err
	}
	req, ok := converted.(*http.Request)
	if !ok || len(req.Header.Get("Authorization")) <= len("Bearer ") {
		return nil, errNoToken
	}
	return req, nil
}

// SignIn gets a token, so that a sign-in which asks the user something does so
// before anything is read. Errors are [ErrAuth] or [ErrUnavailable].
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.native(ctx, follow(c.base))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.newReader(opSigningIn).unsigned(err)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
