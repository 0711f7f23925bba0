package snapshot

import "time"

// Kind says what a change is.
type Kind string

// Kinds of changes to a user's licenses.
const (
	Assigned     Kind = "assigned"      // the SKU was not held, now it is
	Removed      Kind = "removed"       // the SKU was held, now it is not
	PathAdded    Kind = "path-added"    // held before, now by one more path
	PathRemoved  Kind = "path-removed"  // a path is gone, still held by another
	PathMoved    Kind = "path-moved"    // held throughout, by another path now
	PlansChanged Kind = "plans-changed" // service plans switched on or off on a path
	StateChanged Kind = "state-changed" // the state or the error of a path's row
	DateMoved    Kind = "date-moved"    // Microsoft's date moved and nothing else did
)

// Kinds of changes to the tenant, without a user.
const (
	SKUAdded            Kind = "sku-added"
	SKUGone             Kind = "sku-gone"
	SKUStatusChanged    Kind = "sku-status-changed"
	SKUUnitsChanged     Kind = "sku-units-changed"
	SKUPlanAdded        Kind = "sku-plan-added"
	SKUPlanRemoved      Kind = "sku-plan-removed"
	GroupLicenseAdded   Kind = "group-license-added"
	GroupLicenseRemoved Kind = "group-license-removed"
	GroupLicenseChanged Kind = "group-license-changed"
)

// Kinds lists every kind, in the order of this file.
var Kinds = []Kind{
	Assigned, Removed, PathAdded, PathRemoved, PathMoved, PlansChanged, StateChanged, DateMoved,
	SKUAdded, SKUGone, SKUStatusChanged, SKUUnitsChanged, SKUPlanAdded, SKUPlanRemoved,
	GroupLicenseAdded, GroupLicenseRemoved, GroupLicenseChanged,
}

// Change is a difference between two consecutive snapshots, or an add or
// remove that only the audit log saw between them.
type Change struct {
	ID       int64 // given by the store
	Run      RunID // the run that showed it
	Kind     Kind
	Observed bool   // false: only the audit log saw it
	User     UserID // "" for changes to the tenant
	SKU      SKUID
	Path     *PathRef // the path now; for a removal the path that was; for a group's license the group
	From     *PathRef // PathMoved: the path before
	Plans    *PlanDelta
	State    *StateDelta
	Units    *UnitsDelta
	// Presence is the user's after the change, when the user left the
	// tenant's users with it; Returned says that the user came back with it,
	// by a path that was held at the end.
	Presence Presence
	Returned bool
	// Back: the user was not among the tenant's users in the snapshot before,
	// and had been earlier.
	Back bool
	// Listed says whether the deleted account still lists the path: what it lists
	// went with the deletion. nil when the list of deleted users did not say.
	Listed *bool
	// Affected counts the users whose rows this change to the tenant explains.
	Affected int
	// Dated is, for DateMoved, Microsoft's date after the change: what moved
	// it happened then. Zero when not known.
	Dated  time.Time
	Window Window
}

// Window is the stretch of time that a change must lie in (I10).
type Window struct {
	NotBefore time.Time // start of the previous snapshot; zero if there was none
	NotAfter  time.Time // end of the snapshot that shows the change
}

// Contains reports whether t lies in the window, widened by slack on both
// sides for clocks that differ.
func (w Window) Contains(t time.Time, slack time.Duration) bool {
	return !t.Before(w.NotBefore.Add(-slack)) && !t.After(w.NotAfter.Add(slack))
}

// PlanDelta lists service plans switched off and on, sorted.
type PlanDelta struct {
	Disabled []PlanID `json:"disabled,omitempty"`
	Enabled  []PlanID `json:"enabled,omitempty"`
}

// StateDelta is a row's state before and after; "" where there was no row.
type StateDelta struct {
	From      string `json:"from"`
	To        string `json:"to"`
	ErrorFrom string `json:"error_from,omitempty"`
	ErrorTo   string `json:"error_to,omitempty"`
}

// UnitsDelta is a SKU's seats before and after.
type UnitsDelta struct {
	From Units `json:"from"`
	To   Units `json:"to"`
}

// Span places a path in the run numbers of a database.
type Span struct {
	Path   RunID // the run that first showed the path held without a break since
	Start  RunID // the run that first showed the current period of the SKU
	Period int   // 1 for the first period of the user and SKU
}

