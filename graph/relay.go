package graph

import "fmt"

// relay hands pages over in a goroutine of its own, so that the next page
// is read while one is taken. One page waits at most: slow taking slows the
// reading, and memory stays that of three pages. A page that is larger than a
// third of what one may have is waited for.
type relay[T any] struct {
	op    string
	take  func(rows []T) error
	pages chan numbered[T]
	ended chan struct{} // when the goroutine has ended
	err   error         // of take; read after ended only
}

type numbered[T any] struct {
	page  int
	rows  []T
	taken chan struct{} // closed when the page was taken; nil: nobody waits
}

func newRelay[T any](op string, take func(rows []T) error) *relay[T] {
	r := &relay[T]{op: op, take: take, pages: make(chan numbered[T], 1), ended: make(chan struct{})}
	go r.work()
	return r
}

func (r *relay[T]) work() {
	defer close(r.ended)
	for p := range r.pages {
		if err := r.take(p.rows); err != nil {
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

// close waits until what was given is taken.
func (r *relay[T]) close() error {
	close(r.pages)
	<-r.ended
	return r.err
}
