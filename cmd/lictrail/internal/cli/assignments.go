package cli

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot/store"
)

type assignmentsOptions struct {
	user, sku, group, department string
	asOf, by                     string
	activity                     bool
	wanted                       ask.Wanted
	unlicensed                   string
}

func newAssignments(e *env) *cobra.Command {
	var o assignmentsOptions
	cmd := &cobra.Command{
		Use:   "assignments",
		Short: "Which user holds which license, by which path, since when",
		Long: `Lists which user holds which SKU, by which path, with the true first-assigned
date (the first time that the user ever held the SKU, which is never reset), and
the current date of Microsoft's own row.

--user-type, --disabled, --never-signed-in, --both-paths and --overlapping
filter the list, in any combination. If it is not known whether an account
matches, for instance because no source shows its sign-ins, it is left out and
counted on stderr. --overlapping shows the other SKUs of the user that have the
same service plans switched on. --unlicensed-since lists the changes by which
users lost their last license.

With --by it counts instead: users by SKU, by department, path or user type
and SKU, with departments as they were then. With --format assign-license it
prints, user by user, the requests to Microsoft Graph that would restore the
state, and the groups to add the user to. They are only printed: lictrail
never writes to a tenant.`,
		Example: `  lictrail assignments
  lictrail assignments --sku SPE_E5 --department Sales
  lictrail assignments --user ann@contoso.com --as-of 2026-03-01
  lictrail assignments --sku EMS --format csv --output ems.csv
  lictrail assignments --sku Microsoft_365_Copilot --activity
  lictrail assignments --user-type guest --never-signed-in
  lictrail assignments --disabled --format csv
  lictrail assignments --overlapping
  lictrail assignments --as-of 2025-12-31 --by department --format csv
  lictrail assignments --as-of 2026-03-01 --user ann@contoso.com \
    --format assign-license`,
		Args:        noArgs,
		Annotations: map[string]string{extraFormat: show.FormatAssignLicense},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runAssignments(cmd.Context(), e, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "only this `user`: object id, UPN or mail address, present or past")
	f.StringVar(&o.sku, "sku", "", "only this `SKU`: id, part number or product name")
	f.StringVar(&o.group, "group", "", "only what this `group` gives: object id or name")
	f.StringVar(&o.department, "department", "", "only users of this `department`")
	f.StringVar(&o.asOf, "as-of", "", "show the state at this `time`, by the newest run then")
	f.BoolVar(&o.activity, "activity", false, "show when each seat was last used, and what the Copilot report counts")
	f.StringSliceVar(&o.wanted.UserTypes, "user-type", nil, "only users of these `types`: member, guest, agent")
	f.BoolVar(&o.wanted.Disabled, "disabled", false, "only of disabled accounts")
	f.BoolVar(&o.wanted.NeverSignedIn, "never-signed-in", false, "only of accounts that never signed in")
	f.BoolVar(&o.wanted.BothPaths, "both-paths", false, "only licenses held both directly and by a group")
	f.BoolVar(&o.wanted.Overlapping, "overlapping", false, "only licenses that share service plans with another SKU of the user")
	f.StringVar(&o.unlicensed, "unlicensed-since", "", "list the users who lost their last license since this `time` instead")
	f.StringVar(&o.by, "by", "", "count users by this `key`: sku, department, path or user-type")
	return cmd
}

func runAssignments(ctx context.Context, e *env, o assignmentsOptions) error {
	if o.by != "" {
		if _, err := oneOf("by", []string{o.by}, ask.TotalKeys); err != nil {
			return err
		}
		if e.format == show.FormatAssignLicense {
			return usage("--by counts; --format assign-license lists users", "one of the two")
		}
	}
	if o.activity && (o.by != "" || o.asOf != "" || e.format == show.FormatAssignLicense) {
		return usage("--activity shows the newest activity of each seat of the newest run", "leave --by, --as-of and --format assign-license away")
	}
	if e.pseudonymize && e.format == show.FormatAssignLicense {
		return usage("--format assign-license needs to say who is meant", "leave --pseudonymize away")
	}
	if _, err := oneOf("user-type", o.wanted.UserTypes, ask.UserTypes); err != nil {
		return err
	}
	if o.wanted.NeverSignedIn && o.asOf != "" {
		return usage("--never-signed-in goes by the newest activity of each account", "leave --as-of away")
	}
	if o.unlicensed != "" && (o.wanted.Any() || o.by != "" || o.activity || o.group != "" || o.department != "" || e.format == show.FormatAssignLicense) {
		return usage("--unlicensed-since lists changes", "of the other flags it goes with --user, --sku and --as-of")
	}
	return withHistory(ctx, e, func(b *ask.Book) error {
		if err := asOf(e, b, "as-of", o.asOf); err != nil {
			return err
		}
		if o.unlicensed != "" {
			return runUnlicensed(ctx, e, b, o)
		}
		department, err := b.Department(ctx, o.department)
		if err != nil {
			return err
		}
		f := store.Filter{Department: department}
		if f.Users, err = b.OptionalUsers(ctx, o.user); err != nil {
			return err
		}
		if f.SKUs, err = b.FindSKUs(o.sku); err != nil {
			return err
		}
		if f.Group, err = b.FindGroup(ctx, o.group); err != nil {
			return err
		}
		if o.wanted.NeverSignedIn || o.activity {
			e.command = ask.AssignmentsActivity
			f.Also |= store.AlsoActivity
		}
		rows, listing, err := wantedRows(ctx, e, b, f, o.wanted)
		if err != nil {
			return err
		}
		switch {
		case o.by != "":
			totals, err := ask.Totals(b, o.by, rows)
			if err != nil {
				return err
			}
			return show.Totals(b, o.by).Print(e.printer(b), show.Given(totals))
		case e.format == show.FormatAssignLicense:
			return show.AssignLicense(e.printer(b), rows, f.Group)
		case o.activity:
			seen, err := ask.WithActivity(ctx, b, rows)
			if err != nil {
				return err
			}
			return show.AssignmentsSeen(b).Print(e.printer(b), seen)
		case o.wanted.Overlapping:
			return listing()
		}
		return show.Assignments(b).Print(e.printer(b), rows)
	})
}

// wantedRows are the assignments that are asked for. listing shows them with what
// they overlap with.
func wantedRows(ctx context.Context, e *env, b *ask.Book, f store.Filter, w ask.Wanted) (rows iter.Seq2[*store.Assignment, error], listing func() error, err error) {
	if !w.Any() {
		return b.History.Assignments(ctx, f), nil, nil
	}
	if w.Overlapping {
		if w.SKUs, err = ask.ReclaimSKUs(ctx, b); err != nil {
			return nil, nil, err
		}
	}
	unknown := 0
	var seats []*ask.OverlappingSeat
	for s, err := range ask.WantedAssignments(ctx, b, f, w, &unknown) {
		if err != nil {
			return nil, nil, err
		}
		seats = append(seats, s)
	}
	if unknown > 0 {
		e.Warnf("of %s it is not known whether they fit", show.Plural(unknown, "other account"))
	}
	rows = func(yield func(*store.Assignment, error) bool) {
		for _, s := range seats {
			if !yield(s.Assignment, nil) {
				return
			}
		}
	}
	return rows, func() error { return show.AssignmentsOverlapping(b).Print(e.printer(b), show.Given(seats)) }, nil
}

// runUnlicensed lists who lost the last license.
func runUnlicensed(ctx context.Context, e *env, b *ask.Book, o assignmentsOptions) error {
	since, err := parseTime("unlicensed-since", o.unlicensed, e.now(), false)
	if err != nil {
		return err
	}
	b.About(since, b.History.At.ObservedUntil, e.now())
	if o.asOf == "" {
		b.About(since, time.Time{}, e.now())
	}
	f := store.ChangeFilter{Since: since}
	if f.Users, err = b.OptionalUsers(ctx, o.user); err != nil {
		return err
	}
	if f.SKUs, err = b.FindSKUs(o.sku); err != nil {
		return err
	}
	rows, err := ask.UnlicensedSince(ctx, b, f)
	if err != nil {
		return err
	}
	l := show.Changes(b, true)
	l.None = "nobody lost the last license since then"
	return l.Print(e.printer(b), show.Given(rows))
}

// asOf moves the history to the newest run at a time.
func asOf(e *env, b *ask.Book, flag, text string) error {
	at, err := parseTime(flag, text, e.now(), true)
	if err != nil || at.IsZero() {
		return err
	}
	var refused *ask.Error
	if err = b.AsOf(at); errors.As(err, &refused) {
		return usage(refused.Message, "--"+flag+" "+refused.Hint)
	}
	return err
}
