package graphtest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

const audits = "/auditLogs/directoryAudits"

// find returns the served events of an activity.
func find(c *client, activity string) []map[string]any {
	return c.all(q(audits, "$filter", "activityDisplayName eq '"+activity+"'"))
}

func props(event map[string]any) map[string][2]any {
	out := map[string][2]any{}
	for _, x := range event["targetResources"].([]any) {
		for _, p := range x.(map[string]any)["modifiedProperties"].([]any) {
			m := p.(map[string]any)
			out[m["displayName"].(string)] = [2]any{m["oldValue"], m["newValue"]}
		}
	}
	return out
}

func details(event map[string]any) map[string]string {
	out := map[string]string{}
	for _, x := range event["additionalDetails"].([]any) {
		m := x.(map[string]any)
		out[m["key"].(string)] = m["value"].(string)
	}
	return out
}

func styled(t *testing.T, style Style) (*Tenant, *client, string) {
	t.Helper()
	tenant, admin, id := one(t)
	tenant.Style = style
	must(t, tenant.AssignDirect(admin, id, SKUE5, PlanID("SWAY"), PlanID("TEAMS1")))
	tenant.Advance(time.Minute)
	return tenant, serve(t, tenant), id
}

func TestEventShape(t *testing.T) {
	_, c, id := styled(t, StyleSelfContained)
	e := find(c, "Change user license")[0]
	if !regexp.MustCompile(`^Directory_[0-9a-f-]{36}_[A-Z0-9]{5}_\d+$`).MatchString(e["id"].(string)) {
		t.Errorf("id %v", e["id"])
	}
	if !regexp.MustCompile(`T\d\d:\d\d:\d\d\.(\d{7}\+00:00|\d{6}Z)$`).MatchString(e["activityDateTime"].(string)) {
		t.Errorf("time %v", e["activityDateTime"])
	}
	user := e["initiatedBy"].(map[string]any)["user"].(map[string]any)
	if user["displayName"] != "Office 365 Admin Portal" || details(e)["User-Agent"] != "O365AdminPortal" {
		t.Errorf("initiator %v", user)
	}
	target := e["targetResources"].([]any)[0].(map[string]any)
	if target["id"] != id || target["type"] != "User" {
		t.Errorf("target %v", target)
	}
	got := props(e)["AssignedLicense"]
	if got[0] != "[]" || !strings.Contains(got[1].(string), "[SkuName=SPE_E5, AccountId=") || !strings.Contains(got[1].(string), "SkuId="+SKUE5+", DisabledPlans=[TEAMS1, SWAY]]") {
		t.Errorf("AssignedLicense %v", got)
	}
	if props(e)["TargetId.UserType"][1] != `"Member"` {
		t.Errorf("scalar %v", props(e)["TargetId.UserType"])
	}
}

func TestSplitPair(t *testing.T) {
	_, c, _ := styled(t, StyleSplit)
	change, update := find(c, "Change user license")[0], find(c, "Update user")[0]
	if len(props(change)) != 0 || props(update)["AssignedLicense"][1] == nil || change["correlationId"] != update["correlationId"] {
		t.Errorf("change %v, update %v", change, update)
	}
}

func TestChunksAssemble(t *testing.T) {
	_, c, _ := styled(t, StyleAuto)
	events := find(c, "Change user license")
	parts, ids := map[string]string{}, map[string]bool{}
	for _, e := range events {
		d := details(e)
		if len(props(e)) != 0 || d["c"] != fmt.Sprint(len(events)) || len(d["b"]) > 10000 {
			t.Errorf("part %s of %s: %d characters", d["seq"], d["c"], len(d["b"]))
		}
		parts[d["seq"]], ids[d["id"]] = d["b"], true
	}
	if len(ids) != 1 || len(parts) < 2 {
		t.Fatalf("%d chunk ids, %d parts", len(ids), len(parts))
	}
	body := ""
	for i := range len(parts) {
		body += parts[fmt.Sprint(i+1)]
	}
	outer := map[string]string{}
	if err := json.Unmarshal([]byte(body), &outer); err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name               string
		OldValue, NewValue any
	}
	if err := json.Unmarshal([]byte(outer["targetUpdatedProperties"]), &list); err != nil {
		t.Fatal(err)
	}
	if list[0].Name != "AssignedLicense" || !strings.Contains(fmt.Sprint(list[0].NewValue), SKUE5) {
		t.Errorf("first property %+v", list[0])
	}
}

func TestEmbeddedInAddUser(t *testing.T) {
	tenant, admin, _ := one(t)
	id := tenant.AddUser(admin, UserSpec{Name: "Vi Four", SKUs: []string{SKUE3}})
	c := serve(t, tenant)
	tenant.Advance(time.Second)
	if n := len(find(c, "Change user license")); n != 0 {
		t.Errorf("%d license events", n)
	}
	rows := c.all(q(audits, "$filter", "activityDisplayName eq 'Add user' and targetResources/any(t:t/id eq '"+id+"')"))
	if len(rows) != 1 || !strings.Contains(fmt.Sprint(props(rows[0])["AssignedLicense"]), SKUE3) {
		t.Errorf("rows %v", rows)
	}
}

