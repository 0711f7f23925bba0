package ask

import (
	"context"
	"time"

	"lictrail/migrations"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Health is the state of a tenant's history: the runs, what they could not read, and the
// head of the chain.
type Health struct {
	Tenant snapshot.Tenant
	Last   *store.Run // the newest run that has ended; nil: none has
	Open   *store.Run // a newer one that has not ended: it is at work, or was cut off
	Newest *store.Run // the newest run that is history; nil: none is
	Failed int        // runs since that one that are not

	Unexplained int64          // changes of the newest run whose cause is not known
	NotRead     time.Duration  // of the time since tracking began, for which no audit log was read
	Gaps        []snapshot.Gap // what its answers lack, as those of report
	Head        string         // where the chain ends; "" where it has not begun
}

// ReadHealth reads it from the database in a file, also if there is no run yet.
func ReadHealth(ctx context.Context, file string) (*Health, error) {
	db, err := store.OpenReadOnly(ctx, file, migrations.Check)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var h Health
	if h.Tenant, _, err = db.Tenant(ctx); err != nil {
		return nil, err
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return nil, err
	}
	h.sum(runs)
	if h.Newest == nil {
		return &h, nil
	}
	book, err := Of(ctx, db)
	if err != nil {
		return nil, err
	}
	defer book.Close()
	return &h, h.read(ctx, book)
}

// sum finds the runs that count.
func (h *Health) sum(runs []*store.Run) {
	for _, r := range runs {
		if r.Status != store.Complete && r.EndedAt.IsZero() {
			h.Open = r
			continue
		}
		h.Last, h.Open = r, nil
		h.Failed++
		if r.Status == store.Complete {
			h.Newest, h.Failed = r, 0
		}
	}
}

func (h *Health) read(ctx context.Context, b *Book) (err error) {
	if h.Head, err = b.History.Head(ctx); err != nil {
		return err
	}
	if h.Unexplained, err = b.Unexplained(ctx, h.Newest.ID); err != nil {
		return err
	}
	coverage, err := b.History.Coverage(ctx)
	if err != nil {
		return err
	}
	for _, c := range snapshot.UnionCoverage(coverage, b.History.First.ObservedAt, b.History.At.ObservedUntil) {
		if !c.Complete {
			h.NotRead += c.To.Sub(c.From)
		}
	}
	h.Gaps = b.Gaps("report")
	return nil
}

// Unexplained counts the changes whose cause is not known: those of a run, or with 0
// all of them.
func (b *Book) Unexplained(ctx context.Context, run snapshot.RunID) (int64, error) {
	counts, err := b.History.ChangeCounts(ctx)
	var n int64
	for _, c := range counts {
		if (run == 0 || c.Run == run) && c.Cause == snapshot.CauseUnknown && c.Kind != snapshot.DateMoved {
			n += c.Count
		}
	}
	return n, err
}

// Condition is the state of a history, in one word.
type Condition string

const (
	Unreadable Condition = "unreadable" // the database is not there, damaged, or in use
	Damaged    Condition = "damaged"    // it is not what was recorded, as verify found
	NeverRun   Condition = "never-run"  // no run is history
	Failing    Condition = "failing"    // the newest run is not history
	Stale      Condition = "stale"      // nothing has been read for too long
	Partial    Condition = "partial"    // the newest run could not read all that it asked for
	Healthy    Condition = "healthy"
)

// Conditions has the worst first.
var Conditions = []Condition{Unreadable, Damaged, NeverRun, Failing, Stale, Partial, Healthy}

// longRun is how long a run may be active before it counts as interrupted.
const longRun = 24 * time.Hour

// StaleAfter is how old what was read may be, where runs are weekly.
const StaleAfter = 8 * 24 * time.Hour

// Condition judges a history at a time.
func (h *Health) Condition(now time.Time, stale time.Duration) Condition {
	switch {
	case h.Newest == nil:
		return NeverRun
	case h.Last != h.Newest, h.Open != nil && now.Sub(h.Open.StartedAt) > longRun:
		return Failing
	case now.Sub(h.Newest.ObservedUntil) > stale:
		return Stale
	case len(h.Newest.Warnings) > 0 || h.Newest.Audit != nil && !h.Newest.Audit.Complete:
		return Partial
	}
	return Healthy
}

// TenantHealth is a tenant of a fleet.
type TenantHealth struct {
	Name      string // in the configuration
	Condition Condition
	*Health         // nil: the database cannot be read
	Err       error // why it cannot be read, or was found damaged
	Verified  *bool // nil: it was not verified
	Now       time.Time
}
