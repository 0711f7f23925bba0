package graphtest

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
)

// Customers are tenants that a partner has a delegated admin relationship with. Graph
// gives them as learn.microsoft.com/graph/api/tenantrelationship-list-delegatedadmincustomers
// says; where a page begins, and in which order they come, it does not say.

// AddCustomer gives the tenant, as a partner's, a customer and returns its tenant id.
func (t *Tenant) AddCustomer(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.guid()
	t.setCustomer(id, name)
	return id
}

// NameCustomer gives a customer a name; one that is not there is added.
func (t *Tenant) NameCustomer(id, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setCustomer(strings.ToLower(id), name)
}

// RemoveCustomer ends the last relationship with a customer, which Graph then no
// longer lists.
func (t *Tenant) RemoveCustomer(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.customers, strings.ToLower(id))
}

// Customers returns the customers' tenant ids, sorted.
func (t *Tenant) Customers() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.customers))
}

func (t *Tenant) setCustomer(id, name string) {
	if t.customers == nil {
		t.customers = map[string]string{}
	}
	t.customers[id] = name
}

var customerFields = []string{"id", "tenantId", "displayName"}

// listCustomers makes one page of the customers.
func listCustomers(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	a := c.collection("tenantRelationships/delegatedAdminCustomers")
	x := c.s.draw
	for _, id := range sortedKeys(t.customers) {
		if id <= c.cursor.after {
			continue
		}
		values := map[string]any{"id": id, "tenantId": x.id(id), "displayName": t.customers[id]}
		row := func() []byte {
			tag := fmt.Sprintf(`W/"%08x"`, crc32.ChecksumIEEE([]byte(id)))
			head := `{"@odata.type":"#microsoft.graph.delegatedAdminCustomer","@odata.etag":` + text(tag) + `,`
			return append([]byte(head), x.row(c.fields, func(f string) any { return values[f] })[1:]...)
		}
		if !a.add(id, row) {
			break
		}
	}
	return a, nil
}
