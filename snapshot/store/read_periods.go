package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
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
	GraphRun  snapshot.RunID     // the run that first showed that date
	Stretches []snapshot.Stretch // more than one where the user was deleted and restored
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
			for i, stretches := range byPeriod(h.stretches(s)) {
				if !yield(h.period(s, i+1, stretches), nil) {
					return
				}
			}
		}
	}
}

// byPeriod splits stretches by period.
func byPeriod(stretches []snapshot.Stretch) [][]snapshot.Stretch {
	var split [][]snapshot.Stretch
	for i, s := range stretches {
		if i == 0 || !s.Resumed {
			split = append(split, nil)
		}
		last := len(split) - 1
		split[last] = append(split[last], s)
	}
	return split
}

// stretches are the times for which a user held a SKU, in order: what runs saw,
// and what only the audit log saw in between.
func (h *History) stretches(s *spells) []snapshot.Stretch {
	rows := slices.Clone(s.paths)
	slices.SortStableFunc(rows, func(a, b pathRow) int { return int(a.From - b.From) })
	var list []snapshot.Stretch
	var before span
	period := 0
	for _, runs := range h.spans(rows) {
		stretch := h.stretch(s, runs)
		began := rows[slices.IndexFunc(rows, func(r pathRow) bool { return snapshot.RunID(r.From) == runs.from })]
		stretch.Resumed = len(list) > 0 && began.Period == period && before.to != 0 && !h.givenAnew(s, runs.from)
		period, before = began.Period, runs
		list = append(list, stretch)
	}
	return snapshot.WithUnseen(list, h.unseenUntil(s.firstsOf()))
}

// givenAnew reports whether a record shows that a license which a run found again
// after the account was restored had been given anew.
func (h *History) givenAnew(s *spells, run snapshot.RunID) bool {
	return slices.ContainsFunc(s.firstsOf().moves, func(m move) bool {
		return m.observed && m.run == run && m.kind == snapshot.Assigned && m.date.Precision == snapshot.Exact && m.cause != snapshot.CauseUserRestored
	})
}

// unseenUntil lists what only the audit log saw up to the run asked about.
func (h *History) unseenUntil(f firsts) []snapshot.Unseen {
	until := h.At.ObservedUntil
	return slices.DeleteFunc(slices.Clone(f.unseen), func(u snapshot.Unseen) bool { return u.At.After(until) })
}

func (h *History) period(s *spells, number int, stretches []snapshot.Stretch) *Period {
	last := stretches[len(stretches)-1]
	p := &Period{User: s.user.User, SKU: s.sku, Number: number, Stretches: stretches, From: stretches[0].From, To: last.To}
	rows := slices.Clone(s.paths)
	slices.SortStableFunc(rows, func(a, b pathRow) int { return int(a.From - b.From) })
	for _, r := range rows {
		if !h.shownIn(r, p) {
			continue
		}
		p.add(r.PathRef)
		if r.UpdatedAt.After(p.GraphDate) {
			p.GraphDate, p.GraphRun = r.UpdatedAt, snapshot.RunID(r.From)
		}
	}
	for _, e := range s.firstsOf().moves {
		if e.on && !e.observed && !e.date.At.Before(p.From.NotBefore) && (p.To == nil || !e.date.At.After(p.To.NotAfter)) {
			p.add(e.path)
		}
	}
	return p
}

func (p *Period) add(path snapshot.PathRef) {
	if path.Kind != snapshot.Unknown && !slices.Contains(p.Paths, path) || len(p.Paths) == 0 {
		p.Paths = append(p.Paths, path)
	}
}

// shownIn reports whether a run of the period's time showed a row.
func (h *History) shownIn(r pathRow, p *Period) bool {
	for id, run := range h.Runs {
		shown := int64(id) >= r.From && (!r.To.Valid || int64(id) < r.To.Int64) && id <= h.At.ID
		if shown && !run.ObservedUntil.Before(p.From.NotAfter) && (p.To == nil || run.ObservedAt.Before(p.To.NotAfter) && !run.ObservedUntil.After(p.To.NotAfter)) {
			return true
		}
	}
	return false
}

// span is a stretch of runs: up to, not including, to; 0 for no end.
type span struct{ from, to snapshot.RunID }

// spans joins the runs of rows, which are in the order of runs, where they meet
// or overlap.
func (h *History) spans(rows []pathRow) []span {
	var joined []span
	for _, r := range rows {
		next := span{from: snapshot.RunID(r.From)}
		if r.To.Valid && r.To.Int64 <= int64(h.At.ID) {
			next.to = snapshot.RunID(r.To.Int64)
		}
		last := len(joined) - 1
		if last < 0 || joined[last].to != 0 && joined[last].to < next.from {
			joined = append(joined, next)
			continue
		}
		if joined[last].to != 0 && (next.to == 0 || next.to > joined[last].to) {
			joined[last].to = next.to
		}
	}
	return joined
}

