package show

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/track"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// maxBurstUsers is how many users of a burst are named.
const maxBurstUsers = 20

func byParty(a, b store.Outline) int {
	return cmp.Or(cmp.Compare(party(a.Attribution), party(b.Attribution)), cmp.Compare(a.User, b.User))
}

// party names cause and actor, by which a burst is grouped.
func party(a *snapshot.Attribution) string {
	switch who := ActorLabel(a.Responsible()); {
	case who != "":
		return CauseLabel(a) + ", " + who
	case a.Cause == snapshot.CauseGroup:
		return CauseLabel(a) + ", by whom is not known"
	}
	return CauseLabel(a)
}

// printBursts prints bursts: many licenses that were removed or assigned at once. They come
// first because they are the most urgent result of a run. People are named on a terminal
// only.
func printBursts(ctx context.Context, p Printer, s *track.Summary, limit ask.BurstLimit) error {
	pace, err := ask.PaceBefore(ctx, p.Book)
	if err != nil {
		return err
	}
	for _, b := range ask.Bursts(s.Changes, s.Result.Assigned, limit, pace) {
		if err := printBurst(ctx, p, s, b, burstWhy(limit, b)); err != nil {
			return err
		}
	}
	return nil
}

// burstWhy says by which limit so many are a burst.
func burstWhy(limit ask.BurstLimit, b ask.Burst) string {
	switch {
	case b.Usual != nil:
		return b.Usual.Text()
	case limit.ByUsers(len(b.Changes)):
		return fmt.Sprintf("the limit is %s", Plural(limit.Users, "user"))
	}
	return fmt.Sprintf("the limit is %s%% of %s", strconv.FormatFloat(100*limit.Share, 'f', -1, 64), Plural(b.Holders, "holder"))
}

func printBurst(ctx context.Context, p Printer, s *track.Summary, b ask.Burst, why string) error {
	if err := p.Paragraph(fmt.Sprintf("Burst: %s of %s %s in this run (%s).", Plural(len(b.Changes), "user"), p.Book.SKULabel(b.SKU), burstVerb(b.Kind), why)); err != nil {
		return err
	}
	slices.SortFunc(b.Changes, byParty)
	named := b.Changes[:min(len(b.Changes), maxBurstUsers)]
	users, err := p.Book.History.UsersAt(ctx, usersOf(named), s.Run)
	if err != nil {
		return err
	}
	mailbox := b.Kind == snapshot.Removed && s.HasMailbox(b.SKU)
	table := out.NewTable(out.Column{Head: "USER", Keep: true}, out.Column{Head: "CAUSE", Min: 16, Rank: 3}, out.Column{Head: "MAILBOX KEPT UNTIL"})
	for _, c := range named {
		now := users[c.User]
		user, cause := string(c.User), CauseLabel(c.Attribution)
		if p.OutTTY { // else it is a log
			cause = party(c.Attribution)
			if now != nil {
				user = cmp.Or(now.UPN, user)
			}
		}
		table.Row(user, cause, mailboxLabel(&c, mailbox && !keepsMailbox(s, now)))
	}
	if err := table.Print(p.Streams); err != nil {
		return err
	}
	who := "Who did it"
	if more := len(b.Changes) - maxBurstUsers; more > 0 {
		who = "And " + Plural(more, "user") + " more"
	}
	return p.Printf("%s: lictrail changes --run %d --kind %s\n\n", who, int64(s.Run), b.Kind)
}

func burstVerb(k snapshot.Kind) string {
	if k == snapshot.Removed {
		return "lost it"
	}
	return "got it"
}

func usersOf(changes []store.Outline) []snapshot.UserID {
	ids := make([]snapshot.UserID, len(changes))
	for i := range changes {
		ids[i] = changes[i].User
	}
	return ids
}

// keepsMailbox reports whether a user still holds a SKU with a mailbox.
func keepsMailbox(s *track.Summary, u *store.UserAt) bool {
	return u != nil && slices.ContainsFunc(u.Paths, func(p snapshot.Path) bool { return p.Held && s.HasMailbox(p.SKU) })
}

// mailboxLabel is the day until which a mailbox that was lost can be had back.
func mailboxLabel(c *store.Outline, lost bool) any {
	if !lost {
		return nil
	}
	return ask.MailboxKeptUntil(c).UTC().Format(time.DateOnly)
}

// Summary prints what a run found, bursts first.
func Summary(ctx context.Context, p Printer, s *track.Summary, limit ask.BurstLimit) error {
	if err := printBursts(ctx, p, s, limit); err != nil {
		return err
	}
	r := s.Result
	err := p.Printf("Run %d of %s: %s, %s licensed, %s.\n", int64(s.Run), TenantLabel(s.Tenant), Plural(r.Users, "user"),
		strconv.FormatInt(r.LicensedUsers, 10), Plural(r.Assignments, "assignment"))
	if err != nil {
		return err
	}
	if err := p.Printf("%s\n", changesSentence(s, len(p.Book.Gaps(p.Command)) > 0)); err != nil {
		return err
	}
	// The output of a scheduled run goes to a log, which must not name people.
	if by := partyCounts(ask.Parties(s.Changes), p.OutTTY); by != "" {
		if err := p.Paragraph("By " + by + "."); err != nil {
			return err
		}
	}
	if err := p.Printf("Head %s\n", s.Head); err != nil {
		return err
	}
	return p.PrintGaps(true)
}

// changesSentence says what changed, or that it is not known because of the reads in
// unread.
func changesSentence(s *track.Summary, unread bool) string {
	changes := s.Changes
	switch {
	case s.First:
		return "The first run: what it found was there before. Changes show from the next run on."
	case len(changes) == 0 && unread:
		return fmt.Sprintf("It shows what run %d showed.", int64(s.Previous.ID))
	case len(changes) == 0:
		return fmt.Sprintf("No change since run %d.", int64(s.Previous.ID))
	}
	return fmt.Sprintf("%s since run %d: %s.", Plural(len(changes), "change"), int64(s.Previous.ID), KindsLabel(changes))
}

// maxParties bounds how many parties a summary names.
const maxParties = 5
