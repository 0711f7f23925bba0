package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lictrail/migrations"
	"lictrail/snapshot"
)

// allPartsRead says that a run read every part.
func allPartsRead() map[snapshot.LicensingPart]snapshot.GapWhy {
	gaps := map[snapshot.LicensingPart]snapshot.GapWhy{}
	for _, part := range snapshot.LicensingParts {
		gaps[part] = ""
	}
	return gaps
}

// richLicensing has something of everything, and differs from run to run.
func richLicensing(user snapshot.UserID, run int64) *Licensing {
	by := func(kind snapshot.HolderKind, id string) snapshot.Holder { return snapshot.Holder{Kind: kind, ID: id} }
	return &Licensing{
		Gaps: allPartsRead(),
		Allotments: []snapshot.Allotment{
			{ID: "pool", SKU: "e3", PartNumber: "ENTERPRISEPACK", Allotted: &run, Consumed: &run, AssignableTo: "user,group",
				Subscriptions: []snapshot.AllotmentSubscription{{ID: "sub", State: "active", StartedAt: week(-50), NextLifecycleAt: week(20), Trial: true}}},
			{ID: "bare"},
		},
		Assignments: []snapshot.AllotmentAssignment{
			{ID: "1", Allotment: "pool", Holder: by(snapshot.HeldByUser, string(user))}, {ID: "2", Allotment: "pool", Holder: by(snapshot.HeldByGroup, "sales")},
			{ID: "3", Allotment: "pool", Holder: by(snapshot.HeldByDevice, fmt.Sprintf("device-%d", run))}, {ID: "4", Holder: by(snapshot.HeldByUser, "nobody")},
			{ID: "5", Allotment: "bare", Holder: by(snapshot.HeldByOther, "something")},
		},
		Waiting: []snapshot.WaitingMember{{ID: "1", Allotment: "pool", Holder: by(snapshot.HeldByUser, string(user)), Since: week(int(run))}},
		Errors: []snapshot.AssignmentError{
			{ID: "1", Holder: by(snapshot.HeldByUser, string(user)), SKU: "e3", Code: "MissingDependency", Message: "A plan is missing.", At: week(int(run))},
			{ID: "3", Holder: by(snapshot.HeldByDevice, "device"), Code: "Other"},
		},
	}
}

// licensingRun commits a run that read this.
func licensingRun(t *testing.T, db *DB, l *Licensing) {
	t.Helper()
	s := begin(t, db)
	r := emptyResult(s)
	r.Licensing = l
	if err := s.Commit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// licensingNow is all that the history shows at the newest run.
func licensingNow(t *testing.T, db *DB) string {
	t.Helper()
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var b strings.Builder
	allotments, err := h.Allotments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range allotments {
		fmt.Fprintf(&b, "allotment %s %s %s", a.ID, a.SKU, a.AssignableTo)
		if a.Allotted != nil && a.Consumed != nil {
			fmt.Fprintf(&b, " %d/%d", *a.Consumed, *a.Allotted)
		}
		for _, s := range a.Subscriptions {
			fmt.Fprintf(&b, " %s %s %v %v", s.ID, s.State, s.Trial, s.NextLifecycleAt.Equal(week(20)))
		}
		b.WriteByte('\n')
	}
	holders, err := h.AllotmentAssignments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range holders {
		fmt.Fprintf(&b, "%s %q of %q\n", a.Holder.Kind, a.Holder.ID, a.Allotment)
	}
	waiting, err := h.WaitingMembers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range waiting {
		fmt.Fprintf(&b, "waits %s of %s since %s\n", m.Holder.ID, m.Allotment, m.Since.Format("2006-01-02"))
	}
	failures, err := h.AssignmentErrors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range failures {
		fmt.Fprintf(&b, "error %s %q %q %s %q\n", e.Holder.Kind, e.Holder.ID, e.SKU, e.Code, e.Message)
	}
	return b.String()
}

func TestLicensing(t *testing.T) {
	t.Parallel()
	db := twoUsers(t)
	licensingRun(t, db, richLicensing("ann", 7))
	want := fmt.Sprintf(`allotment bare  
allotment pool e3 user,group 7/7 sub active true true
device "device-7" of "pool"
group "sales" of "pool"
user "ann" of "pool"
other "" of "bare"
other "" of ""
waits ann of pool since %s
error user "ann" "e3" MissingDependency "A plan is missing."
error device "device" "" Other ""
`, week(7).Format("2006-01-02"))
	got := licensingNow(t, db)
	sorted := func(s string) string {
		lines := strings.Split(s, "\n")
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if sorted(got) != sorted(want) {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	rows := count(t, db, licensingRows)
	licensingRun(t, db, richLicensing("ann", 7))
	if n := count(t, db, licensingRows); n != rows {
		t.Errorf("a week in which nothing changed added %d rows", n-rows)
	}

	// A run that was not to read it, and one that could not, end nothing.
	licensingRun(t, db, nil)
	failed := &Licensing{Gaps: allPartsRead()}
	for part := range failed.Gaps {
		failed.Gaps[part] = snapshot.GapFailed
	}
	licensingRun(t, db, failed)
	if again := licensingNow(t, db); again != got {
		t.Errorf("after reads that failed:\n%s\nwant\n%s", again, got)
	}

	// One part alone is read: only that moves.
	licensingRun(t, db, &Licensing{Gaps: map[snapshot.LicensingPart]snapshot.GapWhy{snapshot.PartAssignments: "", snapshot.PartAllotments: snapshot.GapFailed}})
	now := licensingNow(t, db)
	if strings.Contains(now, "of \"pool\"") || !strings.Contains(now, "allotment pool e3") || !strings.Contains(now, "waits ann") || !strings.Contains(now, "error user") {
		t.Errorf("after no assignment was listed:\n%s", now)
	}
	h, err := db.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	reads, err := h.LicensingReads(t.Context())
	if err != nil || reads[h.At.ID][snapshot.PartAllotments] != snapshot.GapFailed || len(reads[h.At.ID]) != 2 || len(reads) != 4 {
		t.Errorf("%v, %v", reads, err)
	}
	if _, err := db.Verify(t.Context(), migrations.Apply, ""); err != nil {
		t.Error(err)
	}
}

const licensingRows = "SELECT (SELECT count(*) FROM allotment_version) + (SELECT count(*) FROM allotment_holder) + (SELECT count(*) FROM allotment_waiting) + (SELECT count(*) FROM assignment_error)"

// What is forgotten of a person: what an error says, and who it is. That a license
// was there stays, as in table path.
func TestLicensing_Forgotten(t *testing.T) {
	t.Parallel()
	db := spelledHistory(t, zoeUPN)
	if before := licensingNow(t, db); !strings.Contains(before, "A plan is missing") || !strings.Contains(before, "Not while") {
		t.Fatalf("there is nothing to forget:\n%s", before)
	}
	if _, err := db.Forget(t.Context(), rowOf(t, db, zoe)); err != nil {
		t.Fatal(err)
	}
	now := licensingNow(t, db)
	if strings.Contains(now, string(zoe)) || strings.Contains(now, zoeUPN) || strings.Contains(now, "A plan is missing") || !strings.Contains(now, `user "forgotten-`) {
		t.Errorf("still there:\n%s", now)
	}
	if _, err := db.Verify(t.Context(), migrations.Apply, ""); err != nil {
		t.Error(err)
	}
}
