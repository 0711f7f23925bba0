package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
	"lictrail/snapshot/store/ledger"
	"lictrail/snapshot/store/nameindex"
)

// Result is everything that a complete run adds to history.
type Result struct {
	EndedAt       time.Time
	ObservedAt    time.Time
	ObservedUntil time.Time
	Users         int64
	LicensedUsers int64
	Assignments   int64
	Requests      int64
	Warnings      []snapshot.Warning

	SKUs              []snapshot.SKU // nil when there were none to be had: what is known stays
	Assigned          map[snapshot.SKUID]int64
	Subscriptions     []snapshot.Subscription
	SubscriptionsRead bool             // I11
	Groups            []snapshot.Group // those that were read; the others stay

	Spool   *intake.Spool                 // what differs of users; nil: nothing
	Changes iter.Seq2[*Attributed, error] // in the order in which they get their numbers; nil: none

	// Before is what the audit log shows of the time before the first run.
	Before map[snapshot.UserID][]snapshot.FirstEvidence

	Events      []snapshot.RawEvent
	Fuller      Fuller // which copy of a record says more; nil: the first one stays alone
	Coverage    []snapshot.Coverage
	Corrections []Correction
	Principals  []Principal       // what the run learned of applications
	Agents      []snapshot.UserID // users who are agents

	Licensing *Licensing // nil: not asked for; what is known stays

	Activity *ActivityResult // nil: not asked for; what is known stays
}

// Attributed is a change with its attribution.
type Attributed struct {
	snapshot.Change
	Attribution snapshot.Attribution
}

// Given lists changes that are in memory.
func Given(list []Attributed) iter.Seq2[*Attributed, error] {
	return func(yield func(*Attributed, error) bool) {
		for i := range list {
			if !yield(&list[i], nil) {
				return
			}
		}
	}
}

// Correction is a better attribution of an earlier change.
type Correction struct {
	Change      int64
	Attribution snapshot.Attribution
}

// Commit makes the run history, in one transaction.
func (s *Sync) Commit(ctx context.Context, r Result) error {
	if err := s.commit(ctx, &r); err != nil {
		return fmt.Errorf("commit run %d: %w", s.Run, err)
	}
	if s.Previous == nil {
		// SQLite leaves an eighth of the pages of some tables empty when rows are inserted
		// in the order of their keys. Nothing depends on this: where another process writes,
		// or the disk is full, or ctx ends, the file stays as the run has left it.
		_ = ledger.Compact(ctx, s.db.sql)
	}
	return nil
}

func (s *Sync) commit(ctx context.Context, r *Result) error {
	t, err := ledger.Begin(ctx, s.db.sql)
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // after Commit it does nothing
	w := newWriter(ctx, t.Tx, int64(s.Run))
	w.tables = t.All
	if err := cmp.Or(w.write(s, r), w.Settle()); err != nil {
		return engine.Classify(err)
	}
	return t.Finish(&ledger.Entry{Kind: ledger.KindEnd, Run: int64(s.Run), Head: &s.Head, Fresh: w.fresh})
}

// writer writes one run. Small tables are looked up once and remembered.
type writer struct {
	*intake.Writer
	ctx      context.Context
	ended    func() error
	tx       *sql.Tx
	run      int64
	rows     map[rowKey]int64
	layouts  map[string]int64         // by shape
	seen     map[string]bool          // shapes that one user has, and no layout
	profiles *profiles                // nil: not loaded
	tables   []*ledger.Layout         // to be sealed
	fresh    map[string]*ledger.Fresh // by table: what was digested while it was written
	names    nameindex.Words
	changed  int // changes that were written
}

// rowKey names a row of a small table.
type rowKey struct{ table, key string }

func newWriter(ctx context.Context, tx *sql.Tx, run int64) *writer {
	// Whether the context has ended is looked at between users, and again by the commit.
	w := &writer{ctx: context.WithoutCancel(ctx), ended: ctx.Err, tx: tx, run: run, rows: map[rowKey]int64{}, layouts: map[string]int64{}, seen: map[string]bool{}, fresh: map[string]*ledger.Fresh{}}
	w.Writer = intake.NewWriter(ctx, tx, w.digestOf)
	return w
}

