package graph

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// probe serves a tenant to a prober.
func probe(t *testing.T, tenant *graphtest.Tenant, opts ...graphtest.Option) (*graphtest.Server, *Prober, *Feed) {
	t.Helper()
	s := graphtest.NewServer(tenant, append([]graphtest.Option{graphtest.WithVaryingPages(), graphtest.WithEmptyPages()}, opts...)...)
	base, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	activity, err := s.StartActivity()
	if err != nil {
		t.Fatal(err)
	}
	clock := newClock()
	o := Options{Endpoint: base, Credential: &fakeToken{tokens: []string{graphtest.DefaultToken}}, Now: clock.now, Sleep: clock.sleep}
	p, err := NewProber(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Endpoint, o.Credential = activity, &fakeToken{tokens: []string{graphtest.ActivityToken}}
	f, err := NewFeed(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, p, f
}

// probeAll tries every read, and returns those that failed.
func probeAll(t *testing.T, tenant *graphtest.Tenant, p *Prober, f *Feed) map[string]*Error {
	t.Helper()
	failed := map[string]*Error{}
	for _, row := range Permissions() {
		_, err := p.Probe(t.Context(), row.Op)
		if row.Op == opFeed {
			_, err = f.Enabled(t.Context(), "")
			if err == nil {
				t.Error("a feed without a tenant was tried")
			}
			_, err = f.Enabled(t.Context(), snapshot.TenantID(tenant.ID))
		}
		if e := (*Error)(nil); errors.As(err, &e) {
			failed[row.Op] = e
		} else if err != nil && !errors.Is(err, ErrUntried) {
			t.Errorf("%s: %v", row.Op, err)
		}
	}
	return failed
}

// TestProbe: every read is tried with few requests, each with what the run's own
// request has, and nothing but GET is sent.
func TestProbe(t *testing.T) {
	tenant := graphtest.New(1)
	tenant.Populate(50, 3)
	s, p, f := probe(t, tenant)
	if failed := probeAll(t, tenant, p, f); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	requests := s.Requests()
	if n := len(requests); n > 3*len(Permissions()) {
		t.Errorf("%d requests", n)
	}
	want := map[graphtest.Endpoint]url.Values{ // what makes a permission count; see the reads
		graphtest.EndpointUsers:  {"$select": {strings.Join(userFields, ",")}, "$top": {"1"}},
		graphtest.EndpointGroup:  {"$select": {strings.Join(groupFields, ",")}},
		graphtest.EndpointAudits: {"$top": {"1"}},
	}
	for _, r := range requests {
		if r.Method != "GET" {
			t.Errorf("%s %s", r.Method, r.Path)
		}
		if r.Endpoint == graphtest.EndpointUsersCount && r.Header.Get("ConsistencyLevel") != "eventual" {
			t.Error("the count was asked for without ConsistencyLevel")
		}
		for key, value := range want[r.Endpoint] {
			if got := r.Query[key]; !slices.Equal(got, value) && !strings.HasPrefix(r.Query.Get("$select"), "id,signIn") && r.Query.Get("$skiptoken") == "" {
				t.Errorf("%s: %s is %q, want %q", r.Path, key, got, value)
			}
		}
	}
	if s.Searches() != 0 {
		t.Error("a search was started")
	}
	if on, err := f.Enabled(t.Context(), snapshot.TenantID(tenant.ID)); on || err != nil {
		t.Errorf("the feed was started: %v, %v", on, err)
	}
}

// TestProbeForbidden takes each permission away in turn: the reads that need it
// fail with a hint that names it, and no other read does.
func TestProbeForbidden(t *testing.T) {
	for _, scope := range graphtest.AllScopes {
		t.Run(scope, func(t *testing.T) {
			tenant := graphtest.New(1)
			tenant.Populate(20, 2)
			granted := slices.DeleteFunc(slices.Clone(graphtest.AllScopes), func(s string) bool { return s == scope })
			_, p, f := probe(t, tenant, graphtest.WithScopes(granted...))
			failed := probeAll(t, tenant, p, f)
			for _, row := range Permissions() {
				needs := slices.Contains(row.Roles, scope)
				if row.Op == opSKUs && scope == "LicenseAssignment.Read.All" {
					needs = false // Organization.Read.All serves as well
				}
				if row.Op == opUser && scope == "User.Read.All" {
					needs = false // no user is known to ask for
				}
				e := failed[row.Op]
				if (e != nil) != needs {
					t.Errorf("%s: %v", row.Op, e)
				}
				if e != nil && (!errors.Is(e, ErrAuth) || !strings.Contains(e.Hint, scope)) {
					t.Errorf("%s: hint %q of %v", row.Op, e.Hint, e)
				}
			}
		})
	}
}

// TestPermissionRoles: what an application is granted is what the table says.
func TestPermissionRoles(t *testing.T) {
	for _, p := range Permissions() {
		if len(p.Roles) == 0 || !slices.Contains(Features, p.Feature) || !isGUID(p.API.AppID) {
			t.Errorf("%s: %+v", p.Op, p)
		}
		for _, role := range p.Roles {
			if !strings.Contains(p.Application, role) {
				t.Errorf("%s: %s is not in %q", p.Op, role, p.Application)
			}
		}
	}
}

func TestProbeFindings(t *testing.T) {
	tenant := graphtest.New(1)
	tenant.Populate(20, 2)
	tenant.Premium, tenant.Concealed = false, true
	s, p, _ := probe(t, tenant)
	s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointUsers, Kind: graphtest.FaultClockSkew})
	_, err := p.Probe(t.Context(), opUsers)
	ahead, ok := p.Clock()
	if want := tenant.Now().Add(20 * time.Minute).Sub(p.c.opts.Now()); err != nil || !ok || (ahead-want).Abs() > 5*time.Second {
		t.Errorf("clock ahead by %v, %v, want %v; %v", ahead, ok, want, err)
	}
	o, err := p.Probe(t.Context(), opOrganization)
	if err != nil || string(o.Tenant.ID) != tenant.ID || o.Premium {
		t.Errorf("organization: %+v, %v", o, err)
	}
	u, err := p.Probe(t.Context(), opUsage)
	if err != nil || !u.Concealed {
		t.Errorf("usage: %+v, %v", u, err)
	}
	_, err = p.Probe(t.Context(), opSignIns)
	if e := asError(t, err, ErrAuth); !strings.Contains(e.Hint, "P1 or P2") {
		t.Errorf("hint %q", e.Hint)
	}
}

