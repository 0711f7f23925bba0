package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lictrail/snapshot"
)

// AutoPartitions has the size of the tenant decide how the users are read.
const AutoPartitions = -1

const (
	// MaxPartitions is how many partitions are read at a time, at most.
	MaxPartitions = 8
	// Below this many users, one pass takes less than a minute and a half at 1.5
	// seconds a page, of which partitions would save little: they need some 30
	// requests of their own.
	partitionedFrom = 50_000
	usersAPartition = 25_000
	// maxProbes bounds the rounds of counts that find where to cut. 16 halvings of the
	// years since 2000 come down to three and a half hours.
	maxProbes = 16
	// maxIDs is how many ids a filter may name.
	maxIDs = 15
	// namedShare is the part of the users, one in so many, that may be read by their
	// ids: so many requests, 8 at a time, take half as long as the pass.
	namedShare = 16
	// shortShare is the part of the users that may be missing from the union, compared
	// with Graph's count, which lags behind: one in so many.
	shortShare = 1000
)

// errUnproven is why a read in partitions does not count: nothing shows that the
// partitions together are all users, or something shows that they are not.
var errUnproven = errors.New("the partitions are not proven to be all users")

func unproven(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errUnproven, fmt.Errorf(format, args...))
}

// another reports whether one pass over all users may succeed where the partitions
// failed. It cannot when Graph is out of reach or the sign-in failed.
func another(err error) bool {
	return errors.Is(err, errUnproven) || errors.Is(err, ErrIncomplete)
}

// partitionsFor is how many partitions so many users are read in.
func (o *Options) partitionsFor(users int) int {
	switch {
	case o.Partitions != AutoPartitions:
		return min(o.Partitions, MaxPartitions)
	case users < partitionedFrom:
		return 1
	}
	return min(users/usersAPartition, MaxPartitions)
}

// span is a partition: the users who were created within a time, both ends included,
// or those of whom Graph does not say when. Neighbors share a whole second, so that no
// rounding leaves a gap between them: whoever is later than the one's end is not
// earlier than the other's beginning.
type span struct {
	from, to time.Time // zero: open
	unknown  bool
}

// spansOf cuts all time at the given instants, and adds the users without a time.
func spansOf(cuts []time.Time) []span {
	spans := []span{{unknown: true}}
	var from time.Time
	for _, cut := range cuts {
		spans = append(spans, span{from: from, to: cut})
		from = cut
	}
	return append(spans, span{from: from})
}

// has reports whether a user who was created then belongs to the partition.
func (s span) has(created *time.Time) bool {
	if s.unknown || created == nil {
		return s.unknown && created == nil
	}
	return !created.Before(s.from) && (s.to.IsZero() || !created.After(s.to))
}

// filter selects the users of the partition. That a property is tested for null is
// documented of others, not of this one: it is tried.
func (s span) filter() string {
	from, to := "createdDateTime ge "+s.from.Format(filterTime), "createdDateTime le "+s.to.Format(filterTime)
	switch {
	case s.unknown:
		return "createdDateTime eq null"
	case s.from.IsZero() && s.to.IsZero():
		return "createdDateTime ge " + firstAccount.Format(filterTime)
	case s.from.IsZero():
		return to
	case s.to.IsZero():
		return from
	}
	return from + " and " + to
}

const filterTime = "2006-01-02T15:04:05Z" // of times in UTC

// firstAccount is before the directory's first account: createdDateTime says when an
// account was made there, whatever it was synced from.
var firstAccount = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// parted is a read of the users in partitions.
type parted struct {
	c      *Client
	known  snapshot.KnownRows // to digest rows by: none is recognized, since its createdDateTime must be seen
	page   func([]snapshot.UserRow) error
	n      int          // connections
	shared hold         // of all connections: when one is told to wait, all are
	rows   atomic.Int64 // handed over so far, for progress
	spans  []span

	mu     sync.Mutex // of what follows, and of page
	parts  []progressOf
	users  map[[16]byte]placed
	prints snapshot.Fingerprints
	read   snapshot.PagesRead
	listed int               // users without a time, as the list of them has them
	named  []snapshot.UserID // of these, to be read by their ids
}

