package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Normalize returns the one spelling of an operation name. The unified log
// ends names with a full stop; Microsoft's own list of activities has both
// "to user" and "to users" for group-based licensing.
func Normalize(activity string) snapshot.Activity {
	s := strings.TrimSuffix(strings.TrimSpace(activity), ".")
	s = strings.ToLower(strings.Join(strings.Fields(s), " "))
	if strings.HasSuffix(s, "applying group based license to user") {
		s += "s"
	}
	return snapshot.Activity(s)
}

// Describe returns the record as it is to be archived, with its key fields
// beside the JSON; see [Read].
func Describe(source snapshot.Source, raw []byte) (snapshot.RawEvent, error) {
	r, err := Read(source, raw)
	if err != nil {
		return snapshot.RawEvent{}, err
	}
	return r.RawEvent, nil
}

// Decode decodes one record. The shape is found in the record itself; the
// source decides only when the record leaves it open. What a record lacks
// stays empty, but a record without time or activity is an error. A license set
// that cannot be read, and a part that cannot be placed, count as what the record
// does not show: somebody changed licenses, and what they did is not known.
func Decode(raw snapshot.RawEvent) (snapshot.Event, error) {
	f, err := read(raw.Source, raw.Raw)
	if err = inWords(err); err != nil {
		return snapshot.Event{}, fmt.Errorf("decode audit event %q: %w", cmp.Or(raw.ID, f.id), err)
	}
	id := cmp.Or(raw.ID, f.id, f.derivedID())
	e, err := f.event()
	if err != nil {
		return snapshot.Event{}, fmt.Errorf("decode audit event %q: %w", id, err)
	}
	e.ID, e.Source = id, cmp.Or(raw.Source, f.source)
	return e, nil
}

// fields is what the shapes of a record have in common.
type fields struct {
	source      snapshot.Source
	id          string
	at          string // as written
	activity    string // as written
	correlation string
	result      string // as written
	reason      string
	actor       snapshot.Actor
	actorless   bool // the record lacks the member that says who did it
	targets     []target
	properties  []property
	whole       bool // properties has all there are
	details     map[string]string
}

// target is one object that a record is about.
type target struct{ kind, id, upn, name string }

const (
	kindUser  = "User"
	kindGroup = "Group"
)

// user returns the object id of a target that is a user.
func (t target) user() snapshot.UserID {
	if t.kind != kindUser {
		return ""
	}
	return snapshot.UserID(t.id)
}

// probe has the members by which the shapes of a record are distinguished.
type probe struct {
	AuditData           json.RawMessage // Purview records, and rows of a unified export
	Properties          text            // Azure Monitor's envelope
	ActivityDisplayName text
	ActivityDateTime    text
	CreationTime        text
	Operation           text
}

// read converts a record of any shape to fields. With an error it returns the record's
// id, if that could be read.
func read(hint snapshot.Source, raw []byte) (fields, error) {
	if len(strings.TrimSpace(string(raw))) == 0 {
		return fields{}, errors.New("the record is empty")
	}
	var p probe
	if err := json.Unmarshal(raw, &p); err != nil {
		return fields{}, err
	}
	switch {
	case p.AuditData != nil:
		return readWrapped(p.AuditData, raw)
	case p.isGraph():
		return readGraph(raw)
	case p.isUnified(), hint == snapshot.SourceUnified, hint == snapshot.SourcePurview:
		return readUnified(raw)
	case hint == snapshot.SourceGraph, hint == snapshot.SourceAzureMonitor:
		return readGraph(raw)
	}
	return fields{}, errNotAudit
}

func (p *probe) isGraph() bool {
	return p.ActivityDisplayName != "" || p.ActivityDateTime != "" || strings.HasPrefix(string(p.Properties), "{")
}

func (p *probe) isUnified() bool { return p.CreationTime != "" || p.Operation != "" }

// wrapper has what the row of an export says beside AuditData.
type wrapper struct {
	ID, RecordID, Identity text
	AuditLogRecordType     text
	CreationDate           text
	Operation, Operations  text
	UserID, UserIDs        text
}

