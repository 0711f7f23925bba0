package graph

import (
	"fmt"
	"slices"
	"strings"
)

// What is read, as errors and progress lines call it.
const (
	opUsers         = "users"
	opUser          = "user"
	opUserCount     = "user count"
	opOrganization  = "organization"
	opSKUs          = "SKUs"
	opSubscriptions = "subscriptions"
	opGroup         = "group"
	opDeletedUsers  = "deleted users"
	opAudits        = "directory audits"
	opSignIns       = "sign-ins"
	opUsage         = "usage report"
	opSearch        = "Purview audit search"
	opFeed          = "Management Activity API"
	opSigningIn     = "" // errors of it say so by themselves
)

// Permission is what one kind of read needs. See
// learn.microsoft.com/graph/permissions-reference.
type Permission struct {
	Op          string // as in [Error.Op]
	Application string // least application permission
	Delegated   string // least delegated permission, and the role if one is needed
	Alternative string // a wider permission that serves as well
	Needed      bool   // without it there is no snapshot
}

// permissions is in the order in which a run needs them.
var permissions = []Permission{
	{opUsers, "User.Read.All", "User.Read.All", "Directory.Read.All", true},
	{opUser, "User.Read.All", "User.Read.All", "Directory.Read.All", false},
	{opUserCount, "User.Read.All", "User.Read.All", "Directory.Read.All", false},
	{opSKUs, "LicenseAssignment.Read.All", "LicenseAssignment.Read.All", "Organization.Read.All or Directory.Read.All", true},
	{opOrganization, "Organization.Read.All", "User.Read", "Directory.Read.All", false},
	{opSubscriptions, "Organization.Read.All", "Organization.Read.All", "Directory.Read.All", false},
	{opGroup, "Group.Read.All", "Group.Read.All", "Directory.Read.All", false},
	{opDeletedUsers, "User.Read.All", "User.Read.All", "Directory.Read.All", false},
	{opAudits, "AuditLog.Read.All", "AuditLog.Read.All with the role Reports Reader, Security Reader or Global Reader",
		"AuditLog.Read.All together with Directory.Read.All, which some tenants ask for", false},
	{opSignIns, "AuditLog.Read.All and User.Read.All, and Entra ID P1 or P2 in the tenant", "AuditLog.Read.All and User.Read.All",
		"AuditLog.Read.All and Directory.Read.All", false},
	{opUsage, "Reports.Read.All", "Reports.Read.All with the role Reports Reader", "", false},
	{opSearch, "AuditLogsQuery-Entra.Read.All", "AuditLogsQuery-Entra.Read.All with the role View-Only Audit Logs", "AuditLogsQuery.Read.All", false},
	{opFeed, "ActivityFeed.Read of Office 365 Management APIs", "ActivityFeed.Read of Office 365 Management APIs",
		"nothing else", false},
}

// Permissions returns what each kind of read needs, in the order in which a
// run reads.
func Permissions() []Permission { return slices.Clone(permissions) }

// permissionHint says how to make a 403 go away.
func permissionHint(op, code string) string {
	if strings.Contains(strings.ToLower(code), "nonpremiumtenant") {
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
