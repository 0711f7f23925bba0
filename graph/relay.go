package graph

import "fmt"

// relay hands pages to a sink in a goroutine of its own, so that the next page
// is read while the sink works. One page waits at most: a slow sink slows the
// reading, and memory stays that of three pages.
type relay[T any] struct {
	op    string
	sink  Sink[T]
	pages chan numbered[T]
	ended chan struct{} // when the goroutine has ended
	err   error         // of the sink; read after ended only
}

type numbered[T any] struct {
	page int
	rows []T
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
	}
}

// give passes a page on, or returns the error that an earlier one met.
func (r *relay[T]) give(page int, rows []T) error {
	select {
	case r.pages <- numbered[T]{page, rows}:
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
