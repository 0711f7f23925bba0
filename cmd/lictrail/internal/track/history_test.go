package track

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// TestHistory plays the runs of each file in testdata through the pipeline and
// a real database, and compares what history then says. A file states one rule.
// Its sections "run N" describe what Graph shows:
//
//	at DATE                                  the service's time of the run
//	sku ID [status=] [units=] [used=] [plans=A,B]
//	group ID "NAME" SKU[-PLAN,PLAN] ...      what the group gives
//	deleted USER DATE                        a row of deletedItems
//	user ID [upn=] [dept=] [created=] [enabled=no|null] ...    a row of /users, with below it
//	    has SKU [off=PLAN,PLAN]                a row of assignedLicenses
//	    row SKU direct|GROUP STATE [ERROR] DATE [off=PLAN,PLAN]
//	    plan PLAN STATUS DATE                  a row of assignedPlans
//	licensed UPN NAME WORKLOAD DATE          what the usage report says; "concealed" in the place of all: pseudonyms
//	lost USER                                exists, and is in no list
//	unread groups|deleted|subscriptions      the call fails
//	flags accept-shrink                      as given to the run
//
// and its sections "import" records that are imported; see importText.
func TestHistory(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { testHistory(t, file) })
	}
}

func testHistory(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	db := openTestDB(t)
	var outcome bytes.Buffer
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "import ") {
			outcome.WriteString(importText(t, db, f.Name, string(f.Data)))
			continue
		}
		if !strings.HasPrefix(f.Name, "run ") {
			continue
		}
		reader := parseRun(t, string(f.Data))
		summary, err := Run(t.Context(), reader, db, reader.options())
		switch {
		case err != nil:
			fmt.Fprintf(&outcome, "%s: refused: %v\n", f.Name, err)
		default:
			for _, w := range summary.Result.Warnings {
				fmt.Fprintf(&outcome, "%s: warning: %s%s\n", f.Name, w.Code, acceptedText(w))
			}
		}
	}
	got := map[string]string{"outcome": outcome.String(), "changes": changesText(t, db), "assignments": assignmentsText(t, db), "rows": rowsText(t, db), "causes": causesText(t, db)}
	compareSections(t, file, archive, got)
	verifyAll(t, db)
}

// acceptedText is what a run records as accepted.
func acceptedText(w snapshot.Warning) string {
	if w.Code != "accepted" {
		return ""
	}
	return ": " + w.Message
}

// verifyAll checks that history verifies, whatever a test has put it through.
func verifyAll(t *testing.T, db *store.DB) {
	t.Helper()
	v, err := db.Verify(t.Context(), migrations.Apply, "")
	if err != nil {
		t.Fatal(err)
	}
	replay, err := Verify(t.Context(), openHistory(t, db))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(v.Findings, replay.Findings) {
		t.Errorf("verify: %s: %s", f.Check, f.What)
	}
}

func compareSections(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	for i, f := range archive.Files {
		if text, checked := got[f.Name]; checked {
			archive.Files[i].Data = []byte(text)
		}
	}
	golden.File(t, file, string(txtar.Format(archive)))
}

// TestRun_MayNotWrite: what nobody could record is not read.
func TestRun_MayNotWrite(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(folder, "history.db"), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := os.RemoveAll(folder); err != nil {
		t.Skip("a folder in use cannot be taken away here: ", err)
	}
	var asked struct{ Reader } // any request panics
	if _, err := Run(t.Context(), asked, db, Options{Now: time.Now}); err == nil {
		t.Error("a run in a folder that is gone did not fail")
	}
}

func openTestDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "history.db"), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func refText(p *snapshot.PathRef) string {
	if p == nil {
		return "-"
	}
	if p.Kind == snapshot.ByGroup {
		return string(p.Group)
	}
	return string(p.Kind)
}

