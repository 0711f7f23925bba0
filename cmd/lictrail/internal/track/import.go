package track

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"lictrail/diff/audit"
	"lictrail/diff/audit/exports"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// ExportFile is a file of audit records to be taken into the archive.
type ExportFile struct {
	store.AuditFile
	Records iter.Seq2[*exports.Record, error]
}

// ImportOptions say how files are taken in.
type ImportOptions struct {
	DryRun bool // find out what would be taken, and change nothing
	// Whole is a stretch of time of which, on the user's word, the files have all
	// records about licenses, users and groups; zero for none.
	Whole snapshot.Window
	// PassedOver is how many files that may be exports were not read: whatever the
	// user says, the others may not have all records then.
	PassedOver int
	Now        time.Time
	Progress   func(records int) // called with how many more records were read; may be nil
}

// Imported is what became of a file's records.
type Imported struct {
	store.AuditFile
	Records                  int64
	Taken, Already, Repeated int64                    // of those that belong in the archive
	Fuller                   int64                    // of those taken: they say more than a copy that was there
	Kinds                    map[RecordKind]int64     // of those, each once
	Sources                  map[snapshot.Source]bool // of all records that were read
	Ignored                  map[string]int64         // why → how many
	Refused                  map[string]int64
	Refusals                 []Refusal // the first of them
	From, To                 time.Time // of those that belong in the archive
	// Lost is when the records were that were refused or cut off, of which the
	// file says less than all. Undated is how many of them may be of any time.
	Lost    []snapshot.Window
	Undated int64

	alike map[string]string // a reason less its values → the words under which it is counted
}

// RecordKind is what a record is about, and from which log it is.
type RecordKind struct {
	Source   snapshot.Source
	Activity string
}

// Refusal is a record that was of no use, and why.
type Refusal struct {
	Line   int
	Reason string
}

// MaxRefusals bounds how many refused records are listed; all are counted.
const MaxRefusals = 1000

// ErrFile says that a file could not be read to its end.
var ErrFile = errors.New("read on")

// directory is how the unified log calls the service whose records are about
// licenses, users and groups; others have activities of the same names.
const directory = "AzureActiveDirectory"

// earliestLog is when Office 365 began: an earlier record has a wrong time.
var earliestLog = time.Date(2011, 6, 28, 0, 0, 0, 0, time.UTC)

// maxReasons bounds how many reasons are counted separately.
const maxReasons = 50

// Import takes the records of files into the archive, all or none. It reads them
// as a stream.
func Import(ctx context.Context, db *store.DB, files []ExportFile, o ImportOptions) ([]*Imported, error) {
	i := &importer{o: o}
	if err := i.prepare(ctx, db); err != nil {
		return nil, err
	}
	archive, err := db.Archive(ctx, o.DryRun, audit.Fuller)
	if err != nil {
		return nil, err
	}
	defer archive.Close() //nolint:errcheck // after Commit it does nothing
	i.archive = archive
	var all []*Imported
	for _, f := range files {
		done, err := i.file(ctx, &f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Title(), err)
		}
		all = append(all, done)
	}
	for n, f := range files {
		archive.From(&f.AuditFile)
		if err := i.cover(all[n], all); err != nil {
			return nil, err
		}
	}
	if err := archive.Commit(); err != nil || o.DryRun {
		return all, err
	}
	return all, db.IndexRecords(ctx, callRule)
}

