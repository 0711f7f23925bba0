package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"lictrail/snapshot"
)

// graphRecord is a directoryAudit of Microsoft Graph. Azure Monitor has the
// same object under "properties", and Log Analytics has its members as columns
// with the structures written as strings; encoding/json takes member names in
// any case.
type graphRecord struct {
	ID                  text
	ActivityDateTime    text
	Time                text // the envelope's
	TimeGenerated       text // Log Analytics
	ActivityDisplayName text
	OperationName       text
	CorrelationID       text
	Result              text
	ResultReason        text
	UserAgent           text
	InitiatedBy         text
	TargetResources     text
	AdditionalDetails   text
	Properties          text
}

func readGraph(raw []byte) (fields, error) {
	var r graphRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return fields{}, err
	}
	source := snapshot.SourceGraph
	if r.Properties != "" || r.TimeGenerated != "" {
		source = snapshot.SourceAzureMonitor
	}
	if err := r.Properties.into(&r); err != nil {
		return fields{}, fmt.Errorf("properties: %w", err)
	}
	var actor struct{ InitiatedBy json.RawMessage } // null where the record has it so
	json.Unmarshal(raw, &actor)                     //nolint:errcheck // it was read above
	r.Properties.into(&actor)                       //nolint:errcheck // it was read above
	f := fields{
		actorless:   actor.InitiatedBy == nil,
		source:      source,
		id:          string(r.ID),
		at:          string(cmp.Or(r.ActivityDateTime, r.Time, r.TimeGenerated)),
		activity:    string(cmp.Or(r.ActivityDisplayName, r.OperationName)),
		correlation: objectID(r.CorrelationID),
		result:      string(r.Result),
		reason:      string(r.ResultReason),
	}
	return f, r.structures(&f)
}

// structures reads the members that are objects or lists.
func (r *graphRecord) structures(f *fields) (err error) {
	if f.details, err = detailMap(r.AdditionalDetails); err != nil {
		return fmt.Errorf("additionalDetails: %w", err)
	}
	if r.UserAgent != "" && f.details["user-agent"] == "" {
		f.details["user-agent"] = string(r.UserAgent)
	}
	var list []graphTarget
	err = r.TargetResources.into(&list)
	cut := isCut(err)
	if cut {
		list, err = uncutTargets(string(r.TargetResources)), nil
	}
	if err != nil {
		return fmt.Errorf("targetResources: %w", err)
	}
	if f.properties, err = graphProperties(list); err != nil {
		return err
	}
	f.whole = !cut
	for _, t := range list {
		f.targets = append(f.targets, t.target())
	}
	var by graphInitiators
	if err := r.InitiatedBy.into(&by); err != nil {
		return fmt.Errorf("initiatedBy: %w", err)
	}
	f.actor = by.actor(list)
	if cut {
		if err := f.requireEssentials(r.Result, true); err != nil {
			return fmt.Errorf("targetResources: %w", err)
		}
	}
	return nil
}

// detailMap reads additionalDetails: a list of keys and values in Graph, an
// object in the unified log. Keys are lower case.
func detailMap(t text) (map[string]string, error) {
	var list []struct{ Key, Value text }
	object := map[string]text{}
	var err error
	if strings.HasPrefix(strings.TrimSpace(string(t)), "[") {
		err = t.into(&list)
	} else {
		err = t.into(&object)
	}
	details := make(map[string]string, len(list)+len(object))
	for _, d := range list {
		details[strings.ToLower(string(d.Key))] = string(d.Value)
	}
	for _, k := range slices.Sorted(maps.Keys(object)) {
		details[strings.ToLower(k)] = string(object[k])
	}
	return details, err
}

type graphTarget struct {
	ID                 text
	DisplayName        text
	Type               text
	ODataType          text `json:"@odata.type"`
	UserPrincipalName  text
	GroupType          text
	ModifiedProperties text
}

func (t graphTarget) target() target {
	return target{kind: t.kind(), id: objectID(t.ID), upn: string(t.UserPrincipalName), name: string(t.DisplayName)}
}

