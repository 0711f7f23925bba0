package graph

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// retry says what to do about a failed attempt.
type retry int

const (
	never   retry = iota
	later         // wait and ask again, until patience ends
	refetch       // the body was bad: ask again, maxRefetch times
	renew         // the token was refused: get a fresh one, once
	anew          // the address of a file was refused: ask for another one, once
)

const (
	maxRefetch   = 3
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
)

// reader carries one read through its pages and attempts.
type reader struct {
	c        *Client
	op       string
	page     int           // 0 for a read that has no pages
	rows     int           // read so far, for progress
	pace     *pacer        // nil when nothing holds the read back
	shared   *hold         // with the requests that are under way together; nil when alone
	ahead    *ahead        // the first request for the page, where it was sent already
	eventual bool          // an advanced query: an index answers that lags behind
	total    *atomic.Int64 // rows that reads which are under way together have read, for progress; nil when alone
	since    time.Time     // since when patience has been running: the start, or the last page read
	renewal  renewal       // what Graph wants of the next token
	files    bool          // the answer is a redirect to a file

	requests  int
	sentAt    time.Time     // when Graph sent the page just read
	skew      time.Duration // Graph's clock less ours; 0 when Graph does not say
	requestID string        // of the page just read
	next      []string      // its header NextPageUri, which only the Activity API sends
}

func (c *Client) newReader(op string) *reader {
	return &reader{c: c, op: op, since: c.opts.Now()}
}

// allRows is how many rows were read so far.
func (r *reader) allRows() int {
	if r.total != nil {
		return int(r.total.Load())
	}
	return r.rows
}

// tries counts what has been done for one page.
type tries struct {
	attempts, refetched int
	renewed             bool
}

// fetch repeats a request until read accepts what came, or until it is no use
// going on. Errors are *Error.
func (r *reader) fetch(ctx context.Context, build request, read bodyReader) error {
	var t tries
	for {
		failed := r.attempt(ctx, build, read)
		if failed == nil {
			r.since, r.renewal = r.c.opts.Now(), renewal{}
			return nil
		}
		if ctx.Err() != nil {
			return r.interrupted(ctx)
		}
		t.attempts++
		if !t.allow(failed) {
			return failed
		}
		if err := r.await(ctx, failed, t); err != nil {
			return err
		}
	}
}

// allow reports whether a failure's own rule lets it be tried again.
func (t *tries) allow(failed *Error) bool {
	switch failed.retry {
	case renew, anew:
		first := !t.renewed
		t.renewed = true
		return first
	case refetch:
		t.refetched++
		return t.refetched <= maxRefetch
	default:
		return failed.retry == later
	}
}

// await sleeps until the next attempt, or gives up at once when that would
// come after the end of patience.
func (r *reader) await(ctx context.Context, failed *Error, t tries) error {
	if failed.retry == renew {
		r.renewal = renewal{wanted: true, claims: failed.claims}
		return nil
	}
	if failed.retry == anew {
		return nil
	}
	wait := failed.wait
	if wait <= 0 {
		wait = r.backoff(t.attempts)
	}
	if left := r.patience(); wait > left {
		return r.giveUp(failed, left)
	}
	r.c.opts.Progress(Progress{
		Op: r.op, Page: r.page, Rows: r.allRows(), Attempts: t.attempts,
		Until: r.c.opts.Now().Add(wait), Reason: failed.reason(),
	})
	if err := r.c.opts.Sleep(ctx, wait); err != nil {
		return r.interrupted(ctx)
	}
	return nil
}

// patience returns how much is left of it.
func (r *reader) patience() time.Duration {
	return r.c.opts.Patience - r.c.opts.Now().Sub(r.since)
}

// backoff doubles from a second to half a minute; the upper half is chance, so
// that clients which failed together do not come back together.
func (r *reader) backoff(attempts int) time.Duration {
	d := min(firstBackoff<<min(attempts-1, 10), maxBackoff)
	return d/2 + time.Duration(r.c.opts.Jitter()*float64(d/2))
}

// giveUp turns a failure that could be retried into the end of the read.
func (r *reader) giveUp(failed *Error, left time.Duration) *Error {
	failed.Hint = "try again later, or with a longer --patience"
	switch {
	case failed.wait > 0:
		failed.Err = kinded(ErrThrottled, "asked to wait %v, longer than the %v of patience left",
			failed.wait, max(left, 0).Round(time.Millisecond))
	case failed.retry == later:
		failed.Err = kinded(failed.Err, "no page could be read for %v",
			(r.c.opts.Patience - left).Round(time.Millisecond))
	}
	return failed
}

// reason is a failure in a few words, for progress.
func (e *Error) reason() string {
	if e.Status == 0 {
		return e.Err.Error()
	}
	return strings.TrimSpace("HTTP " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status))
}

// retryAfter reads a Retry-After header: seconds, whole or fractional, or a
// date, which is taken relative to the response's own Date. It returns 0 when
// the header is missing, makes no sense or asks for no wait.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) { // also not a number
			return 0
		}
		const maxSeconds = 1e9 // fits a Duration
		return time.Duration(math.Ceil(min(seconds, maxSeconds) * float64(time.Second)))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0)
}
