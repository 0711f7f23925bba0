package lake

import "time"

// The rows of the tables. Field tags are those of Parquet; the tag lake:"key"
// marks what identifies a row within its tenant, lake:"text" a text in which people
// are concealed as far as they were known when it was exported. In an optional
// column the zero value of text and of a time is null.

// runRow is one execution of sync.
type runRow struct {
	Tenant        string    `parquet:"tenant,dict"`
	Run           int64     `parquet:"run" lake:"key"`
	Status        string    `parquet:"status,dict"`
	StartedAt     time.Time `parquet:"started_at,optional,timestamp(microsecond)"`
	EndedAt       time.Time `parquet:"ended_at,optional,timestamp(microsecond)"`
	PreviousRun   *int64    `parquet:"previous_run,optional"`
	ObservedAt    time.Time `parquet:"observed_at,optional,timestamp(microsecond)"`
	ObservedUntil time.Time `parquet:"observed_until,optional,timestamp(microsecond)"`
	Users         *int64    `parquet:"users,optional"`
	LicensedUsers *int64    `parquet:"licensed_users,optional"`
	Assignments   *int64    `parquet:"assignments,optional"`
	Changes       *int64    `parquet:"changes,optional"`
	Requests      *int64    `parquet:"requests,optional"`
	Warnings      string    `parquet:"warnings,optional"` // codes, with a space between
	Error         string    `parquet:"error,optional" lake:"text"`
	Head          string    `parquet:"head,optional"`
	Version       string    `parquet:"version,dict"`
}

// changeRow is a difference between two snapshots, or what only the audit log saw.
type changeRow struct {
	Tenant        string    `parquet:"tenant,dict"`
	ChangeID      int64     `parquet:"change_id" lake:"key"`
	Run           int64     `parquet:"run"`
	Kind          string    `parquet:"kind,dict"`
	Observed      bool      `parquet:"observed"`
	UserKey       string    `parquet:"user_key,optional,dict"` // null: a change to the tenant
	SKUID         string    `parquet:"sku_id,optional,dict"`
	PathKind      string    `parquet:"path_kind,optional,dict"`
	GroupID       string    `parquet:"group_id,optional,dict"`
	FromPathKind  string    `parquet:"from_path_kind,optional,dict"`
	FromGroupID   string    `parquet:"from_group_id,optional,dict"`
	NotBefore     time.Time `parquet:"not_before,optional,timestamp(microsecond)"` // null: the time before tracking began
	NotAfter      time.Time `parquet:"not_after,timestamp(microsecond)"`
	PlansDisabled string    `parquet:"plans_disabled,optional"` // plan ids, with a space between
	PlansEnabled  string    `parquet:"plans_enabled,optional"`
	StateFrom     string    `parquet:"state_from,optional,dict"`
	StateTo       string    `parquet:"state_to,optional,dict"`
	ErrorFrom     string    `parquet:"error_from,optional,dict"`
	ErrorTo       string    `parquet:"error_to,optional,dict"`
	UnitsFrom     *int64    `parquet:"units_from,optional"` // enabled seats
	UnitsTo       *int64    `parquet:"units_to,optional"`
	Presence      string    `parquet:"presence,optional,dict"`
	Affected      *int64    `parquet:"affected,optional"`
}

