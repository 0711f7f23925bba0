package ask

import "iter"

// Collect takes all rows of a sequence.
func Collect[T any](rows func(func(T, error) bool)) ([]T, error) {
	var all []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

// First collects so many rows at most.
func First[T any](rows func(func(T, error) bool), most int) ([]T, error) {
	var some []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(some) == most {
			break
		}
		some = append(some, row)
	}
	return some, nil
}

// chunks lists up to n values at a time. They are good until the next.
func chunks[T any](values iter.Seq[T], n int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		var some []T
		for v := range values {
			if some = append(some, v); len(some) == n {
				if !yield(some) {
					return
				}
				some = some[:0]
			}
		}
		if len(some) > 0 {
			yield(some)
		}
	}
}

// Remember returns a function that asks another one only once for each argument. It is
// for one goroutine.
func Remember[K comparable, V any](of func(K) V) func(K) V {
	known := map[K]V{}
	return func(key K) V {
		value, ok := known[key]
		if !ok {
			value = of(key)
			known[key] = value
		}
		return value
	}
}
