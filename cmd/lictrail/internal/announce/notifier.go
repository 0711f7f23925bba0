package announce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/notify"
	"lictrail/snapshot"
)

// Notifier sends messages about runs. It never fails a run: a message that cannot be
// sent is a warning, of this run and of the next.
type Notifier struct {
	Host
	Receivers []*notify.Receiver
	Names     bool // messages name people, not only object ids
	Always    bool // send a message also when nothing changed
	Began     time.Time

	recorded bool // the run became history
}

// Mails reports whether a mail may show the week in full.
func (n *Notifier) Mails() bool {
	return n.Names && slices.ContainsFunc(n.Receivers, func(r *notify.Receiver) bool { return r.Kind == "mail" })
}

// Found sends the result of a recorded run, if there is a reason to notify.
func (n *Notifier) Found(ctx context.Context, r Recorded) {
	n.recorded = true
	if len(n.Receivers) == 0 || !n.Always && !r.isNews() {
		return
	}
	m, err := n.message(context.WithoutCancel(ctx), r, n.Names, n.Mails())
	if err != nil {
		n.Warnf("nobody was notified: %s", err)
		n.keep(r.Run, []notify.Outcome{{Kind: "anybody", Err: fmt.Errorf("anybody: %w", err)}})
		return
	}
	n.send(ctx, m)
}

// isNews: it is the first run, somebody's license changed, or there is a warning of a
// kind that the run before did not have. What a run warns of every week, such as a
// permission that is missing on purpose, is only added to other messages.
func (r Recorded) isNews() bool {
	return r.First || r.changed() ||
		slices.ContainsFunc(r.Result.Warnings, func(w snapshot.Warning) bool {
			return !slices.ContainsFunc(r.Previous.Warnings, func(before snapshot.Warning) bool { return before.Code == w.Code })
		})
}

// Failed sends that a run did not do what it was asked to. Whoever interrupts one, or
// misspells a flag, knows it.
func (n *Notifier) Failed(ctx context.Context, err error) {
	if len(n.Receivers) == 0 || err == nil || ctx.Err() != nil || errors.Is(err, exit.ErrChanged) || errors.Is(err, exit.ErrUsage) && !n.recorded {
		return
	}
	n.send(ctx, n.failure(ctx, n.Began, err))
}

func (n *Notifier) send(ctx context.Context, m *notify.Message) {
	var failed []notify.Outcome
	for _, o := range new(notify.Sender).Send(ctx, n.Receivers, m) {
		if o.Err != nil {
			n.Warnf("not notified: %s", o.Err)
			failed = append(failed, o)
		}
	}
	n.keep(snapshot.RunID(m.Number), failed)
}

// keep has the next run warn of the messages that could not be sent.
func (n *Notifier) keep(run snapshot.RunID, failed []notify.Outcome) {
	if err := notify.UnsentBeside(n.Database).Add(run, n.Now(), failed); err != nil {
		n.Warnf("the next run will not know of this: %s", err)
	}
}
