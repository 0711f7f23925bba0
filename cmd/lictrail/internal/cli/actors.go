package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/store"
)

func newActors(e *env) *cobra.Command {
	var since, until string
	cmd := &cobra.Command{
		Use:   "actors",
		Short: "The changes that each person and application made",
		Long: `Lists the people and applications to whom changes of licenses are attributed:
the number of changes and of users affected, the time of the first and the last
change, and the applications that a person used. For a change by a group, the
party that changed the group is listed. The number of changes without a known
party is printed on stderr.`,
		Example: `  lictrail actors
  lictrail actors --since 30d --format csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runActors(cmd.Context(), e, since, until) },
	}
	cmd.Flags().StringVar(&since, "since", "", "only changes from this `time` on: 2026-03-01, RFC 3339, or an age such as 90d")
	cmd.Flags().StringVar(&until, "until", "", "only changes up to this `time`")
	return cmd
}

func runActors(ctx context.Context, e *env, since, until string) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		var f store.ChangeFilter
		var err error
		if f.Since, f.Until, err = parseSpan(since, until, e.now()); err != nil {
			return err
		}
		b.About(f.Since, f.Until, e.now())
		parties, nobody, err := b.Parties(ctx, f)
		if err != nil {
			return err
		}
		if nobody > 0 {
			e.Notef("of %s it is not known who did them", show.Plural(nobody, "change"))
		}
		return show.Counts(b, "actor").Print(e.printer(b), show.Given(parties))
	})
}
