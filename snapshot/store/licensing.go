package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// Licensing is what a run read through the cloud licensing API. The rows of a part
// with a gap are not looked at: what was known of it stays.
type Licensing struct {
	Gaps        map[snapshot.LicensingPart]snapshot.GapWhy // for every part that was to be read; "" where it was
	Allotments  []snapshot.Allotment
	Assignments []snapshot.AllotmentAssignment
	Waiting     []snapshot.WaitingMember
	Errors      []snapshot.AssignmentError
}

// read reports whether a part was read whole.
func (l *Licensing) read(part snapshot.LicensingPart) bool {
	why, asked := l.Gaps[part]
	return asked && why == ""
}

func (w *writer) licensing(l *Licensing) error {
	if l == nil {
		return nil
	}
	steps := map[snapshot.LicensingPart]func() error{
		snapshot.PartAllotments:  func() error { return w.allotments(l.Allotments) },
		snapshot.PartAssignments: func() error { return w.allotmentHolders(l.Assignments) },
		snapshot.PartWaiting:     func() error { return w.waitingMembers(l.Waiting) },
		snapshot.PartErrors:      func() error { return w.assignmentErrors(l.Errors) },
	}
	for _, part := range snapshot.LicensingParts {
		why, asked := l.Gaps[part]
		if !asked {
			continue
		}
		if _, err := w.Exec("INSERT INTO licensing_read (run_id, part, gap) VALUES (?, ?, ?)", w.run, string(part), string(why)); err != nil {
			return err
		}
		if l.read(part) {
			if err := steps[part](); err != nil {
				return fmt.Errorf("write the %s: %w", part, err)
			}
		}
	}
	return nil
}

func (w *writer) allotment(id snapshot.AllotmentID) (int64, error) {
	return w.lookup("allotment", "object_id", string(id), "INSERT INTO allotment (object_id) VALUES (?)")
}

func (w *writer) allotments(all []snapshot.Allotment) error {
	listed := make(map[int64]bool, len(all))
	for _, a := range all {
		row, err := w.allotment(a.ID)
		if err != nil {
			return err
		}
		var sku any
		if a.SKU != "" {
			if sku, err = w.sku(a.SKU); err != nil {
				return err
			}
		}
		subscriptions, err := json.Marshal(append([]snapshot.AllotmentSubscription{}, a.Subscriptions...))
		if err != nil {
			return err
		}
		err = w.version("allotment_version", "allotment_id", row, []string{"sku_id", "part_number", "allotted", "consumed", "assignable_to", "subscriptions"},
			[]any{sku, a.PartNumber, orNull(a.Allotted), orNull(a.Consumed), a.AssignableTo, string(subscriptions)})
		if err != nil {
			return err
		}
		listed[row] = true
	}
	return w.endUnlisted("allotment_version", "allotment_id", listed)
}

