package cli

import (
	"context"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
)

// runLapses lists what lapses up to a day, or within an age from the run.
func (n names) runLapses(ctx context.Context, e *env, list []ask.SKU, text string) error {
	at := n.History.At.ObservedUntil
	until, err := parseTime("lapses", text, at, true)
	if err != nil {
		return err
	}
	if ask.IsAge(text) {
		until = at.Add(at.Sub(until)) // an age counts ahead here
	}
	rows := ask.Lapses(list, until)
	if err := ask.NameHolders(ctx, n.Book, rows); err != nil {
		return err
	}
	return show.Lapses(n.Book).Print(e.printer(n), show.Each(rows))
}
