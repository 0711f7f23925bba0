package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
)

// Filter narrows what is listed; zero fields do not.
type Filter struct {
	Users      []Person // any of these
	SKU        snapshot.SKUID
	Group      snapshot.GroupID // held by way of this group
	Department string           // whatever the case
}

// Assignment is a SKU that a user held at the run asked about.
type Assignment struct {
	User      snapshot.User
	SKU       snapshot.SKUID
	Paths     []PathSince // the held ones
	First     snapshot.Date
	Since     snapshot.Date
	Periods   int
	GraphDate time.Time // the newest date among Microsoft's own rows; zero when it gave none
}

// PathSince is a path and when it began.
type PathSince struct {
	snapshot.Path
	Since snapshot.Date
}

// Assignments lists who held what at the run asked about, ordered by UPN, then
// part number.
func (h *History) Assignments(ctx context.Context, f Filter) iter.Seq2[*Assignment, error] {
	return func(yield func(*Assignment, error) bool) {
		for spells, err := range h.spells(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if a := h.assignment(spells); a != nil && f.admits(a) && !yield(a, nil) {
				return
			}
		}
	}
}

func (f Filter) admits(a *Assignment) bool {
	return f.Group == "" || slices.ContainsFunc(a.Paths, func(p PathSince) bool { return p.Group == f.Group })
}

// spells are all rows that one user ever had for one SKU, up to a run.
type spells struct {
	user  Person
	sku   snapshot.SKUID
	paths []pathRow
}

// spells groups the rows of table path by user and SKU.
func (h *History) spells(ctx context.Context, f Filter) iter.Seq2[*spells, error] {
	return func(yield func(*spells, error) bool) {
		if err := h.loadFirsts(ctx, f); err != nil {
			yield(nil, err)
			return
		}
		query, args := f.query(int64(h.At.ID), h.pseudonyms == nil)
		rows, err := h.tx.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, fmt.Errorf("read the assignments: %w", classify(err)))
			return
		}
		defer rows.Close()
		var current *spells
		for rows.Next() {
			user, p, err := scanSpell(rows)
			if err != nil {
				yield(nil, fmt.Errorf("read the assignments: %w", classify(err)))
				return
			}
			h.pseudonyms.user(&user.User)
			if current != nil && (current.user.Row != user.Row || current.sku != p.SKU) {
				if !yield(current, nil) {
					return
				}
				current = nil
			}
			if current == nil {
				current = &spells{user: user, sku: p.SKU}
			}
			current.paths = append(current.paths, p)
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read the assignments: %w", classify(err)))
			return
		}
		if current != nil {
			yield(current, nil)
		}
	}
}

// query asks for the rows by UPN or, where that would tell of names, by number.
func (f Filter) query(run int64, byUPN bool) (string, []any) {
	query := "SELECT " + pathColumns + `, u.id, u.object_id, v.upn, v.name, v.mail, f.department, coalesce(v.presence, 'present')` + pathTables + `
		JOIN user u ON u.id = p.user_id
		JOIN user_version v ON v.user_id = p.user_id AND v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1)
		JOIN profile f ON f.id = v.profile_id
		WHERE p.from_run <= ?1 AND p.held = 1`
	args := []any{run}
	if f.SKU != "" {
		args = append(args, string(f.SKU))
		query += fmt.Sprintf(" AND s.object_id = ?%d", len(args))
	}
	if f.Department != "" {
		args = append(args, f.Department)
		query += fmt.Sprintf(" AND f.department = ?%d COLLATE NOCASE", len(args))
	}
	if len(f.Users) > 0 {
		marks := make([]string, len(f.Users))
		for i, u := range f.Users {
			args = append(args, u.Row)
			marks[i] = fmt.Sprintf("?%d", len(args))
		}
		query += " AND p.user_id IN (" + strings.Join(marks, ", ") + ")"
	}
	order := " ORDER BY u.id, s.part_number, s.id, p.group_id, p.from_run"
	if byUPN {
		order = " ORDER BY v.upn COLLATE NOCASE, u.id, s.part_number, s.id, p.group_id, p.from_run"
	}
	return query + order, args
}

func scanSpell(rows *sql.Rows) (Person, pathRow, error) {
	var u Person
	var key any
	var mail sql.NullString
	p, err := scanPath(rows, &u.Row, &key, &u.UPN, &u.Name, &mail, &u.Department, &u.Presence)
	u.ID, u.Mail = userID(key), u.UPN
	if mail.Valid {
		u.Mail = mail.String
	}
	return u, p, err
}

