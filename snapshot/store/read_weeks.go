package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// SeatPoint is what a run showed of a SKU's seats.
type SeatPoint struct {
	Run      *Run
	Units    snapshot.Units
	Consumed int64
	Assigned int64
}

// SeatPoints lists for each SKU its seats at every complete run up to the one
// asked about that showed it, oldest first.
func (h *History) SeatPoints(ctx context.Context) (map[snapshot.SKUID][]SeatPoint, error) {
	runs := h.CompleteRuns()
	rows, err := h.tx.QueryContext(ctx, `
		SELECT s.object_id, v.from_run, v.to_run, v.enabled, v.warning, v.suspended, v.locked_out, v.consumed, v.assigned
		FROM sku_version v JOIN sku s ON s.id = v.sku_id
		WHERE v.from_run <= ? ORDER BY s.object_id, v.from_run`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the seats: %w", engine.Classify(err))
	}
	defer rows.Close()
	points := make(map[snapshot.SKUID][]SeatPoint)
	for rows.Next() {
		var id snapshot.SKUID
		var from snapshot.RunID
		var to sql.NullInt64
		var p SeatPoint
		if err := rows.Scan(&id, &from, &to, &p.Units.Enabled, &p.Units.Warning, &p.Units.Suspended, &p.Units.LockedOut,
			&p.Consumed, &p.Assigned); err != nil {
			return nil, fmt.Errorf("read the seats: %w", engine.Classify(err))
		}
		for _, r := range runs {
			if r.ID >= from && (!to.Valid || int64(r.ID) < to.Int64) {
				p.Run = r
				points[id] = append(points[id], p)
			}
		}
	}
	return points, engine.Classify(rows.Err())
}

// CompleteRuns lists the complete runs up to the one asked about, oldest first.
func (h *History) CompleteRuns() []*Run {
	var runs []*Run
	for _, r := range h.Runs {
		if r.ID <= h.At.ID {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(a, b *Run) int { return int(a.ID - b.ID) })
	return runs
}

// Attempts lists every run, complete or not, oldest first.
func (h *History) Attempts(ctx context.Context) ([]*Run, error) {
	runs, err := runsOf(ctx, h.tx)
	for _, r := range runs {
		r.Error = h.ConcealText(r.Error)
		for i := range r.Warnings {
			r.Warnings[i].Message = h.ConcealText(r.Warnings[i].Message)
		}
	}
	return runs, err
}

// ChangeCount is how many changes of a kind and a cause a run showed.
type ChangeCount struct {
	Run   snapshot.RunID
	Kind  snapshot.Kind
	Cause snapshot.Cause
	Count int64
}

// ChangeCounts counts the changes of every run up to the one asked about.
func (h *History) ChangeCounts(ctx context.Context) ([]ChangeCount, error) {
	return Once(h, "counts of changes", func() ([]ChangeCount, error) { return h.changeCounts(ctx) })
}

func (h *History) changeCounts(ctx context.Context) ([]ChangeCount, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT c.run_id, c.kind, a.cause, count(*)
		FROM change c JOIN attribution a ON a.change_id = c.id
			AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id)
		WHERE c.run_id <= ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("count the changes: %w", engine.Classify(err))
	}
	defer rows.Close()
	var counts []ChangeCount
	for rows.Next() {
		var c ChangeCount
		if err := rows.Scan(&c.Run, &c.Kind, &c.Cause, &c.Count); err != nil {
			return nil, fmt.Errorf("count the changes: %w", engine.Classify(err))
		}
		counts = append(counts, c)
	}
	return counts, engine.Classify(rows.Err())
}

// LicenseCount is how many users a run showed to have got, or lost, a SKU.
type LicenseCount struct {
	Run   snapshot.RunID
	Kind  snapshot.Kind // Assigned or Removed
	SKU   snapshot.SKUID
	Users int
}

// LicenseCounts counts the SKUs that came and went by run, from one run up to the one asked
// about, as snapshots showed it.
func (h *History) LicenseCounts(ctx context.Context, from snapshot.RunID) ([]LicenseCount, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT c.run_id, c.kind, s.object_id, count(*) FROM change c JOIN sku s ON s.id = c.sku_id
		WHERE c.run_id >= ? AND c.run_id <= ? AND c.kind IN ('assigned', 'removed') AND c.user_id IS NOT NULL AND c.observed = 1
		GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, int64(from), int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("count the licenses that came and went: %w", engine.Classify(err))
	}
	defer rows.Close()
	var counts []LicenseCount
	for rows.Next() {
		var c LicenseCount
		if err := rows.Scan(&c.Run, &c.Kind, &c.SKU, &c.Users); err != nil {
			return nil, fmt.Errorf("count the licenses that came and went: %w", engine.Classify(err))
		}
		counts = append(counts, c)
	}
	return counts, engine.Classify(rows.Err())
}
