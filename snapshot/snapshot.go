// Package snapshot is the domain of lictrail in one place: what a tenant's
// licensing state is, what a change is, and what must always hold of them.
// It does no I/O, keeps no clock and imports only the standard library.
//
// # Invariants
//
// "Must" means that history becomes untrue if the rule is broken; "should"
// means that it becomes harder to read.
//
//	I1  Only a complete read must become history. A page, a user or a row that
//	    could not be read makes the whole read incomplete.
//	I2  An assignment is a user's object id and a SKU's GUID; a path adds the
//	    group's object id. Names, part numbers and UPNs must never take part
//	    in identity or comparison.
//	I3  Licenses, plans and state rows are sets. Order must carry no meaning.
//	I4  A SKU is held by the paths that [ResolvePaths] says. A row in state
//	    Error must never count as held.
//	I5  null, "" and "None" must all mean that a state row has no error.
//	I6  A period ends when a complete snapshot no longer shows any held path
//	    of the SKU, or when whole records show it gone and given again in
//	    between. A return opens a new period; a move between paths goes on
//	    with the old one; so does the restore of a deleted user.
//	I7  The first run must record no changes: what it finds was there before.
//	I8  A first-assigned date must never move later, unless what it rests on
//	    no longer proves it; it moves earlier only with better evidence.
//	I9  A database must hold one tenant only.
//	I10 A change lies between the start of the previous snapshot and the end
//	    of the one that shows it. A derived date must contain the truth.
//	I11 What a run was not allowed to read must not end anything: groups,
//	    subscriptions and deleted users stay as they were last read.
package snapshot

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Object ids and GUIDs as Microsoft writes them, always lower case.
type (
	TenantID string
	UserID   string
	SKUID    string
	PlanID   string
	GroupID  string
)

// RunID numbers the runs of one database, from 1; 0 means no run.
type RunID int64

// Tenant is the organization that a database is about.
type Tenant struct {
	ID   TenantID
	Name string
}

// Organization is what a tenant says about itself.
type Organization struct {
	Tenant
	// Premium: the tenant has Entra ID P1 or P2, and so keeps its audit log for 30
	// days instead of 7.
	Premium bool
	// PremiumSince is Microsoft's date of the oldest plan that shows it; zero where
	// it gives none. What the log had forgotten before is not there for that.
	PremiumSince time.Time
}

// Presence says whether a user was among the tenant's users.
type Presence string

const (
	Present Presence = "present" // listed under /users
	Deleted Presence = "deleted" // listed under /directory/deletedItems: restorable for 30 days
	Gone    Presence = "gone"    // in neither list
)

// User is one user with everything about licensing that one snapshot showed.
type User struct {
	ID UserID
	Attributes
	Presence  Presence
	DeletedAt time.Time // Microsoft's deletedDateTime; zero when present or not known
	Paths     []Path    // sorted by [Path.Key]; held and not held
	Plans     []Plan    // sorted by [Plan.compare]
}

// Attributes are what reports show and group by. They may change at will:
// nothing is identified by them (I2).
type Attributes struct {
	UPN            string     `json:"upn"`
	Name           string     `json:"name"`
	Mail           string     `json:"mail,omitempty"`
	Department     string     `json:"department,omitempty"`
	Enabled        *bool      `json:"enabled,omitempty"` // nil when Graph gave none
	Type           string     `json:"type,omitempty"`    // Member or Guest; "" on very old accounts
	UsageLocation  string     `json:"usage_location,omitempty"`
	Company        string     `json:"company,omitempty"`
	Country        string     `json:"country,omitempty"`
	Office         string     `json:"office,omitempty"`
	JobTitle       string     `json:"job_title,omitempty"`
	EmployeeID     string     `json:"employee_id,omitempty"`
	EmployeeType   string     `json:"employee_type,omitempty"`
	CreationType   string     `json:"creation_type,omitempty"`
	OnPremisesSync bool       `json:"on_premises_sync,omitempty"`
	CreatedAt      *time.Time `json:"created_at,omitempty"` // nil for some users made before June 2018
	Kept           Kept       `json:"kept,omitempty"`
}

// Equal reports whether two sets of attributes say the same.
func (a Attributes) Equal(b Attributes) bool {
	if (a.Enabled == nil) != (b.Enabled == nil) || a.Enabled != nil && *a.Enabled != *b.Enabled {
		return false
	}
	if (a.CreatedAt == nil) != (b.CreatedAt == nil) || a.CreatedAt != nil && !a.CreatedAt.Equal(*b.CreatedAt) {
		return false
	}
	a.Enabled, b.Enabled, a.CreatedAt, b.CreatedAt = nil, nil, nil, nil
	return a == b
}

// PathKind is the way in which an assignment is held.
type PathKind string

const (
	Direct  PathKind = "direct"
	ByGroup PathKind = "group"
	// Unknown stands for a SKU that assignedLicenses shows and
	// licenseAssignmentStates does not, which Graph is known to do
	// (microsoft-graph-docs issue 9636).
	Unknown PathKind = "unknown"
)

// PathRef names a path of some SKU without its state.
type PathRef struct {
	Kind  PathKind `json:"kind"`
	Group GroupID  `json:"group,omitempty"` // set when Kind is ByGroup, else ""
}

// Compare orders direct before group before unknown, groups by id.
func (r PathRef) Compare(o PathRef) int {
	return cmp.Or(cmp.Compare(r.Kind.rank(), o.Kind.rank()), cmp.Compare(r.Group, o.Group))
}

func (k PathKind) rank() int {
	return slices.Index([]PathKind{Direct, ByGroup, Unknown}, k)
}

