package store

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
)

// users writes what differs of each user.
func (w *writer) users(r *Result) error {
	last, n := int64(0), 0
	if err := w.QueryRow("SELECT coalesce(max(id), 0) FROM user", []any{&last}); err != nil {
		return err
	}
	for u, err := range engine.ReadAhead(r.Spool.All(), engine.Batch) {
		if err = cmp.Or(err, w.ended()); err != nil {
			return err
		}
		if u.Row == 0 {
			last++
		}
		if err := w.user(u, last); err != nil {
			return err
		}
		if n++; n%engine.AtOnce == 0 {
			if err := w.InsertFull(); err != nil {
				return err
			}
		}
	}
	if err := w.InsertRest(); err != nil {
		return err
	}
	return w.names.Flush(w.Exec)
}

// user writes one user. next is the row of one who is new.
func (w *writer) user(u *intake.Spooled, next int64) error {
	row, err := w.userRow(u, next)
	if err != nil {
		return err
	}
	if u.Attributes {
		if err := w.attributes(row, u); err != nil {
			return err
		}
	}
	if err := w.paths(row, u); err != nil {
		return err
	}
	if u.Plans {
		if err := w.userPlans(row, u); err != nil {
			return err
		}
	}
	return w.evidence(row, u.Evidence)
}

// userRow returns the user's row, with the fingerprint of the new state and the
// print of the row that showed it.
func (w *writer) userRow(u *intake.Spooled, next int64) (int64, error) {
	print, err := w.rowPrint(u)
	if err != nil {
		return 0, err
	}
	if u.Row != 0 {
		_, err := w.Exec("UPDATE user SET fingerprint = ?, row_print = ? WHERE id = ?", u.Fingerprint, print, u.Row)
		return u.Row, err
	}
	return next, w.Later("user", []string{"id", "object_id", "fingerprint", "row_print"}, next, engine.UserKey(u.ID), u.Fingerprint, print)
}

func (w *writer) attributes(row int64, u *intake.Spooled) error {
	profile, err := w.profile(u.Department, &u.Shared)
	if err != nil {
		return err
	}
	mail, _ := u.Mail.(string)
	if err := w.names.Add(row, u.UPN, u.Name, mail, w.Exec); err != nil {
		return err
	}
	return w.userVersion("user_version", row, u.Row == 0,
		[]string{"presence", "deleted_at", "upn", "name", "mail", "employee_id", "created_at", "profile_id"},
		engine.Unless(u.Presence, string(snapshot.Present)), engine.Millis(u.DeletedAt), u.UPN, u.Name, u.Mail,
		engine.Unless(u.EmployeeID, ""), engine.Millis(u.CreatedAt), profile)
}

// userVersion is version for a table with the key user_id, less the look for an
// open row where a user is new.
func (w *writer) userVersion(table string, row int64, isNew bool, columns []string, values ...any) error {
	if !isNew {
		same, err := w.supersede(table, "user_id", row, columns, values)
		if err != nil || same {
			return err
		}
	}
	return w.Later(table, append([]string{"user_id", "from_run"}, columns...), append([]any{row, w.run}, values...)...)
}

func (w *writer) paths(row int64, u *intake.Spooled) error {
	for _, key := range u.Closed {
		sku, group, err := w.pathKey(key)
		if err != nil {
			return err
		}
		_, err = w.Exec("UPDATE path SET to_run = ? WHERE user_id = ? AND sku_id = ? AND group_id = ? AND to_run IS NULL",
			w.run, row, sku, group)
		if err != nil {
			return err
		}
	}
	rows := make([][]any, len(u.Opened))
	for i := range u.Opened {
		var err error
		if rows[i], err = w.path(row, &u.Opened[i]); err != nil {
			return err
		}
	}
	return w.LaterInOrder("path", pathRowColumns, rows)
}

func (w *writer) pathKey(key snapshot.PathKey) (sku, group int64, err error) {
	if sku, err = w.sku(key.SKU); err != nil {
		return 0, 0, err
	}
	group, err = w.group(key.PathRef)
	return sku, group, err
}

var pathRowColumns = []string{"user_id", "sku_id", "group_id", "from_run", "held", "state", "error", "disabled_id", "state_at",
	"path_run", "start_run", "period"}

func (w *writer) path(user int64, p *snapshot.OpenedPath) ([]any, error) {
	sku, group, err := w.pathKey(p.PathKey)
	if err != nil {
		return nil, err
	}
	disabled, err := w.planSet(p.Disabled)
	if err != nil {
		return nil, err
	}
	held := int64(0)
	if p.Held {
		held = 1
	}
	return []any{user, sku, group, w.run, held, engine.Unless(p.State, "Active"), engine.Unless(p.Error, ""), disabled, engine.Millis(p.UpdatedAt),
		engine.Unless(int64(p.Span.Path), 0), engine.Unless(int64(p.Start), 0), engine.Unless(int64(p.Period), 0)}, nil
}

func (w *writer) userPlans(row int64, u *intake.Spooled) error {
	if u.Shape == "" {
		return w.endVersion("user_plans", "user_id", row)
	}
	layout, dates, err := w.sharedLayout(u.Shape, u.Dates)
	if err != nil {
		return err
	}
	values, err := dateValues(dates)
	if err != nil {
		return fmt.Errorf("encode the dates of user %s: %w", u.ID, err)
	}
	return w.userVersion("user_plans", row, u.Row == 0, append([]string{"layout_id"}, dateColumnNames...),
		append([]any{layout}, values...)...)
}

