package store

import (
	"encoding/json"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// skus writes the catalog and the seats. A SKU that is no longer listed ends;
// its name stays.
func (w *writer) skus(r *Result) error {
	if r.SKUs == nil {
		return nil
	}
	listed := make(map[int64]bool, len(r.SKUs))
	for i := range r.SKUs {
		row, err := w.skuVersion(&r.SKUs[i], r.Assigned[r.SKUs[i].ID])
		if err != nil {
			return err
		}
		if err := w.skuPlans(row, r.SKUs[i].Plans); err != nil {
			return err
		}
		listed[row] = true
	}
	return w.endUnlisted("sku_version", "sku_id", listed)
}

func (w *writer) skuVersion(s *snapshot.SKU, assigned int64) (int64, error) {
	row, err := w.sku(s.ID)
	if err != nil {
		return 0, err
	}
	if _, err := w.Exec("UPDATE sku SET part_number = ?1 WHERE id = ?2 AND part_number <> ?1 AND ?1 <> ''", s.PartNumber, row); err != nil {
		return 0, err
	}
	subscriptions, err := json.Marshal(append([]string{}, s.Subscriptions...))
	if err != nil {
		return 0, err
	}
	return row, w.version("sku_version", "sku_id", row,
		[]string{"part_number", "applies_to", "status", "enabled", "warning", "suspended", "locked_out", "consumed", "assigned", "subscriptions"},
		[]any{s.PartNumber, s.AppliesTo, s.Status, s.Units.Enabled, s.Units.Warning, s.Units.Suspended, s.Units.LockedOut,
			s.Consumed, assigned, string(subscriptions)})
}

// skuPlans writes which service plans a SKU contains.
func (w *writer) skuPlans(sku int64, plans []snapshot.ServicePlan) error {
	open, err := w.openKeys("SELECT plan_id FROM sku_plan WHERE sku_id = ? AND to_run IS NULL", sku)
	if err != nil {
		return err
	}
	for _, p := range plans {
		row, err := w.plan(p.ID)
		if err != nil {
			return err
		}
		if _, err := w.Exec("UPDATE plan SET name = ?1 WHERE id = ?2 AND name <> ?1 AND ?1 <> ''", p.Name, row); err != nil {
			return err
		}
		if open[row] {
			delete(open, row)
			continue
		}
		if _, err := w.Exec("INSERT INTO sku_plan (sku_id, plan_id, from_run) VALUES (?, ?, ?)", sku, row, w.run); err != nil {
			return err
		}
	}
	for row := range open {
		_, err := w.Exec("UPDATE sku_plan SET to_run = ? WHERE sku_id = ? AND plan_id = ? AND to_run IS NULL", w.run, sku, row)
		if err != nil {
			return err
		}
	}
	return nil
}

// groups writes the groups that were read.
func (w *writer) groups(groups []snapshot.Group) error {
	for _, g := range groups {
		row, err := w.group(snapshot.PathRef{Kind: snapshot.ByGroup, Group: g.ID})
		if err != nil {
			return err
		}
		licenses, err := json.Marshal(append([]snapshot.GroupLicense{}, g.Licenses...))
		if err != nil {
			return err
		}
		err = w.version("group_version", "group_id", row,
			[]string{"name", "gone", "dynamic", "membership_rule", "processing_state", "on_premises_sync", "licenses"},
			[]any{g.Name, g.Gone, g.Dynamic, g.MembershipRule, g.ProcessingState, g.OnPremisesSync, string(licenses)})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) subscriptions(r *Result) error {
	if !r.SubscriptionsRead {
		return nil
	}
	open, err := w.openSubscriptions()
	if err != nil {
		return err
	}
	for i := range r.Subscriptions {
		if err := w.subscription(&r.Subscriptions[i]); err != nil {
			return err
		}
		delete(open, r.Subscriptions[i].ID)
	}
	for id := range open {
		if err := w.endVersion("subscription_version", "subscription_id", id); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) subscription(s *snapshot.Subscription) error {
	sku, err := w.sku(s.SKU)
	if err != nil {
		return err
	}
	return w.version("subscription_version", "subscription_id", s.ID,
		[]string{"sku_id", "status", "total", "trial", "created_at", "next_lifecycle_at", "owner_tenant"},
		[]any{sku, s.Status, s.Total, s.Trial, engine.Millis(s.CreatedAt), engine.Millis(s.NextLifecycleAt), string(s.OwnerTenant)})
}

func (w *writer) openSubscriptions() (map[string]bool, error) {
	rows, err := w.tx.QueryContext(w.ctx, "SELECT subscription_id FROM subscription_version WHERE to_run IS NULL")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	open := make(map[string]bool)
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		open[id] = true
	}
	return open, rows.Err()
}

// endUnlisted ends the open rows of a table whose key is not listed.
func (w *writer) endUnlisted(table, keyColumn string, listed map[int64]bool) error {
	open, err := w.openKeys("SELECT " + keyColumn + " FROM " + table + " WHERE to_run IS NULL")
	if err != nil {
		return err
	}
	for key := range open {
		if listed[key] {
			continue
		}
		if err := w.endVersion(table, keyColumn, key); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) openKeys(query string, args ...any) (map[int64]bool, error) {
	rows, err := w.tx.QueryContext(w.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := make(map[int64]bool)
	for rows.Next() {
		var key int64
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys[key] = true
	}
	return keys, rows.Err()
}
