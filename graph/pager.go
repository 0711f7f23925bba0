package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"lictrail/snapshot"
)

const (
	maxRestarts   = 3
	maxEmptyPages = 1000 // in a row, each with a new link
	maxSkew       = 5 * time.Minute
)

// rowReader reads one element of value. It must consume all of it.
type rowReader[T any] func(*jsontext.Decoder) (T, error)

// pager reads a collection to its end or fails. What it reads it hands to two
// functions, one call at a time, while the next page is being read; an error of
// either ends the read. page is given the rows of a page, to keep, when the whole of
// it is good. Rows that an earlier page had are left out, so a page may be empty.
// restart is to forget every row given so far: the enumeration begins again.
type pager[T any] struct {
	*reader
	first  request
	opts   json.Options
	row    rowReader[T]
	key    func(T) string
	bare   bool                      // a page is an array and nothing else; a header links to the next
	most   int                       // rows of the whole read; 0: maxAllRows
	filter func(io.Reader) io.Reader // what the decoder sees of a page; nil: all of it
	whole  bool                      // the rows are kept in memory: all pages together may have what one may
	stats  snapshot.PagesRead

	relay    *relay[T]
	foreseen *ahead // the request for the page after the one that is being read; nil: not sent
	seen     keySet // keys of all pages so far
	links    keySet
	bytes    int64  // of all pages so far
	last     string // first key of the previous page
	stale    bool   // the previous page had nothing new
	empty    int    // empty pages in a row
}

// run enumerates, from the start again when Graph has lost the page token.
func (p *pager[T]) run(ctx context.Context, page func(rows []T) error, restart func() error) (snapshot.PagesRead, error) {
	if p.shared == nil {
		p.shared = new(hold)
	}
	for {
		err := p.enumerate(ctx, page)
		p.stats.Requests = p.requests
		lost := (*Error)(nil)
		if !errors.As(err, &lost) || !lost.restart || p.stats.Restarts == maxRestarts {
			return p.stats, err
		}
		p.stats = snapshot.PagesRead{Restarts: p.stats.Restarts + 1}
		if err := restart(); err != nil {
			return p.stats, fmt.Errorf("restart %s: %w", p.op, err)
		}
	}
}

// all keeps the rows in memory. Those of a read that failed are returned as well.
func (p *pager[T]) all(ctx context.Context) (rows []T, err error) {
	_, err = p.run(ctx, func(page []T) error {
		rows = append(rows, page...)
		return nil
	}, func() error {
		rows = nil
		return nil
	})
	return rows, err
}

// enumerate reads from the first page to the last, and returns when all of
// them were taken, or taking one has failed.
func (p *pager[T]) enumerate(ctx context.Context, take func(rows []T) error) (err error) {
	p.relay = newRelay(p.op, take)
	defer func() { err = cmp.Or(p.relay.close(), err) }()
	defer p.dropNext()
	p.seen, p.links, p.bytes = keySet{}, keySet{}, 0
	p.last, p.stale, p.empty, p.rows = "", false, 0, 0
	build := p.first
	for p.page = 1; ; p.page++ {
		pg := page[T]{opts: p.opts, row: p.row, key: p.key, bare: p.bare, filter: p.filter}
		pg.linked = func(link string) { p.foresee(ctx, link) }
		if err := p.fetch(ctx, build, pg.read); err != nil {
			return err
		}
		if p.bare && len(p.reader.next) > 0 {
			if pg.next = p.reader.next[0]; pg.next == "" {
				return p.broken(errors.New("the link to the next page is empty"))
			}
		}
		next, err := p.addPage(&pg)
		if err != nil {
			return err
		}
		if next == nil || p.c.sampled(p.page, p.rows) {
			return nil
		}
		build = follow(next)
		if p.foreseen.leads(pg.next) {
			p.ahead, p.foreseen = p.foreseen, nil
		}
		p.dropNext()
	}
}

// dropNext ends the request that was sent ahead, if there is one.
func (p *pager[T]) dropNext() {
	p.foreseen.drop(p.reader)
	p.foreseen = nil
}

// foresee asks for the next page as soon as the link to it has been read, which
// Graph writes before the rows: so its answer is under way while they are decoded.
// One page is asked for ahead, once. A link that is no good is left to take.
func (p *pager[T]) foresee(ctx context.Context, link string) {
	if p.foreseen != nil || p.c.sample || p.links.has(link) {
		return
	}
	if u, err := p.c.guard("the link to the next page", link); err == nil {
		p.foreseen = p.reader.sendAhead(ctx, link, follow(u))
	}
}

