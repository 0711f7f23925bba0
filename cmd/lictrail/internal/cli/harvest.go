package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/input"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/reclaim"
)

type harvestOptions struct {
	sku, exclude, requests, rules string
	attributes                    []string
	grace, idle, active, answer   int
	waiting, messages             bool
}

func newHarvest(e *env) *cobra.Command {
	var o harvestOptions
	cmd := &cobra.Command{
		Use:   "harvest",
		Short: "Copilot seats to offer back, and who would get them",
		Long: `Lists seats of Microsoft 365 Copilot to offer back: held for longer than --grace
days by the true assignment date, and not used for --idle days by Copilot's own
report; with --active-days also those used on fewer days of the report's period.
Seats that are not in the report are not judged. The command only lists them:
lictrail never writes to a tenant.

--exclude names a CSV file of users who keep their seats, such as those on
leave, with the columns user, until and reason; --exclude-attribute excludes
users by an attribute. Exclusions of the file of rules apply as well. --requests
names a CSV file of users who wait for a seat, with the columns user, requested,
priority and reason. Requests are served by priority, day and line, with free
seats first, then with seats offered back, the longest unused first. Users are
given by object id, UPN or mail address. --messages prints the texts for the
people concerned; JSON and CSV always have them.`,
		Example: `  lictrail seats harvest
  lictrail seats harvest --exclude leave.csv --requests waiting.csv
  lictrail seats harvest --exclude-attribute employee-type=Part-time
  lictrail seats harvest --requests waiting.csv --waiting --format csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runHarvest(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.sku, "sku", "", "this `SKU` of Copilot (default: the tenant's only one)")
	f.IntVar(&o.grace, "grace", 30, "`days` from the assignment for which a seat is not judged")
	f.IntVar(&o.idle, "idle", 30, "`days` without use after which a seat is offered back")
	f.IntVar(&o.active, "active-days", 0, "also offer seats used on fewer `days` than this in the report's period")
	f.StringVar(&o.exclude, "exclude", "", "CSV `file` of users whose seats stay")
	f.StringSliceVar(&o.attributes, "exclude-attribute", nil, "keep seats of users with this `attribute=value`: "+strings.Join(reclaim.HarvestAttributes(), ", "))
	f.StringVar(&o.requests, "requests", "", "CSV `file` of users who wait for a seat")
	f.StringVar(&o.rules, "rules", "", "`file` of rules whose exclusions hold as well (default: reclaim.toml beside the database, if it is there)")
	f.IntVar(&o.answer, "answer-days", 14, "`days` from today that holders have to answer, for the texts")
	f.BoolVar(&o.waiting, "waiting", false, "list the requests instead of the seats (text and CSV)")
	f.BoolVar(&o.messages, "messages", false, "print the texts for the people concerned (text)")
	return cmd
}

func runHarvest(ctx context.Context, e *env, o harvestOptions) error {
	if min(o.grace, o.idle, o.active, o.answer) < 0 {
		return usage("--grace, --idle, --active-days and --answer-days are numbers of days", "0 or more")
	}
	if o.messages && e.pseudonymize {
		return usage("--messages are for people to read, who need to be named", "leave --pseudonymize or --messages away")
	}
	rules := reclaim.HarvestRules{Grace: o.grace, Idle: o.idle, ActiveDays: o.active}
	for _, text := range o.attributes {
		name, value, ok := strings.Cut(text, "=")
		if !ok || value == "" || !slices.Contains(reclaim.HarvestAttributes(), name) {
			return usage(fmt.Sprintf("--exclude-attribute %q", text), "NAME=VALUE, where NAME is one of "+strings.Join(reclaim.HarvestAttributes(), ", "))
		}
		rules.Attributes = append(rules.Attributes, reclaim.AttributeRule{Name: name, Value: value})
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	excluded, err := loadList("the file of exclusions", o.exclude)
	if err != nil {
		return err
	}
	asked, err := loadList("the file of requests", o.requests)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		list, err := b.Harvest(ctx, o.sku, file, rules, ask.HarvestLists{Excluded: excluded, ExcludedFile: o.exclude, Requests: asked})
		if err != nil {
			return err
		}
		h := &show.Harvest{Harvest: list, Book: b, AnswerBy: e.now().UTC().AddDate(0, 0, o.answer)}
		return h.Print(e.printer(b), o.waiting, o.messages)
	})
}

// maxList is more than any list of people has.
const maxList = 16 << 20

// loadList reads a list of users; nothing where no file is named.
func loadList(what, path string) ([]reclaim.ListRow, error) {
	if path == "" {
		return nil, nil
	}
	data, err := readInput(what, path, input.Plain, maxList, "a CSV file with a column user")
	if err != nil {
		return nil, err
	}
	rows, err := reclaim.ParseList(data)
	if err != nil {
		return nil, usage(fmt.Sprintf("%s: %v", path, err), "a CSV file with the columns user, reason, and until or requested")
	}
	return rows, nil
}
