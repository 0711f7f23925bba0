package audit

import (
	"fmt"
	"strings"
	"testing"

	"lictrail/snapshot"
)

func TestLook(t *testing.T) {
	const tenant = "7a1c4e5f-0000-4000-8000-000000000001"
	for _, test := range []struct {
		name, raw string
		want      Glance
		err       string
	}{
		{"Graph", `{"activityDisplayName": "Change user license", "activityDateTime": "2026-03-04T10:20:30Z", "tenantId": "x"}`,
			Glance{Source: snapshot.SourceGraph, Activity: "Change user license"}, ""},
		{"Azure Monitor", `{"operationName": "Add user", "resourceId": "/tenants/7A1C4E5F-0000-4000-8000-000000000001/providers/Microsoft.aadiam",
			"tenantId": "other", "properties": {"tenantId": "third", "activityDisplayName": "Add user"}}`,
			Glance{Source: snapshot.SourceAzureMonitor, Activity: "Add user", Tenant: tenant}, ""},
		{"Azure Monitor, whose envelope names no operation", `{"tenantId": "` + tenant + `", "properties": {"activityDisplayName": "Add user"}}`,
			Glance{Source: snapshot.SourceAzureMonitor, Activity: "Add user", Tenant: tenant}, ""},
		{"Azure Monitor without a path", `{"operationName": "Add user", "tenantId": "` + tenant + `", "properties": {"id": "x"}}`,
			Glance{Source: snapshot.SourceAzureMonitor, Activity: "Add user", Tenant: tenant}, ""},
		{"Log Analytics, where TenantId is the workspace", `{"TenantId": "workspace", "AADTenantId": "` + tenant + `",
			"TimeGenerated": "2026-03-04T10:20:30Z", "OperationName": "Delete user", "TargetResources": "[]"}`,
			Glance{Source: snapshot.SourceAzureMonitor, Activity: "Delete user", Tenant: tenant}, ""},
		{"unified", `{"CreationTime": "2026-03-04T10:20:30", "Operation": "Update user.", "OrganizationId": "` + tenant + `"}`,
			Glance{Source: snapshot.SourceUnified, Activity: "Update user.", Tenant: tenant}, ""},
		{"a row of Search-UnifiedAuditLog", `{"Identity": "i", "Operations": "Add user.", "AuditData": "{\"Id\":\"i\",\"Operation\":\"Add user.\",\"OrganizationId\":\"` + tenant + `\"}"}`,
			Glance{Source: snapshot.SourceUnified, Activity: "Add user.", Tenant: tenant, Inner: []byte(`{"Id":"i","Operation":"Add user.","OrganizationId":"` + tenant + `"}`)}, ""},
		{"a row that says more than its AuditData", `{"Identity": "i", "Operations": "Add user.", "AuditData": "{\"Id\":\"i\",\"OrganizationId\":\"` + tenant + `\"}"}`,
			Glance{Source: snapshot.SourceUnified, Activity: "Add user.", Tenant: tenant}, ""},
		{"Purview through Graph", `{"id": "p", "auditLogRecordType": "AzureActiveDirectory", "operation": "Add user.", "organizationId": "` + tenant + `",
			"auditData": {"Operation": "Add user."}}`,
			Glance{Source: snapshot.SourcePurview, Activity: "Add user.", Tenant: tenant}, ""},
		{"an empty row", `{"AuditData": " "}`, Glance{}, "the record's AuditData is empty"},
		{"something else", `{"a": 1}`, Glance{}, "not an audit record of a known shape"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Look([]byte(test.raw))
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Source != test.want.Source || got.Activity != test.want.Activity || got.Tenant != test.want.Tenant || string(got.Inner) != string(test.want.Inner) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestDerivedID: without an id of its own, a record has the same one each time,
// another record another one, and a copy with an id is the same operation.
func TestDerivedID(t *testing.T) {
	const body = `"activityDateTime": "2026-03-04T10:20:30Z", "activityDisplayName": "Add member to group", "result": "success",
		"initiatedBy": {"user": {"id": "0a000000-0000-4000-8000-00000000000a"}},
		"targetResources": [{"type": "User", "id": "0b000000-0000-4000-8000-00000000000b", "modifiedProperties": [
			{"displayName": "Group.ObjectID", "newValue": "\"0c000000-0000-4000-8000-00000000000c\""}]}]`
	read := func(raw string) *Record {
		t.Helper()
		r, err := Read(snapshot.SourceGraph, []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, again := read(`{`+body+`}`), read("{\n  "+body+"\n}")
	if a.ID != again.ID || a.ID == "" {
		t.Errorf("ids %q and %q of one record", a.ID, again.ID)
	}
	other := read(`{"correlationId": "0d000000-0000-4000-8000-00000000000d", ` + body + `}`)
	if other.ID == a.ID {
		t.Errorf("two records have the id %q", a.ID)
	}
	named := read(`{"id": "Directory_x_y_1", ` + body + `}`)
	var events []snapshot.Event
	for _, r := range []*Record{a, named} {
		e, err := r.Event()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if got := Bundles(events); len(got) != 1 {
		t.Errorf("%d bundles of a record and its copy without an id, want 1", len(got))
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-04T10:20:30.1234567Z": "2026-03-04T10:20:30.1234567Z",
		"2026-03-04T10:20:30":          "2026-03-04T10:20:30Z",
		"2026-03-04 10:20:30":          "2026-03-04T10:20:30Z",
		"2026-03-04 10:20:30Z":         "2026-03-04T10:20:30Z",
		"/Date(1772619630000)/":        "2026-03-04T10:20:30Z",
		"3/4/2026 10:20:30 AM":         "",
	} {
		at, _, err := parseTime(text)
		if got := at.UTC().Format("2006-01-02T15:04:05.9999999Z07:00"); err == nil && got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}

// Members that are missing in a record are taken from the columns of the export beside it.
func TestRead_OperationBesideAuditData(t *testing.T) {
	r, err := Read("", []byte(`{"Identity": "i", "Operations": "Add user.", "AuditData": "{\"Id\":\"i\",\"CreationTime\":\"2026-03-04T10:20:30\"}"}`))
	if err != nil || r.Activity != "Add user." {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestDoubt: only a record that says how it ended is evidence.
func TestDoubt(t *testing.T) {
	const failed = `, "modifiedProperties": [{"displayName": "MethodExecutionResult.", "newValue": "Microsoft.Online.Workflows.ObjectAlreadyExistsException"}]`
	for _, test := range []struct {
		result, properties string
		doubt              string
	}{
		{`"result": "success",`, "", ""},
		{`"result": "Succeeded",`, "", ""},
		{`"result": "failure",`, "", ""},
		{`"result": "Failed",`, "", ""},
		{``, "", "it has no result, so whether it succeeded is not known"},
		{`"result": "",`, "", "it has no result, so whether it succeeded is not known"},
		{`"result": null,`, "", "it has no result, so whether it succeeded is not known"},
		{`"result": "timeout",`, "", `whether it succeeded is not known: its result is "timeout"`},
		{`"result": "unknownFutureValue",`, "", `whether it succeeded is not known: its result is "unknownFutureValue"`},
		{`"result": 0,`, "", `whether it succeeded is not known: its result is "0"`},
		{``, failed, ""},
		{`"result": "success",`, `, "modifiedProperties": ["AssignedLicense"]`, "its modified properties are not objects, so what was done is not known"},
		{`"result": "success",`, "", "it has no initiatedBy, so who did it is not known"},
		{`"result": "success", "initiatedBy": {"user": {"id": "x", "homeTenantId": "0b000000-0b000000"}},`, "", `the tenant of who did it is "0b000000-0b000000", which is no id`},
		{`"result": "success",`, `}, {"type": "Usr", "id": "x"`, `the type of a target is "Usr", which is not known`},
	} {
		by := `"initiatedBy": null,`
		if strings.Contains(test.result, "initiatedBy") || test.doubt == "it has no initiatedBy, so who did it is not known" {
			by = ""
		}
		r, err := Read("", []byte(`{`+test.result+` "activityDateTime": "2026-03-04T10:20:30Z", "activityDisplayName": "Change user license", `+by+`
			"targetResources": [{"type": "User", "id": "0b000000-0000-4000-8000-00000000000b"`+test.properties+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Doubt(); got != test.doubt {
			t.Errorf("%s %s: %q, want %q", test.result, test.properties, got, test.doubt)
		}
	}
}

func TestGlance_Time(t *testing.T) {
	for raw, want := range map[string]string{
		`{"activityDisplayName": "Add user", "activityDateTime": "2026-03-04T10:20:30.5Z"}`:                                    "10:20:30.5 +0s",
		`{"activityDisplayName": "Add user", "activityDateTime": "2026-03-04T10:20:30Z"}`:                                      "10:20:30 +1s",
		`{"activityDisplayName": "Add user", "activityDateTime": "2026-03-04T10:20Z"}`:                                         "10:20:00 +1m0s",
		`{"properties": {"activityDateTime": "2026-03-04T10:20:30.5Z"}, "time": "2026-03-04T11:00:00.5Z"}`:                     "10:20:30.5 +0s",
		`{"CreationTime": "2026-03-04T10:20:30", "Operation": "Add user."}`:                                                    "10:20:30 +1s",
		`{"CreationDate": "2026-03-05T00:00:00Z", "AuditData": "{\"CreationTime\":\"2026-03-04T10:20:30\",\"Operation\":\"A"}`: "10:20:30 +1s",
		`{"CreationDate": "2026-03-04T10:20:30Z", "AuditData": ""}`:                                                            "10:20:30 +1s",
		`{"CreationDate": "2026-03-04T10:20:30", "AuditData": ""}`:                                                             "20:20:30 +28h0m1s",
		`{"CreationDate": "/Date(1772619630000)/", "AuditData": ""}`:                                                           "20:20:30 +28h0m0s",
		`{"createdDateTime": "2026-03-04T10:20:30Z", "auditData": ""}`:                                                         "10:20:30 +1s",
		`{"CreationDate": "3/4/2026 10:20:30", "AuditData": ""}`:                                                               "none",
		`{"CreationTime": "soon", "Operation": "Add user."}`:                                                                   "none",
		`{"a": 1}`: "none",
	} {
		g, _ := Look([]byte(raw))
		w, got := g.Time(), "none"
		if !w.NotAfter.IsZero() {
			got = w.NotBefore.Format("15:04:05.9") + " +" + w.NotAfter.Sub(w.NotBefore).String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// A license set of which a side is missing, not empty, is known in part.
func TestRead_SideMissing(t *testing.T) {
	for properties, want := range map[string]string{
		`"oldValue": "[]", "newValue": "[]"`: "true true whole",
		`"oldValue": null, "newValue": ""`:   "true true whole",
		`"newValue": "[]"`:                   "false true cut",
		`"oldValue": "[]"`:                   "true false cut",
		`"oldVal": "[]", "newValue": "[]"`:   "false true cut",
	} {
		r, err := Read("", []byte(`{"activityDateTime": "2026-03-04T10:20:30Z", "activityDisplayName": "Change user license", "result": "success",
			"targetResources": [{"type": "User", "id": "0b000000-0000-4000-8000-00000000000b", "modifiedProperties": [{"displayName": "AssignedLicense", `+properties+`}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Event()
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(e.License.OldKnown, " ", e.License.NewKnown, " whole")
		if r.IsCut() {
			got = fmt.Sprint(e.License.OldKnown, " ", e.License.NewKnown, " cut")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", properties, got, want)
		}
	}
}

// A license change that names no user is evidence for nobody.
func TestDoubt_NoUser(t *testing.T) {
	for _, targets := range []string{`[]`, `[{"type": "Group", "id": "0b000000-0000-4000-8000-00000000000b"}]`} {
		r, err := Read("", []byte(`{"result": "success", "activityDateTime": "2026-03-04T10:20:30Z", "activityDisplayName": "Change user license", "initiatedBy": null, "targetResources": `+targets+`}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Doubt(); got != "it does not say which user it is about" {
			t.Errorf("%s: %q", targets, got)
		}
	}
}