// kind returns the target's type. Where the record leaves it out, a target with a
// principal name is a user, and one with a group type is a group.
func (t graphTarget) kind() string {
	odata := strings.TrimPrefix(string(t.ODataType), "#microsoft.graph.")
	kind := cmp.Or(string(t.Type), strings.TrimPrefix(odata, "targetResource"))
	switch {
	case strings.EqualFold(kind, kindUser), kind == "" && t.UserPrincipalName != "":
		return kindUser
	case strings.EqualFold(kind, kindGroup), kind == "" && t.GroupType != "":
		return kindGroup
	}
	return kind
}

// graphProperties lists the modified properties of all targets, those of
// users first: one record is about one change.
func graphProperties(list []graphTarget) ([]property, error) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b graphTarget) int { return userFirst(a) - userFirst(b) })
	var all []property
	for _, t := range list {
		props, whole := propertyList(string(t.ModifiedProperties))
		if !whole {
			return nil, errors.New("modifiedProperties is not a list")
		}
		all = append(all, props...)
	}
	return all, nil
}

func userFirst(t graphTarget) int {
	if t.kind() == kindUser {
		return 0
	}
	return 1
}

type graphInitiators struct {
	User struct{ ID, UserPrincipalName, DisplayName, HomeTenantID, AgentType text }
	App  struct{ AppID, DisplayName, ServicePrincipalID text }
}

// actor returns who did it. A user has an id or a principal name. Its display
// name, since 2025, is that of the application through which it acted; a
// display name alone names an application ("Azure AD PIM").
func (by graphInitiators) actor(targets []graphTarget) snapshot.Actor {
	u, app := by.User, by.App
	switch {
	case u.ID != "" || u.UserPrincipalName != "":
		return by.user(targets)
	case app.ServicePrincipalID != "" || app.DisplayName != "" || app.AppID != "":
		return snapshot.Actor{Kind: snapshot.ActorApp, ID: objectID(app.ServicePrincipalID),
			AppID: objectID(app.AppID), Name: string(app.DisplayName)}
	case u.DisplayName != "":
		return snapshot.Actor{Kind: snapshot.ActorApp, Name: string(u.DisplayName)}
	}
	return snapshot.Actor{}
}

func (by graphInitiators) user(targets []graphTarget) snapshot.Actor {
	u := by.User
	a := snapshot.Actor{Kind: snapshot.ActorUser, ID: objectID(u.ID), UPN: string(u.UserPrincipalName),
		Tenant: objectID(u.HomeTenantID), Agent: isAgent(u.AgentType)}
	if microsoftOperated(string(u.ID), a.UPN) {
		a.Kind, a.Name = snapshot.ActorSystem, cmp.Or(string(u.DisplayName), a.UPN)
		return a
	}
	if isPerson(u.DisplayName, a, targets) {
		a.Name = string(u.DisplayName)
	} else {
		a.ClientApp = string(u.DisplayName)
	}
	if a.ClientApp == "" {
		a.ClientApp, a.ClientAppID = string(by.App.DisplayName), objectID(by.App.AppID)
	}
	return a
}

// isAgent reports whether an agentType marks an agent: any value but notAgentic
// does. Graph v1.0 calls an agent's user account unknownFutureValue where a client
// does not ask for the newer members of the enumeration. See
// learn.microsoft.com/entra/agent-id/sign-in-audit-logs-agents.
func isAgent(kind text) bool { return kind != "" && !strings.EqualFold(string(kind), "notAgentic") }

// isPerson reports whether a display name is evidently that of the user: made
// of the words of the principal name, or the name that the record itself gives
// to the same user as its target.
func isPerson(name text, a snapshot.Actor, targets []graphTarget) bool {
	if name == "" {
		return false
	}
	local, _, _ := strings.Cut(a.UPN, "@")
	if strings.EqualFold(string(name), a.UPN) || local != "" && slices.Equal(words(string(name)), words(local)) {
		return true
	}
	return slices.ContainsFunc(targets, func(t graphTarget) bool {
		return t.DisplayName == name && a.ID != "" && objectID(t.ID) == a.ID
	})
}

func words(s string) []string {
	list := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(list)
	return list
}
