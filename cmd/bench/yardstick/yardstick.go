// Package yardstick reads the users of a tenant in the two ways that one would
// try first, and keeps nothing. A benchmark measures lictrail against them. It
// has none of the care of package graph, and must not be used for anything else.
package yardstick

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	sdk "github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Source is where to read.
type Source struct {
	Endpoint string // with the version
	Token    string
	Fields   []string // $select
	Limit    int      // stop after the page with which so many users are read; 0: never
}

const pageSize = 999

// Models reads the users as the SDK's typed models, page by page.
func Models(ctx context.Context, s Source) (int, error) {
	abstractions.RegisterDefaultDeserializer(func() serialization.ParseNodeFactory { return jsonserialization.NewJsonParseNodeFactory() })
	adapter, err := graphcore.NewGraphRequestAdapterBase(bearer(s.Token), graphcore.GraphClientOptions{})
	if err != nil {
		return 0, fmt.Errorf("set up the SDK: %w", err)
	}
	adapter.SetBaseUrl(s.Endpoint)
	top := int32(pageSize)
	users := sdk.NewUsersRequestBuilderInternal(map[string]string{"baseurl": s.Endpoint}, adapter)
	page, err := users.Get(ctx, &sdk.UsersRequestBuilderGetRequestConfiguration{
		QueryParameters: &sdk.UsersRequestBuilderGetQueryParameters{Select: s.Fields, Top: &top},
	})
	n := 0
	for err == nil {
		n += len(page.GetValue())
		next := page.GetOdataNextLink()
		if next == nil || s.enough(n) {
			return n, nil
		}
		page, err = users.WithUrl(*next).Get(ctx, nil)
	}
	return n, fmt.Errorf("read the users with the SDK: %w", err)
}

func (s Source) enough(n int) bool { return s.Limit > 0 && n >= s.Limit }

// bearer signs requests with a token.
type bearer string

func (b bearer) AuthenticateRequest(_ context.Context, r *abstractions.RequestInformation, _ map[string]any) error {
	r.Headers.TryAdd("Authorization", "Bearer "+string(b))
	return nil
}

// Structs reads the users into plain structs with a JSON library.
func Structs(ctx context.Context, s Source) (int, error) {
	query := url.Values{"$select": {strings.Join(s.Fields, ",")}, "$top": {fmt.Sprint(pageSize)}}
	link, n := s.Endpoint+"/users?"+query.Encode(), 0
	for link != "" {
		page, err := s.page(ctx, link)
		if err != nil {
			return n, fmt.Errorf("read the users: %w", err)
		}
		n += len(page.Value)
		if link = page.Next; s.enough(n) {
			break
		}
	}
	return n, nil
}

func (s Source) page(ctx context.Context, link string) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	p := new(page)
	return p, json.UnmarshalRead(resp.Body, p)
}

type page struct {
	Next  string `json:"@odata.nextLink"`
	Value []user `json:"value"`
}

type user struct {
	ID                      string    `json:"id"`
	UserPrincipalName       string    `json:"userPrincipalName"`
	DisplayName             string    `json:"displayName"`
	Mail                    string    `json:"mail"`
	AccountEnabled          *bool     `json:"accountEnabled"`
	UserType                string    `json:"userType"`
	Department              string    `json:"department"`
	JobTitle                string    `json:"jobTitle"`
	CompanyName             string    `json:"companyName"`
	OfficeLocation          string    `json:"officeLocation"`
	Country                 string    `json:"country"`
	UsageLocation           string    `json:"usageLocation"`
	EmployeeID              string    `json:"employeeId"`
	EmployeeType            string    `json:"employeeType"`
	CreatedDateTime         time.Time `json:"createdDateTime"`
	CreationType            string    `json:"creationType"`
	OnPremisesSyncEnabled   bool      `json:"onPremisesSyncEnabled"`
	AssignedLicenses        []license `json:"assignedLicenses"`
	AssignedPlans           []plan    `json:"assignedPlans"`
	LicenseAssignmentStates []state   `json:"licenseAssignmentStates"`
}

type license struct {
	SKUID         string   `json:"skuId"`
	DisabledPlans []string `json:"disabledPlans"`
}

type plan struct {
	ServicePlanID    string    `json:"servicePlanId"`
	CapabilityStatus string    `json:"capabilityStatus"`
	Service          string    `json:"service"`
	AssignedDateTime time.Time `json:"assignedDateTime"`
}

type state struct {
	SKUID               string    `json:"skuId"`
	AssignedByGroup     string    `json:"assignedByGroup"`
	State               string    `json:"state"`
	Error               string    `json:"error"`
	DisabledPlans       []string  `json:"disabledPlans"`
	LastUpdatedDateTime time.Time `json:"lastUpdatedDateTime"`
}
