package reclaim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"lictrail/internal/golden"
	"lictrail/snapshot"
)

// TestJudge judges the seats that each file in testdata describes. A file
// states one rule. Its section "given" has lines
//
//	as of DAY
//	sku NAME [free] [PLAN...]
//	group NAME [dynamic] [synced]
//	read SOURCE [since=DAY] [until=DAY] [gap=GAP]
//	days [sku=NAME] never-used=N held=N idle=N
//	off RULE
//	mark KIND PATTERN
//	exclude [user=U] [group=G] [department=D] [sku=S] [until=DAY] REASON
//	price SKU AMOUNT CURRENCY FROM
//	user NAME [department=D] [disabled=DAY] [agent], with below it
//	    has SKU PATH[-PLAN...] [PATH...] since DAY|DAY..DAY|..DAY
//	    told SOURCE...
//	    did KIND DAY
//	    counted [days=N] [prompts=N] [active=N]
//
// and its sections "rows" and "totals" what comes of it.
func TestJudge(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { testJudge(t, file) })
	}
}

func testJudge(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := newGiven()
	got := map[string]string{}
	for i, f := range archive.Files {
		if f.Name == "given" {
			for n, line := range strings.Split(string(f.Data), "\n") {
				if err := g.line(strings.Fields(line)); err != nil {
					t.Fatalf("%s, line %d of given: %v", file, n+1, err)
				}
			}
			report := Judge(g.in, g.s)
			got["rows"], got["totals"] = rowsText(report), totalsText(report)
			continue
		}
		text, checked := got[f.Name]
		if !checked {
			t.Fatalf("unknown section %q", f.Name)
		}
		archive.Files[i].Data = []byte(text)
	}
	golden.File(t, file, string(txtar.Format(archive)))
}

// given is what a file describes. Names serve as ids.
type given struct {
	in   Input
	s    Settings
	last *Holder
}

func newGiven() *given {
	return &given{
		in: Input{SKUs: map[snapshot.SKUID]SKU{}, Groups: map[snapshot.GroupID]snapshot.Group{},
			Reads: map[snapshot.ActivitySource]snapshot.ActivityRead{}},
		s: Settings{Days: DefaultDays, PerSKU: map[snapshot.SKUID]Days{}},
	}
}

func (g *given) line(words []string) (err error) {
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	defer func() {
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("%v: %v", words, wrong)
		}
	}()
	rest := words[1:]
	switch words[0] {
	case "as":
		g.in.AsOf = on(rest[1]).Add(12 * time.Hour)
	case "sku":
		g.sku(rest)
	case "group":
		group := snapshot.Group{ID: snapshot.GroupID(rest[0]), Name: rest[0]}
		for _, w := range rest[1:] {
			group.Dynamic, group.OnPremisesSync = group.Dynamic || w == "dynamic", group.OnPremisesSync || w == "synced"
		}
		g.in.Groups[group.ID] = group
	case "read":
		g.read(rest)
	case "days":
		o, _ := options(rest)
		d := Days{atoi(o["never-used"]), atoi(o["held"]), atoi(o["idle"])}
		if sku, ok := o["sku"]; ok {
			g.s.PerSKU[snapshot.SKUID(sku)] = d
		} else {
			g.s.Days = d
		}
	case "off":
		g.s.Off = append(g.s.Off, Rule(rest[0]))
	case "mark":
		g.s.Marks = append(g.s.Marks, Mark{MarkKind(rest[0]), rest[1]})
	case "exclude":
		g.exclude(rest)
	case "price":
		g.price(rest)
	case "user":
		g.user(rest)
	case "has":
		g.has(rest)
	case "told":
		for _, s := range rest {
			g.last.Activity.Covered = append(g.last.Activity.Covered, snapshot.ActivitySource(s))
		}
	case "did":
		g.last.Activity.Last = append(g.last.Activity.Last, snapshot.Use{Kind: snapshot.ActivityKind(rest[0]), At: on(rest[1])})
	case "counted":
		o, _ := options(rest)
		c := &snapshot.CopilotCounts{Days: 180}
		if text, ok := o["days"]; ok {
			c.Days = atoi(text)
		}
		for word, to := range map[string]**int64{"prompts": &c.Prompts, "active": &c.ActiveDays} {
			if text, ok := o[word]; ok {
				n := int64(atoi(text))
				*to = &n
			}
		}
		g.last.Activity.Counts = c
	default:
		return fmt.Errorf("unknown word %q", words[0])
	}
	return nil
}

func (g *given) sku(words []string) {
	s := SKU{Name: words[0], Plans: map[snapshot.PlanID]string{}}
	for _, w := range words[1:] {
		if w == "free" {
			s.Free = true
			continue
		}
		s.Plans[snapshot.PlanID(w)] = w
	}
	g.in.SKUs[snapshot.SKUID(words[0])] = s
}

