package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lictrail/cmd/lictrail/internal/page"
	"lictrail/cmd/lictrail/internal/show"
)

// TestBounds: they are what docs/serve.md says.
func TestBounds(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "serve.md"))
	if err != nil {
		t.Fatal(err)
	}
	if maxRows != 200 || maxItems != 50_000 || quickTime != 10*time.Second || slowTime != 30*time.Second || maxTarget != 2048 || secretBytes*8 != 256 {
		t.Error("other bounds: change docs/serve.md, and this test")
	}
	for _, want := range []string{"200 rows", "50,000", "10 seconds", "30 seconds", "2 KB", "256 bits"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/serve.md does not say %q", want)
		}
	}
}

// TestBounded: a list that is too long ends with an error, and one that just fits
// does not.
func TestBounded(t *testing.T) {
	list := func(n int) func(func(int, error) bool) {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
		}
	}
	for n, want := range map[int]error{0: nil, maxItems: nil, maxItems + 1: errTooLarge} {
		rows, failed := 0, error(nil)
		for _, err := range bounded(list(n)) {
			if err != nil {
				failed = err
				continue
			}
			rows++
		}
		if !errors.Is(failed, want) || rows != min(n, maxItems) {
			t.Errorf("%d: %d rows, %v", n, rows, failed)
		}
	}
}

// TestTurns: so many at a time, and nobody waits without end.
func TestTurns(t *testing.T) {
	turns := &turns{free: make(chan struct{}, 2), wait: 10 * time.Millisecond}
	if err := errors.Join(turns.acquire(), turns.acquire()); err != nil {
		t.Fatal(err)
	}
	if err := turns.acquire(); !errors.Is(err, errTooMany) {
		t.Errorf("a third: %v", err)
	}
	turns.release()
	if err := turns.acquire(); err != nil {
		t.Errorf("after one was given back: %v", err)
	}
}

