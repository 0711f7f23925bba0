package graphtest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Style is a generation of license events.
type Style int

const (
	// StyleAuto takes what the real service would: chunks for large changes,
	// and either of the small forms for small ones.
	StyleAuto Style = iota
	// StyleSplit has an empty Change user license beside a full Update user.
	StyleSplit
	// StyleSelfContained has the details in Change user license itself.
	StyleSelfContained
	// StyleChunked cuts the details into parts of 10,000 characters.
	StyleChunked
)

const chunkSize = 10000

// Lies are the probabilities, from 0 to 1, that the audit log misleads.
type Lies struct {
	NoEvent      float64 // nothing is written about a license change
	NoDetails    float64 // only an empty Change user license
	NoChange     float64 // only Update user, no Change user license
	BlankActor   float64 // group-based licensing without an initiator
	Late         float64 // the event appears after Delay
	Duplicate    float64 // the event is listed twice
	MissingChunk float64 // one part of a chunked event never appears
	ActorDeleted float64 // the initiator is an id without names
	OddEncoding  float64 // values in the unified audit log's encoding
	GroupFirst   float64 // the group is listed before the user
	Noise        float64 // an unrelated sync event of the same user
	Lost         float64 // a record of any kind is never written
	LateDelete   float64 // the record of a deletion appears after Delay
	BareGroup    float64 // a Set group license record without details

	Delay   time.Duration // of late events
	Spread  bool          // late events appear at any time up to Delay
	Latency time.Duration // of every event
}

// Event is one entry of the directory audit log.
type Event struct {
	ID      string
	At      time.Time
	Visible time.Time // when the service starts to show it
	Act     int       // index in the truth log of its cause, or -1; never served

	Activity, Category, Operation, Correlation string
	Result, Reason                             string
	user, app                                  object
	by                                         Actor // whom the event names
	targets                                    []target
	details                                    [][2]string
	zulu                                       bool
	serial                                     int
	part                                       *part
}

// part is a piece of the details of a license change, cut when served.
type part struct {
	props    []prop
	from, to int
}

type target struct {
	id, kind, upn, name, groupType string
	props                          []prop
	odd                            bool
}

// prop is a modified property before it is encoded.
type prop struct {
	Name     string
	Old, New any
}

// Events returns the audit events by time, visible or not.
func (t *Tenant) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Event, len(t.events))
	for i, e := range t.events {
		out[i] = *e
	}
	return out
}

// event starts an event about an act.
func (t *Tenant) event(activity, category, operation string, by Actor, act int) *Event {
	e := &Event{
		Act: act, Activity: activity, Category: category, Operation: operation,
		Correlation: t.guid(), Result: "success", zulu: t.rng.IntN(2) == 0,
	}
	t.initiate(e, by)
	return e
}

func (t *Tenant) initiate(e *Event, by Actor) {
	e.by = by
	switch {
	case by.asUser():
		e.user = object{{"id", null(by.ID)}, {"displayName", null(by.Client)}, {"userPrincipalName", by.UPN}, {"ipAddress", "203.0.113.7"}}
		if t.chance(t.Lies.ActorDeleted) {
			e.user = object{{"id", by.ID}, {"displayName", nil}, {"userPrincipalName", ""}, {"ipAddress", nil}}
			e.by.UPN, e.by.Client = "", ""
		}
		if by.Kind == ActorAgent {
			e.user = append(e.user, member{"agentType", "agenticAppInstance"})
		}
		if by.HomeTenant != "" {
			e.user = append(e.user, member{"homeTenantId", by.HomeTenant}, member{"homeTenantName", "Partner"})
		}
		if by.Client == "Office 365 Admin Portal" {
			e.details = append(e.details, [2]string{"User-Agent", "O365AdminPortal"})
		}
	case by.Kind != ActorNone:
		e.app = object{{"appId", nil}, {"displayName", t.appName(by)}, {"servicePrincipalId", by.ID}, {"servicePrincipalName", nil}}
	}
}

// appName is the display name of an app: group-based licensing has several.
func (t *Tenant) appName(by Actor) string {
	if by.ID != GroupLicensing.ID {
		return by.Name
	}
	return pick(t.rng, []string{
		"Microsoft Azure AD Group-Based Licensing",
		"Microsoft Entra group-Based Licensing",
		"Microsoft Azure AD Group-based licensing",
	})
}

