package graph

import (
	"context"
	"slices"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/directory"
	"github.com/microsoftgraph/msgraph-sdk-go/subscribedskus"

	"lictrail/snapshot"
)

// premiumPlans are the service plans AAD_PREMIUM and AAD_PREMIUM_P2.
var premiumPlans = []string{"41781fb2-bc02-4b7c-bd55-b576c07bb09d", "eec0eb4f-6444-4f95-aba0-50c24d67f998"}

type wireOrganization struct {
	ID            guid       `json:"id"`
	DisplayName   string     `json:"displayName"`
	AssignedPlans []wirePlan `json:"assignedPlans"`
}

// Organization reads the tenant's own record.
func (c *Client) Organization(ctx context.Context) (snapshot.Organization, error) {
	first := c.template("{+baseurl}/organization{?%24select}", map[string]any{"%24select": "id,displayName,assignedPlans"})
	all, err := collect(ctx, c, opOrganization, first, func(o snapshot.Organization) string { return string(o.ID) }, (*wireOrganization).organization)
	if err != nil {
		return snapshot.Organization{}, err
	}
	if len(all) != 1 {
		return snapshot.Organization{}, c.newReader(opOrganization).fail(kinded(ErrIncomplete, "want one organization, got %d", len(all)))
	}
	return all[0], nil
}

func (w *wireOrganization) organization() (snapshot.Organization, error) {
	p := rowProblem{kind: "organization", name: w.ID.text}
	o := snapshot.Organization{Tenant: snapshot.Tenant{ID: snapshot.TenantID(p.id("id", w.ID)), Name: w.DisplayName}}
	for _, plan := range w.AssignedPlans {
		working := plan.CapabilityStatus == "Enabled" || plan.CapabilityStatus == "Warning"
		if !working || !slices.Contains(premiumPlans, plan.ServicePlanID.text) {
			continue
		}
		if at := p.at("assignedDateTime", plan.AssignedDateTime); !o.Premium || at.Before(o.PremiumSince) {
			o.PremiumSince = at
		}
		o.Premium = true
	}
	return o, p.err
}

type wireSKU struct {
	ID               string     `json:"id"` // tenant and SKU, joined by _
	AccountID        guid       `json:"accountId"`
	AccountName      string     `json:"accountName"`
	SKUID            guid       `json:"skuId"`
	SKUPartNumber    string     `json:"skuPartNumber"`
	AppliesTo        sharedText `json:"appliesTo"`
	CapabilityStatus sharedText `json:"capabilityStatus"`
	ConsumedUnits    *int64     `json:"consumedUnits"`
	PrepaidUnits     *struct {
		Enabled   int64 `json:"enabled"`
		Warning   int64 `json:"warning"`
		Suspended int64 `json:"suspended"`
		LockedOut int64 `json:"lockedOut"`
	} `json:"prepaidUnits"`
	ServicePlans    list[wireServicePlan] `json:"servicePlans"`
	SubscriptionIDs []string              `json:"subscriptionIds"`
}

type wireServicePlan struct {
	ServicePlanID   guid       `json:"servicePlanId"`
	ServicePlanName string     `json:"servicePlanName"`
	AppliesTo       sharedText `json:"appliesTo"`
}

// tenantSKU is a SKU and the tenant that its row names.
type tenantSKU struct {
	snapshot.SKU
	tenant snapshot.Tenant
}

// SKUs reads what the tenant has bought, sorted by id. The tenant is the one
// that the rows name, for when the organization may not be read; it is empty
// when there are no rows.
func (c *Client) SKUs(ctx context.Context) ([]snapshot.SKU, snapshot.Tenant, error) {
	first := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		return subscribedskus.NewSubscribedSkusRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx, nil)
	}
	all, err := collect(ctx, c, opSKUs, first, func(s tenantSKU) string { return string(s.ID) }, (*wireSKU).sku)
	if err != nil {
		return nil, snapshot.Tenant{}, err
	}
	var tenant snapshot.Tenant
	skus := make([]snapshot.SKU, len(all))
	for i, s := range all {
		if i > 0 && s.tenant.ID != tenant.ID {
			return nil, snapshot.Tenant{}, c.newReader(opSKUs).fail(kinded(ErrIncomplete, "rows of two tenants: %q and %q", tenant.ID, s.tenant.ID))
		}
		skus[i], tenant = s.SKU, s.tenant
	}
	slices.SortFunc(skus, func(a, b snapshot.SKU) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return skus, tenant, nil
}

