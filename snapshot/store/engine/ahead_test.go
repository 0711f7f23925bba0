package engine

import (
	"errors"
	"iter"
	"slices"
	"testing"
)

// What is read ahead is what was there, whole and in order, and an end that is
// wanted early ends the reading too.
func TestAhead(t *testing.T) {
	bad := errors.New("bad row")
	for _, n := range []int{0, 1, Batch - 1, Batch, 5*Batch + 7} {
		for _, until := range []int{0, 1, Batch, n} {
			ended := false
			var rows iter.Seq2[int, error] = func(yield func(int, error) bool) {
				defer func() { ended = true }()
				for i := range n {
					if !yield(i, nil) {
						return
					}
				}
				yield(0, bad)
			}
			var got []int
			var failed error
			for i, err := range ReadAhead(rows, Batch) {
				if failed = err; err != nil || len(got) == until && until < n {
					break
				}
				got = append(got, i)
			}
			want := slices.Collect(func(yield func(int) bool) {
				for i := range min(n, max(until, 0)) {
					if !yield(i) {
						return
					}
				}
			})
			if !ended || !slices.Equal(got, want) || until >= n && !errors.Is(failed, bad) {
				t.Errorf("%d rows until %d: got %d rows, error %v, ended %v", n, until, len(got), failed, ended)
			}
		}
	}
}
