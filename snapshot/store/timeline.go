package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// Timeline is everything that history has of one user, state after state.
type Timeline struct {
	Person      Person // without attributes
	Fingerprint int64  // as stored
	Forgotten   bool
	Changes     []snapshot.Change // those that runs saw, as they were found
	versions    []dated[snapshot.User]
	paths       []pathRow
	plans       []dated[[]snapshot.Plan]
}

// dated is a state from one run up to, not including, another; 0: to now.
type dated[T any] struct {
	From, To snapshot.RunID
	State    T
}

// Timelines lists the timelines of all users, in order of their rows. It reads
// four tables side by side and keeps one user in memory.
func (h *History) Timelines(ctx context.Context) iter.Seq2[*Timeline, error] {
	return func(yield func(*Timeline, error) bool) {
		scanner := h.refs.scanner()
		paths, stopPaths := iter.Pull2(eachUserRow(ctx, h.tx, "SELECT "+pathColumns+", p.user_id FROM path p"+
			" ORDER BY p.user_id, p.sku_id, p.group_id, p.from_run", func(rows *sql.Rows, user *int64) (pathRow, error) {
			p, err := scanner.path(rows)
			if err == nil {
				*user = engine.Must(scanner.Number())
			}
			return p, cmp.Or(err, scanner.Wrong)
		}))
		defer stopPaths()
		plans, stopPlans := iter.Pull2(eachUserRow(ctx, h.tx, `
			SELECT x.user_id, x.from_run, coalesce(x.to_run, 0), `+planColumns+`
			FROM user_plans x JOIN plan_layout l ON l.id = x.layout_id ORDER BY x.user_id, x.from_run`, h.scanPlans(ctx)))
		defer stopPlans()
		changes, stopChanges := iter.Pull2(h.observed(ctx, "c.user_id IS NOT NULL AND u.id IS NOT NULL ORDER BY c.user_id, c.id"))
		defer stopChanges()
		nextPath, nextPlans, nextChange := &ahead[pathRow]{pull: paths}, &ahead[dated[[]snapshot.Plan]]{pull: plans}, &ahead[snapshot.Change]{pull: changes}
		var t *Timeline
		for v, err := range eachUserRow(ctx, h.tx, "SELECT "+versionColumns+`, v.from_run, coalesce(v.to_run, 0), v.user_id, u.object_id, u.fingerprint`+
			versionTables+"JOIN user u ON u.id = v.user_id ORDER BY v.user_id, v.from_run", h.scanDatedVersion) {
			if err == nil && t != nil && t.Person.Row != v.user {
				if !yield(t, nil) {
					return
				}
				t = nil
			}
			if err == nil && t == nil {
				t = &Timeline{Fingerprint: v.row.fingerprint}
				t.Person.Row, t.Person.ID = v.user, v.row.State.ID
				t.Forgotten = ledger.IsForgotten(string(t.Person.ID))
				if t.paths, err = nextPath.rowsOf(v.user); err == nil {
					t.plans, err = nextPlans.rowsOf(v.user)
				}
				var failed error
				if t.Changes, failed = nextChange.rowsOf(v.user); err == nil && failed != nil {
					yield(nil, failed) // it names what was read
					return
				}
			}
			if err != nil {
				yield(nil, fmt.Errorf("read the users' states: %w", engine.Classify(err)))
				return
			}
			t.versions = append(t.versions, v.row.dated)
		}
		if t != nil {
			yield(t, nil)
		}
	}
}

// userRow is a row of some table about a user.
type userRow[T any] struct {
	user int64
	row  T
}

