package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/directory"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"

	"lictrail/snapshot"
)

var groupFields = []string{"id", "displayName", "groupTypes", "membershipRule", "assignedLicenses", "licenseProcessingState", "onPremisesSyncEnabled"}

type wireGroup struct {
	ID                     guid              `json:"id"`
	DisplayName            string            `json:"displayName"`
	GroupTypes             []string          `json:"groupTypes"`
	MembershipRule         string            `json:"membershipRule"`
	AssignedLicenses       list[wireLicense] `json:"assignedLicenses"`
	LicenseProcessingState struct {
		State string `json:"state"`
	} `json:"licenseProcessingState"`
	OnPremisesSyncEnabled bool `json:"onPremisesSyncEnabled"`
}

// Group reads one group. A group that Graph says it does not know is no error:
// it comes back with Gone set.
func (c *Client) Group(ctx context.Context, id snapshot.GroupID) (snapshot.Group, error) {
	return c.group(ctx, id, nil)
}

func (c *Client) group(ctx context.Context, id snapshot.GroupID, shared *hold) (snapshot.Group, error) {
	id = snapshot.NormalID(id)
	if !isGUID(string(id)) {
		return snapshot.Group{}, c.newReader(opGroup).fail(kinded(ErrIncomplete, "id %q is not a GUID", clip(string(id))))
	}
	r := c.newReader(opGroup + " " + string(id))
	r.shared = shared
	build := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		path := c.path()
		path["group%2Did"] = string(id)
		return groups.NewGroupItemRequestBuilderInternal(path, c.adapter).ToGetRequestInformation(ctx,
			&groups.GroupItemRequestBuilderGetRequestConfiguration{
				QueryParameters: &groups.GroupItemRequestBuilderGetQueryParameters{Select: groupFields},
			})
	}
	var g snapshot.Group
	err := getObject(ctx, r, build, func(w *wireGroup) (err error) {
		g, err = w.group(id)
		return err
	})
	if objectUnknown(err) {
		return snapshot.Group{ID: id, Gone: true}, nil
	}
	return g, err
}

// objectUnknown reports whether Graph itself said that there is no such object.
// A 404 without Graph's error code may be some proxy's.
func objectUnknown(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound && strings.HasSuffix(e.Code, "NotFound")
}

func (w *wireGroup) group(want snapshot.GroupID) (snapshot.Group, error) {
	p := rowProblem{kind: "group", name: w.ID.text}
	g := snapshot.Group{
		ID:              snapshot.GroupID(p.id("id", w.ID)),
		Name:            w.DisplayName,
		Dynamic:         slices.Contains(w.GroupTypes, "DynamicMembership"),
		MembershipRule:  w.MembershipRule,
		ProcessingState: w.LicenseProcessingState.State,
		OnPremisesSync:  w.OnPremisesSyncEnabled,
		Licenses:        w.licenses(&p),
	}
	if p.err == nil && !w.AssignedLicenses.present {
		p.err = errors.New("the row has no assignedLicenses, which is not the same as none")
	}
	if p.err == nil && g.ID != want {
		p.err = fmt.Errorf("asked for group %s, got %s", want, g.ID)
	}
	return g, p.err
}

func (w *wireGroup) licenses(p *rowProblem) []snapshot.GroupLicense {
	var all []snapshot.GroupLicense
	for _, l := range w.AssignedLicenses.rows {
		disabled := ids[snapshot.PlanID](p, "disabledPlans", l.DisabledPlans)
		slices.Sort(disabled)
		all = append(all, snapshot.GroupLicense{
			SKU:      snapshot.SKUID(p.id("skuId", l.SKUID)),
			Disabled: slices.Compact(disabled),
		})
	}
	slices.SortFunc(all, func(a, b snapshot.GroupLicense) int { return strings.Compare(string(a.SKU), string(b.SKU)) })
	return all
}

// wireDeleted is a deleted user: a user, of whom only some fields are asked for.
type wireDeleted struct {
	wireUser
	DeletedDateTime instant `json:"deletedDateTime"`
}

// DeletedUsers reads the users that can still be restored: those deleted in
// the last 30 days. Whether a deleted user still lists licenses depends on how
// it was deleted: the admin center takes them first, other ways leave them.
func (c *Client) DeletedUsers(ctx context.Context) ([]snapshot.DeletedUser, error) {
	first := func(ctx context.Context) (*abstractions.RequestInformation, error) {
		info, err := directory.NewDeletedItemsGraphUserRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx,
			&directory.DeletedItemsGraphUserRequestBuilderGetRequestConfiguration{
				QueryParameters: &directory.DeletedItemsGraphUserRequestBuilderGetQueryParameters{
					Select: []string{"id", "deletedDateTime", "assignedLicenses", "licenseAssignmentStates"}, Top: &c.opts.PageSize,
				},
			})
		if err != nil {
			return nil, err
		}
		// The SDK writes an alias of the name that the documentation has.
		info.UrlTemplate = strings.Replace(info.UrlTemplate, "/graph.user", "/microsoft.graph.user", 1)
		return info, nil
	}
	return collect(ctx, c, opDeletedUsers, first, func(u snapshot.DeletedUser) string { return string(u.ID) }, (*wireDeleted).deleted)
}

func (w *wireDeleted) deleted() (snapshot.DeletedUser, error) {
	p := rowProblem{kind: "deleted user", name: w.ID}
	u := snapshot.DeletedUser{
		ID:        snapshot.NormalID(snapshot.UserID(w.ID)),
		DeletedAt: p.at("deletedDateTime", w.DeletedDateTime),
		Listed:    w.paths(&p), ListedKnown: w.AssignedLicenses.present,
	}
	return u, p.err
}
