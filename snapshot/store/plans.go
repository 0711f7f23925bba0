package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lictrail/snapshot"
)

// A user's service plans are kept as a layout, which users with the same SKUs
// share, and the user's own dates. A layout's row is [plan, status, number of
// the date]; plans whose dates are equal share a number, given in the order of
// the plans. The first few dates have columns, which take half of the room.

// dateColumns is how many.
const dateColumns = 3

// dateValues are the values of date_0, date_1, date_2 and dates.
func dateValues(dates []time.Time) ([]any, error) {
	values := make([]any, dateColumns+1)
	for i, at := range dates[:min(len(dates), dateColumns)] {
		values[i] = millis(at)
	}
	if len(dates) <= dateColumns {
		return values, nil
	}
	rest := make([]any, 0, len(dates)-dateColumns)
	for _, at := range dates[dateColumns:] {
		rest = append(rest, millis(at))
	}
	text, err := json.Marshal(rest)
	values[dateColumns] = string(text)
	return values, err
}

// decodePlans reads a layout and the dates that go with it.
func decodePlans(layout string, first [dateColumns]sql.NullInt64, rest sql.NullString, planID func(int64) (snapshot.PlanID, error)) ([]snapshot.Plan, error) {
	var rows [][3]json.RawMessage
	var more []*int64
	if rest.Valid {
		if err := json.Unmarshal([]byte(rest.String), &more); err != nil {
			return nil, fmt.Errorf("%w: dates of service plans: %w", ErrDamaged, err)
		}
	}
	if err := json.Unmarshal([]byte(layout), &rows); err != nil {
		return nil, fmt.Errorf("%w: service plans: %w", ErrDamaged, err)
	}
	times := make([]time.Time, dateColumns, dateColumns+len(more))
	for i, at := range first {
		times[i] = fromMillis(at)
	}
	for _, at := range more {
		if at == nil {
			times = append(times, time.Time{})
			continue
		}
		times = append(times, time.UnixMilli(*at).UTC())
	}
	plans := make([]snapshot.Plan, len(rows))
	for i, r := range rows {
		var id int64
		var slot int
		err := errors.Join(json.Unmarshal(r[0], &id), json.Unmarshal(r[1], &plans[i].Status), json.Unmarshal(r[2], &slot))
		if err != nil || slot < 0 || slot >= len(times) {
			return nil, fmt.Errorf("%w: service plan %d of %d: %w", ErrDamaged, i+1, len(rows), err)
		}
		if plans[i].ID, err = planID(id); err != nil {
			return nil, err
		}
		plans[i].AssignedAt = times[slot]
	}
	return plans, nil
}

// loadPlans reads a user's plans as they are now.
func (s *Sync) loadPlans(ctx context.Context, user int64) ([]snapshot.Plan, error) {
	var layout string
	var first [dateColumns]sql.NullInt64
	var rest sql.NullString
	err := s.db.sql.QueryRowContext(ctx, `
		SELECT l.members, x.date_0, x.date_1, x.date_2, x.dates FROM user_plans x JOIN plan_layout l ON l.id = x.layout_id
		WHERE x.user_id = ? AND x.to_run IS NULL`, user).Scan(&layout, &first[0], &first[1], &first[2], &rest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodePlans(layout, first, rest, func(row int64) (snapshot.PlanID, error) { return s.planID(ctx, row) })
}

// planID looks a plan's row up, once a run.
func (s *Sync) planID(ctx context.Context, row int64) (id snapshot.PlanID, err error) {
	if id, ok := s.plans[row]; ok {
		return id, nil
	}
	err = s.db.sql.QueryRowContext(ctx, "SELECT object_id FROM plan WHERE id = ?", row).Scan(&id)
	if err == nil {
		s.plans[row] = id
	}
	return id, err
}

func layoutHash(layout string) []byte {
	sum := sha256.Sum256([]byte(layout))
	return sum[:]
}
