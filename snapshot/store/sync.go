package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/attributes"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/intake"
	"lictrail/snapshot/store/ledger"
)

// Sync is one run under way. It reads what history has of the tenant, and ends
// with [Sync.Commit] or [Sync.Fail].
type Sync struct {
	db       *DB
	Run      snapshot.RunID
	Previous *Run   // the newest complete run; nil for the first
	Head     string // at the end of the chain, once the run is committed
	plans    map[int64]snapshot.PlanID
	layouts  planLayouts
	refs     refs // as they were before the run
	words    *attributeWords
}

// Begin records that a run has started and returns it. A history that is about
// another tenant is refused untouched.
func (db *DB) Begin(ctx context.Context, tenant snapshot.Tenant, startedAt time.Time, version string) (*Sync, error) {
	s := &Sync{db: db, plans: map[int64]snapshot.PlanID{}}
	err := ledger.Write(ctx, db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		err := s.begin(ctx, tx, tenant, startedAt, version)
		return &ledger.Entry{Kind: ledger.KindBegin, Run: int64(s.Run)}, err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sync) begin(ctx context.Context, tx *sql.Tx, tenant snapshot.Tenant, startedAt time.Time, version string) error {
	err := claim(ctx, tx, tenant)
	if err != nil {
		return err
	}
	if s.Previous, err = newestComplete(ctx, tx); err != nil {
		return err
	}
	if s.refs, err = loadRefs(ctx, tx); err != nil {
		return err
	}
	s.words = newAttributeWords(ctx, s.db.sql)
	result, err := tx.ExecContext(ctx,
		"INSERT INTO run (status, started_at, previous_run, version) VALUES ('incomplete', ?, ?, ?)",
		startedAt.UnixMilli(), s.previousID(), version)
	if err != nil {
		return fmt.Errorf("begin the run: %w", err)
	}
	id, err := result.LastInsertId()
	s.Run = snapshot.RunID(id)
	return err
}

func (s *Sync) previousID() any {
	if s.Previous == nil {
		return nil
	}
	return int64(s.Previous.ID)
}

// claim makes the history the tenant's, or refuses (I9).
func claim(ctx context.Context, tx *sql.Tx, tenant snapshot.Tenant) error {
	var id string
	err := tx.QueryRowContext(ctx, "SELECT object_id FROM tenant").Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = tx.ExecContext(ctx, "INSERT INTO tenant (id, object_id, name) VALUES (1, ?, ?)", tenant.ID, tenant.Name)
	case err == nil && id != string(tenant.ID):
		return fmt.Errorf("%w: it holds %s, the run read %s", ErrOtherTenant, id, tenant.ID)
	case err == nil && tenant.Name != "":
		_, err = tx.ExecContext(ctx, "UPDATE tenant SET name = ? WHERE name <> ?", tenant.Name, tenant.Name)
	}
	return engine.Classify(err)
}

// Fail records why the run is not history. What was there before stays as it was.
func (s *Sync) Fail(ctx context.Context, status string, endedAt time.Time, requests int64, cause error) error {
	err := ledger.Write(ctx, s.db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		result, err := tx.ExecContext(ctx,
			"UPDATE run SET status = ?, ended_at = ?, requests = ?, error = ? WHERE id = ? AND ended_at IS NULL",
			status, endedAt.UnixMilli(), requests, cause.Error(), int64(s.Run))
		if err != nil {
			return nil, err
		}
		n, err := result.RowsAffected()
		if err != nil || n == 0 {
			return nil, err
		}
		return &ledger.Entry{Kind: ledger.KindEnd, Run: int64(s.Run)}, nil
	})
	if err != nil {
		return fmt.Errorf("record the failed run: %w", err)
	}
	return nil
}

// Tried records a run that failed before it could learn which tenant answers.
// A history that is still empty stays empty.
func (db *DB) Tried(ctx context.Context, startedAt, endedAt time.Time, version string, requests int64, cause error) error {
	err := ledger.Write(ctx, db.sql, func(tx *sql.Tx) (*ledger.Entry, error) {
		if _, ok, err := tenantOf(ctx, tx); err != nil || !ok {
			return nil, err
		}
		result, err := tx.ExecContext(ctx, `
			INSERT INTO run (status, started_at, ended_at, requests, error, version) VALUES ('failed', ?, ?, ?, ?, ?)`,
			startedAt.UnixMilli(), endedAt.UnixMilli(), requests, cause.Error(), version)
		if err != nil {
			return nil, err
		}
		id, err := result.LastInsertId()
		return &ledger.Entry{Kind: ledger.KindTried, Run: id}, err
	})
	if err != nil {
		return fmt.Errorf("record the failed run: %w", err)
	}
	return nil
}