func TestGroupEvents(t *testing.T) {
	tenant, admin, id := one(t)
	tenant.Lies.BlankActor = 1
	group := tenant.CreateGroup(admin, "G", "")
	must(t, tenant.SetGroupLicense(admin, group, SKUFlowFree), tenant.AddMember(admin, group, id), tenant.RemoveMember(admin, group, id), tenant.AddDevice(admin, group))
	tenant.Advance(time.Minute)
	c := serve(t, tenant)
	for activity, n := range map[string]int{
		"Set group license": 1, "Start applying group based license to users": 1,
		"Finish applying group based license to users": 1, "Add member to group": 2, "Remove member from group": 1,
	} {
		if got := len(find(c, activity)); got != n {
			t.Errorf("%s: %d events, want %d", activity, got, n)
		}
	}
	add := props(c.all(q(audits, "$filter", "activityDisplayName eq 'Add member to group' and targetResources/any(t:t/id eq '"+id+"')"))[0])
	remove := props(find(c, "Remove member from group")[0])
	if add["Group.ObjectID"] != [2]any{nil, `"` + group + `"`} || remove["Group.ObjectID"] != [2]any{`"` + group + `"`, nil} {
		t.Errorf("add %v, remove %v", add, remove)
	}
	for _, e := range tenant.Events() {
		if e.Activity == "Change user license" && (e.user != nil || e.app != nil) {
			t.Errorf("initiator %v", e.app)
		}
	}
	all := fmt.Sprint(c.all(audits))
	if !strings.Contains(all, "PropagationService") || !strings.Contains(all, `"AssignedByGroup":"`+group) || !strings.Contains(all, "Device") {
		t.Error("no PropagationService, no granting group or no device")
	}
}

func TestLifecycleEvents(t *testing.T) {
	tenant, admin, id := one(t)
	upn := tenant.User(id).UPN
	must(t, tenant.DeleteUser(admin, id, Entra), tenant.RestoreUser(admin, id))
	tenant.Advance(time.Minute)
	c := serve(t, tenant)
	e := find(c, "Delete user")[0]
	target := e["targetResources"].([]any)[0].(map[string]any)
	if target["userPrincipalName"] != strings.ReplaceAll(id, "-", "")+upn || props(e)["Is Hard Deleted"][1] != `"False"` {
		t.Errorf("delete %v", target)
	}
	if len(find(c, "Restore user")) != 1 {
		t.Error("no restore")
	}
}

func TestActors(t *testing.T) {
	tenant, _, id := one(t)
	c := serve(t, tenant)
	for _, by := range []Actor{tenant.Apps[0], tenant.Partners[0], PasswordService, OnlineServices} {
		must(t, tenant.TouchLicense(by, id))
		tenant.Advance(time.Minute)
		e := find(c, "Change user license")[0]
		got := fmt.Sprint(e["initiatedBy"])
		for _, want := range []string{by.Name, by.UPN, by.HomeTenant} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: initiatedBy %s", by.ID, got)
			}
		}
		if v := props(e)["AssignedLicense"]; v[0] != v[1] {
			t.Errorf("a no-op changes %v", v)
		}
	}
}

func TestAuditQueries(t *testing.T) {
	tenant := small(t)
	c := serve(t, tenant, WithVaryingPages())
	want := map[string]bool{}
	for _, e := range tenant.Events() {
		want[e.ID] = true
	}
	for _, order := range []string{"activityDateTime", "activityDateTime desc"} {
		rows := c.all(q(audits, "$orderby", order, "$top", "20"))
		if len(rows) != len(want) {
			t.Fatalf("%s: %d events of %d", order, len(rows), len(want))
		}
		times := []time.Time{}
		for _, r := range rows {
			at, ok := parseTime(r["activityDateTime"].(string))
			if !want[r["id"].(string)] || !ok {
				t.Fatalf("event %v", r["id"])
			}
			times = append(times, at)
		}
		if strings.HasSuffix(order, "desc") {
			slices.Reverse(times)
		}
		if !slices.IsSortedFunc(times, func(a, b time.Time) int { return a.Truncate(time.Microsecond).Compare(b.Truncate(time.Microsecond)) }) {
			t.Errorf("%s: not in order", order)
		}
	}
	middle := tenant.Events()[len(want)/2].shownAt().Format("2006-01-02T15:04:05.0000000Z")
	early := len(c.all(q(audits, "$filter", "activityDateTime le "+middle)))
	late := len(c.all(q(audits, "$filter", "activityDateTime ge "+middle)))
	at := len(c.all(q(audits, "$filter", "activityDateTime eq "+middle)))
	if early+late-at != len(want) || at == 0 {
		t.Errorf("early %d, late %d, at %d, all %d", early, late, at, len(want))
	}
	e := tenant.Events()[3]
	if rows := c.all(q(audits, "$filter", "correlationId eq '"+e.Correlation+"' and loggedByService eq 'Core Directory'")); len(rows) == 0 {
		t.Error("none by correlation")
	}
	if rows := c.all(q(audits, "$filter", "startswith(activityDisplayName,'Add mem') and initiatedBy/user/id eq '"+tenant.Admins[0].ID+"'")); len(rows) == 0 {
		t.Error("none by prefix and actor")
	}
}

