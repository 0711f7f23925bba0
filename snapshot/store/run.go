package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Run is one execution of sync and how it ended.
type Run struct {
	ID            snapshot.RunID
	Status        string // complete, incomplete, failed
	StartedAt     time.Time
	EndedAt       time.Time // zero: the run was cut off
	Previous      snapshot.RunID
	ObservedAt    time.Time
	ObservedUntil time.Time
	Users         sql.NullInt64
	LicensedUsers sql.NullInt64
	Assignments   sql.NullInt64
	Changes       sql.NullInt64
	Requests      sql.NullInt64
	Audit         *snapshot.Coverage // what of the audit log was read; nil when it was not asked for
	Warnings      []snapshot.Warning
	Error         string
	Head          string
	Version       string
}

// The ways in which a run ends.
const (
	Complete   = "complete"   // it is history
	Incomplete = "incomplete" // the tenant could not be read to the end
	Failed     = "failed"     // something else went wrong
)

const runColumns = `id, status, started_at, ended_at, coalesce(previous_run, 0), observed_at, observed_until,
	users, licensed_users, assignments, changes, requests, warnings, coalesce(error, ''), coalesce(head, ''), version`

func scanRun(row interface{ Scan(...any) error }) (*Run, error) {
	var r Run
	var started, ended, observed, until sql.NullInt64
	var warnings string
	err := row.Scan(&r.ID, &r.Status, &started, &ended, &r.Previous, &observed, &until, &r.Users, &r.LicensedUsers,
		&r.Assignments, &r.Changes, &r.Requests, &warnings, &r.Error, &r.Head, &r.Version)
	if err != nil {
		return nil, err
	}
	r.StartedAt, r.EndedAt = engine.FromMillis(started), engine.FromMillis(ended)
	r.ObservedAt, r.ObservedUntil = engine.FromMillis(observed), engine.FromMillis(until)
	if err := json.Unmarshal([]byte(warnings), &r.Warnings); err != nil {
		return nil, fmt.Errorf("%w: warnings of run %d: %w", engine.ErrDamaged, r.ID, err)
	}
	return &r, nil
}

// newestComplete returns nil when there is none.
func newestComplete(ctx context.Context, q engine.Querier) (*Run, error) {
	r, err := scanRun(q.QueryRowContext(ctx,
		"SELECT "+runColumns+" FROM run WHERE status = 'complete' ORDER BY id DESC LIMIT 1"))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the newest run: %w", engine.Classify(err))
	}
	return r, nil
}

// Runs returns every run, oldest first.
func (db *DB) Runs(ctx context.Context) ([]*Run, error) { return runsOf(ctx, db.sql) }

func runsOf(ctx context.Context, q engine.Querier) ([]*Run, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+runColumns+" FROM run ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", engine.Classify(err))
	}
	defer rows.Close()
	var runs []*Run
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, fmt.Errorf("read the runs: %w", engine.Classify(err))
		}
		runs = append(runs, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the runs: %w", engine.Classify(err))
	}
	return runs, loadRunAudit(ctx, q, runs)
}

// loadRunAudit reads for each run which part of the audit log it read.
func loadRunAudit(ctx context.Context, q engine.Querier, runs []*Run) error {
	byID := make(map[snapshot.RunID]*Run, len(runs))
	for _, r := range runs {
		byID[r.ID] = r
	}
	rows, err := q.QueryContext(ctx, `
		SELECT run_id, min(from_at), max(to_at), min(complete), sum(events) FROM coverage
		WHERE run_id IS NOT NULL GROUP BY run_id`)
	if err != nil {
		return fmt.Errorf("read the coverage of runs: %w", engine.Classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var id snapshot.RunID
		var from, to sql.NullInt64
		var c snapshot.Coverage
		if err := rows.Scan(&id, &from, &to, &c.Complete, &c.Events); err != nil {
			return fmt.Errorf("read the coverage of runs: %w", engine.Classify(err))
		}
		c.From, c.To = engine.FromMillis(from), engine.FromMillis(to)
		if r := byID[id]; r != nil {
			r.Audit = &c
		}
	}
	return engine.Classify(rows.Err())
}

// RunRows counts the rows of history that a run began and ended.
type RunRows struct {
	Run          snapshot.RunID
	Begun, Ended int64
}

// RowsByRun returns how much each complete run added to history.
func (db *DB) RowsByRun(ctx context.Context) ([]RunRows, error) {
	rows, err := db.sql.QueryContext(ctx, `
		WITH span AS (
			SELECT from_run, to_run FROM user_version UNION ALL SELECT from_run, to_run FROM path UNION ALL
			SELECT from_run, to_run FROM user_plans UNION ALL SELECT from_run, to_run FROM sku_version UNION ALL
			SELECT from_run, to_run FROM sku_plan UNION ALL SELECT from_run, to_run FROM group_version UNION ALL
			SELECT from_run, to_run FROM subscription_version)
		SELECT r.id, (SELECT count(*) FROM span WHERE from_run = r.id), (SELECT count(*) FROM span WHERE to_run = r.id)
		FROM run r WHERE r.status = 'complete' ORDER BY r.id`)
	if err != nil {
		return nil, fmt.Errorf("count the rows: %w", engine.Classify(err))
	}
	defer rows.Close()
	var counts []RunRows
	for rows.Next() {
		var c RunRows
		if err := rows.Scan(&c.Run, &c.Begun, &c.Ended); err != nil {
			return nil, fmt.Errorf("count the rows: %w", engine.Classify(err))
		}
		counts = append(counts, c)
	}
	return counts, engine.Classify(rows.Err())
}
