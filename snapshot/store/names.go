package store

import (
	"context"
	"database/sql"
	"fmt"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// SKUName is what Microsoft's list calls a product.
type SKUName struct {
	ID         snapshot.SKUID
	PartNumber string
	Name       string
}

// PlanName is what Microsoft's list calls a service plan.
type PlanName struct {
	ID           snapshot.PlanID
	Name         string
	FriendlyName string
}

// ImportNames replaces the names of an earlier import, all or none.
func (db *DB) ImportNames(ctx context.Context, skus []SKUName, plans []PlanName) error {
	err := ledger.Write(ctx, db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		return &ledger.Entry{Kind: ledger.KindNames}, replaceNames(ctx, tx, skus, plans)
	})
	if err != nil {
		return fmt.Errorf("import names: %w", err)
	}
	return nil
}

func replaceNames(ctx context.Context, tx *sql.Tx, skus []SKUName, plans []PlanName) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM sku_name; DELETE FROM plan_name"); err != nil {
		return err
	}
	for _, s := range skus {
		if _, err := tx.ExecContext(ctx, "INSERT INTO sku_name VALUES (?, ?, ?)", string(s.ID), s.PartNumber, s.Name); err != nil {
			return fmt.Errorf("SKU %s: %w", s.ID, err)
		}
	}
	for _, p := range plans {
		if _, err := tx.ExecContext(ctx, "INSERT INTO plan_name VALUES (?, ?, ?)", string(p.ID), p.Name, p.FriendlyName); err != nil {
			return fmt.Errorf("plan %s: %w", p.ID, err)
		}
	}
	return nil
}

// ImportedNames returns the names that were imported.
func (h *History) ImportedNames(ctx context.Context) ([]SKUName, []PlanName, error) {
	var skus []SKUName
	rows, err := h.tx.QueryContext(ctx, "SELECT object_id, part_number, name FROM sku_name")
	if err != nil {
		return nil, nil, fmt.Errorf("read the imported names: %w", engine.Classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var s SKUName
		if err := rows.Scan(&s.ID, &s.PartNumber, &s.Name); err != nil {
			return nil, nil, fmt.Errorf("read the imported names: %w", engine.Classify(err))
		}
		skus = append(skus, s)
	}
	if err := rows.Err(); err != nil || len(skus) == 0 {
		return nil, nil, engine.Classify(err)
	}
	plans, err := h.importedPlans(ctx)
	return skus, plans, err
}

func (h *History) importedPlans(ctx context.Context) ([]PlanName, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT object_id, name, friendly_name FROM plan_name")
	if err != nil {
		return nil, fmt.Errorf("read the imported names: %w", engine.Classify(err))
	}
	defer rows.Close()
	var plans []PlanName
	for rows.Next() {
		var p PlanName
		if err := rows.Scan(&p.ID, &p.Name, &p.FriendlyName); err != nil {
			return nil, fmt.Errorf("read the imported names: %w", engine.Classify(err))
		}
		plans = append(plans, p)
	}
	return plans, engine.Classify(rows.Err())
}
