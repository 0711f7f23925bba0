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

// FeedReader reads the unified audit log from its feed. Turning the feed on is
// all it ever asks of the service besides reading.
type FeedReader interface {
	Enabled(ctx context.Context, tenant snapshot.TenantID) (bool, error)
	Start(ctx context.Context, tenant snapshot.TenantID) error
	// Blobs lists the content that became available from a time up to another.
	Blobs(ctx context.Context, tenant snapshot.TenantID, from, to time.Time) ([]snapshot.FeedBlob, error)
	// Records delivers the records of a blob; of one whose operation is not wanted it
	// may deliver the id only.
	Records(ctx context.Context, tenant snapshot.TenantID, b snapshot.FeedBlob, wanted func(operation string) bool,
		page func([]snapshot.LogRecord) error, restart func() error) error
	Requests() int
}

const (
	// feedKept is how long content is kept, feedReach that less what a run may
	// take.
	feedKept  = 7 * 24 * time.Hour
	feedReach = feedKept - 10*time.Minute
	// feedSpan is the longest time that content can be listed for.
	feedSpan = 24 * time.Hour
	// feedLag is how long after a record's time its content may come.
	feedLag = 24 * time.Hour
	// feedWarmUp is how long after the start of a feed its first content may come.
	feedWarmUp = 12 * time.Hour
)

var errFeedGone = errors.New("the feed keeps content for 7 days only; run sync more often, or read the Purview audit search too")

// feedRead is the reading of the unified log from its feed.
type feedRead struct {
	*unifiedLog
	oldest time.Time // what can still be listed
	parts  []*feedPart
	read   map[string]bool // blobs whose records are archived
	failed []store.Stretch
	since  time.Time // from when on the feed is known to have had everything
}

// feedPart is a stretch and its content.
type feedPart struct {
	store.Stretch
	blobs []snapshot.FeedBlob
	err   error
}

// fetchFeed reads what became available since the feed was last read.
func (t *run) fetchFeed(ctx context.Context) error {
	l, left, from, err := t.openUnified(ctx, snapshot.SourceUnified, "Management Activity API")
	if err != nil {
		return err
	}
	oldest := l.end.Add(t.o.Now().Sub(t.passedAt) - feedReach).Truncate(time.Second)
	f := &feedRead{unifiedLog: l, oldest: oldest, read: map[string]bool{}}
	for _, p := range newestFirst(append(left, l.cut(latest(from, oldest), l.end, feedSpan)...)) {
		f.parts = append(f.parts, &feedPart{Stretch: p})
	}
	err = f.fetch(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, snapshot.ErrOutOfReach) {
		for _, p := range f.parts {
			f.failed = append(f.failed, p.Stretch)
		}
		l.notRead(err, f.failed...)
		return nil
	}
	return err
}

func (f *feedRead) fetch(ctx context.Context) error {
	if err := f.turnOn(ctx); err != nil {
		return err
	}
	if err := f.plan(ctx); err != nil {
		return err
	}
	if err := f.list(ctx); err != nil {
		return err
	}
	if err := f.findStart(ctx); err != nil {
		return err
	}
	for len(f.parts) > 0 { // the newest first: their content may hold records of the time before
		if err := f.one(ctx, f.parts[0]); err != nil {
			return err
		}
		f.parts = f.parts[1:]
	}
	return nil
}

// turnOn makes sure that the feed is on.
func (f *feedRead) turnOn(ctx context.Context) error {
	if f.o.NoFeed != nil {
		return fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, f.o.NoFeed)
	}
	on, err := f.o.Feed.Enabled(ctx, f.tenant.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, err)
	}
	if on {
		f.since, err = f.sync.FeedSince(ctx)
		return stored(err)
	}
	if err := f.o.Feed.Start(ctx, f.tenant.ID); err != nil {
		return fmt.Errorf("%w: %w", snapshot.ErrOutOfReach, err)
	}
	f.since = f.end.Add(feedWarmUp)
	f.warn("audit-feed-started", "the Management Activity API had no subscription to the records of Microsoft Entra ID; it has one now, and has content within 12 hours")
	return stored(f.sync.SetFeedSince(ctx, f.since))
}

