package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/metrics"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/graph"
	"lictrail/migrations"
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

// measured runs sync and, where --metrics-file asks for it, writes how it went,
// also when it failed.
func (e *env) measured(ctx context.Context, o *syncOptions, run func(context.Context, *env, *syncOptions) error) error {
	if o.metricsFile == "" {
		return run(ctx, e, o)
	}
	if err := e.mayWriteTo(place{"--metrics-file", o.metricsFile}); err != nil {
		return err
	}
	a := show.Attempt{Began: e.now()}
	err := run(ctx, e, o)
	a.Ended, a.Code = e.now(), codeOf(ctx, err)
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
func (e *env) writeMetrics(ctx context.Context, o *syncOptions, a show.Attempt) error {
	f, err := e.figures(ctx)
	if err != nil && a.Code == exitDone {
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
	return out.WriteShared(o.metricsFile, func(w io.Writer) error { return metrics.Write(w, common, show.Gauges(f, a)) })
}

// maxMetrics is more than a file of metrics has.
const maxMetrics = 1 << 20

// earlierSuccess is what an earlier file says; zero where it says nothing.
func earlierSuccess(path string) time.Time {
	text, err := input.Read(path, input.Plain, maxMetrics)
	if err != nil {
		return time.Time{}
	}
	v, ok := metrics.Value(text, show.SuccessMetric)
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
