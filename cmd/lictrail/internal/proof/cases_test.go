package proof

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot/store"
)

// TestCases plays the small tenants of testdata/cases against the simulator,
// the tracker and the program, and compares what the program answers with what
// the evidence allows.
//
// A file begins with what it shows. Then come, a line each:
//
//	group G1 gives E5 EMS         a group, with or without licenses
//	group G1 of Sales gives E5    a dynamic group: everybody of that department
//	user u1 in G1 G2 with EMS     a user, with groups and direct licenses
//	app NAME, agent NAME          an application of the tenant, an agent user
//
// all of long ago, and then steps, each with its time (of 2026, UTC). Ann, Bob,
// Cat and Dan are administrators, "HR app" is an application of the tenant,
// "Power BI Service" is Microsoft's:
//
//	Tue 3 Mar 09:00  ACTOR assigns SKU to u1 | ACTOR removes SKU from u1 | ACTOR saves u1
//	                 ACTOR adds u1 to G1 | ACTOR removes u1 from G1 | u1 is approved to join G1
//	                 ACTOR gives SKU to G1 | ACTOR takes SKU from G1 | ACTOR saves G1
//	                 ACTOR moves u1 to Sales | ACTOR changes the phone of u1
//	                 ACTOR creates u9 with SKU
//	                 ACTOR deletes u1 [in the admin center, which takes the licenses first] | ACTOR restores u1 | ACTOR renames u1 to NAME
//	                 SKU of u1 goes into ActiveWithError | Microsoft moves the dates of u1
//	                 Microsoft adds the plan NAME to SKU [, off for its users]
//	                 run [without the log] [without the applications, which nobody permits to read]
//
// A step may end in "; record late 20h", "; record without details", "; record as
// update", which leaves "Update user" alone, or "; record lost", and in "; engine after 10m", which is how long group-based licensing
// takes to follow it (2 minutes); "; engine together" has it take every group of
// the user at that instant, "; engine record lost" loses its record.
//
// What the program must answer at that point follows, with a line for each item
// and for each line an item:
//
//	changes of u1                 (or "changes of the tenant")
//	  removed E5 by G2: by Bob; cause group; exact Wed 4 Mar 08:02
//	  unseen assigned E5: ...     only the log saw it
//	  maybe date-moved E5: ...    need not be there
//	assignments of u1
//	  E5 by G1: since exact Sat 7 Mar 10:00; periods 2
//	lictrail ARGUMENTS...
//	  has "TEXT"                  or lacks "TEXT", or has id of u1; fails: another exit code than 0
//
// A change may have: by NAME or NAME (nobody for none), not by NAME, cause C or C,
// via TRIGGER or TRIGGER, group G, exact TIME, contains TIME, unknown WHY or WHY, confidence C or
// C, says "TEXT", not says "TEXT". An assignment: since exact|contains TIME, first
// exact|contains|by TIME, periods N, path P exact|contains TIME. Between
// alternatives stands "or".
//
// The first line "pending" marks what is known to fail: such a file fails the
// test when it passes, so that the mark goes.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	must(t, err)
	if len(files) < 18 {
		t.Fatalf("%d cases", len(files))
	}
	pending := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			must(t, err)
			text, marked := strings.CutPrefix(string(archive.Comment), "pending\n")
			c := newPlayed(t, archive.Files)
			defer c.close()
			for i, line := range strings.Split(text, "\n") {
				if err := c.line(line); err != nil {
					t.Fatalf("%s: line %d: %q: %v", file, i+1+btoi(marked), line, err)
				}
			}
			must(t, c.ask())
			switch report := strings.Join(c.faults, "\n"); {
			case marked && len(c.faults) == 0:
				t.Error("marked as pending, and passes: remove the mark")
			case marked:
				pending++
				t.Logf("pending:\n%s", report)
			case len(c.faults) > 0:
				t.Error("\n" + report)
			}
		})
	}
	t.Logf("%d cases, %d pending", len(files), pending)
}

// played is a case under way.
type played struct {
	t      *testing.T
	tenant *graphtest.Tenant
	server *graphtest.Server
	reader *graph.Client
	db     string
	files  []txtar.File

	actors        map[string]graphtest.Actor
	users, groups map[string]string
	began         bool          // the steps have begun
	lag           time.Duration // of the engine
	block         string        // the question under way
	wants         []string
	faults        []string
}

