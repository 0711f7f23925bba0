package engine

import (
	"database/sql"
	"fmt"
	"time"
)

// Row is a row as the driver gives it, taken column by column. Scanning into a
// variable for each column takes as long again as finding the row.
type Row struct {
	values []any
	into   []any // pointers to values
	next   int
	Wrong  error // a value is not of the column's type
}

// Scan reads the row that a query is at. The values are good until the next.
func (r *Row) Scan(rows *sql.Rows) error {
	if r.into == nil {
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		r.values, r.into = make([]any, len(names)), make([]any, len(names))
		for i := range r.values {
			r.into[i] = &r.values[i]
		}
	}
	r.next, r.Wrong = 0, nil
	return rows.Scan(r.into...)
}

// Any takes the next column.
func (r *Row) Any() any {
	v := r.values[r.next]
	r.next++
	return v
}

// Number takes a number; ok is false for NULL.
func (r *Row) Number() (n int64, ok bool) { return take[int64](r) }

// Text takes a text; ok is false for NULL.
func (r *Row) Text() (s string, ok bool) { return take[string](r) }

// Time takes a time; NULL is none.
func (r *Row) Time() time.Time {
	ms, ok := r.Number()
	return FromMillis(sql.NullInt64{Int64: ms, Valid: ok})
}

func take[T any](r *Row) (found T, ok bool) {
	v := r.Any()
	if found, ok = v.(T); !ok && v != nil && r.Wrong == nil {
		r.Wrong = fmt.Errorf("%w: a value of a strange type", ErrDamaged)
	}
	return found, ok
}

// Must leaves out that the value may be NULL: what is not there is zero.
func Must[T any](v T, _ bool) T { return v }
