// Package proof checks what lictrail claims against a simulated tenant that
// keeps a truth log of who did what.
package proof

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/cmd/lictrail/internal/cli"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph/graphtest"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

var (
	operations = flag.Int("operations", 300, "how many random operations to attribute")
	perWeek    = flag.Int("per-week", 60, "operations between two runs")
	firstSeed  = flag.Uint64("seed", 1, "of the first tenant")
	verbose    = flag.Bool("wrong", false, "print each wrong attribution")
)

// lies is an audit log as bad as the real one: no event, events without
// details, group-based actors left out, parts missing, late and repeated.
var lies = graphtest.Lies{
	NoEvent: 0.05, NoDetails: 0.05, NoChange: 0.1, BlankActor: 0.3, Late: 0.1, Duplicate: 0.1, MissingChunk: 0.05,
	ActorDeleted: 0.05, OddEncoding: 0.1, GroupFirst: 0.5, Noise: 0.1, Delay: 20 * time.Hour,
}

// TestAttribution lets tenants live through random operations of all kinds,
// with a run each week, and compares every attribution with the truth. No
// attribution may be wrong; how many are honestly unknown is printed.
//
//	go test ./cmd/lictrail/internal/proof -run 'Attribution$' -v -timeout 2h -operations 10000
func TestAttribution(t *testing.T) {
	const perTenant = 500
	score := newScore()
	score.tenants(t, perTenant, always)
	t.Logf("%d operations, %d changes\n%s", score.operations, score.changes, score.table())
	t.Logf("%d dates that moved and nothing else did: %d attributed, %d of them to Microsoft for want of any event, of which %d were somebody else's",
		score.dates, score.datesTold, score.datesDefault, score.datesElse)
	if score.wrong > 0 {
		t.Errorf("%d wrong attributions, want 0", score.wrong)
	}
	if score.right == 0 {
		t.Error("nothing was attributed: the test proves nothing")
	}
}

// TestAttribution_WithoutLog: what snapshots alone show of causes must be true
// as well.
func TestAttribution_WithoutLog(t *testing.T) {
	const perTenant = 240
	score := newScore()
	score.tenants(t, perTenant, never)
	t.Logf("%d operations, %d changes\n%s", score.operations, score.changes, score.table())
	if score.wrong > 0 {
		t.Errorf("%d wrong attributions, want 0", score.wrong)
	}
	if score.right == 0 {
		t.Error("nothing was attributed: the test proves nothing")
	}
}

// TestAttribution_LogByTurns: nor may what a log says that was read in every other
// run only be laid on what happened in between.
func TestAttribution_LogByTurns(t *testing.T) {
	const perTenant = 300
	score := newScore()
	score.tenants(t, perTenant, byTurns)
	t.Logf("%d operations, %d changes\n%s", score.operations, score.changes, score.table())
	if score.wrong > 0 {
		t.Errorf("%d wrong attributions, want 0", score.wrong)
	}
	if score.right == 0 {
		t.Error("nothing was attributed: the test proves nothing")
	}
}

// TestAttribution_LateImport: changes known from snapshots alone are attributed again from exports
// of the log, of which the first has a stretch in the middle.
func TestAttribution_LateImport(t *testing.T) {
	score := newScore()
	for seed := *firstSeed; score.operations < *operations; seed++ {
		tenant := newTenant(seed)
		begin := tenant.Now()
		db := live(t, tenant, min(200, *operations-score.operations), never, score)
		w := &weeks{tenant: tenant, db: db}
		third := tenant.Now().Sub(begin) / 3
		for _, part := range []snapshot.Window{
			{NotBefore: begin.Add(third), NotAfter: begin.Add(2 * third)},
			{NotBefore: begin, NotAfter: begin.Add(third)},
			{NotBefore: begin.Add(third), NotAfter: tenant.Now()},
		} {
			w.importPart(t, part)
			h, err := db.History(t.Context())
			must(t, err)
			score.compare(t, tenant, h)
			verify(t, db, h)
			must(t, h.Close())
		}
	}
	t.Logf("%d operations, %d changes\n%s", score.operations, score.changes, score.table())
	if score.wrong > 0 || score.right == 0 {
		t.Errorf("%d wrong attributions, want 0, and %d right ones", score.wrong, score.right)
	}
}

// importPart imports an export of a stretch of the log.
func (w *weeks) importPart(t *testing.T, part snapshot.Window) {
	t.Helper()
	var events [][]byte
	for _, e := range w.tenant.Events() {
		if !e.At.Before(part.NotBefore) && e.At.Before(part.NotAfter) {
			events = append(events, e.JSON())
		}
	}
	name := part.NotBefore.String()
	file := track.ExportFile{AuditFile: store.AuditFile{Name: name, SHA256: name, ImportedAt: w.tenant.Now()},
		Records: exportRecords(t, w.tenant.ID, "graph-json", events)}
	done, err := track.Import(t.Context(), w.db, []track.ExportFile{file}, track.ImportOptions{Now: w.tenant.Now(), Whole: part})
	must(t, err)
	_, err = track.Conclude(t.Context(), w.db, done[0].From, done[0].To)
	must(t, err)
}

