package cli

import (
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/doctor"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/graph"
	"lictrail/snapshot"
)

type grantJSON struct {
	Feature     string   `json:"feature"`
	Chosen      bool     `json:"chosen"`
	API         string   `json:"api"`
	APIID       string   `json:"api_id"`
	Application []string `json:"application"`
	Delegated   []string `json:"delegated"`
	Reads       []string `json:"reads"`
}

// printPermissions prints what to grant, and how. It asks nobody.
func printPermissions(e *env, o doctorOptions, features []graph.Feature) error {
	cloud, err := o.Where(e.host())
	if err != nil {
		return err
	}
	if o.ClientID != "" && !snapshot.IsGUID(o.ClientID) {
		return usage(fmt.Sprintf("--client-id %q is not an application id", o.ClientID), "the GUID that the Entra admin center calls Application (client) ID")
	}
	if len(features) == 0 {
		features = []graph.Feature{graph.FeatureBase, graph.FeatureGroups, graph.FeatureAudit, graph.FeatureOwners}
	}
	chosen := []graph.Feature{graph.FeatureBase}
	for _, f := range features {
		if lacking := o.Lacks(f, cloud); lacking != nil {
			e.Warnf("%s is left out: %v", string(f), lacking)
			continue
		}
		chosen = append(chosen, f)
	}
	all := doctor.Grants(chosen)
	rows := make([]grantRow, len(all))
	for i, g := range all {
		rows[i] = grantRow{Grant: g}
	}
	if e.format == "text" {
		rows = aRoleEach(all)
	}
	type row = *grantRow
	unless := func(goesOn bool, value any) any {
		if goesOn {
			return ""
		}
		return value
	}
	err = show.Listing[row]{
		JSON: func(g row) any {
			return grantJSON{string(g.Feature), g.Chosen, g.API.Name, g.API.AppID, g.Roles, g.Delegated, g.Reads}
		},
		Columns: []show.Column[row]{
			{Column: out.Column{Head: "FEATURE"}, CSV: "feature", Text: func(g row) any { return unless(g.goesOn, string(g.Feature)) }},
			{Column: out.Column{Head: "CHOSEN"}, CSV: "chosen", Text: func(g row) any { return unless(g.goesOn, map[bool]any{true: "yes"}[g.Chosen]) }, Cell: func(g row) any { return g.Chosen }},
			{Column: out.Column{Head: "API"}, CSV: "api", Text: func(g row) any { return unless(g.goesOn, g.API.Name) }},
			{CSV: "api_id", Cell: func(g row) any { return g.API.AppID }},
			{Column: out.Column{Head: "APPLICATION PERMISSIONS"}, CSV: "application", Text: func(g row) any { return strings.Join(g.Roles, ", ") }},
			{CSV: "delegated", Cell: func(g row) any { return strings.Join(g.Delegated, ", ") }},
			{CSV: "reads", Cell: func(g row) any { return strings.Join(g.Reads, ", ") }},
		},
	}.Print(e.printer(nothing), show.Each(rows))
	if err != nil || e.format != "text" {
		return err
	}
	for _, text := range slices.Concat(doctor.Commands(o.ClientID, o.Cloud, all), doctor.SignIn(o.ClientID, o.Cloud)) {
		if err := e.Printf("\n"); err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			if err := e.Printf("%s\n", strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
	}
	return nil
}

// grantRow is a row of the table.
type grantRow struct {
	doctor.Grant
	goesOn bool // the row before has the feature
}

// aRoleEach has a row for each permission: side by side they would be wider than
// a page.
func aRoleEach(all []doctor.Grant) []grantRow {
	var rows []grantRow
	for _, g := range all {
		for i, role := range g.Roles {
			row := grantRow{Grant: g, goesOn: i > 0}
			row.Roles = []string{role}
			rows = append(rows, row)
		}
	}
	return rows
}
