package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// ChangeFilter narrows which changes are listed; zero fields do not.
type ChangeFilter struct {
	Users        []Person
	SKUs         []snapshot.SKUID // any of these
	Kinds        []snapshot.Kind
	Causes       []snapshot.Cause
	Initiators   []snapshot.Initiator
	Run          snapshot.RunID
	IDs          []int64
	After, UpTo  snapshot.RunID // shown by runs after the one, up to and with the other
	AfterID      int64          // found after the change of this number
	Since, Until time.Time      // by the change's date; both inclusive
	Unseen       bool           // only those that only the audit log saw
	Untracked    bool           // only those of the time before the first run
	Newest       bool           // newest first, by date
	Oldest       bool           // oldest first, by date; else in the order in which they were found
}

// ChangeRow is a change as history keeps it.
type ChangeRow struct {
	snapshot.Change         // its path is the one that the attribution shows, where it shows another
	Person          *Person // as they were when it happened; nil for changes to the tenant
	When            snapshot.Date
	Attribution     snapshot.Attribution
	Revision        int
	seenPath        *snapshot.PathRef
}

// AsSeen is the change as it was found by comparing snapshots.
func (c *ChangeRow) AsSeen() snapshot.Change {
	seen := c.Change
	seen.Path = c.seenPath
	return seen
}