var caseSKUs = map[string]string{"E3": graphtest.SKUE3, "E5": graphtest.SKUE5, "EMS": graphtest.SKUEMS, "Visio": graphtest.SKUVisio, "Copilot": graphtest.SKUCopilot}

func newPlayed(t *testing.T, files []txtar.File) *played {
	t.Helper()
	c := &played{t: t, tenant: graphtest.New(1), db: filepath.Join(t.TempDir(), "case.db"), files: files,
		users: map[string]string{}, groups: map[string]string{}, lag: 2 * time.Minute,
		actors: map[string]graphtest.Actor{"Power BI Service": graphtest.PowerBIService,
			"Microsoft Approval Management": graphtest.ApprovalManagement, "nobody": {}}}
	c.tenant.Style = graphtest.StyleSelfContained
	c.tenant.Engine = &graphtest.Engine{Lag: func(*rand.Rand) time.Duration { return c.lag }}
	for _, name := range []string{"Ann", "Bob", "Cat", "Dan"} {
		upn := strings.ToLower(name) + "@" + c.tenant.Domain
		c.actors[name] = graphtest.Actor{Kind: graphtest.ActorUser, UPN: upn,
			ID: c.tenant.AddUser(graphtest.OnlineServices, graphtest.UserSpec{Name: name, UPN: upn, Department: "IT"})}
	}
	c.actors["HR app"] = c.tenant.AddApp("HR app")
	c.server = graphtest.NewServer(c.tenant, graphtest.WithScopes(graphtest.AllScopes...))
	base, err := c.server.Start()
	must(t, err)
	c.reader, err = cli.SimulatedReader(base)
	must(t, err)
	return c
}

func (c *played) close() { c.server.Close() }

const caseTime = `((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ [A-Z][a-z][a-z] \d\d:\d\d(?::\d\d)?)`

var timed = regexp.MustCompile(`^` + caseTime + ` +(.*)$`)

// line plays or keeps one line.
func (c *played) line(line string) error {
	switch {
	case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, " "):
		c.wants = append(c.wants, strings.TrimSpace(line))
		return nil
	}
	if err := c.ask(); err != nil {
		return err
	}
	if m := timed.FindStringSubmatch(line); m != nil {
		at, err := when(m[1])
		if err != nil {
			return err
		}
		if at.Before(c.tenant.Now()) {
			return fmt.Errorf("the time lies before %s", stampOf(c.tenant.Now()))
		}
		c.began = true
		c.tenant.AdvanceTo(at)
		return c.step(m[2])
	}
	if strings.HasPrefix(line, "changes of ") || strings.HasPrefix(line, "assignments of ") || strings.HasPrefix(line, "lictrail ") {
		c.block = line
		return nil
	}
	return c.setUp(line)
}

func when(text string) (time.Time, error) {
	text = "2026 " + text
	at, err := time.Parse("2006 Mon 2 Jan 15:04", text)
	if err != nil {
		at, err = time.Parse("2006 Mon 2 Jan 15:04:05", text)
	}
	if err == nil && at.Weekday().String()[:3] != strings.Fields(text)[1] {
		err = fmt.Errorf("%s is a %s", text, at.Weekday())
	}
	return at, err
}

func (c *played) setUp(line string) error {
	if c.began {
		return fmt.Errorf("a step without its time, or an unknown question")
	}
	by := c.actors["Dan"]
	f := strings.Fields(line)
	defer c.tenant.Advance(time.Hour)
	switch {
	case f[0] == "group":
		name, department := f[1], ""
		if len(f) > 3 && f[2] == "of" {
			department, f = f[3], f[2:]
		}
		c.groups[name] = c.tenant.CreateGroup(by, name, department)
		for _, sku := range f[min(3, len(f)):] {
			if err := c.tenant.SetGroupLicense(by, c.groups[name], caseSKUs[sku]); err != nil {
				return err
			}
		}
		return nil
	case f[0] == "user":
		c.users[f[1]] = c.tenant.AddUser(by, graphtest.UserSpec{Name: f[1], UPN: f[1] + "@" + c.tenant.Domain, Ancient: true})
		word := ""
		for _, x := range f[2:] {
			var err error
			switch {
			case x == "in" || x == "with":
				word = x
			case word == "in":
				err = c.tenant.AddMember(by, c.groups[x], c.users[f[1]])
			case word == "with":
				err = c.tenant.AssignDirect(by, c.users[f[1]], caseSKUs[x])
			}
			if err != nil {
				return err
			}
		}
		return nil
	case f[0] == "app":
		name := strings.Join(f[1:], " ")
		c.actors[name] = c.tenant.AddApp(name)
		return nil
	case f[0] == "agent":
		name := strings.Join(f[1:], " ")
		c.actors[name] = c.tenant.AddAgent(by, name)
		return nil
	}
	return fmt.Errorf("unknown")
}

