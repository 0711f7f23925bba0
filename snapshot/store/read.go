package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// History answers questions about the state at one complete run. What it
// returns is consistent: it reads in one transaction.
type History struct {
	tx     reading
	seal   string // head of the newest: as long as there is no other, nothing has been written
	schema int64  // changes when another version of the program changes the tables
	Tenant snapshot.Tenant
	Runs   map[snapshot.RunID]*Run
	First  *Run // the run with which tracking began
	At     *Run // the run that is asked about; the newest unless [History.AsOf] chose another
	groups map[snapshot.GroupID]string
	plans  map[snapshot.PlanID]string
	skus   map[snapshot.SKUID]string
	// sameParts counts the SKUs of a part number, in lower case.
	sameParts map[string]int
	shared    *shared
	refs      refs
	words     *attributeWords
	crowd     int // how many users a listing reads at a time

	until      snapshot.RunID              // only what was known before this run; 0: everything
	pseudonyms *pseudonyms                 // nil: people go by their names
	named      map[snapshot.GroupID]string // the groups' names under pseudonyms, people and all
}

// reading is the transaction in which a history reads.
type reading interface {
	engine.Querier
	Rollback() error
}

// History opens the history for reading. It fails with [ErrNoRun] while no
// complete run is there.
func (db *DB) History(ctx context.Context) (*History, error) {
	tx, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", engine.Classify(err))
	}
	h := &History{tx: tx, Runs: map[snapshot.RunID]*Run{}, crowd: crowdSize, shared: &shared{all: map[sharedKey]*sharedValue{}}}
	if err := h.load(ctx); err != nil {
		return nil, errors.Join(engine.Classify(err), tx.Rollback())
	}
	return h, nil
}

// Again opens the history as [DB.History] does, with what another opening has
// learned, if nothing has been written since; else it returns nil. What both know
// is not read again, and both must not be changed but by [History.AsOf].
func (db *DB) Again(ctx context.Context, known *History) (*History, error) {
	tx, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", engine.Classify(err))
	}
	h := *known
	h.tx = tx
	h.words = newAttributeWords(ctx, tx) // what was read before belongs to a transaction that may have ended
	err = h.loadState(ctx)
	if err != nil || h.seal != known.seal || h.schema != known.schema {
		return nil, errors.Join(engine.Classify(err), tx.Rollback())
	}
	return &h, nil
}

// State says what has been written: it is the same only while nothing is added, and
// differs between histories.
func (h *History) State() string { return fmt.Sprintf("%d.%s", h.schema, h.seal) }

// Erasure says what has been erased: it is the same until something more is, and
// differs between histories.
func (h *History) Erasure(ctx context.Context) (string, error) {
	return Once(h, "erasure", func() (erasure string, err error) {
		err = h.tx.QueryRowContext(ctx, `
			SELECT coalesce((SELECT head FROM seal ORDER BY id LIMIT 1), '') ||
				coalesce((SELECT head FROM seal WHERE kind IN (?, ?) ORDER BY id DESC LIMIT 1), '')`,
			ledger.KindForget, ledger.KindPrune).Scan(&erasure)
		if err != nil {
			return "", fmt.Errorf("read the newest erasure: %w", engine.Classify(err))
		}
		return erasure, nil
	})
}

// loadState reads what changes with everything that is written. Every transaction
// that adds to the history ends with a seal.
func (h *History) loadState(ctx context.Context) error {
	err := h.tx.QueryRowContext(ctx, "SELECT schema_version, coalesce((SELECT head FROM seal ORDER BY id DESC LIMIT 1), '') FROM pragma_schema_version").Scan(&h.schema, &h.seal)
	if err != nil {
		return fmt.Errorf("read the newest seal: %w", err)
	}
	return nil
}

// Close ends the reading.
func (h *History) Close() error { return h.tx.Rollback() }

func (h *History) load(ctx context.Context) error {
	if err := h.loadState(ctx); err != nil {
		return err
	}
	tenant, ok, err := tenantOf(ctx, h.tx)
	if err != nil {
		return err
	}
	runs, err := runsOf(ctx, h.tx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Status != Complete {
			continue
		}
		if h.First == nil {
			h.First = r
		}
		h.At, h.Runs[r.ID] = r, r
	}
	if !ok || h.First == nil {
		return ErrNoRun
	}
	h.Tenant = tenant
	return h.loadNames(ctx)
}

