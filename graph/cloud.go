package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Cloud is where one of Microsoft's clouds listens.
type Cloud struct {
	Endpoint      string // root of Graph, without a version
	AuthorityHost string // where tokens come from
	// ActivityEndpoint is the root of the Management Activity API; "" where
	// there is none (Office 365 Management Activity API reference).
	ActivityEndpoint string
	// AuditSearch: Graph has security/auditLog/queries here, which the national
	// clouds lack (auditLogQuery, list of cloud deployments).
	AuditSearch bool
	// UsageReports: Graph has the reports of Microsoft 365 usage here, which the
	// national clouds lack (reportRoot, list of cloud deployments).
	UsageReports bool
	// CloudLicensing: Graph's beta has admin/cloudLicensing here, which the national
	// clouds lack (adminCloudLicensing, list of cloud deployments).
	CloudLicensing bool
	// federation is the audience that a federated token of another issuer must
	// have (federatedIdentityCredential, audiences).
	federation string
}

// clouds is learn.microsoft.com/graph/deployments. Tokens of one cloud are not
// good in another.
var clouds = map[string]Cloud{
	"global": {"https://graph.microsoft.com", "https://login.microsoftonline.com/", defaultActivityEndpoint, true, true, true, defaultFederation},
	"usgov":  {"https://graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.office365.us", false, false, false, "api://AzureADTokenExchangeUSGov"},
	"dod":    {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.protection.apps.mil", false, false, false, "api://AzureADTokenExchangeUSGov"},
	"china":  {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn/", "", false, false, false, "api://AzureADTokenExchangeChina"},
}

const defaultFederation = "api://AzureADTokenExchange"

// CloudByName returns the cloud called global, usgov, dod or china; "" means
// global.
func CloudByName(name string) (Cloud, error) {
	if name == "" {
		name = "global"
	}
	c, ok := clouds[name]
	if !ok {
		names := slices.Sorted(maps.Keys(clouds))
		return Cloud{}, fmt.Errorf("unknown cloud %q: want %s", name, strings.Join(names, ", "))
	}
	return c, nil
}

// ofAuthority returns the cloud, or one of them, whose tokens a host issues.
func ofAuthority(host string) (Cloud, bool) {
	for _, name := range slices.Sorted(maps.Keys(clouds)) {
		if c := clouds[name]; strings.EqualFold(strings.TrimSuffix(host, "/"), strings.TrimSuffix(c.AuthorityHost, "/")) {
			return c, true
		}
	}
	return Cloud{}, false
}

// federationAudience is what a federated token must be made for.
func federationAudience(authorityHost string) string {
	if c, ok := ofAuthority(authorityHost); ok {
		return c.federation
	}
	return defaultFederation
}
