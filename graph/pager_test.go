package graph

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// badBody is a 200 whose body is no page, or not all of one.
type badBody struct {
	name string
	send func(w http.ResponseWriter, good string)
	kind error // at the end, when it never gets better
}

func text(s string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { fmt.Fprint(w, s) }
}

func edited(old, new string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, good string) { fmt.Fprint(w, strings.Replace(good, old, new, 1)) }
}

func packed(spoil func([]byte) []byte) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, good string) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(good))
		z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(spoil(b.Bytes()))
	}
}

// cut sends less than it promised and closes the connection.
func cut(w http.ResponseWriter, good string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(good)))
	fmt.Fprint(w, good[:len(good)/2])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func status(code int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { w.WriteHeader(code) }
}

var badBodies = []badBody{
	{"{}", text("{}"), ErrIncomplete},
	{"error in a 200", text(`{"error":{"code":"Odd","message":"half a page"}}`), ErrIncomplete},
	{"error beside value", edited(`"value"`, `"error":{"code":"Odd"},"value"`), ErrIncomplete},
	{"value null", text(`{"value":null}`), ErrIncomplete},
	{"value text", text(`{"value":"x"}`), ErrIncomplete},
	{"value object", text(`{"value":{}}`), ErrIncomplete},
	{"value twice", edited(`"value"`, `"value":[],"value"`), ErrIncomplete},
	{"array", text("[]"), ErrIncomplete},
	{"null", text("null"), ErrIncomplete},
	{"empty", text(""), ErrIncomplete},
	{"blank", text(" \n"), ErrIncomplete},
	{"204", status(204), ErrIncomplete},
	{"206", status(206), ErrIncomplete},
	{"html", text("<html><body>Sign in to Wi-Fi</body></html>"), ErrIncomplete},
	{"truncated JSON", func(w http.ResponseWriter, good string) { fmt.Fprint(w, good[:len(good)-2]) }, ErrIncomplete},
	{"trailing garbage", func(w http.ResponseWriter, good string) { fmt.Fprint(w, good+"{}") }, ErrIncomplete},
	{"null element", edited(`"value":[`, `"value":[null,`), ErrIncomplete},
	{"text element", edited(`"value":[`, `"value":["x",`), ErrIncomplete},
	{"array element", edited(`"value":[`, `"value":[[],`), ErrIncomplete},
	{"row without id", edited(`"value":[`, `"value":[{"userPrincipalName":"x"},`), ErrIncomplete},
	{"row with empty id", edited(`"value":[`, `"value":[{"id":" "},`), ErrIncomplete},
	{"row with null id", edited(`"value":[`, `"value":[{"id":null},`), ErrIncomplete},
	{"row with number id", edited(`"value":[`, `"value":[{"id":7},`), ErrIncomplete},
	{"malformed skuId", edited(skuE5, "06ebc4ee"), ErrIncomplete},
	{"null skuId", edited(`"`+skuE5+`"`, "null"), ErrIncomplete},
	{"connection reset", cut, ErrUnavailable},
	{"gzip corrupt", packed(func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b }), ErrIncomplete},
	{"gzip checksum", packed(func(b []byte) []byte { b[len(b)-6] ^= 0xff; return b }), ErrIncomplete},
	{"gzip header", packed(func(b []byte) []byte { b[0] = 0; return b }), ErrIncomplete},
	{"gzip truncated", packed(func(b []byte) []byte { return b[:len(b)-4] }), ErrUnavailable},
	{"link null", edited(`"value"`, `"@odata.nextLink":null,"value"`), ErrIncomplete},
	{"link empty", edited(`"value"`, `"@odata.nextLink":"","value"`), ErrIncomplete},
	{"link number", edited(`"value"`, `"@odata.nextLink":1,"value"`), ErrIncomplete},
}

// TestBadPages: on the first, a middle and the last page, a bad body that goes
// away is recovered from, and one that stays is an error.
func TestBadPages(t *testing.T) {
	for _, bad := range badBodies {
		for page := 1; page <= 3; page++ {
			t.Run(fmt.Sprintf("%s/page%d/once", bad.name, page), func(t *testing.T) { badOnce(t, bad, page) })
			t.Run(fmt.Sprintf("%s/page%d/forever", bad.name, page), func(t *testing.T) { badForever(t, bad, page) })
		}
	}
}

