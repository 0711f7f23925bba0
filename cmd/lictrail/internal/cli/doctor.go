package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/graph"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type doctorOptions struct {
	connect.Connection
	offline     bool
	permissions bool
	features    []string
}

func newDoctor(e *env) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "What is set up, what is missing, and how to put it right",
		Long: `Checks everything that a run needs, one row each: the database and the place it
is in, how you are signed in, whether the tenant is the database's own, each
permission by trying its call, how long the tenant keeps its audit log and how
far that was read, concealed names in usage reports, and the clock. Each check
goes on when another fails. Below the table stands what to do.

A row is ok, a warning, failed or skipped. Only what keeps sync from working
has failed, and the exit code is then that which sync would end with. It needs
no database yet. It writes nothing: neither to the tenant, where it asks for
one row of each kind, nor to the database.

With --permissions it prints instead what has to be granted for each feature,
the least there is, and commands for the Azure CLI and for Microsoft Graph
PowerShell that make an application with exactly that, or complete the one that
--client-id names. That needs neither a sign-in nor a database. Features are
  base          users, SKUs, the tenant: what a run cannot do without
  groups        names and licenses of groups that give licenses
  audit         who did it, from the directory audit log
  activity      when users last signed in: sync --activity sign-ins
  usage         usage reports: the other sources of sync --activity
  purview       sync --audit-source purview
  activity-api  sync --audit-source activity-api`,
		Example: `  lictrail doctor
  lictrail doctor --for base,groups,audit
  lictrail doctor --offline --format json
  lictrail doctor --permissions
  lictrail doctor --permissions --for base,groups,audit,usage`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	o.AddFlags(f)
	f.BoolVar(&o.offline, "offline", false, "check only what is on this machine")
	f.BoolVar(&o.permissions, "permissions", false, "print what to grant, and commands that do it")
	f.StringSliceVar(&o.features, "for", nil, "these `features` only, besides base (default: all; with --permissions base,groups,audit, what sync reads without further flags)")
	return cmd
}

func runDoctor(ctx context.Context, e *env, o doctorOptions) error {
	features, err := oneOf("for", o.features, graph.Features)
	if err != nil {
		return err
	}
	if o.permissions {
		return printPermissions(e, o, features)
	}
	d := &doctor{e: e, o: o, features: features, now: e.now()}
	d.local(ctx)
	if !o.offline {
		if err := d.remote(ctx); err != nil {
			return err
		}
	}
	d.coverage()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := d.print(); err != nil {
		return err
	}
	return d.verdict()
}

// The words of a check.
const (
	checkOK      = "ok"
	checkWarning = "warning" // sync works all the same
	checkFailed  = "failed"  // sync would not work
	checkSkipped = "skipped" // it could not be looked at, or there is no such thing here
)

// check is one row.
type check struct {
	name, status string
	found        string
	fix          string
	paste        []string          // commands and addresses that belong to the fix
	permission   *graph.Permission // that the row is about
	err          error             // of a failed check: what sync would meet
	early        bool              // sync meets it before it opens the database
}

// doctor collects the checks.
type doctor struct {
	e        *env
	o        doctorOptions
	features []graph.Feature // none: all
	now      time.Time
	checks   []check

	database  snapshot.Tenant // that the database is about; empty when there is none
	stretches []snapshot.Coverage
	tracked   bool // there is a complete run
	tenant    snapshot.Tenant
	premium   *bool // nil: not known
}

func (d *doctor) add(c check) { d.checks = append(d.checks, c) }