// Print is the shortest account of a user: enough to see whether anything
// about them differs.
type Print struct {
	Row         int64
	Fingerprint int64
	Presence    snapshot.Presence
	RowPrint    snapshot.RowPrint // of the newest row; zero: none that may be used
	Shows       *intake.RowShows  // what that row showed; shared, nil for none
}

// Prints calls yield for every user that history knows. The prints of rows may be
// used only when it says at the end that a seal vouches for all of them.
func (s *Sync) Prints(ctx context.Context, yield func(snapshot.UserID, Print)) (vouched bool, err error) {
	sealed, err := ledger.SealedPrints(ctx, s.db.sql)
	if err == nil {
		vouched, err = s.prints(ctx, sealed, yield)
	}
	if err != nil {
		return false, fmt.Errorf("read the users: %w", engine.Classify(err))
	}
	return vouched, nil
}

func (s *Sync) prints(ctx context.Context, sealed string, yield func(snapshot.UserID, Print)) (vouched bool, err error) {
	rows, err := s.db.sql.QueryContext(ctx, `
		SELECT u.id, u.object_id, u.fingerprint, u.row_print, v.presence
		FROM user u JOIN user_version v ON v.user_id = u.id AND v.to_run IS NULL ORDER BY u.id`)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	var r engine.Row
	shows, all := s.showsReader(), ledger.NewPrints()
	for rows.Next() {
		if err := r.Scan(rows); err != nil {
			return false, err
		}
		p := Print{Row: engine.Must(r.Number()), Presence: snapshot.Present}
		id := r.Any()
		p.Fingerprint = engine.Must(r.Number())
		text, _ := r.Any().([]byte)
		all.Add(p.Row, p.Fingerprint, text)
		if p.RowPrint, p.Shows = shows.read(text, p.Fingerprint); p.Shows == nil {
			p.RowPrint = snapshot.RowPrint{}
		}
		if presence, away := r.Text(); away {
			p.Presence = snapshot.Presence(presence)
		}
		if r.Wrong != nil {
			return false, r.Wrong
		}
		yield(engine.UserID(id), p)
	}
	return sealed != "" && all.Text() == sealed, rows.Err()
}

// Known loads what history has of one user.
func (s *Sync) Known(ctx context.Context, id snapshot.UserID, row int64) (*snapshot.Known, error) {
	k := &snapshot.Known{
		User:  snapshot.User{ID: id},
		Spans: map[snapshot.PathKey]snapshot.Span{},
		Ended: map[snapshot.SKUID]snapshot.Ended{},
	}
	left, err := s.loadVersion(ctx, k, row)
	if err != nil {
		return nil, fmt.Errorf("read user %s: %w", id, engine.Classify(err))
	}
	if err := s.loadPaths(ctx, k, row, left); err != nil {
		return nil, fmt.Errorf("read the licenses of user %s: %w", id, engine.Classify(err))
	}
	if k.Plans, err = s.loadPlans(ctx, row); err != nil {
		return nil, fmt.Errorf("read the plans of user %s: %w", id, engine.Classify(err))
	}
	k.Normalize()
	return k, nil
}

// loadVersion reads the newest attributes; left is the run that first showed
// the user away, 0 when present. One who left may first be gone and, once the
// deleted users can be read, deleted.
func (s *Sync) loadVersion(ctx context.Context, k *snapshot.Known, row int64) (left int64, err error) {
	v, left, err := scanVersion(s.db.sql.QueryRowContext(ctx, "SELECT "+versionColumns+`,
			coalesce((SELECT min(from_run) FROM user_version WHERE user_id = ?1 AND from_run > coalesce(
				(SELECT max(from_run) FROM user_version WHERE user_id = ?1 AND presence IS NULL), 0)), 0)`+
		versionTables+"WHERE v.user_id = ?1 AND v.to_run IS NULL", row), s.words)
	if err != nil {
		return 0, err
	}
	k.Attributes, k.Presence, k.DeletedAt = v.Attributes, v.Presence, v.DeletedAt
	return left, nil
}

const (
	versionColumns = "v.upn, v.name, v.mail, v.employee_id, v.created_at, f.department, f.more, coalesce(v.presence, 'present'), v.deleted_at"
	versionTables  = " FROM user_version v JOIN profile f ON f.id = v.profile_id "
)

