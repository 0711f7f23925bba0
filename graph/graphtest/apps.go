package graphtest

import (
	"slices"
	"strings"
)

// AddApp registers an application of the tenant and returns its service
// principal. Nothing keeps a customer from giving it the name of one of
// Microsoft's services.
func (t *Tenant) AddApp(name string) Actor {
	return t.addPrincipal(Actor{Kind: ActorApp, Name: name})
}

// AddForeignApp adds the service principal of an application that another
// organization owns.
func (t *Tenant) AddForeignApp(name, owner string) Actor {
	return t.addPrincipal(Actor{Kind: ActorApp, Name: name, Owner: owner})
}

func (t *Tenant) addPrincipal(a Actor) Actor {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.ID, a.AppID = t.guid(), t.guid()
	t.Apps = append(t.Apps, a)
	return a
}

// AddAgent adds an agent user and returns it as an actor.
func (t *Tenant) AddAgent(by Actor, name string) Actor {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.addUser(by, UserSpec{Name: name, Agent: true})
	return Actor{Kind: ActorAgent, ID: id, UPN: t.users[id].UPN}
}

// owner is the tenant that owns the application behind a service principal.
func (t *Tenant) owner(a Actor) string {
	switch {
	case a.Owner != "":
		return a.Owner
	case a.Kind == ActorMicrosoft:
		return MicrosoftServices
	}
	return t.ID
}

var principalFields = []string{"id", "appId", "appOwnerOrganizationId", "displayName", "appDisplayName", "servicePrincipalType", "accountEnabled"}

// onePrincipal answers for servicePrincipals/{id}.
func onePrincipal(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.Apps, func(a Actor) bool { return strings.EqualFold(a.ID, c.path[1]) })
	j := slices.IndexFunc(microsoftApps, func(a Actor) bool { return strings.EqualFold(a.ID, c.path[1]) })
	var a Actor
	switch {
	case i >= 0:
		a = t.Apps[i]
	case j >= 0:
		a = microsoftApps[j]
	default:
		return nil, missing(c.path[1])
	}
	x := c.s.draw
	values := map[string]any{
		"id": x.id(a.ID), "appId": null(a.AppID), "appOwnerOrganizationId": x.id(t.owner(a)), "displayName": a.Name,
		"appDisplayName": a.Name, "servicePrincipalType": "Application", "accountEnabled": true,
	}
	return c.single("servicePrincipals", x.row(c.fields, func(f string) any { return values[f] })), nil
}

// listAgents makes one page of the agent users.
func listAgents(c *call) (*answer, *apiError) {
	t := c.s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	agents := slices.DeleteFunc(slices.Clone(t.order), func(id string) bool { return !t.users[id].Agent })
	return c.userPage("users/microsoft.graph.agentUser", agents, t.users), nil
}
