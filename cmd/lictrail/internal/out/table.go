package out

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// gap stands between two columns.
const gap = "  "

// Column is a column of a table. Where a terminal is too narrow, columns with a
// Min are narrowed to it, those of the lowest Rank first. What must be read whole,
// such as a person and a SKU, gives way only when nothing else can, and is then
// broken into lines.
type Column struct {
	Head  string
	Min   int  // the narrowest that still says something; 0: never narrowed
	Rank  int  // columns of a higher rank keep their width longer
	Right bool // aligned to the right; numbers are without asking
	Wrap  bool // broken into lines, not cut
	Keep  bool // never cut
	Spare int  // left out where the terminal is too narrow for all, the highest first; 0: never
}

// A column that is broken into lines is no narrower than its longest part that should
// stay in one piece, up to so much.
const (
	keepMin  = 12
	pieceMax = 24
)

// Cell is a table cell that stands out.
type Cell struct {
	Value any
	Style Style
}

// Table collects rows and prints them aligned. Rows are kept as the bytes of their
// texts, so that a table takes little more memory than it has to print; see also
// [Table.Again].
type Table struct {
	cols   []Column
	all    []Column // those that rows were added with, of which cols are shown
	shown  []int    // where cols stand among them
	widest []int    // of all; the widest text of each
	text   []bool   // of all; those that held something else than numbers
	rows   packed
	again  iter.Seq[[]any] // the rows where they are not kept
	row    []Cell          // of the row at hand
}

// NewTable returns a table with the columns.
func NewTable(cols ...Column) *Table {
	t := &Table{cols: cols, all: cols, text: make([]bool, len(cols))}
	for i, col := range cols {
		t.shown, t.widest = append(t.shown, i), append(t.widest, width(col.Head))
	}
	return t
}

// Row adds a row: strings, numbers, Cells, or nil for what is not there. It
// panics when the number of cells is not that of the columns.
func (t *Table) Row(values ...any) {
	for _, cell := range t.cells(values) {
		t.rows.add(cell.Value.(string), cell.Style)
	}
	t.rows.end()
}

// Again makes a sequence the rows of the table, instead of [Table.Row]. They are not
// kept: the table goes through the sequence more than once, each time for the same rows.
func (t *Table) Again(rows iter.Seq[[]any]) {
	t.again = rows
	for range t.each() {
		t.rows.n++
	}
}

// cells are the texts of a row, for which the columns are widened. They are good until
// the next row.
func (t *Table) cells(values []any) []Cell {
	if len(values) != len(t.all) {
		panic(fmt.Sprintf("out: %d cells in a table of %d columns", len(values), len(t.all)))
	}
	t.row = t.row[:0]
	for i, value := range values {
		cell, ok := value.(Cell)
		if !ok {
			cell = Cell{Value: value}
		}
		if cell.Value == nil {
			cell.Value = "-"
		} else {
			t.text[i] = t.text[i] || !isNumber(cell.Value)
			cell.Value = cellText(cell.Value)
		}
		t.widest[i] = max(t.widest[i], width(cell.Value.(string)))
		t.row = append(t.row, cell)
	}
	return t.row
}

func cellText(value any) string {
	switch v := value.(type) { // what most cells are
	case string:
		return Safe(v)
	case int:
		return strconv.Itoa(v)
	}
	return fmt.Sprint(safeArg(value))
}

// Len returns the number of rows.
func (t *Table) Len() int { return t.rows.n }

// each lists the rows, of which only the shown columns. A row is good until the next.
func (t *Table) each() iter.Seq[[]Cell] {
	rows := t.rows.all(len(t.all))
	if t.again != nil {
		rows = func(yield func([]Cell) bool) {
			for values := range t.again {
				if !yield(t.cells(values)) {
					return
				}
			}
		}
	}
	return func(yield func([]Cell) bool) {
		row := make([]Cell, len(t.cols))
		for all := range rows {
			for i, from := range t.shown {
				row[i] = all[from]
			}
			if !yield(row) {
				return
			}
		}
	}
}

func isNumber(value any) bool {
	kind := reflect.TypeOf(value).Kind()
	return kind >= reflect.Int && kind <= reflect.Float64
}

// Print writes the table to stdout. On a terminal it fits the width; elsewhere
// nothing is cut or colored, and the columns are aligned all the same.
func (t *Table) Print(s *Streams) error {
	widths := t.natural()
	if s.OutTTY {
		widths = t.fitAll(widths, s)
	}
	head := make([]Cell, len(t.cols))
	for i, col := range t.cols {
		head[i] = Cell{Value: col.Head, Style: Bold}
	}
	if err := t.print(s, head, widths); err != nil {
		return err
	}
	for row := range t.each() {
		if err := t.print(s, row, widths); err != nil {
			return err
		}
	}
	return nil
}

// natural returns how wide each column would like to be.
func (t *Table) natural() []int {
	widths := make([]int, len(t.cols))
	for i, from := range t.shown {
		widths[i] = t.widest[from]
	}
	return widths
}

