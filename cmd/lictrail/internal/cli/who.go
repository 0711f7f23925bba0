package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// verbs are what who can ask about, and the kinds of change each means.
var verbs = map[string][]snapshot.Kind{
	"removed":  {snapshot.Removed, snapshot.PathRemoved},
	"assigned": {snapshot.Assigned, snapshot.PathAdded},
	"changed": {snapshot.Assigned, snapshot.Removed, snapshot.PathAdded, snapshot.PathRemoved, snapshot.PathMoved,
		snapshot.PlansChanged, snapshot.StateChanged, snapshot.DateMoved},
}

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
	kinds, ok := verbs[args[0]]
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
			if f.SKUs, err = n.findSKUs(args[2]); err != nil {
				return err
			}
		}
		found, err := n.newest(ctx, f, all)
		if err != nil {
			return err
		}
		if e.format != "text" {
			return n.changeListing(true).print(e, n, given(found))
		}
		return n.tellWho(ctx, e, args, f, found)
	})
}

// newest returns every change, or the latest and those that came with it: two
// licenses taken in one operation are one answer.
//
// Of several SKUs of one part number each has its own.
func (n names) newest(ctx context.Context, f store.ChangeFilter, all bool) ([]*store.ChangeRow, error) {
	var found []*store.ChangeRow
	if len(f.SKUs) > 1 && !all {
		for _, id := range f.SKUs {
			f.SKUs = []snapshot.SKUID{id}
			some, err := n.newest(ctx, f, all)
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
		slices.SortStableFunc(found, func(a, b *store.ChangeRow) int { return b.When.At.Compare(a.When.At) })
		return found, nil
	}
	for c, err := range n.h.Changes(ctx, f) {
		if err != nil {
			return nil, err
		}
		if !all && len(found) > 0 && c.When.At.Before(found[0].Window.NotBefore) {
			break
		}
		found = append(found, c)
	}
	if all || len(found) == 0 {
		return found, nil
	}
	return newestOf(found), nil
}

// newestOf returns the newest change and those of its time. Where the SKU came or
// went as a whole in the same time, that is the answer, and not one of its paths.
func newestOf(list []*store.ChangeRow) []*store.ChangeRow {
	first := list[0]
	for _, c := range list {
		if first.Kind != snapshot.Assigned && first.Kind != snapshot.Removed && (c.Kind == snapshot.Assigned || c.Kind == snapshot.Removed) &&
			c.User == first.User && c.SKU == first.SKU {
			first = c
		}
	}
	return slices.DeleteFunc(list, func(c *store.ChangeRow) bool {
		return !c.When.At.Equal(first.When.At) || c.Kind != first.Kind && c.SKU == first.SKU && c.User == first.User && isPath(c.Kind) && !isPath(first.Kind)
	})
}

func isPath(k snapshot.Kind) bool {
	return k == snapshot.PathAdded || k == snapshot.PathRemoved || k == snapshot.PathMoved
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
	done, err := n.h.ActorActivity(ctx, a.ID)
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
		plural(done.Users, "user"), from, done.Since.Format("2 January 2006"))
}

// tellNobody says that there is no such change, and what the user holds.
func (n names) tellNobody(ctx context.Context, e *env, args []string, f store.ChangeFilter) error {
	person := &f.Users[0].User
	what := "license"
	if len(f.SKUs) > 0 {
		what = cmp.Or(n.partNumber(f.SKUs[0]), string(f.SKUs[0]))
	}
	words := "No %s of %s was %s since tracking began on %s.\n"
	if len(n.gapsIn(e.command)) > 0 {
		words = "It is not known that any %s of %s was %s since tracking began on %s.\n"
	}
	err := e.Printf(words, what, person.UPN, args[0], n.h.First.ObservedUntil.Format("2 January 2006"))
	if err != nil {
		return err
	}
	held, err := collect(n.h.Assignments(ctx, store.Filter{Users: f.Users, SKUs: f.SKUs}))
	if err != nil {
		return err
	}
	for _, a := range held {
		if err := e.Printf("%s has held %s since %s.\n", a.User.UPN, n.shortSKU(a.SKU), trimOn(longDate(a.Since))); err != nil {
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

// answer is the answer in short: what, when and why.
func (n names) answer(c *store.ChangeRow) []string {
	a := &c.Attribution
	lines := []string{
		fmt.Sprintf("%s: %s, %s", upnOf(c), n.changeWords(c), longDate(c.When)),
		"  " + reasonOf(a),
	}
	if a.Cause == snapshot.CauseUnknown {
		return append(lines, "  Cause unknown: "+unknownWords[a.UnknownWhy])
	}
	return append(lines, fmt.Sprintf("  Cause %s, started by %s, confidence %s", a.Cause, a.Initiator, a.Confidence))
}

// tell answers with one change: what, when, why, and on what evidence.
func (n names) tell(ctx context.Context, e *env, c *store.ChangeRow) error {
	a := &c.Attribution
	lines := n.answer(c)
	if a.Actor != nil {
		lines = append(lines, "  Actor "+actorWord(a.Actor))
	}
	if a.Via != nil && a.Via.Actor != nil {
		lines = append(lines, fmt.Sprintf("  Via %s by %s%s", a.Via.Trigger, actorWord(a.Via.Actor), atWords(a.Via)))
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

func atWords(v *snapshot.Via) string {
	if v.At.IsZero() {
		return ""
	}
	return " on " + v.At.UTC().Format("2 January 2006 15:04 UTC")
}

// unknownWords says what each reason for not knowing means.
var unknownWords = map[snapshot.UnknownWhy]string{
	snapshot.NotCovered:      "the audit log was not read for the whole time in which it happened",
	snapshot.NoEvent:         "no record that was read names this change",
	snapshot.IncompleteEvent: "a record names the user, and not in full what was changed",
	snapshot.Ambiguous:       "several records could be of this change, and they disagree",
}