// assignment derives the assignment from its rows; nil when the SKU was not
// held at the run asked about.
func (h *History) assignment(s *spells) *Assignment {
	a := &Assignment{User: s.user.User, SKU: s.sku}
	var start snapshot.RunID
	for _, p := range s.paths {
		if p.To.Valid && p.To.Int64 <= int64(h.At.ID) {
			continue
		}
		a.Paths = append(a.Paths, PathSince{Path: p.Path, Since: h.pathSince(s, p)})
		a.Periods, start = p.Period, p.Start
		if p.UpdatedAt.After(a.GraphDate) {
			a.GraphDate = p.UpdatedAt
		}
	}
	if len(a.Paths) == 0 {
		return nil
	}
	slices.SortFunc(a.Paths, func(x, y PathSince) int { return x.PathKey.Compare(y.PathKey) })
	a.Since, a.First = h.periodStart(s, start), h.firstDate(s)
	return a
}

// firstDate dates the first time ever at which the user held the SKU.
func (h *History) firstDate(s *spells) snapshot.Date {
	first := s.paths[0].Start
	for _, p := range s.paths {
		first = min(first, p.Start)
	}
	return snapshot.FirstDate(h.periodStart(s, first), h.firstsOf(s).held...)
}

// rowResolution is how precisely Microsoft dates its rows, and more: an event
// within it of a row's date is what the row's date is about.
const rowResolution = time.Minute

// periodStart dates the beginning of the period that a run first showed. Of
// the time before the first run only an event that shows the beginning counts,
// and the dates of rows, which move with every change: other evidence does not
// say that the period went on without a break.
func (h *History) periodStart(s *spells, run snapshot.RunID) snapshot.Date {
	if run != h.First.ID {
		return h.startDate(s, run, nil)
	}
	var state time.Time
	for _, p := range s.paths {
		if snapshot.RunID(p.From) == run && !p.UpdatedAt.IsZero() && (state.IsZero() || p.UpdatedAt.Before(state)) {
			state = p.UpdatedAt
		}
	}
	there := h.alreadyThere(state)
	if start := h.firstsOf(s).start; !start.At.IsZero() && !start.At.After(there.At.Add(rowResolution)) {
		return start
	}
	return there
}

// alreadyThere dates what the first run found, by the date of its row.
func (h *History) alreadyThere(state time.Time) snapshot.Date {
	return snapshot.AlreadyThere(h.First.ObservedUntil, state, time.Time{}).On(runEvidence(h.First.ID))
}

// pathSince dates the beginning of a path.
func (h *History) pathSince(s *spells, p pathRow) snapshot.Date {
	if p.Span.Path != h.First.ID {
		return h.startDate(s, p.Span.Path, &p)
	}
	state := p.UpdatedAt
	for _, q := range s.paths {
		if q.PathKey == p.PathKey && snapshot.RunID(q.From) == h.First.ID {
			state = q.UpdatedAt
		}
	}
	return h.alreadyThere(state)
}

// startDate dates what a later run than the first showed: by an event, where
// one gave the time, else by the run's window.
func (h *History) startDate(s *spells, run snapshot.RunID, p *pathRow) snapshot.Date {
	kinds := []snapshot.Kind{snapshot.Assigned}
	if p != nil {
		kinds = append(kinds, snapshot.PathAdded, snapshot.PathMoved)
	}
	return h.changeDate(s, run, kinds, p)
}

// Window is what bounds the changes that a run showed.
func (h *History) Window(run snapshot.RunID) snapshot.Window {
	r := h.Runs[run]
	if r == nil {
		return snapshot.Window{}
	}
	w := snapshot.Window{NotAfter: r.ObservedUntil}
	if before := h.Runs[r.Previous]; before != nil {
		w.NotBefore = before.ObservedAt
	}
	return w
}

// changeDate dates the change of one of the kinds that a run showed, of a
// SKU as a whole or of one path: exactly, where an event gives the time, else by
// the run's window.
func (h *History) changeDate(s *spells, run snapshot.RunID, kinds []snapshot.Kind, p *pathRow) snapshot.Date {
	date := snapshot.WindowDate(h.Window(run)).On(runEvidence(run))
	for _, e := range h.firstsOf(s).exact {
		if e.run == run && slices.Contains(kinds, e.kind) && (p == nil || e.path == p.PathRef) {
			date = e.date
		}
	}
	return date
}
