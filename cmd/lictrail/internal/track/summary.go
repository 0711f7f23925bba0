package track

import (
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Summary is the result of a finished run.
type Summary struct {
	Run      snapshot.RunID
	First    bool
	Tenant   snapshot.Tenant
	Result   *store.Result
	Previous *store.Run
	Head     string                             // at the end of the chain of runs
	changed  map[snapshot.UserID]*snapshot.User // users with changes, as they are now
}

func (t *run) summary(r *store.Result) *Summary {
	s := &Summary{Run: t.sync.Run, First: t.sync.Previous == nil, Tenant: t.tenant, Result: r, Previous: t.sync.Previous, Head: t.sync.Head,
		changed: map[snapshot.UserID]*snapshot.User{}}
	for i := range t.deltas {
		if len(t.deltas[i].Changes) > 0 {
			s.changed[t.deltas[i].ID] = &t.deltas[i].New
		}
	}
	return s
}

// UPN names a user with changes; "" for others.
func (s *Summary) UPN(id snapshot.UserID) string {
	if u := s.changed[id]; u != nil {
		return u.UPN
	}
	return ""
}

// HasMailbox reports whether a SKU brings an Exchange mailbox.
func (s *Summary) HasMailbox(id snapshot.SKUID) bool {
	return slices.ContainsFunc(s.Result.SKUs, func(k snapshot.SKU) bool {
		return k.ID == id && slices.ContainsFunc(k.Plans, func(p snapshot.ServicePlan) bool { return snapshot.GivesMailbox(p.Name) })
	})
}

// KeepsMailbox reports whether a user with changes still holds a SKU with a mailbox.
func (s *Summary) KeepsMailbox(id snapshot.UserID) bool {
	u := s.changed[id]
	return u != nil && slices.ContainsFunc(u.Held(), s.HasMailbox)
}
