package ask

import (
	"cmp"
	"slices"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// Bar is one time for which a user held a SKU by one path.
type Bar struct {
	SKU    snapshot.SKUID
	Path   snapshot.PathRef
	Period int
	From   snapshot.Date
	To     *snapshot.Date // nil while it goes on
}

// Bars splits the periods of one user by path. Paths come from runs only. A period may
// also rest on records that show the SKU as held, or as not held, between runs; it then
// bounds the paths.
func Bars(periods []*store.Period, spans []*store.PathSpan) []Bar {
	var bars []Bar
	for _, p := range periods {
		for _, s := range p.Stretches {
			bars = append(bars, barsOf(p, s, spans)...)
		}
	}
	return bars
}

func barsOf(p *store.Period, s snapshot.Stretch, spans []*store.PathSpan) []Bar {
	var bars []Bar
	for _, span := range spans {
		if span.User == p.User.ID && span.SKU == p.SKU && overlap(span, s) {
			bars = append(bars, Bar{p.SKU, span.Path, p.Number, later(span.From, s.From), sooner(span.To, s.To)})
		}
	}
	switch len(bars) {
	case 0: // no run showed it
		paths := p.Paths
		if len(paths) == 0 {
			paths = []snapshot.PathRef{{Kind: snapshot.Unknown}}
		}
		for _, path := range paths {
			bars = append(bars, Bar{p.SKU, path, p.Number, s.From, s.To})
		}
	case 1:
		bars[0].From, bars[0].To = s.From, s.To
	}
	slices.SortStableFunc(bars, func(a, b Bar) int {
		return cmp.Or(a.From.NotAfter.Compare(b.From.NotAfter), a.Path.Compare(b.Path))
	})
	return bars
}

// overlap compares the latest times at which both began and ended.
func overlap(span *store.PathSpan, s snapshot.Stretch) bool {
	return (s.To == nil || span.From.NotAfter.Before(s.To.NotAfter)) && (span.To == nil || span.To.NotAfter.After(s.From.NotAfter))
}

func later(a, b snapshot.Date) snapshot.Date {
	if a.NotAfter.After(b.NotAfter) {
		return a
	}
	return b
}

// sooner returns the earlier end; nil is no end.
func sooner(a, b *snapshot.Date) *snapshot.Date {
	if a == nil || b != nil && b.NotAfter.Before(a.NotAfter) {
		return b
	}
	return a
}
