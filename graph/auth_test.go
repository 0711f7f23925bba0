package graph

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"lictrail/snapshot"
)

func newTLSServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"value":[]}`) }))
	s.Config.ErrorLog = quietLog
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestRequestHeaders: what really goes over the wire, over plain http to a
// loopback address.
func TestRequestHeaders(t *testing.T) {
	tt := threePages(t)
	c, _ := tt.client(t, func(o *Options) { o.Version = "1.2.3" })
	if _, err := usersTo(context.Background(), c, &sinkOf{}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, r := range tt.requests {
		for name, want := range map[string]string{
			"Authorization":          "Bearer secret-token",
			"Accept":                 "application/json",
			"X-Ms-Throttle-Priority": "Low",
			"Accept-Encoding":        "gzip",
			"User-Agent":             "lictrail/1.2.3",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("request %d: %s is %q, want %q", i+1, name, got, want)
			}
		}
		if id := r.Header.Get("client-request-id"); !isGUID(id) || seen[id] {
			t.Errorf("request %d: client-request-id %q", i+1, id)
		} else {
			seen[id] = true
		}
		if r.Method != http.MethodGet || !strings.HasPrefix(r.Header.Get("SdkVersion"), "graph-go-core/") {
			t.Errorf("request %d: %s, SdkVersion %q", i+1, r.Method, r.Header.Get("SdkVersion"))
		}
	}
	if got, want := tt.requests[0].URL.RawQuery, "$select="+strings.Join(userFields, ",")+"&$top=999"; strings.ReplaceAll(got, "%2C", ",") != want {
		t.Errorf("got query %s\nwant %s", got, want)
	}
}

// TestLinkIsOpaque: not a byte of a nextLink's query is changed, whatever the
// SDK's middlewares think of it.
func TestLinkIsOpaque(t *testing.T) {
	const query = "$skiptoken=p2%2D%2E%7E%24a+b%20c&x=%C3%A9&y=a/b?c&%24z"
	tt := newTenant(t, []string{userRow("u1")}, []string{userRow("u2")})
	tt.link = func(page int, _ string) (string, bool) { return tt.URL + "/v1.0/us%2Fers?" + query, page == 1 }
	c, _ := tt.client(t, nil)
	if _, err := usersTo(context.Background(), c, &sinkOf{}); err != nil {
		t.Fatal(err)
	}
	if got := tt.requests[1].RequestURI; got != "/v1.0/us%2Fers?"+query {
		t.Errorf("got %s", got)
	}
}

// TestRedirect: the token does not follow a redirect, to no host at all.
func TestRedirect(t *testing.T) {
	thief := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed, Authorization %q", r.Header.Get("Authorization"))
		fmt.Fprint(w, `{"value":[]}`)
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL+"/v1.0/users", status)
		})
		c, _ := s.client(t, nil)
		_, err := usersTo(context.Background(), c, &sinkOf{})
		if asError(t, err, ErrUnavailable); s.count() != 1 {
			t.Errorf("%d: %d requests", status, s.count())
		}
	}
}

// TestFreshToken: a 401 in the middle asks the credential again, with the
// claims that Graph wants, once.
func TestFreshToken(t *testing.T) {
	claims := `{"access_token":{"nbf":{"essential":true,"value":"1652813508"}}}`
	tt := threePages(t)
	tt.Config.Handler = refuseToken(tt.Config.Handler, "old", claims)
	cred := &fakeToken{tokens: []string{"old", "new"}}
	c, clock := tt.client(t, func(o *Options) { o.Credential = cred })
	var sink sinkOf
	stats, err := usersTo(context.Background(), c, &sink)
	if err != nil || sink.ids() != allSix || stats.Requests != 4 || len(clock.slept) != 0 {
		t.Fatalf("got %q, %+v, slept %v: %v", sink.ids(), stats, clock.slept, err)
	}
	if len(cred.asked) != 4 || cred.asked[0].Claims != "" || cred.asked[1].Claims != claims || cred.asked[2].Claims != "" {
		t.Errorf("the credential was asked %+v", cred.asked)
	}
	if got := cred.asked[0].Scopes; len(got) != 1 || got[0] != tt.URL+"/.default" {
		t.Errorf("got scopes %v", got)
	}
}

// refuseToken answers 401 to one token.
func refuseToken(next http.Handler, token, claims string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="", error="insufficient_claims", claims="`+
			base64.StdEncoding.EncodeToString([]byte(claims))+`"`)
		graphSays(w, 401, "InvalidAuthenticationToken", "expired")
	})
}