// take checks a page against those before it and hands its rows over. It
// returns the link to the next page, nil at the end.
func (p *pager[T]) addPage(pg *page[T]) (*url.URL, error) {
	next, err := p.link(pg.next)
	if err != nil {
		return nil, p.broken(err)
	}
	fresh, err := p.fresh(pg.rows)
	if err != nil {
		return nil, p.broken(err)
	}
	p.count(len(fresh), len(pg.rows)-len(fresh))
	if err := p.ends(next != nil, pg.bytes); err != nil {
		return nil, p.broken(err)
	}
	start := p.c.opts.Now()
	if err := p.relay.give(p.page, fresh, pg.bytes); err != nil {
		return nil, err
	}
	p.since = p.since.Add(p.c.opts.Now().Sub(start)) // taking it is not Graph's time
	p.c.opts.Progress(Progress{Op: p.op, Page: p.page, Rows: p.allRows(), Attempts: 1})
	return next, nil
}

// ends fails a read that has gone on for longer than any tenant could make it.
func (p *pager[T]) ends(more bool, bytes int64) error {
	p.bytes += bytes
	switch most := cmp.Or(p.most, maxAllRows); {
	case p.whole && p.bytes > p.c.opts.MaxPage:
		return fmt.Errorf("%w: over %d bytes in %d pages", errEndless, p.c.opts.MaxPage, p.page)
	case more && p.rows > most:
		return fmt.Errorf("%w: over %d rows", errEndless, most)
	case more && p.page >= maxPages:
		return fmt.Errorf("%w: over %d pages", errEndless, maxPages)
	}
	return nil
}

func (p *pager[T]) broken(err error) *Error {
	e := p.fail(kinded(ErrIncomplete, "%w", err))
	e.RequestID = p.requestID
	return e
}

// count brings the statistics up to date with a page.
func (p *pager[T]) count(fresh, repeated int) {
	p.rows += fresh
	if p.total != nil {
		p.total.Add(int64(fresh))
	}
	p.stats.Pages, p.stats.Rows = p.page, p.rows
	p.stats.Duplicates += repeated
	p.stats.ObservedUntil = p.sentAt
	if p.page > 1 {
		return
	}
	p.stats.ObservedAt = p.sentAt
	if p.skew.Abs() > maxSkew {
		p.stats.Warnings = append(p.stats.Warnings, snapshot.Warning{
			Code:    "clock-skew",
			Message: fmt.Sprintf("this machine's clock is off by %v from Graph's; Graph's is used", -p.skew.Round(time.Second)),
		})
	}
}

var (
	errRepeatedPage = errors.New("a page came again")
	errEmptyPages   = fmt.Errorf("over %d empty pages in a row", maxEmptyPages)
)

// fresh returns the rows that no earlier page had. A row or two may come
// again, since users move between pages while we read; a page of which nothing
// is new is an enumeration that goes in circles. Only a page of one row gets
// the benefit of the doubt, once.
func (p *pager[T]) fresh(rows []T) ([]T, error) {
	if len(rows) == 0 {
		if p.empty++; p.empty > maxEmptyPages {
			return nil, errEmptyPages
		}
		return nil, nil
	}
	p.empty = 0
	first, n := p.key(rows[0]), len(rows)
	fresh := slices.DeleteFunc(rows, func(row T) bool {
		return !p.seen.add(p.key(row))
	})
	stale := len(fresh) == 0
	if stale && (n > 1 || p.stale || first == p.last) {
		return nil, errRepeatedPage
	}
	p.last, p.stale = first, stale
	return fresh, nil
}

// link checks where a page sends us next. The link goes on as it is, but never
// to another host, and never twice to the same place.
func (p *pager[T]) link(next string) (*url.URL, error) {
	if next == "" {
		return nil, nil
	}
	u, err := p.c.guard("the link to the next page", next)
	if err != nil {
		return nil, err
	}
	if !p.links.add(next) {
		return nil, errors.New("the link to the next page was followed before")
	}
	return u, nil
}

// guard reads a link that the service gave. It must lead to the host that the
// token is for.
func (c *Client) guard(what, link string) (*url.URL, error) {
	u, err := url.Parse(link)
	switch {
	case err != nil || !u.IsAbs() || u.Host == "":
		return nil, fmt.Errorf("%s is not a URL", what)
	case origin(u) != origin(c.base) || u.User != nil:
		return nil, fmt.Errorf("%s leads to another host, %q", what, clip(u.Scheme+"://"+u.Host))
	}
	return u, nil
}

// origin is a URL's scheme, host and port.
func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// page is one page, while and after it is read.
type page[T any] struct {
	opts   json.Options
	row    rowReader[T]
	key    func(T) string
	bare   bool
	filter func(io.Reader) io.Reader
	linked func(next string) // called when the link to the next page has been read; nil: nobody waits for it

	rows  []T
	next  string // "" on the last page
	bytes int64  // unpacked
}

