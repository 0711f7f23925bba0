package graph

import (
	"bytes"
	"testing"
)

// FuzzUsersPage reads any bytes as a page of users. What it takes must be whole:
// every user has an id, and every path and plan names what it is of.
func FuzzUsersPage(f *testing.F) {
	for _, seed := range []string{
		`{"value":[]}`, `{"value":[{"id":"a","userPrincipalName":"a@x","assignedLicenses":[]}]}`,
		`{"@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=x","value":[{"id":"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"}]}`,
		`{"value":[{"id":"a","assignedLicenses":[{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","disabledPlans":[]}],` +
			`"licenseAssignmentStates":[{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","assignedByGroup":null,"state":"Active","error":"None"}],` +
			`"assignedPlans":[{"servicePlanId":"efb87545-963c-4e0d-99df-69c6916d9eb0","capabilityStatus":"Enabled","assignedDateTime":"2026-01-05T09:00:00Z"}]}]}`,
		`{"error":{"code":"x","message":"y"}}`, `{"value":null}`, `{"value":[null]}`, `[]`, ``, `{"value":[],"value":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		pg := page[User]{
			opts: new(interner).options(), row: each((*wireUser).reset, (*wireUser).user),
			key: func(u User) string { return string(u.ID) },
		}
		if err := pg.read(bytes.NewReader(body)); err != nil {
			return
		}
		for _, u := range pg.rows {
			if u.ID == "" {
				t.Error("took a user without an id")
			}
			for _, p := range u.Paths {
				if p.SKU == "" {
					t.Errorf("took a path without a SKU: %+v", p)
				}
			}
		}
	})
}
