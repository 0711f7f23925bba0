package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/snapshot"
)

// Where sync can read audit evidence.
const (
	AuditGraph    = "graph"
	AuditPurview  = "purview"
	AuditActivity = "activity-api"
	AuditNone     = "none"
)

// parseSources reads --audit-source.
func parseSources(list []string) ([]string, error) {
	known := []string{AuditGraph, AuditPurview, AuditActivity, AuditNone}
	for _, s := range list {
		if !slices.Contains(known, s) {
			return nil, exit.Usage(fmt.Sprintf("unknown audit source %q", s), "--audit-source "+strings.Join(known, ", "))
		}
	}
	if len(list) == 0 || len(list) > 1 && slices.Contains(list, AuditNone) {
		return nil, exit.Usage("--audit-source none goes with no other source", "--audit-source graph,purview")
	}
	return list, nil
}

// ReadMore has the run read when users were active, and audit evidence from the
// sources that were chosen. One that cannot be set up fails when it is read,
// which is a warning on the run.
func (c *Connection) ReadMore(h Host, chosen []string, client *graph.Client, progress func(graph.Progress), o *track.Options) error {
	chosen, err := parseSources(chosen)
	if err != nil {
		return err
	}
	cloud, err := c.Where(h)
	if err != nil {
		return err
	}
	o.ActivityReader = c.activityReader(cloud, client)
	if c.CloudLicensing {
		o.Licensing = c.licensing(cloud, client)
	}
	for _, source := range chosen {
		switch source {
		case AuditGraph:
			o.Audit = client
		case AuditPurview:
			o.Search = client
		case AuditActivity:
			feed, err := c.Feed(h, cloud, c.Patience, progress)
			if errors.Is(err, exit.ErrUsage) {
				return err
			}
			o.Feed = FeedReader{feed, err}
		}
	}
	return nil
}

// activityReader reads when users were active, as far as the cloud offers it.
func (c *Connection) activityReader(cloud graph.Cloud, client *graph.Client) track.ActivityReader {
	if why := cloud.Lacks(graph.FeatureUsage); why != nil {
		return withoutReports{Reader{client}, why}
	}
	return Reader{client}
}

// withoutReports reads sign-ins only.
type withoutReports struct {
	Reader
	why error
}

func (r withoutReports) Usage(context.Context, snapshot.ActivitySource) (track.Usage, error) {
	return track.Usage{}, &track.ActivityError{Gap: snapshot.NotInCloud, Err: r.why}
}

// Feed makes the client of the Management Activity API. It contacts no host.
func (c *Connection) Feed(h Host, cloud graph.Cloud, patience time.Duration, progress func(graph.Progress)) (*graph.Feed, error) {
	if err := cloud.Lacks(graph.FeatureFeed); err != nil {
		return nil, err
	}
	o, err := c.options(h, cloud, cloud.ActivityEndpoint, graph.ActivityTokenVariable, progress)
	if err != nil {
		return nil, err
	}
	o.Patience = patience
	feed, err := graph.NewFeed(o)
	if err != nil {
		return nil, exit.Usage(err.Error(), "--activity-endpoint https://manage.office.com")
	}
	c.clients = append(c.clients, feed)
	return feed, nil
}

// reach marks the errors after which a source need not be asked for more.
func reach(err error) error {
	if errors.Is(err, graph.ErrAuth) || errors.Is(err, graph.ErrUnavailable) {
		return fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, err)
	}
	return err
}

// unified hands records on, those that were not asked for left out.
func unified(page func([][]byte) error) func([]snapshot.LogRecord) error {
	return func(rows []snapshot.LogRecord) error {
		var records [][]byte
		for _, r := range rows {
			if r.Raw != nil {
				records = append(records, r.Raw)
			}
		}
		return page(records)
	}
}

// FeedReader lets the tracker read the Management Activity API.
type FeedReader struct {
	Feed *graph.Feed
	why  error // why there is none; nil where there is
}

func (r FeedReader) Enabled(ctx context.Context, tenant snapshot.TenantID) (bool, error) {
	if r.why != nil {
		return false, r.why
	}
	return r.Feed.Enabled(ctx, tenant)
}

func (r FeedReader) Start(ctx context.Context, tenant snapshot.TenantID) error {
	return r.Feed.Start(ctx, tenant)
}

func (r FeedReader) Blobs(ctx context.Context, tenant snapshot.TenantID, from, to time.Time) ([]track.FeedBlob, error) {
	list, err := r.Feed.Contents(ctx, tenant, from, to)
	blobs := make([]track.FeedBlob, len(list))
	for i, c := range list {
		blobs[i] = track.FeedBlob(c)
	}
	return blobs, reach(err)
}

func (r FeedReader) Records(ctx context.Context, tenant snapshot.TenantID, b track.FeedBlob, wanted func(string) bool,
	page func([][]byte) error, restart func() error) error {
	_, err := r.Feed.Records(ctx, tenant, graph.Content(b), wanted, unified(page), restart)
	return reach(err)
}

// Requests counts the requests sent so far.
func (r FeedReader) Requests() int {
	if r.Feed == nil {
		return 0
	}
	return r.Feed.Requests()
}
