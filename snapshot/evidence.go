package snapshot

import "time"

// PlanEvidence finds the SKUs that a user held earlier than the rows of their
// paths say, by the dates of service plans. A plan's date is evidence for a SKU only where
// no other SKU that the tenant's catalog has had contains the plan: otherwise the plan may
// have come with another license.
func PlanEvidence(u *User, catalog Catalog) []FirstEvidence {
	var found []FirstEvidence
	for _, sku := range u.Held() {
		at := catalog.earliestOwn(u, sku)
		if row := earliestRow(u, sku); !at.IsZero() && (row.IsZero() || at.Before(row)) {
			found = append(found, FirstEvidence{SKU: sku, At: at, Basis: BasisPlan})
		}
	}
	return found
}

// Catalog returns for each service plan which SKUs contain it.
type Catalog map[PlanID][]SKUID

// NewCatalog indexes the service plans of SKUs.
func NewCatalog(skus []SKU) Catalog {
	c := make(Catalog)
	for _, s := range skus {
		for _, p := range s.Plans {
			c[p.ID] = append(c[p.ID], s.ID)
		}
	}
	return c
}

func (c Catalog) earliestOwn(u *User, sku SKUID) time.Time {
	var at time.Time
	for _, p := range u.Plans {
		if p.Status == planDeleted || p.AssignedAt.IsZero() || !at.IsZero() && !p.AssignedAt.Before(at) {
			continue
		}
		if owners := c[p.ID]; len(owners) == 1 && owners[0] == sku {
			at = p.AssignedAt
		}
	}
	return at
}

const planDeleted = "Deleted"

func earliestRow(u *User, sku SKUID) time.Time {
	var at time.Time
	for _, p := range u.Paths {
		if p.SKU == sku && p.Held && !p.UpdatedAt.IsZero() && (at.IsZero() || p.UpdatedAt.Before(at)) {
			at = p.UpdatedAt
		}
	}
	return at
}