// reads says whether a run, counted from 0, reads the log.
type reads func(run int) bool

func always(int) bool      { return true }
func never(int) bool       { return false }
func byTurns(run int) bool { return run%2 == 0 }

// tenants lets one after the other live, until there were enough operations.
func (s *score) tenants(t *testing.T, each int, log reads) {
	t.Helper()
	for seed := *firstSeed; s.operations < *operations; seed++ {
		tenant := newTenant(seed)
		db := live(t, tenant, min(each, *operations-s.operations), log, s)
		h, err := db.History(t.Context())
		must(t, err)
		s.compare(t, tenant, h)
		verify(t, db, h)
		must(t, h.Close())
	}
}

func newTenant(seed uint64) *graphtest.Tenant {
	tenant := graphtest.New(seed)
	tenant.Lies, tenant.Pace = lies, 4*time.Hour
	tenant.Populate(60, 6)
	return tenant
}

// live plays the operations with a run each week, and one more for the events
// that come late.
func live(t *testing.T, tenant *graphtest.Tenant, n int, log reads, s *score) *store.DB {
	t.Helper()
	server := graphtest.NewServer(tenant, graphtest.WithVaryingPages())
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	reader, err := cli.SimulatedReader(base)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenReadWrite(t.Context(), filepath.Join(t.TempDir(), "proof.db"), migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	run := 0
	sync := func() {
		t.Helper()
		o := track.Options{MaxShrink: 0.2, Version: "proof", Now: tenant.Now}
		if log(run) {
			o.Audit = reader
		}
		run++
		if _, err := track.Run(t.Context(), reader, db, o); err != nil {
			t.Fatal(err)
		}
	}
	sync()
	for done := 0; done < n; {
		week := tenant.Now().Add(7 * 24 * time.Hour)
		did := tenant.RandomOps(min(*perWeek, n-done))
		done += max(did, 1)
		s.operations += did
		if tenant.Now().Before(week) {
			tenant.AdvanceTo(week)
		}
		sync()
	}
	tenant.Advance(48 * time.Hour)
	sync()
	return db
}

// verify checks that what random histories leave verifies in every respect.
func verify(t *testing.T, db *store.DB, h *store.History) {
	t.Helper()
	v, err := db.Verify(t.Context(), migrations.Apply, "")
	if err != nil {
		t.Fatal(err)
	}
	replay, err := track.Verify(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("verify: of %d causes %d found again from the stored events", replay.Attributions, replay.Repeated)
	for _, f := range slices.Concat(v.Findings, replay.Findings) {
		t.Errorf("verify: %s: %s", f.Check, f.What)
	}
}

// score counts attributions by their true cause.
type score struct {
	operations, changes, right, wrong         int
	dates, datesTold, datesDefault, datesElse int // that moved and nothing else did
	byCause                                   map[graphtest.Cause]*tally
}

// tally: claimed counts what was attributed to the cause, rightly or not; true
// what really had it.
type tally struct{ claimed, right, truth int }

func newScore() *score { return &score{byCause: map[graphtest.Cause]*tally{}} }

func (s *score) of(c graphtest.Cause) *tally {
	if s.byCause[c] == nil {
		s.byCause[c] = &tally{}
	}
	return s.byCause[c]
}

func (s *score) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-15s %7s %7s %7s %10s %7s\n", "cause", "true", "claimed", "right", "precision", "recall")
	var all tally
	for _, c := range []graphtest.Cause{graphtest.CauseAdmin, graphtest.CauseAutomation, graphtest.CausePartner, graphtest.CauseSelfService,
		graphtest.CauseGroup, graphtest.CauseUserDeleted, graphtest.CauseUserRestored, graphtest.CauseSubscription, graphtest.CauseMicrosoft} {
		n := s.of(c)
		all.claimed, all.right, all.truth = all.claimed+n.claimed, all.right+n.right, all.truth+n.truth
		fmt.Fprintf(&b, "%-15s %7d %7d %7d %10s %7s\n", c, n.truth, n.claimed, n.right, percent(n.right, n.claimed), percent(n.right, n.truth))
	}
	fmt.Fprintf(&b, "%-15s %7d %7d %7d %10s %7s\n", "all", all.truth, all.claimed, all.right, percent(all.right, all.claimed), percent(all.right, all.truth))
	return b.String()
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// compare looks at every change of a user's licenses.
func (s *score) compare(t *testing.T, tenant *graphtest.Tenant, h *store.History) {
	t.Helper()
	truth := index(tenant.Truth())
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if c.User == "" {
			continue
		}
		if c.Kind == snapshot.DateMoved {
			s.date(t, c, truth.movers(c))
			continue
		}
		s.changes++
		act := truth.find(c)
		if act == nil {
			s.judge(t, c, nil, "no such thing happened")
			continue
		}
		s.of(act.Cause).truth++
		wrong := disagreement(c, act)
		if wrong != "" && truth.givenBefore(c, act) {
			wrong = ""
		}
		s.judge(t, c, act, wrong)
	}
}

// date judges a date that moved and nothing else: what is said must be true of
// one of the acts that moved it. Where no event of its time is in the log, it is
// said to be Microsoft's doing: how often that is not so, because the log lost
// somebody's event, is counted.
func (s *score) date(t *testing.T, c *store.ChangeRow, movers []graphtest.Act) {
	t.Helper()
	s.dates++
	if c.Attribution.Cause == snapshot.CauseUnknown {
		return
	}
	s.datesTold++
	if c.Attribution.Cause == snapshot.CauseMicrosoft && c.Attribution.Via == nil {
		s.byDefault(movers)
		return
	}
	wrong, last := "no such thing happened", (*graphtest.Act)(nil)
	for i := range movers {
		last = &movers[i]
		if wrong = disagreement(c, last); wrong == "" {
			return
		}
	}
	s.wrong++
	s.report(t, c, last, wrong)
}

func (s *score) judge(t *testing.T, c *store.ChangeRow, act *graphtest.Act, wrong string) {
	t.Helper()
	if c.Attribution.Cause == snapshot.CauseUnknown && c.Observed {
		if *verbose && act != nil && act.Cause == graphtest.CauseUserRestored {
			t.Logf("UNKNOWN %s returned=%t path %v %s/%s dated %v\n %s truth %+v", c.Kind, c.Returned, c.Path, c.Attribution.Cause, c.Attribution.UnknownWhy, c.Dated, c.Attribution.Reason, act)
		}
		return
	}
	claimed := s.of(graphtest.Cause(c.Attribution.Cause))
	claimed.claimed++
	if wrong == "" {
		claimed.right++
		s.right++
		return
	}
	s.wrong++
	s.report(t, c, act, wrong)
}

func (s *score) report(t *testing.T, c *store.ChangeRow, act *graphtest.Act, wrong string) {
	t.Helper()
	if *verbose || s.wrong <= 5 {
		t.Logf("WRONG: %s\n  change %d run %d %s observed=%t %s %s path=%v presence=%q returned=%t window %v..%v\n  said %s/%s actor %+v via %+v at %v (%s)\n  %s\n  truth %+v",
			wrong, c.ID, c.Run, c.Kind, c.Observed, c.User, c.SKU, c.Path, c.Presence, c.Returned, c.Window.NotBefore, c.Window.NotAfter,
			c.Attribution.Cause, c.Attribution.Initiator, c.Attribution.Actor, c.Attribution.Via, c.Attribution.At, c.Attribution.Confidence, c.Attribution.Reason, act)
	}
}

func (s *score) byDefault(movers []graphtest.Act) {
	s.datesDefault++
	if !slices.ContainsFunc(movers, func(a graphtest.Act) bool { return a.Cause == graphtest.CauseMicrosoft }) {
		s.datesElse++
	}
}

// disagreement says how an attribution differs from the truth; "" if it does not.
func disagreement(c *store.ChangeRow, act *graphtest.Act) string {
	a := &c.Attribution
	switch {
	case a.Cause == snapshot.CauseUnknown:
		return ""
	case restoredToGroup(a, act):
		return ""
	case string(a.Cause) != string(act.Cause):
		return fmt.Sprintf("cause %s, in truth %s", a.Cause, act.Cause)
	case !a.At.IsZero() && apart(a.At, act.At) > near:
		return fmt.Sprintf("at %v, in truth %v", a.At, act.At)
	case a.Actor != nil && a.Actor.ID != "" && act.Actor.ID != "" && a.Actor.ID != act.Actor.ID:
		return fmt.Sprintf("actor %s, in truth %s", a.Actor.ID, act.Actor.ID)
	case act.Cause == graphtest.CauseGroup && a.Via != nil && a.Via.Trigger != snapshot.TriggerUnknown:
		return viaDisagreement(a.Via, act)
	}
	return ""
}

// restoredToGroup: who restores a user puts them back into their groups, which
// give their licenses again. Both are true, and name the same person.
func restoredToGroup(a *snapshot.Attribution, act *graphtest.Act) bool {
	return a.Cause == snapshot.CauseUserRestored && act.Cause == graphtest.CauseGroup && a.Actor != nil &&
		a.Actor.ID == act.Upstream.ID && apart(a.At, act.At) <= near
}

func viaDisagreement(v *snapshot.Via, act *graphtest.Act) string {
	if act.Trigger != "" && string(v.Trigger) != string(act.Trigger) {
		return fmt.Sprintf("via %s, in truth %s", v.Trigger, act.Trigger)
	}
	if v.Actor != nil && v.Actor.ID != "" && act.Upstream.ID != "" && v.Actor.ID != act.Upstream.ID {
		return fmt.Sprintf("via actor %s, in truth %s", v.Actor.ID, act.Upstream.ID)
	}
	return ""
}

func apart(a, b time.Time) time.Duration { return a.Sub(b).Abs() }

// acts is a truth log by user and SKU, in order of time.
type acts map[[2]string][]graphtest.Act

func index(all []graphtest.Act) acts {
	byKey := acts{}
	for _, a := range all {
		if a.SKU != "" || a.Kind == graphtest.DatesReset {
			key := [2]string{a.User, a.SKU}
			byKey[key] = append(byKey[key], a)
		}
	}
	return byKey
}

// kindsOf are the acts that a kind of change can come from.
var kindsOf = map[snapshot.Kind][]graphtest.ActKind{
	snapshot.Assigned:     {graphtest.LicenseAdded, graphtest.StateChanged},
	snapshot.PathAdded:    {graphtest.LicenseAdded, graphtest.StateChanged},
	snapshot.PathMoved:    {graphtest.LicenseAdded, graphtest.StateChanged},
	snapshot.Removed:      {graphtest.LicenseRemoved, graphtest.StateChanged},
	snapshot.PathRemoved:  {graphtest.LicenseRemoved, graphtest.StateChanged},
	snapshot.PlansChanged: {graphtest.PlansChanged, graphtest.LicenseAdded},
	snapshot.StateChanged: {graphtest.StateChanged, graphtest.LicenseAdded, graphtest.LicenseRemoved},
}

// near is how far the events of one operation may lie from the act: a deletion
// is recorded some seconds after the licenses that it takes.
const near = 5 * time.Second

// find returns the act that really made a change. Where the attribution names a
// time, it is the act of that sort at that time; with the log losing events, a
// later act of the same sort may have gone unseen, which no tool can know. Else
// it is the last act of that sort on the path in the window.
func (a acts) find(c *store.ChangeRow) *graphtest.Act {
	all := a[[2]string{string(c.User), string(c.SKU)}]
	timed := !c.Observed && !c.Attribution.At.IsZero()
	var last, at *graphtest.Act
	for i := range all {
		act := &all[i]
		if !slices.Contains(kindsOf[c.Kind], act.Kind) || !timed && !fits(c, act) {
			continue
		}
		last = act
		if at == nil && apart(act.At, c.Attribution.At) <= near {
			at = act
		}
	}
	if at != nil || timed {
		return at
	}
	return last
}

// givenBefore reports whether a path that a restore gave back had been given in
// the same window by the group that history names: only because of that was
// there anything to give back.
func (a acts) givenBefore(c *store.ChangeRow, act *graphtest.Act) bool {
	if c.Attribution.Cause != snapshot.CauseGroup || act.Cause != graphtest.CauseUserRestored {
		return false
	}
	return slices.ContainsFunc(a[[2]string{string(c.User), string(c.SKU)}], func(before graphtest.Act) bool {
		return before.Kind == graphtest.LicenseAdded && before.Cause == graphtest.CauseGroup && before.Group == act.Group &&
			before.At.Before(act.At) && fits(c, &before)
	})
}

// fits reports whether an act lies in a change's window and on its path.
func fits(c *store.ChangeRow, act *graphtest.Act) bool {
	if act.At.Before(c.Window.NotBefore) || act.At.After(c.Window.NotAfter) {
		return false
	}
	// The change of an assignment as a whole is reported with one of its paths, but
	// may be dated by another.
	whole := (c.Kind == snapshot.Removed || c.Kind == snapshot.Assigned) && apart(act.At, c.Attribution.At) <= near
	return whole || c.Path == nil || c.Path.Kind == snapshot.Unknown || act.Group == string(c.Path.Group)
}

// movers lists the acts in a change's window that moved Microsoft's date of the
// user's SKU.
func (a acts) movers(c *store.ChangeRow) []graphtest.Act {
	var list []graphtest.Act
	for _, key := range [][2]string{{string(c.User), string(c.SKU)}, {string(c.User), ""}, {"", string(c.SKU)}} {
		for _, act := range a[key] {
			moves := slices.Contains([]graphtest.ActKind{graphtest.LicenseAdded, graphtest.PlansChanged, graphtest.StateChanged,
				graphtest.DatesReset, graphtest.SKUChanged}, act.Kind)
			if moves && !act.At.Before(c.Window.NotBefore) && !act.At.After(c.Window.NotAfter) {
				list = append(list, act)
			}
		}
	}
	return list
}