// Changes lists changes in the order in which they were found.
func (h *History) Changes(ctx context.Context, f ChangeFilter) iter.Seq2[*ChangeRow, error] {
	return func(yield func(*ChangeRow, error) bool) {
		query, args := f.query(h.until)
		rows, err := h.tx.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, fmt.Errorf("read the changes: %w", engine.Classify(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			c, err := scanChange(rows)
			if err != nil {
				yield(nil, fmt.Errorf("read the changes: %w", engine.Classify(err)))
				return
			}
			h.pseudonyms.change(c)
			if !yield(c, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read the changes: %w", engine.Classify(err)))
		}
	}
}

// seenColumns and seenTables are a change c as it was found, for a [seenRow]; its number is
// 0 where there is none.
const (
	seenColumns = `coalesce(c.id, 0) AS id, coalesce(c.run_id, 0) AS run_id, coalesce(c.kind, '') AS kind, coalesce(c.observed, 0) AS observed,
		coalesce(s.object_id, ''), c.group_id, coalesce(g.object_id, ''),
		c.from_group_id, coalesce(f.object_id, ''), c.not_before, c.not_after, coalesce(c.detail, '{}') AS detail, u.object_id`
	seenTables = `
	LEFT JOIN sku s ON s.id = c.sku_id
	LEFT JOIN licensed_group g ON g.id = c.group_id
	LEFT JOIN licensed_group f ON f.id = c.from_group_id
	LEFT JOIN user u ON u.id = c.user_id`
)

const changeQuery = "SELECT " + seenColumns + `,
		u.id, v.upn, v.name, v.mail, d.department,
		CASE WHEN EXISTS (SELECT 1 FROM agent x WHERE x.user_id = v.user_id) THEN 'Agent' ELSE d.type END, coalesce(v.presence, 'present'),
		a.revision, a.cause, a.initiator, a.confidence, coalesce(a.unknown_why, ''), a.at, a.reason, a.detail
	FROM change c` + seenTables + `
	LEFT JOIN user_version v ON v.user_id = c.user_id AND v.from_run =
		(SELECT max(from_run) FROM user_version WHERE user_id = c.user_id AND from_run <= c.run_id)
	LEFT JOIN profiles d ON d.profile_key = v.profile_id
	JOIN attribution a ON a.change_id = c.id
		AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id AND run_id < ?)
	WHERE c.run_id < ?`

func (f *ChangeFilter) query(until snapshot.RunID) (string, []any) {
	if until == 0 {
		until = math.MaxInt64
	}
	q := &conditions{text: changeQuery, args: []any{int64(until), int64(until)}}
	rows := make([]any, len(f.Users))
	for i, u := range f.Users {
		rows[i] = u.Row
	}
	q.in("c.user_id", rows)
	q.in("s.object_id", texts(f.SKUs))
	q.in("c.kind", texts(f.Kinds))
	q.in("a.cause", texts(f.Causes))
	q.in("a.initiator", texts(f.Initiators))
	ids := make([]any, len(f.IDs))
	for i, id := range f.IDs {
		ids[i] = id
	}
	q.in("c.id", ids)
	if f.Run != 0 {
		q.add("c.run_id = ?", int64(f.Run))
	}
	if f.After != 0 {
		q.add("c.run_id > ?", int64(f.After))
	}
	if f.UpTo != 0 {
		q.add("c.run_id <= ?", int64(f.UpTo))
	}
	if f.AfterID != 0 {
		q.add("c.id > ?", f.AfterID)
	}
	if !f.Since.IsZero() {
		q.add("coalesce(a.at, c.not_after) >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		q.add("coalesce(a.at, c.not_after) <= ?", f.Until.UnixMilli())
	}
	if f.Unseen {
		q.add("c.observed = 0 AND c.not_before IS NOT NULL")
	}
	if f.Untracked {
		q.add("c.not_before IS NULL AND c.observed = 0")
	}
	switch {
	case f.Newest:
		return q.text + " ORDER BY coalesce(a.at, c.not_after) DESC, c.id DESC", q.args
	case f.Oldest:
		return q.text + " ORDER BY coalesce(a.at, c.not_after), c.id", q.args
	}
	return q.text + " ORDER BY c.id", q.args
}

// conditions builds a WHERE clause of constant texts and bound values.
type conditions struct {
	text string
	args []any
}

func (q *conditions) add(condition string, args ...any) {
	q.text += " AND " + condition
	q.args = append(q.args, args...)
}

func (q *conditions) in(column string, values []any) {
	if len(values) > 0 {
		q.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
}

func texts[T ~string](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func scanChange(rows *sql.Rows) (*ChangeRow, error) {
	var c ChangeRow
	seen := seenRow{c: &c.Change}
	var user, at sql.NullInt64
	var upn, name, mail, department, userType, presence sql.NullString
	var attribution string
	a := &c.Attribution
	err := rows.Scan(append(seen.into(), &user, &upn, &name, &mail, &department, &userType, &presence,
		&c.Revision, &a.Cause, &a.Initiator, &a.Confidence, &a.UnknownWhy, &at, &a.Reason, &attribution)...)
	if err != nil {
		return nil, err
	}
	err = seen.unpack()
	if user.Valid {
		c.Person = &Person{Row: user.Int64, User: snapshot.User{ID: c.User, Presence: snapshot.Presence(presence.String),
			Attributes: snapshot.Attributes{UPN: upn.String, Name: name.String, Mail: mail.String, Department: department.String, Type: userType.String}}}
	}
	a.At = engine.FromMillis(at)
	c.When = snapshot.WindowDate(c.Window)
	if !a.At.IsZero() {
		c.When = snapshot.ExactDate(a.At)
	}
	if err == nil {
		err = unpackAttribution(a, attribution, c.ID)
	}
	c.seenPath = c.Path
	if c.Attribution.Path != nil {
		c.Path = c.Attribution.Path
	}
	return &c, err
}

// seenRow takes a change as it was found from a row.
type seenRow struct {
	c                                *snapshot.Change
	group, from, notBefore, notAfter sql.NullInt64
	groupID, fromID                  snapshot.GroupID
	detail                           string
	user                             any
}

func (r *seenRow) into() []any {
	c := r.c
	return []any{&c.ID, &c.Run, &c.Kind, &c.Observed, &c.SKU, &r.group, &r.groupID, &r.from, &r.fromID, &r.notBefore, &r.notAfter, &r.detail, &r.user}
}

func (r *seenRow) unpack() error {
	c := r.c
	if r.user != nil {
		c.User = engine.UserID(r.user)
	}
	c.Path, c.From = pathRefOf(r.group, r.groupID), pathRefOf(r.from, r.fromID)
	c.Window = snapshot.Window{NotBefore: engine.FromMillis(r.notBefore), NotAfter: engine.FromMillis(r.notAfter)}
	var d changeDetail
	if err := json.Unmarshal([]byte(r.detail), &d); err != nil {
		return fmt.Errorf("%w: change %d: %w", engine.ErrDamaged, c.ID, err)
	}
	c.Plans, c.State, c.Units, c.Presence, c.Returned, c.Back, c.Affected, c.Dated, c.Listed = d.Plans, d.State, d.Units, d.Presence, d.Returned, d.Back, d.Affected, d.Dated, d.Listed
	return nil
}

func unpackAttribution(a *snapshot.Attribution, text string, change int64) error {
	var d attributionDetail
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return fmt.Errorf("%w: cause of change %d: %w", engine.ErrDamaged, change, err)
	}
	a.Actor, a.Via, a.Evidence, a.Path, a.Rules = d.Actor, d.Via, d.Evidence, d.Path, d.Rules
	return nil
}

func pathRefOf(group sql.NullInt64, id snapshot.GroupID) *snapshot.PathRef {
	if !group.Valid {
		return nil
	}
	return &snapshot.PathRef{Kind: pathKind(group.Int64), Group: id}
}

// Activity is how much one actor has done, by what changes rest on.
type Activity struct {
	Changes, Users, Clients int
	Since                   time.Time
}

// ActorActivity counts what an actor, by object id, has done to licenses: many
// clients or many users hint at an account that several people share.
func (h *History) ActorActivity(ctx context.Context, actor string) (Activity, error) {
	var a Activity
	var since sql.NullInt64
	err := h.tx.QueryRowContext(ctx, `
		SELECT count(*), count(DISTINCT c.user_id), count(DISTINCT a.detail ->> '$.actor.client_app'), min(c.not_after)
		FROM attribution a JOIN change c ON c.id = a.change_id
		WHERE a.detail ->> '$.actor.id' = ? AND a.detail ->> '$.actor.id' IS NOT NULL
			AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = a.change_id)`, actor).
		Scan(&a.Changes, &a.Users, &a.Clients, &since)
	a.Since = engine.FromMillis(since)
	if err != nil {
		return a, fmt.Errorf("count what the actor did: %w", engine.Classify(err))
	}
	return a, nil
}

// Actors lists whom attributions name, as actors and as those behind them; one
// who was called in several ways is there with each.
func (h *History) Actors(ctx context.Context) ([]snapshot.Actor, error) {
	return Once(h, "actors", func() ([]snapshot.Actor, error) { return h.actors(ctx) })
}

func (h *History) actors(ctx context.Context) ([]snapshot.Actor, error) {
	seen := map[snapshot.Actor]bool{}
	var actors []snapshot.Actor
	for r, err := range h.Revisions(ctx) {
		if err != nil {
			return nil, err
		}
		for _, a := range []*snapshot.Actor{r.Actor, viaActor(r.Via)} {
			if a != nil && !seen[*a] {
				seen[*a] = true
				actors = append(actors, *a)
			}
		}
	}
	return actors, nil
}
