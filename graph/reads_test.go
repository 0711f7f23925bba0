package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
)

// readUsers reads one page of one user from fields of JSON.
func readUsers(t *testing.T, rows ...string) ([]snapshot.UserRow, error) {
	t.Helper()
	c, _ := newTenant(t, rows).client(t, nil)
	var sink sinkOf
	_, err := usersTo(context.Background(), c, &sink)
	return sink.Rows, err
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// TestUser: every field that is kept, in the spellings that Graph uses.
func TestUser(t *testing.T) {
	up := strings.ToUpper
	users, err := readUsers(t, `{
		"@odata.id": "ignored", "id": "AAAA0000-0000-0000-0000-00000000000F", "userPrincipalName": "Ann@example.com",
		"displayName": "Ann \"É\" \ud83d", "mail": "ann@example.com", "accountEnabled": true, "userType": "Member",
		"department": "R\u0026D", "jobTitle": "Chemist", "companyName": "Example", "officeLocation": "B 2",
		"country": "NL", "usageLocation": "NL", "employeeId": "0042", "employeeType": "Employee",
		"createdDateTime": "2019-03-04T05:06:07.1234567+00:00", "creationType": null, "onPremisesSyncEnabled": true,
		"unknown": {"id": "not this", "value": [1, {"a": null}]},
		"assignedLicenses": [{"disabledPlans": ["`+up(planB)+`", "`+planA+`"], "skuId": "`+up(skuE5)+`"}, {"skuId": "`+skuE3+`", "disabledPlans": []}],
		"assignedPlans": [
			{"assignedDateTime": "2020-01-02T03:04:05Z", "capabilityStatus": "Enabled", "service": "exchange", "servicePlanId": "`+planB+`"},
			{"assignedDateTime": "2020-01-02T03:04:05Z", "capabilityStatus": "Enabled", "service": "exchange", "servicePlanId": "`+planB+`"},
			{"assignedDateTime": null, "capabilityStatus": "Deleted", "service": "teams", "servicePlanId": "`+up(planA)+`"}],
		"licenseAssignmentStates": [
			{"skuId": "`+up(skuE5)+`", "disabledPlans": ["`+planB+`"], "assignedByGroup": "`+up(groupID)+`", "state": "Active", "error": "None", "lastUpdatedDateTime": "2021-02-03T04:05:06.789+01:00"},
			{"skuId": "`+skuE5+`", "disabledPlans": [], "assignedByGroup": null, "state": "Error", "error": "CountViolation", "lastUpdatedDateTime": "0001-01-01T00:00:00Z"},
			{"skuId": "`+skuE3+`", "disabledPlans": null, "state": "Fresh", "error": ""}]}`)
	if err != nil {
		t.Fatal(err)
	}
	enabled, created := true, at("2019-03-04T05:06:07.123Z")
	key := func(sku, group string) snapshot.PathKey {
		k := snapshot.PathKey{SKU: snapshot.SKUID(sku), PathRef: snapshot.PathRef{Kind: snapshot.Direct}}
		if group != "" {
			k.PathRef = snapshot.PathRef{Kind: snapshot.ByGroup, Group: snapshot.GroupID(group)}
		}
		return k
	}
	want := snapshot.UserRow{User: snapshot.User{
		ID: "aaaa0000-0000-0000-0000-00000000000f",
		Attributes: snapshot.Attributes{
			UPN: "Ann@example.com", Name: "Ann \"É\" \ufffd", Mail: "ann@example.com", Department: "R&D", Enabled: &enabled,
			Type: "Member", UsageLocation: "NL", Company: "Example", Country: "NL", Office: "B 2", JobTitle: "Chemist",
			EmployeeID: "0042", EmployeeType: "Employee", OnPremisesSync: true, CreatedAt: &created,
		},
		Presence: snapshot.Present,
		Paths: []snapshot.Path{
			{PathKey: key(skuE3, ""), Held: true, State: "Fresh"},
			{PathKey: key(skuE5, ""), State: "Error", Error: "CountViolation"},
			{PathKey: key(skuE5, groupID), Held: true, State: "Active", Disabled: []snapshot.PlanID{planB}, UpdatedAt: at("2021-02-03T03:05:06.789Z")},
		},
		Plans: []snapshot.Plan{
			{ID: planB, Status: "Enabled", AssignedAt: at("2020-01-02T03:04:05Z")},
			{ID: planA, Status: "Deleted"},
		},
	}}
	if diff := cmp.Diff([]snapshot.UserRow{want}, users); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSparseUser: what is missing is missing, and nothing of the row before
// shines through.
func TestSparseUser(t *testing.T) {
	users, err := readUsers(t,
		`{"id":"u1","displayName":"One","accountEnabled":false,"department":"d","onPremisesSyncEnabled":true,"createdDateTime":"2020-01-01T00:00:00Z",
		 "assignedLicenses":[{"skuId":"`+skuE5+`","disabledPlans":["`+planA+`"]}],
		 "assignedPlans":[{"servicePlanId":"`+planA+`","capabilityStatus":"Enabled"}],
		 "licenseAssignmentStates":[{"skuId":"`+skuE5+`","assignedByGroup":"`+groupID+`","state":"Active","disabledPlans":["`+planA+`"]}]}`,
		`{"id":"u2"}`,
		`{"id":"u3","accountEnabled":null,"department":null,"onPremisesSyncEnabled":null,"createdDateTime":null,"assignedLicenses":null,"assignedPlans":null,"licenseAssignmentStates":null}`,
		`{"id":"u4","assignedLicenses":[{}],"assignedLicenses":[]}`,
	)
	if err != nil {
		t.Fatal(err)
	}
	empty := func(id string, absent bool) snapshot.UserRow {
		return snapshot.UserRow{User: snapshot.User{ID: snapshot.UserID(id), Presence: snapshot.Present}, LicensesAbsent: absent, LicensesEmpty: !absent}
	}
	want := []snapshot.UserRow{empty("u2", true), empty("u3", true), empty("u4", false)}
	paths := func(p []snapshot.Path) any { return len(p) }
	if diff := cmp.Diff(want, users[1:], cmp.Transformer("paths", paths)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if u := users[0]; *u.Enabled || len(u.Paths) != 1 || len(u.Plans) != 1 || u.Paths[0].Disabled[0] != planA || u.LicensesAbsent || u.LicensesEmpty {
		t.Errorf("got %+v", u)
	}
}

// TestErrorWords: null, "", "None" and no word at all say the same.
func TestErrorWords(t *testing.T) {
	for _, word := range []string{`"error":null,`, `"error":"",`, `"error":"None",`, ``} {
		users, err := readUsers(t, `{"id":"u1","assignedLicenses":[],"licenseAssignmentStates":[{`+word+`"skuId":"`+skuE5+`","state":"Active"}]}`)
		if err != nil || users[0].Paths[0].Error != "" || !users[0].Paths[0].Held {
			t.Errorf("%s: %+v, %v", word, users, err)
		}
	}
}

// TestMalformedUser: the error names the user, the field and the page.
func TestMalformedUser(t *testing.T) {
	for field, row := range map[string]string{
		"assignedLicenses skuId":                `"assignedLicenses":[{"skuId":"E5"}]`,
		"assignedLicenses disabledPlans":        `"assignedLicenses":[{"skuId":"` + skuE5 + `","disabledPlans":["EXCHANGE"]}]`,
		"licenseAssignmentStates skuId":         `"licenseAssignmentStates":[{"skuId":"06ebc4ee_1bb5-47dd-8120-11324bc54e06"}]`,
		"licenseAssignmentStates disabledPlans": `"licenseAssignmentStates":[{"skuId":"` + skuE5 + `","disabledPlans":[null]}]`,
		"assignedByGroup":                       `"licenseAssignmentStates":[{"skuId":"` + skuE5 + `","assignedByGroup":"Sales"}]`,
		"servicePlanId":                         `"assignedPlans":[{"servicePlanId":"EXCHANGE","capabilityStatus":"Enabled"}]`,
		"assignedDateTime":                      `"assignedPlans":[{"servicePlanId":"` + planA + `","assignedDateTime":"yesterday"}]`,
		"lastUpdatedDateTime":                   `"licenseAssignmentStates":[{"skuId":"` + skuE5 + `","lastUpdatedDateTime":"2021-13-01T00:00:00Z"}]`,
		"createdDateTime":                       `"createdDateTime":"2021-01-01 00:00:00"`,
	} {
		// The id comes last: JSON objects have no order.
		_, err := readUsers(t, userRow("u1"), `{`+row+`,"id":"U%d2"}`)
		e := asError(t, err, ErrIncomplete)
		if text := e.Error(); !strings.Contains(text, `user "u%d2": `+field) || e.Page != 1 {
			t.Errorf("%s: %s", field, text)
		}
	}
}

// TestShuffledUsers: order means nothing.
func TestShuffledUsers(t *testing.T) {
	row := func(a, b string) string {
		return `{"id":"u1","assignedLicenses":[{"skuId":"` + a + `"},{"skuId":"` + b + `"}],
			"assignedPlans":[{"servicePlanId":"` + a + `"},{"servicePlanId":"` + b + `"}],
			"licenseAssignmentStates":[{"skuId":"` + a + `","state":"Active"},{"skuId":"` + b + `","state":"Active"}]}`
	}
	one, err1 := readUsers(t, row(skuE3, skuE5))
	two, err2 := readUsers(t, row(skuE5, skuE3))
	if diff := cmp.Diff(one, two); diff != "" || err1 != nil || err2 != nil {
		t.Errorf("%v, %v, %s", err1, err2, diff)
	}
}

func TestUserCount(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		n      int
		ok     bool
		kind   error
	}{
		{200, "1234", 1234, true, nil},
		{200, "\ufeff1234\n", 1234, true, nil},
		{200, "0", 0, true, nil},
		{400, `{"error":{"code":"Request_UnsupportedQuery"}}`, 0, false, nil},
		{403, "", 0, false, nil}, {404, "", 0, false, nil}, {501, "", 0, false, nil},
		{200, "-1", 0, false, ErrIncomplete}, {200, "", 0, false, ErrIncomplete}, {200, "{}", 0, false, ErrIncomplete},
		{204, "", 0, false, ErrIncomplete}, {503, "", 0, false, ErrUnavailable}, {401, "", 0, false, ErrAuth},
	} {
		s := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1.0/users/$count" || r.Header.Get("ConsistencyLevel") != "eventual" {
				t.Errorf("got %s, ConsistencyLevel %q", r.URL, r.Header.Get("ConsistencyLevel"))
			}
			w.WriteHeader(tc.status)
			fmt.Fprint(w, tc.body)
		})
		c, _ := s.client(t, nil)
		n, ok, err := c.UserCount(context.Background())
		if n != tc.n || ok != tc.ok || (err == nil) != (tc.kind == nil) {
			t.Errorf("%d %q: got %d, %v, %v", tc.status, tc.body, n, ok, err)
		}
		if tc.kind != nil {
			asError(t, err, tc.kind)
		}
	}
}

