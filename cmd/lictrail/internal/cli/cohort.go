package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

type cohortOptions struct {
	sku, since, until, rules, by string
	moves                        bool
	grace                        int
}

func newSeats(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seats",
		Short: "Changes and use of the seats of a SKU",
		Args:  noArgs,
		RunE:  needsCommand,
	}
	cmd.AddCommand(newSeatFlow(e), newFirstUse(e), newHarvest(e))
	return cmd
}

func newSeatFlow(e *env) *cobra.Command {
	var o cohortOptions
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Seats assigned, moved and removed between two days",
		Long: `Shows the changes of a SKU's seats between two days: assigned to users who had
none before, reassigned from one user to another, reactivated for users who had
one before; taken back, lapsed with a subscription, ended because the user left,
or ended without a known cause. The flows add up to the number of users who held
the SKU at the end of each day. RETAINED are users who held it at the start and
kept it without interruption.

A seat counts as reassigned if the records leave only one possibility: the same
actor removed one and assigned one within an hour, and changed no other seat of
the SKU in between. A change whose time is not known exactly counts on the last
possible day. At risk are seats that the rules of lictrail reclaim
propose, and those whose license is in an error state; this is known for the
newest run only.`,
		Example: `  lictrail seats flow --sku Microsoft_365_Copilot --since 90d
  lictrail seats flow --sku SPE_E5 --moves --format csv --output moves.csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSeatFlow(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.sku, "sku", "", "this `SKU`; needed")
	f.StringVar(&o.since, "since", "", "from this `day` on (default: when tracking began)")
	f.StringVar(&o.until, "until", "", "up to and with this `day` (default: that of the newest run)")
	f.BoolVar(&o.moves, "moves", false, "list each change of a seat instead of days (text and CSV)")
	f.StringVar(&o.rules, "rules", "", "`file` of rules for the seats at risk (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

func runSeatFlow(ctx context.Context, e *env, o cohortOptions) error {
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		sku, days, err := cohortOf(e, b, o)
		if err != nil {
			return err
		}
		f, err := b.SeatFlow(ctx, sku, days, file)
		if err != nil {
			return err
		}
		return show.PrintSeatFlow(e.printer(b), f, o.moves)
	})
}

// cohortOf is the SKU and the days asked about.
func cohortOf(e *env, b *ask.Book, o cohortOptions) (snapshot.SKUID, snapshot.Days, error) {
	if o.sku == "" {
		return "", snapshot.Days{}, usage("--sku is needed: seats of one SKU are followed", "lictrail skus lists them")
	}
	sku, err := b.FindSKU(o.sku)
	if err != nil {
		return "", snapshot.Days{}, err
	}
	days, err := seatSpan(e, b, o.since, o.until)
	return sku, days, err
}

func newFirstUse(e *env) *cobra.Command {
	var o cohortOptions
	cmd := &cobra.Command{
		Use:   "first-use",
		Short: "The time from the assignment of a seat to its first use",
		Long: `For the seats of a SKU that were assigned in a time: how many were used, how
long after the true assignment date, and for how many this is not known.
Reports show the newest use only, so that a first use lies between bounds: after
the last report that showed none, up to the first that did. IN 30 D counts the
seats that were used within 30 days of their assignment: at least and at most.

NOT YET counts seats for which the sources show no use; NEW is the same within
--grace days of the latest assignment date, and does not count as unused. NOT
KNOWN counts seats that no source shows, or that were there when tracking began.
Copilot seats are judged by Copilot's own report only. Agents are left out.`,
		Example: `  lictrail seats first-use --sku Microsoft_365_Copilot
  lictrail seats first-use --sku SPE_E5 --by department --format csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runFirstUse(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.sku, "sku", "", "this `SKU`; needed")
	f.StringVar(&o.since, "since", "", "assigned from this `day` on (default: when tracking began)")
	f.StringVar(&o.until, "until", "", "assigned up to and with this `day` (default: that of the newest run)")
	f.StringVar(&o.by, "by", "", "a line for each value of this `key`: department")
	f.IntVar(&o.grace, "grace", 30, "`days` from the assignment for which an unused seat is new")
	return cmd
}

func runFirstUse(ctx context.Context, e *env, o cohortOptions) error {
	if o.by != "" && o.by != ask.ByDepartment {
		return usage(fmt.Sprintf("--by %q", o.by), "--by department")
	}
	if o.grace < 0 {
		return usage("--grace is a number of days", "--grace 30")
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		sku, days, err := cohortOf(e, b, o)
		if err != nil {
			return err
		}
		uses, err := b.FirstUse(ctx, sku, days, o.grace, o.by)
		if err != nil {
			return err
		}
		return show.PrintFirstUse(e.printer(b), uses)
	})
}
