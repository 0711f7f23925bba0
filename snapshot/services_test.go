package snapshot

import "testing"

func TestLarger(t *testing.T) {
	for _, test := range []struct {
		plan, than string
		want       bool
	}{
		{"FORMS_PLAN_E5", "FORMS_PLAN_E3", true},
		{"FORMS_PLAN_E3", "FORMS_PLAN_E5", false},
		{"FORMS_PLAN_E3", "FORMS_PLAN_E3", false},
		{"POWERAPPS_O365_P3", "POWERAPPS_O365_P2", true},
		{"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD", true},
		{"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_DESKLESS", true},
		{"EXCHANGE_S_DESKLESS", "EXCHANGE_S_STANDARD", false},
		{"TEAMS1", "MCOSTANDARD", false},
		{"TEAMS1", "TEAMS0", false}, // a number that is no edition
		{"", "", false},
	} {
		if got := Larger(test.plan, test.than); got != test.want {
			t.Errorf("Larger(%q, %q) = %t, want %t", test.plan, test.than, got, test.want)
		}
	}
}

func TestGivesMailbox(t *testing.T) {
	for plan, want := range map[string]bool{"EXCHANGE_S_ENTERPRISE": true, "EXCHANGE_S_STANDARD_GOV": true, "EXCHANGE_S_DESKLESS": true,
		"EXCHANGE_S_FOUNDATION": false, "EXCHANGE_S_ARCHIVE_ADDON": false, "EXCHANGE_ANALYTICS": false, "TEAMS1": false} {
		if got := GivesMailbox(plan); got != want {
			t.Errorf("GivesMailbox(%q) = %t, want %t", plan, got, want)
		}
	}
}
