package proof

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestBursts plays 52 ordinary weeks: people join, leave, change departments, get
// and lose licenses by hand and by groups, and on the first of a month several
// join. Fewer than two may be called out. Then a group loses its license, which
// must be.
func TestBursts(t *testing.T) {
	tenant := graphtest.New(*firstSeed + 52)
	r := rand.New(rand.NewPCG(*firstSeed, 52))
	admin := tenant.Admins[0]
	staff := tenant.CreateGroup(admin, "Staff", "")
	must(t, tenant.SetGroupLicense(admin, staff, graphtest.SKUE3))
	must(t, tenant.SetGroupLicense(admin, tenant.CreateGroup(admin, "Sales", "Sales"), graphtest.SKUVisio))
	names := 0
	hire := func() string {
		names++
		id := tenant.AddUser(admin, graphtest.UserSpec{Name: fmt.Sprintf("Person %d", names), Department: []string{"Sales", "Finance", "Legal"}[r.IntN(3)]})
		must(t, tenant.AddMember(admin, staff, id))
		return id
	}
	for range 60 {
		hire()
	}
	someone := func() string { // not an admin
		for {
			id := tenant.UserIDs()[r.IntN(len(tenant.UserIDs()))]
			if tenant.User(id).Department != "IT" {
				return id
			}
		}
	}
	server := graphtest.NewServer(tenant)
	base, err := server.Start()
	must(t, err)
	defer server.Close()
	reader, err := cli.SimulatedReader(base)
	must(t, err)
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "bursts.db"), migrations.Apply)
	must(t, err)
	defer db.Close()
	bursts := func() (found []string) {
		tenant.Advance(7 * 24 * time.Hour)
		_, err := track.Run(t.Context(), reader, db, track.Options{MaxShrink: 1, Version: "proof", Now: tenant.Now})
		must(t, err)
		b, err := ask.Of(t.Context(), db)
		must(t, err)
		defer b.Close()
		pace, err := ask.PaceBefore(t.Context(), b)
		must(t, err)
		counts, err := b.History.LicenseCounts(t.Context(), b.History.At.ID)
		must(t, err)
		holders, err := b.History.HoldersAt(t.Context(), b.History.At.ID)
		must(t, err)
		for _, c := range counts {
			of := holders[c.SKU]
			if c.Kind == snapshot.Removed {
				of += int64(c.Users)
			}
			if limit := pace.Limit(c.Kind, c.SKU, of); c.Users >= limit.Users {
				found = append(found, fmt.Sprintf("%d users %s %s (%s)", c.Users, c.Kind, c.SKU, limit.Text()))
			}
		}
		return found
	}
	bursts()
	alarms := 0
	for week := range 52 {
		if week%4 == 0 {
			for range 5 {
				hire()
			}
		}
		for range r.IntN(3) {
			hire()
		}
		for range r.IntN(4) {
			_ = tenant.DeleteUser(admin, someone(), graphtest.AdminCenter)
		}
		for range r.IntN(4) {
			_ = tenant.ChangeDepartment(admin, someone(), []string{"Sales", "Finance", "Legal"}[r.IntN(3)])
		}
		for range r.IntN(6) {
			_ = tenant.AssignDirect(admin, someone(), []string{graphtest.SKUEMS, graphtest.SKUCopilot, graphtest.SKUProject}[r.IntN(3)])
		}
		for range r.IntN(5) {
			_ = tenant.RemoveDirect(admin, someone(), []string{graphtest.SKUEMS, graphtest.SKUCopilot, graphtest.SKUProject}[r.IntN(3)])
		}
		for _, b := range bursts() {
			alarms++
			t.Logf("week %d: %s", week, b)
		}
	}
	if alarms >= 2 {
		t.Errorf("%d false alarms in 52 ordinary weeks", alarms)
	}
	must(t, tenant.RemoveGroupLicense(admin, staff, graphtest.SKUE3))
	if found := bursts(); len(found) != 1 {
		t.Errorf("a group lost its license: %q, want one burst", found)
	} else {
		t.Logf("%d false alarms; then %s", alarms, found[0])
	}
}