// SpanOf is the time of the records that belong in the archive, together with a time
// of which the files have all records; known is false where there is neither.
func SpanOf(all []*Imported, whole snapshot.Window) (from, to time.Time, known bool) {
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

type importer struct {
	o       ImportOptions
	archive *store.Archive
	tenant  snapshot.TenantID
	groups  map[snapshot.GroupID]bool
	changed map[snapshot.UserID]bool
}

// prepare learns what of the records is about licenses, by what history knows.
func (i *importer) prepare(ctx context.Context, db *store.DB) error {
	h, err := db.History(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	i.tenant = h.Tenant.ID
	if i.groups, err = h.EverLicensed(ctx); err != nil {
		return err
	}
	i.changed, err = h.ChangedUsers(ctx)
	return err
}

// file takes one file.
func (i *importer) file(ctx context.Context, f *ExportFile) (*Imported, error) {
	done := &Imported{AuditFile: f.AuditFile, Kinds: map[RecordKind]int64{}, Sources: map[snapshot.Source]bool{}, Ignored: map[string]int64{}, Refused: map[string]int64{}}
	i.archive.From(&f.AuditFile)
	const often = 1000
	for r, err := range f.Records {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		if err := i.record(r, done); err != nil {
			return nil, err
		}
		if done.Records++; done.Records%often != 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if i.o.Progress != nil {
			i.o.Progress(often)
		}
	}
	if i.o.Progress != nil {
		i.o.Progress(int(done.Records % often))
	}
	return done, nil
}

// record takes one record, or notes why not.
func (i *importer) record(r *exports.Record, done *Imported) error {
	if r.Refused != "" {
		done.refuse(r, r.Refused)
		return nil
	}
	if r.Tenant != "" && r.Tenant != i.tenant {
		done.refuse(r, "of another tenant, "+string(r.Tenant))
		return nil
	}
	done.Sources[r.Source] = true
	activity := audit.Normalize(r.Activity)
	if activity == "" {
		done.refuse(r, "it does not say what was done")
		return nil
	}
	if !concerned[activity] || r.Workload != "" && !strings.EqualFold(r.Workload, directory) {
		count(done.Ignored, otherActivity)
		return nil
	}
	record, err := audit.Read(r.Source, r.Raw)
	if err != nil {
		done.refuse(r, reasonOf(err))
		return nil
	}
	e, err := record.Event()
	if err != nil {
		done.refuse(r, reasonOf(err))
		return nil
	}
	if why := i.wrongTime(record.At); why != "" {
		done.refuse(&exports.Record{Line: r.Line, Refused: why}, why) // it may be of any time
		return nil
	}
	if why := whyIgnored(&e, i.groups, i.changed); why != "" {
		count(done.Ignored, why)
		return nil
	}
	if why := record.Doubt(); why != "" {
		done.refuse(r, why)
		return nil
	}
	if record.IsCut() {
		done.lose(r)
	}
	took, err := i.archive.Add(&record.RawEvent, r.Line)
	if err != nil {
		return err
	}
	done.count(&e, took)
	return nil
}

// wrongTime says why a record cannot be of its time; "" when it can.
func (i *importer) wrongTime(at time.Time) string {
	switch {
	case at.After(i.o.Now.Add(contextSpan)):
		return "its time is in the future"
	case at.Before(earliestLog):
		return "its time is before there was such a log"
	}
	return ""
}

func (d *Imported) count(e *snapshot.Event, took store.Archival) {
	switch took {
	case store.ArchivedNew:
		d.Taken++
	case store.ArchivedFuller:
		d.Taken++
		d.Fuller++
	case store.KnownBefore:
		d.Already++
	default:
		d.Repeated++
		return
	}
	d.Kinds[RecordKind{e.Source, string(e.Activity)}]++
	if d.From.IsZero() || e.At.Before(d.From) {
		d.From = e.At
	}
	d.To = latest(d.To, e.At)
}

func (d *Imported) refuse(r *exports.Record, reason string) {
	count(d.Refused, d.reasonKey(reason))
	if len(d.Refusals) < MaxRefusals {
		d.Refusals = append(d.Refusals, Refusal{r.Line, reason})
	}
	d.lose(r)
}

// values matches the parts in which reasons of one kind may differ.
var values = regexp.MustCompile(`"[^"]*"|\d+`)

// reasonKey returns the text under which a reason is counted: that of the first reason
// that differs from it only in the values that it names.
func (d *Imported) reasonKey(reason string) string {
	const others = " (and others like it)"
	if d.alike == nil {
		d.alike = map[string]string{}
	}
	kind := values.ReplaceAllString(reason, "")
	words, known := d.alike[kind]
	switch {
	case !known:
		words = reason
	case words != reason && !strings.HasSuffix(words, others):
		d.Refused[words+others] = d.Refused[words]
		delete(d.Refused, words)
		words += others
	}
	d.alike[kind] = words
	return words
}

// lose notes that the file does not say all that happened at the record's time.
func (d *Imported) lose(r *exports.Record) {
	w := r.Time()
	if w.NotAfter.IsZero() {
		d.Undated++
		return
	}
	if d.Lost = append(d.Lost, w); len(d.Lost) > 2*maxLost {
		d.Lost = lost(d.Lost)
	}
}

// maxLost bounds how many stretches of time a file may be said to lack.
const maxLost = 100

// lost joins stretches of time, sorted: to the minute or, where those are too
// many, to the hour, the day or the month.
func lost(stretches []snapshot.Window) (joined []snapshot.Window) {
	const day = 24 * time.Hour
	for _, unit := range []time.Duration{time.Minute, time.Hour, day, 30 * day} {
		if joined = joinTo(unit, stretches); len(joined) <= maxLost {
			break
		}
	}
	return joined
}

// joinTo widens stretches of time to whole units, and joins those that meet.
func joinTo(unit time.Duration, stretches []snapshot.Window) []snapshot.Window {
	stretches = slices.Clone(stretches)
	slices.SortFunc(stretches, func(a, b snapshot.Window) int { return a.NotBefore.Compare(b.NotBefore) })
	var joined []snapshot.Window
	for _, w := range stretches {
		w = snapshot.Window{NotBefore: w.NotBefore.Truncate(unit), NotAfter: w.NotAfter.Truncate(unit).Add(unit)}
		if last := len(joined) - 1; last >= 0 && !w.NotBefore.After(joined[last].NotAfter) {
			joined[last].NotAfter = latest(joined[last].NotAfter, w.NotAfter)
			continue
		}
		joined = append(joined, w)
	}
	return joined
}

func count(reasons map[string]int64, reason string) {
	if _, known := reasons[reason]; !known && len(reasons) >= maxReasons {
		reason = "other reasons"
	}
	reasons[reason]++
}

// reasonOf leaves out of an error what the line says as well.
func reasonOf(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}

// cover records of which time the file had records that were new. Whether it has
// all of them only its user can know, who says it of all files together: it holds
// but for the time of records that any of them lost.
func (i *importer) cover(done *Imported, all []*Imported) error {
	for _, source := range slices.Sorted(maps.Keys(done.Sources)) {
		for _, c := range i.claims(source, done, all) {
			if err := i.archive.Cover(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// claims are the stretches of time that a file covers, and those that it does not
// and why.
func (i *importer) claims(source snapshot.Source, done *Imported, all []*Imported) []snapshot.Coverage {
	whole := i.o.Whole
	switch {
	case !AnyUsable(all):
		return nil
	case whole.NotAfter.IsZero():
		if done.Taken == 0 {
			return nil
		}
		return []snapshot.Coverage{{Source: source, From: done.From, To: done.To, Events: done.Taken,
			Why: fmt.Sprintf("imported from %s; whether it has all records of the time is not known", done.Name)}}
	}
	gone, undated := Lost(all)
	switch {
	case i.o.PassedOver > 0:
		return []snapshot.Coverage{{Source: source, From: whole.NotBefore, To: whole.NotAfter, Events: done.Taken,
			Why: fmt.Sprintf("imported, but not all files of the folder were exports that could be read (%d)", i.o.PassedOver)}}
	case undated > 0:
		return []snapshot.Coverage{{Source: source, From: whole.NotBefore, To: whole.NotAfter, Events: done.Taken,
			Why: fmt.Sprintf("imported, but the time of refused or cut-off records is not known (%d)", undated)}}
	}
	var claims []snapshot.Coverage
	for _, w := range snapshot.Except(whole, gone) {
		claims = append(claims, snapshot.Coverage{Source: source, From: w.NotBefore, To: w.NotAfter, Complete: true})
	}
	for _, w := range gone {
		w = snapshot.Window{NotBefore: latest(w.NotBefore, whole.NotBefore), NotAfter: earliest(w.NotAfter, whole.NotAfter)}
		if w.NotBefore.Before(w.NotAfter) {
			claims = append(claims, snapshot.Coverage{Source: source, From: w.NotBefore, To: w.NotAfter,
				Why: "imported, but records of this time were refused or cut off"})
		}
	}
	if len(claims) > 0 {
		claims[0].Events = done.Taken
	}
	return claims
}

// AnyUsable reports whether files have a record that was not refused.
func AnyUsable(all []*Imported) bool {
	return slices.ContainsFunc(all, func(f *Imported) bool {
		var refused int64
		for _, n := range f.Refused {
			refused += n
		}
		return refused < f.Records
	})
}

// Lost joins the stretches of time that files lack, and counts the records that
// may be of any.
func Lost(all []*Imported) (stretches []snapshot.Window, undated int64) {
	for _, f := range all {
		stretches = append(stretches, f.Lost...)
		undated += f.Undated
	}
	return lost(stretches), undated
}
