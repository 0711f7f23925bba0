package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type auditSearchOptions struct {
	user, actor, sku, group string
	since, until            string
	activity, source        []string
	raw                     bool
}

func newAuditSearch(e *env) *cobra.Command {
	var o auditSearchOptions
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Search the archived audit records, and export them",
		Long: `Searches all archived audit records, fetched or imported. Text lists the newest
first, other formats the oldest. --actor takes an object id, an application id,
a UPN or the name of an application; --activity a name as in the log, or a part
of it.

--format jsonl exports one record per line, with the SHA-256 of the record as it
was archived and the file and line it came from. The last line has the number of
records, the head of the history, the SHA-256 of all lines before it, and a
SHA-256 of the last line. docs/verify-evidence.sh checks such a file without
lictrail. With --raw each line also has the archived record byte for byte, as
text, to which its SHA-256 belongs.

If there are several copies of a record with different details, all are listed.`,
		Example: `  lictrail audit search --user ann@contoso.com --sku SPE_E5
  lictrail audit search --actor "License Reclaimer" --since 90d --raw
  lictrail audit search --since 2026-01-01 --until 2026-03-31 \
    --raw --format jsonl --output evidence.jsonl`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: "jsonl"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runAuditSearch(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "only records about this `user`")
	f.StringVar(&o.actor, "actor", "", "only what this `actor` did")
	f.StringVar(&o.sku, "sku", "", "only records that show this `SKU`")
	f.StringVar(&o.group, "group", "", "only records about this `group`, by id or name")
	f.StringSliceVar(&o.activity, "activity", nil, "only these `activities`, such as \"change user license\"")
	f.StringSliceVar(&o.source, "source", nil, "only records from these `sources`: graph, unified, purview, azure-monitor")
	f.StringVar(&o.since, "since", "", "from this `time` on")
	f.StringVar(&o.until, "until", "", "up to this `time`")
	f.BoolVar(&o.raw, "raw", false, "show the records as they were archived")
	return cmd
}

func runAuditSearch(ctx context.Context, e *env, o auditSearchOptions) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		f, match, err := o.filter(ctx, e, b)
		if err != nil {
			return err
		}
		if err := match.FindParts(ctx, b, f); err != nil {
			return err
		}
		f.Newest = e.format == "text" && !o.raw
		rows := match.Search(ctx, b, f, e.format == "jsonl")
		switch {
		case e.format == "jsonl":
			return show.Evidence(ctx, e.printer(b), version(), o.raw, rows)
		case e.format == "text" && o.raw:
			e.aside = true // programs take the records
			return show.RawRecords(e.printer(noHistory), rows)
		}
		return show.Records(b, o.raw).Print(e.printer(b), rows)
	})
}

func (o auditSearchOptions) filter(ctx context.Context, e *env, b *ask.Book) (f store.EventFilter, m ask.RecordMatch, err error) {
	if f.From, f.To, err = parseSpan(o.since, o.until, e.now()); err != nil {
		return f, m, err
	}
	if m.Sources, err = oneOf("source", o.source, []snapshot.Source{snapshot.SourceGraph, snapshot.SourceUnified, snapshot.SourcePurview, snapshot.SourceAzureMonitor}); err != nil {
		return f, m, err
	}
	for _, a := range o.activity {
		m.Activities = append(m.Activities, string(audit.Normalize(a)))
	}
	m.Actor = strings.ToLower(strings.TrimSpace(o.actor))
	if err := m.User(ctx, b, o.user); err != nil {
		return f, m, err
	}
	if err := m.WantSKU(ctx, b, o.sku); err != nil {
		return f, m, err
	}
	return f, m, m.WantGroup(ctx, b, o.group)
}
