package diff

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// party is the sort of party that an event's actor is.
type party struct {
	cause      snapshot.Cause
	initiator  snapshot.Initiator
	confidence snapshot.Confidence
	why        snapshot.UnknownWhy // set exactly when cause is unknown
}

var (
	byAdmin      = party{snapshot.CauseAdmin, snapshot.ByAdmin, snapshot.High, ""}
	byOwnAdmin   = party{snapshot.CauseAdmin, snapshot.ByAdmin, snapshot.Medium, ""} // on the admin's own account
	byPartner    = party{snapshot.CausePartner, snapshot.ByAdmin, snapshot.Medium, ""}
	bySignup     = party{snapshot.CauseSelfService, snapshot.ByUser, snapshot.High, ""}
	byUser       = party{snapshot.CauseSelfService, snapshot.ByUser, snapshot.Medium, ""}
	perhapsUser  = party{snapshot.CauseSelfService, snapshot.ByUser, snapshot.Low, ""}
	byOwnApp     = party{snapshot.CauseAutomation, snapshot.ByAutomation, snapshot.High, ""}
	bySync       = byOwnApp
	byAgent      = byOwnApp
	byAutomation = party{snapshot.CauseAutomation, snapshot.ByAutomation, snapshot.Medium, ""}
	byMicrosoft  = party{snapshot.CauseMicrosoft, snapshot.ByMicrosoft, snapshot.Medium, ""}
	byBilling    = party{snapshot.CauseSubscription, snapshot.ByBilling, snapshot.Medium, ""}
	byEngine     = party{snapshot.CauseGroup, snapshot.ByUnknown, snapshot.Medium, ""}
	unclearParty = party{snapshot.CauseUnknown, snapshot.ByUnknown, snapshot.Low, snapshot.Ambiguous}
	nameless     = party{snapshot.CauseUnknown, snapshot.ByUnknown, snapshot.Low, snapshot.IncompleteEvent}
)

// identity is an application, or a part of Microsoft's machinery, that is
// known to change licenses or groups.
type identity struct {
	name string // lower case; a "*" at the end stands for any ending
	apps string // application ids, separated by spaces; "" when not known
	party
}

// identities is the catalog of Microsoft's applications that change licenses or groups.
// An application id proves which one it is. A name alone proves nothing, since customers
// may give their applications any name. It is used only where the owner, or the form of
// the record, shows that the application is Microsoft's.
var identities = []identity{
	{"signup", "b4bddae8-ab25-483e-8670-df09b9f1d0ea", bySignup},

	{"partner customer delegated administration", "2832473f-ec63-45fb-976f-5d45a7d4bb91", byPartner},
	{"partner customer delegated admin*", "a3475900-ccec-4a69-98f5-a65cd5dc5306", byPartner},

	{"lifecycle workflows", "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7", byAutomation},
	{"microsoft entra lifecycle workflows", "", byAutomation},
	{"azure ad lifecycle workflows", "", byAutomation},
	{"azure ad identity governance*", "810dcf14-1858-4bf2-8134-4c369fa3235b ec245c98-4a90-40c2-955a-88b727d97151", byAutomation},
	{"microsoft entra id governance*", "", byAutomation},
	{"azure ad entitlement management", "", byAutomation},
	{"entitlement management", "", byAutomation},
	{"azure ad pim", "", byAutomation},
	{"ms-pim", "01fc33a7-78ba-4d2f-a4b7-768e336e890e", byAutomation},
	{"microsoft approval management", "65d91a3d-ab74-42e6-8a2f-0add61688c74 38049638-cc2c-4cde-abe4-4479d721ed44", byAutomation},
	{"managed service identity", "", byAutomation},

	{"microsoft entra subscription lifecycle process", "", byBilling},

	{"microsoft substrate management", "98db8bd6-0cc0-4e67-9de5-f187f1cd1b41", byMicrosoft},
	{"office 365 exchange online", "00000002-0000-0ff1-ce00-000000000000", byMicrosoft},
	{"exchange online", "", byMicrosoft},
	{"office 365 sharepoint online", "00000003-0000-0ff1-ce00-000000000000", byMicrosoft},
	{"sharepoint online", "", byMicrosoft},
	{"m365 license manager", "aeb86249-8ea3-49e2-900b-54cc8e308f85", byMicrosoft},
	{"cloudlicensingsystem", "de247707-4e4a-47d6-89fd-3c632f870b34", byMicrosoft},
	{"microsoft commerce*", "bf9fc203-c1ff-4fd4-878b-323642e462ec", byMicrosoft},
	{"office 365 commerce*", "", byMicrosoft},
	{"azure mfa strongauthenticationservice", "", byMicrosoft},
	{"azure multi-factor auth*", "", byMicrosoft},
	{"microsoft online services*", "", byMicrosoft},
	{"microsoft azure ad internal - jit provisioning", "", byMicrosoft},
	{"ms-ce-cxg-mac-aadshadowrolewriter", "", byMicrosoft},
	{"dart team", "", byMicrosoft},
	{"self-service internal", "", byMicrosoft},
}

