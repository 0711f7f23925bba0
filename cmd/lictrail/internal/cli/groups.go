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
		Long: `Lists the SKUs that groups give, with the number of members who have them and
the number for whom the license fails, since when, and what to do. Errors that
are new in the newest run come first. MEMBERS counts users who hold the SKU by
the group. SINCE is when the oldest failure without interruption began. With
--users it names the users affected by each error instead.`,
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
	cmd.Flags().BoolVar(&users, "users", false, "list the users for whom a group's license fails, the newest error first")
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
