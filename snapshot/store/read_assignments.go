package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Filter narrows what is listed; zero fields do not.
type Filter struct {
	Users      []Person         // any of these
	SKUs       []snapshot.SKUID // any of these
	Group      snapshot.GroupID // held by way of this group
	Department string           // whatever the case

	Also Also // what else is read of each user
	// ByRow lists users in the order of their rows, which reveals nothing of their
	// names, also where names are shown.
	ByRow bool
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
	About     *About    // the same for all of a user's
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

// FirstAssignments lists those of the first users that [History.Assignments] would
// list, so many at least if there are as many, and counts all of them. It looks at
// the others no further.
func (h *History) FirstAssignments(ctx context.Context, f Filter, most int) (list []*Assignment, total int, err error) {
	key := fmt.Sprintf("first %d assignments of %v %s", most, f.SKUs, f.Group)
	type found struct {
		list  []*Assignment
		total int
	}
	all, err := Once(h, key, func() (found, error) {
		list, total, err := h.firstAssignments(ctx, f, most, manyHolders)
		return found{list, total}, err
	})
	return all.list, all.total, err
}

func (h *History) firstAssignments(ctx context.Context, f Filter, most, many int) (list []*Assignment, total int, err error) {
	only, args := " WHERE p.held = 1 AND p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1)", []any{int64(h.At.ID)}
	if len(f.SKUs) > 0 {
		ids, err := json.Marshal(f.SKUs)
		if err != nil {
			return nil, 0, err
		}
		args = append(args, string(ids))
		only += fmt.Sprintf(" AND p.sku_id IN (SELECT id FROM sku WHERE object_id IN (SELECT value FROM json_each(?%d)))", len(args))
	}
	if f.Group != "" {
		args = append(args, string(f.Group))
		only += fmt.Sprintf(" AND p.group_id = (SELECT id FROM licensed_group WHERE object_id = ?%d)", len(args))
	}
	err = h.tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT DISTINCT p.user_id, p.sku_id FROM path p"+only+")", args...).Scan(&total)
	if err != nil || total == 0 {
		return nil, 0, engine.Classify(err)
	}
	order := byAddress + ", v.user_id"
	if h.pseudonyms != nil {
		order = "v.user_id"
	}
	// Whoever is first by UPN is found soon where many hold it; few are sorted soon.
	from := "user_version v CROSS JOIN path p ON p.user_id = v.user_id"
	if total < many {
		from = "path p CROSS JOIN user_version v ON v.user_id = p.user_id"
	}
	args = append(args, most)
	err = engine.EachRow(ctx, h.tx, "SELECT DISTINCT v.user_id FROM "+from+only+" AND v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) ORDER BY "+order+fmt.Sprintf(" LIMIT ?%d", len(args)), args,
		func(values []any) error {
			row, _ := values[0].(int64)
			f.Users = append(f.Users, Person{Row: row})
			return nil
		})
	if err != nil {
		return nil, 0, err
	}
	for a, err := range h.Assignments(ctx, f) {
		if err != nil {
			return nil, 0, err
		}
		list = append(list, a)
	}
	return list, total, nil
}

// manyHolders is more than are sorted in a moment.
const manyHolders = 5_000

func (f Filter) admits(a *Assignment) bool {
	return f.Group == "" || slices.ContainsFunc(a.Paths, func(p PathSince) bool { return p.Group == f.Group })
}

// spells are all rows that one user ever had for one SKU, up to a run.
type spells struct {
	user     Person
	sku      snapshot.SKUID
	paths    []pathRow
	evidence *firsts  // nil: there is none
	arrival  *arrival // nil: the first run showed the account
	log      []snapshot.Coverage
	about    *About
}

