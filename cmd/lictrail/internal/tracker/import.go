package tracker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
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
	Whole    snapshot.Window
	Now      time.Time
	Progress func(records int) // told how many more records were read; nil for nobody
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

// directory is how the unified log calls the service whose records are about
// licenses, users and groups; others have activities of the same names.
const directory = "AzureActiveDirectory"

// earliestLog is when Office 365 began: an earlier record has a wrong time.
var earliestLog = time.Date(2011, 6, 28, 0, 0, 0, 0, time.UTC)

// maxReasons bounds how many reasons are told apart.
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
		done, err := i.file(&f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Title(), err)
		}
		all = append(all, done)
	}
	return all, archive.Commit()
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
func (i *importer) file(f *ExportFile) (*Imported, error) {
	done := &Imported{AuditFile: f.AuditFile, Kinds: map[RecordKind]int64{}, Sources: map[snapshot.Source]bool{}, Ignored: map[string]int64{}, Refused: map[string]int64{}}
	i.archive.From(&f.AuditFile)
	const often = 1000
	for r, err := range f.Records {
		if err != nil {
			return nil, err
		}
		if err := i.record(r, done); err != nil {
			return nil, err
		}
		if done.Records++; i.o.Progress != nil && done.Records%often == 0 {
			i.o.Progress(often)
		}
	}
	if i.o.Progress != nil {
		i.o.Progress(int(done.Records % often))
	}
	return done, i.cover(done)
}

// record takes one record, or notes why not.
func (i *importer) record(r *exports.Record, done *Imported) error {
	if r.Refused != "" {
		done.refuse(r.Line, r.Refused)
		return nil
	}
	if r.Tenant != "" && r.Tenant != i.tenant {
		done.refuse(r.Line, "of another tenant, "+string(r.Tenant))
		return nil
	}
	done.Sources[r.Source] = true
	if activity := audit.Normalize(r.Activity); !concerned[activity] || r.Workload != "" && !strings.EqualFold(r.Workload, directory) {
		count(done.Ignored, otherActivity)
		return nil
	}
	record, err := audit.Read(r.Source, r.Raw)
	if err != nil {
		done.refuse(r.Line, reasonOf(err))
		return nil
	}
	e, err := record.Event()
	if err != nil {
		done.refuse(r.Line, reasonOf(err))
		return nil
	}
	if record.At.After(i.o.Now.Add(contextSpan)) {
		done.refuse(r.Line, "its time is in the future")
		return nil
	}
	if record.At.Before(earliestLog) {
		done.refuse(r.Line, "its time is before there was such a log")
		return nil
	}
	if why := whyIgnored(&e, i.groups, i.changed); why != "" {
		count(done.Ignored, why)
		return nil
	}
	took, err := i.archive.Add(&record.RawEvent, r.Line)
	if err != nil {
		return err
	}
	done.take(&e, took)
	return nil
}

func (d *Imported) take(e *snapshot.Event, took store.Took) {
	switch took {
	case store.Taken:
		d.Taken++
	case store.TakenFuller:
		d.Taken++
		d.Fuller++
	case store.Already:
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

func (d *Imported) refuse(line int, reason string) {
	count(d.Refused, reason)
	if len(d.Refusals) < MaxRefusals {
		d.Refusals = append(d.Refusals, Refusal{line, reason})
	}
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
// all of them only its user can know.
func (i *importer) cover(done *Imported) error {
	whole := i.o.Whole
	for _, source := range slices.Sorted(maps.Keys(done.Sources)) {
		c := snapshot.Coverage{Source: source, From: done.From, To: done.To, Events: done.Taken,
			Why: fmt.Sprintf("imported from %s; whether it has all records of the time is not known", done.Name)}
		switch {
		case !whole.NotAfter.IsZero():
			c.From, c.To, c.Complete, c.Why = whole.NotBefore, whole.NotAfter, true, ""
		case done.Taken == 0:
			continue
		}
		if err := i.archive.Cover(c); err != nil {
			return err
		}
	}
	return nil
}
