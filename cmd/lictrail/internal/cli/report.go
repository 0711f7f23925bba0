package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
)

type reportOptions struct {
	since, until, rules, by string
}

func newReport(e *env) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "A page about the changes of the week",
		Long: `Writes a self-contained HTML page about the changes between two runs and their
causes: charts of seats, changes and idle cost, unexplained changes, group
license errors, lapsing subscriptions, seats that can be taken back, and the
limits of the data. It has no scripts, loads nothing, and can be mailed.

It covers the time from the run of a week ago to the newest run. With --since
and --until it compares other runs: the newest that had ended by each time.

--format text prints the same without charts, for a mail. With --all-tenants it
is one page about a fleet: the state of every tenant, the seats of all, and a
summary of the week for each, those that need attention first.`,
		Example: `  lictrail report --output week.html
  lictrail report --since 2026-03-01 --until 2026-03-31 --output march.html
  lictrail report --format text
  lictrail report --config fleet.toml --all-tenants --output fleet.html`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: "html", noFormats: "json,csv"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("format") {
				e.format = "html"
			}
			return runReport(cmd.Context(), e, e.databases(cmd), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&e.allTenants, "all-tenants", false, "one page about all tenants of the configuration")
	f.StringVar(&o.since, "since", "", "compare with the newest run by this `time` (default: a week before)")
	f.StringVar(&o.until, "until", "", "up to the newest run by this `time`")
	f.StringVar(&o.by, "by", ask.ByDepartment, "allocate the cost of seats by this `key`, as in lictrail seat-days --by")
	f.StringVar(&o.rules, "rules", "", "`file` of rules and prices (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

func runReport(ctx context.Context, e *env, databases []lake.Database, o reportOptions) error {
	if e.format == "html" && e.OutTTY {
		return usage("the page is not for a terminal", "lictrail report --output week.html, or --format text")
	}
	if _, _, err := parseSpan(o.since, o.until, e.now()); err != nil {
		return err
	}
	by, err := attributeKey(o.by, ask.SeatKeys)
	if err != nil {
		return err
	}
	o.by = by
	print := func(p *page.Page) error {
		if e.format == "html" {
			return p.HTML(e.Out)
		}
		return p.Text(e.Streams)
	}
	if e.allTenants {
		p, outcomes := fleetReport(ctx, e, databases, o)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := print(p); err != nil {
			return err
		}
		return fleet.Verdict(e.Streams, outcomes, "the page has the other tenants; write it again when these can be read")
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		w, err := weekOf(e, b, o, file)
		if err != nil {
			return err
		}
		p, err := w.Page(ctx)
		if err != nil {
			return err
		}
		return print(p)
	})
}

// weekOf is the time that the report is about.
func weekOf(e *env, b *ask.Book, o reportOptions, file ask.Rules) (*show.Week, error) {
	newest := b.History.At
	if err := asOf(e, b, "until", o.until); err != nil {
		return nil, err
	}
	limit, err := parseTime("since", o.since, e.now(), false)
	if err != nil {
		return nil, err
	}
	base, early := ask.BaseOf(b, limit)
	if early && o.since != "" {
		e.Notef("tracking began on %s; the report begins there", base.ObservedUntil.Format(time.DateOnly))
	}
	return &show.Week{Book: b, Base: base, Rules: file, Now: e.now(), Version: version(), Past: b.History.At != newest, ChargeTo: o.by}, nil
}

// fleetReport is the page on all tenants.
func fleetReport(ctx context.Context, e *env, databases []lake.Database, o reportOptions) (*page.Page, []fleet.Outcome) {
	progress := e.NewProgress()
	defer progress.Done()
	progress.Phase("reading", "tenants")
	f := &show.FleetReport{Now: e.now(), Version: version()}
	all, outcomes := fleet.Each(ctx, databases, fleet.HealthOptions{Now: e.now(), Stale: ask.StaleAfter, Progress: func() { progress.Add(1) }}, func(t *ask.TenantHealth, db string) error {
		file, err := loadRulesOf(e, o.rules, db)
		if err != nil {
			return err
		}
		b, err := ask.Open(ctx, db, e.pseudonymize)
		if err != nil {
			return err
		}
		defer b.Close()
		w, err := weekOf(e, b, o, file)
		if err != nil {
			return err
		}
		return f.Add(ctx, t, w)
	})
	return f.Page(all), outcomes
}
