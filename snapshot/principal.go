package snapshot

import "slices"

// Principal is the service principal of an application, as the directory shows it.
type Principal struct {
	ID    string   // object id, lower case
	AppID string   // of the application
	Owner TenantID // in which the application is registered; "" for a principal without one, such as a managed identity
	Name  string
	Gone  bool // the directory does not know it (any more)
}

// microsoftTenants own the applications of Microsoft's own services. See
// learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in.
var microsoftTenants = []TenantID{"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"}

// IsMicrosoft reports whether a tenant is one of Microsoft's own.
func (t TenantID) IsMicrosoft() bool { return slices.Contains(microsoftTenants, NormalID(t)) }
