package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lictrail/snapshot"
)

// book is a tenant of pages of one user each, of which every test edits what it is
// about. It notes the page of each request, and when it came.
type book struct {
	pages int
	serve func(page, times int, w http.ResponseWriter, r *http.Request) (done bool) // times: of this page, from 1; nil: nothing special

	mu    sync.Mutex
	asked []int
	at    []time.Time
	url   string
}

// inBook plays a tenant and a client whose clock is that of the bubble, which also
// fails a test that leaves a goroutine behind.
func (b *book) inBook(t *testing.T, edit func(*Options), test func(t *testing.T, c *Client)) {
	inBubble(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		page := 1
		fmt.Sscanf(r.URL.Query().Get("$skiptoken"), "p%d", &page)
		b.mu.Lock()
		b.asked, b.at = append(b.asked, page), append(b.at, time.Now())
		times := b.times(page)
		b.mu.Unlock()
		if b.serve != nil && b.serve(page, times, w, r) {
			return
		}
		fmt.Fprint(w, b.head(page)+b.rows(page))
	}, func(t *testing.T, s *server) {
		b.url = s.URL
		c, _ := s.client(t, func(o *Options) {
			o.Now, o.Sleep = time.Now, nil
			if edit != nil {
				edit(o)
			}
		})
		test(t, c)
	})
}

// times is how often a page was asked for.
func (b *book) times(page int) (n int) {
	for _, p := range b.asked {
		if p == page {
			n++
		}
	}
	return n
}

func (b *book) order() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Trim(fmt.Sprint(b.asked), "[]")
}

// head is a page up to its rows.
func (b *book) head(page int) string {
	if page >= b.pages {
		return `{"value":[`
	}
	return fmt.Sprintf(`{"@odata.nextLink":"%s/v1.0/users?$skiptoken=p%d","value":[`, b.url, page+1)
}

func (b *book) rows(page int) string { return userRow(fmt.Sprint("u", page)) + "]}" }

// TestAhead: the next page is asked for when its link has been sent, before the rows have.
func TestAhead(t *testing.T) {
	b := &book{pages: 4}
	b.serve = func(page, _ int, w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, b.head(page))
		w.(http.Flusher).Flush()
		for i := 0; page < b.pages; i++ {
			b.mu.Lock()
			n := b.times(page + 1)
			b.mu.Unlock()
			if n > 0 {
				break
			}
			if i == 20 {
				t.Errorf("page %d was not asked for while page %d was read", page+1, page)
				break
			}
			time.Sleep(time.Second)
		}
		fmt.Fprint(w, b.rows(page))
		return true
	}
	b.inBook(t, nil, func(t *testing.T, c *Client) {
		var sink sinkOf
		stats, err := usersTo(t.Context(), c, &sink)
		if err != nil || sink.ids() != "u1 u2 u3 u4" || stats.Pages != 4 || stats.Requests != 4 || b.order() != "1 2 3 4" {
			t.Errorf("%q, %+v, %v; asked for %s", sink.ids(), stats, err, b.order())
		}
	})
}

// TestAheadThrottled: once the request ahead is told to wait, nothing is sent before that
// time, the page that is still being read included.
func TestAheadThrottled(t *testing.T) {
	const wait = 17 * time.Second
	for name, spoiled := range map[string]bool{"the page is good": false, "the page is asked for again": true} {
		t.Run(name, func(t *testing.T) {
			b := &book{pages: 3}
			var told time.Time
			b.serve = func(page, times int, w http.ResponseWriter, _ *http.Request) bool {
				switch {
				case page == 2 && times == 1:
					told = time.Now()
					w.Header().Set("Retry-After", "17")
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				case page == 1 && times == 1:
					fmt.Fprint(w, b.head(page))
					w.(http.Flusher).Flush()
					time.Sleep(5 * time.Second) // part of what page 2 is told to wait
					if spoiled {
						fmt.Fprint(w, "}")
						return true
					}
					fmt.Fprint(w, b.rows(page))
					return true
				}
				return false
			}
			want := "1 2 2 3"
			if spoiled {
				want = "1 2 1 2 3"
			}
			b.inBook(t, nil, func(t *testing.T, c *Client) {
				var sink sinkOf
				stats, err := usersTo(t.Context(), c, &sink)
				if err != nil || sink.ids() != "u1 u2 u3" || b.order() != want || stats.Requests != len(b.asked) {
					t.Errorf("%q, %+v, %v; asked for %s, want %s", sink.ids(), stats, err, b.order(), want)
				}
				for i := 2; i < len(b.at); i++ {
					if early := told.Add(wait).Sub(b.at[i]); early > 0 {
						t.Errorf("request %d came %v early", i+1, early)
					}
				}
				if late := b.at[2].Sub(told.Add(wait)); late > time.Second {
					t.Errorf("request 3 came %v late", late)
				}
			})
		})
	}
}