// emit publishes an event, as truthfully as the lies allow.
func (t *Tenant) emit(e *Event) {
	if e.At.IsZero() {
		e.At = t.stamp()
	}
	t.eventNo++
	e.ID = fmt.Sprintf("Directory_%s_%s_%d", e.Correlation, t.alnum(5), 10000000+t.eventNo)
	e.Visible = t.now.Add(t.Lies.Latency)
	if t.chance(t.Lies.Late) || e.Activity == "Delete user" && t.chance(t.Lies.LateDelete) {
		e.Visible = t.now.Add(t.delay())
	}
	if t.chance(t.Lies.Lost) {
		return
	}
	t.place(e)
	if t.chance(t.Lies.Duplicate) {
		again := *e
		t.place(&again)
	}
}

// delay is how late a late event appears.
func (t *Tenant) delay() time.Duration {
	if t.Lies.Spread && t.Lies.Delay > 0 {
		return time.Duration(t.rng.Int64N(int64(t.Lies.Delay))) + 1
	}
	return t.Lies.Delay
}

// place keeps the events ordered by time.
func (t *Tenant) place(e *Event) {
	t.eventNo++
	e.serial = t.eventNo
	i := len(t.events)
	for i > 0 && t.events[i-1].At.After(e.At) {
		i--
	}
	t.events = slices.Insert(t.events, i, e)
}

func (t *Tenant) alnum(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[t.rng.IntN(len(letters))]
	}
	return string(b)
}

func userTarget(u *User, props ...prop) target {
	return target{id: u.ID, kind: "User", upn: u.UPN, props: props}
}

// licenseEvents writes what the log says about a change of u's licenses.
func (t *Tenant) licenseEvents(u *User, before []License, acts []int) {
	after := slices.Clone(u.Licenses)
	if t.onlyErrors(acts) || t.engineIsSilent(u, before, acts) {
		return
	}
	if t.chance(t.Lies.NoEvent) {
		for _, i := range acts {
			t.truth[i].Silent = true
		}
		return
	}
	why := t.truth[acts[0]].Why
	props := t.licenseProps(u, before, after)
	change := t.event("Change user license", "UserManagement", "Update", why.Actor, acts[0])
	change.targets = []target{userTarget(u)}
	change.At = t.stamp()
	if why.Actor.ID == GroupLicensing.ID && t.chance(t.Lies.BlankActor) {
		change.app, change.by = nil, NoActor
		props = append(props, prop{"Action Client Name", nil, "PropagationService"})
	}
	t.publish(change, props)
	if t.chance(t.Lies.Noise) {
		t.syncEvent(u)
	}
}

// engineIsSilent reports that the engine moved paths and no license with them.
func (t *Tenant) engineIsSilent(u *User, before []License, acts []int) bool {
	return t.Engine != nil && t.truth[acts[0]].Actor.ID == GroupLicensing.ID && reflect.DeepEqual(union(before), union(u.Licenses))
}

func (t *Tenant) onlyErrors(acts []int) bool {
	return !slices.ContainsFunc(acts, func(i int) bool { return t.truth[i].State != "Error" })
}

// publish writes the details of a license change in the style that fits.
func (t *Tenant) publish(change *Event, props []prop) {
	update := t.pairOf(change)
	if t.chance(t.Lies.NoDetails) {
		t.emit(change)
		return
	}
	odd := t.chance(t.Lies.OddEncoding)
	noChange := t.chance(t.Lies.NoChange)
	body := chunkBody(props)
	switch t.styleFor(body) {
	case StyleChunked:
		if t.rng.IntN(2) == 0 || noChange {
			t.emitChunks(update, props, len(body))
		}
		if !noChange {
			t.emitChunks(change, props, len(body))
		}
	case StyleSplit:
		update.setProps(props, odd)
		if !noChange {
			t.emit(change)
		}
		t.emit(update)
	default:
		change.setProps(props, odd)
		if !noChange {
			t.emit(change)
		}
		if t.rng.IntN(2) == 0 || noChange {
			update.setProps(props, odd)
			t.emit(update)
		}
	}
}

// pairOf is the Update user half of a license change.
func (t *Tenant) pairOf(change *Event) *Event {
	update := *change
	update.Activity = "Update user"
	update.targets = slices.Clone(change.targets)
	update.details = append(slices.Clone(change.details), [2]string{"UserType", "Member"})
	update.At = change.At.Add(time.Duration(t.rng.IntN(13)-6) * time.Millisecond)
	return &update
}

func (e *Event) setProps(props []prop, odd bool) {
	e.targets[0].props, e.targets[0].odd = props, odd
}

