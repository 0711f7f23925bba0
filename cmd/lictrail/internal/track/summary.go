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
	Changes  []store.Outline
	Previous *store.Run
	Head     string // at the end of the chain of runs
}

func (t *run) summary(r *store.Result) *Summary {
	r.Changes, r.Spool = nil, nil // their files are gone
	return &Summary{Run: t.sync.Run, First: t.sync.Previous == nil, Tenant: t.tenant, Result: r, Changes: t.outlines, Previous: t.sync.Previous, Head: t.sync.Head}
}

// HasMailbox reports whether a SKU brings an Exchange mailbox.
func (s *Summary) HasMailbox(id snapshot.SKUID) bool {
	return slices.ContainsFunc(s.Result.SKUs, func(k snapshot.SKU) bool {
		return k.ID == id && slices.ContainsFunc(k.Plans, func(p snapshot.ServicePlan) bool { return snapshot.GivesMailbox(p.Name) })
	})
}