// causeRow is one attribution of a change. A later revision corrects an earlier.
type causeRow struct {
	Tenant           string    `parquet:"tenant,dict"`
	ChangeID         int64     `parquet:"change_id" lake:"key"`
	Revision         int32     `parquet:"revision" lake:"key"`
	Run              int64     `parquet:"run"` // that came to this result
	Cause            string    `parquet:"cause,dict"`
	Initiator        string    `parquet:"initiator,dict"`
	Confidence       string    `parquet:"confidence,dict"`
	UnknownWhy       string    `parquet:"unknown_why,optional,dict"`
	ExactAt          time.Time `parquet:"exact_at,optional,timestamp(microsecond)"`
	ActorKind        string    `parquet:"actor_kind,optional,dict"`
	ActorKey         string    `parquet:"actor_key,optional,dict"`             // of a person the digest, of an app its id
	ActorApp         string    `parquet:"actor_app,optional,dict" lake:"text"` // name of an app
	ClientApp        string    `parquet:"client_app,optional,dict" lake:"text"`
	ViaTrigger       string    `parquet:"via_trigger,optional,dict"`
	ViaGroupID       string    `parquet:"via_group_id,optional,dict"`
	ViaActorKind     string    `parquet:"via_actor_kind,optional,dict"`
	ViaActorKey      string    `parquet:"via_actor_key,optional,dict"`
	ViaAt            time.Time `parquet:"via_at,optional,timestamp(microsecond)"`
	EvidenceRecords  int32     `parquet:"evidence_records"`
	Reason           string    `parquet:"reason,optional" lake:"text"`
	RulesVersion     int32     `parquet:"rules_version"`
	AttributionOrder int64     `parquet:"attribution_order"` // in which attributions were made
}

// periodEventRow is the beginning or the end of a period.
type periodEventRow struct {
	Tenant    string    `parquet:"tenant,dict"`
	UserKey   string    `parquet:"user_key,dict" lake:"key"`
	SKUID     string    `parquet:"sku_id,dict" lake:"key"`
	Period    int32     `parquet:"period_number" lake:"key"`
	Event     string    `parquet:"event,dict" lake:"key"` // begin, end
	EventAt   time.Time `parquet:"event_at,timestamp(microsecond)"`
	NotBefore time.Time `parquet:"not_before,optional,timestamp(microsecond)"`
	NotAfter  time.Time `parquet:"not_after,timestamp(microsecond)"`
	Precision string    `parquet:"date_precision,dict"`
	Source    string    `parquet:"date_source,dict"`
	HeldBy    string    `parquet:"held_by,dict"` // direct, group, both, unknown
	statement
}

// statement is what rows have that a later export may correct: of those with one
// key the highest revision counts.
type statement struct {
	Run       int64 `parquet:"run"`      // the run that showed it; of a correction the newest run then
	Revision  int32 `parquet:"revision"` // from 1
	Withdrawn bool  `parquet:"withdrawn"`
}

// skuRow is a SKU from a run on.
type skuRow struct {
	Tenant     string `parquet:"tenant,dict"`
	SKUID      string `parquet:"sku_id,dict" lake:"key"`
	Run        int64  `parquet:"run" lake:"key"`
	Gone       bool   `parquet:"gone"` // the run no longer showed it; the figures are the last ones
	PartNumber string `parquet:"part_number,dict"`
	AppliesTo  string `parquet:"applies_to,optional,dict"`
	Status     string `parquet:"status,dict"`
	Enabled    int64  `parquet:"enabled"`
	Warning    int64  `parquet:"warning"`
	Suspended  int64  `parquet:"suspended"`
	LockedOut  int64  `parquet:"locked_out"`
	Consumed   int64  `parquet:"consumed"`
	Assigned   int64  `parquet:"assigned"`
}

// subscriptionRow is a subscription from a run on.
type subscriptionRow struct {
	Tenant          string    `parquet:"tenant,dict"`
	SubscriptionID  string    `parquet:"subscription_id,dict" lake:"key"`
	Run             int64     `parquet:"run" lake:"key"`
	Gone            bool      `parquet:"gone"`
	SKUID           string    `parquet:"sku_id,dict"`
	Status          string    `parquet:"status,dict"`
	Total           int64     `parquet:"total"`
	Trial           bool      `parquet:"trial"`
	CreatedAt       time.Time `parquet:"created_at,optional,timestamp(microsecond)"`
	NextLifecycleAt time.Time `parquet:"next_lifecycle_at,optional,timestamp(microsecond)"`
	OwnerTenant     string    `parquet:"owner_tenant,optional,dict"`
}