func (t *Tenant) styleFor(body string) Style {
	if t.Style != StyleAuto {
		return t.Style
	}
	if len(body) > chunkSize {
		return StyleChunked
	}
	return pick(t.rng, []Style{StyleSplit, StyleSelfContained, StyleSelfContained})
}

// licenseProps are the modified properties of a license change.
func (t *Tenant) licenseProps(u *User, before, after []License) []prop {
	return []prop{
		{"AssignedLicense", t.licenseStrings(before), t.licenseStrings(after)},
		{"AssignedPlan", []any{}, t.planRows(u)},
		{"LicenseAssignmentDetail", detailObjects(before), detailObjects(after)},
		{"Included Updated Properties", nil, "AssignedLicense, AssignedPlan, LicenseAssignmentDetail"},
		{"TargetId.UserType", nil, u.Type},
	}
}

// licenseStrings are the bracket strings of AssignedLicense, which name the
// disabled plans.
func (t *Tenant) licenseStrings(rows []License) []string {
	out := []string{}
	held := union(rows)
	for _, id := range sortedKeys(held) {
		name, off := id, []string{}
		for _, plan := range held[id] {
			off = append(off, t.planName(id, plan))
		}
		if s := t.sku(id); s != nil {
			name = s.PartNumber
		}
		out = append(out, fmt.Sprintf("[SkuName=%s, AccountId=%s, SkuId=%s, DisabledPlans=[%s]]", name, t.ID, id, strings.Join(off, ", ")))
	}
	return out
}

func (t *Tenant) planName(sku, plan string) string {
	if s := t.sku(sku); s != nil {
		return s.planName(plan)
	}
	return plan
}

// planRows is the value of AssignedPlan.
type planRows struct {
	tenant string
	rows   []AssignedPlan
}

func (t *Tenant) planRows(u *User) planRows {
	rows := slices.DeleteFunc(slices.Clone(u.Plans), func(p AssignedPlan) bool { return p.Status == "Deleted" })
	return planRows{t.ID, slices.Clip(rows)}
}

// MarshalJSONTo writes the plans; there are many of them.
func (p planRows) MarshalJSONTo(enc *jsontext.Encoder) error {
	b := []byte{'['}
	for i, r := range p.rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"SubscribedPlanId":"`...), p.tenant[:24]...), r.ID[24:]...)
		b = append(append(b, `","ServiceInstance":"`...), r.Service...)
		b = strconv.AppendInt(append(b, `/NAMPR01","CapabilityStatus":`...), int64(max(0, rank(r.Status))), 10)
		b = r.Assigned.AppendFormat(append(b, `,"AssignedTimestamp":"`...), "2006-01-02T15:04:05.0000000Z")
		b = append(append(b, `","InitialState":null,"Capability":null,"ServicePlanId":"`...), r.ID...)
		b = append(b, `"}`...)
	}
	return enc.WriteValue(append(b, ']'))
}

// detailObjects are the values of LicenseAssignmentDetail, which know the
// path and give disabled plans as GUIDs.
func detailObjects(rows []License) []any {
	out := []any{}
	for _, l := range rows {
		out = append(out, object{
			{"SkuId", l.SKU}, {"AssignedByGroup", null(l.Group)}, {"DisabledPlans", sorted(l.Disabled)}, {"State", l.State},
		})
	}
	return out
}

// chunkBody is the text that chunked events cut: JSON in JSON.
func chunkBody(props []prop) string {
	list := []any{}
	for _, p := range props {
		list = append(list, object{{"Name", p.Name}, {"OldValue", p.Old}, {"NewValue", p.New}})
	}
	return text(object{
		{"targetUpdatedProperties", text(list)},
		{"additionalDetails", `{"User-Agent":"O365AdminPortal"}`},
	})
}

// emitChunks writes an event as parts, each an event of its own, in any order.
func (t *Tenant) emitChunks(whole *Event, props []prop, size int) {
	id, n := t.guid(), (size+chunkSize-1)/chunkSize
	missing := -1
	if t.chance(t.Lies.MissingChunk) {
		missing = t.rng.IntN(n)
	}
	for _, i := range t.rng.Perm(n) {
		if i == missing {
			continue
		}
		e := *whole
		e.details = [][2]string{{"id", id}, {"seq", fmt.Sprint(i + 1)}, {"c", fmt.Sprint(n)}}
		e.part = &part{props, i * chunkSize, min(size, (i+1)*chunkSize)}
		e.At = whole.At.Add(time.Duration(t.rng.IntN(4000)) * time.Microsecond)
		t.emit(&e)
	}
}

