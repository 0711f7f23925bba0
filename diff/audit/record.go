package audit

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Record is an audit record as it is to be archived, read once.
type Record struct {
	snapshot.RawEvent
	fields fields
}

// Read reads a record of any shape: the shape is found in the record itself,
// and source, which may be "", decides only where the record leaves it open.
// The record keeps raw. It is an error if the JSON is not an audit record or
// has no time, or if it has a member twice that says two things. A record without an id gets one that is derived from what it
// says: read again, it is the same.
func Read(source snapshot.Source, raw []byte) (*Record, error) {
	err := errShallow(raw)
	var f fields
	if err == nil {
		f, err = read(source, raw)
	}
	if err == nil {
		err = distinct(raw)
	}
	if err = inWords(err); err != nil {
		return nil, fmt.Errorf("describe audit event %q: %w", f.id, err)
	}
	at, _, err := f.when()
	if err != nil {
		return nil, fmt.Errorf("describe audit event %q: %w", f.id, err)
	}
	return &Record{
		RawEvent: snapshot.RawEvent{
			Source:      cmp.Or(source, f.source),
			ID:          cmp.Or(strings.TrimSpace(f.id), f.derivedID()),
			At:          at,
			Activity:    f.activity,
			Correlation: f.correlation,
			Target:      string(f.subject().user()),
			Raw:         raw,
		},
		fields: f,
	}, nil
}

// decisiveMembers are the members that say what happened, when, to whom and by whom.
var decisiveMembers = []string{"id", "auditdata", "properties", "operation", "activitydisplayname", "operationname", "creationtime", "activitydatetime", "time",
	"resultstatus", "result", "userid", "objectid", "organizationid", "actor", "target", "actorcontextid", "initiatedby", "targetresources",
	"modifiedproperties", "extendedproperties", "additionaldetails"}

// distinct refuses an object that has one of the decisive members twice, in any case, with
// different values: JSON readers differ in which of the two they use.
func distinct(object []byte) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return err
	}
	seen := map[string]string{}
	for dec.More() {
		key, err := dec.Token()
		var v json.RawMessage
		if err == nil {
			err = dec.Decode(&v)
		}
		if err != nil {
			return err
		}
		name, _ := key.(string)
		lower := strings.ToLower(name)
		if old, twice := seen[lower]; twice && old != string(v) && slices.Contains(decisiveMembers, lower) {
			return fmt.Errorf("it has two members %s that differ", name)
		}
		seen[lower] = string(v)
	}
	return nil
}

// Event decodes the record; see [Decode].
func (r *Record) Event() (snapshot.Event, error) {
	e, err := r.fields.event()
	if err != nil {
		return snapshot.Event{}, fmt.Errorf("decode audit event %q: %w", r.ID, err)
	}
	e.ID, e.Source = r.ID, r.Source
	return e, nil
}

// Doubt says why it is not known what took place, or whether it did; "" when both
// are. A record in doubt is evidence of nothing.
func (r *Record) Doubt() string { return r.fields.doubt() }

// IsCut reports whether the record was cut off: it does not show all that it showed.
func (r *Record) IsCut() bool { return r.fields.isCut() }

// derivedPrefix marks the ids that Microsoft did not give.
const derivedPrefix = "derived-"

// derivedID names a record that has no id, by all that it says.
func (f *fields) derivedID() string {
	content := struct {
		At, Activity, Correlation string
		Actor                     snapshot.Actor
		Targets, Properties       []string
		Details                   map[string]string
	}{f.at, string(Normalize(f.activity)), f.correlation, f.actor, nil, nil, f.details}
	for _, t := range f.targets {
		content.Targets = append(content.Targets, t.kind, t.id, t.upn)
	}
	for _, p := range f.properties {
		content.Properties = append(content.Properties, p.name, p.old.text, p.new.text)
	}
	text, _ := json.Marshal(content) // strings only
	sum := sha256.Sum256(text)
	return derivedPrefix + hex.EncodeToString(sum[:16])
}

// Glance is what can be read of a record without decoding it.
type Glance struct {
	Source   snapshot.Source
	Activity string            // as written
	Tenant   snapshot.TenantID // whose log it is from; "" when the record does not say
	Workload string            // the service that wrote it, where the log has those of several
	// Inner is the record itself where it came in the row of an export, and the
	// other columns only repeat what it says; nil otherwise.
	Inner []byte

	at text // when it was, as written
	// unzoned: the time is the row's, which may be that of any zone.
	unzoned bool
}

// anyZone is how far local time may be from UTC.
const anyZone = 14 * time.Hour

// Time returns the bounds of when the record was; zero where that cannot be read.
func (g *Glance) Time() snapshot.Window {
	at := strings.TrimSpace(string(g.at))
	return TimeOf(at, g.unzoned && !zoneWritten.MatchString(at))
}

// TimeOf returns the bounds of a time, as it is written in a record; zero where it
// cannot be read. It may be that of any zone, or else is UTC unless it says another.
func TimeOf(at string, ofAnyZone bool) snapshot.Window {
	t, resolution, err := parseTime(at)
	switch {
	case err != nil:
		return snapshot.Window{}
	case ofAnyZone:
		return snapshot.Window{NotBefore: t.Add(-anyZone), NotAfter: t.Add(resolution + anyZone)}
	}
	return snapshot.Window{NotBefore: t, NotAfter: t.Add(resolution)}
}