// Known is what history has of one user before a run.
type Known struct {
	User                   // as last seen; Presence says whether as a user
	Spans map[PathKey]Span // of the paths that are open and held
	Ended map[SKUID]Ended  // SKUs held once and not now: their newest period
}

// Ended is the newest period of a SKU that a user does not hold now.
type Ended struct {
	Span
	// Suspended: the period ended because the user left the tenant's users,
	// so that a restore goes on with it (I6).
	Suspended bool
	Paths     []PathRef // by which it was held at the end
}

// Delta is what one run changes in the history of one user.
type Delta struct {
	ID  UserID
	New User
	// Attributes and Plans say which of the user's other rows differ.
	Attributes bool
	Plans      bool
	// Closed paths end before this run; Opened ones begin with it. A path
	// whose row changed is in both.
	Closed []PathKey
	Opened []OpenedPath
	// Evidence of having held a SKU before the first run, better than the
	// dates of the user's paths.
	Evidence []FirstEvidence
	// Changes are what is reported to a reader. Rows may differ without one: I2, I3.
	Changes []Change
}

// FirstEvidence says that a user held a SKU at a time before the first run.
type FirstEvidence struct {
	SKU   SKUID
	At    time.Time
	Basis Basis
	// Exact, with BasisAudit: the SKU was assigned at that time and held from
	// then up to the first run.
	Exact bool
	Event EventRef // with BasisAudit
}

// OpenedPath is a path row that begins with a run.
type OpenedPath struct {
	Path
	Span // zero when the path is not held
}

// Empty reports whether the run changes nothing of the user.
func (d *Delta) Empty() bool {
	return !d.Attributes && !d.Plans && len(d.Closed) == 0 && len(d.Opened) == 0
}

// Precision says what is known of a derived date.
type Precision string

const (
	Exact       Precision = "exact"         // an event gives the time
	InWindow    Precision = "window"        // absent at NotBefore, present at NotAfter
	NoLaterThan Precision = "no-later-than" // there when tracking began
)

// Basis says what a derived date rests on.
type Basis string

const (
	BasisAudit    Basis = "audit"
	BasisSnapshot Basis = "snapshot"
	BasisImport   Basis = "import"
	BasisState    Basis = "state"
	BasisPlan     Basis = "plan"
	BasisReport   Basis = "report" // a usage report's date for a workload
)

// Date is a "when" that was derived, with its bounds (I10).
type Date struct {
	At        time.Time
	NotBefore time.Time // zero when nothing bounds it
	NotAfter  time.Time
	Precision Precision
	Basis     Basis
	// Evidence names what the date rests on, so that it can be looked up: a
	// run, an event, or a line of an imported file.
	Evidence string
}

// On returns the date with what it rests on.
func (d Date) On(evidence string) Date {
	d.Evidence = evidence
	return d
}

// ExactDate is the date that an event gives.
func ExactDate(at time.Time) Date {
	return Date{At: at, NotBefore: at, NotAfter: at, Precision: Exact, Basis: BasisAudit}
}

// WindowDate is the date of something that a snapshot showed and the one
// before it did not.
func WindowDate(w Window) Date {
	return Date{At: w.NotAfter, NotBefore: w.NotBefore, NotAfter: w.NotAfter, Precision: InWindow, Basis: BasisSnapshot}
}

// AlreadyThere is the date of something that the first run found, seen at
// observed, with Microsoft's own dates as better evidence where they are
// earlier. Zero times are no evidence.
func AlreadyThere(observed, state, plan time.Time) Date {
	d := Date{At: observed, Precision: NoLaterThan, Basis: BasisSnapshot}
	if !state.IsZero() && state.Before(d.At) {
		d.At, d.Basis = state, BasisState
	}
	if !plan.IsZero() && plan.Before(d.At) {
		d.At, d.Basis = plan, BasisPlan
	}
	d.NotAfter = d.At
	return d
}

// HeldOn is the date of something that was there already at a time, by
// evidence of some kind.
func HeldOn(at time.Time, basis Basis) Date {
	return Date{At: at, NotAfter: at, Precision: NoLaterThan, Basis: basis}
}