// addUserEvent writes Add user, which shows the licenses given with it.
func (t *Tenant) addUserEvent(u *User, by Actor, act int) {
	e := t.event("Add user", "UserManagement", "Add", by, act)
	props := []prop{
		{"AccountEnabled", []bool{}, []bool{true}},
		{"DisplayName", []string{}, []string{u.DisplayName}},
		{"UserPrincipalName", []string{}, []string{u.UPN}},
	}
	included := "AccountEnabled, DisplayName, UserPrincipalName"
	if len(u.Licenses) > 0 {
		props = append(props, prop{"AssignedLicense", []string{}, t.licenseStrings(u.Licenses)})
		included += ", AssignedLicense"
	}
	e.targets = []target{userTarget(u, append(props, prop{"Included Updated Properties", nil, included})...)}
	t.emit(e)
}

func (t *Tenant) updateEvent(u *User, act int, names, detail string) {
	e := t.event("Update user", "UserManagement", "Update", t.truth[act].Actor, act)
	props := []prop{}
	for name := range strings.SplitSeq(names, ", ") {
		props = append(props, prop{name, []string{""}, []string{detail}})
	}
	e.targets = []target{userTarget(u, append(props, prop{"Included Updated Properties", nil, names}, prop{"TargetId.UserType", nil, u.Type})...)}
	t.emit(e)
}

// syncEvent is the commonest noise of hybrid tenants.
func (t *Tenant) syncEvent(u *User) {
	sync := Actor{Kind: ActorUser, ID: guid(t.rng.Uint64(), 7), UPN: "Sync_DC01_0123456789ab@" + t.Domain}
	e := t.event("Update user", "UserManagement", "Update", sync, -1)
	e.targets = []target{userTarget(u,
		prop{"LastDirSyncTime", []string{stampText(t.now.Add(-30 * time.Minute))}, []string{stampText(t.now)}},
		prop{"Included Updated Properties", nil, "LastDirSyncTime"},
		prop{"Action Client Name", nil, "DirectorySync"},
	)}
	t.emit(e)
}