// spells groups the rows of table path by user and SKU.
func (h *History) spells(ctx context.Context, f Filter) iter.Seq2[*spells, error] {
	return func(yield func(*spells, error) bool) {
		for c, err := range engine.ReadAhead(h.crowds(ctx, f), 1) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range c.people {
				h.pseudonyms.user(&p.user.User)
				for _, s := range h.bySKU(p) {
					s.evidence, s.about, s.log = c.firsts[firstKey{p.user.Row, s.sku}], c.about[p.user.Row], c.log
					s.arrival = c.arrival(p.user.Row)
					if !yield(s, nil) {
						return
					}
				}
			}
		}
	}
}

// personPaths are all rows of a user.
type personPaths struct {
	user Person
	rows []pathRow
}

// bySKU splits a user's rows, in order of part numbers.
func (h *History) bySKU(of *personPaths) []*spells {
	slices.SortFunc(of.rows, func(a, b pathRow) int {
		return cmp.Or(strings.Compare(h.skus[a.SKU], h.skus[b.SKU]), a.PathKey.Compare(b.PathKey), cmp.Compare(a.From, b.From))
	})
	var split []*spells
	for i, r := range of.rows {
		if i == 0 || r.SKU != of.rows[i-1].SKU {
			split = append(split, &spells{user: of.user, sku: r.SKU})
		}
		last := split[len(split)-1]
		last.paths = append(last.paths, r)
	}
	return split
}

// pathRows lists users, by UPN, with their rows.
func (h *History) pathRows(ctx context.Context, f Filter) iter.Seq2[*personPaths, error] {
	return func(yield func(*personPaths, error) bool) {
		query, args := f.query(int64(h.At.ID), h.pseudonyms == nil && !f.ByRow)
		rows, err := h.tx.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		scanner := h.refs.scanner()
		var current *personPaths
		for rows.Next() {
			p, err := scanner.path(rows)
			if err != nil {
				yield(nil, err)
				return
			}
			if id := engine.Must(scanner.Number()); current == nil || current.user.Row != id {
				if current != nil && !yield(current, nil) {
					return
				}
				current = &personPaths{user: scanner.person(id)}
			}
			if scanner.Wrong != nil {
				yield(nil, scanner.Wrong)
				return
			}
			current.rows = append(current.rows, p)
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
			return
		}
		if current != nil {
			yield(current, nil)
		}
	}
}

// person takes the columns of a user that follow its number.
func (s *pathScan) person(id int64) Person {
	u := Person{Row: id}
	u.ID, u.UPN, u.Name = engine.UserID(s.Any()), engine.Must(s.Text()), engine.Must(s.Text())
	mail, other := s.Text()
	if u.Mail = u.UPN; other {
		u.Mail = mail
	}
	u.Department, u.Type = engine.Must(s.Text()), engine.Must(s.Text())
	presence, away := s.Text()
	if u.Presence = snapshot.Present; away {
		u.Presence = snapshot.Presence(presence)
	}
	return u
}

// query asks for the rows in the order of an index, and so needs no room to
// sort: of that on UPNs or, where that would reveal names, by number. CROSS JOIN
// keeps tables in the order in which they stand; else SQLite begins with a SKU's
// paths, and sorts.
func (f Filter) query(run int64, byUPN bool) (string, []any) {
	query := "SELECT " + pathColumns + `, u.id, u.object_id, v.upn, v.name, v.mail, f.department, ` + userType + `, v.presence
		FROM user_version v
		CROSS JOIN path p ON p.user_id = v.user_id
		CROSS JOIN user u ON u.id = v.user_id
		CROSS JOIN profiles f ON f.profile_key = v.profile_id
		WHERE v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) AND p.from_run <= ?1 AND p.held = 1`
	args := []any{run}
	marks := func(n int, arg func(int) any) string {
		list := make([]string, n)
		for i := range list {
			args = append(args, arg(i))
			list[i] = fmt.Sprintf("?%d", len(args))
		}
		return strings.Join(list, ", ")
	}
	if n := len(f.SKUs); n > 0 {
		query += " AND p.sku_id IN (SELECT id FROM sku WHERE object_id IN (" + marks(n, func(i int) any { return string(f.SKUs[i]) }) + "))"
	}
	if f.Department != "" {
		args = append(args, f.Department)
		query += fmt.Sprintf(" AND f.department = ?%d COLLATE NOCASE", len(args))
	}
	if n := len(f.Users); n > 0 {
		query += " AND v.user_id IN (" + marks(n, func(i int) any { return f.Users[i].Row }) + ")"
	}
	if byUPN {
		return query + " ORDER BY " + byAddress + ", v.user_id", args
	}
	return query + " ORDER BY v.user_id", args
}