// readWrapped reads the unified record inside a Purview record or a row of an
// export. The wrapper's id, if it has one, names the record.
func readWrapped(auditData json.RawMessage, raw []byte) (fields, error) {
	var data text
	if err := json.Unmarshal(auditData, &data); err != nil {
		return fields{}, fmt.Errorf("AuditData: %w", err)
	}
	if strings.TrimSpace(string(data)) == "" {
		return fields{}, errEmptyData
	}
	data = unpacked(data)
	var wrapper wrapper
	if err := json.Unmarshal(raw, &wrapper); err != nil {
		return fields{}, err
	}
	f, err := readUnified([]byte(data))
	if isCut(err) {
		f, err = readCut(string(data), &wrapper)
	}
	if err != nil {
		return f, fmt.Errorf("AuditData: %w", err)
	}
	if wrapper.AuditLogRecordType != "" {
		f.source = snapshot.SourcePurview
	}
	f.id = string(cmp.Or(wrapper.ID, text(f.id), wrapper.RecordID, wrapper.Identity))
	f.activity = cmp.Or(f.activity, string(wrapper.Operation), string(wrapper.Operations))
	return f, nil
}

// when reads the time, and how precisely the record has it. Times without a zone
// are UTC (Office 365 Management Activity API schema, CreationTime).
func (f *fields) when() (at time.Time, resolution time.Duration, err error) {
	s := strings.TrimSpace(f.at)
	if s == "" {
		return time.Time{}, 0, errors.New("no time")
	}
	return parseTime(s)
}

// netDate is how older tools of Microsoft write a time in JSON: milliseconds.
var netDate = regexp.MustCompile(`^/Date\((-?\d{1,15})([+-]\d{4})?\)/$`)

// ToTheMinute is how a time without seconds is written in a record: a
// spreadsheet leaves them out.
const ToTheMinute = "2006-01-02T15:04Z07:00"

// parseTime reads a time. What is written without a fraction of a second was cut
// off to seconds, and what has no seconds to minutes.
func parseTime(s string) (at time.Time, resolution time.Duration, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.DateTime} {
		if at, err := time.Parse(layout, s); err == nil {
			if !strings.ContainsAny(s, ".,") {
				resolution = time.Second
			}
			return at.UTC(), resolution, nil
		}
	}
	if at, err := time.Parse(ToTheMinute, s); err == nil {
		return at.UTC(), time.Minute, nil
	}
	var object struct{ Value text }
	if strings.HasPrefix(s, "{") && json.Unmarshal([]byte(s), &object) == nil { // Windows PowerShell
		s = string(object.Value)
	}
	if m := netDate.FindStringSubmatch(s); m != nil {
		ms, _ := strconv.ParseInt(m[1], 10, 64) // at most 15 digits
		return time.UnixMilli(ms).UTC(), 0, nil
	}
	return time.Time{}, 0, fmt.Errorf("time %q is not RFC 3339", s)
}

// subject returns the target that the record is about: a user wherever one is
// listed, else the member rather than the group.
func (f *fields) subject() target {
	for _, better := range []func(target) bool{
		func(t target) bool { return t.kind == kindUser },
		func(t target) bool { return t.kind != kindGroup },
		func(t target) bool { return true },
	} {
		if i := slices.IndexFunc(f.targets, better); i >= 0 {
			return f.targets[i]
		}
	}
	return target{}
}

// event decodes the fields, all but source and id.
func (f *fields) event() (snapshot.Event, error) {
	at, resolution, err := f.when()
	if err != nil {
		return snapshot.Event{}, err
	}
	e := snapshot.Event{At: at, Resolution: resolution, Activity: Normalize(f.activity), Correlation: f.correlation,
		Success: succeeded(f.result), Reason: f.reason, Actor: f.actor}
	if e.Activity == "" {
		return snapshot.Event{}, errors.New("no activity")
	}
	t := f.subject()
	e.TargetKind, e.Target = t.kind, t.user()
	if t.kind == kindUser || t.kind == "" {
		e.TargetUPN = undeletedUPN(t.upn, t.id)
	}
	if e.Actor.Kind == snapshot.ActorUser {
		e.Actor.ClientApp = cmp.Or(e.Actor.ClientApp, f.details["user-agent"])
	}
	e.Group, e.GroupName = f.group(e.Activity)
	e.Part, err = chunk(f.details)
	fill(&e, f.properties, f.whole && err == nil) // a part without a number may be any
	return e, nil
}