// scanVersion reads versionColumns and a run number after them.
func scanVersion(row interface{ Scan(...any) error }, words *attributeWords) (snapshot.User, int64, error) {
	var u snapshot.User
	var upn, name, department, more string
	var mail, employee sql.NullString
	var created, deleted sql.NullInt64
	var from int64
	if err := row.Scan(&upn, &name, &mail, &employee, &created, &department, &more, &u.Presence, &deleted, &from); err != nil {
		return u, 0, err
	}
	if _, err := attributes.Decode(more, &u.Attributes, words.text); err != nil {
		return u, 0, err
	}
	u.UPN, u.Name, u.Department, u.Mail, u.EmployeeID = upn, name, department, upn, employee.String
	if mail.Valid {
		u.Mail = mail.String
	}
	if created.Valid {
		at := engine.FromMillis(created)
		u.CreatedAt = &at
	}
	u.DeletedAt = engine.FromMillis(deleted)
	return u, from, nil
}

// loadPaths reads the open rows and, of every SKU not held now, its newest
// period.
func (s *Sync) loadPaths(ctx context.Context, k *snapshot.Known, row, left int64) error {
	rows, err := s.db.sql.QueryContext(ctx, "SELECT "+pathColumns+`
		FROM path p WHERE p.user_id = ? ORDER BY p.sku_id, p.group_id, p.from_run`, row)
	if err != nil {
		return err
	}
	defer rows.Close()
	scanner := s.refs.scanner()
	for rows.Next() {
		p, err := scanner.path(rows)
		if err != nil {
			return err
		}
		switch {
		case !p.To.Valid:
			k.Paths = append(k.Paths, p.Path)
			if p.Held {
				k.Spans[p.PathKey] = p.Span
			}
		case p.Held:
			k.Ended[p.SKU] = endedWith(k.Ended[p.SKU], &p, left)
		}
	}
	for key := range k.Spans {
		delete(k.Ended, key.SKU)
	}
	return rows.Err()
}

// endedWith adds a row that has ended to what is known of its SKU. Only the
// newest period counts, and of it the paths that were held to the end.
func endedWith(e snapshot.Ended, p *pathRow, left int64) snapshot.Ended {
	if p.Period < e.Period {
		return e
	}
	if p.Period > e.Period {
		e = snapshot.Ended{}
	}
	e.Span = p.Span
	if left != 0 && p.To.Int64 == left {
		e.Suspended = true
		e.Paths = append(e.Paths, p.PathRef)
	}
	return e
}

// pathRow is a row of table path.
type pathRow struct {
	snapshot.Path
	snapshot.Span
	From int64
	To   sql.NullInt64
}

const pathColumns = `p.sku_id, p.group_id, p.from_run, p.to_run, p.held, p.state, p.error, p.disabled_id,
	p.state_at, p.path_run, p.start_run, p.period`

// pathScan reads rows that begin with pathColumns, one after the other into the
// same place. What columns follow is taken from its row.
type pathScan struct {
	refs refs
	engine.Row
}

func (r refs) scanner() *pathScan { return &pathScan{refs: r} }

func (s *pathScan) path(rows *sql.Rows) (pathRow, error) {
	var p pathRow
	if err := s.Scan(rows); err != nil {
		return p, err
	}
	p.SKU = s.refs.skus[engine.Must(s.Number())]
	group := engine.Must(s.Number())
	p.PathRef = snapshot.PathRef{Kind: pathKind(group), Group: s.refs.groups[group]}
	p.From = engine.Must(s.Number())
	p.To.Int64, p.To.Valid = s.Number()
	p.Held = engine.Must(s.Number()) != 0
	state, unusual := s.Text()
	if p.State = "Active"; unusual {
		p.State = state
	}
	p.Error = engine.Must(s.Text())
	set, some := s.Number()
	p.Disabled = s.refs.sets[set]
	p.UpdatedAt = s.Time()
	p.Span = snapshot.Span{Path: snapshot.RunID(engine.Must(s.Number())), Start: snapshot.RunID(engine.Must(s.Number())), Period: int(engine.Must(s.Number()))}
	if s.Wrong == nil && (p.SKU == "" || p.Kind == snapshot.ByGroup && p.Group == "" || some && p.Disabled == nil) {
		s.Wrong = fmt.Errorf("%w: a path of a SKU, group or set of plans that is not there", engine.ErrDamaged)
	}
	return p, s.Wrong
}

// The group_id of paths without a group.
const (
	directGroup  = 0
	unknownGroup = -1
)

func pathKind(group int64) snapshot.PathKind {
	switch group {
	case directGroup:
		return snapshot.Direct
	case unknownGroup:
		return snapshot.Unknown
	}
	return snapshot.ByGroup
}

// Spool begins the spool of the run.
func (s *Sync) Spool() (*intake.Spool, error) { return intake.NewSpool(s.db.path) }

// Pile begins a pile of the run.
func Pile[T any](s *Sync) (*intake.Pile[T], error) { return intake.NewPile[T](s.db.path) }
