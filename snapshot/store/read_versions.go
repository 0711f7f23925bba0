package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// Dated is a state from one run up to, not including, another; To is 0 while the
// state holds.
type Dated[T any] = dated[T]

// SKUSeats is a SKU as a run showed it, and how many users held it.
type SKUSeats struct {
	snapshot.SKU
	Assigned int64
}

// SKUVersions lists what runs showed of SKUs, in the order of the runs. Service
// plans and subscriptions are left out.
func (h *History) SKUVersions(ctx context.Context) iter.Seq2[Dated[SKUSeats], error] {
	return versions(ctx, h, "SKUs", `
		SELECT v.from_run, coalesce(v.to_run, 0), s.object_id, v.part_number, v.applies_to, v.status, v.enabled, v.warning, v.suspended,
			v.locked_out, v.consumed, v.assigned
		FROM sku_version v JOIN sku s ON s.id = v.sku_id ORDER BY v.from_run, s.object_id`,
		func(rows *sql.Rows, d *Dated[SKUSeats]) error {
			s := &d.State
			return rows.Scan(&d.From, &d.To, &s.ID, &s.PartNumber, &s.AppliesTo, &s.Status, &s.Units.Enabled, &s.Units.Warning,
				&s.Units.Suspended, &s.Units.LockedOut, &s.Consumed, &s.Assigned)
		})
}

// SubscriptionVersions lists what runs showed of subscriptions, in the order of
// the runs.
func (h *History) SubscriptionVersions(ctx context.Context) iter.Seq2[Dated[snapshot.Subscription], error] {
	return versions(ctx, h, "subscriptions", `
		SELECT v.from_run, coalesce(v.to_run, 0), v.subscription_id, s.object_id, v.status, v.total, v.trial, v.created_at,
			v.next_lifecycle_at, v.owner_tenant
		FROM subscription_version v JOIN sku s ON s.id = v.sku_id ORDER BY v.from_run, v.subscription_id`,
		func(rows *sql.Rows, d *Dated[snapshot.Subscription]) error {
			s := &d.State
			var created, next sql.NullInt64
			err := rows.Scan(&d.From, &d.To, &s.ID, &s.SKU, &s.Status, &s.Total, &s.Trial, &created, &next, &s.OwnerTenant)
			s.CreatedAt, s.NextLifecycleAt = engine.FromMillis(created), engine.FromMillis(next)
			return err
		})
}

// GroupVersions lists what runs showed of groups that give licenses, in the order
// of the runs.
func (h *History) GroupVersions(ctx context.Context) iter.Seq2[Dated[snapshot.Group], error] {
	return versions(ctx, h, "groups", `
		SELECT v.from_run, coalesce(v.to_run, 0), g.object_id, v.name, v.gone, v.dynamic, v.membership_rule, v.processing_state,
			v.on_premises_sync, v.licenses
		FROM group_version v JOIN licensed_group g ON g.id = v.group_id ORDER BY v.from_run, g.object_id`,
		func(rows *sql.Rows, d *Dated[snapshot.Group]) error {
			g := &d.State
			var licenses string
			err := rows.Scan(&d.From, &d.To, &g.ID, &g.Name, &g.Gone, &g.Dynamic, &g.MembershipRule, &g.ProcessingState, &g.OnPremisesSync, &licenses)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(licenses), &g.Licenses); err != nil {
				return fmt.Errorf("%w: licenses of group %s: %w", engine.ErrDamaged, g.ID, err)
			}
			g.Name, g.MembershipRule = h.pseudonyms.text(g.Name), h.pseudonyms.text(g.MembershipRule)
			return nil
		})
}

