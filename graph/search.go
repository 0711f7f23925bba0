package graph

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	abstractions "github.com/microsoft/kiota-abstractions-go"

	"lictrail/snapshot"
)

// SearchQuery says what a Purview audit search is to find in the unified audit
// log. See learn.microsoft.com/graph/api/resources/security-auditlogquery.
type SearchQuery struct {
	Name       string    // shown to people in Purview
	From, To   time.Time // whole seconds are asked for, widened; the end is exclusive
	RecordType string    // such as azureActiveDirectory
	Operations []string  // as the unified log writes them, with a full stop
}

// SearchStatus is how far a search has come.
type SearchStatus string

const (
	SearchSucceeded SearchStatus = "succeeded"
	SearchFailed    SearchStatus = "failed"
	SearchCancelled SearchStatus = "cancelled"
)

// Search is a search in the service.
type Search struct {
	ID     string
	Status SearchStatus // notStarted and running, besides those named
	// Exceeded: there are more records than a search returns.
	Exceeded bool
}

// Ended reports whether the search will change no more.
func (s Search) Ended() bool {
	return s.Status == SearchSucceeded || s.Status == SearchFailed || s.Status == SearchCancelled
}

type wireSearch struct {
	ID       string     `json:"id"`
	Status   sharedText `json:"status"`
	Exceeded *bool      `json:"isRecordCountLimitExceeded"`
}

func (w *wireSearch) search() Search {
	return Search{ID: w.ID, Status: SearchStatus(w.Status), Exceeded: w.Exceeded != nil && *w.Exceeded}
}

func (w *wireSearch) check(id string) error {
	switch {
	case w.ID == "" || w.Status == "":
		return errors.New("the search has no id or no status")
	case id != "" && w.ID != id:
		return fmt.Errorf("another search came, %q", clip(w.ID))
	}
	return nil
}

// StartSearch has the service look through the unified audit log. It changes
// nothing in the tenant: a search is a job that reads.
func (c *Client) StartSearch(ctx context.Context, q SearchQuery) (Search, error) {
	body, err := json.Marshal(map[string]any{
		"@odata.type":         "#microsoft.graph.security.auditLogQuery",
		"displayName":         q.Name,
		"filterStartDateTime": odataTime(q.From),
		"filterEndDateTime":   odataTime(q.To.Add(time.Second - 1)),
		"recordTypeFilters":   []string{q.RecordType},
		"operationFilters":    q.Operations,
	}, json.Deterministic(true))
	if err != nil {
		return Search{}, fmt.Errorf("start an audit search: %w", err)
	}
	return c.search(ctx, post(c.template("{+baseurl}/security/auditLog/queries", nil), body), "")
}

// SearchState looks a search up.
func (c *Client) SearchState(ctx context.Context, id string) (Search, error) {
	return c.search(ctx, c.searchRequest("", id), id)
}

func (c *Client) search(ctx context.Context, build request, id string) (Search, error) {
	var found Search
	err := getObject(ctx, c.newReader(opSearch), build, func(w *wireSearch) error {
		found = w.search()
		return w.check(id)
	})
	return found, err
}

// searchRequest asks for a search, or for what lies below it.
func (c *Client) searchRequest(below, id string) request {
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		info, err := c.template("{+baseurl}/security/auditLog/queries/{search}"+below, nil)(ctx)
		if err == nil {
			info.PathParameters["search"] = id
		}
		return info, err
	}
}

// Waits between looks at a search that is running: searches take minutes to
// hours.
const (
	firstLook = 2 * time.Second
	lastLook  = time.Minute
)

// AwaitSearch returns a search when it has ended, or as it stands when patience
// has: it goes on in the service all the same.
func (c *Client) AwaitSearch(ctx context.Context, id string) (Search, error) {
	since, wait := c.opts.Now(), firstLook
	for attempts := 1; ; attempts++ {
		s, err := c.SearchState(ctx, id)
		if err != nil || s.Ended() || c.opts.Now().Sub(since)+wait > c.opts.Patience {
			return s, err
		}
		c.opts.Progress(Progress{Op: opSearch, Attempts: attempts, Until: c.opts.Now().Add(wait), Reason: "the search is running"})
		if c.opts.Unpaced {
			wait = 10 * time.Millisecond
		}
		if err := c.opts.Sleep(ctx, wait); err != nil {
			return s, context.Cause(ctx)
		}
		wait = min(2*wait, lastLook)
	}
}

// UnifiedRecord is one record of the unified audit log.
type UnifiedRecord struct {
	ID        string
	Operation string // as written, full stop and all
	Raw       []byte // the record's JSON, byte for byte; nil when it was not asked for
}

// SearchRecords reads what a search found. Two readings of one search have been
// seen to differ: who wants them all must read until they agree.
func (c *Client) SearchRecords(ctx context.Context, id string, page func([]UnifiedRecord) error, restart func() error) (snapshot.PagesRead, error) {
	p := &pager[UnifiedRecord]{
		reader: c.newReader(opSearch + " records"),
		first:  c.searchRequest("/records?%24top=500", id),
		key:    func(r UnifiedRecord) string { return r.ID },
		opts:   jsonOptions,
		most:   maxLogRows,
		row: unifiedRow(func(w *wireRecord) (id, operation string) { return w.ID, w.Operation },
			func(string) bool { return true }),
	}
	return p.run(ctx, page, restart)
}

// wireRecord has the members that name a record: in lower case in a search, in
// Pascal case in the feed.
type wireRecord struct {
	ID            string `json:"id"`
	Operation     string `json:"operation"`
	FeedID        string `json:"Id"`
	FeedOperation string `json:"Operation"`
}

// unifiedRow keeps the bytes of the records that are wanted and reads no more of
// any than its name.
func unifiedRow(name func(*wireRecord) (id, operation string), wanted func(operation string) bool) rowReader[UnifiedRecord] {
	opts := new(interner).options()
	return func(dec *jsontext.Decoder) (UnifiedRecord, error) {
		raw, err := dec.ReadValue()
		if err != nil {
			return UnifiedRecord{}, err
		}
		var w wireRecord
		if err := json.Unmarshal(raw, &w, opts); err != nil {
			return UnifiedRecord{}, err
		}
		var r UnifiedRecord
		r.ID, r.Operation = name(&w)
		if wanted(r.Operation) {
			r.Raw = raw.Clone()
		}
		return r, nil
	}
}
