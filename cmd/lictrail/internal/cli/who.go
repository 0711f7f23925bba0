package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

func newWho(e *env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "who removed|assigned|changed USER [SKU]",
		Short: "Who changed a license, when, how, on what evidence",
		Long: `Shows who removed, assigned or changed a user's license (person, application,
group, subscription or Microsoft), with the evidence; or why that cannot be
known and what was checked. Only the latest change is shown, unless --all is
given. For a person whom no run has read, for instance because the account was
deleted before tracking began, the archived audit records are shown.`,
		Example: `  lictrail who removed ann@contoso.com
  lictrail who assigned ann@contoso.com SPE_E5
  lictrail who changed ann@contoso.com --all --format json`,
		Args:      argsBetween(2, 3, "removed, assigned or changed, a user, and perhaps a SKU"),
		ValidArgs: []string{"removed", "assigned", "changed"},
		RunE:      func(cmd *cobra.Command, args []string) error { return runWho(cmd.Context(), e, args, all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "every such change, not only the latest")
	return cmd
}

func runWho(ctx context.Context, e *env, args []string, all bool) error {
	if err := ask.CheckVerb(args[0]); err != nil {
		return err // before a database is looked for
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		answer, err := ask.Who(ctx, b, args[0], args[1], strings.Join(args[2:], ""), all)
		switch {
		case err != nil:
			return err
		case answer.Archive == nil && e.format != "text":
			return show.Changes(b, true).Print(e.printer(b), show.Given(answer.Changes))
		}
		return show.Who(ctx, e.printer(b), answer)
	})
}
