package ask

import (
	"context"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Figures are the counts of the newest run.
type Figures struct {
	Tenant  snapshot.TenantID
	Run     *store.Run // nil: there is none
	Success time.Time  // when it ended
	Causes  map[snapshot.Cause]int
	Gaps    map[snapshot.Source]time.Duration
}

// FiguresOf counts, in a history, the causes of its newest run's changes and the time
// that no audit source covers.
func FiguresOf(ctx context.Context, h *store.History) (Figures, error) {
	f := Figures{Tenant: h.Tenant.ID, Run: h.At, Success: h.At.EndedAt, Causes: map[snapshot.Cause]int{}, Gaps: map[snapshot.Source]time.Duration{}}
	for c, err := range h.Changes(ctx, store.ChangeFilter{Run: h.At.ID}) {
		if err != nil {
			return f, err
		}
		f.Causes[c.Attribution.Cause]++
	}
	stretches, err := h.Coverage(ctx)
	if err != nil {
		return f, err
	}
	f.measureGaps(h.At.ObservedUntil, stretches)
	return f, nil
}

// measureGaps adds up what was not read of each source since it was first read,
// and what no source covers.
func (f *Figures) measureGaps(run time.Time, stretches []snapshot.Coverage) {
	if len(stretches) == 0 {
		return
	}
	bySource := map[snapshot.Source][]snapshot.Coverage{snapshot.AnySource: stretches}
	for _, c := range stretches {
		bySource[c.Source] = append(bySource[c.Source], c)
	}
	end := CoverageEnd(run, stretches)
	for source, mine := range bySource {
		f.Gaps[source] = 0
		for _, c := range snapshot.UnionCoverage(mine, snapshot.CoverageBegin(mine), end) {
			if !c.Complete {
				f.Gaps[source] += c.To.Sub(c.From)
			}
		}
	}
}
