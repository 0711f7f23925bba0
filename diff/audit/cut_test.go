package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"lictrail/snapshot"
)

// TestCut cuts records off after each of their bytes. The rest is refused, or decoded as
// the same operation with fewer details and without license details.
func TestCut(t *testing.T) {
	user, actor, tenant := "a1100000-0000-4000-8000-0000000000a1", "ad000000-0000-4000-8000-0000000000ad", "6f1c2a3b-7d4e-4f5a-8b6c-9d0e1f2a3b4c"
	license := `[\"[SkuName=SPE_E3, AccountId=` + tenant + `, SkuId=05e9a617-0261-4cee-bb44-138d3ef5d965, DisabledPlans=[]]\"]`
	unified := `{"CreationTime":"2026-03-04T10:20:30","Id":"i","Operation":"Change user license.","OrganizationId":"` + tenant + `","ResultStatus":"Success",
		"UserType":9,"ObjectId":"ann@contoso.example","UserId":"ada@contoso.example","ModifiedProperties":[{"Name":"AssignedLicense","NewValue":"` + license + `","OldValue":"[]"}],
		"Actor":[{"ID":"User_` + actor + `","Type":2}],"ActorContextId":"` + tenant + `","Target":[{"ID":"User_` + user + `","Type":2}],"Version":12}`
	targets := `[{"id":"` + user + `","type":"User","userPrincipalName":"ann@contoso.example","modifiedProperties":[{"displayName":"AssignedLicense","oldValue":"[]","newValue":"` + license + `"}]}]`
	for _, c := range []struct {
		name, text string
		wrap       func(t *testing.T, cut string) []byte
	}{
		{"AuditData", unified, func(t *testing.T, cut string) []byte {
			return jsonOf(t, map[string]string{"RecordId": "i", "Operations": "Change user license.", "AuditData": cut})
		}},
		{"targetResources", targets, func(t *testing.T, cut string) []byte {
			return jsonOf(t, map[string]string{"Id": "i", "ActivityDateTime": "2026-03-04T10:20:30Z", "TimeGenerated": "2026-03-04T10:20:30Z", "ActivityDisplayName": "Change user license",
				"Result": "success", "InitiatedBy": `{"user":{"id":"` + actor + `","userPrincipalName":"ada@contoso.example"}}`, "TargetResources": cut})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := Decode(snapshot.RawEvent{Raw: c.wrap(t, c.text)})
			if err != nil || want.License == nil || !want.License.Complete {
				t.Fatalf("uncut: %+v, %v", want, err)
			}
			kept, named := 0, 0
			for n := range len(c.text) - 1 {
				raw := c.wrap(t, c.text[:n+1])
				if _, err := Look(raw); err != nil {
					continue
				}
				e, err := Decode(snapshot.RawEvent{Raw: raw})
				if err != nil {
					continue
				}
				kept++
				if e.Target != "" {
					named++
				}
				if e.License != nil || !e.LicenseTouched || !e.Success || e.ID != "i" || !e.At.Equal(want.At) || e.Activity != want.Activity ||
					e.Target != "" && e.Target != want.Target || e.TargetUPN != "" && e.TargetUPN != want.TargetUPN ||
					e.Actor.ID != "" && e.Actor.ID != want.Actor.ID || e.Actor.UPN != "" && e.Actor.UPN != "ada@contoso.example" {
					t.Errorf("cut to %d bytes it says %+v", n+1, e)
				}
				if b := Bundles([]snapshot.Event{e}); len(b) != 1 || !b[0].Incomplete {
					t.Errorf("cut to %d bytes it counts as complete", n+1)
				}
			}
			if kept == 0 || named == 0 || kept == len(c.text)-1 {
				t.Errorf("%d of %d cuts are kept, %d with the user's id: the test proves nothing", kept, len(c.text)-1, named)
			}
		})
	}
}

// TestCut_Refused says why a record that was cut off is of no use.
func TestCut_Refused(t *testing.T) {
	for text, want := range map[string]string{
		`{"CreationTime":"2026-03-04T10:20:30","Operation":"Change user license.","ObjectId":"ann@contoso.example","ResultStatus":"Succ`: "whether it succeeded",
		`{"CreationTime":"2026-03-04T10:20:30","Operation":"Change user license.","ResultStatus":"Success","ObjectId":"ann@cont`:         "whose licenses it is about",
		`{"CreationTime":"2026-03-04T10:20:30","Operation":"Delete user.","ResultStatus":"Success","ObjectId":"ann@contoso.example"`:     "all of what was done",
		`{"Operation":"Change user license.","ResultStatus":"Success","ObjectId":"ann@contoso.example","CreationTime":"2026-03-04T1`:     "when it was",
	} {
		_, err := Decode(snapshot.RawEvent{Raw: jsonOf(t, map[string]string{"AuditData": text})})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestUncut: a number or a word at the very end may have been longer.
func TestUncut(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1`: `{}`, `{"a":1,`: `{"a":1}`, `{"a":"b"`: `{"a":"b"}`, `{"a":"b\`: `{}`, `{"a":{"b":2}`: `{"a":{"b":2}}`, `{"a":[1],"b":tru`: `{"a":[1]}`,
		`{"a":1,"b":true`: `{"a":1}`, `{`: `{}`, ``: `{}`, `[1`: `{}`,
	} {
		if got := string(uncut(text)); got != want {
			t.Errorf("uncut(%s) = %s, want %s", text, got, want)
		}
	}
	if got := uncutTargets(`[{"id":"a","type":"User"},{"id":"b","type":"Us`); len(got) != 2 || got[1].ID != "b" || got[1].Type != "" {
		t.Errorf("%+v", got)
	}
}

func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
