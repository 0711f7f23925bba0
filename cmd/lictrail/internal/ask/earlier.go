package ask

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/store"
)

// What became of a record.
const (
	VerdictTaken    = "taken"
	VerdictAlready  = "already" // an earlier import of the same file took it
	VerdictRefused  = "refused"
	VerdictConflict = "conflict"
	VerdictPassed   = "passed-over" // it is no record
)

// EarlierRow is a record, or a line that was refused, and what became of it.
type EarlierRow struct {
	File    string
	Line    int
	Verdict string
	Reason  string // why it is refused; "" for what is taken
	Named   string // the user as the file has them
	Person  *store.Person
	Record  earlier.Record
	Before  *snapshot.Date // first assigned, as known without the record; nil when never held
	After   snapshot.Date
}

// EarlierFile is a file with what becomes of its lines.
type EarlierFile struct {
	store.ImportFile
	Read *earlier.File
	Rows []*EarlierRow
}

// EarlierJudge matches lines with users and SKUs, and judges each record.
type EarlierJudge struct {
	n      *Book
	Now    time.Time
	HeldOn earlier.Moment
	// separator joins several licenses in a cell; "" for the usual ones.
	Separator string
	People    map[string]*ImportPerson
}

// ImportPerson is what history knows of somebody whom a file names.
type ImportPerson struct {
	*store.Person
	refused  string // why nobody is meant
	holdings map[snapshot.SKUID]*store.Holding
	runs     []*store.Run
	imported []store.ImportRow
}

func (j *EarlierJudge) Judge(ctx context.Context, db *store.DB, files []*EarlierFile) error {
	book, err := Of(ctx, db)
	if err != nil {
		return err
	}
	defer book.Close()
	j.n = book
	for _, f := range files {
		for _, r := range f.Read.Passed {
			f.Rows = append(f.Rows, &EarlierRow{File: f.Name, Line: r.Line, Verdict: VerdictPassed, Reason: r.Reason})
		}
		for _, r := range f.Read.Refused {
			f.Rows = append(f.Rows, &EarlierRow{File: f.Name, Line: r.Line, Verdict: VerdictRefused, Reason: r.Reason})
		}
		for _, row := range f.Read.Rows {
			if err := j.row(ctx, f, row); err != nil {
				return err
			}
		}
		slices.SortStableFunc(f.Rows, func(a, b *EarlierRow) int { return a.Line - b.Line })
	}
	return nil
}

// row judges one line, which may list several SKUs.
func (j *EarlierJudge) row(ctx context.Context, f *EarlierFile, row earlier.Row) error {
	base := EarlierRow{File: f.Name, Line: row.Line, Verdict: VerdictRefused, Named: cmp.Or(row.UPN, string(row.ID))}
	person, err := j.person(ctx, row)
	if err != nil {
		return err
	}
	if base.Reason = person.refused; base.Reason == "" {
		base.Person = person.Person
	}
	skus, err := earlier.SplitLicenses(row.Licenses, j.Separator, func(word string) (snapshot.SKUID, error) { return j.skuOf(person, word) })
	if err != nil && base.Reason == "" {
		base.Reason = err.Error()
	}
	if base.Reason != "" {
		f.Rows = append(f.Rows, &base)
		return nil
	}
	for i, sku := range skus {
		r := base
		r.Record = earlier.Record{Line: row.Line, Entry: i + 1, User: person.ID, SKU: sku,
			Assigned: row.Assigned, Removed: row.Removed, Path: row.Path, Note: row.Note}
		if r.Record.Assigned.IsZero() {
			r.Record.Seen = j.HeldOn
		}
		j.verdict(&r, person, f.SHA256)
		f.Rows = append(f.Rows, &r)
	}
	return nil
}

func (j *EarlierJudge) verdict(r *EarlierRow, p *ImportPerson, sha string) {
	if r.Reason = earlier.Check(&r.Record, j.Now); r.Reason != "" {
		return
	}
	facts := earlier.Facts{}
	if p.CreatedAt != nil {
		facts.CreatedAt = *p.CreatedAt
	}
	holding := p.holdings[r.Record.SKU]
	if holding != nil {
		facts.Stretches = holding.Stretches
		r.Before = &holding.First
	}
	for _, run := range p.runs {
		facts.Runs = append(facts.Runs, earlier.Seen{At: run.ID, From: run.ObservedAt, Until: run.ObservedUntil,
			Held: holding != nil && holding.HeldAt(run.ID)})
	}
	if r.Reason = earlier.Conflict(&r.Record, facts); r.Reason != "" {
		r.Verdict = VerdictConflict
		return
	}
	r.Verdict = VerdictTaken
	if slices.ContainsFunc(p.imported, func(i store.ImportRow) bool {
		return i.File.SHA256 == sha && i.Line == r.Record.Line && i.Entry == r.Record.Entry
	}) {
		r.Verdict = VerdictAlready
	}
	r.After = snapshot.HeldOn(r.Record.Held().To, snapshot.BasisImport).On(fmt.Sprintf("%s line %d", r.File, r.Line))
	if r.Before != nil {
		r.After = snapshot.FirstDate(*r.Before, r.After)
	}
}

// skuOf finds the SKU that a word means for a person: a SKU of the tenant or, for
// one that it no longer had when tracking began, one of the catalog. Of several
// with one part number it is the one that the person is known to have held. Older
// exports put the tenant's name before it.
func (j *EarlierJudge) skuOf(p *ImportPerson, word string) (snapshot.SKUID, error) {
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
			return "", fmt.Errorf("%q is the name of several SKUs, and which of them the user held is not known: give its id, one of %s", word, JoinIDs(found))
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
func (j *EarlierJudge) person(ctx context.Context, row earlier.Row) (*ImportPerson, error) {
	if !IsGUID(string(row.ID)) && row.UPN != "" {
		row.ID = "" // a number of the other tracker's own
	}
	key := string(row.ID) + "\x00" + strings.ToLower(row.UPN)
	if p := j.People[key]; p != nil {
		return p, nil
	}
	p := &ImportPerson{}
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
	j.People[key] = p
	return p, err
}

// know loads what history knows of a user.
func (j *EarlierJudge) know(ctx context.Context, p *ImportPerson, users []store.Person) error {
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

// CountEarlier counts the records that are taken, or there already, and those that
// are not.
func CountEarlier(files []*EarlierFile) (taken, refused int64) {
	for _, f := range files {
		for _, r := range f.Rows {
			switch r.Verdict {
			case VerdictPassed:
			case VerdictTaken, VerdictAlready:
				taken++
			default:
				refused++
			}
		}
	}
	return taken, refused
}
