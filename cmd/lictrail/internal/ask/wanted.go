package ask

import (
	"context"
	"iter"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/reclaim"
	"lictrail/snapshot/store"
)

// UserTypes are the types of users that assignments can be narrowed to.
var UserTypes = []string{"member", "guest", "agent"}

// Wanted says which assignments are wanted; all that is set must fit.
type Wanted struct {
	UserTypes     []string                       // any of these
	Disabled      bool                           // of accounts that are switched off
	NeverSignedIn bool                           // of accounts that never signed in
	BothPaths     bool                           // held directly and by a group
	Overlapping   bool                           // the user has another SKU with some of the same service plans
	SKUs          map[snapshot.SKUID]reclaim.SKU // what Overlapping needs to know of SKUs
}

// Any reports whether anything is asked for.
func (w *Wanted) Any() bool {
	return len(w.UserTypes) > 0 || w.Disabled || w.NeverSignedIn || w.BothPaths || w.Overlapping
}

// OverlappingSeat is an assignment with what it overlaps with.
type OverlappingSeat struct {
	*store.Assignment
	Overlaps []reclaim.Overlap // nil unless that was asked for
}

// Verdict says whether somebody fits; of some that is not known.
type Verdict int

const (
	Fits Verdict = iota + 1
	FitsNot
	FitUnknown
)

func verdict(fits bool) Verdict {
	if fits {
		return Fits
	}
	return FitsNot
}

// fitsUser judges a user.
func (w *Wanted) fitsUser(u *snapshot.User, a snapshot.UserActivity) Verdict {
	worst := Fits
	for _, v := range []Verdict{w.fitsType(u), w.fitsDisabled(u), w.fitsNever(a)} {
		switch {
		case v == FitsNot:
			return FitsNot
		case v == FitUnknown:
			worst = FitUnknown
		}
	}
	return worst
}

// fitsType counts an account without a type as a member: Graph leaves the type out on
// very old accounts, which are from before there were guests.
func (w *Wanted) fitsType(u *snapshot.User) Verdict {
	kind := strings.ToLower(u.Type)
	if kind == "" {
		kind = "member"
	}
	return verdict(len(w.UserTypes) == 0 || slices.Contains(w.UserTypes, kind))
}

func (w *Wanted) fitsDisabled(u *snapshot.User) Verdict {
	switch {
	case !w.Disabled:
		return Fits
	case u.Enabled == nil:
		return FitUnknown
	}
	return verdict(!*u.Enabled)
}

// fitsNever wants an account of which the directory says that it never signed in.
// An attempt may have been a sign-in: dates of success begin in December 2023.
func (w *Wanted) fitsNever(a snapshot.UserActivity) Verdict {
	switch {
	case !w.NeverSignedIn:
		return Fits
	case slices.ContainsFunc(a.Last, func(u snapshot.Use) bool {
		return u.Kind != snapshot.TriedInteractive && u.Kind != snapshot.TriedNonInteractive
	}):
		return FitsNot
	case !a.Covers(snapshot.SignIns) || len(a.Last) > 0:
		return FitUnknown
	}
	return Fits
}

// fitsSeat judges a seat of a user who fits.
func (w *Wanted) fitsSeat(s *OverlappingSeat) bool {
	held := func(kind snapshot.PathKind) bool {
		return slices.ContainsFunc(s.Paths, func(p store.PathSince) bool { return p.Kind == kind })
	}
	return (!w.BothPaths || held(snapshot.Direct) && held(snapshot.ByGroup)) && (!w.Overlapping || len(s.Overlaps) > 0)
}

