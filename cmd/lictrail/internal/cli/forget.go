package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newForget(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "forget USER",
		Short: "Erase a person from the history, for good",
		Long: `Erases a person who has left the tenant: object id, names, addresses, the dates
of service plans, and every stored audit record that names them, be it as the
one whose license changed or as the one who changed it; from every table, every
page of the file and its log. What they held and when stays, as that of
"forgotten-17", so that counts of the past stay true, with the department and
country by which seats were counted.

It cannot be undone. The chain stays whole and tells that it was done; verify
shows when and how many rows. Backups and reports made before still name the
person. Other programs must not have the database open.`,
		Example: "  lictrail forget 47e864a8-1658-486e-a00f-8f09a6f770c3",
		Args:    argsBetween(1, 1, "one user"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runForget(cmd.Context(), e, args[0]) },
	}
}

func runForget(ctx context.Context, e *env, ref string) error {
	row, err := personRow(ctx, e, ref)
	if err != nil {
		return err
	}
	db, err := openImport(ctx, e.db, false)
	if err != nil {
		return err
	}
	defer db.Close()
	erased, err := db.Forget(ctx, row)
	if err != nil {
		return err
	}
	if erased.Total() == 0 {
		return e.Printf("%s: nothing was left to erase.\n", erased.Name)
	}
	return e.Printf("Erased; what remains is called %s. Rows changed: %s.\nBackups and reports made before still name the person.\n",
		erased.Name, rowsWord(erased.Rows))
}

// personRow finds the one person who is meant.
func personRow(ctx context.Context, e *env, ref string) (row int64, err error) {
	err = withHistory(ctx, e, func(n names) error {
		found, err := n.users(ctx, ref)
		if err != nil {
			return err
		}
		if len(found) > 1 {
			return usage(fmt.Sprintf("%d users have had the address %q", len(found), ref), "give the object id (lictrail history shows it)")
		}
		row = found[0].Row
		return nil
	})
	return row, err
}

func newPrune(e *env) *cobra.Command {
	var before string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "prune --before TIME",
		Short: "Erase what old audit records say",
		Long: `Erases what stored audit records from before a time say, for a rule that such
records must not be kept for ever. That there was a record stays, and so does
everything that was concluded from it: periods, changes and their causes are
never pruned. verify goes on to hold, and tells which causes it can no longer
hold against their records.

It cannot be undone. Other programs must not have the database open.`,
		Example: `  lictrail prune --before 730d --dry-run
  lictrail prune --before 2024-01-01`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runPrune(cmd.Context(), e, before, dryRun) },
	}
	cmd.Flags().StringVar(&before, "before", "", "erase what is older than this `time`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only count what would be erased")
	return cmd
}

func runPrune(ctx context.Context, e *env, before string, dryRun bool) error {
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
	rows := map[string]int64{}
	err = withHistory(ctx, e, func(n names) error {
		rows, err = n.h.Prunable(ctx, at)
		return err
	})
	if err != nil {
		return err
	}
	word := "Erased"
	if dryRun {
		word = "Would be erased"
	} else if rows, err = prune(ctx, e, at); err != nil {
		return err
	}
	if len(rows) == 0 {
		return e.Printf("Nothing from before %s is left to erase. Periods, changes and causes are never pruned.\n", at.Format(time.RFC3339))
	}
	return e.Printf("%s, from before %s: %s. Periods, changes and causes stay.\n", word, at.Format(time.RFC3339), rowsWord(rows))
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
