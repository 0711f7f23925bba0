package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/graph"
	"lictrail/graph/graphtest"
)

// Scenario is the made-up tenant and the people of its story.
type Scenario struct {
	*graphtest.Tenant
	server        *graphtest.Server
	reader        *graph.Client
	ada, ben      graphtest.Actor // the administrators
	reclaimer, hr graphtest.Actor // apps of the tenant
	partner       graphtest.Actor
	sales         string   // group that gives E3
	field         string   // group that gives E3 by department
	pilot         string   // group that gives Copilot
	vera          string   // holds Visio, loses it with the subscription
	waiting       []string // the next members of the pilot
	never, away   []string // who never signed in, and who does no longer
	idle          []string // who signs in and uses neither Copilot nor Project
	err           error

	Nora, Olaf string
	Five       []string // users who lose a license on one morning
	Paul       string   // had his license for years
	Rita       string   // leaves and returns
	Tess       string   // her account is switched off, and keeps its licenses
}

// The SKUs of the story.
const (
	e3      = graphtest.SKUE3
	e5      = graphtest.SKUE5
	ems     = graphtest.SKUEMS
	visio   = graphtest.SKUVisio
	project = graphtest.SKUProject
	copilot = graphtest.SKUCopilot
)

// New starts the made-up tenant on a local port.
func New() (*Scenario, error) {
	d := &Scenario{Tenant: graphtest.New(7)}
	d.Name = tenantName
	d.Offer(e3, e5, ems, visio, project, copilot)
	d.ada, d.ben, d.hr, d.reclaimer, d.partner = d.Admins[0], d.Admins[1], d.Apps[0], d.Apps[1], d.Partners[0]
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
	return d.AddUser(d.hr, graphtest.UserSpec{Name: name, UPN: d.address(name), Department: department})
}

func (d *Scenario) address(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@" + d.Domain
}

// settle is the tenant before tracking begins.
func (d *Scenario) settle() {
	d.sales = d.CreateGroup(d.ada, "Sales EMEA", "")
	d.field = d.CreateGroup(d.ada, "Field staff (dynamic)", "Field")
	d.pilot = d.CreateGroup(d.ada, "Copilot pilot", "")
	d.do(d.SetGroupLicense(d.ada, d.sales, e3))
	d.do(d.SetGroupLicense(d.ada, d.field, e3))
	d.do(d.SetGroupLicense(d.ada, d.pilot, copilot))
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
		if i == 120 || i == 200 { // in Sales: the same license by two paths
			d.do(d.AssignDirect(d.ben, user, e3))
		}
		if slices.Contains([]int{10, 13, 19, 34, 58, 80}, i) {
			d.never = append(d.never, user)
		}
		d.Advance(37 * time.Minute)
	}
	d.settlePeople()
	d.settleProducts()
}

func (d *Scenario) settlePeople() {
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
	d.Tess = d.hire("Tess Ward", "Sales")
	d.do(d.AssignDirect(d.ada, d.Tess, e5))
	guest := d.AddUser(d.ada, graphtest.UserSpec{Name: "Gil Adler", UPN: d.address("gil.adler_partner.example#ext#"), Department: "Engineering", Guest: true})
	d.do(d.AssignDirect(d.ben, guest, e3))
	d.never = append(d.never, guest)
}

// settleProducts gives out Project and Copilot, and says how many seats of each
// product are bought, and until when.
func (d *Scenario) settleProducts() {
	for i, name := range []string{"Hugo Klein", "Ida Cole", "Jon Bell", "Kim Sato", "Leo Marsh", "Mia Duarte"} {
		user := d.hire(name, "Engineering")
		d.do(d.AssignDirect(d.ben, user, project))
		if i > 3 {
			d.idle = append(d.idle, user)
		}
	}
	members := []string{d.Tess}
	for i, name := range []string{"Ana Costa", "Ben Adams", "Cleo Hart", "Dev Patel", "Ella Brandt", "Finn Moore", "Gia Rossi", "Hal Jensen", "Ines Weber",
		"Jack Owen", "Kaia Lund", "Liam Byrne", "Maya Singh", "Nils Falk", "Oona Ryan", "Pia Koch", "Quinn Shaw", "Rosa Diaz", "Sam Turner", "Tara Voss"} {
		user := d.hire(name, []string{"Sales", "Finance", "Engineering"}[i%3])
		d.do(d.AssignDirect(d.ada, user, e5))
		if i < 9 {
			members = append(members, user)
		} else {
			d.waiting = append(d.waiting, user)
		}
		if i%4 == 3 {
			d.idle = append(d.idle, user)
		}
	}
	for _, user := range members {
		d.do(d.AddMember(d.ada, d.pilot, user))
	}
	year := graphtest.Epoch.AddDate(1, 0, 0)
	for _, bought := range []struct {
		sku   string
		seats int
		until time.Time
	}{
		{e3, 260, year}, {e5, 26, year.AddDate(0, 2, 0)}, {ems, 10, year}, {visio, 5, graphtest.Epoch.AddDate(0, 3, 0)},
		{project, 8, time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC)}, {copilot, 25, time.Date(2026, 5, 22, 0, 0, 0, 0, time.UTC)},
	} {
		d.do(d.Renew(bought.sku, bought.seats, bought.until))
	}
}