func orNull(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// holder is how a holder is kept. Of a user whom no run has read, and of what is of
// no known kind, the id is not: it may be that of a person, whom forget must find.
func (w *writer) holder(h snapshot.Holder) (kind string, key any, err error) {
	switch h.Kind {
	case snapshot.HeldByGroup, snapshot.HeldByDevice:
		return string(h.Kind), h.ID, nil
	case snapshot.HeldByUser:
		var row int64
		err = w.QueryRow("SELECT id FROM user WHERE object_id = ?", []any{&row}, engine.UserKey(snapshot.UserID(h.ID)))
		if err == nil {
			return string(h.Kind), row, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return "", nil, err
		}
	}
	return string(snapshot.HeldByOther), "", nil
}

// lastingRow is a row that lasts until a run no longer reads it: its key, and what it says.
type lastingRow struct{ key, values []any }

// lasting keeps the rows of a table whose key has several columns: what is no longer
// read ends, what says something else ends and begins anew.
func (w *writer) lasting(table string, key, columns []string, rows map[string]lastingRow) error {
	all := append(slices.Clone(key), columns...)
	type ended struct{ key []any }
	var gone []ended
	err := engine.EachRow(w.ctx, w.tx, "SELECT "+strings.Join(all, ", ")+" FROM "+table+" WHERE to_run IS NULL", nil, func(values []any) error {
		values = slices.Clone(values)
		name := rowName(values[:len(key)])
		now, ok := rows[name]
		if ok && rowName(values[len(key):]) == rowName(now.values) {
			delete(rows, name)
			return nil
		}
		gone = append(gone, ended{values[:len(key)]})
		return nil
	})
	if err != nil {
		return err
	}
	for _, g := range gone {
		_, err := w.Exec("UPDATE "+table+" SET to_run = ? WHERE "+strings.Join(key, " = ? AND ")+" = ? AND to_run IS NULL", append([]any{w.run}, g.key...)...)
		if err != nil {
			return err
		}
	}
	insert := engine.Insertion(table, append(slices.Clone(all), "from_run"), 1)
	for _, name := range sortedNames(rows) {
		r := rows[name]
		if _, err := w.Exec(insert, append(append(slices.Clone(r.key), r.values...), w.run)...); err != nil {
			return err
		}
	}
	return nil
}

// rowName is different for different values.
func rowName(values []any) string { return fmt.Sprintf("%#v", append([]any{}, values...)) }

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var holderKey = []string{"allotment_id", "kind", "holder"}

func (w *writer) allotmentHolders(all []snapshot.AllotmentAssignment) error {
	rows := make(map[string]lastingRow, len(all))
	for _, a := range all {
		key, err := w.holderOf(a.Allotment, a.Holder)
		if err != nil {
			return err
		}
		rows[rowName(key)] = lastingRow{key: key}
	}
	return w.lasting("allotment_holder", holderKey, nil, rows)
}

func (w *writer) holderOf(allotment snapshot.AllotmentID, h snapshot.Holder) ([]any, error) {
	row, err := w.allotment(allotment)
	if err != nil {
		return nil, err
	}
	kind, key, err := w.holder(h)
	return []any{row, kind, key}, err
}

func (w *writer) waitingMembers(all []snapshot.WaitingMember) error {
	rows := make(map[string]lastingRow, len(all))
	for _, m := range all {
		key, err := w.holderOf(m.Allotment, m.Holder)
		if err != nil {
			return err
		}
		rows[rowName(key)] = lastingRow{key, []any{engine.Millis(m.Since)}}
	}
	return w.lasting("allotment_waiting", holderKey, []string{"since"}, rows)
}

// assignmentErrors keeps of several errors of one code the newest.
func (w *writer) assignmentErrors(all []snapshot.AssignmentError) error {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b snapshot.AssignmentError) int { return a.At.Compare(b.At) })
	rows := make(map[string]lastingRow, len(all))
	for _, e := range all {
		kind, holder, err := w.holder(e.Holder)
		if err != nil {
			return err
		}
		var sku int64
		if e.SKU != "" {
			if sku, err = w.sku(e.SKU); err != nil {
				return err
			}
		}
		key := []any{kind, holder, sku, e.Code}
		rows[rowName(key)] = lastingRow{key, []any{e.Message, engine.Millis(e.At)}}
	}
	return w.lasting("assignment_error", []string{"kind", "holder", "sku_id", "code"}, []string{"message", "at"}, rows)
}

// LicensingReads returns how each run read the parts of the cloud licensing API that
// it was to read.
func (h *History) LicensingReads(ctx context.Context) (map[snapshot.RunID]map[snapshot.LicensingPart]snapshot.GapWhy, error) {
	reads := map[snapshot.RunID]map[snapshot.LicensingPart]snapshot.GapWhy{}
	err := h.each(ctx, "read how cloud licensing was read", "SELECT run_id, part, gap FROM licensing_read", nil, func(scan func(...any) error) error {
		var run snapshot.RunID
		var part snapshot.LicensingPart
		var why snapshot.GapWhy
		if err := scan(&run, &part, &why); err != nil {
			return err
		}
		if reads[run] == nil {
			reads[run] = map[snapshot.LicensingPart]snapshot.GapWhy{}
		}
		reads[run][part] = why
		return nil
	})
	return reads, err
}

// each calls yield for every row of a query.
func (h *History) each(ctx context.Context, doing, query string, args []any, yield func(scan func(...any) error) error) error {
	rows, err := h.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, engine.Classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := yield(rows.Scan); err != nil {
			return fmt.Errorf("%s: %w", doing, engine.Classify(err))
		}
	}
	return engine.Classify(rows.Err())
}

const then = " from_run <= ?1 AND (to_run IS NULL OR to_run > ?1) "

// Allotments lists the allotments as they were at the run asked about.
func (h *History) Allotments(ctx context.Context) ([]snapshot.Allotment, error) {
	var all []snapshot.Allotment
	err := h.each(ctx, "read the allotments", `
		SELECT a.object_id, coalesce(s.object_id, ''), v.part_number, v.allotted, v.consumed, v.assignable_to, v.subscriptions
		FROM allotment_version v JOIN allotment a ON a.id = v.allotment_id LEFT JOIN sku s ON s.id = v.sku_id
		WHERE `+then+` ORDER BY v.part_number, a.object_id`, []any{int64(h.At.ID)}, func(scan func(...any) error) error {
		var a snapshot.Allotment
		var subscriptions string
		if err := scan(&a.ID, &a.SKU, &a.PartNumber, &a.Allotted, &a.Consumed, &a.AssignableTo, &subscriptions); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(subscriptions), &a.Subscriptions); err != nil {
			return fmt.Errorf("%w: subscriptions of an allotment: %w", engine.ErrDamaged, err)
		}
		all = append(all, a)
		return nil
	})
	return all, err
}

