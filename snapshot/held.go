package snapshot

import (
	"slices"
	"time"
)

// Stretch is a time for which a SKU was held without a break.
type Stretch struct {
	From Date
	To   *Date // nil while it goes on
	// Resumed: it goes on with the period of the stretch before, since the account
	// was deleted and restored in between.
	Resumed bool
}

// Day is a day in UTC, counted from 1970-01-01.
type Day int

// DayOf returns the day of a time.
func DayOf(t time.Time) Day {
	return Day(t.UTC().Truncate(24*time.Hour).Unix() / (24 * 60 * 60))
}

// Time returns the beginning of the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

// Days is a range of days, the last one included.
type Days struct{ From, To Day }

// Sure returns the days on which the SKU was held for certain, at least for a
// part of the day, up to a time at which it was last observed; false for none.
func (s Stretch) Sure(until time.Time) (Days, bool) {
	from := s.From.NotAfter
	if s.To != nil {
		until = s.To.NotBefore
	}
	days := Days{DayOf(from), DayOf(until)}
	return days, days.From <= days.To
}

// Possible returns the days on which it may have been held. Before the
// earliest evidence of something that was there when tracking began nothing is
// known, and no day is counted.
func (s Stretch) Possible(until time.Time) Days {
	from := s.From.NotBefore
	if s.From.Precision == NoLaterThan {
		from = s.From.NotAfter
	}
	if s.To != nil {
		until = s.To.NotAfter
	}
	return Days{DayOf(from), DayOf(until)}
}

// JoinDays sorts ranges and joins those that meet or overlap, so that each day
// is in one of them.
func JoinDays(ranges []Days) []Days {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b Days) int { return int(a.From - b.From) })
	var joined []Days
	for _, r := range ranges {
		if last := len(joined) - 1; last >= 0 && r.From <= joined[last].To+1 {
			joined[last].To = max(joined[last].To, r.To)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// Clip returns the part of the range that lies within another; false for none.
func (d Days) Clip(within Days) (Days, bool) {
	c := Days{max(d.From, within.From), min(d.To, within.To)}
	return c, c.From <= c.To
}

// Len is the number of days.
func (d Days) Len() int { return int(d.To-d.From) + 1 }

// HeldDays returns on which days a SKU was held for certain and on which it may
// have been. observed and observedUntil are the beginning and the end of the
// newest snapshot: of the time after it nothing is known.
func HeldDays(stretches []Stretch, observed, observedUntil time.Time) (sure, possible []Days) {
	for _, s := range stretches {
		if days, ok := s.Sure(observed); ok {
			sure = append(sure, days)
		}
		if days := s.Possible(observedUntil); days.From <= days.To {
			possible = append(possible, days)
		}
	}
	return JoinDays(sure), JoinDays(possible)
}

// CountDays counts the days of ranges that do not overlap.
func CountDays(ranges []Days) int {
	n := 0
	for _, r := range ranges {
		n += r.Len()
	}
	return n
}

// Unseen is an assignment or a removal of a SKU that only the audit log saw, and
// the window between the two snapshots around it.
type Unseen struct {
	At       time.Time
	Assigned bool // else removed
	Window   Window
}

// WithUnseen adds what only the audit log saw: a SKU that was assigned and
// removed again between two snapshots is a stretch, and one that was removed
// and assigned again divides one. Where only one of the two is recorded, the other
// lies between it and the snapshot. The operations must be in order of time.
func WithUnseen(stretches []Stretch, ops []Unseen) []Stretch {
	u := unseen{all: slices.Clone(stretches), opened: -1, resumed: -1}
	for _, op := range ops {
		if op.Assigned {
			u.assign(op)
		} else {
			u.remove(op)
		}
	}
	slices.SortStableFunc(u.all, func(a, b Stretch) int { return a.From.At.Compare(b.From.At) })
	return u.all
}

// unseen plays operations. The indexes are -1 for none.
type unseen struct {
	all     []Stretch
	opened  int // the stretch that an assignment began and whose end is not recorded yet
	resumed int // the rest of one that a removal divided and whose beginning is not recorded yet
}

// around returns the stretch that a time lies in.
func (u *unseen) around(t time.Time) int {
	return slices.IndexFunc(u.all, func(s Stretch) bool {
		return !s.From.At.After(t) && (s.To == nil || t.Before(s.To.At))
	})
}

func (u *unseen) assign(op Unseen) {
	at := ExactDate(op.At)
	if u.resumed >= 0 && !op.At.After(u.all[u.resumed].From.NotAfter.Add(ClockSlack)) {
		u.all[u.resumed].From, u.resumed = at, -1
		return
	}
	u.resumed = -1
	in := u.around(op.At)
	if in < 0 || u.all[in].To != nil && in == u.opened {
		end := between(op.At, u.nextAfter(op.At, op.Window.NotAfter))
		u.opened = len(u.all)
		u.all = append(u.all, Stretch{From: at, To: &end})
		return
	}
	if whole := u.all[in]; whole.From.At.Before(op.At) {
		end := between(later(op.Window.NotBefore, whole.From.NotBefore), op.At)
		u.all[in].To = &end
		u.all = append(u.all, Stretch{From: at, To: whole.To})
	}
}

func (u *unseen) remove(op Unseen) {
	at := ExactDate(op.At)
	if u.opened >= 0 && !op.At.After(u.all[u.opened].To.NotAfter.Add(ClockSlack)) {
		u.all[u.opened].To, u.opened = &at, -1
		return
	}
	u.opened = -1
	in := u.around(op.At)
	if in < 0 {
		u.all = append(u.all, Stretch{From: u.beginning(op), To: &at})
		return
	}
	whole, until := u.all[in], op.Window.NotAfter
	if whole.To != nil && whole.To.NotAfter.Before(until) {
		until = whole.To.NotAfter
	}
	u.all[in].To = &at
	u.resumed = len(u.all)
	u.all = append(u.all, Stretch{From: between(op.At, until), To: whole.To})
}

// nextAfter returns when the next stretch begins at the latest, or until: the one
// before it must have ended by then.
func (u *unseen) nextAfter(at, until time.Time) time.Time {
	for _, s := range u.all {
		if s.From.At.After(at) && s.From.NotAfter.Before(until) {
			until = s.From.NotAfter
		}
	}
	return until
}

// beginning dates what a removal ended and nothing saw begin. Where no snapshot
// bounds it, it is known only that it was there.
func (u *unseen) beginning(op Unseen) Date {
	if op.Window.NotBefore.IsZero() {
		return HeldOn(op.At, BasisAudit)
	}
	return between(op.Window.NotBefore, op.At)
}

func between(from, to time.Time) Date {
	return WindowDate(Window{NotBefore: from, NotAfter: later(from, to)})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
