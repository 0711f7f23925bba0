package graph

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"lictrail/graph/graphtest"
	"lictrail/snapshot"
)

// Customers are read to the last page, whatever their number and however the pages
// are cut; the permission for them is needed, and a tenant without any has none.
func TestCustomers(t *testing.T) {
	for _, n := range []int{0, 1, 299, 300, 301, 2000} {
		tenant := graphtest.New(1)
		for i := range n {
			tenant.AddCustomer(fmt.Sprintf("Customer %d", i))
		}
		s, c := simulate(t, tenant, func(*Options) {}, graphtest.WithEmptyPages(), graphtest.WithVaryingPages())
		all, err := c.Customers(t.Context())
		var got []string
		for _, x := range all {
			got = append(got, string(x.ID))
		}
		if want := tenant.Customers(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d customers: got %d, %v", n, len(got), err)
		}
		for _, r := range s.Requests() {
			if r.Method != "GET" || r.Query.Get("$top") != "300" {
				t.Errorf("%s %s asks for pages of %q", r.Method, r.Path, r.Query.Get("$top"))
			}
		}
	}
	tenant := graphtest.New(1)
	tenant.AddCustomer("Fabrikam")
	_, c := simulate(t, tenant, func(*Options) {}, graphtest.WithScopes("Directory.Read.All"))
	e := asError(t, second(c.Customers(t.Context())), ErrAuth)
	if e.Hint == "" || e.Status != 403 {
		t.Errorf("without permission: %+v", e)
	}
}

func second[T any](_ T, err error) error { return err }

// TestCustomersFaults plays every fault on each page of the customers, once and for
// ever: a list that lacks somebody would have a tenant reported as gone.
func TestCustomersFaults(t *testing.T) {
	for _, kind := range graphtest.AllFaults {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			tenant := graphtest.New(1)
			for i := range 700 {
				tenant.AddCustomer(fmt.Sprintf("Customer %d", i))
			}
			s, c := simulate(t, tenant, func(o *Options) {
				o.Quiet, o.Patience = 150*time.Millisecond, 30*time.Second
				if kind == graphtest.FaultDrip || kind == graphtest.FaultHang {
					o.Patience = time.Second // these take real time
				}
			})
			_, steady := simulate(t, tenant, func(*Options) {})
			want, err := steady.Customers(t.Context())
			if err != nil || len(want) != 700 {
				t.Fatalf("%d, %v", len(want), err)
			}
			for _, page := range []graphtest.Page{graphtest.FirstPage, graphtest.MiddlePage, graphtest.LastPage} {
				for _, times := range []int{1, graphtest.Forever} {
					s.ClearFaults()
					s.Inject(graphtest.Fault{Endpoint: graphtest.EndpointCustomers, Page: page, Times: times, Kind: kind})
					got, err := c.Customers(t.Context())
					ids := func(all []snapshot.Tenant) (list []snapshot.TenantID) {
						for _, x := range all {
							list = append(list, x.ID)
						}
						return list
					}
					if err == nil && !slices.Equal(ids(got), ids(want)) {
						t.Errorf("page %d, %d times: silent: %d of %d customers", page, times, len(got), len(want))
					}
					if err != nil && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrAuth) && !errors.Is(err, ErrUnavailable) {
						t.Errorf("page %d, %d times: no kind: %v", page, times, err)
					}
				}
			}
		})
	}
}
