package graphtest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// FaultKind is a way in which an answer is wrong.
type FaultKind string

// Every kind of fault.
const (
	FaultEmptyObject       FaultKind = "empty object"         // 200 {}
	FaultErrorIn200        FaultKind = "error in 200"         // 200 {"error": …}
	FaultValueNull         FaultKind = "value null"           // 200 {"value": null}
	FaultValueString       FaultKind = "value string"         // 200 {"value": "x"}
	FaultArrayBody         FaultKind = "array body"           // 200 []
	FaultEmptyBody         FaultKind = "empty body"           // 200 without a body
	Fault204               FaultKind = "204"                  // no content
	FaultHTML              FaultKind = "html"                 // 200 with a web page
	FaultTruncatedJSON     FaultKind = "truncated json"       // half the body, honestly framed
	FaultReset             FaultKind = "reset"                // connection reset in the body
	FaultGzipCorrupt       FaultKind = "gzip corrupt"         // compressed, then damaged
	FaultNullElement       FaultKind = "null element"         // null among the rows
	FaultMissingID         FaultKind = "missing id"           // a row without id
	FaultEmptyID           FaultKind = "empty id"             // a row with id ""
	FaultBadSKUID          FaultKind = "bad sku id"           // skuId that is no GUID
	FaultUnknownState      FaultKind = "unknown state"        // state, status or result of no known value
	FaultBlankUsers        FaultKind = "blank users"          // accountEnabled null, no licenses, for every row
	FaultNextLoop          FaultKind = "next loop"            // the next link is this page
	FaultNextEmpty         FaultKind = "next empty"           // the next link is ""
	FaultNextGarbage       FaultKind = "next garbage"         // the next link is no URL
	FaultNextOtherHost     FaultKind = "next other host"      // the next link leads elsewhere
	FaultNextHTTP          FaultKind = "next http"            // the next link is plain http at Microsoft
	FaultRepeatedPage      FaultKind = "repeated page"        // the page comes again as the next one
	FaultOverlap           FaultKind = "overlap"              // the next page begins with the last half of this one
	FaultUserVanishes      FaultKind = "user vanishes"        // the last user is deleted before the page is made
	FaultUserAppears       FaultKind = "user appears"         // a user is added before the page is made
	Fault429               FaultKind = "429"                  // Retry-After: 1
	Fault429Fraction       FaultKind = "429 fraction"         // Retry-After: 0.128
	Fault429Date           FaultKind = "429 date"             // Retry-After as a date
	Fault429Zero           FaultKind = "429 zero"             // Retry-After: 0
	Fault429Hour           FaultKind = "429 hour"             // Retry-After: 3600
	Fault429Absent         FaultKind = "429 absent"           // no Retry-After
	Fault500               FaultKind = "500"                  // internal error
	Fault500NoBody         FaultKind = "500 no body"          // internal error without a body
	Fault502               FaultKind = "502"                  // bad gateway, as a web page
	Fault503               FaultKind = "503"                  // unavailable, Retry-After: 1
	Fault504               FaultKind = "504"                  // timeout
	Fault401               FaultKind = "401"                  // the token expired
	Fault403               FaultKind = "403"                  // permission denied
	Fault403Property       FaultKind = "403 property"         // denied when properties are selected; name one in Fault.Query
	Fault404               FaultKind = "404"                  // not found
	FaultExpiredPageToken  FaultKind = "expired page token"   // 400 Directory_ExpiredPageToken
	FaultPageTokenNotFound FaultKind = "page token not found" // 400 DirectoryPageTokenNotFoundException
	Fault410               FaultKind = "410"                  // gone
	FaultHang              FaultKind = "hang"                 // no bytes until the client gives up
	FaultDrip              FaultKind = "drip"                 // one byte at a time
	FaultCountDisagrees    FaultKind = "count disagrees"      // $count and @odata.count are off
	FaultClockSkew         FaultKind = "clock skew"           // the Date header is 20 minutes ahead
	FaultGroupGone         FaultKind = "group gone"           // a licensed group disappears before the answer
	FaultHugeName          FaultKind = "huge name"            // a name of a million bytes
	FaultHostileName       FaultKind = "hostile name"         // escapes, marks, NUL and a formula in a name
	FaultRedirectOtherHost FaultKind = "redirect other host"  // 302 to elsewhere
)

