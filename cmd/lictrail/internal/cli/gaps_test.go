package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/graph"
	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// questions are how the commands are asked that answer from the history, beside
// without arguments. USER, GROUP, SKU and PLAN stand for those of the story.
var questions = map[string][]string{
	"actors":          {""},
	"assignments":     {"", "--by sku", "--as-of NOW"},
	"audit search":    {"", "--user QUIET", "--activity license"},
	"changes":         {"", "--kind assigned", "--cause admin", "--user QUIET", "--by actor"},
	"groups":          {"", "--users"},
	"allotments":      {"", "--holders", "--waiting", "--errors"},
	"find":            {"GROUP", "QUIET", "crowd"},
	"history":         {"LEAVER", "MEMBER", "QUIET"},
	"reclaim":         {"", "--by department", "--bucket unknown"},
	"report":          {"--format text", ""},
	"seats flow":      {"--sku SPE_E3", "--sku SPE_E5 --moves"},
	"seats first-use": {"--sku SPE_E3", "--sku SPE_E5 --by department"},
	"skus":            {"", "--lapses 60d"},
	"watch":           {"--plan PLAN"},
	"what-if":         {"--swap SPE_E3=SPE_E5"},
	"who":             {"removed LEAVER", "assigned MEMBER", "removed QUIET", "changed MEMBER --all"},
}

// noQuestions do not answer from the history, or show how each run read.
var noQuestions = map[string]string{
	"runs": "shows each run's warnings", "runs show": "shows each run's warnings",
	"serve":  "answers on pages, each with its gaps",
	"export": "copies rows as they are, gaps among them",
	"fleet":  "has others below", "fleet discover": "asks a partner's tenant", "fleet health": "shows each run's warnings and gaps",
	"demo": "makes its own tenant", "import": "writes", "audit import": "writes",
	"forget": "erases", "prune": "erases", "backup": "copies", "verify": "checks the file", "doctor": "tries what may be read",
	"notify test": "sends", "catalog import": "writes", "catalog": "writes", "config": "", "config path": "shows settings", "config show": "shows settings", "audit": "has others below", "seats": "has others below", "notify": "has others below", "schedule": "writes schedules", "setup": "writes settings", "setup certificate": "writes a certificate", "version": "", "exit-codes": "",
	"completion bash": "", "completion zsh": "", "completion fish": "", "completion powershell": "", "help": "",
}

// refusable are the reads that a run may leave out: for each of graph's
// permissions the endpoints that it is for, what lacks then, and where it makes a
// difference the source of audit evidence that is read.
var refusable = map[string]struct {
	endpoints []graphtest.Endpoint
	lacks     snapshot.Read // "": nothing that an answer rests on
	audit     string
}{
	"user":               {[]graphtest.Endpoint{graphtest.EndpointUser}, "", connect.AuditGraph},
	"user count":         {[]graphtest.Endpoint{graphtest.EndpointUsersCount}, "", connect.AuditGraph},
	"agent users":        {[]graphtest.Endpoint{graphtest.EndpointAgents}, snapshot.ReadAgents, connect.AuditGraph},
	"organization":       {[]graphtest.Endpoint{graphtest.EndpointOrganization}, snapshot.ReadOrganization, connect.AuditGraph},
	"subscriptions":      {[]graphtest.Endpoint{graphtest.EndpointSubscriptions}, snapshot.ReadSubscriptions, connect.AuditGraph},
	"group":              {[]graphtest.Endpoint{graphtest.EndpointGroup}, snapshot.ReadGroups, connect.AuditGraph},
	"deleted users":      {[]graphtest.Endpoint{graphtest.EndpointDeleted}, snapshot.ReadDeletedUsers, connect.AuditGraph},
	"application owners": {[]graphtest.Endpoint{graphtest.EndpointPrincipal}, snapshot.ReadOwners, connect.AuditGraph},
	"directory audits":   {[]graphtest.Endpoint{graphtest.EndpointAudits}, snapshot.ReadAuditLog, connect.AuditGraph},
	"sign-ins":           {nil, snapshot.ReadActivity, connect.AuditGraph}, // a property of users; see refuse
	"usage report":       {[]graphtest.Endpoint{graphtest.EndpointActiveUsers, graphtest.EndpointApps, graphtest.EndpointActivations, graphtest.EndpointCopilot}, snapshot.ReadActivity, connect.AuditGraph},
	"cloud licensing": {[]graphtest.Endpoint{graphtest.EndpointAllotments, graphtest.EndpointAssignments, graphtest.EndpointWaitingMembers, graphtest.EndpointAssignmentErrors},
		snapshot.ReadLicensing, connect.AuditGraph},
	"Purview audit search":    {[]graphtest.Endpoint{graphtest.EndpointSearches}, snapshot.ReadAuditLog, connect.AuditPurview},
	"Management Activity API": {[]graphtest.Endpoint{graphtest.EndpointFeedList, graphtest.EndpointFeedStart, graphtest.EndpointFeedContent}, snapshot.ReadAuditLog, connect.AuditActivity},
}

