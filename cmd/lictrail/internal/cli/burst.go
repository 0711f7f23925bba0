package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/cmd/lictrail/internal/tracker"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// mailboxGrace is how long Microsoft keeps a mailbox after its license is gone.
const mailboxGrace = 30 * 24 * time.Hour

// maxBurstUsers is how many users of a burst are named.
const maxBurstUsers = 20

// burstLimit says when many changes of one SKU in one run are a burst: where they
// are more than the tenant's own history shows to be usual or, where a limit was
// set, at so many users or at such a share of those who held it, if they are two at
// least.
type burstLimit struct {
	usual bool
	users int
	share float64
}

// usualBurst is the limit that the tenant's history sets.
const usualBurst = "usual"

// parseBurst reads "usual", or a limit such as "5,5%".
func parseBurst(text string) (l burstLimit, err error) {
	l = burstLimit{users: 1 << 30, share: 2}
	if strings.EqualFold(strings.TrimSpace(text), usualBurst) {
		return burstLimit{usual: true}, nil
	}
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if strings.HasSuffix(part, "%") {
			if l.share, err = parseShare("burst", part); err != nil {
				return l, err
			}
			continue
		}
		if l.users, err = strconv.Atoi(part); err != nil || l.users < 1 {
			return l, usage(fmt.Sprintf("--burst %q is not a limit", text), "--burst usual, or --burst 5,5% for 5 users or 5 % of a SKU's holders")
		}
	}
	return l, nil
}

// reached reports whether so many changes are a burst, and why.
func (l burstLimit) reached(users int, holders int64, pace *ask.Pace, kind snapshot.Kind, sku snapshot.SKUID) (why string, ok bool) {
	if l.usual {
		limit := pace.Limit(kind, sku, holders)
		return limit.Words(), users >= limit.Users
	}
	switch {
	case users >= l.users:
		return fmt.Sprintf("the limit is %s", show.Plural(l.users, "user")), true
	case users >= 2 && float64(users) >= l.share*float64(holders):
		return fmt.Sprintf("the limit is %s%% of %s", strconv.FormatFloat(100*l.share, 'f', -1, 64), show.Plural(holders, "holder")), true
	}
	return "", false
}

// burst is many changes of one kind to one SKU in one run.
type burst struct {
	kind    snapshot.Kind
	sku     snapshot.SKUID
	why     string             // so many are out of the ordinary
	changes []store.Attributed // sorted by cause and actor
}

// bursts finds the bursts among the changes of a run, the largest first.
func bursts(s *tracker.Summary, limit burstLimit, pace *ask.Pace) []burst {
	type key struct {
		kind snapshot.Kind
		sku  snapshot.SKUID
	}
	groups := make(map[key][]store.Attributed)
	for _, c := range s.Result.Changes {
		if c.Observed && (c.Kind == snapshot.Removed || c.Kind == snapshot.Assigned) {
			groups[key{c.Kind, c.SKU}] = append(groups[key{c.Kind, c.SKU}], c)
		}
	}
	var found []burst
	for k, changes := range groups {
		holders := s.Result.Assigned[k.sku]
		if k.kind == snapshot.Removed {
			holders += int64(len(changes))
		}
		if why, ok := limit.reached(len(changes), holders, pace, k.kind, k.sku); ok {
			slices.SortFunc(changes, byParty)
			found = append(found, burst{k.kind, k.sku, why, changes})
		}
	}
	slices.SortFunc(found, func(a, b burst) int {
		return cmp.Or(cmp.Compare(len(b.changes), len(a.changes)), cmp.Compare(a.sku, b.sku), cmp.Compare(a.kind, b.kind))
	})
	return found
}

func byParty(a, b store.Attributed) int {
	return cmp.Or(cmp.Compare(party(&a.Attribution), party(&b.Attribution)), cmp.Compare(a.User, b.User))
}

// party names cause and actor, by which a burst is grouped.
func party(a *snapshot.Attribution) string {
	who := show.ActorWord(a.Actor)
	if a.Via != nil && a.Via.Actor != nil {
		who = show.ActorWord(a.Via.Actor)
	}
	if who == "" {
		return show.CauseWord(a)
	}
	return show.CauseWord(a) + ", " + who
}

// printBursts tells of many licenses that went or came at once, before
// anything else: it is what nobody wants to read last. It names people on a
// terminal alone.
func (n names) printBursts(ctx context.Context, e *env, s *tracker.Summary, limit burstLimit) error {
	pace, err := ask.PaceBefore(ctx, n.Book)
	if err != nil {
		return err
	}
	for _, b := range bursts(s, limit, pace) {
		if err := n.printBurst(e, s, b); err != nil {
			return err
		}
	}
	return nil
}

func (n names) printBurst(e *env, s *tracker.Summary, b burst) error {
	if err := e.Paragraph(fmt.Sprintf("Burst: %s of %s %s in this run (%s).", show.Plural(len(b.changes), "user"), n.ShortSKU(b.sku), burstVerb(b.kind), b.why)); err != nil {
		return err
	}
	mailbox := b.kind == snapshot.Removed && s.HasMailbox(b.sku)
	table := out.NewTable(out.Column{Head: "USER", Min: 12, Rank: 2}, out.Column{Head: "CAUSE", Min: 16, Rank: 3}, out.Column{Head: "MAILBOX KEPT UNTIL"})
	for i, c := range b.changes {
		if i == maxBurstUsers {
			break
		}
		user, cause := string(c.User), show.CauseWord(&c.Attribution)
		if e.OutTTY { // else it is a log
			user, cause = cmp.Or(s.UPN(c.User), user), party(&c.Attribution)
		}
		table.Row(user, cause, mailboxWord(s, c, mailbox))
	}
	if err := table.Print(e.Streams); err != nil {
		return err
	}
	who := "Who did it"
	if more := len(b.changes) - maxBurstUsers; more > 0 {
		who = "And " + show.Plural(more, "user") + " more"
	}
	return e.Printf("%s: lictrail changes --run %d --kind %s\n\n", who, int64(s.Run), b.kind)
}

func burstVerb(k snapshot.Kind) string {
	if k == snapshot.Removed {
		return "lost it"
	}
	return "got it"
}

// mailboxWord is the day until which the mailbox can be had back, counted from
// the earliest time at which the license may have gone.
func mailboxWord(s *tracker.Summary, c store.Attributed, mailbox bool) any {
	if !mailbox || s.KeepsMailbox(c.User) {
		return nil
	}
	gone := c.Window.NotBefore
	if !c.Attribution.At.IsZero() {
		gone = c.Attribution.At
	}
	return gone.Add(mailboxGrace).UTC().Format(time.DateOnly)
}