// step carries out one step with what is said of its record and of the engine.
func (c *played) step(text string) error {
	parts := strings.Split(text, ";")
	lies, engine, unheard := graphtest.Lies{}, *c.tenant.Engine, false
	c.lag, engine.Together = 2*time.Minute, 0
	for _, p := range parts[1:] {
		p = strings.TrimSpace(p)
		var err error
		if late, ok := strings.CutPrefix(p, "record late "); ok {
			lies.Late = 1
			lies.Delay, err = time.ParseDuration(late)
		} else if after, ok := strings.CutPrefix(p, "engine after "); ok {
			c.lag, err = time.ParseDuration(after)
		} else {
			switch p {
			case "record without details":
				lies.NoDetails, lies.BareGroup = 1, 1
			case "record lost":
				lies.Lost = 1
			case "record as update":
				lies.NoChange = 1
			case "engine record lost":
				unheard = true
			case "engine together":
				engine.Together = 1
			default:
				err = fmt.Errorf("unknown: %q", p)
			}
		}
		if err != nil {
			return err
		}
	}
	c.tenant.Lies, *c.tenant.Engine = lies, engine
	defer func() { c.tenant.Lies = graphtest.Lies{} }()
	err := c.act(strings.TrimSpace(parts[0]))
	if unheard {
		c.tenant.Lies.Lost = 1
		c.tenant.Advance(c.lag + time.Minute)
	}
	return err
}

