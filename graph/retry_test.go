package graph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStatuses: what each status leads to, once and for ever, on each page.
func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		status  int
		recover bool // when it comes once
		kind    error
	}{
		{301, false, ErrUnavailable}, {302, false, ErrUnavailable}, {307, false, ErrUnavailable},
		{400, false, ErrIncomplete}, {401, true, ErrAuth}, {403, false, ErrAuth}, {404, false, ErrIncomplete},
		{407, false, ErrUnavailable}, {408, true, ErrUnavailable}, {409, false, ErrIncomplete}, {429, true, ErrThrottled},
		{500, true, ErrUnavailable}, {501, false, ErrIncomplete}, {502, true, ErrUnavailable},
		{503, true, ErrUnavailable}, {504, true, ErrUnavailable},
	} {
		for page := 1; page <= 3; page++ {
			t.Run(fmt.Sprintf("%d/page%d/once", tc.status, page), func(t *testing.T) {
				err := readWith(t, page, tc.status, 1)
				if (err == nil) != tc.recover {
					t.Fatalf("got %v", err)
				}
			})
			t.Run(fmt.Sprintf("%d/page%d/forever", tc.status, page), func(t *testing.T) {
				e := asError(t, readWith(t, page, tc.status, 1<<30), tc.kind)
				if e.Status != tc.status || e.Page != page || e.Code != "Some_Code" || e.RequestID == "" {
					t.Errorf("got %+v", e)
				}
			})
		}
	}
}

// readWith reads three pages, of which one is refused so many times.
func readWith(t *testing.T, page, status, times int) error {
	t.Helper()
	tt := threePages(t)
	tt.fault = func(n int, w http.ResponseWriter) bool {
		if n != page || times == 0 {
			return false
		}
		times--
		graphSays(w, status, "Some_Code", "words")
		return true
	}
	c, _ := tt.client(t, nil)
	var sink sinkOf
	_, err := usersTo(context.Background(), c, &sink)
	if err == nil && sink.ids() != allSix {
		t.Errorf("silent: %q", sink.ids())
	}
	return err
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		header, date string
		want         time.Duration
	}{
		{"17", "", 17 * time.Second},
		{"2.128", "", 2128 * time.Millisecond},
		{" 3 ", "", 3 * time.Second},
		{"0", "", 0},
		{"", "", 0},
		{"-5", "", 0},
		{"NaN", "", 0},
		{"soon", "", 0},
		{"1e30", "", 1e9 * time.Second},
		{"3600", "", time.Hour},
		{"Sun, 22 Nov 2026 12:00:30 GMT", "", 30 * time.Second},
		{"Sun, 22 Nov 2026 10:00:30 GMT", "Sun, 22 Nov 2026 10:00:00 GMT", 30 * time.Second}, // our clock is fast
		{"Sun, 22 Nov 2026 11:00:00 GMT", "", 0},
	} {
		h := http.Header{"Retry-After": {tc.header}, "Date": {tc.date}}
		if got := retryAfter(h, now); got != tc.want {
			t.Errorf("%q, date %q: got %v, want %v", tc.header, tc.date, got, tc.want)
		}
	}
}

// TestRetryAfterIsObeyed: to the letter, on every status that carries it.
func TestRetryAfterIsObeyed(t *testing.T) {
	for _, status := range []int{408, 429, 500, 503, 504} {
		s := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n <= 2 {
				w.Header().Set("Retry-After", "2.5")
				w.WriteHeader(status)
				return
			}
			fmt.Fprint(w, `{"value":[]}`)
		})
		c, clock := s.client(t, nil)
		_, err := usersTo(context.Background(), c, &sinkOf{})
		if want := []time.Duration{2500 * time.Millisecond, 2500 * time.Millisecond}; err != nil || !slices.Equal(clock.slept, want) {
			t.Errorf("%d: slept %v, %v", status, clock.slept, err)
		}
	}
}

// TestBackoff: without a Retry-After the waits double up to half a minute, and
// patience ends them.
func TestBackoff(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	c, clock := s.client(t, func(o *Options) { o.Patience = 2 * time.Minute })
	_, err := usersTo(context.Background(), c, &sinkOf{})
	e := asError(t, err, ErrUnavailable)
	want := []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second, 6 * time.Second, 12 * time.Second}
	if len(clock.slept) < 8 || !slices.Equal(clock.slept[:5], want) || clock.slept[7] != 22500*time.Millisecond {
		t.Errorf("slept %v", clock.slept)
	}
	if total := clock.total(); total > 2*time.Minute || total < 90*time.Second || e.Hint == "" || errors.Is(err, ErrThrottled) {
		t.Errorf("gave up after %v: %v", total, err)
	}
}

// TestLongRetryAfter: longer than patience is given up at once.
func TestLongRetryAfter(t *testing.T) {
	for _, status := range []int{429, 503} {
		s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(status)
		})
		c, clock := s.client(t, nil)
		_, err := usersTo(context.Background(), c, &sinkOf{})
		asError(t, err, ErrThrottled)
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "1h0m0s") || len(clock.slept) != 0 || s.count() != 1 {
			t.Errorf("%d: slept %v: %v", status, clock.slept, err)
		}
	}
}

