package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"lictrail/snapshot"
)

// The cloud licensing API is in Graph's beta alone, in the global cloud alone
// (learn.microsoft.com/graph/api/resources/cloudlicensing-admincloudlicensing). Pages have
// the size that Graph gives them: which it takes for $top, no page says. Names are
// not asked for, so that ids are all that is read of users and devices.
const betaVersion = "/beta"

// licensingAPI is what messages call it.
const licensingAPI = "cloud licensing API"

// maxAssignments bounds the assignments that are kept in memory.
const maxAssignments = 5_000_000

// beta is [Client.template] for what only the beta has.
func (c *Client) beta(path string, query map[string]any) request {
	return func(context.Context) (*abstractions.RequestInformation, error) {
		root := strings.TrimSuffix(c.base.String(), apiVersion) + betaVersion
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET, "{+root}"+path, map[string]string{"root": root})
		if query != nil {
			info.QueryParametersAny = query
		}
		return info, nil
	}
}

// NotOffered reports whether Graph does not know what was asked for, as opposed to
// refusing it or failing.
func NotOffered(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	unknown := strings.Contains(strings.ToLower(e.Message), "resource not found for the segment")
	return e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest && unknown
}

// offered reads a list of the API, unless the cloud has none. A Graph that does not know
// the API has none for this tenant, which is no failure.
func offered[T any](c *Client, read func() ([]T, error)) ([]T, error) {
	if err := c.opts.Cloud.Lacks(FeatureLicensing); err != nil {
		return nil, err
	}
	all, err := read()
	if NotOffered(err) {
		err = fmt.Errorf("%w for this tenant: %w", c.opts.Cloud.hasNo(licensingAPI), err)
	}
	return all, err
}

type wireAllotment struct {
	ID            string     `json:"id"`
	SKUID         guid       `json:"skuId"`
	SKUPartNumber string     `json:"skuPartNumber"`
	AllottedUnits *int64     `json:"allottedUnits"`
	ConsumedUnits *int64     `json:"consumedUnits"`
	AssignableTo  sharedText `json:"assignableTo"`
	Subscriptions []struct {
		SubscriptionID    string     `json:"subscriptionId"`
		State             sharedText `json:"state"`
		StartDate         string     `json:"startDate"`
		NextLifecycleDate string     `json:"nextLifecycleDate"`
		Tags              sharedText `json:"tags"`
	} `json:"subscriptions"`
}

// Allotments lists the pools of licenses, with the subscriptions that back them.
func (c *Client) Allotments(ctx context.Context) ([]snapshot.Allotment, error) {
	return offered(c, func() ([]snapshot.Allotment, error) {
		return collect(ctx, c, opAllotments, c.beta("/admin/cloudLicensing/allotments", nil),
			func(a snapshot.Allotment) string { return string(a.ID) }, (*wireAllotment).allotment)
	})
}

func (w *wireAllotment) allotment() (snapshot.Allotment, error) {
	p := rowProblem{kind: "allotment", name: w.ID}
	a := snapshot.Allotment{
		ID: snapshot.AllotmentID(w.ID), SKU: snapshot.SKUID(p.optionalID("skuId", w.SKUID)), PartNumber: w.SKUPartNumber,
		Allotted: p.units("allottedUnits", w.AllottedUnits), Consumed: p.units("consumedUnits", w.ConsumedUnits), AssignableTo: string(w.AssignableTo),
	}
	for _, s := range w.Subscriptions {
		a.Subscriptions = append(a.Subscriptions, snapshot.AllotmentSubscription{
			ID: snapshot.NormalID(s.SubscriptionID), State: string(s.State), Trial: flagged(string(s.Tags), "trial"),
			StartedAt: p.day("startDate", s.StartDate), NextLifecycleAt: p.day("nextLifecycleDate", s.NextLifecycleDate),
		})
	}
	return a, p.err
}

// units checks a number of licenses that may be missing.
func (p *rowProblem) units(field string, n *int64) *int64 {
	if n != nil && *n < 0 && p.err == nil {
		p.wrong(field, "a negative number", "number of licenses")
	}
	return n
}

// day reads a date, or the time that one page shows in its place.
func (p *rowProblem) day(field, text string) time.Time {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return parseInstant([]byte(t.Format(time.RFC3339))).Time
	}
	if text == "" {
		return time.Time{}
	}
	return p.at(field, parseInstant([]byte(text)))
}

// flagged reports whether an enumeration of several values has one.
func flagged(values, one string) bool {
	for value := range strings.SplitSeq(values, ",") {
		if strings.EqualFold(strings.TrimSpace(value), one) {
			return true
		}
	}
	return false
}