// progressOf is how far a partition is. A lost page token begins a new attempt at it.
type progressOf struct {
	owned     int // users whom it was the first to list
	confirmed int // of these, listed by the newest attempt, which lists each once
}

// placed is where a user was listed, and as what.
type placed struct {
	print int64
	part  uint8
}

// census is Graph's count of users, which may lag behind.
type census struct {
	all   int
	dated int // with createdDateTime
}

func (n census) undated() int { return n.all - n.dated }

// usersInPartitions reads the users in partitions. small is true when the tenant is so
// small that one pass is to read it, and nothing was read.
func (c *Client) usersInPartitions(ctx context.Context, known snapshot.KnownRows, page func([]snapshot.UserRow) error) (read snapshot.PagesRead, small bool, err error) {
	p := &parted{c: c, page: page, users: map[[16]byte]placed{}}
	if known.Print != nil {
		key, err := known.Key(c.rowForm())
		if err != nil {
			return read, false, err
		}
		p.known.Key = func(string) ([16]byte, error) { return key, nil }
		p.known.Print = func([16]byte) (snapshot.RowPrint, bool) { return snapshot.RowPrint{}, false }
	}
	before, err := p.census(ctx)
	if err != nil {
		return read, false, err
	}
	if p.n = c.opts.partitionsFor(before.all); p.n <= 1 {
		return read, true, nil
	}
	cuts, err := p.cuts(ctx, before.dated)
	if err != nil {
		return read, false, err
	}
	p.spans = spansOf(cuts)
	p.parts = make([]progressOf, len(p.spans))
	if err := p.each(ctx, len(p.spans), func(ctx context.Context, i int) error { return p.readSpan(ctx, i, before) }); err != nil {
		return p.read, false, err
	}
	named := slices.Collect(slices.Chunk(p.named, maxIDs))
	if err := p.each(ctx, len(named), func(ctx context.Context, i int) error { return p.readNamed(ctx, named[i]) }); err != nil {
		return p.read, false, err
	}
	after, err := p.census(ctx)
	if err == nil {
		err = p.agrees(before, after)
	}
	if err == nil && known.Complete != nil {
		if err = known.Complete(ctx); err != nil && ctx.Err() == nil {
			err = unproven("%w", err)
		}
	}
	p.read.Rows = len(p.users)
	return p.read, false, err
}

// agrees compares what was read with Graph's counts from before and after it. Users
// without a time are as good as never made or deleted: of them the number must be one
// of the two. An account that is made or deleted meanwhile, or that the count does not
// have yet, makes a difference in the others.
func (p *parted) agrees(before, after census) error {
	if p.listed != before.undated() && p.listed != after.undated() {
		return unproven("%d users without createdDateTime were listed, Graph counts %d", p.listed, after.undated())
	}
	counted := min(before.all, after.all)
	if short := counted - len(p.users); short*shortShare > counted {
		return unproven("%d users were listed, Graph counts %d", len(p.users), counted)
	}
	return nil
}

// census asks for both counts at once.
func (p *parted) census(ctx context.Context) (n census, err error) {
	filters := []string{"", span{}.filter()}
	counts := make([]int, len(filters))
	err = p.counts(ctx, filters, counts)
	return census{all: counts[0], dated: counts[1]}, err
}

func (p *parted) counts(ctx context.Context, filters []string, counts []int) error {
	return p.each(ctx, len(filters), func(ctx context.Context, i int) (err error) {
		counts[i], err = p.c.countUsers(ctx, filters[i], &p.shared)
		if uncounted(err) {
			err = unproven("Graph does not count users: %w", err)
		}
		return err
	})
}

