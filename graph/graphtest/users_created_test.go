package graphtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// dated is a tenant of four users: one without createdDateTime, and three around the
// second at which ranges are cut in these tests, the last a fraction after it.
func dated(t *testing.T) (tenant *Tenant, cut string) {
	t.Helper()
	tenant = New(1)
	for _, id := range tenant.UserIDs() {
		must(t, tenant.DeleteUser(NoActor, id, Entra))
	}
	at := time.Date(2021, 5, 4, 3, 2, 1, 0, time.UTC)
	tenant.AddUser(NoActor, UserSpec{Name: "Null", Ancient: true})
	tenant.AddUser(NoActor, UserSpec{Name: "Before", Created: at.Add(-time.Millisecond)})
	tenant.AddUser(NoActor, UserSpec{Name: "At", Created: at})
	tenant.AddUser(NoActor, UserSpec{Name: "After", Created: at.Add(300 * time.Millisecond)})
	return tenant, at.Format(time.RFC3339)
}

func idsNamed(tenant *Tenant, names ...string) (ids []string) {
	for _, id := range tenant.UserIDs() {
		if slices.Contains(names, tenant.User(id).DisplayName) {
			ids = append(ids, id)
		}
	}
	return ids
}

func names(rows []map[string]any) string {
	var list []string
	for _, r := range rows {
		list = append(list, fmt.Sprint(r["displayName"]))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestCreatedFilters: what the documentation allows of createdDateTime, and nothing else.
func TestCreatedFilters(t *testing.T) {
	tenant, cut := dated(t)
	c := serve(t, tenant)
	for _, test := range []struct {
		filter string
		want   string // of users; or the code of the error
		plain  bool   // it works without the parameters of advanced queries
	}{
		{"createdDateTime ge " + cut, "After At", true},
		{"createdDateTime le " + cut, "At Before", true},
		{"createdDateTime eq " + cut, "At", true},
		{"createdDateTime ge " + cut + " and createdDateTime le 2021-05-04T03:02:01.25Z", "At", true},
		{"createdDateTime eq null", "Null", false},
		{"createdDateTime ne null", "After At Before", false},
		{"id in ('" + strings.Join(idsNamed(tenant, "At", "Null"), "','") + "')", "At Null", true},
		{"id in ('" + strings.Join(slices.Repeat(idsNamed(tenant, "At"), 15), "','") + "')", "At", true},
		{"id in ('" + strings.Join(slices.Repeat(idsNamed(tenant, "At"), 16), "','") + "')", "Request_UnsupportedQuery", true},
		{"createdDateTime lt " + cut, "Request_UnsupportedQuery", true},
		{"createdDateTime gt " + cut, "Request_UnsupportedQuery", true},
		{"createdDateTime ge '" + cut + "'", "Request_UnsupportedQuery", true},
		{"createdDateTime ge 2021-05-04", "Request_UnsupportedQuery", true},
	} {
		r := c.get(q("/users", "$filter", test.filter))
		switch {
		case !test.plain && r.code() != "Request_UnsupportedQuery":
			t.Errorf("%s: works without the parameters of advanced queries: %d", test.filter, r.status)
		case test.plain && r.status == 200 && names(r.rows(t)) != test.want || test.plain && r.status != 200 && r.code() != test.want:
			t.Errorf("%s: %d %.200s, want %s", test.filter, r.status, r.raw, test.want)
		}
		if test.plain {
			continue
		}
		if got := names(c.all(q("/users", "$filter", test.filter, "$count", "true", "$top", "1"), eventual)); got != test.want {
			t.Errorf("%s, advanced: %s, want %s", test.filter, got, test.want)
		}
	}
	if r := c.get(q("/users/$count", "$filter", "createdDateTime ge "+cut), eventual); string(r.raw) != "2" {
		t.Errorf("count of a range: %s", r.raw)
	}
	if r := serve(t, tenant, WithPlainNulls()).get(q("/users", "$filter", "createdDateTime eq null")); names(r.rows(t)) != "Null" {
		t.Errorf("a service that takes null by default: %.200s", r.raw)
	}
}

// TestFrozenIndex: advanced queries do not see what happened since, and all others do.
func TestFrozenIndex(t *testing.T) {
	tenant, cut := dated(t)
	c := serve(t, tenant)
	tenant.FreezeIndex()
	ids := map[string]string{}
	for _, id := range tenant.UserIDs() {
		ids[tenant.User(id).DisplayName] = id
	}
	must(t, tenant.DeleteUser(NoActor, ids["At"], Entra), tenant.AssignDirect(NoActor, ids["Null"], SKUE5))
	tenant.AddUser(NoActor, UserSpec{Name: "New"})
	filter := "createdDateTime ge " + cut
	if got := names(c.get(q("/users", "$filter", filter)).rows(t)); got != "After New" {
		t.Errorf("by default: %s", got)
	}
	if got := names(c.get(q("/users", "$filter", filter, "$count", "true"), eventual).rows(t)); got != "After At" {
		t.Errorf("advanced: %s", got)
	}
	stale := c.get(q("/users", "$filter", "createdDateTime eq null", "$count", "true", "$select", "assignedLicenses"), eventual).rows(t)
	if len(stale) != 1 || len(stale[0]["assignedLicenses"].([]any)) != 0 {
		t.Errorf("advanced, a user who has changed: %v", stale)
	}
	if r := c.get("/users/$count", eventual); string(r.raw) != "4" {
		t.Errorf("count: %s", r.raw)
	}
	tenant.RefreshIndex()
	if got := names(c.get(q("/users", "$filter", filter, "$count", "true"), eventual).rows(t)); got != "After New" {
		t.Errorf("advanced, after the index has caught up: %s", got)
	}
}

// TestFilterFaults: each looks like a good answer, but for the refusal.
func TestFilterFaults(t *testing.T) {
	tenant, cut := dated(t)
	want := map[FaultKind]string{FaultFilterIgnored: "After At Before Null", FaultFilterEmpty: "", FaultFilterRefused: "Request_UnsupportedQuery", FaultListEnds: "one"}
	for _, kind := range FilterFaults {
		c := serve(t, tenant, WithTidyRows())
		c.s.Inject(Fault{Endpoint: EndpointUsers, Query: "createdDateTime ge", Kind: kind, Times: Forever})
		if got := names(c.get("/users").rows(t)); got != "After At Before Null" {
			t.Errorf("%s strikes a list without a filter: %s", kind, got)
		}
		top := "999"
		if kind == FaultListEnds {
			top = "1"
		}
		r := c.get(q("/users", "$filter", "createdDateTime ge "+cut, "$top", top))
		switch {
		case kind == FaultFilterRefused:
			if r.code() != want[kind] {
				t.Errorf("%s: %d %s", kind, r.status, r.code())
			}
		case kind == FaultRowMissing || kind == FaultListEnds:
			if len(r.rows(t)) != 1 || r.next(t) != "" {
				t.Errorf("%s: %.200s", kind, r.raw)
			}
		case names(r.rows(t)) != want[kind]:
			t.Errorf("%s: %s", kind, names(r.rows(t)))
		}
	}
}