// PathKey identifies a path of one user (I2).
type PathKey struct {
	SKU SKUID
	PathRef
}

// Compare orders keys by SKU, then by path.
func (k PathKey) Compare(o PathKey) int {
	return cmp.Or(cmp.Compare(k.SKU, o.SKU), k.PathRef.Compare(o.PathRef))
}

// Path is one way in which a user holds, or was meant to hold, a SKU.
type Path struct {
	PathKey
	Held      bool      // I4
	State     string    // Active, ActiveWithError, Disabled, Error or a word newer than this program
	Error     string    // "" when there is none (I5)
	Disabled  []PlanID  // service plans switched off on this path, sorted
	UpdatedAt time.Time // lastUpdatedDateTime: when Microsoft last touched the row, not when it began; zero if not given
}

// Key returns the path's identity.
func (p Path) Key() PathKey { return p.PathKey }

// Equal reports whether two paths agree in every field.
func (p Path) Equal(o Path) bool {
	return p.PathKey == o.PathKey && p.Held == o.Held && p.State == o.State && p.Error == o.Error &&
		slices.Equal(p.Disabled, o.Disabled) && p.UpdatedAt.Equal(o.UpdatedAt)
}

// Plan is one row of assignedPlans. AssignedAt belongs to the plan, not to a
// SKU, and Microsoft's own background changes reset it. Rows outlive the SKU
// that brought them, with the status Deleted.
type Plan struct {
	ID         PlanID
	Status     string // Enabled, Warning, Suspended, LockedOut, Deleted
	AssignedAt time.Time
}

func (p Plan) compare(o Plan) int {
	return cmp.Or(cmp.Compare(p.ID, o.ID), cmp.Compare(p.Status, o.Status), p.AssignedAt.Compare(o.AssignedAt))
}

// Equal reports whether two plans agree in every field.
func (p Plan) Equal(o Plan) bool { return p.compare(o) == 0 }

// Normalize puts the user's paths and plans into their one order (I3) and
// drops plan rows that are the same to the letter.
func (u *User) Normalize() {
	slices.SortFunc(u.Paths, func(a, b Path) int { return a.PathKey.Compare(b.PathKey) })
	slices.SortFunc(u.Plans, Plan.compare)
	u.Plans = slices.CompactFunc(u.Plans, Plan.Equal)
}

// Holds reports whether the user holds the SKU by any path.
func (u *User) Holds(sku SKUID) bool { return Holds(u.Paths, sku) }

// Holds reports whether the SKU is held by one of the paths.
func Holds(paths []Path, sku SKUID) bool {
	return slices.ContainsFunc(paths, func(p Path) bool { return p.Held && p.SKU == sku })
}

// Held returns the SKUs that the user holds, sorted, each once.
func (u *User) Held() []SKUID {
	var held []SKUID
	for _, p := range u.Paths {
		if p.Held && (len(held) == 0 || held[len(held)-1] != p.SKU) {
			held = append(held, p.SKU)
		}
	}
	return held
}

// Units are seats by what Microsoft lets them be used for.
type Units struct {
	Enabled   int64 `json:"enabled"`
	Warning   int64 `json:"warning"`   // expired, in grace: users keep access
	Suspended int64 `json:"suspended"` // cancelled, can be reactivated, not assignable
	LockedOut int64 `json:"locked_out"`
}

// SKU is one row of subscribedSkus.
type SKU struct {
	ID            SKUID
	PartNumber    string
	AppliesTo     string // User or Company; only User SKUs can be assigned
	Status        string // Enabled, Warning, Suspended, Deleted, LockedOut
	Units         Units
	Consumed      int64         // consumedUnits, Microsoft's own count of holders
	Plans         []ServicePlan // sorted by id
	Subscriptions []string      // subscriptionIds, sorted
	// Silent: Graph left out the status, the seats, the plans or the seats in
	// use. What is missing is then not known, rather than none.
	Silent    bool
	Uncounted bool // Graph left out the seats in use
}

// ServicePlan is one service in a SKU's catalog.
type ServicePlan struct {
	ID        PlanID
	Name      string
	AppliesTo string
}

// Subscription is one row of directory/subscriptions: what was bought.
type Subscription struct {
	ID              string
	CommerceID      string // in the commerce system; not kept
	SKU             SKUID
	Status          string
	Total           int64
	Trial           bool
	CreatedAt       time.Time
	NextLifecycleAt time.Time // when the status changes next unless renewed; zero if not given
	OwnerTenant     TenantID  // the partner that sold it, if any
}

// Group is a group that gives licenses.
type Group struct {
	ID              GroupID
	Name            string
	Gone            bool // Graph no longer knows the group
	Dynamic         bool
	MembershipRule  string
	ProcessingState string // licenseProcessingState: QueuedForProcessing, ProcessingInProgress, ProcessingComplete
	OnPremisesSync  bool
	Licenses        []GroupLicense // sorted by SKU
}

// GroupLicense is a SKU that a group gives to its direct members.
type GroupLicense struct {
	SKU      SKUID    `json:"sku"`
	Disabled []PlanID `json:"disabled,omitempty"` // sorted
}

// DeletedUser is one row of directory/deletedItems.
type DeletedUser struct {
	ID        UserID
	DeletedAt time.Time
	// Listed are the paths that the deleted object still lists. They are not
	// held: they show that the deletion removed them. ListedKnown is false when
	// the row said nothing of licenses.
	Listed      []Path
	ListedKnown bool
}

// Warning is something about a run that its reader should know.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// NormalID lower-cases and trims an id, so that one id has one spelling.
func NormalID[T ~string](id T) T { return T(strings.ToLower(strings.TrimSpace(string(id)))) }
