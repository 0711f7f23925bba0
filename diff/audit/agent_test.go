package audit

import (
	"fmt"
	"testing"

	"lictrail/snapshot"
)

// TestAgent states which values of agentType mark the user as an agent's.
func TestAgent(t *testing.T) {
	for kind, want := range map[string]bool{
		`null`: false, `""`: false, `"notAgentic"`: false, `"NotAgentic"`: false,
		`"agentIDuser"`: true, `"agenticAppInstance"`: true, `"unknownFutureValue"`: true,
	} {
		raw, err := Describe(snapshot.SourceGraph, fmt.Appendf(nil, `{"id": "1", "activityDateTime": "2026-03-04T10:20:30Z",
			"activityDisplayName": "Change user license", "result": "success", "initiatedBy": {"user": {
			"id": "aaaaaaaa-0000-4000-8000-00000000000a", "userPrincipalName": "joiner@contoso.example", "agentType": %s}}}`, kind))
		if err != nil {
			t.Fatal(err)
		}
		e, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if e.Actor.Agent != want || e.Actor.Kind != snapshot.ActorUser {
			t.Errorf("agentType %s: %+v", kind, e.Actor)
		}
	}
}