// answering returns a client of a server that has one answer for a path, and
// checks the query.
func answering(t *testing.T, path, query string, status int, body string) *Client {
	t.Helper()
	s := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if got, _ := url.QueryUnescape(r.URL.RawQuery); r.URL.Path != path || got != query {
			t.Errorf("got %s?%s, want %s?%s", r.URL.Path, got, path, query)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	c, _ := s.client(t, nil)
	return c
}

func TestOrganization(t *testing.T) {
	read := func(body string) (snapshot.Organization, error) {
		return answering(t, "/v1.0/organization", "$select=id,displayName,assignedPlans", 200, body).Organization(context.Background())
	}
	org := func(plan, status string) string {
		return `{"value":[{"id":"` + strings.ToUpper(tenant) + `","displayName":"Example","assignedPlans":[{"servicePlanId":"` + plan + `","capabilityStatus":"` + status + `"}]}]}`
	}
	for _, tc := range []struct {
		plan, status string
		premium      bool
	}{{planA, "Enabled", false}, {premiumPlans[0], "Enabled", true}, {premiumPlans[1], "Warning", true}, {premiumPlans[1], "Deleted", false}} {
		got, err := read(org(strings.ToUpper(tc.plan), tc.status))
		want := snapshot.Organization{Tenant: snapshot.Tenant{ID: tenant, Name: "Example"}, Premium: tc.premium}
		if got != want || err != nil {
			t.Errorf("%v: got %+v, %v", tc, got, err)
		}
	}
	dated := func(plan, status, at string) string {
		return `{"servicePlanId":"` + plan + `","capabilityStatus":"` + status + `","assignedDateTime":"` + at + `"}`
	}
	got, err := read(`{"value":[{"id":"` + tenant + `","assignedPlans":[` + strings.Join([]string{dated(premiumPlans[0], "Deleted", "2020-01-01T00:00:00Z"),
		dated(premiumPlans[1], "Enabled", "2026-02-01T00:00:00Z"), dated(premiumPlans[0], "Warning", "2025-06-01T00:00:00Z"), dated(planA, "Enabled", "2019-01-01T00:00:00Z")}, ",") + `]}]}`)
	if want := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC); !got.PremiumSince.Equal(want) || err != nil {
		t.Errorf("premium since %s, %v", got.PremiumSince, err)
	}
	for _, bad := range []string{`{"value":[]}`, `{"value":[{"id":"x"}]}`, `{"value":[{"id":"` + tenant + `"},{"id":"` + groupID + `"}]}`, `{"id":"` + tenant + `"}`} {
		_, err := read(bad)
		asError(t, err, ErrIncomplete)
	}
}

