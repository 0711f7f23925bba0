package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

func newHistory(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "history USER",
		Short: "Everything known about one user's licenses, oldest first",
		Long: `Lists every SKU that the user held: the first-assigned date, every period, the
total of days, and why Microsoft's date differs, where that is known. Then every
change, the oldest first; if one SKU replaced another, this is shown as a swap.
USER is an object id, or a UPN or mail address, present or past. For a person
whom no run has read, the archived audit records are shown.`,
		Example: `  lictrail history ann@contoso.com
  lictrail history ann@contoso.com --format json`,
		Args: argsBetween(1, 1, "one user"),
		RunE: func(cmd *cobra.Command, args []string) error { return runHistory(cmd.Context(), e, args[0]) },
	}
}

func runHistory(ctx context.Context, e *env, ref string) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		past, archive, err := ask.History(ctx, b, ref)
		switch {
		case err != nil:
			return err
		case archive != nil:
			return show.Archive(e.printer(b), archive, "No audit record is about them.")
		case e.format == "csv" || e.format == show.FormatWorkbook:
			return show.Changes(b, true).Print(e.printer(b), show.Given(past.Changes))
		case e.format == "json":
			return show.PastJSON(e.printer(b), past)
		}
		return show.Past(e.printer(b), past)
	})
}