// Kinds of fault that only the Management Activity API has.
const (
	FaultAF429          FaultKind = "AF429"           // throttled, with a 403 and no Retry-After
	FaultAF50000        FaultKind = "AF50000"         // internal error
	FaultContentMissing FaultKind = "content missing" // AF20050
	FaultContentExpired FaultKind = "content expired" // AF20051
	FaultNoSubscription FaultKind = "no subscription" // AF20022
	FaultBadWindow      FaultKind = "bad window"      // AF20055
	FaultAuditOff       FaultKind = "audit off"       // the unified audit log of the tenant is off
)

// FeedFaults lists them.
var FeedFaults = []FaultKind{
	FaultAF429, FaultAF50000, FaultContentMissing, FaultContentExpired, FaultNoSubscription, FaultBadWindow, FaultAuditOff,
}

// Kinds of fault of lists that are asked for with a filter. Each makes the answer look
// whole: only the rows show that it is not.
const (
	FaultFilterIgnored FaultKind = "filter ignored" // the filter is not applied, and nothing says so
	FaultFilterEmpty   FaultKind = "filter empty"   // nothing fits the filter
	FaultFilterRefused FaultKind = "filter refused" // 400 Request_UnsupportedQuery
	FaultRowMissing    FaultKind = "row missing"    // the first row of the page is left out
	FaultListEnds      FaultKind = "list ends"      // the link to the next page is left out
)

// FilterFaults lists them.
var FilterFaults = []FaultKind{FaultFilterIgnored, FaultFilterEmpty, FaultFilterRefused, FaultRowMissing, FaultListEnds}

// misread spoils how a filter is understood, and reports whether the answer is to be
// made again.
func (k FaultKind) misread(c *call) bool {
	switch k {
	case FaultFilterIgnored:
		c.match = nil
	case FaultFilterEmpty:
		c.match = func(any) bool { return false }
	default:
		return false
	}
	return true
}

// AllFaults lists every kind that any place of Graph may show.
var AllFaults = []FaultKind{
	FaultEmptyObject, FaultErrorIn200, FaultValueNull, FaultValueString, FaultArrayBody, FaultEmptyBody, Fault204,
	FaultHTML, FaultTruncatedJSON, FaultReset, FaultGzipCorrupt, FaultNullElement, FaultMissingID, FaultEmptyID,
	FaultBadSKUID, FaultUnknownState, FaultBlankUsers, FaultNextLoop, FaultNextEmpty, FaultNextGarbage, FaultNextOtherHost, FaultNextHTTP,
	FaultRepeatedPage, FaultOverlap, FaultUserVanishes, FaultUserAppears, Fault429, Fault429Fraction, Fault429Date,
	Fault429Zero, Fault429Hour, Fault429Absent, Fault500, Fault500NoBody, Fault502, Fault503, Fault504, Fault401,
	Fault403, Fault403Property, Fault404, FaultExpiredPageToken, FaultPageTokenNotFound, Fault410, FaultHang, FaultDrip,
	FaultCountDisagrees, FaultClockSkew, FaultGroupGone, FaultHugeName, FaultHostileName, FaultRedirectOtherHost,
}

// Page says on which page of a collection a fault strikes; positive numbers
// count from 1.
type Page int

// Pages by place. What is not a collection is its own only page.
const (
	AnyPage    Page = 0
	FirstPage  Page = 1
	MiddlePage Page = -1 // neither the first nor the last
	LastPage   Page = -2
)

// Forever as [Fault.Times] never ends.
const Forever = -1

// OtherHost is where faults lead a client astray.
const OtherHost = "graph.attacker.example"

// HostileName is what [FaultHostileName] calls things.
const HostileName = "=HYPERLINK(\"http://attacker.example\",\"x\")\x1b[31m\u202egpj\x00\r\n\ttail"

