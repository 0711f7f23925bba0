package out

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// CSV writes rows as RFC 4180 has them, lines ended by CR LF. No cell that came
// from elsewhere is taken for a formula by a spreadsheet.
// encoding/csv does not serve: it cannot quote a cell with a semicolon or a tab,
// by which some spreadsheets begin a new cell, and so perhaps a formula; and with
// CR LF it drops a CR that is part of a cell.
type CSV struct {
	w       *bufio.Writer
	columns int
	safe    bool
	err     error
}

// NewCSV begins a table with the header row. For a file, mark puts a byte order mark
// first, without which Excel misreads UTF-8; in a pipe it would become part of the
// first column's name. On a terminal, with tty, cells are made safe to look at.
func NewCSV(w io.Writer, mark, tty bool, header ...string) *CSV {
	c := &CSV{w: bufio.NewWriter(w), columns: len(header), safe: tty}
	if mark && !tty {
		c.write("\ufeff")
	}
	cells := make([]any, len(header))
	for i, name := range header {
		cells[i] = name
	}
	c.err = errors.Join(c.err, c.Row(cells...))
	return c
}

// Row adds a row: strings, numbers, booleans, times, pointers to these, and nil
// for what is not there. After an error every further call returns that error.
func (c *CSV) Row(cells ...any) error {
	if c.err == nil && len(cells) != c.columns {
		c.err = fmt.Errorf("%d cells in a table of %d columns", len(cells), c.columns)
	}
	for i, cell := range cells {
		if i > 0 {
			c.write(",")
		}
		text := c.text(cell)
		if text == "" && len(cells) == 1 {
			text = `""` // a reader might take the row for a blank line
		}
		c.write(text)
	}
	c.write("\r\n")
	return c.err
}

// Close writes what is left. It does not close the writer below.
func (c *CSV) Close() error {
	if c.err == nil {
		c.err = c.w.Flush()
	}
	return c.err
}

func (c *CSV) write(text string) {
	if c.err == nil {
		_, c.err = c.w.WriteString(text)
	}
}

// text returns the cell as it is to be written. Only text that may be foreign is
// guarded and quoted: a negative number is no formula.
func (c *CSV) text(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return c.guarded(v)
	case *string:
		if v == nil {
			return ""
		}
		return c.guarded(*v)
	case int:
		return strconv.Itoa(v)
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case *time.Time:
		if v == nil {
			return ""
		}
		return c.text(*v)
	case fmt.Stringer:
		if isNil(v) {
			return ""
		}
		return c.guarded(v.String())
	}
	v := reflect.ValueOf(cell)
	switch kind := v.Kind(); {
	case kind == reflect.String:
		return c.guarded(v.String())
	case kind == reflect.Pointer && v.IsNil():
		return ""
	case kind == reflect.Pointer:
		return c.text(v.Elem().Interface())
	case kind >= reflect.Bool && kind <= reflect.Float64:
		return fmt.Sprint(cell)
	}
	if c.err == nil {
		c.err = fmt.Errorf("a %T does not go into a CSV cell", cell)
	}
	return ""
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// plain reports whether a cell is such that nobody could take it for anything
// else: letters, digits and the marks of addresses, ids and times.
func plain(s string) bool {
	for i := range len(s) {
		if !plainBytes[s[i]] {
			return false
		}
	}
	return s == "" || !strings.ContainsRune(marks, rune(s[0]))
}

const marks = "-.:_@"

var plainBytes = func() (plain [256]bool) {
	for _, b := range []byte(marks + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		plain[b] = true
	}
	return plain
}()

func (c *CSV) guarded(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	if c.safe {
		s = Safe(s)
	} else {
		s = strings.ReplaceAll(s, "\x00", `\x00`)
	}
	if formula(s) {
		s = "'" + s
	}
	return quote(s)
}

// formula reports whether a spreadsheet might take the cell for a formula. The
// characters are those that OWASP lists under "CSV Injection", full-width ones
// included; spaces before them are skipped as some programs do. Apostrophes are
// skipped as well, so that one can be distinguished from the one that guards.
func formula(cell string) bool {
	cell = strings.TrimLeft(cell, "'")
	if cell == "" {
		return false
	}
	if strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return true
	}
	cell = strings.TrimSpace(strings.TrimLeft(cell, "' \u200b\ufeff"))
	for _, first := range cell {
		return strings.ContainsRune("=+-@＝＋－＠", first)
	}
	return false
}

// quote puts the cell in quotes where RFC 4180 asks for it, and where a reader
// might trim it.
func quote(cell string) string {
	if strings.ContainsAny(cell, ",;\"\r\n\t") || strings.TrimSpace(cell) != cell {
		return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
	}
	return cell
}