// story is a small tenant in which every read makes a difference, and the
// history of two runs.
type story struct {
	t        *testing.T
	dir      string
	tenant   *graphtest.Tenant
	server   *graphtest.Server
	endpoint string
	activity string
	words    *strings.Replacer
}

// plot is how a story goes: what is refused or not asked for, and when.
type plot struct {
	op       string // of refusable; "" for nothing
	fault    graphtest.FaultKind
	late     bool // in the second run only
	source   string
	activity string // of sync
	conceal  bool
}

func (p plot) String() string {
	when := "always"
	if p.late {
		when = "in the newest run"
	}
	return fmt.Sprintf("%s %s %s, %s %s %v", p.op, p.fault, when, p.source, p.activity, p.conceal)
}

// playStory runs one simulated tenant through its weeks, with the fault of the plot.
func playStory(t *testing.T, p plot) *story {
	t.Helper()
	s := &story{t: t, dir: t.TempDir(), tenant: graphtest.New(7)}
	n := s.tenant
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	admin := n.Admins[0]
	hire := func(name, department string) string {
		return n.AddUser(admin, graphtest.UserSpec{Name: name, Department: department})
	}
	leaver, member, quiet, holder := hire("Lea Ver", "Sales"), hire("Mem Ber", "Sales"), hire("Qui Et", "Finance"), hire("Hol Der", "Finance")
	group := n.CreateGroup(admin, "Sales EMEA", "")
	plan := n.SKU(e3).Plans[0]
	must(n.SetGroupLicense(admin, group, e5), n.AssignDirect(admin, leaver, e3), n.AssignDirect(admin, holder, visio))
	n.Advance(time.Hour)
	n.SignIn(holder, true)
	n.Use(holder, graphtest.Teams)
	n.Advance(time.Hour)
	s.server = graphtest.NewServer(n, graphtest.WithRunningFeed())
	t.Cleanup(func() { s.server.Close() })
	var err error
	s.endpoint, err = s.server.Start()
	must(err)
	s.activity, err = s.server.StartActivity()
	must(err)
	n.Concealed = p.conceal
	s.refuse(p, !p.late)
	s.sync(p)
	n.Advance(24 * time.Hour)
	must(n.RemoveDirect(admin, leaver, e3), n.AddMember(admin, group, member), n.AssignDirect(admin, holder, e3))
	n.Advance(time.Hour)
	must(n.ChangeDisabledPlans(admin, holder, e3, plan.ID), n.AssignDirect(admin, quiet, ems))
	n.Advance(time.Hour)
	must(n.RemoveDirect(admin, quiet, ems)) // between two runs: only the audit log shows it
	gone := hire("Go Ne", "Sales")
	must(n.AssignDirect(admin, gone, ems))
	n.Advance(72 * time.Hour)
	s.sync(p)
	must(n.DeleteUser(admin, gone, graphtest.Entra))
	_, err = n.LapseSubscription(visio)
	must(err)
	n.Advance(96 * time.Hour)
	s.refuse(p, true)
	s.sync(p)
	s.words = strings.NewReplacer("LEAVER", leaver, "MEMBER", member, "QUIET", quiet, "PLAN", plan.Name, "NOW", n.Now().Format(time.RFC3339))
	return s
}

