package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// demoTenant marks a database that demo may replace.
const demoTenant = "Contoso (demo)"

func newDemo(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Play a small tenant through weekly runs, and show the answers",
		Long: `Starts a made-up tenant of a few hundred users on a local port, plays its life
week by week, runs sync against it each Monday through the real client and the
real store, and answers the usual questions. It leaves a database to explore:
lictrail-demo.db in this folder, or the one that --db names.`,
		Example: "  lictrail demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), e, cmd.Flags().Changed("db"))
		},
	}
}

func runDemo(ctx context.Context, e *env, named bool) error {
	if !named {
		e.db = "lictrail-demo.db"
	}
	if err := clearDemo(ctx, e.db); err != nil {
		return err
	}
	d, err := newScenario()
	if err != nil {
		return err
	}
	defer d.server.Close()
	defer d.reader.Close()
	if err := d.play(ctx, e); err != nil {
		return err
	}
	return d.tell(ctx, e)
}

// clearDemo takes away the database of an earlier demo, and nothing else.
func clearDemo(ctx context.Context, path string) error {
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
	if ok && tenant.Name != demoTenant {
		return usage(fmt.Sprintf("%q is the history of a real tenant; the demo does not touch it", path), "name another file with --db")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the database of the demo before: %w", err)
		}
	}
	return nil
}

// scenario is the made-up tenant and the people of its story.
type scenario struct {
	*graphtest.Tenant
	server        *graphtest.Server
	reader        Reader
	ada, ben      graphtest.Actor // the administrators
	reclaimer, hr graphtest.Actor // apps of the tenant
	sales         string          // group that gives E3
	field         string          // group that gives E3 by department
	nora, olaf    string
	five          []string // users who lose a license on one morning
	vera          string   // holds Visio, loses it with the subscription
	paul          string   // had his license for years
	rita          string   // leaves and returns
	err           error
}

// The SKUs of the story.
const (
	e3    = "05e9a617-0261-4cee-bb44-138d3ef5d965" // SPE_E3
	e5    = "06ebc4ee-1bb5-47dd-8120-11324bc54e06" // SPE_E5
	ems   = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e" // EMS
	visio = "c5928f49-12ba-48f7-ada3-0d743a3601d5" // VISIOCLIENT
)

func newScenario() (*scenario, error) {
	d := &scenario{Tenant: graphtest.New(7)}
	d.Name = demoTenant
	d.ada, d.ben, d.hr, d.reclaimer = d.Admins[0], d.Admins[1], d.Apps[0], d.Apps[1]
	d.server = graphtest.NewServer(d.Tenant, graphtest.WithClockStep(200*time.Millisecond))
	base, err := d.server.Start()
	if err != nil {
		return nil, fmt.Errorf("start the made-up tenant: %w", err)
	}
	d.reader, err = SimulatedReader(base)
	return d, err
}

// do keeps the first error, so that the story reads as one.
func (d *scenario) do(err error) {
	if d.err == nil {
		d.err = err
	}
}

// hire adds a user, whose address is made of the name.
func (d *scenario) hire(name, department string) string {
	upn := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@" + d.Domain
	return d.AddUser(d.hr, graphtest.UserSpec{Name: name, UPN: upn, Department: department})
}

// settle is the tenant before tracking begins.
func (d *scenario) settle() {
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
	d.paul, d.rita, d.olaf, d.vera = d.hire("Paul Stone", "Finance"), d.hire("Rita Vogel", "Support"), d.hire("Olaf Berg", "Support"), d.hire("Vera Lind", "Engineering")
	for _, user := range []string{d.paul, d.rita, d.olaf} {
		d.do(d.AssignDirect(d.ada, user, ems))
	}
	d.do(d.AssignDirect(d.ada, d.olaf, e3))
	d.do(d.AssignDirect(d.ben, d.vera, visio))
	d.five = []string{d.hire("Amy Reed", "Finance"), d.hire("Bob Lang", "Finance"), d.hire("Cyd Novak", "Sales"),
		d.hire("Dan Ortiz", "Field"), d.hire("Eve Park", "Finance")}
	d.do(d.AddMember(d.ada, d.sales, d.five[2]))
	for _, i := range []int{0, 1, 4} {
		d.do(d.AssignDirect(d.ada, d.five[i], e3))
	}
}

// weeks is the story: what happens before each Monday's run.
func (d *scenario) weeks() []struct {
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
			d.nora = d.hire("Nora Hale", "Engineering")
			d.do(d.AssignDirect(d.ada, d.nora, e5))
			d.do(d.AssignDirect(d.hr, d.nora, ems))
		}},
		{"six people move from direct to group licensing", d.moveToGroup},
		{"a security plan is switched off for Nora", func() { d.do(d.ChangeDisabledPlans(d.ben, d.nora, e5, off)) }},
		{"Microsoft adds a plan to E3 and resets dates", func() {
			d.do(d.MicrosoftAddsPlan(e3, graphtest.Plan{ID: "b74d57b2-58e9-484a-9731-aeccbba954f0", Name: "GRAPH_CONNECTORS_SEARCH_INDEX"}))
		}},
		{"Olaf's account is deleted", func() { d.do(d.DeleteUser(d.ben, d.olaf, graphtest.Entra)) }},
		{"Olaf is restored; Rita loses EMS", func() {
			d.do(d.RestoreUser(d.ben, d.olaf))
			d.do(d.RemoveDirect(d.reclaimer, d.rita, ems))
		}},
		{"the Visio subscription expires", func() { d.lapse() }},
		{"five users lose E3 on one morning", d.oneMorning},
		{"Visio is gone; Rita gets EMS back", func() {
			d.lapse()
			d.lapse()
			d.lapse()
			d.do(d.AssignDirect(d.ada, d.rita, ems))
		}},
		{"Microsoft resets Paul's dates", func() { d.MicrosoftResetsDates(d.paul) }},
		{"Nora has E3 for an hour, between two runs", func() {
			d.do(d.AssignDirect(d.hr, d.nora, e3))
			d.Advance(time.Hour)
			d.do(d.RemoveDirect(d.hr, d.nora, e3))
		}},
		{"nothing happens", func() {}},
	}
}

