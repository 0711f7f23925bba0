package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/words"
)

func newFind(e *env) *cobra.Command {
	var limit int
	var archive bool
	cmd := &cobra.Command{
		Use:   "find WORDS",
		Short: "Find people, SKUs, groups and plans by name",
		Long: `Looks for people by name, UPN, mail address or a part of one of these, present
and past, including people who appear only in audit records; for SKUs by product
name, part number or short name, for groups and service plans, and for
applications that changed licenses. The ids in the list can be used wherever a
command needs a USER, a SKU or a group.

Case and accents do not matter. A name matches if its words begin with WORDS; if
no name does, all names that contain WORDS are listed.`,
		Example: `  lictrail find ann meyer
  lictrail find e3
  lictrail find copilot --format json`,
		Args: argsBetween(1, -1, "what to look for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runFind(cmd.Context(), e, strings.Join(args, " "), limit, archive)
		},
	}
	cmd.Flags().BoolVar(&archive, "archive", false, "also read all audit records for people whom only they name, where there are more than 200,000")
	cmd.Flags().IntVar(&limit, "limit", 50, "show at most this number of `people`")
	return cmd
}

func runFind(ctx context.Context, e *env, text string, limit int, archive bool) error {
	q := words.NewQuery(text)
	if q.Empty() {
		return usage(fmt.Sprintf("%q has no letter or digit to look for", text), "a part of a name, such as: lictrail find ann")
	}
	if limit < 1 {
		return usage("--limit must be at least 1", "--limit 50")
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		found, more, err := ask.Search(ctx, b, q, limit)
		if err != nil {
			return err
		}
		var hits []show.Hit
		for _, f := range found {
			hits = append(hits, show.Hit{Hit: f})
		}
		strangers, failed, searched, err := ask.Strangers(ctx, b, q, archive || len(found) == 0)
		if err != nil {
			return err
		}
		for _, p := range strangers {
			hits = append(hits, show.Hit{Person: p})
		}
		if !searched {
			e.Notef("people whom only audit records name are not among these; with --archive all records are read")
		}
		if failed > 0 {
			e.Warnf("%s could not be read; whom they name is not known", out.Plural(failed, "audit record"))
		}
		if more {
			e.Notef("there are other people; more of the name, or a higher --limit, shows them")
		}
		if len(hits) == 0 {
			near, err := ask.Near(ctx, b, q)
			if err != nil {
				return err
			}
			if len(near) > 0 {
				e.Notef("nothing is called %q; perhaps %s", q.Text, strings.Join(near, ", "))
			}
		}
		return show.Hits(b, q.Text).Print(e.printer(b), show.Given(hits))
	})
}
