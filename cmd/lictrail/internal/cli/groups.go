package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newGroups(e *env) *cobra.Command {
	var users bool
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "Licenses given by groups, and their errors",
		Long: `Which group gives which SKU to how many members, and for how many it fails:
since when, and what to do about it, what is new in the newest run first.
MEMBERS counts users who hold the SKU by way of the group. SINCE is when the
oldest of the failures was first seen, without a break since. With --users it
names the users behind each error instead.`,
		Example: `  lictrail groups
  lictrail groups --users
  lictrail groups --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if users {
				return runGroupUsers(cmd.Context(), e)
			}
			return runGroups(cmd.Context(), e)
		},
	}
	cmd.Flags().BoolVar(&users, "users", false, "the users for whom a group's license fails, what began last first")
	return cmd
}

func runGroupUsers(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(n names) error {
		rows, err := n.History.GroupFailures(ctx)
		if err != nil {
			return err
		}
		if err := n.groupUserListing().Print(e.printer(n), show.Each(rows)); err != nil || e.format != "text" {
			return err
		}
		var told []string
		for _, f := range rows {
			if !slices.Contains(told, f.Error) {
				told = append(told, f.Error)
				if err := printRemedy(e, f.Error); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

type groupUserJSON struct {
	Group *show.GroupJSON `json:"group"`
	SKU   show.SKUJSON    `json:"sku"`
	Error string          `json:"error"`
	User  show.UserJSON   `json:"user"`
	Since show.DateJSON   `json:"since"`
	ToDo  string          `json:"to_do"`
}

func (n names) groupUserListing() show.Listing[*store.GroupFailure] {
	type row = *store.GroupFailure
	since := func(r row) snapshot.Date { return n.History.RunDate(r.SinceRun) }
	group := func(r row) any { return n.PathName(&snapshot.PathRef{Kind: snapshot.ByGroup, Group: r.Group}) }
	return show.Listing[row]{
		JSON: func(r row) any {
			return groupUserJSON{show.Group(n.Book, r.Group), show.SKU(n.Book, r.SKU), r.Error, show.User(&r.User), show.Date(since(r)), remedyOf(r.Error)}
		},
		None: "no license of a group fails for anybody",
		Columns: []show.Column[row]{
			{CSV: "user_id", Cell: func(r row) any { return string(r.ID) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(r row) any { return r.UPN }},
			{CSV: "name", Cell: func(r row) any { return r.Name }},
			{CSV: "department", Cell: func(r row) any { return r.Department }},
			{CSV: "group_id", Cell: func(r row) any { return string(r.Group) }},
			{Column: out.Column{Head: "GROUP", Min: 10, Rank: 2, Wrap: true}, CSV: "group", Text: group},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number", Text: func(r row) any { return n.ShortSKU(r.SKU) }, Cell: func(r row) any { return n.PlainSKU(r.SKU) }},
			{Column: out.Column{Head: "ERROR", Min: 10, Rank: 1, Wrap: true}, CSV: "error", Text: func(r row) any { return out.Cell{Value: r.Error, Style: out.Red} },
				Cell: func(r row) any { return r.Error }},
			{Column: out.Column{Head: "SINCE"}, Text: func(r row) any { return show.ShortDate(since(r)) }},
			{CSV: "since", Cell: func(r row) any { return show.Stamp(since(r).At) }},
			{CSV: "since_not_before", Cell: func(r row) any { return show.Stamp(since(r).NotBefore) }},
			{CSV: "since_precision", Cell: func(r row) any { return string(since(r).Precision) }},
		},
	}
}

func runGroups(ctx context.Context, e *env) error {
	return withHistory(ctx, e, func(n names) error {
		rows, err := n.History.GroupRows(ctx)
		if err != nil {
			return err
		}
		if err := n.groupListing().Print(e.printer(n), show.Each(rows)); err != nil || e.format != "text" {
			return err
		}
		return n.printFailures(e, failuresOf(rows, n.History.At.Previous))
	})
}

// failure is a way in which a group's license fails for users.
type failure struct {
	row *store.GroupRow
	store.GroupError
	fresh int // users for whom it is new
}

// failuresOf lists the failures, those that are new since a run first.
func failuresOf(groups []store.GroupRow, since snapshot.RunID) []failure {
	var list []failure
	for i := range groups {
		for _, e := range groups[i].Errors {
			list = append(list, failure{&groups[i], e, e.Since(since)})
		}
	}
	slices.SortStableFunc(list, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.fresh, a.fresh), cmp.Compare(b.SinceRun, a.SinceRun), cmp.Compare(b.Users, a.Users))
	})
	return list
}

func (f *failure) path() *snapshot.PathRef {
	return &snapshot.PathRef{Kind: snapshot.ByGroup, Group: f.row.Group}
}

// remedies say what to do about an error, by Microsoft's page on resolving
// problems with the assignment of licenses to groups.
var remedies = map[string]string{
	"CountViolation":                     "no seat is free: buy seats or take some back (lictrail reclaim), then reprocess the group; it is not tried again by itself",
	"MutuallyExclusiveViolation":         "the user has another SKU with a plan that excludes one of these: switch one of the two plans off, or take that SKU away",
	"DependencyViolation":                "a plan needs another one that is off, or that is about to go: switch that one on, or keep it until this one is gone",
	"ProhibitedInUsageLocationViolation": "a service may not be offered where the user is: set the right usage location, or switch the plan off",
	"UniquenessViolation":                "a value that must be unique is in use twice, such as a proxy address: find it in Exchange and change one of the two",
	"Other":                              "most often another license of the same group failed: mend that one first, then reprocess the group",
}

func (f *failure) advice() string { return remedyOf(f.Error) }

func remedyOf(word string) string {
	return cmp.Or(remedies[word], "a word that lictrail does not know: look at the group's licenses in the Entra admin center")
}

func (n names) printFailures(e *env, list []failure) error {
	if len(list) == 0 {
		return nil
	}
	table := out.NewTable(out.Column{Head: "ERROR"}, out.Column{Head: "GROUP", Min: 10, Rank: 2}, out.Column{Head: "SKU", Keep: true},
		out.Column{Head: "USERS"}, out.Column{Head: "NEW"}, out.Column{Head: "SINCE"})
	for _, f := range list {
		table.Row(f.Error, n.PathName(f.path()), n.ShortSKU(f.row.SKU), f.Users, f.fresh, show.ShortDate(n.History.RunDate(f.SinceRun)))
	}
	if err := e.Printf("\n"); err != nil {
		return err
	}
	if err := table.Print(e.Streams); err != nil {
		return err
	}
	var told []string
	for _, f := range list {
		if slices.Contains(told, f.Error) {
			continue
		}
		told = append(told, f.Error)
		if err := printRemedy(e, f.Error); err != nil {
			return err
		}
	}
	return nil
}

type groupErrorJSON struct {
	Error string        `json:"error"`
	Users int64         `json:"users"`
	New   int           `json:"new"`
	Since show.DateJSON `json:"since"`
	ToDo  string        `json:"to_do"`
}

type groupRowJSON struct {
	Group              *show.GroupJSON  `json:"group"`
	SKU                show.SKUJSON     `json:"sku"`
	MembersWithLicense int64            `json:"members_with_license"`
	DisabledPlans      []show.PlanJSON  `json:"disabled_plans"`
	Errors             []groupErrorJSON `json:"errors"`
	Dynamic            *bool            `json:"dynamic"`
	ProcessingState    *string          `json:"processing_state"`
}

// printRemedy says what to do about an error.
func printRemedy(e *env, word string) error {
	if err := e.Printf("\n"); err != nil {
		return err
	}
	return e.Paragraph(word + ": " + remedyOf(word) + ".")
}

func (n names) groupRow(r *store.GroupRow) groupRowJSON {
	j := groupRowJSON{
		Group: show.Group(n.Book, r.Group), SKU: show.SKU(n.Book, r.SKU), MembersWithLicense: r.Members,
		Errors: []groupErrorJSON{}, Dynamic: r.Dynamic, ProcessingState: show.OrNull(r.ProcessingState),
	}
	if r.Dynamic != nil { // else the group's own licenses are not known
		j.DisabledPlans = show.Plans(n.Book, r.Disabled)
	}
	for _, f := range r.Errors {
		j.Errors = append(j.Errors, groupErrorJSON{f.Error, f.Users, f.Since(n.History.At.Previous), show.Date(n.History.RunDate(f.SinceRun)), remedyOf(f.Error)})
	}
	return j
}

func (n names) groupListing() show.Listing[*store.GroupRow] {
	type row = *store.GroupRow
	return show.Listing[row]{
		JSON: func(r row) any { return n.groupRow(r) },
		None: "no group gives a license",
		Columns: []show.Column[row]{
			{CSV: "group_id", Cell: func(r row) any { return string(r.Group) }},
			{Column: out.Column{Head: "GROUP", Min: 10, Rank: 2}, CSV: "group", Text: func(r row) any { return n.PathName(&snapshot.PathRef{Kind: snapshot.ByGroup, Group: r.Group}) }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number", Text: func(r row) any { return n.ShortSKU(r.SKU) }, Cell: func(r row) any { return n.PlainSKU(r.SKU) }},
			{Column: out.Column{Head: "MEMBERS"}, CSV: "members_with_license", Text: func(r row) any { return r.Members }},
			{Column: out.Column{Head: "ERRORS"}, CSV: "errors", Text: func(r row) any { return errorsWord(r) }},
			{CSV: "dynamic", Cell: func(r row) any { return r.Dynamic }},
			{CSV: "processing_state", Cell: func(r row) any { return r.ProcessingState }},
			{Column: out.Column{Head: "PLANS OFF", Min: 8, Rank: 1}, CSV: "disabled_plans", Text: func(r row) any { return n.plansOffWord(r) },
				Cell: func(r row) any { return show.PlanList(n.Book, r.Disabled) }},
		},
	}
}

// plansOffWord lists the plans that the group leaves out, if it could be read.
func (n names) plansOffWord(r *store.GroupRow) any {
	if r.Dynamic == nil {
		return show.NotKnown
	}
	return show.Dash(show.PlanList(n.Book, r.Disabled))
}

func errorsWord(r *store.GroupRow) any {
	var words string
	for _, f := range r.Errors {
		if words != "" {
			words += ", "
		}
		words += show.Plural(f.Users, "user") + " " + f.Error
	}
	return show.Dash(words)
}
