package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// licensed is a tenant with two subscriptions of E3: a user on each, a group on the
// second, a device, one who waits and one whose license is in error.
func licensed(t *testing.T) (tenant *graphtest.Tenant, want string) {
	t.Helper()
	tenant = graphtest.New(1)
	admin := tenant.Admins[0]
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(tenant.BuySeats(graphtest.SKUE3, 10))
	ann := tenant.AddUser(admin, graphtest.UserSpec{Name: "Ann", SKUs: []string{graphtest.SKUE3}})
	bob := tenant.AddUser(admin, graphtest.UserSpec{Name: "Bob", SKUs: []string{graphtest.SKUE3}})
	tenant.Draw(bob, graphtest.SKUE3, 1)
	staff := tenant.CreateGroup(admin, "Staff", "")
	check(tenant.SetGroupLicense(admin, staff, graphtest.SKUE3))
	tenant.Draw(staff, graphtest.SKUE3, 1)
	dan := tenant.AddUser(admin, graphtest.UserSpec{Name: "Dan"})
	check(tenant.GroupSeatsExhausted(admin, staff, dan, graphtest.SKUE3))
	eve := tenant.AddUser(admin, graphtest.UserSpec{Name: "Eve", SKUs: []string{graphtest.SKUVisio}})
	check(tenant.SetState(admin, eve, graphtest.SKUVisio, "Error", "DependencyViolation"))
	device := tenant.AssignDevice(graphtest.SKUE3, 1)
	first, second := tenant.AllotmentOf(graphtest.SKUE3, 0), tenant.AllotmentOf(graphtest.SKUE3, 1)
	lines := []string{
		"user " + ann + " " + first, "user " + bob + " " + second, "group " + staff + " " + second,
		"device " + device + " " + second, "user " + eve + " " + tenant.AllotmentOf(graphtest.SKUVisio, 0),
		"waits " + dan + " " + second, "error " + eve + " Dependency",
	}
	slices.Sort(lines)
	return tenant, strings.Join(lines, "\n")
}

