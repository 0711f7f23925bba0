package graphtest

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endpoint names a place of the API.
type Endpoint string

// The endpoints served.
const (
	EndpointUsers         Endpoint = "users"
	EndpointUsersCount    Endpoint = "users/$count"
	EndpointUser          Endpoint = "users/{id}"
	EndpointAgents        Endpoint = "users/microsoft.graph.agentUser"
	EndpointPrincipal     Endpoint = "servicePrincipals/{id}"
	EndpointSKUs          Endpoint = "subscribedSkus"
	EndpointSubscriptions Endpoint = "directory/subscriptions"
	EndpointGroups        Endpoint = "groups"
	EndpointGroup         Endpoint = "groups/{id}"
	EndpointDeleted       Endpoint = "directory/deletedItems/microsoft.graph.user"
	EndpointOrganization  Endpoint = "organization"
	EndpointAudits        Endpoint = "auditLogs/directoryAudits"
	EndpointSearches      Endpoint = "security/auditLog/queries"
	EndpointSearch        Endpoint = "security/auditLog/queries/{id}"
	EndpointSearchRecords Endpoint = "security/auditLog/queries/{id}/records"
	EndpointCustomers     Endpoint = "tenantRelationships/delegatedAdminCustomers"
	EndpointFeedList      Endpoint = "feed/subscriptions/list"
	EndpointFeedStart     Endpoint = "feed/subscriptions/start"
	EndpointFeedContent   Endpoint = "feed/subscriptions/content"
	EndpointFeedBlob      Endpoint = "feed/audit/{id}"
)

// endpoint is what one place of the API allows and returns.
type endpoint struct {
	name    Endpoint
	scopes  []string // any of them
	options []string // query options allowed
	maxTop  int
	entity  string   // type name in error messages
	known   []string // selectable properties
	fields  []string // default properties
	filter  func(*call, string) (func(any) bool, *apiError)
	produce func(*call) (*answer, *apiError)
}

var endpoints []*endpoint

func init() {
	endpoints = []*endpoint{
		{name: EndpointUsers, scopes: []string{"User.Read.All", "Directory.Read.All"}, maxTop: 999,
			options: []string{"$select", "$top", "$filter", "$count", "$skiptoken"},
			entity:  "microsoft.graph.user", known: userFields(), fields: defaultUserFields, filter: userFilter, produce: listUsers},
		{name: EndpointUsersCount, scopes: []string{"User.Read.All", "Directory.Read.All"},
			options: []string{"$filter"}, filter: userFilter, produce: countUsers},
		{name: EndpointUser, scopes: []string{"User.Read.All", "Directory.Read.All"}, options: []string{"$select"},
			entity: "microsoft.graph.user", known: userFields(), fields: defaultUserFields, produce: oneUser},
		{name: EndpointAgents, scopes: []string{"User.Read.All", "Directory.Read.All"}, maxTop: 999,
			options: []string{"$select", "$top", "$count", "$skiptoken"},
			entity:  "microsoft.graph.agentUser", known: userFields(), fields: defaultUserFields, produce: listAgents},
		{name: EndpointPrincipal, scopes: []string{"Application.Read.All", "Directory.Read.All"}, options: []string{"$select"},
			entity: "microsoft.graph.servicePrincipal", known: principalFields, fields: principalFields, produce: onePrincipal},
		{name: EndpointSKUs, scopes: []string{"LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All"},
			options: []string{"$select"}, entity: "microsoft.graph.subscribedSku", known: skuFields, fields: skuFields, produce: listSKUs},
		{name: EndpointSubscriptions, scopes: []string{"Organization.Read.All", "Directory.Read.All"},
			options: []string{"$select"}, entity: "microsoft.graph.companySubscription", known: subscriptionFields, fields: subscriptionFields, produce: listSubscriptions},
		{name: EndpointGroups, scopes: []string{"Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"}, maxTop: 999,
			options: []string{"$select", "$top", "$filter", "$count", "$skiptoken"},
			entity:  "microsoft.graph.group", known: groupFields(), fields: defaultGroupFields, filter: groupFilter, produce: listGroups},
		{name: EndpointGroup, scopes: []string{"Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"}, options: []string{"$select"},
			entity: "microsoft.graph.group", known: groupFields(), fields: defaultGroupFields, produce: oneGroup},
		{name: EndpointDeleted, scopes: []string{"User.Read.All", "Directory.Read.All"}, maxTop: 999,
			options: []string{"$select", "$top", "$count", "$skiptoken"},
			entity:  "microsoft.graph.user", known: userFields(), fields: defaultUserFields, produce: listDeleted},
		{name: EndpointOrganization, scopes: []string{"Organization.Read.All", "Directory.Read.All", "User.Read"},
			options: []string{"$select"}, entity: "microsoft.graph.organization", known: organizationFields, fields: organizationFields, produce: listOrganization},
		{name: EndpointAudits, scopes: []string{"AuditLog.Read.All"}, maxTop: 1000,
			options: []string{"$top", "$filter", "$orderby", "$skiptoken"}, filter: auditFilter, produce: listAudits},
		{name: EndpointCustomers, scopes: []string{"DelegatedAdminRelationship.Read.All", "DelegatedAdminRelationship.ReadWrite.All"}, maxTop: 300,
			options: []string{"$select", "$top", "$skiptoken"},
			entity:  "microsoft.graph.delegatedAdminCustomer", known: customerFields, fields: customerFields, produce: listCustomers},
		{name: EndpointSearches, scopes: searchScopes, produce: startSearch},
		{name: EndpointSearch, scopes: searchScopes, produce: oneSearch},
		{name: EndpointSearchRecords, scopes: searchScopes, maxTop: 1000, options: []string{"$top", "$skiptoken"}, produce: listSearchRecords},
	}
	endpoints = slices.Concat(endpoints, reportEndpoints(), licensingEndpoints())
}

