package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/demo"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/snapshot/store"
)

func newDemo(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Simulate a small tenant over several weeks, and show the answers",
		Long: `Simulates a tenant of a few hundred users on a local port over several weeks,
runs sync against it each Monday with the real client and the real database, and
then answers the usual questions. The database remains for you to explore:
lictrail-demo.db in this folder or the one that --db names, and prices beside
it, lictrail-demo.reclaim.toml.`,
		Example: "  lictrail demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), e, cmd.Flags().Changed("db"))
		},
	}
}

func runDemo(ctx context.Context, e *env, named bool) error {
	if !named {
		e.db = "lictrail-demo.db"
	}
	if err := demo.Clear(ctx, e.db); err != nil {
		return err
	}
	d, err := demo.New()
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Play(ctx, e.db, version(), func(what string, s *track.Summary) error { return printWeek(e, what, s) }); err != nil {
		return err
	}
	return printDemo(ctx, e, d)
}

// printWeek shows one week of the demo.
func printWeek(e *env, what string, s *track.Summary) error {
	if s.First {
		err := e.Printf("A made-up tenant of %s, read every Monday at 06:00 UTC.\n\n", show.Plural(s.Result.Users, "user"))
		if err != nil {
			return err
		}
	}
	found := "no change"
	if len(s.Changes) > 0 {
		found = show.KindsLabel(s.Changes)
	}
	if s.First {
		found = show.Plural(s.Result.Assignments, "assignment") + ", all from before"
	}
	return e.Printf("%2d  %s  %s\n        %s\n", int64(s.Run), s.Result.ObservedAt.Format("2 Jan"), what, found)
}

// printDemo asks the usual questions of the database that the runs have left.
func printDemo(ctx context.Context, e *env, d *demo.Scenario) error {
	return withHistory(ctx, e, func(b *ask.Book) error {
		if err := printFive(ctx, e, b, d); err != nil {
			return err
		}
		if err := printDates(ctx, e, b, d); err != nil {
			return err
		}
		return printMore(e, d)
	})
}

func printFive(ctx context.Context, e *env, b *ask.Book, d *demo.Scenario) error {
	if err := e.Printf("\nFive users lost Microsoft 365 E3 on one morning. Who removed it?\n\n"); err != nil {
		return err
	}
	for _, id := range d.Five {
		who, err := ask.Who(ctx, b, "removed", id, "", false)
		if err != nil {
			return err
		}
		if len(who.Changes) == 0 {
			return fmt.Errorf("the demo lost its story: no removal for user %s", id)
		}
		for _, line := range show.Answer(b, who.Changes[0]) {
			if err := e.Printf("%s\n", line); err != nil {
				return err
			}
		}
	}
	return nil
}

func printDates(ctx context.Context, e *env, b *ask.Book, d *demo.Scenario) error {
	if err := e.Printf("\nSince when, beside the date that Microsoft shows:\n\n"); err != nil {
		return err
	}
	var all []store.Person
	for _, id := range []string{d.Paul, d.Rita, d.Olaf, d.Nora} {
		people, err := b.FindUsers(ctx, id)
		if err != nil {
			return err
		}
		all = append(all, people...)
	}
	return show.Assignments(b).Print(e.printer(b), b.History.Assignments(ctx, store.Filter{Users: all}))
}

// furtherQuestions are commands that the demo's database answers, with the
// question before each. A test runs all of them.
func furtherQuestions(d *demo.Scenario) [][2]string {
	paul, cyd := d.User(d.Paul).UPN, d.User(d.Five[2]).UPN
	return [][2]string{
		{"who took a license, and how is that known", "who removed " + cyd},
		{"all that is known of one person", "history " + paul},
		{"what the last week brought", "changes --since 2026-05-18"},
		{"who held EMS on a day in March", "assignments --sku EMS --as-of 2026-03-20"},
		{"which seats can be taken back, and what they cost", "reclaim"},
		{"what is bought, used and short", "skus"},
		{"what lapses soon, and who is hit", "skus --lapses 60d"},
		{"for whom a group's license fails", "groups"},
		{"the week on a page", "report --output week.html"},
		{"all of this on a local page", "serve"},
	}
}

func printMore(e *env, d *demo.Scenario) error {
	if err := e.Printf("\nAsk further:\n\n"); err != nil {
		return err
	}
	for _, q := range furtherQuestions(d) {
		if err := e.Printf("  # %s\n  lictrail %s --db %s\n", q[0], q[1], e.db); err != nil {
			return err
		}
	}
	return nil
}
