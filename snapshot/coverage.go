package snapshot

import (
	"slices"
	"strings"
	"time"
)

// JoinCoverage joins the complete stretches of each source where they meet or
// overlap, and keeps of the others what no complete one covers: the gaps and
// why they are there. The result is sorted by source and time.
func JoinCoverage(stretches []Coverage) []Coverage {
	var joined []Coverage
	for _, source := range sources(stretches) {
		whole := joinComplete(stretches, source)
		joined = append(joined, whole...)
		for _, c := range stretches {
			if c.Source == source && !c.Complete && c.From.Before(c.To) && !covers(whole, c.From, c.To) {
				joined = append(joined, c)
			}
		}
	}
	slices.SortStableFunc(joined, func(a, b Coverage) int {
		if a.Source != b.Source {
			if a.Source < b.Source {
				return -1
			}
			return 1
		}
		return a.From.Compare(b.From)
	})
	return joined
}

// Covered reports whether the whole of a stretch was read, from any source.
func Covered(stretches []Coverage, from, to time.Time) bool {
	var all []Coverage
	for _, c := range stretches {
		if c.Complete {
			c.Source = ""
			all = append(all, c)
		}
	}
	return covers(joinComplete(all, ""), from, to)
}

// AnySource stands for all sources taken together.
const AnySource Source = "any"

// UnionCoverage returns which parts of a stretch of time were read from any source,
// and the gaps that are left, in order of time. A gap says why it is one, where a
// source was asked.
func UnionCoverage(stretches []Coverage, from, to time.Time) []Coverage {
	var all []Coverage
	for _, c := range stretches {
		if c.Complete {
			c.Source = AnySource
			all = append(all, c)
		}
	}
	var union []Coverage
	at := from
	gap := func(until time.Time) {
		if until.After(to) {
			until = to
		}
		if !meets(at, until) {
			union = append(union, Coverage{Source: AnySource, From: at, To: until, Why: whyGap(stretches, at, until)})
		}
	}
	for _, c := range joinComplete(all, AnySource) {
		gap(c.From)
		union = append(union, c)
		if c.To.After(at) {
			at = c.To
		}
	}
	gap(to)
	return union
}

// whyGap joins what failed readings of a gap say.
func whyGap(stretches []Coverage, from, to time.Time) string {
	var why []string
	for _, c := range stretches {
		if !c.Complete && c.Why != "" && c.From.Before(to) && c.To.After(from) {
			why = append(why, c.Why)
		}
	}
	slices.Sort(why)
	if why = slices.Compact(why); len(why) == 0 {
		return "not read from any source"
	}
	return strings.Join(why, "; ")
}

// Except returns what is left of a stretch of time without others, in order. The
// others must be sorted.
func Except(w Window, others []Window) []Window {
	var left []Window
	at := w.NotBefore
	for _, o := range others {
		end := o.NotBefore
		if end.After(w.NotAfter) {
			end = w.NotAfter
		}
		if at.Before(end) {
			left = append(left, Window{NotBefore: at, NotAfter: end})
		}
		if at.Before(o.NotAfter) {
			at = o.NotAfter
		}
	}
	if at.Before(w.NotAfter) {
		left = append(left, Window{NotBefore: at, NotAfter: w.NotAfter})
	}
	return left
}

func sources(stretches []Coverage) []Source {
	var found []Source
	for _, c := range stretches {
		found = append(found, c.Source)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func joinComplete(stretches []Coverage, source Source) []Coverage {
	var whole []Coverage
	for _, c := range stretches {
		if c.Complete && c.Source == source {
			whole = append(whole, c)
		}
	}
	slices.SortFunc(whole, func(a, b Coverage) int { return a.From.Compare(b.From) })
	var joined []Coverage
	for _, c := range whole {
		last := len(joined) - 1
		if last < 0 || !meets(joined[last].To, c.From) {
			joined = append(joined, c)
			continue
		}
		joined[last].Events += c.Events
		if c.To.After(joined[last].To) {
			joined[last].To = c.To
		}
	}
	return joined
}

// meets reports whether nothing lies between the end of one stretch and the
// beginning of another. A day ends with its last millisecond, which is also how
// finely times are kept.
func meets(end, begin time.Time) bool { return !begin.After(end.Add(time.Millisecond)) }

func covers(whole []Coverage, from, to time.Time) bool {
	return slices.ContainsFunc(whole, func(c Coverage) bool { return !c.From.After(from) && !c.To.Before(to) })
}

// CoverageBegin is where the first of some stretches begins.
func CoverageBegin(stretches []Coverage) time.Time {
	begin := stretches[0].From
	for _, c := range stretches {
		if c.From.Before(begin) {
			begin = c.From
		}
	}
	return begin
}
