package earlier

import (
	"fmt"
	"slices"
	"time"

	"lictrail/snapshot"
)

// Record is an earlier record whose user and SKU are known.
type Record struct {
	Line     int
	Entry    int // from 1, where a line lists several SKUs
	User     snapshot.UserID
	SKU      snapshot.SKUID
	Assigned Moment // on or before; zero when not known
	Seen     Moment // held then; set exactly when Assigned is zero
	Removed  Moment
	Path     string
	Note     string
}

// Held is when the SKU was held by the record.
func (r *Record) Held() Moment {
	if r.Assigned.IsZero() {
		return r.Seen
	}
	return r.Assigned
}

// launch is when Office 365 was opened to the public: no license is older.
var launch = time.Date(2011, 6, 28, 0, 0, 0, 0, time.UTC)

// Check finds what is wrong with a record by itself; "" when nothing is.
func Check(r *Record, now time.Time) string {
	held, removed := r.Held(), r.Removed
	switch {
	case held.IsZero():
		return "it has no date of assignment; for a list of who held what on one day, say the day with --held-on"
	case held.To.Before(launch), !removed.IsZero() && removed.To.Before(launch):
		return "a date before 28 June 2011, when Office 365 began"
	case held.From.After(now):
		return "assigned in the future"
	case removed.From.After(now):
		return "removed in the future"
	case !removed.IsZero() && held.From.After(removed.To):
		return fmt.Sprintf("assigned on %s, after it was removed on %s", held, removed)
	}
	return ""
}

// Facts are the data in the history about a record's user and SKU.
type Facts struct {
	CreatedAt time.Time // of the account; zero when not known
	Stretches []snapshot.Stretch
	Runs      []Seen // every complete run, in order
}

// Seen is a run that looked at the user.
type Seen struct {
	At    snapshot.RunID
	From  time.Time // observed between
	Until time.Time
	Held  bool // the SKU was held
}

// Conflict says how a record contradicts what history knows for certain; ""
// when it does not.
func Conflict(r *Record, f Facts) string {
	held, removed := r.Held(), r.Removed
	if f.CreatedAt.After(held.To) {
		return fmt.Sprintf("the account was created on %s, after that date", f.CreatedAt.UTC().Format(time.DateOnly))
	}
	if !removed.IsZero() {
		if s := heldThroughout(f.Stretches, removed); s != nil {
			return fmt.Sprintf("removed on %s, but history shows it held since %s without a break", removed, s.From.NotAfter.Format(time.DateOnly))
		}
	}
	if s, run := notYet(f, held); s != nil && (removed.IsZero() || !removed.From.Before(s.From.At)) {
		return fmt.Sprintf("assigned on %s, but run %d did not find it held on %s, and a record shows it given only at %s",
			held, run.At, run.From.Format(time.DateOnly), s.From.At.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if s := notHeld(f.Runs, held, removed); s != nil {
		return fmt.Sprintf("assigned on %s, but run %d did not find it held on %s", held, s.At, s.From.Format(time.DateOnly))
	}
	return ""
}

// heldThroughout finds a stretch that surely began before a moment and surely
// went on after it.
func heldThroughout(stretches []snapshot.Stretch, m Moment) *snapshot.Stretch {
	for i, s := range stretches {
		if s.From.NotAfter.Before(m.From) && (s.To == nil || s.To.NotBefore.After(m.To)) {
			return &stretches[i]
		}
	}
	return nil
}

// notYet finds a stretch that a record shows to have begun only after a moment,
// where the run before had not found the SKU held and began before the moment.
func notYet(f Facts, held Moment) (*snapshot.Stretch, *Seen) {
	for i, s := range f.Stretches {
		if s.From.Precision != snapshot.Exact || !held.To.Before(s.From.At) {
			continue
		}
		var before *Seen
		for k, run := range f.Runs {
			if run.Until.Before(s.From.At) {
				before = &f.Runs[k]
			}
		}
		if before != nil && !before.Held && !held.From.Before(before.From) {
			return &f.Stretches[i], before
		}
	}
	return nil, nil
}

// notHeld finds a run that did not find the SKU held at a time at which the
// record says that it was. A record without a removal says so of the first run
// after its date only, and of that only when an earlier run had looked too:
// what happened before tracking began is not known.
func notHeld(runs []Seen, held, removed Moment) *Seen {
	after := slices.IndexFunc(runs, func(s Seen) bool { return s.From.After(held.To) })
	if after < 0 {
		return nil
	}
	if removed.IsZero() {
		if after > 0 && !runs[after].Held && !runs[after-1].Held {
			return &runs[after]
		}
		return nil
	}
	for i := after; i < len(runs) && runs[i].Until.Before(removed.From); i++ {
		if !runs[i].Held {
			return &runs[i]
		}
	}
	return nil
}