func changesText(t *testing.T, db *store.DB) string {
	t.Helper()
	h := openHistory(t, db)
	var b strings.Builder
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "run %d: %s %s %s", c.Run, c.Kind, cmpOr(string(c.User), "tenant"), c.SKU)
		if c.From != nil {
			fmt.Fprintf(&b, " %s ->", refText(c.From))
		}
		if c.Path != nil {
			fmt.Fprintf(&b, " %s", refText(c.Path))
		}
		if c.Plans != nil {
			fmt.Fprintf(&b, " off%v on%v", c.Plans.Disabled, c.Plans.Enabled)
		}
		if c.State != nil {
			fmt.Fprintf(&b, " %q%s->%q%s", c.State.From, brackets(c.State.ErrorFrom), c.State.To, brackets(c.State.ErrorTo))
		}
		if c.Units != nil {
			fmt.Fprintf(&b, " %d->%d", c.Units.From.Enabled, c.Units.To.Enabled)
		}
		if c.Presence != "" {
			fmt.Fprintf(&b, " user %s", c.Presence)
		}
		if c.Returned {
			b.WriteString(" user returned")
		}
		if c.Affected > 0 {
			fmt.Fprintf(&b, " affects %d", c.Affected)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func brackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func cmpOr(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func openHistory(t *testing.T, db *store.DB) *store.History {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func dateText(d snapshot.Date) string {
	day := func(t time.Time) string { return t.Format("2006-01-02") }
	switch d.Precision {
	case snapshot.InWindow:
		return fmt.Sprintf("%s..%s", day(d.NotBefore), day(d.NotAfter))
	case snapshot.NoLaterThan:
		return fmt.Sprintf("<=%s(%s)", day(d.At), d.Basis)
	}
	return day(d.At)
}

func assignmentsText(t *testing.T, db *store.DB) string {
	t.Helper()
	h := openHistory(t, db)
	var b strings.Builder
	for a, err := range h.Assignments(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s first %s since %s period %d", a.User.ID, a.SKU, dateText(a.First), dateText(a.Since), a.Periods)
		for _, p := range a.Paths {
			fmt.Fprintf(&b, "; %s since %s", refText(&p.PathRef), dateText(p.Since))
			if len(p.Disabled) > 0 {
				fmt.Fprintf(&b, " off%v", p.Disabled)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// rowsText counts the rows that each run added or ended, so that a quiet run
// can be seen to add nothing.
func rowsText(t *testing.T, db *store.DB) string {
	t.Helper()
	counts, err := db.RowsByRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range counts {
		fmt.Fprintf(&b, "run %d: %d begun, %d ended\n", c.Run, c.Begun, c.Ended)
	}
	return b.String()
}

// scripted is a Reader that shows what a section of a test file says.
type scripted struct {
	at            time.Time
	users         []snapshot.UserRow
	skus          []snapshot.SKU
	groups        []snapshot.Group
	deleted       []snapshot.DeletedUser
	subscriptions []snapshot.Subscription
	unread        []string
	accept        bool
	tenant        snapshot.TenantID
	agents        []snapshot.UserID
	lost          []snapshot.UserID // exist, and are in no list
	usage         snapshot.Usage    // read when there is anything in it
	recognized    int               // rows
}

func (s *scripted) options() Options {
	o := Options{MaxShrink: 0.2, AcceptShrink: s.accept, Version: "test", Now: func() time.Time { return s.at }}
	if s.usage.Concealed || len(s.usage.Rows) > 0 {
		s.usage.Sources, s.usage.Until = []snapshot.ActivitySource{snapshot.ActiveUsers}, s.at
		o.Activity, o.ActivityReader = s.usage.Sources, &fakeActivity{usage: s.usage}
	}
	return o
}

func (s *scripted) failing(what string) error {
	if slices.Contains(s.unread, what) {
		return fmt.Errorf("%s: permission denied", what)
	}
	return nil
}

func (s *scripted) Organization(context.Context) (snapshot.Organization, error) {
	return snapshot.Organization{Tenant: snapshot.Tenant{ID: s.tenant, Name: "Test"}}, s.failing("organization")
}

func (s *scripted) SKUs(context.Context) ([]snapshot.SKU, snapshot.Tenant, error) {
	return s.skus, snapshot.Tenant{ID: s.tenant}, s.failing("skus")
}

func (s *scripted) Users(_ context.Context, known snapshot.KnownRows, page func([]snapshot.UserRow) error, _ func() error) (snapshot.PagesRead, error) {
	if err := s.failing("users"); err != nil {
		return snapshot.PagesRead{}, err
	}
	key, err := known.Key("scripted")
	if err != nil {
		return snapshot.PagesRead{}, err
	}
	for chunk := range slices.Chunk(s.users, 2) {
		rows := slices.Clone(chunk)
		for i, u := range rows {
			row := fmt.Appendf(bytes.Clone(key[:]), "%d %t %t", u.Fingerprint(), u.LicensesAbsent, u.LicensesEmpty) // in place of the bytes
			sum := sha256.Sum256(row)
			rows[i].Print = snapshot.RowPrint{Sum: [16]byte(sum[:]), Size: uint32(len(row))}
			if id, ok := u.ID.GUID(); ok {
				if print, ok := known.Print(id); ok && print == rows[i].Print {
					s.recognized++
					rows[i] = snapshot.UserRow{User: snapshot.User{ID: u.ID}, Unchanged: true}
				}
			}
		}
		if err := page(rows); err != nil {
			return snapshot.PagesRead{}, err
		}
	}
	return snapshot.PagesRead{ObservedAt: s.at, ObservedUntil: s.at.Add(time.Minute)}, nil
}

func (s *scripted) UsersExist(_ context.Context, ids []snapshot.UserID) ([]bool, []error) {
	exist, errs := make([]bool, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		exist[i], errs[i] = slices.Contains(s.lost, id), s.failing("user")
	}
	return exist, errs
}

func (s *scripted) UserCount(context.Context) (int, bool, error) {
	return len(s.users), true, s.failing("count")
}

func (s *scripted) Subscriptions(context.Context) ([]snapshot.Subscription, error) {
	return s.subscriptions, s.failing("subscriptions")
}

func (s *scripted) Agents(context.Context) ([]snapshot.UserID, bool, error) {
	return s.agents, true, s.failing("agents")
}

// Principals knows no application.
func (s *scripted) Principals(_ context.Context, ids []string) ([]snapshot.Principal, []error) {
	found, errs := make([]snapshot.Principal, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		found[i], errs[i] = snapshot.Principal{ID: id, Gone: true}, s.failing("owners")
	}
	return found, errs
}

func (s *scripted) Group(_ context.Context, id snapshot.GroupID) (snapshot.Group, error) {
	for _, g := range s.groups {
		if g.ID == id {
			return g, s.failing("groups")
		}
	}
	return snapshot.Group{ID: id, Gone: true}, s.failing("groups")
}

func (s *scripted) Groups(ctx context.Context, ids []snapshot.GroupID) ([]snapshot.Group, []error) {
	groups, errs := make([]snapshot.Group, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		groups[i], errs[i] = s.Group(ctx, id)
	}
	return groups, errs
}

func (s *scripted) DeletedUsers(context.Context) ([]snapshot.DeletedUser, error) {
	if err := s.failing("deleted"); err != nil {
		return nil, err
	}
	return s.deleted, nil
}

func (s *scripted) Requests() int { return 1 }

// parseRun reads the small language described at TestHistory.
func parseRun(t *testing.T, text string) *scripted {
	t.Helper()
	s := &scripted{tenant: "tenant-1"}
	var licenses []snapshot.License
	var rows []snapshot.StateRow
	finish := func() {
		if n := len(s.users); n > 0 {
			s.users[n-1].Paths = snapshot.ResolvePaths(licenses, rows)
			s.users[n-1].LicensesEmpty = len(licenses) == 0
			s.users[n-1].Normalize()
		}
		licenses, rows = nil, nil
	}
	for _, line := range strings.Split(text, "\n") {
		f := fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		opt := options(f)
		switch f[0] {
		case "at":
			s.at = day(t, f[1])
		case "tenant":
			s.tenant = snapshot.TenantID(f[1])
		case "lost":
			s.lost = append(s.lost, snapshot.UserID(f[1]))
		case "flags":
			s.accept = f[1] == "accept-shrink"
		case "unread":
			s.unread = append(s.unread, f[1:]...)
		case "sku":
			s.skus = append(s.skus, parseSKU(f[1], opt))
		case "group":
			s.groups = append(s.groups, parseGroup(f))
		case "deleted":
			s.deleted = append(s.deleted, snapshot.DeletedUser{ID: snapshot.UserID(f[1]), DeletedAt: day(t, f[2])})
		case "user":
			finish()
			s.users = append(s.users, snapshot.UserRow{User: snapshot.User{ID: snapshot.UserID(f[1]), Attributes: snapshot.Attributes{
				UPN: cmpOr(opt["upn"], f[1]+"@contoso.com"), Name: cmpOr(opt["name"], f[1]), Department: opt["dept"], Mail: cmpOr(opt["upn"], f[1]+"@contoso.com"), CreatedAt: created(t, opt["created"]), Enabled: enabled(opt["enabled"])}}})
		case "licensed":
			if n := len(s.usage.Rows); n == 0 || s.usage.Rows[n-1].UPN != f[1] || s.usage.Rows[n-1].Name != f[2] {
				s.usage.Rows = append(s.usage.Rows, snapshot.ActivityRow{UPN: f[1], Name: f[2], Source: snapshot.ActiveUsers})
			}
			r := &s.usage.Rows[len(s.usage.Rows)-1]
			r.Licensed = append(r.Licensed, snapshot.WorkloadLicense{Workload: snapshot.Workload(f[3]), Day: day(t, f[4])})
		case "concealed":
			s.usage.Concealed = true
		case "silent":
			s.users[len(s.users)-1].LicensesAbsent = true
		case "has":
			licenses = append(licenses, snapshot.License{SKU: snapshot.SKUID(f[1]), Disabled: plans(opt["off"])})
		case "row":
			rows = append(rows, parseRow(t, f, opt))
		case "plan":
			u := &s.users[len(s.users)-1]
			u.Plans = append(u.Plans, snapshot.Plan{ID: snapshot.PlanID(f[1]), Status: f[2], AssignedAt: day(t, f[3])})
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	finish()
	return s
}

// enabled is true unless a file says otherwise: Graph leaves it out of no row.
func enabled(text string) *bool {
	if text == "null" {
		return nil
	}
	is := text != "no"
	return &is
}

func created(t *testing.T, text string) *time.Time {
	if text == "" {
		return nil
	}
	at := day(t, text)
	return &at
}

// fields splits a line at spaces, with "..." as one field.
func fields(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

func options(fields []string) map[string]string {
	opt := map[string]string{}
	for _, f := range fields {
		if k, v, ok := strings.Cut(f, "="); ok {
			opt[k] = v
		}
	}
	return opt
}

func plans(list string) []snapshot.PlanID {
	var ids []snapshot.PlanID
	for _, p := range strings.Split(list, ",") {
		if p != "" {
			ids = append(ids, snapshot.PlanID(p))
		}
	}
	return ids
}

func parseSKU(id string, opt map[string]string) snapshot.SKU {
	units, _ := strconv.ParseInt(cmpOr(opt["units"], "25"), 10, 64)
	used, _ := strconv.ParseInt(opt["used"], 10, 64)
	s := snapshot.SKU{ID: snapshot.SKUID(id), PartNumber: cmpOr(opt["part"], id), AppliesTo: "User",
		Status: cmpOr(opt["status"], "Enabled"), Units: snapshot.Units{Enabled: units}, Consumed: used}
	for _, p := range plans(opt["plans"]) {
		s.Plans = append(s.Plans, snapshot.ServicePlan{ID: p, Name: string(p)})
	}
	return s
}

func parseGroup(f []string) snapshot.Group {
	g := snapshot.Group{ID: snapshot.GroupID(f[1]), Name: f[2]}
	for _, l := range f[3:] {
		sku, off, _ := strings.Cut(l, "-")
		g.Licenses = append(g.Licenses, snapshot.GroupLicense{SKU: snapshot.SKUID(sku), Disabled: plans(off)})
	}
	return g
}

func parseRow(t *testing.T, f []string, opt map[string]string) snapshot.StateRow {
	r := snapshot.StateRow{SKU: snapshot.SKUID(f[1]), State: f[3], Disabled: plans(opt["off"])}
	if f[2] != "direct" {
		r.Group = snapshot.GroupID(f[2])
	}
	rest := slices.DeleteFunc(slices.Clone(f[4:]), func(s string) bool { return strings.Contains(s, "=") })
	if len(rest) == 2 {
		r.Error, rest = rest[0], rest[1:]
	}
	if len(rest) == 1 && rest[0] != "-" {
		r.UpdatedAt = day(t, rest[0])
	}
	return r
}

func day(t *testing.T, s string) time.Time {
	t.Helper()
	layout := time.DateOnly
	if len(s) > len(layout) {
		layout = time.RFC3339
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