// assignment derives the assignment from its rows; nil when the SKU was not
// held at the run asked about.
func (h *History) assignment(s *spells) *Assignment {
	a := &Assignment{User: s.user.User, SKU: s.sku, About: s.about}
	for _, p := range s.paths {
		if p.To.Valid && p.To.Int64 <= int64(h.At.ID) {
			continue
		}
		a.Paths = append(a.Paths, PathSince{Path: p.Path, Since: h.pathSince(s, p)})
		if p.UpdatedAt.After(a.GraphDate) {
			a.GraphDate = p.UpdatedAt
		}
	}
	if len(a.Paths) == 0 {
		return nil
	}
	slices.SortFunc(a.Paths, func(x, y PathSince) int { return x.PathKey.Compare(y.PathKey) })
	stretches := h.stretches(s)
	periods := byPeriod(stretches)
	a.Periods, a.Since, a.First = len(periods), periods[len(periods)-1][0].From, h.firstOf(s, stretches)
	return a
}

// firstDate dates the first time ever at which the user held the SKU.
func (h *History) firstDate(s *spells) snapshot.Date { return h.firstOf(s, h.stretches(s)) }

// firstOf dates the first of stretches, by better evidence where there is some.
// What lies between a snapshot without the SKU and a record that shows it given
// contradicts that record, and proves nothing.
func (h *History) firstOf(s *spells, stretches []snapshot.Stretch) snapshot.Date {
	first, held := stretches[0].From, s.firstsOf().held
	if first.Precision == snapshot.Exact && first.At.Before(h.First.ObservedUntil) { // no snapshot shows that it was not there before
		first = snapshot.HeldOn(first.At, first.Basis).On(first.Evidence)
	}
	if first.Precision == snapshot.Exact {
		absent := h.lookedBefore(first.At)
		held = slices.DeleteFunc(slices.Clone(held), func(d snapshot.Date) bool {
			return d.Precision != snapshot.Exact && d.Basis != snapshot.BasisAudit && !absent.IsZero() && !d.At.Before(absent)
		})
	}
	return h.boundedBelow(snapshot.FirstDate(first, held...), s.arrival, s.log)
}

// boundedBelow says from when on a user may have held something first of which
// records show since when at the latest. The record is exact only if none before it
// can be missing: if the log was read without a gap since tracking began or, if that
// was later, since the account was created. Else what was assigned and removed again
// in a gap left no trace, and the last run before the first gap bounds the date. Gaps
// of up to [snapshot.ClockSlack] are none: where a log is kept for a week, a weekly run
// leaves one whenever it begins a little later than the last.
func (h *History) boundedBelow(d snapshot.Date, a *arrival, log []snapshot.Coverage) snapshot.Date {
	byRecord := d.Basis == snapshot.BasisAudit && d.Precision != snapshot.InWindow && !d.At.Before(h.First.ObservedUntil)
	if !byRecord {
		return d
	}
	from := h.First.ObservedAt
	if a != nil {
		from = a.since()
	}
	unread := d.At
	for _, c := range snapshot.UnionCoverage(log, from, d.At) {
		if !c.Complete && c.To.Sub(c.From) > snapshot.ClockSlack && c.From.Before(unread) {
			unread = c.From
		}
	}
	switch {
	case d.Precision == snapshot.Exact && !unread.Before(d.At):
		return d
	case from.IsZero():
		return snapshot.HeldOn(d.At, snapshot.BasisAudit).On(d.Evidence)
	}
	d.NotBefore, d.Precision = from, snapshot.InWindow
	if looked := h.lookedBefore(unread); looked.After(from) {
		d.NotBefore = looked
	}
	if d.NotBefore.After(d.At) {
		d.NotBefore = d.At
	}
	return d
}

