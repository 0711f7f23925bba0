package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

type reportOptions struct {
	since, until, rules string
}

func newReport(e *env) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "The week on one page, to look at",
		Long: `One self-contained HTML page on what changed between two runs, and why: charts
of seats, changes and idle cost, what is unexplained, which groups fail, what
lapses, what can be taken back, and how far all of it can be trusted. It needs
no script, loads nothing, and can be mailed, printed or read on a phone.

It covers what the newest run showed since the one a week before. With --since
and --until it compares other runs: the newest that had ended by each time.

--format text prints the same without charts, for a mail.`,
		Example: `  lictrail report --output week.html
  lictrail report --since 2026-03-01 --until 2026-03-31 --output march.html
  lictrail report --format text`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: "html", noFormats: "json,csv"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("format") {
				e.format = "html"
			}
			return runReport(cmd.Context(), e, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "compare with the newest run by this `time` (default: a week before)")
	f.StringVar(&o.until, "until", "", "up to the newest run by this `time`")
	f.StringVar(&o.rules, "rules", "", "`file` of rules and prices (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

func runReport(ctx context.Context, e *env, o reportOptions) error {
	if e.format == "html" && e.OutTTY {
		return usage("the page is not for a terminal", "lictrail report --output week.html, or --format text")
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	if _, _, err := parseSpan(o.since, o.until, e.now()); err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		newest := b.History.At
		if err := asOf(e, b, "until", o.until); err != nil {
			return err
		}
		limit, err := parseTime("since", o.since, e.now(), false)
		if err != nil {
			return err
		}
		base, early := ask.BaseOf(b, limit)
		if early && o.since != "" {
			e.Notef("tracking began on %s; the report begins there", base.ObservedUntil.Format(time.DateOnly))
		}
		w := &show.Week{Book: b, Base: base, Rules: file, Now: e.now(), Version: version(), Past: b.History.At != newest}
		p, err := w.Page(ctx)
		if err != nil {
			return err
		}
		if e.format == "html" {
			return p.HTML(e.Out)
		}
		return p.Text(e.Streams)
	})
}