// TestAheadFails: what goes wrong with a page that was asked for ahead is told and
// repeated as for every page, and the pages before it are taken.
func TestAheadFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fail  func(w http.ResponseWriter, r *http.Request)
		often int // 0: always
		kind  error
		asked string
	}{
		"500 once":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 1, nil, "1 2 2 3"},
		"no answer, once":     {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 1, nil, "1 2 2 3"},
		"token refused, once": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, 1, nil, "1 2 2 3"},
		"token refused":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, 0, ErrAuth, "1 2 2"},
		"forbidden":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 0, ErrAuth, "1 2"},
		"cut off, once":       {func(w http.ResponseWriter, _ *http.Request) { cut(w, `{"value":[]}`) }, 1, nil, "1 2 2 3"},
		"page token lost":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, 1, nil, "1 2 1 2 3"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &book{pages: 3}
			b.serve = func(page, times int, w http.ResponseWriter, r *http.Request) bool {
				if page != 2 || tt.often > 0 && times > tt.often {
					return false
				}
				tt.fail(w, r)
				return true
			}
			b.inBook(t, nil, func(t *testing.T, c *Client) {
				var sink sinkOf
				stats, err := usersTo(t.Context(), c, &sink)
				if b.order() != tt.asked || c.Requests() != len(b.asked) || stats.Requests != len(b.asked) {
					t.Errorf("asked for %s, want %s; %d and %d were counted", b.order(), tt.asked, stats.Requests, c.Requests())
				}
				if tt.kind == nil {
					if err != nil || sink.ids() != "u1 u2 u3" {
						t.Errorf("%q, %v", sink.ids(), err)
					}
					return
				}
				if e := asError(t, err, tt.kind); e.Page != 2 || sink.ids() != "u1" {
					t.Errorf("page %d, taken are %q: %v", e.Page, sink.ids(), err)
				}
			})
		})
	}
}

// TestAheadUnwanted: a read that ends, or goes another way, leaves no request behind.
func TestAheadUnwanted(t *testing.T) {
	hang := func(r *http.Request) { <-r.Context().Done() }
	t.Run("the page fails for good", func(t *testing.T) {
		b := &book{pages: 3}
		b.serve = func(page, _ int, w http.ResponseWriter, r *http.Request) bool {
			if page == 2 {
				hang(r)
				return true
			}
			fmt.Fprint(w, b.head(page)+"{}]}")
			return true
		}
		b.inBook(t, nil, func(t *testing.T, c *Client) {
			var sink sinkOf
			_, err := usersTo(t.Context(), c, &sink)
			if e := asError(t, err, ErrIncomplete); e.Page != 1 || len(sink.Rows) > 0 {
				t.Errorf("%q, %v", sink.ids(), err)
			}
		})
	})
	t.Run("the link is another one the second time", func(t *testing.T) {
		b := &book{pages: 3}
		b.serve = func(page, times int, w http.ResponseWriter, _ *http.Request) bool {
			if page == 1 && times == 1 {
				fmt.Fprint(w, b.head(2)+"{}]}") // leads to page 3
				return true
			}
			return false
		}
		b.inBook(t, nil, func(t *testing.T, c *Client) {
			var sink sinkOf
			stats, err := usersTo(t.Context(), c, &sink)
			if err != nil || sink.ids() != "u1 u2 u3" || b.order() != "1 3 1 2 3" || stats.Requests != 5 {
				t.Errorf("%q, %+v, %v; asked for %s", sink.ids(), stats, err, b.order())
			}
		})
	})
	t.Run("the sink fails", func(t *testing.T) {
		b := &book{pages: 9}
		b.serve = func(page, _ int, _ http.ResponseWriter, r *http.Request) bool {
			if page == 4 {
				hang(r)
			}
			return page == 4
		}
		b.inBook(t, nil, func(t *testing.T, c *Client) {
			full := errors.New("disk full")
			if _, err := usersTo(t.Context(), c, &sinkOf{err: full}); !errors.Is(err, full) {
				t.Error(err)
			}
		})
	})
	t.Run("the read is cancelled", func(t *testing.T) {
		b := &book{pages: 3}
		b.serve = func(page, _ int, _ http.ResponseWriter, r *http.Request) bool {
			if page == 2 {
				hang(r)
			}
			return page == 2
		}
		b.inBook(t, nil, func(t *testing.T, c *Client) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			_, err := usersTo(ctx, c, &sinkOf{})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
}

// slowSink takes its time for each page.
type slowSink struct {
	sinkOf
	takes time.Duration
}

func (s *slowSink) Page(rows []snapshot.UserRow) error {
	time.Sleep(s.takes)
	return s.sinkOf.Page(rows)
}

// TestAheadOfASlowSink: an answer may wait for as long as the pages before it take to be
// handled. Neither the patience with Graph nor that with a silent connection is spent by it.
func TestAheadOfASlowSink(t *testing.T) {
	b := &book{pages: 6}
	b.inBook(t, func(o *Options) { o.Patience, o.Quiet = 10*time.Minute, time.Minute }, func(t *testing.T, c *Client) {
		sink := &slowSink{takes: time.Hour}
		stats, err := usersTo(t.Context(), c, sink)
		if err != nil || sink.ids() != "u1 u2 u3 u4 u5 u6" || stats.Requests != 6 {
			t.Errorf("%q, %+v, %v", sink.ids(), stats, err)
		}
	})
}

// TestAheadByOne: however slow the sink, no more than one page is asked for ahead.
func TestAheadByOne(t *testing.T) {
	b := &book{pages: 9}
	b.inBook(t, nil, func(t *testing.T, c *Client) {
		sink := &slowSink{takes: time.Hour}
		done := make(chan error)
		go func() { _, err := usersTo(t.Context(), c, sink); done <- err }()
		synctest.Wait() // page 1 is with the sink, 2 waits, 3 is decoded
		if got := b.order(); got != "1 2 3 4" {
			t.Errorf("asked for %s", got)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAheadTime: pages that take a second until they begin, and another until they
// end, take one second each, and not two.
func TestAheadTime(t *testing.T) {
	b := &book{pages: 10}
	b.serve = func(page, _ int, w http.ResponseWriter, _ *http.Request) bool {
		time.Sleep(time.Second)
		fmt.Fprint(w, b.head(page))
		w.(http.Flusher).Flush()
		time.Sleep(time.Second)
		fmt.Fprint(w, b.rows(page))
		return true
	}
	b.inBook(t, nil, func(t *testing.T, c *Client) {
		start := time.Now()
		if _, err := usersTo(t.Context(), c, &sinkOf{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 11*time.Second {
			t.Errorf("%v", took)
		}
	})
}
