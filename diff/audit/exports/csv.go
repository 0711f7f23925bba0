package exports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxBroken bounds how often lines are read again because a quoted cell among
// them did not end.
const maxBroken = 1000

// rows reads a table line by line. A quoted cell may go over several lines. One
// that does not end costs its own line and no more.
type rows struct {
	in     *bufio.Reader
	sep    byte
	width  int      // cells under the header; 0 while there is none
	line   int      // of the next line to take
	again  [][]byte // lines to be taken once more
	broken int
}

// row returns the next row that is not empty, and the line on which it begins.
// A row that cannot be one has a reason instead of cells. At the end of the
// table it returns io.EOF.
func (r *rows) row() (cells []string, line int, reason string, err error) {
	for {
		first, err := r.take()
		if err != nil {
			return nil, 0, "", err
		}
		line = r.line - 1
		if len(bytes.Trim(first, blank)) == 0 {
			continue
		}
		if len(first) > maxRecord {
			return nil, line, errLong.Error(), nil
		}
		cells, reason, err = r.cells(first)
		return cells, line, reason, err
	}
}

// blank is what may stand in a line that says nothing: white space, and what old
// programs fill and end a text with.
const blank = " \t\r\n\v\f\x00\x1a"

// take returns the next line; of one that is too long the beginning.
func (r *rows) take() ([]byte, error) {
	if len(r.again) > 0 {
		line := r.again[0]
		r.line, r.again = r.line+1, r.again[1:]
		return line, nil
	}
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(line) <= maxRecord {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			r.line++
			return line, nil
		default:
			return nil, err
		}
	}
}

// cells splits a row that begins with a line. Quotes come in pairs: as long as
// they do not, the row goes on in the next line.
func (r *rows) cells(first []byte) (cells []string, reason string, err error) {
	all := first
	var more [][]byte
	for odd := isOdd(first); odd; {
		next, err := r.take()
		if errors.Is(err, io.EOF) || len(all) > maxRecord {
			return nil, "a quoted cell does not end", r.giveBack(more)
		}
		if err != nil {
			return nil, "", err
		}
		more = append(more, next)
		all = append(all[:len(all):len(all)], next...)
		odd = odd != isOdd(next)
	}
	cells = split(bytes.TrimRight(all, "\r\n"), r.sep, r.most())
	if r.width > 0 && len(cells) > r.width && len(more) > 0 {
		return nil, "a quoted cell does not end", r.giveBack(more)
	}
	return cells, "", nil
}

// most is how many cells of a row are worth reading: one more than there are
// columns shows that it is none.
func (r *rows) most() int {
	if r.width == 0 {
		return 0
	}
	return r.width + 1
}

func isOdd(line []byte) bool { return bytes.Count(line, []byte{'"'})%2 == 1 }

// giveBack lets lines be taken once more.
func (r *rows) giveBack(lines [][]byte) error {
	if r.broken++; r.broken > maxBroken {
		return fmt.Errorf("line %d: more than %d quoted cells do not end; the file is damaged", r.line, maxBroken)
	}
	r.again = append(lines[:len(lines):len(lines)], r.again...)
	r.line -= len(lines)
	return nil
}

// split splits a row into its cells, so many at most, or all for 0. Two quotes
// inside a quoted cell are one.
func split(row []byte, sep byte, most int) []string {
	var cells []string
	for {
		cell, rest, more := cut(row, sep)
		cells = append(cells, cell)
		if !more || len(cells) == most {
			return cells
		}
		row = rest
	}
}

func cut(row []byte, sep byte) (cell string, rest []byte, more bool) {
	trimmed := bytes.TrimLeft(row, " ")
	if len(trimmed) == 0 || trimmed[0] != '"' {
		plain, rest, more := bytes.Cut(row, []byte{sep})
		return string(plain), rest, more
	}
	row = trimmed[1:]
	var quoted []byte
	for {
		i := bytes.IndexByte(row, '"')
		if i < 0 {
			return string(append(quoted, row...)), nil, false
		}
		quoted, row = append(quoted, row[:i]...), row[i+1:]
		if len(row) == 0 || row[0] != '"' {
			break
		}
		quoted, row = append(quoted, '"'), row[1:]
	}
	after, rest, more := bytes.Cut(row, []byte{sep})
	return string(append(quoted, bytes.TrimRight(after, " ")...)), rest, more
}
