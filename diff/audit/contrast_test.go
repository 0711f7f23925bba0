package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lictrail/snapshot"
)

// The tests of this file each hold a mistake of a published script against
// what this package makes of the same records.

const (
	powerBI = "a1a1a1a1-0000-4000-8000-000000000001"
	e3      = "e3e3e3e3-0000-4000-8000-000000000003"
	e5      = "e5e5e5e5-0000-4000-8000-000000000005"
	anna    = "aaaaaaaa-0000-4000-8000-00000000000a"
	ben     = "bbbbbbbb-0000-4000-8000-00000000000b"
)

// fromFile decodes the records of a test file.
func fromFile(t *testing.T, name string) []snapshot.Event {
	t.Helper()
	ar, err := txtar.ParseFile("testdata/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	inputs := slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return !strings.HasSuffix(f.Name, ".json") })
	events, _ := decodeAll(inputs)
	if len(events) == 0 {
		t.Fatalf("no events in %s", name)
	}
	return events
}

// changes sums up what each bundle says that was added and removed.
func changes(events []snapshot.Event) []string {
	var list []string
	for _, b := range Bundles(events) {
		if !Evidence(&b) {
			continue
		}
		line := string(b.Target[:1]) + ":"
		added, removed, plans := Delta(b.License)
		for _, l := range added {
			line += " +" + string(l.SKU[:2])
		}
		for _, l := range removed {
			line += " -" + string(l.SKU[:2])
		}
		for _, p := range plans {
			line += " ~" + string(p.SKU[:2])
		}
		if b.Incomplete {
			line += " incomplete"
		}
		list = append(list, line)
	}
	return list
}

func wantChanges(t *testing.T, events []snapshot.Event, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, changes(events)); d != "" {
		t.Errorf("changes (-want +got)\n%s", d)
	}
}

