package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"lictrail/cmd/lictrail/internal/announce"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/lock"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/process"
	"lictrail/graph"
)

// holder describes this execution to another one that meets its lock.
func (e *env) holder() lock.Holder {
	return process.Holder(e.Streams, e.getenv, e.now(), e.runID)
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
			Hint: "correct --metrics-file; the next run writes it again", Err: errors.Join(errRecorded, failed)}
	}
	return err
}
