package graphtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is a reply in the making.
type answer struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte // of anything but a collection

	isCollection bool
	bare         bool // only an array; the link to the next is a header
	context      string
	rows         [][]byte
	later        iter.Seq[[]byte] // in place of rows: those of a tenant too big to keep, made while they are sent
	keys         []string
	limit        int
	more         bool
	count        int     // -1 for none
	next         *string // nil for none
	nextFirst    bool

	send func(http.ResponseWriter, *call, []byte) // nil for the normal way
	date time.Duration                            // clock skew
}

const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// collection starts the answer of a collection, with the length of its page.
func (c *call) collection(set string) *answer {
	a := &answer{
		status: http.StatusOK, contentType: jsonType, isCollection: true, count: -1, limit: c.top,
		context: c.metadata(set), nextFirst: true,
	}
	x, cfg := c.s.draw, c.s.cfg
	if !cfg.tidy {
		a.nextFirst = x.r.IntN(2) == 0
	}
	if cfg.vary {
		a.limit = 1 + x.r.IntN(c.top)
	}
	if cfg.empty && !c.cursor.filled && x.r.IntN(3) == 0 {
		a.limit = 0
	}
	return a
}

func (c *call) metadata(set string) string {
	return c.origin() + "/v1.0/$metadata#" + set
}

// single is the answer for one object.
func (c *call) single(set string, row []byte) *answer {
	head := `{"@odata.context":` + text(c.metadata(set)+"/$entity") + `,`
	return &answer{status: http.StatusOK, contentType: jsonType, body: append([]byte(head), row[1:]...)}
}

// add appends a row. It reports false, and that there is more, when the page
// is full.
func (a *answer) add(key string, row func() []byte) bool {
	if len(a.rows) >= a.limit {
		a.more = true
		return false
	}
	a.rows, a.keys = append(a.rows, row()), append(a.keys, key)
	return true
}

// produce computes the answer of an endpoint and its next link.
func (s *Server) produce(c *call, e *endpoint) (*answer, *apiError) {
	a, err := e.produce(c)
	if err != nil {
		return nil, err
	}
	if a.isCollection && a.more {
		a.goOn(c, c.cursor.after)
	}
	return a, nil
}

// goOn links to the page after the last row, or after a key if there is none.
func (a *answer) goOn(c *call, after string) {
	if n := len(a.keys); n > 0 {
		after = a.keys[n-1]
	}
	a.linkTo(c, after, len(a.rows) == 0)
}

func (a *answer) linkTo(c *call, after string, filled bool) {
	link := c.nextLink(cursor{path: c.Path, query: c.boundQuery(), after: after, page: c.Page + 1, filled: filled})
	a.next = &link
}

// encode returns the body.
func (a *answer) encode() []byte {
	var b bytes.Buffer
	a.stream(&b)
	return b.Bytes()
}

// stream writes the body, to its end or until the client has gone.
func (a *answer) stream(to io.Writer) {
	w := bufio.NewWriterSize(to, 64<<10)
	defer w.Flush() //nolint:errcheck // as above
	if !a.isCollection {
		w.Write(a.body)
		return
	}
	if !a.bare {
		w.Write(a.head())
	}
	w.WriteByte('[')
	rows := a.later
	if rows == nil {
		rows = slices.Values(a.rows)
	}
	first := true
	for row := range rows {
		if !first {
			w.WriteByte(',')
		}
		first = false
		if _, err := w.Write(row); err != nil {
			return
		}
	}
	w.WriteByte(']')
	if !a.bare {
		w.Write(a.tail())
	}
}

// head is what stands before the rows.
func (a *answer) head() []byte {
	b := append([]byte(`{"@odata.context":`), text(a.context)...)
	if a.count >= 0 {
		b = strconv.AppendInt(append(b, `,"@odata.count":`...), int64(a.count), 10)
	}
	if a.nextFirst {
		b = a.appendNext(b)
	}
	return append(b, `,"value":`...)
}

// tail is what follows them.
func (a *answer) tail() (b []byte) {
	if !a.nextFirst {
		b = a.appendNext(b)
	}
	return append(b, '}')
}

func (a *answer) appendNext(b []byte) []byte {
	if a.next == nil {
		return b
	}
	return append(append(b, `,"@odata.nextLink":`...), text(*a.next)...)
}

// failed is the answer for an error.
func (c *call) failed(err *apiError) *answer {
	return &answer{status: err.status, contentType: "application/json", header: err.header, body: c.errorBody(err)}
}

func (c *call) errorBody(err *apiError) []byte {
	if c.Activity {
		return []byte(text(object{{"error", object{{"code", err.code}, {"message", err.message}}}}))
	}
	return []byte(text(object{{"error", object{
		{"code", err.code}, {"message", err.message},
		{"innerError", object{
			{"date", c.s.t.Now().UTC().Format("2006-01-02T15:04:05")},
			{"request-id", c.id}, {"client-request-id", c.clientID()},
		}},
	}}}))
}

func (c *call) clientID() string {
	if id := c.Header.Get("client-request-id"); id != "" {
		return id
	}
	return c.id
}

// write sends an answer.
func (s *Server) write(w http.ResponseWriter, c *call, a *answer) {
	h := w.Header()
	h.Set("Date", s.t.Now().Add(a.date).UTC().Format(http.TimeFormat))
	h.Set("request-id", c.id)
	h.Set("client-request-id", c.clientID())
	h.Set("Cache-Control", "no-cache")
	h.Set("OData-Version", "4.0")
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	if a.bare && a.next != nil && a.isCollection {
		h.Set("NextPageUri", *a.next)
	}
	for k, v := range a.header {
		h.Set(k, v)
	}
	if a.later != nil && a.send == nil {
		w.WriteHeader(a.status)
		a.stream(w)
		return
	}
	body := a.encode()
	if a.send != nil {
		a.send(w, c, body)
		return
	}
	if s.cfg.gzip && len(body) > 0 && strings.Contains(c.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		h.Set("Vary", "Accept-Encoding")
		body = zipped(body)
	}
	send(w, a.status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return body
	}
	_, _ = z.Write(body) // a bytes.Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}
