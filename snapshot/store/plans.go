package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"lictrail/snapshot"
)

// A user's service plans are kept as a layout, which users with the same SKUs
// share, and the user's own dates. A layout's row is [plan, status, index into
// the dates]; plans whose dates are equal share an index, numbered in the
// order of the plans.

// datesText is the JSON of a user's own dates.
func datesText(dates []time.Time) string {
	text := []byte{'['}
	for i, at := range dates {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, seconds(at)...)
	}
	return string(append(text, ']'))
}

// seconds writes a time as Unix seconds with up to three decimals, or null.
func seconds(t time.Time) string {
	if t.IsZero() {
		return "null"
	}
	whole, rest := t.UnixMilli()/1000, t.UnixMilli()%1000
	if rest == 0 {
		return strconv.FormatInt(whole, 10)
	}
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// decodePlans reads a layout and the dates that go with it.
func decodePlans(layout, dates string, planID func(int64) (snapshot.PlanID, error)) ([]snapshot.Plan, error) {
	var rows [][3]json.RawMessage
	var times []*float64
	if err := errors.Join(json.Unmarshal([]byte(layout), &rows), json.Unmarshal([]byte(dates), &times)); err != nil {
		return nil, fmt.Errorf("%w: service plans: %w", ErrDamaged, err)
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
		if times[slot] != nil {
			plans[i].AssignedAt = time.UnixMilli(int64(math.Round(*times[slot] * 1000))).UTC()
		}
	}
	return plans, nil
}

// loadPlans reads a user's plans as they are now.
func (s *Sync) loadPlans(ctx context.Context, user int64) ([]snapshot.Plan, error) {
	var layout, dates string
	err := s.db.sql.QueryRowContext(ctx, `
		SELECT l.members, x.dates FROM user_plans x JOIN plan_layout l ON l.id = x.layout_id
		WHERE x.user_id = ? AND x.to_run IS NULL`, user).Scan(&layout, &dates)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodePlans(layout, dates, func(row int64) (snapshot.PlanID, error) { return s.planID(ctx, row) })
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