var caseSteps = []struct {
	form *regexp.Regexp
	do   func(c *played, m []string) error
}{
	{regexp.MustCompile(`^run(?: without the (log|applications))?$`), func(c *played, m []string) error {
		if m[1] == "applications" {
			c.server.Grant(slices.DeleteFunc(slices.Clone(graphtest.AllScopes), func(s string) bool { return s == "Application.Read.All" })...)
		}
		return c.run(m[1] != "log")
	}},
	{regexp.MustCompile(`^(\S+) of (\S+) goes into (\w+)$`), func(c *played, m []string) error {
		return c.tenant.SetState(graphtest.NoActor, c.users[m[2]], caseSKUs[m[1]], m[3], "MutuallyExclusiveViolation")
	}},
	{regexp.MustCompile(`^Microsoft moves the dates of (\S+)$`), func(c *played, m []string) error {
		c.tenant.MicrosoftResetsDates(c.users[m[1]])
		return nil
	}},
	{regexp.MustCompile(`^Microsoft adds the plan (\S+) to (\S+?)(, off for its users)?$`), func(c *played, m []string) error {
		plan := graphtest.Plan{ID: "0c5e1f7a-93b4-4d2e-8a6f-7b1d2c3e4f50", Name: m[1], Service: "exchange"}
		if m[3] != "" {
			return c.tenant.MicrosoftAddsPlanOff(caseSKUs[m[2]], plan)
		}
		return c.tenant.MicrosoftAddsPlan(caseSKUs[m[2]], plan)
	}},
	{regexp.MustCompile(`^(\S+) is approved to join (\S+)$`), func(c *played, m []string) error {
		return c.tenant.ApproveJoin(c.groups[m[2]], c.users[m[1]])
	}},
	{regexp.MustCompile(`^(.+) renames (\S+) to (\S+)$`), func(c *played, m []string) error {
		return c.tenant.UpdateUser(c.actors[m[1]], c.users[m[2]], "UserPrincipalName, DisplayName", func(u *graphtest.User) {
			u.UPN, u.Mail, u.DisplayName = m[3]+"@"+c.tenant.Domain, m[3]+"@"+c.tenant.Domain, m[3]
		})
	}},
	{regexp.MustCompile(`^(.+) moves (\S+) to (\S+)$`), func(c *played, m []string) error {
		return c.tenant.ChangeDepartment(c.actors[m[1]], c.users[m[2]], m[3])
	}},
	{regexp.MustCompile(`^(.+) changes the phone of (\S+)$`), func(c *played, m []string) error {
		return c.tenant.UpdateUser(c.actors[m[1]], c.users[m[2]], "TelephoneNumber", func(*graphtest.User) {})
	}},
	{regexp.MustCompile(`^(.+) (assigns|gives|adds) (\S+) to (\S+)$`), func(c *played, m []string) error {
		by, user, group := c.actors[m[1]], c.users[m[4]], c.groups[m[4]]
		switch m[2] {
		case "assigns":
			return c.tenant.AssignDirect(by, user, caseSKUs[m[3]])
		case "gives":
			return c.tenant.SetGroupLicense(by, group, caseSKUs[m[3]])
		}
		return c.tenant.AddMember(by, group, c.users[m[3]])
	}},
	{regexp.MustCompile(`^(.+) (removes|takes) (\S+) from (\S+)$`), func(c *played, m []string) error {
		by, sku := c.actors[m[1]], caseSKUs[m[3]]
		switch {
		case m[2] == "takes":
			return c.tenant.RemoveGroupLicense(by, c.groups[m[4]], sku)
		case sku != "":
			return c.tenant.RemoveDirect(by, c.users[m[4]], sku)
		}
		return c.tenant.RemoveMember(by, c.groups[m[4]], c.users[m[3]])
	}},
	{regexp.MustCompile(`^(.+) deletes (\S+) in the admin center$`), func(c *played, m []string) error {
		return c.tenant.DeleteUser(c.actors[m[1]], c.users[m[2]], graphtest.AdminCenter)
	}},
	{regexp.MustCompile(`^(.+) creates (\S+) with (\S+)$`), func(c *played, m []string) error {
		c.users[m[2]] = c.tenant.AddUser(c.actors[m[1]], graphtest.UserSpec{Name: m[2], UPN: m[2] + "@" + c.tenant.Domain, SKUs: []string{caseSKUs[m[3]]}})
		return nil
	}},
	{regexp.MustCompile(`^(.+) (saves|deletes|restores) (\S+)$`), func(c *played, m []string) error {
		by, user := c.actors[m[1]], c.users[m[3]]
		switch {
		case m[2] == "deletes":
			return c.tenant.DeleteUser(by, user, graphtest.Entra)
		case m[2] == "restores":
			return c.tenant.RestoreUser(by, user)
		case user != "":
			return c.tenant.SaveLicenses(by, user)
		}
		return c.tenant.SaveGroup(by, c.groups[m[3]])
	}},
}

func (c *played) act(text string) error {
	for _, s := range caseSteps {
		m := s.form.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if _, known := c.actors[m[1]]; !known && strings.HasPrefix(s.form.String(), `^(.+) `) {
			return fmt.Errorf("nobody is called %q", m[1])
		}
		return s.do(c, m)
	}
	return fmt.Errorf("unknown step")
}

func (c *played) run(log bool) error {
	ctx := c.t.Context()
	db, err := store.OpenReadWrite(ctx, c.db, migrations.Apply)
	if err != nil {
		return err
	}
	defer db.Close()
	o := track.Options{MaxShrink: 0.9, Version: "case", Now: c.tenant.Now}
	if log {
		o.Audit = c.reader
	}
	_, err = track.Run(ctx, c.reader, db, o)
	return err
}

// program runs lictrail on the history.
func (c *played) program(args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	env := func(name string) string {
		return map[string]string{"LICTRAIL_DB": c.db, "HOME": filepath.Dir(c.db)}[name]
	}
	if code := cli.Run(args, strings.NewReader(""), &stdout, &stderr, env); code != 0 {
		return stdout.String() + stderr.String(), fmt.Errorf("exit code %d: %s", code, stderr.String())
	}
	return stdout.String() + stderr.String(), nil
}

