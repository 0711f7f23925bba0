package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

type assignmentsOptions struct {
	user, sku, group, department string
	asOf, by                     string
}

func newAssignments(e *env) *cobra.Command {
	var o assignmentsOptions
	cmd := &cobra.Command{
		Use:   "assignments",
		Short: "Who holds what, by which path, since when",
		Long: `Who holds what, by which path, with the true first-assigned date: the first
time the user ever held the SKU, which nothing resets, beside the date that
Microsoft's own row shows today.

With --by it counts instead: users by SKU, by department and SKU, or by path
and SKU, with departments as they were then. With --format assign-license it
prints, user by user, the requests to Microsoft Graph that would bring the
state back, and the groups to add the user to. They are printed only: lictrail
never writes to a tenant.`,
		Example: `  lictrail assignments
  lictrail assignments --sku SPE_E5 --department Sales
  lictrail assignments --user ann@contoso.com --as-of 2026-03-01
  lictrail assignments --sku EMS --format csv --output ems.csv
  lictrail assignments --as-of 2025-12-31 --by department --format csv
  lictrail assignments --as-of 2026-03-01 --user ann@contoso.com \
    --format assign-license`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: formatAssignLicense},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runAssignments(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "only this `user`: object id, UPN or mail address, present or past")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`: id, part number or product name")
	f.StringVar(&o.group, "group", "", "only what this `group` gives: object id or name")
	f.StringVar(&o.department, "department", "", "only users of this `department`")
	f.StringVar(&o.asOf, "as-of", "", "as it was at this `time`, by the newest run then")
	f.StringVar(&o.by, "by", "", "count users by this `key`: sku, department or path")
	return cmd
}

func runAssignments(ctx context.Context, e *env, o assignmentsOptions) error {
	if o.by != "" {
		if _, err := oneOf("by", []string{o.by}, totalKeys); err != nil {
			return err
		}
		if e.format == formatAssignLicense {
			return usage("--by counts; --format assign-license lists users", "one of the two")
		}
	}
	if e.pseudonymize && e.format == formatAssignLicense {
		return usage("--format assign-license needs to say who is meant", "leave --pseudonymize away")
	}
	return withHistory(ctx, e, func(n names) error {
		if err := n.asOf(e, "as-of", o.asOf); err != nil {
			return err
		}
		f := store.Filter{Department: o.department}
		var err error
		if f.Users, err = n.optionalUsers(ctx, o.user); err != nil {
			return err
		}
		if f.SKUs, err = n.findSKUs(o.sku); err != nil {
			return err
		}
		if f.Group, err = n.findGroup(o.group); err != nil {
			return err
		}
		switch {
		case o.by != "":
			return n.runTotals(ctx, e, o.by, f)
		case e.format == formatAssignLicense:
			return n.runAssignLicense(ctx, e, f)
		}
		return n.assignmentListing().print(e, n, n.h.Assignments(ctx, f))
	})
}

// asOf moves the history to the newest run at a time.
func (n names) asOf(e *env, flag, text string) error {
	at, err := parseTime(flag, text, e.now(), true)
	if err != nil || at.IsZero() {
		return err
	}
	if !n.h.AsOf(at) {
		first := n.h.First.ObservedUntil
		return usage("tracking began on "+first.Format("2 January 2006 15:04 UTC")+"; what was held before is not known",
			"--"+flag+" "+first.Format("2006-01-02")+" or later")
	}
	return nil
}

func (n names) assignmentListing() listing[*store.Assignment] {
	type row = *store.Assignment
	return listing[row]{
		json: func(a row) any { return n.assignment(a) },
		none: "no assignment matches",
		columns: []column[row]{
			{csv: "user_id", cell: func(a row) any { return string(a.User.ID) }},
			{Column: out.Column{Head: "USER", Min: 12, Rank: 3}, csv: "upn", text: func(a row) any { return a.User.UPN }},
			{csv: "name", cell: func(a row) any { return a.User.Name }},
			{csv: "department", cell: func(a row) any { return a.User.Department }},
			{csv: "sku_id", cell: func(a row) any { return string(a.SKU) }},
			{Column: out.Column{Head: "SKU", Min: 8, Rank: 4}, csv: "part_number", text: func(a row) any { return n.shortSKU(a.SKU) }, cell: func(a row) any { return n.plainSKU(a.SKU) }},
			{csv: "product", cell: func(a row) any { return n.cat.SKUName(a.SKU, n.partNumber(a.SKU)) }},
			{Column: out.Column{Head: "PATH", Min: 6, Rank: 1}, csv: "paths", text: func(a row) any { return n.pathsWord(a) }},
			{csv: "path_ids", cell: func(a row) any { return pathIDs(a) }},
			{Column: out.Column{Head: "FIRST ASSIGNED"}, csv: "", text: func(a row) any { return shortDate(a.First) }},
			{csv: "first_assigned", cell: func(a row) any { return stamp(a.First.At) }},
			{csv: "first_assigned_not_before", cell: func(a row) any { return stamp(a.First.NotBefore) }},
			{csv: "first_assigned_precision", cell: func(a row) any { return string(a.First.Precision) }},
			{csv: "first_assigned_source", cell: func(a row) any { return string(a.First.Basis) }},
			{csv: "first_assigned_evidence", cell: func(a row) any { return a.First.Evidence }},
			{csv: "assigned_since", cell: func(a row) any { return stamp(a.Since.At) }},
			{csv: "assigned_since_not_before", cell: func(a row) any { return stamp(a.Since.NotBefore) }},
			{csv: "assigned_since_precision", cell: func(a row) any { return string(a.Since.Precision) }},
			{csv: "periods", cell: func(a row) any { return a.Periods }},
			{Column: out.Column{Head: "MICROSOFT SAYS"}, csv: "graph_date", text: func(a row) any { return dayOrNil(a.GraphDate) },
				cell: func(a row) any { return stamp(a.GraphDate) }},
			{csv: "disabled_plans", cell: func(a row) any { return n.disabledWord(a) }},
		},
	}
}

// pathsWord joins the paths of an assignment: "direct + Sales EMEA".
func (n names) pathsWord(a *store.Assignment) string {
	words := make([]string, len(a.Paths))
	for i := range a.Paths {
		words[i] = n.pathWord(&a.Paths[i].PathRef)
	}
	return strings.Join(words, " + ")
}

func pathIDs(a *store.Assignment) string {
	words := make([]string, len(a.Paths))
	for i, p := range a.Paths {
		words[i] = string(p.Kind)
		if p.Kind == snapshot.ByGroup {
			words[i] = "group:" + string(p.Group)
		}
	}
	return strings.Join(words, " ")
}

func (n names) disabledWord(a *store.Assignment) string {
	var words []string
	for _, p := range a.Paths {
		for _, id := range p.Disabled {
			words = append(words, n.planWord(id))
		}
	}
	return strings.Join(words, " ")
}

func (n names) planWord(id snapshot.PlanID) string {
	if name := n.plan(id); name != "" {
		return name
	}
	return string(id)
}
