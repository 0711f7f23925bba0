package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/exit"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/rules"
	"lictrail/cmd/lictrail/internal/show"
	"lictrail/snapshot"
)

// Bounds of one answer.
const (
	quickTime = 10 * time.Second // for the database, one that looks up one thing
	slowTime  = 30 * time.Second // one that looks at all that is recorded, and for its turn
	waitTime  = 5 * time.Second  // for the turn of a quick one
	maxRows   = 200              // of a table on a page
	maxItems  = 50_000           // of a CSV or JSON
	maxBytes  = 64 << 20         // of a CSV or JSON
	maxWord   = 200              // letters of a search
)

// Tenant is whose history is shown.
type Tenant struct {
	Name string // in a fleet; else ""
	File string // the database
	// Rules reads the rules and prices of the tenant; nil: there are none.
	Rules func() (ask.Rules, error)
}

// rules are those by which seats are judged.
func (t *Tenant) rules() (ask.Rules, error) {
	if t.Rules == nil {
		return ask.Rules{File: rules.Default()}, nil
	}
	return t.Rules()
}

// Looked is a note that a person was looked up.
type Looked struct {
	User snapshot.UserID
	By   string // whom the proxy named; "" without one
	View string
}

// Site is what is served: the views on the histories of one tenant or several.
type Site struct {
	Tenants      []Tenant
	Fleet        bool // with a page over all tenants, even if there is one
	Pseudonymize bool
	Version      string
	Now          func() time.Time
	Looked       func(Looked)

	turns [paces]*turns
	kept  *kept
	shelf *shelf
}

// NewSite returns the site of tenants.
func NewSite(s Site) *Site {
	s.turns[quick] = &turns{free: make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0))), wait: waitTime, query: quickTime}
	s.turns[steady] = &turns{free: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))), wait: quickTime, query: quickTime}
	s.turns[slow] = &turns{free: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), wait: slowTime, query: slowTime}
	s.kept, s.shelf = newKept(), newShelf(s.Pseudonymize)
	return &s
}

// pace is how long an answer takes, at most.
type pace int

const (
	quick  pace = iota // one person, or one change
	steady             // what is read once for each run, and soon
	slow               // looks at every user, or at every change
	paces
)

// turns limits how many answers of a pace are computed at the same time, and how long each
// may take. Each pace has its own limit: a question about a person does not wait for
// overviews, which take seconds, and few overviews are in memory at one time.
type turns struct {
	free        chan struct{}
	wait, query time.Duration
}

func (t *turns) acquire() error {
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case t.free <- struct{}{}:
		return nil
	case <-timer.C:
		return errTooMany
	}
}

func (t *turns) release() { <-t.free }

// question is one request for a view.
type question struct {
	site   *Site
	tenant *Tenant
	book   *ask.Book
	id     string // what the view is about, such as a person
	values url.Values
	now    time.Time
	root   string // relative address of the tenant's first page
	who    []snapshot.UserID
}

// link is the address of a view, relative to the page.
func (q *question) link(view string, id string, values ...string) string {
	to := q.root + view
	if id != "" {
		to += "/" + url.PathEscape(id)
	}
	if len(values) > 0 {
		v := url.Values{}
		for i := 0; i+1 < len(values); i += 2 {
			v.Set(values[i], values[i+1])
		}
		to += "?" + v.Encode()
	}
	if to == "" {
		return "./"
	}
	return to
}

// answer is what a view shows, and the same for programs.
type answer struct {
	page.Page
	Ticket  string  // text to copy; "" for none
	Search  string  // the word that was searched for
	Form    []field // what else may be asked of the view
	Big     bool    // the box to search in is part of the page
	Raw     []raw   // records as they were stored
	formats func(p show.Printer) error
	command string // whose gaps the answer has
}

// field is a part of a form.
type field struct{ Name, Label, Type, Value string }

// raw is a stored record.
type raw struct{ Title, Text string }

// view answers one kind of question.
type view struct {
	name, title string
	about       bool // it is about one thing, which its address names
	listed      bool // in the menu
	kept        bool // it is the same for all who ask: answers are kept, and given again
	pace        pace
	ask         func(context.Context, *question) (*answer, error)
}

var errNoPage = errors.New("there is no such page")

//go:embed static
var files embed.FS

