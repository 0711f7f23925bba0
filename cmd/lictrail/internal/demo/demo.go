// Package demo plays a small made-up tenant through weekly runs, over a real local
// HTTP endpoint, through the real client and into a real database.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// tenantName marks a database that a demo may replace.
const tenantName = "Contoso (demo)"

// Clear takes away the database of an earlier demo, and nothing else.
func Clear(ctx context.Context, path string) error {
	db, err := store.OpenReadOnly(ctx, path, migrations.Check)
	if errors.Is(err, store.ErrNoDatabase) {
		return nil
	}
	if err != nil {
		return err
	}
	tenant, ok, err := db.Tenant(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if ok && tenant.Name != tenantName {
		return exit.Usage(fmt.Sprintf("%q is the history of a real tenant; the demo does not touch it", path), "name another file with --db")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the database of the demo before: %w", err)
		}
	}
	return nil
}

// Scenario is the made-up tenant and the people of its story.
type Scenario struct {
	*graphtest.Tenant
	server        *graphtest.Server
	reader        connect.Reader
	ada, ben      graphtest.Actor // the administrators
	reclaimer, hr graphtest.Actor // apps of the tenant
	sales         string          // group that gives E3
	field         string          // group that gives E3 by department
	vera          string          // holds Visio, loses it with the subscription
	err           error

	Nora, Olaf string
	Five       []string // users who lose a license on one morning
	Paul       string   // had his license for years
	Rita       string   // leaves and returns
}

// The SKUs of the story.
const (
	e3    = "05e9a617-0261-4cee-bb44-138d3ef5d965" // SPE_E3
	e5    = "06ebc4ee-1bb5-47dd-8120-11324bc54e06" // SPE_E5
	ems   = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e" // EMS
	visio = "c5928f49-12ba-48f7-ada3-0d743a3601d5" // VISIOCLIENT
)

// New starts the made-up tenant on a local port.
func New() (*Scenario, error) {
	d := &Scenario{Tenant: graphtest.New(7)}
	d.Name = tenantName
	d.ada, d.ben, d.hr, d.reclaimer = d.Admins[0], d.Admins[1], d.Apps[0], d.Apps[1]
	d.server = graphtest.NewServer(d.Tenant, graphtest.WithClockStep(200*time.Millisecond))
	base, err := d.server.Start()
	if err != nil {
		return nil, fmt.Errorf("start the made-up tenant: %w", err)
	}
	d.reader, err = connect.SimulatedReader(base)
	return d, err
}

// Close ends the made-up tenant.
func (d *Scenario) Close() {
	d.reader.Close()
	d.server.Close()
}

// do keeps the first error, so that the story reads as one.
func (d *Scenario) do(err error) {
	if d.err == nil {
		d.err = err
	}
}

// hire adds a user, whose address is made of the name.
func (d *Scenario) hire(name, department string) string {
	upn := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@" + d.Domain
	return d.AddUser(d.hr, graphtest.UserSpec{Name: name, UPN: upn, Department: department})
}

// settle is the tenant before tracking begins.
func (d *Scenario) settle() {
	d.sales = d.CreateGroup(d.ada, "Sales EMEA", "")
	d.field = d.CreateGroup(d.ada, "Field staff (dynamic)", "Field")
	d.do(d.SetGroupLicense(d.ada, d.sales, e3))
	d.do(d.SetGroupLicense(d.ada, d.field, e3))
	departments := []string{"Sales", "Finance", "Engineering", "Support"}
	for i := range 280 {
		department := departments[i%len(departments)]
		user := d.hire(fmt.Sprintf("Staff %03d", i+1), department)
		switch {
		case department == "Sales":
			d.do(d.AddMember(d.ada, d.sales, user))
		case i%3 != 0:
			d.do(d.AssignDirect(d.ben, user, e3))
		}
		d.Advance(37 * time.Minute)
	}
	d.Paul, d.Rita, d.Olaf, d.vera = d.hire("Paul Stone", "Finance"), d.hire("Rita Vogel", "Support"), d.hire("Olaf Berg", "Support"), d.hire("Vera Lind", "Engineering")
	for _, user := range []string{d.Paul, d.Rita, d.Olaf} {
		d.do(d.AssignDirect(d.ada, user, ems))
	}
	d.do(d.AssignDirect(d.ada, d.Olaf, e3))
	d.do(d.AssignDirect(d.ben, d.vera, visio))
	d.Five = []string{d.hire("Amy Reed", "Finance"), d.hire("Bob Lang", "Finance"), d.hire("Cyd Novak", "Sales"),
		d.hire("Dan Ortiz", "Field"), d.hire("Eve Park", "Finance")}
	d.do(d.AddMember(d.ada, d.sales, d.Five[2]))
	for _, i := range []int{0, 1, 4} {
		d.do(d.AssignDirect(d.ada, d.Five[i], e3))
	}
}