func (d *doctor) ok(name, format string, args ...any) {
	d.add(check{name: name, status: checkOK, found: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(name, fix, format string, args ...any) {
	d.add(check{name: name, status: checkWarning, found: fmt.Sprintf(format, args...), fix: fix})
}

func (d *doctor) skip(name, format string, args ...any) {
	d.add(check{name: name, status: checkSkipped, found: fmt.Sprintf(format, args...)})
}

// fail notes what sync would fail with. The hint is that of the error.
func (d *doctor) fail(name string, err error) {
	d.add(check{name: name, status: checkFailed, found: err.Error(), fix: hintFor(err), err: err})
}

// hintFor is what sync would tell to do about an error.
func hintFor(err error) string { return exit.Explained(err).Hint }

// wanted reports whether a feature is to be checked. A run does not go without
// the base.
func (d *doctor) wanted(f graph.Feature) bool {
	return f == graph.FeatureBase || len(d.features) == 0 || slices.Contains(d.features, f)
}

// syncOrder is the order in which sync would meet what is wrong: what it meets
// first decides on the exit code.
var syncOrder = []string{checkFolder, checkDatabase, checkLock, checkIntegrity, checkSignIn, checkSKUs, checkTenant, checkUsers}

// verdict is the error that sync would end with; nil when it would work.
func (d *doctor) verdict() error {
	var failed []check
	for _, c := range d.checks {
		if c.err != nil {
			failed = append(failed, c)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	rank := func(c check) int {
		if c.early {
			return -1
		}
		return slices.Index(syncOrder, c.name)
	}
	slices.SortStableFunc(failed, func(a, b check) int { return rank(a) - rank(b) })
	first := exit.Explained(failed[0].err)
	return &out.Error{Code: first.Code, Message: fmt.Sprintf("sync would not work: %s: %s", failed[0].name, failed[0].found), Hint: first.Hint, Err: first}
}

type permissionJSON struct {
	Application string  `json:"application"`
	Delegated   string  `json:"delegated"`
	Instead     *string `json:"instead"`
}

type doctorJSON struct {
	Check      string          `json:"check"`
	Status     string          `json:"status"`
	Found      string          `json:"found"`
	Fix        *string         `json:"fix"`
	Paste      []string        `json:"paste"`
	Permission *permissionJSON `json:"permission"`
	ExitCode   *int            `json:"exit_code"`
}

func (c *check) json() doctorJSON {
	j := doctorJSON{Check: c.name, Status: c.status, Found: c.found, Fix: orNull(c.fix), Paste: c.paste, ExitCode: c.exitCode()}
	if j.Paste == nil {
		j.Paste = []string{}
	}
	if p := c.permission; p != nil {
		j.Permission = &permissionJSON{p.Application, p.Delegated, orNull(p.Alternative)}
	}
	return j
}

// exitCode is what sync would end with; nil for what has not failed.
func (c *check) exitCode() *int {
	if c.err == nil {
		return nil
	}
	code := exit.Explained(c.err).Code
	return &code
}

func (d *doctor) print() error {
	n := names{h: &store.History{Tenant: d.tenant}}
	if d.tenant.ID == "" {
		n.h.Tenant = d.database
	}
	styles := map[string]out.Style{checkOK: out.Green, checkWarning: out.Yellow, checkFailed: out.Red, checkSkipped: out.Dim}
	type row = *check
	application := func(get func(*graph.Permission) string) func(row) any {
		return func(c row) any {
			if c.permission == nil {
				return nil
			}
			return get(c.permission)
		}
	}
	err := listing[row]{
		json: func(c row) any { return c.json() },
		columns: []column[row]{
			{Column: out.Column{Head: "CHECK"}, csv: "check", text: func(c row) any { return c.name }},
			{Column: out.Column{Head: "STATUS"}, csv: "status", text: func(c row) any { return out.Cell{Value: c.status, Style: styles[c.status]} },
				cell: func(c row) any { return c.status }},
			{Column: out.Column{Head: "FOUND", Min: 30, Wrap: true}, csv: "found", text: func(c row) any { return c.found }},
			{csv: "fix", cell: func(c row) any { return c.fix }},
			{csv: "paste", cell: func(c row) any { return strings.Join(c.paste, "\n") }},
			{csv: "application_permission", cell: application(func(p *graph.Permission) string { return p.Application })},
			{csv: "delegated_permission", cell: application(func(p *graph.Permission) string { return p.Delegated })},
			{csv: "exit_code", cell: func(c row) any {
				if code := c.exitCode(); code != nil {
					return *code
				}
				return nil
			}},
		},
	}.print(d.e, n, each(d.checks))
	if err != nil || d.e.format != "text" {
		return err
	}
	return d.printFixes()
}

// printFixes tells what to do, once for all the checks that want the same.
func (d *doctor) printFixes() error {
	told := map[string]bool{}
	for _, c := range d.checks {
		if c.fix == "" || told[c.fix] {
			continue
		}
		var about []string
		var paste []string
		for _, other := range d.checks {
			if other.fix == c.fix {
				about = append(about, other.name)
				for _, line := range other.paste {
					if !slices.Contains(paste, line) {
						paste = append(paste, line)
					}
				}
			}
		}
		told[c.fix] = true
		if err := d.e.Printf("\n"); err != nil {
			return err
		}
		if err := d.e.Paragraph(strings.Join(about, ", ") + ": " + c.fix); err != nil {
			return err
		}
		for _, line := range paste {
			if err := d.e.Printf("  %s\n", line); err != nil {
				return err
			}
		}
	}
	return d.printVerdict()
}

// printVerdict ends the report of a doctor who found nothing that keeps sync from
// working; what does is the error of the command.
func (d *doctor) printVerdict() error {
	warnings := 0
	for _, c := range d.checks {
		if c.err != nil {
			return nil
		}
		if c.status == checkWarning {
			warnings++
		}
	}
	what := "sync would work"
	if d.o.offline {
		what = "Nothing on this machine keeps sync from working"
	}
	if warnings > 0 {
		what += "; " + plural(warnings, "warning")
	}
	return d.e.Printf("\n%s.\n", what)
}
