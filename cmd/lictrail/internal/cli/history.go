package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newHistory(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "history USER",
		Short: "Everything known about one user's licenses, oldest first",
		Long: `Every period in which the user held a SKU, and every change, oldest first. USER
is an object id, or a UPN or mail address, present or past.`,
		Example: `  lictrail history ann@contoso.com
  lictrail history ann@contoso.com --format json`,
		Args: argsBetween(1, 1, "one user"),
		RunE: func(cmd *cobra.Command, args []string) error { return runHistory(cmd.Context(), e, args[0]) },
	}
}

func runHistory(ctx context.Context, e *env, ref string) error {
	return withHistory(ctx, e, func(n names) error {
		people, err := n.users(ctx, ref)
		if err != nil {
			return err
		}
		changes := n.h.Changes(ctx, store.ChangeFilter{Users: people, Oldest: true})
		if e.format == "csv" {
			return n.changeListing(true).print(e, n, changes)
		}
		periods, err := collect(n.h.Periods(ctx, store.Filter{Users: people}))
		if err != nil {
			return err
		}
		if e.format == "json" {
			return n.historyJSON(e, people, periods, changes)
		}
		return n.historyText(e, people, periods, changes)
	})
}

type periodJSON struct {
	User      userJSON  `json:"user"`
	SKU       skuJSON   `json:"sku"`
	Period    int       `json:"period"`
	From      dateJSON  `json:"from"`
	To        *dateJSON `json:"to"`
	Paths     []string  `json:"paths"`
	GraphDate *string   `json:"graph_date"`
}

// historyJSON prints the changes as items, as every command does, and the
// periods beside them: what the first run found is in no change.
func (n names) historyJSON(e *env, people []store.Person, periods []*store.Period, changes seq[*store.ChangeRow]) error {
	doc := struct {
		Schema  int          `json:"schema"`
		Tenant  tenantJSON   `json:"tenant"`
		Users   []userJSON   `json:"users"`
		Periods []periodJSON `json:"periods"`
		Items   []changeJSON `json:"items"`
	}{out.Schema, tenantJSON{string(n.h.Tenant.ID), orNull(n.h.Tenant.Name)}, []userJSON{}, []periodJSON{}, []changeJSON{}}
	for i := range people {
		doc.Users = append(doc.Users, newUser(&people[i].User))
	}
	for _, p := range periods {
		doc.Periods = append(doc.Periods, n.period(p))
	}
	for c, err := range changes {
		if err != nil {
			return err
		}
		doc.Items = append(doc.Items, n.change(c))
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	_, err = e.Out.Write(append(text, '\n'))
	return err
}

type tenantJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

func (n names) period(p *store.Period) periodJSON {
	j := periodJSON{newUser(&p.User), n.sku(p.SKU), p.Number, newDate(p.From), nil, n.pathNames(p), stamp(p.GraphDate)}
	if p.To != nil {
		to := newDate(*p.To)
		j.To = &to
	}
	return j
}

func (n names) pathNames(p *store.Period) []string {
	words := make([]string, len(p.Paths))
	for i := range p.Paths {
		words[i] = n.pathWord(&p.Paths[i])
	}
	return words
}

func (n names) historyText(e *env, people []store.Person, periods []*store.Period, changes seq[*store.ChangeRow]) error {
	for i := range people {
		if err := e.Printf("%s\n", personLine(&people[i].User)); err != nil {
			return err
		}
	}
	if err := e.Printf("\nHeld\n"); err != nil {
		return err
	}
	if err := n.periodTable(periods).Print(e.Streams); err != nil {
		return err
	}
	if err := e.Printf("\nChanges\n"); err != nil {
		return err
	}
	none := true
	for c, err := range changes {
		if err != nil {
			return err
		}
		none = false
		if err := n.printChange(e, c); err != nil {
			return err
		}
	}
	if none {
		return e.Printf("none since tracking began on %s\n", n.h.First.ObservedUntil.Format("2 January 2006"))
	}
	return nil
}

func personLine(u *snapshot.User) string {
	line := u.UPN
	if u.Name != "" {
		line = u.Name + " <" + u.UPN + ">"
	}
	if u.Department != "" {
		line += ", " + u.Department
	}
	if u.Presence != snapshot.Present {
		line += ", " + string(u.Presence)
	}
	return line + "  " + string(u.ID)
}

func (n names) periodTable(periods []*store.Period) *out.Table {
	t := out.NewTable(out.Column{Head: "SKU", Min: 8, Rank: 3}, out.Column{Head: "FROM"}, out.Column{Head: "TO"},
		out.Column{Head: "PATH", Min: 6, Rank: 1}, out.Column{Head: "MICROSOFT SAYS"})
	for _, p := range periods {
		to := any("now")
		if p.To != nil {
			to = shortDate(*p.To)
		}
		var path string
		for i, word := range n.pathNames(p) {
			if i > 0 {
				path += ", "
			}
			path += word
		}
		t.Row(n.shortSKU(p.SKU), shortDate(p.From), to, path, dayOrNil(p.GraphDate))
	}
	return t
}

// printChange tells a change and its cause in two lines.
func (n names) printChange(e *env, c *store.ChangeRow) error {
	seen := ""
	if !c.Observed {
		seen = " (seen in the audit log only)"
	}
	return e.Printf("%-22s  %s%s\n%-22s  %s\n", shortDate(c.When), n.changeWords(c), seen, "", reasonOf(&c.Attribution))
}

func reasonOf(a *snapshot.Attribution) string {
	if a.Reason != "" {
		return a.Reason
	}
	return causeWord(a)
}

// seq is how the store lists rows.
type seq[T any] = func(func(T, error) bool)

// collect takes all rows of a sequence.
func collect[T any](rows func(func(T, error) bool)) ([]T, error) {
	var all []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}
