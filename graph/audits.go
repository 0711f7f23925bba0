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

// AuditQuery chooses directory audit records. Fields left empty do not narrow
// the choice. Only operators are used that the documentation of
// directoryAudits lists; or is not one of them, so there is one query for each
// activity.
type AuditQuery struct {
	Activity    string    // activityDisplayName, to the letter
	Prefix      bool      // Activity is only how the name begins
	From, To    time.Time // inclusive, widened to whole seconds
	TargetID    string    // object id of a target
	Correlation string    // correlationId
	Top         int32     // records a page, at most 1000; 0 means 999
}

// AuditRecord is one directory audit record.
type AuditRecord struct {
	ID  string
	At  time.Time // activityDateTime, UTC, to the millisecond
	Raw []byte    // the record's JSON, byte for byte
}

// DirectoryAudits reads the records that match, in no order to rely on. A
// client sends at most 5 of these requests in 10 seconds, which is what Graph
// allows an app in a tenant.
func (c *Client) DirectoryAudits(ctx context.Context, q AuditQuery, page func([]AuditRecord) error, restart func() error) (snapshot.PagesRead, error) {
	r := c.newReader(opAudits)
	r.pace = c.audits
	p := &pager[AuditRecord]{
		reader: r,
		first:  c.auditsRequest(q),
		key:    func(a AuditRecord) string { return a.ID },
		row:    auditRow(),
		opts:   jsonOptions,
		most:   maxLogRows,
	}
	return p.run(ctx, page, restart)
}

func (c *Client) auditsRequest(q AuditQuery) request {
	setDefault(&q.Top, 999)
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		query := &auditlogs.DirectoryAuditsRequestBuilderGetQueryParameters{Top: &q.Top}
		if filter := q.filter(); filter != "" {
			query.Filter = &filter
		}
		return auditlogs.NewDirectoryAuditsRequestBuilderInternal(c.path(), c.adapter).ToGetRequestInformation(ctx,
			&auditlogs.DirectoryAuditsRequestBuilderGetRequestConfiguration{QueryParameters: query})
	}
}

// filter writes the query in OData.
func (q AuditQuery) filter() string {
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
	add(q.TargetID != "", "targetResources/any(t:t/id eq '%s')", q.TargetID)
	add(q.Correlation != "", "correlationId eq '%s'", q.Correlation)
	return strings.Join(terms, " and ")
}

// odataTime cuts off to seconds, the one form that all examples show.
func odataTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// auditRow keeps a record's bytes and reads no more of it than its key.
func auditRow() rowReader[AuditRecord] {
	opts := new(interner).options()
	return func(dec *jsontext.Decoder) (AuditRecord, error) {
		raw, err := dec.ReadValue()
		if err != nil {
			return AuditRecord{}, err
		}
		var w struct {
			ID               string  `json:"id"`
			ActivityDateTime instant `json:"activityDateTime"`
		}
		if err := json.Unmarshal(raw, &w, opts); err != nil {
			return AuditRecord{}, err
		}
		p := rowProblem{kind: "audit record", name: w.ID}
		rec := AuditRecord{ID: w.ID, At: p.at("activityDateTime", w.ActivityDateTime), Raw: raw.Clone()}
		if rec.At.IsZero() {
			p.wrong("activityDateTime", "", "time")
		}
		return rec, p.err
	}
}
