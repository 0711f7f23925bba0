package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newAudit(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Coverage, import and search of audit records",
		Args:  noArgs,
		RunE:  needsCommand,
	}
	coverage := &cobra.Command{
		Use:   "coverage",
		Short: "The times for which the audit log was read",
		Long: `Lists the times for which each log was read without a gap, and for other times
the reason; then the coverage of all sources together ("any"), with its gaps.
Microsoft keeps the log for 7 days, or 30 with Entra ID P1 or P2; records that
lictrail has read are kept without a time limit. An export that was imported
does not count as coverage, unless it was imported with --whole.`,
		Example: "  lictrail audit coverage",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAuditCoverage(cmd.Context(), e) },
	}
	var user, since string
	events := formerly(&cobra.Command{
		Use:   "events",
		Short: "The audit records that are stored; use audit search",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runAuditEvents(cmd.Context(), e, user, since) },
	})
	events.Flags().StringVar(&user, "user", "", "only records about this `user`")
	events.Flags().StringVar(&since, "since", "", "only records from this `time` on")
	cmd.AddCommand(newAuditImport(e), newAuditSearch(e), coverage, events)
	return cmd
}

// runAuditCoverage shows the stretches, joined where they meet, and the gaps.
func runAuditCoverage(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		stretches, err := b.History.Coverage(ctx)
		if err != nil {
			return err
		}
		rows := snapshot.JoinCoverage(stretches)
		if len(rows) > 0 {
			rows = append(rows, snapshot.UnionCoverage(stretches, snapshot.CoverageBegin(stretches), ask.CoverageEnd(b.History.At.ObservedUntil, stretches))...)
		}
		return show.Coverage().Print(e.printer(b), show.Each(rows))
	})
}

// runAuditEvents answers as it did before audit search: programs read its fields,
// among them the record as an object.
func runAuditEvents(ctx context.Context, e *env, user, since string) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		people, err := b.OptionalUsers(ctx, user)
		if err != nil {
			return err
		}
		from, err := parseTime("since", since, e.now(), false)
		if err != nil {
			return err
		}
		rows := b.History.Stored(ctx, store.EventFilter{Users: people, From: from, Newest: e.format == "text"})
		return show.Events().Print(e.printer(b), rows)
	})
}
