package doctor

import (
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/connect"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/graph"
	"lictrail/snapshot"
)

// GrantJSON is what one feature needs, as JSON has it.
type GrantJSON struct {
	Feature     string   `json:"feature"`
	Chosen      bool     `json:"chosen"`
	API         string   `json:"api"`
	APIID       string   `json:"api_id"`
	Application []string `json:"application"`
	Delegated   []string `json:"delegated"`
	Reads       []string `json:"reads"`
}

// PrintPermissions prints what to grant for features, and commands that do it. It
// sends no request.
func PrintPermissions(p show.Printer, c *connect.Connection, host connect.Host, features []graph.Feature) error {
	cloud, err := c.Where(host)
	if err != nil {
		return err
	}
	if c.ClientID != "" && !snapshot.IsGUID(c.ClientID) {
		return exit.Usage(fmt.Sprintf("--client-id %q is not an application id", c.ClientID), "the GUID that the Entra admin center calls Application (client) ID")
	}
	if len(features) == 0 {
		features = []graph.Feature{graph.FeatureBase, graph.FeatureGroups, graph.FeatureAudit, graph.FeatureOwners}
	}
	chosen := []graph.Feature{graph.FeatureBase}
	for _, f := range features {
		if lacking := cloud.Lacks(f); lacking != nil {
			p.Warnf("%s is left out: %v", string(f), lacking)
			continue
		}
		chosen = append(chosen, f)
	}
	all := Grants(chosen)
	rows := make([]grantRow, len(all))
	for i, g := range all {
		rows[i] = grantRow{Grant: g}
	}
	if p.Format == "text" {
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
			return GrantJSON{string(g.Feature), g.Chosen, g.API.Name, g.API.AppID, g.Roles, g.Delegated, g.Reads}
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
	}.Print(p, show.Each(rows))
	if err != nil || p.Format != "text" {
		return err
	}
	for _, text := range slices.Concat(Commands(c.ClientID, c.Cloud, all), SignIn(c.ClientID, c.Cloud)) {
		if err := p.Printf("\n"); err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			if err := p.Printf("%s\n", strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
	}
	return nil
}

// grantRow is a row of the table.
type grantRow struct {
	Grant
	goesOn bool // the row before has the feature
}

// aRoleEach has a row for each permission: side by side they would be wider than
// a page.
func aRoleEach(all []Grant) []grantRow {
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
