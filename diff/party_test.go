package diff

import (
	"testing"

	"lictrail/snapshot"
)

const (
	own       = "11111111-0000-4000-8000-000000000001"
	foreign   = "22222222-0000-4000-8000-000000000002"
	microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
	corp      = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	signupApp = "b4bddae8-ab25-483e-8670-df09b9f1d0ea"
)

// TestParty states how actors are classified. read is the service principal of an
// application as the directory shows it; its zero value stands for one that was not read.
func TestParty(t *testing.T) {
	app := func(name string) snapshot.Actor {
		return snapshot.Actor{Kind: snapshot.ActorApp, ID: "sp", Name: name}
	}
	user := func(upn string) snapshot.Actor {
		return snapshot.Actor{Kind: snapshot.ActorUser, ID: "u1", UPN: upn}
	}
	owned := func(by string) snapshot.Principal {
		return snapshot.Principal{ID: "sp", AppID: "99999999-0000-4000-8000-000000000009", Owner: snapshot.TenantID(by)}
	}
	with := func(a snapshot.Actor, change func(*snapshot.Actor)) snapshot.Actor { change(&a); return a }
	for _, tt := range []struct {
		name   string
		actor  snapshot.Actor
		read   snapshot.Principal
		client string
		want   party
	}{
		{"own app", app("HR Bot"), owned(own), "", byOwnApp},
		{"own app, owner not read", app("HR Bot"), snapshot.Principal{}, "", byAutomation},
		{"own app, not found any more", app("HR Bot"), snapshot.Principal{ID: "sp", Gone: true}, "", byAutomation},
		{"managed identity, without an owner", app("license-function"), owned(""), "", byAutomation},
		{"another organization's app", app("License Tool"), owned(foreign), "", byAutomation},
		{"another organization's app, named like Microsoft's", app("Microsoft Tools"), owned(foreign), "", byAutomation},

		{"Signup by its id", with(app("Signup"), func(a *snapshot.Actor) { a.AppID = signupApp }), snapshot.Principal{}, "", bySignup},
		{"the id goes before the name", with(app("HR Bot"), func(a *snapshot.Actor) { a.AppID = signupApp }), snapshot.Principal{}, "", bySignup},
		{"Signup by the id that the directory shows", app("Signup"), snapshot.Principal{ID: "sp", AppID: signupApp}, "", bySignup},
		{"Signup by its owner", app("Signup"), owned(microsoft), "", bySignup},
		{"Signup, owner not read", app("Signup"), snapshot.Principal{}, "", unclearParty},
		{"Signup of the customer's own", app("Signup"), owned(own), "", byOwnApp},
		{"Signup with another id, owner not read", with(app("Signup"), func(a *snapshot.Actor) { a.AppID = "x" }), snapshot.Principal{}, "", unclearParty},

		{"Microsoft's app", app("Power BI Service"), owned(corp), "", byMicrosoft},
		{"Microsoft's app, owner in capitals", app("Power BI Service"), owned("F8CDEF31-A31E-4B4A-93E4-5F571E91255A"), "", byMicrosoft},
		{"Microsoft's app with a plain name", app("Kestrel"), owned(microsoft), "", byMicrosoft},
		{"Microsoft's name, owner not read", app("Power BI Service"), snapshot.Principal{}, "", unclearParty},
		{"Microsoft's name, without any id", snapshot.Actor{Kind: snapshot.ActorApp, Name: "Microsoft Online Services"}, snapshot.Principal{}, "", unclearParty},
		{"looks like Microsoft's", app("Contoso Teams Provisioning"), snapshot.Principal{}, "", unclearParty},
		{"has Microsoft's word inside another", app("Steamship Flowers"), snapshot.Principal{}, "", byAutomation},
		{"no name", app(""), snapshot.Principal{}, "", unclearParty},
		{"subscription lifecycle", app("Microsoft Entra Subscription Lifecycle Process"), owned(microsoft), "", byBilling},
		{"lifecycle workflows", app("Lifecycle Workflows"), owned(microsoft), "", byAutomation},
		{"Microsoft's by its shape", snapshot.Actor{Kind: snapshot.ActorSystem, Name: "Microsoft Online Services"}, snapshot.Principal{}, "", byMicrosoft},
		{"Microsoft's by its shape, in the catalog", snapshot.Actor{Kind: snapshot.ActorSystem, Name: "Signup"}, snapshot.Principal{}, "", bySignup},

		{"group-based licensing", app("Microsoft Azure AD Group-Based Licensing"), snapshot.Principal{}, "", byEngine},
		{"group-based licensing of Microsoft's", app("Microsoft Azure AD Group-Based Licensing"), owned(microsoft), "", byEngine},
		{"group-based licensing of the customer's own", app("Microsoft Azure AD Group-Based Licensing"), owned(own), "", byOwnApp},
		{"nobody, by the client of group-based licensing", snapshot.Actor{}, snapshot.Principal{}, propagationClient, byEngine},
		{"nobody", snapshot.Actor{}, snapshot.Principal{}, "", nameless},

		{"admin", user("ann@contoso.com"), snapshot.Principal{}, "", byAdmin},
		{"agent", with(user("joiner@contoso.com"), func(a *snapshot.Actor) { a.Agent = true }), snapshot.Principal{}, "", byAgent},
		{"agent on its own account", with(user("joiner@contoso.com"), func(a *snapshot.Actor) { a.Agent, a.ID = true, "target" }), snapshot.Principal{}, "", byAgent},
		{"own account", with(user("ben@contoso.com"), func(a *snapshot.Actor) { a.ID = "target" }), snapshot.Principal{}, "", perhapsUser},
		{"of the own tenant", with(user("ann@contoso.com"), func(a *snapshot.Actor) { a.Tenant = own }), snapshot.Principal{}, "", byAdmin},
		{"of another tenant", with(user("ann@fabrikam.com"), func(a *snapshot.Actor) { a.Tenant = foreign }), snapshot.Principal{}, "", byPartner},
		{"of Microsoft's tenant", with(user("spo_service@example.com"), func(a *snapshot.Actor) { a.Tenant = microsoft }), snapshot.Principal{}, "", byMicrosoft},
		{"a name of Microsoft's in the own domain", user("fim_password_service@contoso.com"), snapshot.Principal{}, "", byAdmin},

		{"synchronization", user("Sync_DC01_0123456789ab@contoso.com"), snapshot.Principal{}, syncClient, bySync},
		{"synchronization under any name", user("connector@contoso.com"), snapshot.Principal{}, syncClient, bySync},
		{"only named like the synchronization", user("sync_admin@contoso.com"), snapshot.Principal{}, "", unclearParty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Context{Tenant: own, Principal: func(id string) (snapshot.Principal, bool) { return tt.read, tt.read.ID == id }}
			b := snapshot.Bundle{Actor: tt.actor, Events: []*snapshot.Event{{Client: tt.client}}}
			if got := newAttributor(c).party(c.newOp(&b), "target", ""); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestParty_SyncElsewhere: one record of an actor through the client of the
// synchronization shows what its other records are.
func TestParty_SyncElsewhere(t *testing.T) {
	actor := snapshot.Actor{Kind: snapshot.ActorUser, ID: "sync", UPN: "Sync_DC01_0123456789ab@contoso.com"}
	bundle := func(client string) snapshot.Bundle {
		return snapshot.Bundle{Activity: snapshot.UpdateUser, Target: "ann", Actor: actor, Events: []*snapshot.Event{{Client: client}}}
	}
	c := &Context{Tenant: own, Bundles: []snapshot.Bundle{bundle(syncClient)}}
	plain := bundle("")
	if got := newAttributor(c).party(c.newOp(&plain), "ann", ""); got != bySync {
		t.Errorf("got %+v, want %+v", got, bySync)
	}
}
