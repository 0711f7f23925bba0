package track

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lictrail/diff/audit"
	"lictrail/snapshot"
	"lictrail/snapshot/store"
)

// unifiedLog is what the ways to the unified audit log have in common. Each
// plans what it has to read in the store, and archives what it has read stretch
// by stretch: what one run does not finish, the next one takes up.
type unifiedLog struct {
	*run
	source  snapshot.Source
	name    string // for warnings
	code    string // of warnings
	changed map[snapshot.UserID]bool
	end     time.Time // of what is asked for
	first   time.Time // of what was ever read; zero when nothing was
	last    time.Time // of what was ever read or planned; zero when nothing was
}

// openUnified prepares the reading of a source, and returns what is left of earlier
// runs and where the time begins for which nothing was asked yet: zero when the
// source was never read. What a file is said to cover is not taken as read.
func (t *run) openUnified(ctx context.Context, source snapshot.Source, name string) (l *unifiedLog, left []store.Stretch, from time.Time, err error) {
	l = &unifiedLog{run: t, source: source, name: name, code: "audit-" + string(source),
		end: t.passed.ObservedUntil.Truncate(time.Second).Add(time.Second)}
	if left, err = t.sync.Planned(ctx, source); err != nil {
		return nil, nil, from, err
	}
	stretches, err := t.sync.Coverage(ctx)
	if err != nil {
		return nil, nil, from, err
	}
	for _, c := range stretches {
		if c.Complete && !c.Imported && c.Source == source {
			l.last = latest(l.last, c.To)
			if l.first.IsZero() || c.From.Before(l.first) {
				l.first = c.From
			}
		}
	}
	for _, p := range left {
		l.last = latest(l.last, p.To)
	}
	if !l.last.IsZero() {
		from = l.last.Add(-overlap)
	}
	return l, left, from, l.loadChanged(ctx)
}

// loadChanged finds the users with changes, now or in earlier runs: of them
// every edit is kept, since one may have moved a dynamic group.
func (l *unifiedLog) loadChanged(ctx context.Context) error {
	l.changed = map[snapshot.UserID]bool{}
	if l.sync.Previous == nil {
		return nil // no change is to be explained yet
	}
	for _, id := range l.differs.changed() {
		l.changed[id] = true
	}
	h, err := l.db.History(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	for c, err := range h.Changes(ctx, store.ChangeFilter{}) {
		if err != nil {
			return err
		}
		if c.User != "" {
			l.changed[c.User] = true
		}
	}
	return nil
}

// operations are the names of the activities as the unified log writes them.
func operations() []string {
	var list []string
	for _, q := range activities {
		if q.Prefix {
			list = append(list, q.Activity+" to users.", q.Activity+" to user.")
		} else {
			list = append(list, q.Activity+".")
		}
	}
	return append(list, updateUser+".")
}

// wanted reports by its name whether an operation may matter.
func wanted() func(operation string) bool {
	names := map[snapshot.Activity]bool{}
	for _, o := range operations() {
		names[audit.Normalize(o)] = true
	}
	return func(operation string) bool { return names[audit.Normalize(operation)] }
}

// batch collects the records of one stretch. What is more than fits in memory
// goes to the archive at once.
type batch struct {
	*unifiedLog
	events []snapshot.RawEvent
	held   int   // bytes of them
	taken  int64 // records, also those in the archive
	seen   map[copyKey]bool
	lost   int // records that cannot be read
}

func (l *unifiedLog) newBatch() *batch { return &batch{unifiedLog: l, seen: map[copyKey]bool{}} }

func (b *batch) add(ctx context.Context, raw []byte) error {
	e, err := audit.Describe(b.source, raw)
	key := keyOfCopy(&e)
	switch {
	case err != nil:
		b.lost++
	case b.seen[key]:
	case b.matters(&e):
		b.events, b.held = append(b.events, e), b.held+len(raw)
		b.taken++
	}
	b.seen[key] = true
	if b.held < maxHeld {
		return nil
	}
	err = b.sync.Archive(ctx, store.Archived{Events: b.events, Fuller: audit.Fuller})
	b.events, b.held = nil, 0
	if err != nil {
		return stored(err)
	}
	return endless(int(b.taken))
}

// matters is relevant, for a log of which one stretch may bear on many runs.
func (b *batch) matters(raw *snapshot.RawEvent) bool {
	if audit.Normalize(raw.Activity) == snapshot.UpdateUser && b.changed[snapshot.UserID(raw.Target)] {
		return true
	}
	return b.relevant(raw)
}

// archive keeps what was read, and what need not be read any more. claims say for
// which time that counts.
func (b *batch) archive(ctx context.Context, done []store.Stretch, claims []snapshot.Coverage) error {
	for i := range claims {
		claims[i].Source = b.source
		if b.lost > 0 && claims[i].Complete {
			claims[i].Complete, claims[i].Why = false, fmt.Sprintf("%d records that may matter could not be read", b.lost)
		}
	}
	if len(claims) > 0 {
		claims[0].Events = b.taken
	}
	err := b.sync.Archive(ctx, store.Archived{Done: done, Events: b.events, Fuller: audit.Fuller, Coverage: claims})
	if err == nil {
		b.archived = append(b.archived, claims...)
	}
	return err
}

// claim splits a stretch that was read at the time before which it does not
// count, and says why.
func claim(s store.Stretch, since time.Time, why string) []snapshot.Coverage {
	var claims []snapshot.Coverage
	if since.Before(s.To) {
		claims = append(claims, snapshot.Coverage{From: latest(s.From, since), To: s.To, Complete: true})
	}
	if s.From.Before(since) {
		claims = append(claims, snapshot.Coverage{From: s.From, To: earliest(s.To, since), Why: why})
	}
	return claims
}

// notRead records that stretches could not be read. They remain planned for later runs.
func (l *unifiedLog) notRead(cause error, left ...store.Stretch) {
	if len(left) == 0 {
		return
	}
	from := len(l.coverage)
	for _, s := range newestFirst(slices.Clone(left)) {
		if n := len(l.coverage); n > from && !s.To.Before(l.coverage[n-1].From) {
			l.coverage[n-1].From = earliest(l.coverage[n-1].From, s.From)
			continue
		}
		l.coverage = append(l.coverage, snapshot.Coverage{Source: l.source, From: s.From, To: s.To, Why: cause.Error()})
	}
	l.warn(l.code, "%s: of %s not all could be read: %v", l.name, spanWords(left), cause)
}

// spanWords names the time from the first stretch to the last.
func spanWords(list []store.Stretch) string {
	from, to := list[0].From, list[0].To
	for _, s := range list {
		from, to = earliest(from, s.From), latest(to, s.To)
	}
	return from.UTC().Format(time.DateOnly) + " to " + to.UTC().Format(time.DateOnly)
}

// cut divides a time into stretches of at most a length, the newest first.
func (l *unifiedLog) cut(from, to time.Time, length time.Duration) []store.Stretch {
	var list []store.Stretch
	for end := to; end.After(from); end = end.Add(-length) {
		list = append(list, store.Stretch{Source: l.source, From: latest(from, end.Add(-length)), To: end})
	}
	return list
}

// newestFirst sorts stretches and drops those that stand there twice.
func newestFirst(list []store.Stretch) []store.Stretch {
	slices.SortStableFunc(list, func(a, b store.Stretch) int {
		return cmp.Or(b.To.Compare(a.To), b.From.Compare(a.From), strings.Compare(b.Search, a.Search))
	})
	return slices.CompactFunc(list, func(a, b store.Stretch) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) })
}
