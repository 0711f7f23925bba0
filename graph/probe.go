package graph

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	sdk "github.com/microsoftgraph/msgraph-sdk-go/groups"

	"lictrail/snapshot"
)

// ProbePatience is how long to wait for any one thing that is only tried.
const ProbePatience = 15 * time.Second

const (
	probeQuiet  = 10 * time.Second
	probePages  = 3 // empty pages with a link are legal: how many to look through
	auditSample = 24 * time.Hour
)

// Prober tries the reads of a run, each as small as it gets: the same request,
// of which the first row is enough. What it returns is never a whole read, and
// so it is a type of its own. Nothing is written, and nothing is started.
type Prober struct {
	c    *Client
	user snapshot.UserID // one that was seen
}

// NewProber returns a prober. Patience is at most [ProbePatience] for each read. It
// contacts no host.
func NewProber(o Options) (*Prober, error) {
	o.PageSize, o.Unpaced, o.Quiet = 1, true, probeQuiet // one request of each kind
	if o.Patience == 0 || o.Patience > ProbePatience {
		o.Patience = ProbePatience
	}
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	c.sample = true
	return &Prober{c: c}, nil
}

// Close lets go of the connections kept for the next request: see [Client.Close].
func (p *Prober) Close() { p.c.Close() }

// sampled reports whether a read has seen enough.
func (c *Client) sampled(page, rows int) bool { return c.sample && (rows > 0 || page == probePages) }

// hear notes how far Graph's clock is from ours.
func (c *Client) hear(resp *http.Response) {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		skew := date.Sub(c.opts.Now())
		c.clock.Store(&skew)
	}
}

// Clock is how far Graph's clock is ahead of this machine's, to the second; ok is
// false when no answer showed it.
func (p *Prober) Clock() (ahead time.Duration, ok bool) {
	if d := p.c.clock.Load(); d != nil {
		return *d, true
	}
	return 0, false
}

// Identity is what an access token says of who signed in. Microsoft calls these
// tokens opaque: what cannot be read is left empty, and nothing but a report may
// depend on it. The token itself is not in it, nor a person's name.
type Identity struct {
	Tenant  snapshot.TenantID
	AppID   string   // of the application that signed in
	AppOnly bool     // no user is signed in
	Granted []string // application permissions, or delegated ones, sorted
}

// SignIn gets a token, and says whose it is; known is false when the token does
// not say. Errors are [ErrAuth] or [ErrUnavailable].
func (p *Prober) SignIn(ctx context.Context) (who Identity, known bool, err error) {
	if err := p.c.SignIn(ctx); err != nil {
		return who, false, err
	}
	req, err := p.c.native(ctx, follow(p.c.base)) // the token is there already
	if err != nil {
		return who, false, p.c.newReader("sign-in").unsigned(err)
	}
	who, known = readIdentity(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
	return who, known, nil
}

// readIdentity reads the claims of a token without checking it: that is Graph's
// to do. See learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
func readIdentity(token string) (who Identity, known bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return who, false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return who, false
	}
	var claims struct {
		Tenant string   `json:"tid"`
		AppID  string   `json:"appid"`
		Party  string   `json:"azp"` // the same, in tokens of version 2
		Roles  []string `json:"roles"`
		Scopes string   `json:"scp"`
	}
	if err := json.Unmarshal(text, &claims, jsonOptions); err != nil || !isGUID(claims.Tenant) {
		return who, false
	}
	who = Identity{Tenant: snapshot.NormalID(snapshot.TenantID(claims.Tenant)), AppOnly: claims.Scopes == ""}
	for _, id := range []string{claims.AppID, claims.Party} {
		if isGUID(id) {
			who.AppID = snapshot.NormalID(id)
		}
	}
	who.Granted = claims.Roles
	if !who.AppOnly {
		who.Granted = strings.Fields(claims.Scopes)
	}
	slices.Sort(who.Granted)
	return who, true
}

// Finding is what a read showed besides that it is permitted.
type Finding struct {
	Tenant    snapshot.Tenant // organization, SKUs
	Premium   bool            // organization: Entra ID P1 or P2
	Concealed bool            // usage report: it names pseudonyms
	Empty     bool            // the read is permitted, and there was nothing of that kind
}

// ErrUntried says that there was nothing to ask for.
var ErrUntried = errors.New("there is nothing to ask for")

