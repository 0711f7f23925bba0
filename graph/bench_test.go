package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"lictrail/snapshot"
)

// pageOf returns a page of users who hold E5 by a group, with so many plans.
func pageOf(users, plans int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[`)
	for u := range users {
		if u > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"%08x-0000-4000-8000-000000000000","userPrincipalName":"user%d@example.com","displayName":"User Number %d","mail":"user%d@example.com",`+
			`"accountEnabled":true,"userType":"Member","department":"Department %d","jobTitle":null,"companyName":"Example","officeLocation":null,"country":"NL","usageLocation":"NL",`+
			`"employeeId":"%d","employeeType":null,"createdDateTime":"2020-01-02T03:04:05Z","creationType":null,"onPremisesSyncEnabled":true,`+
			`"assignedLicenses":[{"disabledPlans":[],"skuId":"%s"},{"disabledPlans":["%s"],"skuId":"%s"}],"assignedPlans":[`, u, u, u, u, u%40, u, skuE5, planA, skuE3)
		for p := range plans {
			if p > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"assignedDateTime":"2023-05-%02dT11:12:13Z","capabilityStatus":"Enabled","service":"service%d","servicePlanId":"%08x-1111-4111-8111-111111111111"}`, p%28+1, p, p)
		}
		fmt.Fprintf(&b, `],"licenseAssignmentStates":[{"skuId":"%s","disabledPlans":[],"assignedByGroup":"%s","state":"Active","error":"None","lastUpdatedDateTime":"2023-05-06T11:12:13Z"},`+
			`{"skuId":"%s","disabledPlans":["%s"],"assignedByGroup":null,"state":"Active","error":"None","lastUpdatedDateTime":"2023-05-06T11:12:13Z"}]}`, skuE5, groupID, skuE3, planA)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// BenchmarkDecodeUsers decodes a page of 999 users with 60 service plans each:
// as this package does, with encoding/json into the same structs' plain twins,
// and with the SDK's models.
func BenchmarkDecodeUsers(b *testing.B) {
	const users = 999
	body := pageOf(users, 60)
	pg := userPage()
	for _, tc := range []struct {
		name   string
		decode func() (int, error)
	}{
		{"lictrail", func() (int, error) { err := pg.read(bytes.NewReader(body)); return len(pg.rows), err }},
		{"encoding-json", func() (int, error) { return decodePlain(body) }},
		{"sdk-models", func() (int, error) { return decodeModels(body) }},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n := 0
			for b.Loop() {
				got, err := tc.decode()
				if err != nil || got != users {
					b.Fatal(err, got)
				}
				n += users
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "users/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n), "allocs/user")
		})
	}
}

func userPage() page[snapshot.UserRow] {
	rows := newUserRows([16]byte{}, nil)
	return page[snapshot.UserRow]{opts: rows.in.options(), row: rows.row, filter: rows.page, key: func(u snapshot.UserRow) string { return string(u.ID) }}
}

// decodedPage is a page of which the decoder sees all.
func decodedPage() page[snapshot.UserRow] {
	pg := userPage()
	pg.filter, pg.row, pg.opts = nil, each((*wireUser).reset, (*wireUser).user), new(interner).options()
	return pg
}

// decodePlain is how one would begin.
func decodePlain(body []byte) (int, error) {
	type license struct {
		SKUID         string   `json:"skuId"`
		DisabledPlans []string `json:"disabledPlans"`
	}
	var wire struct {
		Value []struct {
			ID, UserPrincipalName, DisplayName, Mail, UserType, Department  string
			CompanyName, OfficeLocation, Country, UsageLocation, EmployeeID string
			AccountEnabled, OnPremisesSyncEnabled                           *bool
			CreatedDateTime                                                 *time.Time
			AssignedLicenses                                                []license
			AssignedPlans                                                   []struct {
				ServicePlanID, CapabilityStatus string
				AssignedDateTime                *time.Time
			}
			LicenseAssignmentStates []struct {
				license
				AssignedByGroup, State, Error string
				LastUpdatedDateTime           *time.Time
			}
		}
	}
	err := json.Unmarshal(body, &wire)
	return len(wire.Value), err
}

// decodeModels is what the SDK does with a page.
func decodeModels(body []byte) (int, error) {
	node, err := jsonserialization.NewJsonParseNode(body)
	if err != nil {
		return 0, err
	}
	v, err := node.GetObjectValue(models.CreateUserCollectionResponseFromDiscriminatorValue)
	if err != nil {
		return 0, err
	}
	return len(v.(models.UserCollectionResponseable).GetValue()), nil
}

// TestDecodeAllocs keeps the cost of a service plan from growing: it is paid
// sixty times a user.
func TestDecodeAllocs(t *testing.T) {
	cost := func(plans int) float64 {
		body := pageOf(50, plans)
		pg := userPage()
		return testing.AllocsPerRun(20, func() {
			if err := pg.read(strings.NewReader(string(body))); err != nil {
				t.Fatal(err)
			}
		}) / 50
	}
	if perPlan := (cost(60) - cost(0)) / 60; perPlan > 0.2 {
		t.Errorf("%.2f allocations a plan", perPlan)
	}
}
