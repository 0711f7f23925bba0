package connect

import (
	"context"
	"errors"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/track"
	"lictrail/graph"
	"lictrail/snapshot"
)

// SignIns reads users' newest sign-ins. What happened in the last day may not
// show yet.
func (r Reader) SignIns(ctx context.Context, page func([]snapshot.ActivityRow) error, restart func() error) (snapshot.ActivityRead, error) {
	stats, err := r.Client.SignIns(ctx, page, restart)
	return snapshot.ActivityRead{Since: graph.SignInsSince, Until: stats.ObservedAt.Add(-graph.SignInLag)}, activityError(err)
}

// Usage reads the usage report that has a source.
func (r Reader) Usage(ctx context.Context, source snapshot.ActivitySource) (track.Usage, error) {
	i := slices.IndexFunc(graph.Reports, func(report graph.Report) bool { return slices.Contains(report.Sources, source) })
	u, err := r.Client.Usage(ctx, graph.Reports[i])
	return track.Usage{Sources: graph.Reports[i].Sources, Since: u.Since, Until: u.RefreshedAt, Concealed: u.Concealed, Rows: u.Rows}, activityError(err)
}

// activityError says why a source could not be read, with the hint that Graph's
// errors carry: it names the permission.
func activityError(err error) error {
	var e *graph.Error
	if !errors.As(err, &e) {
		return err
	}
	gap := snapshot.ReadFailed
	switch {
	case strings.Contains(strings.ToLower(e.Code), "nonpremiumtenant"):
		gap = snapshot.NoPremium
	case errors.Is(err, graph.ErrAuth): // the host of a report's file refuses for other reasons
		gap = snapshot.NotPermitted
	}
	return &track.ActivityError{Gap: gap, Hint: e.Hint, Err: err}
}
