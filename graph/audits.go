package graph

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/auditlogs"

	"lictrail/snapshot"
)

// DirectoryAudits reads the records that match, in no order to rely on. A
// client sends at most 5 of these requests in 10 seconds, which is what Graph
// allows an app in a tenant.
func (c *Client) DirectoryAudits(ctx context.Context, q snapshot.AuditQuery, page func([]snapshot.LogRecord) error, restart func() error) error {
	r := c.newReader(opAudits)
	r.pace = c.audits
	p := &pager[snapshot.LogRecord]{
		reader: r,
		first:  c.auditsRequest(q),
		key:    func(r snapshot.LogRecord) string { return r.ID },
		row:    auditRow(),
		opts:   jsonOptions,
		most:   maxLogRows,
	}
	_, err := p.run(ctx, page, restart)
	return err
}

func (c *Client) auditsRequest(q snapshot.AuditQuery) request {
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		query := &auditlogs.DirectoryAuditsRequestBuilderGetQueryParameters{Top: &c.opts.PageSize}
		if filter := auditFilter(q); filter != "" {
			query.Filter = &filter
		}
		return auditlogs.NewDirectoryAuditsRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx,
			&auditlogs.DirectoryAuditsRequestBuilderGetRequestConfiguration{QueryParameters: query})
	}
}

// auditFilter writes a query in OData. Only operators are used that the documentation
// of directoryAudits lists; or is not one of them, so there is one query for each
// activity.
func auditFilter(q snapshot.AuditQuery) string {
	var terms []string
	add := func(set bool, format, value string) {
		if set {
			terms = append(terms, fmt.Sprintf(format, strings.ReplaceAll(value, "'", "''")))
		}
	}
	add(!q.From.IsZero(), "activityDateTime ge %s", odataTime(q.From))
	add(!q.To.IsZero(), "activityDateTime le %s", odataTime(q.To.Add(time.Second-1)))
	add(q.Activity != "" && !q.Prefix, "activityDisplayName eq '%s'", q.Activity)
	add(q.Activity != "" && q.Prefix, "startswith(activityDisplayName,'%s')", q.Activity)
	add(q.Target != "", "targetResources/any(t:t/id eq '%s')", string(q.Target))
	add(q.Correlation != "", "correlationId eq '%s'", q.Correlation)
	return strings.Join(terms, " and ")
}

// odataTime cuts off to seconds, the one form that all examples show.
func odataTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// auditRow keeps a record's bytes and reads no more of it than its key.
func auditRow() rowReader[snapshot.LogRecord] {
	opts := new(interner).options()
	return func(dec *jsontext.Decoder) (snapshot.LogRecord, error) {
		raw, err := dec.ReadValue()
		if err != nil {
			return snapshot.LogRecord{}, err
		}
		var w struct {
			ID               string  `json:"id"`
			ActivityDateTime instant `json:"activityDateTime"`
		}
		if err := json.Unmarshal(raw, &w, opts); err != nil {
			return snapshot.LogRecord{}, err
		}
		p := rowProblem{kind: "audit record", name: w.ID}
		if p.at("activityDateTime", w.ActivityDateTime).IsZero() {
			p.wrong("activityDateTime", "", "time")
		}
		return snapshot.LogRecord{ID: w.ID, Raw: raw.Clone()}, p.err
	}
}