// TestUserExists: only Graph's own word that it knows no such user counts.
func TestUserExists(t *testing.T) {
	ask := func(status int, body string) (bool, error) {
		return answering(t, "/v1.0/users/u1", "$select=id", status, body).UserExists(context.Background(), "u1")
	}
	if exists, err := ask(200, `{"id":"U1"}`); !exists || err != nil {
		t.Errorf("there: %v, %v", exists, err)
	}
	if exists, err := ask(404, `{"error":{"code":"Request_ResourceNotFound","message":"no"}}`); exists || err != nil {
		t.Errorf("gone: %v, %v", exists, err)
	}
	if _, err := ask(404, `<html>`); err == nil {
		t.Error("a 404 that is not Graph's was believed")
	}
}

func TestSKUs(t *testing.T) {
	read := func(body string) ([]snapshot.SKU, snapshot.Tenant, error) {
		return answering(t, "/v1.0/subscribedSkus", "", 200, body).SKUs(context.Background())
	}
	skus, ten, err := read(`{"value":[
		{"id":"` + tenant + `_` + skuE5 + `","accountId":"` + strings.ToUpper(tenant) + `","accountName":"Example","skuId":"` + strings.ToUpper(skuE5) + `","skuPartNumber":"SPE_E5",
		 "appliesTo":"User","capabilityStatus":"Enabled","consumedUnits":14,"prepaidUnits":{"enabled":25,"suspended":1,"warning":2,"lockedOut":3},
		 "servicePlans":[{"servicePlanId":"` + planA + `","servicePlanName":"A","provisioningStatus":"Success","appliesTo":"User"},{"servicePlanId":"` + planB + `","servicePlanName":"B","appliesTo":"Company"}],
		 "subscriptionIds":["B","a","b"]},
		{"id":"` + tenant + `_` + skuE3 + `","skuId":"` + skuE3 + `","accountId":"` + tenant + `","accountName":"Example","prepaidUnits":null,"servicePlans":null}]}`)
	want := []snapshot.SKU{
		{ID: skuE3, Silent: true, Uncounted: true},
		{
			ID: skuE5, PartNumber: "SPE_E5", AppliesTo: "User", Status: "Enabled", Consumed: 14,
			Units:         snapshot.Units{Enabled: 25, Warning: 2, Suspended: 1, LockedOut: 3},
			Plans:         []snapshot.ServicePlan{{ID: planB, Name: "B", AppliesTo: "Company"}, {ID: planA, Name: "A", AppliesTo: "User"}},
			Subscriptions: []string{"a", "b"},
		},
	}
	if diff := cmp.Diff(want, skus); diff != "" || err != nil || ten != (snapshot.Tenant{ID: tenant, Name: "Example"}) {
		t.Errorf("%v, %v, -want +got:\n%s", ten, err, diff)
	}
	if _, ten, err := read(`{"value":[{"id":"` + strings.ToUpper(tenant) + `_x","skuId":"` + skuE3 + `"}]}`); err != nil || ten.ID != tenant {
		t.Errorf("tenant from the row's id: got %v, %v", ten, err)
	}
	for _, bad := range []string{
		`{"value":[{"id":"x","skuId":null}]}`,
		`{"value":[{"skuId":"` + skuE3 + `","accountId":"` + tenant + `"},{"skuId":"` + skuE5 + `","accountId":"` + groupID + `"}]}`,
	} {
		_, _, err := read(bad)
		asError(t, err, ErrIncomplete)
	}
}