// Probe tries the read of that name; see [Permissions]. Errors are those of the
// read itself, hints included, or [ErrUntried]. The Management Activity API is
// not Graph: [Feed.Enabled] is small enough.
func (p *Prober) Probe(ctx context.Context, op string) (f Finding, err error) {
	switch op {
	case opUsers:
		_, err = p.c.Users(ctx, snapshot.KnownRows{}, func(seen []snapshot.UserRow) error {
			for _, u := range seen {
				p.user = u.ID
			}
			return nil
		}, again)
	case opUser:
		if p.user == "" {
			return f, ErrUntried
		}
		_, err = p.c.UserExists(ctx, p.user)
	case opUserCount:
		_, err = p.c.countUsers(ctx, "", nil)
	case opAgents:
		var all []snapshot.UserID
		all, _, err = p.c.Agents(ctx)
		f.Empty = len(all) == 0
	case opSKUs:
		var skus []snapshot.SKU
		skus, f.Tenant, err = p.c.SKUs(ctx)
		f.Empty = len(skus) == 0
	case opOrganization:
		var o snapshot.Organization
		o, err = p.c.Organization(ctx)
		f.Tenant, f.Premium = o.Tenant, o.Premium
	case opSubscriptions:
		var all []snapshot.Subscription
		all, err = p.c.Subscriptions(ctx)
		f.Empty = len(all) == 0
	case opGroup:
		f.Empty, err = p.group(ctx)
	case opDeletedUsers:
		var all []snapshot.DeletedUser
		all, err = p.c.DeletedUsers(ctx)
		f.Empty = len(all) == 0
	case opAudits:
		now := p.c.opts.Now()
		err = p.c.DirectoryAudits(ctx, snapshot.AuditQuery{Activity: "Change user license", From: now.Add(-auditSample), To: now}, drop, again)
	case opPrincipal: // no application has this object id: whether Graph looks for it is the question
		_, err = p.c.Principal(ctx, graphAPI.AppID)
	case opSignIns:
		_, err = p.c.SignIns(ctx, drop, again)
	case opUsage:
		var usage snapshot.Usage
		usage, err = p.c.Usage(ctx, snapshot.ActiveUsers)
		f.Concealed, f.Empty = usage.Concealed, usage.Until.IsZero()
	case opAllotments:
		var all []snapshot.Allotment
		all, err = p.c.Allotments(ctx)
		f.Empty = len(all) == 0
	case opSearch:
		err = p.searches(ctx)
	case opCustomers:
		var all []snapshot.Tenant
		all, err = p.c.Customers(ctx)
		f.Empty = len(all) == 0
	default:
		err = ErrUntried
	}
	return f, err
}

// drop takes rows of which it only matters that they may be read, and again their
// coming anew.
func drop[T any]([]T) error { return nil }
func again() error          { return nil }

// group reads one group as a run does; any will do. A list of one, which needs
// the same permission, gives its id.
func (p *Prober) group(ctx context.Context) (none bool, err error) {
	top := int32(1)
	first := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		return sdk.NewGroupsRequestBuilderInternal(p.c.path(), p.c.adapter).ToGetRequestInformation(ctx,
			&sdk.GroupsRequestBuilderGetRequestConfiguration{
				QueryParameters: &sdk.GroupsRequestBuilderGetQueryParameters{Select: []string{"id"}, Top: &top},
			})
	}
	all, err := collect(ctx, p.c, opGroup, first, func(id snapshot.GroupID) string { return string(id) },
		func(w *wireGroup) (snapshot.GroupID, error) {
			row := rowProblem{kind: "group", name: w.ID.text}
			return snapshot.GroupID(row.id("id", w.ID)), row.err
		})
	if err != nil || len(all) == 0 {
		return err == nil, err
	}
	_, err = p.c.Group(ctx, all[0])
	return false, err
}

// searches looks at what searches there are: a run starts one, which needs the
// same permission (auditCoreRoot: list and create auditLogQueries) and would be
// work for the service.
func (p *Prober) searches(ctx context.Context) error {
	_, err := collect(ctx, p.c, opSearch, p.c.template("{+baseurl}/security/auditLog/queries", nil),
		func(s wireSearch) string { return s.ID }, func(w *wireSearch) (wireSearch, error) { return *w, nil })
	return err
}