// fewDates is how many dates a pattern has at most that is kept though nobody is
// known to share it.
const fewDates = 3

// sharedLayout returns the row of a layout that the user's plans have, with the
// dates that go with it. A pattern of many dates is kept for the second user who
// has it; the first one gets the layout with a date for each plan.
func (w *writer) sharedLayout(shape string, dates []time.Time) (int64, []time.Time, error) {
	if _, known := w.layouts[shape]; !known && len(dates) > fewDates && len(w.seen) < maxLayouts {
		text, err := intake.LayoutText(shape, w.plan)
		if err != nil {
			return 0, nil, err
		}
		id, err := w.layoutRow(text)
		switch {
		case err == nil:
			w.layouts[shape] = id
		case !errors.Is(err, sql.ErrNoRows):
			return 0, nil, err
		case !w.seen[shape]:
			w.seen[shape] = true
			if shape, dates, err = intake.SpreadShape(shape, dates); err != nil {
				return 0, nil, err
			}
		}
	}
	id, err := w.layout(shape)
	return id, dates, err
}

// layoutRow finds a layout.
func (w *writer) layoutRow(text string) (id int64, err error) {
	err = w.QueryRow("SELECT id FROM plan_layout WHERE hash = ?", []any{&id}, intake.LayoutHash(text))
	return id, err
}

// layout returns the row of the layout that a shape of plans has.
func (w *writer) layout(shape string) (int64, error) {
	if id, ok := w.layouts[shape]; ok {
		return id, nil
	}
	text, err := intake.LayoutText(shape, w.plan)
	if err != nil {
		return 0, err
	}
	id, err := w.layoutRow(text)
	if errors.Is(err, sql.ErrNoRows) {
		var result sql.Result
		if result, err = w.Exec("INSERT INTO plan_layout (hash, members) VALUES (?, ?)", intake.LayoutHash(text), text); err == nil {
			id, err = result.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	if len(w.layouts) < maxLayouts {
		w.layouts[shape] = id
	}
	return id, nil
}

// maxLayouts bounds the memory for layouts in a tenant where every user has
// one of their own.
const maxLayouts = 10_000

func (w *writer) evidence(user int64, found []snapshot.FirstEvidence) error {
	rows := make([][]any, len(found))
	for i, e := range found {
		sku, err := w.sku(e.SKU)
		if err != nil {
			return err
		}
		rows[i] = []any{user, sku, w.run, string(e.Basis), e.At.UnixMilli()}
	}
	return w.LaterInOrder("first_evidence", []string{"user_id", "sku_id", "run_id", "basis", "at"}, rows)
}

// changes writes the changes in their order, each with its attribution.
func (w *writer) changes(changes iter.Seq2[*Attributed, error]) (n int, err error) {
	if changes == nil {
		return 0, nil
	}
	for c, err := range changes {
		if err = cmp.Or(err, w.ended()); err != nil {
			return n, err
		}
		id, err := w.change(&c.Change)
		if err != nil {
			return n, err
		}
		if err := w.attribution(id, 1, &c.Attribution); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (w *writer) change(c *snapshot.Change) (int64, error) {
	user, sku, err := w.changeKeys(c)
	if err != nil {
		return 0, err
	}
	path, err := w.pathRef(c.Path)
	if err != nil {
		return 0, err
	}
	from, err := w.pathRef(c.From)
	if err != nil {
		return 0, err
	}
	detail, err := json.Marshal(changeDetail{Plans: c.Plans, State: c.State, Units: c.Units, Presence: c.Presence, Returned: c.Returned, Back: c.Back, Affected: c.Affected, Dated: c.Dated, Listed: c.Listed})
	if err != nil {
		return 0, err
	}
	result, err := w.Exec(`INSERT INTO change (run_id, kind, observed, user_id, sku_id, group_id, from_group_id,
		not_before, not_after, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		w.run, string(c.Kind), c.Observed, user, sku, path, from,
		engine.Millis(c.Window.NotBefore), engine.Millis(c.Window.NotAfter), string(detail))
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// changeDetail is the part of a change that is kept as JSON.
type changeDetail struct {
	Plans    *snapshot.PlanDelta  `json:"plans,omitempty"`
	State    *snapshot.StateDelta `json:"state,omitempty"`
	Units    *snapshot.UnitsDelta `json:"units,omitempty"`
	Presence snapshot.Presence    `json:"presence,omitempty"`
	Returned bool                 `json:"returned,omitempty"`
	Back     bool                 `json:"back,omitempty"`
	Affected int                  `json:"affected,omitempty"`
	Dated    time.Time            `json:"dated,omitzero"`
	Listed   *bool                `json:"listed,omitempty"`
}

func (w *writer) changeKeys(c *snapshot.Change) (user, sku any, err error) {
	if c.User != "" {
		var id int64
		if err := w.QueryRow("SELECT id FROM user WHERE object_id = ?", []any{&id}, engine.UserKey(c.User)); err != nil {
			return nil, nil, err
		}
		user = id
	}
	if c.SKU != "" {
		if sku, err = w.sku(c.SKU); err != nil {
			return nil, nil, err
		}
	}
	return user, sku, nil
}

func (w *writer) pathRef(p *snapshot.PathRef) (any, error) {
	if p == nil {
		return nil, nil
	}
	return w.group(*p)
}
