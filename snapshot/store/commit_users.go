package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"iter"

	"lictrail/snapshot"
)

// deltas writes what differs of each user.
func (w *writer) deltas(deltas iter.Seq[snapshot.Delta]) error {
	for d := range deltas {
		if err := w.delta(&d); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) delta(d *snapshot.Delta) error {
	user, err := w.user(d)
	if err != nil {
		return err
	}
	if d.Attributes {
		if err := w.attributes(user, &d.New); err != nil {
			return err
		}
	}
	if err := w.paths(user, d); err != nil {
		return err
	}
	if d.Plans {
		if err := w.userPlans(user, d.New.Plans); err != nil {
			return err
		}
	}
	return w.evidence(user, d.Evidence)
}

// user returns the user's row, with the fingerprint of the new state.
func (w *writer) user(d *snapshot.Delta) (int64, error) {
	key, print := userKey(d.ID), d.New.Fingerprint()
	var id int64
	err := w.queryRow("UPDATE user SET fingerprint = ? WHERE object_id = ? RETURNING id", []any{&id}, print, key)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	result, err := w.exec("INSERT INTO user (object_id, fingerprint) VALUES (?, ?)", key, print)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (w *writer) attributes(user int64, u *snapshot.User) error {
	more, err := versionMore(u.Attributes)
	if err != nil {
		return err
	}
	return w.version("user_version", "user_id", user,
		[]string{"presence", "deleted_at", "upn", "name", "mail", "department", "more"},
		[]any{string(u.Presence), millis(u.DeletedAt), u.UPN, u.Name, versionMail(u.Attributes), u.Department, more})
}

func (w *writer) paths(user int64, d *snapshot.Delta) error {
	for _, key := range d.Closed {
		sku, group, err := w.pathKey(key)
		if err != nil {
			return err
		}
		_, err = w.exec("UPDATE path SET to_run = ? WHERE user_id = ? AND sku_id = ? AND group_id = ? AND to_run IS NULL",
			w.run, user, sku, group)
		if err != nil {
			return err
		}
	}
	for i := range d.Opened {
		if err := w.path(user, &d.Opened[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) pathKey(key snapshot.PathKey) (sku, group int64, err error) {
	if sku, err = w.sku(key.SKU); err != nil {
		return 0, 0, err
	}
	group, err = w.group(key.PathRef)
	return sku, group, err
}

func (w *writer) path(user int64, p *snapshot.OpenedPath) error {
	sku, group, err := w.pathKey(p.PathKey)
	if err != nil {
		return err
	}
	disabled, err := w.planSet(p.Disabled)
	if err != nil {
		return err
	}
	_, err = w.exec(`INSERT INTO path (user_id, sku_id, group_id, from_run, held, state, error, disabled_id, state_at,
		path_run, start_run, period) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		user, sku, group, w.run, p.Held, unless(p.State, "Active"), unless(p.Error, ""), disabled, millis(p.UpdatedAt),
		unless(int64(p.Span.Path), 0), unless(int64(p.Start), 0), unless(int64(p.Period), 0))
	return err
}

// unless is NULL for the usual value, which is then not stored.
func unless[T comparable](value, usual T) any {
	if value == usual {
		return nil
	}
	return value
}

func (w *writer) userPlans(user int64, plans []snapshot.Plan) error {
	if len(plans) == 0 {
		return w.endVersion("user_plans", "user_id", user)
	}
	layout, dates, err := encodePlans(plans, w.plan)
	if err != nil {
		return err
	}
	id, err := w.layout(layout)
	if err != nil {
		return err
	}
	return w.version("user_plans", "user_id", user, []string{"layout_id", "dates"}, []any{id, dates})
}

func (w *writer) layout(text string) (int64, error) {
	if id, ok := w.hashes[text]; ok {
		return id, nil
	}
	var id int64
	hash := layoutHash(text)
	err := w.queryRow("SELECT id FROM plan_layout WHERE hash = ?", []any{&id}, hash)
	if errors.Is(err, sql.ErrNoRows) {
		var result sql.Result
		if result, err = w.exec("INSERT INTO plan_layout (hash, members) VALUES (?, ?)", hash, text); err == nil {
			id, err = result.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	if len(w.hashes) < maxLayouts {
		w.hashes[text] = id
	}
	return id, nil
}

// maxLayouts bounds the memory for layouts in a tenant where every user has
// one of their own.
const maxLayouts = 10_000

func (w *writer) evidence(user int64, found []snapshot.FirstEvidence) error {
	for _, e := range found {
		sku, err := w.sku(e.SKU)
		if err != nil {
			return err
		}
		if e.Basis == snapshot.BasisAudit {
			_, err = w.exec(insertEventEvidence, user, sku, e.Exact, e.At.UnixMilli(), w.run, string(e.Event.Source), e.Event.ID)
		} else {
			_, err = w.exec("INSERT INTO first_evidence (user_id, sku_id, run_id, basis, at) VALUES (?, ?, ?, ?, ?)",
				user, sku, w.run, string(e.Basis), e.At.UnixMilli())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changes writes the changes in their order, each with its attribution.
func (w *writer) changes(changes []Attributed) error {
	for i := range changes {
		id, err := w.change(&changes[i].Change)
		if err != nil {
			return err
		}
		if err := w.attribution(id, 1, &changes[i].Attribution); err != nil {
			return err
		}
	}
	return nil
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
	detail, err := json.Marshal(changeDetail{Plans: c.Plans, State: c.State, Units: c.Units, Presence: c.Presence, Returned: c.Returned, Affected: c.Affected})
	if err != nil {
		return 0, err
	}
	result, err := w.exec(`INSERT INTO change (run_id, kind, observed, user_id, sku_id, group_id, from_group_id,
		not_before, not_after, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		w.run, string(c.Kind), c.Observed, user, sku, path, from,
		millis(c.Window.NotBefore), millis(c.Window.NotAfter), string(detail))
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
	Affected int                  `json:"affected,omitempty"`
}

func (w *writer) changeKeys(c *snapshot.Change) (user, sku any, err error) {
	if c.User != "" {
		var id int64
		if err := w.queryRow("SELECT id FROM user WHERE object_id = ?", []any{&id}, userKey(c.User)); err != nil {
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