func (s *story) refuse(p plot, now bool) {
	s.server.ClearFaults()
	if p.op == "" || !now {
		return
	}
	if p.op == "sign-ins" {
		s.server.Inject(graphtest.Fault{Endpoint: graphtest.EndpointUsers, Query: "signInActivity", Times: graphtest.Forever, Kind: p.fault})
	}
	for _, endpoint := range refusable[p.op].endpoints {
		s.server.Inject(graphtest.Fault{Endpoint: endpoint, Times: graphtest.Forever, Kind: p.fault})
	}
}

func (s *story) sync(p plot) {
	s.t.Helper()
	args := []string{"sync", "--graph-endpoint", s.endpoint, "--activity-endpoint", s.activity, "--auth", "token", "--audit-source", p.source, "--patience", "1s", "--cloud-licensing"}
	if p.activity != "" {
		args = append(args, "--activity", p.activity)
	}
	if _, stderr, code := s.run(args...); code != exit.Done {
		s.t.Fatalf("%v: sync: exit %d: %s", p, code, stderr)
	}
}

func (s *story) run(args ...string) (stdout, stderr string, code int) {
	var o, e bytes.Buffer
	env := map[string]string{"HOME": s.dir, "LICTRAIL_ACCESS_TOKEN": graphtest.DefaultToken, "LICTRAIL_ACTIVITY_TOKEN": graphtest.ActivityToken, "COLUMNS": "400"}
	code = Run(append(args, "--db", filepath.Join(s.dir, "t.db")), strings.NewReader(""), &o, &e, func(name string) string { return env[name] })
	return o.String(), e.String(), code
}

// answer is what a command answers in a format, but for what it lacks.
type answer struct {
	text string // without what differs from time to time, and without gaps
	note string // stderr
	gaps []out.Gap
}

func (s *story) ask(command, question, format string) answer {
	s.t.Helper()
	args := append(strings.Fields(command), strings.Fields(s.words.Replace(question))...)
	switch {
	case format == show.FormatWorkbook:
		args = append(args, "--format", format, "--output", filepath.Join(s.dir, "a.xlsx"))
	case !strings.Contains(question, "--format") && format != "":
		args = append(args, "--format", format)
	}
	stdout, stderr, code := s.run(args...)
	if code != exit.Done {
		s.t.Fatalf("%v: exit %d: %s", args, code, stderr)
	}
	a := answer{text: stdout, note: stderr}
	switch format {
	case "json":
		a.takeGaps(s.t)
	case show.FormatWorkbook:
		a.text = workbookText(s.t, filepath.Join(s.dir, "a.xlsx"))
	}
	a.text = volatile.ReplaceAllString(a.text, "…")
	return a
}

// trust is the section of the page that repeats the runs' warnings.
var trust = regexp.MustCompile(`(?s)<section aria-labelledby="trust">.*?</section>|HOW FAR THIS CAN BE TRUSTED.*?\n\n`)

// volatile is what differs between two runs of the same story.
var volatile = regexp.MustCompile(`[0-9a-f]{64}|Written by lictrail .* from what`)

// takeGaps takes the gaps out of a document, and the tenant, whose name may not
// be known.
func (a *answer) takeGaps(t *testing.T) {
	t.Helper()
	var lacking struct {
		Gaps *[]out.Gap `json:"gaps"`
	}
	var doc map[string]any
	if err := errors.Join(json.Unmarshal([]byte(a.text), &lacking), json.Unmarshal([]byte(a.text), &doc)); err != nil {
		t.Fatalf("%v in %s", err, a.text)
	}
	if lacking.Gaps == nil {
		t.Fatalf("a document without gaps: %s", a.text)
	}
	a.gaps = *lacking.Gaps
	delete(doc, "gaps")
	delete(doc, "tenant")
	for _, item := range doc["items"].([]any) {
		delete(item.(map[string]any), "raw") // the service writes a record's members in any order
	}
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	a.text = string(text)
}

