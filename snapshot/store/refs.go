package store

import (
	"context"
	"encoding/json"
	"fmt"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// refs are what the numbers in table path stand for. There are few of them
// beside the rows that carry them, so they are looked up here and not joined.
type refs struct {
	skus   map[int64]snapshot.SKUID
	groups map[int64]snapshot.GroupID
	sets   map[int64][]snapshot.PlanID
}

func loadRefs(ctx context.Context, q engine.Querier) (refs, error) {
	var r refs
	var err error
	if r.skus, err = engine.Pairs[int64, snapshot.SKUID](ctx, q, "SELECT id, object_id FROM sku"); err != nil {
		return r, fmt.Errorf("read the SKUs: %w", engine.Classify(err))
	}
	if r.groups, err = engine.Pairs[int64, snapshot.GroupID](ctx, q, "SELECT id, object_id FROM licensed_group"); err != nil {
		return r, fmt.Errorf("read the groups: %w", engine.Classify(err))
	}
	texts, err := engine.Pairs[int64, string](ctx, q, "SELECT id, members FROM plan_set")
	if err != nil {
		return r, fmt.Errorf("read the sets of plans: %w", engine.Classify(err))
	}
	r.sets = make(map[int64][]snapshot.PlanID, len(texts))
	for id, text := range texts {
		var members []snapshot.PlanID
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			return r, fmt.Errorf("%w: set of plans: %w", engine.ErrDamaged, err)
		}
		r.sets[id] = members
	}
	return r, nil
}