// plan keeps what is to be read, less what has expired since it was planned.
func (f *feedRead) plan(ctx context.Context) error {
	a := store.Archived{}
	var parts []*feedPart
	gone := []store.Stretch{{Source: f.source, From: f.last, To: f.oldest}}
	for _, p := range f.parts {
		if p.From.Before(f.oldest) {
			a.Done = append(a.Done, p.Stretch)
			gone = append(gone, store.Stretch{Source: f.source, From: p.From, To: earliest(p.To, f.oldest)})
			p.From = f.oldest
		}
		if p.From.Before(p.To) {
			a.Planned, parts = append(a.Planned, p.Stretch), append(parts, p)
		}
	}
	f.parts = parts
	gone = slices.DeleteFunc(gone, func(s store.Stretch) bool { // what nothing read lies before is no gap
		return f.first.IsZero() || !f.first.Before(s.From) || !s.From.Before(s.To)
	})
	f.notRead(errFeedGone, gone...)
	return stored(f.sync.Archive(ctx, a))
}

// list finds the content of each part, the oldest first: it expires soonest.
func (f *feedRead) list(ctx context.Context) error {
	for i := len(f.parts) - 1; i >= 0; i-- {
		p := f.parts[i]
		p.blobs, p.err = f.o.Feed.Blobs(ctx, f.tenant.ID, p.From, p.To)
		if ctx.Err() != nil || errors.Is(p.err, snapshot.ErrOutOfReach) {
			return p.err
		}
	}
	return nil
}

// findStart finds out since when the feed has been on, where that is not known:
// at the latest since its first content.
func (f *feedRead) findStart(ctx context.Context) error {
	if !f.since.IsZero() {
		return nil
	}
	for _, p := range f.parts {
		for _, b := range p.blobs {
			if f.since.IsZero() || b.Created.Before(f.since) {
				f.since = b.Created
			}
		}
	}
	if f.since.IsZero() {
		f.since = f.end // nothing shows that it has ever had anything
		return nil
	}
	return stored(f.sync.SetFeedSince(ctx, f.since))
}

// one reads the content of one part.
func (f *feedRead) one(ctx context.Context, p *feedPart) error {
	b := f.newBatch()
	for _, blob := range p.blobs {
		if p.err != nil {
			break
		}
		p.err = f.blob(ctx, blob, b)
	}
	switch {
	case ctx.Err() != nil || errors.Is(p.err, snapshot.ErrOutOfReach) || errors.Is(p.err, errStore):
		return p.err
	case p.err != nil:
		f.failed = append(f.failed, p.Stretch)
		f.notRead(p.err, p.Stretch)
		return nil
	}
	for _, blob := range p.blobs {
		f.read[blob.ID] = true
	}
	if f.lacksLater(p.Stretch) {
		return stored(b.archive(ctx, nil, []snapshot.Coverage{{From: p.From, To: p.To, Why: "content that came later, which may have records of this time, could not be read"}}))
	}
	return stored(b.archive(ctx, []store.Stretch{p.Stretch}, f.claims(p.Stretch)))
}

func (f *feedRead) blob(ctx context.Context, blob snapshot.FeedBlob, b *batch) error {
	if f.read[blob.ID] {
		return nil
	}
	return f.o.Feed.Records(ctx, f.tenant.ID, blob, wanted(), func(records []snapshot.LogRecord) error {
		for _, r := range records {
			if r.Raw == nil {
				continue // not wanted
			}
			if err := b.add(ctx, r.Raw); err != nil {
				return err
			}
		}
		return nil
	}, func() error { return nil }) // what a reading showed is true, and what comes again is known
}

// lacksLater reports whether content is missing that may have records of the time of
// a part: content holds records of up to a day before it. The part stays planned, so
// that it counts once both were read.
func (f *feedRead) lacksLater(s store.Stretch) bool {
	return slices.ContainsFunc(f.failed, func(missing store.Stretch) bool {
		return missing.To.After(s.To) && missing.From.Before(s.To.Add(feedLag))
	})
}

// claims says for which time a part counts.
func (f *feedRead) claims(s store.Stretch) []snapshot.Coverage {
	claims := claim(s, f.since, "nothing shows that the feed was on then")
	for i := range claims {
		claims[i].To = earliest(claims[i].To, f.passed.ObservedUntil)
	}
	return claims
}