// lookedBefore is when the last run that ended by a time began to look; zero when
// there was none.
func (h *History) lookedBefore(at time.Time) time.Time {
	var last time.Time
	for _, r := range h.Runs {
		if !r.ObservedUntil.After(at) && r.ObservedAt.After(last) {
			last = r.ObservedAt
		}
	}
	return last
}

// rowResolution is how precisely Microsoft dates its rows, and more: an event
// within it of a row's date is what the row's date is about.
const rowResolution = snapshot.RowResolution

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
	if start := s.firstsOf().start; !start.At.IsZero() && !start.At.After(there.At.Add(rowResolution)) {
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
	since := h.pathSeen(s, p)
	moves := s.firstsOf().moves
	last := slices.ContainsFunc(moves, func(e move) bool { // what the snapshots show is the last beginning
		return e.observed && e.path == p.PathRef && e.run == p.Span.Path && (e.kind == snapshot.PathAdded || e.kind == snapshot.PathMoved)
	})
	for _, e := range moves {
		if last && !e.date.At.After(h.Window(p.Span.Path).NotAfter) {
			continue
		}
		later := e.date.At.After(since.NotAfter) || since.Precision == snapshot.InWindow && !e.date.NotBefore.Before(since.NotBefore)
		if e.path == p.PathRef && !e.observed && e.on && later && !e.date.At.After(h.At.ObservedUntil) {
			since = e.date
		}
	}
	if row := h.firstRow(s, p); since.Precision == snapshot.Exact && row.UpdatedAt.After(since.At.Add(rowResolution)) {
		// Microsoft touched the row once more before a run saw it: the path may have
		// ended and begun again.
		since = betweenDates(since, snapshot.HeldOn(row.UpdatedAt.Add(rowResolution), snapshot.BasisState).On(since.Evidence))
	}
	for _, d := range s.firstsOf().doubts {
		if d.path == p.PathRef && d.date.NotAfter.After(since.NotAfter) && !d.date.NotAfter.After(h.At.ObservedUntil.Add(rowResolution)) {
			since = betweenDates(since, d.date)
		}
	}
	return since
}

// firstRow is the first row that a run saw of a path that is held since.
func (h *History) firstRow(s *spells, p pathRow) pathRow {
	first := p
	for _, q := range s.paths {
		if q.PathKey == p.PathKey && q.Span == p.Span && q.From < first.From {
			first = q
		}
	}
	return first
}

// betweenDates is when something began that was there at two times, and may have
// ended in between.
func betweenDates(was, now snapshot.Date) snapshot.Date {
	if was.NotBefore.IsZero() {
		return snapshot.HeldOn(now.NotAfter, snapshot.BasisState).On(now.Evidence)
	}
	return snapshot.WindowDate(snapshot.Window{NotBefore: was.NotBefore, NotAfter: now.NotAfter}).On(now.Evidence)
}

// pathSeen dates the beginning of a path by what runs saw.
func (h *History) pathSeen(s *spells, p pathRow) snapshot.Date {
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
// the run's window. What an account that came back was seen to hold first may have
// begun at any time since it was created.
func (h *History) changeDate(s *spells, run snapshot.RunID, kinds []snapshot.Kind, p *pathRow) snapshot.Date {
	w := h.Window(run)
	if a := s.arrival; a != nil && a.older && a.run == run {
		w.NotBefore = a.created
	}
	date := snapshot.WindowDate(w).On(runEvidence(run))
	if w.NotBefore.IsZero() {
		date = snapshot.HeldOn(w.NotAfter, snapshot.BasisSnapshot).On(runEvidence(run))
	}
	for _, e := range s.firstsOf().moves {
		if e.observed && e.run == run && e.date.Precision == snapshot.Exact && slices.Contains(kinds, e.kind) && (p == nil || e.path == p.PathRef) {
			date = e.date
		}
	}
	return date
}
