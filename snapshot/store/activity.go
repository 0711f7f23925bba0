package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
)

// ActivityResult is what a run read of users' activity.
type ActivityResult struct {
	Reads []snapshot.ActivityRead
	Rows  []snapshot.ActivityRow // of the sources that were read
}

// pause is how long nothing may be seen within one stretch of active time.
const pause = 30 * 24 * time.Hour

// sourceBit is the source's number in the database.
func sourceBit(s snapshot.ActivitySource) int64 {
	return 1 << slices.Index(snapshot.ActivitySources, s)
}

// kindNumber is the kind's number in the database.
func kindNumber(k snapshot.ActivityKind) int64 {
	return int64(slices.Index(snapshot.ActivityKinds, k)) + 1
}

// activity writes what was read of users' activity. What was known stays, also
// of users whom a source no longer covers.
func (w *writer) activity(a *ActivityResult) error {
	if a == nil {
		return nil
	}
	var read int64
	for _, r := range a.Reads {
		if r.Gap == "" {
			read |= sourceBit(r.Source)
		}
		_, err := w.Exec("INSERT INTO activity_read (run_id, source_id, gap, since_at, until_at, users) VALUES (?, ?, ?, ?, ?, ?)",
			w.run, sourceBit(r.Source), string(r.Gap), engine.Millis(r.Since), engine.Millis(r.Until), r.Users)
		if err != nil {
			return err
		}
	}
	owners, err := w.workloadOwners()
	if err != nil {
		return err
	}
	told := make(map[int64]int64)
	counts := make(map[int64]*snapshot.CopilotCounts)
	torn := make(map[int64]bool) // of whom two rows say different things
	for i := range a.Rows {
		user, err := w.activityRow(&a.Rows[i], owners, told)
		if err != nil {
			return err
		}
		if now := a.Rows[i].Counts; now != nil && user != 0 {
			if before := counts[user]; before != nil && !reflect.DeepEqual(before, now) {
				torn[user] = true
			}
			counts[user] = now
		}
	}
	counted := make(map[int64]bool)
	for _, user := range slices.Sorted(maps.Keys(counts)) {
		if torn[user] {
			continue
		}
		counted[user] = true
		if err := w.copilotCounts(user, counts[user]); err != nil {
			return err
		}
	}
	if read&sourceBit(snapshot.CopilotUsage) != 0 {
		if err := w.uncounted(counted); err != nil {
			return err
		}
	}
	return w.reported(read, told)
}

var copilotColumns = []string{"days", "prompts", "prompts_work", "prompts_web", "active_days"}

func (w *writer) copilotCounts(user int64, c *snapshot.CopilotCounts) error {
	values := []any{c.Days}
	for _, n := range []*int64{c.Prompts, c.PromptsWork, c.PromptsWeb, c.ActiveDays} {
		if n == nil {
			values = append(values, nil)
			continue
		}
		values = append(values, *n)
	}
	return w.version("copilot_count", "user_id", user, copilotColumns, values)
}

