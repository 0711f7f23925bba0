package track

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lictrail/snapshot"
)

// Errors that keep a read from becoming history (I1). The first three are about
// figures that can be true after all: [Options.AcceptShrink] accepts them.
var (
	// ErrShrunk: too many users are missing.
	ErrShrunk = errors.New("too many users are missing")
	// ErrVanished: licenses are missing that Microsoft still counts.
	ErrVanished = errors.New("licenses are missing from the read")
	// ErrBlank: a property that every user has is empty for all of them.
	ErrBlank = errors.New("a property is missing from the read")
	// ErrImplausible: the answers contradict each other.
	ErrImplausible = errors.New("the read is not plausible")
)

// refusals are the errors above that refuse a read for what it shows.
var refusals = []error{ErrShrunk, ErrVanished, ErrBlank, ErrImplausible}

func refused(err error) bool {
	return slices.ContainsFunc(refusals, func(kind error) bool { return errors.Is(err, kind) })
}

// reasons are why a read is refused, in one line.
type reasons []error

func (r reasons) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (r reasons) Unwrap() []error { return r }

// property is a part of users' rows that must not be empty for everybody.
type property string

const (
	accountEnabled property = "accountEnabled"
	principalName  property = "userPrincipalName"
	displayName    property = "displayName"
	// The two below are empty for whoever never held a license.
	assignmentStates property = "licenseAssignmentStates"
	assignedPlans    property = "assignedPlans"
)

// Counts are what one pass over the users showed, as far as it takes part in
// the judgement.
type Counts struct {
	Users    int64
	Listed   int64              // Graph's own count of users; -1: it gave none
	Silent   int64              // rows without assignedLicenses
	Silenced snapshot.UserID    // of these one who held a license in the run before
	Blank    int64              // rows that have neither accountEnabled nor a license
	Blanked  snapshot.UserID    // of these one who had both in the run before
	Licensed int64              // users who hold a license
	Unlisted int64              // of these whose assignedLicenses is empty: their state rows alone say so
	Held     int64              // licenses held, over all SKUs
	Shown    map[property]int64 // users whose row has it; of the run before only whether there are any
	SKUs     map[snapshot.SKUID]Seats
}

func (c *Counts) show(p property, has bool) {
	if has {
		c.Shown[p]++
	}
}

// Seats are how many users hold a SKU, and how many seats of it Microsoft counts.
type Seats struct {
	PartNumber string
	Holders    int64
	Consumed   int64
	Uncounted  bool // the row had no consumedUnits
}

// Judge says why a read must not become history, or nothing. before is the run
// that it is compared with, nil for the first; share of its users, or of a
// SKU's holders, may be missing.
//
// A license is taken for removed when Microsoft counts a seat less, too:
// rows of users have come back empty for a whole tenant while subscribedSkus
// went on counting (microsoft-graph-docs issue 16054).
func Judge(before *Counts, now Counts, share float64) []error {
	var found []error
	add := func(kind error, format string, args ...any) {
		found = append(found, fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...)))
	}
	if now.Users == 0 {
		return []error{fmt.Errorf("%w: Graph listed no user at all", ErrImplausible)}
	}
	judgeSilence(now, share, add)
	judgeBlanks(before, now, add)
	if short := now.Listed - now.Users; short > 2 && short*50 > now.Listed {
		add(ErrImplausible, "%d users were listed, Graph counts %d", now.Users, now.Listed)
	}
	if before != nil && more(before.Users-now.Users, before.Users, share) {
		add(ErrShrunk, "%d users, the run before had %d (%.0f %% fewer; %.0f %% are allowed)",
			now.Users, before.Users, 100*float64(before.Users-now.Users)/float64(before.Users), share*100)
	}
	if text := vanished(before, now, share); text != "" {
		add(ErrVanished, "%s", text)
	}
	return found
}

// more reports whether a part is more than a share of the whole.
func more(part, whole int64, share float64) bool {
	return part > 0 && float64(part) > share*float64(whole)
}

// judgeSilence refuses rows that do not say what the user holds: silence is not
// a removal, and for a user who is new it is not "no license".
func judgeSilence(now Counts, share float64, add func(error, string, ...any)) {
	switch {
	case now.Silent == now.Users:
		add(ErrImplausible, "no user's row has assignedLicenses (%d users)", now.Users)
	case now.Silenced != "":
		add(ErrImplausible, "%d of %d rows lack assignedLicenses, among them that of user %s, who held a license", now.Silent, now.Users, now.Silenced)
	case more(now.Silent, now.Users, share):
		add(ErrImplausible, "%d of %d rows lack assignedLicenses", now.Silent, now.Users)
	}
	if now.Licensed > 0 && now.Unlisted == now.Licensed {
		add(ErrImplausible, "assignedLicenses is empty for all %d users, and licenseAssignmentStates shows licenses of %d", now.Users, now.Licensed)
	}
}

