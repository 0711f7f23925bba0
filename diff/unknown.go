package diff

import (
	"slices"
	"time"

	"lictrail/snapshot"
)

// unexplained attributes a change of plans of which no event tells: to a
// subscription that lapsed, or to nobody.
func (a *attributor) unexplained(ch *snapshot.Change) snapshot.Attribution {
	if s := a.suspects(ch); len(s) > 0 {
		return a.incomplete(ch, s)
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

// ambiguous is the answer where several courses of events fit the evidence.
func (a *attributor) ambiguous(ch *snapshot.Change, list []verdict) snapshot.Attribution {
	why := snapshot.Ambiguous
	if len(list) == 2 && slices.ContainsFunc(list, func(v verdict) bool { return v.nobody }) &&
		slices.ContainsFunc(list, func(v verdict) bool { return v.by != nil && v.by.Incomplete }) {
		why = snapshot.IncompleteEvent
	}
	return unknownFor(why, a.eitherReason(ch, list), opsOf(list)...)
}

// clash is the answer where records contradict each other or the snapshot.
func (a *attributor) clash(ch *snapshot.Change, ops []*op) snapshot.Attribution {
	tell(ch, ops)
	reason := a.clashReason(ch, ops)
	ops = slices.DeleteFunc(slices.Clone(ops), func(o *op) bool { return a.isLate(o.At) }) // they may be the next run's
	return unknownFor(snapshot.Ambiguous, reason, ops...)
}

// incomplete is the answer where somebody changed the user's licenses and the
// log does not say how.
func (a *attributor) incomplete(ch *snapshot.Change, ops []*op) snapshot.Attribution {
	tell(ch, ops)
	return unknownFor(snapshot.IncompleteEvent, a.incompleteReason(ch, ops), ops...)
}

// tell notes that an attribution mentions operations, so that what they did to
// plans is not told again as a change that only the log saw.
func tell(ch *snapshot.Change, ops []*op) {
	for _, o := range ops {
		o.told[ch.SKU] = true
	}
}

// suspects lists the license operations on the user, in the change's window,
// that the log does not tell in full and that may have changed its plans.
func (a *attributor) suspects(ch *snapshot.Change) []*op {
	var list []*op
	kind := pathOf(ch).Kind
	for _, o := range slices.Concat(a.license[ch.User], a.called(ch.User)) {
		if !ch.Window.Contains(o.At, snapshot.ClockSlack) || kind == snapshot.Direct && o.engine {
			continue
		}
		if (o.Incomplete || o.Target == "") && o.evidence && o.mayHave(ch) || a.planEffect(ch, o).strange {
			list = append(list, o)
		}
	}
	return list
}

// mayHave reports whether an operation that is known in part may have changed the
// plans that the change shows. What is listed of it is true.
func (o *op) mayHave(ch *snapshot.Change) bool {
	d := o.License
	if d == nil {
		return true
	}
	before, after := listed(d.Old, ch.SKU), listed(d.New, ch.SKU)
	return !(before && after) && (!(d.OldKnown && !before) || !(d.NewKnown && !after))
}

// covers reports whether the log was read for all of a window, by one source
// or several in turn. What happened while the snapshot was read need not show in it.
func (a *attributor) covers(w snapshot.Window) bool {
	if w.NotAfter.After(a.observed) && w.NotBefore.Before(a.observed) {
		w.NotAfter = a.observed
	}
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
