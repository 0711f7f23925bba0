package graphtest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// reply is an answer as a test sees it.
type reply struct {
	status int
	header http.Header
	raw    []byte
	err    error // of reading the body
}

func (r reply) object(t *testing.T) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(r.raw, &m); err != nil {
		t.Fatalf("decode %.200q: %v", r.raw, err)
	}
	return m
}

func (r reply) rows(t *testing.T) []map[string]any {
	t.Helper()
	var rows []map[string]any
	list, ok := r.object(t)["value"].([]any)
	if !ok {
		t.Fatalf("no value list in %.300q", r.raw)
	}
	for _, x := range list {
		m, _ := x.(map[string]any)
		rows = append(rows, m)
	}
	return rows
}

func (r reply) code() string {
	m := struct {
		Error struct {
			Code       string         `json:"code"`
			Message    string         `json:"message"`
			InnerError map[string]any `json:"innerError"`
		} `json:"error"`
	}{}
	if json.Unmarshal(r.raw, &m) != nil || m.Error.Message == "" || m.Error.InnerError["request-id"] == nil {
		return ""
	}
	return m.Error.Code
}

func (r reply) next(t *testing.T) string {
	t.Helper()
	s, _ := r.object(t)["@odata.nextLink"].(string)
	return s
}

// client calls a running server.
type client struct {
	t    *testing.T
	s    *Server
	base string
	http *http.Client
}

func serve(t *testing.T, tenant *Tenant, opts ...Option) *client {
	t.Helper()
	s := NewServer(tenant, opts...)
	base, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(base, "http://127.0.0.1:") || !strings.HasSuffix(base, "/v1.0") {
		t.Fatalf("base URL %q", base)
	}
	hc := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		hc.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &client{t, s, base, hc}
}

// get fetches a path with the default token and "Key: value" headers.
func (c *client) get(path string, headers ...string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, path, append([]string{"Authorization: Bearer " + DefaultToken}, headers...)...)
}

func (c *client) do(method, path string, headers ...string) reply {
	c.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = c.base + path
	}
	req, err := http.NewRequest(method, path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, raw, err}
}

// all follows next links and returns every row.
func (c *client) all(path string, headers ...string) []map[string]any {
	c.t.Helper()
	var rows []map[string]any
	for pages := 0; path != ""; pages++ {
		r := c.get(path, headers...)
		if r.status != 200 || pages > 2000 {
			c.t.Fatalf("%s: page %d: status %d: %.300s", path, pages+1, r.status, r.raw)
		}
		rows = append(rows, r.rows(c.t)...)
		path = r.next(c.t)
	}
	return rows
}

func q(path string, options ...string) string {
	var parts []string
	for i := 0; i < len(options); i += 2 {
		parts = append(parts, options[i]+"="+url.QueryEscape(options[i+1]))
	}
	return path + "?" + strings.Join(parts, "&")
}

const eventual = "ConsistencyLevel: eventual"

func small(t *testing.T) *Tenant {
	t.Helper()
	tenant := New(1)
	tenant.Populate(25, 4)
	return tenant
}

