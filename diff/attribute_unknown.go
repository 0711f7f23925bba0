package diff

import (
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// unexplained attributes a change of which no event tells: to a subscription
// that lapsed, or to nobody.
func (a *attributor) unexplained(ch *snapshot.Change) snapshot.Attribution {
	if s := a.suspects(ch); len(s) > 0 {
		return a.incomplete(ch, s)
	}
	if a.lapsed(ch) != nil {
		return a.subscription(ch)
	}
	return a.unknown(ch)
}

// unknown says why nothing explains a change: the log was not read for all of
// the time, or it was and has nothing.
func (a *attributor) unknown(ch *snapshot.Change) snapshot.Attribution {
	why := snapshot.NoEvent
	if !a.covers(ch.Window) {
		why = snapshot.NotCovered
	}
	return unknownFor(why, a.silenceReason(ch))
}

func unknownFor(why snapshot.UnknownWhy, reason string, ops ...*op) snapshot.Attribution {
	return snapshot.Attribution{Cause: snapshot.CauseUnknown, Initiator: snapshot.ByUnknown, Confidence: snapshot.Low,
		UnknownWhy: why, Reason: reason, Evidence: evidence(ops...)}
}

// ambiguous is the answer where events contradict each other or the snapshot.
func (a *attributor) ambiguous(ch *snapshot.Change, ops []*op) snapshot.Attribution {
	reason := a.ambiguousReason(ch, ops)
	ops = slices.DeleteFunc(slices.Clone(ops), func(o *op) bool { return a.isLate(o.At) }) // they may be the next run's
	tell(ch, ops)
	return unknownFor(snapshot.Ambiguous, reason, ops...)
}

// misfit is the answer where the only event that fits is group-based
// licensing's, and the snapshot says that the license was direct.
func (a *attributor) misfit(ch *snapshot.Change, o *op) snapshot.Attribution {
	tell(ch, []*op{o})
	return unknownFor(snapshot.Ambiguous, a.misfitReason(ch, o), o)
}

// incomplete is the answer where somebody changed the user's licenses and the
// log does not say how.
func (a *attributor) incomplete(ch *snapshot.Change, ops []*op) snapshot.Attribution {
	tell(ch, ops)
	return unknownFor(snapshot.IncompleteEvent, a.incompleteReason(ch, ops), ops...)
}

// tell notes that an attribution mentions operations, so that they are not
// told again as changes that only the log saw.
func tell(ch *snapshot.Change, ops []*op) {
	for _, o := range ops {
		o.told[ch.SKU] = true
	}
}

// hidden is the answer for a direct path that began or ended while another
// path held the SKU: events show the licenses of all paths together, so none
// of them shows it.
func (a *attributor) hidden(ch *snapshot.Change) snapshot.Attribution {
	ops := append(a.idle(ch), a.suspects(ch)...)
	for _, o := range a.license[ch.User] {
		if o.evidence && !o.used && !o.engine && o.changedPlans(ch.SKU) && ch.Window.Contains(o.At, slack) {
			ops = append(ops, o)
		}
	}
	ops = slices.DeleteFunc(ops, func(o *op) bool { return o.claimed[ch.SKU] })
	if len(ops) == 0 {
		return a.unknown(ch)
	}
	slices.SortFunc(ops, func(x, y *op) int { return compareRefs(x.Events[0].Ref(), y.Events[0].Ref()) })
	return a.incomplete(ch, slices.Compact(ops))
}

// called lists the license operations that know only a name, which is the user's.
func (a *attributor) called(user snapshot.UserID) []*op {
	if a.UPN == nil || user == "" {
		return nil
	}
	return a.named[strings.ToLower(a.UPN(user))]
}

func (o *op) changedPlans(sku snapshot.SKUID) bool {
	for _, p := range o.plans {
		if p.SKU == sku {
			return true
		}
	}
	return false
}

// suspects lists the license operations on the user, in the change's window,
// that the log does not tell in full and that may have done it. A record may know
// the user by name only, as one that was cut off: a name that somebody else may
// have had is enough for a doubt.
func (a *attributor) suspects(ch *snapshot.Change) []*op {
	var list []*op
	kind := pathOf(ch).Kind
	for _, o := range slices.Concat(a.license[ch.User], a.called(ch.User)) {
		if o.used || !inTime(ch, o) || kind == snapshot.Direct && o.engine {
			continue
		}
		if (o.Incomplete || o.Target == "") && o.evidence && o.mayHave(ch) || ch.Kind == snapshot.PlansChanged && a.planEffect(ch, o).strange {
			list = append(list, o)
		}
	}
	return list
}

// mayHave reports whether an operation that is known in part may have done
// what the change shows. What is listed of it is true.
func (o *op) mayHave(ch *snapshot.Change) bool {
	d := o.License
	if d == nil {
		return true
	}
	before, after := listed(d.Old, ch.SKU), listed(d.New, ch.SKU)
	switch {
	case before && after:
		return false
	case ch.Kind == snapshot.PlansChanged || ch.Kind == snapshot.StateChanged || ch.Kind == snapshot.DateMoved:
		return !(d.OldKnown && !before) || !(d.NewKnown && !after)
	case gained(ch):
		return !before && !(d.NewKnown && !after)
	}
	return !after && !(d.OldKnown && !before)
}

// covers reports whether the log was read for all of a window, by one source
// or several in turn.
func (a *attributor) covers(w snapshot.Window) bool {
	from, to := a.gap(w)
	return !w.NotBefore.IsZero() && from.Equal(to)
}

// gap returns the first stretch of a window for which no source's log was
// read: two equal times when there is none.
func (a *attributor) gap(w snapshot.Window) (from, to time.Time) {
	if g, ok := a.gaps[w]; ok {
		return g.NotBefore, g.NotAfter
	}
	from, to = a.findGap(w)
	a.gaps[w] = snapshot.Window{NotBefore: from, NotAfter: to}
	return from, to
}

func (a *attributor) findGap(w snapshot.Window) (from, to time.Time) {
	at := w.NotBefore
	for {
		next := a.readUntil(at)
		if !next.After(at) {
			break
		}
		at = next
	}
	if !at.Before(w.NotAfter) {
		return w.NotAfter, w.NotAfter
	}
	end := w.NotAfter
	for _, c := range a.Coverage {
		if c.Complete && c.From.After(at) && c.From.Before(end) {
			end = c.From
		}
	}
	return at, end
}

// readUntil returns the end of the longest stretch read that has a time in it.
func (a *attributor) readUntil(at time.Time) time.Time {
	until := at
	for _, c := range a.Coverage {
		if c.Complete && !c.From.After(at) && c.To.After(until) {
			until = c.To
		}
	}
	return until
}

// whyNot returns what the failed readings of a stretch say, each once.
func (a *attributor) whyNot(from, to time.Time) []string {
	var list []string
	for _, c := range a.Coverage {
		if !c.Complete && c.Why != "" && c.From.Before(to) && c.To.After(from) {
			list = append(list, c.Why)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