// licensingText is everything that the API says, in order.
func licensingText(t *testing.T, c *Client) (string, error) {
	ctx := t.Context()
	allotments, err := c.Allotments(ctx)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, a := range allotments {
		if a.SKU != graphtest.SKUE3 && a.SKU != graphtest.SKUVisio {
			continue
		}
		waiting, err := c.WaitingMembers(ctx, a.ID)
		if err != nil {
			return "", err
		}
		for _, m := range waiting {
			lines = append(lines, fmt.Sprintf("waits %s %s", m.Holder.ID, m.Allotment))
			if m.Since.IsZero() {
				t.Error("nobody says since when")
			}
		}
	}
	assignments, err := c.AllotmentAssignments(ctx)
	if err != nil {
		return "", err
	}
	for _, a := range assignments {
		lines = append(lines, fmt.Sprintf("%s %s %s", a.Holder.Kind, a.Holder.ID, a.Allotment))
	}
	failures, err := c.AssignmentErrors(ctx)
	if err != nil {
		return "", err
	}
	for _, e := range failures {
		lines = append(lines, fmt.Sprintf("error %s %s", e.Holder.ID, e.Code))
		if e.At.IsZero() || e.SKU != graphtest.SKUVisio {
			t.Errorf("%+v", e)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

func TestCloudLicensing(t *testing.T) {
	tenant, want := licensed(t)
	s, c := simulate(t, tenant, func(*Options) {}, graphtest.WithVaryingPages(), graphtest.WithEmptyPages())
	if got, err := licensingText(t, c); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	for _, r := range s.Requests() {
		if !strings.HasPrefix(r.Path, "/beta/admin/cloudLicensing/") || r.Method != "GET" {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
	allotments, err := c.Allotments(t.Context())
	i := slices.IndexFunc(allotments, func(a snapshot.Allotment) bool { return string(a.ID) == tenant.AllotmentOf(graphtest.SKUE3, 1) })
	if err != nil || i < 0 {
		t.Fatal(err)
	}
	a := allotments[i]
	if *a.Allotted != 10 || *a.Consumed != 2 || a.PartNumber != "SPE_E3" || len(a.Subscriptions) != 1 {
		t.Errorf("%+v", a)
	}
	sub := a.Subscriptions[0]
	if sub.ID != tenant.SKU(graphtest.SKUE3).Subscriptions[1].ID || sub.State != "active" || sub.Trial || !sub.NextLifecycleAt.Equal(graphtest.Epoch.AddDate(1, 0, 0).Truncate(24*time.Hour)) {
		t.Errorf("%+v", sub)
	}
}

// Values that are missing stay not known: they are neither 0 nor a type that fits.
func TestCloudLicensing_Bare(t *testing.T) {
	tenant, _ := licensed(t)
	tenant.Licensing = graphtest.LicensingBare
	_, c := simulate(t, tenant, func(*Options) {})
	allotments, err := c.Allotments(t.Context())
	if err != nil || len(allotments) == 0 {
		t.Fatal(err)
	}
	for _, a := range allotments {
		if a.Allotted != nil || a.Consumed != nil || a.SKU != "" || a.Subscriptions != nil {
			t.Errorf("%+v", a)
		}
	}
	assignments, err := c.AllotmentAssignments(t.Context())
	if err != nil || len(assignments) == 0 {
		t.Fatal(err)
	}
	for _, a := range assignments {
		if a.Holder.Kind != snapshot.HeldByOther || a.Holder.ID == "" {
			t.Errorf("%+v", a)
		}
	}
}

// A Graph that does not know the API is told from one that refuses it.
func TestCloudLicensing_NotOffered(t *testing.T) {
	for world, want := range map[graphtest.LicensingWorld]bool{graphtest.LicensingUnknown: true, graphtest.LicensingMissing: true, graphtest.LicensingOffered: false} {
		tenant, _ := licensed(t)
		tenant.Licensing = world
		_, c := simulate(t, tenant, func(*Options) {})
		if _, err := c.Allotments(t.Context()); NotOffered(err) != want {
			t.Errorf("%q: %v", world, err)
		}
	}
	tenant, _ := licensed(t)
	s, c := simulate(t, tenant, func(*Options) {}, graphtest.WithScopes("User.Read.All"))
	if _, err := c.AllotmentAssignments(t.Context()); NotOffered(err) || !errors.Is(err, ErrAuth) || !strings.Contains(err.(*Error).Hint, "CloudLicensing.Read.All") {
		t.Errorf("without permission: %v", err)
	}
	s.Grant(graphtest.AllScopes...)
	s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointAssignments, Kind: graphtest.FaultExpiredPageToken, Times: graphtest.Forever})
	if _, err := c.AllotmentAssignments(t.Context()); err == nil || NotOffered(err) {
		t.Errorf("a 400 of another kind: %v", err)
	}
}

// No fault is silent: the read fails, or has every assignment.
func TestCloudLicensing_Faults(t *testing.T) {
	for _, kind := range graphtest.AllFaults {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			tenant, _ := licensed(t)
			s, c := simulate(t, tenant, func(o *Options) {
				o.Quiet, o.Patience = 150*time.Millisecond, 30*time.Second
				if kind == graphtest.FaultDrip || kind == graphtest.FaultHang {
					o.Patience = time.Second
				}
			}, graphtest.WithVaryingPages())
			before, err := c.AllotmentAssignments(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, page := range []graphtest.Page{graphtest.FirstPage, graphtest.LastPage} {
				s.ClearFaults()
				s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointAssignments, Page: page, Times: graphtest.Forever, Kind: kind})
				after, err := c.AllotmentAssignments(t.Context())
				changes := changesTruth[kind]
				if err == nil && !changes && len(after) != len(before) {
					t.Errorf("page %d: silent: %d assignments, %d with the fault", page, len(before), len(after))
				}
			}
		})
	}
}