// weeks is the story: what happens before each Monday's run.
func (d *Scenario) weeks() []struct {
	what string
	do   func()
} {
	off := d.planOf(e5, "M365_ADVANCED_AUDITING")
	return []struct {
		what string
		do   func()
	}{
		{"tracking begins", func() {}},
		{"Nora joins and gets E5; EMS goes to more people", func() {
			d.Nora = d.hire("Nora Hale", "Engineering")
			d.do(d.AssignDirect(d.ada, d.Nora, e5))
			d.do(d.AssignDirect(d.hr, d.Nora, ems))
		}},
		{"six people move from direct to group licensing", d.moveToGroup},
		{"a security plan is switched off for Nora", func() { d.do(d.ChangeDisabledPlans(d.ben, d.Nora, e5, off)) }},
		{"Microsoft adds a plan to E3 and resets dates", func() {
			d.do(d.MicrosoftAddsPlan(e3, graphtest.Plan{ID: "b74d57b2-58e9-484a-9731-aeccbba954f0", Name: "GRAPH_CONNECTORS_SEARCH_INDEX"}))
		}},
		{"Olaf's account is deleted", func() { d.do(d.DeleteUser(d.ben, d.Olaf, graphtest.Entra)) }},
		{"Olaf is restored; Rita loses EMS", func() {
			d.do(d.RestoreUser(d.ben, d.Olaf))
			d.do(d.RemoveDirect(d.reclaimer, d.Rita, ems))
		}},
		{"the Visio subscription expires", func() { d.lapse() }},
		{"five users lose E3 on one morning", d.oneMorning},
		{"Visio is gone; Rita gets EMS back", func() {
			d.lapse()
			d.lapse()
			d.lapse()
			d.do(d.AssignDirect(d.ada, d.Rita, ems))
		}},
		{"Microsoft resets Paul's dates", func() { d.MicrosoftResetsDates(d.Paul) }},
		{"Nora has E3 for an hour, between two runs", func() {
			d.do(d.AssignDirect(d.hr, d.Nora, e3))
			d.Advance(time.Hour)
			d.do(d.RemoveDirect(d.hr, d.Nora, e3))
		}},
		{"nothing happens", func() {}},
	}
}

func (d *Scenario) lapse() {
	_, err := d.LapseSubscription(visio)
	d.do(err)
}

func (d *Scenario) planOf(sku, name string) string {
	for _, p := range d.SKU(sku).Plans {
		if p.Name == name {
			return p.ID
		}
	}
	return d.SKU(sku).Plans[0].ID
}

func (d *Scenario) moveToGroup() {
	moved := 0
	for _, id := range d.UserIDs() {
		u := d.User(id)
		if moved == 6 || u.Department != "Support" || !u.Holds(e3) || id == d.Olaf {
			continue
		}
		moved++
		d.do(d.AddMember(d.ada, d.sales, id))
		d.Advance(time.Minute)
		d.do(d.RemoveDirect(d.ada, id, e3))
	}
}

// oneMorning takes E3 from five users in five ways, one of which no event tells.
func (d *Scenario) oneMorning() {
	d.do(d.RemoveDirect(d.ben, d.Five[0], e3))
	d.do(d.RemoveDirect(d.reclaimer, d.Five[1], e3))
	d.do(d.RemoveMember(d.ada, d.sales, d.Five[2]))
	d.do(d.ChangeDepartment(d.hr, d.Five[3], "Finance"))
	d.Lies.NoEvent = 1
	d.do(d.RemoveDirect(d.ben, d.Five[4], e3))
	d.Lies.NoEvent = 0
}

// Play lives through the weeks, with a run each Monday that is recorded in a
// database, and calls week after each.
func (d *Scenario) Play(ctx context.Context, path, version string, week func(what string, s *tracker.Summary) error) error {
	d.settle()
	db, err := store.OpenReadWrite(ctx, path, migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	monday := time.Date(2026, 2, 23, 6, 0, 0, 0, time.UTC)
	for i, w := range d.weeks() {
		d.AdvanceTo(monday.AddDate(0, 0, 7*i-3)) // Friday before, same hour
		w.do()
		if d.err != nil {
			return fmt.Errorf("play the made-up tenant: %w", d.err)
		}
		d.AdvanceTo(monday.AddDate(0, 0, 7*i))
		summary, err := tracker.Run(ctx, d.reader, db, tracker.Options{Audit: d.reader, MaxShrink: 0.2, Version: version, Now: d.Now})
		if err != nil {
			return err
		}
		if err := week(w.what, summary); err != nil {
			return err
		}
	}
	return nil
}
