package store

import "iter"

// batch is how many rows usually go from one goroutine to the other at a time.
const batch = 256

// readAhead lets a sequence be read while what it gave before is being used. It
// ends when the sequence does, or when no more is wanted, and the sequence is
// not touched any more then.
func readAhead[T any](rows iter.Seq2[T, error], batch int) iter.Seq2[T, error] {
	type step struct {
		row T
		err error
	}
	return func(yield func(T, error) bool) {
		steps, stop, ended := make(chan []step, 2), make(chan struct{}), make(chan struct{})
		defer func() { <-ended }()
		defer close(stop)
		go func() {
			defer close(ended)
			defer close(steps)
			var full []step
			send := func() bool {
				select {
				case steps <- full:
					full = make([]step, 0, batch)
					return true
				case <-stop:
					return false
				}
			}
			for row, err := range rows {
				if full = append(full, step{row, err}); len(full) == batch && !send() {
					return
				}
			}
			send()
		}()
		for some := range steps {
			for _, s := range some {
				if !yield(s.row, s.err) {
					return
				}
			}
		}
	}
}