// judgeBlanks refuses a property that is empty for everybody, unless the run
// before, which somebody has accepted, had none either; and rows that have lost
// accountEnabled together with the licenses. Graph gives it for every account.
func judgeBlanks(before *Counts, now Counts, add func(error, string, ...any)) {
	if now.Blanked != "" && now.Shown[accountEnabled] > 0 {
		add(ErrBlank, "%d of %d rows have neither accountEnabled nor licenses, among them that of user %s, who had both", now.Blank, now.Users, now.Blanked)
	}
	for _, p := range []property{accountEnabled, principalName, displayName} {
		if now.Shown[p] == 0 && (before == nil || before.Shown[p] > 0) {
			add(ErrBlank, "%s is empty for all %d users", p, now.Users)
		}
	}
	for _, p := range []property{assignmentStates, assignedPlans} {
		if now.Shown[p] == 0 && now.Held > 0 && before != nil && before.Shown[p] > 0 {
			add(ErrBlank, "%s is empty for all %d users, of whom %d hold licenses", p, now.Users, now.Licensed)
		}
	}
}

// maxNamedSKUs is how many SKUs a refusal names.
const maxNamedSKUs = 5

// vanished says which licenses are missing that Microsoft still counts.
func vanished(before *Counts, now Counts, share float64) string {
	if consumed := now.consumed(); now.Held == 0 && consumed > 0 && (before == nil || before.Held > 0) {
		return fmt.Sprintf("none of %d users holds a license, and Microsoft counts %d seats in use", now.Users, consumed)
	}
	if before == nil {
		return ""
	}
	if len(now.SKUs) == 0 && more(before.Held-now.Held, before.Held, share) {
		return fmt.Sprintf("%d licenses, the run before had %d, and no SKU was listed whose count could confirm that", now.Held, before.Held)
	}
	// A SKU that is no longer listed has no seats in use: Microsoft takes it off
	// the list when its last subscription is deleted.
	var lines []string
	for _, id := range slices.SortedFunc(maps.Keys(before.SKUs), func(a, b snapshot.SKUID) int {
		return cmp.Or(cmp.Compare(before.SKUs[b].Holders, before.SKUs[a].Holders), cmp.Compare(a, b))
	}) {
		if text := missingHolders(before.SKUs[id], now.SKUs[id], share); text != "" {
			lines = append(lines, text)
		}
	}
	if rest := len(lines) - maxNamedSKUs; rest > 0 {
		lines = append(lines[:maxNamedSKUs], fmt.Sprintf("and so for %d more SKUs", rest))
	}
	return strings.Join(lines, "; ")
}

func (c *Counts) consumed() (sum int64) {
	for _, s := range c.SKUs {
		if !s.Uncounted {
			sum += s.Consumed
		}
	}
	return sum
}

// missingHolders compares the holders that a SKU lost with the seats that
// Microsoft no longer counts. What both counts lost is a removal, and so is
// what Microsoft never counted.
func missingHolders(before, now Seats, share float64) string {
	lost := before.Holders - now.Holders
	if now.Uncounted {
		if !more(lost, before.Holders, share) {
			return ""
		}
		return fmt.Sprintf("%s: %d users hold it, %d in the run before, and Microsoft's count of seats in use is missing",
			before.PartNumber, now.Holders, before.Holders)
	}
	counted := min(lost, lost-(before.Consumed-now.Consumed), now.Consumed-now.Holders)
	if !more(counted, before.Holders, share) {
		return ""
	}
	return fmt.Sprintf("%s: %d users hold it, %d in the run before, and Microsoft counts %d seats in use, %d before (%.0f %% of the holders missing and still counted; %.0f %% are allowed)",
		before.PartNumber, now.Holders, before.Holders, now.Consumed, before.Consumed, 100*float64(counted)/float64(before.Holders), share*100)
}

// differ reports whether our count of holders and Microsoft's are so far apart,
// by more than 5 seats and 5 %, that the run should warn of it.
func differ(ours, consumed int64) bool {
	off := max(ours, consumed) - min(ours, consumed)
	return off > 5 && off*20 > consumed
}
