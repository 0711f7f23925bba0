package announce

import (
	"strings"

	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
)

// OutcomeJSON is how the message to one receiver went.
type OutcomeJSON struct {
	Kind     string  `json:"kind"`
	Host     string  `json:"host"`
	Taken    bool    `json:"taken"`
	Attempts int     `json:"attempts"`
	Error    *string `json:"error"`
}

// Outcomes lists how each message went.
func Outcomes() show.Listing[notify.Outcome] {
	type row = notify.Outcome
	return show.Listing[row]{
		JSON: func(o row) any { return OutcomeJSON{o.Kind, o.Host, o.Err == nil, o.Attempts, errorOrNull(o.Err)} },
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "KIND"}, CSV: "kind", Text: func(o row) any { return o.Kind }},
			{Column: out.Column{Head: "HOST", Min: 12, Rank: 2}, CSV: "host", Text: func(o row) any { return o.Host }},
			{CSV: "taken", Cell: func(o row) any { return o.Err == nil }},
			{Column: out.Column{Head: "TRIES"}, CSV: "attempts", Text: func(o row) any { return o.Attempts }},
			{Column: out.Column{Head: "RESULT", Min: 20, Rank: 1}, CSV: "error", Text: outcomeText, Cell: func(o row) any { return errorOrNil(o.Err) }},
		},
	}
}

func outcomeText(o notify.Outcome) any {
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
	return show.OrNull(err.Error())
}