// TestRespond_Bounds: what a view asks has an end in time, which is an answer that
// says so, and so has what it prints in size; it is nobody else's turn meanwhile.
func TestRespond_Bounds(t *testing.T) {
	for _, test := range []struct {
		pace   pace
		target string
		most   time.Duration
		takes  pace
	}{{quick, "/x", quickTime, quick}, {steady, "/x", quickTime, steady}, {slow, "/x", slowTime, slow}, {quick, "/x?format=csv", slowTime, slow}} {
		site := NewSite(Site{Now: time.Now, Looked: func(Looked) {}})
		var left time.Duration
		v := &view{name: "x", pace: test.pace, ask: func(ctx context.Context, _ *question) (*answer, error) {
			end, ok := ctx.Deadline()
			if !ok {
				return nil, errors.New("no end")
			}
			left = time.Until(end)
			for p, turns := range site.turns {
				if taken := len(turns.free); (taken == 1) != (pace(p) == test.takes) {
					t.Errorf("%+v: %d turns of pace %d taken", test, taken, p)
				}
			}
			return nil, context.DeadlineExceeded
		}}
		w := httptest.NewRecorder()
		site.serve(w, httptest.NewRequest("GET", test.target, nil), nil, v, "", "")
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || left <= 0 || left > test.most || left < test.most-5*time.Second {
			t.Errorf("%+v: %d, %s left", test, w.Code, left)
		}
	}
	site := NewSite(Site{Now: time.Now, Looked: func(Looked) {}})
	huge := func(n int) *view {
		return &view{name: "x", ask: func(context.Context, *question) (*answer, error) {
			return &answer{Page: page.Page{Title: "x"}, formats: func(p show.Printer) error {
				_, err := io.CopyN(p.Out, zeros{}, int64(n))
				return err
			}}, nil
		}}
	}
	for n, want := range map[int]int{maxBytes: 200, maxBytes + 1: 422} {
		w := httptest.NewRecorder()
		site.serve(w, httptest.NewRequest("GET", "/x?format=csv", nil), nil, huge(n), "", "")
		if w.Code != want {
			t.Errorf("%d bytes: %d", n, w.Code)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestTimeouts: nobody holds a connection by being slow, in either direction.
func TestTimeouts(t *testing.T) {
	s := NewServer(Options{Secret: testSecret, Hosts: []string{testHost}}, echo).http
	if s.ReadHeaderTimeout != headerTimeout || s.ReadTimeout != headerTimeout || s.WriteTimeout != writeTimeout || s.IdleTimeout != keepAlive || s.MaxHeaderBytes != maxHeaderBytes {
		t.Errorf("%+v", s)
	}
	if headerTimeout > 10*time.Second || writeTimeout > 2*time.Minute || maxHeaderBytes > 64<<10 || maxConnections > 1024 {
		t.Error("the bounds are too wide")
	}
}

// TestConstantTime: secrets are compared by what takes the same time whatever is
// right, and by nothing else; time itself is not measured.
func TestConstantTime(t *testing.T) {
	source, err := os.ReadFile("guard.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"subtle.ConstantTimeCompare(sum[:], g.secret[:])", "subtle.ConstantTimeCompare(given[:], want[:])", "subtle.ConstantTimeCompare(sum[:], o.code[:])"} {
		if strings.Count(string(source), want) != 1 {
			t.Errorf("guard.go has not %s", want)
		}
	}
}

// TestKept: an answer that may be given again is made once for a state and a time;
// one that may not, and one that failed, is made again.
func TestKept(t *testing.T) {
	k, made := newKept(), 0
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	get := func(written string, at time.Time, reuse reuse, fail error) int {
		given, earlier, err := k.get("key", state{written: written}, at, reuse, func() (*response, error) {
			made++
			return &response{status: made}, fail
		})
		if !errors.Is(err, fail) || earlier {
			t.Errorf("%v, earlier %t; want %v", err, earlier, fail)
		}
		return given.status
	}
	failure := errors.New("failed")
	for i, test := range []struct {
		written string
		at      time.Time
		reuse   reuse
		fail    error
		want    int
	}{
		{"a", now, reuseNothing, nil, 1}, {"a", now, reuseNothing, nil, 2},
		{"a", now, reuseSame, failure, 3}, {"a", now, reuseSame, nil, 4}, // a failure is not kept
		{"a", now, reuseSame, nil, 4}, {"a", now.Add(keptTime - 1), reuseEarlier, nil, 4}, {"a", now.Add(keptTime), reuseSame, nil, 5}, // for so long
		{"b", now.Add(keptTime), reuseSame, nil, 6},        // another state
		{"c", now.Add(3 * keptTime), reuseEarlier, nil, 7}, // the one before is too old
	} {
		if got := get(test.written, test.at, test.reuse, test.fail); got != test.want {
			t.Errorf("%d: answer %d, want %d", i, got, test.want)
		}
	}
}

// TestKept_Earlier: while a newer answer is made, those who accept it get the one
// before, unless something was erased since, it is too old, or it failed.
func TestKept_Earlier(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := state{"1", "0"}
	for _, test := range []struct {
		name    string
		state   state
		later   time.Duration
		reuse   reuse
		earlier bool
	}{
		{"something was written", state{"2", "0"}, time.Second, reuseEarlier, true},
		{"programs read it", state{"2", "0"}, time.Second, reuseSame, false},
		{"something was erased", state{"2", "2"}, time.Second, reuseEarlier, false},
		{"it is a minute old", before, keptTime, reuseEarlier, true},
		{"it is nearly two minutes old", before, 2*keptTime - 1, reuseEarlier, true},
		{"it is two minutes old", before, 2 * keptTime, reuseEarlier, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, begun, release := newKept(), 0, make(chan struct{})
				get := func(s state, at time.Time, reuse reuse) (string, bool) {
					given, earlier, err := k.get("key", s, at, reuse, func() (*response, error) {
						if begun++; begun > 1 {
							<-release
						}
						return &response{kind: s.written}, nil
					})
					if err != nil {
						t.Fatal(err)
					}
					return given.kind, earlier
				}
				get(before, now, reuseEarlier)
				if !test.earlier {
					close(release)
				}
				for range 2 { // one who has it made, and one who comes meanwhile
					kind, earlier := get(test.state, now.Add(test.later), test.reuse)
					if earlier != test.earlier || (kind == before.written) != (test.earlier || test.state == before) {
						t.Errorf("answer of state %s, earlier %t", kind, earlier)
					}
				}
				if test.earlier {
					synctest.Wait()
					// Something is erased meanwhile: nobody gets what may show it.
					go func() {
						if kind, earlier := get(state{"3", "3"}, now.Add(test.later), test.reuse); kind != "3" || earlier {
							t.Errorf("after an erasure: answer of state %s, earlier %t", kind, earlier)
						}
					}()
					synctest.Wait()
					close(release)
				}
				synctest.Wait()
				last := test.state
				if test.earlier {
					last = state{"3", "3"}
				}
				if kind, earlier := get(last, now.Add(test.later), test.reuse); kind != last.written || earlier {
					t.Errorf("when it was made: answer of state %s, earlier %t", kind, earlier)
				}
				if want := 2; !test.earlier && begun != want || test.earlier && begun != want+1 {
					t.Errorf("made %d times", begun)
				}
			})
		})
	}
}