// microsoftWords are words of the names of Microsoft's services. An application
// whose name has one, and whose owner is not known, may be the customer's or
// Microsoft's.
var microsoftWords = regexp.MustCompile(`(?i)(^|[^a-z0-9])(microsoft|ms|azure|aad|entra|windows|win32|office|o365|m365|365|outlook|exchange|sharepoint|` +
	`one ?drive|one ?note|teams|skype|lync|yammer|viva|dynamics|crm|power ?(bi|apps?|automate|platform|pages|virtual|query)|flow|dataverse|intune|defender|` +
	`purview|planner|project|visio|sway|stream|forms|kaizala|whiteboard|loop|copilot|cortana|bing|graph|substrate|visual studio|devops|xbox|` +
	`log analytics|managed service identity|service fabric|signup|sign-up|commerce)([^a-z]|$)`)

// syncAccounts has the prefixes of the principal names of the accounts that synchronize
// a local directory. Other accounts may have such names as well.
var syncAccounts = []string{"sync_", "adtoaadsyncserviceaccount@"}

const (
	engineName        = "group-based licensing" // the beginning of the name varies
	propagationClient = "PropagationService"
	syncClient        = "DirectorySync"
	ruleEngine        = "microsoft approval management" // evaluates dynamic groups, and carries out join requests
)

// isEngine reports whether the engine of group-based licensing did the operation. Its
// records give it one of several names, or none. An application of such a name that is
// known not to be Microsoft's is not the engine.
func (c *Context) isEngine(b *snapshot.Bundle) bool {
	if !b.Actor.Known() {
		return hasClient(b, propagationClient)
	}
	return b.Actor.Kind != snapshot.ActorUser && strings.Contains(strings.ToLower(b.Actor.Name), engineName) && c.mayBeMicrosofts(b.Actor)
}

// isRuleEngine reports whether the actor is the service that carries out what
// rules of dynamic groups and approved join requests ask for.
func (c *Context) isRuleEngine(actor snapshot.Actor) bool {
	return actor.Kind != snapshot.ActorUser && (strings.EqualFold(actor.Name, ruleEngine) || byCatalogID(c.appID(actor)).name == ruleEngine) &&
		c.mayBeMicrosofts(actor)
}

// mayBeMicrosofts reports whether an application is owned by Microsoft, or its owner is
// not known.
func (c *Context) mayBeMicrosofts(actor snapshot.Actor) bool {
	owner := c.owner(actor)
	return owner == "" || owner != c.Tenant && owner.IsMicrosoft()
}

// principal is the service principal of an actor as the directory shows it; empty when
// it was not read or not found.
func (c *Context) principal(actor snapshot.Actor) snapshot.Principal {
	if c.Principal == nil || actor.Kind != snapshot.ActorApp || actor.ID == "" {
		return snapshot.Principal{}
	}
	p, _ := c.Principal(actor.ID)
	return p
}

// owner is the tenant that owns an actor's application, "" when not known.
func (c *Context) owner(actor snapshot.Actor) snapshot.TenantID {
	return snapshot.NormalID(c.principal(actor).Owner)
}

// appID is the application id of an actor, "" when not known.
func (c *Context) appID(actor snapshot.Actor) string {
	return snapshot.NormalID(cmp.Or(actor.AppID, c.principal(actor).AppID))
}

