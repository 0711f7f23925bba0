package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// content is every row of every table, for telling whether anything changed.
func content(t testing.TB, db *DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tablesOf(t, db) {
		all[table] = rowsOf(t, db, table)
	}
	return all
}

// tablesOf lists the tables as the database itself has them.
func tablesOf(t testing.TB, db *DB) []string {
	t.Helper()
	return column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name")
}

func rowsOf(t testing.TB, db *DB, table string) []string {
	t.Helper()
	rows, err := db.sql.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values := make([]any, len(names))
		dest := make([]any, len(names))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// richResult is a run that writes to every table that a run can write to.
func richResult(t testing.TB, s *Sync) Result {
	t.Helper()
	d := newcomer(s, snapshot.UserID(fmt.Sprintf("user-%d", s.Run)))
	group := snapshot.PathKey{SKU: "e5", PathRef: snapshot.PathRef{Kind: snapshot.ByGroup, Group: "sales"}}
	d.New.Paths = append(d.New.Paths, snapshot.Path{PathKey: group, Held: true, State: "Active", Disabled: []snapshot.PlanID{"teams"}})
	d.New.Plans = []snapshot.Plan{{ID: "exchange", Status: "Enabled", AssignedAt: week(-9)}}
	d.Opened = append(d.Opened, snapshot.OpenedPath{Path: d.New.Paths[1], Span: d.Opened[0].Span})
	d.Plans = true
	d.Evidence = []snapshot.FirstEvidence{{SKU: "e3", At: week(-9), Basis: snapshot.BasisPlan}}
	r := resultOf(t, s, d, newcomer(s, "0b4c5c4e-8a5d-4b6a-9c55-3c0f2a7f9d11"))
	if s.Previous != nil {
		r = resultOf(t, s, d)
	}
	r.SKUs = []snapshot.SKU{{ID: "e3", PartNumber: "ENTERPRISEPACK", Consumed: int64(s.Run), Plans: []snapshot.ServicePlan{{ID: "exchange", Name: "EXCHANGE"}}}}
	r.Subscriptions = []snapshot.Subscription{{ID: "sub", SKU: "e3", Total: int64(s.Run)}}
	r.SubscriptionsRead = true
	r.Groups = []snapshot.Group{{ID: "sales", Name: fmt.Sprintf("Sales %d", s.Run), Licenses: []snapshot.GroupLicense{{SKU: "e5"}}}}
	path := group.PathRef
	r.Changes = Given([]Attributed{{
		Change:      snapshot.Change{Kind: snapshot.Assigned, Observed: true, User: d.ID, SKU: "e5", Path: &path, Window: snapshot.Window{NotAfter: r.ObservedUntil}},
		Attribution: snapshot.Attribution{Cause: snapshot.CauseGroup, Reason: "By the group.", Actor: &snapshot.Actor{Kind: snapshot.ActorUser, ID: "admin"}, Evidence: []snapshot.EventRef{{Source: snapshot.SourceGraph, ID: "event"}}},
	}})
	if s.Previous != nil {
		r.Corrections = []Correction{{Change: 1, Attribution: snapshot.Attribution{Cause: snapshot.CauseAdmin, At: week(1), Reason: "Better."}}}
	}
	r.Events = []snapshot.RawEvent{{Source: snapshot.SourceGraph, ID: fmt.Sprintf("event-%d", s.Run), At: week(1), Raw: []byte("{}")}}
	r.Before = map[snapshot.UserID][]snapshot.FirstEvidence{
		d.ID:     {{SKU: "e3", At: week(-8), Basis: snapshot.BasisAudit, Event: snapshot.EventRef{Source: snapshot.SourceGraph, ID: "before"}}},
		"nobody": {{SKU: "e3", At: week(-8), Basis: snapshot.BasisAudit, Event: snapshot.EventRef{Source: snapshot.SourceGraph, ID: "nobody's"}}},
	}
	r.Coverage = []snapshot.Coverage{{Source: snapshot.SourceGraph, From: week(0), To: week(1), Complete: true, Events: 1}}
	r.Principals = []Principal{{Principal: snapshot.Principal{ID: fmt.Sprintf("app-%d", s.Run), AppID: "id", Owner: "contoso", Name: "HR"}, SeenAt: week(0)}}
	r.Warnings = []snapshot.Warning{{Code: "groups", Message: "One group could not be read."}}
	r.Agents = []snapshot.UserID{d.ID, "nobody"}
	r.Licensing = richLicensing(d.ID, int64(s.Run))
	r.Activity = signIns(week(int(s.Run)), map[snapshot.UserID]time.Time{d.ID: week(0)})
	copilot := copilotReport(week(int(s.Run)), map[snapshot.UserID]int64{d.ID: 3})
	r.Activity.Reads, r.Activity.Rows = append(r.Activity.Reads, copilot.Reads...), append(r.Activity.Rows, copilot.Rows...)
	return r
}

// richHistory is a history with one complete run that has something of
// everything, and a second run under way.
func richHistory(t testing.TB) (*DB, *Sync) {
	t.Helper()
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	return db, begin(t, db)
}

// countdown is a context that is canceled when it is asked for the n-th time,
// so that a run can be interrupted at every point at which it looks.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newCountdown(ctx context.Context, n int64) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(ctx)
	c.left.Store(n)
	return c
}

