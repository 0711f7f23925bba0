package announce

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/metrics"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Attempt is how an execution of sync ended, as metrics.
type Attempt struct {
	Began, Ended time.Time
	Code         int
	Tenant       snapshot.TenantID // for a database that does not say it; "" where it is not known
	TenantName   string            // in the configuration; "" for none
}

// WriteMetrics writes what is known after an attempt to a file. What a failed one
// could not read anew is said of the last run that is history.
func (h Host) WriteMetrics(ctx context.Context, path string, a Attempt) error {
	f, err := h.figures(ctx)
	if err != nil && a.Code == exit.Done {
		return err
	}
	f.Tenant = cmp.Or(f.Tenant, a.Tenant)
	if f.Success.IsZero() {
		f.Success = earlierSuccess(path)
	}
	var common []metrics.Label
	if f.Tenant != "" { // nobody said it, and none has answered yet
		common = append(common, metrics.Label{Name: "tenant", Value: string(f.Tenant)})
	}
	if a.TenantName != "" {
		common = append(common, metrics.Label{Name: "name", Value: a.TenantName})
	}
	return out.WriteShared(path, func(w io.Writer) error { return metrics.Write(w, common, gauges(f, a)) })
}

// figures reads them; with an error it returns as many as could be read.
func (h Host) figures(ctx context.Context) (f ask.Figures, err error) {
	db, err := store.OpenReadOnly(ctx, h.Database, migrations.Check)
	if err != nil {
		return f, err
	}
	defer db.Close()
	history, err := db.History(ctx)
	if err != nil {
		return f, err
	}
	defer history.Close()
	return ask.FiguresOf(ctx, history)
}

// maxMetrics is more than a file of metrics has.
const maxMetrics = 1 << 20

// earlierSuccess is when the newest run ended according to an earlier file; zero
// where it does not say.
func earlierSuccess(path string) time.Time {
	text, err := input.Read(path, input.Plain, maxMetrics)
	if err != nil {
		return time.Time{}
	}
	v, ok := metrics.Value(text, successMetric)
	if !ok || v <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(v * 1000))
}

const successMetric = "lictrail_sync_last_success_timestamp_seconds"

// gauges are the figures by the names that dashboards know them by.
func gauges(f ask.Figures, a Attempt) []metrics.Gauge {
	one := func(name, help string, v float64) metrics.Gauge {
		return metrics.Gauge{Name: name, Help: help, Samples: []metrics.Sample{{Value: v}}}
	}
	flag := 0.0
	if a.Code == exit.Done || a.Code == exit.Changed {
		flag = 1
	}
	all := []metrics.Gauge{
		one("lictrail_sync_last_attempt_timestamp_seconds", "When sync last ended, well or not.", unix(a.Ended)),
		one("lictrail_sync_duration_seconds", "How long the last attempt took.", a.Ended.Sub(a.Began).Seconds()),
		one("lictrail_sync_exit_code", "How the last attempt ended: see lictrail exit-codes.", float64(a.Code)),
		one("lictrail_sync_success", "1 if the last attempt became history, 0 if not.", flag),
	}
	if !f.Success.IsZero() {
		all = append(all, one(successMetric, "When the newest run ended that is history.", unix(f.Success)))
	}
	if f.Run == nil {
		return all
	}
	unexplained := f.Causes[snapshot.CauseUnknown]
	all = append(all,
		one("lictrail_run", "The number of the newest run that is history.", float64(f.Run.ID)),
		one("lictrail_users", "Users of the tenant.", float64(f.Run.Users.Int64)),
		one("lictrail_licensed_users", "Users with a license.", float64(f.Run.LicensedUsers.Int64)),
		one("lictrail_assignments", "Licenses held, a user and SKU each.", float64(f.Run.Assignments.Int64)),
		one("lictrail_warnings", "Warnings of the newest run that is history.", float64(len(f.Run.Warnings))),
		one("lictrail_unexplained_changes", "Changes of that run whose cause is unknown.", float64(unexplained)),
	)
	changes := metrics.Gauge{Name: "lictrail_changes", Help: "Changes of that run by cause."}
	for _, c := range snapshot.Causes {
		changes.Samples = append(changes.Samples, labeled("cause", string(c), float64(f.Causes[c])))
	}
	gaps := metrics.Gauge{Name: "lictrail_audit_coverage_gap_seconds", Help: "Time since a source of audit evidence was first read that it was not read for, or, for any, that no source covers."}
	for _, s := range sortedSources(f.Gaps) {
		gaps.Samples = append(gaps.Samples, labeled("source", string(s), f.Gaps[s].Seconds()))
	}
	return append(all, changes, gaps)
}

func labeled(name, value string, v float64) metrics.Sample {
	return metrics.Sample{Labels: []metrics.Label{{Name: name, Value: value}}, Value: v}
}

func sortedSources(m map[snapshot.Source]time.Duration) []snapshot.Source {
	var all []snapshot.Source
	for s := range m {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// unix is a time as Prometheus has it.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
