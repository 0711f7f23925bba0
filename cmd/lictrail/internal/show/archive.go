package show

import (
	"cmp"
	"encoding/json"
	"fmt"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store"
)

// archiveJSON is the JSON of `who` and `history` for a person whom no run has read: the
// lists of what runs read are empty, and records has what the audit log shows.
type archiveJSON struct {
	Schema  int           `json:"schema"`
	Tenant  tenantJSON    `json:"tenant"`
	Users   []UserJSON    `json:"users"`
	SKUs    []HoldingJSON `json:"skus"` // these four are empty, as no run has seen them
	Periods []PeriodJSON  `json:"periods"`
	Swaps   []SwapJSON    `json:"swaps"`
	Imports []EarlierJSON `json:"imports"`
	Items   []ChangeJSON  `json:"items"`
	Records []RecordJSON  `json:"records"`
	Acted   int           `json:"acted"` // records of what they did themselves
	Gaps    []out.Gap     `json:"gaps"`
}

// Archive answers about people whom no run has seen; none is what to say where no
// record answers.
func Archive(to Printer, a *ask.FromArchive, none string) error {
	people, found, acted := a.People, a.Records, a.Acted
	switch to.Format {
	case "json":
		doc := archiveJSON{Schema: out.Schema, Tenant: tenantJSON{string(to.Book.History.Tenant.ID), OrNull(to.Book.History.Tenant.Name)},
			Users: []UserJSON{}, SKUs: []HoldingJSON{}, Periods: []PeriodJSON{}, Swaps: []SwapJSON{}, Imports: []EarlierJSON{},
			Items: []ChangeJSON{}, Records: []RecordJSON{}, Acted: acted, Gaps: Gaps(to.Book, to.Command)}
		for _, p := range people {
			doc.Users = append(doc.Users, UserJSON{ID: p.ID, UPN: OrNull(lastOf(p.Addresses)), Name: OrNull(lastOf(p.Names))})
		}
		for _, f := range found {
			doc.Records = append(doc.Records, record(to.Book, f, false))
		}
		text, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			return fmt.Errorf("write the records: %w", err)
		}
		_, err = to.Out.Write(append(text, '\n'))
		return err
	case "csv", FormatWorkbook:
		to.Notef("no run has seen %s; lictrail audit search --user has the audit records", people[0].Title())
		return Changes(to.Book, true).Print(to, Given([]*store.ChangeRow(nil)))
	}
	for _, p := range people {
		if err := to.Printf("%s: no run of the history has seen this account; known from audit records only.\n", p.Line()); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		if err := to.Printf("%s\n", none); err != nil {
			return err
		}
	}
	for _, f := range found {
		line := out.InZone(f.At).Format("2006-01-02 15:04:05 MST") + ": " + f.Activity
		if phrase, ok := recordText(to.Book, f).(string); ok {
			line += " " + phrase
		}
		if by := ActorLabel(ask.KnownActor(&f.Event)); by != "" {
			line += ", by " + by
		}
		if err := to.Printf("%s\n  Evidence %s %s\n", line, f.Source, f.ID); err != nil {
			return err
		}
	}
	if acted > 0 {
		return to.Printf("%s what this account did: lictrail audit search --actor %s\n",
			pluralVerb(acted), cmp.Or(people[0].ID, people[0].Title()))
	}
	return nil
}

func pluralVerb(n int) string {
	if n == 1 {
		return "1 audit record shows"
	}
	return fmt.Sprintf("%d audit records show", n)
}

func lastOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}
