package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type changesOptions struct {
	since, until           string
	user, sku              string
	kind, cause, initiator []string
	run                    int64
}

func newChanges(e *env) *cobra.Command {
	var o changesOptions
	cmd := &cobra.Command{
		Use:   "changes",
		Short: "What changed, when and why",
		Long: `The differences between consecutive snapshots, in the order in which they were
found. WHEN is exact where an event gives the time, and otherwise the window
between two runs in which the change lies.`,
		Example: `  lictrail changes --since 30d
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
	f.Int64Var(&o.run, "run", 0, "only what this `run` showed")
	return cmd
}

func runChanges(ctx context.Context, e *env, o changesOptions) error {
	return withHistory(ctx, e, func(n names) error {
		f, err := o.filter(ctx, e, n)
		if err != nil {
			return err
		}
		return n.changeListing(true).print(e, n, n.h.Changes(ctx, f))
	})
}

func (o changesOptions) filter(ctx context.Context, e *env, n names) (f store.ChangeFilter, err error) {
	f.Run = snapshot.RunID(o.run)
	if o.run != 0 && n.h.Runs[f.Run] == nil {
		return f, usage("there is no complete run with that number", "lictrail runs lists them")
	}
	if f.Since, f.Until, err = parseSpan(o.since, o.until, e.now()); err != nil {
		return f, err
	}
	if f.Users, err = n.optionalUsers(ctx, o.user); err != nil {
		return f, err
	}
	if f.SKUs, err = n.findSKUs(o.sku); err != nil {
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

// changeListing shows changes; people tells whether the text names the user.
func (n names) changeListing(people bool) listing[*store.ChangeRow] {
	type row = *store.ChangeRow
	who := column[row]{Column: out.Column{Head: "USER", Min: 10, Rank: 2}, csv: "upn", text: upnOf}
	if !people {
		who.text, who.cell = nil, upnOf
	}
	return listing[row]{
		json: func(c row) any { return n.change(c) },
		none: "no change matches",
		columns: []column[row]{
			{csv: "id", cell: func(c row) any { return c.ID }},
			{Column: out.Column{Head: "RUN"}, csv: "run", text: func(c row) any { return int64(c.Run) }},
			{Column: out.Column{Head: "WHEN"}, text: func(c row) any { return shortDate(c.When) }},
			{csv: "when", cell: func(c row) any { return stamp(c.When.At) }},
			{csv: "not_before", cell: func(c row) any { return stamp(c.When.NotBefore) }},
			{csv: "not_after", cell: func(c row) any { return stamp(c.When.NotAfter) }},
			{csv: "precision", cell: func(c row) any { return string(c.When.Precision) }},
			{csv: "kind", cell: func(c row) any { return string(c.Kind) }},
			{csv: "observed", cell: func(c row) any { return c.Observed }},
			{csv: "user_id", cell: func(c row) any { return string(c.User) }},
			who,
			{csv: "sku_id", cell: func(c row) any { return string(c.SKU) }},
			{csv: "part_number", cell: func(c row) any { return n.partNumber(c.SKU) }},
			{csv: "path", cell: func(c row) any { return n.pathWord(c.Path) }},
			{csv: "from_path", cell: func(c row) any { return n.pathWord(c.From) }},
			{Column: out.Column{Head: "CHANGE", Min: 20, Rank: 3}, csv: "change", text: func(c row) any { return n.changeWords(c) }},
			{Column: out.Column{Head: "CAUSE", Min: 10, Rank: 1}, csv: "cause", text: func(c row) any { return causeWord(&c.Attribution) },
				cell: func(c row) any { return string(c.Attribution.Cause) }},
			{csv: "initiator", cell: func(c row) any { return string(c.Attribution.Initiator) }},
			{csv: "actor", cell: func(c row) any { return actorWord(c.Attribution.Actor) }},
			{csv: "confidence", cell: func(c row) any { return string(c.Attribution.Confidence) }},
			{csv: "unknown_why", cell: func(c row) any { return string(c.Attribution.UnknownWhy) }},
			{csv: "reason", cell: func(c row) any { return c.Attribution.Reason }},
		},
	}
}

func upnOf(c *store.ChangeRow) any {
	if c.Person == nil {
		return nil
	}
	return c.Person.UPN
}