// Fault is one entry of a fault plan.
type Fault struct {
	Endpoint Endpoint // any when ""
	Page     Page
	Skip     int    // matches to let pass first
	Times    int    // how often to strike: 0 and 1 are once; see Forever
	Query    string // strike only when the decoded query holds this
	Kind     FaultKind
}

type armed struct {
	Fault
	skip, left int
}

// Inject adds faults to the plan. The first that matches a request strikes.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &armed{f, f.Skip, max(f.Times, 1)})
		if f.Times < 0 {
			s.faults[len(s.faults)-1].left = Forever
		}
	}
}

// ClearFaults empties the plan.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Struck is how many answers the plan has spoiled so far.
func (s *Server) Struck() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck
}

// due takes the fault that strikes an answer, if any.
func (s *Server) due(c *call, a *answer) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.left == 0 || !f.matches(c, a) {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if f.left > 0 {
			f.left--
		}
		s.struck++
		return &f.Fault
	}
	return nil
}

func (f *armed) matches(c *call, a *answer) bool {
	if f.Endpoint != "" && f.Endpoint != c.Endpoint {
		return false
	}
	if f.Kind == Fault403Property && !c.Query.Has("$select") || !c.asks(f.Query) {
		return false
	}
	last := a.next == nil
	switch {
	case f.Page == AnyPage:
		return true
	case f.Page == LastPage:
		return last
	case f.Page == MiddlePage:
		return c.Page > 1 && !last
	}
	return c.Page == int(f.Page)
}

// asks reports whether some query option, decoded, holds a text.
func (c *call) asks(part string) bool {
	for k, v := range c.Query {
		if strings.Contains(k+"="+strings.Join(v, ","), part) {
			return true
		}
	}
	return part == ""
}

// disturb applies a fault that changes the tenant rather than the answer, and
// reports whether it is one.
func (k FaultKind) disturb(t *Tenant) bool {
	switch k {
	case FaultUserVanishes:
		if ids := t.UserIDs(); len(ids) > 0 {
			_ = t.DeleteUser(NoActor, ids[len(ids)-1], Entra) // it is there
		}
	case FaultUserAppears:
		id := fmt.Sprintf("ffffffff-ffff-4fff-bfff-%012x", len(t.Truth()))
		t.AddUser(NoActor, UserSpec{Name: "Late Comer", ID: id})
	case FaultGroupGone:
		t.mu.Lock()
		t.hideGroup()
		t.mu.Unlock()
	default:
		return false
	}
	return true
}

// apply makes an answer as wrong as the kind says.
func (k FaultKind) apply(s *Server, c *call, a *answer) {
	if err := k.refusal(s); err != nil {
		*a = *c.failed(err)
	}
	switch k {
	case FaultEmptyObject:
		a.replace("{}")
	case FaultErrorIn200:
		a.replace(string(c.errorBody(fail(0, "generalException", "General exception while processing."))))
	case FaultValueNull:
		a.replace(`{"value":null}`)
	case FaultValueString:
		a.replace(`{"value":"x"}`)
	case FaultArrayBody:
		a.replace("[]")
	case FaultEmptyBody:
		a.replace("")
	case Fault204:
		a.replace("")
		a.status = http.StatusNoContent
	case FaultHTML:
		a.replace("<!DOCTYPE html><html><body>Sign in to continue</body></html>")
		a.contentType = "text/html"
	case FaultTruncatedJSON:
		body := a.encode()
		a.replace(string(body[:len(body)/2]))
	case Fault500NoBody:
		a.replace("")
		a.status = http.StatusInternalServerError
	case Fault502:
		a.replace("<html><body>502 Bad Gateway</body></html>")
		a.status, a.contentType = http.StatusBadGateway, "text/html"
	case FaultListEnds:
		a.next = nil
	case FaultRowMissing:
		if len(a.rows) > 0 {
			a.rows = a.rows[1:]
		}
	case FaultClockSkew:
		a.date = 20 * time.Minute
	case FaultRedirectOtherHost:
		a.replace("")
		a.status, a.header = http.StatusFound, map[string]string{"Location": "https://" + OtherHost + c.Path}
	case FaultReset:
		a.send = resetMidway
	case FaultGzipCorrupt:
		a.send = sendCorruptGzip
	case FaultHang:
		a.send = func(_ http.ResponseWriter, c *call, _ []byte) { s.hang(c) }
	case FaultDrip:
		a.send = s.drip
	case FaultCountDisagrees:
		a.miscount()
	default:
		k.applyLink(c, a)
		k.applyRows(a)
	}
}

