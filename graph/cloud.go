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
	// UsageReports: Graph has usage reports on users here, which the national
	// clouds lack too (schemas of Graph v1.0 by cloud).
	UsageReports bool
}

// clouds is learn.microsoft.com/graph/deployments. Tokens of one cloud are not
// good in another.
var clouds = map[string]Cloud{
	"global": {"https://graph.microsoft.com", "https://login.microsoftonline.com/", defaultActivityEndpoint, true, true},
	"usgov":  {"https://graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.office365.us", false, false},
	"dod":    {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us/", "https://manage.protection.apps.mil", false, false},
	"china":  {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn/", "", false, false},
}

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

// knownAuthority reports whether host belongs to one of Microsoft's clouds.
func knownAuthority(host string) bool {
	for _, c := range clouds {
		if strings.TrimSuffix(host, "/") == strings.TrimSuffix(c.AuthorityHost, "/") {
			return true
		}
	}
	return false
}
