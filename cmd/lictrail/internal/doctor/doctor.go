// Package doctor checks everything that a run needs, one row each, and writes
// nothing: the database and its place, the sign-in, each permission by its call,
// coverage, the clock. It also says what to grant, and with which commands.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
)

// The status of a check.
const (
	OK      = "ok"
	Warning = "warning" // sync works all the same
	Failed  = "failed"  // sync would not work
	Skipped = "skipped" // it could not be looked at, or there is no such thing here
)

// Check is one row.
type Check struct {
	Name, Status string
	Found        string
	Fix          string
	Paste        []string          // commands and addresses that belong to the fix
	Permission   *graph.Permission // that the row is about
	Err          error             // of a failed check: what sync would meet

	early bool // sync meets it before it opens the database
}

// Options say what to look at.
type Options struct {
	Connection *connect.Connection
	Host       connect.Host
	DB         string          // the database, which need not be there
	Config     string          // the file of settings; "" where there is none
	EnvFile    string          // the file of variables; "" where there is none
	Features   []graph.Feature // besides the base; none: all that a run may ask for
	Offline    bool            // only what is on this machine
	Now        func() time.Time
	Version    string
	Progress   func(graph.Progress)
}

// Report is what was found.
type Report struct {
	Checks []Check
	Tenant snapshot.Tenant // that answered, or else that of the database
}

// Run looks at everything. Each check goes on when another fails; an error is wrong
// use, or that it was interrupted.
func Run(ctx context.Context, o Options) (*Report, error) {
	d := &doctor{o: o, now: o.Now()}
	d.local(ctx)
	if !o.Offline {
		if err := d.remote(ctx); err != nil {
			return nil, err
		}
	}
	d.coverage()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r := &Report{Checks: d.checks, Tenant: d.tenant}
	if r.Tenant.ID == "" {
		r.Tenant = d.database
	}
	return r, nil
}

// doctor collects the checks.
type doctor struct {
	o      Options
	now    time.Time
	checks []Check

	database  snapshot.Tenant // that the database is about; empty when there is none
	stretches []snapshot.Coverage
	tracked   bool // there is a complete run
	tenant    snapshot.Tenant
	premium   *bool // nil: not known
}

func (d *doctor) add(c Check) { d.checks = append(d.checks, c) }

func (d *doctor) ok(name, format string, args ...any) {
	d.add(Check{Name: name, Status: OK, Found: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(name, fix, format string, args ...any) {
	d.add(Check{Name: name, Status: Warning, Found: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *doctor) skip(name, format string, args ...any) {
	d.add(Check{Name: name, Status: Skipped, Found: fmt.Sprintf(format, args...)})
}

// fail notes what sync would fail with. The hint is that of the error.
func (d *doctor) fail(name string, err error) {
	d.add(Check{Name: name, Status: Failed, Found: err.Error(), Fix: hintFor(err), Err: err})
}

// hintFor is the hint that sync would give for an error.
func hintFor(err error) string { return exit.Explained(err).Hint }

// wanted reports whether a feature is to be checked. A run does not go without
// the base, and asks for nothing that only a partner's tenant has.
func (d *doctor) wanted(f graph.Feature) bool {
	return f == graph.FeatureBase || len(d.o.Features) == 0 && f != graph.FeaturePartner || slices.Contains(d.o.Features, f)
}

// syncOrder is the order in which sync would meet what is wrong: what it meets
// first decides on the exit code.
var syncOrder = []string{checkFolder, checkDatabase, checkLock, checkIntegrity, checkSignIn, checkSKUs, checkTenant, checkUsers}

// Verdict is the error that sync would end with; nil when it would work.
func (r *Report) Verdict() error {
	var failed []Check
	for _, c := range r.Checks {
		if c.Err != nil {
			failed = append(failed, c)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	rank := func(c Check) int {
		if c.early {
			return -1
		}
		return slices.Index(syncOrder, c.Name)
	}
	slices.SortStableFunc(failed, func(a, b Check) int { return rank(a) - rank(b) })
	first := exit.Explained(failed[0].Err)
	return &out.Error{Code: first.Code, Message: fmt.Sprintf("sync would not work: %s: %s", failed[0].Name, failed[0].Found), Hint: first.Hint, Err: first}
}

// ExitCode is what sync would end with; nil for what has not failed.
func (c *Check) ExitCode() *int {
	if c.Err == nil {
		return nil
	}
	code := exit.Explained(c.Err).Code
	return &code
}