// groupRow is a group and one of the SKUs that it gives, from a run on. A group
// that gives none has one row without a SKU.
type groupRow struct {
	Tenant          string `parquet:"tenant,dict"`
	GroupID         string `parquet:"group_id,dict" lake:"key"`
	Run             int64  `parquet:"run" lake:"key"`
	SKUID           string `parquet:"sku_id,optional,dict" lake:"key"`
	Gone            bool   `parquet:"gone"`
	GroupName       string `parquet:"group_name,optional,dict" lake:"text"`
	DynamicGroup    bool   `parquet:"dynamic_group"`
	ProcessingState string `parquet:"processing_state,optional,dict"`
	OnPremisesSync  bool   `parquet:"on_premises_sync"`
	DisabledPlans   string `parquet:"disabled_plans,optional"` // plan ids, with a space between
}

// seatDayRow is how many days of a closed month a user held a SKU.
type seatDayRow struct {
	Tenant     string `parquet:"tenant,dict"`
	SeatMonth  string `parquet:"seat_month,dict" lake:"key"` // as the partition
	SKUID      string `parquet:"sku_id,dict" lake:"key"`
	UserKey    string `parquet:"user_key,dict" lake:"key"`
	Department string `parquet:"department,optional,dict" lake:"key"`
	Country    string `parquet:"country,optional,dict" lake:"key"`
	MinDays    int32  `parquet:"min_days"`
	MaxDays    int32  `parquet:"max_days"`
	statement
}

// activityRow is a time in which a user was active without a pause of over 30 days.
type activityRow struct {
	Tenant  string    `parquet:"tenant,dict"`
	UserKey string    `parquet:"user_key,dict" lake:"key"`
	Kind    string    `parquet:"kind,dict" lake:"key"`
	FromAt  time.Time `parquet:"from_at,timestamp(microsecond)" lake:"key"`
	LastAt  time.Time `parquet:"last_at,timestamp(microsecond)"`
	statement
}

// coverageRow is a stretch of a log or of activity that was asked for.
type coverageRow struct {
	Tenant     string    `parquet:"tenant,dict"`
	What       string    `parquet:"what,dict" lake:"key"`            // audit, activity
	CoverageID *int64    `parquet:"coverage_id,optional" lake:"key"` // of the audit log
	Run        *int64    `parquet:"run,optional" lake:"key"`         // null: a file was imported
	Source     string    `parquet:"source,dict" lake:"key"`
	FromAt     time.Time `parquet:"from_at,optional,timestamp(microsecond)"`
	ToAt       time.Time `parquet:"to_at,optional,timestamp(microsecond)"`
	Complete   bool      `parquet:"complete"`
	Records    int64     `parquet:"records"` // of activity: users
	Why        string    `parquet:"why,optional,dict" lake:"text"`
}

// tenantRow is a tenant as last exported.
type tenantRow struct {
	Tenant        string    `parquet:"tenant,dict"`
	TenantName    string    `parquet:"tenant_name,optional" lake:"text"`
	FirstRun      int64     `parquet:"first_run"`
	NewestRun     int64     `parquet:"newest_run"` // the newest complete run
	ObservedAt    time.Time `parquet:"observed_at,optional,timestamp(microsecond)"`
	ObservedUntil time.Time `parquet:"observed_until,optional,timestamp(microsecond)"`
	Seals         int64     `parquet:"seals"`
	Head          string    `parquet:"head"`
}

// userRow says who a digest is. No other table has names of people.
type userRow struct {
	Tenant        string `parquet:"tenant,dict"`
	UserKey       string `parquet:"user_key" lake:"key"`
	IsUser        bool   `parquet:"is_user"` // false: somebody from outside who did something
	UserID        string `parquet:"user_id,optional"`
	UPN           string `parquet:"upn,optional"`
	DisplayName   string `parquet:"display_name,optional"`
	Mail          string `parquet:"mail,optional"`
	Department    string `parquet:"department,optional,dict"`
	Company       string `parquet:"company,optional,dict"`
	Country       string `parquet:"country,optional,dict"`
	UsageLocation string `parquet:"usage_location,optional,dict"`
	UserType      string `parquet:"user_type,optional,dict"`
	Enabled       *bool  `parquet:"enabled,optional"`
	Presence      string `parquet:"presence,optional,dict"`
}
