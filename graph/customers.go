package graph

import (
	"context"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// customerPage is the most that Graph gives in a page
// (learn.microsoft.com/graph/api/tenantrelationship-list-delegatedadmincustomers).
const customerPage = "300"

type wireCustomer struct {
	TenantID    guid   `json:"tenantId"`
	DisplayName string `json:"displayName"`
}

// Customers reads the tenants that have an active delegated admin relationship with
// the tenant that is read, a partner's, sorted by id. Graph keeps a customer for as
// long as a relationship is active. A tenant that is no partner's has none.
func (c *Client) Customers(ctx context.Context) ([]snapshot.Tenant, error) {
	first := c.template("{+baseurl}/tenantRelationships/delegatedAdminCustomers{?%24top}", map[string]any{"%24top": customerPage})
	all, err := collect(ctx, c, opCustomers, first, func(t snapshot.Tenant) string { return string(t.ID) }, (*wireCustomer).tenant)
	slices.SortFunc(all, func(a, b snapshot.Tenant) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all, err
}

func (w *wireCustomer) tenant() (snapshot.Tenant, error) {
	p := rowProblem{kind: "customer", name: w.TenantID.text}
	t := snapshot.Tenant{ID: snapshot.TenantID(p.id("tenantId", w.TenantID)), Name: w.DisplayName}
	return t, p.err
}
