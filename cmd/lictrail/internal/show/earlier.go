package show

import (
	"context"
	"fmt"
	"regexp"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
)

// earlierReason says why a record is refused, or what one that is taken changes.
func earlierReason(r *ask.EarlierRow) string {
	switch {
	case r.Reason != "" || r.Verdict != ask.VerdictTaken && r.Verdict != ask.VerdictAlready:
		return r.Reason
	case r.Before == nil:
		return "not held since tracking began; kept for the history"
	case r.Moves():
		return "first assigned " + LongDate(r.After) + " instead of " + LongDate(*r.Before)
	}
	return "nothing earlier than what is known: first assigned " + LongDate(*r.Before)
}

// shownAlike is how many lines of one verdict and reason the text lists; JSON and CSV
// have all.
const shownAlike = 20

// Earlier prints the verdict on every line of the files. Text has only the lines that
// need attention.
func Earlier(ctx context.Context, p Printer, j *ask.EarlierJudge, files []*ask.EarlierFile, dryRun bool) error {
	few := &fewAlike{seen: map[kindOfLine]int{}, first: map[kindOfLine]string{}}
	rows := func(yield func(*ask.EarlierRow, error) bool) {
		for _, f := range files {
			if p.Format == "text" && !dryRun && !needAttention(f) {
				continue
			}
			for r, err := range j.Rows(ctx, f) {
				if err == nil && p.Format == "text" && !few.shows(r, dryRun) {
					continue
				}
				if !yield(r, err) {
					return
				}
			}
		}
	}
	if err := importListing(p.Book).Print(p, rows); err != nil {
		return err
	}
	for _, line := range few.more() {
		if err := p.Printf("%s\n", line); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := summarizeEarlier(p, f, dryRun); err != nil {
			return err
		}
	}
	return nil
}

// valuesIn is what differs between reasons that are the same.
var valuesIn = regexp.MustCompile(`"[^"]*"|\d+`)

// needAttention says whether lines of a file that was imported are not in the history.
func needAttention(f *ask.EarlierFile) bool {
	return f.Sum.Refused()+f.Sum.Verdicts[ask.VerdictPassed] > 0
}

// kindOfLine is what lines are alike by.
type kindOfLine struct{ verdict, reason string }

// fewAlike leaves out refused lines whose reason was shown shownAlike times already, and
// says how many it left out.
type fewAlike struct {
	seen  map[kindOfLine]int
	first map[kindOfLine]string // the reason of the first one
	order []kindOfLine
}

// shows says whether a line is shown. Those that are taken are shown by a dry run only.
func (few *fewAlike) shows(r *ask.EarlierRow, dryRun bool) bool {
	if r.Verdict == ask.VerdictTaken || r.Verdict == ask.VerdictAlready {
		return dryRun
	}
	reason := earlierReason(r)
	k := kindOfLine{r.Verdict, valuesIn.ReplaceAllString(reason, "")}
	if few.seen[k]++; few.seen[k] == 1 {
		few.first[k], few.order = reason, append(few.order, k)
	}
	return few.seen[k] <= shownAlike
}

// more says what was left out.
func (few *fewAlike) more() (lines []string) {
	for _, k := range few.order {
		if n := few.seen[k] - shownAlike; n > 0 {
			lines = append(lines, fmt.Sprintf("… and %s %s for the same reason, such as: %s (--format json lists all)", Plural(int64(n), "more line"), k.verdict, few.first[k]))
		}
	}
	return lines
}

// summarizeEarlier counts the verdicts, on stderr where stdout is for programs.
func summarizeEarlier(p Printer, f *ask.EarlierFile, dryRun bool) error {
	counts := f.Sum.Verdicts
	verb := "taken"
	if dryRun {
		verb = "would be taken"
	}
	line := fmt.Sprintf("%s: %s %s, of which %d move a first-assigned date; %d there already, %d refused, %d in conflict with what runs saw, %s without a license",
		f.Name, Plural(counts[ask.VerdictTaken], "record"), verb, f.Sum.Moved, counts[ask.VerdictAlready], counts[ask.VerdictRefused],
		counts[ask.VerdictConflict], Plural(f.Read.Unlicensed, "line"))
	if p.Format != "text" {
		p.Notef("%s", line)
		return nil
	}
	return p.Printf("%s\n", line)
}

