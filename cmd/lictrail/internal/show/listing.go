package show

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/ask"
	"lictrail/cmd/lictrail/internal/out"
	"lictrail/cmd/lictrail/internal/page"
	"lictrail/snapshot"
)

// Printer prints answers to a place and in a format that the caller chooses.
type Printer struct {
	*out.Streams
	Book    *ask.Book // the history that the answers come from
	Format  string    // text, json, csv or xlsx
	Command string    // what was asked, such as "audit events"
	Aside   bool      // gaps go to stderr: the text is for programs

	Sort  string // the column to sort by, with - before it the other way round; "": as the rows come
	Limit int    // so many rows at most; 0: all
}

// Column is one column of a listing, in text, in CSV or in both.
type Column[T any] struct {
	out.Column
	CSV  string      // name in CSV; "" leaves it out
	Text func(T) any // nil leaves it out of the text
	Cell func(T) any // nil: the same as text
}

// skuColumn names a SKU: text by the product, or as it is asked for, CSV by the part
// number. [productColumn] goes with it.
func skuColumn[T any](b *ask.Book, value func(T) snapshot.SKUID) Column[T] {
	label, plain := ask.Remember(b.SKULabel), ask.Remember(b.PlainSKU)
	return Column[T]{Column: out.Column{Head: "SKU", Keep: true}, CSV: "part_number",
		Text: func(row T) any { return OrNil(label(value(row))) }, Cell: func(row T) any { return plain(value(row)) }}
}

func productColumn[T any](b *ask.Book, value func(T) snapshot.SKUID) Column[T] {
	product := ask.Remember(b.Product)
	return Column[T]{CSV: "product", Cell: func(row T) any { return product(value(row)) }}
}

// Listing is how a kind of rows is shown. It is for one goroutine.
type Listing[T any] struct {
	JSON    func(T) any
	Columns []Column[T]
	None    string // what to say on stderr when there is no row; "" where that needs no words
}

// Print shows the rows in the format asked for. JSON and CSV are streamed.
func (l Listing[T]) Print(p Printer, rows iter.Seq2[T, error]) error {
	rows, err := l.arrange(p, rows)
	if err != nil {
		return err
	}
	switch p.Format {
	case "json":
		return l.printJSON(p, rows)
	case "csv":
		return l.PrintCSV(p, rows)
	case FormatWorkbook:
		return l.printWorkbook(p, rows)
	}
	return l.printText(p, rows)
}

// PrintAgain is [Listing.Print] for rows that can be iterated over again, and are made
// each time. Text goes through them twice, so that it need not keep them to align them.
func (l Listing[T]) PrintAgain(p Printer, rows iter.Seq[T]) error {
	if p.Format != "text" || p.Sort != "" || p.Limit > 0 {
		return l.Print(p, sure(rows))
	}
	columns, cells := l.texts()
	table := out.NewTable(columns...)
	table.Again(func(yield func([]any) bool) {
		for row := range rows {
			if !yield(values(cells, row)) {
				return
			}
		}
	})
	return l.printTable(p, table)
}

// Paragraphs prints sentences below a table.
func (p Printer) Paragraphs(lines ...string) error {
	for i, line := range lines {
		if i == 0 {
			if err := p.Printf("\n"); err != nil {
				return err
			}
		}
		if err := p.Paragraph(line); err != nil {
			return err
		}
	}
	return nil
}

func (l Listing[T]) printJSON(p Printer, rows iter.Seq2[T, error]) error {
	doc := out.NewDocument(p.Out, Tenant(p.Book))
	doc.Gaps = Gaps(p.Book, p.Command)
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := doc.Item(l.JSON(row)); err != nil {
			return err
		}
	}
	return doc.Close()
}

func Tenant(b *ask.Book) out.Tenant {
	return out.Tenant{ID: string(b.History.Tenant.ID), Name: b.History.Tenant.Name}
}

func (l Listing[T]) PrintCSV(p Printer, rows iter.Seq2[T, error]) error {
	header, cells := l.cells()
	csv := out.NewCSV(p.Out, p.OutFile, p.OutTTY, header...)
	if err := fill(csv.Row, cells, rows); err != nil {
		return err
	}
	return csv.Close()
}

