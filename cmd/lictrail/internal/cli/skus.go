package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type skusOptions struct {
	asOf, lapses string
}

func newSKUs(e *env) *cobra.Command {
	var o skusOptions
	cmd := &cobra.Command{
		Use:   "skus",
		Short: "What is bought, used, free, about to lapse",
		Long: `What is bought, used and free per SKU. USED is Microsoft's count of seats in
use; DIFF is that count less the users whom lictrail found holding the SKU. AGENTS are those of them that are agent users.
GRACE are seats that expired and still work, SUSPENDED those that no longer do.
NEXT is the day on which a subscription changes its status unless it is
renewed.

TREND is how use has gone by the week: a line of least squares through the runs
of the last 13 weeks; unknown under 4 runs, or three weeks of them. RUNS OUT is
the day on which no seat is free if it goes on like that, up to two years
ahead.

With --lapses it lists subscriptions instead: when they end, what happens then,
and how many users are left without a seat. Which users those are can be known
only if all are; Microsoft gives no order. Nor does it tell whether a
subscription renews by itself.`,
		Example: `  lictrail skus
  lictrail skus --as-of 2026-01-01 --format csv
  lictrail skus --lapses 90d`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSKUs(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.asOf, "as-of", "", "as it was at this `time`, by the newest run then")
	f.StringVar(&o.lapses, "lapses", "", "what lapses within this `age` from the run, such as 60d, or up to this day")
	return cmd
}

func runSKUs(ctx context.Context, e *env, o skusOptions) error {
	return withHistory(ctx, e, func(n names) error {
		if err := n.asOf(e, "as-of", o.asOf); err != nil {
			return err
		}
		list, err := n.skusWithTrend(ctx)
		if err != nil {
			return err
		}
		if o.lapses != "" {
			return n.runLapses(ctx, e, list, o.lapses)
		}
		if err := n.skuListing(list).Print(e.printer(n), show.Each(list)); err != nil || e.format != "text" {
			return err
		}
		for i := range list {
			text := n.overWords(&list[i])
			if text == "" {
				continue
			}
			if err := e.Printf("\n"); err != nil {
				return err
			}
			if err := e.Paragraph(text); err != nil {
				return err
			}
		}
		return nil
	})
}

// skuListing shows the SKUs. Text leaves out what is 0 for all of them.
func (n names) skuListing(list []skuWithTrend) show.Listing[*skuWithTrend] {
	type row = *skuWithTrend
	at := n.History.At.ObservedUntil
	l := show.Listing[row]{
		JSON: func(r row) any { return n.skuRow(r) },
		None: "the tenant has no SKU",
		Columns: []show.Column[row]{
			{CSV: "sku_id", Cell: func(r row) any { return string(r.ID) }},
			{Column: out.Column{Head: "SKU", Min: 10, Rank: 3}, CSV: "part_number", Text: func(r row) any { return n.ShortSKU(r.ID) }, Cell: func(r row) any { return n.PlainSKU(r.ID) }},
			{CSV: "product", Cell: func(r row) any { return n.Catalog.SKUName(r.ID, r.PartNumber) }},
			{Column: out.Column{Head: "STATUS", Min: 7, Rank: 2}, CSV: "status", Text: func(r row) any { return statusWord(r.SKURow) }, Cell: func(r row) any { return r.Status }},
			{Column: out.Column{Head: "BOUGHT"}, CSV: "enabled", Text: func(r row) any { return r.Units.Enabled }},
			{Column: out.Column{Head: "GRACE"}, CSV: "warning", Text: func(r row) any { return r.Units.Warning }},
			{Column: out.Column{Head: "SUSPENDED"}, CSV: "suspended", Text: func(r row) any { return r.Units.Suspended }},
			{CSV: "locked_out", Cell: func(r row) any { return r.Units.LockedOut }},
			{Column: out.Column{Head: "USED"}, CSV: "consumed", Text: func(r row) any { return r.Consumed }},
			{CSV: "assigned", Cell: func(r row) any { return r.Assigned }},
			{Column: out.Column{Head: "AGENTS"}, CSV: "agents", Text: func(r row) any { return r.agents }},
			{Column: out.Column{Head: "DIFF"}, CSV: "difference", Text: func(r row) any { return r.Consumed - r.Assigned }},
			{Column: out.Column{Head: "FREE"}, CSV: "available", Text: func(r row) any { return show.Available(r.SKURow) }},
			{Column: out.Column{Head: "OVER"}, CSV: "over_assigned", Text: func(r row) any { return r.over() }},
			{Column: out.Column{Head: "TREND", Right: true}, CSV: "trend_per_week", Text: func(r row) any { return r.trendWord() }, Cell: func(r row) any { return show.PerWeek(r.trend) }},
			{Column: out.Column{Head: "RUNS OUT", Right: true}, CSV: "runs_out", Text: func(r row) any { return r.runsOutWord(at) }, Cell: func(r row) any { return r.runsOutDay(at) }},
			{Column: out.Column{Head: "NEXT"}, CSV: "next_lifecycle_at", Text: func(r row) any { return n.nextWord(r.SKURow) },
				Cell: func(r row) any { return show.Stamp(nextLifecycle(r.SKURow)) }},
			{CSV: "gone_at", Cell: func(r row) any { return goneAt(r.SKURow) }},
			{CSV: "first_seen", Cell: func(r row) any { return show.Stamp(r.First.ObservedUntil) }},
		},
	}
	for i := range l.Columns {
		c := &l.Columns[i]
		if slices.Contains([]string{"GRACE", "SUSPENDED", "AGENTS", "DIFF", "OVER"}, c.Head) && !slices.ContainsFunc(list, func(r skuWithTrend) bool { return c.Text(&r) != int64(0) }) {
			c.Text, c.Cell = nil, c.Text
		}
	}
	return l
}

// nextWord is the day of nextLifecycle, as far as subscriptions were ever read.
func (n names) nextWord(r *store.SKURow) any {
	if r.To == nil && n.Lacks(snapshot.ReadSubscriptions) {
		return show.NotKnown
	}
	return show.DayOrNil(nextLifecycle(r))
}

func goneAt(r *store.SKURow) *string {
	if r.To == nil {
		return nil
	}
	return show.Stamp(r.To.ObservedUntil)
}

func statusWord(r *store.SKURow) string {
	if r.To != nil {
		return "gone " + r.To.ObservedUntil.Format("2006-01-02")
	}
	return r.Status
}

// nextLifecycle is the soonest date at which a subscription of the SKU changes
// its status unless it is renewed.
func nextLifecycle(r *store.SKURow) (next time.Time) {
	for _, s := range r.Bought {
		if !s.NextLifecycleAt.IsZero() && (next.IsZero() || s.NextLifecycleAt.Before(next)) {
			next = s.NextLifecycleAt
		}
	}
	return next
}
