package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

type skusOptions struct {
	asOf, lapses, sku, rules string
}

func newSKUs(e *env) *cobra.Command {
	var o skusOptions
	cmd := &cobra.Command{
		Use:   "skus",
		Short: "Seats bought, used, free and about to lapse",
		Long: `Lists the seats bought, used and free per SKU. USED is Microsoft's count of
seats in use; DIFF is that count minus the users who hold the SKU by lictrail's
data. AGENTS counts those of them that are agent users.
GRACE counts expired seats that still work, SUSPENDED those that no longer do.
NEXT is the day on which a subscription changes its status unless it is
renewed.

TREND is the change of use per week: a least-squares line through the runs
of the last 13 weeks; unknown with fewer than 4 runs or three weeks. RUNS OUT is
the day on which no seat is free if use follows the trend, up to two years
ahead.

If the file of rules has prices, A MONTH is the cost of the seats bought, and
IDLE A MONTH the cost of those that nobody holds, at the prices of the day of
the run.

With --lapses it lists subscriptions instead: when they end, what happens then,
and how many users will have no seat. These users are named if all users of the
SKU are affected, or if sync --cloud-licensing has read which subscription each
license draws on: then users who have no license of another one are named.
Microsoft does not show whether a subscription renews automatically.`,
		Example: `  lictrail skus
  lictrail skus --as-of 2026-01-01 --format csv
  lictrail skus --sku copilot
  lictrail skus --lapses 90d`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSKUs(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.asOf, "as-of", "", "show the state at this `time`, by the newest run then")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`: id, part number, name or a part of it")
	f.StringVar(&o.rules, "rules", "", "`file` of rules with prices (default: reclaim.toml beside the database, if it is there)")
	f.StringVar(&o.lapses, "lapses", "", "list subscriptions that lapse within this `age` from the run, such as 60d, or up to this day")
	return cmd
}

func runSKUs(ctx context.Context, e *env, o skusOptions) error {
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		if err := asOf(e, b, "as-of", o.asOf); err != nil {
			return err
		}
		list, err := ask.SKUs(ctx, b)
		if err != nil {
			return err
		}
		wanted, err := b.FindSKUs(o.sku)
		if err != nil {
			return err
		}
		if len(wanted) > 0 {
			list = slices.DeleteFunc(list, func(s ask.SKU) bool { return !slices.Contains(wanted, s.ID) })
		}
		if o.lapses != "" {
			return runLapses(ctx, e, b, list, o.lapses)
		}
		if err := ask.PriceSKUs(b, list, file); err != nil {
			return err
		}
		if err := show.SKUs(b, list).Print(e.printer(b), show.Each(list)); err != nil || e.format != "text" {
			return err
		}
		texts := []string{show.SKUCosts(list)}
		for i := range list {
			texts = append(texts, show.OverText(b, &list[i]))
		}
		for _, text := range texts {
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

// runLapses lists what lapses up to a day, or within an age from the run.
func runLapses(ctx context.Context, e *env, b *ask.Book, list []ask.SKU, text string) error {
	at := b.History.At.ObservedUntil
	until, err := parseTime("lapses", text, at, true)
	if err != nil {
		return err
	}
	if ask.IsAge(text) {
		until = at.Add(at.Sub(until)) // an age counts ahead here
	}
	rows := ask.Lapses(list, until)
	if err := ask.NameHolders(ctx, b, rows); err != nil {
		return err
	}
	if ask.LapsesNeedDrawn(b, rows) {
		e.command = ask.SKUsLapsing
	}
	return show.PrintLapses(e.printer(b), rows)
}