func (w *writer) write(s *Sync, r *Result) error {
	steps := []func() error{
		func() error { return w.notOvertaken(s) },
		func() error { return w.skus(r) },
		func() error { return w.groups(r.Groups) },
		func() error { return w.subscriptions(r) },
		func() error { return w.indexLater(s.Previous == nil, func() error { return w.users(r) }) },
		func() error { return w.before(r.Before) },
		func() (err error) { w.changed, err = w.changes(r.Changes); return err },
		func() error { return w.corrections(r.Corrections) },
		func() error { return w.events(r.Events, r.Fuller) },
		func() error { return w.coverage(r.Coverage) },
		func() error { return w.principals(r.Principals) },
		func() error { return w.agents(r.Agents) },
		func() error { return w.licensing(r.Licensing) },
		func() error { return w.activity(r.Activity) },
		func() error { return w.finish(r) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// indexLater builds the indexes on users after the first run has filled the
// tables: in order, which takes less time and leaves no gaps.
func (w *writer) indexLater(first bool, fill func() error) error {
	if !first {
		return fill()
	}
	var indexes []string
	for _, name := range []string{"user_object_id", "user_version_address", "user_version_mail"} {
		var text string
		if err := w.QueryRow("SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?", []any{&text}, name); err != nil {
			return fmt.Errorf("find index %s: %w", name, err)
		}
		if _, err := w.tx.ExecContext(w.ctx, "DROP INDEX "+name); err != nil {
			return err
		}
		indexes = append(indexes, text)
	}
	if err := fill(); err != nil {
		return err
	}
	for _, text := range indexes {
		if _, err := w.tx.ExecContext(w.ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// notOvertaken makes sure that the run was compared with what is still newest.
func (w *writer) notOvertaken(s *Sync) error {
	newest, err := newestComplete(w.ctx, w.tx)
	if err != nil {
		return err
	}
	if (newest == nil) != (s.Previous == nil) || newest != nil && newest.ID != s.Previous.ID {
		return ErrOvertaken
	}
	return nil
}

// lookup returns the id of the row with a key, and inserts it first if it is new.
func (w *writer) lookup(table, column, key, insert string, more ...any) (int64, error) {
	cached := rowKey{table, key}
	if id, ok := w.rows[cached]; ok {
		return id, nil
	}
	var id int64
	err := w.QueryRow("SELECT id FROM "+table+" WHERE "+column+" = ?", []any{&id}, key)
	if errors.Is(err, sql.ErrNoRows) {
		var result sql.Result
		if result, err = w.Exec(insert, append([]any{key}, more...)...); err == nil {
			id, err = result.LastInsertId()
		}
	}
	if err != nil {
		return 0, fmt.Errorf("look up %s %q: %w", table, key, err)
	}
	w.rows[cached] = id
	return id, nil
}

func (w *writer) sku(id snapshot.SKUID) (int64, error) {
	return w.lookup("sku", "object_id", string(id), "INSERT INTO sku (object_id, part_number) VALUES (?, '')")
}

func (w *writer) plan(id snapshot.PlanID) (int64, error) {
	return w.lookup("plan", "object_id", string(id), "INSERT INTO plan (object_id, name) VALUES (?, '')")
}

func (w *writer) group(p snapshot.PathRef) (int64, error) {
	switch p.Kind {
	case snapshot.Direct:
		return directGroup, nil
	case snapshot.Unknown:
		return unknownGroup, nil
	}
	return w.lookup("licensed_group", "object_id", string(p.Group), "INSERT INTO licensed_group (object_id) VALUES (?)")
}

// planSet returns the id of a set of plans; NULL for none.
func (w *writer) planSet(ids []snapshot.PlanID) (any, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return w.lookup("plan_set", "members", string(text), "INSERT INTO plan_set (members) VALUES (?)")
}

// version keeps a row with from_run and to_run: when its columns differ from
// the open row's, that row ends and a new one begins. columns and values must
// not include the key.
func (w *writer) version(table, keyColumn string, key any, columns []string, values []any) error {
	same, err := w.supersede(table, keyColumn, key, columns, values)
	if err != nil || same {
		return err
	}
	_, err = w.Exec(engine.Insertion(table, append([]string{keyColumn, "from_run"}, columns...), 1), append([]any{key, w.run}, values...)...)
	return err
}

// supersede ends the open row, unless its columns are the same.
func (w *writer) supersede(table, keyColumn string, key any, columns []string, values []any) (same bool, err error) {
	same, open, err := w.sameVersion(table, keyColumn, key, columns, values)
	if err == nil && open && !same {
		err = w.endVersion(table, keyColumn, key)
	}
	return same, err
}

// sameVersion compares with IS, so that NULL equals NULL and nothing else.
func (w *writer) sameVersion(table, keyColumn string, key any, columns []string, values []any) (same, open bool, err error) {
	query := "SELECT 1"
	for _, c := range columns {
		query += " AND " + c + " IS ?"
	}
	query += " FROM " + table + " WHERE " + keyColumn + " = ? AND to_run IS NULL"
	err = w.QueryRow(query, []any{&same}, append(slices.Clone(values), key)...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	return same, true, err
}

func (w *writer) endVersion(table, keyColumn string, key any) error {
	_, err := w.Exec("UPDATE "+table+" SET to_run = ? WHERE "+keyColumn+" = ? AND to_run IS NULL", w.run, key)
	return err
}

func (w *writer) finish(r *Result) error {
	warnings, err := json.Marshal(append([]snapshot.Warning{}, r.Warnings...))
	if err != nil {
		return err
	}
	_, err = w.Exec(`UPDATE run SET status = 'complete', ended_at = ?, observed_at = ?, observed_until = ?, users = ?,
		licensed_users = ?, assignments = ?, changes = ?, requests = ?, warnings = ? WHERE id = ?`,
		r.EndedAt.UnixMilli(), r.ObservedAt.UnixMilli(), r.ObservedUntil.UnixMilli(), r.Users,
		r.LicensedUsers, r.Assignments, w.changed, r.Requests, string(warnings), w.run)
	return err
}

// digestOf returns nil for a table that no seal covers.
func (w *writer) digestOf(table string, columns []string) intake.Digest {
	for _, l := range w.tables {
		if l.Name == table {
			w.fresh[table] = ledger.NewFresh(l, columns, w.run)
			return w.fresh[table]
		}
	}
	return nil
}
