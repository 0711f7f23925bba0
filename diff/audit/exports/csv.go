package exports

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// rows reads a table line by line. A quoted cell may span several lines. If a quoted cell
// does not end, only its first line is refused, and the following lines are read again.
//
// The work is linear: the end of a cell is searched for only up to the next line with an
// odd number of quotes, so that no line is read more than twice.
type rows struct {
	in    *bufio.Reader
	sep   byte
	width int      // cells under the header; 0 while there is none
	line  int      // of the next line to take
	again [][]byte // lines to be taken once more
	more  [][]byte // the lines of the last row after its first
	work  int64    // bytes of the lines taken, each time
}

// row returns the next row that is not empty, and the line on which it begins.
// A row that cannot be one has a reason instead of cells. At the end of the
// table it returns io.EOF.
func (r *rows) row() (cells []string, line int, reason string, err error) {
	for {
		first, err := r.nextLine()
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

// blank has the characters that an empty line may have: white space, and those with which
// old programs pad and end a text.
const blank = " \t\r\n\v\f\x00\x1a"

// nextLine returns the next line, or the beginning of one that is too long.
func (r *rows) nextLine() ([]byte, error) {
	if len(r.again) > 0 {
		line := r.again[0]
		r.line, r.again, r.work = r.line+1, r.again[1:], r.work+int64(len(line))
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
			r.line, r.work = r.line+1, r.work+int64(len(line))
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
	r.more = nil
	for odd := isOdd(first); odd; {
		next, err := r.nextLine()
		if errors.Is(err, io.EOF) || len(all) > maxRecord {
			if err == nil {
				r.more = append(r.more, next)
			}
			return nil, r.spoilt(), nil
		}
		if err != nil {
			return nil, "", err
		}
		r.more = append(r.more, next)
		all = append(all, next...)
		odd = odd != isOdd(next)
	}
	cells, form := split(bytes.TrimRight(all, "\r\n"), r.sep, r.most())
	if form == open || len(r.more) > 0 && (form == loose || r.width > 0 && (len(cells) > r.width || r.hasRow())) {
		return nil, r.spoilt(), nil
	}
	return cells, "", nil
}

// spoilt returns why the last row is refused, and makes its lines after the first
// be read again.
func (r *rows) spoilt() string {
	r.unreadLines()
	return "a quoted cell does not end"
}

// manyCells is the number of cells from which on a line is taken for a row of its own, and
// not for a part of a quoted cell.
const manyCells = 8

// hasRow reports whether one of the lines inside a quoted cell is a row itself. The first
// quote of the cell is then a stray one.
func (r *rows) hasRow() bool {
	if r.width < manyCells {
		return false
	}
	for _, line := range r.more[:len(r.more)-1] {
		if cells, form := split(bytes.TrimRight(line, "\r\n"), r.sep, r.most()); form == proper && len(cells) == r.width {
			return true
		}
	}
	return false
}

// most is how many cells of a row are read: one more than there are columns is enough to
// refuse the row.
func (r *rows) most() int {
	if r.width == 0 {
		return 0
	}
	return r.width + 1
}

func isOdd(line []byte) bool { return bytes.Count(line, []byte{'"'})%2 == 1 }

// unreadLines makes the lines of the last row after its first be read again.
func (r *rows) unreadLines() {
	r.line -= len(r.more)
	r.again, r.more = append(r.more, r.again...), nil
}

// form is how well the quotes of a row are set.
type form int

const (
	proper form = iota
	loose       // there is text after a quoted cell's end, or a line ends outside of quotes
	open        // a quoted cell does not end
)

// split splits a row into its cells, so many at most, or all for 0. Two quotes
// inside a quoted cell are one.
func split(row []byte, sep byte, most int) (cells []string, worst form) {
	for {
		cell, rest, more, form := cut(row, sep)
		cells, worst = append(cells, cell), max(worst, form)
		if !more || len(cells) == most {
			return cells, worst
		}
		row = rest
	}
}

func cut(row []byte, sep byte) (cell string, rest []byte, more bool, f form) {
	trimmed := bytes.TrimLeft(row, " ")
	if len(trimmed) == 0 || trimmed[0] != '"' {
		plain, rest, more := bytes.Cut(row, []byte{sep})
		if bytes.IndexByte(plain, '\n') >= 0 {
			f = loose
		}
		return string(plain), rest, more, f
	}
	row = trimmed[1:]
	var quoted []byte
	for {
		i := bytes.IndexByte(row, '"')
		if i < 0 {
			return string(append(quoted, row...)), nil, false, open
		}
		quoted, row = append(quoted, row[:i]...), row[i+1:]
		if len(row) == 0 || row[0] != '"' {
			break
		}
		quoted, row = append(quoted, '"'), row[1:]
	}
	after, rest, more := bytes.Cut(row, []byte{sep})
	if len(bytes.Trim(after, blank)) > 0 {
		f = loose
	}
	return string(append(quoted, bytes.TrimRight(after, " ")...)), rest, more, f
}