// cuts finds the seconds that cut the users with a time in parts of about one size: by
// counts of those who were created since some second, halving the time in which each
// cut must lie.
func (p *parted) cuts(ctx context.Context, dated int) ([]time.Time, error) {
	type cut struct {
		want         int // users after it
		from, to, at time.Time
		off          int // how far from want the count at the time is
	}
	cuts := make([]cut, p.n-1)
	for i := range cuts {
		cuts[i] = cut{want: dated * (p.n - 1 - i) / p.n, from: firstAccount, to: p.c.opts.Now().UTC().Add(24 * time.Hour), off: dated + 1}
	}
	near := dated / (8 * p.n)
	middle := func(c *cut) time.Time { return c.from.Add(c.to.Sub(c.from) / 2).Truncate(time.Second) }
	for range maxProbes {
		var times []time.Time
		for i := range cuts {
			if c := &cuts[i]; c.off > near && middle(c).After(c.from) {
				times = append(times, middle(c))
			}
		}
		if len(times) == 0 {
			break
		}
		slices.SortFunc(times, time.Time.Compare)
		times = slices.CompactFunc(times, time.Time.Equal)
		filters, counts := make([]string, len(times)), make([]int, len(times))
		for i, at := range times {
			filters[i] = span{from: at}.filter()
		}
		if err := p.counts(ctx, filters, counts); err != nil {
			return nil, err
		}
		for i := range cuts {
			c := &cuts[i]
			known, asked := slices.BinarySearchFunc(times, middle(c), time.Time.Compare)
			if !asked || c.off <= near {
				continue
			}
			off := counts[known] - c.want
			if abs(off) < c.off {
				c.at, c.off = times[known], abs(off)
			}
			if off > 0 {
				c.from = times[known]
			} else {
				c.to = times[known]
			}
		}
	}
	var at []time.Time
	for _, c := range cuts {
		if !c.at.IsZero() {
			at = append(at, c.at)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return slices.CompactFunc(at, time.Time.Equal), nil
}

func abs(n int) int { return max(n, -n) }

// each calls do for 0 to n-1, as many at a time as there are connections. The first
// that fails ends the others.
func (p *parted) each(ctx context.Context, n int, do func(context.Context, int) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var first error
	var once sync.Once
	inParallel(n, max(p.n, 2), func(i int) {
		if inner.Err() != nil {
			return
		}
		if err := do(inner, i); err != nil {
			once.Do(func() { first = err })
			cancel()
		}
	})
	if first == nil && ctx.Err() != nil {
		return p.reader(opUsers).interrupted(ctx)
	}
	return first
}

// readSpan reads one partition to its end.
func (p *parted) readSpan(ctx context.Context, i int, before census) error {
	rows, err := p.c.userRows(p.known)
	if err != nil {
		return err
	}
	read, err := p.c.usersPager(rows, p.reader(opUsers), p.spans[i].filter()).run(ctx,
		func(rows []snapshot.UserRow) error { return p.take(i, rows) }, func() error { return p.again(i) })
	p.merge(read)
	refused := (*Error)(nil)
	if p.spans[i].unknown && errors.As(err, &refused) && refused.Status == http.StatusBadRequest && refused.Page == 1 {
		return p.listUndated(ctx, before)
	}
	if err != nil {
		return err
	}
	return p.ended(i)
}

// listUndated lists the users without a time as an advanced query, which is answered
// from an index that may not have a user's newest row. So it gives their ids, by which
// they are read.
func (p *parted) listUndated(ctx context.Context, before census) error {
	if n := before.undated(); n*namedShare > before.all {
		return unproven("%d users have no createdDateTime, and Graph lists them in an index only that may be behind: too many to read by their ids", n)
	}
	r := p.reader(opUsers)
	r.eventual = true
	pager := &pager[snapshot.UserRow]{
		reader: r, first: p.c.usersRequest([]string{"id", "createdDateTime"}, span{unknown: true}.filter(), true),
		key: userKey, opts: new(interner).options(), row: each(clearRow[wireUser], (*wireUser).user),
	}
	list, err := pager.all(ctx)
	p.merge(pager.stats)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed = len(list)
	for _, u := range list {
		if u.CreatedAt != nil {
			return errStray
		}
		p.named = append(p.named, u.ID)
	}
	return nil
}

// readNamed reads users without a time by their ids. Whoever is not found has left.
func (p *parted) readNamed(ctx context.Context, ids []snapshot.UserID) error {
	rows, err := p.c.userRows(p.known)
	if err != nil {
		return err
	}
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = "'" + string(id) + "'"
	}
	read, err := p.c.usersPager(rows, p.reader(opUsers), "id in ("+strings.Join(quoted, ",")+")").run(ctx, func(rows []snapshot.UserRow) error {
		for i := range rows {
			if !slices.Contains(ids, rows[i].ID) {
				return errStray
			}
		}
		return p.take(0, rows)
	}, func() error { return errLost })
	p.merge(read)
	return err
}

func (p *parted) reader(op string) *reader {
	r := p.c.newReader(op)
	r.shared, r.total = &p.shared, &p.rows
	return r
}

// merge adds what a part of the read was to what the whole was.
func (p *parted) merge(part snapshot.PagesRead) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.read
	s.Pages += part.Pages
	s.Requests += part.Requests
	s.Duplicates += part.Duplicates
	s.Restarts += part.Restarts
	if s.ObservedAt.IsZero() || !part.ObservedAt.IsZero() && part.ObservedAt.Before(s.ObservedAt) {
		s.ObservedAt = part.ObservedAt
	}
	if part.ObservedUntil.After(s.ObservedUntil) {
		s.ObservedUntil = part.ObservedUntil
	}
	if len(s.Warnings) == 0 {
		s.Warnings = part.Warnings // of the clock, which all have in common
	}
}

