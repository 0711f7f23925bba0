package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"lictrail/cmd/lictrail/internal/announce"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
)

// holder describes this execution to another one that meets its lock.
func (e *env) holder() lock.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return lock.Holder{PID: os.Getpid(), Host: host, Since: e.now().UTC(), How: e.startedHow(), RunID: e.runID}
}

// startedHow says, by the environment, what started the program.
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
	a := announce.Attempt{Began: e.now(), Tenant: cmp.Or(connect.Asked(o.Tenant), connect.Asked(e.getenv(graph.TenantVariable))), TenantName: e.tenantName}
	err := run(ctx, e, o)
	a.Ended, a.Code = e.now(), exit.Code(ctx, err)
	failed := e.announcing().WriteMetrics(context.WithoutCancel(ctx), o.metricsFile, a)
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