func (g *given) read(words []string) {
	r := snapshot.ActivityRead{Source: snapshot.ActivitySource(words[0]), Since: on("2020-05-01"), Until: g.in.AsOf}
	o, _ := options(words[1:])
	if since, ok := o["since"]; ok {
		r.Since = on(since)
	}
	if until, ok := o["until"]; ok {
		r.Until = on(until)
	}
	r.Gap = snapshot.ActivityGap(o["gap"])
	g.in.Reads[r.Source] = r
}

func (g *given) exclude(words []string) {
	o, reason := options(words)
	x := Exclusion{Department: o["department"], SKU: snapshot.SKUID(o["sku"]), Reason: strings.Join(reason, " ")}
	if u, ok := o["user"]; ok {
		x.Users = []snapshot.UserID{snapshot.UserID(u)}
	}
	if u, ok := o["group"]; ok {
		x.Groups = []snapshot.GroupID{snapshot.GroupID(u)}
	}
	if u, ok := o["until"]; ok {
		day := snapshot.DayOf(on(u))
		x.Until = &day
	}
	g.s.Exclusions = append(g.s.Exclusions, x)
}

func (g *given) price(words []string) {
	amount, err := strconv.ParseFloat(words[1], 64)
	if err != nil {
		panic(err)
	}
	g.s.Prices = append(g.s.Prices, Price{snapshot.SKUID(words[0]), snapshot.DayOf(on(words[3])), Money{int64(amount * 1e6), words[2]}})
}

func (g *given) user(words []string) {
	o, rest := options(words[1:])
	enabled := true
	h := Holder{User: snapshot.User{ID: snapshot.UserID(words[0]),
		Attributes: snapshot.Attributes{UPN: words[0], Department: o["department"], Enabled: &enabled}}}
	if at, ok := o["disabled"]; ok {
		enabled, h.DisabledSince = false, on(at)
	}
	if slices.Contains(rest, "agent") {
		h.User.Type = snapshot.AgentType
	}
	g.in.Holders = append(g.in.Holders, h)
	g.last = &g.in.Holders[len(g.in.Holders)-1]
}

func (g *given) has(words []string) {
	seat := Holding{SKU: snapshot.SKUID(words[0])}
	at := len(words) - 1
	for _, w := range words[1 : at-1] {
		parts := strings.Split(w, "-")
		p := Path{Path: snapshot.Path{PathKey: snapshot.PathKey{SKU: seat.SKU, PathRef: snapshot.PathRef{Kind: snapshot.PathKind(parts[0])}}, Held: true}}
		if parts[0] != "direct" && parts[0] != "unknown" {
			p.Kind, p.Group = snapshot.ByGroup, snapshot.GroupID(parts[0])
		}
		for _, plan := range parts[1:] {
			p.Disabled = append(p.Disabled, snapshot.PlanID(plan))
		}
		seat.Paths = append(seat.Paths, p)
	}
	seat.Since = since(words[at])
	g.last.Seats = append(g.last.Seats, seat)
}

func since(word string) snapshot.Date {
	from, to, window := strings.Cut(word, "..")
	switch {
	case !window:
		return snapshot.ExactDate(on(from))
	case from == "":
		return snapshot.HeldOn(on(to), snapshot.BasisSnapshot)
	}
	return snapshot.WindowDate(snapshot.Window{NotBefore: on(from), NotAfter: on(to)})
}

func on(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// options splits words into those with = and the others. _ stands for a space.
func options(words []string) (map[string]string, []string) {
	o := map[string]string{}
	var rest []string
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok {
			o[k] = strings.ReplaceAll(v, "_", " ")
			continue
		}
		rest = append(rest, w)
	}
	return o, rest
}

func rowsText(r *Report) string {
	var b bytes.Buffer
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "%s %s: %s", row.User.UPN, row.SKU, row.Bucket)
		for _, word := range []string{string(row.Rule), string(row.Gap), string(row.Mark)} {
			if word != "" {
				fmt.Fprintf(&b, " (%s)", word)
			}
		}
		for _, rule := range row.Also {
			fmt.Fprintf(&b, " (also %s)", rule)
		}
		fmt.Fprintf(&b, ", %s, held %d", row.Action, row.HeldDays)
		if row.IdleDays != nil {
			fmt.Fprintf(&b, ", idle %d", *row.IdleDays)
		}
		if !row.IdleSince.IsZero() {
			fmt.Fprintf(&b, " since %s", day(row.IdleSince))
		}
		if row.Monthly != nil {
			fmt.Fprintf(&b, ", %s a month", row.Monthly)
		}
		if row.Counts != nil {
			b.WriteString(countsText(row.Counts))
		}
		for _, m := range row.SinceIdle.Amounts {
			fmt.Fprintf(&b, ", %s since idle", m)
		}
		if row.SinceIdle.Lower {
			b.WriteString(" or more")
		}
		fmt.Fprintf(&b, "\n    %s\n", row.Reason)
		for _, s := range row.Steps {
			fmt.Fprintf(&b, "    - %s\n", s)
		}
		for _, s := range row.Follows {
			fmt.Fprintf(&b, "    > %s\n", s)
		}
	}
	if r.Agents > 0 {
		fmt.Fprintf(&b, "%d of agents\n", r.Agents)
	}
	if r.Free > 0 {
		fmt.Fprintf(&b, "%d left out\n", r.Free)
	}
	return b.String()
}

