package graph

import (
	"context"
	"fmt"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"lictrail/snapshot"
)

type wirePrincipal struct {
	ID                     guid   `json:"id"`
	AppID                  guid   `json:"appId"`
	AppOwnerOrganizationID guid   `json:"appOwnerOrganizationId"`
	DisplayName            string `json:"displayName"`
}

// Principal reads the service principal of an application: which application it
// is, and which tenant owns it. One that Graph says it does not know is no error:
// it comes back with Gone set.
func (c *Client) Principal(ctx context.Context, id string) (snapshot.Principal, error) {
	return c.principal(ctx, id, nil)
}

func (c *Client) principal(ctx context.Context, id string, shared *hold) (snapshot.Principal, error) {
	id = snapshot.NormalID(id)
	if !isGUID(id) {
		return snapshot.Principal{}, c.newReader(opPrincipal).fail(kinded(ErrIncomplete, "id %q is not a GUID", clip(id)))
	}
	build := c.template("{+baseurl}/servicePrincipals/{id}{?%24select}", map[string]any{"%24select": "appId,appOwnerOrganizationId,displayName"})
	read := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		info, err := build(ctx)
		if err == nil {
			info.PathParameters["id"] = id
		}
		return info, err
	}
	var p snapshot.Principal
	r := c.newReader(opPrincipal)
	r.shared = shared
	err := getObject(ctx, r, read, func(w *wirePrincipal) (err error) {
		p, err = w.principal(id)
		return err
	})
	if objectUnknown(err) {
		return snapshot.Principal{ID: id, Gone: true}, nil
	}
	return p, err
}

func (w *wirePrincipal) principal(want string) (snapshot.Principal, error) {
	row := rowProblem{kind: "service principal", name: want}
	p := snapshot.Principal{
		ID:    want,
		AppID: row.optionalID("appId", w.AppID),
		Owner: snapshot.TenantID(row.optionalID("appOwnerOrganizationId", w.AppOwnerOrganizationID)),
		Name:  w.DisplayName,
	}
	if got := row.optionalID("id", w.ID); row.err == nil && got != "" && got != want {
		row.err = fmt.Errorf("asked for service principal %s, got %s", want, got)
	}
	return p, row.err
}