// fill reads the modified properties into the event. whole says that the list
// was read to its end; legible, that all that was there of it could be read.
func fill(e *snapshot.Event, props []property, whole bool) (legible bool) {
	legible = true
	if e.Activity == snapshot.SetGroupLicense || e.TargetKind == kindGroup {
		e.GroupSKUs = groupLicenseDetail(props)
	} else {
		var err error
		e.License, err = licenseDetail(props, whole)
		legible = err == nil
	}
	e.Groups = assignmentGroups(props)
	e.Client = current(props, "Action Client Name")
	e.Result = current(props, "Result")
	e.Updated = updatedNames(props)
	e.LicenseTouched = !whole || touchesLicenses(props, e.Updated)
	e.RuleChanged = e.Activity == snapshot.UpdateGroup && ruleChanged(props, e.Updated)
	e.HardDeleted = e.Activity == snapshot.HardDeleteUser ||
		strings.EqualFold(current(props, "Is Hard Deleted"), "true")
	if text := current(props, "MethodExecutionResult."); text != "" && !succeeded(text) {
		e.Success, e.Reason = false, cmp.Or(e.Reason, text)
	}
	return legible
}

// succeeded reads a record's result. Only a record that says that it
// succeeded did: Graph also knows failure, timeout and unknownFutureValue.
func succeeded(result string) bool {
	switch strings.ToLower(strings.TrimSpace(result)) {
	case "success", "succeeded", "true":
		return true
	}
	return false
}

// failed reports whether a result says that the operation failed. One that timed
// out may have succeeded all the same.
func failed(result string) bool {
	switch strings.ToLower(strings.TrimSpace(result)) {
	case "failure", "failed", "fail", "false", "error":
		return true
	}
	return false
}

// doubt says why it is not known what took place; "" when it is.
func (f *fields) doubt() string {
	reason := current(f.properties, "MethodExecutionResult.")
	_, odd := find(f.properties, noObject)
	switch {
	case odd:
		return "its modified properties are not objects, so what was done is not known"
	case f.actor.Tenant != "" && !snapshot.IsGUID(f.actor.Tenant):
		return fmt.Sprintf("the tenant of who did it is %q, which is no id", f.actor.Tenant)
	case f.actorless:
		return "it has no initiatedBy, so who did it is not known"
	case f.doubtfulTarget() != "":
		return f.doubtfulTarget()
	case succeeded(f.result), failed(f.result), reason != "" && !succeeded(reason):
		return ""
	case strings.TrimSpace(f.result) == "":
		return "it has no result, so whether it succeeded is not known"
	}
	return fmt.Sprintf("whether it succeeded is not known: its result is %q", f.result)
}

// targetKinds are the objects that records of the activities that matter are about.
var targetKinds = []string{"", kindUser, kindGroup, "Device", "ServicePrincipal", "Application", "App", "Contact", "OrgContact", "Directory", "Role",
	"Policy", "AdministrativeUnit", "Other", "N/A"}

// doubtfulTarget says why it is not known what the record is about; "" when it is.
func (f *fields) doubtfulTarget() string {
	for _, t := range f.targets {
		if !slices.ContainsFunc(targetKinds, equalFold(t.kind)) {
			return fmt.Sprintf("the type of a target is %q, which is not known", t.kind)
		}
	}
	if who := f.subject(); isLicensing(Normalize(f.activity)) && who.user() == "" && who.upn == "" {
		return "it does not say which user it is about"
	}
	return ""
}

// isCut reports whether the record's text was cut off.
func (f *fields) isCut() bool {
	return !f.whole || slices.ContainsFunc(f.properties, func(p property) bool { return p.old.endsEarly() || p.new.endsEarly() })
}

