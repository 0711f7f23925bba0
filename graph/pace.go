package graph

import (
	"context"
	"sync"
	"time"
)

// pacer lets at most so many requests through in any period.
type pacer struct {
	period time.Duration
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error

	mu   sync.Mutex
	sent []time.Time // a ring: when the last requests were let through
	next int
}

func newPacer(requests int, period time.Duration, now func() time.Time, sleep func(context.Context, time.Duration) error) *pacer {
	return &pacer{period: period, now: now, sleep: sleep, sent: make([]time.Time, requests)}
}

// wait returns when one more request may be sent, or when the context ends. A
// nil pacer does not hold anything back.
func (p *pacer) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if d := p.reserve(); d > 0 {
		return p.sleep(ctx, d)
	}
	return nil
}

// reserve takes the next free moment and returns how far away it is.
func (p *pacer) reserve() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	at := now
	if free := p.sent[p.next].Add(p.period); free.After(now) {
		at = free
	}
	p.sent[p.next] = at
	p.next = (p.next + 1) % len(p.sent)
	return at.Sub(now)
}