// fitAll narrows columns and, where that is not enough, leaves spare ones out and says
// so. A table without any stays too wide.
func (t *Table) fitAll(widths []int, s *Streams) []int {
	var out []string
	for {
		narrow := slices.Clone(widths)
		if t.fit(narrow, s.Width); sum(narrow)+len(gap)*(len(narrow)-1) <= s.Width {
			widths = narrow
			break
		}
		spare := -1
		for i, col := range t.cols {
			if col.Spare > 0 && (spare < 0 || col.Spare > t.cols[spare].Spare) {
				spare = i
			}
		}
		if spare < 0 {
			widths = narrow
			break
		}
		out = append(out, t.cols[spare].Head)
		t.leaveOut(spare)
		widths = slices.Delete(widths, spare, spare+1)
	}
	if len(out) > 0 {
		s.Notef("left out for want of room: %s; a wider terminal or --format csv shows all", strings.Join(out, ", "))
	}
	return widths
}

func (t *Table) leaveOut(i int) {
	t.cols = slices.Delete(slices.Clone(t.cols), i, i+1)
	t.shown = slices.Delete(t.shown, i, i+1)
}

func sum(widths []int) int {
	total := 0
	for _, w := range widths {
		total += w
	}
	return total
}

// fit narrows columns until the table has the width, or no column can give more.
func (t *Table) fit(widths []int, total int) {
	least := t.leastWidths()
	for over := sum(widths) + len(gap)*(len(widths)-1) - total; over > 0; over-- {
		i := t.giver(widths, least)
		if i < 0 {
			return
		}
		widths[i]--
	}
}

// giver returns the column to narrow next: of those that can, one of the lowest
// rank, the widest first, and those that are never cut last; -1 if there is none.
func (t *Table) giver(widths, least []int) int {
	best := -1
	for i, col := range t.cols {
		if least[i] <= 0 || widths[i] <= least[i] {
			continue
		}
		if best < 0 || compareGivers(col, t.cols[best], widths[i], widths[best]) < 0 {
			best = i
		}
	}
	return best
}

// leastWidths are the narrowest that the columns may become; 0: they stay as they are.
func (t *Table) leastWidths() []int {
	least := make([]int, len(t.cols))
	for i, col := range t.cols {
		least[i] = col.Min
		if col.Keep {
			least[i] = max(col.Min, keepMin)
		}
	}
	for row := range t.each() {
		for i, col := range t.cols {
			if !col.Keep && !col.Wrap || least[i] == 0 {
				continue
			}
			for _, word := range strings.Fields(row[i].Value.(string)) {
				least[i] = max(least[i], min(pieceMax, longestPiece(word)))
			}
		}
	}
	return least
}

// longestPiece is the width of the longest part of a word that stays in one piece.
func longestPiece(word string) int {
	longest := 0
	for word != "" {
		end := strings.IndexAny(word, breaks) + 1
		if end == 0 {
			end = len(word)
		}
		longest, word = max(longest, width(word[:end])), word[end:]
	}
	return longest
}

func compareGivers(a, b Column, widthA, widthB int) int {
	if a.Keep != b.Keep {
		if b.Keep {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(widthB, widthA))
}

// print writes one row, which takes several lines if a cell is wrapped.
func (t *Table) print(s *Streams, row []Cell, widths []int) error {
	wrapped, height := map[int][]string(nil), 1
	for i, cell := range row {
		text := cell.Value.(string)
		if col := t.cols[i]; s.OutTTY && (col.Wrap || col.Keep && width(text) > widths[i]) {
			if wrapped == nil {
				wrapped = map[int][]string{}
			}
			wrapped[i] = wrap(text, widths[i])
			height = max(height, len(wrapped[i]))
		}
	}
	for n := range height {
		var b strings.Builder
		for i, cell := range row {
			text := ""
			if lines, ok := wrapped[i]; !ok && n == 0 {
				text = cell.Value.(string)
			} else if n < len(lines) {
				text = lines[n]
			}
			if i > 0 {
				b.WriteString(gap)
			}
			b.WriteString(t.align(i, text, widths[i], cell.Style, s.Color))
		}
		if err := writeOwn(s.Out, strings.TrimRight(b.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// align cuts and pads the text; color goes on last, so that it takes no room.
func (t *Table) align(col int, text string, w int, style Style, color bool) string {
	if width(text) > w {
		text = shorten(text, w)
	}
	pad := strings.Repeat(" ", w-width(text))
	if t.cols[col].Right || !t.text[t.shown[col]] {
		return pad + paint(text, style, color)
	}
	return paint(text, style, color) + pad
}

// Pairs prints names and values below each other, the values aligned. Values
// that are nil are left out.
func Pairs(s *Streams, pairs ...any) error {
	var names []string
	var values []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != nil {
			names = append(names, fmt.Sprint(safeArg(pairs[i])))
			values = append(values, fmt.Sprint(safeArg(pairs[i+1])))
		}
	}
	if len(names) == 0 {
		return nil
	}
	w := width(slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(width(a), width(b)) }))
	for i, name := range names {
		pad := strings.Repeat(" ", w-width(name))
		if err := writeOwn(s.Out, paint(name, Bold, s.Color)+pad+gap+values[i]+"\n"); err != nil {
			return err
		}
	}
	return nil
}