func workbookText(t *testing.T, path string) string {
	t.Helper()
	text, err := sheetText(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// commandsOf lists the commands that can be run, hidden ones as well.
func commandsOf(c *cobra.Command) (list []*cobra.Command) {
	if c.RunE != nil && c.HasParent() {
		list = append(list, c)
	}
	for _, sub := range c.Commands() {
		list = append(list, commandsOf(sub)...)
	}
	return list
}

// TestGaps_Known: no command and no read escapes [TestGaps].
func TestGaps_Known(t *testing.T) {
	known := map[string]bool{}
	for _, c := range commandsOf(Root()) {
		name := commandName(c)
		known[name] = true
		_, asked := ask.Needs[name]
		_, not := noQuestions[name]
		if asked == not {
			t.Errorf("%q must be in needs, if it answers from the history, or else in noQuestions", name)
		}
	}
	for name := range ask.Needs {
		if !known[name] {
			t.Errorf("needs has %q, which is no command", name)
		}
	}
	var lacking []snapshot.Read
	for _, p := range graph.Permissions() {
		r, known := refusable[p.Op]
		if !p.Needed && !known && p.Feature != graph.FeaturePartner { // which no run asks for
			t.Errorf("%q is a read that a run may leave out: it must be in refusable", p.Op)
		}
		lacking = append(lacking, r.lacks)
	}
	for _, read := range snapshot.Reads {
		if read != snapshot.ReadNames && !slices.Contains(lacking, read) {
			t.Errorf("%q is refused by nothing in refusable", read)
		}
		if show.GapTexts[read].Facts == "" {
			t.Errorf("%q has no words", read)
		}
	}
}

// TestGaps asks every question of a history whose runs may not read something,
// and compares with that of the same tenant whose runs may. An answer either is
// the same, or says what is not known and what would show it.
func TestGaps(t *testing.T) {
	var plots []plot
	for _, p := range graph.Permissions() {
		r := refusable[p.Op]
		if p.Needed || p.Feature == graph.FeaturePartner {
			continue
		}
		for _, late := range []bool{false, true} {
			if late && r.lacks == snapshot.ReadOwners {
				continue // what was read once is not asked for again
			}
			plots = append(plots, plot{op: p.Op, fault: graphtest.Fault403, late: late, source: r.audit, activity: "all"})
		}
	}
	plots = append(plots,
		plot{op: "subscriptions", fault: graphtest.FaultErrorIn200, source: connect.AuditGraph, activity: "all"},
		plot{op: "directory audits", fault: graphtest.FaultErrorIn200, source: connect.AuditGraph, activity: "all"},
		plot{op: "usage report", fault: graphtest.Fault404, source: connect.AuditGraph, activity: "all"},
		plot{source: connect.AuditNone, activity: "all"},
		plot{source: connect.AuditGraph},
		plot{source: connect.AuditGraph, activity: "all", conceal: true},
	)
	stories := map[string]*story{}
	for _, source := range []string{connect.AuditGraph, connect.AuditPurview, connect.AuditActivity} {
		stories[source] = playStory(t, plot{source: source, activity: "all"})
	}
	whole := map[string]answer{}
	for _, p := range plots {
		t.Run(p.String(), func(t *testing.T) {
			s := playStory(t, p)
			base := stories[p.source]
			if base == nil {
				base = stories[connect.AuditGraph]
			}
			for _, c := range commandsOf(Root()) {
				name := commandName(c)
				if _, ok := ask.Needs[name]; !ok || name == "sync" { // which reads by itself
					continue
				}
				list := questions[name]
				if list == nil {
					list = []string{""}
				}
				for _, question := range list {
					for _, format := range formatsToTry(c, question) {
						key := fmt.Sprint(p.source, name, question, format)
						if _, ok := whole[key]; !ok {
							whole[key] = base.ask(name, question, format)
						}
						command := name
						if strings.HasPrefix(question, "--lapses") {
							command = ask.SKUsLapsing
						}
						compareAnswers(t, p, name+" "+question+" "+format, command, format, s.ask(name, question, format), whole[key])
					}
				}
			}
		})
	}
}

// formatsToTry: every format once, and every question as text and as JSON.
func formatsToTry(c *cobra.Command, question string) []string {
	if commandName(c) == "report" {
		return []string{""}
	}
	if question != "" {
		return []string{"text", "json"}
	}
	return slices.DeleteFunc(formatsOf(c), func(f string) bool { return f == show.FormatAssignLicense || f == "jsonl" })
}

// lacksOf is what a plot keeps from the runs, and why.
func lacksOf(p plot) (snapshot.Read, snapshot.GapWhy) {
	switch {
	case p.conceal:
		return snapshot.ReadNames, snapshot.GapNotPermitted
	case p.op != "" && p.fault == graphtest.Fault403:
		return refusable[p.op].lacks, snapshot.GapNotPermitted
	case p.op != "":
		return refusable[p.op].lacks, snapshot.GapFailed
	case p.source == connect.AuditNone:
		return snapshot.ReadAuditLog, snapshot.GapNotAsked
	}
	return snapshot.ReadActivity, snapshot.GapNotAsked
}

func compareAnswers(t *testing.T, p plot, what, command, format string, got, whole answer) {
	t.Helper()
	lacks, why := lacksOf(p)
	if lacks == "" || !slices.Contains(ask.NeedsOf(command), lacks) {
		got.text, whole.text = trust.ReplaceAllString(got.text, ""), trust.ReplaceAllString(whole.text, "")
		if diff := cmp.Diff(whole.text, got.text); diff != "" {
			t.Errorf("%s: the answer rests on what was not read, and needs does not say so (-read +not read):\n%s", what, diff)
		}
		return
	}
	if format == "json" {
		i := slices.IndexFunc(got.gaps, func(g out.Gap) bool { return g.What == string(lacks) })
		if i < 0 {
			t.Errorf("%s: no gap %s: %+v", what, lacks, got.gaps)
			return
		}
		if g := got.gaps[i]; g.Why != string(why) || (g.Since != nil) != p.late || (why == snapshot.GapNotPermitted || why == snapshot.GapNotAsked) && g.Needs == nil {
			t.Errorf("%s: gap %+v, want why %s, since %v, and what it needs", what, g, why, p.late)
		}
		return
	}
	where := got.text
	if format == "csv" {
		where = got.note
	}
	where = plainText(where)
	if !strings.Contains(where, "Not known") || !strings.Contains(where, show.GapTexts[lacks].Facts) {
		t.Errorf("%s: %q is not said to be not known:\n%s%s", what, show.GapTexts[lacks].Facts, got.text, got.note)
	}
	if (format == "text" || format == "") && command != "audit coverage" { // whose answer is what was not read
		for _, line := range clear(got, whole) {
			t.Errorf("%s: a false all-clear, while %s is not known: %s", what, lacks, line)
		}
	}
}

var (
	tags      = regexp.MustCompile(`<[^>]*>`)
	clearWord = regexp.MustCompile(`(?i)\b(no|none|nothing|nobody)\b|\b0 [a-z]`)
)

// plainText is a text or a page without tags, and with single spaces.
func plainText(text string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(text, " "))), " ")
}

