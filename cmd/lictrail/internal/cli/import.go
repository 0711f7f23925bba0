package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/store"
)

type importOptions struct {
	dryRun    bool
	dateOrder string
	heldOn    string
	sku       string
	separator string
}

func newImport(e *env) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take over what an earlier tracker kept of who had what since when",
		Long: `Takes earlier records from CSV files: one line per user and license, with
columns found by their names, in any order. It understands
  the user      User principal name, UPN, Email; Object Id, User Id
  the license   SKU, SKU id, License, Licenses, Product
  since when    Assigned, Assigned date, LicensedAsOf, Since
  until when    Removed, DelicensedAsOf, Until
  Path, Note    kept as they are
and leaves other columns alone. A cell may list several licenses, joined by
+ ; , or |, or by what --separator says. Files are UTF-8 or UTF-16, separated
by commas, semicolons, tabs or bars; a #TYPE line, a line such as sep=; and
titles may stand before the names of the columns. Lines that are passed over are
named.

A record is somebody's word: its date counts as "on or before", labelled
import, and can move a first-assigned date to an earlier time only, never to a
later one. Lines that cannot be right are refused one by one with the reason;
so are those that contradict what runs have seen. The rest is taken, and the
exit code is then 1. Each file is taken in one piece, and the same file twice
changes nothing.`,
		Example: `  lictrail import tracker.csv --dry-run
  lictrail import tracker.csv --date-order dmy
  lictrail import users_2024-05-01.csv --held-on 2024-05-01
  lictrail import e5-since.csv --sku SPE_E5 --format json`,
		Args: argsBetween(1, -1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runImport(cmd.Context(), e, o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be taken and what not, and change nothing")
	f.StringVar(&o.dateOrder, "date-order", "", "the `order` of dates such as 03/04/2019: dmy or mdy")
	f.StringVar(&o.heldOn, "held-on", "", "the `day` of a list of who held what that has no dates of its own")
	f.StringVar(&o.sku, "sku", "", "the `SKU` of a file without a column for it")
	f.StringVar(&o.separator, "separator", "", "the `text` that joins several licenses in a cell, where it is none of + ; , |")
	return cmd
}

// What became of a record.
const (
	verdictTaken    = "taken"
	verdictAlready  = "already" // an earlier import of the same file took it
	verdictRefused  = "refused"
	verdictConflict = "conflict"
	verdictPassed   = "passed-over" // it is no record
)

// importRow is a record, or a line that was refused, and what became of it.
type importRow struct {
	file    string
	line    int
	verdict string
	reason  string
	named   string // the user as the file has them
	person  *store.Person
	record  earlier.Record
	before  *snapshot.Date // first assigned, as known without the record; nil when never held
	after   snapshot.Date
}

// importFile is a file with what becomes of its lines.
type importFile struct {
	store.ImportFile
	read *earlier.File
	rows []*importRow
}

func runImport(ctx context.Context, e *env, o importOptions, paths []string) error {
	options, heldOn, err := o.check()
	if err != nil {
		return err
	}
	var files []*importFile
	for _, path := range paths {
		f, err := readImport(path, options)
		if err != nil {
			return err
		}
		f.ImportedAt, f.Version = e.now(), version()
		files = append(files, f)
	}
	db, err := openImport(ctx, e.db, o.dryRun)
	if err != nil {
		return err
	}
	defer db.Close()
	j := &importJudge{e: e, heldOn: heldOn, separator: o.separator, people: map[string]*importPerson{}}
	if err := j.judge(ctx, db, files); err != nil {
		return err
	}
	if !o.dryRun {
		for _, f := range files {
			if err := f.take(ctx, db); err != nil {
				return err
			}
		}
	}
	return j.print(ctx, db, o.dryRun, files)
}

func (o importOptions) check() (earlier.Options, earlier.Moment, error) {
	options := earlier.Options{Order: earlier.Order(strings.ToLower(o.dateOrder)), SKU: o.sku}
	if !slices.Contains([]earlier.Order{earlier.ISO, earlier.DMY, earlier.MDY}, options.Order) {
		return options, earlier.Moment{}, usage(fmt.Sprintf("unknown --date-order %q", o.dateOrder), "--date-order dmy or mdy")
	}
	if o.heldOn == "" {
		return options, earlier.Moment{}, nil
	}
	heldOn, err := earlier.ParseMoment(o.heldOn, earlier.ISO)
	if err != nil {
		return options, heldOn, usage("--held-on: "+err.Error(), "--held-on 2024-05-01")
	}
	return options, heldOn, nil
}

func readImport(path string, o earlier.Options) (*importFile, error) {
	f, err := openInput("", path, input.Plain, "check the file's name")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, earlier.MaxFile+1))
	if err != nil {
		return nil, usage(fmt.Sprintf("read %q: %v", path, err), "name a file of earlier records")
	}
	read, err := earlier.Read(raw, o)
	if err != nil {
		return nil, usage(fmt.Sprintf("%q: %v", path, err), "lictrail import --help tells what a file must have; nothing was imported")
	}
	sum := sha256.Sum256(raw)
	return &importFile{ImportFile: store.ImportFile{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:])}, read: read}, nil
}

