package store

import (
	"context"
	"fmt"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// userType is the type of a user whose user_version is v and whose row of profiles is f.
const userType = "CASE WHEN EXISTS (SELECT 1 FROM agent x WHERE x.user_id = v.user_id) THEN '" + snapshot.AgentType + "' ELSE f.type END"

// agents notes which users are agents. What was known stays: a user object does not
// change its type.
func (w *writer) agents(ids []snapshot.UserID) error {
	for _, id := range ids {
		_, err := w.Exec(`INSERT INTO agent (user_id, run_id) SELECT id, ?2 FROM user WHERE object_id = ?1
			AND NOT EXISTS (SELECT 1 FROM agent WHERE user_id = user.id)`, engine.UserKey(id), w.run)
		if err != nil {
			return err
		}
	}
	return nil
}

// AgentSeats counts for each SKU the agent users who held it at the run asked about.
func (h *History) AgentSeats(ctx context.Context) (map[snapshot.SKUID]int64, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT s.object_id, count(DISTINCT p.user_id) FROM agent a JOIN path p ON p.user_id = a.user_id JOIN sku s ON s.id = p.sku_id
		WHERE p.held = 1 AND p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1) GROUP BY s.id`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("count the seats of agent users: %w", engine.Classify(err))
	}
	defer rows.Close()
	seats := make(map[snapshot.SKUID]int64)
	for rows.Next() {
		var sku snapshot.SKUID
		var n int64
		if err := rows.Scan(&sku, &n); err != nil {
			return nil, fmt.Errorf("count the seats of agent users: %w", engine.Classify(err))
		}
		seats[sku] = n
	}
	return seats, engine.Classify(rows.Err())
}
