package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// FindEachUser is [History.FindUsers] for many references at once: the users that
// each of them means, in the order of the references.
func (h *History) FindEachUser(ctx context.Context, refs []string) ([][]Person, error) {
	keys := make([][3]any, len(refs)) // object id in hex or as text, and the reference
	for i, ref := range refs {
		id := snapshot.NormalID(snapshot.UserID(ref))
		if g, ok := id.GUID(); ok {
			keys[i][0] = hex.EncodeToString(g[:])
		}
		keys[i][1], keys[i][2] = string(id), strings.TrimSpace(ref)
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	found := make([][]Person, len(refs))
	rows := map[int64]*Person{}
	err = engine.EachRow(ctx, h.tx, `
		SELECT r.key, u.id, u.object_id FROM json_each(?1) r CROSS JOIN user u ON u.object_id = coalesce(unhex(r.value ->> 0), r.value ->> 1) UNION
		SELECT r.key, u.id, u.object_id FROM json_each(?1) r CROSS JOIN user_version v ON `+upnIsRef+`
			CROSS JOIN user u ON u.id = v.user_id UNION
		SELECT r.key, u.id, u.object_id FROM json_each(?1) r CROSS JOIN user_version v ON v.mail = (r.value ->> 2) COLLATE NOCASE
			AND v.mail IS NOT NULL AND v.mail <> '' CROSS JOIN user u ON u.id = v.user_id ORDER BY 1, 2`,
		[]any{string(text)}, func(values []any) error {
			ref, _ := values[0].(int64)
			p := Person{}
			p.Row, _ = values[1].(int64)
			p.ID = engine.UserID(values[2])
			found[ref] = append(found[ref], p)
			rows[p.Row] = nil
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("find the users: %w", engine.Classify(err))
	}
	if err := h.describeRows(ctx, rows); err != nil {
		return nil, fmt.Errorf("find the users: %w", engine.Classify(err))
	}
	for _, people := range found {
		for i := range people {
			p := &people[i]
			if described := rows[p.Row]; described != nil {
				id := p.ID
				p.User = described.User
				p.ID = id
				h.pseudonyms.user(&p.User)
			}
		}
	}
	return found, nil
}

// describeRows is [History.describe] for the users in many rows.
func (h *History) describeRows(ctx context.Context, people map[int64]*Person) error {
	at := int64(h.At.ID)
	// worse orders as describe does: first what is not later than the run, then what is nearer
	distance := func(from int64) [2]int64 {
		if from > at {
			return [2]int64{1, from - at}
		}
		return [2]int64{0, at - from}
	}
	best := map[int64][2]int64{}
	rows, err := h.tx.QueryContext(ctx, "SELECT "+versionColumns+", v.from_run, v.user_id"+versionTables+
		"WHERE v.user_id IN (SELECT value FROM json_each(?))", numbersJSON(people))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		u, from, err := scanVersion(scanMore{rows, []any{&row}}, h.words)
		if err != nil {
			return err
		}
		d := distance(from)
		if b, ok := best[row]; !ok || slices.Compare(d[:], b[:]) < 0 {
			best[row], people[row] = d, &Person{Row: row, User: u}
		}
	}
	return rows.Err()
}

func numbersJSON[V any](rows map[int64]V) string {
	text := []byte{'['}
	for row := range rows {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, "%d", row)
	}
	return string(append(text, ']'))
}

// SeenEach is [History.Seen] for many users, by their rows.
func (h *History) SeenEach(ctx context.Context, people map[int64]bool) (map[int64][]*Run, error) {
	var complete []*Run
	for _, r := range h.Runs {
		complete = append(complete, r)
	}
	slices.SortFunc(complete, func(a, b *Run) int { return int(a.ID - b.ID) })
	seen := make(map[int64][]*Run, len(people))
	rows, err := h.tx.QueryContext(ctx, `SELECT user_id, from_run, to_run FROM user_version
		WHERE presence IS NULL AND user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id, from_run`, numbersJSON(people))
	if err != nil {
		return nil, fmt.Errorf("read the runs that saw users: %w", engine.Classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var user, from int64
		var to sql.NullInt64
		if err := rows.Scan(&user, &from, &to); err != nil {
			return nil, fmt.Errorf("read the runs that saw users: %w", engine.Classify(err))
		}
		for _, r := range complete {
			if id := int64(r.ID); id >= from && (!to.Valid || id < to.Int64) {
				seen[user] = append(seen[user], r)
			}
		}
	}
	return seen, engine.Classify(rows.Err())
}
