package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/migrations"
	"lictrail/snapshot/store"
	"lictrail/snapshot/store/ledger"
)

// irreversible are the flags of commands that cannot be undone.
type irreversible struct{ yes, dryRun bool }

func (i *irreversible) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&i.yes, "yes", false, "erase without asking; needed where there is no terminal to ask on")
	cmd.Flags().BoolVar(&i.dryRun, "dry-run", false, "only show what would be erased")
}

// mayAsk refuses, before anything is looked for, where nobody can be asked.
func (i *irreversible) mayAsk(e *env) error {
	if i.yes || i.dryRun || e.InTTY {
		return nil
	}
	return usage(fmt.Sprintf("%s erases for good, and there is no terminal to ask on", e.command),
		fmt.Sprintf("look with lictrail %s --dry-run first, then add --yes", e.command))
}

// confirm shows what would be erased and asks; it returns whether to go on.
func (i *irreversible) confirm(ctx context.Context, e *env, what string) (bool, error) {
	if i.dryRun {
		return false, e.Printf("Would be erased: %s.\n", what)
	}
	if i.yes {
		return true, nil
	}
	if _, err := fmt.Fprintf(e.Err, "To be erased, for good: %s.\nType yes to erase: ", out.Safe(what)); err != nil {
		return false, err
	}
	answer := make(chan string, 1)
	go func() { // ends with the program when it is interrupted
		line, _ := bufio.NewReader(e.In).ReadString('\n') // nothing is no yes
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case said := <-answer:
		if said == "yes" {
			return true, nil
		}
	}
	return false, &out.Error{Code: exit.Failed, Message: "nothing was erased: it was not confirmed", Hint: "type yes, or give --yes"}
}

func newForget(e *env) *cobra.Command {
	var sure irreversible
	cmd := &cobra.Command{
		Use:   "forget USER",
		Short: "Erase a person from the history permanently",
		Long: `Erases a person who has left the tenant: object id, names, addresses, the dates
of service plans, and every stored audit record that names them as target or as
actor; from every table, every page of the file and its log. The licenses and
their times are kept under a name such as "forgotten-17", so that past counts
remain correct, with the department and country by which seats were counted.

USER may be anybody whom the history or its archive of audit records names: a
user, an actor, or a person who left before tracking began. Encoded texts are
decoded before they are searched, and erased in doubtful cases.

It shows what it would erase and asks; without a terminal it needs --yes. It
cannot be undone. The chain of runs remains valid; verify lists the erasure with
its time and the number of rows. Earlier backups and reports still name the
person. Other programs must not have the database open.`,
		Example: `  lictrail forget 47e864a8-1658-486e-a00f-8f09a6f770c3 --dry-run
  lictrail forget ann@contoso.com --yes`,
		Args: argsBetween(1, 1, "one user"),
		RunE: func(cmd *cobra.Command, args []string) error { return runForget(cmd.Context(), e, args[0], &sure) },
	}
	sure.flags(cmd)
	return cmd
}

func runForget(ctx context.Context, e *env, ref string, sure *irreversible) error {
	if err := sure.mayAsk(e); err != nil {
		return err
	}
	who, err := personToForget(ctx, e, ref)
	if err != nil {
		return err
	}
	what, err := forgettable(ctx, e, who)
	if err != nil {
		return err
	}
	if what.Total() > 0 || sure.dryRun {
		words := fmt.Sprintf("%s, in %s", who.Title, cmp.Or(show.RowsLabel(what.Rows), "no row"))
		if ok, err := sure.confirm(ctx, e, words); err != nil || !ok {
			return err
		}
	}
	db, err := openImport(ctx, e.db, false)
	if err != nil {
		return err
	}
	defer db.Close()
	erased, err := db.Forget(ctx, who.Row, who.Called)
	if err != nil {
		return err
	}
	if erased.Total() == 0 {
		return e.Printf("%s: nothing was left to erase.\n", who.Title)
	}
	return e.Printf("Erased; what remains is called %s. Rows changed: %s.\nBackups and reports made before still name the person.\n",
		erased.Name, show.RowsLabel(erased.Rows))
}

// forgettable counts what would be erased.
func forgettable(ctx context.Context, e *env, who *ask.Forgettable) (*ledger.Erased, error) {
	db, err := store.OpenReadOnly(ctx, e.db, migrations.Check)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.Forgettable(ctx, who.Row, who.Called)
}

// personToForget resolves the argument USER to one person.
func personToForget(ctx context.Context, e *env, ref string) (person *ask.Forgettable, err error) {
	err = withHistory(ctx, e, func(b *ask.Book) error {
		person, err = ask.ToForget(ctx, b, ref)
		return err
	})
	return person, err
}

func newPrune(e *env) *cobra.Command {
	var before string
	var sure irreversible
	cmd := &cobra.Command{
		Use:   "prune --before TIME",
		Short: "Erase the content of old audit records",
		Long: `Erases the content of stored audit records from before a time, for instance
because they must not be kept longer. The existence of each record is kept, and
so is everything that was derived from it: periods, changes and their causes are
never pruned. The history still verifies, and verify shows how many causes it
can no longer compare with their records.

It shows what it would erase and asks; without a terminal it needs --yes. It
cannot be undone. Other programs must not have the database open.`,
		Example: `  lictrail prune --before 730d --dry-run
  lictrail prune --before 2024-01-01 --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runPrune(cmd.Context(), e, before, &sure) },
	}
	cmd.Flags().StringVar(&before, "before", "", "erase what is older than this `time`")
	sure.flags(cmd)
	return cmd
}

func runPrune(ctx context.Context, e *env, before string, sure *irreversible) error {
	if before == "" {
		return usage("prune needs --before", "lictrail prune --before 730d --dry-run")
	}
	at, err := parseTime("before", before, e.now(), false)
	if err != nil {
		return err
	}
	if at.After(e.now()) {
		return usage(fmt.Sprintf("--before %q lies in the future", before), "--before 730d")
	}
	if err := sure.mayAsk(e); err != nil {
		return err
	}
	rows := map[string]int64{}
	err = withHistory(ctx, e, func(b *ask.Book) error {
		rows, err = b.History.Prunable(ctx, at)
		return err
	})
	if err != nil {
		return err
	}
	since := at.Format(time.RFC3339)
	if len(rows) > 0 {
		ok, err := sure.confirm(ctx, e, fmt.Sprintf("%s, from before %s", show.RowsLabel(rows), since))
		if err != nil || !ok {
			return err
		}
	}
	if !sure.dryRun { // also when nothing is left: to overwrite what an erasing left behind
		if rows, err = prune(ctx, e, at); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return e.Printf("Nothing from before %s is left to erase. Periods, changes and causes are never pruned.\n", since)
	}
	return e.Printf("Erased, from before %s: %s. Periods, changes and causes stay.\n", since, show.RowsLabel(rows))
}

func prune(ctx context.Context, e *env, before time.Time) (map[string]int64, error) {
	db, err := openImport(ctx, e.db, false)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	erased, err := db.Prune(ctx, before)
	if err != nil {
		return nil, err
	}
	return erased.Rows, nil
}