// TestForbidden: the hint names the permission.
func TestForbidden(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		code := "Authorization_RequestDenied"
		if strings.HasSuffix(r.URL.Path, "directoryAudits") && r.URL.Query().Get("$filter") == "" {
			code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
		}
		graphSays(w, 403, code, "Insufficient privileges")
	})
	c, _ := s.client(t, nil)
	ctx := context.Background()
	for hint, read := range map[string]func() error{
		"User.Read.All":              func() error { _, err := usersTo(ctx, c, &sinkOf{}); return err },
		"LicenseAssignment.Read.All": func() error { _, _, err := c.SKUs(ctx); return err },
		"Organization.Read.All":      func() error { _, err := c.Organization(ctx); return err },
		"Organization.Read.All ":     func() error { _, err := c.Subscriptions(ctx); return err },
		"Group.Read.All":             func() error { _, err := c.Group(ctx, groupID); return err },
		"AuditLog.Read.All":          func() error { return readAudits(c, snapshot.AuditQuery{Activity: "Update user"}) },
		"P1 or P2":                   func() error { return readAudits(c, snapshot.AuditQuery{}) },
		"AuditLogsQuery-Entra":       func() error { _, err := c.Search(ctx, "x", false); return err },
		"AuditLogsQuery-Entra ":      func() error { return c.SearchRecords(ctx, "x", drop, again) },
		"permission User.Read.All":   func() error { _, err := c.DeletedUsers(ctx); return err },
		"AuditLog.Read.All and User": func() error { _, err := c.SignIns(ctx, drop, again); return err },
		"Reports.Read.All":           func() error { _, err := c.Usage(ctx, snapshot.ActiveUsers); return err },
		"DelegatedAdminRelationship": func() error { _, err := c.Customers(ctx); return err },
		"CloudLicensing.Read.All":    func() error { _, err := c.Allotments(ctx); return err },
	} {
		if e := asError(t, read(), ErrAuth); !strings.Contains(e.Hint, strings.TrimSpace(hint)) || e.Status != 403 {
			t.Errorf("want %q in hint %q of %v", hint, e.Hint, e)
		}
	}
	if len(Permissions()) != 17 {
		t.Errorf("got %v", Permissions())
	}
}

func readAudits(c *Client, q snapshot.AuditQuery) error {
	return c.DirectoryAudits(context.Background(), q, drop, again)
}

// TestNoSecrets: neither the token nor a query string shows in an error.
func TestNoSecrets(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for name, answer := range map[string]func(w http.ResponseWriter){
		"401":   func(w http.ResponseWriter) { graphSays(w, 401, "x", "y") },
		"400":   func(w http.ResponseWriter) { graphSays(w, 400, "x\x1b[31m", strings.Repeat("long ", 1000)) },
		"reset": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"html":  func(w http.ResponseWriter) { fmt.Fprint(w, "<p>\x1b]8;;x\a") },
	} {
		tt := threePages(t)
		tt.Config.ErrorLog = quietLog
		tt.link = func(page int, honest string) (string, bool) { return honest + "-sekrit-page-token", true }
		tt.fault = func(page int, w http.ResponseWriter) bool {
			if page == 2 {
				answer(w)
			}
			return page == 2
		}
		c, _ := tt.client(t, nil)
		_, err := usersTo(context.Background(), c, &sinkOf{})
		if err == nil {
			t.Fatal("no error")
		}
		if text := err.Error(); strings.ContainsAny(text, "\x1b\a\n") || strings.Contains(text, "sekrit") || strings.Contains(text, "secret") || len(text) > 1500 {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestSignInErrors: no token is ErrAuth; no way to the sign-in is an outage.
func TestSignInErrors(t *testing.T) {
	response := func(status int) error {
		return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: status, Body: http.NoBody}}
	}
	for _, tc := range []struct {
		cause error
		kind  error
	}{
		{errors.New("AADSTS7000215: Invalid client secret\nprovided"), ErrAuth},
		{response(401), ErrAuth},
		{response(503), ErrUnavailable},
		{response(429), ErrUnavailable},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, ErrUnavailable},
	} {
		tt := threePages(t)
		c, clock := tt.client(t, func(o *Options) { o.Credential = &fakeToken{err: tc.cause} })
		_, err := usersTo(context.Background(), c, &sinkOf{})
		asError(t, err, tc.kind)
		if waited := len(clock.slept) > 0; waited != errors.Is(tc.kind, ErrUnavailable) || tt.count() != 0 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: slept %v, %d requests: %v", tc.cause, clock.slept, tt.count(), err)
		}
		asError(t, c.SignIn(context.Background()), tc.kind)
	}
	c, _ := threePages(t).client(t, nil)
	if err := c.SignIn(context.Background()); err != nil {
		t.Error(err)
	}
	c, _ = threePages(t).client(t, func(o *Options) { o.Credential = &fakeToken{tokens: []string{""}} })
	asError(t, c.SignIn(context.Background()), ErrAuth)
}