func (d *scenario) lapse() {
	_, err := d.LapseSubscription(visio)
	d.do(err)
}

func (d *scenario) planOf(sku, name string) string {
	for _, p := range d.SKU(sku).Plans {
		if p.Name == name {
			return p.ID
		}
	}
	return d.SKU(sku).Plans[0].ID
}

func (d *scenario) moveToGroup() {
	moved := 0
	for _, id := range d.UserIDs() {
		u := d.User(id)
		if moved == 6 || u.Department != "Support" || !u.Holds(e3) || id == d.olaf {
			continue
		}
		moved++
		d.do(d.AddMember(d.ada, d.sales, id))
		d.Advance(time.Minute)
		d.do(d.RemoveDirect(d.ada, id, e3))
	}
}

// oneMorning takes E3 from five users in five ways, one of which no event tells.
func (d *scenario) oneMorning() {
	d.do(d.RemoveDirect(d.ben, d.five[0], e3))
	d.do(d.RemoveDirect(d.reclaimer, d.five[1], e3))
	d.do(d.RemoveMember(d.ada, d.sales, d.five[2]))
	d.do(d.ChangeDepartment(d.hr, d.five[3], "Finance"))
	d.Lies.NoEvent = 1
	d.do(d.RemoveDirect(d.ben, d.five[4], e3))
	d.Lies.NoEvent = 0
}

// play lives through the weeks, with a run each Monday.
func (d *scenario) play(ctx context.Context, e *env) error {
	d.settle()
	db, err := store.OpenReadWrite(ctx, e.db, migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	monday := time.Date(2026, 2, 23, 6, 0, 0, 0, time.UTC)
	for i, week := range d.weeks() {
		d.AdvanceTo(monday.AddDate(0, 0, 7*i-3)) // Friday before, same hour
		week.do()
		if d.err != nil {
			return fmt.Errorf("play the made-up tenant: %w", d.err)
		}
		d.AdvanceTo(monday.AddDate(0, 0, 7*i))
		summary, err := tracker.Run(ctx, d.reader, db, tracker.Options{Audit: d.reader, MaxShrink: 0.2, Version: version(), Now: d.Now})
		if err != nil {
			return err
		}
		if err := d.tellWeek(e, week.what, summary); err != nil {
			return err
		}
	}
	return nil
}

func (d *scenario) tellWeek(e *env, what string, s *tracker.Summary) error {
	if s.First {
		err := e.Printf("A made-up tenant of %s, read every Monday at 06:00 UTC.\n\n", plural(s.Result.Users, "user"))
		if err != nil {
			return err
		}
	}
	found := "no change"
	if len(s.Result.Changes) > 0 {
		found = kindsWord(s.Result.Changes)
	}
	if s.First {
		found = plural(s.Result.Assignments, "assignment") + ", all from before"
	}
	return e.Printf("%2d  %s  %s\n        %s\n", int64(s.Run), s.Result.ObservedAt.Format("2 Jan"), what, found)
}

// tell asks the usual questions of the database that the runs have left.
func (d *scenario) tell(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(n names) error {
		if err := d.tellFive(ctx, e, n); err != nil {
			return err
		}
		if err := d.tellDates(ctx, e, n); err != nil {
			return err
		}
		return d.tellMore(e)
	})
}

func (d *scenario) tellFive(ctx context.Context, e *env, n names) error {
	if err := e.Printf("\nFive users lost SPE_E3 on one morning. Who removed it?\n\n"); err != nil {
		return err
	}
	for _, id := range d.five {
		people, err := n.users(ctx, id)
		if err != nil {
			return err
		}
		found, err := n.newest(ctx, store.ChangeFilter{Users: people, Kinds: verbs["removed"], Newest: true}, false)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("the demo lost its story: no removal for user %s", id)
		}
		for _, line := range n.answer(found[0]) {
			if err := e.Printf("%s\n", line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *scenario) tellDates(ctx context.Context, e *env, n names) error {
	if err := e.Printf("\nSince when, beside the date that Microsoft shows:\n\n"); err != nil {
		return err
	}
	var all []store.Person
	for _, id := range []string{d.paul, d.rita, d.olaf, d.nora} {
		people, err := n.users(ctx, id)
		if err != nil {
			return err
		}
		all = append(all, people...)
	}
	return n.assignmentListing().print(e, n, n.h.Assignments(ctx, store.Filter{Users: all}))
}

func (d *scenario) tellMore(e *env) error {
	paul, cyd := d.User(d.paul).UPN, d.User(d.five[2]).UPN
	return e.Printf(`
Ask further:

  lictrail history %[1]s --db %[3]s
  lictrail who removed %[2]s --db %[3]s
  lictrail changes --kind sku-plan-added,path-moved --db %[3]s
  lictrail assignments --sku EMS --as-of 2026-03-20 --db %[3]s
  lictrail skus --db %[3]s
`, paul, cyd, e.db)
}