// openImport opens a history that is there: an import does not begin one.
func openImport(ctx context.Context, path string, dryRun bool) (*store.DB, error) {
	db, err := store.OpenReadOnly(ctx, path, migrations.Check)
	if err == nil && dryRun {
		return db, nil
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil && (dryRun || !errors.Is(err, migrations.ErrOlder)) {
		return nil, err
	}
	return store.OpenReadWrite(ctx, path, migrations.Apply)
}

// take imports what was judged fit, in one transaction.
func (f *importFile) take(ctx context.Context, db *store.DB) error {
	var records []earlier.Record
	for _, r := range f.rows {
		if r.verdict == verdictTaken {
			records = append(records, r.record)
		}
	}
	if len(records) == 0 {
		return nil
	}
	_, err := db.Import(ctx, f.ImportFile, records)
	return err
}

// importJudge matches lines with users and SKUs, and judges each record.
type importJudge struct {
	e      *env
	n      names
	heldOn earlier.Moment
	// separator joins several licenses in a cell; "" for the usual ones.
	separator string
	people    map[string]*importPerson
}

// importPerson is what history knows of somebody whom a file names.
type importPerson struct {
	*store.Person
	refused  string // why nobody is meant
	holdings map[snapshot.SKUID]*store.Holding
	runs     []*store.Run
	imported []store.ImportRow
}

func (j *importJudge) judge(ctx context.Context, db *store.DB, files []*importFile) error {
	book, err := ask.Of(ctx, db)
	if err != nil {
		return err
	}
	defer book.Close()
	j.n = names{book}
	for _, f := range files {
		for _, r := range f.read.Passed {
			f.rows = append(f.rows, &importRow{file: f.Name, line: r.Line, verdict: verdictPassed, reason: r.Reason})
		}
		for _, r := range f.read.Refused {
			f.rows = append(f.rows, &importRow{file: f.Name, line: r.Line, verdict: verdictRefused, reason: r.Reason})
		}
		for _, row := range f.read.Rows {
			if err := j.row(ctx, f, row); err != nil {
				return err
			}
		}
		slices.SortStableFunc(f.rows, func(a, b *importRow) int { return a.line - b.line })
	}
	return nil
}

// row judges one line, which may list several SKUs.
func (j *importJudge) row(ctx context.Context, f *importFile, row earlier.Row) error {
	base := importRow{file: f.Name, line: row.Line, verdict: verdictRefused, named: cmp.Or(row.UPN, string(row.ID))}
	person, err := j.person(ctx, row)
	if err != nil {
		return err
	}
	if base.reason = person.refused; base.reason == "" {
		base.person = person.Person
	}
	skus, err := earlier.SplitLicenses(row.Licenses, j.separator, func(word string) (snapshot.SKUID, error) { return j.skuOf(person, word) })
	if err != nil && base.reason == "" {
		base.reason = err.Error()
	}
	if base.reason != "" {
		f.rows = append(f.rows, &base)
		return nil
	}
	for i, sku := range skus {
		r := base
		r.record = earlier.Record{Line: row.Line, Entry: i + 1, User: person.ID, SKU: sku,
			Assigned: row.Assigned, Removed: row.Removed, Path: row.Path, Note: row.Note}
		if r.record.Assigned.IsZero() {
			r.record.Seen = j.heldOn
		}
		j.verdict(&r, person, f.SHA256)
		f.rows = append(f.rows, &r)
	}
	return nil
}

func (j *importJudge) verdict(r *importRow, p *importPerson, sha string) {
	if r.reason = earlier.Check(&r.record, j.e.now()); r.reason != "" {
		return
	}
	facts := earlier.Facts{}
	if p.CreatedAt != nil {
		facts.CreatedAt = *p.CreatedAt
	}
	holding := p.holdings[r.record.SKU]
	if holding != nil {
		facts.Stretches = holding.Stretches
		r.before = &holding.First
	}
	for _, run := range p.runs {
		facts.Runs = append(facts.Runs, earlier.Seen{At: run.ID, From: run.ObservedAt, Until: run.ObservedUntil,
			Held: holding != nil && holding.HeldAt(run.ID)})
	}
	if r.reason = earlier.Conflict(&r.record, facts); r.reason != "" {
		r.verdict = verdictConflict
		return
	}
	r.verdict = verdictTaken
	if slices.ContainsFunc(p.imported, func(i store.ImportRow) bool {
		return i.File.SHA256 == sha && i.Line == r.record.Line && i.Entry == r.record.Entry
	}) {
		r.verdict = verdictAlready
	}
	r.after = snapshot.HeldOn(r.record.Held().To, snapshot.BasisImport).On(fmt.Sprintf("%s line %d", r.file, r.line))
	if r.before != nil {
		r.after = snapshot.FirstDate(*r.before, r.after)
	}
	r.reason = r.effect()
}

// effect tells what a record that is taken changes.
func (r *importRow) effect() string {
	switch {
	case r.before == nil:
		return "not held since tracking began; kept for the history"
	case r.after.At.Before(r.before.At):
		return "first assigned " + show.LongDate(r.after) + " instead of " + show.LongDate(*r.before)
	}
	return "nothing earlier than what is known: first assigned " + show.LongDate(*r.before)
}

// skuOf finds the SKU that a word means for a person: a SKU of the tenant or, for
// one that it no longer had when tracking began, one of the catalog. Of several
// with one part number it is the one that the person is known to have held. Older
// exports put the tenant's name before it.
func (j *importJudge) skuOf(p *importPerson, word string) (snapshot.SKUID, error) {
	if _, after, ok := strings.Cut(word, ":"); ok {
		word = after
	}
	found := j.n.SKUsOf(word)
	for _, s := range j.n.Catalog.Formerly(word) { // some of these names were given away since
		if _, ok := j.n.History.PartNumbers()[s.ID]; ok {
			found = append(found, s.ID)
		}
	}
	if len(found) == 0 {
		for _, s := range append(j.n.Catalog.FindSKUs(word), j.n.Catalog.Formerly(word)...) {
			found = append(found, s.ID)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) > 1 {
		held := slices.DeleteFunc(slices.Clone(found), func(id snapshot.SKUID) bool { return p.holdings[id] == nil })
		if len(held) != 1 {
			return "", fmt.Errorf("%q is the name of several SKUs, and which of them the user held is not known: give its id, one of %s", word, ask.JoinIDs(found))
		}
		found = held
	}
	if len(found) == 0 {
		hint := ""
		if strings.ContainsAny(word, "/&") || strings.Contains(word, " and ") {
			hint = "; if it lists several, say with --separator what joins them"
		}
		return "", fmt.Errorf("no SKU %q is known%s", word, hint)
	}
	return found[0], nil
}

// person finds who is meant by a line, once for each way of naming them.
func (j *importJudge) person(ctx context.Context, row earlier.Row) (*importPerson, error) {
	if !ask.IsGUID(string(row.ID)) && row.UPN != "" {
		row.ID = "" // a number of the other tracker's own
	}
	key := string(row.ID) + "\x00" + strings.ToLower(row.UPN)
	if p := j.people[key]; p != nil {
		return p, nil
	}
	p := &importPerson{}
	found, err := j.n.History.FindUsers(ctx, cmp.Or(string(row.ID), row.UPN))
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		p.refused = fmt.Sprintf("no user %q in the history", cmp.Or(string(row.ID), row.UPN))
	case 1:
		p.Person = &found[0]
		err = j.know(ctx, p, found)
	default:
		p.refused = fmt.Sprintf("%d users have had the address %q: give the object id", len(found), row.UPN)
	}
	j.people[key] = p
	return p, err
}

// know loads what history knows of a user.
func (j *importJudge) know(ctx context.Context, p *importPerson, users []store.Person) error {
	p.holdings = map[snapshot.SKUID]*store.Holding{}
	for holding, err := range j.n.History.Holdings(ctx, store.Filter{Users: users}) {
		if err != nil {
			return err
		}
		p.holdings[holding.SKU] = holding
	}
	var err error
	if p.runs, err = j.n.History.Seen(ctx, *p.Person); err != nil {
		return err
	}
	p.imported, err = j.n.History.Imports(ctx, users)
	return err
}

// shownAlike is how many lines of one verdict and reason the text lists; JSON and CSV
// have all.
const shownAlike = 20

// print tells what became of every line: in text, of those that matter.
func (j *importJudge) print(ctx context.Context, db *store.DB, dryRun bool, files []*importFile) error {
	book, err := ask.Of(ctx, db) // names are read from it
	if err != nil {
		return err
	}
	defer book.Close()
	j.n = names{book}
	var rows []*importRow
	var taken, refused, all int64
	for _, f := range files {
		for _, r := range f.rows {
			switch r.verdict {
			case verdictPassed:
			case verdictTaken, verdictAlready:
				all++
				taken++
			default:
				all++
				refused++
			}
			if dryRun || j.e.format != "text" || r.verdict == verdictRefused || r.verdict == verdictConflict || r.verdict == verdictPassed {
				rows = append(rows, r)
			}
		}
	}
	var more []string
	if j.e.format == "text" {
		rows, more = fewAlike(rows)
	}
	if j.e.format != "text" || len(rows) > 0 {
		if err := j.listing().Print(j.e.printer(j.n), rowsOf(rows)); err != nil {
			return err
		}
	}
	for _, line := range more {
		if err := j.e.Printf("%s\n", line); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.summarize(j.e, dryRun); err != nil {
			return err
		}
	}
	if taken == 0 && !dryRun {
		return usage("nothing was taken", nothingTaken(refused))
	}
	if refused > 0 {
		return partly(refused, all, "record")
	}
	return nil
}

// nothingTaken says what to do about files of which nothing could be taken.
func nothingTaken(refused int64) string {
	if refused == 0 {
		return "none of the lines names a license; lictrail import --help tells which columns may"
	}
	return "the reason stands beside each line"
}

// valuesIn is what differs between reasons that are the same.
var valuesIn = regexp.MustCompile(`"[^"]*"|\d+`)

// fewAlike leaves out lines that are not taken for a reason that was shown often
// enough, and says of how many.
func fewAlike(rows []*importRow) (few []*importRow, more []string) {
	type kind struct{ verdict, reason string }
	seen, first := map[kind]int{}, map[kind]string{}
	var order []kind
	for _, r := range rows {
		k := kind{r.verdict, valuesIn.ReplaceAllString(r.reason, "")}
		if seen[k]++; seen[k] == 1 {
			first[k], order = r.reason, append(order, k)
		}
		if seen[k] <= shownAlike || r.verdict == verdictTaken || r.verdict == verdictAlready {
			few = append(few, r)
		}
	}
	for _, k := range order {
		if n := seen[k] - shownAlike; n > 0 && k.verdict != verdictTaken && k.verdict != verdictAlready {
			more = append(more, fmt.Sprintf("… and %s %s for the same reason, such as: %s (--format json lists all)", show.Plural(int64(n), "more line"), k.verdict, first[k]))
		}
	}
	return few, more
}

// rowsOf lists the elements of a slice as a command streams rows.
func rowsOf[T any](rows []T) seq[T] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// summarize counts the verdicts, on stderr where stdout is for programs.
func (f *importFile) summarize(e *env, dryRun bool) error {
	counts := map[string]int{}
	earlierDates := 0
	for _, r := range f.rows {
		counts[r.verdict]++
		if r.verdict == verdictTaken && r.before != nil && r.after.At.Before(r.before.At) {
			earlierDates++
		}
	}
	verb := "taken"
	if dryRun {
		verb = "would be taken"
	}
	line := fmt.Sprintf("%s: %s %s, of which %d move a first-assigned date; %d there already, %d refused, %d in conflict with what runs saw, %s without a license",
		f.Name, show.Plural(counts[verdictTaken], "record"), verb, earlierDates, counts[verdictAlready], counts[verdictRefused],
		counts[verdictConflict], show.Plural(f.read.Unlicensed, "line"))
	if e.format != "text" {
		e.Notef("%s", line)
		return nil
	}
	return e.Printf("%s\n", line)
}

type importJSON struct {
	File     string         `json:"file"`
	Line     int            `json:"line"`
	Verdict  string         `json:"verdict"`
	Reason   string         `json:"reason"`
	Named    *string        `json:"named"`
	User     *show.UserJSON `json:"user"`
	SKU      *show.SKUJSON  `json:"sku"`
	Assigned *string        `json:"assigned"`
	Seen     *string        `json:"seen"`
	Removed  *string        `json:"removed"`
	Path     *string        `json:"path"`
	Note     *string        `json:"note"`
	Before   *show.DateJSON `json:"first_assigned_before"`
	After    *show.DateJSON `json:"first_assigned"`
}

func (j *importJudge) json(r *importRow) importJSON {
	i := importJSON{File: r.file, Line: r.line, Verdict: r.verdict, Reason: r.reason, Named: show.OrNull(r.named),
		Assigned: show.OrNull(r.record.Assigned.String()), Seen: show.OrNull(r.record.Seen.String()), Removed: show.OrNull(r.record.Removed.String()),
		Path: show.OrNull(r.record.Path), Note: show.OrNull(r.record.Note)}
	if r.person != nil {
		u := show.User(&r.person.User)
		i.User = &u
	}
	if r.record.SKU != "" {
		s := show.SKU(j.n.Book, r.record.SKU)
		i.SKU = &s
	}
	if r.before != nil {
		d := show.Date(*r.before)
		i.Before = &d
	}
	if !r.after.At.IsZero() {
		d := show.Date(r.after)
		i.After = &d
	}
	return i
}

func (j *importJudge) listing() show.Listing[*importRow] {
	type row = *importRow
	word := func(m earlier.Moment) any { return show.OrNil(m.String()) }
	return show.Listing[row]{
		JSON: func(r row) any { return j.json(r) },
		None: "the files have no lines",
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "FILE", Min: 8}, CSV: "file", Text: func(r row) any { return r.file }},
			{Column: out.Column{Head: "LINE"}, CSV: "line", Text: func(r row) any { return r.line }},
			{Column: out.Column{Head: "VERDICT"}, CSV: "verdict", Text: func(r row) any { return verdictCell(r.verdict) }, Cell: func(r row) any { return r.verdict }},
			{Column: out.Column{Head: "USER", Min: 12, Rank: 2}, CSV: "named", Text: func(r row) any { return show.OrNil(r.named) }},
			{CSV: "user_id", Cell: func(r row) any { return string(r.record.User) }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.record.SKU) }},
			{Column: out.Column{Head: "SKU", Min: 8, Rank: 3}, CSV: "part_number", Text: func(r row) any {
				if r.record.SKU == "" {
					return nil
				}
				return j.n.ShortSKU(r.record.SKU)
			}, Cell: func(r row) any { return j.n.PlainSKU(r.record.SKU) }},
			{Column: out.Column{Head: "ASSIGNED"}, CSV: "assigned", Text: func(r row) any { return word(r.record.Held()) }},
			{Column: out.Column{Head: "REMOVED"}, CSV: "removed", Text: func(r row) any { return word(r.record.Removed) }},
			{CSV: "path", Cell: func(r row) any { return r.record.Path }},
			{CSV: "note", Cell: func(r row) any { return r.record.Note }},
			{Column: out.Column{Head: "WHY", Min: 20, Rank: 4, Wrap: true}, CSV: "reason", Text: func(r row) any { return r.reason }},
		},
	}
}

func verdictCell(verdict string) any {
	style := map[string]out.Style{verdictRefused: out.Yellow, verdictConflict: out.Red}[verdict]
	return out.Cell{Value: verdict, Style: style}
}