func TestTokenCredential(t *testing.T) {
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	if _, err := NewCredential("token", CredentialOptions{Getenv: getenv}); !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), TokenVariable) {
		t.Errorf("got %v", err)
	}
	env[TokenVariable] = "secret\r\nX-Header: secret" // no header can carry it
	if _, err := NewCredential("token", CredentialOptions{Getenv: getenv}); !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	env[TokenVariable] = " from-the-environment\n"
	cred, err := NewCredential("token", CredentialOptions{Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	tt := threePages(t)
	c, _ := tt.client(t, func(o *Options) { o.Credential = cred })
	if _, err := usersTo(context.Background(), c, &sinkOf{}); err != nil {
		t.Fatal(err)
	}
	if got := tt.requests[0].Header.Get("Authorization"); got != "Bearer from-the-environment" {
		t.Errorf("got %q", got)
	}
}

func TestCredentialKinds(t *testing.T) {
	if _, err := NewCredential("magic", CredentialOptions{}); !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "browser, certificate, default, device-code") {
		t.Errorf("got %v", err)
	}
	for _, host := range []string{"", "https://login.microsoftonline.us/", "https://127.0.0.1:1"} {
		if _, err := NewCredential("default", CredentialOptions{TenantID: tenant, AuthorityHost: host}); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                                 "https://graph.microsoft.com/v1.0",
		"https://graph.microsoft.us":       "https://graph.microsoft.us/v1.0",
		"https://graph.microsoft.us/":      "https://graph.microsoft.us/v1.0",
		"https://graph.microsoft.us/v1.0/": "https://graph.microsoft.us/v1.0",
		"http://127.0.0.1:8080":            "http://127.0.0.1:8080/v1.0",
		"http://localhost:8080":            "http://localhost:8080/v1.0",
		"http://[::1]:8080":                "http://[::1]:8080/v1.0",
		"http://graph.microsoft.com":       "",
		"http://localhost.example.com":     "",
		"http://127.0.0.1.example.com":     "",
		"http://0.0.0.0":                   "",
		"graph.microsoft.com":              "",
		"https://u:p@graph.microsoft.com":  "",
		"https://graph.microsoft.com/beta": "",
		"https://graph.microsoft.com?x=1":  "",
		"ftp://127.0.0.1":                  "",
		"https://":                         "",
		"::":                               "",
	} {
		c, err := New(Options{Endpoint: endpoint, Credential: &fakeToken{tokens: []string{"x"}}})
		if (err == nil) != (want != "") || err == nil && c.base.String() != want {
			t.Errorf("%q: got %v", endpoint, err)
		}
		if err != nil && strings.Contains(err.Error(), ":p@") {
			t.Errorf("a password shows: %v", err)
		}
	}
	if _, err := New(Options{}); !errors.Is(err, ErrAuth) {
		t.Errorf("got %v", err)
	}
}

func TestCloudByName(t *testing.T) {
	if c, err := CloudByName("usgov"); err != nil || c.Endpoint != "https://graph.microsoft.us" {
		t.Errorf("got %v, %v", c, err)
	}
	if c, err := CloudByName(""); err != nil || c.Endpoint != defaultEndpoint {
		t.Errorf("got %v, %v", c, err)
	}
	if _, err := CloudByName("moon"); err == nil || !strings.Contains(err.Error(), "china, dod, global, usgov") {
		t.Errorf("got %v", err)
	}
}
