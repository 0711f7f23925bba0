package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

type allotmentOptions struct {
	sku, asOf                         string
	holders, devices, waiting, errors bool
}

func newAllotments(e *env) *cobra.Command {
	var o allotmentOptions
	cmd := &cobra.Command{
		Use:   "allotments",
		Short: "Which subscription each license draws on, and who waits for one",
		Long: `Allotments are pools of licenses, each backed by a subscription. Lists them with
what their licenses are assigned to: USERS directly, GROUPS for their members,
and DEVICES. USED is Microsoft's count. WAITING is the number of users for whom
there was no free license. NEXT is the day on which the subscription changes its
state unless it is renewed.

With --holders it lists the assignments instead, with --devices only those to
devices, with --waiting the users who wait for a license and since when, and
with --errors the assignments that did not take effect, with the last time.

It needs runs with sync --cloud-licensing (docs/cloud-licensing.md). The API is
in Graph's beta, only in the global cloud, and has no history: the list shows
the data that the run read.`,
		Example: `  lictrail allotments
  lictrail allotments --sku SPE_E3 --holders --format csv
  lictrail allotments --waiting`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runAllotments(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.sku, "sku", "", "only this `SKU`: id, part number, name or a part of it")
	f.StringVar(&o.asOf, "as-of", "", "show the state at this `time`, by the newest run then")
	f.BoolVar(&o.holders, "holders", false, "list what licenses are assigned to")
	f.BoolVar(&o.devices, "devices", false, "list the devices that licenses are assigned to")
	f.BoolVar(&o.waiting, "waiting", false, "list who waits for a license")
	f.BoolVar(&o.errors, "errors", false, "list the assignments that did not take effect")
	return cmd
}

func runAllotments(ctx context.Context, e *env, o allotmentOptions) error {
	lists := 0
	for _, asked := range []bool{o.holders, o.devices, o.waiting, o.errors} {
		if asked {
			lists++
		}
	}
	if lists > 1 {
		return usage("--holders, --devices, --waiting and --errors are lists of their own", "give one of them")
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		if err := asOf(e, b, "as-of", o.asOf); err != nil {
			return err
		}
		skus, err := b.FindSKUs(o.sku)
		if err != nil {
			return err
		}
		switch {
		case o.holders:
			rows, err := ask.AllotmentHolders(ctx, b, skus)
			return printRows(e, b, show.AllotmentHolders(b), rows, err)
		case o.devices:
			rows, err := ask.AllotmentHolders(ctx, b, skus, snapshot.HeldByDevice)
			return printRows(e, b, show.AllotmentHolders(b), rows, err)
		case o.waiting:
			rows, err := ask.WaitingMembers(ctx, b, skus)
			return printRows(e, b, show.WaitingMembers(b), rows, err)
		case o.errors:
			rows, err := ask.AssignmentErrors(ctx, b, skus)
			return printRows(e, b, show.AssignmentErrors(b), rows, err)
		}
		rows, err := ask.Allotments(ctx, b, skus)
		return printRows(e, b, show.Allotments(b), rows, err)
	})
}

// printRows prints what was found, or returns why nothing was.
func printRows[T any](e *env, b *ask.Book, l show.Listing[*T], rows []T, err error) error {
	if err != nil {
		return err
	}
	return l.Print(e.printer(b), show.Each(rows))
}