func TestRetention(t *testing.T) {
	tenant, admin, id := one(t)
	c := serve(t, tenant)
	must(t, tenant.TouchLicense(admin, id))
	for _, step := range []struct {
		premium bool
		days    int
		seen    int
	}{{true, 6, 1}, {false, 6, 1}, {false, 8, 0}, {true, 8, 1}, {true, 29, 1}, {true, 31, 0}} {
		tenant.Premium = step.premium
		tenant.AdvanceTo(Epoch.Add(time.Duration(step.days) * 24 * time.Hour))
		if n := len(find(c, "Change user license")); n != step.seen {
			t.Errorf("premium %v, day %d: %d events", step.premium, step.days, n)
		}
	}
}

func TestAuditBudget(t *testing.T) {
	tenant := small(t)
	c := serve(t, tenant, WithAuditBudget(5, 10*time.Second))
	for i := range 7 {
		r := c.get(audits)
		if (r.status == 429) != (i >= 5) {
			t.Errorf("request %d: status %d", i, r.status)
		}
		if i == 5 && r.header.Get("Retry-After") != "10.000" {
			t.Errorf("retry after %q", r.header.Get("Retry-After"))
		}
		if c.get("/organization").status != 200 {
			t.Error("the budget is not for others")
		}
	}
	tenant.Advance(10 * time.Second)
	if c.get(audits).status != 200 {
		t.Error("the budget did not come back")
	}
}

func TestLies(t *testing.T) {
	tests := map[string]struct {
		lies  Lies
		check func(*Tenant, *client) bool
	}{
		"no event": {Lies{NoEvent: 1}, func(tn *Tenant, c *client) bool { return len(find(c, "Change user license")) == 0 && last(tn).Silent }},
		"no details": {Lies{NoDetails: 1}, func(_ *Tenant, c *client) bool {
			return len(props(find(c, "Change user license")[0])) == 0 && len(find(c, "Update user")) == 0
		}},
		"no change": {Lies{NoChange: 1}, func(_ *Tenant, c *client) bool {
			return len(find(c, "Change user license")) == 0 && len(find(c, "Update user")) > 0
		}},
		"late": {Lies{Late: 1, Delay: 48 * time.Hour}, func(tn *Tenant, c *client) bool {
			before := len(find(c, "Change user license"))
			tn.Advance(48 * time.Hour)
			return before == 0 && len(find(c, "Change user license")) > 0
		}},
		"duplicate": {Lies{Duplicate: 1}, func(_ *Tenant, c *client) bool {
			n := map[any]int{}
			for _, e := range find(c, "Change user license") {
				n[e["id"]]++
			}
			return len(n) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(n)), func(n int) bool { return n != 2 })
		}},
		"missing chunk": {Lies{MissingChunk: 1}, func(_ *Tenant, c *client) bool {
			e := find(c, "Change user license")
			return details(e[0])["c"] == fmt.Sprint(len(e)+1)
		}},
		"actor deleted": {Lies{ActorDeleted: 1}, func(_ *Tenant, c *client) bool {
			return find(c, "Change user license")[0]["initiatedBy"].(map[string]any)["user"].(map[string]any)["userPrincipalName"] == ""
		}},
		"odd encoding": {Lies{OddEncoding: 1}, func(tn *Tenant, c *client) bool {
			tn.Style = StyleSelfContained
			must(t, tn.AssignDirect(tn.Admins[0], tn.Admins[0].ID, SKUFlowFree))
			tn.Advance(time.Second)
			p := props(find(c, "Change user license")[0])
			return strings.Contains(p["AssignedLicense"][1].(string), "[\r\n  \"[SkuName=") && p["TargetId.UserType"] == [2]any{"", "Member"}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tenant, admin, id := one(t)
			tenant.Lies = tt.lies
			must(t, tenant.AssignDirect(admin, id, SKUE5))
			tenant.Advance(time.Minute)
			if !tt.check(tenant, serve(t, tenant)) {
				t.Errorf("events %v", fmt.Sprint(tenant.Events())[:200])
			}
		})
	}
}

// Every license act that is not silent must have an event that names it.
func TestEventsNameTheirActs(t *testing.T) {
	tenant := New(5)
	tenant.Populate(30, 5)
	tenant.RandomOps(800)
	truth, told := tenant.Truth(), map[int]bool{}
	for _, e := range tenant.Events() {
		if e.Act >= 0 {
			told[e.Act] = true
			if e.At.Before(truth[e.Act].At.Add(-time.Second)) || e.At.After(truth[e.Act].At.Add(10*time.Second)) {
				t.Errorf("event %s at %v, act at %v", e.ID, e.At, truth[e.Act].At)
			}
		}
	}
	for i, a := range truth {
		if (a.Kind == UserDeleted || a.Kind == MemberAdded || a.Kind == GroupLicenseSet) && !told[i] {
			t.Errorf("act %d %s has no event", i, a.Kind)
		}
	}
}
