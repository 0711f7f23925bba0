package snapshot

import "time"

// AllotmentID is Microsoft's id of an allotment. It is opaque: no GUID.
type AllotmentID string

// Allotment is a pool of licenses that subscriptions back, as the cloud licensing
// API has it. A number that the API left out is nil.
type Allotment struct {
	ID            AllotmentID
	SKU           SKUID // "" where the API names none: products of others than Microsoft
	PartNumber    string
	Allotted      *int64
	Consumed      *int64
	AssignableTo  string // user, group, device, joined by commas
	Subscriptions []AllotmentSubscription
}

// AllotmentSubscription is a subscription that backs an allotment.
type AllotmentSubscription struct {
	ID              string    `json:"id"`
	State           string    `json:"state"`
	StartedAt       time.Time `json:"started_at,omitzero"`
	NextLifecycleAt time.Time `json:"next_lifecycle_at,omitzero"`
	Trial           bool      `json:"trial,omitempty"`
}

// HolderKind is what sort of object a license is assigned to.
type HolderKind string

const (
	HeldByUser   HolderKind = "user"
	HeldByGroup  HolderKind = "group"
	HeldByDevice HolderKind = "device"
	// HeldByOther is an object of another kind, or one that the API did not name.
	HeldByOther HolderKind = "other"
)

// Holder is what a license is assigned to: a user, a group, a device.
type Holder struct {
	Kind HolderKind
	ID   string // "" where it is not known
}

// AllotmentAssignment is a license assignment with the allotment that it draws on.
type AllotmentAssignment struct {
	ID        string
	Allotment AllotmentID // "" where the API left it out
	Holder    Holder
}

// WaitingMember waits for a license of an allotment that has none left.
type WaitingMember struct {
	ID        string
	Allotment AllotmentID
	Holder    Holder
	Since     time.Time // zero: not given
}

// AssignmentError is why a license assignment did not take effect.
type AssignmentError struct {
	ID            string
	Holder        Holder
	SKU           SKUID // "" where the API names none
	Code, Message string
	At            time.Time // when it last occurred; zero: not given
}

// LicensingPart is one of the lists of the cloud licensing API.
type LicensingPart string

const (
	PartAllotments  LicensingPart = "allotments"
	PartAssignments LicensingPart = "assignments"
	PartWaiting     LicensingPart = "waiting-members"
	PartErrors      LicensingPart = "assignment-errors"
)

// LicensingParts lists them.
var LicensingParts = []LicensingPart{PartAllotments, PartAssignments, PartWaiting, PartErrors}
