package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/whatif"
)

type whatIfOptions struct {
	groupLicense, fromGroup, swap, user, lapse, sku string
	rules                                           string
}

func newWhatIf(e *env) *cobra.Command {
	var o whatIfOptions
	cmd := &cobra.Command{
		Use:   "what-if",
		Short: "Predict the effects of an operation on licenses",
		Long: `Predicts the effects of an operation from the data of the newest run: users who
would lose service plans or keep them by another path, plans that would collide,
mailboxes at risk and until when they are kept, the greatest number of seats
needed, the monthly cost before and after, and the steps that would undo
it. It only predicts: lictrail never writes to a tenant.

An operation is one of:

  --remove-group-license GROUP SKU  the group no longer gives the SKU
  --remove-from-group USER GROUP    the user leaves the group
  --swap SKU=SKU                    the second replaces the first, for all users
                                    who hold it directly and in every group;
                                    plans that are off remain off
  --delete USER                     the account is deleted
  --lapse SUBSCRIPTION              the subscription ends, unrenewed
  --remove-sku SKU                  all users and groups lose the SKU

A subscription is given by its id, or by a SKU that has only one. AT WORST
counts the seats if new licenses are assigned before old ones are removed.
Members of a group for whom no run has read a license are not known. If there
are too few seats, it is not known which users get none. Group-based licensing
does not retry by itself when seats become free.`,
		Example: `  lictrail what-if --remove-group-license "Licenses E3" SPE_E3
  lictrail what-if --swap SPE_E3=SPE_E5
  lictrail what-if --delete ann@contoso.com --format json
  lictrail what-if --lapse VISIOCLIENT`,
		Args: argsBetween(0, 1, "an operation, such as --delete USER"),
		RunE: func(cmd *cobra.Command, args []string) error { return runWhatIf(cmd.Context(), e, o, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.groupLicense, "remove-group-license", "", "this `group` no longer gives the SKU that follows")
	f.StringVar(&o.fromGroup, "remove-from-group", "", "this `user` leaves the group that follows")
	f.StringVar(&o.swap, "swap", "", "`SKU=SKU`: the second in place of the first")
	f.StringVar(&o.user, "delete", "", "this `user` is deleted")
	f.StringVar(&o.lapse, "lapse", "", "this `subscription` ends")
	f.StringVar(&o.sku, "remove-sku", "", "all users and groups lose this `SKU`")
	f.StringVar(&o.rules, "rules", "", "`file` of rules with prices (default: reclaim.toml beside the database, if it is there)")
	return cmd
}

// question takes the one operation that the flags name.
func (o whatIfOptions) question(args []string) (q ask.WhatIfQuestion, err error) {
	rest := strings.Join(args, "")
	kinds := 0
	take := func(flag string, is ask.WhatIfQuestion) {
		if flag != "" {
			q = is
			kinds++
		}
	}
	from, to, pair := strings.Cut(o.swap, "=")
	take(o.groupLicense, ask.WhatIfQuestion{Kind: whatif.RemoveGroupLicense, Group: o.groupLicense, SKU: rest})
	take(o.fromGroup, ask.WhatIfQuestion{Kind: whatif.RemoveFromGroup, User: o.fromGroup, Group: rest})
	take(o.swap, ask.WhatIfQuestion{Kind: whatif.Swap, SKU: from, To: to})
	take(o.user, ask.WhatIfQuestion{Kind: whatif.DeleteUser, User: o.user})
	take(o.lapse, ask.WhatIfQuestion{Kind: whatif.Lapse, Subscription: o.lapse})
	take(o.sku, ask.WhatIfQuestion{Kind: whatif.RemoveSKU, SKU: o.sku})
	const example = `lictrail what-if --remove-group-license GROUP SKU, --remove-from-group USER GROUP, --swap SKU=SKU, --delete USER, --lapse SUBSCRIPTION or --remove-sku SKU`
	two := q.Kind == whatif.RemoveGroupLicense || q.Kind == whatif.RemoveFromGroup
	switch {
	case kinds == 0:
		return q, usage("what-if needs an operation", example)
	case kinds > 1:
		return q, usage("what-if predicts one operation at a time", "ask once for each")
	case two && rest == "":
		return q, usage(fmt.Sprintf("--%s needs a second word", q.Kind), example)
	case !two && rest != "":
		return q, usage(fmt.Sprintf("%q belongs to no flag", rest), example)
	case q.Kind == whatif.Swap && (!pair || from == "" || to == ""):
		return q, usage(fmt.Sprintf("--swap %q names no two SKUs", o.swap), "--swap SPE_E3=SPE_E5")
	}
	return q, nil
}

func runWhatIf(ctx context.Context, e *env, o whatIfOptions, args []string) error {
	question, err := o.question(args)
	if err != nil {
		return err
	}
	file, err := loadRules(e, o.rules)
	if err != nil {
		return err
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		prices, err := ask.Prices(b, file)
		if err != nil {
			return err
		}
		answer, err := ask.WhatIf(ctx, b, question, whatif.Operation{When: e.now()}, prices)
		if err != nil {
			return err
		}
		return show.WhatIf(e.printer(b), answer)
	})
}
