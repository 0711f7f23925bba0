package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

func newWho(e *env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "who removed|assigned|changed USER [SKU]",
		Short: "Who did it, when, how, on what evidence",
		Long: `Who removed, assigned or changed a user's license: the person, application,
group, subscription or Microsoft, with the evidence; or why that cannot be
known and what was checked. The latest change comes first and alone, unless
--all. About somebody whom no run has seen, such as a person who left before
tracking began, the archived audit records answer.`,
		Example: `  lictrail who removed ann@contoso.com
  lictrail who assigned ann@contoso.com SPE_E5
  lictrail who changed ann@contoso.com --all --format json`,
		Args:      argsBetween(2, 3, "removed, assigned or changed, a user, and perhaps a SKU"),
		ValidArgs: []string{"removed", "assigned", "changed"},
		RunE:      func(cmd *cobra.Command, args []string) error { return runWho(cmd.Context(), e, args, all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "every such change, not only the latest")
	return cmd
}

func runWho(ctx context.Context, e *env, args []string, all bool) error {
	kinds, ok := ask.Verbs[args[0]]
	if !ok {
		return usage(fmt.Sprintf("who cannot tell who %q", args[0]), "lictrail who removed|assigned|changed USER [SKU]")
	}
	return withHistory(ctx, e, func(n names) error {
		f := store.ChangeFilter{Kinds: kinds, Newest: true}
		users, people, err := n.anybody(ctx, args[1])
		if err != nil {
			return err
		}
		if len(people) > 0 {
			return n.whoFromArchive(ctx, e, people, args)
		}
		f.Users = users
		if len(args) == 3 {
			if f.SKUs, err = n.FindSKUs(args[2]); err != nil {
				return err
			}
		}
		found, err := ask.Newest(ctx, n.Book, f, all)
		if err != nil {
			return err
		}
		if e.format != "text" {
			return show.Changes(n.Book, true).Print(e.printer(n), show.Given(found))
		}
		return n.tellWho(ctx, e, args, f, found)
	})
}

func (n names) tellWho(ctx context.Context, e *env, args []string, f store.ChangeFilter, found []*store.ChangeRow) error {
	if len(found) == 0 {
		return n.tellNobody(ctx, e, args, f)
	}
	for i, c := range found {
		if i > 0 {
			if err := e.Printf("\n"); err != nil {
				return err
			}
		}
		if len(f.Users) > 1 { // the name belonged to several accounts
			if err := e.Printf("%s\n", c.User); err != nil {
				return err
			}
		}
		if err := n.tell(ctx, e, c); err != nil {
			return err
		}
	}
	return nil
}

// An account may be more than one person's when it has acted through so many
// applications, or on so many users.
const (
	sharedClients = 3
	sharedUsers   = 20
)

// sharedWords warns that an account may not be one person; "" if nothing says so.
func (n names) sharedWords(ctx context.Context, a *snapshot.Actor) (string, error) {
	if a == nil || a.Kind != snapshot.ActorUser || a.ID == "" {
		return "", nil
	}
	done, err := n.History.ActorActivity(ctx, a.ID)
	if err != nil || done.Clients < sharedClients && done.Users < sharedUsers {
		return "", err
	}
	return sharedText(done), nil
}

// sharedText says what the account did. That several people share it, no record
// shows, nor that it is one person's alone.
func sharedText(done store.Activity) string {
	from := ""
	if done.Clients > 1 {
		from = fmt.Sprintf(", through %d different applications,", done.Clients)
	}
	return fmt.Sprintf("Changes of licenses of %s%s are attributed to this account, the first by %s. Whether one person alone uses it is not known.",
		show.Plural(done.Users, "user"), from, done.Since.Format("2 January 2006"))
}

// tellNobody says that there is no such change, and what the user holds.
func (n names) tellNobody(ctx context.Context, e *env, args []string, f store.ChangeFilter) error {
	person := &f.Users[0].User
	what := "license"
	if len(f.SKUs) > 0 {
		what = cmp.Or(n.PartNumber(f.SKUs[0]), string(f.SKUs[0]))
	}
	words := "No %s of %s was %s since tracking began on %s.\n"
	if len(n.Gaps(e.command)) > 0 {
		words = "It is not known that any %s of %s was %s since tracking began on %s.\n"
	}
	err := e.Printf(words, what, person.UPN, args[0], n.History.First.ObservedUntil.Format("2 January 2006"))
	if err != nil {
		return err
	}
	held, err := collect(n.History.Assignments(ctx, store.Filter{Users: f.Users, SKUs: f.SKUs}))
	if err != nil {
		return err
	}
	for _, a := range held {
		if err := e.Printf("%s has held %s since %s.\n", a.User.UPN, n.ShortSKU(a.SKU), trimOn(show.LongDate(a.Since))); err != nil {
			return err
		}
	}
	return nil
}

// trimOn lets a worded date follow "since".
func trimOn(words string) string {
	if len(words) > 3 && words[:3] == "on " {
		return words[3:]
	}
	return words
}

// tell answers with one change: what, when, why, and on what evidence.
func (n names) tell(ctx context.Context, e *env, c *store.ChangeRow) error {
	a := &c.Attribution
	lines := show.Answer(n.Book, c)
	if a.Actor != nil {
		lines = append(lines, "  Actor "+show.ActorWord(a.Actor))
	}
	if a.Via != nil && a.Via.Actor != nil {
		lines = append(lines, fmt.Sprintf("  Via %s by %s%s", a.Via.Trigger, show.ActorWord(a.Via.Actor), show.AtWords(a.Via)))
	}
	shared, err := n.sharedWords(ctx, a.Actor)
	if err != nil {
		return err
	}
	if shared != "" {
		lines = append(lines, "  "+shared)
	}
	for _, ref := range a.Evidence {
		lines = append(lines, fmt.Sprintf("  Evidence %s %s, %s, %s", ref.Source, ref.ID, ref.Activity, ref.At.Format("2006-01-02 15:04:05 UTC")))
	}
	for _, line := range lines {
		if err := e.Printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}
