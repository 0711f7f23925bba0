package store

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"lictrail/snapshot"
)

// PathSpan is one unbroken time for which a user held a SKU by one path.
type PathSpan struct {
	User snapshot.UserID
	SKU  snapshot.SKUID
	Path snapshot.PathRef
	From snapshot.Date
	To   *snapshot.Date // nil while it goes on
	runs span
}

// PathSpans lists by which paths users held SKUs up to the run asked about, as runs
// showed them: the oldest of each path first. What only the audit log saw is in
// none; see [History.Periods].
func (h *History) PathSpans(ctx context.Context, f Filter) iter.Seq2[*PathSpan, error] {
	return func(yield func(*PathSpan, error) bool) {
		for s, err := range h.spells(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, span := range h.pathSpans(s) {
				if !yield(span, nil) {
					return
				}
			}
		}
	}
}

// pathSpans joins the rows of each path that was held without a break.
func (h *History) pathSpans(s *spells) []*PathSpan {
	rows := slices.Clone(s.paths)
	slices.SortStableFunc(rows, func(a, b pathRow) int {
		return cmp.Or(a.PathKey.Compare(b.PathKey), cmp.Compare(a.From, b.From))
	})
	var list []*PathSpan
	for i := 0; i < len(rows); {
		last := i
		for last+1 < len(rows) && rows[last+1].PathKey == rows[i].PathKey && rows[last].To.Valid && rows[last+1].From == rows[last].To.Int64 {
			last++
		}
		first, end := rows[i], rows[last]
		span := &PathSpan{User: s.user.ID, SKU: s.sku, Path: first.PathRef, From: h.pathSince(s, end), runs: span{from: snapshot.RunID(first.From)}}
		if first.Span.Path != span.runs.from { // held before, by a path that was not seen well
			span.From = h.RunDate(span.runs.from)
		}
		if end.To.Valid && end.To.Int64 <= int64(h.At.ID) {
			to := h.changeDate(s, snapshot.RunID(end.To.Int64), []snapshot.Kind{snapshot.Removed}, &end)
			span.To, span.runs.to = &to, snapshot.RunID(end.To.Int64)
		}
		list, i = append(list, span), last+1
	}
	return list
}
