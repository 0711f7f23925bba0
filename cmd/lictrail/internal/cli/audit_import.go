package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/gather"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/diff/audit/exports"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type auditImportOptions struct {
	dryRun    bool
	dateOrder string
	whole     string
	unpacked  string // the most
}

func newAuditImport(e *env) *cobra.Command {
	var o auditImportOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Import audit records from exports into the archive",
		Long: `Imports audit records about licenses, users and groups from files of any name.
From these records it derives who made earlier changes, since when licenses were
held, and changes from before tracking began. It reads
  Purview audit search    export as CSV
  Search-UnifiedAuditLog  CSV and JSON
  Management Activity API blobs
  Entra admin center      audit logs as CSV and JSON
  Microsoft Graph         auditLogs/directoryAudits, security/auditLog
  Azure Monitor           storage blobs, messages of an event hub
  Log Analytics, Sentinel results of a query as JSON and CSV
plain or in gzip or zip, in UTF-8 or UTF-16. FILE may be a folder, in which all
files in these formats are read, or - for the standard input. Prefer JSON to CSV
where both are offered, because long cells of CSV may be cut off.

The files are imported together or not at all. A record that is in the archive
already is not changed, so that importing a file twice has no effect; a copy
with more details is stored in addition. Refused records are reported with their
line; the others are imported, and the exit code is then 1.

An export does not show which records it leaves out. With --whole you state that
it has all records of a time, which then counts as covered, except for the times
of refused and truncated records. If such a time is not known, no time counts.`,
		Example: `  lictrail audit import AuditLogs.json --dry-run
  lictrail audit import export-*.csv.gz --whole 2026-01-01..2026-06-30
  lictrail audit import /srv/exports
  zcat export.gz | lictrail audit import -
  lictrail audit import AuditLogs.csv --date-order dmy --format json`,
		Args: argsBetween(1, -1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runAuditImport(cmd.Context(), e, o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be imported and what not, and change nothing")
	f.StringVar(&o.dateOrder, "date-order", "", "the `order` of dates such as 03/04/2026: dmy or mdy")
	f.StringVar(&o.whole, "whole", "", "the files have all records of this `time`, FROM..TO")
	f.StringVar(&o.unpacked, "max-unpacked", "64GB", "the `size` to which packed files may unpack, such as 500MB")
	return cmd
}

func runAuditImport(ctx context.Context, e *env, o auditImportOptions, paths []string) error {
	order, whole, err := o.check(e.now())
	if err != nil {
		return err
	}
	most, err := humanize.ParseBytes(o.unpacked)
	if err != nil || most == 0 || most > math.MaxInt64 {
		return usage(fmt.Sprintf("--max-unpacked %q is not a size", o.unpacked), "--max-unpacked 100GB")
	}
	progress := e.NewProgress()
	defer progress.Done()
	in := &gather.Exports{Streams: e.Streams, Order: order, Most: int64(most), Now: e.now, Version: version()}
	defer in.Close()
	for _, path := range paths {
		progress.Phase("checking "+gather.Title(path), "")
		if err := in.Add(ctx, path); err != nil {
			return err
		}
	}
	in.NoteRest()
	if len(in.Files) == 0 {
		return usage("no file of audit records was found", "lictrail audit import --help lists the forms that are known")
	}
	db, err := openImport(ctx, e.db, o.dryRun)
	if err != nil {
		return err
	}
	defer db.Close()
	progress.Phase("reading records", "records")
	taken, err := track.Import(ctx, db, in.Files, track.ImportOptions{DryRun: o.dryRun, Whole: whole, PassedOver: in.Passed, Now: e.now(), Progress: progress.Add})
	if err != nil {
		return gather.Explain(err)
	}
	effect := &track.Concluded{}
	if from, to, any := track.SpanOf(taken, whole); any && !o.dryRun {
		progress.Phase("working out what they show", "")
		if effect, err = track.Conclude(ctx, db, from, to); err != nil && ctx.Err() != nil {
			return &out.Error{Code: exitInterrupted, Message: "interrupted: the records are in the archive, and what they show of the past is not worked out",
				Hint: "the same import again works it out", Err: errors.Join(errRecorded, err)}
		}
		if err != nil {
			return err
		}
	}
	progress.Done()
	if err := printImported(ctx, e, db, o, taken, in.Passed, effect); err != nil {
		return err
	}
	return refusedSome(ctx, db, taken)
}

func (o auditImportOptions) check(now time.Time) (order exports.Order, whole snapshot.Window, err error) {
	order = exports.Order(strings.ToLower(o.dateOrder))
	if !slices.Contains([]exports.Order{exports.UnknownOrder, exports.DMY, exports.MDY}, order) {
		return order, whole, usage(fmt.Sprintf("unknown --date-order %q", o.dateOrder), "--date-order dmy or mdy")
	}
	if o.whole == "" {
		return order, whole, nil
	}
	from, to, ok := strings.Cut(o.whole, "..")
	if !ok {
		return order, whole, usage(fmt.Sprintf("--whole %q is not FROM..TO", o.whole), "--whole 2026-01-01..2026-06-30")
	}
	if whole.NotBefore, err = parseTime("whole", from, now, false); err != nil {
		return order, whole, err
	}
	if whole.NotAfter, err = parseTime("whole", to, now, true); err != nil {
		return order, whole, err
	}
	if whole.NotBefore.IsZero() || !whole.NotBefore.Before(whole.NotAfter) || whole.NotAfter.After(now) {
		return order, whole, usage(fmt.Sprintf("--whole %q must begin before it ends, and end before now", o.whole), "--whole 2026-01-01..2026-06-30")
	}
	return order, whole, nil
}

// refusedSome fails where records were refused: a script that goes by the exit code
// must not take the import for complete.
func refusedSome(ctx context.Context, db *store.DB, all []*track.Imported) error {
	var records, refused int64
	why := map[string]int64{}
	for _, f := range all {
		for reason, n := range f.Refused {
			refused += n
			why[reason] += n
		}
		records += f.Records
	}
	switch {
	case refused == 0:
		return nil
	case refused < records:
		return partly(refused, records, "record")
	}
	tenant, _, err := db.Tenant(ctx)
	if err != nil {
		return err
	}
	list := show.Reasons(why)
	if more := len(list) - shownReasons; more > 0 {
		list = append(list[:shownReasons], fmt.Sprintf("and for %d more reasons", more))
	}
	return usage(fmt.Sprintf("every record was refused: %s", strings.Join(list, "; ")), show.AdviceOn(show.Counted(why)[0].Reason, tenant))
}

// shownReasons is how many reasons an error names.
const shownReasons = 3

func printImported(ctx context.Context, e *env, db *store.DB, o auditImportOptions, all []*track.Imported, passed int, effect *track.Concluded) error {
	tenant, _, err := db.Tenant(ctx)
	if err != nil {
		return err
	}
	b := ask.Tenant(tenant)
	return show.AuditImported(e.printer(b), show.AuditImport{Files: all, Passed: passed, Effect: effect, DryRun: o.dryRun, Whole: o.whole != ""})
}

// partly says how much of what an import was given was refused.
func partly(refused, all int64, thing string) error {
	return fmt.Errorf("%w: refused %d of %s", errRefused, refused, show.Plural(all, thing))
}