// Causes lists the attributions that were made after the one of a number, in the
// order in which they were made, people as the history calls them.
func (h *History) Causes(ctx context.Context, after int64) iter.Seq2[*Revision, error] {
	return func(yield func(*Revision, error) bool) {
		for r, err := range h.revisions(ctx, after+1) {
			if err == nil {
				c := ChangeRow{Attribution: r.Attribution}
				h.pseudonyms.change(&c)
				r.Attribution = c.Attribution
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// CoverageRow is a stretch of a log that was asked for, and by which run.
type CoverageRow struct {
	ID  int64
	Run snapshot.RunID // 0: a file was imported
	snapshot.Coverage
}

// CoverageRows lists the stretches of logs that were asked for, in the order in
// which they were recorded.
func (h *History) CoverageRows(ctx context.Context) iter.Seq2[CoverageRow, error] {
	return versions(ctx, h, "coverage", `
		SELECT id, coalesce(run_id, 0), source, from_at, to_at, complete, events, why, file_id IS NOT NULL FROM coverage ORDER BY id`,
		func(rows *sql.Rows, c *CoverageRow) error {
			var from, to sql.NullInt64
			err := rows.Scan(&c.ID, &c.Run, &c.Source, &from, &to, &c.Complete, &c.Events, &c.Why, &c.Imported)
			c.From, c.To, c.Why = engine.FromMillis(from), engine.FromMillis(to), h.pseudonyms.text(c.Why)
			return err
		})
}

// RunActivityRead is how one run read a source of activity.
type RunActivityRead struct {
	Run snapshot.RunID
	snapshot.ActivityRead
}

// ActivityReadRows lists how runs read the sources of activity, in the order of
// the runs.
func (h *History) ActivityReadRows(ctx context.Context) iter.Seq2[RunActivityRead, error] {
	return versions(ctx, h, "reads of activity", `
		SELECT r.run_id, s.name, r.gap, r.since_at, r.until_at, r.users
		FROM activity_read r JOIN activity_source s ON s.id = r.source_id ORDER BY r.run_id, s.name`,
		func(rows *sql.Rows, r *RunActivityRead) error {
			var since, until sql.NullInt64
			err := rows.Scan(&r.Run, &r.Source, &r.Gap, &since, &until, &r.Users)
			r.Since, r.Until = engine.FromMillis(since), engine.FromMillis(until)
			return err
		})
}

// ActiveTime is a time in which runs saw a user active without a pause of over 30
// days. Last moves later as more is seen.
type ActiveTime struct {
	User       snapshot.UserID
	Kind       snapshot.ActivityKind
	From, Last time.Time
	Run        snapshot.RunID // the run that first saw it
}

// ActiveTimes lists the times in which users were active, by user, kind and time.
func (h *History) ActiveTimes(ctx context.Context) iter.Seq2[ActiveTime, error] {
	return versions(ctx, h, "activity", `
		SELECT u.object_id, k.name, a.from_at, a.last_at, a.from_run
		FROM active_time a JOIN user u ON u.id = a.user_id JOIN activity_kind k ON k.id = a.kind_id
		ORDER BY a.user_id, a.kind_id, a.from_at`,
		func(rows *sql.Rows, a *ActiveTime) error {
			var key any
			var from, last sql.NullInt64
			err := rows.Scan(&key, &a.Kind, &from, &last, &a.Run)
			a.From, a.Last = engine.FromMillis(from), engine.FromMillis(last)
			user := snapshot.User{ID: engine.UserID(key)}
			h.pseudonyms.user(&user)
			a.User = user.ID
			return err
		})
}

// NewestUsers lists every user that history knows, as last seen, in the order in
// which they were first seen. Those whom forget has erased are left out.
func (h *History) NewestUsers(ctx context.Context) iter.Seq2[snapshot.User, error] {
	return versions(ctx, h, "users", "SELECT "+versionColumns+`, v.from_run, u.object_id`+versionTables+`
		JOIN user u ON u.id = v.user_id WHERE v.to_run IS NULL AND (typeof(u.object_id) = 'blob' OR u.object_id NOT GLOB '`+ledger.ForgottenName+`-*') ORDER BY v.user_id`,
		func(rows *sql.Rows, u *snapshot.User) error {
			var key any
			found, _, err := scanVersion(withMore{rows, []any{&key}}, h.words)
			if err != nil {
				return err
			}
			*u = found
			u.ID = engine.UserID(key)
			h.pseudonyms.user(u)
			return nil
		})
}

// ConcealActor leaves of an actor who is a person a pseudonym; it does nothing
// while people go by their names.
func (h *History) ConcealActor(a *snapshot.Actor) {
	if h.pseudonyms != nil {
		h.pseudonyms.actor(a)
	}
}

// Forgotten reports whether forget has erased who an actor was.
func Forgotten(a snapshot.Actor) bool {
	return slices.ContainsFunc([]string{a.ID, a.UPN, a.Name}, func(word string) bool { return word != "" && ledger.IsStandIn(word) })
}

// End is the end of the chain of seals: the number of the newest and its head.
func (h *History) End(ctx context.Context) (seals int64, head string, err error) {
	last, err := ledger.Last(ctx, h.tx)
	if err != nil {
		return 0, "", err
	}
	return last.ID, last.Head, nil
}

// HeadAt is the head of the chain at one of its seals; "" when there is none of
// that number.
func (h *History) HeadAt(ctx context.Context, seal int64) (head string, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT head FROM seal WHERE id = ?", seal).Scan(&head)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read seal %d: %w", seal, engine.Classify(err))
	}
	return head, nil
}

// ErasedAfter reports whether forget or prune has erased something after a seal.
func (h *History) ErasedAfter(ctx context.Context, seal int64) (erased bool, err error) {
	err = h.tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM seal WHERE id > ? AND kind IN (?, ?))", seal, ledger.KindForget, ledger.KindPrune).Scan(&erased)
	if err != nil {
		return false, fmt.Errorf("look for erasures: %w", engine.Classify(err))
	}
	return erased, nil
}

// versions streams the rows of a query.
func versions[T any](ctx context.Context, h *History, what, query string, scan func(rows *sql.Rows, into *T) error, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rows, err := h.tx.QueryContext(ctx, query, args...)
		var none T
		if err != nil {
			yield(none, fmt.Errorf("read the %s: %w", what, engine.Classify(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var v T
			if err := scan(rows, &v); err != nil {
				yield(none, fmt.Errorf("read the %s: %w", what, engine.Classify(err)))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, fmt.Errorf("read the %s: %w", what, engine.Classify(err)))
		}
	}
}