// byCatalogID returns the entry of the catalog with an application id.
func byCatalogID(app string) identity {
	for _, known := range identities {
		if app != "" && slices.Contains(strings.Fields(known.apps), app) {
			return known
		}
	}
	return identity{}
}

// NeedsOwner reports whether the classification of an actor depends on the owner of its
// application.
func NeedsOwner(actor snapshot.Actor) bool {
	return actor.Kind == snapshot.ActorApp && snapshot.IsGUID(actor.ID) && byCatalogID(snapshot.NormalID(actor.AppID)).name == ""
}

// party classifies the actor of an operation on a user. sku is "" where the operation is
// not about a license.
func (a *attributor) party(o *op, target snapshot.UserID, sku snapshot.SKUID) party {
	actor := o.Actor
	home := snapshot.NormalID(snapshot.TenantID(actor.Tenant))
	foreign := home != "" && a.Tenant != "" && home != a.Tenant
	switch {
	case o.engine:
		return byEngine
	case o.client(syncClient), actor.ID != "" && a.syncs[actor.ID]:
		return bySync
	case !actor.Known():
		return nameless
	case actor.Kind != snapshot.ActorUser:
		return a.appParty(actor)
	case actor.Agent:
		return byAgent
	case foreign && home.IsMicrosoft():
		return byMicrosoft
	case actor.Partner, foreign:
		return byPartner
	case hasAnyPrefix(actor.UPN, syncAccounts):
		return unclearParty // the account that synchronizes, or a person: no record shows this account at synchronizing
	case target != "" && actor.ID == string(target):
		return a.self(actor, sku)
	}
	return byAdmin
}

// self classifies a user who acts on the own account. An administrator can do that as
// well, and the log does not say who is one. Where an administrator changed a SKU that
// users sign up for, the role is not known.
func (a *attributor) self(actor snapshot.Actor, sku snapshot.SKUID) party {
	signsUp := sku != "" && a.SelfService != nil && a.SelfService(sku)
	switch {
	case signsUp && a.powers[actor.ID]:
		return unclearParty
	case signsUp:
		return byUser
	case a.powers[actor.ID]:
		return byOwnAdmin
	}
	return perhapsUser
}

// appParty classifies an application or a part of Microsoft's machinery: by its
// application id where that is in the catalog, else by who owns the application.
// Where neither is known, a name that Microsoft's might have is not guessed at, and
// any other is taken for the customer's automation, with less confidence.
func (c *Context) appParty(actor snapshot.Actor) party {
	app, owner := c.appID(actor), c.owner(actor)
	if known := byCatalogID(app); known.name != "" {
		return known.party
	}
	switch {
	case owner == c.Tenant && owner != "":
		return byOwnApp
	case owner.IsMicrosoft(), actor.Kind == snapshot.ActorSystem:
		return byCatalogName(actor.Name).party
	case owner != "":
		return byAutomation // another organization's product, which the customer let in
	case actor.Name == "", c.resemblesMicrosofts(actor):
		return unclearParty
	}
	return byAutomation
}

// unowned reports whether it is for want of its owner that an actor's
// application is not classified.
func (c *Context) unowned(actor snapshot.Actor) bool {
	return actor.Kind == snapshot.ActorApp && actor.Name != "" && c.owner(actor) == "" && c.appParty(actor) == unclearParty
}

// resemblesMicrosofts reports whether an application's name could be one of
// Microsoft's.
func (c *Context) resemblesMicrosofts(actor snapshot.Actor) bool {
	return microsoftWords.MatchString(actor.Name) || byCatalogName(actor.Name).name != ""
}

// byCatalogName returns the entry of the catalog with the name of an actor that is known
// to be Microsoft's; one without a name where it is not in the catalog.
func byCatalogName(name string) identity {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, known := range identities {
		if known.matches(name) {
			return known
		}
	}
	return identity{party: byMicrosoft}
}

func (i identity) matches(name string) bool {
	begin, open := strings.CutSuffix(i.name, "*")
	return name == i.name || open && strings.HasPrefix(name, begin)
}

func hasAnyPrefix(s string, list []string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
