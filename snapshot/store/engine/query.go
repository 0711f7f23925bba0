package engine

import (
	"cmp"
	"context"
	"database/sql"
	"iter"
	"slices"
	"strings"
)

type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// EachRow runs a query and hands on its rows, while the next are being read. The
// values are the callee's to keep.
func EachRow(ctx context.Context, q Querier, query string, args []any, do func(values []any) error) error {
	for values, err := range ReadAhead(rawRows(ctx, q, query, args), Batch) {
		if err != nil {
			return Classify(err)
		}
		if err := do(values); err != nil {
			return err
		}
	}
	return nil
}

func rawRows(ctx context.Context, q Querier, query string, args []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := q.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		var r Row
		for rows.Next() {
			if err := r.Scan(rows); !yield(slices.Clone(r.values), err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// QuoteAll quotes names of the schema and joins them. They come from this
// program's own SQL, never from data.
func QuoteAll(names []string, separator string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = `"` + n + `"`
	}
	return strings.Join(quoted, separator)
}

// Pairs reads pairs of key and value; a later pair replaces an earlier one.
func Pairs[K comparable, V any](ctx context.Context, q Querier, query string) (map[K]V, error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[K]V)
	for rows.Next() {
		var key K
		var value V
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		found[key] = value
	}
	return found, rows.Err()
}

// Insertion is the statement that adds so many rows.
func Insertion(table string, columns []string, rows int) string {
	one := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
	return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " + one + strings.Repeat(", "+one, rows-1)
}

// AtOnce is how many rows a statement adds. For one row of its own SQLite looks
// up tables and opens cursors anew, which takes about as long as adding it.
const AtOnce = 64

// Batch is how many rows usually go from one goroutine to the other at a time.
const Batch = 256

// ReadAhead lets a sequence be read while what it gave before is being used. It
// ends when the sequence does, or when no more is wanted, and the sequence is
// not touched any more then.
func ReadAhead[T any](rows iter.Seq2[T, error], batch int) iter.Seq2[T, error] {
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

// CompareKeys orders keys as SQLite does. What is neither numbers nor texts has
// no order.
func CompareKeys(a, b []any) int {
	return slices.CompareFunc(a, b, func(a, b any) int {
		switch a := a.(type) {
		case int64:
			if b, ok := b.(int64); ok {
				return cmp.Compare(a, b)
			}
		case string:
			if b, ok := b.(string); ok {
				return cmp.Compare(a, b)
			}
		}
		return 0
	})
}