func (c *played) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// ask asks the question under way and judges the answer.
func (c *played) ask() error {
	block, wants := c.block, c.wants
	c.block, c.wants = "", nil
	switch {
	case block == "" && len(wants) > 0:
		return fmt.Errorf("answers without a question")
	case block == "":
		return nil
	case strings.HasPrefix(block, "lictrail "):
		return c.askText(strings.Fields(block)[1:], wants)
	}
	what, whose, _ := strings.Cut(block, " of ")
	args := []string{what, "--format", "json"}
	if whose != "the tenant" {
		if c.users[whose] == "" {
			return fmt.Errorf("no user %q", whose)
		}
		args = append(args, "--user", c.users[whose])
	}
	out, err := c.program(args...)
	if err != nil {
		return err
	}
	var doc struct{ Items []item }
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&doc); err != nil {
		return err
	}
	items := doc.Items
	if whose == "the tenant" {
		items = slices.DeleteFunc(items, func(i item) bool { return i.User != nil })
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.When.At.Compare(b.When.At) })
	c.faults = append(c.faults, c.compare(block, items, wants)...)
	return nil
}

// askText judges a text: of it something is wanted, or is not.
func (c *played) askText(args, wants []string) error {
	for i, a := range args {
		if id := c.users[a]; id != "" {
			args[i] = id
		}
		for _, f := range c.files {
			if f.Name == a {
				args[i] = filepath.Join(filepath.Dir(c.db), a)
				text := os.Expand(string(f.Data), func(name string) string { return cmp.Or(c.users[name], name) })
				if err := os.WriteFile(args[i], []byte(text), 0o600); err != nil {
					return err
				}
			}
		}
	}
	out, err := c.program(args...)
	for _, w := range wants {
		word, quoted, _ := strings.Cut(w, " ")
		if whose, ok := strings.CutPrefix(quoted, "id of "); ok {
			quoted = strconv.Quote(c.users[whose])
		}
		if word == "fails" {
			if err == nil {
				c.fault("lictrail %s: succeeds", strings.Join(args, " "))
			}
			err = nil
			continue
		}
		if err != nil {
			c.fault("lictrail %s: %v", strings.Join(args, " "), err)
			return nil
		}
		text, unquoteErr := strconv.Unquote(quoted)
		if unquoteErr != nil || word != "has" && word != "lacks" {
			return fmt.Errorf("%q: want has or lacks, and a text in quotes", w)
		}
		if strings.Contains(strings.ToLower(out), strings.ToLower(text)) != (word == "has") {
			c.fault("lictrail %s: %s %q:\n%s", strings.Join(args, " "), word, text, out)
		}
	}
	return nil
}

// item is a change or an assignment as the program answers it.
type item struct {
	Kind          string
	Observed      bool
	User          *struct{ ID string }
	SKU           *struct{ ID string }
	Path          *pathItem
	When          dateItem
	Cause         string
	Actor         *actorItem
	Via           *viaItem
	Responsible   *actorItem
	Confidence    string
	UnknownWhy    string `json:"unknown_why"`
	Reason        string
	Paths         []pathItem
	FirstAssigned dateItem `json:"first_assigned"`
	AssignedSince dateItem `json:"assigned_since"`
	Periods       int
}

type pathItem struct {
	Kind  string
	Group *struct{ ID string }
	Since dateItem
}

type actorItem struct{ ID, UPN, Name string }

type viaItem struct {
	Trigger string
	Group   *struct{ ID string }
	Actor   *actorItem
}

type dateItem struct {
	At        time.Time
	NotBefore *time.Time `json:"not_before"`
	NotAfter  time.Time  `json:"not_after"`
	Precision string
}

func (d dateItem) String() string {
	from := "-"
	if d.NotBefore != nil {
		from = stampOf(*d.NotBefore)
	}
	return fmt.Sprintf("%s %s..%s", d.Precision, from, stampOf(d.NotAfter))
}

// contains allows Microsoft's whole seconds, and what a minute's lag blurs.
func (d dateItem) contains(at time.Time) bool {
	return !at.After(d.NotAfter.Add(resolution)) && (d.NotBefore == nil || !at.Before(d.NotBefore.Add(-resolution)))
}