// WantedAssignments lists the assignments that are wanted, ordered by UPN. unknown is set to
// the number of accounts of which it is not known whether they fit.
func WantedAssignments(ctx context.Context, b *Book, f store.Filter, w Wanted, unknown *int) iter.Seq2[*OverlappingSeat, error] {
	return func(yield func(*OverlappingSeat, error) bool) {
		if !w.Any() {
			for a, err := range b.History.Assignments(ctx, f) {
				if !yield(&OverlappingSeat{Assignment: a}, err) || err != nil {
					return
				}
			}
			return
		}
		if err := wantedAssignments(ctx, b, f, w, unknown, func(s *OverlappingSeat) bool { return yield(s, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// wantedAssignments goes user by user, under their names: attributes and activity go
// by object ids. What it hands on is concealed where people go by pseudonyms.
func wantedAssignments(ctx context.Context, b *Book, f store.Filter, w Wanted, unknown *int, yield func(*OverlappingSeat) bool) error {
	h := b.History.Named()
	f.Also |= store.AlsoUser
	if f.ByRow = b.History.Pseudonymous(); w.NeverSignedIn {
		f.Also |= store.AlsoActivity
	}
	skus, group := f.SKUs, f.Group
	f.SKUs, f.Group = nil, "" // what a seat overlaps with may be of any SKU, by any path
	var seats []*OverlappingSeat
	more := true
	flush := func() {
		if len(seats) > 0 && more {
			more = wantedOf(b, seats, skus, group, w, unknown, yield)
		}
		seats = nil
	}
	for a, err := range h.Assignments(ctx, f) {
		if err != nil {
			return err
		}
		if len(seats) > 0 && seats[0].User.ID != a.User.ID {
			if flush(); !more {
				return nil
			}
		}
		seats = append(seats, &OverlappingSeat{Assignment: a})
	}
	flush()
	return nil
}

func wantedOf(b *Book, seats []*OverlappingSeat, skus []snapshot.SKUID, group snapshot.GroupID, w Wanted, unknown *int, yield func(*OverlappingSeat) bool) bool {
	user, about := seats[0].User, seats[0].About
	if about.User != nil {
		user = *about.User
	}
	fits := w.fitsUser(&user, about.Activity)
	if fits == FitsNot {
		return true
	}
	if w.Overlapping {
		holdings := make([]reclaim.Holding, len(seats))
		for i, s := range seats {
			holdings[i] = HoldingOf(s.Assignment)
		}
		for i, overlaps := range reclaim.Overlaps(holdings, w.SKUs) {
			seats[i].Overlaps = overlaps
		}
	}
	counted := false
	for _, s := range seats {
		byGroup := slices.ContainsFunc(s.Paths, func(p store.PathSince) bool { return p.Group == group })
		if !w.fitsSeat(s) || len(skus) > 0 && !slices.Contains(skus, s.SKU) || group != "" && !byGroup {
			continue
		}
		if fits == FitUnknown {
			if !counted {
				*unknown++
			}
			counted = true
			continue
		}
		b.History.Conceal(&s.User)
		if !yield(s) {
			return false
		}
	}
	return true
}

// HoldingOf is an assignment as rules of reclaim look at it.
func HoldingOf(a *store.Assignment) reclaim.Holding {
	h := reclaim.Holding{SKU: a.SKU, Since: a.Since}
	for _, p := range a.Paths {
		h.Paths = append(h.Paths, reclaim.Path(p))
	}
	return h
}

// UnlicensedSince lists the changes since a time by which users lost the last license
// that they had, the latest first.
func UnlicensedSince(ctx context.Context, b *Book, f store.ChangeFilter) ([]*store.ChangeRow, error) {
	licensed := map[snapshot.UserID]bool{}
	for a, err := range b.History.Assignments(ctx, store.Filter{Users: f.Users}) {
		if err != nil {
			return nil, err
		}
		licensed[a.User.ID] = true
	}
	f.Kinds, f.Newest = []snapshot.Kind{snapshot.Removed}, true
	f.UpTo = b.History.At.ID
	seen := map[snapshot.UserID]bool{}
	var found []*store.ChangeRow
	for c, err := range b.History.Changes(ctx, f) {
		if err != nil {
			return nil, err
		}
		if !licensed[c.User] && !seen[c.User] {
			seen[c.User] = true
			found = append(found, c)
		}
	}
	return found, nil
}
