package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"lictrail/snapshot"
)

// unifiedRecord is the AuditData of the unified audit log, record type 8
// (Office 365 Management Activity API schema, Azure Active Directory base).
type unifiedRecord struct {
	ID                 text
	CreationTime       text
	Operation          text
	ResultStatus       text
	InterSystemsID     text // the IntraSystemId beside it is a session's, never a key
	UserID             text
	UserType           text
	ObjectID           text
	ActorContextID     text
	ExtendedProperties []struct{ Name, Value text }
	ModifiedProperties text
	Actor, Target      []identity
	AppAccessContext   struct{ ClientAppID, ClientAppName text }
}

// identity is one entry of Actor or Target. Types seen: 1 name, 2 other,
// 3 PUID, 4 service principal names, 5 principal name.
type identity struct{ ID, Type text }

const (
	typeName  = "1"
	typeOther = "2"
	typeUPN   = "5"
)

// identityTypes are the names of the types, which Search-UnifiedAuditLog -Formatted
// writes in place of their numbers.
var identityTypes = map[string]text{"claim": "0", "name": typeName, "other": typeOther, "puid": "3", "spn": "4", "upn": typeUPN}

// partnerTechnician is the UserType of a partner's administrator.
const partnerTechnician = "9"

// userTypes are the names of the types of users.
var userTypes = map[string]text{"regular": "0", "reserved": "1", "admin": "2", "dcadmin": "3", "system": "4", "application": "5",
	"serviceprincipal": "6", "custompolicy": "7", "systempolicy": "8", "partnertechnician": partnerTechnician, "guest": "10"}

// numbers puts numbers in the place of names. A name that is not known is an error:
// who acted may depend on it.
func (r *unifiedRecord) numbers() error {
	if err := number(&r.UserType, "UserType", userTypes); err != nil {
		return err
	}
	for _, list := range [][]identity{r.Actor, r.Target} {
		for i := range list {
			if err := number(&list[i].Type, "the type of an identity", identityTypes); err != nil {
				return err
			}
		}
	}
	return nil
}

func number(t *text, what string, names map[string]text) error {
	if _, err := strconv.Atoi(string(*t)); err == nil || *t == "" {
		return nil
	}
	n, known := names[strings.ToLower(strings.TrimSpace(string(*t)))]
	if !known {
		return fmt.Errorf("%s is %q, which is not known", what, *t)
	}
	*t = n
	return nil
}

func readUnified(raw []byte) (fields, error) {
	var r unifiedRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return fields{}, err
	}
	return r.fields()
}

// fields converts the record to fields.
func (r *unifiedRecord) fields() (fields, error) {
	if err := r.numbers(); err != nil {
		return fields{id: string(r.ID)}, err
	}
	f := fields{
		source:      snapshot.SourceUnified,
		id:          string(r.ID),
		at:          string(r.CreationTime),
		activity:    string(r.Operation),
		correlation: objectID(cmp.Or(r.InterSystemsID, r.extended("correlationId"))),
		result:      string(r.ResultStatus),
		targets:     r.targets(),
		actor:       r.actor(),
	}
	f.details, _ = detailMap(r.extended("additionalDetails")) // some old records have plain text here
	var whole bool
	if f.properties, whole = propertyList(string(r.ModifiedProperties)); !whole {
		return f, errors.New("ModifiedProperties is not a list")
	}
	f.addUpdated(r.extended("targetUpdatedProperties"))
	return f, nil
}

// addUpdated adds the properties that records of 2018 to 2020 have in
// targetUpdatedProperties, a list which the source may have cut off.
func (f *fields) addUpdated(list text) {
	older, whole := propertyList(string(list))
	f.whole = whole
	for _, p := range older {
		if _, ok := find(f.properties, p.name); !ok {
			f.properties = append(f.properties, p)
		}
	}
}

func (r *unifiedRecord) extended(name string) text {
	for _, p := range r.ExtendedProperties {
		if strings.EqualFold(string(p.Name), name) {
			return p.Value
		}
	}
	return ""
}

// party is what a list of identities says together.
type party struct {
	objects     []target // "User_…", "Group_…"
	upn         string
	name        string
	appID       string // the GUID after the name
	guid        string // a bare GUID that is not appID
	class       string // "User", "Group", …
	certificate bool   // in place of an identity: Microsoft's own machinery
}