// graphEvent decodes a Graph record with these licenses before and after;
// nil for a record without.
func graphEvent(t testing.TB, id, activity, at string, before, after []string) snapshot.Event {
	t.Helper()
	props := "[]"
	if before != nil || after != nil {
		p, err := json.Marshal([]any{map[string]any{"displayName": "AssignedLicense",
			"oldValue": encoded(before), "newValue": encoded(after)}})
		if err != nil {
			t.Fatal(err)
		}
		props = string(p)
	}
	e, err := Decode(snapshot.RawEvent{Source: snapshot.SourceGraph, Raw: fmt.Appendf(nil, `{
		"id": %q, "activityDisplayName": %q, "activityDateTime": %q, "result": "success", "correlationId": "c-1",
		"initiatedBy": {"user": {"id": %q, "userPrincipalName": "anna@contoso.example"}},
		"targetResources": [{"type": "User", "id": %q, "modifiedProperties": %s}]}`, id, activity, at, anna, ben, props)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func encoded(skus []string) string {
	list := make([]string, len(skus))
	for i, s := range skus {
		list[i] = fmt.Sprintf("[SkuName=X, AccountId=y, SkuId=%s, DisabledPlans=[P1, P2]]", s)
	}
	b, err := json.Marshal(list)
	if err != nil {
		return ""
	}
	return string(b)
}

// A license report joins the halves by second and actor, so that everyone in
// a bulk assignment gets the licenses of the first user.
func TestContrast_JoinBySecondAndActor(t *testing.T) {
	wantChanges(t, fromFile(t, "bulk-same-second"), "b: +e3", "c: +e5", "d: +a1")
}

// The same report, and its copies, count the rows that the log repeats.
func TestContrast_NoDeduplication(t *testing.T) {
	wantChanges(t, fromFile(t, "duplicate-id"), "b: +a1")
}

// Another compares operation names without the full stop and finds nothing.
func TestContrast_OperationNameWithoutDot(t *testing.T) {
	for _, name := range []string{"Change user license.", "Change user license", " change  user LICENSE."} {
		if got := Normalize(name); got != snapshot.ChangeUserLicense {
			t.Errorf("Normalize(%q) = %q", name, got)
		}
	}
}

// Its later version joins by actor within two minutes.
func TestContrast_JoinByActorWithinMinutes(t *testing.T) {
	wantChanges(t, fromFile(t, "bare"), "b: incomplete", "b: +e3")
}

// A report calls all of the new value added and all of the old one removed.
func TestContrast_NoSetDifference(t *testing.T) {
	e := graphEvent(t, "1", "Change user license", "2026-03-04T10:20:30Z", []string{e3}, []string{e3, powerBI})
	wantChanges(t, []snapshot.Event{e}, "b: +a1")
}

// It takes chunked records for "no actual change".
func TestContrast_ChunksTakenForNoChange(t *testing.T) {
	wantChanges(t, fromFile(t, "chunks"), "b: +a1")
	wantChanges(t, fromFile(t, "chunks-head-missing"), "b: incomplete")
}

// It drops the initiator "Signup" as noise.
func TestContrast_SignupDropped(t *testing.T) {
	e := graphEvent(t, "1", "Change user license", "2026-03-04T10:20:30Z", nil, []string{powerBI})
	e.Actor = snapshot.Actor{Kind: snapshot.ActorApp, Name: "Signup"}
	wantChanges(t, []snapshot.Event{e}, "b: +a1")
}

// An audit script labels equal sets "plan change".
func TestContrast_EqualSetsArePlanChange(t *testing.T) {
	events := fromFile(t, "noop")
	wantChanges(t, events)
	if b := Bundles(events); len(b) != 1 || !b[0].NoOp {
		t.Errorf("the no-op is not told apart: %+v", b)
	}
}

// It has rows with empty SKU columns for records without detail.
func TestContrast_EmptyDetailRows(t *testing.T) {
	wantChanges(t, fromFile(t, "pair"), "b: +a1")
}

// It misses changes for which the only record is an Update user or Add user.
func TestContrast_OnlyChangeUserLicense(t *testing.T) {
	wantChanges(t, fromFile(t, "update-only"), "b: +e3", "b: ~e3", "b: incomplete", "b:")
	wantChanges(t, fromFile(t, "add-user"), "b: +e3", "c:")
}

// A snippet splits licenses at "[,[" and breaks on disabled plans; another
// strips all brackets and quotes.
func TestContrast_SplitAtBrackets(t *testing.T) {
	e := fromFile(t, "assigned-license")[0]
	want := []string{"M365_ADVANCED_AUDITING", "SWAY", "TEAMS1"}
	if d := cmp.Diff(want, e.License.Old[0].Disabled); d != "" {
		t.Errorf("disabled plans (-want +got)\n%s", d)
	}
}

// The snippet reads only users as initiators.
func TestContrast_OnlyUserInitiators(t *testing.T) {
	kinds := map[snapshot.ActorKind]bool{}
	for _, e := range fromFile(t, "actors") {
		kinds[e.Actor.Kind] = true
	}
	for _, k := range []snapshot.ActorKind{snapshot.ActorUser, snapshot.ActorApp, snapshot.ActorSystem} {
		if !kinds[k] {
			t.Errorf("no actor of kind %s", k)
		}
	}
}

// A creation audit reads names only; names are labels.
func TestContrast_NamesAreIdentity(t *testing.T) {
	x := graphEvent(t, "1", "Change user license", "2026-03-04T10:20:30Z", []string{e3}, []string{e3})
	x.License.New[0].Name = "RENAMED"
	wantChanges(t, []snapshot.Event{x})
}

// A membership audit reads the new value on add and the old one on remove.
// That is right.
func TestContrast_MembershipValues(t *testing.T) {
	for _, e := range fromFile(t, "membership") {
		if e.Group != "99999999-0000-4000-8000-000000000009" {
			t.Errorf("%s: group %q", e.ID, e.Group)
		}
	}
}

// A detection takes the first NewValue of a fragment by its text.
func TestContrast_FragmentReadAlone(t *testing.T) {
	events := fromFile(t, "chunks")
	for i := range events {
		if events[i].License != nil {
			t.Errorf("part %d read alone", events[i].Part.Seq)
		}
	}
}

// A query looks at DisabledPlans[0] only.
func TestContrast_FirstDisabledPlanOnly(t *testing.T) {
	wantPlans := PlanChange{SKU: e3, Name: "SPE_E3", Enabled: []string{"YAMMER"}, Disabled: []string{"TEAMS1"}}
	_, _, plans := Delta(fromFile(t, "update-only")[1].License)
	if d := cmp.Diff([]PlanChange{wantPlans}, plans); d != "" {
		t.Errorf("plans (-want +got)\n%s", d)
	}
}

// A script searches operations that do not exist and reports "no changes".
func TestContrast_InventedOperations(t *testing.T) {
	for _, name := range []string{"Set-MsolUserLicense", "Add license to user", "Remove license from user"} {
		if isLicensing(Normalize(name)) {
			t.Errorf("%q counts as a license operation", name)
		}
	}
}

// A report of deleted accounts cuts off 32 characters, whatever they are.
func TestContrast_PrefixCutUnconditionally(t *testing.T) {
	prefix := strings.ReplaceAll(ben, "-", "")
	for upn, want := range map[string]string{
		prefix + "ben@contoso.example":                  "ben@contoso.example",
		strings.ToUpper(prefix) + "ben@contoso.example": "ben@contoso.example",
		"ben@contoso.example":                           "ben@contoso.example",
		"0123456789abcdef0123456789abcdefx@y":           "0123456789abcdef0123456789abcdefx@y",
		"":                                              "",
	} {
		if got := undeletedUPN(upn, ben); got != want {
			t.Errorf("undeletedUPN(%q) = %q, want %q", upn, got, want)
		}
	}
}
