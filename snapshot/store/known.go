package store

import (
	"context"
	"encoding/json"
	"fmt"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// SKUs returns the catalog as history has it now, for comparing.
func (s *Sync) SKUs(ctx context.Context) ([]snapshot.SKU, error) {
	skus, _, err := skusAt(ctx, s.db.sql, int64(s.Run))
	return skus, err
}

// Seats returns the catalog as history has it now, and how many users held each
// SKU.
func (s *Sync) Seats(ctx context.Context) ([]snapshot.SKU, map[snapshot.SKUID]int64, error) {
	return skusAt(ctx, s.db.sql, int64(s.Run))
}

// Shown says which properties the newest complete run read for any user at all.
type Shown struct{ Enabled, UPN, Name, Paths, Plans bool }

// Shown reads what the newest complete run showed of its users.
func (s *Sync) Shown(ctx context.Context) (shown Shown, err error) {
	const user = "SELECT 1 FROM user_version v JOIN profiles p ON p.profile_key = v.profile_id WHERE v.to_run IS NULL AND v.presence IS NULL AND "
	err = s.db.sql.QueryRowContext(ctx, `SELECT EXISTS (`+user+`p.enabled IS NOT NULL),
		EXISTS (`+user+`v.upn <> ''), EXISTS (`+user+`v.name <> ''),
		EXISTS (SELECT 1 FROM path WHERE to_run IS NULL AND group_id >= 0), EXISTS (SELECT 1 FROM user_plans WHERE to_run IS NULL)`).
		Scan(&shown.Enabled, &shown.UPN, &shown.Name, &shown.Paths, &shown.Plans)
	if err != nil {
		return shown, fmt.Errorf("read what the run before showed: %w", engine.Classify(err))
	}
	return shown, nil
}

// SKUsAt returns the catalog as a run had it, and how many users held each SKU.
func (h *History) SKUsAt(ctx context.Context, run snapshot.RunID) ([]snapshot.SKU, map[snapshot.SKUID]int64, error) {
	return skusAt(ctx, h.tx, int64(run))
}

// GroupsAt returns the groups that gave licenses as a run had them.
func (h *History) GroupsAt(ctx context.Context, run snapshot.RunID) ([]snapshot.Group, error) {
	groups, err := groupsAt(ctx, h.tx, int64(run))
	if err != nil {
		return nil, fmt.Errorf("read the known groups: %w", engine.Classify(err))
	}
	return groups, nil
}

func skusAt(ctx context.Context, q engine.Querier, run int64) (skus []snapshot.SKU, assigned map[snapshot.SKUID]int64, err error) {
	plans, err := skuPlans(ctx, q, run)
	if err != nil {
		return nil, nil, fmt.Errorf("read the known SKUs: %w", engine.Classify(err))
	}
	rows, err := q.QueryContext(ctx, `
		SELECT s.object_id, v.part_number, v.applies_to, v.status, v.enabled, v.warning, v.suspended, v.locked_out, v.consumed, v.assigned
		FROM sku_version v JOIN sku s ON s.id = v.sku_id
		WHERE v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) ORDER BY s.object_id`, run)
	if err != nil {
		return nil, nil, fmt.Errorf("read the known SKUs: %w", engine.Classify(err))
	}
	defer rows.Close()
	assigned = make(map[snapshot.SKUID]int64)
	for rows.Next() {
		var k snapshot.SKU
		var holders int64
		err := rows.Scan(&k.ID, &k.PartNumber, &k.AppliesTo, &k.Status, &k.Units.Enabled, &k.Units.Warning,
			&k.Units.Suspended, &k.Units.LockedOut, &k.Consumed, &holders)
		if err != nil {
			return nil, nil, fmt.Errorf("read the known SKUs: %w", engine.Classify(err))
		}
		k.Plans, assigned[k.ID] = plans[k.ID], holders
		skus = append(skus, k)
	}
	return skus, assigned, engine.Classify(rows.Err())
}

func skuPlans(ctx context.Context, q engine.Querier, run int64) (map[snapshot.SKUID][]snapshot.ServicePlan, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT s.object_id, p.object_id, p.name FROM sku_plan x JOIN sku s ON s.id = x.sku_id JOIN plan p ON p.id = x.plan_id
		WHERE x.from_run <= ?1 AND (x.to_run IS NULL OR x.to_run > ?1) ORDER BY p.object_id`, run)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	plans := make(map[snapshot.SKUID][]snapshot.ServicePlan)
	for rows.Next() {
		var sku snapshot.SKUID
		var p snapshot.ServicePlan
		if err := rows.Scan(&sku, &p.ID, &p.Name); err != nil {
			return nil, err
		}
		plans[sku] = append(plans[sku], p)
	}
	return plans, rows.Err()
}

// Groups returns the groups that give licenses as history has them now.
func (s *Sync) Groups(ctx context.Context) ([]snapshot.Group, error) {
	groups, err := groupsAt(ctx, s.db.sql, int64(s.Run))
	if err != nil {
		return nil, fmt.Errorf("read the known groups: %w", engine.Classify(err))
	}
	return groups, nil
}

// groupsAt reads the groups as they were at a run.
func groupsAt(ctx context.Context, q engine.Querier, run int64) ([]snapshot.Group, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT g.object_id, v.name, v.gone, v.dynamic, v.membership_rule, v.processing_state, v.on_premises_sync, v.licenses
		FROM group_version v JOIN licensed_group g ON g.id = v.group_id
		WHERE v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) ORDER BY g.object_id`, run)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var groups []snapshot.Group
	for rows.Next() {
		var g snapshot.Group
		var licenses string
		err := rows.Scan(&g.ID, &g.Name, &g.Gone, &g.Dynamic, &g.MembershipRule, &g.ProcessingState, &g.OnPremisesSync, &licenses)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(licenses), &g.Licenses); err != nil {
			return nil, fmt.Errorf("%w: licenses of group %s: %w", engine.ErrDamaged, g.ID, err)
		}
		groups = append(groups, g)
	}
	return groups, rows.Err()
}

// FirstGroupRead is the first run that could read a group; 0 where none could.
func (h *History) FirstGroupRead(ctx context.Context) (run snapshot.RunID, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT coalesce(min(from_run), 0) FROM group_version").Scan(&run)
	if err != nil {
		return 0, fmt.Errorf("read the groups: %w", engine.Classify(err))
	}
	return run, nil
}
