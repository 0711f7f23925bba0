package graph

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// bodyReader takes what it wants from the body of a 200 or 201. It must read to the
// end, or the checksum of a packed body is not looked at.
type bodyReader func(io.Reader) error

// attempt sends one request and reads its answer; or reads that of the request
// which was sent ahead. What goes wrong comes back with the rule for trying again.
func (r *reader) attempt(ctx context.Context, build request, read bodyReader) *Error {
	if ahead := r.ahead; ahead != nil {
		r.ahead = nil
		defer ahead.watch.stop()
		resp, failed := ahead.take(r)
		if failed != nil {
			return failed
		}
		return r.receive(ahead.watch, resp, read)
	}
	w := newWatch(ctx, r.c.opts.Quiet)
	defer w.stop()
	resp, failed := r.send(w, build)
	if failed != nil {
		return failed
	}
	return r.receive(w, resp, read)
}

// send sends one request and returns the answer, of which no more than the header
// has been read. A refusal is a failure.
func (r *reader) send(w *watch, build request) (*http.Response, *Error) {
	if failed := r.held(); failed != nil {
		return nil, failed
	}
	req, err := r.sign(w.ctx, build)
	if err != nil {
		return nil, r.unsigned(err)
	}
	w.start(r.patience())
	r.requests++
	r.c.requests.Add(1)
	resp, err := r.c.http.Do(req)
	if err != nil {
		return nil, r.unsent(w.why(err))
	}
	r.c.hear(resp)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated:
		return resp, nil
	case http.StatusFound:
		if r.files {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	return nil, r.refused(resp, r.bodyOf(w, resp))
}

// receive reads an answer to its end, or says what is wrong with it.
func (r *reader) receive(w *watch, resp *http.Response, read bodyReader) *Error {
	defer func() { resp.Body.Close() }()
	if r.files && resp.StatusCode == http.StatusFound {
		file, failed := r.file(w, resp)
		if failed != nil {
			return failed
		}
		resp.Body.Close()
		resp = file
	}
	b := r.bodyOf(w, resp)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return r.refused(resp, b)
	}
	if err := read(b); err != nil {
		return r.unread(resp, b, err)
	}
	r.observe(resp)
	return nil
}

func (r *reader) bodyOf(w *watch, resp *http.Response) *body {
	return &body{from: resp.Body, left: r.most(), watch: w}
}

// most is how many bytes of an answer are read, unpacked.
func (r *reader) most() int64 {
	if r.files {
		return max(r.c.opts.MaxPage, maxFile)
	}
	return r.c.opts.MaxPage
}

// sign makes the request, when the pacer lets it go. Neither the time that it
// takes us nor that of a sign-in is Graph's: patience stands still.
func (r *reader) sign(ctx context.Context, build request) (*http.Request, error) {
	start := r.c.opts.Now()
	if err := r.pace.wait(ctx); err != nil {
		return nil, err
	}
	req, err := r.c.native(context.WithValue(ctx, renewalKey{}, r.renewal), build)
	if err == nil {
		if r.eventual {
			req.Header.Set("ConsistencyLevel", "eventual") // links to further pages do not carry it
		}
		r.since = r.since.Add(r.c.opts.Now().Sub(start))
	}
	return req, err
}

// observe notes when Graph sent the page, by its own clock.
func (r *reader) observe(resp *http.Response) {
	now := r.c.opts.Now().UTC()
	r.sentAt, r.skew, r.requestID = now, 0, requestID(resp, "")
	r.next = resp.Header.Values("NextPageUri")
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.sentAt, r.skew = date.UTC(), date.Sub(now)
	}
}

var (
	errQuiet     = errors.New("no byte came for too long")
	errImpatient = errors.New("the page did not end before patience did")
)

// watch ends an attempt that brings no bytes, or that drips past the end of
// patience. It counts from start on: a sign-in may take its time.
type watch struct {
	ctx             context.Context
	cancel          context.CancelCauseFunc
	limit           time.Duration // without a byte
	quiet, patience *time.Timer   // nil before start
}

