package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
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
		Short: "Import the records of an earlier license tracker",
		Long: `Imports records of an earlier tracker from CSV files with one line per user and
license. Columns are found by their names, in any order. It reads
  the user      User principal name, UPN, Email; Object Id, User Id
  the license   SKU, SKU id, License, Licenses, Product
  since when    Assigned, Assigned date, LicensedAsOf, Since
  until when    Removed, DelicensedAsOf, Until
  Path, Note    kept as they are
and ignores other columns. A cell may list several licenses, separated by
+ ; , or |, or by the text that --separator gives. Files are UTF-8 or UTF-16,
with commas, semicolons, tabs or bars between cells; a #TYPE line, a line such
as sep=; and titles may come before the names of the columns. Skipped lines are
listed.

Such a record cannot be verified: its date counts as "on or before", labelled
import, and can only move a first-assigned date to an earlier time, never to a
later one. Lines that cannot be correct, or that contradict the runs, are
refused one by one with the reason. The others are imported, and the exit code
is then 1. Each file is imported as a whole, and importing a file twice has no
effect.`,
		Example: `  lictrail import tracker.csv --dry-run
  lictrail import tracker.csv --date-order dmy
  lictrail import users_2024-05-01.csv --held-on 2024-05-01
  lictrail import e5-since.csv --sku SPE_E5 --format json`,
		Args: argsBetween(1, -1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runImport(cmd.Context(), e, o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be imported and what not, and change nothing")
	f.StringVar(&o.dateOrder, "date-order", "", "the `order` of dates such as 03/04/2019: dmy or mdy")
	f.StringVar(&o.heldOn, "held-on", "", "the `day` of a list of licenses that has no dates")
	f.StringVar(&o.sku, "sku", "", "the `SKU` of a file without a column for it")
	f.StringVar(&o.separator, "separator", "", "the `text` that joins several licenses in a cell, where it is none of + ; , |")
	return cmd
}

func runImport(ctx context.Context, e *env, o importOptions, paths []string) error {
	options, heldOn, err := o.check()
	if err != nil {
		return err
	}
	var files []*ask.EarlierFile
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
	book, err := ask.Of(ctx, db)
	if err != nil {
		return err
	}
	defer book.Close()
	book.PartNumbers = e.partNumbers
	j := &ask.EarlierJudge{Book: book, Now: e.now(), HeldOn: heldOn, Separator: o.separator}
	if !o.dryRun {
		for _, f := range files {
			if _, err := db.Import(ctx, f.ImportFile, j.Taken(ctx, f)); err != nil {
				return err
			}
		}
	}
	return reportEarlier(ctx, e, j, o.dryRun, files)
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

func readImport(path string, o earlier.Options) (*ask.EarlierFile, error) {
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
		return nil, usage(fmt.Sprintf("%q: %v", path, err), "lictrail import --help says what a file must have; nothing was imported")
	}
	sum := sha256.Sum256(raw)
	return &ask.EarlierFile{ImportFile: store.ImportFile{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:])}, Read: read}, nil
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

// reportEarlier prints what became of every line, and fails where not all was taken.
func reportEarlier(ctx context.Context, e *env, j *ask.EarlierJudge, dryRun bool, files []*ask.EarlierFile) error {
	if err := show.Earlier(ctx, e.printer(j.Book), j, files, dryRun); err != nil {
		return err
	}
	var taken, refused int64
	for _, f := range files {
		taken += int64(f.Sum.Taken())
		refused += int64(f.Sum.Refused())
	}
	if taken == 0 && !dryRun {
		return usage("nothing was taken", nothingTaken(refused))
	}
	if refused > 0 {
		return partly(refused, taken+refused, "record")
	}
	return nil
}

// nothingTaken says what to do about files of which nothing could be taken.
func nothingTaken(refused int64) string {
	if refused == 0 {
		return "none of the lines names a license; lictrail import --help says which columns may"
	}
	return "the reason stands beside each line"
}