func (c *countdown) Done() <-chan struct{} {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
	return c.Context.Done()
}

// Err counts like Done: between users a run asks for it.
func (c *countdown) Err() error {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// askedContext calls a function whenever a run asks whether it shall go on,
// which it does before each user.
type askedContext struct {
	context.Context
	asked func()
}

func (c askedContext) Err() error {
	c.asked()
	return c.Context.Err()
}

func TestCommit_InterruptedAnywhere(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	before := content(t, db)
	points := 0
	for n := int64(1); ; n++ {
		r := richResult(t, s)
		for i := range 30 {
			d := newcomer(s, snapshot.UserID(fmt.Sprintf("late-%d", i)))
			addTo(t, r.Spool, &d, 0)
		}
		ctx := newCountdown(t.Context(), n)
		err := s.Commit(ctx, r)
		ctx.cancel()
		if err == nil { // the interruption came too late, or not at all
			break
		}
		points++
		if d := cmp.Diff(before, content(t, db)); d != "" {
			t.Fatalf("interrupted at %d: %v, and yet (-before +after):\n%s", n, err, d)
		}
	}
	if points < 30 {
		t.Errorf("only %d points were tried", points)
	}
	if r := runsByID(t, db)[s.Run]; r.Status != Complete || cmp.Diff(before["path"], content(t, db)["path"]) == "" {
		t.Errorf("success, and the run is %s", r.Status)
	}
}

// A run that fails at any of the tables that it writes to leaves no trace in
// the others.
func TestCommit_FailsAtAnyTable(t *testing.T) {
	t.Parallel()
	failed := 0
	for _, table := range tablesOf(t, openRW(t, newHistory(t))) {
		for _, verb := range []string{"INSERT", "UPDATE"} {
			db, s := richHistory(t)
			before := content(t, db)
			trigger := fmt.Sprintf(`CREATE TRIGGER disk_full BEFORE %s ON "%s" BEGIN SELECT RAISE(ABORT, 'disk full'); END`, verb, table)
			if _, err := db.sql.ExecContext(t.Context(), trigger); err != nil {
				t.Fatal(err)
			}
			err := s.Commit(t.Context(), richResult(t, s))
			if err == nil { // not written to
				continue
			}
			failed++
			if d := cmp.Diff(before, content(t, db)); d != "" {
				t.Errorf("failed at %s of %s: %v, and yet (-before +after):\n%s", verb, table, err, d)
			}
		}
	}
	if failed < 15 {
		t.Errorf("only %d places were tried", failed)
	}
}

func runsByID(t testing.TB, db *DB) map[snapshot.RunID]*Run {
	t.Helper()
	runs, err := db.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[snapshot.RunID]*Run{}
	for _, r := range runs {
		byID[r.ID] = r
	}
	return byID
}

func TestCommit_FailsAsAWhole(t *testing.T) {
	t.Parallel()
	stranger := snapshot.Change{Kind: snapshot.Assigned, User: "nobody", SKU: "e3"}
	for _, test := range []struct {
		name  string
		spoil func(s *Sync, r *Result)
	}{
		{"a user twice", func(s *Sync, r *Result) {
			d := newcomer(s, "late")
			addTo(t, r.Spool, &d, 0)
			addTo(t, r.Spool, &d, 0)
		}},
		{"a change of a user who is not there", func(_ *Sync, r *Result) { r.Changes = Given([]Attributed{{Change: stranger}}) }},
		{"a correction of no change", func(_ *Sync, r *Result) { r.Corrections = append(r.Corrections, Correction{Change: 999}) }},
		{"a path in no state of presence", func(s *Sync, r *Result) {
			d := newcomer(s, "late")
			d.New.Presence = "dreaming"
			addTo(t, r.Spool, &d, 0)
		}},
		{"a spool that was closed", func(_ *Sync, r *Result) { r.Spool.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, s := richHistory(t)
			before := content(t, db)
			r := richResult(t, s)
			test.spoil(s, &r)
			if err := s.Commit(t.Context(), r); err == nil {
				t.Fatal("it was committed")
			}
			if d := cmp.Diff(before, content(t, db)); d != "" {
				t.Errorf("(-before +after):\n%s", d)
			}
			if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
				t.Errorf("the same run, put right: %v", err)
			}
		})
	}
}