// holderColumns are read by heldBy.
const holderColumns = "kind, CASE kind WHEN 'user' THEN (SELECT object_id FROM user WHERE user.id = holder) ELSE holder END"

// heldBy makes a holder of two columns.
func heldBy(kind snapshot.HolderKind, key any) snapshot.Holder {
	h := snapshot.Holder{Kind: kind}
	if kind == snapshot.HeldByUser {
		h.ID = string(engine.UserID(key))
	} else if text, ok := key.(string); ok {
		h.ID = text
	}
	return h
}

// AllotmentAssignments lists to what licenses of allotments were assigned at the run
// asked about. They have no ids.
func (h *History) AllotmentAssignments(ctx context.Context) ([]snapshot.AllotmentAssignment, error) {
	var all []snapshot.AllotmentAssignment
	err := h.each(ctx, "read what draws on allotments", "SELECT a.object_id, "+holderColumns+` FROM allotment_holder h JOIN allotment a ON a.id = h.allotment_id
		WHERE`+then+"ORDER BY a.id, kind, holder", []any{int64(h.At.ID)}, func(scan func(...any) error) error {
		var a snapshot.AllotmentAssignment
		var kind snapshot.HolderKind
		var key any
		err := scan(&a.Allotment, &kind, &key)
		a.Holder = heldBy(kind, key)
		all = append(all, a)
		return err
	})
	return all, err
}

// WaitingMembers lists who waited for licenses at the run asked about, the longest
// first.
func (h *History) WaitingMembers(ctx context.Context) ([]snapshot.WaitingMember, error) {
	var all []snapshot.WaitingMember
	err := h.each(ctx, "read who waits for licenses", "SELECT a.object_id, since, "+holderColumns+` FROM allotment_waiting h JOIN allotment a ON a.id = h.allotment_id
		WHERE`+then+"ORDER BY since IS NULL, since, a.id, kind, holder", []any{int64(h.At.ID)}, func(scan func(...any) error) error {
		var m snapshot.WaitingMember
		var since sql.NullInt64
		var kind snapshot.HolderKind
		var key any
		err := scan(&m.Allotment, &since, &kind, &key)
		m.Since, m.Holder = engine.FromMillis(since), heldBy(kind, key)
		all = append(all, m)
		return err
	})
	return all, err
}

// AssignmentErrors lists the assignments that did not take effect at the run asked
// about, the newest first. Under pseudonyms messages name nobody.
func (h *History) AssignmentErrors(ctx context.Context) ([]snapshot.AssignmentError, error) {
	var all []snapshot.AssignmentError
	err := h.each(ctx, "read the assignment errors", `SELECT coalesce((SELECT object_id FROM sku WHERE sku.id = h.sku_id), ''), code, message, at, `+holderColumns+`
		FROM assignment_error h WHERE`+then+"ORDER BY at IS NULL, at DESC, kind, holder, sku_id, code", []any{int64(h.At.ID)}, func(scan func(...any) error) error {
		var e snapshot.AssignmentError
		var at sql.NullInt64
		var kind snapshot.HolderKind
		var key any
		err := scan(&e.SKU, &e.Code, &e.Message, &at, &kind, &key)
		e.At, e.Holder = engine.FromMillis(at), heldBy(kind, key)
		if h.pseudonyms != nil {
			e.Message = h.pseudonyms.text(e.Message)
		}
		all = append(all, e)
		return err
	})
	return all, err
}

// LicensingUsers returns the users whom the cloud licensing API ever named, as far as
// they were present at the run asked about.
func (h *History) LicensingUsers(ctx context.Context) (map[snapshot.UserID]*snapshot.User, error) {
	rows := map[int64]bool{}
	err := h.each(ctx, "read whom cloud licensing names", `SELECT holder FROM allotment_holder WHERE kind = 'user'
		UNION SELECT holder FROM allotment_waiting WHERE kind = 'user' UNION SELECT holder FROM assignment_error WHERE kind = 'user'`, nil, func(scan func(...any) error) error {
		var row int64
		err := scan(&row)
		rows[row] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	users := make(map[snapshot.UserID]*snapshot.User, len(rows))
	return users, h.people(ctx, numbersJSON(rows), func(_ int64, u *snapshot.User) { users[u.ID] = u })
}