func badOnce(t *testing.T, bad badBody, page int) {
	tt, sent := threePages(t), false
	tt.fault = func(n int, w http.ResponseWriter) bool {
		if n != page || sent {
			return false
		}
		sent = true
		bad.send(w, tt.body(n))
		return true
	}
	c, _ := tt.client(t, nil)
	var sink sinkOf
	stats, err := usersTo(context.Background(), c, &sink)
	if err != nil || sink.ids() != allSix {
		t.Fatalf("got %q, %v", sink.ids(), err)
	}
	want := 4
	if bad.name == "gzip corrupt" { // by which a link may be spoiled that is followed ahead
		want = max(want, min(stats.Requests, 5))
	}
	if stats.Pages != 3 || stats.Requests != want || c.Requests() != want || stats.Rows != 6 {
		t.Errorf("got %+v", stats)
	}
}

func badForever(t *testing.T, bad badBody, page int) {
	tt := threePages(t)
	tt.fault = func(n int, w http.ResponseWriter) bool {
		if n == page {
			bad.send(w, tt.body(n))
		}
		return n == page
	}
	c, _ := tt.client(t, nil)
	var sink sinkOf
	_, err := usersTo(context.Background(), c, &sink)
	e := asError(t, err, bad.kind)
	if e.Page != page || sink.pages != page-1 {
		t.Errorf("page %d, %d pages taken: %v", e.Page, sink.pages, err)
	}
	if want := fmt.Sprintf("read page %d of users: ", page); !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %q, want prefix %q", err, want)
	}
	ahead := tt.count() - (page + maxRefetch) // the next page, where the link to it was read
	if bad.kind == ErrIncomplete && (e.RequestID == "" || ahead < 0 || ahead > 1) {
		t.Errorf("request-id %q after %d requests", e.RequestID, tt.count())
	}
}

// TestBadLinks: a link that leads astray ends the read at once.
func TestBadLinks(t *testing.T) {
	elsewhere := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"value":[]}`) })
	port := strings.TrimPrefix(elsewhere.URL, "http://127.0.0.1")
	for name, link := range map[string]func(honest string) string{
		"garbage":      func(string) string { return "::not a url" },
		"control":      func(string) string { return "http://\x7f/" },
		"relative":     func(string) string { return "/v1.0/users?$skiptoken=p2" },
		"no host":      func(string) string { return "http:///v1.0/users" },
		"other host":   func(string) string { return "http://graph.example.com/v1.0/users" },
		"other port":   func(string) string { return "http://127.0.0.1" + port + "/v1.0/users" },
		"other scheme": func(h string) string { return strings.Replace(h, "http:", "https:", 1) },
		"user info":    func(h string) string { return strings.Replace(h, "http://", "http://graph@", 1) },
	} {
		for page := 1; page <= 3; page++ {
			t.Run(fmt.Sprintf("%s/page%d", name, page), func(t *testing.T) {
				tt := threePages(t)
				tt.link = func(n int, honest string) (string, bool) {
					if n == page {
						return link(honest), true
					}
					return honest, true
				}
				c, _ := tt.client(t, nil)
				var sink sinkOf
				_, err := usersTo(context.Background(), c, &sink)
				e := asError(t, err, ErrIncomplete)
				if e.Page != page || e.RequestID == "" || tt.count() != page || sink.pages != page-1 {
					t.Errorf("got %+v after %d requests: %v", e, tt.count(), err)
				}
			})
		}
	}
	if elsewhere.count() != 0 {
		t.Errorf("another host got %d requests", elsewhere.count())
	}
}

// TestCircles: enumerations that never end.
func TestCircles(t *testing.T) {
	row := func(n int) []string { return []string{userRow(fmt.Sprint("u", n))} }
	for name, tt := range map[string]struct {
		pages [][]string
		link  func(tt *tenantOf, page int) string
	}{
		"link to itself":      {[][]string{row(1), row(2)}, func(tt *tenantOf, _ int) string { return tt.URL + "/v1.0/users?$skiptoken=p2" }},
		"page again":          {[][]string{{userRow("u1"), userRow("u2")}, {userRow("u1"), userRow("u2")}}, nil},
		"page again, shuffle": {[][]string{{userRow("u1"), userRow("u2")}, {userRow("u2"), userRow("u1")}}, nil},
		"page of one again":   {[][]string{row(1), row(1)}, nil},
		"pages of one, round": {[][]string{row(1), row(2), row(1), row(2)}, nil},
		"first page at last":  {[][]string{{userRow("u1"), userRow("u2")}, {userRow("u3"), userRow("u4")}, {userRow("u1"), userRow("u2")}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, tt.pages...)
			if tt.link != nil {
				s.link = func(page int, _ string) (string, bool) { return tt.link(s, page), true }
			}
			c, _ := s.client(t, nil)
			var sink sinkOf
			_, err := usersTo(context.Background(), c, &sink)
			asError(t, err, ErrIncomplete)
			if s.count() > len(tt.pages) {
				t.Errorf("%d requests", s.count())
			}
		})
	}
}

// TestEmptyPages: an empty page with a link is legal, a thousand are not.
func TestEmptyPages(t *testing.T) {
	tt := newTenant(t, nil, []string{userRow("u1")}, nil, []string{userRow("u2")}, nil)
	c, _ := tt.client(t, nil)
	var sink sinkOf
	if stats, err := usersTo(context.Background(), c, &sink); err != nil || sink.ids() != "u1 u2" || stats.Pages != 5 {
		t.Errorf("got %q, %+v, %v", sink.ids(), stats, err)
	}

	endless := newServer(t, nil)
	endless.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"%s/v1.0/users?n=%d"}`, endless.URL, n+1)
	})
	c, _ = endless.client(t, nil)
	_, err := usersTo(context.Background(), c, &sink)
	if e := asError(t, err, ErrIncomplete); e.Page != maxEmptyPages+1 {
		t.Errorf("ended on page %d", e.Page)
	}
}

