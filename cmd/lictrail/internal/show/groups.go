package show

import (
	"cmp"
	"slices"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// remedies say what to do about an error, by Microsoft's page on resolving
// problems with the assignment of licenses to groups.
var remedies = map[string]string{
	"CountViolation":                     "no seat is free: buy seats or take some back (lictrail reclaim), then reprocess the group; it is not tried again by itself",
	"MutuallyExclusiveViolation":         "the user has another SKU with a plan that excludes one of these: switch one of the two plans off, or take that SKU away",
	"DependencyViolation":                "a plan needs another one that is off, or that is about to go: switch that one on, or keep it until this one is gone",
	"ProhibitedInUsageLocationViolation": "a service may not be offered where the user is: set the right usage location, or switch the plan off",
	"UniquenessViolation":                "a value that must be unique is in use twice, such as a proxy address: find it in Exchange and change one of the two",
	"Other":                              "most often another license of the same group failed: correct that one first, then reprocess the group",
}

func RemedyOf(label string) string {
	return cmp.Or(remedies[label], "a word that lictrail does not know: look at the group's licenses in the Entra admin center")
}

func Failures(p Printer, list []ask.Failure) error {
	if len(list) == 0 {
		return nil
	}
	table := out.NewTable(out.Column{Head: "ERROR"}, out.Column{Head: "GROUP", Min: 10, Rank: 2}, out.Column{Head: "SKU", Keep: true},
		out.Column{Head: "USERS"}, out.Column{Head: "NEW"}, out.Column{Head: Zoned("SINCE")})
	for _, f := range list {
		table.Row(f.Error, p.Book.PathName(f.Path()), p.Book.SKULabel(f.Row.SKU), f.Users, f.Fresh, ShortDate(p.Book.History.RunDate(f.SinceRun)))
	}
	if err := p.Printf("\n"); err != nil {
		return err
	}
	if err := table.Print(p.Streams); err != nil {
		return err
	}
	var seen []string
	for _, f := range list {
		if slices.Contains(seen, f.Error) {
			continue
		}
		seen = append(seen, f.Error)
		if err := Remedy(p, f.Error); err != nil {
			return err
		}
	}
	return nil
}

type groupErrorJSON struct {
	Error string   `json:"error"`
	Users int64    `json:"users"`
	New   int      `json:"new"`
	Since DateJSON `json:"since"`
	ToDo  string   `json:"to_do"`
}

type GroupRowJSON struct {
	Group              *GroupJSON       `json:"group"`
	SKU                SKUJSON          `json:"sku"`
	MembersWithLicense int64            `json:"members_with_license"`
	DisabledPlans      []PlanJSON       `json:"disabled_plans"`
	Errors             []groupErrorJSON `json:"errors"`
	Dynamic            *bool            `json:"dynamic"`
	ProcessingState    *string          `json:"processing_state"`
}

// Remedy says what to do about an error.
func Remedy(p Printer, label string) error {
	if err := p.Printf("\n"); err != nil {
		return err
	}
	return p.Paragraph(label + ": " + RemedyOf(label) + ".")
}

func groupRow(b *ask.Book, r *store.GroupRow) GroupRowJSON {
	j := GroupRowJSON{
		Group: Group(b, r.Group), SKU: SKU(b, r.SKU), MembersWithLicense: r.Members,
		Errors: []groupErrorJSON{}, Dynamic: r.Dynamic, ProcessingState: OrNull(r.ProcessingState),
	}
	if r.Dynamic != nil { // else the group's own licenses are not known
		j.DisabledPlans = Plans(b, r.Disabled)
	}
	for _, f := range r.Errors {
		j.Errors = append(j.Errors, groupErrorJSON{f.Error, f.Users, f.Since(b.History.At.Previous), Date(b.History.RunDate(f.SinceRun)), RemedyOf(f.Error)})
	}
	return j
}

func Groups(b *ask.Book) Listing[*store.GroupRow] {
	type row = *store.GroupRow
	return Listing[row]{
		JSON: func(r row) any { return groupRow(b, r) },
		None: "no group gives a license",
		Columns: []Column[row]{
			{CSV: "group_id", Cell: func(r row) any { return string(r.Group) }},
			{Column: out.Column{Head: "GROUP", Min: 10, Rank: 2}, CSV: "group", Text: func(r row) any { return b.PathName(&snapshot.PathRef{Kind: snapshot.ByGroup, Group: r.Group}) }},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
			{Column: out.Column{Head: "MEMBERS"}, CSV: "members_with_license", Text: func(r row) any { return r.Members }},
			{Column: out.Column{Head: "ERRORS"}, CSV: "errors", Text: func(r row) any { return errorsLabel(r) }},
			{CSV: "dynamic", Cell: func(r row) any { return r.Dynamic }},
			{CSV: "processing_state", Cell: func(r row) any { return r.ProcessingState }},
			{Column: out.Column{Head: "PLANS OFF", Min: 8, Rank: 1}, CSV: "disabled_plans", Text: func(r row) any { return plansOffLabel(b, r) },
				Cell: func(r row) any { return PlanList(b, r.Disabled) }},
			productColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
		},
	}
}

// plansOffLabel lists the plans that the group leaves out, if it could be read.
func plansOffLabel(b *ask.Book, r *store.GroupRow) any {
	if r.Dynamic == nil {
		return NotKnown
	}
	return Dash(PlanList(b, r.Disabled))
}

func errorsLabel(r *store.GroupRow) any {
	var phrase string
	for _, f := range r.Errors {
		if phrase != "" {
			phrase += ", "
		}
		phrase += Plural(f.Users, "user") + " " + f.Error
	}
	return Dash(phrase)
}

type GroupUserJSON struct {
	Group *GroupJSON `json:"group"`
	SKU   SKUJSON    `json:"sku"`
	Error string     `json:"error"`
	User  UserJSON   `json:"user"`
	Since DateJSON   `json:"since"`
	ToDo  string     `json:"to_do"`
}

// GroupUsers lists the users for whom a group's license fails.
func GroupUsers(b *ask.Book) Listing[*store.GroupFailure] {
	type row = *store.GroupFailure
	since := func(r row) snapshot.Date { return b.History.RunDate(r.SinceRun) }
	group := func(r row) any { return b.PathName(&snapshot.PathRef{Kind: snapshot.ByGroup, Group: r.Group}) }
	return Listing[row]{
		JSON: func(r row) any {
			return GroupUserJSON{Group(b, r.Group), SKU(b, r.SKU), r.Error, User(&r.User), Date(since(r)), RemedyOf(r.Error)}
		},
		None: "no license of a group fails for anybody",
		Columns: []Column[row]{
			{CSV: "user_id", Cell: func(r row) any { return string(r.ID) }},
			{Column: out.Column{Head: "USER", Keep: true}, CSV: "upn", Text: func(r row) any { return r.UPN }},
			{CSV: "name", Cell: func(r row) any { return r.Name }},
			{CSV: "department", Cell: func(r row) any { return r.Department }},
			{CSV: "group_id", Cell: func(r row) any { return string(r.Group) }},
			{Column: out.Column{Head: "GROUP", Min: 10, Rank: 2, Wrap: true}, CSV: "group", Text: group},
			{CSV: "sku_id", Cell: func(r row) any { return string(r.SKU) }},
			skuColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
			{Column: out.Column{Head: "ERROR", Min: 10, Rank: 1, Wrap: true}, CSV: "error", Text: func(r row) any { return out.Cell{Value: r.Error, Style: out.Red} },
				Cell: func(r row) any { return r.Error }},
			{Column: out.Column{Head: Zoned("SINCE")}, Text: func(r row) any { return ShortDate(since(r)) }},
			{CSV: "since", Cell: func(r row) any { return Stamp(since(r).At) }},
			{CSV: "since_not_before", Cell: func(r row) any { return Stamp(since(r).NotBefore) }},
			{CSV: "since_precision", Cell: func(r row) any { return string(since(r).Precision) }},
			productColumn(b, func(r row) snapshot.SKUID { return r.SKU }),
		},
	}
}
