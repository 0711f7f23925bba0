package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func middle(times []float64) float64 {
	slices.Sort(times)
	return times[len(times)/2]
}

// queries asks the usual questions about somebody whose licenses changed.
func (b *bench) queries(ctx context.Context) error {
	user, kind, since, err := b.subject(ctx)
	if err != nil {
		return err
	}
	questions := [][]string{
		{"history", user},
		{"assignments", "--user", user},
		{"assignments", "--sku", graphSKU, "--as-of", since},
		{"assignments"},
	}
	if kind != "" {
		questions = slices.Insert(questions, 0, []string{"who", kind, user}, []string{"changes", "--since", since})
	}
	for _, q := range questions {
		name := strings.Join(q, " ")
		b.Log("asking %s", name)
		var rows int
		took, err := median(cmp.Or(b.Repeat, 5), func() error {
			var lines lineCounter
			_, err := b.commandTo(ctx, &lines, nil, append(q, "--db", b.db, "--format", "csv")...)
			rows = max(0, int(lines)-1)
			return err
		})
		if err != nil {
			return fmt.Errorf("ask %s: %w", name, err)
		}
		b.Queries = append(b.Queries, query{Name: strings.ReplaceAll(name, user, "USER"), Milliseconds: took, Rows: rows})
	}
	return nil
}

// graphSKU is the SKU that half of the users hold.
const graphSKU = "Microsoft_365_Copilot"

// subject finds somebody to ask about, and the day from which on the last week's
// changes date. kind is "" when nothing ever changed.
func (b *bench) subject(ctx context.Context) (user, kind, since string, err error) {
	db, err := store.OpenReadOnly(ctx, b.db, migrations.Check)
	if err != nil {
		return "", "", "", err
	}
	defer db.Close()
	h, err := db.History(ctx)
	if err != nil {
		return "", "", "", err
	}
	defer h.Close()
	last := h.Runs[h.At.Previous] // the run before the quiet one
	user, since = "user0@contoso.example", last.ObservedUntil.Format("2006-01-02")
	for c, err := range h.Changes(ctx, store.ChangeFilter{Run: last.ID, Kinds: []snapshot.Kind{snapshot.Assigned, snapshot.Removed}}) {
		if err != nil {
			return "", "", "", err
		}
		return c.Person.UPN, string(c.Kind), since, nil
	}
	return user, "", since, nil
}