func (h *History) stretch(s *spells, runs span) snapshot.Stretch {
	stretch := snapshot.Stretch{From: h.periodStart(s, runs.from)}
	if runs.to != 0 {
		to := h.changeDate(s, runs.to, []snapshot.Kind{snapshot.Removed}, nil)
		stretch.To = &to
	}
	return stretch
}

// Holding is when a user held a SKU, as far as it is known.
type Holding struct {
	Person    Person
	SKU       snapshot.SKUID
	First     snapshot.Date
	Stretches []snapshot.Stretch // in order; what only the audit log saw is among them
	About     *About             // the same for all of a user's
	runs      []span
}

// Observed reports whether any run found the SKU held.
func (h *Holding) Observed() bool { return len(h.runs) > 0 }

// HeldAt reports whether a run found the SKU held.
func (h *Holding) HeldAt(run snapshot.RunID) bool {
	return slices.ContainsFunc(h.runs, func(s span) bool { return s.from <= run && (s.to == 0 || run < s.to) })
}

// Holdings lists what users held at some time up to the run asked about, last
// what only the audit log saw.
func (h *History) Holdings(ctx context.Context, f Filter) iter.Seq2[*Holding, error] {
	return func(yield func(*Holding, error) bool) {
		for s, err := range h.spells(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(h.holding(s), nil) {
				return
			}
		}
		keys, err := h.unseenOnly(ctx, f)
		if err != nil {
			yield(nil, err)
			return
		}
		for some := range slices.Chunk(keys, h.crowd) {
			for holding, err := range h.unseenHoldings(ctx, f, some) {
				if !yield(holding, err) || err != nil {
					return
				}
			}
		}
	}
}

// unseenHoldings lists what only the audit log saw of some users' SKUs.
func (h *History) unseenHoldings(ctx context.Context, f Filter, keys []firstKey) iter.Seq2[*Holding, error] {
	return func(yield func(*Holding, error) bool) {
		c := &crowd{}
		for i, key := range keys {
			if i == 0 || keys[i-1].user != key.user {
				c.people = append(c.people, &personPaths{user: Person{Row: key.user}})
			}
		}
		if err := h.fill(ctx, c, f.Also); err != nil {
			yield(nil, err)
			return
		}
		for _, key := range keys {
			holding, err := h.unseenHolding(ctx, key, c)
			if err == nil && f.Department != "" && !strings.EqualFold(f.Department, holding.Person.Department) {
				continue
			}
			if err == nil {
				holding.About = c.about[key.user]
			}
			if !yield(holding, err) || err != nil {
				return
			}
		}
	}
}

func (h *History) unseenHolding(ctx context.Context, key firstKey, c *crowd) (*Holding, error) {
	first := c.firsts[key]
	holding := &Holding{Person: Person{Row: key.user}, SKU: key.sku, Stretches: snapshot.WithUnseen(nil, first.unseen)}
	var id any
	if err := h.tx.QueryRowContext(ctx, "SELECT object_id FROM user WHERE id = ?", key.user).Scan(&id); err != nil {
		return nil, fmt.Errorf("read a user: %w", engine.Classify(err))
	}
	holding.Person.ID = engine.UserID(id)
	beginning := holding.Stretches[0].From
	if first.unseen[0].Window.NotBefore.IsZero() {
		beginning = snapshot.HeldOn(beginning.At, snapshot.BasisAudit) // no snapshot shows that it was not there before
	}
	holding.First = h.boundedBelow(snapshot.FirstDate(beginning, first.held...), c.arrival(key.user), c.log)
	return holding, h.describe(ctx, &holding.Person)
}

func (h *History) holding(s *spells) *Holding {
	holding := &Holding{Person: s.user, SKU: s.sku, First: h.firstDate(s), About: s.about}
	rows := slices.Clone(s.paths)
	slices.SortStableFunc(rows, func(a, b pathRow) int { return int(a.From - b.From) })
	holding.runs, holding.Stretches = h.spans(rows), h.stretches(s)
	return holding
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
	SinceRun snapshot.RunID   // the run that first showed the oldest of them
	Begun    []snapshot.RunID // for each user the run that first showed it, without a break since; sorted
}

// Since counts the users for whom it has failed only after a run. Without a run,
// 0, nothing is new: what the first one found was there before.
func (e GroupError) Since(run snapshot.RunID) int {
	if run == 0 {
		return 0
	}
	return len(e.Begun) - sort.Search(len(e.Begun), func(i int) bool { return e.Begun[i] > run })
}

