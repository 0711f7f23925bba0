package show

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store"
)

// Who answers in text with every change, or with what the archive has.
func Who(ctx context.Context, p Printer, a *ask.WhoAnswer) error {
	switch {
	case a.Archive != nil:
		return Archive(p, a.Archive, "No audit record shows that.")
	case len(a.Changes) == 0:
		return nobody(ctx, p, a)
	}
	for i, c := range a.Changes {
		if i > 0 {
			if err := p.Printf("\n"); err != nil {
				return err
			}
		}
		if len(a.Users) > 1 { // the name belonged to several accounts
			if err := p.Printf("%s\n", c.User); err != nil {
				return err
			}
		}
		if err := who(ctx, p, c); err != nil {
			return err
		}
	}
	return nil
}

// SharedText describes the activity of an account that several people may share. No record
// shows whether they do.
func SharedText(done store.Activity) string {
	return fmt.Sprintf("Changes of licenses of %s, through %d different applications, are attributed to this account, the first by %s. Whether one person alone uses it is not known.",
		Plural(done.Users, "user"), done.Clients, done.Since.Format("2 January 2006"))
}

// nobody is the answer where there is no such change. It says what the user holds.
func nobody(ctx context.Context, p Printer, a *ask.WhoAnswer) error {
	person := &a.Users[0].User
	what := "license"
	if len(a.SKUs) > 0 {
		called := make([]string, len(a.SKUs))
		for i, id := range a.SKUs {
			called[i] = p.Book.SKULabel(id)
		}
		slices.Sort(called)
		what = strings.Join(called, " or ")
	}
	phrase := "No %s of %s was %s since tracking began on %s, up to the newest run on %s.\n"
	if len(p.Book.Gaps(p.Command)) > 0 {
		phrase = "It is not known that any %s of %s was %s since tracking began on %s, up to the newest run on %s.\n"
	}
	err := p.Printf(phrase, what, person.UPN, a.Verb, DayText(p.Book.History.First.ObservedUntil), DayText(p.Book.History.At.ObservedUntil))
	if err != nil {
		return err
	}
	held, err := ask.Collect(p.Book.History.Assignments(ctx, store.Filter{Users: a.Users, SKUs: a.SKUs}))
	if err != nil {
		return err
	}
	for _, h := range held {
		if err := p.Printf("%s has held %s since %s.\n", h.User.UPN, p.Book.SKULabel(h.SKU), trimOn(LongDate(h.Since))); err != nil {
			return err
		}
	}
	return nil
}

// trimOn removes "on " from the text of a date, so that it can follow "since".
func trimOn(phrase string) string {
	if len(phrase) > 3 && phrase[:3] == "on " {
		return phrase[3:]
	}
	return phrase
}

// who answers with one change: what, when, why, and on what evidence.
func who(ctx context.Context, p Printer, c *store.ChangeRow) error {
	a := &c.Attribution
	lines := Answer(p.Book, c)
	if a.Actor != nil {
		lines = append(lines, "  Actor "+ActorLabel(a.Actor))
	}
	if a.Via != nil && a.Via.Actor != nil {
		lines = append(lines, fmt.Sprintf("  Via %s by %s%s", a.Via.Trigger, ActorLabel(a.Via.Actor), AtText(a.Via)))
	}
	shared, err := ask.SharedAccount(ctx, p.Book, a.Actor)
	if err != nil {
		return err
	}
	if shared != nil {
		lines = append(lines, "  "+SharedText(*shared))
	}
	for _, ref := range a.Evidence {
		lines = append(lines, fmt.Sprintf("  Evidence %s %s, %s, %s", ref.Source, ref.ID, ref.Activity, out.InZone(ref.At).Format("2006-01-02 15:04:05 MST")))
	}
	for _, line := range lines {
		style := out.Plain
		if strings.HasPrefix(line, "  Cause ") {
			style = causeStyle(a.Cause)
		}
		if err := p.Line(line, style); err != nil {
			return err
		}
	}
	return nil
}