// uncounted ends the counts of users of whom the report that was just read has none.
func (w *writer) uncounted(counted map[int64]bool) error {
	var gone []int64
	err := engine.EachRow(w.ctx, w.tx, "SELECT user_id FROM copilot_count WHERE to_run IS NULL", nil, func(values []any) error {
		if user, _ := values[0].(int64); !counted[user] {
			gone = append(gone, user)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, user := range gone {
		if err := w.endVersion("copilot_count", "user_id", user); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) activityRow(r *snapshot.ActivityRow, owners map[snapshot.Workload]snapshot.SKUID, told map[int64]int64) (user int64, err error) {
	user, err = w.activeUser(r)
	if err != nil || user == 0 {
		return 0, err
	}
	told[user] |= sourceBit(r.Source)
	// The earliest date first: of several workloads of one SKU it counts.
	for _, l := range slices.SortedFunc(slices.Values(r.Licensed), func(x, y snapshot.WorkloadLicense) int { return x.Day.Compare(y.Day) }) {
		if sku, ok := owners[l.Workload]; ok {
			if err := w.reportEvidence(user, sku, r.Name, l.LicensedBy()); err != nil {
				return 0, err
			}
		}
	}
	for _, u := range r.Uses {
		if err := w.activeTime(user, u); err != nil {
			return 0, err
		}
	}
	return user, nil
}

// activeUser finds the row of a user, 0 for nobody: a report may name a user
// who has left, or by a UPN that is no longer so.
func (w *writer) activeUser(r *snapshot.ActivityRow) (user int64, err error) {
	if r.User != "" {
		err = w.QueryRow("SELECT id FROM user WHERE object_id = ?", []any{&user}, engine.UserKey(r.User))
	} else {
		err = w.QueryRow("SELECT CASE count(*) WHEN 1 THEN min(user_id) ELSE 0 END FROM user_version WHERE "+upnIs+
			" AND to_run IS NULL AND presence IS NULL", []any{&user}, r.UPN)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return user, err
}

// activeTime moves the end of the newest stretch, or begins one.
func (w *writer) activeTime(user int64, u snapshot.Use) error {
	kind, at := kindNumber(u.Kind), u.At.UnixMilli()
	result, err := w.Exec(`UPDATE active_time SET last_at = ?3 WHERE user_id = ?1 AND kind_id = ?2
		AND from_at = (SELECT max(from_at) FROM active_time WHERE user_id = ?1 AND kind_id = ?2)
		AND last_at < ?3 AND last_at >= ?3 - ?4`, user, kind, at, pause.Milliseconds())
	if err != nil {
		return err
	}
	if moved, err := result.RowsAffected(); err != nil || moved > 0 {
		return err
	}
	_, err = w.Exec(`INSERT INTO active_time (user_id, kind_id, from_at, last_at, from_run) SELECT ?1, ?2, ?3, ?3, ?4
		WHERE NOT EXISTS (SELECT 1 FROM active_time WHERE user_id = ?1 AND kind_id = ?2 AND last_at >= ?3)`, user, kind, at, w.run)
	return err
}

// reported records which users each source covers. Sources that this run did not read stay.
func (w *writer) reported(read int64, now map[int64]int64) error {
	rows, err := w.tx.QueryContext(w.ctx, "SELECT user_id, sources FROM activity_told WHERE to_run IS NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	before := make(map[int64]int64)
	for rows.Next() {
		var user, sources int64
		if err := rows.Scan(&user, &sources); err != nil {
			return err
		}
		before[user] = sources
		if _, ok := now[user]; !ok {
			now[user] = 0
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for user, sources := range now {
		if err := w.reportedBy(user, before[user], before[user]&^read|sources); err != nil {
			return err
		}
	}
	return w.InsertRest()
}

func (w *writer) reportedBy(user, before, now int64) error {
	if before == now {
		return nil
	}
	if before != 0 {
		if err := w.endVersion("activity_told", "user_id", user); err != nil {
			return err
		}
	}
	if now == 0 {
		return nil
	}
	return w.Later("activity_told", []string{"user_id", "from_run", "sources"}, user, w.run, now)
}

// ActivityReads returns for each source its newest read up to the run asked
// about that succeeded or, when none did, the newest that was tried.
func (h *History) ActivityReads(ctx context.Context) (map[snapshot.ActivitySource]snapshot.ActivityRead, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT s.name, r.gap, r.since_at, r.until_at, r.users FROM activity_read r JOIN activity_source s ON s.id = r.source_id
		WHERE r.run_id <= ? ORDER BY r.gap = '', r.run_id`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read how activity was read: %w", engine.Classify(err))
	}
	defer rows.Close()
	reads := make(map[snapshot.ActivitySource]snapshot.ActivityRead)
	for rows.Next() {
		var r snapshot.ActivityRead
		var since, until sql.NullInt64
		if err := rows.Scan(&r.Source, &r.Gap, &since, &until, &r.Users); err != nil {
			return nil, fmt.Errorf("read how activity was read: %w", engine.Classify(err))
		}
		r.Since, r.Until = engine.FromMillis(since), engine.FromMillis(until)
		reads[r.Source] = r
	}
	return reads, engine.Classify(rows.Err())
}

// ActivityReadsByRun returns how each run read the sources that it was asked to.
func (h *History) ActivityReadsByRun(ctx context.Context) (map[snapshot.RunID]map[snapshot.ActivitySource]snapshot.ActivityGap, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT r.run_id, s.name, r.gap FROM activity_read r JOIN activity_source s ON s.id = r.source_id")
	if err != nil {
		return nil, fmt.Errorf("read how activity was read: %w", engine.Classify(err))
	}
	defer rows.Close()
	reads := make(map[snapshot.RunID]map[snapshot.ActivitySource]snapshot.ActivityGap)
	for rows.Next() {
		var run snapshot.RunID
		var source snapshot.ActivitySource
		var gap snapshot.ActivityGap
		if err := rows.Scan(&run, &source, &gap); err != nil {
			return nil, fmt.Errorf("read how activity was read: %w", engine.Classify(err))
		}
		if reads[run] == nil {
			reads[run] = make(map[snapshot.ActivitySource]snapshot.ActivityGap)
		}
		reads[run][source] = gap
	}
	return reads, engine.Classify(rows.Err())
}

// activity reads what is known of users' activity into what into gives for their
// rows. What runs after the one asked about saw is among it. of is as in people.
func (h *History) activity(ctx context.Context, of string, into func(row int64) *snapshot.UserActivity) error {
	for _, read := range []func(context.Context, string, func(int64) *snapshot.UserActivity) error{h.activeTimes, h.activitySources, h.copilotCounts} {
		if err := read(ctx, of, into); err != nil {
			return fmt.Errorf("read the activity: %w", engine.Classify(err))
		}
	}
	return nil
}

func (h *History) copilotCounts(ctx context.Context, of string, into func(row int64) *snapshot.UserActivity) error {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT c.user_id, c.days, c.prompts, c.prompts_work, c.prompts_web, c.active_days FROM copilot_count c
		WHERE c.from_run <= ?2 AND (c.to_run IS NULL OR c.to_run > ?2) AND c.user_id`+ofThem, of, int64(h.At.ID))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var c snapshot.CopilotCounts
		if err := rows.Scan(&row, &c.Days, &c.Prompts, &c.PromptsWork, &c.PromptsWeb, &c.ActiveDays); err != nil {
			return err
		}
		into(row).Counts = &c
	}
	return rows.Err()
}

func (h *History) activeTimes(ctx context.Context, of string, into func(row int64) *snapshot.UserActivity) error {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT a.user_id, k.name, max(a.last_at) FROM active_time a JOIN activity_kind k ON k.id = a.kind_id
		WHERE a.user_id`+ofThem+` GROUP BY a.user_id, a.kind_id ORDER BY a.user_id, a.kind_id`, of)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var use snapshot.Use
		var at sql.NullInt64
		if err := rows.Scan(&row, &use.Kind, &at); err != nil {
			return err
		}
		use.At = engine.FromMillis(at)
		a := into(row)
		a.Last = append(a.Last, use)
	}
	return rows.Err()
}

func (h *History) activitySources(ctx context.Context, of string, into func(row int64) *snapshot.UserActivity) error {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT t.user_id, t.sources FROM activity_told t
		WHERE t.from_run <= ?2 AND (t.to_run IS NULL OR t.to_run > ?2) AND t.user_id`+ofThem, of, int64(h.At.ID))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row, sources int64
		if err := rows.Scan(&row, &sources); err != nil {
			return err
		}
		a := into(row)
		for _, s := range snapshot.ActivitySources {
			if sources&sourceBit(s) != 0 {
				a.Covered = append(a.Covered, s)
			}
		}
	}
	return rows.Err()
}
