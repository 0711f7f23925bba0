package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/lake"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/snapshot/store/engine"
	"lictrail/snapshot/store/ledger"
)

// HealthOptions say how the histories of a fleet are looked at.
type HealthOptions struct {
	Now      time.Time
	Stale    time.Duration                                // how old what was read may be
	Parallel int                                          // databases at a time
	Verify   func(ctx context.Context, file string) error // reads all of a history; nil: none is verified
	Progress func()                                       // after each tenant
}

// Health looks at every history, the worst first. One that cannot be read holds up no
// other.
func Health(ctx context.Context, databases []lake.Database, o HealthOptions) []*ask.TenantHealth {
	all := make([]*ask.TenantHealth, len(databases))
	slots := make(chan struct{}, max(1, o.Parallel))
	var each sync.WaitGroup
	for i, db := range databases {
		each.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			all[i] = o.one(ctx, db)
			o.Progress()
		})
	}
	each.Wait()
	slices.SortStableFunc(all, func(a, b *ask.TenantHealth) int {
		return cmp.Or(slices.Index(ask.Conditions, a.Condition)-slices.Index(ask.Conditions, b.Condition), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func (o *HealthOptions) one(ctx context.Context, db lake.Database) *ask.TenantHealth {
	t := &ask.TenantHealth{Name: db.Name, Condition: ask.Unreadable, Now: o.Now}
	if t.Err = ctx.Err(); t.Err == nil {
		t.Health, t.Err = ask.ReadHealth(ctx, db.Path)
	}
	if t.Err != nil {
		return t
	}
	t.Condition = t.Health.Condition(o.Now, o.Stale)
	if o.Verify == nil || t.Condition == ask.NeverRun {
		return t
	}
	t.Err = o.Verify(ctx, db.Path)
	good := t.Err == nil
	t.Verified = &good
	if !good {
		t.Condition = ask.Damaged
	}
	return t
}

// HealthVerdict is one error for all tenants that need somebody; nil where none does.
func HealthVerdict(all []*ask.TenantHealth) error {
	var codes []int
	for _, t := range all {
		if code := exit.OfHealth(t); code != exit.Done {
			codes = append(codes, code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	return &out.Error{Code: exit.Worst(codes...), Err: exit.ErrSomeTenants, Hint: "lictrail doctor --tenant-name NAME says what to do; lictrail sync --tenant-name NAME tries again",
		Message: fmt.Sprintf("%d of %s not healthy", len(codes), out.Plural(len(all), "tenant"))}
}

// ErrFindings is what verify found, in one error.
func ErrFindings(findings []ledger.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", engine.ErrDamaged, findings[0].Check, findings[0].What)
}

// Each looks at every history, the worst first, and reads those that have a run, one
// after the other. One that cannot be read is unreadable, and holds up no other.
func Each(ctx context.Context, databases []lake.Database, o HealthOptions, read func(t *ask.TenantHealth, file string) error) ([]*ask.TenantHealth, []Outcome) {
	files := map[string]string{}
	for _, db := range databases {
		files[db.Name] = db.Path
	}
	all := Health(ctx, databases, o)
	outcomes := make([]Outcome, len(all))
	for i, t := range all {
		if t.Health != nil && t.Newest != nil && ctx.Err() == nil {
			if t.Err = read(t, files[t.Name]); t.Err != nil {
				t.Condition = ask.Unreadable
			}
		}
		outcomes[i] = Outcome{Name: t.Name, Err: t.Err}
	}
	return all, outcomes
}
