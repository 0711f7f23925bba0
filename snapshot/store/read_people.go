package store

import (
	"context"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Present returns those of some users who were present at the run asked about, with
// all attributes, without licenses and plans.
func (h *History) Present(ctx context.Context, some []Person) ([]*snapshot.User, error) {
	rows := make(map[int64]bool, len(some))
	for _, p := range some {
		rows[p.Row] = true
	}
	var present []*snapshot.User
	err := h.people(ctx, numbersJSON(rows), func(_ int64, u *snapshot.User) { present = append(present, u) })
	return present, err
}

// people lists the users, of whose rows of is a JSON array, who were present.
func (h *History) people(ctx context.Context, of string, take func(row int64, u *snapshot.User)) error {
	rows, err := h.tx.QueryContext(ctx, "SELECT "+versionColumns+`, v.from_run, u.id, u.object_id, EXISTS (SELECT 1 FROM agent x WHERE x.user_id = v.user_id)`+
		versionTables+` JOIN user u ON u.id = v.user_id
		WHERE v.presence IS NULL AND v.from_run <= ?2 AND (v.to_run IS NULL OR v.to_run > ?2) AND v.user_id`+ofThem, of, int64(h.At.ID))
	if err != nil {
		return fmt.Errorf("read the users: %w", engine.Classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var key any
		var agent bool
		u, _, err := scanVersion(withMore{rows, []any{&row, &key, &agent}}, h.words)
		if err != nil {
			return fmt.Errorf("read the users: %w", engine.Classify(err))
		}
		if u.ID = engine.UserID(key); agent {
			u.Type = snapshot.AgentType
		}
		take(row, &u)
	}
	return engine.Classify(rows.Err())
}

// withMore scans columns after those that a scanner asks for.
type withMore struct {
	rows interface{ Scan(...any) error }
	more []any
}

func (w withMore) Scan(dest ...any) error { return w.rows.Scan(append(dest, w.more...)...) }

// disabledSince returns, for every user whose account was switched off at the run
// asked about, by when it was so without a break. of is as in people.
func (h *History) disabledSince(ctx context.Context, of string, take func(row int64, since time.Time)) error {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT v.user_id, v.from_run, coalesce(f.enabled, 1)
		FROM user_version v JOIN profiles f ON f.profile_key = v.profile_id
		WHERE v.from_run <= ?2 AND v.user_id`+ofThem+` AND v.user_id IN (
			SELECT n.user_id FROM user_version n JOIN profiles p ON p.profile_key = n.profile_id
			WHERE p.enabled = 0 AND n.from_run <= ?2 AND (n.to_run IS NULL OR n.to_run > ?2) AND n.user_id`+ofThem+`)
		ORDER BY v.user_id, v.from_run`, of, int64(h.At.ID))
	if err != nil {
		return fmt.Errorf("read the disabled users: %w", engine.Classify(err))
	}
	defer rows.Close()
	since := make(map[int64]time.Time)
	for rows.Next() {
		var row int64
		var run snapshot.RunID
		var enabled bool
		if err := rows.Scan(&row, &run, &enabled); err != nil {
			return fmt.Errorf("read the disabled users: %w", engine.Classify(err))
		}
		if enabled {
			delete(since, row)
		} else if since[row].IsZero() {
			since[row] = h.Runs[run].ObservedUntil
		}
	}
	for row, at := range since {
		take(row, at)
	}
	return engine.Classify(rows.Err())
}

// LicensedGroups returns the groups that gave licenses, as they were at the run
// asked about.
func (h *History) LicensedGroups(ctx context.Context) (map[snapshot.GroupID]snapshot.Group, error) {
	list, err := groupsAt(ctx, h.tx, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the groups: %w", engine.Classify(err))
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