func eachUserRow[T any](ctx context.Context, q engine.Querier, query string, scan func(rows *sql.Rows, user *int64) (T, error)) iter.Seq2[userRow[T], error] {
	return func(yield func(userRow[T], error) bool) {
		rows, err := q.QueryContext(ctx, query)
		if err != nil {
			yield(userRow[T]{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r userRow[T]
			if r.row, err = scan(rows, &r.user); !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(userRow[T]{}, err)
		}
	}
}

// observed lists the changes that runs saw, as they were found. The newest attribution
// of every change is read as well, so that one which is damaged or missing shows.
func (h *History) observed(ctx context.Context, where string) iter.Seq2[userRow[snapshot.Change], error] {
	all := versions(ctx, h, "changes", "SELECT "+seenColumns+", coalesce(u.id, 0), a.detail FROM change c"+seenTables+`
		JOIN attribution a ON a.change_id = c.id AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id)
		WHERE `+where, func(rows *sql.Rows, r *userRow[snapshot.Change]) error {
		seen := seenRow{c: &r.row}
		var attribution string
		if err := rows.Scan(append(seen.into(), &r.user, &attribution)...); err != nil {
			return err
		}
		if err := seen.unpack(); err != nil {
			return err
		}
		return unpackAttribution(&snapshot.Attribution{}, attribution, r.row.ID)
	})
	return func(yield func(userRow[snapshot.Change], error) bool) {
		for r, err := range all {
			if (err != nil || r.row.Observed) && !yield(r, err) {
				return
			}
		}
	}
}

// TenantChanges lists the changes of the tenant itself that runs saw, as they were found.
func (h *History) TenantChanges(ctx context.Context) (changes []snapshot.Change, _ error) {
	for r, err := range h.observed(ctx, "u.id IS NULL ORDER BY c.id") {
		if err != nil {
			return nil, err
		}
		changes = append(changes, r.row)
	}
	return changes, nil
}

// ahead reads rows in the order of users, one row ahead.
type ahead[T any] struct {
	pull func() (userRow[T], error, bool)
	next *userRow[T]
}

// take returns the rows of a user. Those of users before, who have no version
// of their own, are an inconsistency.
func (a *ahead[T]) rowsOf(user int64) ([]T, error) {
	var rows []T
	for {
		if a.next == nil {
			r, err, ok := a.pull()
			if err != nil || !ok {
				return rows, err
			}
			a.next = &r
		}
		switch {
		case a.next.user > user:
			return rows, nil
		case a.next.user < user:
			return nil, fmt.Errorf("%w: the user in row %d has rows, and was never seen", engine.ErrDamaged, a.next.user)
		}
		rows = append(rows, a.next.row)
		a.next = nil
	}
}

type datedVersion struct {
	dated[snapshot.User]
	fingerprint int64
}

func (h *History) scanDatedVersion(rows *sql.Rows, user *int64) (v datedVersion, err error) {
	var key any
	u, from, err := scanVersion(scanMore{rows, []any{&v.To, user, &key, &v.fingerprint}}, h.words)
	if err != nil {
		return v, err
	}
	v.State, v.From = u, snapshot.RunID(from)
	v.State.ID = engine.UserID(key)
	return v, nil
}

// scanMore scans more columns than its user knows of.
type scanMore struct {
	rows *sql.Rows
	more []any
}

func (s scanMore) Scan(dest ...any) error {
	return s.rows.Scan(append(slices.Clone(dest), s.more...)...)
}

// scanPlans decodes plans with the ids that the history knows.
func (h *History) scanPlans(ctx context.Context) func(rows *sql.Rows, user *int64) (dated[[]snapshot.Plan], error) {
	ids := map[int64]snapshot.PlanID{}
	layouts := planLayouts{planID: func(row int64) (snapshot.PlanID, error) {
		id, ok := ids[row]
		if !ok {
			return "", fmt.Errorf("%w: there is no service plan in row %d", engine.ErrDamaged, row)
		}
		return id, nil
	}}
	return func(rows *sql.Rows, user *int64) (d dated[[]snapshot.Plan], err error) {
		if len(ids) == 0 {
			if ids, err = h.planIDs(ctx); err != nil {
				return d, err
			}
		}
		var p storedPlans
		if err := rows.Scan(append([]any{user, &d.From, &d.To}, p.into()...)...); err != nil {
			return d, err
		}
		d.State, err = layouts.plans(&p)
		return d, err
	}
}

func (h *History) planIDs(ctx context.Context) (map[int64]snapshot.PlanID, error) {
	ids := map[int64]snapshot.PlanID{}
	err := engine.EachRow(ctx, h.tx, "SELECT id, object_id FROM plan", nil, func(values []any) error {
		row, _ := values[0].(int64)
		id, _ := values[1].(string)
		ids[row] = snapshot.PlanID(id)
		return nil
	})
	return ids, err
}

// Runs lists the runs that showed something of the user to differ, in order.
func (t *Timeline) Runs() []snapshot.RunID {
	seen := map[snapshot.RunID]bool{}
	for _, v := range t.versions {
		seen[v.From], seen[v.To] = true, true
	}
	for _, p := range t.plans {
		seen[p.From], seen[p.To] = true, true
	}
	for _, p := range t.paths {
		seen[snapshot.RunID(p.From)], seen[snapshot.RunID(p.To.Int64)] = true, true
	}
	delete(seen, 0)
	runs := make([]snapshot.RunID, 0, len(seen))
	for r := range seen {
		runs = append(runs, r)
	}
	slices.Sort(runs)
	return runs
}

func (d *dated[T]) at(run snapshot.RunID) bool { return d.From <= run && (d.To == 0 || run < d.To) }

// At is what was known of the user after a run; nil before the first that
// showed them. Its plans are the timeline's: nobody may change them.
func (t *Timeline) At(run snapshot.RunID) *snapshot.Known {
	k := &snapshot.Known{Spans: map[snapshot.PathKey]snapshot.Span{}, Ended: map[snapshot.SKUID]snapshot.Ended{}}
	left, there := snapshot.RunID(0), false
	for i := range t.versions {
		v := &t.versions[i]
		if v.From > run {
			break
		}
		switch {
		case v.State.Presence == snapshot.Present:
			left = 0
		case left == 0:
			left = v.From
		}
		if v.at(run) {
			k.User, there = v.State, true
		}
	}
	if !there {
		return nil
	}
	for i := range t.plans {
		if t.plans[i].at(run) {
			k.Plans = t.plans[i].State
		}
	}
	for i := range t.paths {
		p := t.paths[i]
		switch from, to := snapshot.RunID(p.From), snapshot.RunID(p.To.Int64); {
		case from > run:
		case to == 0 || to > run:
			k.Paths = append(k.Paths, p.Path)
			if p.Held {
				k.Spans[p.PathKey] = p.Span
			}
		case p.Held:
			k.Ended[p.SKU] = endedWith(k.Ended[p.SKU], &p, int64(left))
		}
	}
	for key := range k.Spans {
		delete(k.Ended, key.SKU)
	}
	k.Normalize()
	return k
}

// Opened lists the rows of paths that begin with a run, and Closed those that
// end with it.
func (t *Timeline) Opened(run snapshot.RunID) []snapshot.OpenedPath {
	var opened []snapshot.OpenedPath
	for _, p := range t.paths {
		if snapshot.RunID(p.From) == run {
			opened = append(opened, snapshot.OpenedPath{Path: p.Path, Span: p.Span})
		}
	}
	slices.SortFunc(opened, func(a, b snapshot.OpenedPath) int { return a.PathKey.Compare(b.PathKey) })
	return opened
}

// Closed lists the paths whose rows end with a run.
func (t *Timeline) Closed(run snapshot.RunID) []snapshot.PathKey {
	var closed []snapshot.PathKey
	for _, p := range t.paths {
		if p.To.Valid && snapshot.RunID(p.To.Int64) == run {
			closed = append(closed, p.PathKey)
		}
	}
	slices.SortFunc(closed, snapshot.PathKey.Compare)
	return closed
}

// CatalogAt is the catalog and the licensing groups as a run left them.
func (h *History) CatalogAt(ctx context.Context, run snapshot.RunID) ([]snapshot.SKU, []snapshot.Group, error) {
	skus, _, err := skusAt(ctx, h.tx, int64(run))
	if err != nil {
		return nil, nil, fmt.Errorf("read the SKUs of run %d: %w", run, engine.Classify(err))
	}
	groups, err := groupsAt(ctx, h.tx, int64(run))
	if err != nil {
		return nil, nil, fmt.Errorf("read the groups of run %d: %w", run, engine.Classify(err))
	}
	return skus, groups, nil
}

// Revision is one word on the cause of a change.
type Revision struct {
	ID       int64
	Change   int64
	Number   int
	Run      snapshot.RunID
	Redacted bool // forget has erased somebody in it
	snapshot.Attribution
}

// Revisions lists every word on the cause of every change, in the order in
// which they were written.
func (h *History) Revisions(ctx context.Context) iter.Seq2[*Revision, error] {
	return h.revisions(ctx, math.MinInt64)
}

const revisionColumns = `a.id, a.change_id, a.revision, a.run_id, a.cause, a.initiator, a.confidence, coalesce(a.unknown_why, ''), a.at, a.reason, a.detail,
	length(a.salt) IS NOT 16`

// revisions lists those from a number on.
func (h *History) revisions(ctx context.Context, first int64) iter.Seq2[*Revision, error] {
	return versions(ctx, h, "causes", "SELECT "+revisionColumns+" FROM attribution a WHERE a.id >= ? ORDER BY a.id",
		func(rows *sql.Rows, r **Revision) error {
			*r = &Revision{}
			return (*r).scan(rows)
		}, first)
}

// scan takes a revision from a row, and the columns behind it.
func (r *Revision) scan(rows *sql.Rows, more ...any) error {
	var at sql.NullInt64
	var detail string
	err := rows.Scan(append([]any{&r.ID, &r.Change, &r.Number, &r.Run, &r.Cause, &r.Initiator, &r.Confidence, &r.UnknownWhy, &at, &r.Reason, &detail, &r.Redacted}, more...)...)
	if err != nil {
		return err
	}
	r.At = engine.FromMillis(at)
	return unpackAttribution(&r.Attribution, detail, r.Change)
}

// Written is a revision with its change as it was found. The number of a change that is
// not there is 0.
type Written struct {
	Revision
	Seen snapshot.Change
}

// WrittenBy lists the revisions that a run wrote, in the order in which it did.
func (h *History) WrittenBy(ctx context.Context, run snapshot.RunID) iter.Seq2[*Written, error] {
	return func(yield func(*Written, error) bool) {
		spans, err := Once(h, "revisions by run", func() (map[int64][2]int64, error) { return h.revisionSpans(ctx) })
		if err != nil {
			yield(nil, fmt.Errorf("read the causes: %w", err))
			return
		}
		of := spans[int64(run)]
		versions(ctx, h, "causes", "SELECT "+revisionColumns+", "+seenColumns+" FROM attribution a LEFT JOIN change c ON c.id = a.change_id"+
			seenTables+" WHERE a.run_id = ? AND a.id BETWEEN ? AND ? ORDER BY a.id",
			func(rows *sql.Rows, into **Written) error {
				w := &Written{}
				*into = w
				seen := seenRow{c: &w.Seen}
				if err := w.scan(rows, seen.into()...); err != nil {
					return err
				}
				return seen.unpack()
			}, int64(run), of[0], of[1])(yield)
	}
}

// revisionSpans maps runs to their first and their last revision. No index leads from a
// run to its revisions, which lie together.
func (h *History) revisionSpans(ctx context.Context) (map[int64][2]int64, error) {
	spans := map[int64][2]int64{}
	err := engine.EachRow(ctx, h.tx, "SELECT run_id, min(id), max(id) FROM attribution GROUP BY run_id", nil, func(values []any) error {
		run, _ := values[0].(int64)
		first, _ := values[1].(int64)
		last, _ := values[2].(int64)
		spans[run] = [2]int64{first, last}
		return nil
	})
	return spans, err
}

// LastRevision is the newest revision that a run itself wrote: what is later in its
// name was concluded from records of a file.
func (h *History) LastRevision(ctx context.Context, run snapshot.RunID) (id int64, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT coalesce(max(content ->> '$.numbers.attribution'), 0) FROM seal WHERE kind = ? AND run_id = ?",
		ledger.KindEnd, int64(run)).Scan(&id)
	return id, engine.Classify(err)
}

// Head is the hash at the end of the chain, as it is now.
func (h *History) Head(ctx context.Context) (string, error) {
	last, err := ledger.Last(ctx, h.tx)
	if err != nil {
		return "", err
	}
	return last.Head, nil
}

// Copies returns the copies of a stored record by its key, the fullest last; none
// when it is not stored.
func (h *History) Copies(ctx context.Context, e snapshot.EventRef) ([]*snapshot.RawEvent, error) {
	var copies []*snapshot.RawEvent
	for e, err := range storedOf(ctx, h.tx, EventFilter{Ref: &e}) {
		if err != nil {
			return nil, err
		}
		copies = append(copies, &e.RawEvent)
	}
	return copies, nil
}

// Before is the history as it was when a run began, for attributing again what
// the run attributed. Names are those of now.
func (h *History) Before(run snapshot.RunID) *History {
	past := *h
	past.until, past.Runs = run, map[snapshot.RunID]*Run{}
	for id, r := range h.Runs {
		if id < run {
			past.Runs[id] = r
			if past.At.ID >= run || past.At.ID < id {
				past.At = r
			}
		}
	}
	return &past
}

// Knew is what of the logs was known when a run attributed its changes: the
// stretches read up to the complete run before, and those read since.
func (h *History) Knew(ctx context.Context, run, previous snapshot.RunID) (before, own []snapshot.Coverage, err error) {
	err = engine.EachRow(ctx, h.tx, "SELECT source, from_at, to_at, complete, events, why, run_id FROM coverage WHERE run_id <= ? ORDER BY source, from_at, id",
		[]any{int64(run)}, func(values []any) error {
			var c snapshot.Coverage
			var from, to, complete, of int64
			var source string
			if err := (engine.Values(values)).Scan(&source, &from, &to, &complete, &c.Events, &c.Why, &of); err != nil {
				return err
			}
			c.Source, c.From, c.To, c.Complete = snapshot.Source(source), time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC(), complete != 0
			if of > int64(previous) {
				own = append(own, c)
			} else {
				before = append(before, c)
			}
			return nil
		})
	return before, own, err
}

// EventsUntil lists the stored records that a run had at hand.
func (h *History) EventsUntil(run snapshot.RunID) func(context.Context, EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
	return func(ctx context.Context, f EventFilter) iter.Seq2[*snapshot.RawEvent, error] {
		f.Until = run
		return eventsOf(ctx, h.tx, f)
	}
}

// Foreign counts, of the records from a time on that a run may have had at hand,
// those that did not come with a run and those that were erased: with them what
// the run knew is not known.
func (h *History) Foreign(ctx context.Context, run snapshot.RunID, from time.Time) (n int64, err error) {
	err = h.tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM event WHERE at >= ?1 AND (run_id IS NULL OR run_id <= ?2 AND raw = ''))
		+ (SELECT count(*) FROM event_copy WHERE at >= ?1 AND (run_id IS NULL OR run_id <= ?2 AND raw = ''))`,
		from.UnixMilli(), int64(run)).Scan(&n)
	return n, engine.Classify(err)
}

// HoldersAt counts who held each SKU after a run.
func (h *History) HoldersAt(ctx context.Context, run snapshot.RunID) (map[snapshot.SKUID]int64, error) {
	return Once(h, fmt.Sprint("holders at ", run), func() (map[snapshot.SKUID]int64, error) { return h.holdersAt(ctx, run) })
}

func (h *History) holdersAt(ctx context.Context, run snapshot.RunID) (map[snapshot.SKUID]int64, error) {
	counts := map[snapshot.SKUID]int64{}
	err := engine.EachRow(ctx, h.tx, `
		SELECT s.object_id, count(DISTINCT p.user_id) FROM path p JOIN sku s ON s.id = p.sku_id
		WHERE p.held = 1 AND p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1) GROUP BY 1`, []any{int64(run)}, func(values []any) error {
		sku, _ := values[0].(string)
		n, _ := values[1].(int64)
		counts[snapshot.SKUID(sku)] = n
		return nil
	})
	return counts, err
}

// Knows reports whether a run, or one before it, showed the user.
func (h *History) Knows(ctx context.Context, id snapshot.UserID, run snapshot.RunID) (known bool, err error) {
	err = h.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM user u JOIN user_version v ON v.user_id = u.id
		WHERE u.object_id = ? AND v.from_run <= ?)`, engine.UserKey(id), int64(run)).Scan(&known)
	return known, engine.Classify(err)
}