var (
	errStray = unproven("a user was listed whom the filter does not select")
	errLost  = unproven("a page token was lost among a few users")
	errMoved = unproven("a user was listed twice, and not as the same")
)

// take hands on those rows of a partition whose users were not listed before.
func (p *parted) take(part int, rows []snapshot.UserRow) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var fresh []snapshot.UserRow
	for i := range rows {
		first, err := p.place(&rows[i], part)
		if err != nil {
			return err
		}
		if first {
			fresh = append(fresh, rows[i])
		}
	}
	return p.page(fresh)
}

// again begins a partition anew. What was handed over of it stays, and each of these
// users must come again as the same: see [parted.ended].
func (p *parted) again(part int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts[part].confirmed = 0
	return nil
}

// place notes where a user was listed, and reports whether for the first time. Again is
// right in two cases, if the row is the same: after a lost page token, and for whoever
// was created in the second that two partitions share.
func (p *parted) place(u *snapshot.UserRow, part int) (first bool, err error) {
	if !p.spans[part].has(u.CreatedAt) {
		return false, errStray
	}
	key, at := keyOf(string(u.ID)), &p.parts[part]
	now := placed{print: p.prints.Of(&u.User), part: uint8(part)}
	before, listed := p.users[key]
	switch {
	case !listed:
		at.owned++
	case before.print != now.print:
		return false, errMoved
	case before.part != uint8(part): // both have the user's time
		return false, nil
	}
	at.confirmed++
	p.users[key] = now
	return !listed, nil
}

// ended judges a partition that was read to its end. Of the users whom an attempt
// listed that lost its page token, whoever was not listed again may have left.
func (p *parted) ended(i int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.parts[i]
	if left := at.owned - at.confirmed; left > 0 {
		return unproven("of the users that were listed before a page token was lost, %d were not listed after it", left)
	}
	if p.spans[i].unknown {
		p.listed = at.owned
	}
	return nil
}
