package graphtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// unifiedKept is how long the unified audit log keeps records: Audit (Standard).
const unifiedKept = 180 * 24 * time.Hour

// inUnified reports whether the unified audit log shows the event by now. It is
// slower than Graph's log, and keeps more.
func (s *Server) inUnified(e *Event, now time.Time) bool {
	return !s.unifiedAt(e).After(now) && !e.At.Before(now.Add(-unifiedKept))
}

// unifiedAt is when the event gets into the unified audit log.
func (s *Server) unifiedAt(e *Event) time.Time { return e.Visible.Add(s.cfg.search.latency) }

// unified is the event as the unified audit log writes it: another id, a name
// with a full stop, whole seconds without a zone, values in an encoding of
// their own, and the application behind a user.
func (e *Event) unified(t *Tenant) object {
	result := "Success"
	if e.Result != "success" {
		result = "Failure"
	}
	actor := e.by.unified(t, e.appName())
	return object{
		{"CreationTime", e.second().Format("2006-01-02T15:04:05")}, {"Id", e.unifiedID()}, {"Operation", e.Activity + "."},
		{"OrganizationId", t.ID}, {"RecordType", 8}, {"ResultStatus", result}, {"UserKey", actor.key},
		{"UserType", actor.userType}, {"Version", 1}, {"Workload", "AzureActiveDirectory"}, {"ObjectId", e.objectID()},
		{"UserId", actor.id}, {"AzureActiveDirectoryEventType", 1}, {"ExtendedProperties", e.extendedProperties()},
		{"ModifiedProperties", e.unifiedProperties()}, {"Actor", actor.list}, {"ActorContextId", actor.tenant},
		{"InterSystemsId", e.interSystems(t)}, {"IntraSystemId", hashGUID("session", e.Correlation[:8])}, {"SupportTicketId", ""},
		{"Target", e.unifiedTarget()}, {"TargetContextId", t.ID},
	}
}

// unifiedText is the record's JSON, which is made once.
func (s *Server) unifiedText(e *Event) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unified[e] == nil {
		s.unified[e] = []byte(text(e.unified(s.t)))
	}
	return s.unified[e]
}

// second is the event's time as the log keeps it: the fraction is cut off.
func (e *Event) second() time.Time { return e.At.UTC().Truncate(time.Second) }

func (e *Event) unifiedID() string { return hashGUID("unified", e.ID) }

// interSystems is the correlation id, unless the tenant's two logs share none.
func (e *Event) interSystems(t *Tenant) string {
	if t.UnrelatedLogs {
		return hashGUID("inter", e.Correlation)
	}
	return e.Correlation
}

func hashGUID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return guid(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))
}

// puid is the passport id that stands beside principals.
func puid(id string) string {
	return strings.ToUpper("1003" + strings.ReplaceAll(hashGUID("puid", id), "-", "")[:12])
}

func (e *Event) appName() string {
	for _, m := range e.app {
		if name, ok := m.value.(string); ok && m.name == "displayName" {
			return name
		}
	}
	return ""
}

// identity is one entry of Actor or Target.
func identity(id string, kind int) object { return object{{"ID", id}, {"Type", kind}} }

func classed(class, id string) []any {
	return []any{identity(class+"_"+id, 2), identity(id, 2), identity(class, 2)}
}

// unifiedActor is how a record names who did it.
type unifiedActor struct {
	list     []any
	id, key  string
	userType int
	tenant   string
}

func (a Actor) unified(t *Tenant, name string) unifiedActor {
	u := unifiedActor{tenant: t.ID, key: "Not Available", id: "Not Available", list: []any{}}
	switch {
	case a.Kind == ActorNone:
	case a.Kind == ActorMicrosoft && (a.ID == OnlineServices.ID || a.ID == GarbageCollector.ID):
		u.list = []any{identity(name, 1), identity("Certificate", 2), identity("Other", 2)}
		u.id, u.userType = "Certificate", 4
	case a.Kind == ActorApp || a.Kind == ActorMicrosoft && !a.asUser():
		u.list = []any{identity(name, 1)}
		if a.AppID != "" {
			u.list = append(u.list, identity(a.AppID, 2))
		}
		u.list = append(u.list, classed("ServicePrincipal", a.ID)...)
		u.id, u.userType = "ServicePrincipal_"+a.ID, 4
	default:
		a.unifiedUser(&u)
	}
	return u
}