// loadNames reads the newest name of every group, plan and SKU.
func (h *History) loadNames(ctx context.Context) error {
	var err error
	if h.groups, err = engine.Pairs[snapshot.GroupID, string](ctx, h.tx, `
		SELECT g.object_id, v.name FROM group_version v JOIN licensed_group g ON g.id = v.group_id
		WHERE v.name <> '' ORDER BY v.from_run`); err != nil {
		return err
	}
	if h.plans, err = engine.Pairs[snapshot.PlanID, string](ctx, h.tx, "SELECT object_id, name FROM plan"); err != nil {
		return err
	}
	if h.skus, err = engine.Pairs[snapshot.SKUID, string](ctx, h.tx, "SELECT object_id, part_number FROM sku"); err != nil {
		return err
	}
	h.sameParts = make(map[string]int, len(h.skus))
	for _, part := range h.skus {
		if part != "" {
			h.sameParts[strings.ToLower(part)]++
		}
	}
	h.words = newAttributeWords(ctx, h.tx)
	h.refs, err = loadRefs(ctx, h.tx)
	return err
}

// AsOf moves the history to the newest complete run that had ended at a time.
// It returns false, and moves nothing, when tracking began later.
func (h *History) AsOf(t time.Time) bool {
	var at *Run
	for _, r := range h.Runs {
		if !r.ObservedUntil.After(t) && (at == nil || r.ID > at.ID) {
			at = r
		}
	}
	if at == nil {
		return false
	}
	h.At = at
	return true
}

// GroupName is the group's newest name, "" when it never could be read.
func (h *History) GroupName(id snapshot.GroupID) string { return h.groups[id] }

// Groups lists the ids of the groups that history knows.
func (h *History) Groups() map[snapshot.GroupID]string { return h.groups }

// PlanName is the service plan's name as the tenant's catalog gave it.
func (h *History) PlanName(id snapshot.PlanID) string { return h.plans[id] }

// PartNumbers maps every SKU ever seen to its newest part number.
func (h *History) PartNumbers() map[snapshot.SKUID]string { return h.skus }

// SharesPartNumber reports whether another SKU of the tenant has the same part
// number.
func (h *History) SharesPartNumber(id snapshot.SKUID) bool {
	return h.sameParts[strings.ToLower(h.skus[id])] > 1
}

// Person is a user as reports name them.
type Person struct {
	Row int64
	snapshot.User
}

// FindUsers finds users by object id, or by UPN or mail address, present or
// past, whatever the case. Several match when an address was reused.
func (h *History) FindUsers(ctx context.Context, ref string) ([]Person, error) {
	id := snapshot.NormalID(snapshot.UserID(ref))
	rows, err := h.tx.QueryContext(ctx, `
		SELECT id, object_id FROM user WHERE object_id = ?2 UNION
		SELECT u.id, u.object_id FROM user_version v JOIN user u ON u.id = v.user_id WHERE `+upnIs+` UNION
		SELECT u.id, u.object_id FROM user_version v JOIN user u ON u.id = v.user_id
		WHERE v.mail = ?1 COLLATE NOCASE AND v.mail IS NOT NULL AND v.mail <> ''`, strings.TrimSpace(ref), engine.UserKey(id))
	if err != nil {
		return nil, fmt.Errorf("find the user: %w", engine.Classify(err))
	}
	defer rows.Close()
	var found []Person
	for rows.Next() {
		var p Person
		var key any
		if err := rows.Scan(&p.Row, &key); err != nil {
			return nil, fmt.Errorf("find the user: %w", engine.Classify(err))
		}
		p.ID = engine.UserID(key)
		found = append(found, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find the user: %w", engine.Classify(err))
	}
	for i := range found {
		if err := h.describe(ctx, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// EverLicensed has every group that ever gave a license.
func (h *History) EverLicensed(ctx context.Context) (map[snapshot.GroupID]bool, error) {
	found, err := engine.Pairs[snapshot.GroupID, string](ctx, h.tx, "SELECT object_id, '' FROM licensed_group")
	if err != nil {
		return nil, fmt.Errorf("read the groups: %w", engine.Classify(err))
	}
	groups := make(map[snapshot.GroupID]bool, len(found))
	for id := range found {
		groups[id] = true
	}
	return groups, nil
}

// ChangedUsers has every user whose licenses changed since tracking began.
func (h *History) ChangedUsers(ctx context.Context) (map[snapshot.UserID]bool, error) {
	rows, err := h.tx.QueryContext(ctx, "SELECT object_id FROM user WHERE id IN (SELECT user_id FROM change WHERE not_before IS NOT NULL)")
	if err != nil {
		return nil, fmt.Errorf("read the users with changes: %w", engine.Classify(err))
	}
	defer rows.Close()
	users := make(map[snapshot.UserID]bool)
	for rows.Next() {
		var key any
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("read the users with changes: %w", engine.Classify(err))
		}
		users[engine.UserID(key)] = true
	}
	return users, engine.Classify(rows.Err())
}

// UserByID finds a user by the object id; ok is false when history does not know it.
func (h *History) UserByID(ctx context.Context, id snapshot.UserID) (p Person, ok bool, err error) {
	p.ID = id
	err = h.tx.QueryRowContext(ctx, "SELECT id FROM user WHERE object_id = ?", engine.UserKey(id)).Scan(&p.Row)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("find user %s: %w", id, engine.Classify(err))
	}
	return p, true, h.describe(ctx, &p)
}

// describe fills in the attributes as they were at the run asked about, or,
// when the user came later, as they were first.
func (h *History) describe(ctx context.Context, p *Person) error {
	u, _, err := scanVersion(h.tx.QueryRowContext(ctx, "SELECT "+versionColumns+", v.from_run"+versionTables+`
		WHERE v.user_id = ? ORDER BY v.from_run > ?, abs(v.from_run - ?) LIMIT 1`, p.Row, int64(h.At.ID), int64(h.At.ID)), h.words)
	if err != nil {
		return fmt.Errorf("read user %s: %w", p.ID, engine.Classify(err))
	}
	u.ID = p.ID
	var agent bool
	if err := h.tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM agent WHERE user_id = ?)", p.Row).Scan(&agent); err != nil {
		return fmt.Errorf("read user %s: %w", p.ID, engine.Classify(err))
	}
	if agent {
		u.Type = snapshot.AgentType
	}
	h.pseudonyms.user(&u)
	p.User = u
	return nil
}