func (a *answer) replace(body string) {
	a.isCollection, a.body = false, []byte(body)
}

func (a *answer) miscount() {
	if a.isCollection {
		a.count = max(a.count, len(a.rows)) + 7
		return
	}
	n := 0
	if _, err := fmt.Sscan(string(a.body), &n); err == nil {
		a.body = fmt.Append(nil, n+7)
	}
}

// refusal is the error that a kind stands for, or nil.
func (k FaultKind) refusal(s *Server) *apiError {
	retry := func(err *apiError, after string) *apiError {
		if after != "" {
			err.header = map[string]string{"Retry-After": after}
		}
		return err
	}
	switch k {
	case Fault429:
		return retry(throttled(), "1")
	case Fault429Fraction:
		return retry(throttled(), "0.128")
	case Fault429Date:
		return retry(throttled(), s.t.Now().Add(time.Second).UTC().Format(http.TimeFormat))
	case Fault429Zero:
		return retry(throttled(), "0")
	case Fault429Hour:
		return retry(throttled(), "3600")
	case Fault429Absent:
		return throttled()
	case Fault500:
		return fail(http.StatusInternalServerError, "InternalServerError", "An internal server error occurred.")
	case Fault503:
		return retry(fail(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable."), "1")
	case Fault504:
		return fail(http.StatusGatewayTimeout, "UnknownError", "Gateway timeout.")
	case Fault401:
		return unauthorized("Lifetime validation failed, the token is expired.")
	case Fault403, Fault403Property:
		return denied()
	case Fault404:
		return missing("the resource")
	case FaultExpiredPageToken:
		return expiredToken()
	case FaultPageTokenNotFound:
		return fail(http.StatusBadRequest, "DirectoryPageTokenNotFoundException", "The page token was not found.")
	case FaultFilterRefused:
		return unsupportedFilter("")
	case Fault410:
		return fail(http.StatusGone, "syncStateNotFound", "Resync required.")
	}
	return k.feedRefusal()
}

func (k FaultKind) feedRefusal() *apiError {
	switch k {
	case FaultAF429:
		return fail(http.StatusForbidden, "AF429", "Too many requests. Method=GetBlob, PublisherId=x")
	case FaultAF50000:
		return fail(http.StatusInternalServerError, "AF50000", "An internal error occurred. Retry the request.")
	case FaultContentMissing:
		return fail(http.StatusBadRequest, "AF20050", "The specified content (x) does not exist.")
	case FaultContentExpired:
		return fail(http.StatusBadRequest, "AF20051", "Content requested with the key x has already expired. Content older than 7 days cannot be retrieved.")
	case FaultNoSubscription:
		return noSubscription()
	case FaultBadWindow:
		return badWindow()
	case FaultAuditOff:
		return fail(http.StatusBadRequest, "StartSubscription [CorrId=x]", "Tenant x does not exist.")
	}
	return nil
}

// applyLink spoils the next link.
func (k FaultKind) applyLink(c *call, a *answer) {
	link := ""
	switch k {
	case FaultNextLoop:
		link = c.origin() + c.http.URL.RequestURI()
	case FaultNextEmpty:
	case FaultNextGarbage:
		link = "::not a link %zz"
	case FaultNextOtherHost:
		link = "https://" + OtherHost + "/v1.0/users?$skiptoken=x"
	case FaultNextHTTP:
		link = "http://graph.microsoft.com/v1.0/users?$skiptoken=x"
	case FaultRepeatedPage:
		a.linkTo(c, c.cursor.after, true)
		return
	case FaultOverlap:
		after := c.cursor.after
		if half := len(a.keys) / 2; half > 0 {
			after = a.keys[half-1]
		}
		a.linkTo(c, after, true)
		return
	default:
		return
	}
	a.next = &link
}

// applyRows spoils the rows, or the one object there is.
func (k FaultKind) applyRows(a *answer) {
	edit := k.rowEdit()
	switch {
	case k == FaultNullElement && a.isCollection:
		a.rows = slices.Insert(a.rows, len(a.rows)/2, []byte("null"))
		return
	case edit == nil:
		return
	case !a.isCollection:
		a.body = edited(a.body, edit)
		return
	}
	first := k == FaultMissingID || k == FaultEmptyID || k == FaultHugeName || k == FaultHostileName
	for i := range a.rows {
		if i == 0 || !first {
			a.rows[i] = edited(a.rows[i], edit)
		}
	}
}

func (k FaultKind) rowEdit() func(map[string]any) {
	switch k {
	case FaultMissingID:
		return func(row map[string]any) { delete(row, idName(row)) }
	case FaultEmptyID:
		return func(row map[string]any) { row[idName(row)] = "" }
	case FaultBadSKUID:
		return func(row map[string]any) { replaceAll(row, "not-a-guid", "skuId") }
	case FaultUnknownState:
		return func(row map[string]any) {
			replaceAll(row, "Hibernating", "state", "capabilityStatus", "status", "result", "provisioningStatus")
		}
	case FaultBlankUsers:
		return func(row map[string]any) {
			if _, ok := row["licenseAssignmentStates"]; !ok {
				return // not a user
			}
			row["accountEnabled"] = nil
			for _, name := range []string{"assignedLicenses", "licenseAssignmentStates", "assignedPlans"} {
				row[name] = []any{}
			}
		}
	case FaultHugeName:
		return rename(strings.Repeat("A", 1e6))
	case FaultHostileName:
		return rename(HostileName)
	}
	return nil
}

// idName is the member that identifies a row: the feed has names of its own.
func idName(row map[string]any) string {
	for _, name := range []string{"Id", "contentId"} {
		if _, ok := row[name]; ok {
			return name
		}
	}
	return "id"
}

func rename(name string) func(map[string]any) {
	return func(row map[string]any) { replaceAll(row, name, "displayName", "skuPartNumber") }
}

// replaceAll sets the named string fields anywhere in a value.
func replaceAll(v any, to string, names ...string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			replaceAll(x, to, names...)
		}
	case map[string]any:
		for k, x := range v {
			if _, ok := x.(string); ok && slices.Contains(names, k) {
				v[k] = to
				continue
			}
			replaceAll(x, to, names...)
		}
	}
}

