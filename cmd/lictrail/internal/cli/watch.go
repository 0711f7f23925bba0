package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

type watchOptions struct {
	plans        []string
	since, rules string
}

func newWatch(e *env) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Who lacks a watched service plan, and who switched it off",
		Long: `Lists the users for whom a watched service plan is or was switched off, and who
did it. The plans are those in the file of rules, or of --plan. For instance, an
account without M365_ADVANCED_AUDITING has fewer audit records of access to its
mail.

A plan is off now if the user holds a SKU that contains it, and it is switched
off in every path of every such SKU. If it was off from the beginning, the row
shows who assigned the license. A plan that is switched off and on again between
two runs is not in any snapshot.`,
		Example: `  lictrail watch --plan M365_ADVANCED_AUDITING
  lictrail watch --since 30d
  lictrail watch --rules reclaim.toml --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWatch(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.plans, "plan", nil, "these `plans`, by name or id (default: those in the file of rules)")
	f.StringVar(&o.since, "since", "", "only plans that were switched off from this `time` on")
	f.StringVar(&o.rules, "rules", "", "`file` of rules (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

func runWatch(ctx context.Context, e *env, o watchOptions) error {
	since, err := parseTime("since", o.since, e.now(), false)
	if err != nil {
		return err
	}
	var file ask.Rules
	if len(o.plans) == 0 {
		if file, err = loadRules(e, o.rules); err != nil {
			return err
		}
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		plans, err := ask.Watched(ctx, b, o.plans, file)
		if err != nil {
			return err
		}
		if len(plans) == 0 {
			return usage("no plan is watched", "lictrail watch --plan M365_ADVANCED_AUDITING, or list plans under [watch] in the file of rules")
		}
		rows, err := ask.SwitchedOffPlans(ctx, b, plans)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r ask.SwitchedOff) bool { return r.When.At.Before(since) })
		return show.Watch(b).Print(e.printer(b), show.Each(rows))
	})
}