// SKURow is a SKU's seats at a run.
type SKURow struct {
	snapshot.SKU
	Assigned int64
	Plans    int // service plans in the catalog
	From, To *Run
	First    *Run // the run that first showed the SKU
	Bought   []snapshot.Subscription
}

// SKUs lists every SKU that the tenant had up to the run asked about, with the
// seats at that run or, for one that is gone, at the last run that showed it.
func (h *History) SKUs(ctx context.Context) ([]SKURow, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT s.object_id, v.part_number, v.applies_to, v.status, v.enabled, v.warning, v.suspended, v.locked_out,
			v.consumed, CASE WHEN v.to_run > ?1 OR v.to_run IS NULL THEN v.assigned ELSE
				-- the SKU is gone, and users may hold it still
				(SELECT count(DISTINCT p.user_id) FROM path p WHERE p.sku_id = s.id AND p.held = 1 AND p.from_run <= ?1
					AND (p.to_run IS NULL OR p.to_run > ?1)) END, v.from_run, coalesce(v.to_run, 0),
			(SELECT min(from_run) FROM sku_version WHERE sku_id = s.id),
			(SELECT count(*) FROM sku_plan p WHERE p.sku_id = s.id AND p.from_run <= ?1
				AND (p.to_run IS NULL OR p.to_run > ?1))
		FROM sku s JOIN sku_version v ON v.sku_id = s.id AND v.from_run =
			(SELECT max(from_run) FROM sku_version WHERE sku_id = s.id AND from_run <= ?1)
		ORDER BY v.part_number, s.object_id`, int64(h.At.ID))
	if err != nil {
		return nil, fmt.Errorf("read the SKUs: %w", engine.Classify(err))
	}
	defer rows.Close()
	bought, err := h.subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the subscriptions: %w", engine.Classify(err))
	}
	var found []SKURow
	for rows.Next() {
		var r SKURow
		var from, to, first snapshot.RunID
		err := rows.Scan(&r.ID, &r.PartNumber, &r.AppliesTo, &r.Status, &r.Units.Enabled, &r.Units.Warning,
			&r.Units.Suspended, &r.Units.LockedOut, &r.Consumed, &r.Assigned, &from, &to, &first, &r.Plans)
		if err != nil {
			return nil, fmt.Errorf("read the SKUs: %w", engine.Classify(err))
		}
		r.From, r.First, r.Bought = h.Runs[from], h.Runs[first], bought[r.ID]
		if to != 0 && to <= h.At.ID {
			r.To = h.Runs[to]
		}
		found = append(found, r)
	}
	return found, engine.Classify(rows.Err())
}

func (h *History) subscriptions(ctx context.Context) (map[snapshot.SKUID][]snapshot.Subscription, error) {
	rows, err := h.tx.QueryContext(ctx, `
		SELECT v.subscription_id, s.object_id, v.status, v.total, v.trial, v.created_at, v.next_lifecycle_at, v.owner_tenant
		FROM subscription_version v JOIN sku s ON s.id = v.sku_id
		WHERE v.from_run <= ?1 AND (v.to_run IS NULL OR v.to_run > ?1) ORDER BY v.subscription_id`, int64(h.At.ID))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[snapshot.SKUID][]snapshot.Subscription)
	for rows.Next() {
		var s snapshot.Subscription
		var created, next sql.NullInt64
		if err := rows.Scan(&s.ID, &s.SKU, &s.Status, &s.Total, &s.Trial, &created, &next, &s.OwnerTenant); err != nil {
			return nil, err
		}
		s.CreatedAt, s.NextLifecycleAt = engine.FromMillis(created), engine.FromMillis(next)
		found[s.SKU] = append(found[s.SKU], s)
	}
	return found, rows.Err()
}
