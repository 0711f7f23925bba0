package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"lictrail/snapshot"
)

const (
	defaultActivityEndpoint = "https://manage.office.com"
	feedVersion             = "/api/v1.0"
	// contentType has the records of Microsoft Entra ID, and nothing else.
	contentType = "Audit.AzureActiveDirectory"
)

// Feed reads the unified audit log through the Office 365 Management Activity
// API. See learn.microsoft.com/office/office-365-management-api. It is a service
// of its own, on a host of its own: neither it nor Graph gets the other's token.
// It is safe for concurrent use.
type Feed struct {
	c *Client
}

// NewFeed returns a client of the Management Activity API. The endpoint is its
// root; "" means https://manage.office.com. It contacts no host.
func NewFeed(o Options) (*Feed, error) {
	root, err := parseEndpoint("activity endpoint", o.Endpoint, defaultActivityEndpoint, feedVersion)
	if err != nil {
		return nil, err
	}
	c, err := newClient(o, root, feedVersion)
	if err != nil {
		return nil, err
	}
	return &Feed{c}, nil
}

// Close lets go of the connections kept for the next request: see [Client.Close].
func (f *Feed) Close() { f.c.Close() }

// Requests returns how many requests the feed's client has sent, repeats included.
func (f *Feed) Requests() int { return f.c.Requests() }

// request asks for a place below the tenant's feed. The publisher, by whom
// requests are throttled, is the tenant itself: nobody else runs lictrail.
func (f *Feed) request(tenant snapshot.TenantID, place string, query map[string]any) request {
	if query == nil {
		query = map[string]any{}
	}
	query["PublisherIdentifier"] = string(tenant)
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		tmpl := "{+baseurl}/{tenant}/activity/feed/subscriptions/" + place + "{?contentType,startTime,endTime,PublisherIdentifier}"
		info, err := f.c.template(tmpl, query)(ctx)
		if err == nil {
			info.PathParameters["tenant"] = string(tenant)
		}
		return info, err
	}
}

type wireSubscriptionState struct {
	ContentType string     `json:"contentType"`
	Status      sharedText `json:"status"`
}

// Enabled reports whether the tenant's feed of Entra ID records is on.
func (f *Feed) Enabled(ctx context.Context, tenant snapshot.TenantID) (bool, error) {
	p := &pager[wireSubscriptionState]{
		reader: f.c.newReader(opFeed + " subscriptions"), first: f.request(tenant, "list", nil), bare: true, whole: true,
		key: func(s wireSubscriptionState) string { return s.ContentType }, opts: jsonOptions,
		row: each(clearRow, func(w *wireSubscriptionState) (wireSubscriptionState, error) { return *w, nil }),
	}
	all, err := p.all(ctx)
	return slices.ContainsFunc(all, func(s wireSubscriptionState) bool {
		return strings.EqualFold(s.ContentType, contentType) && strings.EqualFold(string(s.Status), "enabled")
	}), err
}

// codeAlreadyOn says that a subscription that was to be started runs.
const codeAlreadyOn = "AF20024"

// Start turns the feed on: it can take up to 12 hours until the first content
// is there. It changes nothing in the tenant but that records are made ready
// for reading.
func (f *Feed) Start(ctx context.Context, tenant snapshot.TenantID) error {
	build := post(f.request(tenant, "start", map[string]any{"contentType": contentType}), nil)
	err := getObject(ctx, f.c.newReader(opFeed+" subscription"), build, func(w *wireSubscriptionState) error {
		if !strings.EqualFold(string(w.Status), "enabled") {
			return fmt.Errorf("the subscription is %q after it was started", clip(string(w.Status)))
		}
		return nil
	})
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == codeAlreadyOn {
		return nil
	}
	return err
}

type wireContent struct {
	ContentID      string  `json:"contentId"`
	ContentURI     string  `json:"contentUri"`
	ContentCreated instant `json:"contentCreated"`
}

func (w *wireContent) blob() (snapshot.FeedBlob, error) {
	p := rowProblem{kind: "content", name: w.ContentID}
	b := snapshot.FeedBlob{ID: w.ContentID, URI: w.ContentURI, Created: p.at("contentCreated", w.ContentCreated)}
	if b.Created.IsZero() {
		p.wrong("contentCreated", "", "time")
	}
	return b, p.err
}

// Blobs lists the content that became available from one time up to another,
// at most 24 hours apart and at most 7 days ago.
func (f *Feed) Blobs(ctx context.Context, tenant snapshot.TenantID, from, to time.Time) ([]snapshot.FeedBlob, error) {
	const layout = "2006-01-02T15:04:05" // without a zone, in UTC
	p := &pager[snapshot.FeedBlob]{
		reader: f.c.newReader(opFeed + " content"), bare: true, opts: new(interner).options(), whole: true,
		first: f.request(tenant, "content", map[string]any{"contentType": contentType,
			"startTime": from.UTC().Format(layout), "endTime": to.UTC().Format(layout)}),
		key: func(b snapshot.FeedBlob) string { return b.ID }, row: each(clearRow, (*wireContent).blob),
	}
	all, err := p.all(ctx)
	return all, reach(err)
}

// Records reads a blob, of which there is none without a record. Of records
// whose operation is not wanted it keeps the id only.
func (f *Feed) Records(ctx context.Context, tenant snapshot.TenantID, b snapshot.FeedBlob, wanted func(operation string) bool,
	page func([]snapshot.LogRecord) error, restart func() error) error {
	r := f.c.newReader(opFeed + " records")
	u, err := f.c.guard("the link to a blob", b.URI)
	if err != nil {
		return r.fail(kinded(ErrIncomplete, "%w", err))
	}
	if query := u.Query(); !query.Has("PublisherIdentifier") {
		query.Set("PublisherIdentifier", string(tenant))
		u.RawQuery = query.Encode()
	}
	p := &pager[snapshot.LogRecord]{
		reader: r, first: follow(u), bare: true, opts: jsonOptions, most: maxLogRows,
		key: func(r snapshot.LogRecord) string { return r.ID },
		row: unifiedRow(func(w *wireRecord) (id, operation string) { return w.FeedID, w.FeedOperation }, wanted),
	}
	stats, err := p.run(ctx, page, restart)
	if err == nil && stats.Rows == 0 {
		err = r.fail(kinded(ErrIncomplete, "the blob is empty"))
	}
	return reach(err)
}

// feedRules are the error codes of the Management Activity API that do not
// follow from the HTTP status beside them.
var feedRules = map[string]struct {
	retry retry
	kind  error
}{
	"AF10001": {never, ErrAuth},        // the permission is missing
	"AF20010": {never, ErrAuth},        // the token is another tenant's
	"AF20011": {never, ErrAuth},        // the tenant is not known
	"AF20012": {never, ErrAuth},        // the same
	"AF429":   {later, ErrThrottled},   // too many requests
	"AF50000": {later, ErrUnavailable}, // internal error
}

// ruled applies the rule of the error's code, if there is one, and says what
// can be done.
func (e *Error) ruled() bool {
	rule, ok := feedRules[e.Code]
	switch {
	case ok:
		e.retry, e.Err = rule.retry, rule.kind
	case strings.HasPrefix(e.Op, opFeed) && strings.Contains(e.Message, "does not exist"):
		e.retry, e.Err = never, ErrAuth // what a tenant with the log turned off is answered
	default:
		return false
	}
	switch {
	case e.Code == "AF10001":
		e.Hint = permissionHint(opFeed, e.Code)
	case errors.Is(e.Err, ErrAuth):
		e.Hint = "check --tenant, and in Microsoft Purview that auditing of the tenant is on"
	}
	return true
}