// wireHolder is a directoryObject, of which the type says what it is.
type wireHolder struct {
	Type sharedText `json:"@odata.type"`
	ID   guid       `json:"id"`
}

// holder does not trust a missing type: what the object is, others must know.
func (w *wireHolder) holder(p *rowProblem) snapshot.Holder {
	if w == nil {
		return snapshot.Holder{Kind: snapshot.HeldByOther}
	}
	h := snapshot.Holder{Kind: snapshot.HeldByOther, ID: p.optionalID("assignedTo", w.ID)}
	switch strings.TrimPrefix(string(w.Type), "#") {
	case "microsoft.graph.user", "microsoft.graph.agentUser":
		h.Kind = snapshot.HeldByUser
	case "microsoft.graph.group":
		h.Kind = snapshot.HeldByGroup
	case "microsoft.graph.device":
		h.Kind = snapshot.HeldByDevice
	}
	return h
}

type wireAssignment struct {
	ID         string      `json:"id"`
	AssignedTo *wireHolder `json:"assignedTo"`
	Allotment  *struct {
		ID string `json:"id"`
	} `json:"allotment"`
}

// AllotmentAssignments lists every license assignment with the allotment that it
// draws on. The members of a group are not among them.
func (c *Client) AllotmentAssignments(ctx context.Context) ([]snapshot.AllotmentAssignment, error) {
	p := &pager[snapshot.AllotmentAssignment]{
		reader: c.newReader(opAssignments), most: maxAssignments,
		first: c.beta("/admin/cloudLicensing/assignments{?%24expand}", map[string]any{"%24expand": "assignedTo($select=id),allotment($select=id)"}),
		key:   func(a snapshot.AllotmentAssignment) string { return a.ID },
		opts:  new(interner).options(), row: each(clearRow[wireAssignment], (*wireAssignment).assignment),
	}
	return offered(c, func() ([]snapshot.AllotmentAssignment, error) { return p.all(ctx) })
}

func (w *wireAssignment) assignment() (snapshot.AllotmentAssignment, error) {
	p := rowProblem{kind: "assignment", name: w.ID}
	a := snapshot.AllotmentAssignment{ID: w.ID, Holder: w.AssignedTo.holder(&p)}
	if w.Allotment != nil {
		a.Allotment = snapshot.AllotmentID(w.Allotment.ID)
	}
	return a, p.err
}

// WaitingMembers lists those who wait for a license of an allotment. One that Graph
// does not know is not taken for an API that it does not have: allotments may go
// between two requests.
func (c *Client) WaitingMembers(ctx context.Context, allotment snapshot.AllotmentID) ([]snapshot.WaitingMember, error) {
	type wireWaiting struct {
		ID         string      `json:"id"`
		Since      instant     `json:"waitingSinceDateTime"`
		AssignedTo *wireHolder `json:"assignedTo"`
	}
	first := c.beta("/admin/cloudLicensing/allotments/"+url.PathEscape(string(allotment))+"/waitingMembers{?%24expand}", map[string]any{"%24expand": "assignedTo($select=id)"})
	return collect(ctx, c, opWaiting, first, func(m snapshot.WaitingMember) string { return m.ID },
		func(w *wireWaiting) (snapshot.WaitingMember, error) {
			p := rowProblem{kind: "waiting member", name: w.ID}
			return snapshot.WaitingMember{ID: w.ID, Allotment: allotment, Holder: w.AssignedTo.holder(&p), Since: p.at("waitingSinceDateTime", w.Since)}, p.err
		})
}

// AssignmentErrors lists the assignments that did not take effect, each with when
// that last occurred.
func (c *Client) AssignmentErrors(ctx context.Context) ([]snapshot.AssignmentError, error) {
	type wireError struct {
		ID         string      `json:"id"`
		Code       sharedText  `json:"code"`
		Message    string      `json:"message"`
		At         instant     `json:"occurrenceDateTime"`
		SKUID      guid        `json:"skuId"`
		AssignedTo *wireHolder `json:"assignedTo"`
	}
	first := c.beta("/admin/cloudLicensing/assignmentErrors{?%24expand}", map[string]any{"%24expand": "assignedTo($select=id)"})
	return offered(c, func() ([]snapshot.AssignmentError, error) {
		return collect(ctx, c, opAssignmentErrors, first, func(e snapshot.AssignmentError) string { return e.ID },
			func(w *wireError) (snapshot.AssignmentError, error) {
				p := rowProblem{kind: "assignment error", name: w.ID}
				return snapshot.AssignmentError{ID: w.ID, Code: string(w.Code), Message: clip(w.Message), At: p.at("occurrenceDateTime", w.At),
					SKU: snapshot.SKUID(p.optionalID("skuId", w.SKUID)), Holder: w.AssignedTo.holder(&p)}, p.err
			})
	})
}
