package snapshot

import (
	"slices"
	"time"
)

// Stretch is a time for which a SKU was held without a break.
type Stretch struct {
	From Date
	To   *Date // nil while it goes on
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

// Unseen is an assignment or a removal that only the audit log saw.
type Unseen struct {
	At       time.Time
	Assigned bool // else removed
}

// WithUnseen adds what only the audit log saw: a SKU that was assigned and
// removed again between two snapshots is a stretch, and one that was removed
// and assigned again divides one. The operations must be in order of time.
func WithUnseen(stretches []Stretch, ops []Unseen) []Stretch {
	all := slices.Clone(stretches)
	opened := -1 // the stretch that an operation opened, which the next removal ends
	for _, op := range ops {
		at := ExactDate(op.At)
		in := slices.IndexFunc(all, func(s Stretch) bool {
			return !s.From.At.After(op.At) && (s.To == nil || op.At.Before(s.To.At))
		})
		switch {
		case op.Assigned && in < 0:
			opened = len(all)
			all = append(all, Stretch{From: at, To: &at})
		case op.Assigned:
			opened = -1 // it repeats what is known
		case opened >= 0:
			all[opened].To, opened = &at, -1
		case in >= 0:
			all = divide(all, in, at, ops)
		}
	}
	slices.SortStableFunc(all, func(a, b Stretch) int { return a.From.At.Compare(b.From.At) })
	return all
}

// divide ends a stretch at a removal and begins the rest of it with the next
// assignment. Without one the removal proves nothing: it may have been one path
// of several.
func divide(all []Stretch, in int, removed Date, ops []Unseen) []Stretch {
	next := slices.IndexFunc(ops, func(o Unseen) bool { return o.Assigned && o.At.After(removed.At) })
	whole := all[in]
	if next < 0 || whole.To != nil && !ops[next].At.Before(whole.To.At) {
		return all
	}
	all[in].To = &removed
	return append(all, Stretch{From: ExactDate(ops[next].At), To: whole.To})
}
