package ask

import (
	"cmp"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Party is what one party is responsible for among some changes.
type Party struct {
	Actor *snapshot.Actor // nil: nobody that is known
	// Cause is set where nobody did it, as with a subscription that ran out. With
	// neither an actor nor a cause it is not known who did it.
	Cause snapshot.Cause

	Changes, Given, Removed int
	Users                   map[snapshot.UserID]bool
}

// Parties counts changes by the party that is responsible, the most first. Moves of
// Microsoft's date are left out.
func Parties(changes []store.Outline) []*Party {
	byKey := map[string]*Party{}
	for i := range changes {
		c := &changes[i]
		if IsDateMove(c.Kind) {
			continue
		}
		key, fresh := partyOf(c.Attribution)
		p := byKey[key]
		if p == nil {
			fresh.Users = map[snapshot.UserID]bool{}
			p = fresh
			byKey[key] = p
		}
		p.Changes++
		switch c.Kind {
		case snapshot.Assigned:
			p.Given++
		case snapshot.Removed:
			p.Removed++
		}
		if c.User != "" {
			p.Users[c.User] = true
		}
	}
	var list []*Party
	for _, p := range byKey {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Party) int {
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), strings.Compare(a.called(), b.called()))
	})
	return list
}

// partyOf is who is responsible, and the key by which changes of the same party count
// together.
func partyOf(a *snapshot.Attribution) (string, *Party) {
	switch who := a.Responsible(); {
	case who != nil:
		return string(who.Kind) + "\x00" + cmp.Or(who.ID, who.AppID, who.UPN, who.Name), &Party{Actor: who}
	case a.Unnamed():
		return "", &Party{}
	}
	return "\x00" + string(a.Cause), &Party{Cause: a.Cause}
}

func (p *Party) called() string {
	if p.Actor == nil {
		return "\xff" + string(p.Cause)
	}
	return cmp.Or(p.Actor.UPN, p.Actor.Name, p.Actor.ID, p.Actor.AppID)
}
