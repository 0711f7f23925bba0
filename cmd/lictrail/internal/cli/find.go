package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/words"
)

func newFind(e *env) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "find WORDS",
		Short: "People, SKUs, groups and plans that words mean",
		Long: `Looks for people by name, UPN, mail address or a part of one of these, present
and past, also among those whom only audit records name; for SKUs by product
name, part number or short name, for groups and service plans, and for
applications that changed licenses. The ids that it lists stand for the same
thing wherever a USER, a SKU or a group is asked for.

Case and accents do not matter. Words fit where they begin a word of a name; if
no name has them so, anything that contains them is listed.`,
		Example: `  lictrail find ann meyer
  lictrail find e3
  lictrail find copilot --format json`,
		Args: argsBetween(1, -1, "what to look for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runFind(cmd.Context(), e, strings.Join(args, " "), limit)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many `people`")
	return cmd
}

// hit is what was found, or somebody whom only audit records know.
type hit struct {
	ask.Hit
	person *ask.Archived
}

func runFind(ctx context.Context, e *env, text string, limit int) error {
	q := words.NewQuery(text)
	if q.Empty() {
		return usage(fmt.Sprintf("%q has no letter or digit to look for", text), "a part of a name, such as: lictrail find ann")
	}
	if limit < 1 {
		return usage("--limit must be at least 1", "--limit 50")
	}
	return withHistory(ctx, e, func(n names) error {
		found, more, err := n.Search(ctx, q, limit)
		if err != nil {
			return err
		}
		var hits []hit
		for _, f := range found {
			hits = append(hits, hit{Hit: f})
		}
		strangers, failed, err := n.Strangers(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range strangers {
			hits = append(hits, hit{person: p})
		}
		if failed > 0 {
			e.Warnf("%s could not be read; whom they name is not known", out.Plural(failed, "audit record"))
		}
		if more {
			e.Notef("there are other people; more of the name, or a higher --limit, shows them")
		}
		if len(hits) == 0 {
			near, err := n.Near(ctx, q)
			if err != nil {
				return err
			}
			if len(near) > 0 {
				e.Notef("nothing is called %q; perhaps %s", q.Text, strings.Join(near, ", "))
			}
		}
		return n.hitListing(q.Text).Print(e.printer(n), show.Given(hits))
	})
}

// What was found is of one of these kinds.
const (
	kindPerson = "person"
	kindActor  = "actor"
	kindSKU    = "sku"
	kindGroup  = "group"
	kindPlan   = "plan"
)

// row is what is said of a hit.
func (n names) hitRow(h hit) (kind, name, called, id, note string) {
	switch {
	case h.User != nil:
		u := &h.User.User
		return kindPerson, u.Name, u.UPN, string(u.ID), presenceNote(u.Presence)
	case h.person != nil:
		p := h.person
		return kindPerson, strings.Join(p.Names, ", "), p.Title(), p.ID, "known from audit records only"
	case h.SKU != "":
		part := n.PartNumber(h.SKU)
		return kindSKU, n.Catalog.SKUName(h.SKU, part), part, string(h.SKU), ""
	case h.Group != nil:
		return kindGroup, n.History.GroupName(h.Group.ID), "", string(h.Group.ID), ""
	case h.Plan != "":
		plan, _ := n.Catalog.Plan(h.Plan)
		name := cmp.Or(n.History.PlanName(h.Plan), plan.Name)
		return kindPlan, cmp.Or(plan.FriendlyName, name), name, string(h.Plan), ""
	}
	a := h.Actor
	return kindActor, a.Name, a.UPN, cmp.Or(a.ID, a.AppID), string(a.Kind)
}

func presenceNote(p snapshot.Presence) string {
	if p == snapshot.Present {
		return ""
	}
	return string(p)
}

type hitJSON struct {
	Kind     string          `json:"kind"`
	User     *show.UserJSON  `json:"user"`
	SKU      *show.SKUJSON   `json:"sku"`
	Group    *show.GroupJSON `json:"group"`
	Plan     *show.PlanJSON  `json:"plan"`
	Actor    *show.ActorJSON `json:"actor"`
	Formerly *string         `json:"formerly"`
	Recorded bool            `json:"records_only"` // known from audit records only
}

func (n names) hitJSON(h hit) hitJSON {
	kind, name, called, id, _ := n.hitRow(h)
	j := hitJSON{Kind: kind, Formerly: show.OrNull(h.Was), Recorded: h.person != nil}
	switch {
	case h.User != nil:
		u := show.User(&h.User.User)
		j.User = &u
	case h.person != nil:
		j.User = &show.UserJSON{ID: id, UPN: show.OrNull(called), Name: show.OrNull(name)}
	case h.SKU != "":
		s := show.SKU(n.Book, h.SKU)
		j.SKU = &s
	case h.Group != nil:
		j.Group = show.Group(n.Book, h.Group.ID)
	case h.Plan != "":
		j.Plan = &show.Plans(n.Book, []snapshot.PlanID{h.Plan})[0]
	default:
		j.Actor = show.Actor(h.Actor)
	}
	return j
}

func (n names) hitListing(text string) show.Listing[hit] {
	cell := func(pick func(kind, name, called, id, note string) string) func(hit) any {
		return func(h hit) any { return show.OrNil(pick(n.hitRow(h))) }
	}
	return show.Listing[hit]{
		JSON: func(h hit) any { return n.hitJSON(h) },
		None: fmt.Sprintf("no person, SKU, group, service plan or application of the history is called %q", text),
		Columns: []show.Column[hit]{
			{Column: out.Column{Head: "KIND"}, CSV: "kind", Text: cell(func(kind, _, _, _, _ string) string { return kind })},
			{Column: out.Column{Head: "NAME", Keep: true}, CSV: "name", Text: cell(func(_, name, _, _, _ string) string { return name })},
			{Column: out.Column{Head: "ADDRESS OR PART NUMBER", Min: 10, Rank: 2}, CSV: "address", Text: cell(func(_, _, called, _, _ string) string { return called })},
			{Column: out.Column{Head: "ID", Min: 8, Rank: 1}, CSV: "id", Text: cell(func(_, _, _, id, _ string) string { return id })},
			{Column: out.Column{Head: "NOTE", Min: 10}, CSV: "note", Text: func(h hit) any {
				_, _, _, _, note := n.hitRow(h)
				if h.Was != "" {
					note = strings.TrimPrefix(note+", formerly "+h.Was, ", ")
				}
				return show.OrNil(note)
			}},
		},
	}
}
