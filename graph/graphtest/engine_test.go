package graphtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// lagging is a tenant whose engine looks ten minutes after each step, with a
// user who has E5 by two groups.
func lagging(t *testing.T) (tenant *Tenant, admin Actor, user string, groups []string) {
	t.Helper()
	tenant, admin, user = one(t)
	tenant.Engine = &Engine{Lag: func(*rand.Rand) time.Duration { return 10 * time.Minute }}
	for i := range 2 {
		groups = append(groups, tenant.CreateGroup(admin, fmt.Sprint("G", i+1), ""))
		must(t, tenant.SetGroupLicense(admin, groups[i], SKUE5), tenant.AddMember(admin, groups[i], user))
	}
	tenant.Advance(time.Hour)
	return tenant, admin, user, groups
}

// actsSince lists the acts on paths after a time and, for the engine, its records.
func actsSince(tenant *Tenant, from time.Time) string {
	var lines []string
	for _, a := range tenant.Truth() {
		if a.At.After(from) && a.SKU != "" {
			lines = append(lines, fmt.Sprint(a.At.Sub(from).Truncate(time.Minute), " ", a.Kind, " ", a.Trigger))
		}
	}
	records := map[string]bool{}
	for _, e := range tenant.Events() {
		if e.At.After(from) && e.Activity == "Change user license" && e.by.ID == GroupLicensing.ID {
			records[e.At.Sub(from).Truncate(time.Minute).String()] = true
		}
	}
	for at := range maps.Keys(records) {
		lines = append(lines, at+" record")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestEngine(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(t *testing.T, tenant *Tenant, admin Actor, user string, g []string)
		want string
	}{
		{"out of one of two groups writes no record", func(t *testing.T, tenant *Tenant, admin Actor, user string, g []string) {
			must(t, tenant.RemoveMember(admin, g[0], user))
		}, "10m0s license-removed membership"},
		{"out of both at one instant writes one record", func(t *testing.T, tenant *Tenant, admin Actor, user string, g []string) {
			tenant.Engine.Together = 1
			must(t, tenant.RemoveMember(admin, g[0], user))
			tenant.Advance(5 * time.Minute)
			must(t, tenant.RemoveMember(admin, g[1], user))
		}, "10m0s license-removed membership\n10m0s license-removed membership\n10m0s record"},
		{"out of both, one after the other", func(t *testing.T, tenant *Tenant, admin Actor, user string, g []string) {
			must(t, tenant.RemoveMember(admin, g[0], user))
			tenant.Advance(5 * time.Minute)
			must(t, tenant.RemoveMember(admin, g[1], user))
		}, "10m0s license-removed membership\n15m0s license-removed membership\n15m0s record"},
		{"out and in again before it has looked moves the date only", func(t *testing.T, tenant *Tenant, admin Actor, user string, g []string) {
			must(t, tenant.RemoveMember(admin, g[0], user))
			tenant.Advance(time.Minute)
			must(t, tenant.AddMember(admin, g[0], user))
		}, "10m0s path-redated membership"},
		{"a license off and on before it has looked moves the date only", func(t *testing.T, tenant *Tenant, admin Actor, user string, g []string) {
			must(t, tenant.RemoveGroupLicense(admin, g[0], SKUE5))
			tenant.Advance(time.Minute)
			must(t, tenant.SetGroupLicense(admin, g[0], SKUE5))
		}, "10m0s path-redated group-license"},
		{"into a group that has no license yet: the license is the reason", func(t *testing.T, tenant *Tenant, admin Actor, user string, _ []string) {
			fresh := tenant.CreateGroup(admin, "Fresh", "")
			must(t, tenant.AddMember(admin, fresh, user))
			tenant.Advance(30 * time.Minute)
			must(t, tenant.SetGroupLicense(admin, fresh, SKUCopilot))
		}, "40m0s license-added group-license\n40m0s record"},
		{"in and out before it has looked leaves nothing", func(t *testing.T, tenant *Tenant, admin Actor, user string, _ []string) {
			fresh := tenant.CreateGroup(admin, "Fresh", "")
			must(t, tenant.SetGroupLicense(admin, fresh, SKUCopilot), tenant.AddMember(admin, fresh, user))
			tenant.Advance(time.Minute)
			must(t, tenant.RemoveMember(admin, fresh, user))
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tenant, admin, user, groups := lagging(t)
			from := tenant.Now()
			tt.play(t, tenant, admin, user, groups)
			tenant.Advance(24 * time.Hour)
			if got := actsSince(tenant, from.Add(-time.Second)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if got, want := Replay(tenant.Truth()), served(t, tenant); !reflect.DeepEqual(got, want) {
				t.Errorf("truth %v, served %v", got, want)
			}
		})
	}
}

// A row's date is when the engine moved its path.
func TestEngineDatesRows(t *testing.T) {
	tenant, admin, user, groups := lagging(t)
	must(t, tenant.RemoveMember(admin, groups[0], user))
	tenant.Advance(time.Hour)
	must(t, tenant.AddMember(admin, groups[0], user))
	want := tenant.Now().Add(10 * time.Minute)
	tenant.Advance(time.Hour)
	u := tenant.User(user)
	if got := u.Licenses[u.row(pathKey{SKUE5, groups[0]})].Updated; !got.Equal(want) {
		t.Errorf("dated %v, want %v", got, want)
	}
}

func TestSaveLicenses(t *testing.T) {
	tenant, admin, user, _ := lagging(t)
	must(t, tenant.AssignDirect(admin, user, SKUE5), tenant.AssignDirect(admin, user, SKUEMS))
	tenant.Advance(time.Hour)
	before := tenant.User(user)
	must(t, tenant.SaveLicenses(admin, user))
	for i, l := range tenant.User(user).Licenses {
		if moved := !l.Updated.Equal(before.Licenses[i].Updated); moved != (l.Group == "") {
			t.Errorf("path %+v: date moved %t", l.key(), moved)
		}
	}
}

// Lives follows the paths: the SKU lasts while any of them does.
func TestLives(t *testing.T) {
	tenant, admin, user, groups := lagging(t)
	from := tenant.Now().Add(-time.Second)
	must(t, tenant.RemoveMember(admin, groups[0], user)) // 0:10
	tenant.Advance(time.Hour)
	must(t, tenant.AssignDirect(admin, user, SKUE5), tenant.RemoveMember(admin, groups[1], user)) // 1:00, 1:10
	tenant.Advance(time.Hour)
	must(t, tenant.RemoveDirect(admin, user, SKUE5)) // 2:00
	tenant.Advance(time.Hour)
	must(t, tenant.AddMember(admin, groups[0], user), tenant.AddMember(admin, groups[1], user)) // 3:10
	tenant.Advance(time.Hour)
	must(t, tenant.DeleteUser(admin, user, Entra)) // 4:00
	lives := Lives(tenant.Truth())
	for path, want := range map[string]string{
		"": "-2h0m0s +3h10m0s -4h0m0s", DirectPath: "+1h0m0s -2h0m0s",
		groups[0]: "-10m0s +3h10m0s -4h0m0s", groups[1]: "-1h10m0s +3h10m0s -4h0m0s",
	} {
		var got []string
		for _, turn := range lives[Holding{user, SKUE5, path}] {
			if turn.At.After(from) {
				got = append(got, map[bool]string{true: "+", false: "-"}[turn.Began]+turn.At.Sub(from).Truncate(time.Minute).String())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("path %q: %v, want %s", path, got, want)
		}
	}
}

func TestEvidence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lies  Lies
		style Style
		want  Evidence
	}{
		{"whole", Lies{}, StyleSelfContained, Evidence{2, true}},
		{"in parts", Lies{NoChange: 1}, StyleChunked, Evidence{2, true}},
		{"a part is missing", Lies{NoChange: 1, MissingChunk: 1}, StyleChunked, Evidence{1, false}},
		{"without details", Lies{NoDetails: 1}, StyleAuto, Evidence{1, false}},
		{"lost", Lies{Lost: 1}, StyleAuto, Evidence{0, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tenant, admin, user := one(t)
			tenant.Lies, tenant.Style = tt.lies, tt.style
			must(t, tenant.AssignDirect(admin, user, SKUE5))
			all := tenant.Evidence()
			got := all[len(all)-1]
			if tt.style == StyleSelfContained {
				got.Records = max(got.Records, 2) // one or two, by chance
			}
			if got.Whole != tt.want.Whole || (got.Records == 0) != (tt.want.Records == 0) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// What a churning tenant serves is what its truth log says, and everything that
// it is for comes up.
func TestChurn(t *testing.T) {
	tenant := New(11)
	tenant.Engine, tenant.Resaves = &Engine{Lag: SlowLag, Together: 0.3, Spread: time.Minute}, 0.3
	tenant.Lies = Lies{Late: 0.5, Delay: 40 * time.Hour, Spread: true, NoDetails: 0.1, BareGroup: 0.3, LateDelete: 0.5}
	c := tenant.NewChurn(ChurnOptions{Users: 60, Direct: true, Groups: 3, PerWeek: 4, Switches: true, Leavers: true, Resets: true})
	for range 6 {
		c.Week()
		if got, want := Replay(tenant.Truth()), served(t, tenant); !reflect.DeepEqual(got, want) {
			t.Fatal("truth and service differ")
		}
	}
	kinds, late := map[string]int{}, 0
	for _, a := range tenant.Truth() {
		kinds[string(a.Kind)+" "+string(a.Cause)+" "+string(a.Trigger)]++
	}
	for _, e := range tenant.Events() {
		if e.Activity == "Delete user" && e.Visible.After(e.At.Add(time.Hour)) {
			late++
		}
	}
	for _, want := range []string{"license-added group membership", "license-added group group-license", "license-removed group group-license",
		"path-redated group membership", "path-redated group group-license", "path-redated admin ", "license-added automation ",
		"license-added microsoft ", "license-removed user-deleted ", "license-added user-restored ", "dates-reset microsoft "} {
		if kinds[want] == 0 {
			t.Errorf("no %s in %v", want, kinds)
		}
	}
	if late == 0 {
		t.Error("no deletion was recorded late")
	}
}

func TestServicePrincipals(t *testing.T) {
	tenant := New(1)
	own, bought := tenant.AddApp("Signup"), tenant.AddForeignApp("License Tool", "9d3cbb5e-0d4c-4a6e-9c53-2f1f6d0b7a11")
	c := serve(t, tenant, WithScopes("Application.Read.All"))
	for _, tt := range []struct {
		id, name, owner string
	}{
		{own.ID, "Signup", tenant.ID}, {tenant.Apps[0].ID, "HR Onboarding", tenant.ID}, {bought.ID, "License Tool", bought.Owner},
		{SignUp.ID, "Signup", MicrosoftServices}, {PowerBIService.ID, "Power BI Service", MicrosoftCorp},
	} {
		row := c.get(q("/servicePrincipals/"+tt.id, "$select", "appId,appOwnerOrganizationId,displayName")).object(t)
		if owner, _ := row["appOwnerOrganizationId"].(string); row["displayName"] != tt.name || !strings.EqualFold(owner, tt.owner) {
			t.Errorf("%s: %v", tt.name, row)
		}
	}
	if r := c.get("/servicePrincipals/" + tenant.ID); r.status != 404 {
		t.Errorf("an unknown id: status %d", r.status)
	}
	if r := serve(t, tenant, WithScopes("User.Read.All")).get("/servicePrincipals/" + own.ID); r.status != 403 {
		t.Errorf("without permission: status %d", r.status)
	}
}

func TestAgents(t *testing.T) {
	tenant, admin, user := one(t)
	agent := tenant.AddAgent(admin, "Joiner")
	rows := serve(t, tenant).all(q("/users/microsoft.graph.agentUser", "$select", "id"))
	if len(rows) != 1 || !strings.EqualFold(rows[0]["id"].(string), agent.ID) {
		t.Errorf("agents %v", rows)
	}
	for _, row := range serve(t, tenant, WithMarkedAgents()).all(q("/users", "$select", "id")) {
		if marked := row["@odata.type"] == "#microsoft.graph.agentUser"; marked != strings.EqualFold(row["id"].(string), agent.ID) {
			t.Errorf("row %v", row)
		}
	}
	must(t, tenant.AssignDirect(agent, user, SKUE3))
	if a := last(tenant); a.Cause != CauseAutomation {
		t.Errorf("cause %s", a.Cause)
	}
	events := tenant.Events()
	if !strings.Contains(string(events[len(events)-1].JSON()), `"agentType"`) {
		t.Error("the record does not say that an agent did it")
	}
}