// route finds the endpoint of a path.
func route(c *call) (*endpoint, *apiError) {
	rest, ok := strings.CutPrefix(c.Path, "/v1.0/")
	beta, inBeta := strings.CutPrefix(c.Path, "/beta/")
	if inBeta = inBeta && strings.HasPrefix(beta, "admin/cloudLicensing/"); inBeta {
		rest = beta
	}
	if !ok && !inBeta {
		return nil, fail(http.StatusNotFound, "BadRequest", "Invalid version: %s", strings.Split(c.Path+"//", "/")[1])
	}
	rest = strings.TrimSuffix(rest, "/")
	c.path = strings.Split(rest, "/")
	name := Endpoint(rest)
	if len(c.path) == 2 && slices.Contains([]string{"users", "groups", "servicePrincipals"}, c.path[0]) && c.path[1] != "$count" && name != EndpointAgents {
		name = Endpoint(c.path[0] + "/{id}")
	}
	if c.path[0] == "reports" {
		var err *apiError
		if name, err = reportName(rest); err != nil {
			return nil, err
		}
	}
	if inBeta {
		var err *apiError
		if name, err = licensingName(c, rest); err != nil {
			return nil, err
		}
	}
	if c.path[0] == "copilot" {
		var err *apiError
		if name, err = copilotName(c, rest); err != nil {
			return nil, err
		}
	}
	if below, ok := strings.CutPrefix(rest, string(EndpointSearches)+"/"); ok {
		_, below, _ = strings.Cut(below, "/")
		name = Endpoint(strings.TrimSuffix(string(EndpointSearch)+"/"+below, "/"))
	}
	for _, e := range endpoints {
		if e.name == name && inBeta == strings.HasPrefix(string(name), "admin/cloudLicensing/") {
			return e, nil
		}
	}
	return nil, fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", c.path[len(c.path)-1])
}