// TestReadIdentity: what is no token of Graph's tells nothing, and nobody's name
// gets out.
func TestReadIdentity(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	const app = "BBBBBBBB-bbbb-cccc-dddd-eeeeeeeeeeee"
	for name, test := range map[string]struct {
		token string
		want  Identity
		known bool
	}{
		"application": {jwt(`{"tid":"` + tenant + `","appid":"` + app + `","roles":["User.Read.All","AuditLog.Read.All"],"idtyp":"app"}`),
			Identity{tenant, strings.ToLower(app), true, []string{"AuditLog.Read.All", "User.Read.All"}}, true},
		"user": {jwt(`{"tid":"` + tenant + `","azp":"` + app + `","scp":"User.Read Group.Read.All","upn":"ann@contoso.example","wids":["x"]}`),
			Identity{tenant, strings.ToLower(app), false, []string{"Group.Read.All", "User.Read"}}, true},
		"padded":            {strings.Replace(jwt(`{"tid":"`+tenant+`"}`), ".c2ln", "==.c2ln", 1), Identity{Tenant: tenant, AppOnly: true}, true},
		"no tenant":         {jwt(`{"appid":"` + app + `"}`), Identity{}, false},
		"no GUID":           {jwt(`{"tid":"\u001b[31m"}`), Identity{}, false},
		"wrong type":        {jwt(`{"tid":7}`), Identity{}, false},
		"opaque":            {"graphtest-token", Identity{}, false},
		"encrypted":         {"a.b.c.d.e", Identity{}, false},
		"no base64":         {"a.%%%.c", Identity{}, false},
		"empty":             {"", Identity{}, false},
		"application twice": {jwt(`{"tid":"` + tenant + `","appid":"nonsense","azp":"` + app + `"}`), Identity{Tenant: tenant, AppID: strings.ToLower(app), AppOnly: true}, true},
	} {
		got, known := readIdentity(test.token)
		if diff := cmp.Diff(test.want, got); diff != "" || known != test.known {
			t.Errorf("%s: %v (-want +got)\n%s", name, known, diff)
		}
	}
}