var zoneWritten = regexp.MustCompile(`(?i)(z|[+-]\d{2}:?\d{2})$`)

// glimpse has the members that a glance needs, of all shapes.
type glimpse struct {
	probe
	ID                 text
	Operations         text // rows of Search-UnifiedAuditLog
	OperationName      text
	OrganizationID     text
	Workload           text
	TenantID           text // of Azure Monitor's envelope; in Log Analytics the workspace
	AADTenantID        text
	ResourceID         text
	TimeGenerated      text
	Time               text
	CreatedDateTime    text // Purview's audit search in Graph
	CreationDate       text // rows of Search-UnifiedAuditLog
	AuditLogRecordType text
	TargetResources    text
}

// dated adds the time of the record to a glance.
func (g *glimpse) dated(found Glance) Glance {
	found.at = cmp.Or(g.ActivityDateTime, g.CreationTime, g.Time, g.TimeGenerated, g.CreatedDateTime)
	if found.at == "" {
		found.at, found.unzoned = g.CreationDate, true
	}
	return found
}

// Look returns the source, the activity and the tenant of a record. It is an
// error if the JSON is not an audit record of a known shape; the glance then has
// at most the time.
func Look(raw []byte) (Glance, error) {
	found, err := look(raw)
	if err != nil {
		if shallow := errShallow(raw); shallow != nil {
			err = shallow
		}
	}
	return found, inWords(err)
}

func look(raw []byte) (Glance, error) {
	var g glimpse
	if err := json.Unmarshal(raw, &g); err != nil {
		return Glance{}, err
	}
	switch {
	case g.AuditData != nil:
		return g.wrapped()
	case g.isGraph(), g.TargetResources != "":
		found, err := g.graph()
		return g.dated(found), err
	case g.isUnified():
		return g.dated(Glance{Source: snapshot.SourceUnified, Activity: string(g.Operation), Tenant: tenantID(g.OrganizationID), Workload: string(g.Workload)}), nil
	}
	return g.dated(Glance{}), errNotAudit
}

var errNotAudit = errors.New("not an audit record of a known shape")

// wrapped looks at the record inside a row of an export. A record of Purview's
// audit search in Graph has an id of its own, and is kept whole.
func (g *glimpse) wrapped() (Glance, error) {
	var data text
	if err := json.Unmarshal(g.AuditData, &data); err != nil {
		return g.dated(Glance{}), fmt.Errorf("AuditData: %w", err)
	}
	if strings.TrimSpace(string(data)) == "" {
		return g.dated(Glance{}), errEmptyData
	}
	data = unpacked(data)
	var inner glimpse
	err := json.Unmarshal([]byte(data), &inner)
	cut := isCut(err)
	if cut {
		err = json.Unmarshal(uncut(string(data)), &inner)
	}
	if err != nil {
		return g.dated(Glance{}), fmt.Errorf("AuditData: %w", err)
	}
	found := Glance{Source: snapshot.SourceUnified, Activity: string(cmp.Or(inner.Operation, g.Operation, g.Operations)),
		Tenant: tenantID(cmp.Or(inner.OrganizationID, g.OrganizationID)), Workload: string(inner.Workload), at: inner.CreationTime}
	if found.at == "" {
		found = g.dated(found)
	}
	if g.AuditLogRecordType != "" {
		found.Source = snapshot.SourcePurview
		return found, nil
	}
	if inner.ID != "" && inner.Operation != "" && !cut { // else it needs what stands beside it
		found.Inner = []byte(data)
	}
	return found, nil
}

var errEmptyData = errors.New("the record's AuditData is empty")

var tenantInPath = regexp.MustCompile(`(?i)/tenants/([^/]+)/`)

// graph looks at a record in Graph's shape, with or without an envelope. Only the
// envelope has the tenant. Where both have the activity, that of the record counts.
func (g *glimpse) graph() (Glance, error) {
	inner := struct{ ActivityDisplayName, OperationName, ActivityDateTime text }{g.ActivityDisplayName, g.OperationName, g.ActivityDateTime}
	if err := g.Properties.into(&inner); err != nil {
		return Glance{}, fmt.Errorf("properties: %w", err)
	}
	g.ActivityDateTime = inner.ActivityDateTime
	found := Glance{Source: snapshot.SourceGraph, Activity: string(cmp.Or(inner.ActivityDisplayName, inner.OperationName))}
	envelope := strings.HasPrefix(string(g.Properties), "{")
	if !envelope && g.TimeGenerated == "" {
		return found, nil
	}
	found.Source = snapshot.SourceAzureMonitor
	switch m := tenantInPath.FindStringSubmatch(string(g.ResourceID)); {
	case m != nil:
		found.Tenant = tenantID(text(m[1]))
	case g.AADTenantID != "":
		found.Tenant = tenantID(g.AADTenantID)
	case envelope:
		found.Tenant = tenantID(g.TenantID)
	}
	return found, nil
}

func tenantID(t text) snapshot.TenantID { return snapshot.NormalID(snapshot.TenantID(t)) }