// TestPatienceStartsAgain: patience is about time without a page, not about
// the whole read.
func TestPatienceStartsAgain(t *testing.T) {
	tt, asked := threePages(t), map[int]bool{}
	tt.fault = func(page int, w http.ResponseWriter) bool {
		if asked[page] {
			return false
		}
		asked[page] = true
		w.Header().Set("Retry-After", "500")
		w.WriteHeader(429)
		return true
	}
	c, clock := tt.client(t, nil)
	if _, err := usersTo(context.Background(), c, &sinkOf{}); err != nil || clock.total() != 1500*time.Second {
		t.Errorf("slept %v: %v", clock.slept, err)
	}
}

// TestNoBytes: a server that says nothing is left, and asked again.
func TestNoBytes(t *testing.T) {
	for _, headers := range []bool{false, true} {
		silent := func(n int, w http.ResponseWriter, r *http.Request) {
			if n > 1 {
				fmt.Fprint(w, `{"value":[]}`)
				return
			}
			if headers {
				fmt.Fprint(w, `{"val`)
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		}
		inBubble(t, silent, func(t *testing.T, s *server) {
			c, _ := s.client(t, nil)
			start := time.Now()
			_, err := usersTo(context.Background(), c, &sinkOf{})
			if took := time.Since(start); err != nil || s.count() != 2 || took != time.Minute {
				t.Errorf("headers %v: %v after %d requests and %v", headers, err, s.count(), took)
			}
		})
	}
}

// TestDrip: a byte now and then does not buy time without end.
func TestDrip(t *testing.T) {
	drip := func(_ int, w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(50 * time.Second):
			case <-r.Context().Done():
			}
		}
	}
	inBubble(t, drip, func(t *testing.T, s *server) {
		c, _ := s.client(t, func(o *Options) { o.Patience, o.Now, o.Sleep = 5*time.Minute, time.Now, sleep })
		start := time.Now()
		_, err := usersTo(context.Background(), c, &sinkOf{})
		asError(t, err, ErrUnavailable)
		if took := time.Since(start); took != 5*time.Minute || !errors.Is(err, errImpatient) {
			t.Errorf("took %v: %v", took, err)
		}
	})
}

// TestSlowButSteady: a page that takes longer than the inactivity limit, but
// never stops, is read.
func TestSlowButSteady(t *testing.T) {
	steady := func(_ int, w http.ResponseWriter, _ *http.Request) {
		for range 9 {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(59 * time.Second)
		}
		fmt.Fprint(w, `{"value":[]}`)
	}
	inBubble(t, steady, func(t *testing.T, s *server) {
		c, _ := s.client(t, nil)
		if _, err := usersTo(context.Background(), c, &sinkOf{}); err != nil || s.count() != 1 {
			t.Errorf("%v after %d requests", err, s.count())
		}
	})
}

// TestCancel: the end of the context ends everything, at once.
func TestCancel(t *testing.T) {
	t.Run("while waiting", func(t *testing.T) {
		testCancel(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(429)
		})
	})
	t.Run("while reading", func(t *testing.T) {
		testCancel(t, func(_ int, w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	})
}

func testCancel(t *testing.T, answer answer) {
	inBubble(t, answer, func(t *testing.T, s *server) {
		c, _ := s.client(t, func(o *Options) { o.Now, o.Sleep = time.Now, sleep })
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("the user pressed control-C")
		time.AfterFunc(time.Second, func() { cancel(why) })
		start := time.Now()
		_, err := usersTo(ctx, c, &sinkOf{})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || time.Since(start) != time.Second || s.count() != 1 {
			t.Errorf("after %v and %d requests: %v", time.Since(start), s.count(), err)
		}
	})
}

// TestUnreachable: names that do not resolve and ports that nobody listens on
// are waited for, then given up.
func TestUnreachable(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	unknown := &net.DNSError{Err: "no such host", Name: "graph.microsoft.com", IsNotFound: true}
	for _, cause := range []error{refused, unknown} {
		clock := newClock()
		c, err := New(Options{
			Credential: &fakeToken{tokens: []string{"secret-token"}}, Now: clock.now, Sleep: clock.sleep,
			Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause }),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = usersTo(context.Background(), c, &sinkOf{})
		asError(t, err, ErrUnavailable)
		if clock.total() < 9*time.Minute || clock.total() > 10*time.Minute || strings.Contains(err.Error(), "select") {
			t.Errorf("waited %v: %v", clock.total(), err)
		}
	}
}

// TestUntrustedCertificate is not waited for.
func TestUntrustedCertificate(t *testing.T) {
	tls := newTLSServer(t)
	clock := newClock()
	c, err := New(Options{Endpoint: tls.URL, Credential: &fakeToken{tokens: []string{"x"}}, Now: clock.now, Sleep: clock.sleep})
	if err != nil {
		t.Fatal(err)
	}
	_, err = usersTo(context.Background(), c, &sinkOf{})
	if e := asError(t, err, ErrUnavailable); len(clock.slept) != 0 || !strings.Contains(e.Hint, "certificate") {
		t.Errorf("slept %v: %v", clock.slept, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPacer: never more than five in any ten seconds.
func TestPacer(t *testing.T) {
	clock := newClock()
	p := newPacer(5, 10*time.Second, clock.now, clock.sleep)
	var at []time.Time
	for i := range 23 {
		if err := p.wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		at = append(at, clock.now())
		if i >= 5 && at[i].Sub(at[i-5]) < 10*time.Second {
			t.Fatalf("request %d came %v after request %d", i, at[i].Sub(at[i-5]), i-5)
		}
	}
	if total := clock.total(); total != 40*time.Second {
		t.Errorf("23 requests took %v, want 40s", total)
	}
	if err := (*pacer)(nil).wait(context.Background()); err != nil {
		t.Error(err)
	}
}