// clear lists the lines of an answer that say that there is nothing, which the
// answer with everything read does not have.
func clear(got, whole answer) []string {
	var lines []string
	known := plainText(whole.text + whole.note)
	for _, line := range strings.Split(trust.ReplaceAllString(got.text, "")+"\n"+got.note, "\n") {
		line = strings.ReplaceAll(plainText(line), " 0 active ", " ") // a count and the state of a subscription, in a table
		if clearWord.MatchString(line) && !strings.Contains(strings.ToLower(line), "not known") && !strings.Contains(line, "not judged") && !strings.Contains(known, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestGaps_Docs keeps the table in docs/reliability.md.
func TestGaps_Docs(t *testing.T) {
	checkSections(t, "../../../../docs/reliability.md", map[string]string{"gaps": gapsTable()})
}

// gapsTable is which answer rests on which read.
func gapsTable() string {
	var b strings.Builder
	b.WriteString("| command |")
	for _, read := range snapshot.Reads {
		fmt.Fprintf(&b, " %s |", read)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(snapshot.Reads)) + "\n")
	for _, c := range commandsOf(Root()) {
		list, ok := ask.Needs[commandName(c)]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "| `%s` |", commandName(c))
		for _, read := range snapshot.Reads {
			word := "same"
			if slices.Contains(list, read) {
				word = "not known"
			}
			fmt.Fprintf(&b, " %s |", word)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
