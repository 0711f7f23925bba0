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

type wireSearch struct {
	ID       string     `json:"id"`
	Status   sharedText `json:"status"` // notStarted and running, besides those in which it ends
	Exceeded *bool      `json:"isRecordCountLimitExceeded"`
}

func (w *wireSearch) state() snapshot.SearchState {
	found := w.Status == "succeeded"
	return snapshot.SearchState{Found: found, Ended: found || w.Status == "failed" || w.Status == "cancelled", Exceeded: w.Exceeded != nil && *w.Exceeded}
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

// searchedType is the record type of Microsoft Entra ID.
const searchedType = "azureActiveDirectory"

// StartSearch has the service look through the unified audit log for operations, as
// the log writes them, with a full stop. Whole seconds are asked for, widened; the end
// is exclusive. It changes nothing in the tenant: a search is a job that reads. See
// learn.microsoft.com/graph/api/resources/security-auditlogquery.
func (c *Client) StartSearch(ctx context.Context, from, to time.Time, operations []string) (id string, err error) {
	if err := c.opts.Cloud.Lacks(FeaturePurview); err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{
		"@odata.type":         "#microsoft.graph.security.auditLogQuery",
		"displayName":         "lictrail " + from.UTC().Format(time.DateOnly) + " to " + to.UTC().Format(time.DateOnly), // shown in Purview
		"filterStartDateTime": odataTime(from),
		"filterEndDateTime":   odataTime(to.Add(time.Second - 1)),
		"recordTypeFilters":   []string{searchedType},
		"operationFilters":    operations,
	}, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("start an audit search: %w", err)
	}
	s, err := c.search(ctx, post(c.template("{+baseurl}/security/auditLog/queries", nil), body), "")
	return s.ID, err
}

func (c *Client) search(ctx context.Context, build request, id string) (found wireSearch, err error) {
	err = getObject(ctx, c.newReader(opSearch), build, func(w *wireSearch) error {
		found = *w
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

// Search looks a search up: at once or, with wait, when it has ended or patience has.
// It goes on in the service all the same.
func (c *Client) Search(ctx context.Context, id string, wait bool) (snapshot.SearchState, error) {
	if err := c.opts.Cloud.Lacks(FeaturePurview); err != nil {
		return snapshot.SearchState{}, fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, err)
	}
	since, pause := c.opts.Now(), firstLook
	for attempts := 1; ; attempts++ {
		s, err := c.search(ctx, c.searchRequest("", id), id)
		state := s.state()
		if err != nil || !wait || state.Ended || c.opts.Now().Sub(since)+pause > c.opts.Patience {
			return state, reach(err)
		}
		c.opts.Progress(Progress{Op: opSearch, Attempts: attempts, Until: c.opts.Now().Add(pause), Reason: "the search is running"})
		if c.opts.Unpaced {
			pause = 10 * time.Millisecond
		}
		if err := c.opts.Sleep(ctx, pause); err != nil {
			return state, context.Cause(ctx)
		}
		pause = min(2*pause, lastLook)
	}
}

// SearchRecords reads what a search found. Two readings of one search have been
// seen to differ: who wants them all must read until they agree.
func (c *Client) SearchRecords(ctx context.Context, id string, page func([]snapshot.LogRecord) error, restart func() error) error {
	p := &pager[snapshot.LogRecord]{
		reader: c.newReader(opSearch + " records"),
		first:  c.searchRequest("/records?%24top=500", id),
		key:    func(r snapshot.LogRecord) string { return r.ID },
		opts:   jsonOptions,
		most:   maxLogRows,
		row: unifiedRow(func(w *wireRecord) (id, operation string) { return w.ID, w.Operation },
			func(string) bool { return true }),
	}
	_, err := p.run(ctx, page, restart)
	return reach(err)
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
func unifiedRow(name func(*wireRecord) (id, operation string), wanted func(operation string) bool) rowReader[snapshot.LogRecord] {
	opts := new(interner).options()
	return func(dec *jsontext.Decoder) (snapshot.LogRecord, error) {
		raw, err := dec.ReadValue()
		if err != nil {
			return snapshot.LogRecord{}, err
		}
		var w wireRecord
		if err := json.Unmarshal(raw, &w, opts); err != nil {
			return snapshot.LogRecord{}, err
		}
		id, operation := name(&w)
		r := snapshot.LogRecord{ID: id}
		if wanted(operation) {
			r.Raw = raw.Clone()
		}
		return r, nil
	}
}