// FormatWorkbook is the format of spreadsheet programs. It has the columns of
// CSV, and their types.
const FormatWorkbook = "xlsx"

func (l Listing[T]) printWorkbook(p Printer, rows iter.Seq2[T, error]) error {
	header, cells := l.cells()
	book := out.NewWorkbook(p.Command, header...)
	defer book.Close()
	if err := fill(book.Row, cells, rows); err != nil {
		return err
	}
	return book.Finish(p.Out, GapSentences(p.Book.Gaps(p.Command))...)
}

// cells are the columns of CSV.
func (l Listing[T]) cells() (header []string, cells []func(T) any) {
	for _, c := range l.Columns {
		if c.CSV != "" {
			header, cells = append(header, c.CSV), append(cells, c.csvCell)
		}
	}
	return header, cells
}

// fill passes the cells of every row to a function.
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

func (c Column[T]) csvCell(row T) any {
	if c.Cell != nil {
		return c.Cell(row)
	}
	return c.Text(row)
}

func (l Listing[T]) printText(p Printer, rows iter.Seq2[T, error]) error {
	columns, cells := l.texts()
	table := out.NewTable(columns...)
	for row, err := range rows {
		if err != nil {
			return err
		}
		table.Row(values(cells, row)...)
	}
	return l.printTable(p, table)
}

// texts are the columns of text.
func (l Listing[T]) texts() (columns []out.Column, cells []func(T) any) {
	for _, c := range l.Columns {
		if c.Text != nil {
			columns, cells = append(columns, c.Column), append(cells, c.Text)
		}
	}
	return columns, cells
}

func values[T any](cells []func(T) any, row T) []any {
	values := make([]any, len(cells))
	for i, cell := range cells {
		values[i] = cell(row)
	}
	return values
}

func (l Listing[T]) printTable(p Printer, table *out.Table) error {
	if table.Len() == 0 {
		if l.None != "" && len(p.Book.Gaps(p.Command)) == 0 {
			p.Notef("%s", l.None)
		}
		return nil
	}
	return table.Print(p.Streams)
}

// Table is the rows as a table of a page: at most so many, the columns of the text.
func (l Listing[T]) Table(caption string, rows []T, most int) page.Table {
	t := page.Table{Caption: caption}
	var cells []func(T) any
	for _, c := range l.Columns {
		if c.Text != nil {
			t.Columns = append(t.Columns, page.Column{Head: c.Head[:1] + strings.ToLower(c.Head[1:]), Number: c.Right})
			cells = append(cells, c.Text)
		}
	}
	for i, row := range rows {
		if i == most {
			t.More = fmt.Sprintf("and %d more", len(rows)-most)
			break
		}
		values := make([]any, len(cells))
		for k, cell := range cells {
			values[k] = cell(row)
			if styled, ok := values[k].(out.Cell); ok {
				values[k] = styled.Value
			}
		}
		t.Rows = append(t.Rows, values)
	}
	return t
}

// Given iterates over rows that are in memory.
func Given[T any](rows []T) iter.Seq2[T, error] { return sure(slices.Values(rows)) }

func sure[T any](rows iter.Seq[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Each iterates over pointers to rows that are in memory.
func Each[T any](rows []T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i := range rows {
			if !yield(&rows[i], nil) {
				return
			}
		}
	}
}

// MapListing returns the listing of rows that contain rows of another listing.
func MapListing[T, U any](l Listing[T], value func(U) T) Listing[U] {
	mapped := Listing[U]{JSON: func(r U) any { return l.JSON(value(r)) }, None: l.None}
	for _, c := range l.Columns {
		m := Column[U]{Column: c.Column, CSV: c.CSV}
		if c.Text != nil {
			m.Text = func(r U) any { return c.Text(value(r)) }
		}
		if c.Cell != nil {
			m.Cell = func(r U) any { return c.Cell(value(r)) }
		}
		mapped.Columns = append(mapped.Columns, m)
	}
	return mapped
}