// TestKept_EarlierFails: an answer that could not be made anew is made in a request
// the next time, so that its error is seen.
func TestKept_EarlierFails(t *testing.T) {
	for name, again := range map[string]func() (*response, error){
		"error": func() (*response, error) { return nil, errTooMany },
		"panic": func() (*response, error) { panic("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, now := newKept(), time.Now()
				made := func() (*response, error) { return &response{kind: "made"}, nil }
				if _, _, err := k.get("key", state{written: "1"}, now, reuseEarlier, made); err != nil {
					t.Fatal(err)
				}
				if _, earlier, err := k.get("key", state{written: "2"}, now, reuseEarlier, again); !earlier || err != nil {
					t.Errorf("earlier %t, %v", earlier, err)
				}
				synctest.Wait()
				if given, earlier, err := k.get("key", state{written: "2"}, now, reuseEarlier, made); given == nil || earlier || err != nil {
					t.Errorf("earlier %t, %v", earlier, err)
				}
				if k.bytes != 0 || len(k.all) != 1 {
					t.Errorf("%d answers with %d bytes are kept", len(k.all), k.bytes)
				}
			})
		})
	}
}

// TestServe_Earlier: a page that shows the state before has the browser ask again; a
// program waits for the new answer.
func TestServe_Earlier(t *testing.T) {
	for _, test := range []struct{ target, refresh, body string }{
		{"/x", earlierRefresh, "1"}, {"/x?format=json", "", "2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			site := NewSite(Site{Now: time.Now, Looked: func(Looked) {}})
			v := &view{name: "x", kept: true, ask: func(context.Context, *question) (*answer, error) {
				asked++
				if asked > 1 {
					time.Sleep(keptWait + time.Second)
				}
				a := &answer{Page: page.Page{Title: fmt.Sprint("answer ", asked)}}
				a.formats = func(p show.Printer) error {
					_, err := fmt.Fprint(p.Out, a.Title)
					return err
				}
				return a, nil
			}}
			var w *httptest.ResponseRecorder
			for range 2 {
				w = httptest.NewRecorder()
				site.serve(w, httptest.NewRequest("GET", test.target, nil), nil, v, "", "")
				time.Sleep(keptTime)
			}
			if w.Header().Get("Refresh") != test.refresh || !strings.Contains(w.Body.String(), "answer "+test.body) {
				t.Errorf("%s: refresh %q, %s", test.target, w.Header().Get("Refresh"), w.Body)
			}
		})
	}
}

// TestHeaders: the policy and the rest, word for word: a page may load what this
// server has, and nothing else.
func TestHeaders(t *testing.T) {
	want := map[string]string{
		"Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"X-Robots-Tag":                 "noindex, nofollow",
	}
	address, _ := start(t, Options{}, echo)
	for _, request := range []string{"GET /SECRET/ HTTP/1.1\nHost: HOST\n\n", "GET / HTTP/1.1\nHost: HOST\n\n"} {
		resp, _ := wire(t, address, request)
		for name, value := range want {
			if got := resp.Header.Get(name); got != value {
				t.Errorf("%s: %q, want %q", name, got, value)
			}
		}
	}
}