// GroupRows lists what groups gave at the run asked about, by the groups' own
// licenses and by what users hold through them.
func (h *History) GroupRows(ctx context.Context) ([]GroupRow, error) {
	rows := make(map[groupKey]*GroupRow)
	if err := h.groupLicenses(ctx, rows); err != nil {
		return nil, fmt.Errorf("read the groups: %w", engine.Classify(err))
	}
	if err := h.groupMembers(ctx, rows); err != nil {
		return nil, fmt.Errorf("read the members of groups: %w", engine.Classify(err))
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
		SELECT g.object_id, s.object_id, sum(p.held)
		FROM path p JOIN licensed_group g ON g.id = p.group_id JOIN sku s ON s.id = p.sku_id
		WHERE p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1)
		GROUP BY 1, 2`, int64(h.At.ID))
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var key groupKey
		var members int64
		if err := found.Scan(&key.group, &key.sku, &members); err != nil {
			return err
		}
		if rows[key] == nil {
			rows[key] = &GroupRow{Group: key.group, SKU: key.sku}
		}
		rows[key].Members = members
	}
	if err := found.Err(); err != nil {
		return err
	}
	return h.groupErrors(ctx, rows)
}

// groupErrors adds the errors of groups.
func (h *History) groupErrors(ctx context.Context, rows map[groupKey]*GroupRow) error {
	return h.groupFailures(ctx, func(_ int64, key groupKey, word string, began snapshot.RunID) {
		rows[key].fails(word, began)
	})
}

// groupFailures goes through the users for whom a group's license fails. A row that
// Microsoft touched begins anew; its error began with the first of the rows that had
// it without a break.
func (h *History) groupFailures(ctx context.Context, each func(user int64, key groupKey, word string, began snapshot.RunID)) error {
	found, err := h.tx.QueryContext(ctx, `
		SELECT p.user_id, g.object_id, s.object_id, p.error, p.from_run, coalesce(p.to_run, 0)
		FROM path p JOIN licensed_group g ON g.id = p.group_id JOIN sku s ON s.id = p.sku_id
		WHERE p.from_run <= ?1 AND p.error IS NOT NULL
		ORDER BY p.user_id, p.group_id, p.sku_id, p.from_run`, int64(h.At.ID))
	if err != nil {
		return err
	}
	defer found.Close()
	type failing struct {
		groupKey
		user int64
		err  string
	}
	var before failing
	var began, ended snapshot.RunID
	for found.Next() {
		var f failing
		var from, to snapshot.RunID
		if err := found.Scan(&f.user, &f.group, &f.sku, &f.err, &from, &to); err != nil {
			return err
		}
		if f != before || from != ended {
			began = from
		}
		before, ended = f, to
		if to == 0 || to > h.At.ID {
			each(f.user, f.groupKey, f.err, began)
		}
	}
	return found.Err()
}

// GroupFailure is a user for whom a group's license fails.
type GroupFailure struct {
	Person
	Group    snapshot.GroupID
	SKU      snapshot.SKUID
	Error    string
	SinceRun snapshot.RunID // the run that first showed it, without a break since
}

// GroupFailures lists the users for whom licenses of groups fail at the run asked
// about, what began last first.
func (h *History) GroupFailures(ctx context.Context) ([]GroupFailure, error) {
	var list []GroupFailure
	err := h.groupFailures(ctx, func(user int64, key groupKey, word string, began snapshot.RunID) {
		list = append(list, GroupFailure{Person{Row: user}, key.group, key.sku, word, began})
	})
	if err != nil {
		return nil, fmt.Errorf("read the errors of groups: %w", engine.Classify(err))
	}
	for i := range list {
		var key any
		if err := h.tx.QueryRowContext(ctx, "SELECT object_id FROM user WHERE id = ?", list[i].Row).Scan(&key); err != nil {
			return nil, fmt.Errorf("read a user: %w", engine.Classify(err))
		}
		list[i].ID = engine.UserID(key)
		if err := h.describe(ctx, &list[i].Person); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b GroupFailure) int {
		return cmp.Or(cmp.Compare(b.SinceRun, a.SinceRun), cmp.Compare(h.groups[a.Group], h.groups[b.Group]), cmp.Compare(a.Group, b.Group), cmp.Compare(a.UPN, b.UPN))
	})
	return list, nil
}

// fails counts one more user for whom the group's license fails.
func (r *GroupRow) fails(word string, began snapshot.RunID) {
	i, known := slices.BinarySearchFunc(r.Errors, word, func(e GroupError, w string) int { return cmp.Compare(e.Error, w) })
	if !known {
		r.Errors = slices.Insert(r.Errors, i, GroupError{Error: word, SinceRun: began})
	}
	e := &r.Errors[i]
	e.Users++
	e.SinceRun = min(e.SinceRun, began)
	at, _ := slices.BinarySearch(e.Begun, began)
	e.Begun = slices.Insert(e.Begun, at, began)
}