// TestEmptyTenant: no users is an answer.
func TestEmptyTenant(t *testing.T) {
	c, _ := newTenant(t, nil).client(t, nil)
	var sink sinkOf
	if stats, err := usersTo(context.Background(), c, &sink); err != nil || stats.Pages != 1 || len(sink.Rows) != 0 {
		t.Errorf("got %+v, %v", stats, err)
	}
}

// TestOverlap: a user who moves between pages while we read is counted once;
// the first copy wins.
func TestOverlap(t *testing.T) {
	later := strings.Replace(userRow("U2"), "@example.com", "@later.example.com", 1)
	tt := newTenant(t, []string{userRow("u1"), userRow("u2")}, []string{later, userRow("u3")}, []string{userRow("u1")})
	c, _ := tt.client(t, nil)
	var sink sinkOf
	stats, err := usersTo(context.Background(), c, &sink)
	if err != nil || sink.ids() != "u1 u2 u3" || stats.Duplicates != 2 || stats.Rows != 3 {
		t.Fatalf("got %q, %+v, %v", sink.ids(), stats, err)
	}
	if sink.Rows[1].UPN != "u2@example.com" {
		t.Errorf("got %q: the later copy won", sink.Rows[1].UPN)
	}
}

// TestLostToken: Graph forgets the page token: begin again, three times.
func TestLostToken(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"400 expired":   func(w http.ResponseWriter) { graphSays(w, 400, "Directory_ExpiredPageToken", "…") },
		"404 not found": func(w http.ResponseWriter) { graphSays(w, 404, "DirectoryPageTokenNotFoundException", "…") },
		"400 in the message": func(w http.ResponseWriter) {
			graphSays(w, 400, "UnknownError", "DirectoryPageTokenNotFoundException: x")
		},
		"410":            func(w http.ResponseWriter) { w.WriteHeader(410) },
		"404 sync state": func(w http.ResponseWriter) { graphSays(w, 404, "syncStateNotFound", "…") },
		"200 with error": func(w http.ResponseWriter) { graphSays(w, 200, "Directory_ExpiredPageToken", "…") },
	} {
		for _, times := range []int{1, 3, 99} {
			t.Run(fmt.Sprintf("%s/%d", name, times), func(t *testing.T) {
				tt, refused := threePages(t), 0
				tt.fault = func(page int, w http.ResponseWriter) bool {
					if page != 3 || refused == times {
						return false
					}
					refused++
					refuse(w)
					return true
				}
				c, _ := tt.client(t, nil)
				var sink sinkOf
				stats, err := usersTo(context.Background(), c, &sink)
				if want := min(times, maxRestarts); stats.Restarts != want || sink.restarts != want {
					t.Errorf("restarts: %d and %d, want %d", stats.Restarts, sink.restarts, want)
				}
				if times > maxRestarts {
					asError(t, err, ErrIncomplete)
				} else if err != nil || sink.ids() != allSix || stats.Pages != 3 || stats.Requests != 3*(times+1) {
					t.Errorf("got %q, %+v, %v", sink.ids(), stats, err)
				}
			})
		}
	}
}

// TestLostTokenOnPage1 is an error: there was no token to lose.
func TestLostTokenOnPage1(t *testing.T) {
	tt := threePages(t)
	tt.fault = func(_ int, w http.ResponseWriter) bool {
		graphSays(w, 400, "Directory_ExpiredPageToken", "…")
		return true
	}
	c, _ := tt.client(t, nil)
	var sink sinkOf
	_, err := usersTo(context.Background(), c, &sink)
	asError(t, err, ErrIncomplete)
	if tt.count() != 1 {
		t.Errorf("%d requests", tt.count())
	}
}

