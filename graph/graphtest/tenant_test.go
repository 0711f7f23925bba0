package graphtest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// served reads what assignedLicenses shows over HTTP.
func served(t *testing.T, tenant *Tenant) map[string]map[string][]string {
	t.Helper()
	out := map[string]map[string][]string{}
	for _, row := range serve(t, tenant).all(q("/users", "$top", "999", "$select", "id,assignedLicenses")) {
		held := map[string][]string{}
		for _, x := range row["assignedLicenses"].([]any) {
			m, off := x.(map[string]any), []string{}
			for _, p := range m["disabledPlans"].([]any) {
				off = append(off, strings.ToLower(p.(string)))
			}
			held[strings.ToLower(m["skuId"].(string))] = sorted(off)
		}
		out[strings.ToLower(row["id"].(string))] = held
	}
	return out
}

func TestTruthReplaysToWhatIsServed(t *testing.T) {
	for seed := range uint64(4) {
		tenant := New(seed)
		tenant.Populate(40, 6)
		if seed%2 == 1 {
			tenant.GroupDelay = 10 * time.Minute
		}
		if n := tenant.RandomOps(800); n != 800 {
			t.Fatalf("seed %d: %d operations", seed, n)
		}
		tenant.Advance(time.Hour)
		if got, want := Replay(tenant.Truth()), served(t, tenant); !reflect.DeepEqual(got, want) {
			for id := range want {
				if !reflect.DeepEqual(got[id], want[id]) {
					t.Fatalf("seed %d: user %s: truth %v, served %v", seed, id, got[id], want[id])
				}
			}
			t.Fatalf("seed %d: %d users in truth, %d served", seed, len(got), len(want))
		}
		checkSeats(t, tenant)
	}
}

func checkSeats(t *testing.T, tenant *Tenant) {
	t.Helper()
	want := map[string]int{}
	for _, id := range tenant.UserIDs() {
		for sku := range union(tenant.User(id).Licenses) {
			want[sku]++
		}
	}
	for _, s := range tenant.skus {
		if s.Consumed() != want[s.ID] {
			t.Errorf("%s: consumed %d, held by %d", s.PartNumber, s.Consumed(), want[s.ID])
		}
	}
}

func TestRandomOpsDoEverything(t *testing.T) {
	tenant := New(3)
	tenant.Populate(40, 6)
	tenant.RandomOps(2500)
	kinds, causes, triggers := map[ActKind]int{}, map[Cause]int{}, map[Trigger]int{}
	for _, a := range tenant.Truth() {
		kinds[a.Kind]++
		if a.Kind == LicenseAdded || a.Kind == LicenseRemoved {
			causes[a.Cause]++
			triggers[a.Trigger]++
		}
		if (a.Trigger != "") != (a.Cause == CauseGroup) {
			t.Fatalf("trigger %q with cause %q", a.Trigger, a.Cause)
		}
	}
	if len(kinds) != 15 || len(causes) != 9 || len(triggers) != 4 {
		t.Errorf("%d kinds %v, %d causes %v, triggers %v", len(kinds), kinds, len(causes), causes, triggers)
	}
}

func TestSameSeedSameTenant(t *testing.T) {
	build := func() *Tenant {
		tenant := New(9)
		tenant.Lies = Lies{Late: 0.2, Delay: time.Hour, Duplicate: 0.1, GroupFirst: 0.5}
		tenant.Populate(20, 4)
		tenant.RandomOps(500)
		return tenant
	}
	a, b := build(), build()
	if !reflect.DeepEqual(a.Truth(), b.Truth()) || !reflect.DeepEqual(a.Events(), b.Events()) {
		t.Error("two runs of one seed differ")
	}
}

