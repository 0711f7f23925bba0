package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// UserAt is a user as a run showed it.
type UserAt struct {
	UPN       string
	Presence  snapshot.Presence
	DeletedAt time.Time       // of a deleted account; zero where it is not known
	Paths     []snapshot.Path // the rows of its paths, where it was present
}

// usersAtOnce is how many users one statement reads: to prepare one costs more than
// to read the rows of a user.
const usersAtOnce = 500

// UsersAt returns users as a run showed them. One that no run up to then showed is
// left out.
func (h *History) UsersAt(ctx context.Context, ids []snapshot.UserID, run snapshot.RunID) (map[snapshot.UserID]*UserAt, error) {
	users := make(map[snapshot.UserID]*UserAt, len(ids))
	for some := range slices.Chunk(ids, usersAtOnce) {
		if err := h.addUsersAt(ctx, users, some, run); err != nil {
			return nil, fmt.Errorf("read users as run %d showed them: %w", run, engine.Classify(err))
		}
	}
	return users, nil
}

func (h *History) addUsersAt(ctx context.Context, users map[snapshot.UserID]*UserAt, ids []snapshot.UserID, run snapshot.RunID) error {
	args := make([]any, 0, len(ids)+1)
	args = append(args, int64(run))
	for _, id := range ids {
		args = append(args, engine.UserKey(id))
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ")
	byRow := make(map[int64]*UserAt, len(ids))
	err := engine.EachRow(ctx, h.tx, `
		SELECT u.id, u.object_id, v.upn, v.presence, v.deleted_at FROM user u CROSS JOIN user_version v ON v.user_id = u.id
		WHERE v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) AND u.object_id IN (`+marks+")", args, func(values []any) error {
		u := &UserAt{Presence: snapshot.Present}
		id, _ := values[0].(int64)
		u.UPN, _ = values[2].(string)
		if absent, ok := values[3].(string); ok {
			u.Presence = snapshot.Presence(absent)
		}
		if at, ok := values[4].(int64); ok {
			u.DeletedAt = engine.FromMillis(sql.NullInt64{Int64: at, Valid: true})
		}
		byRow[id], users[engine.UserID(values[1])] = u, u
		return nil
	})
	if err != nil {
		return err
	}
	rows, err := h.tx.QueryContext(ctx, "SELECT "+pathColumns+`, u.id FROM user u CROSS JOIN path p ON p.user_id = u.id
		WHERE p.from_run <= ?1 AND (p.to_run IS NULL OR p.to_run > ?1) AND u.object_id IN (`+marks+`)
		ORDER BY u.id, p.sku_id, p.group_id`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	scanner := h.refs.scanner()
	for rows.Next() {
		p, err := scanner.path(rows)
		if err != nil {
			return err
		}
		if u := byRow[engine.Must(scanner.Number())]; u != nil && u.Presence == snapshot.Present {
			u.Paths = append(u.Paths, p.Path)
		}
	}
	return rows.Err()
}

// OldRules reports whether history has attributions by older rules than a version,
// and no run has attributed everything anew by it: such a run has a warning of
// the code.
func (h *History) OldRules(ctx context.Context, version int, code string) (bool, error) {
	var oldest sql.NullInt64
	err := h.tx.QueryRowContext(ctx, "SELECT coalesce(detail ->> '$.rules', 0) FROM attribution ORDER BY id LIMIT 1").Scan(&oldest)
	if errors.Is(err, sql.ErrNoRows) || err == nil && oldest.Int64 >= int64(version) {
		return false, nil
	}
	for _, r := range h.Runs {
		for _, w := range r.Warnings {
			if w.Code == code {
				return false, engine.Classify(err)
			}
		}
	}
	return true, engine.Classify(err)
}

// Erased reports whether records of a stretch of time were erased on purpose.
func (h *History) Erased(ctx context.Context, from, to time.Time) (erased bool, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM event WHERE at >= ? AND at <= ? AND raw = '')", from.UnixMilli(), to.UnixMilli()).Scan(&erased)
	return erased, engine.Classify(err)
}
