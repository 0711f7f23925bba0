package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"lictrail/snapshot"
)

// Period is one unbroken time a user held a SKU.
type Period struct {
	User      snapshot.User
	SKU       snapshot.SKUID
	Number    int // from 1
	From      snapshot.Date
	To        *snapshot.Date     // nil while it goes on
	Paths     []snapshot.PathRef // by which it was held, in the order in which they began
	GraphDate time.Time          // the newest of Microsoft's dates in the period
}

// Periods lists every period up to the run asked about, the oldest of each
// user and SKU first.
func (h *History) Periods(ctx context.Context, f Filter) iter.Seq2[*Period, error] {
	return func(yield func(*Period, error) bool) {
		for s, err := range h.spells(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, rows := range byPeriod(s.paths) {
				p, err := h.period(ctx, s, rows)
				if !yield(p, err) || err != nil {
					return
				}
			}
		}
	}
}

// byPeriod splits rows by period, each in the order of runs.
func byPeriod(rows []pathRow) [][]pathRow {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b pathRow) int {
		if a.Period != b.Period {
			return a.Period - b.Period
		}
		return int(a.From - b.From)
	})
	var split [][]pathRow
	for i, r := range rows {
		if i == 0 || r.Period != rows[i-1].Period {
			split = append(split, nil)
		}
		last := len(split) - 1
		split[last] = append(split[last], r)
	}
	return split
}

func (h *History) period(ctx context.Context, s *spells, rows []pathRow) (*Period, error) {
	p := &Period{User: s.user.User, SKU: s.sku, Number: rows[0].Period}
	var err error
	if p.From, err = h.periodStart(ctx, s, rows[0].Start, p.Number == 1); err != nil {
		return nil, err
	}
	var ended int64
	open := false
	for _, r := range rows {
		if !slices.Contains(p.Paths, r.PathRef) {
			p.Paths = append(p.Paths, r.PathRef)
		}
		if r.UpdatedAt.After(p.GraphDate) {
			p.GraphDate = r.UpdatedAt
		}
		if !r.To.Valid || r.To.Int64 > int64(h.At.ID) {
			open = true
		}
		ended = max(ended, r.To.Int64)
	}
	if open {
		return p, nil
	}
	to, err := h.periodEnd(ctx, s, snapshot.RunID(ended))
	p.To = &to
	return p, err
}

// periodEnd dates the removal that a run showed.
func (h *History) periodEnd(ctx context.Context, s *spells, run snapshot.RunID) (snapshot.Date, error) {
	var at sql.NullInt64
	err := h.queryRow(ctx, `
		SELECT a.at FROM change c JOIN sku s ON s.id = c.sku_id JOIN attribution a ON a.change_id = c.id
			AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id)
		WHERE c.user_id = ? AND s.object_id = ? AND c.run_id = ? AND c.kind = 'removed' AND c.observed = 1
			AND a.at IS NOT NULL`, &at, s.user.Row, string(s.sku), int64(run))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return snapshot.Date{}, fmt.Errorf("read the changes of user %s: %w", s.user.ID, classify(err))
	}
	if at.Valid {
		return snapshot.ExactDate(fromMillis(at)), nil
	}
	return snapshot.WindowDate(h.Window(run)), nil
}

// RunDate dates what a run was the first to show.
func (h *History) RunDate(run snapshot.RunID) snapshot.Date {
	if run == h.First.ID {
		return snapshot.AlreadyThere(h.First.ObservedUntil, time.Time{}, time.Time{})
	}
	return snapshot.WindowDate(h.Window(run))
}

// GroupRow is a SKU that a group gives.
type GroupRow struct {
	Group           snapshot.GroupID
	SKU             snapshot.SKUID
	Members         int64 // users who hold the SKU by way of the group
	Disabled        []snapshot.PlanID
	Errors          []GroupError
	Dynamic         *bool // nil when the group could not be read
	ProcessingState string
}

// GroupError is a way in which a group's license fails for users.
type GroupError struct {
	Error    string
	Users    int64
	SinceRun snapshot.RunID // the run that first showed the oldest of them
}

// GroupRows lists what groups gave at the run asked about, by the groups' own
// licenses and by what users hold through them.
func (h *History) GroupRows(ctx context.Context) ([]GroupRow, error) {
	rows := make(map[groupKey]*GroupRow)
	if err := h.groupLicenses(ctx, rows); err != nil {
		return nil, fmt.Errorf("read the groups: %w", classify(err))
	}
	if err := h.groupMembers(ctx, rows); err != nil {
		return nil, fmt.Errorf("read the members of groups: %w", classify(err))
	}
	list := make([]GroupRow, 0, len(rows))
	for _, r := range rows {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b GroupRow) int {
		return snapshot.PathKey{SKU: a.SKU, PathRef: snapshot.PathRef{Group: a.Group}}.
			Compare(snapshot.PathKey{SKU: b.SKU, PathRef: snapshot.PathRef{Group: b.Group}})
	})
	return list, nil
}

type groupKey struct {
	group snapshot.GroupID
	sku   snapshot.SKUID
}

func (h *History) groupLicenses(ctx context.Context, rows map[groupKey]*GroupRow) error {
	groups, err := groupsAt(ctx, h.tx, int64(h.At.ID))
	if err != nil {
		return err
	}
	for _, g := range groups {
		dynamic := g.Dynamic
		for _, l := range g.Licenses {
			rows[groupKey{g.ID, l.SKU}] = &GroupRow{Group: g.ID, SKU: l.SKU, Disabled: l.Disabled,
				Dynamic: &dynamic, ProcessingState: g.ProcessingState}
		}
	}
	return nil
}

func (h *History) groupMembers(ctx context.Context, rows map[groupKey]*GroupRow) error {
	found, err := h.tx.QueryContext(ctx, `
		SELECT g.object_id, s.object_id, p.held, coalesce(p.error, ''), count(*), min(p.from_run)
		FROM path p JOIN licensed_group g ON g.id = p.group_id JOIN sku s ON s.id = p.sku_id
		WHERE p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1)
		GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, int64(h.At.ID))
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var key groupKey
		var held bool
		var f GroupError
		if err := found.Scan(&key.group, &key.sku, &held, &f.Error, &f.Users, &f.SinceRun); err != nil {
			return err
		}
		row := rows[key]
		if row == nil {
			row = &GroupRow{Group: key.group, SKU: key.sku}
			rows[key] = row
		}
		if held {
			row.Members += f.Users
		}
		if f.Error != "" {
			row.Errors = append(row.Errors, f)
		}
	}
	return found.Err()
}
