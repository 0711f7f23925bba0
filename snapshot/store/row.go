package store

import (
	"database/sql"
	"fmt"
	"time"
)

// row is a row as the driver gives it, taken column by column. Scanning into a
// variable for each column takes as long again as finding the row.
type row struct {
	values []any
	into   []any // pointers to values
	next   int
	wrong  error // a value is not of the column's type
}

// scan reads the row that a query is at. The values are good until the next.
func (r *row) scan(rows *sql.Rows) error {
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
	r.next, r.wrong = 0, nil
	return rows.Scan(r.into...)
}

// any takes the next column.
func (r *row) any() any {
	v := r.values[r.next]
	r.next++
	return v
}

// number takes a number; ok is false for NULL.
func (r *row) number() (n int64, ok bool) { return take[int64](r) }

// text takes a text; ok is false for NULL.
func (r *row) text() (s string, ok bool) { return take[string](r) }

// time takes a time; NULL is none.
func (r *row) time() time.Time {
	ms, ok := r.number()
	return fromMillis(sql.NullInt64{Int64: ms, Valid: ok})
}

func take[T any](r *row) (found T, ok bool) {
	v := r.any()
	if found, ok = v.(T); !ok && v != nil && r.wrong == nil {
		r.wrong = fmt.Errorf("%w: a value of a strange type", ErrDamaged)
	}
	return found, ok
}

// must leaves out that the value may be NULL: what is not there is zero.
func must[T any](v T, _ bool) T { return v }