// one returns a tenant with an admin and a user.
func one(t *testing.T) (*Tenant, Actor, string) {
	t.Helper()
	tenant := New(1)
	id := tenant.AddUser(tenant.Admins[0], UserSpec{Name: "Una One", Department: "Sales"})
	tenant.Advance(time.Hour)
	return tenant, tenant.Admins[0], id
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func last(tenant *Tenant) Act {
	truth := tenant.Truth()
	return truth[len(truth)-1]
}

func TestDirectAndGroupAreUnited(t *testing.T) {
	tenant, admin, id := one(t)
	teams, sway := PlanID("TEAMS1"), PlanID("SWAY")
	group := tenant.CreateGroup(admin, "G", "")
	must(t, tenant.SetGroupLicense(admin, group, SKUE3, teams), tenant.AddMember(admin, group, id),
		tenant.AssignDirect(admin, id, SKUE3, teams, sway))
	u := tenant.User(id)
	if len(u.Licenses) != 2 || !slices.Equal(union(u.Licenses)[SKUE3], []string{teams}) {
		t.Fatalf("licenses %+v", u.Licenses)
	}
	must(t, tenant.RemoveMember(admin, group, id))
	if a := last(tenant); a.Kind != LicenseRemoved || a.Group != group || a.Trigger != TriggerMembership || a.Upstream.ID != admin.ID {
		t.Errorf("act %+v", a)
	}
	if u := tenant.User(id); !u.Holds(SKUE3) || tenant.SKU(SKUE3).Consumed() != 1 {
		t.Error("the direct path did not remain")
	}
}

func TestPlansOutliveTheirLicense(t *testing.T) {
	tenant, admin, id := one(t)
	must(t, tenant.AssignDirect(admin, id, SKUFlowFree))
	first := tenant.User(id).Plans
	tenant.Advance(time.Hour)
	must(t, tenant.RemoveDirect(admin, id, SKUFlowFree))
	for _, p := range tenant.User(id).Plans {
		if p.Status != "Deleted" {
			t.Errorf("plan %+v", p)
		}
	}
	must(t, tenant.AssignDirect(admin, id, SKUFlowFree))
	plans := tenant.User(id).Plans
	if len(plans) != 2*len(first) || !plans[len(plans)-1].Assigned.Equal(tenant.Now()) {
		t.Errorf("plans %+v", plans)
	}
}

func TestDeleteStyles(t *testing.T) {
	for style, kept := range map[DeleteStyle]int{AdminCenter: 0, Entra: 1} {
		tenant, admin, id := one(t)
		must(t, tenant.AssignDirect(admin, id, SKUE5), tenant.DeleteUser(admin, id, style))
		if n := len(tenant.User(id).Licenses); n != kept || tenant.SKU(SKUE5).Consumed() != 0 {
			t.Errorf("style %d: %d licenses, %d consumed", style, n, tenant.SKU(SKUE5).Consumed())
		}
		must(t, tenant.SetSeats(SKUE5, 0), tenant.RestoreUser(admin, id))
		if tenant.User(id).Holds(SKUE5) != (kept == 1) {
			t.Errorf("style %d: after restore %+v", style, tenant.User(id).Licenses)
		}
		must(t, tenant.HardDelete(admin, id))
		if tenant.User(id) != nil {
			t.Error("still there")
		}
	}
}

func TestDynamicRule(t *testing.T) {
	tenant, admin, id := one(t)
	group := tenant.CreateGroup(admin, "Finance", "Finance")
	must(t, tenant.SetGroupLicense(admin, group, SKUVisio))
	tenant.GroupDelay = time.Minute
	must(t, tenant.ChangeDepartment(admin, id, "Finance"))
	if tenant.User(id).Holds(SKUVisio) {
		t.Error("applied before its time")
	}
	tenant.Advance(2 * time.Minute)
	a := last(tenant)
	if !tenant.User(id).Holds(SKUVisio) || a.Trigger != TriggerDynamicRule || a.Upstream.ID != admin.ID {
		t.Errorf("act %+v", a)
	}
	if tenant.Truth()[a.UpstreamAct].Kind != UserUpdated {
		t.Errorf("upstream %+v", tenant.Truth()[a.UpstreamAct])
	}
	if err := tenant.AddMember(admin, group, tenant.Admins[0].ID); !errors.Is(err, ErrConflict) {
		t.Errorf("member added to a dynamic group: %v", err)
	}
}

func TestSeatsExhausted(t *testing.T) {
	tenant, admin, id := one(t)
	group := tenant.CreateGroup(admin, "G", "")
	must(t, tenant.SetGroupLicense(admin, group, SKUVisio), tenant.GroupSeatsExhausted(admin, group, id, SKUVisio))
	u := tenant.User(id)
	if len(u.Licenses) != 1 || u.Licenses[0].State != "Error" || u.Licenses[0].Error != "CountViolation" || u.Holds(SKUVisio) {
		t.Fatalf("licenses %+v", u.Licenses)
	}
	if e := tenant.Events(); e[len(e)-1].Result != "failure" {
		t.Errorf("event %+v", e[len(e)-1])
	}
	must(t, tenant.BuySeats(SKUVisio, 5))
	if tenant.User(id).Holds(SKUVisio) {
		t.Error("retried by itself")
	}
	must(t, tenant.Reprocess(admin, group))
	if !tenant.User(id).Holds(SKUVisio) || last(tenant).Kind != StateChanged {
		t.Errorf("act %+v", last(tenant))
	}
	must(t, tenant.SetSeats(SKUProject, 0))
	if err := tenant.AssignDirect(admin, id, SKUProject); !errors.Is(err, ErrNoSeats) {
		t.Errorf("assigned without seats: %v", err)
	}
}

func TestLapse(t *testing.T) {
	tenant, admin, id := one(t)
	must(t, tenant.AssignDirect(admin, id, SKUVisio))
	events := len(tenant.Events())
	for _, want := range []string{"Warning", "Suspended", "LockedOut", ""} {
		got, err := tenant.LapseSubscription(SKUVisio)
		if err != nil || got != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
		if want != "" && (tenant.User(id).Plans[0].Status != want || !tenant.User(id).Holds(SKUVisio)) {
			t.Errorf("%s: %+v", want, tenant.User(id).Plans[0])
		}
	}
	if a := last(tenant); a.Kind != LicenseRemoved || a.Cause != CauseSubscription || tenant.SKU(SKUVisio) != nil {
		t.Errorf("act %+v", a)
	}
	if len(tenant.Events()) != events {
		t.Error("the lapse wrote events")
	}
}

func TestMicrosoftMovesDates(t *testing.T) {
	tenant, admin, id := one(t)
	must(t, tenant.AssignDirect(admin, id, SKUFlowFree))
	tenant.Advance(time.Hour)
	before := tenant.User(id)
	events := len(tenant.Events())
	tenant.MicrosoftResetsDates(id)
	after := tenant.User(id)
	if !after.Licenses[0].Updated.Equal(tenant.Now()) || !after.Plans[0].Assigned.Equal(tenant.Now()) || len(after.Plans) != len(before.Plans) {
		t.Errorf("after %+v", after)
	}
	must(t, tenant.MicrosoftAddsPlan(SKUFlowFree, Plan{ID: "11111111-1111-4111-8111-111111111111", Name: "NEW", Service: "x"}))
	if n := len(tenant.User(id).Plans); n != len(before.Plans)+1 || len(tenant.Events()) != events {
		t.Errorf("%d plans", n)
	}
}

func TestSilentOperations(t *testing.T) {
	tenant, _, id := one(t)
	events := len(tenant.Events())
	must(t, tenant.AutoClaim(id, SKUPowerBI))
	if a := last(tenant); len(tenant.Events()) != events || !a.Silent || a.Cause != CauseSelfService {
		t.Errorf("act %+v", a)
	}
	must(t, tenant.SelfServiceSignUp(id, SKUFlowFree, false))
	if a := last(tenant); a.Actor.ID != id || a.Cause != CauseSelfService {
		t.Errorf("act %+v", a)
	}
}

func TestBulkKeepsOneSecondAndItsOrder(t *testing.T) {
	tenant := New(1)
	tenant.Populate(20, 0)
	tenant.Advance(time.Hour)
	n := len(tenant.Truth())
	for _, id := range tenant.UserIDs() {
		_ = tenant.AssignDirect(tenant.Admins[0], id, SKUCopilot)
	}
	acts := tenant.Truth()[n:]
	for i := range acts {
		if acts[i].At.Sub(tenant.Now()) > time.Second || i > 0 && !acts[i].At.After(acts[i-1].At) {
			t.Errorf("act %d at %v", i, acts[i].At)
		}
	}
}

func TestBigTenant(t *testing.T) {
	tenant := NewBig(1, 2500, 60)
	c := serve(t, tenant)
	path := q("/users", "$top", "999", "$select", "id,userPrincipalName,assignedLicenses,assignedPlans,licenseAssignmentStates")
	read := func() map[string]int {
		out := map[string]int{}
		for _, row := range c.all(path) {
			if n := len(row["assignedPlans"].([]any)); n != 60 {
				t.Fatalf("%d plans", n)
			}
			out[row["id"].(string)] = len(row["assignedLicenses"].([]any))
		}
		return out
	}
	before := read()
	if len(before) != 2500 || string(c.get("/users/$count", eventual).raw) != "2500" || !maps.Equal(before, read()) {
		t.Fatalf("%d users", len(before))
	}
	tenant.Week(1, 0.1)
	changed := 0
	for id, n := range read() {
		if before[id] != n {
			changed++
		}
	}
	if changed < 180 || changed > 320 {
		t.Errorf("%d of 2500 changed, want about 250", changed)
	}
}

func TestRealisticTenant(t *testing.T) {
	const users = 3000
	tenant := NewRealistic(1, users, 60)
	c := serve(t, tenant)
	path := q("/users", "$top", "999", "$select", "id,jobTitle,officeLocation,companyName,assignedLicenses,assignedPlans,licenseAssignmentStates")
	attributes, rollouts := map[string]bool{}, map[string]bool{}
	licenses, spreadUsers := 0, 0
	for _, row := range c.all(path) {
		attributes[fmt.Sprint(row["jobTitle"], row["officeLocation"], row["companyName"])] = true
		held := row["assignedLicenses"].([]any)
		licenses += len(held)
		if states := row["licenseAssignmentStates"].([]any); len(states) != len(held) {
			t.Fatalf("%d states of %d licenses", len(states), len(held))
		}
		dates := map[string]bool{}
		for _, p := range row["assignedPlans"].([]any) {
			at := p.(map[string]any)["assignedDateTime"].(string)
			if when, err := time.Parse(time.RFC3339, at); err != nil || when.After(tenant.Now()) {
				t.Fatalf("a plan of %s: %v", at, err)
			}
			dates[at] = true
		}
		rollouts[row["assignedPlans"].([]any)[0].(map[string]any)["assignedDateTime"].(string)] = true
		if len(dates) > 20 {
			spreadUsers++
		}
		if len(dates) < rolloutWaves {
			t.Fatalf("%d dates", len(dates))
		}
	}
	if n := len(attributes); n < users-5 {
		t.Errorf("%d combinations of attributes", n)
	}
	if n := len(rollouts); n < users*99/100 {
		t.Errorf("%d times of a rollout", n)
	}
	if a := float64(licenses) / users; a < 2.05 || a > 2.15 {
		t.Errorf("%.2f licenses a user", a)
	}
	if share := float64(spreadUsers) / users; share < 0.17 || share > 0.23 {
		t.Errorf("%.2f of the users have plans that came one by one", share)
	}
}

func BenchmarkBigPage(b *testing.B) {
	tenant := NewBig(1, 1000000, 60)
	fields := []string{"id", "userPrincipalName", "displayName", "assignedLicenses", "assignedPlans", "licenseAssignmentStates"}
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for i := range 999 {
			dst = tenant.big.row(dst, i, fields)
		}
		b.SetBytes(int64(len(dst)))
	}
}
