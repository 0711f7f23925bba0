package ask

import (
	"context"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Pace is how many users got and lost SKUs in the runs before one, by which many at
// once are distinguished from the usual number.
type Pace struct {
	rates map[paceKey]map[snapshot.RunID]int
	runs  []paceRun
	over  time.Duration
}

type paceKey struct {
	kind snapshot.Kind
	sku  snapshot.SKUID
}

type paceRun struct {
	id   snapshot.RunID
	over time.Duration
}

// maxPaceRuns is how many runs before count: a year of weekly ones.
const maxPaceRuns = 52

// PaceBefore reads the pace of the runs before the one that the book is asked about.
func PaceBefore(ctx context.Context, b *Book) (*Pace, error) {
	p := &Pace{rates: map[paceKey]map[snapshot.RunID]int{}}
	if p.runs, p.over = paceRuns(b.History.CompleteRuns()); len(p.runs) == 0 {
		return p, nil
	}
	counts, err := b.History.LicenseCounts(ctx, p.runs[0].id)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		k := paceKey{c.Kind, c.SKU}
		if p.rates[k] == nil {
			p.rates[k] = map[snapshot.RunID]int{}
		}
		p.rates[k][c.Run] = c.Users
	}
	return p, nil
}

// paceRuns are the runs before the last one that count, and how long that one looked
// back.
func paceRuns(runs []*store.Run) (before []paceRun, over time.Duration) {
	for i := 1; i < len(runs); i++ { // the first run records no changes
		before = append(before, paceRun{runs[i].ID, runs[i].ObservedUntil.Sub(runs[i-1].ObservedUntil)})
	}
	if len(before) == 0 {
		return nil, 0
	}
	last := len(before) - 1
	return before[max(0, last-maxPaceRuns):last], before[last].over
}

// Limit is from how many users on changes of one kind to a SKU are a burst.
func (p *Pace) Limit(kind snapshot.Kind, sku snapshot.SKUID, holders int64) snapshot.BurstLimit {
	rates := make([]snapshot.Rate, len(p.runs))
	for i, r := range p.runs {
		rates[i] = snapshot.Rate{Users: p.rates[paceKey{kind, sku}][r.id], Over: r.over}
	}
	limit := snapshot.UsualBurst(rates, p.over, holders)
	if kind == snapshot.Removed {
		return limit.OrAll(holders)
	}
	return limit
}
