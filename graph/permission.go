package graph

import (
	"fmt"
	"slices"
	"strings"
)

// What is read, as errors and progress lines call it.
const (
	opUsers            = "users"
	opUser             = "user"
	opUserCount        = "user count"
	opAgents           = "agent users"
	opOrganization     = "organization"
	opSKUs             = "SKUs"
	opSubscriptions    = "subscriptions"
	opGroup            = "group"
	opDeletedUsers     = "deleted users"
	opAudits           = "directory audits"
	opPrincipal        = "application owners"
	opSignIns          = "sign-ins"
	opUsage            = "usage report"
	opSearch           = "Purview audit search"
	opFeed             = "Management Activity API"
	opCustomers        = "customers"
	opAllotments       = "cloud licensing"
	opAssignments      = "cloud licensing assignments"
	opWaiting          = "cloud licensing waiting members"
	opAssignmentErrors = "cloud licensing errors"
	opSigningIn        = "" // errors of it say so by themselves
)

// Feature is what a permission is for, as a whole: one run without further
// flags asks for the first four.
type Feature string

const (
	FeatureBase      Feature = "base"            // users, SKUs, the tenant
	FeatureGroups    Feature = "groups"          // names and licenses of the groups that give licenses
	FeatureAudit     Feature = "audit"           // who did it, from the directory audit log
	FeatureOwners    Feature = "owners"          // whose the applications are that the audit log names
	FeatureActivity  Feature = "activity"        // when users last signed in
	FeatureUsage     Feature = "usage"           // usage reports
	FeatureLicensing Feature = "cloud-licensing" // which subscription a license draws on; only with --cloud-licensing
	FeaturePurview   Feature = "purview"         // the unified audit log through Graph
	FeatureFeed      Feature = "activity-api"    // the unified audit log through the Management Activity API
	FeaturePartner   Feature = "partner"         // which tenants a partner looks after; no run asks for it
)

// Features lists them.
var Features = []Feature{FeatureBase, FeatureGroups, FeatureAudit, FeatureOwners, FeatureActivity, FeatureUsage, FeatureLicensing, FeaturePurview, FeatureFeed, FeaturePartner}

// API is a service whose permissions an application can be granted.
type API struct {
	Name  string
	AppID string // application id, the same in every tenant
}

// APIs: learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in.
var (
	graphAPI      = API{"Microsoft Graph", "00000003-0000-0000-c000-000000000000"}
	managementAPI = API{"Office 365 Management APIs", "c5393580-f805-4401-95e8-94b7a6ef2fc2"}
)

// Permission is what one kind of read needs. See
// learn.microsoft.com/graph/permissions-reference.
type Permission struct {
	Op          string // as in [Error.Op]
	Application string // least application permission
	Delegated   string // least delegated permission, and the role if one is needed
	Alternative string // a wider permission that serves as well
	Needed      bool   // without it there is no snapshot
	Feature     Feature
	API         API
	Roles       []string // names of the least application permissions, as an application is granted them
}

func roles(names ...string) []string { return names }

// permissions is in the order in which a run needs them. For groups there is
// GroupMember.Read.All, which is less: that it shows the licenses of a group,
// Microsoft does not say.
var permissions = []Permission{
	{opUsers, "User.Read.All", "User.Read.All", "Directory.Read.All", true, FeatureBase, graphAPI, roles("User.Read.All")},
	{opUser, "User.Read.All", "User.Read.All", "Directory.Read.All", false, FeatureBase, graphAPI, roles("User.Read.All")},
	{opUserCount, "User.Read.All", "User.Read.All", "Directory.Read.All", false, FeatureBase, graphAPI, roles("User.Read.All")},
	{opAgents, "User.Read.All", "User.Read.All", "Directory.Read.All", false, FeatureBase, graphAPI, roles("User.Read.All")},
	{opSKUs, "LicenseAssignment.Read.All", "LicenseAssignment.Read.All", "Organization.Read.All or Directory.Read.All", true,
		FeatureBase, graphAPI, roles("LicenseAssignment.Read.All")},
	{opOrganization, "Organization.Read.All", "User.Read", "Directory.Read.All", false, FeatureBase, graphAPI, roles("Organization.Read.All")},
	{opSubscriptions, "Organization.Read.All", "Organization.Read.All", "Directory.Read.All", false,
		FeatureBase, graphAPI, roles("Organization.Read.All")},
	{opGroup, "Group.Read.All", "Group.Read.All", "Directory.Read.All", false, FeatureGroups, graphAPI, roles("Group.Read.All")},
	{opDeletedUsers, "User.Read.All", "User.Read.All", "Directory.Read.All", false, FeatureBase, graphAPI, roles("User.Read.All")},
	{opAudits, "AuditLog.Read.All", "AuditLog.Read.All with the role Reports Reader, Security Reader or Global Reader",
		"AuditLog.Read.All together with Directory.Read.All, which some tenants ask for", false,
		FeatureAudit, graphAPI, roles("AuditLog.Read.All")},
	{opPrincipal, "Application.Read.All", "Application.Read.All", "Directory.Read.All", false,
		FeatureOwners, graphAPI, roles("Application.Read.All")},
	{opSignIns, "AuditLog.Read.All and User.Read.All, and Entra ID P1 or P2 in the tenant", "AuditLog.Read.All and User.Read.All",
		"AuditLog.Read.All and Directory.Read.All", false, FeatureActivity, graphAPI, roles("AuditLog.Read.All", "User.Read.All")},
	{opUsage, "Reports.Read.All", "Reports.Read.All with the role Reports Reader", "", false, FeatureUsage, graphAPI, roles("Reports.Read.All")},
	{opAllotments, "CloudLicensing.Read.All", "CloudLicensing.Read", "Directory.Read.All", false, FeatureLicensing, graphAPI, roles("CloudLicensing.Read.All")},
	{opSearch, "AuditLogsQuery-Entra.Read.All", "AuditLogsQuery-Entra.Read.All with the role View-Only Audit Logs", "AuditLogsQuery.Read.All", false,
		FeaturePurview, graphAPI, roles("AuditLogsQuery-Entra.Read.All")},
	{opFeed, "ActivityFeed.Read of Office 365 Management APIs", "ActivityFeed.Read of Office 365 Management APIs",
		"nothing else", false, FeatureFeed, managementAPI, roles("ActivityFeed.Read")},
	{opCustomers, "DelegatedAdminRelationship.Read.All", "DelegatedAdminRelationship.Read.All", "", false, FeaturePartner, graphAPI,
		roles("DelegatedAdminRelationship.Read.All")},
}

// Permissions returns what each kind of read needs, in the order in which a
// run reads.
func Permissions() []Permission { return slices.Clone(permissions) }

// permissionHint says how to make a 403 go away.
func permissionHint(op, code string) string {
	if noPremium(code) {
		return "the tenant has no Microsoft Entra ID P1 or P2 license, which this read needs"
	}
	i := slices.IndexFunc(permissions, func(p Permission) bool { return p.Op == op || strings.HasPrefix(op, p.Op+" ") })
	if i < 0 {
		return ""
	}
	p := permissions[i]
	hint := fmt.Sprintf("grant the application permission %s with admin consent (delegated: %s", p.Application, p.Delegated)
	if p.Alternative != "" {
		hint += "; instead: " + p.Alternative
	}
	return hint + ")"
}