func partyOf(list []identity) party {
	var p party
	for i, x := range list {
		id := string(x.ID)
		switch x.Type {
		case typeName:
			p.name = cmp.Or(p.name, id)
		case typeUPN:
			p.upn = cmp.Or(p.upn, id)
		case typeOther:
			afterName := i > 0 && list[i-1].Type == typeName
			p.other(id, afterName)
		}
	}
	if len(p.objects) == 0 && p.guid != "" && p.class != "" {
		p.objects = []target{{kind: p.class, id: objectID(p.guid)}}
	}
	return p
}

func (p *party) other(id string, afterName bool) {
	class, object, prefixed := strings.Cut(id, "_")
	switch {
	case prefixed && isClass(class):
		p.objects = append(p.objects, target{kind: class, id: objectID(object)})
	case snapshot.IsGUID(id) && afterName:
		p.appID = objectID(id)
	case snapshot.IsGUID(id):
		p.guid = cmp.Or(p.guid, id)
	case isClass(id):
		p.class = id
	case id == "Certificate": // "Other" follows
		p.certificate = true
	}
}

func isClass(s string) bool {
	switch s {
	case kindUser, kindGroup, "Device", "ServicePrincipal", "Application", "Contact":
		return true
	}
	return false
}

// object returns the id of the first object of the kind.
func (p *party) object(kind string) string {
	for _, t := range p.objects {
		if t.kind == kind {
			return t.id
		}
	}
	return ""
}

// targets lists the target objects. The principal name is the user's;
// ObjectId holds it too in most records.
func (r *unifiedRecord) targets() []target {
	p := partyOf(r.Target)
	upn := p.upn
	if upn == "" && strings.Contains(string(r.ObjectID), "@") {
		upn = string(r.ObjectID)
	}
	if len(p.objects) == 0 && (upn != "" || p.class != "") {
		return []target{{kind: p.class, upn: upn, name: p.name}}
	}
	for i := range p.objects {
		t := &p.objects[i]
		if t.kind == kindUser {
			t.upn = upn
		} else {
			t.name = p.name
		}
	}
	return p.objects
}

// actor returns who did it. UserId is "ServicePrincipal_<object id>" for an
// application and the principal name for a user.
func (r *unifiedRecord) actor() snapshot.Actor {
	p := partyOf(r.Actor)
	service, isService := strings.CutPrefix(string(r.UserID), "ServicePrincipal_")
	if p.upn == "" && !isService && strings.Contains(string(r.UserID), "@") {
		p.upn = string(r.UserID)
	}
	user := p.object(kindUser)
	tenant := objectID(r.ActorContextID)
	switch {
	case r.isSystem(p):
		return snapshot.Actor{Kind: snapshot.ActorSystem, ID: user, UPN: p.upn, Name: cmp.Or(p.name, p.upn), Tenant: tenant}
	case user != "" || p.upn != "":
		return r.user(p, snapshot.Actor{Kind: snapshot.ActorUser, ID: user, UPN: p.upn, Tenant: tenant})
	case isService || p.name != "" || p.object("ServicePrincipal") != "":
		id := cmp.Or(p.object("ServicePrincipal"), objectID(service))
		return snapshot.Actor{Kind: snapshot.ActorApp, ID: id, AppID: p.appID, Name: p.name}
	}
	return snapshot.Actor{}
}

func (r *unifiedRecord) isSystem(p party) bool {
	for _, x := range r.Actor {
		if x.ID == zeroGUID || x.ID == "User_"+zeroGUID {
			return true
		}
	}
	return microsoftOperated("", p.upn) || p.certificate && p.object(kindUser) == "" && p.upn == ""
}

// user adds the application behind a user: its name, with its id after it,
// stands among the user's identities.
func (r *unifiedRecord) user(p party, a snapshot.Actor) snapshot.Actor {
	a.Partner = r.UserType == partnerTechnician
	if p.appID == "" && isPerson(text(p.name), a, nil) {
		a.Name = p.name
	} else {
		a.ClientApp, a.ClientAppID = p.name, p.appID
	}
	if a.ClientApp == "" && a.ClientAppID == "" {
		c := r.AppAccessContext
		a.ClientApp, a.ClientAppID = string(c.ClientAppName), objectID(c.ClientAppID)
	}
	return a
}
