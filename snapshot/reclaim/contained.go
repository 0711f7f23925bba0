package reclaim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lictrail/snapshot"
)

// contained applies to a SKU all of whose working plans another SKU of the
// user has, or has in a larger edition. What is switched off counts: a plan
// that only this seat has switched on is used by it.
func (c *seatCase) contained(row *Row) bool {
	mine := c.working(c.seat)
	if len(mine) == 0 {
		return false
	}
	for i := range c.h.Seats {
		other := &c.h.Seats[i]
		if other.SKU == c.seat.SKU || c.SKUs[other.SKU].Free {
			continue
		}
		larger, ok := covers(c.working(other), mine)
		if !ok || c.twins(other.SKU) && other.SKU > c.seat.SKU {
			continue
		}
		row.By = other.SKU
		row.IdleSince = c.afterAssignment(other.Since.NotAfter)
		row.Reason = fmt.Sprintf("%s, which the user also holds, has every service plan of it that is switched on", c.skuName(other.SKU))
		if len(larger) > 0 {
			row.Reason += fmt.Sprintf(" (%s in a larger edition)", strings.Join(larger, ", "))
		}
		row.Reason += "."
		return true
	}
	return false
}

// twins reports whether the two SKUs contain each other: then only one of them
// goes.
func (c *seatCase) twins(other snapshot.SKUID) bool {
	_, ok := covers(c.SKUs[c.seat.SKU].Plans, c.SKUs[other].Plans)
	return ok
}

// working returns the plans that are switched on by some path.
func (j *judge) working(seat *Holding) map[snapshot.PlanID]string {
	plans := maps.Clone(j.SKUs[seat.SKU].Plans)
	maps.DeleteFunc(plans, func(id snapshot.PlanID, name string) bool {
		return noService(name) || !slices.ContainsFunc(seat.Paths, func(p Path) bool { return !slices.Contains(p.Disabled, id) })
	})
	return plans
}

// noService: the plan is a base that nearly every SKU has, or is for the
// company, and does nothing for a user by itself.
func noService(plan string) bool {
	return strings.HasPrefix(plan, "EXCHANGE_S_FOUNDATION") || strings.HasPrefix(plan, "M365_LIGHTHOUSE_")
}

// covers reports whether every plan of the one is in the other, and which only
// in a larger edition.
func covers(all, some map[snapshot.PlanID]string) (larger []string, ok bool) {
	for id, name := range some {
		if _, same := all[id]; same {
			continue
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(all)), func(other string) bool { return largerEdition(other, name) }) {
			return nil, false
		}
		larger = append(larger, name)
	}
	slices.Sort(larger)
	return larger, true
}

var editionPattern = regexp.MustCompile(`^(.*_(?:E|P|PLAN)?)(\d)$`)

// largerEdition reports whether a plan is a larger edition of another: by the
// number at the end of its name (FORMS_PLAN_E5 over FORMS_PLAN_E3), or by name.
func largerEdition(name, than string) bool {
	if slices.Contains(largerByName[than], name) {
		return true
	}
	a, b := editionPattern.FindStringSubmatch(name), editionPattern.FindStringSubmatch(than)
	if a == nil || b == nil || a[1] != b[1] {
		return false
	}
	x, _ := strconv.Atoi(a[2]) // one digit
	y, _ := strconv.Atoi(b[2])
	return x > y
}

// largerByName lists editions that Microsoft names in words: its service
// descriptions of Office 365 and Microsoft 365 plans.
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