// ServeHTTP answers what the guard let through.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	top := strings.Repeat("../", len(parts)-1)
	if len(parts) == 2 && parts[0] == "static" {
		serveFile(w, r, parts[1])
		return
	}
	var tenant *Tenant
	switch {
	case !s.Fleet:
		tenant = &s.Tenants[0]
	case len(parts) >= 3 && parts[0] == "t":
		i := slices.IndexFunc(s.Tenants, func(t Tenant) bool { return t.Name == parts[1] })
		if i >= 0 {
			tenant, parts = &s.Tenants[i], parts[2:]
		}
	case len(parts) == 1 && parts[0] == "":
		s.serve(w, r, nil, &fleetView, "", top)
		return
	}
	v, id := viewOf(parts)
	if tenant == nil || v == nil {
		s.fail(w, r, tenant, top, errNoPage)
		return
	}
	s.serve(w, r, tenant, v, id, top)
}

func viewOf(parts []string) (*view, string) {
	i := slices.IndexFunc(views, func(v view) bool { return v.name == parts[0] })
	switch {
	case i < 0, len(parts) > 2, views[i].about != (len(parts) == 2), views[i].about && parts[1] == "":
		return nil, ""
	case views[i].about:
		return &views[i], parts[1]
	}
	return &views[i], ""
}

func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	data, err := fs.ReadFile(files, "static/"+name)
	if name == "page.css" {
		data, err = []byte(page.CSS()), nil
	}
	kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
	if err != nil || kind == "" {
		refuse(w, http.StatusNotFound, "There is no such file.")
		return
	}
	send(w, r, &response{status: http.StatusOK, kind: kind, body: data})
}

// response is an answer as it goes out.
type response struct {
	status int
	kind   string
	file   string // under which a browser saves it; "": it shows it
	body   []byte
	view   string
	who    []snapshot.UserID // whom it is about
}

func send(w http.ResponseWriter, r *http.Request, answer *response) {
	w.Header().Set("Content-Type", answer.kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(answer.body)))
	if answer.file != "" {
		w.Header().Set("Content-Disposition", `attachment; filename="`+answer.file+`"`)
	}
	w.WriteHeader(answer.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.body) // a client that is gone misses nothing
	}
}

// serve answers a question, or one that was answered a moment ago from what was
// said then, if the history is the same or an answer on what is new is being made.
func (s *Site) serve(w http.ResponseWriter, r *http.Request, tenant *Tenant, v *view, id, top string) {
	key := r.URL.Path + "?" + r.URL.RawQuery
	state, err := s.state(r.Context(), tenant)
	if err != nil {
		s.fail(w, r, tenant, top, err)
		return
	}
	given, earlier, err := s.kept.get(key, state, s.Now(), v.reuse(r), func() (*response, error) {
		return s.respond(context.WithoutCancel(r.Context()), r, tenant, v, id, top)
	})
	if err != nil {
		s.fail(w, r, tenant, top, err)
		return
	}
	for _, id := range given.who {
		s.Looked(Looked{User: id, By: asker(r.Context()), View: given.view})
	}
	if earlier {
		w.Header().Set("Refresh", earlierRefresh)
	}
	send(w, r, given)
}

// earlierRefresh has a browser ask again, in seconds, where it got a page while a
// newer one was made.
const earlierRefresh = "5"

// reuse says which answers a request may get. What programs read is never of an
// earlier state.
func (v *view) reuse(r *http.Request) reuse {
	switch {
	case !v.kept:
		return reuseNothing
	case r.URL.Query().Get("format") != "":
		return reuseSame
	}
	return reuseEarlier
}

func (s *Site) respond(ctx context.Context, r *http.Request, tenant *Tenant, v *view, id, top string) (answered *response, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &ask.Error{Message: "the address has a query that cannot be read"}
	}
	turns := s.turns[v.pace]
	if values.Get("format") != "" {
		turns = s.turns[slow]
	}
	if err := turns.acquire(); err != nil {
		return nil, err
	}
	defer turns.release()
	ctx, stop := context.WithTimeout(ctx, turns.query)
	defer stop()
	q := &question{site: s, tenant: tenant, id: id, values: values, now: s.Now(), root: s.rootOf(tenant, top)}
	if tenant != nil {
		var done func() error
		if q.book, done, err = s.shelf.book(ctx, tenant.File); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	a, err := v.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	answer, err := s.render(q, v, a, top)
	if err != nil {
		return nil, err
	}
	answer.who, answer.view = q.who, v.name
	return answer, nil
}

var errTooMany = errors.New("too many questions at the same time")

// rootOf is the relative address of a tenant's first page.
func (s *Site) rootOf(tenant *Tenant, top string) string {
	if s.Fleet && tenant != nil {
		return strings.TrimPrefix(top, "../../")
	}
	return top
}

