package ledger

import (
	"context"
	"fmt"

	"lictrail/snapshot/store/engine"
)

// Fresh digests the rows of one table while they are added. A table that holds no
// other rows, as after the first run, need not be read back to be sealed: its rows
// can only end, and what was meant to be written is what a seal should vouch for.
type Fresh struct {
	*book
	places    []int // of the columns that are given, among the table's
	keys      []int // places of the primary key
	values    []any
	key, last []any // of this row, and of the row before
	inOrder   bool  // so far
}

// freshSeal stands for the seal that does not have its number yet.
const freshSeal = 1

func NewFresh(l *Layout, columns []string, run int64) *Fresh {
	f := &Fresh{book: newBook(l), values: make([]any, len(l.columns)), inOrder: true}
	f.ended, f.number = map[int64]int64{run: freshSeal}, func(int64) int64 { return freshSeal }
	for _, c := range columns {
		f.places = append(f.places, l.column(c))
	}
	for _, c := range l.key {
		f.keys = append(f.keys, l.column(c))
	}
	return f
}

// Add takes a row. Columns that are not given are empty.
func (f *Fresh) Add(values []any) error {
	if f == nil || !f.inOrder {
		return nil
	}
	for i, p := range f.places {
		f.values[p] = values[i]
	}
	f.key = f.key[:0]
	for _, p := range f.keys {
		f.key = append(f.key, f.values[p])
	}
	f.inOrder = f.rows == 0 || engine.CompareKeys(f.last, f.key) < 0
	f.key, f.last = f.last, f.key
	return f.enter(f.values)
}

// Whole is the digest of the whole table and of its cells; ok is false where it
// must be read to know.
func (f *Fresh) Whole(ctx context.Context, q engine.Querier) (d, cells digest, ok bool, err error) {
	if f == nil || !f.inOrder || f.sums[freshSeal] == nil {
		return d, cells, false, nil
	}
	d, cells = f.sums[freshSeal].digest(), f.cells[freshSeal].digest()
	var rows int64
	err = q.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM %s", engine.QuoteAll([]string{f.l.Name}, ""))).Scan(&rows)
	return d, cells, rows == d.Rows, engine.Classify(err)
}