func stampText(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// noopEvent is a license event with equal sets.
func (t *Tenant) noopEvent(u *User, by Actor) {
	e := t.event("Change user license", "UserManagement", "Update", by, -1)
	same := t.licenseStrings(u.Licenses)
	e.targets = []target{userTarget(u, prop{"AssignedLicense", same, same}, prop{"Included Updated Properties", nil, ""})}
	t.emit(e)
}

// failedEvent is a license change that was refused.
func (t *Tenant) failedEvent(u *User, by Actor, reason string) {
	e := t.event("Change user license", "UserManagement", "Update", by, -1)
	e.Result, e.Reason = "failure", reason
	e.targets = []target{userTarget(u)}
	t.emit(e)
}

// lifecycleEvent is about a user that goes or comes back.
func (t *Tenant) lifecycleEvent(activity, operation string, u *User, act int, upn string) {
	t.last = t.last.Add(3 * time.Second) // after the license event
	e := t.event(activity, "UserManagement", operation, t.truth[act].Actor, act)
	gone := userTarget(u, prop{"Is Hard Deleted", nil, map[bool]string{true: "True", false: "False"}[strings.HasPrefix(activity, "Hard")]})
	gone.upn = upn
	e.targets = []target{gone}
	t.emit(e)
}

// memberEvent is a membership change: the group's id is the new value of an
// addition and the old value of a removal.
func (t *Tenant) memberEvent(by Actor, g *Group, u *User, in bool, act int) {
	activity, operation := "Add member to group", "Assign"
	props := []prop{{"Group.ObjectID", nil, g.ID}, {"Group.DisplayName", nil, g.Name}, {"Group.WellKnownObjectName", nil, nil}}
	if !in {
		activity, operation = "Remove member from group", "Unassign"
		for i := range props {
			props[i].Old, props[i].New = props[i].New, nil
		}
	}
	e := t.event(activity, "GroupManagement", operation, by, act)
	if by.ID == ApprovalManagement.ID {
		props = append(props, prop{"SPN", nil, "approvalmanagement.activedirectory.windowsazure.com"})
	}
	e.targets = t.withGroup(userTarget(u, props...), g)
	t.emit(e)
}

// withGroup lists a group beside the target, sometimes before it.
func (t *Tenant) withGroup(main target, g *Group) []target {
	list := []target{main, {id: g.ID, kind: "Group", groupType: pick(t.rng, []string{"azureAD", "unknownFutureValue"})}}
	if t.chance(t.Lies.GroupFirst) {
		slices.Reverse(list)
	}
	return list
}

func (t *Tenant) deviceEvent(by Actor, g *Group) {
	e := t.event("Add member to group", "GroupManagement", "Assign", by, -1)
	device := target{id: t.guid(), kind: "Device", name: "LAPTOP-" + t.alnum(7), props: []prop{
		{"Group.ObjectID", nil, g.ID}, {"Group.DisplayName", nil, g.Name},
	}}
	e.targets = t.withGroup(device, g)
	t.emit(e)
}

// groupEvent is about a group as such.
func (t *Tenant) groupEvent(activity, operation string, by Actor, g *Group, act int, props []prop) {
	e := t.event(activity, "GroupManagement", operation, by, act)
	e.targets = []target{{id: g.ID, kind: "Group", name: g.Name, groupType: "azureAD", props: props}}
	t.emit(e)
}

func (t *Tenant) groupLicenseEvent(g *Group, act int, before map[string][]string) {
	props := []prop{
		{"AssignedLicense", t.licenseStrings(groupRows(before)), t.licenseStrings(groupRows(g.Licenses))},
		{"Included Updated Properties", nil, "AssignedLicense"},
	}
	if t.chance(t.Lies.BareGroup) {
		props = nil
	}
	t.groupEvent("Set group license", "Update", t.truth[act].Actor, g, act, props)
}

func groupRows(licenses map[string][]string) []License {
	var rows []License
	for sku, off := range licenses {
		rows = append(rows, License{SKU: sku, Disabled: off, State: "Active"})
	}
	return rows
}

// applyingEvent is the engine starting or finishing with a group.
func (t *Tenant) applyingEvent(activity string, g *Group, act int, result string) {
	e := t.event(activity, "GroupManagement", "Update", GroupLicensing, act)
	e.targets = []target{{id: g.ID, kind: "Group", name: g.Name, groupType: "azureAD"}}
	if result != "" {
		e.targets[0].props = []prop{{"Result", nil, result}}
	}
	t.emit(e)
}

// JSON is the event as the service shows it.
func (e *Event) JSON() []byte { return []byte(text(e.object())) }

// object is the event as the service shows it.
func (e *Event) object() object {
	layout := "2006-01-02T15:04:05.0000000+00:00"
	if e.zulu {
		layout = "2006-01-02T15:04:05.000000Z"
	}
	targets := []any{}
	for _, x := range e.targets {
		targets = append(targets, x.object())
	}
	details := []any{}
	for _, d := range e.details {
		details = append(details, object{{"key", d[0]}, {"value", d[1]}})
	}
	if p := e.part; p != nil {
		details = append(details, object{{"key", "b"}, {"value", chunkBody(p.props)[p.from:p.to]}})
	}
	return object{
		{"id", e.ID}, {"category", e.Category}, {"correlationId", e.Correlation},
		{"result", e.Result}, {"resultReason", e.Reason}, {"activityDisplayName", e.Activity},
		{"activityDateTime", e.At.UTC().Format(layout)}, {"loggedByService", "Core Directory"},
		{"operationType", e.Operation}, {"initiatedBy", e.initiatedBy()},
		{"targetResources", targets}, {"additionalDetails", details},
	}
}

// initiatedBy has both keys, or only the one that is set; both null when blank.
func (e *Event) initiatedBy() object {
	switch {
	case e.user == nil && e.app == nil:
		return object{{"user", nil}, {"app", nil}}
	case e.zulu && e.app == nil:
		return object{{"user", e.user}}
	case e.app == nil:
		return object{{"app", nil}, {"user", e.user}}
	}
	return object{{"app", e.app}, {"user", nil}}
}

func (x target) object() object {
	props := []any{}
	for _, p := range x.props {
		props = append(props, object{{"displayName", p.Name}, {"oldValue", x.encode(p.Old)}, {"newValue", x.encode(p.New)}})
	}
	o := object{{"id", x.id}, {"displayName", null(x.name)}, {"type", x.kind}, {"modifiedProperties", props}}
	if x.kind == "User" {
		o = append(o, member{"userPrincipalName", x.upn})
	}
	if x.kind == "Group" {
		o = append(o, member{"groupType", null(x.groupType)})
	}
	return o
}

// encode turns a value into the text that events hold: JSON in a string, or
// the unified audit log's pretty arrays, bare scalars and "" for nothing.
func (x target) encode(v any) any {
	if !x.odd {
		if v == nil {
			return nil
		}
		return text(v)
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return pretty(v)
}
