package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/earlier"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

const insertEventEvidence = `INSERT INTO event_evidence (user_id, sku_id, exact, at, run_id, source, event_id)
	VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

// before writes what the audit log shows of the time before the first run.
func (w *writer) before(found map[snapshot.UserID][]snapshot.FirstEvidence) error {
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if _, err := w.userEvidence(id, found[id]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) userEvidence(id snapshot.UserID, evidence []snapshot.FirstEvidence) (added int, err error) {
	var user int64
	err = w.QueryRow("SELECT id FROM user WHERE object_id = ?", []any{&user}, engine.UserKey(id))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, e := range evidence {
		sku, err := w.sku(e.SKU)
		if err != nil {
			return 0, err
		}
		result, err := w.Exec(insertEventEvidence, user, sku, e.Exact, e.At.UnixMilli(), w.run, string(e.Event.Source), e.Event.ID)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		added += int(n)
	}
	return added, nil
}

// workloadOwners finds the workloads that speak for one SKU, by all that SKUs
// were ever seen to contain.
func (w *writer) workloadOwners() (map[snapshot.Workload]snapshot.SKUID, error) {
	rows, err := w.tx.QueryContext(w.ctx, "SELECT s.object_id, p.name FROM sku_plan c JOIN sku s ON s.id = c.sku_id JOIN plan p ON p.id = c.plan_id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	plans := make(map[snapshot.SKUID][]string)
	for rows.Next() {
		var sku snapshot.SKUID
		var plan string
		if err := rows.Scan(&sku, &plan); err != nil {
			return nil, err
		}
		plans[sku] = append(plans[sku], plan)
	}
	return snapshot.WorkloadOwners(plans), rows.Err()
}

// reportEvidence writes that a user held a SKU at a time before the first run,
// by a usage report, if nothing on the time before says that it was earlier. It
// must be a SKU that the first run found. The report names users by words, which
// may have been another's when it was made: the display name must be the user's
// too, and the account no younger than the date.
func (w *writer) reportEvidence(user int64, sku snapshot.SKUID, name string, at time.Time) error {
	_, err := w.Exec(`
		WITH first (run, seen_at) AS (SELECT id, observed_at FROM run WHERE status = 'complete' OR id = ?1 ORDER BY id LIMIT 1)
		INSERT INTO first_evidence (user_id, sku_id, run_id, basis, at)
		SELECT ?2, s.id, ?1, ?5, ?4 FROM sku s, first
		WHERE s.object_id = ?3 AND ?4 < coalesce(first.seen_at, ?4 + 1)
			AND EXISTS (SELECT 1 FROM user_version v WHERE v.user_id = ?2 AND v.to_run IS NULL AND v.name = ?6 COLLATE NOCASE
				AND coalesce(v.created_at, 0) <= ?4)
			AND ?4 < (SELECT min(coalesce(p.state_at, ?4 + 1)) FROM path p WHERE p.user_id = ?2 AND p.sku_id = s.id AND p.held AND p.from_run = first.run)
			AND NOT EXISTS (SELECT 1 FROM first_evidence e WHERE e.user_id = ?2 AND e.sku_id = s.id AND e.at <= ?4)
		ON CONFLICT DO NOTHING`, // a second row on the same user
		w.run, user, string(sku), at.UnixMilli(), string(snapshot.BasisReport), name)
	return err
}

// FirstEvents lists the events that show what users held before the first run.
func (h *History) FirstEvents(ctx context.Context) ([]snapshot.EventRef, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT DISTINCT source, event_id FROM event_evidence WHERE ?1 = 0 OR run_id < ?1", int64(h.until))
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w", engine.Classify(err))
	}
	defer rows.Close()
	var refs []snapshot.EventRef
	for rows.Next() {
		var e snapshot.EventRef
		if err := rows.Scan(&e.Source, &e.ID); err != nil {
			return nil, fmt.Errorf("read the evidence: %w", engine.Classify(err))
		}
		refs = append(refs, e)
	}
	return refs, engine.Classify(rows.Err())
}

// firstKey names a user's SKU.
type firstKey struct {
	user int64
	sku  snapshot.SKUID
}

// firsts is evidence of the time before a user's SKU was seen to begin.
type firsts struct {
	held  []snapshot.Date // it was held then; for the first-assigned date only
	start snapshot.Date   // assigned then, and held up to the first run; zero when not known

	moves  []move            // of its paths, in order of time
	doubts []move            // dates of Microsoft's at which records show that a path may have begun again
	unseen []snapshot.Unseen // the SKU as a whole came and went; in order of time
}

// move is a change by which a path began or ended, with the path by which it did.
type move struct {
	run      snapshot.RunID
	kind     snapshot.Kind
	path     snapshot.PathRef
	on       bool
	observed bool
	cause    snapshot.Cause
	date     snapshot.Date
}

func (s *spells) firstsOf() firsts {
	if s.evidence != nil {
		return *s.evidence
	}
	return firsts{}
}

// evidenceReader collects the evidence on some users.
type evidenceReader struct {
	h        *History
	of       string // a JSON array of their rows
	firsts   map[firstKey]*firsts
	arrivals map[int64]arrival
}

// loadFirsts reads the evidence on users, of whose rows of is a JSON array.
func (h *History) loadFirsts(ctx context.Context, of string) (map[firstKey]*firsts, map[int64]arrival, error) {
	r := &evidenceReader{h: h, of: of, firsts: make(map[firstKey]*firsts), arrivals: map[int64]arrival{}}
	for _, load := range []func(context.Context) error{r.planEvidence, r.eventEvidence, r.moves, r.importEvidence, r.accounts} {
		if err := load(ctx); err != nil {
			return nil, nil, fmt.Errorf("read the evidence: %w", engine.Classify(err))
		}
	}
	return r.firsts, r.arrivals, nil
}

func (r *evidenceReader) first(user int64, sku snapshot.SKUID) *firsts {
	key := firstKey{user, sku}
	if r.firsts[key] == nil {
		r.firsts[key] = &firsts{}
	}
	return r.firsts[key]
}

// rows runs a query whose rows begin with the user's row and the SKU.
func (r *evidenceReader) rows(ctx context.Context, query string, dest []any, take func(f *firsts)) error {
	rows, err := r.h.tx.QueryContext(ctx, query, r.of)
	if err != nil {
		return err
	}
	defer rows.Close()
	var user int64
	var sku snapshot.SKUID
	dest = append([]any{&user, &sku}, dest...)
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		take(r.first(user, sku))
	}
	return rows.Err()
}

// planEvidence reads what the first run found beside the rows of paths.
func (r *evidenceReader) planEvidence(ctx context.Context) error {
	var at sql.NullInt64
	var run int64
	var basis snapshot.Basis
	return r.rows(ctx, `
		SELECT e.user_id, s.object_id, e.basis, e.at, e.run_id
		FROM json_each(?1) j CROSS JOIN first_evidence e ON e.user_id = j.value JOIN sku s ON s.id = e.sku_id`, []any{&basis, &at, &run}, func(f *firsts) {
		f.held = append(f.held, snapshot.HeldOn(engine.FromMillis(at), basis).On(runEvidence(snapshot.RunID(run))))
	})
}

func runEvidence(run snapshot.RunID) string { return "run " + strconv.FormatInt(int64(run), 10) }

func (r *evidenceReader) eventEvidence(ctx context.Context) error {
	var at sql.NullInt64
	var exact bool
	var source, event string
	return r.rows(ctx, `
		SELECT e.user_id, s.object_id, e.exact, e.at, e.source, e.event_id
		FROM json_each(?1) j CROSS JOIN event_evidence e ON e.user_id = j.value JOIN sku s ON s.id = e.sku_id`, []any{&exact, &at, &source, &event}, func(f *firsts) {
		name := source + " " + event
		if !exact {
			f.held = append(f.held, snapshot.HeldOn(engine.FromMillis(at), snapshot.BasisAudit).On(name))
			return
		}
		// Of the time before the first run nothing is called exact: no snapshot
		// shows that the SKU was not there already.
		start := snapshot.HeldOn(engine.FromMillis(at), snapshot.BasisAudit).On(name)
		if start.At.After(f.start.At) {
			f.start = start
		}
		f.held = append(f.held, start)
	})
}

// moves reads how paths began and ended, by the newest attribution: what it no
// longer proves is not proven. An assignment is also evidence of the SKU having
// been held. What only the audit log saw is also kept by itself.
func (r *evidenceReader) moves(ctx context.Context) error {
	var at, group, notBefore, notAfter sql.NullInt64
	var name, kind, byGroup, dated string
	var doubtful bool
	var m move
	return r.rows(ctx, `
		SELECT c.user_id, s.object_id, c.run_id, c.kind, c.group_id, coalesce(g.object_id, ''), c.observed, c.not_before, c.not_after, a.at, a.cause,
			coalesce(a.detail ->> '$.evidence[0].source' || ' ' || (a.detail ->> '$.evidence[0].id'), ''),
			coalesce(a.detail ->> '$.path.kind', ''), coalesce(a.detail ->> '$.path.group', ''),
			coalesce(c.detail ->> '$.dated', ''), a.cause = 'group' OR coalesce(a.unknown_why, '') = 'ambiguous' OR a.detail ->> '$.path' IS NOT NULL
		FROM json_each(?1) j CROSS JOIN change c ON c.user_id = j.value JOIN sku s ON s.id = c.sku_id CROSS JOIN attribution a ON a.change_id = c.id
			AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id)
		LEFT JOIN licensed_group g ON g.id = c.group_id
		WHERE c.kind IN ('assigned', 'removed', 'path-added', 'path-moved', 'date-moved')
			AND (a.at IS NOT NULL OR c.observed = 0 AND a.cause <> 'unknown' OR c.observed = 1 AND c.kind IN ('path-added', 'path-moved') OR c.kind = 'date-moved')
		ORDER BY coalesce(a.at, c.not_after), c.id`,
		[]any{&m.run, &m.kind, &group, &m.path.Group, &m.observed, &notBefore, &notAfter, &at, &m.cause, &name, &kind, &byGroup, &dated, &doubtful}, func(f *firsts) {
			m.path.Kind = pathKind(group.Int64)
			if kind != "" {
				m.path = snapshot.PathRef{Kind: snapshot.PathKind(kind), Group: snapshot.GroupID(byGroup)}
			}
			m.on = m.kind != snapshot.Removed
			m.date = snapshot.WindowDate(snapshot.Window{NotBefore: engine.FromMillis(notBefore), NotAfter: engine.FromMillis(notAfter)}).On(name)
			if at.Valid {
				m.date = snapshot.ExactDate(engine.FromMillis(at)).On(name)
			}
			if m.kind == snapshot.DateMoved {
				if when, err := time.Parse(time.RFC3339, dated); err == nil && doubtful {
					m.date.NotAfter = when.Add(rowResolution)
					f.doubts = append(f.doubts, m)
				}
				return
			}
			if !m.observed && at.Valid && (m.kind == snapshot.Assigned || m.kind == snapshot.Removed) {
				f.unseen = append(f.unseen, snapshot.Unseen{At: engine.FromMillis(at), Assigned: m.on,
					Window: snapshot.Window{NotBefore: engine.FromMillis(notBefore), NotAfter: engine.FromMillis(notAfter)}})
			}
			if at.Valid || m.kind == snapshot.PathAdded || m.kind == snapshot.PathMoved {
				f.moves = append(f.moves, m)
			}
			switch {
			case m.kind != snapshot.Assigned || !at.Valid:
			case notBefore.Valid:
				f.held = append(f.held, m.date)
			default: // before the first run: exact for the change, not for the first time ever
				f.held = append(f.held, snapshot.HeldOn(m.date.At, snapshot.BasisAudit).On(name))
			}
		})
}

// unseenOnly lists the users' SKUs which only the audit log shows: no run up to
// the one asked about showed them held. They are few of many changes, found by going
// through all: the plus keeps SQLite from doing so user by user, which takes ten times
// as long.
func (h *History) unseenOnly(ctx context.Context, f Filter) ([]firstKey, error) {
	query := `
		SELECT DISTINCT c.user_id, s.object_id
		FROM change c JOIN sku s ON s.id = c.sku_id JOIN attribution a ON a.change_id = c.id
			AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id)
		WHERE c.observed = 0 AND c.kind IN ('assigned', 'removed') AND a.at IS NOT NULL AND +c.user_id IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM path p WHERE p.user_id = c.user_id AND p.sku_id = c.sku_id AND p.held = 1 AND p.from_run <= ?1)`
	args := []any{int64(h.At.ID)}
	if len(f.Users) > 0 {
		rows := make(map[int64]bool, len(f.Users))
		for _, u := range f.Users {
			rows[u.Row] = true
		}
		query += " AND c.user_id IN (SELECT value FROM json_each(?2))"
		args = append(args, numbersJSON(rows))
	}
	var keys []firstKey
	err := engine.EachRow(ctx, h.tx, query+" ORDER BY 1, 2", args, func(values []any) error {
		user, _ := values[0].(int64)
		sku, _ := values[1].(string)
		if len(f.SKUs) == 0 || slices.Contains(f.SKUs, snapshot.SKUID(sku)) {
			keys = append(keys, firstKey{user, snapshot.SKUID(sku)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what only the audit log saw: %w", engine.Classify(err))
	}
	return keys, nil
}

// arrival is an account that the first run did not show.
type arrival struct {
	run     snapshot.RunID // that showed it first
	created time.Time      // zero when it is not known
	before  time.Time      // when the run before began
	// older: than that run. It was deleted then, and what it holds since it is back
	// may be what it held before.
	older bool
}

// since is from when on the account may have held something.
func (a *arrival) since() time.Time {
	if a.created.IsZero() && !a.older {
		return a.before
	}
	return a.created
}

// accounts reads the accounts that the first run did not show.
func (r *evidenceReader) accounts(ctx context.Context) error {
	rows, err := r.h.tx.QueryContext(ctx, `
		SELECT v.user_id, v.from_run, v.created_at, v.upn, b.observed_at
		FROM json_each(?1) j CROSS JOIN user_version v ON v.user_id = j.value JOIN run r ON r.id = v.from_run JOIN run b ON b.id = r.previous_run
		WHERE NOT EXISTS (SELECT 1 FROM user_version o WHERE o.user_id = v.user_id AND o.from_run < v.from_run)`, r.of)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var user int64
		var a arrival
		var created, before sql.NullInt64
		var upn string
		if err := rows.Scan(&user, &a.run, &created, &upn, &before); err != nil {
			return err
		}
		a.created, a.before = engine.FromMillis(created), engine.FromMillis(before)
		a.older = a.created.Before(a.before) && (created.Valid || !ledger.IsStandIn(upn)) // of a forgotten person the time is not kept
		r.arrivals[user] = a
	}
	return rows.Err()
}

// importEvidence reads what earlier records say.
func (r *evidenceReader) importEvidence(ctx context.Context) error {
	var word, file string
	var line int
	var failed error
	err := r.rows(ctx, `
		SELECT r.user_id, r.sku, coalesce(r.assigned, r.seen), f.name, r.line
		FROM json_each(?1) j CROSS JOIN import_record r ON r.user_id = j.value JOIN import_file f ON f.id = r.file_id`, []any{&word, &file, &line}, func(f *firsts) {
		m, err := earlier.ParseMoment(word, earlier.ISO)
		if err != nil {
			failed = fmt.Errorf("%w: date %q of an earlier record", engine.ErrDamaged, word)
			return
		}
		f.held = append(f.held, snapshot.HeldOn(m.To, snapshot.BasisImport).On(fmt.Sprintf("%s line %d", file, line)))
	})
	return errors.Join(err, failed)
}
