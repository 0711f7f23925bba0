package out

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Decimal is a number as text, such as an amount of money: digits and a point.
type Decimal string

// Workbook writes one table as a workbook for a spreadsheet program: a sheet
// with filters, a header that stays in sight, and cells that are numbers, dates
// or truth values where they are. Texts are texts: none is taken for a formula.
type Workbook struct {
	file    *excelize.File
	stream  *excelize.StreamWriter
	sheet   string
	header  []string
	early   [][]any // rows from which the widths of columns are guessed
	started bool
	styles  struct{ head, time int }
	rows    int
	err     error
}

const (
	earlyRows = 200
	// maxSheetRows is how many rows a sheet can have, the header included.
	maxSheetRows = excelize.TotalRows
	maxCellText  = excelize.TotalCellChars
)

// NewWorkbook begins a workbook with the name of its sheet and the header row.
func NewWorkbook(sheet string, header ...string) *Workbook {
	b := &Workbook{file: excelize.NewFile(), sheet: sheet, header: header}
	b.err = b.begin()
	return b
}

func (b *Workbook) begin() error {
	if err := b.file.SetSheetName(b.file.GetSheetName(0), b.sheet); err != nil {
		return err
	}
	moment := "yyyy-mm-dd hh:mm:ss"
	var errs [3]error
	b.styles.head, errs[0] = b.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	b.styles.time, errs[1] = b.file.NewStyle(&excelize.Style{CustomNumFmt: &moment})
	b.stream, errs[2] = b.file.NewStreamWriter(b.sheet)
	return errors.Join(errs[:]...)
}

// Row adds a row of the same cells that [CSV.Row] takes. A pointer to a text in
// the form of RFC 3339 is a time, in UTC.
func (b *Workbook) Row(cells ...any) error {
	switch {
	case b.err != nil:
		return b.err
	case len(cells) != len(b.header):
		b.err = fmt.Errorf("%d cells in a table of %d columns", len(cells), len(b.header))
		return b.err
	case b.rows+1 >= maxSheetRows:
		b.err = &Error{Code: 1, Message: fmt.Sprintf("more than %d rows do not go on a sheet", maxSheetRows), Hint: "--format csv"}
		return b.err
	}
	values := make([]any, len(cells))
	for i, c := range cells {
		values[i] = b.cell(c)
	}
	b.rows++
	if b.started {
		return b.write(values)
	}
	if b.early = append(b.early, values); len(b.early) == earlyRows {
		return b.start()
	}
	return nil
}

// cell types a value. Texts are made safe to look at, and cut where a cell can
// hold no more.
func (b *Workbook) cell(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return excelize.Cell{StyleID: b.styles.time, Value: v.UTC()}
	case *string:
		if v == nil {
			return nil
		}
		if t, err := time.Parse(time.RFC3339, *v); err == nil {
			return b.cell(t)
		}
		return text(*v)
	case Decimal:
		if f, err := strconv.ParseFloat(string(v), 64); err == nil {
			return f
		}
		return text(string(v))
	case fmt.Stringer:
		if isNil(v) {
			return nil
		}
		return text(v.String())
	}
	r := reflect.ValueOf(v)
	switch kind := r.Kind(); {
	case kind == reflect.Pointer && r.IsNil():
		return nil
	case kind == reflect.Pointer:
		return b.cell(r.Elem().Interface())
	case kind == reflect.String:
		return text(r.String())
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		return r.Uint()
	case r.CanFloat():
		return r.Float()
	case kind == reflect.Bool:
		return r.Bool()
	}
	if b.err == nil {
		b.err = fmt.Errorf("a %T does not go into a cell", v)
	}
	return nil
}

// text keeps an empty text an empty cell.
func text(s string) any {
	if s == "" {
		return nil
	}
	runes := []rune(Safe(s))
	if len(runes) > maxCellText {
		runes = append(runes[:maxCellText-1], '…')
	}
	return string(runes)
}

// start writes the header and what came before the widths were known.
func (b *Workbook) start() error {
	b.started = true
	for i, name := range b.header {
		w := width(name) + 3 // room for the button of the filter
		for _, row := range b.early {
			w = max(w, width(fmt.Sprint(shown(row[i]))))
		}
		if err := b.stream.SetColWidth(i+1, i+1, float64(min(w+1, 60))); err != nil {
			return b.fail(err)
		}
	}
	err := b.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	head := make([]any, len(b.header))
	for i, name := range b.header {
		head[i] = excelize.Cell{StyleID: b.styles.head, Value: name}
	}
	if err := errors.Join(err, b.stream.SetRow("A1", head)); err != nil {
		return b.fail(err)
	}
	rows := b.early
	b.early = nil
	b.rows = 0
	for _, row := range rows {
		b.rows++
		if err := b.write(row); err != nil {
			return err
		}
	}
	return nil
}

// shown is about what a cell looks like.
func shown(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case excelize.Cell:
		return time.DateTime
	default:
		return v
	}
}

func (b *Workbook) write(values []any) error {
	at, err := excelize.CoordinatesToCellName(1, b.rows+1)
	if err == nil {
		err = b.stream.SetRow(at, values)
	}
	return b.fail(err)
}

func (b *Workbook) fail(err error) error {
	if err != nil {
		b.err = fmt.Errorf("write the workbook: %w", err)
	}
	return b.err
}

// Close releases the memory and the temporary files of the workbook.
func (b *Workbook) Close() error { return b.file.Close() }

// Finish writes the workbook. What is not known goes onto a sheet of its own.
func (b *Workbook) Finish(w io.Writer, notKnown ...string) error {
	if b.err == nil && !b.started {
		b.err = b.start()
	}
	if b.err == nil && b.rows > 0 {
		b.err = b.filters()
	}
	if b.err != nil {
		return b.err
	}
	if err := b.stream.Flush(); err != nil {
		return b.fail(err)
	}
	if err := b.note(notKnown); err != nil {
		return b.fail(err)
	}
	return b.fail(b.file.Write(w))
}

// note writes sentences onto a second sheet, if there are any.
func (b *Workbook) note(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	const sheet = "not known"
	if _, err := b.file.NewSheet(sheet); err != nil {
		return err
	}
	for i, line := range lines {
		if err := b.file.SetCellStr(sheet, fmt.Sprintf("A%d", i+1), fmt.Sprint(text(line))); err != nil {
			return err
		}
	}
	return b.file.SetColWidth(sheet, "A", "A", 100)
}

// filters makes a table of the rows, which has a filter on every column.
func (b *Workbook) filters() error {
	last, err := excelize.CoordinatesToCellName(len(b.header), b.rows+1)
	if err != nil {
		return err
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, b.sheet)
	return b.stream.AddTable(&excelize.Table{Range: "A1:" + last, Name: "lictrail_" + name, StyleName: "TableStyleLight1"})
}