// work is a day of everybody's: they sign in, and use what they have.
func (d *Scenario) work() {
	for _, id := range d.UserIDs() {
		u := d.User(id)
		if !u.Enabled || slices.Contains(d.never, id) || slices.Contains(d.away, id) {
			continue
		}
		d.SignIn(id, true)
		if !u.Holds(e3) && !u.Holds(e5) {
			continue
		}
		for _, workload := range []string{graphtest.Exchange, graphtest.Teams, graphtest.Apps} {
			d.Use(id, workload)
		}
	}
	for _, id := range d.UserIDs() {
		u := d.User(id)
		if u.Enabled && u.Holds(copilot) && !slices.Contains(d.idle, id) {
			d.Use(id, graphtest.Copilot)
		}
		if u.Enabled && u.Holds(project) && !slices.Contains(d.idle, id) {
			d.Use(id, graphtest.Project)
		}
	}
}

// join puts the next people into the Copilot pilot.
func (d *Scenario) join(people int) {
	for _, user := range d.waiting[:people] {
		d.do(d.AddMember(d.ada, d.pilot, user))
		d.Advance(time.Minute)
	}
	d.waiting = d.waiting[people:]
}

// week is what happens before a Monday's run.
type week struct {
	what string
	do   func()
}

func (d *Scenario) weeks() []week {
	off := d.planOf(e5, "M365_ADVANCED_AUDITING")
	return []week{
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
		{"the Visio subscription expires; the Copilot pilot grows", func() {
			d.lapse()
			d.join(4)
		}},
		{"five users lose E3 on one morning", d.oneMorning},
		{"Visio is gone; Rita gets EMS back", func() {
			d.lapse()
			d.lapse()
			d.lapse()
			d.do(d.AssignDirect(d.ada, d.Rita, ems))
		}},
		{"Microsoft resets Paul's dates; the Copilot pilot grows", func() {
			d.MicrosoftResetsDates(d.Paul)
			d.join(4)
		}},
		{"Nora has E3 for an hour, between two runs", func() {
			d.do(d.AssignDirect(d.hr, d.Nora, e3))
			d.Advance(time.Hour)
			d.do(d.RemoveDirect(d.hr, d.Nora, e3))
		}},
		{"nothing happens", func() {}},
		{"Copilot is renewed with fewer seats; people come and go", d.lastWeek},
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

// oneMorning takes E3 from five users in five ways, one of which no event records.
func (d *Scenario) oneMorning() {
	d.do(d.RemoveDirect(d.ben, d.Five[0], e3))
	d.do(d.RemoveDirect(d.reclaimer, d.Five[1], e3))
	d.do(d.RemoveMember(d.ada, d.sales, d.Five[2]))
	d.do(d.ChangeDepartment(d.hr, d.Five[3], "Finance"))
	d.unlogged(func() { d.do(d.RemoveDirect(d.ben, d.Five[4], e3)) })
}

// unlogged does something of which the audit log shows nothing.
func (d *Scenario) unlogged(do func()) {
	d.Lies.NoEvent = 1
	do()
	d.Lies.NoEvent = 0
}

// lastWeek leaves something of every kind for the reports to show: seats that
// are missing, a group that cannot give its license, a leaver who keeps hers, a
// newcomer, and changes by a person, an app, a partner and nobody on record.
func (d *Scenario) lastWeek() {
	d.do(d.Renew(copilot, 15, graphtest.Epoch.AddDate(1, 4, 17)))
	d.Advance(2 * time.Hour)
	d.join(1)
	d.do(d.SetEnabled(d.hr, d.Tess, false))
	d.hire("Lena Frey", "Field")
	d.do(d.RemoveDirect(d.ben, d.userNamed("Hugo Klein"), project))
	d.do(d.AssignDirect(d.partner, d.userNamed("Ida Cole"), e5))
	d.unlogged(func() { d.do(d.RemoveDirect(d.ben, d.userNamed("Jon Bell"), project)) })
	d.AdvanceTo(d.Now().Truncate(24 * time.Hour).Add(60 * time.Hour)) // Sunday noon
	for _, user := range d.never[:2] {
		d.do(d.RemoveDirect(d.reclaimer, user, e3))
		d.Advance(time.Minute)
	}
}

func (d *Scenario) userNamed(name string) string {
	upn := d.address(name)
	for _, id := range d.UserIDs() {
		if d.User(id).UPN == upn {
			return id
		}
	}
	d.do(fmt.Errorf("the made-up tenant has nobody named %s", name))
	return ""
}
