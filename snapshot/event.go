package snapshot

import "time"

// Source says where an audit record was read.
type Source string

const (
	SourceGraph        Source = "graph"         // auditLogs/directoryAudits
	SourceUnified      Source = "unified"       // unified audit log exports and the Management Activity API
	SourcePurview      Source = "purview"       // Purview audit search through Graph
	SourceAzureMonitor Source = "azure-monitor" // Event Hub, storage, Log Analytics, Sentinel
)

// RawEvent is one audit record as Microsoft wrote it. (Source, ID) is its key.
type RawEvent struct {
	Source      Source
	ID          string
	At          time.Time // activityDateTime or CreationTime, UTC
	Activity    string    // as written, trailing dot and all
	Correlation string    // correlationId or InterSystemsId; "" when absent
	Target      string    // lower-case object id of the target user, if any; "" when none
	Raw         []byte    // the record's JSON, byte for byte
}

// Activity is a normalized operation name: lower case, single spaces, without
// the unified log's trailing dot.
type Activity string

const (
	ChangeUserLicense   Activity = "change user license"
	UpdateUser          Activity = "update user"
	AddUser             Activity = "add user"
	DeleteUser          Activity = "delete user"
	HardDeleteUser      Activity = "hard delete user"
	RestoreUser         Activity = "restore user"
	AddMember           Activity = "add member to group"
	RemoveMember        Activity = "remove member from group"
	SetGroupLicense     Activity = "set group license"
	StartGroupLicense   Activity = "start applying group based license to users"
	FinishGroupLicense  Activity = "finish applying group based license to users"
	TriggerGroupLicense Activity = "trigger group license recalculation"
	AddGroup            Activity = "add group" // the first edit of its rule
	UpdateGroup         Activity = "update group"
	DeleteGroup         Activity = "delete group"
)

// ActorKind is the sort of identity that an event names.
type ActorKind string

const (
	ActorUser   ActorKind = "user"
	ActorApp    ActorKind = "app"
	ActorSystem ActorKind = "system" // Microsoft's own machinery, whatever shape it took
)

// Actor is who an event says did it.
type Actor struct {
	Kind      ActorKind `json:"kind"`
	ID        string    `json:"id,omitempty"`         // object id of the user or service principal, lower case; "" when absent
	AppID     string    `json:"app_id,omitempty"`     // application id of an app, lower case; "" when absent
	UPN       string    `json:"upn,omitempty"`        // of a user
	Name      string    `json:"name,omitempty"`       // display name of the app or system; of a user only when the record really names the person
	ClientApp string    `json:"client_app,omitempty"` // the application behind a user, or its user agent
	// ClientAppID is the application id of the application behind a user, lower
	// case; "" when the record gives none, or when ClientApp is a user agent.
	ClientAppID string `json:"client_app_id,omitempty"`
	Tenant      string `json:"tenant,omitempty"`  // home tenant of a user, when the record says; lower case
	Partner     bool   `json:"partner,omitempty"` // the record marks the user as a partner's (unified UserType 9)
	Agent       bool   `json:"agent,omitempty"`   // the record marks the user as an agent's: software with a user account
}

// Known reports whether the event names any actor at all.
func (a Actor) Known() bool { return a.ID != "" || a.UPN != "" || a.Name != "" || a.AppID != "" }

// EventLicense is one SKU of a license set inside an event.
type EventLicense struct {
	SKU      SKUID
	Name     string   // SkuName, a label only
	Disabled []string // service plan names or GUIDs as written, sorted
}

// LicenseDetail is the before and after of a user's licenses in one bundle.
type LicenseDetail struct {
	Old, New []EventLicense // full sets, sorted by SKU
	// Complete is false when parts of a chunked record are missing and the
	// sets may not be whole: what is listed is true, what is absent proves
	// nothing. OldKnown and NewKnown say whether a side was read in full.
	Complete           bool
	OldKnown, NewKnown bool
}

// Event is one audit record, decoded.
type Event struct {
	Source      Source
	ID          string
	At          time.Time
	Resolution  time.Duration // 0: exact; 1s or 1m: what is smaller was cut off
	Activity    Activity
	Correlation string
	Success     bool
	Reason      string // resultReason, or the failure text
	Actor       Actor
	TargetKind  string // "User", "Group", "Device", ...; "" when the record does not say
	Target      UserID // object id of the target user; "" if the target is not a user
	TargetUPN   string // as written, less a deleted user's object-id prefix
	Group       GroupID
	GroupName   string
	License     *LicenseDetail // nil when the record carries none
	GroupSKUs   *GroupLicenseDetail
	Result      string    // Finish applying…: its Result text
	Client      string    // modified property "Action Client Name"
	Groups      []GroupID // ids that LicenseAssignmentDetail names, candidates for the granting group
	RuleChanged bool      // Update group: the membership rule is among the changed properties
	Part        *Part     // set when the record is one part of a chunked one
	HardDeleted bool
	// Updated is "Included Updated Properties", sorted: what the record says
	// changed, which may be more than what it shows values of.
	Updated []string
	// LicenseTouched: the record names AssignedLicense or
	// LicenseAssignmentDetail, whether or not it shows the license sets; or it
	// is cut off where it could have named them.
	LicenseTouched bool
}

// GroupLicenseDetail is the before and after of a group's licenses.
type GroupLicenseDetail struct {
	Old, New []EventLicense
}

// Part is a numbered fragment of a record that was too long for one event.
type Part struct {
	ID    string // shared by all parts of one record; not the correlation id
	Seq   int    // from 1
	Count int    // 0 when the record does not say
	Body  string // "" when the record lacks it
}

// EventRef names an event as evidence.
type EventRef struct {
	Source   Source    `json:"source"`
	ID       string    `json:"id"`
	Activity string    `json:"activity"`
	At       time.Time `json:"at"`
}

// Ref returns the event's reference.
func (e *Event) Ref() EventRef {
	return EventRef{Source: e.Source, ID: e.ID, Activity: string(e.Activity), At: e.At}
}

// Bundle is the set of records that describe one operation on one target.
type Bundle struct {
	Activity Activity // of the record that leads: a license change, else the first
	At       time.Time
	Target   UserID
	Actor    Actor
	License  *LicenseDetail // merged from all records; nil when no record had any
	// Incomplete: the operation was recorded, but what it changed is not, or
	// not in full, in the records at hand.
	Incomplete bool
	// Failed: no record of the operation reports success. It changed nothing.
	Failed bool
	// NoOp: the licenses are known in full, and are the same before and after.
	NoOp   bool
	Events []*Event // in order of time, then id; never empty
}