func countsText(c *snapshot.CopilotCounts) string {
	words := []string{"?", "?"}
	for i, n := range []*int64{c.Prompts, c.ActiveDays} {
		if n != nil {
			words[i] = strconv.FormatInt(*n, 10)
		}
	}
	return fmt.Sprintf(", %s prompts on %s days in %d", words[0], words[1], c.Days)
}

func totalsText(r *Report) string {
	var b bytes.Buffer
	for _, x := range r.Totals(func(s *Seat) string { return s.User.Department }) {
		m := func(micros int64) string { return Money{micros, x.Currency}.String() }
		fmt.Fprintf(&b, "%q: %d held, %s; %d to take back, %s, %s since idle", x.Label, x.Seats, m(x.Monthly), x.Reclaimable, m(x.Saving), m(x.SinceIdle))
		if x.Lower {
			b.WriteString(" or more")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestDocs keeps the tables of docs/reclaim.md true: they are what
// becomes of the seats of testdata/seed.txt and testdata/seed-copilot.txt. -update
// rewrites them.
func TestDocs(t *testing.T) {
	for _, doc := range []struct {
		path, section string
		table         func(*testing.T) string
	}{
		{"../../docs/reclaim.md", "seed", seedTable},
		{"../../docs/reclaim.md", "copilot", copilotTable},
	} {
		text, err := os.ReadFile(doc.path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(text), "<!-- "+doc.section+" -->\n")
		_, after, ok2 := strings.Cut(rest, "<!-- /"+doc.section+" -->")
		if !ok || !ok2 {
			t.Fatalf("%s has no section %s", doc.path, doc.section)
		}
		want := before + "<!-- " + doc.section + " -->\n" + doc.table(t) + "<!-- /" + doc.section + " -->" + after
		golden.File(t, doc.path, want)
	}
}

// seeds judges the seats of a file: each with its user, who has no other.
func seeds(t *testing.T, file string) (g *given, cases []*seatCase, verdicts []string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g = newGiven()
	for _, line := range strings.Split(string(archive.Files[0].Data), "\n") {
		if err := g.line(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range Judge(g.in, g.s).Seats {
		h := &g.in.Holders[indexOf(g.in.Holders, s.User.ID)]
		c := &seatCase{Judging: &Judging{Input: g.in, s: g.s, today: snapshot.DayOf(g.in.AsOf), traits: map[snapshot.SKUID]traits{s.SKU: traitsOf(g.in.SKUs[s.SKU])}},
			h: h, seat: &h.Seats[0], days: g.s.Days}
		c.use = c.useOf(c.h, c.seat)
		verdict := "stays"
		switch {
		case s.Row != nil && s.Row.Bucket == Unknown:
			verdict = "not judged: `" + string(s.Row.Gap) + "`"
		case s.Row != nil:
			verdict = "**goes back**: `" + string(s.Row.Rule) + "`"
		}
		cases, verdicts = append(cases, c), append(verdicts, verdict)
	}
	return g, cases, verdicts
}

func lastDay(u *snapshot.Use) string {
	if u == nil {
		return "never"
	}
	return day(u.At)
}

func seedTable(t *testing.T) string {
	t.Helper()
	_, cases, verdicts := seeds(t, "testdata/seed.txt")
	var b strings.Builder
	b.WriteString("| assigned | last used | held | unused | |\n|---|---|---|---|---|\n")
	for i, c := range cases {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", day(c.seat.Since.At), lastDay(c.use.last), count(c.held(), "day"), count(*c.idleDays(), "day"), verdicts[i])
	}
	return b.String()
}

func copilotTable(t *testing.T) string {
	t.Helper()
	_, cases, verdicts := seeds(t, "testdata/seed-copilot.txt")
	var b strings.Builder
	b.WriteString("| Copilot seat assigned | last used, by Copilot's report | last sign-in | unused | |\n|---|---|---|---|---|\n")
	for i, c := range cases {
		last, unused := "the report does not name the user", "not known"
		if c.use.known() {
			last, unused = lastDay(c.use.last), count(*c.idleDays(), "day")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", day(c.seat.Since.At), last, lastDay(newest(c.h, snapshot.SignedIn)), unused, verdicts[i])
	}
	return b.String()
}

func indexOf(holders []Holder, id snapshot.UserID) int {
	for i := range holders {
		if holders[i].User.ID == id {
			return i
		}
	}
	return -1
}
