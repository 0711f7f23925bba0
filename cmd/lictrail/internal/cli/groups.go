package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newGroups(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "groups",
		Short: "Licenses given by groups, and their errors",
		Long: `Which group gives which SKU to how many members, and for how many it fails and
why. MEMBERS counts users who hold the SKU by way of the group.`,
		Example: `  lictrail groups
  lictrail groups --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runGroups(cmd.Context(), e) },
	}
}

func runGroups(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(n names) error {
		rows, err := n.h.GroupRows(ctx)
		if err != nil {
			return err
		}
		return n.groupListing().print(e, n, each(rows))
	})
}

type groupErrorJSON struct {
	Error string   `json:"error"`
	Users int64    `json:"users"`
	Since dateJSON `json:"since"`
}

type groupRowJSON struct {
	Group              *groupJSON       `json:"group"`
	SKU                skuJSON          `json:"sku"`
	MembersWithLicense int64            `json:"members_with_license"`
	DisabledPlans      []planJSON       `json:"disabled_plans"`
	Errors             []groupErrorJSON `json:"errors"`
	Dynamic            *bool            `json:"dynamic"`
	ProcessingState    *string          `json:"processing_state"`
}

func (n names) groupRow(r *store.GroupRow) groupRowJSON {
	j := groupRowJSON{
		Group: n.group(r.Group), SKU: n.sku(r.SKU), MembersWithLicense: r.Members, DisabledPlans: n.plans(r.Disabled),
		Errors: []groupErrorJSON{}, Dynamic: r.Dynamic, ProcessingState: orNull(r.ProcessingState),
	}
	for _, f := range r.Errors {
		j.Errors = append(j.Errors, groupErrorJSON{f.Error, f.Users, newDate(n.h.RunDate(f.SinceRun))})
	}
	return j
}

func (n names) groupListing() listing[*store.GroupRow] {
	type row = *store.GroupRow
	return listing[row]{
		json: func(r row) any { return n.groupRow(r) },
		none: "no group gives a license",
		columns: []column[row]{
			{csv: "group_id", cell: func(r row) any { return string(r.Group) }},
			{Column: out.Column{Head: "GROUP", Min: 10, Rank: 2}, csv: "group", text: func(r row) any { return n.pathWord(&snapshot.PathRef{Kind: snapshot.ByGroup, Group: r.Group}) }},
			{csv: "sku_id", cell: func(r row) any { return string(r.SKU) }},
			{Column: out.Column{Head: "SKU", Min: 8, Rank: 3}, csv: "part_number", text: func(r row) any { return n.shortSKU(r.SKU) }},
			{Column: out.Column{Head: "MEMBERS"}, csv: "members_with_license", text: func(r row) any { return r.Members }},
			{Column: out.Column{Head: "ERRORS"}, csv: "errors", text: func(r row) any { return errorsWord(r) }},
			{csv: "dynamic", cell: func(r row) any { return r.Dynamic }},
			{csv: "processing_state", cell: func(r row) any { return r.ProcessingState }},
			{Column: out.Column{Head: "PLANS OFF", Min: 8, Rank: 1}, csv: "disabled_plans", text: func(r row) any { return dash(n.planList(r.Disabled)) },
				cell: func(r row) any { return n.planList(r.Disabled) }},
		},
	}
}

func errorsWord(r *store.GroupRow) any {
	var words string
	for _, f := range r.Errors {
		if words != "" {
			words += ", "
		}
		words += plural(f.Users, "user") + " " + f.Error
	}
	return dash(words)
}
