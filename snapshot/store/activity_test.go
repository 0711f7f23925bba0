package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lictrail/snapshot"
)

// activeRun commits a run that changes nothing but brings activity.
func activeRun(t *testing.T, db *DB, a *ActivityResult) {
	t.Helper()
	s := begin(t, db)
	r := emptyResult(s)
	r.Activity = a
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// signIns is a pass over sign-ins at a time that saw users' last ones; zero: none.
func signIns(until time.Time, last map[snapshot.UserID]time.Time) *ActivityResult {
	a := &ActivityResult{Reads: []snapshot.ActivityRead{{Source: snapshot.SignIns, Since: week(-300), Until: until, Users: len(last)}}}
	for id, at := range last {
		row := snapshot.ActivityRow{User: id, Source: snapshot.SignIns}
		if !at.IsZero() {
			row.Uses = []snapshot.Use{{Kind: snapshot.SignedIn, At: at}}
		}
		a.Rows = append(a.Rows, row)
	}
	return a
}

// twoUsers is a history of ann and bob.
func twoUsers(t *testing.T) *DB {
	t.Helper()
	db := openRW(t, newHistory(t))
	s := begin(t, db)
	commit(t, s, newcomer(s, "ann"), newcomer(s, "bob"))
	return db
}

func activityRows(t *testing.T, db *DB) int64 {
	t.Helper()
	return count(t, db, "SELECT (SELECT count(*) FROM active_time) + (SELECT count(*) FROM activity_told)")
}

func activityOf(t *testing.T, db *DB, id snapshot.UserID) snapshot.UserActivity {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, ok, err := h.UserByID(t.Context(), id)
	if err != nil || !ok {
		t.Fatal(id, ok, err)
	}
	var a snapshot.UserActivity
	if err := h.activity(t.Context(), numbersJSON(map[int64]bool{p.Row: true}), func(int64) *snapshot.UserActivity { return &a }); err != nil {
		t.Fatal(err)
	}
	return a
}

// A week adds no row about a user, be it that the user stays idle or goes on
// being active. A pause is kept.
func TestActivity_SmallAndKept(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	activeRun(t, db, signIns(week(2), map[snapshot.UserID]time.Time{"ann": week(1), "bob": {}}))
	rows := activityRows(t, db)
	for n := 3; n < 8; n++ {
		activeRun(t, db, signIns(week(n), map[snapshot.UserID]time.Time{"ann": week(n - 1), "bob": {}}))
	}
	if got := activityRows(t, db); got != rows {
		t.Errorf("%d rows after five more weeks, want %d", got, rows)
	}
	if got, ok := activityOf(t, db, "ann").Newest(); !ok || !got.At.Equal(week(6)) {
		t.Errorf("ann was last active %v, want %v", got, week(6))
	}
	activeRun(t, db, signIns(week(20), map[snapshot.UserID]time.Time{"ann": week(19), "bob": {}}))
	want := []string{fmt.Sprintf("%s %s", week(1).Format(time.RFC3339), week(6).Format(time.RFC3339)),
		fmt.Sprintf("%s %s", week(19).Format(time.RFC3339), week(19).Format(time.RFC3339))}
	if got := column(t, db, "SELECT from_at || ' ' || last_at FROM active_times ORDER BY from_at"); !slices.Equal(got, want) {
		t.Errorf("active times %v, want %v", got, want)
	}
}

// What an earlier run saw is not forgotten when a report drops it, names the
// user no more, or cannot be read.
func TestActivity_NotForgotten(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	activeRun(t, db, signIns(week(2), map[snapshot.UserID]time.Time{"ann": week(1)}))
	activeRun(t, db, signIns(week(3), map[snapshot.UserID]time.Time{"ann": {}}))
	if got, ok := activityOf(t, db, "ann").Newest(); !ok || !got.At.Equal(week(1)) {
		t.Errorf("dropped: last active %v", got)
	}
	activeRun(t, db, signIns(week(4), map[snapshot.UserID]time.Time{"bob": {}}))
	a := activityOf(t, db, "ann")
	if got, ok := a.Newest(); !ok || !got.At.Equal(week(1)) || a.Covers(snapshot.SignIns) {
		t.Errorf("no longer named: %+v", a)
	}
	activeRun(t, db, &ActivityResult{Reads: []snapshot.ActivityRead{{Source: snapshot.SignIns, Gap: snapshot.NotPermitted}}})
	if !activityOf(t, db, "bob").Covers(snapshot.SignIns) {
		t.Error("a read that failed took back what an earlier one told")
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	reads, err := h.ActivityReads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := reads[snapshot.SignIns]; got.Gap != "" || !got.Until.Equal(week(4)) {
		t.Errorf("the newest read that succeeded is %+v", got)
	}
}

// A report names users by UPN: one who is here today, whatever the case.
func TestActivity_ByUPN(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	activeRun(t, db, &ActivityResult{
		Reads: []snapshot.ActivityRead{{Source: snapshot.ActiveUsers, Since: week(-26), Until: week(1), Users: 2}},
		Rows: []snapshot.ActivityRow{
			{UPN: "ANN@contoso.com", Source: snapshot.ActiveUsers, Uses: []snapshot.Use{{Kind: snapshot.UsedTeams, At: week(0)}}},
			{UPN: "stranger@contoso.com", Source: snapshot.ActiveUsers, Uses: []snapshot.Use{{Kind: snapshot.UsedTeams, At: week(0)}}},
		}})
	if got, ok := activityOf(t, db, "ann").Newest(); !ok || got.Kind != snapshot.UsedTeams {
		t.Errorf("ann: %+v", got)
	}
	if got := activityOf(t, db, "bob"); len(got.Covered)+len(got.Last) != 0 {
		t.Errorf("bob, whom nothing names: %+v", got)
	}
}

// The words of the program and the numbers of the database belong together.
func TestActivity_Words(t *testing.T) {
	t.Parallel()
	db := openRW(t, newHistory(t))
	for _, s := range snapshot.ActivitySources {
		if n := count(t, db, "SELECT coalesce(max(id), 0) FROM activity_source WHERE name = ?", string(s)); n != sourceBit(s) {
			t.Errorf("source %s is %d in the database, %d here", s, n, sourceBit(s))
		}
	}
	for _, k := range snapshot.ActivityKinds {
		if n := count(t, db, "SELECT coalesce(max(id), 0) FROM activity_kind WHERE name = ?", string(k)); n != kindNumber(k) {
			t.Errorf("kind %s is %d in the database, %d here", k, n, kindNumber(k))
		}
	}
	last := count(t, db, "SELECT count(*) FROM activity_kind") + count(t, db, "SELECT count(*) FROM activity_source")
	if int(last) != len(snapshot.ActivityKinds)+len(snapshot.ActivitySources) {
		t.Errorf("the database has %d words", last)
	}
}

func TestActiveTime_OnlyGrows(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	activeRun(t, db, signIns(week(2), map[snapshot.UserID]time.Time{"ann": week(1)}))
	refused(t, db, "UPDATE active_time SET last_at = last_at - 1")
}

// copilotReport is a Copilot report that says of users how much they prompted; -1:
// it has no counts of the user.
func copilotReport(until time.Time, prompts map[snapshot.UserID]int64) *ActivityResult {
	a := &ActivityResult{Reads: []snapshot.ActivityRead{{Source: snapshot.CopilotUsage, Since: week(-26), Until: until, Users: len(prompts)}}}
	for id, n := range prompts {
		row := snapshot.ActivityRow{UPN: string(id) + "@contoso.com", Source: snapshot.CopilotUsage}
		if n >= 0 {
			row.Counts = &snapshot.CopilotCounts{Days: 180, Prompts: &n}
		}
		a.Rows = append(a.Rows, row)
	}
	return a
}

// Two rows of one user that contradict each other say nothing of the counts, and do
// not keep the run from being committed.
func TestActivity_CopilotCountsTwice(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	twice := copilotReport(week(2), map[snapshot.UserID]int64{"ann": 3, "bob": 5})
	twice.Rows = append(twice.Rows, copilotReport(week(2), map[snapshot.UserID]int64{"ann": 4, "bob": 5}).Rows...)
	activeRun(t, db, twice)
	if a := activityOf(t, db, "ann"); a.Counts != nil {
		t.Errorf("ann has %+v", a.Counts)
	}
	if a := activityOf(t, db, "bob"); a.Counts == nil || *a.Counts.Prompts != 5 {
		t.Errorf("bob has %+v", a.Counts)
	}
}

// Counts are those of the newest report: a report without them, or without the
// user, leaves none, and one that could not be read leaves what was known.
func TestActivity_CopilotCounts(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	prompts := func(id snapshot.UserID) int64 {
		c := activityOf(t, db, id).Counts
		if c == nil || c.Prompts == nil {
			return -1
		}
		if c.Days != 180 || c.PromptsWork != nil || c.PromptsWeb != nil || c.ActiveDays != nil {
			t.Errorf("%s: %+v", id, c)
		}
		return *c.Prompts
	}
	for n, step := range []struct {
		result   *ActivityResult
		ann, bob int64
		rows     int64
	}{
		{copilotReport(week(2), map[snapshot.UserID]int64{"ann": 7, "bob": 0}), 7, 0, 2},
		{copilotReport(week(3), map[snapshot.UserID]int64{"ann": 7, "bob": 0}), 7, 0, 2}, // no new row
		{copilotReport(week(4), map[snapshot.UserID]int64{"ann": 9, "bob": -1}), 9, -1, 3},
		{&ActivityResult{Reads: []snapshot.ActivityRead{{Source: snapshot.CopilotUsage, Gap: snapshot.NotPermitted}}}, 9, -1, 3},
		{signIns(week(6), map[snapshot.UserID]time.Time{"ann": week(5)}), 9, -1, 3},
		{copilotReport(week(7), map[snapshot.UserID]int64{"bob": 3}), -1, 3, 4},
	} {
		activeRun(t, db, step.result)
		if ann, bob := prompts("ann"), prompts("bob"); ann != step.ann || bob != step.bob {
			t.Errorf("step %d: ann %d, bob %d; want %d, %d", n, ann, bob, step.ann, step.bob)
		}
		if rows := count(t, db, "SELECT count(*) FROM copilot_count"); rows != step.rows {
			t.Errorf("step %d: %d rows, want %d", n, rows, step.rows)
		}
	}
	whole(t, verify(t, db, ""))
}

// The words of activity come with the schema, so that a later version may bring more
// without a false alarm; whoever changes them is found all the same.
func TestVerify_Words(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	tamper(t, db, "UPDATE activity_kind SET name = 'telex' WHERE name = 'copilot'")
	found := verify(t, db, "").Findings
	if len(found) != 1 || found[0].What != "table activity_kind is not as lictrail made it" {
		t.Errorf("found %+v", found)
	}
}