func (w *wireSKU) sku() (tenantSKU, error) {
	p := rowProblem{kind: "SKU", name: w.ID}
	var units snapshot.Units
	if u := w.PrepaidUnits; u != nil {
		units = snapshot.Units{Enabled: u.Enabled, Warning: u.Warning, Suspended: u.Suspended, LockedOut: u.LockedOut}
	}
	var consumed int64
	if w.ConsumedUnits != nil {
		consumed = *w.ConsumedUnits
	}
	s := tenantSKU{
		SKU: snapshot.SKU{
			ID:            snapshot.SKUID(p.id("skuId", w.SKUID)),
			PartNumber:    w.SKUPartNumber,
			AppliesTo:     string(w.AppliesTo),
			Status:        string(w.CapabilityStatus),
			Units:         units,
			Consumed:      consumed,
			Plans:         w.servicePlans(&p),
			Subscriptions: sortedIDs(w.SubscriptionIDs),
			Silent:        w.CapabilityStatus == "" || w.PrepaidUnits == nil || !w.ServicePlans.present || w.ConsumedUnits == nil,
			Uncounted:     w.ConsumedUnits == nil,
		},
		tenant: w.tenant(),
	}
	return s, p.err
}

// tenant reads the tenant from accountId, or else from the row's id.
func (w *wireSKU) tenant() snapshot.Tenant {
	id := w.AccountID
	if prefix, _, ok := strings.Cut(w.ID, "_"); ok && (id.bad || id.text == "") {
		id = parseGUID([]byte(prefix))
	}
	if id.bad {
		return snapshot.Tenant{}
	}
	return snapshot.Tenant{ID: snapshot.TenantID(id.text), Name: w.AccountName}
}

func (w *wireSKU) servicePlans(p *rowProblem) []snapshot.ServicePlan {
	var plans []snapshot.ServicePlan
	for _, row := range w.ServicePlans.rows {
		plans = append(plans, snapshot.ServicePlan{
			ID:        snapshot.PlanID(p.id("servicePlanId", row.ServicePlanID)),
			Name:      row.ServicePlanName,
			AppliesTo: string(row.AppliesTo),
		})
	}
	slices.SortStableFunc(plans, func(a, b snapshot.ServicePlan) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return slices.CompactFunc(plans, func(a, b snapshot.ServicePlan) bool { return a.ID == b.ID })
}

// sortedIDs returns ids in lower case, sorted, each once.
func sortedIDs(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, snapshot.NormalID(id))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type wireSubscription struct {
	ID                    string     `json:"id"`
	CommerceID            string     `json:"commerceSubscriptionId"`
	SKUID                 guid       `json:"skuId"` // a string here, a Guid in subscribedSkus
	Status                sharedText `json:"status"`
	TotalLicenses         int64      `json:"totalLicenses"`
	IsTrial               bool       `json:"isTrial"`
	CreatedDateTime       instant    `json:"createdDateTime"`
	NextLifecycleDateTime instant    `json:"nextLifecycleDateTime"`
	OwnerTenantID         guid       `json:"ownerTenantId"`
}

// Subscriptions reads what was bought and when it lapses, sorted by id.
func (c *Client) Subscriptions(ctx context.Context) ([]snapshot.Subscription, error) {
	first := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		return directory.NewSubscriptionsRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx, nil)
	}
	all, err := collect(ctx, c, opSubscriptions, first, func(s snapshot.Subscription) string { return s.ID }, (*wireSubscription).subscription)
	slices.SortFunc(all, func(a, b snapshot.Subscription) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

func (w *wireSubscription) subscription() (snapshot.Subscription, error) {
	p := rowProblem{kind: "subscription", name: w.ID}
	s := snapshot.Subscription{
		ID:              snapshot.NormalID(w.ID),
		CommerceID:      snapshot.NormalID(w.CommerceID),
		SKU:             snapshot.SKUID(p.id("skuId", w.SKUID)),
		Status:          string(w.Status),
		Total:           w.TotalLicenses,
		Trial:           w.IsTrial,
		CreatedAt:       p.at("createdDateTime", w.CreatedDateTime),
		NextLifecycleAt: p.at("nextLifecycleDateTime", w.NextLifecycleDateTime),
		OwnerTenant:     snapshot.TenantID(p.optionalID("ownerTenantId", w.OwnerTenantID)),
	}
	return s, p.err
}
