package cli

import (
	"iter"

	"lictrail/cmd/lictrail/internal/out"
)

// column is one column of a listing, in text, in CSV or in both.
type column[T any] struct {
	out.Column
	csv  string      // name in CSV; "" leaves it out
	text func(T) any // nil leaves it out of the text
	cell func(T) any // nil: the same as text
}

// listing is how a kind of rows is shown.
type listing[T any] struct {
	json    func(T) any
	columns []column[T]
	none    string // what to say on stderr when there is no row
}

// print shows the rows in the format asked for. JSON and CSV are streamed.
func (l listing[T]) print(e *env, n names, rows iter.Seq2[T, error]) error {
	switch e.format {
	case "json":
		return l.printJSON(e, n, rows)
	case "csv":
		return l.printCSV(e, rows)
	case formatWorkbook:
		return l.printWorkbook(e, n, rows)
	}
	return l.printText(e, n, rows)
}

func (l listing[T]) printJSON(e *env, n names, rows iter.Seq2[T, error]) error {
	doc := out.NewDocument(e.Out, n.tenant())
	doc.Gaps = n.gapsJSON(e.command)
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := doc.Item(l.json(row)); err != nil {
			return err
		}
	}
	return doc.Close()
}

func (n names) tenant() out.Tenant {
	return out.Tenant{ID: string(n.h.Tenant.ID), Name: n.h.Tenant.Name}
}

func (l listing[T]) printCSV(e *env, rows iter.Seq2[T, error]) error {
	header, cells := l.cells()
	csv := out.NewCSV(e.Out, true, e.OutTTY, header...)
	if err := fill(csv.Row, cells, rows); err != nil {
		return err
	}
	return csv.Close()
}

// formatWorkbook is the format of spreadsheet programs. It has the columns of
// CSV, and their types.
const formatWorkbook = "xlsx"

func (l listing[T]) printWorkbook(e *env, n names, rows iter.Seq2[T, error]) error {
	header, cells := l.cells()
	book := out.NewWorkbook(e.command, header...)
	defer book.Close()
	if err := fill(book.Row, cells, rows); err != nil {
		return err
	}
	return book.Finish(e.Out, gapSentences(n.gapsIn(e.command))...)
}

// cells are the columns of CSV.
func (l listing[T]) cells() (header []string, cells []func(T) any) {
	for _, c := range l.columns {
		if c.csv != "" {
			header, cells = append(header, c.csv), append(cells, c.csvCell)
		}
	}
	return header, cells
}

// fill hands the cells of every row on.
func fill[T any](add func(...any) error, cells []func(T) any, rows iter.Seq2[T, error]) error {
	values := make([]any, len(cells))
	for row, err := range rows {
		if err != nil {
			return err
		}
		for i, cell := range cells {
			values[i] = cell(row)
		}
		if err := add(values...); err != nil {
			return err
		}
	}
	return nil
}

func (c column[T]) csvCell(row T) any {
	if c.cell != nil {
		return c.cell(row)
	}
	return c.text(row)
}

func (l listing[T]) printText(e *env, n names, rows iter.Seq2[T, error]) error {
	var columns []out.Column
	var cells []func(T) any
	for _, c := range l.columns {
		if c.text != nil {
			columns = append(columns, c.Column)
			cells = append(cells, c.text)
		}
	}
	table := out.NewTable(columns...)
	for row, err := range rows {
		if err != nil {
			return err
		}
		values := make([]any, len(cells))
		for i, cell := range cells {
			values[i] = cell(row)
		}
		table.Row(values...)
	}
	if table.Len() == 0 {
		if len(n.gapsIn(e.command)) == 0 {
			e.Notef("%s", l.none)
		}
		return nil
	}
	return table.Print(e.Streams)
}

// given lists rows that are all there.
func given[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// each lists pointers to rows that are all there.
func each[T any](rows []T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i := range rows {
			if !yield(&rows[i], nil) {
				return
			}
		}
	}
}