func TestSubscriptions(t *testing.T) {
	c := answering(t, "/v1.0/directory/subscriptions", "", 200, `{"value":[
		{"id":"S2","skuId":"`+strings.ToUpper(skuE5)+`","status":"Enabled","totalLicenses":25,"isTrial":true,"createdDateTime":"2023-01-01T00:00:00Z","nextLifecycleDateTime":"2027-01-01T00:00:00Z","ownerTenantId":"`+tenant+`"},
		{"id":"s1","skuId":"`+skuE3+`","status":"Suspended","totalLicenses":0,"isTrial":null,"nextLifecycleDateTime":null,"ownerTenantId":null}]}`)
	got, err := c.Subscriptions(context.Background())
	want := []snapshot.Subscription{
		{ID: "s1", SKU: skuE3, Status: "Suspended"},
		{ID: "s2", SKU: skuE5, Status: "Enabled", Total: 25, Trial: true, CreatedAt: at("2023-01-01T00:00:00Z"), NextLifecycleAt: at("2027-01-01T00:00:00Z"), OwnerTenant: tenant},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestGroup(t *testing.T) {
	read := func(id snapshot.GroupID, status int, body string) (snapshot.Group, error) {
		return answering(t, "/v1.0/groups/"+groupID, "$select="+strings.Join(groupFields, ","), status, body).Group(context.Background(), id)
	}
	got, err := read(groupID, 200, `{"@odata.context":"x","id":"`+groupID+`","displayName":"E5","groupTypes":["DynamicMembership"],"membershipRule":"(user.x -eq 1)",
		"assignedLicenses":[{"skuId":"`+skuE5+`","disabledPlans":["`+planA+`","`+planB+`"]},{"skuId":"`+skuE3+`"}],"licenseProcessingState":{"state":"ProcessingComplete"},"onPremisesSyncEnabled":null}`)
	want := snapshot.Group{
		ID: groupID, Name: "E5", Dynamic: true, MembershipRule: "(user.x -eq 1)", ProcessingState: "ProcessingComplete",
		Licenses: []snapshot.GroupLicense{{SKU: skuE3}, {SKU: skuE5, Disabled: []snapshot.PlanID{planB, planA}}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	got, err = read(snapshot.GroupID(strings.ToUpper(groupID)), 404, `{"error":{"code":"Request_ResourceNotFound","message":"…"}}`)
	if diff := cmp.Diff(snapshot.Group{ID: groupID, Gone: true}, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	for _, bad := range []struct {
		status int
		body   string
	}{
		{404, "<html>no such site</html>"}, {200, ""}, {200, "{}"}, {200, "null"}, {200, "[]"}, {204, ""},
		{200, `{"id":"` + tenant + `"}`}, {200, `{"id":"` + groupID + `"}{}`}, {200, `{"error":{"code":"Request_ResourceNotFound"}}`},
	} {
		got, err := read(groupID, bad.status, bad.body)
		if asError(t, err, ErrIncomplete); got.Gone {
			t.Errorf("%v: gone", bad)
		}
	}
	c, _ := newTenant(t).client(t, nil)
	_, err = c.Group(context.Background(), "../users")
	asError(t, err, ErrIncomplete)
}

func TestDeletedUsers(t *testing.T) {
	c := answering(t, "/v1.0/directory/deletedItems/microsoft.graph.user", "$select=id,deletedDateTime,assignedLicenses,licenseAssignmentStates&$top=999", 200,
		`{"value":[{"@odata.type":"x","id":"U1","deletedDateTime":"2026-11-01T10:00:00Z","assignedLicenses":[{"skuId":"05E9A617-0261-4CEE-BB44-138D3EF5D965","disabledPlans":[]}]},{"id":"u2","deletedDateTime":null}]}`)
	got, err := c.DeletedUsers(context.Background())
	want := []snapshot.DeletedUser{{ID: "u1", DeletedAt: at("2026-11-01T10:00:00Z"), Listed: []snapshot.Path{{
		PathKey: snapshot.PathKey{SKU: "05e9a617-0261-4cee-bb44-138d3ef5d965", PathRef: snapshot.PathRef{Kind: snapshot.Unknown}}, Held: true, State: "Active"}}, ListedKnown: true}, {ID: "u2", Listed: []snapshot.Path{}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestDirectoryAudits(t *testing.T) {
	record := `{ "id" : "Directory_1", "activityDateTime":"2026-11-20T10:11:12.1234567+00:00",  "x": "\u0041\ud800", "d": 1, "d": 1.0e2 }`
	var sink collector[snapshot.LogRecord]
	c := answering(t, "/v1.0/auditLogs/directoryAudits",
		"$filter=activityDateTime ge 2026-11-15T00:00:00Z and activityDateTime le 2026-11-22T00:00:01Z and activityDisplayName eq 'Update user''s'"+
			" and targetResources/any(t:t/id eq 'u1') and correlationId eq 'c1'&$top=999", 200,
		`{"value":[`+record+`,{"id":"Directory_2","activityDateTime":"2026-11-20T10:11:13Z"},`+record+`]}`)
	err := c.DirectoryAudits(context.Background(), snapshot.AuditQuery{
		Activity: "Update user's", From: at("2026-11-15T00:00:00.9Z"), To: at("2026-11-22T02:00:00.1+02:00"), Target: "u1", Correlation: "c1",
	}, sink.Page, sink.Restart)
	if err != nil || len(sink.Rows) != 2 { // the third came twice
		t.Fatalf("got %+v, %v", sink.Rows, err)
	}
	want := snapshot.LogRecord{ID: "Directory_1", Raw: []byte(record)}
	if diff := cmp.Diff(want, sink.Rows[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	prefix := snapshot.AuditQuery{Activity: "Finish applying", Prefix: true}
	if got := auditFilter(prefix); got != "startswith(activityDisplayName,'Finish applying')" {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{`{"id":"a"}`, `{"id":"a","activityDateTime":null}`, `{"id":"a","activityDateTime":"x"}`, `{"activityDateTime":"2026-11-20T10:11:13Z"}`} {
		c := answering(t, "/v1.0/auditLogs/directoryAudits", "$top=999", 200, `{"value":[`+bad+`]}`)
		err := c.DirectoryAudits(context.Background(), snapshot.AuditQuery{}, sink.Page, sink.Restart)
		asError(t, err, ErrIncomplete)
	}
}

// TestAuditsArePaced: all audit reads of a client share one allowance; repeats
// count, and the wait after a 503 is part of the ten seconds of those before.
func TestAuditsArePaced(t *testing.T) {
	s := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 3 {
			w.WriteHeader(503)
		}
		fmt.Fprint(w, `{"value":[]}`)
	})
	c, clock := s.client(t, func(o *Options) { o.Unpaced = false })
	for range 9 {
		if err := readAudits(c, snapshot.AuditQuery{}); err != nil {
			t.Fatal(err)
		}
	}
	if total := clock.total(); c.Requests() != 10 || total != 10750*time.Millisecond {
		t.Errorf("%d requests took %v", c.Requests(), total)
	}
}

// TestEndpointsUnderFaults: the reads that are not of users fail as loudly.
func TestEndpointsUnderFaults(t *testing.T) {
	reads := map[string]func(*Client) error{
		"organization":  func(c *Client) error { _, err := c.Organization(context.Background()); return err },
		"SKUs":          func(c *Client) error { _, _, err := c.SKUs(context.Background()); return err },
		"subscriptions": func(c *Client) error { _, err := c.Subscriptions(context.Background()); return err },
		"group":         func(c *Client) error { _, err := c.Group(context.Background(), groupID); return err },
		"deleted users": func(c *Client) error { _, err := c.DeletedUsers(context.Background()); return err },
		"audits":        func(c *Client) error { return readAudits(c, snapshot.AuditQuery{}) },
		"count":         func(c *Client) error { _, _, err := c.UserCount(context.Background()); return err },
	}
	for name, read := range reads {
		for _, bad := range badBodies {
			if strings.Contains(bad.name, "link") || strings.Contains(bad.name, "skuId") || strings.Contains(bad.name, "row ") {
				continue
			}
			t.Run(name+"/"+bad.name, func(t *testing.T) {
				s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
					bad.send(w, `{"padding":"`+strings.Repeat("x", 5000)+`","value":[{}]}`)
				})
				s.Config.ErrorLog = quietLog
				c, _ := s.client(t, nil)
				if err := read(c); err == nil {
					t.Error("silent")
				}
			})
		}
	}
}