// FirstDate is when something first began, by the date of its first observed
// beginning and by evidence of earlier times. It never gives a later time than
// the beginning's (I8). Evidence that only narrows a window from above is no
// better than the window: the snapshot before did not show the thing, and that
// bound is worth keeping.
func FirstDate(beginning Date, evidence ...Date) Date {
	first := beginning
	for _, e := range evidence {
		within := beginning.Precision == InWindow && !e.At.Before(beginning.NotBefore)
		if e.At.Before(first.At) && (e.Precision == Exact || !within) {
			first = e
		}
	}
	return first
}

// Cause says why a change happened.
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
	CauseUnknown      Cause = "unknown"
)

// Causes lists every cause.
var Causes = []Cause{CauseAdmin, CauseAutomation, CausePartner, CauseSelfService, CauseGroup,
	CauseUserDeleted, CauseUserRestored, CauseSubscription, CauseMicrosoft, CauseUnknown}

// Initiator says what sort of party started a change; for a change by a group,
// the party that changed the group, where known.
type Initiator string

const (
	ByAdmin      Initiator = "admin"
	ByAutomation Initiator = "automation"
	ByUser       Initiator = "user"
	ByMicrosoft  Initiator = "microsoft"
	ByBilling    Initiator = "billing"
	ByUnknown    Initiator = "unknown"
)

// Initiators lists every initiator.
var Initiators = []Initiator{ByAdmin, ByAutomation, ByUser, ByMicrosoft, ByBilling, ByUnknown}

// Confidence says how strong the evidence is.
type Confidence string

const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// UnknownWhy says why a cause is unknown.
type UnknownWhy string

const (
	NotCovered      UnknownWhy = "not-covered"      // the log was not read for the whole window
	NoEvent         UnknownWhy = "no-event"         // it was, and no event names this change
	IncompleteEvent UnknownWhy = "incomplete-event" // an event names the user, not what changed
	Ambiguous       UnknownWhy = "ambiguous"        // several events fit and disagree
)

// Trigger says what set a group's licensing in motion.
type Trigger string

const (
	ByMembership   Trigger = "membership"
	ByGroupLicense Trigger = "group-license"
	ByDynamicRule  Trigger = "dynamic-rule"
	ByDeletion     Trigger = "deletion"
	BySubscription Trigger = "subscription"
	ByCatalog      Trigger = "catalog"
	TriggerUnknown Trigger = "unknown"
)

// Via is the link between a change and the party behind it.
type Via struct {
	Trigger Trigger   `json:"trigger"`
	Group   GroupID   `json:"group,omitempty"` // "" when no group is involved
	Actor   *Actor    `json:"actor,omitempty"` // who pulled the trigger, where known
	At      time.Time `json:"at,omitzero"`
}

// Attribution says why a change happened, on what evidence.
type Attribution struct {
	Cause      Cause
	Initiator  Initiator
	Actor      *Actor
	Via        *Via
	Confidence Confidence
	UnknownWhy UnknownWhy // set exactly when Cause is unknown
	Reason     string     // one sentence that a manager can read
	At         time.Time  // the change's exact time, when an event gives it
	Evidence   []EventRef
	// Path is the path by which the SKU was gained or lost, if that is not the one
	// of the change: a path that the later snapshot shows need not have been first.
	// Of a date that moved, it is the path of the change where that path may have
	// ended and begun again.
	Path *PathRef
	// Rules is the version of the rules that came to this; 0: the first ones.
	Rules int
}

// Responsible is the party that started the change: the actor or, where the group
// licensing engine acted, the party that changed the group; nil when that is not known.
func (a *Attribution) Responsible() *Actor {
	switch {
	case a.Cause != CauseGroup:
		return a.Actor
	case a.Via != nil:
		return a.Via.Actor
	}
	return nil
}

// Unnamed reports whether a party is responsible that is not known. No party is
// responsible for instance where a subscription ended.
func (a *Attribution) Unnamed() bool {
	return a.Responsible() == nil && (a.Cause == CauseUnknown || a.Cause == CauseGroup)
}

// Coverage is a stretch of time for which a source's log was read.
type Coverage struct {
	Source   Source
	From, To time.Time
	Complete bool   // false: asked for, and not or not wholly had
	Events   int64  // records read
	Why      string // why it is not complete
	Imported bool   // recorded by somebody who imported a file, not by a run
}
