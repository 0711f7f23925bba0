package diff

import (
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
	byAutomation = party{snapshot.CauseAutomation, snapshot.ByAutomation, snapshot.Medium, ""}
	byMicrosoft  = party{snapshot.CauseMicrosoft, snapshot.ByMicrosoft, snapshot.Medium, ""}
	byEngine     = party{snapshot.CauseGroup, snapshot.ByUnknown, snapshot.Medium, ""}
	strange      = party{snapshot.CauseUnknown, snapshot.ByUnknown, snapshot.Low, snapshot.Ambiguous}
	nameless     = party{snapshot.CauseUnknown, snapshot.ByUnknown, snapshot.Low, snapshot.IncompleteEvent}
)

// identity is an application, or a part of Microsoft's machinery, that is
// known to change licenses or groups.
type identity struct {
	name string // lower case; a "*" at the end stands for any ending
	apps string // application ids, separated by spaces; "" when not known
	party
}

// identities is the catalog of parties other than people and customers' own
// applications. Names are those of published samples and of Microsoft's lists
// of its applications; Graph's events mostly lack the application's id.
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
	{"self-service internal", "", byMicrosoft},
}

// firstParty has the beginnings of names that look like Microsoft's. What
// looks so and is not in the catalog is not guessed at.
var firstParty = []string{"microsoft", "office 365", "azure", "windows", "entra", "ms-"}

// syncAccounts has the beginnings of the principal names of the accounts that
// synchronize a local directory.
var syncAccounts = []string{"sync_", "adtoaadsyncserviceaccount@"}

const (
	engineName        = "group-based licensing" // the beginning of the name varies
	propagationClient = "PropagationService"
	syncClient        = "DirectorySync"
	ruleEngine        = "microsoft approval management" // evaluates dynamic groups
)

// isEngine reports whether group-based licensing did the operation. Its events
// have several names for it, or none.
func isEngine(b *snapshot.Bundle) bool {
	if !b.Actor.Known() {
		return hasClient(b, propagationClient)
	}
	return b.Actor.Kind != snapshot.ActorUser && strings.Contains(strings.ToLower(b.Actor.Name), engineName)
}

// party classifies the actor of an operation on a user, and on a SKU if that
// is what it was about.
func (a *attributor) party(o *op, target snapshot.UserID, sku snapshot.SKUID) party {
	actor := o.Actor
	switch {
	case o.engine:
		return byEngine
	case o.client(syncClient), hasAnyPrefix(actor.UPN, syncAccounts):
		return bySync
	case !actor.Known():
		return nameless
	case actor.Kind != snapshot.ActorUser:
		return appParty(actor)
	case actor.Partner, actor.Tenant != "" && a.Tenant != "" && snapshot.NormalID(actor.Tenant) != string(a.Tenant):
		return byPartner
	case target != "" && actor.ID == string(target):
		return a.self(actor, sku)
	}
	return byAdmin
}

// self classifies a user who acts on the own account. An admin can do that
// too, and the log does not say who is one: of an admin with a SKU that users
// sign up for, it cannot be told in which role it was.
func (a *attributor) self(actor snapshot.Actor, sku snapshot.SKUID) party {
	signsUp := sku != "" && a.SelfService != nil && a.SelfService(sku)
	switch {
	case signsUp && a.powers[actor.ID]:
		return strange
	case signsUp:
		return byUser
	case a.powers[actor.ID]:
		return byOwnAdmin
	}
	return perhapsUser
}

// appParty classifies an application or a part of Microsoft's machinery: by
// application id where the record has one, else by name. A name of the catalog
// with an id that is not the catalog's is somebody else.
func appParty(actor snapshot.Actor) party {
	name := strings.ToLower(strings.TrimSpace(actor.Name))
	for _, known := range identities {
		if actor.AppID != "" && strings.Contains(known.apps, actor.AppID) {
			return known.party
		}
	}
	for _, known := range identities {
		if known.matches(name) && (actor.AppID == "" || known.apps == "") {
			return known.party
		}
		if known.matches(name) {
			return strange
		}
	}
	switch {
	case actor.Kind == snapshot.ActorSystem:
		return byMicrosoft
	case name == "", hasAnyPrefix(name, firstParty):
		return strange
	}
	return byOwnApp
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
