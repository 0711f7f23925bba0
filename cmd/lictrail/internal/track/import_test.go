package track

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lictrail/diff/audit/exports"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// importText takes the records of a section "import", one a line:
//
//	TIME USER by ACTOR: SKU,SKU -> SKU   a license change, by object ids
//	TIME USER by ACTOR: bare             one that does not show licenses
//	TIME USER by ACTOR: cut SKU -> SKU   one of which a program cut off all from the licenses on
//	whole DATE..DATE                     what the import covers on its user's word
//
// It delivers them as the unified log's when the section's name says so, else as
// Graph's, and returns what they showed.
func importText(t *testing.T, db *store.DB, name, text string) string {
	t.Helper()
	var file strings.Builder
	o := ImportOptions{Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), DryRun: strings.Contains(name, "dry")}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if from, to, ok := strings.Cut(strings.TrimPrefix(line, "whole "), ".."); ok {
			o.Whole = snapshot.Window{NotBefore: day(t, from), NotAfter: day(t, to)}
			continue
		}
		file.WriteString(recordText(t, i, line, strings.Contains(name, "unified")) + "\n")
	}
	data := file.String()
	files, err := exports.Files(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	done, err := Import(t.Context(), db, []ExportFile{{AuditFile: store.AuditFile{Name: name, SHA256: name}, Records: files[0].Records(exports.UnknownOrder)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	d := done[0]
	summary := fmt.Sprintf("%s: %d taken, %d already, %d repeated, ignored %v, refused %v", name, d.Taken, d.Already, d.Repeated, d.Ignored, d.Refused)
	if o.DryRun || d.From.IsZero() {
		return summary + "\n"
	}
	told, err := Conclude(t.Context(), db, d.From, d.To)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s; told %d before, %d unseen, %d corrections, %d first dates\n", summary, told.Before, told.Unseen, told.Corrections, told.Evidence)
}

func recordText(t *testing.T, i int, line string, unified bool) string {
	t.Helper()
	head, sets, ok := strings.Cut(line, ": ")
	words := strings.Fields(head)
	before, after, arrow := strings.Cut(sets, "->")
	bare := sets == "bare"
	before, cut := strings.CutPrefix(before, "cut ")
	if !ok || !arrow && !bare || len(words) != 4 {
		t.Fatalf("record %q", line)
	}
	at, user, actor := words[0], words[1], words[3]
	if cut {
		whole := recordText(t, i, strings.Replace(line, "cut ", "", 1), true)
		return jsonText(t, map[string]string{"AuditData": whole[:strings.Index(whole, "SkuId=")]})
	}
	if unified && bare {
		return strings.Replace(recordText(t, i, head+": ->", true), "AssignedLicense", "Nothing", 1)
	}
	if unified {
		return jsonText(t, struct {
			CreationTime, Id, Operation, ResultStatus, UserId, ObjectId string
			ModifiedProperties, Actor                                   []map[string]any
			ActorContextId                                              string
			Target                                                      []map[string]any
		}{
			CreationTime: strings.TrimSuffix(at, "Z"), Id: fmt.Sprintf("u%d", i), Operation: "Change user license.",
			ResultStatus: "Success", UserId: actor + "@contoso.example", ObjectId: userName(user),
			Actor:              []map[string]any{{"ID": "Admin Center", "Type": 1}, {"ID": "00000006-0000-0ff1-ce00-000000000000", "Type": 2}, {"ID": "User_" + actor, "Type": 2}},
			Target:             []map[string]any{{"ID": "User_" + user, "Type": 2}},
			ModifiedProperties: []map[string]any{{"Name": "AssignedLicense", "OldValue": licenseText(t, before), "NewValue": licenseText(t, after)}},
		})
	}
	return jsonText(t, map[string]any{"activityDateTime": at, "id": fmt.Sprintf("g%d-%s", i, at), "activityDisplayName": "Change user license", "result": "success",
		"initiatedBy": map[string]any{"user": map[string]any{"id": actor, "userPrincipalName": actor + "@contoso.example"}},
		"targetResources": []any{map[string]any{"type": "User", "id": user, "modifiedProperties": []any{
			map[string]any{"displayName": "AssignedLicense", "oldValue": licenseText(t, before), "newValue": licenseText(t, after)}}}}})
}

// userName is what parseRun calls a user.
func userName(id string) string { return id + "@contoso.com" }

func licenseText(t *testing.T, set string) string {
	t.Helper()
	list := []string{}
	for _, sku := range strings.FieldsFunc(set, func(r rune) bool { return r == ',' || r == ' ' }) {
		list = append(list, fmt.Sprintf("[SkuName=%s, SkuId=%s, DisabledPlans=[]]", sku, sku))
	}
	return jsonText(t, list)
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// causesText lists why changes happened, with every revision's number.
func causesText(t *testing.T, db *store.DB) string {
	t.Helper()
	h := openHistory(t, db)
	var lines []string
	for c, err := range h.Changes(t.Context(), store.ChangeFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		a := &c.Attribution
		line := fmt.Sprintf("%s %s %s observed=%t %s(%s) %s/%s %s, revision %d", c.User, c.SKU, c.Kind, c.Observed, c.When.Precision,
			c.When.At.Format(time.RFC3339), a.Cause, a.Initiator, a.UnknownWhy, c.Revision)
		if a.Actor != nil {
			line += " by " + a.Actor.UPN
			if a.Actor.ClientApp != "" {
				line += " with " + a.Actor.ClientApp
			}
		}
		lines = append(lines, line)
	}
	for x, err := range h.Holdings(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s held %s, first %s %s:", x.Person.ID, x.SKU, x.First.Precision, x.First.At.Format(time.RFC3339))
		for _, s := range x.Stretches {
			line += fmt.Sprintf(" [%s %s", s.From.Precision, s.From.At.Format(time.RFC3339))
			if s.To != nil {
				line += fmt.Sprintf(" to %s %s", s.To.Precision, s.To.At.Format(time.RFC3339))
			}
			line += "]"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// TestImport_Lost: with --whole the time of a record that was refused or cut off
// does not count as read; none does where that time is not known.
func TestImport_Lost(t *testing.T) {
	const good = `{"CreationTime":"2026-03-04T10:20:30","Id":"g","Operation":"Change user license.","ResultStatus":"Success","ObjectId":"ann@contoso.example"}`
	const row = `2026-03-05T14:30:10Z,"%s"`
	quoted := func(s string) string { return strings.ReplaceAll(s, `"`, `""`) }
	table := func(cell string) string {
		return "CreationDate,AuditData\n2026-03-04T10:20:30Z,\"" + quoted(good) + "\"\n" + fmt.Sprintf(row, quoted(cell)) + "\n"
	}
	for name, test := range map[string]struct{ data, want string }{
		"nothing lost":                  {good, "all"},
		"an empty cell":                 {table(""), "03-05T14:30 to 03-05T14:31"},
		"an empty cell, without a zone": {strings.ReplaceAll(table(""), "Z,", ","), "03-05T00:30 to 03-06T04:31"},
		"no time in the row":            {strings.ReplaceAll(table(""), "2026-03-05T14:30:10Z", ""), "none"},
		"a time that may be two":        {strings.ReplaceAll(table(""), "2026-03-05T14:30:10Z", "3/5/2026 2:30:10 PM"), "none"},
		"a cell cut off early":          {table(good[:len(good)-70]), "03-04T10:20 to 03-04T10:21"},
		"a time of another age":         {good + strings.Replace(good, "2026", "1601", 1), "none"},
		"a time to come":                {good + strings.Replace(good, "2026", "2036", 1), "none"},
		"no result":                     {good + strings.Replace(strings.Replace(good, `"ResultStatus":"Success",`, "", 1), `"g"`, `"h"`, 1), "03-04T10:20 to 03-04T10:21"},
		"another tenant's":              {good + strings.Replace(good, `"Id"`, `"OrganizationId":"0f0e0d0c-0b0a-4909-8807-060504030201","Id"`, 1), "03-04T10:20 to 03-04T10:21"},
		"a file that ends early":        {good + "\n" + good[:60], "none"},
		"what is not JSON":              {good + "\nerror\n", "none"},
		"nothing but refused":           {strings.Replace(good, "Success", "", 1), "nothing is said"},
		"about something else":          {good + strings.Replace(strings.Replace(good, "Change user license", "Add device", 1), "Success", "", 1), "all"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newHistory(t)
			whole := snapshot.Window{NotBefore: day(t, "2026-03-01"), NotAfter: day(t, "2026-03-10")}
			files, err := exports.Files(strings.NewReader(test.data), int64(len(test.data)))
			if err != nil {
				t.Fatal(err)
			}
			// Another file of the same time does not fill the gap.
			other := strings.Replace(good, `"g"`, `"other"`, 1)
			others, err := exports.Files(strings.NewReader(other), int64(len(other)))
			if err != nil {
				t.Fatal(err)
			}
			list := []ExportFile{{AuditFile: store.AuditFile{Name: "a", SHA256: "a"}, Records: files[0].Records(exports.UnknownOrder)},
				{AuditFile: store.AuditFile{Name: "b", SHA256: "b"}, Records: others[0].Records(exports.UnknownOrder)}}
			if test.want == "nothing is said" {
				list = list[:1]
			}
			if _, err := Import(t.Context(), db, list, ImportOptions{Whole: whole, Now: day(t, "2026-12-01")}); err != nil {
				t.Fatal(err)
			}
			if got := coverageText(t, db, whole); got != test.want {
				t.Errorf("does not count as read: %s; want %s", got, test.want)
			}
		})
	}
}

// coverageText says which of a stretch of time does not count as read.
func coverageText(t *testing.T, db *store.DB, whole snapshot.Window) string {
	t.Helper()
	stretches, err := openHistory(t, db).Coverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(stretches) == 0 {
		return "nothing is said"
	}
	if snapshot.Covered(stretches, whole.NotBefore, whole.NotAfter) {
		return "all"
	}
	var words []string
	for _, c := range snapshot.UnionCoverage(stretches, whole.NotBefore, whole.NotAfter) {
		if !c.Complete {
			words = append(words, c.From.Format("01-02T15:04")+" to "+c.To.Format("01-02T15:04"))
		}
	}
	if len(words) == 1 && strings.HasPrefix(words[0], "03-01T00:00 to 03-10") {
		return "none"
	}
	return strings.Join(words, ", ")
}

func TestLost(t *testing.T) {
	begin := day(t, "2026-03-01")
	every := func(n int, each time.Duration) (list []snapshot.Window) {
		for i := range n {
			at := begin.Add(time.Duration(i) * each)
			list = append(list, snapshot.Window{NotBefore: at, NotAfter: at.Add(time.Second)})
		}
		return list
	}
	for name, test := range map[string]struct {
		in   []snapshot.Window
		want int
		unit time.Duration
	}{
		"none":                     {nil, 0, 0},
		"one":                      {every(1, time.Hour), 1, time.Minute},
		"of one minute":            {every(60, time.Second), 1, 2 * time.Minute}, // the last may be of the next
		"as many as may be":        {every(maxLost, time.Hour), maxLost, time.Minute},
		"one more":                 {every(maxLost+1, 3*time.Hour), maxLost + 1, 0},
		"one more, every two days": {every(maxLost+1, 48*time.Hour), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := lost(test.in)
			for _, w := range test.in {
				if len(snapshot.Except(w, got)) > 0 {
					t.Errorf("%v is not lost", w)
				}
			}
			if test.unit > 0 && got[0].NotAfter.Sub(got[0].NotBefore) != test.unit {
				t.Errorf("the first is %v", got[0])
			}
			if len(got) > maxLost || test.want <= maxLost && len(got) != test.want {
				t.Errorf("%d stretches, want %d", len(got), test.want)
			}
		})
	}
}

// newHistory has one run.
func newHistory(t *testing.T) *store.DB {
	t.Helper()
	db := openTestDB(t)
	reader := parseRun(t, "at 2026-03-10\nsku 05e9a617-0261-4cee-bb44-138d3ef5d965\nuser a1100000-0000-4000-8000-0000000000a1\n")
	if _, err := Run(t.Context(), reader, db, reader.options()); err != nil {
		t.Fatal(err)
	}
	return db
}