func TestCommit_PanicLeavesNothing(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	before := content(t, db)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		r := richResult(t, s)
		d := newcomer(s, "late")
		addTo(t, r.Spool, &d, 0)
		asked := 0
		s.Commit(askedContext{t.Context(), func() { //nolint:errcheck // it does not return
			if asked++; asked == 2 {
				panic("out of memory")
			}
		}}, r)
	}()
	if d := cmp.Diff(before, content(t, db)); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Errorf("the next commit: %v", err)
	}
}

// A reader sees the run before as long as the new one is being written.
func TestCommit_UnseenUntilDone(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	reader := openRO(t, db.Path())
	before := content(t, reader)
	r := richResult(t, s)
	d := newcomer(s, "late")
	addTo(t, r.Spool, &d, 0)
	asked := 0
	ctx := askedContext{t.Context(), func() {
		asked++
		if diff := cmp.Diff(before, content(t, reader)); diff != "" {
			t.Errorf("seen before it was committed (-before +meanwhile):\n%s", diff)
		}
	}}
	if err := s.Commit(ctx, r); err != nil || asked < 2 {
		t.Fatalf("looked %d times: %v", asked, err)
	}
	if cmp.Diff(before, content(t, reader)) == "" {
		t.Error("not seen after it was committed")
	}
}

func TestCommit_ErrOvertaken(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	slow, fast := begin(t, db), begin(t, db)
	commit(t, fast, newcomer(fast, "ann"))
	before := content(t, db)
	if err := slow.Commit(t.Context(), resultOf(t, slow, newcomer(slow, "bob"))); !errors.Is(err, ErrOvertaken) {
		t.Fatalf("the slower run: %v", err)
	}
	if d := cmp.Diff(before, content(t, db)); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	before := content(t, db)
	cause := errors.New("read page 7 of users: throttled")
	if err := s.Fail(t.Context(), Incomplete, week(2), 42, cause); err != nil {
		t.Fatal(err)
	}
	after := content(t, db)
	for _, table := range []string{"run", "seal"} {
		delete(before, table)
		delete(after, table)
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("more than the run's record changed:\n%s", d)
	}
	r := runsByID(t, db)[s.Run]
	got := []any{r.Status, r.EndedAt, r.Requests.Int64, r.Error, r.Users.Valid}
	if d := cmp.Diff([]any{Incomplete, week(2), int64(42), cause.Error(), false}, got); d != "" {
		t.Errorf("the record (-want +got):\n%s", d)
	}
	if err := s.Commit(t.Context(), richResult(t, s)); err == nil {
		t.Error("a run that had failed was committed")
	}
	if next := begin(t, db); next.Previous.ID != 1 {
		t.Errorf("the next run is compared with run %d", next.Previous.ID)
	}
}

// A failure that is reported after the commit must not undo it.
func TestFail_AfterCommit(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	before := content(t, db)
	if err := s.Fail(t.Context(), Failed, week(9), 1, errors.New("the report could not be written")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, content(t, db)); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}

func TestI9_OtherTenant(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	db := openRW(t, path)
	s := begin(t, db)
	commit(t, s, newcomer(s, "ann"))
	closeDB(t, db)
	before := stateOf(t, path)
	db = openRW(t, path)
	_, err := db.Begin(t.Context(), snapshot.Tenant{ID: "99999999-2222-3333-4444-555555555555", Name: "Fabrikam"}, week(5), "test")
	if !errors.Is(err, ErrOtherTenant) {
		t.Fatalf("another tenant's run: %v", err)
	}
	closeDB(t, db)
	if after := stateOf(t, path); after != before {
		t.Errorf("the file changed: %+v, then %+v", before, after)
	}
	db = openRW(t, path)
	if _, err := db.Begin(t.Context(), snapshot.Tenant{ID: contoso.ID}, week(5), "test"); err != nil {
		t.Errorf("the same tenant, its name unread: %v", err)
	}
	if tenant, _, err := db.Tenant(t.Context()); tenant != contoso {
		t.Errorf("the tenant is %+v, %v", tenant, err)
	}
}