func (a Actor) unifiedUser(u *unifiedActor) {
	if a.UPN != "" {
		u.id, u.key = a.UPN, puid(a.ID)+"@"+a.UPN
		u.list = append(u.list, identity(a.UPN, 5), identity(puid(a.ID), 3))
	}
	if a.Client != "" {
		u.list = append(u.list, identity("Microsoft Office 365 Portal", 1), identity("00000006-0000-0ff1-ce00-000000000000", 2))
	}
	u.list = append(u.list, classed("User", a.ID)...)
	switch {
	case a.Kind == ActorPartner:
		u.userType, u.tenant = 9, a.HomeTenant
	case a.Kind == ActorMicrosoft:
		u.tenant = hashGUID("microsoft")
	}
}

// objectID is the target's principal name in most records.
func (e *Event) objectID() string {
	for _, x := range e.targets {
		if x.kind == "User" && x.upn != "" {
			return x.upn
		}
	}
	return "Not Available"
}

func (e *Event) unifiedTarget() []any {
	list := []any{}
	for _, x := range e.targets {
		list = append(list, classed(x.kind, x.id)...)
		switch {
		case x.kind == "User":
			list = append(list, identity(x.upn, 5), identity(puid(x.id), 3))
		case x.name != "":
			list = append(list, identity(x.name, 1))
		}
	}
	return list
}

// extendedProperties hold additionalDetails as text: JSON in JSON.
func (e *Event) extendedProperties() []any {
	details := object{}
	for _, d := range e.details {
		details = append(details, member{d[0], d[1]})
	}
	if p := e.part; p != nil {
		details = append(details, member{"b", chunkBody(p.props)[p.from:p.to]})
	}
	category := strings.TrimSuffix(e.Category, "Management")
	return []any{
		object{{"Name", "additionalDetails"}, {"Value", text(details)}},
		object{{"Name", "extendedAuditEventCategory"}, {"Value", category}},
	}
}

// unifiedProperties are all values as text: arrays over several lines, scalars
// bare, and "" for nothing.
func (e *Event) unifiedProperties() []any {
	list := []any{}
	for _, x := range e.targets {
		x.odd = true
		for _, p := range x.props {
			list = append(list, object{{"Name", p.Name}, {"NewValue", x.encode(p.New)}, {"OldValue", x.encode(p.Old)}})
		}
	}
	if e.Result != "success" {
		list = append(list, object{{"Name", "MethodExecutionResult."}, {"NewValue", "Microsoft.Online.Workflows.ValidationException"}, {"OldValue", ""}})
	}
	return list
}

// signIn is a record that has nothing to do with licenses; the feed has many.
func signIn(t *Tenant, at time.Time) object {
	return object{
		{"CreationTime", at.UTC().Format("2006-01-02T15:04:05")}, {"Id", hashGUID("sign-in", fmt.Sprint(at.Unix()))},
		{"Operation", "UserLoggedIn"}, {"OrganizationId", t.ID}, {"RecordType", 15}, {"ResultStatus", "Success"},
		{"UserKey", puid("x")}, {"UserType", 0}, {"Version", 1}, {"Workload", "AzureActiveDirectory"},
		{"ObjectId", "00000003-0000-0000-c000-000000000000"}, {"UserId", "somebody@" + t.Domain},
		{"AzureActiveDirectoryEventType", 1}, {"ExtendedProperties", []any{}}, {"ModifiedProperties", []any{}},
	}
}
