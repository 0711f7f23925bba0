package track

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// SearchReader searches the unified audit log. Starting a search is all it
// ever asks of the service besides reading.
type SearchReader interface {
	// StartSearch has the service look for records of operations, from a time up
	// to but not including another, and returns the search's id.
	StartSearch(ctx context.Context, from, to time.Time, operations []string) (id string, err error)
	// Search returns the state of a search; wait: as soon as it has ended, or
	// when that takes too long.
	Search(ctx context.Context, id string, wait bool) (snapshot.SearchState, error)
	// SearchRecords delivers what a search found.
	SearchRecords(ctx context.Context, id string, page func([]snapshot.LogRecord) error, restart func() error) error
}

const (
	// searchSure is how long the unified log surely keeps records: Audit
	// (Standard). More is kept for users with certain licenses.
	searchSure = 180 * 24 * time.Hour
	// searchMax is the longest retention that can be bought.
	searchMax = 3660 * 24 * time.Hour
	// searchSpan is the time that one search looks through. The smaller it is,
	// the less there is to do again when it finds too much.
	searchSpan = 30 * 24 * time.Hour
	// searchLeast is the span below which a search is not divided again.
	searchLeast = time.Hour
	// searchAhead is how many searches run at once; a tenant may have 50.
	searchAhead = 10
	// readings bounds how often one search is read until readings agree.
	readings = 6
)

var (
	errRunning  = errors.New("the search is still running; the next run takes it up")
	errNotFound = errors.New("the search failed in the service twice; the next run tries again")
	errUnstable = fmt.Errorf("of %d readings of one search no two agreed", readings)
	errTooMany  = errors.New("even one hour has more records than a search returns")
)

const tooOld = "records this old are kept for some users only; what was found is in the archive"

// searches is the reading of the unified log by searches.
type searches struct {
	*unifiedLog
	queue   []store.Stretch // still to be read, in this order
	tried   map[string]int  // by stretch: searches of this run that failed
	patient bool            // worth waiting for
}

// fetchSearches reads what the unified log has since it was last read: at the
// first time, all that the tenant keeps.
func (t *run) fetchSearches(ctx context.Context) error {
	l, left, from, err := t.openUnified(ctx, snapshot.SourcePurview, "Purview audit search")
	if err != nil {
		return err
	}
	s := &searches{unifiedLog: l, tried: map[string]int{}, patient: true}
	fresh := l.cut(latest(from, l.end.Add(-searchSure)), l.end, searchSpan)
	if from.IsZero() {
		fresh = append(fresh, l.older(l.end.Add(-searchSure)))
	}
	s.queue = newestFirst(append(left, fresh...))
	err = s.read(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, snapshot.ErrOutOfReach) {
		l.notRead(err, s.queue...)
		return nil
	}
	return err
}

// older is the stretch before a time for which nothing is sure to be kept.
func (l *unifiedLog) older(to time.Time) store.Stretch {
	return store.Stretch{Source: l.source, From: to.Add(-searchSure), To: to}
}

// read works through the queue. What it cannot have stays planned.
func (s *searches) read(ctx context.Context) error {
	for len(s.queue) > 0 {
		if err := s.startAhead(ctx); err != nil {
			return err
		}
		next := s.queue[0]
		err := s.one(ctx, next)
		switch {
		case ctx.Err() != nil || errors.Is(err, snapshot.ErrOutOfReach) || errors.Is(err, errStore):
			return err
		case err != nil:
			s.notRead(err, next)
		}
		s.queue = s.queue[1:]
	}
	return nil
}

// errStore marks what is not the source's fault.
var errStore = errors.New("the archive")

