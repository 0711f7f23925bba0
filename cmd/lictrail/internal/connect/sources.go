package connect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
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
	o.ActivityReader = client
	if c.CloudLicensing {
		o.Licensing = client
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
			if o.NoFeed = err; err == nil {
				o.Feed = feed
			}
		}
	}
	return nil
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
