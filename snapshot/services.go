package snapshot

import (
	"slices"
	"strings"
)

// This file classifies service plans by their names, since a PlanID does not show what
// the plan is.

// GivesMailbox reports whether a plan gives a mailbox. EXCHANGE_S_FOUNDATION is
// in nearly every SKU and gives none.
func GivesMailbox(plan string) bool {
	return slices.ContainsFunc(mailboxPlans, func(begin string) bool { return strings.HasPrefix(plan, begin) })
}

var mailboxPlans = []string{"EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_DESKLESS", "EXCHANGE_S_ESSENTIALS",
	"EXCHANGE_B_STANDARD", "EXCHANGE_L_STANDARD"}

// NoService reports whether a plan is a base that nearly every SKU has, or is for
// the company, and does nothing for a user by itself.
func NoService(plan string) bool {
	return strings.HasPrefix(plan, "EXCHANGE_S_FOUNDATION") || strings.HasPrefix(plan, "M365_LIGHTHOUSE_")
}

// Edition splits FORMS_PLAN_E3 into FORMS_PLAN_E and 3.
func Edition(plan string) (family string, number byte, ok bool) {
	last := len(plan) - 1
	if last < 1 || plan[last] < '0' || plan[last] > '9' {
		return "", 0, false
	}
	family = plan[:last]
	for _, end := range []string{"_", "_E", "_P", "_PLAN"} {
		ok = ok || strings.HasSuffix(family, end)
	}
	return family, plan[last], ok
}

// LargerEditions are the plans that Microsoft names, in words, as larger editions
// of one: its service descriptions of Office 365 and Microsoft 365 plans.
func LargerEditions(plan string) []string { return largerByName[plan] }

var largerByName = map[string][]string{
	"ADALLOM_S_DISCOVERY":       {"ADALLOM_S_STANDALONE"},
	"EXCHANGE_S_DESKLESS":       {"EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE"},
	"EXCHANGE_S_STANDARD":       {"EXCHANGE_S_ENTERPRISE"},
	"KAIZALA_O365_P3":           {"KAIZALA_STANDALONE"},
	"MCOIMP":                    {"MCOSTANDARD"},
	"MDE_LITE":                  {"WINDEFATP"},
	"OFFICEMOBILE_SUBSCRIPTION": {"OFFICESUBSCRIPTION", "OFFICE_BUSINESS"},
	"RMS_S_BASIC":               {"RMS_S_ENTERPRISE"},
	"SHAREPOINTDESKLESS":        {"SHAREPOINTSTANDARD", "SHAREPOINTENTERPRISE"},
	"SHAREPOINTSTANDARD":        {"SHAREPOINTENTERPRISE"},
}

// Larger reports whether one plan is a larger edition of another: by the number
// at the end of their names (FORMS_PLAN_E5 over FORMS_PLAN_E3), or by name.
func Larger(plan, than string) bool {
	family, number, ok := Edition(plan)
	other, less, same := Edition(than)
	return ok && same && family == other && number > less || slices.Contains(LargerEditions(than), plan)
}