// read decodes a page as it comes in. It is all good, or an error.
func (pg *page[T]) read(r io.Reader) error {
	pg.rows, pg.next = nil, ""
	unpacked := &counter{from: r}
	defer func() { pg.bytes = unpacked.bytes }()
	r = unpacked
	if pg.filter != nil {
		r = pg.filter(r)
	}
	dec := newDecoder(r, pg.opts)
	if pg.bare {
		if err := pg.array(dec, "the body"); err != nil {
			return err
		}
		return atEnd(dec)
	}
	found, err := pg.members(dec)
	if err != nil {
		return err
	}
	if err := atEnd(dec); err != nil {
		return err
	}
	if !found {
		return errors.New("value is missing")
	}
	return nil
}

// counter counts the bytes that are read.
type counter struct {
	from  io.Reader
	bytes int64
}

// Read implements [io.Reader].
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes += int64(n)
	return n, err
}

// members reads the object that holds a page and reports whether it has value.
func (pg *page[T]) members(dec *jsontext.Decoder) (found bool, err error) {
	if err := open(dec, jsontext.KindBeginObject, "the body"); err != nil {
		return false, err
	}
	for dec.PeekKind() == jsontext.KindString {
		name, err := dec.ReadToken()
		if err != nil {
			return found, err
		}
		switch name.String() {
		case "value":
			if found {
				return found, errors.New("value comes twice")
			}
			found, err = true, pg.array(dec, "value")
		case "@odata.nextLink":
			if pg.next, err = readLink(dec); err == nil && pg.linked != nil {
				pg.linked(pg.next)
			}
		case "error":
			err = readError(dec)
		default:
			err = dec.SkipValue()
		}
		if err != nil {
			return found, err
		}
	}
	_, err = dec.ReadToken()
	return found, err
}

// array reads the rows.
func (pg *page[T]) array(dec *jsontext.Decoder, what string) error {
	if err := open(dec, jsontext.KindBeginArray, what); err != nil {
		return err
	}
	for dec.PeekKind() == jsontext.KindBeginObject {
		row, err := pg.row(dec)
		if err != nil {
			return err
		}
		if pg.key(row) == "" {
			return fmt.Errorf("row %d has no id", len(pg.rows)+1)
		}
		if pg.rows = append(pg.rows, row); len(pg.rows) > maxRows {
			return tooMuch(maxRows, "rows")
		}
	}
	end, err := dec.ReadToken()
	if err == nil && end.Kind() != jsontext.KindEndArray {
		return fmt.Errorf("row %d is no object but %v", len(pg.rows)+1, end.Kind())
	}
	return err
}

// open reads the start of an object or array.
func open(dec *jsontext.Decoder, want jsontext.Kind, what string) error {
	tok, err := dec.ReadToken()
	switch {
	case err == io.EOF:
		return fmt.Errorf("%s is empty", what)
	case err != nil:
		return err
	case tok.Kind() != want:
		return fmt.Errorf("%s starts with %v, want %v", what, tok.Kind(), want)
	}
	return nil
}

// atEnd makes sure that nothing follows.
func atEnd(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("something follows the end of the body")
	default:
		return err
	}
}

func readLink(dec *jsontext.Decoder) (string, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	if tok.Kind() != jsontext.KindString || tok.String() == "" {
		return "", errors.New("the link to the next page is empty or no text")
	}
	return tok.String(), nil
}

// readError reads an error object where there should be none, and returns it.
func readError(dec *jsontext.Decoder) error {
	said := new(graphError)
	if err := json.UnmarshalDecode(dec, said); err != nil {
		return err
	}
	return said
}

// each returns a row reader that decodes every row into the same W, after
// reset, and converts it.
func each[W, T any](reset func(*W), convert func(*W) (T, error)) rowReader[T] {
	w := new(W)
	return func(dec *jsontext.Decoder) (T, error) {
		reset(w)
		if err := json.UnmarshalDecode(dec, w); err != nil {
			return *new(T), err
		}
		return convert(w)
	}
}

// clear is the reset of a row that is not worth keeping the memory of.
func clearRow[W any](w *W) { *w = *new(W) }

// collect reads a collection into memory.
func collect[W, T any](ctx context.Context, c *Client, op string, first request, key func(T) string, convert func(*W) (T, error)) ([]T, error) {
	p := &pager[T]{
		reader: c.newReader(op), first: first, key: key, whole: true,
		opts: new(interner).options(), row: each(clearRow[W], convert),
	}
	return p.all(ctx)
}
