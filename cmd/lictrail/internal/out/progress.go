package out

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// refresh is how often the live line may change.
	refresh = 200 * time.Millisecond
	// longWait is the shortest wait that a run without a terminal mentions.
	longWait = 10 * time.Second
)

// Progress shows on stderr how far a long piece of work has come. On a terminal
// it is one line that changes and is gone at the end; elsewhere it is one line
// for each phase that is over, and one for each long wait. A quiet run gets
// nothing. Goroutines may share it.
type Progress struct {
	s    *Streams
	now  func() time.Time
	stop chan struct{} // closed by Done; nil without a ticker
	idle sync.WaitGroup

	mu    sync.Mutex
	phase string
	unit  string
	began time.Time
	count int64
	until time.Time // the end of the wait, zero when there is none
	why   string
	drawn time.Time
	over  bool
}

// NewProgress returns a progress that draws itself from time to time until Done.
func (s *Streams) NewProgress() *Progress {
	p := s.newProgress(time.Now)
	if !s.ErrTTY || s.Quiet {
		return p
	}
	p.stop = make(chan struct{})
	p.idle.Go(func() {
		ticker := time.NewTicker(refresh)
		defer ticker.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-ticker.C:
				p.tick()
			}
		}
	})
	return p
}

// newProgress returns a progress with its own clock; the caller ticks.
func (s *Streams) newProgress(now func() time.Time) *Progress {
	return &Progress{s: s, now: now}
}

// Phase ends the phase before and begins another: what is being done, such as
// "reading users", and what is counted, such as "users".
func (p *Progress) Phase(name, unit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endPhase()
	p.phase, p.unit = name, unit
	p.began, p.count, p.until = p.now(), 0, time.Time{}
	p.draw()
}

// Add counts n more.
func (p *Progress) Add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count += int64(n)
	p.until = time.Time{}
	if p.now().Sub(p.drawn) >= refresh {
		p.draw()
	}
}

// Wait shows that nothing happens for the given time, and why. The next Add, or
// the end of the time, ends the wait.
func (p *Progress) Wait(d time.Duration, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until, p.why = p.now().Add(d), why
	p.draw()
	if !p.s.ErrTTY && d >= longWait && !p.over {
		p.s.note([]any{"phase", p.phase, "wait_seconds", d.Seconds()}, "waiting %s: %s", seconds(d), why)
	}
}

// Done ends the last phase and takes the live line away. It may be called twice.
func (p *Progress) Done() {
	p.mu.Lock()
	first := !p.over
	if first {
		p.endPhase()
		p.over = true
		p.s.setLive("")
	}
	p.mu.Unlock()
	if first && p.stop != nil {
		close(p.stop)
	}
	p.idle.Wait()
}

// tick redraws the line for the countdown and the rate.
func (p *Progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw()
}

// endPhase reports a phase that is over, where no live line showed it.
func (p *Progress) endPhase() {
	if p.phase == "" || p.over || p.s.ErrTTY {
		return
	}
	elapsed := p.now().Sub(p.began)
	if p.count == 0 && elapsed < time.Second && p.s.log == nil {
		return // there was nothing to do, and nothing to say
	}
	attrs := []any{"phase", p.phase, "seconds", elapsed.Round(time.Millisecond).Seconds()}
	if p.unit == "" {
		p.s.note(attrs, "%s: took %s", p.phase, seconds(elapsed))
		return
	}
	p.s.note(append(attrs, "count", p.count), "%s: %d %s in %s", p.phase, p.count, p.unit, seconds(elapsed))
}

func (p *Progress) draw() {
	if !p.s.ErrTTY || p.s.Quiet || p.over || p.phase == "" {
		return
	}
	p.drawn = p.now()
	p.s.setLive(shorten(p.line(), p.s.Width-1))
}

func (p *Progress) line() string {
	var b strings.Builder
	b.WriteString(Safe(p.phase))
	elapsed := p.drawn.Sub(p.began)
	if p.unit != "" {
		fmt.Fprintf(&b, ": %d %s", p.count, Safe(p.unit))
		if elapsed >= time.Second {
			fmt.Fprintf(&b, ", %.0f/s", float64(p.count)/elapsed.Seconds())
		}
	}
	if left := p.until.Sub(p.drawn); left > 0 {
		fmt.Fprintf(&b, ", waiting %s: %s", seconds(left), Safe(p.why))
	}
	return b.String()
}

// seconds returns the duration rounded up to whole seconds, as in 1m30s.
func seconds(d time.Duration) string {
	if d > 0 {
		d += time.Second - time.Nanosecond
	}
	return d.Truncate(time.Second).String()
}
