package show

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
)

// arrange sorts and limits rows as the printer is asked to.
func (l Listing[T]) arrange(p Printer, rows iter.Seq2[T, error]) (iter.Seq2[T, error], error) {
	if p.Sort != "" {
		name, down := strings.CutPrefix(p.Sort, "-")
		cell, err := l.column(name)
		if err != nil {
			return nil, err
		}
		compare := func(a, b T) int { return compareCells(cell(a), cell(b), down) }
		var all []T
		full := false // the first rows of all are sorted, and shown if no others come before them
		for row, err := range rows {
			if err != nil {
				return nil, err
			}
			if full && compare(row, all[p.Limit]) >= 0 {
				continue
			}
			all = append(all, row)
			if p.Limit > 0 && len(all) > 2*p.Limit+1000 {
				slices.SortStableFunc(all, compare)
				clear(all[p.Limit+1:]) // one more than is shown: there is more
				all, full = all[:p.Limit+1], true
			}
		}
		slices.SortStableFunc(all, compare)
		rows = Given(all)
	}
	if p.Limit == 0 {
		return rows, nil
	}
	return func(yield func(T, error) bool) {
		n := 0
		for row, err := range rows {
			if n == p.Limit && err == nil {
				p.Notef("there is more; only %s shown", Plural(n, "row"))
				return
			}
			if n++; !yield(row, err) {
				return
			}
		}
	}, nil
}

// column finds the cells of a column by its name in CSV or its head in text.
func (l Listing[T]) column(name string) (func(T) any, error) {
	var names []string
	for _, c := range l.Columns {
		head := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(c.Head, Zoned("")), " ", "_"))
		switch {
		case c.CSV != "" && strings.EqualFold(c.CSV, name):
			return c.csvCell, nil
		case c.CSV == "" && c.Head != "" && strings.EqualFold(head, name):
			return c.Text, nil
		case c.CSV != "":
			names = append(names, c.CSV)
		}
	}
	return nil, &ask.Error{Message: fmt.Sprintf("--sort %q is no column", name), Hint: "one of: " + strings.Join(names, ", ")}
}

// compareCells compares numbers by their value and all else as text, whatever the
// case. What is not there comes last, either way round.
func compareCells(a, b any, down bool) int {
	x, y := plain(a), plain(b)
	switch {
	case x == nil || y == nil:
		return cmp.Compare(presence(x), presence(y))
	case down:
		x, y = y, x
	}
	m, isNumber := number(x)
	if n, both := number(y); isNumber && both {
		return cmp.Compare(m, n)
	}
	return strings.Compare(strings.ToLower(fmt.Sprint(x)), strings.ToLower(fmt.Sprint(y)))
}

func presence(v any) int {
	if v == nil {
		return 1
	}
	return 0
}

// plain follows pointers; nil for what is not there.
func plain(v any) any {
	if v == nil || v == "" {
		return nil
	}
	if value := reflect.ValueOf(v); value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		return plain(value.Elem().Interface())
	}
	return v
}

func number(v any) (float64, bool) {
	switch value := reflect.ValueOf(v); {
	case value.CanInt():
		return float64(value.Int()), true
	case value.CanUint():
		return float64(value.Uint()), true
	case value.CanFloat():
		return value.Float(), true
	}
	return 0, false
}
