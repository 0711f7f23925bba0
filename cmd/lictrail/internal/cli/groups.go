package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

func newGroups(e *env) *cobra.Command {
	var users bool
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "Licenses given by groups, and their errors",
		Long: `Which group gives which SKU to how many members, and for how many it fails:
since when, and what to do about it, what is new in the newest run first.
MEMBERS counts users who hold the SKU by way of the group. SINCE is when the
oldest of the failures was first seen, without a break since. With --users it
names the users behind each error instead.`,
		Example: `  lictrail groups
  lictrail groups --users
  lictrail groups --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if users {
				return runGroupUsers(cmd.Context(), e)
			}
			return runGroups(cmd.Context(), e)
		},
	}
	cmd.Flags().BoolVar(&users, "users", false, "the users for whom a group's license fails, what began last first")
	return cmd
}

func runGroupUsers(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		rows, err := b.History.GroupFailures(ctx)
		if err != nil {
			return err
		}
		if err := show.GroupUsers(b).Print(e.printer(b), show.Each(rows)); err != nil || e.format != "text" {
			return err
		}
		var seen []string
		for _, f := range rows {
			if !slices.Contains(seen, f.Error) {
				seen = append(seen, f.Error)
				if err := show.Remedy(e.printer(b), f.Error); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func runGroups(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		rows, err := b.History.GroupRows(ctx)
		if err != nil {
			return err
		}
		if err := show.Groups(b).Print(e.printer(b), show.Each(rows)); err != nil || e.format != "text" {
			return err
		}
		return show.Failures(e.printer(b), ask.Failures(rows, b.History.At.Previous))
	})
}