// Eight processes sync the same history at once: each must get its turn, and
// no run may build on anything but the one before it.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	const writers = 8
	var wg sync.WaitGroup
	for i := range writers {
		db := openRW(t, path)
		wg.Go(func() {
			if err := syncUntilCommitted(t.Context(), db, snapshot.UserID(fmt.Sprintf("user-%d", i))); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	db := openRW(t, path)
	if n := count(t, db, "SELECT count(*) FROM assignments"); n != writers {
		t.Errorf("%d assignments of %d: updates were lost", n, writers)
	}
	runs := runsByID(t, db)
	var previous snapshot.RunID
	complete := 0
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		if r := runs[id]; r.Status == Complete {
			complete++
			if r.Previous != previous {
				t.Errorf("run %d builds on run %d, not on %d", id, r.Previous, previous)
			}
			previous = id
		}
	}
	if complete != writers {
		t.Errorf("%d complete runs", complete)
	}
}

func syncUntilCommitted(ctx context.Context, db *DB, id snapshot.UserID) error {
	for {
		s, err := db.Begin(ctx, contoso, week(0), "test")
		if err != nil {
			return err
		}
		err = commitNewcomer(ctx, s, id)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrOvertaken) {
			return err
		}
		if err := s.Fail(ctx, Failed, week(1), 0, err); err != nil {
			return err
		}
	}
}

func commitNewcomer(ctx context.Context, s *Sync, id snapshot.UserID) error {
	sp, err := s.Spool()
	if err != nil {
		return err
	}
	defer sp.Close()
	d := newcomer(s, id)
	if err := sp.Add(&d, 0, nil); err != nil {
		return err
	}
	r := emptyResult(s)
	r.Spool = sp
	return s.Commit(ctx, r)
}

// While one process writes, another waits its turn, and gives up with ErrBusy.
func TestErrBusy(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	holder, waiter := openRW(t, path), openRW(t, path)
	tx, err := holder.sql.BeginTx(t.Context(), nil) // nothing written yet: immediate all the same
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	waiter.sql.SetMaxOpenConns(1)
	if _, err := waiter.sql.ExecContext(t.Context(), "PRAGMA busy_timeout = 50"); err != nil {
		t.Fatal(err)
	}
	if _, err := waiter.Begin(t.Context(), contoso, week(0), "test"); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("while another writes: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := waiter.Begin(t.Context(), contoso, week(0), "test"); err != nil {
		t.Errorf("when the other is done: %v", err)
	}
}

// SQLite says busy in several ways, by the upper bits of its code.
func TestErrBusy_Extended(t *testing.T) {
	t.Parallel()
	db, s := richHistory(t)
	tx, err := db.sql.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	var n int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM run").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), richResult(t, s)); err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(t.Context(), "DELETE FROM sku_name") // on a snapshot that is no longer the newest
	if err := engine.Classify(err); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("writing after another wrote: %v", err)
	}
}

