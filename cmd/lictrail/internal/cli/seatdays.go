package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type seatDaysOptions struct {
	since, until, month, by, sku, department, rules string
}

func newSeatDays(e *env) *cobra.Command {
	var o seatDaysOptions
	cmd := &cobra.Command{
		Use:   "seat-days",
		Short: "Seats by month and department, for charging back",
		Long: `Lists seat-days by month: one for each user, SKU and day in UTC on which the
user held the SKU, even for a part of the day; two paths to one SKU count once.
They are charged to the department or country that the user had on that day, as
the newest run by then read it.

MIN counts the days on which the SKU was held for certain, MAX those on which
it may have been held: without an event, the time of a change lies somewhere
between two runs. To charge no day too many, charge by MIN. A license
that was there when tracking began counts from the earliest evidence of the
current period on. Days before tracking began and after the newest run are not
counted; of a month that is known in part, only the known days are counted.

COST is the cost of the days of MIN, at the prices of the file of rules on each
day: a day costs its share of its month. Currencies are never added, and days
without a known price are on separate lines.`,
		Example: `  lictrail seat-days --since 2026-03-01 --until 2026-03-31
  lictrail seat-days --month 2026-03 --department Sales
  lictrail seat-days --by country --sku SPE_E5 --format csv --output e5.csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSeatDays(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "from this `day` on (default: when tracking began)")
	f.StringVar(&o.until, "until", "", "up to and with this `day` (default: that of the newest run)")
	f.StringVar(&o.month, "month", "", "this `month`, such as 2026-03, instead of --since and --until")
	f.StringVar(&o.by, "by", "department", "charge by this `key`: "+strings.Join(ask.SeatKeys, ", ")+", or what sync --attributes reads, such as cost-center")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`")
	f.StringVar(&o.department, "department", "", "only seat-days of this `department`")
	f.StringVar(&o.rules, "rules", "", "`file` of rules with prices (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

// span turns --month into the two days that it stands for.
func (o *seatDaysOptions) span() error {
	if o.month == "" {
		return nil
	}
	first, err := time.Parse("2006-01", o.month)
	switch {
	case err != nil:
		return usage(fmt.Sprintf("--month %q is no month", o.month), "--month 2026-03")
	case o.since != "" || o.until != "":
		return usage("--month and --since or --until say different things", "leave one of them out")
	}
	o.since, o.until = first.Format(time.DateOnly), first.AddDate(0, 1, -1).Format(time.DateOnly)
	return nil
}

// within are the days asked for, as far as they are known. Of a whole month none may
// be: that is a gap of the answer, so that a program can ask for one month after the
// other.
func (o *seatDaysOptions) within(e *env, b *ask.Book) (snapshot.Days, error) {
	if o.month == "" {
		return seatSpan(e, b, o.since, o.until)
	}
	since, until, err := parseSpan(o.since, o.until, e.now())
	if err != nil {
		return snapshot.Days{}, err
	}
	asked := snapshot.Days{From: snapshot.DayOf(since), To: snapshot.DayOf(until)}
	if days, ok := asked.Clip(ask.KnownDays(b)); !ok {
		b.About(since, until, e.now())
		return days, nil
	}
	return seatSpan(e, b, o.since, o.until)
}

func runSeatDays(ctx context.Context, e *env, o seatDaysOptions) error {
	var err error
	if o.by, err = attributeKey(o.by, ask.SeatKeys); err != nil {
		return err
	}
	if err := o.span(); err != nil {
		return err
	}
	if o.department != "" && o.by != "department" {
		return usage("--department goes with --by department", "filter the CSV of --by "+o.by)
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		if err := b.Keeps(ctx, o.by); err != nil {
			return err
		}
		within, err := o.within(e, b)
		if err != nil {
			return err
		}
		var f store.Filter
		if f.SKUs, err = b.FindSKUs(o.sku); err != nil {
			return err
		}
		prices, err := ask.Prices(b, file)
		if err != nil {
			return err
		}
		if _, err := b.Department(ctx, o.department); err != nil {
			return err
		}
		rows, err := ask.SeatDays(ctx, b, f, within, ask.Charge{By: o.by, Only: o.department, Prices: prices})
		if err != nil {
			return err
		}
		money := len(prices) > 0 && ask.Priced(rows)
		if err := show.SeatDays(b, o.by, money).PrintAgain(e.printer(b), rows); err != nil || !money || e.format != "text" {
			return err
		}
		return e.Paragraph(show.SeatTotal(rows))
	})
}

// seatSpan is the days asked for, of those that are known: a part that is not is
// left out with a note.
func seatSpan(e *env, b *ask.Book, sinceText, untilText string) (snapshot.Days, error) {
	since, until, err := parseSpan(sinceText, untilText, e.now())
	if err != nil {
		return snapshot.Days{}, err
	}
	within, clamped, err := ask.SeatSpan(b, since, until)
	if clamped {
		known := ask.KnownDays(b)
		e.Notef("seats are known from %s to %s; other days are not counted", known.From.Time().Format(time.DateOnly), known.To.Time().Format(time.DateOnly))
	}
	return within, err
}
