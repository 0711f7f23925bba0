package store

import (
	"context"
	"fmt"
	"time"

	"lictrail/snapshot"
)

// People returns every user who was present at the run asked about, without
// licenses and plans.
func (h *History) People(ctx context.Context) (map[snapshot.UserID]*snapshot.User, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT "+versionColumns+", v.from_run, u.object_id"+versionTables+`
		JOIN user u ON u.id = v.user_id
		WHERE v.presence IS NULL AND v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1)`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the users: %w", classify(err))
	}
	defer rows.Close()
	people := make(map[snapshot.UserID]*snapshot.User)
	for rows.Next() {
		var key any
		u, _, err := scanVersion(withMore{rows, []any{&key}})
		if err != nil {
			return nil, fmt.Errorf("read the users: %w", classify(err))
		}
		u.ID = userID(key)
		people[u.ID] = &u
	}
	if err := rows.Err(); err != nil {
		return nil, classify(err)
	}
	return people, h.agentsAmong(ctx, func(id snapshot.UserID) {
		if u := people[id]; u != nil {
			u.Type = snapshot.AgentType
		}
	})
}

// withMore scans columns after those that a scanner asks for.
type withMore struct {
	rows interface{ Scan(...any) error }
	more []any
}

func (w withMore) Scan(dest ...any) error { return w.rows.Scan(append(dest, w.more...)...) }

// DisabledSince tells, of every user whose account was switched off at the run
// asked about, by when it was so without a break.
func (h *History) DisabledSince(ctx context.Context) (map[snapshot.UserID]time.Time, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT u.object_id, v.from_run, coalesce(f.more ->> '$.enabled', 1)
		FROM user_version v JOIN profile f ON f.id = v.profile_id JOIN user u ON u.id = v.user_id
		WHERE v.from_run <= ?1 AND v.user_id IN (
			SELECT n.user_id FROM user_version n JOIN profile p ON p.id = n.profile_id
			WHERE p.more ->> '$.enabled' = 0 AND n.from_run <= ?1 AND (n.to_run IS NULL OR n.to_run > ?1))
		ORDER BY v.user_id, v.from_run`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the disabled users: %w", classify(err))
	}
	defer rows.Close()
	since := make(map[snapshot.UserID]time.Time)
	for rows.Next() {
		var key any
		var run snapshot.RunID
		var enabled bool
		if err := rows.Scan(&key, &run, &enabled); err != nil {
			return nil, fmt.Errorf("read the disabled users: %w", classify(err))
		}
		id := userID(key)
		if enabled {
			delete(since, id)
		} else if since[id].IsZero() {
			since[id] = h.Runs[run].ObservedUntil
		}
	}
	return since, classify(rows.Err())
}

// LicensedGroups returns the groups that gave licenses, as they were at the run
// asked about.
func (h *History) LicensedGroups(ctx context.Context) (map[snapshot.GroupID]snapshot.Group, error) {
	list, err := groupsAt(ctx, h.tx, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the groups: %w", classify(err))
	}
	groups := make(map[snapshot.GroupID]snapshot.Group, len(list))
	for _, g := range list {
		g.Name, g.MembershipRule = h.pseudonyms.text(g.Name), h.pseudonyms.text(g.MembershipRule)
		groups[g.ID] = g
	}
	return groups, nil
}

// SKUPlansNow lists the service plans that each SKU contained at the run asked
// about, or when it was last seen.
func (h *History) SKUPlansNow(ctx context.Context) (map[snapshot.SKUID][]snapshot.PlanID, error) {
	return h.skuPlans(ctx, "WHERE x.from_run <= ?1 AND (x.to_run IS NULL OR x.to_run > ?1)", int64(h.At.ID))
}