// TestObserved: the times are Graph's; ours only when it has none.
func TestObserved(t *testing.T) {
	dates := []string{"Sun, 22 Nov 2026 10:00:00 GMT", "Sun, 22 Nov 2026 10:00:30 GMT", "Sun, 22 Nov 2026 10:01:00 GMT"}
	first, last := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 10, 1, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		local time.Time
		send  bool
		want  [2]time.Time
		skew  string
	}{
		"in step":   {first.Add(time.Minute), true, [2]time.Time{first, last}, ""},
		"skewed":    {first.Add(time.Hour), true, [2]time.Time{first, last}, "off by 1h0m0s"},
		"behind":    {first.Add(-time.Hour), true, [2]time.Time{first, last}, "off by -1h0m0s"},
		"no header": {first.Add(time.Hour), false, [2]time.Time{first.Add(time.Hour), first.Add(time.Hour)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt := threePages(t)
			tt.fault = func(page int, w http.ResponseWriter) bool {
				w.Header()["Date"] = nil
				if tc.send {
					w.Header().Set("Date", dates[page-1])
				}
				return false
			}
			c, _ := tt.client(t, func(o *Options) { o.Now = func() time.Time { return tc.local } })
			var sink sinkOf
			stats, err := usersTo(context.Background(), c, &sink)
			if err != nil || stats.ObservedAt != tc.want[0] || stats.ObservedUntil != tc.want[1] {
				t.Errorf("got %v, %v, %v", stats.ObservedAt, stats.ObservedUntil, err)
			}
			if tc.skew == "" != (len(stats.Warnings) == 0) || tc.skew != "" && (stats.Warnings[0].Code != "clock-skew" || !strings.Contains(stats.Warnings[0].Message, tc.skew)) {
				t.Errorf("got warnings %v", stats.Warnings)
			}
		})
	}
}

// TestSinkError: what the sink says comes back as it is.
func TestSinkError(t *testing.T) {
	c, _ := threePages(t).client(t, nil)
	full := errors.New("disk full")
	if _, err := usersTo(context.Background(), c, &sinkOf{err: full}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// TestPageTooLarge: a page that would not end is not read to the end.
func TestPageTooLarge(t *testing.T) {
	tt := threePages(t)
	tt.fault = func(page int, w http.ResponseWriter) bool {
		if page == 2 {
			packed(func(b []byte) []byte { return b })(w, `{"x":"`+strings.Repeat("0", 1<<20)+`","value":[]}`)
		}
		return page == 2
	}
	c, _ := tt.client(t, func(o *Options) { o.MaxPage = 64 << 10 })
	var sink sinkOf
	_, err := usersTo(context.Background(), c, &sink)
	if e := asError(t, err, ErrIncomplete); !strings.Contains(e.Error(), "too large") || tt.count() != 2 {
		t.Errorf("got %v after %d requests", err, tt.count())
	}
}

// TestHugeName: a name of a million bytes is only a name.
func TestHugeName(t *testing.T) {
	name := strings.Repeat("x", 1e6)
	tt := newTenant(t, []string{`{"id":"u1","displayName":"` + name + `","assignedLicenses":[]}`})
	c, _ := tt.client(t, nil)
	var sink sinkOf
	if _, err := usersTo(context.Background(), c, &sink); err != nil || sink.Rows[0].Name != name {
		t.Errorf("got %v", err)
	}
}

// TestProgress: the line on the terminal knows how far we are and why we wait.
func TestProgress(t *testing.T) {
	tt, sent := threePages(t), false
	tt.fault = func(page int, w http.ResponseWriter) bool {
		if page != 2 || sent {
			return false
		}
		sent = true
		w.Header().Set("Retry-After", "17")
		graphSays(w, 429, "TooManyRequests", "slow down")
		return true
	}
	var seen []string
	c, clock := tt.client(t, func(o *Options) {
		o.Progress = func(p Progress) {
			waits := ""
			if !p.Until.IsZero() {
				waits = " waits: " + p.Reason
			}
			seen = append(seen, fmt.Sprintf("%s p%d rows%d%s", p.Op, p.Page, p.Rows, waits))
		}
	})
	if _, err := usersTo(context.Background(), c, &sinkOf{}); err != nil {
		t.Fatal(err)
	}
	want := "users p1 rows2; users p2 rows2 waits: HTTP 429 Too Many Requests; users p2 rows4; users p3 rows6"
	if got := strings.Join(seen, "; "); got != want || clock.total() != 17*time.Second {
		t.Errorf("got %s\nwant %s, slept %v", got, want, clock.slept)
	}
}
