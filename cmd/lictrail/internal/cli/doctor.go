package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/graph"
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
--client-id names; then how to make a certificate or a secret, where it belongs,
and the first run. That needs neither a sign-in nor a database. Features are
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
	f.StringSliceVar(&o.features, "for", nil, "these `features` only, besides base (default: all; with --permissions base,groups,audit,owners, what sync reads without further flags)")
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
	report, err := e.examine(ctx, o, features)
	if err != nil {
		return err
	}
	if err := e.printReport(report, o.offline); err != nil {
		return err
	}
	return report.Verdict()
}

func (e *env) examine(ctx context.Context, o doctorOptions, features []graph.Feature) (*doctor.Report, error) {
	look := doctor.Options{Connection: &o.Connection, Host: e.host(), DB: e.db, EnvFile: e.envFile, Features: features,
		Offline: o.offline, Now: e.now, Version: version()}
	if e.settings.File != nil {
		look.Config = e.settings.Path
	}
	if !o.offline {
		progress := e.NewProgress()
		defer progress.Done()
		progress.Phase("tenant", "")
		look.Progress = connect.Progress(progress)
	}
	return doctor.Run(ctx, look)
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

func newDoctorJSON(c *doctor.Check) doctorJSON {
	j := doctorJSON{Check: c.Name, Status: c.Status, Found: c.Found, Fix: show.OrNull(c.Fix), Paste: c.Paste, ExitCode: c.ExitCode()}
	if j.Paste == nil {
		j.Paste = []string{}
	}
	if p := c.Permission; p != nil {
		j.Permission = &permissionJSON{p.Application, p.Delegated, show.OrNull(p.Alternative)}
	}
	return j
}

func (e *env) printReport(r *doctor.Report, offline bool) error {
	styles := map[string]out.Style{doctor.OK: out.Green, doctor.Warning: out.Yellow, doctor.Failed: out.Red, doctor.Skipped: out.Dim}
	type row = *doctor.Check
	application := func(get func(*graph.Permission) string) func(row) any {
		return func(c row) any {
			if c.Permission == nil {
				return nil
			}
			return get(c.Permission)
		}
	}
	err := show.Listing[row]{
		JSON: func(c row) any { return newDoctorJSON(c) },
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "CHECK"}, CSV: "check", Text: func(c row) any { return c.Name }},
			{Column: out.Column{Head: "STATUS"}, CSV: "status", Text: func(c row) any { return out.Cell{Value: c.Status, Style: styles[c.Status]} },
				Cell: func(c row) any { return c.Status }},
			{Column: out.Column{Head: "FOUND", Min: 30, Wrap: true}, CSV: "found", Text: func(c row) any { return c.Found }},
			{CSV: "fix", Cell: func(c row) any { return c.Fix }},
			{CSV: "paste", Cell: func(c row) any { return strings.Join(c.Paste, "\n") }},
			{CSV: "application_permission", Cell: application(func(p *graph.Permission) string { return p.Application })},
			{CSV: "delegated_permission", Cell: application(func(p *graph.Permission) string { return p.Delegated })},
			{CSV: "exit_code", Cell: func(c row) any {
				if code := c.ExitCode(); code != nil {
					return *code
				}
				return nil
			}},
		},
	}.Print(e.printer(names{ask.Tenant(r.Tenant)}), show.Each(r.Checks))
	if err != nil || e.format != "text" {
		return err
	}
	return e.printFixes(r, offline)
}

// printFixes tells what to do, once for all the checks that want the same.
func (e *env) printFixes(r *doctor.Report, offline bool) error {
	told := map[string]bool{}
	for _, c := range r.Checks {
		if c.Fix == "" || told[c.Fix] {
			continue
		}
		var about []string
		var paste []string
		for _, other := range r.Checks {
			if other.Fix == c.Fix {
				about = append(about, other.Name)
				for _, line := range other.Paste {
					if !slices.Contains(paste, line) {
						paste = append(paste, line)
					}
				}
			}
		}
		told[c.Fix] = true
		if err := e.Printf("\n"); err != nil {
			return err
		}
		if err := e.Paragraph(strings.Join(about, ", ") + ": " + c.Fix); err != nil {
			return err
		}
		for _, line := range paste {
			if err := e.Printf("  %s\n", line); err != nil {
				return err
			}
		}
	}
	return e.printVerdict(r, offline)
}

// printVerdict ends the report of a doctor who found nothing that keeps sync from
// working; what does is the error of the command.
func (e *env) printVerdict(r *doctor.Report, offline bool) error {
	warnings := 0
	for _, c := range r.Checks {
		if c.Err != nil {
			return nil
		}
		if c.Status == doctor.Warning {
			warnings++
		}
	}
	what := "sync would work"
	if offline {
		what = "Nothing on this machine keeps sync from working"
	}
	if warnings > 0 {
		what += "; " + show.Plural(warnings, "warning")
	}
	return e.Printf("\n%s.\n", what)
}