// placeJSON is the file and the line of a record.
type placeJSON struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// statedJSON is the times that a record states, as it writes them.
type statedJSON struct {
	Assigned *string `json:"assigned"`
	Seen     *string `json:"seen"`
	Removed  *string `json:"removed"`
}

// ImportJSON is a record of an earlier tracker, and what became of it.
type ImportJSON struct {
	placeJSON
	Verdict string    `json:"verdict"`
	Reason  string    `json:"reason"`
	Named   *string   `json:"named"`
	User    *UserJSON `json:"user"`
	SKU     *SKUJSON  `json:"sku"`
	statedJSON
	Path   *string   `json:"path"`
	Note   *string   `json:"note"`
	Before *DateJSON `json:"first_assigned_before"`
	After  *DateJSON `json:"first_assigned"`
}

func importRow(b *ask.Book, r *ask.EarlierRow) ImportJSON {
	i := ImportJSON{placeJSON: placeJSON{r.File, r.Line}, Verdict: r.Verdict, Reason: earlierReason(r), Named: OrNull(r.Named),
		statedJSON: statedJSON{OrNull(r.Record.Assigned.String()), OrNull(r.Record.Seen.String()), OrNull(r.Record.Removed.String())},
		Path:       OrNull(r.Record.Path), Note: OrNull(r.Record.Note)}
	if r.Person != nil {
		u := User(&r.Person.User)
		i.User = &u
	}
	if r.Record.SKU != "" {
		s := SKU(b, r.Record.SKU)
		i.SKU = &s
	}
	if r.Before != nil {
		d := Date(*r.Before)
		i.Before = &d
	}
	if !r.After.At.IsZero() {
		d := Date(r.After)
		i.After = &d
	}
	return i
}

func importListing(b *ask.Book) Listing[*ask.EarlierRow] {
	type row = *ask.EarlierRow
	label := func(m earlier.Moment) any { return OrNil(m.String()) }
	return Listing[row]{
		JSON: func(r row) any { return importRow(b, r) },
		Columns: []Column[row]{
			{Column: out.Column{Head: "FILE", Min: 8}, CSV: "file", Text: func(r row) any { return r.File }},
			{Column: out.Column{Head: "LINE"}, CSV: "line", Text: func(r row) any { return r.Line }},
			{Column: out.Column{Head: "VERDICT"}, CSV: "verdict", Text: func(r row) any { return verdictCell(r.Verdict) }, Cell: func(r row) any { return r.Verdict }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "named", Text: func(r row) any { return OrNil(r.Named) }},
			{CSV: "user_id", Cell: func(r row) any { return string(r.Record.User) }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.Record.SKU) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.Record.SKU }),
			{Column: out.Column{Head: "ASSIGNED"}, CSV: "assigned", Text: func(r row) any { return label(r.Record.Held()) }},
			{Column: out.Column{Head: "REMOVED"}, CSV: "removed", Text: func(r row) any { return label(r.Record.Removed) }},
			{CSV: "path", Cell: func(r row) any { return r.Record.Path }},
			{CSV: "note", Cell: func(r row) any { return r.Record.Note }},
			{Column: out.Column{Head: "WHY", Min: 20, Rank: 4, Wrap: true}, CSV: "reason", Text: func(r row) any { return earlierReason(r) }},
			productColumn(b, func(r row) snapshot.SKUID { return r.Record.SKU }),
		},
	}
}

func verdictCell(verdict string) any {
	style := map[string]out.Style{ask.VerdictRefused: out.Yellow, ask.VerdictConflict: out.Red}[verdict]
	return out.Cell{Value: verdict, Style: style}
}
