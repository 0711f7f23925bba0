package graph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// Cloud is where one of Microsoft's clouds listens.
type Cloud struct {
	Name          string // what messages call it
	Endpoint      string // root of Graph, without a version
	AuthorityHost string // where tokens come from
	// ActivityEndpoint is the root of the Management Activity API; "" where
	// there is none (Office 365 Management Activity API reference).
	ActivityEndpoint string
	// lacks are the features that Graph does not have here, by what messages call them.
	lacks map[Feature]string
	// federation is the audience that a federated token of another issuer must
	// have (federatedIdentityCredential, audiences).
	federation string
}

// globalCloud is the cloud of a tenant that says nothing else.
const globalCloud = "global"

// onlyGlobal are what the national clouds lack by the lists of cloud deployments of
// auditLogQuery, reportRoot and adminCloudLicensing.
var onlyGlobal = map[Feature]string{
	FeaturePurview: "audit search through Graph", FeatureUsage: "usage reports through Graph", FeatureLicensing: licensingAPI,
}

// clouds is learn.microsoft.com/graph/deployments. Tokens of one cloud are not
// good in another.
var clouds = map[string]Cloud{
	globalCloud: {globalCloud, "https://graph.microsoft.com", "https://login.microsoftonline.com/", defaultActivityEndpoint, nil, defaultFederation},
	"usgov":     {"usgov", "https://graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.office365.us", onlyGlobal, "api://AzureADTokenExchangeUSGov"},
	"dod":       {"dod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.protection.apps.mil", onlyGlobal, "api://AzureADTokenExchangeUSGov"},
	"china":     {"china", "https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn/", "", onlyGlobal, "api://AzureADTokenExchangeChina"},
}

const defaultFederation = "api://AzureADTokenExchange"

// CloudByName returns the cloud called global, usgov, dod or china; "" means
// global.
func CloudByName(name string) (Cloud, error) {
	c, ok := clouds[cmp.Or(name, globalCloud)]
	if !ok {
		names := slices.Sorted(maps.Keys(clouds))
		return Cloud{}, fmt.Errorf("unknown cloud %q: want %s", name, strings.Join(names, ", "))
	}
	return c, nil
}

// At returns the cloud with Graph at another address, which is asked for everything.
func (c Cloud) At(endpoint string) Cloud {
	c.Endpoint, c.lacks = endpoint, nil
	return c
}

// Lacks says why the cloud has nothing for a feature; nil where it has.
func (c Cloud) Lacks(f Feature) error {
	what := c.lacks[f]
	switch {
	case f == FeatureFeed && c.ActivityEndpoint == "":
		what = "Management Activity API"
	case what == "":
		return nil
	case f == FeaturePurview && c.ActivityEndpoint != "":
		what += "; activity-api reads the same log"
	}
	return c.hasNo(what)
}

func (c Cloud) hasNo(what string) error {
	return fmt.Errorf(snapshot.NotInCloudFormat+" %s", cmp.Or(c.Name, globalCloud), what)
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
