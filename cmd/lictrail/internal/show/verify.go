package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/snapshot"
	"lictrail/snapshot/store/ledger"
)

// Verification is the result of all checks.
type Verification struct {
	*ledger.Verification
	Replay *track.Replay
	Tenant snapshot.Tenant
	Asked  string // the head that was asked for; "": none
}

func (r *Verification) Everything() []ledger.Finding {
	return slices.Concat(r.Findings, r.Replay.Findings)
}

// lookedAt says how much a check has examined.
func lookedAt(r *Verification, check string) string {
	switch check {
	case ledger.CheckStructure:
		return "SQLite's checks, foreign keys, tables, views, triggers"
	case ledger.CheckChain:
		return fmt.Sprintf("%s of %s that ended", Plural(r.Seals, "seal"), Plural(r.Runs, "run"))
	case ledger.CheckDigests:
		return fmt.Sprintf("%s, every column", Plural(r.Rows, "row"))
	case ledger.CheckReplay:
		return fmt.Sprintf("%s of users, %s found anew", Plural(r.Replay.States, "state"), Plural(r.Replay.Changes, "change"))
	}
	return fmt.Sprintf("%s, %d found again from stored events, %d erased", Plural(r.Replay.Attributions, "cause"), r.Replay.Repeated, r.Replay.Unproven)
}

func Verified(p Printer, r *Verification) error {
	if p.Format != "text" {
		return printChecks(p, r)
	}
	bad := map[string]int{}
	for _, f := range r.Everything() {
		bad[f.Check]++
	}
	rows := make([]any, 0, 2*len(ledger.Checks))
	for _, check := range ledger.Checks {
		label := "ok      " + lookedAt(r, check)
		if bad[check] > 0 {
			label = fmt.Sprintf("BROKEN  %s", Plural(bad[check], "finding"))
		}
		rows = append(rows, check, label)
	}
	if err := out.Pairs(p.Streams, rows...); err != nil {
		return err
	}
	for _, f := range r.Everything() {
		if err := p.Printf("%s: %s\n", f.Check, f.What); err != nil {
			return err
		}
	}
	for _, x := range r.Erasures {
		if err := p.Printf("Erased on purpose by %s, %s: %s\n", x.Kind, out.InZone(x.At).Format("2006-01-02 15:04 MST"), RowsLabel(x.Rows)); err != nil {
			return err
		}
	}
	if r.HeadSeal > 0 && r.Asked != "" {
		label := fmt.Sprintf("seal %d", r.HeadSeal)
		if r.HeadRun > 0 {
			label = fmt.Sprintf("run %d", r.HeadRun)
		}
		if err := p.Printf("The head given is that of %s: nothing up to then was cut off or made anew.\n", label); err != nil {
			return err
		}
	}
	if r.Head == "" {
		return p.Printf("The history is empty.\n")
	}
	return p.Printf("Head %s\n", r.Head)
}

// RowsLabel counts rows by table: "3 event, 1 user".
func RowsLabel(rows map[string]int64) string {
	var labels []string
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		labels = append(labels, fmt.Sprintf("%d %s", rows[table], table))
	}
	return strings.Join(labels, ", ")
}

type CheckJSON struct {
	Check    string         `json:"check"`
	OK       bool           `json:"ok"`
	Looked   string         `json:"looked_at"`
	Findings []string       `json:"findings"`
	Head     *string        `json:"head"`
	Given    *givenHeadJSON `json:"head_given"`
	Erasures []erasureJSON  `json:"erasures"` // of the digests; null with the other checks
}

// erasureJSON is what a forget or a prune has erased: rows by table.
type erasureJSON struct {
	At   *string          `json:"at"`
	Kind string           `json:"kind"`
	Rows map[string]int64 `json:"rows"`
}

// erasedRows lists what was erased on purpose.
func erasedRows(r *Verification) []erasureJSON {
	all := make([]erasureJSON, len(r.Erasures))
	for i, x := range r.Erasures {
		all[i] = erasureJSON{At: Stamp(x.At), Kind: x.Kind, Rows: x.Rows}
	}
	return all
}

// givenHeadJSON is the head that was asked for, and the seal and the run that it
// is of: neither, when it is not in the chain.
type givenHeadJSON struct {
	Head string `json:"head"`
	Seal *int64 `json:"seal"`
	Run  *int64 `json:"run"` // null, too, for the seal of an import or an erasing
}

// givenHead is the head that was asked for; nil: none was.
func givenHead(r *Verification) *givenHeadJSON {
	if r.Asked == "" {
		return nil
	}
	number := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	return &givenHeadJSON{Head: r.Asked, Seal: number(r.HeadSeal), Run: number(r.HeadRun)}
}

// printChecks gives one item a check, in JSON and CSV.
func printChecks(p Printer, r *Verification) error {
	var items []CheckJSON
	for _, check := range ledger.Checks {
		item := CheckJSON{Check: check, OK: true, Looked: lookedAt(r, check), Findings: []string{}, Head: OrNull(r.Head), Given: givenHead(r)}
		if check == ledger.CheckDigests {
			item.Erasures = erasedRows(r)
		}
		for _, f := range r.Everything() {
			if f.Check == check {
				item.OK, item.Findings = false, append(item.Findings, f.What)
			}
		}
		items = append(items, item)
	}
	return Listing[CheckJSON]{
		JSON: func(c CheckJSON) any { return c },
		Columns: []Column[CheckJSON]{
			{CSV: "check", Cell: func(c CheckJSON) any { return c.Check }},
			{CSV: "ok", Cell: func(c CheckJSON) any { return c.OK }},
			{CSV: "looked_at", Cell: func(c CheckJSON) any { return c.Looked }},
			{CSV: "findings", Cell: func(c CheckJSON) any { return strings.Join(c.Findings, "; ") }},
			{CSV: "head", Cell: func(CheckJSON) any { return r.Head }},
			{CSV: "head_given", Cell: func(CheckJSON) any { return r.Asked }},
			{CSV: "head_given_run", Cell: func(CheckJSON) any {
				if r.HeadRun == 0 {
					return nil
				}
				return r.HeadRun
			}},
		},
	}.Print(p, Given(items))
}
