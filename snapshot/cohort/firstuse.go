package cohort

import (
	"slices"

	"lictrail/snapshot"
)

// UseSpan is a time in which a source showed use: it was used on the first day and on
// the last, and what is between is not known.
type UseSpan struct {
	First, Last snapshot.Day
	Run         snapshot.RunID // that first showed the first day
}

// Look is a read of a source that has the user. It covers the time from From to To only.
type Look struct {
	Run      snapshot.RunID
	From, To snapshot.Day
}

// Source is what one source shows of a user.
type Source struct {
	Uses  []UseSpan
	Looks []Look // in the order of runs
}

// State is whether a seat was used since it was assigned.
type State string

const (
	Used    State = "used"
	NotYet  State = "not-yet"   // not used as far as a source looked
	New     State = "new"       // the same, and assigned so lately that it is not counted as not used
	Unknown State = "not-known" // no source shows it, or the assignment is older than tracking
)

// States lists all of them.
var States = []State{Used, NotYet, New, Unknown}

// FirstUse is when a seat was first used, in days from its assignment.
type FirstUse struct {
	Spell *Spell
	State State
	// Min and Max bound the days from the assignment to the first use, where the seat
	// was used; else Min is the number of days for which it certainly was not.
	Min, Max int
	// Never: the seat went without having been used.
	Never bool
}

// FirstUseOf finds when a seat was first used. Grace is the number of days from the
// true assignment date, at its latest, for which a seat that is not used is new.
func FirstUseOf(s *Spell, sources []Source, grace int) FirstUse {
	f := FirstUse{Spell: s, State: Unknown}
	if s.opening() {
		return f
	}
	latest := snapshot.DayOf(s.From.NotAfter)
	earliest := latest
	if !s.From.NotBefore.IsZero() {
		earliest = snapshot.DayOf(s.From.NotBefore)
	}
	end := snapshot.Day(1 << 30)
	if s.To != nil {
		end = snapshot.DayOf(s.To.NotAfter)
	}
	used, clean := end+1, earliest-1 // the first day of known use; the last day up to which there was none
	for i := range sources {
		first, free := sources[i].look(earliest, end)
		used, clean = min(used, first), max(clean, free)
	}
	switch {
	case used <= end:
		f.State = Used
		f.Min = max(0, int(min(clean+1, used)-latest))
		f.Max = int(used - earliest)
	case clean >= latest:
		f.State, f.Min, f.Never = NotYet, int(min(clean, end)-latest), s.To != nil && clean >= end
		if f.Min < grace && s.To == nil {
			f.State = New
		}
	}
	return f
}

// look returns the first day from a day on of which the source shows use, and the last
// up to which it shows none without a gap.
func (s *Source) look(from, end snapshot.Day) (used, clean snapshot.Day) {
	used, clean = end+1, from-1
	var shown snapshot.RunID // the run that first showed use since that day; 0: none
	vague := false           // which run did is not known
	for _, u := range s.Uses {
		switch {
		case u.Last < from:
		case u.First >= from:
			// A source shows the newest use only, so that one after the end hides those before.
			if shown == 0 || u.Run < shown {
				shown = u.Run
			}
			if u.First <= end {
				used = min(used, u.First)
			}
		default:
			vague = true
			if u.Last <= end { // else it may have been used before the seat was given, and after it was taken
				used = min(used, u.Last)
			}
		}
	}
	if vague {
		return used, clean
	}
	for _, l := range s.Looks {
		if (shown == 0 || l.Run < shown) && l.From <= from {
			clean = max(clean, min(l.To, end))
		}
	}
	return used, clean
}

// Horizons are the days within which use is counted.
var Horizons = []int{1, 7, 14, 30, 60, 90}

// Within counts the seats that were first used within some days of their assignment:
// at least Min of them and at most Max, those included of which it is not known.
type Within struct{ Days, Min, Max int }

// Summary is how long it took until seats were used.
type Summary struct {
	Seats  int
	States map[State]int
	// MedianMin and MedianMax bound the median of the used ones; -1 where there is none.
	MedianMin, MedianMax int
	Within               []Within
}

// Summarize adds up.
func Summarize(list []FirstUse) Summary {
	s := Summary{Seats: len(list), States: map[State]int{}, MedianMin: -1, MedianMax: -1}
	var low, high []int
	for _, f := range list {
		s.States[f.State]++
		if f.State == Used {
			low, high = append(low, f.Min), append(high, f.Max)
		}
	}
	if len(low) > 0 {
		slices.Sort(low)
		slices.Sort(high)
		s.MedianMin, s.MedianMax = low[(len(low)-1)/2], high[(len(high)-1)/2]
	}
	for _, days := range Horizons {
		w := Within{Days: days}
		for _, f := range list {
			switch {
			case f.State == Used && f.Max <= days:
				w.Min++
				w.Max++
			case f.State == Unknown, f.Min <= days && f.State == Used, f.Min < days && f.State != Used && !f.Never:
				w.Max++
			}
		}
		s.Within = append(s.Within, w)
	}
	return s
}
