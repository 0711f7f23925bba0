package track

import (
	"cmp"
	"fmt"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Conflicts words where the cloud licensing API contradicts what Graph shows of SKUs
// and subscriptions. What one of them leaves out contradicts nothing.
func Conflicts(l *store.Licensing, skus []snapshot.SKU, bought []snapshot.Subscription, boughtRead bool) []string {
	var found []string
	sums := sumAllotments(l)
	for i := range skus {
		s := &skus[i]
		sum := sums[s.ID]
		if sum == nil || sum.vague {
			continue
		}
		if seats := s.Units.Enabled + s.Units.Warning; !s.Silent && sum.allotted != seats {
			found = append(found, fmt.Sprintf("%s: the allotments have %d licenses, subscribedSkus has %d seats", s.PartNumber, sum.allotted, seats))
		}
		if !s.Uncounted && !sum.devices && differ(sum.consumed, s.Consumed) {
			found = append(found, fmt.Sprintf("%s: the allotments have %d licenses in use, subscribedSkus has %d", s.PartNumber, sum.consumed, s.Consumed))
		}
	}
	for _, a := range l.Allotments {
		name := cmp.Or(a.PartNumber, string(a.SKU))
		if a.SKU != "" && skus != nil && !slices.ContainsFunc(skus, func(s snapshot.SKU) bool { return s.ID == a.SKU }) {
			found = append(found, fmt.Sprintf("%s: there is an allotment, and subscribedSkus does not list it", name))
		}
		for _, s := range a.Subscriptions {
			i := slices.IndexFunc(bought, func(b snapshot.Subscription) bool { return b.ID == s.ID })
			switch {
			case !boughtRead || a.SKU == "":
			case i < 0:
				found = append(found, fmt.Sprintf("%s: subscription %s backs an allotment, and directory/subscriptions does not list it", name, s.ID))
			case bought[i].SKU != a.SKU:
				found = append(found, fmt.Sprintf("%s: subscription %s backs an allotment of it, and is of %s by directory/subscriptions", name, s.ID, bought[i].SKU))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