// Of several words on a change, the newest that gives a time dates it, and one
// that gives none does not take the date back.
func TestI8_CorrectionsOfADate(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	first := begin(t, db)
	commit(t, first)
	s := begin(t, db)
	d := newcomer(s, "ann")
	r := resultOf(t, s, d)
	at := func(days int) snapshot.Attribution {
		a := snapshot.Attribution{Cause: snapshot.CauseAdmin, Reason: "An event."}
		if days > 0 {
			a.At = week(1).AddDate(0, 0, days)
		}
		return a
	}
	path := d.New.Paths[0].PathRef
	r.Changes = Given([]Attributed{{Attribution: at(5), Change: snapshot.Change{
		Kind: snapshot.Assigned, Observed: true, User: "ann", SKU: "e3", Path: &path, Window: snapshot.Window{NotBefore: week(1), NotAfter: week(2)}}}})
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ correction, want int }{{3, 3}, {0, 0}, {2, 2}} {
		s := begin(t, db)
		r := resultOf(t, s)
		r.Corrections = []Correction{{Change: 1, Attribution: at(step.correction)}}
		if err := s.Commit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		h, err := db.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for a, err := range h.Assignments(t.Context(), Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if step.want == 0 { // the newest attribution proves no time: the date is taken back
				if a.Since.Precision != snapshot.InWindow {
					t.Errorf("after a time was taken back: since %+v", a.Since)
				}
				continue
			}
			if want := week(1).AddDate(0, 0, step.want); !a.Since.At.Equal(want) || a.Since.Precision != snapshot.Exact {
				t.Errorf("after day %d was told: since %+v, want %v", step.correction, a.Since, want)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Every attribute must come back as it was committed.
func TestKnown_EveryAttribute(t *testing.T) {
	t.Parallel()
	enabled, created := false, time.Date(2019, 5, 6, 7, 8, 9, 123000000, time.UTC)
	full := snapshot.Attributes{
		UPN: "ann@contoso.com", Name: "Ann \"the\" <Admin> ☃", Mail: "a@contoso.com", Department: "Sales", Enabled: &enabled, Type: "Guest",
		UsageLocation: "DE", Company: "Contoso", Country: "Germany", Office: "B2", JobTitle: "Clerk", EmployeeID: "0007",
		EmployeeType: "Employee", CreationType: "Invitation", OnPremisesSync: true, CreatedAt: &created,
		Kept: snapshot.KeptOf(map[string]string{"cost-center": "A&B <1>", "division": ""}),
	}
	empty := snapshot.Attributes{}
	noMail := snapshot.Attributes{UPN: "ann@contoso.com"}
	sameMail := snapshot.Attributes{UPN: "ann@contoso.com", Mail: "ann@contoso.com"}
	wantAllSet(t, full)
	db := openRW(t, newHistory(t))
	for _, want := range []snapshot.Attributes{full, empty, noMail, sameMail, full} {
		s := begin(t, db)
		d := snapshot.Delta{ID: "ann", Attributes: true, New: snapshot.User{ID: "ann", Presence: snapshot.Present, Attributes: want}}
		commit(t, s, d)
		k, err := s.Known(t.Context(), "ann", 1)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, k.Attributes); d != "" {
			t.Errorf("(-committed +known):\n%s", d)
		}
		if !want.Equal(k.Attributes) {
			t.Error("what is known does not equal what was committed")
		}
	}
}

// Rows are added many at a time: however many there are, each is there once and
// with whom it belongs, also when a user who was there before comes first.
func TestCommit_ManyRows(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, engine.AtOnce - 1, engine.AtOnce, engine.AtOnce + 1, 3*engine.AtOnce + 7} {
		db := openRW(t, newHistory(t))
		s := begin(t, db)
		commit(t, s, newcomer(s, "first"))
		s = begin(t, db)
		more := newcomer(s, "first")
		more.Attributes, more.Opened[0].SKU = false, "e5"
		deltas := []snapshot.Delta{more}
		for i := range n {
			d := newcomer(s, snapshot.UserID(fmt.Sprintf("user-%d", i)))
			for range i % 3 {
				p := d.Opened[0]
				p.SKU = snapshot.SKUID(fmt.Sprintf("sku-%d", len(d.Opened)))
				d.Opened = append(d.Opened, p)
			}
			if i%5 == 0 {
				d.Evidence = []snapshot.FirstEvidence{{SKU: "e3", At: week(-9), Basis: snapshot.BasisPlan}}
			}
			deltas = append(deltas, d)
		}
		rand.New(rand.NewPCG(1, uint64(n))).Shuffle(n, func(i, j int) { deltas[i+1], deltas[j+1] = deltas[j+1], deltas[i+1] })
		commit(t, s, deltas...)
		for i := range n {
			const paths = `SELECT count(DISTINCT p.sku_id) FROM path p JOIN user u ON u.id = p.user_id JOIN user_version v ON v.user_id = u.id
				WHERE u.object_id = ?1 AND v.upn = ?1 || '@contoso.com'`
			if got := count(t, db, paths, fmt.Sprintf("user-%d", i)); got != int64(1+i%3) {
				t.Fatalf("of %d users, user %d has %d paths", n, i, got)
			}
		}
		for table, want := range map[string]int{"user": n + 1, "user_version": n + 1, "first_evidence": (n + 4) / 5} {
			if got := count(t, db, "SELECT count(*) FROM "+table); got != int64(want) {
				t.Errorf("of %d users, table %s has %d rows, want %d", n, table, got, want)
			}
		}
	}
}

// The first run leaves no gaps in the file, and nothing in the log.
func TestCommit_Compact(t *testing.T) {
	t.Parallel()
	path := newHistory(t)
	db := openRW(t, path)
	s := begin(t, db)
	var deltas []snapshot.Delta
	for i := range 3000 {
		deltas = append(deltas, newcomer(s, snapshot.UserID(fmt.Sprintf("user-%d", i))))
	}
	commit(t, s, deltas...)
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() > 0 {
		t.Errorf("the log: %v, %v", info, err)
	}
	pages := func() int64 { return count(t, db, "SELECT page_count FROM pragma_page_count") }
	left := pages()
	if _, err := db.sql.ExecContext(t.Context(), "VACUUM"); err != nil {
		t.Fatal(err)
	}
	if pages() != left {
		t.Errorf("the first run leaves %d pages, and %d would do", left, pages())
	}
}

// The first statement with a user who cannot be written ends the commit, while
// the users after it are made ready.
func TestCommit_StopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	_, s := richHistory(t)
	r := richResult(t, s)
	d := newcomer(s, "late")
	r.Spool = fill(t, s, slices.Repeat([]snapshot.Delta{d}, 5*engine.AtOnce)...)
	asked := 0
	if err := s.Commit(askedContext{t.Context(), func() { asked++ }}, r); err == nil || asked != 2*engine.AtOnce {
		t.Errorf("after %d users: %v", asked, err)
	}
}