func (i item) party() *actorItem {
	switch {
	case i.Cause == "unknown":
		return nil
	case i.Cause == "group" && i.Via != nil:
		return i.Via.Actor
	case i.Cause == "group":
		return nil
	}
	return i.Actor
}

func pathOf(p *pathItem) string {
	switch {
	case p == nil:
		return ""
	case p.Group != nil:
		return p.Group.ID
	}
	return p.Kind
}

// wanted is one line of an expectation.
type wanted struct {
	text              string
	maybe, unseen     bool
	kind, sku         string
	paths, attributes []string
}

var wantedForm = regexp.MustCompile(`^(maybe )?(unseen )?(?:([a-z][a-z-]+) )?([A-Z]\w*|-)(?: by ([^:]+))?(?:: *(.*))?$`)

func (c *played) parse(line string) (wanted, error) {
	m := wantedForm.FindStringSubmatch(line)
	if m == nil {
		return wanted{}, fmt.Errorf("not an expectation")
	}
	w := wanted{text: line, maybe: m[1] != "", unseen: m[2] != "", kind: m[3], sku: caseSKUs[m[4]]}
	if m[5] != "" {
		for _, p := range strings.Split(m[5], " and ") {
			w.paths = append(w.paths, cmp.Or(c.groups[p], p))
		}
	}
	for _, a := range strings.Split(m[6], ";") {
		if a = strings.TrimSpace(a); a != "" {
			w.attributes = append(w.attributes, a)
		}
	}
	return w, nil
}

// is reports whether a line is about an item.
func (w *wanted) is(i item) bool {
	if i.SKU == nil || i.SKU.ID != w.sku {
		return false
	}
	if w.kind == "" {
		return true
	}
	if path := strings.HasPrefix(w.kind, "path-"); !path && i.Observed == w.unseen {
		return false
	}
	return i.Kind == w.kind && (len(w.paths) == 0 || pathOf(i.Path) == w.paths[0])
}

// compare finds for each line the item that it is about, first for those that
// must be there. Items that no line is about, and lines without an item, are
// faults, and so is another order.
func (c *played) compare(block string, items []item, wants []string) []string {
	var faults []string
	var lines []wanted
	for _, line := range wants {
		w, err := c.parse(line)
		if err != nil {
			return []string{fmt.Sprintf("%q: %v", line, err)}
		}
		lines = append(lines, w)
	}
	slices.SortStableFunc(lines, func(a, b wanted) int { return btoi(a.maybe) - btoi(b.maybe) })
	taken, last := map[int]bool{}, time.Time{}
	for _, w := range lines {
		wrong, found := []string(nil), -1
		for n, i := range items {
			if taken[n] || !w.is(i) {
				continue
			}
			if w := c.check(w, i); found < 0 || len(w) < len(wrong) {
				wrong, found = w, n
			}
		}
		if found < 0 {
			if !w.maybe {
				faults = append(faults, fmt.Sprintf("%s: missing: %s", block, w.text))
			}
			continue
		}
		taken[found] = true
		if at := items[found].When; !w.maybe && w.kind != "" && at.Precision == "exact" {
			if at.At.Before(last) {
				wrong = append(wrong, "it stands before the line above it")
			}
			last = at.At
		}
		if len(wrong) > 0 {
			faults = append(faults, fmt.Sprintf("%s: want %s\n    %s\n    got %s", block, w.text, strings.Join(wrong, "\n    "), c.show(items[found])))
		}
	}
	for n, i := range items {
		if !taken[n] {
			faults = append(faults, fmt.Sprintf("%s: unexpected: %s", block, c.show(i)))
		}
	}
	return faults
}

// check lists the attributes of a line that an item does not have.
func (c *played) check(w wanted, i item) []string {
	var wrong []string
	if w.kind == "" {
		have := map[string]bool{}
		for _, p := range i.Paths {
			have[pathOf(&p)] = true
		}
		if want := slices.Sorted(slices.Values(w.paths)); len(want) > 0 && !slices.Equal(want, slices.Sorted(maps.Keys(have))) {
			wrong = append(wrong, fmt.Sprintf("paths %v", slices.Collect(maps.Keys(have))))
		}
	}
	for _, a := range w.attributes {
		ok, err := c.attribute(a, i)
		if err != nil {
			return append(wrong, fmt.Sprintf("%q: %v", a, err))
		}
		if !ok {
			wrong = append(wrong, "not "+a)
		}
	}
	return wrong
}

