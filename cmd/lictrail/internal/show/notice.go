package show

import (
	"context"
	"fmt"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type OutcomeJSON struct {
	Kind     string  `json:"kind"`
	Host     string  `json:"host"`
	Taken    bool    `json:"taken"`
	Attempts int     `json:"attempts"`
	Error    *string `json:"error"`
}

func Outcomes() Listing[notify.Outcome] {
	type row = notify.Outcome
	return Listing[row]{
		JSON: func(o row) any { return OutcomeJSON{o.Kind, o.Host, o.Err == nil, o.Attempts, errorOrNull(o.Err)} },
		Columns: []Column[row]{
			{Column: out.Column{Head: "KIND"}, CSV: "kind", Text: func(o row) any { return o.Kind }},
			{Column: out.Column{Head: "HOST", Min: 12, Rank: 2}, CSV: "host", Text: func(o row) any { return o.Host }},
			{CSV: "taken", Cell: func(o row) any { return o.Err == nil }},
			{Column: out.Column{Head: "TRIES"}, CSV: "attempts", Text: func(o row) any { return o.Attempts }},
			{Column: out.Column{Head: "RESULT", Min: 20, Rank: 1}, CSV: "error", Text: outcomeWord, Cell: func(o row) any { return errorOrNil(o.Err) }},
		},
	}
}

func outcomeWord(o notify.Outcome) any {
	if o.Err == nil {
		return "taken"
	}
	reason := strings.TrimPrefix(o.Err.Error(), o.Kind+" at "+o.Host+": ") // columns say that
	return out.Cell{Value: reason, Style: out.Red}
}

func errorOrNil(err error) any {
	if err == nil {
		return nil
	}
	return err.Error()
}

func errorOrNull(err error) *string {
	if err == nil {
		return nil
	}
	return OrNull(err.Error())
}

// Count counts changes by kind and by cause, each in the order of the contract.
func Count(m *notify.Message, changes []store.Attributed) {
	kinds, causes := map[snapshot.Kind]int{}, map[snapshot.Cause]int{}
	for _, c := range changes {
		kinds[c.Kind]++
		causes[c.Attribution.Cause]++
		if c.Attribution.Cause == snapshot.CauseUnknown && !ask.IsDateMove(c.Kind) {
			m.Unexplained++
		}
	}
	m.DateMoves = kinds[snapshot.DateMoved]
	m.ByKind, m.ByCause = counts(snapshot.Kinds, kinds), counts(snapshot.Causes, causes)
}

func counts[T ~string](order []T, n map[T]int) []notify.Count {
	var list []notify.Count
	for _, word := range order {
		if n[word] > 0 {
			list = append(list, notify.Count{Word: string(word), N: n[word]})
		}
	}
	return list
}

// OpenChanges are the first of a run's changes that nothing explains.
func OpenChanges(ctx context.Context, b *ask.Book, run snapshot.RunID, named bool) ([]notify.Change, error) {
	var list []notify.Change
	for c, err := range b.History.Changes(ctx, store.ChangeFilter{Run: run, Causes: []snapshot.Cause{snapshot.CauseUnknown}}) {
		if err != nil {
			return nil, err
		}
		if ask.IsDateMove(c.Kind) {
			continue
		}
		list = append(list, notify.Change{JSON: openChange(b, c, named), Words: openWords(b, c, named)})
		if len(list) == notify.MaxOpen {
			break
		}
	}
	return list, nil
}

// openWords says what changed, without a name that stands for a person, and
// groups often do, unless they may be named.
func openWords(b *ask.Book, c *store.ChangeRow, named bool) string {
	if named {
		return fmt.Sprintf("%s: %s, %s (%s)", SubjectOf(c), ChangeWords(b, c), ShortDate(c.When), c.Attribution.UnknownWhy)
	}
	subject, path := "the tenant", ""
	if c.User != "" {
		subject = string(c.User)
	}
	if c.Path != nil {
		path = " (" + string(c.Path.Kind)
		if c.Path.Group != "" {
			path += " " + string(c.Path.Group)
		}
		path += ")"
	}
	return fmt.Sprintf("%s: %s %s%s, %s (%s)", subject, b.ShortSKU(c.SKU), c.Kind, path, ShortDate(c.When), c.Attribution.UnknownWhy)
}

// openJSON is a change that nothing explains, as changes has it.
type openJSON struct {
	ID         int64        `json:"id"`
	Run        int64        `json:"run"`
	Kind       string       `json:"kind"`
	User       *UserJSON    `json:"user"`
	SKU        *SKUJSON     `json:"sku"`
	Path       *PathRefJSON `json:"path"`
	When       DateJSON     `json:"when"`
	UnknownWhy *string      `json:"unknown_why"`
	Reason     *string      `json:"reason"`
}

func openChange(b *ask.Book, c *store.ChangeRow, named bool) openJSON {
	full := Change(b, c)
	j := openJSON{full.ID, full.Run, full.Kind, full.User, full.SKU, full.Path, full.When, full.UnknownWhy, OrNull(full.Reason)}
	if named {
		return j
	}
	j.Reason = nil
	if j.User != nil {
		j.User = &UserJSON{ID: j.User.ID, Deleted: j.User.Deleted}
	}
	if j.Path != nil && j.Path.Group != nil {
		j.Path = &PathRefJSON{Kind: j.Path.Kind, Group: &GroupJSON{ID: j.Path.Group.ID}}
	}
	return j
}

// toldRun is a row of runs; its warnings stand beside it.
type toldRun struct {
	RunJSON
	Warnings *struct{} `json:"warnings,omitempty"`
}

func NewToldRun(r *store.Run) toldRun { return toldRun{RunJSON: Run(r)} }
