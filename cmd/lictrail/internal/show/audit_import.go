package show

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/snapshot"
)

// Reasons lists reasons by how often each was given.
func Reasons(counts map[string]int64) []string {
	var list []string
	for _, c := range Counted(counts) {
		list = append(list, fmt.Sprintf("%d %s", c.Count, c.Reason))
	}
	return list
}

type countJSON struct {
	Count  int64  `json:"count"`
	Reason string `json:"reason"`
}

func Counted(counts map[string]int64) []countJSON {
	list := []countJSON{}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, countJSON{counts[reason], reason})
	}
	slices.SortStableFunc(list, func(a, b countJSON) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

type AuditImportJSON struct {
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

type EffectJSON struct {
	FirstAssigned int `json:"first_assigned"`
	Before        int `json:"changes_before_tracking"`
	Unseen        int `json:"changes_unseen"`
	Corrections   int `json:"corrections"`
}

func importedJSON(f *track.Imported) AuditImportJSON {
	j := AuditImportJSON{File: f.Name, Member: OrNull(f.Member), SHA256: f.SHA256, Records: f.Records, Taken: f.Taken, Already: f.Already,
		Repeated: f.Repeated, Fuller: f.Fuller, From: Stamp(f.From), To: Stamp(f.To), Kinds: []kindJSON{}, Ignored: Counted(f.Ignored), Refused: Counted(f.Refused),
		Refusals: []refusalJSON{}, Lost: []lostJSON{}, Undated: f.Undated}
	stretches, _ := track.Lost([]*track.Imported{f})
	for _, w := range stretches {
		j.Lost = append(j.Lost, lostJSON{Stamp(w.NotBefore), Stamp(w.NotAfter)})
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
func kindsOf(f *track.Imported) []track.RecordKind {
	return slices.SortedFunc(maps.Keys(f.Kinds), func(a, b track.RecordKind) int {
		return cmp.Or(cmp.Compare(f.Kinds[b], f.Kinds[a]), cmp.Compare(a.Activity, b.Activity), cmp.Compare(a.Source, b.Source))
	})
}

// AuditImport is what an import of audit records has taken, and what that changes.
type AuditImport struct {
	Files  []*track.Imported
	Passed int // files that were passed over
	Effect *track.Concluded
	DryRun bool
	Whole  bool // the files are said to have all records of a time
}

// AuditImported says what an import of audit records has taken.
func AuditImported(p Printer, t AuditImport) error {
	switch p.Format {
	case "json":
		doc := out.NewDocument(p.Out, Tenant(p.Book))
		for _, f := range t.Files {
			if err := doc.Item(importedJSON(f)); err != nil {
				return err
			}
		}
		c := t.Effect
		return doc.CloseWith("effect", EffectJSON{c.Evidence, c.Before, c.Unseen, c.Corrections})
	case "csv":
		return importedListing().PrintCSV(p, Given(t.Files))
	}
	for _, f := range t.Files {
		if err := printImportedFile(p, t.DryRun, f); err != nil {
			return err
		}
	}
	if t.Whole && track.AnyUsable(t.Files) {
		if err := printLost(p, t.Files, t.Passed); err != nil {
			return err
		}
	}
	if t.DryRun {
		return p.Printf("A dry run: nothing was changed.\n")
	}
	return printEffect(p, t.Effect)
}

func importedListing() Listing[*track.Imported] {
	type row = *track.Imported
	number := func(name string, get func(row) int64) Column[row] {
		return Column[row]{CSV: name, Cell: func(r row) any { return get(r) }}
	}
	total := func(counts map[string]int64) (n int64) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	return Listing[row]{Columns: []Column[row]{
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
		{CSV: "from", Cell: func(r row) any { return Stamp(r.From) }},
		{CSV: "to", Cell: func(r row) any { return Stamp(r.To) }},
	}}
}

// shownRefusals is how many refused records the text lists; JSON has more.
const shownRefusals = 20

func printImportedFile(p Printer, dryRun bool, f *track.Imported) error {
	verb := "taken"
	if dryRun {
		verb = "would be taken"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Title(), Plural(f.Records, "record"))
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
	for _, c := range Counted(f.Ignored) {
		fmt.Fprintf(&b, "  %8d  ignored: %s\n", c.Count, c.Reason)
	}
	for _, c := range Counted(f.Refused) {
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
		if err := p.Printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// shownLost is how many stretches of time the text lists; JSON has all.
const shownLost = 10

// printLost says which of the time given with --whole does not count as read.
func printLost(p Printer, all []*track.Imported, passed int) error {
	stretches, undated := track.Lost(all)
	switch {
	case passed > 0:
		return p.Printf("None of the time given with --whole counts as read: files that were passed over may have records of it.\n")
	case undated > 0:
		return p.Printf("None of the time given with --whole counts as read: the time of %s that %s refused or cut off is not known.\n",
			Plural(undated, "record"), isOrAre(undated))
	case len(stretches) == 0:
		return nil
	}
	labels := make([]string, 0, shownLost+1)
	for i, w := range stretches {
		if i == shownLost {
			labels = append(labels, fmt.Sprintf("and %d more", len(stretches)-i))
			break
		}
		labels = append(labels, Minute(w.NotBefore, w.NotBefore)+" to "+Minute(w.NotAfter, w.NotAfter))
	}
	return p.Printf("Of the time given with --whole this does not count as read, because records of it were refused or cut off: %s UTC.\n", strings.Join(labels, ", "))
}

func isOrAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func printEffect(p Printer, c *track.Concluded) error {
	if *c == (track.Concluded{}) {
		return p.Printf("They show nothing of the past that was not known.\n")
	}
	var labels []string
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
			labels = append(labels, "1 "+x.one)
		case x.n > 1:
			labels = append(labels, fmt.Sprintf("%d %s", x.n, x.many))
		}
	}
	return p.Printf("They show of the past: %s.\n", strings.Join(labels, ", "))
}

// AdviceOn says what to do about records that are refused for a reason. Where the
// reason says it itself, there is nothing to add.
func AdviceOn(reason string, tenant snapshot.Tenant) string {
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
	return "--format json lists the line and the reason of each"
}