// parse checks the query against what the endpoint allows.
func (c *call) parse(e *endpoint) *apiError {
	if _, err := url.ParseQuery(c.http.URL.RawQuery); err != nil {
		return fail(http.StatusBadRequest, "BadRequest", "The query string is malformed.")
	}
	for key, values := range c.Query {
		if strings.HasPrefix(key, "$") && !slices.Contains(e.options, key) {
			return fail(http.StatusBadRequest, "Request_UnsupportedQuery", "'%s' is not supported by the service.", key)
		}
		if len(values) > 1 {
			return fail(http.StatusBadRequest, "BadRequest", "Query option '%s' was specified more than once, but it must be specified at most once.", key)
		}
	}
	c.advanced = strings.EqualFold(c.Header.Get("ConsistencyLevel"), "eventual")
	for _, step := range []func(*endpoint) *apiError{c.parseSelect, c.parseTop, c.parseCount, c.parseFilter, c.parseOrder, c.parseToken} {
		if err := step(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) parseSelect(e *endpoint) *apiError {
	c.fields = e.fields
	if !c.Query.Has("$select") {
		return nil
	}
	c.fields = []string{}
	for name := range strings.SplitSeq(c.Query.Get("$select"), ",") {
		name = strings.TrimSpace(name)
		if slices.Contains(unlistable, name) && e.name == EndpointUsers {
			return fail(http.StatusNotImplemented, "NotImplemented", "The property '%s' cannot be selected in a collection.", name)
		}
		if !slices.Contains(e.known, name) {
			return fail(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '%s' on type '%s'.", name, e.entity)
		}
		if scope := extraScope[name]; scope != "" && e.entity == "microsoft.graph.user" && !c.s.granted(scope) {
			return denied()
		}
		if name == "signInActivity" && !c.s.t.Premium {
			return fail(http.StatusForbidden, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C or tenant doesn't have premium license")
		}
		if !slices.Contains(c.fields, name) {
			c.fields = append(c.fields, name)
		}
	}
	if !slices.Contains(c.fields, "id") {
		c.fields = append(c.fields, "id")
	}
	return nil
}

func (c *call) parseTop(e *endpoint) *apiError {
	c.top = 100
	if e.name == EndpointAudits {
		c.top = 1000
	}
	if !c.Query.Has("$top") {
		return nil
	}
	n, err := strconv.Atoi(c.Query.Get("$top"))
	if err != nil {
		return fail(http.StatusBadRequest, "BadRequest", "Invalid value '%s' for $top query option found. The $top query option requires a non-negative integer value.", c.Query.Get("$top"))
	}
	limit := e.maxTop
	if slices.Contains(c.fields, "signInActivity") {
		limit = 500
	}
	if n < 1 || n > limit {
		return fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Invalid page size specified: '%d'. Must be between 1 and %d inclusive.", n, limit)
	}
	c.top = n
	return nil
}

func (c *call) parseCount(e *endpoint) *apiError {
	if e.name == EndpointUsersCount && !c.advanced {
		return fail(http.StatusBadRequest, "Request_BadRequest", "$count is not currently supported.")
	}
	switch count := c.Query.Get("$count"); {
	case !c.Query.Has("$count") || count == "false":
	case count != "true":
		return fail(http.StatusBadRequest, "BadRequest", "Invalid value '%s' for $count query option found.", count)
	case !c.advanced:
		return fail(http.StatusBadRequest, "Request_UnsupportedQuery", "$count requires the header ConsistencyLevel: eventual.")
	}
	return nil
}

func (c *call) parseFilter(e *endpoint) *apiError {
	if !c.Query.Has("$filter") {
		return nil
	}
	match, err := e.filter(c, c.Query.Get("$filter"))
	c.match = match
	return err
}

func (c *call) parseOrder(e *endpoint) *apiError {
	c.desc = e.name == EndpointAudits
	switch order := c.Query.Get("$orderby"); order {
	case "", "activityDateTime desc":
	case "activityDateTime", "activityDateTime asc":
		c.desc = false
	default:
		return fail(http.StatusBadRequest, "BadRequest", "Invalid orderby clause: %s", order)
	}
	return nil
}

// cursor is what a skip token stands for.
type cursor struct {
	path, query string
	after       string // key of the last row served
	page        int    // number of the page to come
	filled      bool   // the page to come must not be empty by choice
}

// parseToken finds the cursor of a skip token. It is bound to its query.
func (c *call) parseToken(*endpoint) *apiError {
	c.cursor = cursor{path: c.Path, query: c.boundQuery(), page: 1}
	if !c.Query.Has(c.tokenName()) {
		c.setPage(1)
		return nil
	}
	c.s.mu.Lock()
	found, ok := c.s.cursors[c.Query.Get(c.tokenName())]
	c.s.mu.Unlock()
	if !ok || found.path != c.Path || found.query != c.cursor.query {
		return expiredToken()
	}
	c.cursor = found
	c.setPage(found.page)
	return nil
}

func (c *call) setPage(n int) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.Page = n
}

// tokenName is the query parameter that says where a page begins.
func (c *call) tokenName() string {
	if c.Activity {
		return "nextPage"
	}
	return "$skiptoken"
}

func expiredToken() *apiError {
	return fail(http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
}

// boundQuery is the query without the token, in a canonical form.
func (c *call) boundQuery() string {
	q := url.Values{}
	for k, v := range c.Query {
		if k != c.tokenName() {
			q[k] = v
		}
	}
	return q.Encode()
}

// nextLink returns the absolute URL of a cursor.
func (c *call) nextLink(to cursor) string {
	c.s.mu.Lock()
	token := "RFNwdAIAAQ" + strconv.FormatUint(c.s.rng.Uint64(), 36) + strconv.FormatUint(c.s.rng.Uint64(), 36)
	c.s.cursors[token] = to
	c.s.mu.Unlock()
	var parts []string
	for part := range strings.SplitSeq(c.http.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(part, "=")
		if n, _ := url.QueryUnescape(name); part != "" && n != c.tokenName() {
			parts = append(parts, part)
		}
	}
	parts = append(parts, c.tokenName()+"="+token)
	return c.origin() + c.http.URL.EscapedPath() + "?" + strings.Join(parts, "&")
}

// clauses splits a filter at its ands, outside quotes and parentheses.
func clauses(filter string) []string {
	var out []string
	depth, quoted, start := 0, false, 0
	for i := range len(filter) {
		switch ch := filter[i]; {
		case ch == '\'':
			quoted = !quoted
		case quoted:
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		case depth == 0 && strings.HasPrefix(filter[i:], " and "):
			out = append(out, filter[start:i])
			start = i + len(" and ")
		}
	}
	return append(out, filter[start:])
}

// clause is one form a filter may take.
type clause struct {
	form     *regexp.Regexp
	advanced bool
	test     func(x any, m []string) bool
}

// compile turns a filter into a test, or says what is wrong with it.
func compile(c *call, filter string, forms []clause, wrong func(string) *apiError) (func(any) bool, *apiError) {
	var tests []func(any) bool
	for _, part := range clauses(filter) {
		i := slices.IndexFunc(forms, func(f clause) bool { return f.form.MatchString(part) })
		if i < 0 {
			return nil, wrong(part)
		}
		f := forms[i]
		if f.advanced && (!c.advanced || c.Query.Get("$count") != "true" && c.Endpoint != EndpointUsersCount) {
			return nil, fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified: it needs $count=true and the header ConsistencyLevel: eventual.")
		}
		m := f.form.FindStringSubmatch(part)
		for j := range m {
			m[j] = strings.ReplaceAll(m[j], "''", "'")
		}
		tests = append(tests, func(x any) bool { return f.test(x, m) })
	}
	return func(x any) bool {
		return !slices.ContainsFunc(tests, func(test func(any) bool) bool { return !test(x) })
	}, nil
}

func unsupportedFilter(string) *apiError {
	return fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified.")
}

// parseTime reads a time literal of a filter.
func parseTime(s string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, s)
	return at, err == nil
}

// origin is the scheme and host that the client used.
func (c *call) origin() string {
	if c.http.TLS != nil {
		return "https://" + c.http.Host
	}
	return "http://" + c.http.Host
}
