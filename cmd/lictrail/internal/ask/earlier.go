package ask

import (
	"cmp"
	"context"
	"fmt"
	"iter"
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

// EarlierFile is a file of records that another tracker kept.
type EarlierFile struct {
	store.ImportFile
	Read *earlier.File
	Sum  EarlierSum // set each time that all of its lines have been judged
}

// EarlierSum counts the lines of a file.
type EarlierSum struct {
	Verdicts map[string]int
	Moved    int // records that are taken and make a first-assigned date earlier
}

// Taken is how many records are in the history, from this import or an earlier one.
func (s *EarlierSum) Taken() int { return s.Verdicts[VerdictTaken] + s.Verdicts[VerdictAlready] }

// Refused is how many records are not.
func (s *EarlierSum) Refused() int { return s.Verdicts[VerdictRefused] + s.Verdicts[VerdictConflict] }

func (s *EarlierSum) add(r *EarlierRow) {
	s.Verdicts[r.Verdict]++
	if r.Verdict == VerdictTaken && r.Moves() {
		s.Moved++
	}
}

// Moves says whether the first-assigned date is earlier with the record.
func (r *EarlierRow) Moves() bool { return r.Before != nil && r.After.At.Before(r.Before.At) }

// EarlierJudge matches lines with users and SKUs, and judges each record by the history
// of its book, which stays as it was before the import.
type EarlierJudge struct {
	Book   *Book
	Now    time.Time
	HeldOn earlier.Moment
	// Separator joins several licenses in a cell; "" for the usual ones.
	Separator string
	people    map[string]*importPerson // of the lines that are judged, by reference
}

// importPerson is what history knows of somebody whom a file names.
type importPerson struct {
	*store.Person
	refused  string // why nobody is meant
	holdings map[snapshot.SKUID]*store.Holding
	runs     []*store.Run
	imported []store.ImportRow
}

// Rows lists what becomes of each line of a file, in the order of lines. It judges some
// lines at a time and keeps none, so that memory does not grow with the verdicts.
func (j *EarlierJudge) Rows(ctx context.Context, f *EarlierFile) iter.Seq2[*EarlierRow, error] {
	return func(yield func(*EarlierRow, error) bool) {
		sum := EarlierSum{Verdicts: map[string]int{}}
		for lines := range chunks(f.Read.Lines(), linesAtOnce) {
			if err := j.meet(ctx, lines); err != nil {
				yield(nil, err)
				return
			}
			for _, line := range lines {
				for _, r := range j.judge(f, line) {
					if sum.add(r); !yield(r, nil) {
						return
					}
				}
			}
		}
		f.Sum = sum
	}
}

// Taken lists the records of a file that are to be imported.
func (j *EarlierJudge) Taken(ctx context.Context, f *EarlierFile) iter.Seq2[*earlier.Record, error] {
	return func(yield func(*earlier.Record, error) bool) {
		for r, err := range j.Rows(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if r.Verdict == VerdictTaken && !yield(&r.Record, nil) {
				return
			}
		}
	}
}

// judge judges one line, which may list several SKUs.
func (j *EarlierJudge) judge(f *EarlierFile, row *earlier.Line) []*EarlierRow {
	base := EarlierRow{File: f.Name, Line: row.Line, Verdict: VerdictRefused, Reason: row.Reason, Named: cmp.Or(row.UPN, string(row.ID))}
	if row.Reason != "" {
		if row.NoRecord {
			base.Verdict = VerdictPassed
		}
		return []*EarlierRow{&base}
	}
	person := j.people[strings.ToLower(reference(row))]
	if base.Reason = person.refused; base.Reason == "" {
		base.Person = person.Person
	}
	skus, err := earlier.SplitLicenses(row.Licenses, j.Separator, func(word string) (snapshot.SKUID, error) { return j.skuOf(person, word) })
	if err != nil && base.Reason == "" {
		base.Reason = err.Error()
	}
	if base.Reason != "" {
		return []*EarlierRow{&base}
	}
	var judged []*EarlierRow
	for i, sku := range skus {
		r := base
		r.Record = earlier.Record{Line: row.Line, Entry: i + 1, User: person.ID, SKU: sku,
			Assigned: row.Assigned, Removed: row.Removed, Path: row.Path, Note: row.Note}
		if r.Record.Assigned.IsZero() {
			r.Record.Seen = j.HeldOn
		}
		j.verdict(&r, person, f.SHA256)
		judged = append(judged, &r)
	}
	return judged
}

func (j *EarlierJudge) verdict(r *EarlierRow, p *importPerson, sha string) {
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
		first := holding.First // the holding itself is not kept
		r.Before = &first
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
func (j *EarlierJudge) skuOf(p *importPerson, word string) (snapshot.SKUID, error) {
	if _, after, ok := strings.Cut(word, ":"); ok {
		word = after
	}
	found := j.Book.SKUsOf(word)
	for _, s := range j.Book.Catalog.Formerly(word) { // some of these names were given away since
		if _, ok := j.Book.History.PartNumbers()[s.ID]; ok {
			found = append(found, s.ID)
		}
	}
	if len(found) == 0 {
		for _, s := range append(j.Book.Catalog.FindSKUs(word), j.Book.Catalog.Formerly(word)...) {
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

// linesAtOnce is how many lines are matched with users at a time: one query for each line
// would be slow, and one for all lines would need much memory.
const linesAtOnce = 500

// reference is how a line names its user.
func reference(row *earlier.Line) string {
	if !IsGUID(string(row.ID)) && row.UPN != "" {
		return row.UPN // the other is a number of the other tracker's own
	}
	return cmp.Or(string(row.ID), row.UPN)
}

// meet looks up the users that some lines name, and what the history has of them.
func (j *EarlierJudge) meet(ctx context.Context, rows []*earlier.Line) error {
	j.people = map[string]*importPerson{}
	var refs []string
	for _, row := range rows {
		if row.Reason != "" {
			continue
		}
		key := strings.ToLower(reference(row))
		if j.people[key] == nil {
			j.people[key], refs = &importPerson{holdings: map[snapshot.SKUID]*store.Holding{}}, append(refs, reference(row))
		}
	}
	found, err := j.Book.History.FindEachUser(ctx, refs)
	if err != nil {
		return err
	}
	var users []store.Person
	byRow, known := map[int64][]*importPerson{}, map[int64]bool{}
	for i, ref := range refs {
		p := j.people[strings.ToLower(ref)]
		switch len(found[i]) {
		case 0:
			p.refused = fmt.Sprintf("no user %q in the history", ref)
		case 1:
			p.Person = &found[i][0]
			if !known[p.Row] {
				users = append(users, *p.Person)
			}
			byRow[p.Row], known[p.Row] = append(byRow[p.Row], p), true
		default:
			p.refused = fmt.Sprintf("%d users have had the address %q: give the object id", len(found[i]), ref)
		}
	}
	if len(users) == 0 {
		return nil
	}
	return j.know(ctx, users, byRow)
}

// know loads the history of users.
func (j *EarlierJudge) know(ctx context.Context, users []store.Person, byRow map[int64][]*importPerson) error {
	for holding, err := range j.Book.History.Holdings(ctx, store.Filter{Users: users}) {
		if err != nil {
			return err
		}
		for _, p := range byRow[holding.Person.Row] {
			p.holdings[holding.SKU] = holding
		}
	}
	known := make(map[int64]bool, len(users))
	byID := make(map[snapshot.UserID][]*importPerson, len(users))
	for _, u := range users {
		known[u.Row], byID[u.ID] = true, byRow[u.Row]
	}
	seen, err := j.Book.History.SeenEach(ctx, known)
	if err != nil {
		return err
	}
	for row, runs := range seen {
		for _, p := range byRow[row] {
			p.runs = runs
		}
	}
	imports, err := j.Book.History.Imports(ctx, users)
	for _, i := range imports {
		for _, p := range byID[i.User] {
			p.imported = append(p.imported, i)
		}
	}
	return err
}