// render makes what goes out of an answer.
func (s *Site) render(q *question, v *view, a *answer, top string) (*response, error) {
	format := q.values.Get("format")
	var b bytes.Buffer
	switch format {
	case "", "html":
		if err := shell.Execute(&b, s.newScreen(q, v, a, top)); err != nil {
			return nil, fmt.Errorf("lay out the page: %w", err)
		}
		return &response{status: http.StatusOK, kind: "text/html; charset=utf-8", body: b.Bytes()}, nil
	case "csv", "json":
		if a.formats == nil {
			return nil, &ask.Error{Message: "this page has no other format"}
		}
	default:
		return nil, &ask.Error{Message: "there is no such format", Hint: "csv or json"}
	}
	limit := &limited{Writer: &b, left: maxBytes}
	err := a.formats(show.Printer{Streams: &out.Streams{Out: limit, OutFile: true, Err: io.Discard, Quiet: true}, Book: q.book, Format: format, Command: a.command})
	if limit.left < 0 {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, err
	}
	if format == "json" {
		return &response{status: http.StatusOK, kind: "application/json; charset=utf-8", body: b.Bytes()}, nil
	}
	name := v.name
	if name == "" {
		name = "tenants"
	}
	return &response{status: http.StatusOK, kind: "text/csv; charset=utf-8", file: "lictrail-" + name + ".csv", body: b.Bytes()}, nil
}

// errTooLarge refuses an answer that is too large, since a part of a list would look like
// the whole list.
var errTooLarge = errors.New("the answer is too large for this page")

// limited fails when more is written than there is room for.
type limited struct {
	io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errTooLarge
	}
	return l.Writer.Write(p)
}

// failure is an error as a client meets it.
type failure struct {
	status        int
	message, hint string
	code          int // the exit code that a command would have
}

func failureOf(err error) failure {
	var refused *ask.Error
	switch {
	case errors.Is(err, errNoPage):
		return failure{http.StatusNotFound, "There is no such page.", "", exit.WrongUse}
	case errors.Is(err, errTooMany):
		return failure{http.StatusServiceUnavailable, "Too many people ask at the same time.", "try again in a moment", exit.Busy}
	case errors.Is(err, errChanging):
		return failure{http.StatusServiceUnavailable, "The database is being written.", "try again in a moment", exit.Busy}
	case errors.Is(err, errTooLarge):
		return failure{http.StatusUnprocessableEntity, "The answer is too large for this page, and a part of it would look like all of it.", "the command of the same name has no limit: lictrail --help", exit.WrongUse}
	case errors.Is(err, context.DeadlineExceeded):
		return failure{http.StatusServiceUnavailable, "The answer took too long.", "narrow the question down; the commands have no limit", exit.Busy}
	case errors.As(err, &refused):
		return failure{http.StatusNotFound, sentence(refused.Message), refused.Hint, exit.WrongUse}
	}
	known := exit.Explained(err)
	status := http.StatusInternalServerError
	if known.Code == exit.Busy {
		status = http.StatusServiceUnavailable
	}
	return failure{status, sentence(known.Error()), known.Hint, known.Code}
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// fail answers with what went wrong.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, tenant *Tenant, top string, err error) {
	f := failureOf(err)
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	switch r.URL.Query().Get("format") {
	case "json":
		body, err := out.JSON(struct {
			Schema int            `json:"schema"`
			Error  *out.ErrorJSON `json:"error"`
		}{out.Schema, out.NewErrorJSON(out.Error{Code: f.code, Message: f.message, Hint: f.hint})})
		if err == nil {
			send(w, r, &response{status: f.status, kind: "application/json; charset=utf-8", body: append(body, '\n')})
			return
		}
	case "csv":
		refuse(w, f.status, f.message)
		return
	}
	var b bytes.Buffer
	a := &answer{Page: page.Page{Title: "No answer", Lead: f.message}}
	if f.hint != "" {
		a.Sections = []page.Section{{ID: "hint", Heading: "What helps", Text: []string{f.hint}}}
	}
	if err := shell.Execute(&b, s.newScreen(&question{site: s, tenant: tenant, now: s.Now(), root: s.rootOf(tenant, top)}, nil, a, top)); err != nil {
		refuse(w, f.status, f.message)
		return
	}
	send(w, r, &response{status: f.status, kind: "text/html; charset=utf-8", body: b.Bytes()})
}