func TestStrictness(t *testing.T) {
	c := serve(t, small(t))
	guid := SKUE3
	tests := []struct {
		name, path string
		headers    []string
		status     int
		code       string
	}{
		{"OK users", "/users", nil, 200, ""},
		{"OK top 1", q("/users", "$top", "1"), nil, 200, ""},
		{"OK top 999", q("/users", "$top", "999"), nil, 200, ""},
		{"ErrTop0", q("/users", "$top", "0"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrTop1000", q("/users", "$top", "1000"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrTopWord", q("/users", "$top", "many"), nil, 400, "BadRequest"},
		{"ErrSkip", q("/users", "$skip", "10"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrExpand", q("/users", "$expand", "manager"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrTwice", "/users?$top=5&$top=6", nil, 400, "BadRequest"},
		{"ErrMalformed", "/users?$top=%zz", nil, 400, "BadRequest"},
		{"ErrUnknownProperty", q("/users", "$select", "id,licences"), nil, 400, "BadRequest"},
		{"ErrUnknownGroupProperty", q("/groups", "$select", "hasMembersWithLicenseErrors"), nil, 400, "BadRequest"},
		{"ErrUnknownSKUProperty", q("/subscribedSkus", "$select", "price"), nil, 400, "BadRequest"},
		{"ErrUnlistable", q("/users", "$select", "id,aboutMe"), nil, 501, "NotImplemented"},
		{"ErrEmployeeLeave", q("/users", "$select", "employeeLeaveDateTime"), nil, 403, "Authorization_RequestDenied"},
		{"ErrSignInTop", q("/users", "$select", "signInActivity", "$top", "501"), nil, 400, "Request_UnsupportedQuery"},
		{"OK signIn", q("/users", "$select", "signInActivity", "$top", "500"), nil, 200, ""},
		{"ErrCountWithoutHeader", "/users/$count", nil, 400, "Request_BadRequest"},
		{"OK count", "/users/$count", []string{eventual}, 200, ""},
		{"ErrInlineCountWithoutHeader", q("/users", "$count", "true"), nil, 400, "Request_UnsupportedQuery"},
		{"OK inline count", q("/users", "$count", "true"), []string{eventual}, 200, ""},
		{"OK filter SKU", q("/users", "$filter", "assignedLicenses/any(u:u/skuId eq "+guid+")"), nil, 200, ""},
		{"ErrFilterQuotedGUID", q("/users", "$filter", "assignedLicenses/any(u:u/skuId eq '"+guid+"')"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrFilterStates", q("/users", "$filter", "licenseAssignmentStates/any(u:u/skuId eq "+guid+")"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrFilterOr", q("/users", "$filter", "department eq 'a' or department eq 'b'"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrAdvancedFilter", q("/users", "$filter", "assignedLicenses/$count ne 0"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrAdvancedWithoutCount", q("/users", "$filter", "assignedLicenses/$count ne 0"), []string{eventual}, 400, "Request_UnsupportedQuery"},
		{"OK advanced", q("/users", "$filter", "assignedLicenses/$count ne 0", "$count", "true"), []string{eventual}, 200, ""},
		{"ErrForeignToken", q("/users", "$skiptoken", "made-up"), nil, 400, "Directory_ExpiredPageToken"},
		{"ErrNoUser", "/users/00000000-0000-4000-8000-000000000000", nil, 404, "Request_ResourceNotFound"},
		{"ErrNoGroup", "/groups/00000000-0000-4000-8000-000000000000", nil, 404, "Request_ResourceNotFound"},
		{"ErrSegment", "/licenses", nil, 400, "BadRequest"},
		{"ErrUncastDeleted", "/directory/deletedItems", nil, 400, "BadRequest"},
		{"ErrSubscriptionsTop", q("/directory/subscriptions", "$top", "5"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrSKUTop", q("/subscribedSkus", "$top", "5"), nil, 400, "Request_UnsupportedQuery"},
		{"OK audits 1000", q("/auditLogs/directoryAudits", "$top", "1000"), nil, 200, ""},
		{"ErrAudits1001", q("/auditLogs/directoryAudits", "$top", "1001"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrAuditSelect", q("/auditLogs/directoryAudits", "$select", "id"), nil, 400, "Request_UnsupportedQuery"},
		{"ErrAuditCount", q("/auditLogs/directoryAudits", "$count", "true"), []string{eventual}, 400, "Request_UnsupportedQuery"},
		{"ErrAuditOrder", q("/auditLogs/directoryAudits", "$orderby", "id"), nil, 400, "BadRequest"},
	}
	for _, f := range []string{
		"activityDateTime gt 2026-01-05T00:00:00Z", "activityDateTime lt 2026-01-05T00:00:00Z",
		"activityDateTime ge '2026-01-05T00:00:00Z'", "activityDateTime ge 2026-01-05",
		"activityDateTime ge 2026-01-05T00:00:00+01:00", "createdDateTime ge 2026-01-05T00:00:00Z",
		"activityDisplayName eq 'a' or activityDisplayName eq 'b'", "activityDisplayName ne 'a'",
		"contains(activityDisplayName,'a')", "category eq 'UserManagement'", "result eq 'success'",
		"targetResources/any(t:t/userPrincipalName eq 'a')", "not activityDisplayName eq 'a'",
	} {
		tests = append(tests, struct {
			name, path string
			headers    []string
			status     int
			code       string
		}{"ErrAuditFilter " + f, q("/auditLogs/directoryAudits", "$filter", f), nil, 400, "BadRequest"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := c.get(tt.path, tt.headers...)
			if r.status != tt.status || r.status != 200 && r.code() != tt.code {
				t.Errorf("status %d code %q, want %d %q: %.300s", r.status, r.code(), tt.status, tt.code, r.raw)
			}
		})
	}
	if r := c.get(q("/users", "$top", "1000")); !strings.Contains(string(r.raw), "Must be between 1 and 999 inclusive") {
		t.Errorf("message %s", r.raw)
	}
	if r := c.get(q("/auditLogs/directoryAudits", "$filter", "x eq 1")); !strings.Contains(string(r.raw), "Invalid filter clause") {
		t.Errorf("message %s", r.raw)
	}
}

func TestTokenAndMethod(t *testing.T) {
	c := serve(t, small(t))
	for _, h := range [][]string{nil, {"Authorization: Bearer wrong"}, {"Authorization: Basic " + DefaultToken}} {
		r := c.do(http.MethodGet, "/users", h...)
		if r.status != 401 || r.header.Get("WWW-Authenticate") == "" || r.code() != "InvalidAuthenticationToken" {
			t.Errorf("%v: status %d, %s", h, r.status, r.raw)
		}
	}
	for _, m := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodPut} {
		if r := c.do(m, "/users", "Authorization: Bearer "+DefaultToken); r.status != 405 {
			t.Errorf("%s: status %d", m, r.status)
		}
	}
	if r := c.get(strings.Replace(c.base, "v1.0", "beta", 1) + "/users"); r.status != 404 {
		t.Errorf("beta: status %d", r.status)
	}
}

func TestScopes(t *testing.T) {
	paths := map[string][]string{
		"/users":                   {"User.Read.All", "Directory.Read.All"},
		"/subscribedSkus":          {"LicenseAssignment.Read.All", "Organization.Read.All"},
		"/directory/subscriptions": {"Organization.Read.All"},
		"/groups":                  {"Group.Read.All", "GroupMember.Read.All"},
		"/directory/deletedItems/microsoft.graph.user": {"User.Read.All"},
		"/organization":              {"Organization.Read.All"},
		"/auditLogs/directoryAudits": {"AuditLog.Read.All"},
	}
	tenant := small(t)
	for path, scopes := range paths {
		if r := serve(t, tenant, WithScopes("Mail.Read")).get(path); r.status != 403 || r.code() != "Authorization_RequestDenied" {
			t.Errorf("%s without scope: status %d", path, r.status)
		}
		for _, scope := range scopes {
			if r := serve(t, tenant, WithScopes(scope)).get(path); r.status != 200 {
				t.Errorf("%s with %s: status %d", path, scope, r.status)
			}
		}
	}
	r := serve(t, tenant, WithScopes("User.Read.All")).get(q("/users", "$select", "id,signInActivity"))
	if r.status != 403 {
		t.Errorf("signInActivity without AuditLog.Read.All: status %d", r.status)
	}
}

func TestSelection(t *testing.T) {
	c := serve(t, small(t))
	for _, row := range c.get("/users").rows(t) {
		if row["id"] == nil || row["userPrincipalName"] == nil {
			t.Fatalf("default row %v", row)
		}
		for _, f := range []string{"assignedLicenses", "assignedPlans", "licenseAssignmentStates", "department", "accountEnabled"} {
			if _, ok := row[f]; ok {
				t.Errorf("default row has %s", f)
			}
		}
	}
	for _, row := range c.get(q("/users", "$select", "department,assignedLicenses")).rows(t) {
		if len(row) != 3 || row["id"] == nil {
			t.Errorf("selected row %v", row)
		}
	}
	if _, ok := c.get("/groups").rows(t)[0]["assignedLicenses"]; ok {
		t.Error("default group row has assignedLicenses")
	}
}

func TestPagingIsComplete(t *testing.T) {
	tenant := small(t)
	want := tenant.UserIDs()
	for _, opts := range [][]Option{nil, {WithVaryingPages()}, {WithEmptyPages()}, {WithVaryingPages(), WithEmptyPages()}} {
		c := serve(t, tenant, opts...)
		for _, top := range []int{1, 2, 7, 26, 27, 28, 999} {
			var got []string
			for _, row := range c.all(q("/users", "$top", fmt.Sprint(top), "$select", "id")) {
				got = append(got, strings.ToLower(row["id"].(string)))
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("top %d: got %d users, want %d", top, len(got), len(want))
			}
		}
	}
	if n := len(serve(t, tenant).all(q("/groups", "$top", "1"))); n != 4 {
		t.Errorf("%d groups", n)
	}
}

func TestEmptyPagesHappen(t *testing.T) {
	c := serve(t, small(t), WithEmptyPages())
	empty := 0
	for path := q("/users", "$top", "1"); path != ""; {
		r := c.get(path)
		if len(r.rows(t)) == 0 && r.next(t) != "" {
			empty++
		}
		path = r.next(t)
	}
	if empty == 0 {
		t.Error("no empty page with a next link")
	}
}

func TestDefaultPageIs100(t *testing.T) {
	tenant := New(1)
	for range 120 {
		tenant.AddUser(NoActor, UserSpec{Name: "A B"})
	}
	c := serve(t, tenant)
	r := c.get("/users")
	if n := len(r.rows(t)); n != 100 || r.next(t) == "" {
		t.Errorf("%d rows, next %q", n, r.next(t))
	}
}

func TestSkipTokenIsBound(t *testing.T) {
	tenant := small(t)
	c := serve(t, tenant)
	next := c.get(q("/users", "$top", "5", "$select", "id,mail")).next(t)
	if !strings.HasPrefix(next, c.base+"/users?") || !strings.Contains(next, "$top=5") || !strings.Contains(next, "$select=id%2Cmail") {
		t.Fatalf("next link %q", next)
	}
	if r := c.get(next); r.status != 200 {
		t.Errorf("own token: status %d", r.status)
	}
	if r := c.get(strings.Replace(next, "$top=5", "$top=6", 1)); r.code() != "Directory_ExpiredPageToken" {
		t.Errorf("other query: status %d", r.status)
	}
	if r := c.get(strings.Replace(next, "/users?", "/groups?", 1)); r.status != 400 {
		t.Errorf("other path: status %d", r.status)
	}
	other := serve(t, tenant)
	if r := other.get(strings.Replace(next, c.base, other.base, 1)); r.status != 400 {
		t.Errorf("other server: status %d", r.status)
	}
	next = c.get(q("/users", "$top", "5", "$count", "true"), eventual).next(t)
	if r := c.get(next); r.status != 400 {
		t.Errorf("next page without ConsistencyLevel: status %d", r.status)
	}
	r := c.get(next, eventual)
	if _, ok := r.object(t)["@odata.count"]; r.status != 200 || ok {
		t.Errorf("page 2: status %d, has count %v", r.status, ok)
	}
}

func TestNoSnapshotIsolation(t *testing.T) {
	tenant := small(t)
	ids := tenant.UserIDs()
	added := ""
	c := serve(t, tenant, WithHook(func(t *Tenant, r Request) {
		if r.Endpoint == EndpointUsers && r.Page == 2 {
			_ = t.DeleteUser(NoActor, ids[len(ids)-1], Entra)
			added = t.AddUser(NoActor, UserSpec{Name: "X Y", ID: "ffffffff-ffff-4fff-bfff-ffffffffffff"})
		}
	}))
	var got []string
	for _, row := range c.all(q("/users", "$top", "5", "$select", "id")) {
		got = append(got, strings.ToLower(row["id"].(string)))
	}
	if slices.Contains(got, ids[len(ids)-1]) || !slices.Contains(got, added) {
		t.Error("the tenant did not change between pages")
	}
}

func TestHeaders(t *testing.T) {
	tenant := small(t)
	c := serve(t, tenant, WithClockStep(3*time.Second))
	r := c.get("/users", "client-request-id: abc", "Accept-Encoding: gzip")
	if r.header.Get("client-request-id") != "abc" || r.header.Get("request-id") == "" {
		t.Errorf("ids %v", r.header)
	}
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/json;odata.metadata=minimal;") {
		t.Errorf("content type %q", r.header.Get("Content-Type"))
	}
	if r.header.Get("Date") != tenant.Now().Format(http.TimeFormat) {
		t.Errorf("date %q, clock %v", r.header.Get("Date"), tenant.Now())
	}
	if r.header.Get("Content-Encoding") != "gzip" {
		t.Fatal("not compressed")
	}
	z, err := gzip.NewReader(strings.NewReader(string(r.raw)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || !strings.Contains(string(b), "@odata.context") {
		t.Errorf("unzipped %.100s: %v", b, err)
	}
	later := c.get("/users/$count", eventual)
	if later.header.Get("Date") == r.header.Get("Date") || later.header.Get("Content-Encoding") != "" {
		t.Error("the clock did not step, or compressed unasked")
	}
	if later.header.Get("Content-Type") != "text/plain" || string(later.raw) != fmt.Sprint(len(tenant.UserIDs())) {
		t.Errorf("count %q %q", later.header.Get("Content-Type"), later.raw)
	}
}

func TestRequestsAreRecorded(t *testing.T) {
	c := serve(t, small(t))
	c.get(q("/users", "$top", "5"), "X-Test: 1")
	c.do(http.MethodPost, "/users")
	got := c.s.Requests()
	if len(got) != 2 || got[0].Endpoint != EndpointUsers || got[0].Query.Get("$top") != "5" || got[0].Header.Get("X-Test") != "1" || got[0].Status != 200 {
		t.Errorf("requests %+v", got)
	}
	if got[1].Method != http.MethodPost || got[1].Status != 405 {
		t.Errorf("second request %+v", got[1])
	}
	if c.s.ForgetRequests(); len(c.s.Requests()) != 0 {
		t.Error("not forgotten")
	}
}

func TestOrderIsLoose(t *testing.T) {
	tenant := small(t)
	for _, tidy := range []bool{false, true} {
		var opts []Option
		if tidy {
			opts = append(opts, WithTidyRows())
		}
		c := serve(t, tenant, opts...)
		path := q("/users", "$top", "999", "$select", "id,assignedLicenses,assignedPlans,licenseAssignmentStates")
		first, second := c.get(path), c.get(path)
		if same := string(first.raw) == string(second.raw); same != tidy {
			t.Errorf("tidy %v: two answers equal %v", tidy, same)
		}
	}
	raw := ""
	c := serve(t, tenant)
	for range 5 {
		raw += string(c.get(q("/users", "$top", "999", "$select", "licenseAssignmentStates")).raw)
	}
	for _, part := range []string{`"error":null`, `"error":""`, `"error":"None"`, strings.ToUpper(SKUE3)} {
		if !strings.Contains(raw, part) {
			t.Errorf("never %s", part)
		}
	}
}

func TestFilters(t *testing.T) {
	tenant := small(t)
	c := serve(t, tenant)
	for _, id := range tenant.UserIDs()[:3] {
		u := tenant.User(id)
		rows := c.all(q("/users", "$filter", "userPrincipalName eq '"+u.UPN+"' and accountEnabled eq true"))
		if len(rows) != 1 {
			t.Errorf("%s: %d rows", u.UPN, len(rows))
		}
		if r := c.get("/users/" + strings.ToUpper(id)); r.status != 200 || r.object(t)["userPrincipalName"] != u.UPN {
			t.Errorf("by id: %d", r.status)
		}
		if r := c.get("/users/" + u.UPN); r.status != 200 {
			t.Errorf("by name: %d", r.status)
		}
	}
	holders := 0
	for _, id := range tenant.UserIDs() {
		if tenant.User(id).Holds(SKUE3) {
			holders++
		}
	}
	if rows := c.all(q("/users", "$filter", "assignedLicenses/any(u:u/skuId eq "+SKUE3+")")); len(rows) != holders {
		t.Errorf("%d rows, %d holders", len(rows), holders)
	}
	if n := len(clauses("a eq 'x and y' and b/any(t:t eq 1 and t eq 2) and c eq 3")); n != 3 {
		t.Errorf("%d clauses", n)
	}
}

func TestCollections(t *testing.T) {
	tenant := small(t)
	c := serve(t, tenant, WithTidyRows())
	skus := c.get("/subscribedSkus").rows(t)
	if len(skus) != len(catalog) {
		t.Fatalf("%d SKUs", len(skus))
	}
	for _, row := range skus {
		n := 0
		for _, id := range tenant.UserIDs() {
			if tenant.User(id).Holds(row["skuId"].(string)) {
				n++
			}
		}
		if row["consumedUnits"] != float64(n) || row["id"] != tenant.ID+"_"+row["skuId"].(string) {
			t.Errorf("%s: consumed %v, holders %d", row["skuPartNumber"], row["consumedUnits"], n)
		}
	}
	if n := len(c.get("/directory/subscriptions").rows(t)); n != len(catalog) {
		t.Errorf("%d subscriptions", n)
	}
	for _, premium := range []bool{true, false} {
		tenant.Premium = premium
		if got := strings.Contains(string(c.get("/organization").raw), PlanAADPremium); got != premium {
			t.Errorf("premium %v: plan shown %v", premium, got)
		}
	}
	id := tenant.UserIDs()[5]
	if err := tenant.DeleteUser(tenant.Admins[0], id, Entra); err != nil {
		t.Fatal(err)
	}
	row := c.get(q("/directory/deletedItems/microsoft.graph.user", "$select", "id,userPrincipalName,deletedDateTime,assignedLicenses")).rows(t)[0]
	if row["id"] != id || row["deletedDateTime"] == nil || !strings.HasPrefix(row["userPrincipalName"].(string), strings.ReplaceAll(id, "-", "")) {
		t.Errorf("deleted row %v", row)
	}
}
