package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/graph"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// SignIns reads users' newest sign-ins. What happened in the last day may not
// show yet.
func (r Reader) SignIns(ctx context.Context, page func([]store.ActivityRow) error, restart func()) (snapshot.ActivityRead, error) {
	stats, err := r.Client.SignIns(ctx, &signInSink{page, restart})
	return snapshot.ActivityRead{Since: graph.SignInsSince, Until: stats.ObservedAt.Add(-graph.SignInLag)}, activityError(err)
}

// signInSink hands sign-ins on.
type signInSink struct {
	page    func([]store.ActivityRow) error
	restart func()
}

func (s *signInSink) Page(rows []graph.SignIn) error {
	page := make([]store.ActivityRow, len(rows))
	for i, r := range rows {
		page[i] = store.ActivityRow{User: r.User, Source: snapshot.SignIns, Uses: r.Uses}
	}
	return s.page(page)
}

func (s *signInSink) Restart() error {
	s.restart()
	return nil
}

// Usage reads the usage report that tells of a source.
func (r Reader) Usage(ctx context.Context, source snapshot.ActivitySource) (tracker.Usage, error) {
	i := slices.IndexFunc(graph.Reports, func(report graph.Report) bool { return slices.Contains(report.Sources, source) })
	report := graph.Reports[i]
	u, err := r.Client.Usage(ctx, report)
	if err != nil {
		return tracker.Usage{}, activityError(err)
	}
	usage := tracker.Usage{Sources: report.Sources, Since: u.Since, Until: u.RefreshedAt, Concealed: u.Concealed}
	for _, row := range u.Rows {
		usage.Rows = append(usage.Rows, store.ActivityRow{UPN: row.UPN, Source: row.Source, Uses: row.Uses})
	}
	return usage, nil
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
	case e.Status == 403:
		gap = snapshot.NotPermitted
	}
	return &tracker.ActivityError{Gap: gap, Hint: e.Hint, Err: err}
}