func newWatch(ctx context.Context, limit time.Duration) *watch {
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

func (w *watch) start(patience time.Duration) {
	w.quiet = time.AfterFunc(w.limit, func() { w.cancel(errQuiet) })
	w.patience = time.AfterFunc(patience, func() { w.cancel(errImpatient) })
}

// pause lets time pass until resume in which no byte is read, and none waited for.
func (w *watch) pause() {
	w.quiet.Stop()
	w.patience.Stop()
}

func (w *watch) resume(patience time.Duration) {
	w.quiet.Reset(w.limit)
	w.patience.Reset(patience)
}

func (w *watch) stop() {
	if w.quiet != nil {
		w.quiet.Stop()
		w.patience.Stop()
	}
	w.cancel(nil)
}

// why prefers the watch's reason to the error that ending the attempt caused.
func (w *watch) why(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return tidy(err)
}

// body feeds the watch, bounds the page and remembers how reading ended.
type body struct {
	from  io.Reader
	left  int64
	watch *watch
	err   error // not io.EOF
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if n > 0 {
		b.watch.quiet.Reset(b.watch.limit)
	}
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, errTooLarge
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// interrupted reports that the caller's context has ended.
func (r *reader) interrupted(ctx context.Context) *Error {
	err := context.Cause(ctx)
	if !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return r.fail(err)
}

func (r *reader) fail(err error) *Error {
	return &Error{Op: r.op, Page: r.page, Err: err}
}

// unsent reports that no response came.
func (r *reader) unsent(err error) *Error {
	e := r.fail(kinded(ErrUnavailable, "%w", err))
	e.retry = later
	certificate := (*tls.CertificateVerificationError)(nil)
	switch {
	case errors.As(err, &certificate):
		e.retry, e.Hint = never, "the certificate is not trusted: check the clock, and a proxy that opens TLS"
	case errors.Is(err, errImpatient):
		e.retry, e.Hint = never, "try again later, or with a longer --patience"
	}
	return e
}

// unread reports a 200 whose body could not be used.
func (r *reader) unread(resp *http.Response, b *body, err error) *Error {
	e := r.fail(nil)
	switch {
	case b.err == errTooLarge:
		e.Err = kinded(ErrIncomplete, "%w: over %d bytes", b.err, r.most())
	case errors.Is(err, errTooLarge):
		e.Err = kinded(ErrIncomplete, "%w", tidy(err))
	case b.err != nil && !packedBadly(b.err):
		e = r.unsent(b.watch.why(b.err))
	default:
		e.Err, e.retry = kinded(ErrIncomplete, "%w", tidy(err)), refetch
	}
	if said := (*graphError)(nil); errors.As(err, &said) {
		e.fill(said, r.page)
	}
	e.Status, e.RequestID = resp.StatusCode, requestID(resp, e.RequestID)
	return e
}

func packedBadly(err error) bool {
	corrupt := flate.CorruptInputError(0)
	return errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt)
}

// refused reports a response that is not a 200.
func (r *reader) refused(resp *http.Response, b *body) *Error {
	e := r.fail(nil)
	e.Status = resp.StatusCode
	if e.wait = retryAfter(resp.Header, r.c.opts.Now()); e.wait > 0 && r.shared != nil {
		r.shared.extend(r.c.opts.Now().Add(e.wait))
	}
	e.retry, e.Err = judge(resp.StatusCode)
	if said := readGraphError(b); said != nil {
		e.fill(said, r.page)
	}
	e.RequestID = requestID(resp, e.RequestID)
	e.restart = e.restart || resp.StatusCode == http.StatusGone && r.page > 1
	if e.ruled() {
		return e
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		e.claims = challenge(resp.Header)
		e.Hint = "the token was refused: sign in again, and check --tenant and --cloud"
	case http.StatusForbidden:
		e.Hint = permissionHint(r.op, e.Code)
	}
	return e
}

// judge sorts the statuses other than 200.
func judge(status int) (retry, error) {
	switch {
	case status == http.StatusUnauthorized:
		return renew, ErrAuth
	case status == http.StatusForbidden:
		return never, ErrAuth
	case status == http.StatusTooManyRequests:
		return later, ErrThrottled
	case slices.Contains([]int{408, 500, 502, 503, 504}, status):
		return later, ErrUnavailable
	case status >= 300 && status < 400:
		return never, kinded(ErrUnavailable, "a redirect was refused")
	case status == http.StatusProxyAuthRequired:
		return never, kinded(ErrUnavailable, "the proxy wants a sign-in")
	case status < 300:
		return refetch, kinded(ErrIncomplete, "an answer without content")
	}
	return never, ErrIncomplete
}

// lostTokens are codes, some of them found in messages only, of a page token
// that Graph does not take any more.
var lostTokens = []string{"expiredpagetoken", "pagetokennotfound", "syncstatenotfound"}

// take copies Graph's own words into the error.
func (e *Error) fill(said *graphError, page int) {
	e.Code, e.Message, e.RequestID = clip(said.Code), clip(said.Message), clip(said.InnerError.RequestID)
	words := strings.ToLower(said.Code + " " + said.Message)
	e.restart = page > 1 && e.Status < 500 && e.Status != http.StatusTooManyRequests &&
		slices.ContainsFunc(lostTokens, func(w string) bool { return strings.Contains(words, w) })
	if e.restart {
		e.retry = never
	}
}

// requestID prefers the header to what the body says.
func requestID(resp *http.Response, inBody string) string {
	if id := resp.Header.Get("request-id"); id != "" {
		return clip(id)
	}
	return inBody
}

var claimsParameter = regexp.MustCompile(`(?i)\bclaims="([^"]*)"`)

// challenge returns the claims that a 401 asks for; "" when it asks for none.
func challenge(h http.Header) string {
	for _, v := range h.Values("WWW-Authenticate") {
		m := claimsParameter.FindStringSubmatch(v)
		if m == nil {
			continue
		}
		if claims, err := base64.StdEncoding.DecodeString(m[1]); err == nil {
			return string(claims)
		}
	}
	return ""
}

// graphError is the error object of Graph. As an error it says only that there
// was one: [Error.take] shows the words, quoted.
type graphError struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	InnerError struct {
		RequestID string `json:"request-id"`
	} `json:"innerError"`
}

func (*graphError) Error() string { return "an error in a successful answer" }

const maxErrorBody = 64 << 10

// readGraphError returns the error object of a refusal; nil when there is none
// that can be read.
func readGraphError(b io.Reader) *graphError {
	var wire struct {
		Error *graphError `json:"error"`
	}
	err := json.UnmarshalRead(io.LimitReader(b, maxErrorBody), &wire, jsonOptions)
	if err != nil {
		return nil
	}
	return wire.Error
}

// jsonOptions are lenient where Graph is known to be careless: a text that was
// cut inside a surrogate pair is not valid UTF-8.
var jsonOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
