package graphtest

import (
	"maps"
	"slices"
	"time"
)

// ActKind is what an [Act] did.
type ActKind string

const (
	LicenseAdded    ActKind = "license-added"   // a path began
	LicenseRemoved  ActKind = "license-removed" // a path ended
	PlansChanged    ActKind = "plans-changed"   // the disabled plans of a path changed
	StateChanged    ActKind = "state-changed"   // a path went into or out of error
	UserAdded       ActKind = "user-added"
	UserUpdated     ActKind = "user-updated"
	UserDeleted     ActKind = "user-deleted"
	UserRestored    ActKind = "user-restored"
	UserPurged      ActKind = "user-purged"
	GroupAdded      ActKind = "group-added"
	MemberAdded     ActKind = "member-added"
	MemberRemoved   ActKind = "member-removed"
	GroupLicenseSet ActKind = "group-license-set"
	SKUChanged      ActKind = "sku-changed"  // seats, status or plans
	DatesReset      ActKind = "dates-reset"  // dates moved, nothing else
	PathRedated     ActKind = "path-redated" // the date of one path moved, nothing else
)

// Cause is why a path changed.
type Cause string

const (
	CauseAdmin        Cause = "admin"
	CauseAutomation   Cause = "automation"
	CausePartner      Cause = "partner"
	CauseSelfService  Cause = "self-service"
	CauseGroup        Cause = "group"
	CauseUserDeleted  Cause = "user-deleted"
	CauseUserRestored Cause = "user-restored"
	CauseSubscription Cause = "subscription"
	CauseMicrosoft    Cause = "microsoft"
)

// Trigger is what set a group's licenses in motion.
type Trigger string

const (
	TriggerMembership   Trigger = "membership"
	TriggerGroupLicense Trigger = "group-license"
	TriggerDynamicRule  Trigger = "dynamic-rule"
)

// Why is the reason behind an act.
type Why struct {
	Actor    Actor // who did it to the user
	Cause    Cause
	Trigger  Trigger // when Cause is CauseGroup
	Upstream Actor   // who moved the group, its licenses or the attribute
	// UpstreamAct is the index in the truth log of the act that led to this
	// one, or -1.
	UpstreamAct int
}

// Act is one entry of the truth log.
type Act struct {
	At   time.Time
	Kind ActKind
	Why
	User  string
	SKU   string
	Group string // the path's group, or the group acted on; "" when direct
	State string // the path's state afterwards
	// Kept means that a deleted user still lists the path.
	Kept                          bool
	DisabledBefore, DisabledAfter []string // GUIDs of service plans
	Detail                        string   // what was set, for acts on users and SKUs
	Silent                        bool     // the real service writes no event
	// Lead is the index of the first act of the operation, which its records
	// are about: the act itself unless several paths moved at once.
	Lead int
}

// held reports whether a path in that state gives its SKU.
func held(state string) bool { return state == "Active" || state == "ActiveWithError" }

// Replay plays a truth log and returns, for each present user and SKU held,
// the disabled plans, sorted: what assignedLicenses must show.
func Replay(acts []Act) map[string]map[string][]string {
	paths := map[string]map[pathKey]License{}
	for _, a := range acts {
		key := pathKey{a.SKU, a.Group}
		switch a.Kind {
		case UserAdded, UserRestored:
			paths[a.User] = map[pathKey]License{}
		case UserDeleted, UserPurged:
			delete(paths, a.User)
		case LicenseRemoved:
			delete(paths[a.User], key)
		case LicenseAdded, PlansChanged, StateChanged:
			if paths[a.User] != nil {
				paths[a.User][key] = License{SKU: a.SKU, Group: a.Group, State: a.State, Disabled: a.DisabledAfter}
			}
		}
	}
	out := map[string]map[string][]string{}
	for user, rows := range paths {
		out[user] = union(slices.Collect(maps.Values(rows)))
	}
	return out
}

// union gives the SKUs that rows grant, each with the plans that every one of
// its held paths disables.
func union(rows []License) map[string][]string {
	out := map[string][]string{}
	for _, l := range rows {
		if !held(l.State) {
			continue
		}
		off, seen := out[l.SKU]
		if !seen {
			out[l.SKU] = sorted(l.Disabled)
			continue
		}
		out[l.SKU] = slices.DeleteFunc(off, func(p string) bool { return !slices.Contains(l.Disabled, p) })
	}
	return out
}

func sorted(s []string) []string {
	c := slices.Clone(s)
	if c == nil {
		c = []string{}
	}
	slices.Sort(c)
	return slices.Compact(c)
}
