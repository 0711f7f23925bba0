package graphtest

import (
	"math"
	"strings"
)

var (
	skuFields = []string{
		"id", "accountId", "accountName", "skuId", "skuPartNumber", "appliesTo", "capabilityStatus",
		"consumedUnits", "prepaidUnits", "servicePlans", "subscriptionIds",
	}
	subscriptionFields = []string{
		"id", "commerceSubscriptionId", "createdDateTime", "isTrial", "nextLifecycleDateTime", "ownerId",
		"ownerTenantId", "ownerType", "serviceStatus", "skuId", "skuPartNumber", "status", "totalLicenses",
	}
	organizationFields = []string{"id", "displayName", "assignedPlans", "countryLetterCode", "verifiedDomains"}
)

func listSKUs(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("subscribedSkus")
	a.limit = math.MaxInt
	for _, s := range t.skus {
		a.add(s.ID, func() []byte { return c.s.draw.sku(s, c.fields) })
	}
	return a, nil
}

func (x render) sku(s *SKU, fields []string) []byte {
	plans, subs := []any{}, []any{}
	for _, p := range s.Plans {
		plans = append(plans, x.object(object{
			{"servicePlanId", x.id(p.ID)}, {"servicePlanName", p.Name}, {"provisioningStatus", "Success"}, {"appliesTo", "User"},
		}))
	}
	for _, sub := range s.Subscriptions {
		subs = append(subs, sub.ID)
	}
	values := map[string]any{
		"id": x.t.ID + "_" + s.ID, "accountId": x.t.ID, "accountName": strings.ToLower(x.t.Name), "skuId": x.id(s.ID),
		"skuPartNumber": s.PartNumber, "appliesTo": s.AppliesTo, "capabilityStatus": s.Status,
		"consumedUnits": s.consumed, "servicePlans": x.mixed(plans), "subscriptionIds": x.mixed(subs),
		"prepaidUnits": x.object(object{{"enabled", s.Enabled}, {"warning", s.Warning}, {"suspended", s.Suspended}, {"lockedOut", s.LockedOut}}),
	}
	return x.row(fields, func(f string) any { return values[f] })
}

func listSubscriptions(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("directory/subscriptions")
	a.limit = math.MaxInt
	for _, s := range t.skus {
		for _, sub := range s.Subscriptions {
			a.add(sub.ID, func() []byte { return c.s.draw.subscription(s, sub, c.fields) })
		}
	}
	return a, nil
}

func (x render) subscription(s *SKU, sub Subscription, fields []string) []byte {
	ends := sub.Ends
	if ends.IsZero() {
		ends = Epoch.AddDate(1, 0, 0)
	}
	values := map[string]any{
		"id": sub.ID, "commerceSubscriptionId": sub.CommerceID, "createdDateTime": stamped(Epoch.AddDate(-1, 0, 0)),
		"isTrial": sub.Trial, "nextLifecycleDateTime": stamped(ends), "ownerId": nil,
		"ownerTenantId": nil, "ownerType": nil, "serviceStatus": []any{}, "skuId": x.id(s.ID),
		"skuPartNumber": s.PartNumber, "status": sub.Status, "totalLicenses": sub.Seats,
	}
	return x.row(fields, func(f string) any { return values[f] })
}

func listOrganization(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("organization")
	a.limit = math.MaxInt
	plans := []any{object{
		{"assignedDateTime", stamped(Epoch.AddDate(-1, 0, 0))}, {"capabilityStatus", "Enabled"},
		{"service", "exchange"}, {"servicePlanId", PlanID("EXCHANGE_S_FOUNDATION")},
	}}
	if t.Premium {
		plans = append(plans, object{
			{"assignedDateTime", stamped(Epoch.AddDate(-1, 0, 0))}, {"capabilityStatus", "Enabled"},
			{"service", "AADPremiumService"}, {"servicePlanId", PlanAADPremium},
		})
	}
	values := map[string]any{
		"id": t.ID, "displayName": t.Name, "assignedPlans": c.s.draw.mixed(plans), "countryLetterCode": "US",
		"verifiedDomains": []any{object{{"name", t.Domain}, {"isDefault", true}}},
	}
	a.add(t.ID, func() []byte { return c.s.draw.row(c.fields, func(f string) any { return values[f] }) })
	return a, nil
}
