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
		Short: "What is bought, used, free, about to lapse",
		Long: `What is bought, used and free per SKU. USED is Microsoft's count of seats in
use; DIFF is that count less the users whom lictrail found holding the SKU.
AGENTS are those of them that are agent users.
GRACE are seats that expired and still work, SUSPENDED those that no longer do.
NEXT is the day on which a subscription changes its status unless it is
renewed.

TREND is how use has gone by the week: a line of least squares through the runs
of the last 13 weeks; unknown under 4 runs, or three weeks of them. RUNS OUT is
the day on which no seat is free if it goes on like that, up to two years
ahead.

Where the file of rules has prices, A MONTH is what the seats bought cost, and
IDLE A MONTH what those of them cost that nobody holds, at the prices of the
day of the run.

With --lapses it lists subscriptions instead: when they end, what happens then,
and how many users are left without a seat. Which users those are can be known
if all are, or where sync --cloud-licensing has read what each license draws on:
then those are named who have no license of another subscription that goes on.
Microsoft does not show whether a subscription renews automatically.`,
		Example: `  lictrail skus
  lictrail skus --as-of 2026-01-01 --format csv
  lictrail skus --sku copilot
  lictrail skus --lapses 90d`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSKUs(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.asOf, "as-of", "", "as it was at this `time`, by the newest run then")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`: id, part number, name or a part of it")
	f.StringVar(&o.rules, "rules", "", "`file` of rules with prices (default: reclaim.toml beside the database, if it is there)")
	f.StringVar(&o.lapses, "lapses", "", "what lapses within this `age` from the run, such as 60d, or up to this day")
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