func (c *played) attribute(text string, i item) (bool, error) {
	word, rest, _ := strings.Cut(text, " ")
	options := strings.Split(rest, " or ")
	switch word {
	case "not":
		ok, err := c.attribute(rest, i)
		return !ok, err
	case "by":
		for _, name := range options {
			a, known := c.actors[name]
			if !known {
				return false, fmt.Errorf("nobody is called %q", name)
			}
			p := i.party()
			if name == "nobody" && p == nil || p != nil && p.ID != "" && p.ID == a.ID {
				return true, nil
			}
		}
		return false, nil
	case "cause":
		return slices.Contains(options, i.Cause), nil
	case "via":
		return i.Via != nil && slices.Contains(options, i.Via.Trigger), nil
	case "group":
		return i.Via != nil && i.Via.Group != nil && slices.ContainsFunc(options, func(g string) bool { return c.groups[g] == i.Via.Group.ID }), nil
	case "unknown":
		return slices.Contains(options, i.UnknownWhy), nil
	case "confidence":
		return slices.Contains(options, i.Confidence), nil
	case "says":
		phrase, err := strconv.Unquote(rest)
		return strings.Contains(strings.ToLower(i.Reason), strings.ToLower(phrase)), err
	case "exact", "contains":
		return dateIs(i.When, text)
	case "since":
		return dateIs(i.AssignedSince, rest)
	case "first":
		return dateIs(i.FirstAssigned, rest)
	case "path":
		name, date, _ := strings.Cut(rest, " ")
		for _, p := range i.Paths {
			if pathOf(&p) == cmp.Or(c.groups[name], name) {
				return dateIs(p.Since, date)
			}
		}
		return false, nil
	case "periods":
		return fmt.Sprint(i.Periods) == rest, nil
	}
	return false, fmt.Errorf("unknown attribute")
}

// dateIs judges "exact TIME", "contains TIME" and "by TIME", which is no later
// than that and says no more.
func dateIs(d dateItem, text string) (bool, error) {
	word, rest, _ := strings.Cut(text, " ")
	at, err := when(rest)
	switch word {
	case "exact":
		return d.Precision == "exact" && apart(d.At, at) <= resolution, err
	case "contains":
		return d.contains(at), err
	case "by":
		return d.Precision == "no-later-than" && d.contains(at) || d.Precision == "window" && d.contains(at), err
	}
	return false, fmt.Errorf("%q: want exact, contains or by, and a time", text)
}

func (c *played) show(i item) string {
	names := map[string]string{}
	for name, a := range c.actors {
		names[a.ID] = name
	}
	for name, id := range c.groups {
		names[id] = name
	}
	for name, id := range caseSKUs {
		names[id] = name
	}
	who := func(a *actorItem) string {
		if a == nil {
			return "nobody"
		}
		return cmp.Or(names[a.ID], a.Name, a.UPN, a.ID)
	}
	sku := "-"
	if i.SKU != nil {
		sku = names[i.SKU.ID]
	}
	if i.Kind == "" {
		var paths []string
		for _, p := range i.Paths {
			paths = append(paths, cmp.Or(names[pathOf(&p)], pathOf(&p))+" "+p.Since.String())
		}
		return fmt.Sprintf("%s by %s: since %v; first %v; periods %d", sku, strings.Join(paths, " and "), i.AssignedSince, i.FirstAssigned, i.Periods)
	}
	via := ""
	if i.Via != nil {
		via = " via " + i.Via.Trigger
		if i.Via.Group != nil {
			via += " of " + cmp.Or(names[i.Via.Group.ID], i.Via.Group.ID)
		}
	}
	return fmt.Sprintf("%s %s by %s (observed %t): by %s; cause %s%s; %v; %s %s %q", i.Kind, sku, cmp.Or(names[pathOf(i.Path)], pathOf(i.Path)), i.Observed,
		who(i.party()), i.Cause, via, i.When, i.Confidence, i.UnknownWhy, i.Reason)
}
