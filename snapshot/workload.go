package snapshot

import (
	"slices"
	"strings"
	"time"
)

// Workload is a service of Microsoft 365, in the words of the usage report on
// active users.
type Workload string

// Workloads are those that the report has columns for.
const (
	Exchange   Workload = "Exchange"
	OneDrive   Workload = "OneDrive"
	SharePoint Workload = "SharePoint"
	Skype      Workload = "Skype For Business"
	Yammer     Workload = "Yammer"
	Teams      Workload = "Teams"
)

// WorkloadLicense is since when a user is licensed for a workload, by the
// column "License Assign Date" of the usage report.
type WorkloadLicense struct {
	Workload Workload
	Day      time.Time // midnight UTC at its beginning
}

// LicensedBy is the time at which the license was there: the day's end.
func (l WorkloadLicense) LicensedBy() time.Time { return l.Day.AddDate(0, 0, 1).Add(-time.Second) }

// workloadPlan decides by the name of a service plan what it has to do with a
// workload.
type workloadPlan struct {
	gives   []string // beginnings of names of plans that license it
	touches []string // parts of names of plans that may, to be on the safe side
}

var workloadPlans = map[Workload]workloadPlan{
	Exchange: {[]string{"EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_DESKLESS", "EXCHANGE_S_ESSENTIALS", "EXCHANGE_B_"},
		[]string{"EXCHANGE"}},
	OneDrive:   {[]string{"ONEDRIVE", "SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD", "SHAREPOINTDESKLESS"}, []string{"ONEDRIVE", "SHAREPOINT"}},
	SharePoint: {[]string{"SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD", "SHAREPOINTDESKLESS"}, []string{"ONEDRIVE", "SHAREPOINT"}},
	Skype:      {[]string{"MCOSTANDARD", "MCOIMP", "MCOLITE"}, []string{"MCO", "SKYPE", "LYNC"}},
	Yammer:     {[]string{"YAMMER_"}, []string{"YAMMER", "VIVAENGAGE", "VIVA_ENGAGE"}},
	Teams:      {[]string{"TEAMS1", "TEAMS_"}, []string{"TEAMS"}},
}

// WorkloadOwners finds the workloads whose use is evidence for a SKU: it licenses them, and
// no other SKU may. plans has the names of all service plans that each of the
// tenant's SKUs was ever seen to contain. Where two SKUs may license a workload,
// its date may have come with either.
func WorkloadOwners(plans map[SKUID][]string) map[Workload]SKUID {
	owners := make(map[Workload]SKUID)
	for workload, of := range workloadPlans {
		var touching []SKUID
		for sku, names := range plans {
			if slices.ContainsFunc(names, of.touched) {
				touching = append(touching, sku)
			}
		}
		if len(touching) == 1 && slices.ContainsFunc(plans[touching[0]], of.given) {
			owners[workload] = touching[0]
		}
	}
	return owners
}

func (w workloadPlan) given(plan string) bool {
	return slices.ContainsFunc(w.gives, func(begin string) bool { return strings.HasPrefix(strings.ToUpper(plan), begin) })
}

func (w workloadPlan) touched(plan string) bool {
	return slices.ContainsFunc(w.touches, func(part string) bool { return strings.Contains(strings.ToUpper(plan), part) })
}