func stored(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// startAhead starts the searches that are next. What is planned is kept when the
// first could be started.
func (s *searches) startAhead(ctx context.Context) error {
	for i := range s.queue[:min(len(s.queue), searchAhead)] {
		if s.queue[i].Search == "" {
			if err := s.start(ctx, &s.queue[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *searches) start(ctx context.Context, p *store.Stretch) error {
	id, err := s.o.Search.StartSearch(ctx, p.From, p.To, operations())
	if err != nil {
		return fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, err)
	}
	p.Search = id
	return stored(s.sync.Archive(ctx, store.Archived{Planned: append(slices.Clone(s.queue), *p)}))
}

// one reads one stretch, divides it, or says why not.
func (s *searches) one(ctx context.Context, p store.Stretch) error {
	state, err := s.o.Search.Search(ctx, p.Search, s.patient)
	switch {
	case errors.Is(err, snapshot.ErrOutOfReach):
		return err
	case err != nil, state.Ended && !state.Found:
		return s.again(ctx, p)
	case !state.Ended:
		s.patient = false // the others are looked at once
		return errRunning
	case state.Exceeded && p.To.Sub(p.From) > searchLeast:
		return s.divide(ctx, p)
	}
	b, found, err := s.records(ctx, p.Search)
	if err != nil {
		return err
	}
	return s.keep(ctx, p, b, found, state.Exceeded)
}

// again starts a search anew that failed or that the service has forgotten.
func (s *searches) again(ctx context.Context, p store.Stretch) error {
	key := p.From.String() + p.To.String()
	p.Search = ""
	if s.tried[key]++; s.tried[key] > 1 {
		return errors.Join(errNotFound, stored(s.sync.Archive(ctx, store.Archived{Planned: []store.Stretch{p}})))
	}
	if err := s.start(ctx, &p); err != nil {
		return err
	}
	s.queue = append(s.queue, p)
	return nil
}

// divide has two searches do what one could not.
func (s *searches) divide(ctx context.Context, p store.Stretch) error {
	middle := p.From.Add(p.To.Sub(p.From) / 2).Truncate(time.Second)
	halves := []store.Stretch{{Source: s.source, From: middle, To: p.To}, {Source: s.source, From: p.From, To: middle}}
	s.queue = append(s.queue, halves...)
	return stored(s.sync.Archive(ctx, store.Archived{Done: []store.Stretch{p}, Planned: halves}))
}

// records reads a search until a reading agrees with all before it: readings of
// one finished search have been seen to differ.
func (s *searches) records(ctx context.Context, id string) (b *batch, found int, err error) {
	b = s.newBatch()
	all := map[copyKey]bool{}
	for reading := 1; reading <= readings; reading++ {
		before := len(all)
		now := map[copyKey]bool{}
		err := s.o.Search.SearchRecords(ctx, id, func(records []snapshot.LogRecord) error {
			for _, r := range records {
				key := hashOf(r.ID)
				if !all[key] { // what a reading showed is true, whether or not it comes to its end
					all[key] = true
					if err := b.add(ctx, r.Raw); err != nil {
						return err
					}
				}
				now[key] = true
			}
			return nil
		}, func() error {
			clear(now)
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
		if reading > 1 && len(all) == before && len(now) == before {
			return b, len(all), nil
		}
	}
	return nil, 0, errUnstable
}

// keep archives what was found. Beyond what is surely kept it goes on further
// back for as long as there is anything to be found.
func (s *searches) keep(ctx context.Context, p store.Stretch, b *batch, found int, exceeded bool) error {
	claims := claim(p, s.end.Add(-searchSure), tooOld)
	if exceeded {
		claims = []snapshot.Coverage{{From: p.From, To: p.To, Why: errTooMany.Error()}}
	}
	for i := range claims {
		claims[i].To = earliest(claims[i].To, s.passed.ObservedUntil)
	}
	if err := b.archive(ctx, []store.Stretch{p}, claims); err != nil {
		return stored(err)
	}
	if further := s.older(p.From); found > 0 && !p.To.After(s.end.Add(-searchSure)) && further.From.After(s.end.Add(-searchMax)) {
		s.queue = append(s.queue, further)
		return stored(s.sync.Archive(ctx, store.Archived{Planned: []store.Stretch{further}}))
	}
	return nil
}
