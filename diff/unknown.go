package diff

import (
	"slices"
	"time"

	"lictrail/snapshot"
)

// unexplained is the answer where no event shows a change of plans: the operations whose
// details are missing, or unknown.
func (a *attributor) unexplained(ch *snapshot.Change) snapshot.Attribution {
	if s := a.suspects(ch); len(s) > 0 {
		return a.incomplete(ch, s)
	}
	return a.unknown(ch)
}

// unknown is the answer where nothing explains a change: the log was not read for the
// whole window, or it was read and has no record of it.
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
	markMentioned(ch, ops)
	reason := a.clashReason(ch, ops)
	ops = slices.DeleteFunc(slices.Clone(ops), func(o *op) bool { return a.isLate(o.At) }) // they may be the next run's
	return unknownFor(snapshot.Ambiguous, reason, ops...)
}

// incomplete is the answer where somebody changed the user's licenses and the
// log does not say how.
func (a *attributor) incomplete(ch *snapshot.Change, ops []*op) snapshot.Attribution {
	markMentioned(ch, ops)
	return unknownFor(snapshot.IncompleteEvent, a.incompleteReason(ch, ops), ops...)
}

// markMentioned notes that an attribution names operations, so that their changes of
// plans are not reported again as changes that only the log shows.
func markMentioned(ch *snapshot.Change, ops []*op) {
	for _, o := range ops {
		o.mentioned[ch.SKU] = true
	}
}

// suspects lists the license operations on the user in the change's window whose records
// are incomplete and which may have changed its plans.
func (a *attributor) suspects(ch *snapshot.Change) []*op {
	var list []*op
	kind := pathOf(ch).Kind
	for _, o := range slices.Concat(a.license[ch.User], a.opsByName(ch.User)) {
		if !ch.Window.Contains(o.At, snapshot.ClockSlack) || kind == snapshot.Direct && o.engine {
			continue
		}
		if (o.Incomplete || o.Target == "") && o.evidence && o.mayHave(ch) || a.planEffect(ch, o).unknownPlan {
			list = append(list, o)
		}
	}
	return list
}

// mayHave reports whether an operation that is known in part may have changed the
// plans that the change shows. The licenses that its record does list are correct.
func (o *op) mayHave(ch *snapshot.Change) bool {
	d := o.License
	if d == nil {
		return true
	}
	before, after := listed(d.Old, ch.SKU), listed(d.New, ch.SKU)
	return !(before && after) && (!(d.OldKnown && !before) || !(d.NewKnown && !after))
}

// covers reports whether the log was read for the whole window, by one source or by
// several in turn. The time during which the snapshot was read does not count, since a
// change then may not show in it.
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

// whyNot returns the reasons for which readings of a stretch failed, each once.
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
