package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"lictrail/snapshot"
)

// PathsAt returns the rows of a user's paths as a run showed them.
func (h *History) PathsAt(ctx context.Context, id snapshot.UserID, run snapshot.RunID) ([]snapshot.Path, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT "+pathColumns+` FROM user u CROSS JOIN path p ON p.user_id = u.id
		WHERE u.object_id = ?1 AND p.from_run <= ?2 AND (p.to_run IS NULL OR p.to_run > ?2) ORDER BY p.sku_id, p.group_id`, userKey(id), int64(run))
	if err != nil {
		return nil, fmt.Errorf("read the licenses of user %s: %w", id, classify(err))
	}
	defer rows.Close()
	scanner := h.refs.scanner()
	var paths []snapshot.Path
	for rows.Next() {
		p, err := scanner.path(rows)
		if err != nil {
			return nil, fmt.Errorf("read the licenses of user %s: %w", id, classify(err))
		}
		paths = append(paths, p.Path)
	}
	return paths, classify(rows.Err())
}

// PresenceAt returns what a user was called and where they were as a run showed
// it; ok is false where no run up to then showed the user.
func (h *History) PresenceAt(ctx context.Context, id snapshot.UserID, run snapshot.RunID) (u snapshot.User, ok bool, err error) {
	var presence string
	var deleted sql.NullInt64
	err = h.tx.QueryRowContext(ctx, `SELECT v.upn, coalesce(v.presence, 'present'), v.deleted_at FROM user u CROSS JOIN user_version v ON v.user_id = u.id
		WHERE u.object_id = ?1 AND v.from_run <= ?2 AND (v.to_run IS NULL OR v.to_run > ?2)`, userKey(id), int64(run)).Scan(&u.UPN, &presence, &deleted)
	if errors.Is(err, sql.ErrNoRows) {
		return u, false, nil
	}
	u.ID, u.Presence, u.DeletedAt = id, snapshot.Presence(presence), fromMillis(deleted)
	return u, err == nil, classify(err)
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
				return false, classify(err)
			}
		}
	}
	return true, classify(err)
}

// Erased reports whether records of a stretch of time were erased on purpose.
func (h *History) Erased(ctx context.Context, from, to time.Time) (erased bool, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM event WHERE at >= ? AND at <= ? AND raw = '')", from.UnixMilli(), to.UnixMilli()).Scan(&erased)
	return erased, classify(err)
}