// SQLite takes a transaction back by itself where a statement meets a failing or
// full disk. What came after would stand alone, and be kept: no statement may come,
// neither of those that add rows nor of those that make the next ready.
func TestCommit_NothingAfterAnError(t *testing.T) {
	t.Parallel()
	for what, trigger := range map[string]string{
		"rows are added":     "BEFORE INSERT ON user WHEN NEW.id % 1000 = 0",
		"rows are made":      "BEFORE INSERT ON profile WHEN NEW.department = 'd1000'",
		"something is asked": "BEFORE INSERT ON user WHEN NEW.id % 1000 = 1",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db := openRW(t, newHistory(t))
			s := begin(t, db)
			if _, err := db.sql.ExecContext(t.Context(), "CREATE TRIGGER disk "+trigger+" BEGIN SELECT RAISE(ROLLBACK, 'disk I/O error'); END"); err != nil {
				t.Fatal(err)
			}
			var all []snapshot.Delta
			for i := range 3000 {
				d := newcomer(s, snapshot.UserID(fmt.Sprintf("user-%d", i)))
				d.New.Department = fmt.Sprintf("d%d", i)
				all = append(all, d)
			}
			r := resultOf(t, s, all...)
			before := state(t, db)
			if err := s.Commit(t.Context(), r); err == nil || !strings.Contains(err.Error(), "disk I/O error") {
				t.Errorf("the error is %v", err)
			}
			if d := cmp.Diff(before, state(t, db)); d != "" {
				t.Errorf("rows are left (-before +after):\n%s", d)
			}
		})
	}
}

// state counts the rows of every table.
func state(t *testing.T, db *DB) map[string]int64 {
	t.Helper()
	rows := map[string]int64{}
	for _, table := range column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		rows[table] = count(t, db, "SELECT count(*) FROM "+engine.QuoteAll([]string{table}, ""))
	}
	return rows
}

// The error of a run that fails names users by object id alone.
func TestCommit_ErrorsNameNobody(t *testing.T) {
	t.Parallel()
	_, s := richHistory(t)
	d := newcomer(s, "object-id")
	d.New.Name, d.New.UPN = "Ann Person", "ann.person@contoso.com"
	err := s.Commit(t.Context(), resultOf(t, s, d, d))
	if err == nil || strings.Contains(strings.ToLower(err.Error()), "person") {
		t.Errorf("the error is %v", err)
	}
	if errors.Is(err, sql.ErrNoRows) {
		t.Errorf("the error is %v", err)
	}
}

// wantAllSet fails when a field was left empty, such as one added later.
func wantAllSet(t *testing.T, v any) {
	t.Helper()
	for i, rv := 0, reflect.ValueOf(v); i < rv.NumField(); i++ {
		if rv.Field(i).IsZero() {
			t.Errorf("%s is not tested", rv.Type().Field(i).Name)
		}
	}
}