// updatedNames reads "Included Updated Properties".
func updatedNames(props []property) []string {
	p, _ := find(props, "Included Updated Properties")
	list, _, err := p.new.elements()
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range list {
		for name := range strings.SplitSeq(s, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return sortedSet(names)
}

func touchesLicenses(props []property, updated []string) bool {
	for _, name := range []string{"AssignedLicense", "LicenseAssignmentDetail"} {
		if _, ok := find(props, name); ok || slices.ContainsFunc(updated, equalFold(name)) {
			return true
		}
	}
	return false
}

// ruleChanged reports whether the rule of a dynamic group is among what
// changed. Pausing its processing does not change the rule.
func ruleChanged(props []property, updated []string) bool {
	isRule := func(name string) bool {
		name = strings.ToLower(name)
		return strings.HasSuffix(name, "membershiprule")
	}
	return slices.ContainsFunc(updated, isRule) || slices.ContainsFunc(props, func(p property) bool {
		return isRule(p.name) && p.old.first() != p.new.first()
	})
}

// group returns the group of a membership event or of an event about a group.
// A membership event names it in the member's properties: as the new value
// when the member was added, as the old one when it was removed.
func (f *fields) group(activity snapshot.Activity) (id snapshot.GroupID, name string) {
	groups := slices.DeleteFunc(slices.Clone(f.targets), func(t target) bool { return t.kind != kindGroup })
	var own target
	if n := len(groups); n > 0 {
		own = groups[n-1]
	}
	idOf, _ := find(f.properties, "Group.ObjectID")
	nameOf, _ := find(f.properties, "Group.DisplayName")
	switch activity {
	case snapshot.AddMember:
		return groupID(cmp.Or(idOf.new.first(), own.fallback(f.targets))), cmp.Or(nameOf.new.first(), own.name)
	case snapshot.RemoveMember:
		return groupID(cmp.Or(idOf.old.first(), own.fallback(f.targets))), cmp.Or(nameOf.old.first(), own.name)
	}
	return groupID(own.id), own.name
}

// fallback is the id of the group as a target. Where it is the only target it
// is the member, not the group.
func (t target) fallback(all []target) string {
	if len(all) < 2 {
		return ""
	}
	return t.id
}

func groupID(s string) snapshot.GroupID { return snapshot.GroupID(objectID(s)) }

// chunk reads the numbering of a record that was cut into parts; nil when it
// was not. The numbers are strings ("6" of "6").
func chunk(details map[string]string) (*snapshot.Part, error) {
	id, seq, count := details["id"], details["seq"], details["c"]
	if id == "" || seq == "" {
		return nil, nil
	}
	p := &snapshot.Part{ID: id, Body: details["b"]}
	var err error
	if p.Seq, err = strconv.Atoi(seq); err != nil || p.Seq < 1 {
		return nil, fmt.Errorf("part number %q is not a positive number", seq)
	}
	if count == "" {
		return p, nil
	}
	if p.Count, err = strconv.Atoi(count); err != nil || p.Count < p.Seq {
		return nil, fmt.Errorf("part %d of %q", p.Seq, count)
	}
	return p, nil
}

// undeletedUPN takes off what Entra ID puts before the name of a deleted
// user: the object id without dashes, and nothing else.
func undeletedUPN(upn, id string) string {
	prefix := strings.ReplaceAll(id, "-", "")
	if prefix != "" && len(upn) > len(prefix) && strings.EqualFold(upn[:len(prefix)], prefix) {
		return upn[len(prefix):]
	}
	return upn
}

const zeroGUID = "00000000-0000-0000-0000-000000000000"

// objectID returns an id in its one spelling; the zero GUID is no id.
func objectID[T ~string](s T) string {
	id := snapshot.NormalID(string(s))
	if id == zeroGUID {
		return ""
	}
	return id
}

// microsoftOperated reports whether an identity that is shaped as a user is
// Microsoft's own, such as fim_password_service@support.onmicrosoft.com.
func microsoftOperated(id, upn string) bool {
	return snapshot.NormalID(id) == zeroGUID || strings.HasSuffix(snapshot.NormalID(upn), "@support.onmicrosoft.com")
}

func equalFold(s string) func(string) bool {
	return func(t string) bool { return strings.EqualFold(s, t) }
}
