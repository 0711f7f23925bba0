package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type seatDaysOptions struct {
	since, until, by, sku string
}

func newSeatDays(e *env) *cobra.Command {
	var o seatDaysOptions
	cmd := &cobra.Command{
		Use:   "seat-days",
		Short: "Seats by month and department, for charging back",
		Long: `Seat-days by month: one for each user, SKU and day in UTC on which the user
held the SKU, be it for a part of the day; two paths to one SKU count once.
They are charged to the department or country that the user had on that day, as
the newest run by then showed it.

MIN counts the days on which the SKU was held for certain, MAX those on which
it may have been: where no event gives the time of a change, it lies somewhere
between two runs. Charge by MIN not to charge for a day too many. A license
that was there when tracking began counts from the earliest evidence of the
current period on. Nothing is counted before tracking began nor after the
newest run.`,
		Example: `  lictrail seat-days --since 2026-03-01 --until 2026-03-31
  lictrail seat-days --by country --sku SPE_E5 --format csv --output e5.csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSeatDays(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "from this `day` on (default: when tracking began)")
	f.StringVar(&o.until, "until", "", "up to and with this `day` (default: that of the newest run)")
	f.StringVar(&o.by, "by", "department", "charge to the `key`: department, sku, user or country")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`")
	return cmd
}

func runSeatDays(ctx context.Context, e *env, o seatDaysOptions) error {
	return withHistory(ctx, e, func(n names) error {
		if _, err := oneOf("by", []string{o.by}, ask.SeatKeys); err != nil {
			return err
		}
		within, err := seatSpan(e, n, o.since, o.until)
		if err != nil {
			return err
		}
		var f store.Filter
		if f.SKUs, err = n.FindSKUs(o.sku); err != nil {
			return err
		}
		rows, err := ask.SeatDays(ctx, n.Book, f, within, o.by)
		if err != nil {
			return err
		}
		return show.SeatDays(n.Book, o.by).Print(e.printer(n), show.Given(rows))
	})
}

// seatSpan is the days asked for, of those that are known.
func seatSpan(e *env, n names, sinceText, untilText string) (snapshot.Days, error) {
	since, until, err := parseSpan(sinceText, untilText, e.now())
	if err != nil {
		return snapshot.Days{}, err
	}
	within, late, err := ask.SeatSpan(n.Book, since, until)
	if late {
		e.Notef("the newest run was on %s; later days are not counted", within.To.Time().Format(time.DateOnly))
	}
	return within, err
}
