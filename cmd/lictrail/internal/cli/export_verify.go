package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/fleet"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
)

// verifyLake holds a lake against its manifest and the databases.
func verifyLake(ctx context.Context, e *env, cmd *cobra.Command, dir string) error {
	v, err := lake.Verify(ctx, dir, e.databases(cmd))
	if err != nil {
		return err
	}
	if err := printVerified(e, v); err != nil {
		return err
	}
	if n := len(v.Findings); n > 0 {
		return &out.Error{Code: exitDamaged, Message: fmt.Sprintf("the lake is not what was exported: %s", show.Plural(n, "finding")),
			Hint: "export to a new folder: everything in a lake comes from the databases", Err: lake.ErrDamaged}
	}
	var outcomes []fleet.Outcome
	for _, t := range v.Tenants {
		outcomes = append(outcomes, fleet.Outcome{Name: t.Name, Err: t.Err})
	}
	return fleet.Verdict(e.Streams, outcomes, "the other tenants are as the lake has them")
}

type lakeCheckJSON struct {
	Check    string   `json:"check"`
	OK       bool     `json:"ok"`
	Looked   string   `json:"looked_at"`
	Findings []string `json:"findings"`
}

type lakeTenantJSON struct {
	Name   string         `json:"name"`
	Tenant *string        `json:"tenant"`
	Behind int64          `json:"seals_behind"`
	Rows   int64          `json:"rows"`
	Error  *out.ErrorJSON `json:"error"`
}

func lakeChecks(v *lake.Verification) []lakeCheckJSON {
	var items []lakeCheckJSON
	for _, check := range lake.Checks {
		item := lakeCheckJSON{Check: check, OK: true, Looked: v.Words(check), Findings: []string{}}
		for _, f := range v.Findings {
			if f.Check == check {
				item.OK, item.Findings = false, append(item.Findings, f.What)
			}
		}
		items = append(items, item)
	}
	return items
}

func printVerified(e *env, v *lake.Verification) error {
	checks := lakeChecks(v)
	if e.format == "json" {
		doc := struct {
			Schema      int              `json:"schema"`
			Items       []lakeCheckJSON  `json:"items"`
			Tenants     []lakeTenantJSON `json:"tenants"`
			NotCompared []string         `json:"not_compared"`
			Leftovers   int              `json:"leftovers"`
			Pending     bool             `json:"pending"`
		}{out.Schema, checks, []lakeTenantJSON{}, append([]string{}, v.Missing...), v.Leftovers, v.Pending}
		for _, t := range v.Tenants {
			item := lakeTenantJSON{t.Name, show.OrNull(t.Tenant), t.Behind, t.Rows, nil}
			if t.Err != nil {
				item.Error = exit.JSON(t.Err)
			}
			doc.Tenants = append(doc.Tenants, item)
		}
		return printDocument(e, doc)
	}
	for _, c := range checks {
		word := "ok      " + c.Looked
		if !c.OK {
			word = "BROKEN  " + show.Plural(len(c.Findings), "finding")
		}
		if err := e.Printf("%-10s %s\n", c.Check, word); err != nil {
			return err
		}
		for _, f := range c.Findings {
			if err := e.Printf("           %s\n", f); err != nil {
				return err
			}
		}
	}
	for _, t := range v.Tenants {
		if t.Behind > 0 {
			e.Notef("%s: %s since the export; only tables that are never corrected were compared", t.Name, show.Plural(t.Behind, "seal"))
		}
	}
	if len(v.Missing) > 0 {
		e.Notef("%s of the lake not compared: no database was given", show.Plural(len(v.Missing), "tenant"))
	}
	if v.Leftovers > 0 {
		e.Notef("%s left behind by an export that was cut off; the next export removes them", show.Plural(v.Leftovers, "file"))
	}
	if v.Pending {
		e.Notef("the last export was cut off before its logs were written; the next export completes it")
	}
	return nil
}
