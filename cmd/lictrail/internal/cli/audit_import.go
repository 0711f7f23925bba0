package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/tracker"
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
		Short: "Take audit records from exports into the archive",
		Long: `Takes audit records about licenses, users and groups out of files, whatever
their names, and works out what they tell of the past: who did it, since when,
and what happened before tracking began. It knows
  Purview audit search    export as CSV
  Search-UnifiedAuditLog  CSV and JSON
  Management Activity API blobs
  Entra admin center      audit logs as CSV and JSON
  Microsoft Graph         auditLogs/directoryAudits, security/auditLog
  Azure Monitor           storage blobs, messages of an event hub
  Log Analytics, Sentinel results of a query as JSON and CSV
plain or in gzip or zip, in UTF-8 or UTF-16. FILE may be a folder, of which all
files are read that are such exports, or - for the standard input. JSON is
better than CSV wherever there is a choice: long cells of CSV may be cut off.

The files are taken in together or not at all. A record that is there already
is left as it is, so that the same file twice changes nothing; a copy of it
that says more is kept beside it. What is refused is told with its line; the
rest is taken, and the exit code is then 1.

An export says what happened, not what it leaves out. With --whole the time it
covers counts as read without a gap, on your word, except for the time of
records that were refused or cut off. Where that time is not known, none counts.`,
		Example: `  lictrail audit import AuditLogs.json --dry-run
  lictrail audit import export-*.csv.gz --whole 2026-01-01..2026-06-30
  lictrail audit import /srv/exports
  zcat export.gz | lictrail audit import -
  lictrail audit import AuditLogs.csv --date-order dmy --format json`,
		Args: argsBetween(1, -1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runAuditImport(cmd.Context(), e, o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be taken and what not, and change nothing")
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
	in := &exportInput{env: e, order: order, most: int64(most)}
	defer in.Close()
	for _, path := range paths {
		progress.Phase("checking "+titleOf(path), "")
		if err := in.add(ctx, path); err != nil {
			return err
		}
	}
	if more := in.noted - shownPassed; more > 0 {
		e.Notef("%s passed over, for reasons such as these", show.Plural(int64(more), "more file"))
	}
	if len(in.files) == 0 {
		return usage("no file of audit records was found", "lictrail audit import --help tells what is known")
	}
	db, err := openImport(ctx, e.db, o.dryRun)
	if err != nil {
		return err
	}
	defer db.Close()
	progress.Phase("reading records", "records")
	taken, err := tracker.Import(ctx, db, in.files, tracker.ImportOptions{DryRun: o.dryRun, Whole: whole, PassedOver: in.passed, Now: e.now(), Progress: progress.Add})
	if err != nil {
		return importFailed(err)
	}
	effect := &tracker.Concluded{}
	if from, to, any := span(taken, whole); any && !o.dryRun {
		progress.Phase("working out what they tell", "")
		if effect, err = tracker.Conclude(ctx, db, from, to); err != nil && ctx.Err() != nil {
			return &out.Error{Code: exitInterrupted, Message: "interrupted: the records are in the archive, and what they tell of the past is not worked out",
				Hint: "the same import again works it out", Err: errors.Join(errRecorded, err)}
		}
		if err != nil {
			return err
		}
	}
	progress.Done()
	if err := printImported(ctx, e, db, o, taken, in.passed, effect); err != nil {
		return err
	}
	return refusedSome(ctx, db, taken)
}

func (o auditImportOptions) check(now time.Time) (order exports.Order, whole snapshot.Window, err error) {
	order = exports.Order(strings.ToLower(o.dateOrder))
	if !slices.Contains([]exports.Order{exports.Untold, exports.DMY, exports.MDY}, order) {
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

// importFailed says of a file that cannot be read on that none was taken.
func importFailed(err error) error {
	if refused := refusedArchive(err); refused != nil {
		return refused
	}
	if errors.Is(err, exports.ErrOrder) {
		return usage(err.Error(), "name the other order with --date-order, or leave it away; nothing was imported")
	}
	if errors.Is(err, tracker.ErrFile) {
		return usage(err.Error(), "the file is damaged or no export; nothing was imported")
	}
	return err
}

// span is the time of the records that belong in the archive, and that for which
// there are no others.
func span(all []*tracker.Imported, whole snapshot.Window) (from, to time.Time, any bool) {
	from, to = whole.NotBefore, whole.NotAfter
	for _, f := range all {
		if f.From.IsZero() {
			continue
		}
		if from.IsZero() || f.From.Before(from) {
			from = f.From
		}
		if f.To.After(to) {
			to = f.To
		}
	}
	return from, to, !to.IsZero()
}

// refusedSome fails where records were refused: a script that goes by the exit code
// must not take the import for complete.
func refusedSome(ctx context.Context, db *store.DB, all []*tracker.Imported) error {
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
	list := reasons(why)
	if more := len(list) - shownReasons; more > 0 {
		list = append(list[:shownReasons], fmt.Sprintf("and for %d more reasons", more))
	}
	return usage(fmt.Sprintf("every record was refused: %s", strings.Join(list, "; ")), adviceOn(counted(why)[0].Reason, tenant))
}

// shownReasons is how many reasons an error names.
const shownReasons = 3

// adviceOn says what to do about records that are refused for a reason. Where the
// reason says it itself, there is nothing to add.
func adviceOn(reason string, tenant snapshot.Tenant) string {
	for _, a := range []struct{ about, advice string }{
		{"of another tenant", fmt.Sprintf("the database is of tenant %s: name the database of the records' tenant with --db, or export this tenant's records", tenant.ID)},
		{"--date-order", "look into the file for a day after the 12th"},
		{"-Depth", "for example: Get-MgAuditLogDirectoryAudit -All | ConvertTo-Json -Depth 10 | Out-File audits.json"},
		{"no result", "export the records again with their result"},
		{"InitiatedBy", "query the records again without leaving out columns"},
		{"columns of the actor", "download the records again, and leave its columns as they are"},
		{"ends within", "the file is damaged: export it again"},
		{"cut off", "export the records again as JSON, which is not cut off"},
		{"AuditData", "export the records again; each row needs its AuditData in full"},
		{"its time", "check the dates in the file"},
	} {
		if strings.Contains(reason, a.about) {
			return a.advice
		}
	}
	return "--format json tells the line and the reason of each"
}

// reasons lists reasons by how often each was given.
func reasons(counts map[string]int64) []string {
	var list []string
	for _, c := range counted(counts) {
		list = append(list, fmt.Sprintf("%d %s", c.Count, c.Reason))
	}
	return list
}

type countJSON struct {
	Count  int64  `json:"count"`
	Reason string `json:"reason"`
}

func counted(counts map[string]int64) []countJSON {
	list := []countJSON{}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, countJSON{counts[reason], reason})
	}
	slices.SortStableFunc(list, func(a, b countJSON) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

type auditImportJSON struct {
	File     string        `json:"file"`
	Member   *string       `json:"member"`
	SHA256   string        `json:"sha256"`
	Records  int64         `json:"records"`
	Taken    int64         `json:"taken"`
	Already  int64         `json:"already"`
	Repeated int64         `json:"repeated"`
	Fuller   int64         `json:"fuller"`
	From     *string       `json:"from"`
	To       *string       `json:"to"`
	Kinds    []kindJSON    `json:"kinds"`
	Ignored  []countJSON   `json:"ignored"`
	Refused  []countJSON   `json:"refused"`
	Refusals []refusalJSON `json:"refusals"`
	Lost     []lostJSON    `json:"lost"`    // when records were that were refused or cut off
	Undated  int64         `json:"undated"` // how many of them may be of any time
}

type lostJSON struct {
	From *string `json:"from"`
	To   *string `json:"to"`
}

type kindJSON struct {
	Source   string `json:"source"`
	Activity string `json:"activity"`
	Count    int64  `json:"count"`
}

type refusalJSON struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

type effectJSON struct {
	FirstAssigned int `json:"first_assigned"`
	Before        int `json:"changes_before_tracking"`
	Unseen        int `json:"changes_unseen"`
	Corrections   int `json:"corrections"`
}

func importedJSON(f *tracker.Imported) auditImportJSON {
	j := auditImportJSON{File: f.Name, Member: show.OrNull(f.Member), SHA256: f.SHA256, Records: f.Records, Taken: f.Taken, Already: f.Already,
		Repeated: f.Repeated, Fuller: f.Fuller, From: show.Stamp(f.From), To: show.Stamp(f.To), Kinds: []kindJSON{}, Ignored: counted(f.Ignored), Refused: counted(f.Refused),
		Refusals: []refusalJSON{}, Lost: []lostJSON{}, Undated: f.Undated}
	stretches, _ := tracker.Lost([]*tracker.Imported{f})
	for _, w := range stretches {
		j.Lost = append(j.Lost, lostJSON{show.Stamp(w.NotBefore), show.Stamp(w.NotAfter)})
	}
	for _, k := range kindsOf(f) {
		j.Kinds = append(j.Kinds, kindJSON{string(k.Source), k.Activity, f.Kinds[k]})
	}
	for _, r := range f.Refusals {
		j.Refusals = append(j.Refusals, refusalJSON{r.Line, r.Reason})
	}
	return j
}

// kindsOf lists the kinds of records, the most frequent first.
func kindsOf(f *tracker.Imported) []tracker.RecordKind {
	return slices.SortedFunc(maps.Keys(f.Kinds), func(a, b tracker.RecordKind) int {
		return cmp.Or(cmp.Compare(f.Kinds[b], f.Kinds[a]), cmp.Compare(a.Activity, b.Activity), cmp.Compare(a.Source, b.Source))
	})
}

func printImported(ctx context.Context, e *env, db *store.DB, o auditImportOptions, all []*tracker.Imported, passed int, effect *tracker.Concluded) error {
	switch e.format {
	case "json":
		tenant, _, err := db.Tenant(ctx)
		if err != nil {
			return err
		}
		doc := out.NewDocument(e.Out, out.Tenant{ID: string(tenant.ID), Name: tenant.Name})
		for _, f := range all {
			if err := doc.Item(importedJSON(f)); err != nil {
				return err
			}
		}
		return doc.CloseWith("effect", effectJSON{effect.Evidence, effect.Before, effect.Unseen, effect.Corrections})
	case "csv":
		return importedListing().PrintCSV(e.printer(nothing), rowsOf(all))
	}
	for _, f := range all {
		if err := printImportedFile(e, o.dryRun, f); err != nil {
			return err
		}
	}
	if o.whole != "" && tracker.AnyUsable(all) {
		if err := printLost(e, all, passed); err != nil {
			return err
		}
	}
	if o.dryRun {
		return e.Printf("A dry run: nothing was changed.\n")
	}
	return printEffect(e, effect)
}

func importedListing() show.Listing[*tracker.Imported] {
	type row = *tracker.Imported
	number := func(name string, get func(row) int64) show.Column[row] {
		return show.Column[row]{CSV: name, Cell: func(r row) any { return get(r) }}
	}
	total := func(counts map[string]int64) (n int64) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	return show.Listing[row]{Columns: []show.Column[row]{
		{CSV: "file", Cell: func(r row) any { return r.Name }},
		{CSV: "member", Cell: func(r row) any { return r.Member }},
		{CSV: "sha256", Cell: func(r row) any { return r.SHA256 }},
		number("records", func(r row) int64 { return r.Records }),
		number("taken", func(r row) int64 { return r.Taken }),
		number("already", func(r row) int64 { return r.Already }),
		number("repeated", func(r row) int64 { return r.Repeated }),
		number("fuller", func(r row) int64 { return r.Fuller }),
		number("ignored", func(r row) int64 { return total(r.Ignored) }),
		number("refused", func(r row) int64 { return total(r.Refused) }),
		{CSV: "from", Cell: func(r row) any { return show.Stamp(r.From) }},
		{CSV: "to", Cell: func(r row) any { return show.Stamp(r.To) }},
	}}
}

// shownRefusals is how many refused records the text lists; JSON has more.
const shownRefusals = 20

func printImportedFile(e *env, dryRun bool, f *tracker.Imported) error {
	verb := "taken"
	if dryRun {
		verb = "would be taken"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Title(), show.Plural(f.Records, "record"))
	fmt.Fprintf(&b, "  %d %s, %d there already, %d repeated in the files\n", f.Taken, verb, f.Already, f.Repeated)
	if f.Fuller > 0 {
		fmt.Fprintf(&b, "  %d of those %s say more than the copy that was there, and are kept beside it\n", f.Fuller, verb)
	}
	if !f.From.IsZero() {
		fmt.Fprintf(&b, "  from %s to %s UTC\n", f.From.Format("2006-01-02 15:04"), f.To.Format("2006-01-02 15:04"))
	}
	for _, k := range kindsOf(f) {
		fmt.Fprintf(&b, "  %8d  %s (%s)\n", f.Kinds[k], k.Activity, k.Source)
	}
	for _, c := range counted(f.Ignored) {
		fmt.Fprintf(&b, "  %8d  ignored: %s\n", c.Count, c.Reason)
	}
	for _, c := range counted(f.Refused) {
		fmt.Fprintf(&b, "  %8d  refused: %s\n", c.Count, c.Reason)
	}
	if len(f.Refusals) > 0 {
		lines := make([]string, 0, shownRefusals+1)
		for i, r := range f.Refusals {
			if i == shownRefusals {
				lines = append(lines, "… (--format json lists more)")
				break
			}
			lines = append(lines, fmt.Sprint(r.Line))
		}
		fmt.Fprintf(&b, "  refused lines: %s\n", strings.Join(lines, ", "))
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if err := e.Printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// shownLost is how many stretches of time the text lists; JSON has all.
const shownLost = 10

// printLost says which of the time given with --whole does not count as read.
func printLost(e *env, all []*tracker.Imported, passed int) error {
	stretches, undated := tracker.Lost(all)
	switch {
	case passed > 0:
		return e.Printf("None of the time given with --whole counts as read: files that were passed over may have records of it.\n")
	case undated > 0:
		return e.Printf("None of the time given with --whole counts as read: the time of %s that %s refused or cut off is not known.\n",
			show.Plural(undated, "record"), isOrAre(undated))
	case len(stretches) == 0:
		return nil
	}
	words := make([]string, 0, shownLost+1)
	for i, w := range stretches {
		if i == shownLost {
			words = append(words, fmt.Sprintf("and %d more", len(stretches)-i))
			break
		}
		words = append(words, minute(w.NotBefore, w.NotBefore)+" to "+minute(w.NotAfter, w.NotAfter))
	}
	return e.Printf("Of the time given with --whole this does not count as read, because records of it were refused or cut off: %s UTC.\n", strings.Join(words, ", "))
}

func isOrAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func printEffect(e *env, c *tracker.Concluded) error {
	if *c == (tracker.Concluded{}) {
		return e.Printf("They tell nothing of the past that was not known.\n")
	}
	var words []string
	for _, x := range []struct {
		n         int
		one, many string
	}{
		{c.Corrections, "cause better known", "causes better known"},
		{c.Unseen, "change that no run saw", "changes that no run saw"},
		{c.Before, "change from before tracking began", "changes from before tracking began"},
		{c.Evidence, "license held since earlier than was known", "licenses held since earlier than was known"},
	} {
		switch {
		case x.n == 1:
			words = append(words, "1 "+x.one)
		case x.n > 1:
			words = append(words, fmt.Sprintf("%d %s", x.n, x.many))
		}
	}
	return e.Printf("They tell of the past: %s.\n", strings.Join(words, ", "))
}
