package graph

import "fmt"

// relay hands pages to a sink in a goroutine of its own, so that the next page
// is read while the sink works. One page waits at most: a slow sink slows the
// reading, and memory stays that of three pages. A page that is larger than a
// third of what one may have is waited for.
type relay[T any] struct {
	op    string
	sink  Sink[T]
	pages chan numbered[T]
	ended chan struct{} // when the goroutine has ended
	err   error         // of the sink; read after ended only
}

type numbered[T any] struct {
	page  int
	rows  []T
	taken chan struct{} // closed when the sink has the page; nil: nobody waits
}

func newRelay[T any](op string, sink Sink[T]) *relay[T] {
	r := &relay[T]{op: op, sink: sink, pages: make(chan numbered[T], 1), ended: make(chan struct{})}
	go r.work()
	return r
}

func (r *relay[T]) work() {
	defer close(r.ended)
	for p := range r.pages {
		if err := r.sink.Page(p.rows); err != nil {
			r.err = fmt.Errorf("take page %d of %s: %w", p.page, r.op, err)
			return
		}
		if p.taken != nil {
			close(p.taken)
		}
	}
}

// give passes a page on, or returns the error that an earlier one met.
func (r *relay[T]) give(page int, rows []T, bytes int64) error {
	n := numbered[T]{page: page, rows: rows}
	if bytes > maxPage/3 {
		n.taken = make(chan struct{})
	}
	select {
	case r.pages <- n:
	case <-r.ended:
		return r.err
	}
	if n.taken == nil {
		return nil
	}
	select {
	case <-n.taken:
		return nil
	case <-r.ended:
		return r.err
	}
}

// close waits until the sink has taken what it was given.
func (r *relay[T]) close() error {
	close(r.pages)
	<-r.ended
	return r.err
}
