package out

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeClock is a clock that moves only when a test moves it.
type fakeClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *fakeClock { return &fakeClock{at: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} }

// screen plays what was printed and returns the lines that are left to see.
func screen(printed string) string {
	lines := []string{""}
	for len(printed) > 0 {
		last := &lines[len(lines)-1]
		switch {
		case strings.HasPrefix(printed, "\r\x1b[K"):
			*last, printed = "", printed[4:]
		case printed[0] == '\n':
			lines, printed = append(lines, ""), printed[1:]
		default:
			*last, printed = *last+printed[:1], printed[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func TestProgress_Terminal(t *testing.T) {
	s, out, errOut := terminal(80)
	clock := newClock()
	p := s.newProgress(clock.now)
	see := func(want string) {
		t.Helper()
		if got := screen(errOut.String()); got != want {
			t.Errorf("screen %q, want %q", got, want)
		}
	}
	p.Phase("reading users", "users")
	see("reading users: 0 users")
	p.Add(500)
	see("reading users: 0 users") // too soon to redraw
	clock.pass(2 * time.Second)
	p.Add(500)
	see("reading users: 1000 users, 500/s")
	p.Wait(30*time.Second, "throttled\x1b")
	see(`reading users: 1000 users, 500/s, waiting 30s: throttled\x1b`)
	clock.pass(8500 * time.Millisecond)
	p.tick()
	see(`reading users: 1000 users, 95/s, waiting 22s: throttled\x1b`)
	s.Warnf("careful")
	see("lictrail: warning: careful\n" + `reading users: 1000 users, 95/s, waiting 22s: throttled\x1b`)
	p.Add(50)
	see("lictrail: warning: careful\n" + `reading users: 1000 users, 95/s, waiting 22s: throttled\x1b`)
	clock.pass(time.Second)
	p.Add(0)
	see("lictrail: warning: careful\nreading users: 1050 users, 91/s")
	p.Phase("comparing", "")
	see("lictrail: warning: careful\ncomparing")
	p.Done()
	p.Done()
	p.Add(1)
	p.Phase("after the end", "")
	see("lictrail: warning: careful\n")
	if out.Len() > 0 {
		t.Errorf("progress on stdout: %q", out)
	}
}

func TestProgress_WaitEnds(t *testing.T) {
	s, _, errOut := terminal(80)
	clock := newClock()
	p := s.newProgress(clock.now)
	p.Phase("reading", "")
	p.Wait(3*time.Second, "throttled")
	clock.pass(3 * time.Second)
	p.tick()
	if got := screen(errOut.String()); got != "reading" {
		t.Errorf("the wait goes on: %q", got)
	}
}

func TestProgress_NarrowTerminal(t *testing.T) {
	s, _, errOut := terminal(12)
	s.newProgress(newClock().now).Phase("reading users of contoso", "")
	if got := screen(errOut.String()); got != "reading us…" {
		t.Errorf("got %q: a line that wraps cannot be erased", got)
	}
}

func TestProgress_Pipe(t *testing.T) {
	s, _, errOut := pipe()
	clock := newClock()
	p := s.newProgress(clock.now)
	p.Phase("reading users", "users")
	p.Add(1200)
	p.Wait(9*time.Second, "throttled")
	p.Wait(90*time.Second, "throttled")
	clock.pass(95500 * time.Millisecond)
	p.tick()
	p.Phase("writing", "")
	p.Done()
	p.Done()
	check(t, errOut.String(), "lictrail: waiting 1m30s: throttled\n"+
		"lictrail: reading users: 1200 users in 1m36s\n")
}

func TestProgress_Quiet(t *testing.T) {
	for _, make := range []func() (*Streams, *bytes.Buffer, *bytes.Buffer){
		pipe, func() (*Streams, *bytes.Buffer, *bytes.Buffer) { return terminal(80) },
	} {
		s, _, errOut := make()
		s.Quiet = true
		p := s.NewProgress()
		p.Phase("reading", "users")
		p.Add(5)
		p.Wait(time.Minute, "throttled")
		p.Done()
		if errOut.Len() > 0 {
			t.Errorf("quiet, and yet: %q", errOut)
		}
	}
}

// An error takes the live line away and is readable.
func TestProgress_Fail(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		s, _, errOut := terminal(80)
		p := s.newProgress(newClock().now)
		p.Phase("reading", "")
		s.Fail(&Error{Code: 5, Message: "gone"}, asJSON)
		got := screen(errOut.String())
		if strings.Contains(got, "reading") || !strings.Contains(got, "gone") || !strings.HasSuffix(got, "\n") {
			t.Errorf("screen %q", got)
		}
	}
}

// Goroutines share a progress, the ticker draws, and Done stops it all.
func TestProgress_Concurrent(t *testing.T) {
	s, _, _ := terminal(80)
	p := s.NewProgress()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				p.Phase(fmt.Sprint("phase ", i), "users")
				p.Add(n)
				p.Wait(time.Millisecond, "throttled")
				s.Notef("note %d", n)
			}
		})
	}
	time.Sleep(refresh + refresh/2)
	wg.Wait()
	wg.Go(p.Done)
	p.Done()
	wg.Wait()
	if s.live != "" {
		t.Errorf("a line is left: %q", s.live)
	}
	p.tick()
	if s.live != "" {
		t.Error("a line was drawn after the end")
	}
}