func edited(row []byte, edit func(map[string]any)) []byte {
	m := map[string]any{}
	if err := json.Unmarshal(row, &m); err != nil {
		return row
	}
	edit(m)
	return []byte(text(m))
}

// resetMidway announces the whole body, sends half and resets the connection.
func resetMidway(w http.ResponseWriter, _ *call, body []byte) {
	send(&shortWriter{w}, http.StatusOK, body)
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// shortWriter writes half of what it is given.
type shortWriter struct{ http.ResponseWriter }

func (w *shortWriter) Write(b []byte) (int, error) {
	_, err := w.ResponseWriter.Write(b[:len(b)/2])
	return len(b), err
}

func sendCorruptGzip(w http.ResponseWriter, _ *call, body []byte) {
	b := zipped(body)
	b = append(bytes.Clone(b[:len(b)/2]), bytes.Repeat([]byte{0xff}, 16)...)
	w.Header().Set("Content-Encoding", "gzip")
	send(w, http.StatusOK, b)
}

// hang waits until the client or the server gives up.
func (s *Server) hang(c *call) {
	select {
	case <-c.http.Context().Done():
	case <-s.closed:
	}
}

// drip sends the body a byte at a time.
func (s *Server) drip(w http.ResponseWriter, c *call, body []byte) {
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	for i := range body {
		if _, err := w.Write(body[i : i+1]); err != nil {
			return
		}
		_ = control.Flush() // a recorder cannot
		pause := time.NewTimer(s.cfg.drip)
		select {
		case <-c.http.Context().Done():
			pause.Stop()
			return
		case <-s.closed:
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}
