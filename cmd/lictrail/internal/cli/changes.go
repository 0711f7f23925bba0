package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type changesOptions struct {
	since, until           string
	user, sku              string
	kind, cause, initiator []string
	run                    int64
	by                     string
	last                   int
}

func newChanges(e *env) *cobra.Command {
	var o changesOptions
	cmd := &cobra.Command{
		Use:   "changes",
		Short: "What changed, when and why",
		Long: `The differences between consecutive snapshots, the newest first; in JSON and CSV
in the order in which they were found. WHEN is exact where an event gives the
time, and otherwise the window between two runs in which the change lies. BY is
the responsible party: for a group's license the party that changed the group.

With --by it counts instead: by party, cause, SKU, department or week.
A change whose time is a window counts in the week in which the window ends.`,
		Example: `  lictrail changes --since 30d
  lictrail changes --since 7d --initiator automation,microsoft,billing
  lictrail changes --by actor --since 90d
  lictrail changes --kind removed --cause unknown
  lictrail changes --user ann@contoso.com --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runChanges(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "from this `time` on: 2026-03-01, RFC 3339, or an age such as 90d")
	f.StringVar(&o.until, "until", "", "up to this `time`")
	f.StringVar(&o.user, "user", "", "only this `user`")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`")
	f.StringSliceVar(&o.kind, "kind", nil, "only these `kinds`, such as removed,assigned")
	f.StringSliceVar(&o.cause, "cause", nil, "only these `causes`, such as admin,unknown")
	f.StringSliceVar(&o.initiator, "initiator", nil, "only these `initiators`")
	f.StringVar(&o.by, "by", "", "count changes by this `key`: actor, cause, sku, department or week")
	f.IntVar(&o.last, "last", 0, "this number of the newest `changes`, the newest first")
	f.Int64Var(&o.run, "run", 0, "only what this `run` showed")
	return cmd
}

func runChanges(ctx context.Context, e *env, o changesOptions) error {
	if o.last < 0 || o.last > 0 && (o.by != "" || e.limit > 0) {
		return usage("--last takes the newest changes, so many", "--last 20, without --by and --limit")
	}
	if o.by != "" {
		if _, err := oneOf("by", []string{o.by}, ask.CountKeys); err != nil {
			return err
		}
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		f, err := o.filter(ctx, e, b)
		if err != nil {
			return err
		}
		if o.by != "" {
			counts, err := ask.CountChanges(b.History.Changes(ctx, f), o.by)
			if err != nil {
				return err
			}
			return show.Counts(b, o.by).Print(e.printer(b), show.Given(counts))
		}
		f.Newest = e.format == "text" || o.last > 0
		if o.last > 0 {
			e.limit = o.last
		}
		return show.Changes(b, true).Print(e.printer(b), b.History.Changes(ctx, f))
	})
}

func (o changesOptions) filter(ctx context.Context, e *env, b *ask.Book) (f store.ChangeFilter, err error) {
	f.Run = snapshot.RunID(o.run)
	if o.run != 0 && b.History.Runs[f.Run] == nil {
		return f, usage("there is no complete run with that number", "lictrail runs lists them")
	}
	if f.Since, f.Until, err = parseSpan(o.since, o.until, e.now()); err != nil {
		return f, err
	}
	b.About(f.Since, f.Until, e.now())
	if f.Users, err = b.OptionalUsers(ctx, o.user); err != nil {
		return f, err
	}
	if f.SKUs, err = b.FindSKUs(o.sku); err != nil {
		return f, err
	}
	if f.Kinds, err = oneOf("kind", o.kind, snapshot.Kinds); err != nil {
		return f, err
	}
	if f.Causes, err = oneOf("cause", o.cause, snapshot.Causes); err != nil {
		return f, err
	}
	f.Initiators, err = oneOf("initiator", o.initiator, snapshot.Initiators)
	return f, err
}
