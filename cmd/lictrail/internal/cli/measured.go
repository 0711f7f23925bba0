package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/metrics"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// holder is this execution, as another one is told that meets its lock.
func (e *env) holder() lock.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return lock.Holder{PID: os.Getpid(), Host: host, Since: e.now().UTC(), How: e.startedHow(), RunID: e.runID}
}

// startedHow tells from the environment what started the program.
func (e *env) startedHow() string {
	switch {
	case e.getenv("INVOCATION_ID") != "" && !e.InTTY && !e.ErrTTY:
		return "by systemd"
	case e.getenv("GITHUB_ACTIONS") != "":
		return "by GitHub Actions"
	case e.getenv("KUBERNETES_SERVICE_HOST") != "":
		return "in Kubernetes"
	case e.InTTY || e.ErrTTY:
		return "at a terminal"
	}
	return "without a terminal"
}

// attempt is how an execution of sync ended.
type attempt struct {
	began, ended time.Time
	code         int
}

// measured runs sync and, where --metrics-file asks for it, writes how it went,
// also when it failed.
func (e *env) measured(ctx context.Context, o *syncOptions, run func(context.Context, *env, *syncOptions) error) error {
	if o.metricsFile == "" {
		return run(ctx, e, o)
	}
	if err := e.mayWriteTo(place{"--metrics-file", o.metricsFile}); err != nil {
		return err
	}
	a := attempt{began: e.now()}
	err := run(ctx, e, o)
	a.ended, a.code = e.now(), codeOf(ctx, err)
	failed := e.writeMetrics(context.WithoutCancel(ctx), o, a)
	if failed != nil && err != nil && !errors.Is(err, errChanged) {
		e.Warnf("the metrics are not written: %v", failed)
		failed = nil
	}
	if failed != nil {
		return &out.Error{Code: exitFailed, Message: fmt.Sprintf("the run is recorded, its metrics are not written: %v", failed),
			Hint: "mend --metrics-file; the next run writes it again", Err: errors.Join(errRecorded, failed)}
	}
	return err
}

// codeOf is the exit code that an error leads to.
func codeOf(ctx context.Context, err error) int {
	var said *out.Error
	switch {
	case errors.Is(err, errChanged):
		return exitChanged
	case err == nil:
		return exitDone
	case ctx.Err() != nil && !stands(err):
		return exitInterrupted
	case errors.As(explain(err), &said):
		return max(said.Code, exitFailed)
	}
	return exitFailed
}

// writeMetrics writes what is known after an attempt. What a failed one could
// not tell anew is said of the last run that is history.
func (e *env) writeMetrics(ctx context.Context, o *syncOptions, a attempt) error {
	f, err := e.figures(ctx)
	if err != nil && a.code == exitDone {
		return err
	}
	f.Tenant = cmp.Or(f.Tenant, connect.Asked(o.Tenant), connect.Asked(e.getenv(graph.TenantVariable)))
	if f.Success.IsZero() {
		f.Success = earlierSuccess(o.metricsFile)
	}
	var common []metrics.Label
	if f.Tenant != "" { // nobody said it, and none has answered yet
		common = append(common, metrics.Label{Name: "tenant", Value: string(f.Tenant)})
	}
	if e.tenantName != "" {
		common = append(common, metrics.Label{Name: "name", Value: e.tenantName})
	}
	return out.WriteShared(o.metricsFile, func(w io.Writer) error { return metrics.Write(w, common, gauges(f, a)) })
}

// maxMetrics is more than a file of metrics has.
const maxMetrics = 1 << 20

const successMetric = "lictrail_sync_last_success_timestamp_seconds"

// earlierSuccess is what an earlier file says; zero where it says nothing.
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

// figures reads them; with an error there are as many as could be read.
func (e *env) figures(ctx context.Context) (f ask.Figures, err error) {
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return f, err
	}
	defer db.Close()
	h, err := db.History(ctx)
	if err != nil {
		return f, err
	}
	defer h.Close()
	return ask.FiguresOf(ctx, h)
}

// gauges words the figures. Their names are a contract with dashboards.
func gauges(f ask.Figures, a attempt) []metrics.Gauge {
	one := func(name, help string, v float64) metrics.Gauge {
		return metrics.Gauge{Name: name, Help: help, Samples: []metrics.Sample{{Value: v}}}
	}
	flag := 0.0
	if a.code == exitDone || a.code == exitChanged {
		flag = 1
	}
	all := []metrics.Gauge{
		one("lictrail_sync_last_attempt_timestamp_seconds", "When sync last ended, well or not.", unix(a.ended)),
		one("lictrail_sync_duration_seconds", "How long the last attempt took.", a.ended.Sub(a.began).Seconds()),
		one("lictrail_sync_exit_code", "How the last attempt ended: see lictrail exit-codes.", float64(a.code)),
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
